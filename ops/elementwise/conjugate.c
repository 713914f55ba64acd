/* SPDX-License-Identifier: BSD-3-Clause */
/* conjugate: The complex conjugate; real numbers are themselves. */
#include "ops/elementwise/elementwise.h"

TG_ISA_TABLE(const tg_loops, tg_loops_positive);
extern const tg_loops tg_plain_complex_conjugate;

static const tg_ufunc ufunc = {
    .types = TG_TYPES_NUMBER,
    .loops = TG_ISA_LIST(tg_loops_positive),
    .plain = { &tg_plain_complex_conjugate },
};

const tg_op tg_op_conjugate = {
    .name = "conjugate",
    .module = "",
    .summary = "The complex conjugate; real numbers are themselves.",
    .version = 1,
    .cls = TG_CLASS_ELEMENTWISE,
    .flags = TG_OP_CHEAP,
    .nargs_min = 1,
    .nargs_max = 1,
    .arg_names = "x",
    .infer = tg_ufunc_infer,
    .cost = tg_cost_light,
    .loop = tg_ufunc_loop,
    .traits = &ufunc,
};
