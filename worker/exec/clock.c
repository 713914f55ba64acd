/* SPDX-License-Identifier: BSD-3-Clause */
/* The monotonic clock. */
#include "worker/exec/clock.h"

#include <time.h>

int64_t
tg_clock_ns(void)
{
    struct timespec now = { 0 };
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}
