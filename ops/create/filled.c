/* SPDX-License-Identifier: BSD-3-Clause */
/* zeros and ones as calls of full. */
#include "ops/create/filled.h"

#include "ops/shape/common.h"

enum { P_SHAPE, P_DTYPE, P_CHUNKS, P_COUNTS };

const tg_param_schema tg__filled_params[] = {
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

tg_array *
tg__build_filled(tg_scope *scope, const tg_value *values, int64_t number)
{
    const int64_t dtype = values[P_DTYPE].count > 0 ? values[P_DTYPE].ints[0] : TG_DT_F64;
    const tg_param params[] = {
        { "shape", TG_PARAM_INT, values[P_SHAPE] },
        { "fill_integer", TG_PARAM_INT, { .count = 1, .ints = &number } },
        { "dtype", TG_PARAM_INT, { .count = 1, .ints = &dtype } },
        { "chunks", TG_PARAM_INT, values[P_CHUNKS] },
        { "chunk_counts", TG_PARAM_INT, values[P_COUNTS] },
    };
    return tg_apply(scope, "full", 0, NULL, sizeof params / sizeof params[0], params);
}
