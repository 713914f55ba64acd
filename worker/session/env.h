/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_SESSION_ENV_H
#define TG_SESSION_ENV_H
/*
 * What: what the machine and the environment say: cores and memory that this process may really
 * use, and TG_THREADS, TG_MEMORY_LIMIT.
 *
 * Ownership: none. Threads: any. Errors: TG_ERR_VALUE for a variable that makes no sense.
 */
#include "core/base/status.h"

/* Cores by affinity mask and by the cgroup's CPU quota; at least 1. */
int tg_env_cores(void);
/* Bytes: the smallest of physical memory and the cgroup's limits. */
int64_t tg_env_memory(void);
/* Values of the environment; 0 where it says nothing. */
TG_MUST_USE tg_status tg_env_options(int *threads, int64_t *memory_limit, tg_error *err);

#endif
