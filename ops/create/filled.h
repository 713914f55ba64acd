/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_CREATE_FILLED_H
#define TG_CREATE_FILLED_H
/*
 * What: what zeros and ones share: their parameters, and `full` with a number that is known.
 *
 * Ownership: the array belongs to the scope. Threads: as build. Errors: those of full.
 */
#include "core/array/scope.h"

extern const tg_param_schema tg__filled_params[];
/* `values` are those of tg__filled_params. */
tg_array *tg__build_filled(tg_scope *scope, const tg_value *values, int64_t number);

#endif
