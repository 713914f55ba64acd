/* SPDX-License-Identifier: BSD-3-Clause */
/* tg status: the workers and jobs of a cluster. */
#include <stdio.h>
#include <string.h>

#include "worker/cli/cluster.h"

enum { CLUSTER, JSON };

extern const tg_command tg_command_status;

static int
run(const tg_command_args *args)
{
    char where[TG_CLUSTER_PATH_MAX + 1], *text = NULL;
    tg_cluster_where(args->options[CLUSTER], where);
    int code = tg_cluster_ask(&tg_command_status, where, "status", &text);
    if (code == TG_EXIT_OK && args->options[JSON] != NULL) {
        (void)fputs(text, stdout);
    } else if (code == TG_EXIT_OK) {
        tg_cluster_print_status((tg_json_piece){ text, strlen(text) }, (tg_json_piece){ 0 }, "\n");
    }
    tg_text_free(text);
    return code;
}

const tg_command tg_command_status = {
    .name = "status",
    .synopsis = "",
    .summary = "Show the workers and jobs of a cluster",
    .details = "GIVEN are tasks that a worker was given and has not ended, TILES results that it "
               "holds,\nAGAIN tasks that had to run again, DEATHS workers that died with a task.",
    .options = { [CLUSTER] = TG_CLUSTER_OPTION, [JSON] = { "--json", NULL, "print it as JSON" } },
    .run = run,
};
