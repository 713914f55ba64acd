/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * _edges_between: evenly spaced edges between two numbers that are arrays without axes, as NumPy's
 * linspace makes them; or the edges that were given. Equal ends are moved apart by a half.
 */
#include <math.h>

#include "ops/kernel/cast.h"
#include "ops/reduce/reduce.h"
#include "ops/whole.h"

enum { BINS, DTYPE };

static const tg_param_schema params[] = {
    { .name = "bins",
      .kind = TG_PARAM_FLOAT,
      .is_list = true,
      .required = true,
      .summary = "number of bins, or all edges" },
    { .name = "dtype", .kind = TG_PARAM_DTYPE, .required = true, .summary = "type of the edges" },
    { .name = NULL },
};

/* 0: no number of bins. */
static int64_t
edge_count(const tg_value *bins)
{
    int64_t count = bins->count;
    if (count == 1) {
        bool counts = bins->floats[0] >= 1 && bins->floats[0] < (double)TG_ARRAY_BYTES_MAX;
        count = counts ? (int64_t)bins->floats[0] + 1 : 0;
    }
    return count;
}

static tg_status
infer(tg_infer *infer, tg_error *err)
{
    tg_status status = TG_OK;
    TG_CHECK(infer->args[0]->ndim == 0 && infer->args[1]->ndim == 0 &&
                 infer->args[0]->dtype == TG_DT_F64 && infer->args[1]->dtype == TG_DT_F64 &&
                 edge_count(&infer->values[BINS]) > 1,
             err, TG_ERR_VALUE, "_edges_between: needs two float64 numbers and a bin");
    infer->dtype = (tg_dtype)infer->values[DTYPE].ints[0];
    infer->ndim = 1;
    infer->shape[0] = edge_count(&infer->values[BINS]);
out:
    return status;
}

typedef struct spacing {
    const tg_value *bins;
    double lo, hi;
    int64_t first, bin_count;
} spacing;

static void
emit(const void *context, int64_t first, size_t count, void *block)
{
    const spacing *s = context;
    double *out = block;
    double step = (s->hi - s->lo) / (double)s->bin_count;
    for (size_t i = 0; i < count; i++) {
        int64_t at = s->first + first + (int64_t)i;
        if (s->bins->count > 1) {
            out[i] = s->bins->floats[at];
        } else {
            out[i] = at == s->bin_count ? s->hi : (double)at * step + s->lo;
        }
    }
}

static tg_status
run(const tg_run *run, const tg_view *in, const tg_view *out, tg_error *err)
{
    spacing s = { .bins = &run->node->values[BINS],
                  .lo = *(const double *)in[0].data,
                  .hi = *(const double *)in[1].data,
                  .first = run->out_box->lo[0] };
    (void)err;
    s.bin_count = edge_count(s.bins) - 1;
    if (s.lo == s.hi) {
        s.lo -= 0.5;
        s.hi += 0.5;
    }
    if (!isfinite(s.hi - s.lo)) {
        s.lo = (double)NAN;
        s.hi = (double)NAN;
    }
    tg_reduce_store(out, TG_DT_F64, emit, &s);
    return TG_OK;
}

const tg_op tg_op_edges_between = {
    .name = "_edges_between",
    .module = "_",
    .summary = "Evenly spaced edges between two numbers.",
    .version = 1,
    .cls = TG_CLASS_GATHER,
    .nargs_min = 2,
    .nargs_max = 2,
    .arg_names = "lo|hi",
    .params = params,
    .infer = infer,
    .demand = tg__whole_demand,
    .run = run,
};
