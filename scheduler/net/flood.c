/* SPDX-License-Identifier: BSD-3-Clause */
/* A limit for the lines of a log. See flood.h. */
#include "scheduler/net/flood.h"

#include <inttypes.h>
#include <stdio.h>

#define WINDOW_NS ((int64_t)10000000000)

void
tg_flood_log(tg_flood *flood, int64_t now_ns, const char *text,
             void (*log)(void *ctx, const char *text), void *ctx)
{
    if (flood->lines == 0 || now_ns - flood->begin_ns >= WINDOW_NS) {
        if (flood->lines > TG_FLOOD_LINES) {
            char line[64];
            (void)snprintf(line, sizeof line, "(%" PRIu64 " lines were not written)",
                           flood->lines - TG_FLOOD_LINES);
            log(ctx, line);
        }
        flood->begin_ns = now_ns;
        flood->lines = 0;
    }
    flood->lines++;
    if (flood->lines <= TG_FLOOD_LINES) {
        log(ctx, text);
    }
}
