/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_CLI_CLUSTER_H
#define TG_CLI_CLUSTER_H
/*
 * What: what the commands of `tg` have in common that talk to a scheduler: which one is meant,
 * asking it, and its status as a page of text.
 *
 * Ownership: the caller's memory; a text is freed with tg_text_free.
 * Threads: the main one. Errors: exit codes of command.h, after a word on stderr.
 */
#include "tilegraph/cluster.h"
#include "worker/cli/command.h"
#include "worker/cli/json_text.h"

enum { TG_CLUSTER_PATH_MAX = 1023 };

/* The option that all of them have. */
#define TG_CLUSTER_OPTION                                                                          \
    {                                                                                              \
        "--cluster", "FILE",                                                                       \
            "the scheduler's join file, or its address; default: ~/.local/share/tg/default/join"   \
    }

/* `given`, or the join file that tgscheduler writes by default; "" when there is no home folder. */
void tg_cluster_where(const char *given, char out[TG_CLUSTER_PATH_MAX + 1]);
/* A session of one thread that is connected there; closed with tg_session_close. */
TG_MUST_USE tg_status tg_cluster_open(const char *where, tg_session **out, tg_error *err);
/* Asks once; *text is NULL after a failure. */
int tg_cluster_ask(const tg_command *command, const char *where, const char *what, char **text);
/* Says what failed and what to do about it; TG_EXIT_FAILURE. */
int tg_cluster_failure(const tg_command *command, const char *where, const tg_error *err);

/* Time of day, and a clock that only runs forward. */
int64_t tg_cluster_unix_ns(void);
int64_t tg_cluster_clock_ns(void);

/* The answer to "status" for people. `before`: an earlier one of this scheduler, from which follow
 * how busy workers are and when jobs end; empty: none. `end` ends each line. */
void tg_cluster_print_status(tg_json_piece status, tg_json_piece before, const char *end);

#endif
