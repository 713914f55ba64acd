/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_MORPHOLOGY_BINARY_SPREAD_H
#define TG_MORPHOLOGY_BINARY_SPREAD_H
/*
 * What: dilation within a mask until nothing changes, built of other ops.
 *
 * Ownership: nodes of the scope. Threads: none of its own. Errors: the scope's.
 */
#include "core/array/scope.h"

/* `seed` and `mask` are of bool; at most one of them is NULL: no seed is all false, no mask all
 * true. `structure` NULL: the direct neighbours. `border`: what lies outside. NULL with the scope's
 * error set. */
tg_array *tg_binary_spread_build(tg_scope *scope, tg_array *seed, tg_array *structure,
                                 tg_array *mask, bool border, const tg_value *origin);

#endif
