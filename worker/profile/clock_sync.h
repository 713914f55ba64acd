/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_PROFILE_CLOCK_SYNC_H
#define TG_PROFILE_CLOCK_SYNC_H
/*
 * What: how far the clock of a peer is ahead of ours, from questions and answers as NTP's: asked at
 * t0, answered at t (by its clock), heard at t1; then its clock shows t when ours shows
 * (t0 + t1) / 2, give or take (t1 - t0) / 2. The quickest answer counts; it grows stale, for clocks
 * run at different speeds (at most some 50 us in a second).
 *
 *     tg_clock_sync sync = { 0 };
 *     if (tg_clock_sync_due(&sync, now)) ask, with `now`
 *     tg_clock_sync_take(&sync, asked, there, now);
 *     theirs = ours + sync.offset_ns;
 *
 * Ownership: none. Threads: one at a time. Errors: an answer to a question of another time is
 * passed over.
 */
#include <stdbool.h>
#include <stdint.h>

typedef struct tg_clock_sync {
    int64_t offset_ns; /* theirs - ours */
    int64_t error_ns;  /* at most, when it was taken */
    int64_t taken_ns;  /* 0: never */
    int64_t asked_ns;  /* the last question; 0: it was answered, or there was none */
    uint32_t answers;
} tg_clock_sync;

/* Is it time to ask? Notes that it is done. Often at first, then every few seconds. */
bool tg_clock_sync_due(tg_clock_sync *sync, int64_t now_ns);
/* When it will be. */
int64_t tg_clock_sync_next(const tg_clock_sync *sync);
void tg_clock_sync_take(tg_clock_sync *sync, int64_t asked_ns, int64_t there_ns, int64_t now_ns);

#endif
