/* SPDX-License-Identifier: BSD-3-Clause */
/* binary_opening and binary_closing: an erosion and a dilation, as scipy.ndimage composes them. */
#include "core/array/scope.h"
#include "ops/morphology/binary.h"
#include "ops/shape/common.h"

static tg_array *
step(tg_scope *scope, const char *op, tg_array *input, size_t nargs, tg_array *const *args,
     const tg_value *values)
{
    tg_array *with[2] = { input, nargs > 1 ? args[1] : NULL };
    return tg__build_again(scope, op, nargs, with, tg_binary_params, values);
}

static tg_array *
build_opening(tg_scope *scope, size_t nargs, tg_array *const *args, const tg_value *values)
{
    tg_array *eroded = step(scope, "binary_erosion", args[0], nargs, args, values);
    return step(scope, "binary_dilation", eroded, nargs, args, values);
}

static tg_array *
build_closing(tg_scope *scope, size_t nargs, tg_array *const *args, const tg_value *values)
{
    tg_array *dilated = step(scope, "binary_dilation", args[0], nargs, args, values);
    return step(scope, "binary_erosion", dilated, nargs, args, values);
}

const tg_op tg_op_binary_opening = {
    .name = "binary_opening",
    .module = "ndimage",
    .summary = "An erosion, then a dilation: removes what the structure does not fit into.",
    .version = 1,
    .cls = TG_CLASS_COMPOSITE,
    .nargs_min = 1,
    .nargs_max = 2,
    .arg_names = "input|structure",
    .params = tg_binary_params,
    .build = build_opening,
};

const tg_op tg_op_binary_closing = {
    .name = "binary_closing",
    .module = "ndimage",
    .summary = "A dilation, then an erosion: fills what the structure does not fit into.",
    .version = 1,
    .cls = TG_CLASS_COMPOSITE,
    .nargs_min = 1,
    .nargs_max = 2,
    .arg_names = "input|structure",
    .params = tg_binary_params,
    .build = build_closing,
};
