/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_NET_FLOOD_H
#define TG_NET_FLOOD_H
/*
 * What: lines of a daemon's log, not more than a disk and a reader can take: whoever throws garbage
 * at a port makes a line each time.
 *
 * Of ten seconds, the first TG_FLOOD_LINES lines are written; of the others their number, with the
 * first line after that time.
 *
 * Ownership: the caller's; zeroed is ready. Threads: one at a time. Errors: none.
 */
#include <stdint.h>

enum { TG_FLOOD_LINES = 50 };

typedef struct tg_flood {
    int64_t begin_ns;
    uint64_t lines;
} tg_flood;

void tg_flood_log(tg_flood *flood, int64_t now_ns, const char *text,
                  void (*log)(void *ctx, const char *text), void *ctx);

#endif
