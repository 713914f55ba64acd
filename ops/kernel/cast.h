/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_KERNEL_CAST_H
#define TG_KERNEL_CAST_H
/*
 * What: the loop that converts elements of one dtype to another on this processor: two strided
 * rows, args[0] to args[1].
 *
 * Ownership: constants. Threads: pure. Errors: none.
 */
#include "core/array/op.h"

/* Never NULL for two dtypes. */
tg_loop tg_cast_loop(tg_dtype from, tg_dtype to);

#endif
