/* SPDX-License-Identifier: BSD-3-Clause */
/* zeros: full of zeros. */
#include "core/array/scope.h"
#include "ops/registry.h"
#include "ops/shape/common.h"

enum { P_SHAPE, P_DTYPE, P_CHUNKS, P_COUNTS };

static tg_array *
zeros_build(tg_scope *scope, size_t nargs, tg_array *const *args, const tg_value *values)
{
    const int64_t fill = 0;
    const int64_t dtype = values[P_DTYPE].count > 0 ? values[P_DTYPE].ints[0] : TG_DT_F64;
    const tg_param params[] = {
        { "shape", TG_PARAM_INT, values[P_SHAPE] },
        { "fill_integer", TG_PARAM_INT, { .count = 1, .ints = &fill } },
        { "dtype", TG_PARAM_INT, { .count = 1, .ints = &dtype } },
        { "chunks", TG_PARAM_INT, values[P_CHUNKS] },
        { "chunk_counts", TG_PARAM_INT, values[P_COUNTS] },
    };
    (void)nargs;
    (void)args;
    return tg_apply(scope, "full", 0, NULL, sizeof params / sizeof params[0], params);
}

static const tg_param_schema zeros_params[] = {
    [P_SHAPE] = { .name = "shape",
                  .kind = TG_PARAM_INT,
                  .is_list = true,
                  .fallback = "()",
                  .summary = "lengths of the axes" },
    [P_DTYPE] = { .name = "dtype",
                  .kind = TG_PARAM_DTYPE,
                  .fallback = "'float64'",
                  .summary = "element type" },
    TG__CHUNK_PARAMS,
    { .name = NULL },
};

const tg_op tg_op_zeros = {
    .name = "zeros",
    .module = "",
    .summary = "An array of the given shape, filled with zeros.",
    .version = 1,
    .cls = TG_CLASS_COMPOSITE,
    .arg_names = "",
    .params = zeros_params,
    .build = zeros_build,
};
