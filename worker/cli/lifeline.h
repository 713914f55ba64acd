/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_CLI_LIFELINE_H
#define TG_CLI_LIFELINE_H
/*
 * What: a join file that comes through standard input (tgworker --cluster -), for workers that are
 * started over ssh: nothing secret stays on their host, or in a command line.
 *
 *     its end is the end of input        that is all
 *     an empty line follows it           the input stays open; when it ends, this process gets
 *                                        SIGTERM: who started it is gone, or wants it to leave
 *
 * Ownership: tg_lifeline_close removes the file. Threads: the main one, and one that waits for the
 * end of the input. Errors: TG_ERR_FORMAT for too much, TG_ERR_IO.
 */
#include "core/base/status.h"

enum { TG_LIFELINE_PATH_MAX = 63 };

typedef struct tg_lifeline {
    char path[TG_LIFELINE_PATH_MAX + 1]; /* of the join file, readable by this user alone */
} tg_lifeline;

TG_MUST_USE tg_status tg_lifeline_open(tg_lifeline *out, tg_error *err);
/* Once the join file has been read. Safe on a zeroed struct, and twice. */
void tg_lifeline_close(tg_lifeline *lifeline);

#endif
