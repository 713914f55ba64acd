/* SPDX-License-Identifier: BSD-3-Clause */
/* tg dump: all that a scheduler knows, for a post-mortem. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "worker/cli/cluster.h"

enum { CLUSTER, OUTPUT };

extern const tg_command tg_command_dump;

static int
write_file(const char *path, const char *text)
{
    tg_error err = { .code = TG_ERR_IO };
    FILE *file = fopen(path, "wx");
    bool good = file != NULL && fputs(text, file) >= 0;
    good = file != NULL && fclose(file) == 0 && good;
    if (!good) {
        (void)snprintf(err.message, sizeof err.message, "%s cannot be written: %s%s", path,
                       strerror(errno),
                       file == NULL && errno == EEXIST ? ": remove it, or give another name" : "");
    }
    return good ? TG_EXIT_OK : tg_command_failure(&tg_command_dump, &err);
}

static int
run(const tg_command_args *args)
{
    char where[TG_CLUSTER_PATH_MAX + 1], *text = NULL;
    tg_cluster_where(args->options[CLUSTER], where);
    int code = tg_cluster_ask(&tg_command_dump, where, "dump", &text);
    if (code == TG_EXIT_OK && args->options[OUTPUT] != NULL) {
        code = write_file(args->options[OUTPUT], text);
    } else if (code == TG_EXIT_OK) {
        (void)fputs(text, stdout);
    }
    tg_text_free(text);
    return code;
}

const tg_command tg_command_dump = {
    .name = "dump",
    .synopsis = "",
    .summary = "Print all that a scheduler knows as JSON: what to send with a report of a fault",
    .details = "It holds the names and addresses of workers and clients, no keys and no data.",
    .options = { [CLUSTER] = TG_CLUSTER_OPTION,
                 [OUTPUT] = { "-o", "FILE", "write it there; an existing file is left alone" } },
    .run = run,
};
