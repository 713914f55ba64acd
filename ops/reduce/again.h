/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_REDUCE_AGAIN_H
#define TG_REDUCE_AGAIN_H
/*
 * What: for composites: applies another reduction with the parameters that were given to this one.
 *
 * Ownership: the result belongs to the scope. Threads: as the scope. Errors: in the scope.
 */
#include "core/array/scope.h"

/* `params` is the schema that `values` belong to; what was not given is not handed on. */
tg_array *tg_reduce_again(tg_scope *scope, const char *op, tg_array *x, const tg_value *values,
                          const tg_param_schema *params);

#endif
