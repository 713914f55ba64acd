/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_TEST_PROFILE_SYNTHETIC_H
#define TG_TEST_PROFILE_SYNTHETIC_H
/*
 * What: a made-up run for tests of the timeline: threads that read, filter, label and write tiles,
 * wait for memory now and then, and find no task at the end.
 *
 * Ownership: the caller destroys the timeline.
 * Threads: one.
 * Errors: a failure ends the program.
 */
#include "worker/profile/timeline_export.h"

/* About `tasks` tasks on `threads` threads; the same arguments give the same run. */
tg_timeline *tg_test_synthetic_run(uint32_t threads, uint32_t tasks, uint32_t events_per_thread);

/* What goes with it. */
extern const tg_timeline_about tg_test_synthetic_about;

#endif
