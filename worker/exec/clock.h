/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_EXEC_CLOCK_H
#define TG_EXEC_CLOCK_H
/*
 * What: the one place where the monotonic clock is read.
 *
 * Ownership: none. Threads: any. Errors: none.
 */
#include <pthread.h>
#include <stdint.h>

/* Nanoseconds since some fixed moment; about 20 ns to call. */
int64_t tg_clock_ns(void);
/* A condition whose timed waits go by this clock. */
void tg_clock_cond_init(pthread_cond_t *cond);

#endif
