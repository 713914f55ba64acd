/* SPDX-License-Identifier: BSD-3-Clause */
/* nanstd: the standard deviation, NaN left out over axes, see ops/reduce/moments.h. */
#include "ops/reduce/moments.h"

static const tg_moment_kind kind = { .what = TG_MOMENT_STD, .skip_nan = true };

static tg_status
infer(tg_infer *infer, tg_error *err)
{
    return tg_moment_infer(infer, &kind, err);
}

static tg_status
partial(const tg_run *run, const tg_view *in, tg_buffer **state, tg_error *err)
{
    return tg_moment_partial(run, in, &kind, state, err);
}

static tg_status
finish(const tg_run *run, tg_buffer *state, const tg_view *out, tg_error *err)
{
    return tg_moment_finish(run, state, &kind, out, err);
}

static const tg_reduce reduce = {
    .axes = tg_reduce_axes,
    .state_bytes = tg_moment_bytes,
    .partial = partial,
    .combine = tg_moment_combine,
    .finish = finish,
};

static const tg_param_schema params[] = {
    TG_PARAM_AXIS,
    TG_PARAM_KEEPDIMS,
    { .name = "dtype",
      .kind = TG_PARAM_DTYPE,
      .fallback = "None",
      .summary = "type to compute in and to return; None: as NumPy" },
    { .name = "ddof",
      .kind = TG_PARAM_FLOAT,
      .fallback = "0",
      .summary = "the divisor is the count less this" },
    { .name = "correction",
      .kind = TG_PARAM_FLOAT,
      .fallback = "None",
      .summary = "the same, by the name in the array API" },
    { .name = NULL },
};

const tg_op tg_op_nanstd = {
    .name = "nanstd",
    .module = "",
    .summary = "The standard deviation, NaN left out over axes.",
    .version = 1,
    .cls = TG_CLASS_REDUCE,
    .nargs_min = 1,
    .nargs_max = 1,
    .arg_names = "a",
    .params = params,
    .infer = infer,
    .cost = tg_reduce_cost,
    .reduce = &reduce,
};
