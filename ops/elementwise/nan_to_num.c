/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * nan_to_num: replaces NaN and infinities, in complex numbers in each part. Other types are handed
 * on. Without posinf and neginf the largest and smallest number of the type stand in.
 */
#include <math.h>

#include "core/mem/alloc.h"
#include "ops/elementwise/elementwise.h"

extern const tg_loops tg_plain_nan_to_num;

static void
state_free(void *state)
{
    tg_free(NULL, state, 3 * sizeof(double));
}

static double
largest(tg_dtype dtype)
{
    double r = 0x1.fffffffffffffp1023;
    if (dtype == TG_DT_F16) {
        r = 65504.0;
    } else if (dtype == TG_DT_F32) {
        r = 0x1.fffffep127;
    }
    return r;
}

static tg_status
infer(tg_infer *infer, tg_error *err)
{
    tg_status status = TG_OK;
    double *numbers = NULL;
    TG_TRY(tg_ufunc_infer(infer, err));
    numbers = tg_malloc(NULL, 3 * sizeof *numbers);
    TG_CHECK(numbers != NULL, err, TG_ERR_MEMORY, "nan_to_num: out of memory");
    numbers[0] = tg_value_float(&infer->values[0], 0, 0.0);
    numbers[1] = tg_value_float(&infer->values[1], 0, largest(tg_dtype_real(infer->dtype)));
    numbers[2] = tg_value_float(&infer->values[2], 0, -largest(tg_dtype_real(infer->dtype)));
    infer->state = numbers;
    infer->state_free = state_free;
out:
    return status;
}

static const tg_param_schema params[] = {
    { .name = "nan", .kind = TG_PARAM_FLOAT, .fallback = "0.0", .summary = "stands for NaN" },
    { .name = "posinf",
      .kind = TG_PARAM_FLOAT,
      .fallback = "None",
      .summary = "stands for infinity; None: the largest number" },
    { .name = "neginf",
      .kind = TG_PARAM_FLOAT,
      .fallback = "None",
      .summary = "stands for minus infinity; None: the smallest number" },
    { .name = NULL },
};

static const tg_ufunc ufunc = {
    .types = TG_TYPES_ALL,
    .plain = { &tg_plain_nan_to_num },
};

const tg_op tg_op_nan_to_num = {
    .name = "nan_to_num",
    .module = "",
    .summary = "Replaces NaN and infinities by numbers.",
    .version = 1,
    .cls = TG_CLASS_ELEMENTWISE,
    .flags = TG_OP_CHEAP,
    .nargs_min = 1,
    .nargs_max = 1,
    .arg_names = "x",
    .params = params,
    .infer = infer,
    .cost = tg_cost_light,
    .loop = tg_ufunc_loop,
    .traits = &ufunc,
};
