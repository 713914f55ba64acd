/* SPDX-License-Identifier: BSD-3-Clause */
/* angle: the argument of a complex number in radians; of a real number 0, or pi when negative. */
#include "ops/elementwise/elementwise.h"

extern const tg_loops tg_plain_angle, tg_plain_complex_angle;

static tg_status
infer(tg_infer *infer, tg_error *err)
{
    /* As arctan2 of imaginary and real part: bool is float64 there, because NumPy adds a plain 0.
     */
    tg_status status = TG_OK;
    if (infer->args[0]->dtype == TG_DT_BOOL) {
        TG_TRY(tg__infer_cast(infer, 0, TG_DT_F64, err));
    }
    TG_TRY(tg_ufunc_infer(infer, err));
out:
    return status;
}

static const tg_ufunc ufunc = {
    .types = TG_TYPES_FLOAT TG_TYPES_COMPLEX,
    .result = TG_RESULT_REAL,
    .plain = { &tg_plain_angle, &tg_plain_complex_angle },
};

const tg_op tg_op_angle = {
    .name = "angle",
    .module = "",
    .summary = "The angle of a complex number, in radians.",
    .version = 1,
    .cls = TG_CLASS_ELEMENTWISE,
    .nargs_min = 1,
    .nargs_max = 1,
    .arg_names = "z",
    .infer = infer,
    .cost = tg_cost_heavy,
    .loop = tg_ufunc_loop,
    .traits = &ufunc,
};
