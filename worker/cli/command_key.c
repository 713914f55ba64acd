/* SPDX-License-Identifier: BSD-3-Clause */
/* tg key: a key of his own for somebody whom a scheduler is to let in. */
#include <stdio.h>
#include <string.h>

#include "worker/cli/cluster.h"

enum { ROLE, CLUSTER, OUTPUT };

extern const tg_command tg_command_key;

static int
run(const tg_command_args *args)
{
    tg_error err = { 0 };
    char where[TG_CLUSTER_PATH_MAX + 1], path[TG_CLUSTER_PATH_MAX + 1];
    const char *name = args->words[0], *role = args->options[ROLE];
    tg_key_options wanted = { .struct_size = sizeof wanted,
                              .name = name,
                              .roles = role != NULL ? role : "client",
                              .path = args->options[OUTPUT] };
    if (wanted.path == NULL) {
        (void)snprintf(path, sizeof path, "%s.join", name);
        wanted.path = path;
    }
    tg_cluster_where(args->options[CLUSTER], where);
    if (tg_cluster_key_create(where, &wanted, &err) != TG_OK) {
        return tg_command_failure(&tg_command_key, &err);
    }
    (void)printf("%s: a join file for %s alone, with the role %s\n"
                 "%.*sallowed/%s.pub: start the scheduler again, which reads it then; to shut %s "
                 "out, remove it\n",
                 wanted.path, name, wanted.roles,
                 strrchr(where, '/') != NULL ? (int)(strrchr(where, '/') - where) + 1 : 0, where,
                 name, name);
    return TG_EXIT_OK;
}

const tg_command tg_command_key = {
    .name = "key",
    .synopsis = "NAME",
    .summary = "Make a join file for somebody with a key of his own",
    .details =
        "On the scheduler's host:\n"
        "\n"
        "    tg key alice --role client,worker -o alice.join\n"
        "\n"
        "Its secret part is in the join file, for alice alone, the public one in the folder\n"
        "allowed beside the scheduler's own join file. A viewer may look (tg status), a\n"
        "client compute, a worker join with tgworker.",
    .words_min = 1,
    .words_max = 1,
    .options = { [ROLE] = { "--role", "ROLE,...", "viewer, client or worker; default: client" },
                 [CLUSTER] = { "--cluster", "FILE",
                               "the scheduler's own join file; default: "
                               "~/.local/share/tg/default/join" },
                 [OUTPUT] = { "-o", "FILE", "the new join file; default: NAME.join" } },
    .run = run,
};
