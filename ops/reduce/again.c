/* SPDX-License-Identifier: BSD-3-Clause */
/* Handing parameters on to another op. */
#include "ops/reduce/again.h"

#include "core/base/limits.h"

tg_array *
tg_reduce_again(tg_scope *scope, const char *op, tg_array *x, const tg_value *values,
                const tg_param_schema *params)
{
    tg_param given[TG_PARAMS_MAX];
    size_t count = 0;
    for (size_t i = 0; params[i].name != NULL; i++) {
        if (values[i].count > 0) {
            /* Booleans, numbers of types and choices are all handed over as integers. */
            tg_param_kind kind = params[i].kind == TG_PARAM_FLOAT ? TG_PARAM_FLOAT : TG_PARAM_INT;
            given[count++] = (tg_param){ params[i].name, kind, values[i] };
        }
    }
    return tg_apply(scope, op, 1, &x, count, given);
}
