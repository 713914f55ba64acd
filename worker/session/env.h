/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_SESSION_ENV_H
#define TG_SESSION_ENV_H
/*
 * What: what the environment says: TG_THREADS, TG_MEMORY_LIMIT. What the machine says is in
 * limits.h.
 *
 * Ownership: none. Threads: any. Errors: TG_ERR_VALUE for a variable that makes no sense.
 */
#include "core/base/status.h"

/* Values of the environment; 0 where it says nothing. */
TG_MUST_USE tg_status tg_env_options(int *threads, int64_t *memory_limit, tg_error *err);

#endif
