/* SPDX-License-Identifier: BSD-3-Clause */
/* nextafter: The next floating point number towards the second argument. */
#include "ops/elementwise/elementwise.h"

extern const tg_loops tg_plain_nextafter;

static tg_status
infer(tg_infer *infer, tg_error *err)
{
    static const tg_ufunc ufunc = { .types = TG_TYPES_FLOAT };
    return tg_ufunc_infer(infer, &ufunc, err);
}

static tg_loop
loop(const tg_array *node)
{
    return tg_ufunc_loop(node, 0, &tg_plain_nextafter, NULL);
}

const tg_op tg_op_nextafter = {
    .name = "nextafter",
    .module = "",
    .summary = "The next floating point number towards the second argument.",
    .version = 1,
    .cls = TG_CLASS_ELEMENTWISE,
    .flags = TG_OP_CHEAP,
    .nargs_min = 2,
    .nargs_max = 2,
    .arg_names = "x1|x2",
    .infer = infer,
    .cost = tg_cost_light,
    .loop = loop,
};
