/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * binary_fill_holes: all that is not background reached from outside, as scipy.ndimage has it. See
 * ops/morphology/binary_spread.c.
 */
#include "ops/morphology/binary_spread.h"
#include "ops/overlap/filter_args.h"

static const tg_param_schema params[] = { TG_SCHEMA_ORIGIN, TG_SCHEMA_END };

static tg_array *
build(tg_scope *scope, size_t nargs, tg_array *const *args, const tg_value *values)
{
    tg_array *mask = tg_scope_cast(scope, args[0], TG_DT_BOOL);
    tg_array *background = mask != NULL ? tg_apply(scope, "logical_not", 1, &mask, 0, NULL) : NULL;
    tg_array *outside = NULL;
    if (background != NULL) {
        outside = tg_binary_spread_build(scope, NULL, nargs > 1 ? args[1] : NULL, background, true,
                                         &values[0]);
    }
    return outside != NULL ? tg_apply(scope, "logical_not", 1, &outside, 0, NULL) : NULL;
}

const tg_op tg_op_binary_fill_holes = {
    .name = "binary_fill_holes",
    .module = "ndimage",
    .summary = "Fill the background that is not connected to the border.",
    .version = 1,
    .cls = TG_CLASS_COMPOSITE,
    .nargs_min = 1,
    .nargs_max = 2,
    .arg_names = "input|structure",
    .params = params,
    .build = build,
};
