/* SPDX-License-Identifier: BSD-3-Clause */
/* _complex: Complex numbers of their real and imaginary parts. (`re + 1j * im` would make NaN of an
 * infinite part.) */
#include "ops/elementwise/elementwise.h"

static const tg_ufunc ufunc = { .types = "fd" };

static tg_status
infer(tg_infer *infer, tg_error *err)
{
    tg_status status = TG_OK;
    TG_TRY(tg_ufunc_infer(infer, err));
    infer->dtype = infer->dtype == TG_DT_F32 ? TG_DT_C64 : TG_DT_C128;
out:
    return status;
}

static void
join(char *const *args, const ptrdiff_t *strides, size_t count, size_t size)
{
    for (size_t i = 0; i < count; i++) {
        ptrdiff_t at = (ptrdiff_t)i;
        memcpy(args[2] + at * strides[2], args[0] + at * strides[0], size);
        memcpy(args[2] + at * strides[2] + size, args[1] + at * strides[1], size);
    }
}

static void
loop_c64(char *const *args, const ptrdiff_t *strides, size_t count, const void *state)
{
    (void)state;
    join(args, strides, count, sizeof(float));
}

static void
loop_c128(char *const *args, const ptrdiff_t *strides, size_t count, const void *state)
{
    (void)state;
    join(args, strides, count, sizeof(double));
}

static tg_loop
loop(const tg_array *node)
{
    return node->dtype == TG_DT_C64 ? loop_c64 : loop_c128;
}

const tg_op tg_op__complex = {
    .name = "_complex",
    .module = "_",
    .summary = "Complex numbers of their real and imaginary parts.",
    .version = 1,
    .cls = TG_CLASS_ELEMENTWISE,
    .flags = TG_OP_CHEAP,
    .nargs_min = 2,
    .nargs_max = 2,
    .arg_names = "real|imag",
    .infer = infer,
    .cost = tg_cost_light,
    .loop = loop,
    .traits = &ufunc,
};
