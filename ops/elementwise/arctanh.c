/* SPDX-License-Identifier: BSD-3-Clause */
/* arctanh: The inverse hyperbolic tangent. */
#include "ops/elementwise/elementwise.h"

TG_ISA_TABLE(const tg_loops, tg_loops_arctanh);
extern const tg_loops tg_plain_complex_arctanh;

static const tg_ufunc ufunc = {
    .types = TG_TYPES_FLOAT TG_TYPES_COMPLEX,
    .loops = TG_ISA_LIST(tg_loops_arctanh),
    .plain = { &tg_plain_complex_arctanh },
};

const tg_op tg_op_arctanh = {
    .name = "arctanh",
    .module = "",
    .summary = "The inverse hyperbolic tangent.",
    .version = 1,
    .cls = TG_CLASS_ELEMENTWISE,
    .nargs_min = 1,
    .nargs_max = 1,
    .arg_names = "x",
    .infer = tg_ufunc_infer,
    .cost = tg_cost_heavy,
    .loop = tg_ufunc_loop,
    .traits = &ufunc,
};
