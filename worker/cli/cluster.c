/* SPDX-License-Identifier: BSD-3-Clause */
/* Finding and asking a scheduler: see cluster.h. */
#include "worker/cli/cluster.h"

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

void
tg_cluster_where(const char *given, char out[TG_CLUSTER_PATH_MAX + 1])
{
    const char *home = getenv("HOME"); /* tidy: allow banned-call: the folder that shells call ~ */
    const struct passwd *user = home == NULL || home[0] == '\0' ? getpwuid(geteuid()) : NULL;
    home = user != NULL ? user->pw_dir : home;
    if (given != NULL) {
        (void)snprintf(out, TG_CLUSTER_PATH_MAX + 1, "%s", given);
    } else {
        (void)snprintf(out, TG_CLUSTER_PATH_MAX + 1, "%s/.local/share/tg/default/join",
                       home != NULL ? home : "");
    }
}

tg_status
tg_cluster_open(const char *where, tg_session **out, tg_error *err)
{
    tg_session_options options = { .struct_size = sizeof options, .threads = 1 };
    tg_connect_options asking = { .struct_size = sizeof asking, .ask_only = true };
    tg_status status = tg_session_open(&options, out, err);
    if (status == TG_OK) {
        status = tg_session_connect(*out, where, &asking, err);
    }
    if (status != TG_OK) {
        tg_session_close(*out);
        *out = NULL;
    }
    return status;
}

int
tg_cluster_failure(const tg_command *command, const char *where, const tg_error *err)
{
    int code = tg_command_failure(command, err);
    if (err->code == TG_ERR_NOT_FOUND) {
        (void)fprintf(stderr,
                      "tgscheduler writes this file when it starts. Start one, or say where the "
                      "file is: --cluster FILE\n");
    } else if (strcmp(command->name, "doctor") != 0) {
        (void)fprintf(stderr, "`tg doctor --cluster %s` looks for the cause.\n", where);
    }
    return code;
}

int
tg_cluster_ask(const tg_command *command, const char *where, const char *what, char **text)
{
    tg_error err = { 0 };
    tg_session *session = NULL;
    *text = NULL;
    tg_status status = tg_cluster_open(where, &session, &err);
    if (status == TG_OK) {
        status = tg_session_ask(session, what, text, &err);
    }
    tg_session_close(session);
    return status == TG_OK ? TG_EXIT_OK : tg_cluster_failure(command, where, &err);
}

static int64_t
read_clock(clockid_t which)
{
    struct timespec now = { 0 };
    (void)clock_gettime(which, &now); /* tidy: allow banned-call: the tool's own clock */
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int64_t
tg_cluster_unix_ns(void)
{
    return read_clock(CLOCK_REALTIME);
}

int64_t
tg_cluster_clock_ns(void)
{
    return read_clock(CLOCK_MONOTONIC);
}
