/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * power: of integers by wrapping multiplication. NumPy refuses negative exponents of integers when
 * it meets them in the data; here a plain negative number is refused when the expression is built,
 * and in data the result is cut towards zero (1 for 1, 1 or -1 for -1, else 0).
 */
#include "ops/elementwise/elementwise.h"

TG_ISA_TABLE(const tg_loops, tg_loops_float_power);
TG_ISA_TABLE(const tg_loops, tg_loops_square);
extern const tg_loops tg_plain_power, tg_plain_complex_power;

static tg_status
infer(tg_infer *infer, tg_error *err)
{
    tg_status status = TG_OK;
    tg_array *exponent = infer->args[1];
    tg_dtype dtype = TG_DT_NONE;
    TG_TRY(tg_ufunc_resolve(infer, &dtype, err));
    if (exponent->weak == TG_WEAK_INT && tg_dtype_is_integer(dtype)) {
        /* What fits int64 and does not fit uint64 is negative. */
        bool is_negative =
            !tg_ufunc_cast_fits(infer, 1, TG_DT_U64) && tg_ufunc_cast_fits(infer, 1, TG_DT_I64);
        TG_CHECK(!is_negative, err, TG_ERR_VALUE,
                 "power: Integers to negative integer powers are not allowed.");
        infer->args[1] = exponent;
    }
    TG_TRY(tg_ufunc_infer(infer, err));
out:
    return status;
}

/* x ** 2 is common, and must be exact: the exponent is looked at when it is one for all. */
static void
loop_F32(char *const *args, const ptrdiff_t *strides, size_t count, const void *state)
{
    float exponent = 0;
    if (strides[1] == 0 && count > 0) {
        memcpy(&exponent, args[1], sizeof exponent);
    }
    if (exponent == 2) {
        char *const two[] = { args[0], args[2] };
        const ptrdiff_t steps[] = { strides[0], strides[2] };
        TG_ISA_PICK(tg_loops_square)->at[TG_DT_F32](two, steps, count, state);
    } else {
        TG_ISA_PICK(tg_loops_float_power)->at[TG_DT_F32](args, strides, count, state);
    }
}

static void
loop_F64(char *const *args, const ptrdiff_t *strides, size_t count, const void *state)
{
    double exponent = 0;
    if (strides[1] == 0 && count > 0) {
        memcpy(&exponent, args[1], sizeof exponent);
    }
    if (exponent == 2) {
        char *const two[] = { args[0], args[2] };
        const ptrdiff_t steps[] = { strides[0], strides[2] };
        TG_ISA_PICK(tg_loops_square)->at[TG_DT_F64](two, steps, count, state);
    } else {
        TG_ISA_PICK(tg_loops_float_power)->at[TG_DT_F64](args, strides, count, state);
    }
}

static tg_loop
loop(const tg_array *node)
{
    tg_dtype dtype = node->args[0]->dtype;
    tg_loop found = NULL;
    if (dtype == TG_DT_F32 || dtype == TG_DT_F64) {
        found = dtype == TG_DT_F32 ? loop_F32 : loop_F64;
    } else if (dtype == TG_DT_F16) {
        found = TG_ISA_PICK(tg_loops_float_power)->at[TG_DT_F16];
    } else {
        found = tg_ufunc_loop(node);
    }
    return found;
}

static const tg_ufunc ufunc = { .types = TG_TYPES_NUMBER,
                                .plain = { &tg_plain_power, &tg_plain_complex_power } };

const tg_op tg_op_power = {
    .name = "power",
    .module = "",
    .summary = "The first to the power of the second.",
    .version = 1,
    .cls = TG_CLASS_ELEMENTWISE,
    .nargs_min = 2,
    .nargs_max = 2,
    .arg_names = "x1|x2",
    .infer = infer,
    .cost = tg_cost_heavy,
    .loop = loop,
    .traits = &ufunc,
};
