/* SPDX-License-Identifier: BSD-3-Clause */
/* tgworker: a worker of a cluster as a program. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/mem/shared.h"
#include "scheduler/net/endpoint.h"
#include "tilegraph/children.h"
#include "tilegraph/plan.h"
#include "worker/child/plugin.h"
#include "worker/cli/command.h"
#include "worker/cli/daemon.h"
#include "worker/cli/lifeline.h"
#include "worker/cli/python_check.h"
#include "worker/net/worker.h"

enum {
    CLUSTER,
    NTHREADS,
    MEMORY_LIMIT,
    LOCAL_DIRECTORY,
    SPILL_LIMIT,
    NAME,
    LISTEN,
    ROOT,
    ALLOW_PYTHON,
    FUNCTION_TIMEOUT,
    PLUGIN,
    LIFETIME,
    DEATH_TIMEOUT,
    ALIVE_FD,
    QUIET
};

/* Libraries of one --plugin; how long tasks that run have to end when the worker leaves. */
enum { PLUGINS_MAX = 64, END_SECONDS = 5 };

static int run(const tg_command_args *args);

static const tg_command command = {
    .name = "tgworker",
    .synopsis = "",
    .summary = "runs a worker of a cluster, until it is dismissed",
    .details =
        "SIGTERM: it takes nothing new, hands on what it has, and leaves. SIGINT, or SIGTERM\n"
        "once more: it leaves at once, and what only it has is made again elsewhere. Python\n"
        "functions that run are killed then, other tasks have 5 s to end.",
    .options = { [CLUSTER] = { "--cluster", "FILE",
                               "the scheduler's join file, or its address; -: the file comes in "
                               "by standard input; default: ~/.local/share/tg/default/join" },
                 [NTHREADS] = { "--nthreads", "N", "threads; default: one for each core" },
                 [MEMORY_LIMIT] = { "--memory-limit", "BYTES",
                                    "\"8GiB\"; auto, the default: half of what may really be "
                                    "used" },
                 [LOCAL_DIRECTORY] = { "--local-directory", "FOLDER",
                                       "for tiles that do not fit into memory; default: /tmp" },
                 [SPILL_LIMIT] = { "--spill-limit", "BYTES",
                                   "at most so much there; 0: nothing; default: most of it" },
                 [NAME] = { "--name", "NAME", "for people; default: host and process" },
                 [LISTEN] = { "--listen", "ADDRESS", "where others fetch tiles" },
                 [ROOT] = { "--root", "FOLDER", "jobs may read and write below it only" },
                 [ALLOW_PYTHON] = { "--allow-python", "PYTHON",
                                    "jobs may run Python functions, in processes of this "
                                    "interpreter: whoever may send jobs runs code as this user" },
                 [FUNCTION_TIMEOUT] = { "--function-timeout", "SECONDS",
                                        "a Python function that takes longer is killed" },
                 [PLUGIN] = { "--plugin", "PATH:SHA256,...",
                              "libraries whose C functions jobs may call" },
                 [LIFETIME] = { "--lifetime", "SECONDS", "then it leaves, as after SIGTERM" },
                 [DEATH_TIMEOUT] = { "--death-timeout", "SECONDS",
                                     "it ends when there is no scheduler for so long; default: "
                                     "60" },
                 [ALIVE_FD] = { "--alive-fd", "N", "leave when the other end of this pipe closes" },
                 [QUIET] = { "--quiet", NULL, "say nothing but errors" } },
    .run = run
};

static int
read_options(const tg_command_args *args, tg_session_options *session, tg_worker_options *options)
{
    tg_error err;
    int64_t threads = 0;
    int code = TG_EXIT_OK;
    const char *text = args->options[NTHREADS];
    if (text != NULL && !tg_command_read_int(text, 1, 1024, &threads)) {
        return tg_command_usage(&command, "--nthreads must be 1 to 1024, got %s", text);
    }
    session->threads = (int)threads;
    text = args->options[MEMORY_LIMIT];
    if (text != NULL && strcmp(text, "auto") != 0 &&
        tg_parse_bytes(text, &session->memory_limit, &err) != TG_OK) {
        return tg_command_usage(&command, "--memory-limit: %s", err.message);
    }
    text = args->options[SPILL_LIMIT];
    if (text != NULL && tg_parse_bytes(text, &options->spill_bytes, &err) != TG_OK) {
        return tg_command_usage(&command, "--spill-limit: %s", err.message);
    }
    options->directory =
        args->options[LOCAL_DIRECTORY] != NULL ? args->options[LOCAL_DIRECTORY] : "/tmp";
    if (text != NULL && options->spill_bytes == 0) {
        options->directory = NULL;
    }
    code = tg_daemon_read_seconds(&command, args, LIFETIME, &options->lifetime_ns);
    if (code == TG_EXIT_OK) {
        code = tg_daemon_read_seconds(&command, args, DEATH_TIMEOUT, &options->death_timeout_ns);
    }
    if (code == TG_EXIT_OK) {
        code = tg_daemon_read_fd(&command, args, ALIVE_FD, &options->alive_fd);
    }
    return code;
}

/* Where the scheduler is: the join file that is meant, or an address that we may connect to. */
static tg_status
find_cluster(const char *given, char *where, tg_lifeline *lifeline, tg_error *err)
{
    tg_status status = TG_OK;
    tg_endpoint endpoint;
    char folder[TG_NET_PATH_MAX + 1];
    if (given == NULL) {
        TG_TRY(tg_cluster_folder("default", folder, sizeof folder - 8, err));
        int length = snprintf(where, TG_NET_PATH_MAX + 1, "%s/join", folder);
        TG_CHECK(length > 0 && length <= TG_NET_PATH_MAX, err, TG_ERR_LIMIT,
                 "the path of the join file is too long");
    } else if (strcmp(given, "-") == 0) {
        TG_TRY(tg_lifeline_open(lifeline, err));
        (void)snprintf(where, TG_NET_PATH_MAX + 1, "%s", lifeline->path);
    } else {
        TG_CHECK(strlen(given) <= TG_NET_PATH_MAX, err, TG_ERR_VALUE,
                 "the path of the join file is too long");
        (void)snprintf(where, TG_NET_PATH_MAX + 1, "%s", given);
        if (strstr(given, "://") != NULL) {
            TG_TRY(tg_endpoint_parse(given, &endpoint, err));
            status = tg_endpoint_check(&endpoint, false, &(tg_net_security){ 0 }, err);
        }
    }
out:
    return status;
}

/* What to do beside what the message says. */
static int
fail(const char *where, const tg_error *err)
{
    int code = tg_command_failure(&command, err);
    bool there = strstr(where, "://") != NULL || access(where, F_OK) == 0;
    if (err->code == TG_ERR_NOT_FOUND && !there) {
        (void)fprintf(stderr, "tgscheduler writes this file when it starts. Start one, or say "
                              "where the file is: --cluster FILE\n");
    } else if (err->code == TG_ERR_IO && there) {
        (void)fprintf(stderr, "`tg doctor --cluster %s` looks for the cause.\n", where);
    }
    return code;
}

static tg_status
open_session(tg_session_options *wanted, const char *root, tg_shared **shared, tg_session **out,
             tg_error *err)
{
    tg_status status = TG_OK;
    TG_TRY(tg__session_open_shared(wanted, shared, out, err));
    if (root != NULL) {
        status = tg_session_set_plan_root(*out, root, err);
    }
out:
    return status;
}

/* "path:hash,path:hash": the text is cut into its parts. */
static size_t
split_plugins(char *text, tg_plan_library *libraries, size_t max)
{
    size_t count = 0;
    for (char *at = text; at != NULL && count < max; count++) {
        char *comma = strchr(at, ',');
        if (comma != NULL) {
            *comma++ = 0;
        }
        char *colon = strrchr(at, ':');
        if (colon != NULL) {
            *colon++ = 0;
        }
        libraries[count] = (tg_plan_library){ at, colon != NULL ? colon : "" };
        at = comma;
    }
    return count;
}

static tg_status
check_python(const char *interpreter, tg_error *err)
{
    tg_status status = tg_python_check(interpreter, err);
    if (status != TG_OK) {
        tg__error_prefix(err, "--allow-python");
    }
    return status;
}

/* They may be other files later, which is found when a job wants them. */
static tg_status
check_plugins(const tg_plan_library *libraries, size_t count, tg_error *err)
{
    tg_status status = TG_OK;
    for (size_t i = 0; i < count && status == TG_OK; i++) {
        status = tg__library_check(&libraries[i], err);
    }
    if (status != TG_OK) {
        tg__error_prefix(err, "--plugin");
    }
    return status;
}

/* What functions of users' may run here. */
static tg_status
allow_functions(const tg_command_args *args, int64_t timeout_ns, tg_session *session,
                tg_children **children, tg_error *err)
{
    tg_status status = TG_OK;
    char plugins[8192] = "";
    tg_plan_library libraries[PLUGINS_MAX];
    tg_plan_functions functions = { .struct_size = sizeof functions };
    if (args->options[ALLOW_PYTHON] != NULL) {
        tg_children_options options = { .struct_size = sizeof options,
                                        .interpreter = args->options[ALLOW_PYTHON],
                                        .timeout_ns = timeout_ns };
        if (args->options[ALIVE_FD] == NULL) { /* else its own interpreter started this worker */
            TG_TRY(check_python(args->options[ALLOW_PYTHON], err));
        }
        TG_TRY(tg_children_open(&options, children, err));
        functions.children = *children;
    }
    if (args->options[PLUGIN] != NULL) {
        TG_CHECK(strlen(args->options[PLUGIN]) < sizeof plugins, err, TG_ERR_VALUE,
                 "--plugin: the list is too long");
        memcpy(plugins, args->options[PLUGIN], strlen(args->options[PLUGIN]) + 1);
        functions.libraries = libraries;
        functions.library_count = split_plugins(plugins, libraries, PLUGINS_MAX);
        TG_TRY(check_plugins(libraries, functions.library_count, err));
    }
    status = tg_session_set_plan_functions(session, &functions, err);
out:
    return status;
}

static volatile sig_atomic_t exit_code;

static void
end_at_once(int number)
{
    static const char text[] = "tgworker: a task does not end: left without waiting for it\n";
    (void)number;
    ssize_t written = write(STDERR_FILENO, text, sizeof text - 1);
    (void)written;
    _exit(exit_code);
}

/* Python functions are killed; a function out of a --plugin can run for ever. */
static void
limit_end(int code)
{
    struct sigaction action = { .sa_handler = end_at_once };
    exit_code = code;
    (void)sigaction(SIGALRM, &action, NULL);
    (void)alarm(END_SECONDS);
}

static int
run(const tg_command_args *args)
{
    tg_error err;
    int64_t timeout_ns = 0;
    tg_children *children = NULL;
    tg_session *session = NULL;
    tg_shared *shared = NULL;
    tg_worker *worker = NULL;
    tg_lifeline lifeline = { 0 };
    char where[TG_NET_PATH_MAX + 1] = "";
    tg_session_options wanted = { .struct_size = sizeof wanted };
    tg_worker_options options = { .cluster = where,
                                  .listen = args->options[LISTEN],
                                  .name = args->options[NAME],
                                  .alive_fd = -1,
                                  .signals = true,
                                  .log = args->options[QUIET] == NULL ? tg_daemon_log : NULL };
    (void)signal(SIGPIPE, SIG_IGN); /* a log that nobody reads any more is no reason to end */
    int code = read_options(args, &wanted, &options);
    if (code == TG_EXIT_OK) {
        code = tg_daemon_read_seconds(&command, args, FUNCTION_TIMEOUT, &timeout_ns);
    }
    if (code != TG_EXIT_OK) {
        return code;
    }
    tg_status status = find_cluster(args->options[CLUSTER], where, &lifeline, &err);
    if (status == TG_OK) {
        status = open_session(&wanted, args->options[ROOT], &shared, &session, &err);
    }
    if (status == TG_OK) {
        status = allow_functions(args, timeout_ns, session, &children, &err);
    }
    if (status == TG_OK) {
        options.session = session;
        options.shared = shared;
        status = tg_worker_create(&options, &worker, &err);
    }
    tg_lifeline_close(&lifeline);
    if (status == TG_OK) {
        status = tg_worker_run(worker, &err);
    }
    code = status == TG_OK ? TG_EXIT_OK : fail(where, &err);
    limit_end(code);
    tg_worker_destroy(worker);
    tg_session_close(session);
    tg_children_close(children);
    tg_shared_destroy(shared);
    return code;
}

int
main(int argc, char **argv)
{
    return tg_daemon_main(&command, argc, argv);
}
