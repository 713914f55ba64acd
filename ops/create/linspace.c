/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * linspace: a given count of evenly spaced numbers. Bit for bit NumPy's: computed in double as
 * i * step + start (i / div * delta + start when the step underflows to zero), the last number is
 * `stop` itself; integer types are rounded down.
 */
#include <math.h>

#include "core/array/array.h"
#include "core/base/status.h"
#include "core/mem/alloc.h"
#include "ops/create/number.h"
#include "ops/registry.h"
#include "ops/shape/common.h"

enum { P_START, P_STOP, P_NUM, P_ENDPOINT, P_DTYPE, P_CHUNKS, P_COUNTS };

typedef struct linspace_state {
    double start, stop, delta, step;
    double div;   /* 0: one number only */
    int64_t last; /* cell that is `stop`; -1: none */
} linspace_state;

static void
linspace_free(void *state)
{
    tg_free(NULL, state, sizeof(linspace_state));
}

static tg_status
linspace_infer(tg_infer *infer, tg_error *err)
{
    tg_status status = TG_OK;
    const tg_value *v = infer->values;
    const int64_t num = tg_value_int(&v[P_NUM], 0, 50);
    const bool endpoint = tg_value_int(&v[P_ENDPOINT], 0, 1) != 0;
    linspace_state *state = tg_calloc(NULL, 1, sizeof *state);

    TG_CHECK(state != NULL, err, TG_ERR_MEMORY, "linspace: out of memory");
    TG_CHECK(num >= 0, err, TG_ERR_VALUE, "Number of samples, %lld, must be non-negative.",
             (long long)num);
    infer->dtype = v[P_DTYPE].count > 0 ? (tg_dtype)v[P_DTYPE].ints[0] : TG_DT_F64;
    infer->ndim = 1;
    infer->shape[0] = num;
    TG_TRY(tg__check_bytes(infer, err));
    state->start = v[P_START].floats[0];
    state->stop = v[P_STOP].floats[0];
    state->delta = state->stop - state->start;
    state->div = (double)(endpoint ? num - 1 : num);
    state->step = state->div > 0.0 ? state->delta / state->div : 0.0;
    state->last = endpoint && num > 1 ? num - 1 : -1;
    TG_TRY(
        tg__chunks_from_values(&v[P_CHUNKS], &v[P_COUNTS], 1, infer->shape, &infer->chunks, err));
    infer->state = state;
    infer->state_free = linspace_free;
    state = NULL;
out:
    tg_free(NULL, state, sizeof *state);
    return status;
}

static tg_status
linspace_run(const tg_run *run, const tg_view *in, const tg_view *out, tg_error *err)
{
    const linspace_state *state = run->node->state;
    const bool rounds = out->dtype < TG_DT_F16 && out->dtype != TG_DT_BOOL;
    char *to = out->data;
    (void)in;
    (void)err;
    for (int64_t i = run->out_box->lo[0]; i < run->out_box->hi[0]; i++, to += out->strides[0]) {
        double y = (double)i;
        if (state->div <= 0.0) {
            y = y * state->delta;
        } else if (state->step == 0.0) {
            y = y / state->div * state->delta;
        } else {
            y = y * state->step;
        }
        y = i == state->last ? state->stop : y + state->start;
        tg__double_store(rounds ? floor(y) : y, out->dtype, to);
    }
    return TG_OK;
}

static const tg_param_schema linspace_params[] = {
    [P_START] = { .name = "start",
                  .kind = TG_PARAM_FLOAT,
                  .required = true,
                  .summary = "first number" },
    [P_STOP] = { .name = "stop",
                 .kind = TG_PARAM_FLOAT,
                 .required = true,
                 .summary = "last number, or the end of the interval" },
    [P_NUM] = { .name = "num",
                .kind = TG_PARAM_INT,
                .fallback = "50",
                .summary = "how many numbers" },
    [P_ENDPOINT] = { .name = "endpoint",
                     .kind = TG_PARAM_BOOL,
                     .fallback = "True",
                     .summary = "whether `stop` is the last number" },
    [P_DTYPE] = { .name = "dtype",
                  .kind = TG_PARAM_DTYPE,
                  .fallback = "None",
                  .summary = "element type; None: float64" },
    TG__CHUNK_PARAMS,
    { .name = NULL },
};

const tg_op tg_op_linspace = {
    .name = "linspace",
    .module = "",
    .summary = "A given count of evenly spaced numbers.",
    .version = 1,
    .cls = TG_CLASS_SOURCE,
    .flags = TG_OP_CHEAP,
    .arg_names = "",
    .params = linspace_params,
    .infer = linspace_infer,
    .run = linspace_run,
};
