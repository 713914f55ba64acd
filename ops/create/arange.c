/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * arange: evenly spaced numbers in a half-open interval. Bit for bit NumPy's: the first two values
 * are made in the result's type, their difference is the step, and from the third on cell i is
 * first + i * step, computed in that type (float16 in float).
 */
#include <math.h>
#include <string.h>

#include "core/array/array.h"
#include "core/array/half.h"
#include "core/base/status.h"
#include "core/mem/alloc.h"
#include "ops/create/number.h"
#include "ops/registry.h"
#include "ops/shape/common.h"

enum { P_START, P_STOP, P_STEP, P_INTEGERS, P_DTYPE, P_CHUNKS, P_COUNTS };

typedef struct arange_state {
    int64_t first, step;              /* integer types */
    double first_d, second_d, step_d; /* float types; of float32 they hold float values */
} arange_state;

static void
arange_free(void *state)
{
    tg_free(NULL, state, sizeof(arange_state));
}

static tg_status
count_integers(const tg_value *value, int64_t *count, tg_error *err)
{
    tg_status status = TG_OK;
    const int64_t *v = value->ints;
    int64_t span = 0;
    TG_CHECK(value->count == 3, err, TG_ERR_VALUE,
             "arange: integers has the entries start, stop, step; got %u", value->count);
    TG_CHECK(v[2] != 0 && v[2] != INT64_MIN, err, TG_ERR_VALUE, "arange: step must not be zero");
    TG_CHECK(!__builtin_sub_overflow(v[1], v[0], &span) && span != INT64_MIN, err, TG_ERR_VALUE,
             "Maximum allowed size exceeded");
    *count = tg_max_i64(v[2] > 0 ? tg_ceil_div(span, v[2]) : tg_ceil_div(-span, -v[2]), 0);
out:
    return status;
}

static tg_status
count_floats(double start, double stop, double step, int64_t *count, tg_error *err)
{
    tg_status status = TG_OK;
    double length = 0.0;
    TG_CHECK(step != 0.0, err, TG_ERR_VALUE, "arange: step must not be zero");
    length = ceil((stop - start) / step);
    TG_CHECK(!isnan(length), err, TG_ERR_VALUE, "arange: cannot compute length");
    TG_CHECK(length < 0x1p60, err, TG_ERR_VALUE, "Maximum allowed size exceeded");
    *count = length > 0.0 ? (int64_t)length : 0;
out:
    return status;
}

/* The value as the dtype holds it, back as a double and as an integer. */
static void
through_dtype(double value, tg_dtype dtype, double *as_double, int64_t *as_int)
{
    if (dtype == TG_DT_F16) {
        *as_double = (double)tg_half_to_float(tg_double_to_half(value));
    } else if (dtype == TG_DT_F32 || dtype == TG_DT_C64) {
        *as_double = (double)(float)value;
    } else {
        *as_double = value;
    }
    *as_int = 0;
    if (dtype < TG_DT_F16) {
        tg__double_store(value, TG_DT_I64, as_int);
    }
}

static void
set_steps(tg_dtype dtype, double start, double step, arange_state *state)
{
    int64_t second_int = 0;
    through_dtype(start, dtype, &state->first_d, &state->first);
    through_dtype(start + step, dtype, &state->second_d, &second_int);
    state->step = (int64_t)((uint64_t)second_int - (uint64_t)state->first);
    state->step_d = state->second_d - state->first_d;
    if (dtype == TG_DT_F16 || dtype == TG_DT_F32 || dtype == TG_DT_C64) {
        state->step_d = (double)((float)state->second_d - (float)state->first_d);
    }
}

static tg_status
arange_infer(tg_infer *infer, tg_error *err)
{
    tg_status status = TG_OK;
    const tg_value *v = infer->values;
    const bool exact = v[P_INTEGERS].count > 0;
    arange_state *state = tg_calloc(NULL, 1, sizeof *state);

    TG_CHECK(state != NULL, err, TG_ERR_MEMORY, "arange: out of memory");
    TG_CHECK(exact || v[P_STOP].count > 0, err, TG_ERR_TYPE,
             "arange() requires stop to be specified.");
    infer->dtype =
        v[P_DTYPE].count > 0 ? (tg_dtype)v[P_DTYPE].ints[0] : (exact ? TG_DT_I64 : TG_DT_F64);
    TG_CHECK(infer->dtype != TG_DT_BOOL, err, TG_ERR_TYPE, "arange: no rule for dtype bool");
    infer->ndim = 1;
    if (exact) {
        const int64_t *i = v[P_INTEGERS].ints;
        TG_TRY(count_integers(&v[P_INTEGERS], &infer->shape[0], err));
        set_steps(infer->dtype, (double)i[0], (double)i[2], state);
        state->first = i[0];
        state->step = i[2];
    } else {
        const double start = tg_value_float(&v[P_START], 0, 0.0);
        const double step = tg_value_float(&v[P_STEP], 0, 1.0);
        TG_TRY(count_floats(start, v[P_STOP].floats[0], step, &infer->shape[0], err));
        set_steps(infer->dtype, start, step, state);
    }
    TG_TRY(tg__check_bytes(infer, err));
    TG_TRY(
        tg__chunks_from_values(&v[P_CHUNKS], &v[P_COUNTS], 1, infer->shape, &infer->chunks, err));
    infer->state = state;
    infer->state_free = arange_free;
    state = NULL;
out:
    tg_free(NULL, state, sizeof *state);
    return status;
}

static tg_status
arange_run(const tg_run *run, const tg_view *in, const tg_view *out, tg_error *err)
{
    const arange_state *state = run->node->state;
    const tg_dtype dtype = out->dtype;
    const int64_t lo = run->out_box->lo[0];
    const float first_f = (float)state->first_d;
    const float step_f = (float)state->step_d;
    char *to = out->data;
    (void)in;
    (void)err;
    for (int64_t i = lo; i < run->out_box->hi[0]; i++, to += out->strides[0]) {
        if (dtype < TG_DT_F16) {
            tg__int_store((int64_t)((uint64_t)state->first + (uint64_t)i * (uint64_t)state->step),
                          dtype, to);
        } else if (i == 1) {
            tg__double_store(state->second_d, dtype, to);
        } else if (dtype == TG_DT_F64 || dtype == TG_DT_C128) {
            tg__double_store(state->first_d + (double)i * state->step_d, dtype, to);
        } else {
            tg__double_store((double)(first_f + (float)i * step_f), dtype, to);
        }
    }
    return TG_OK;
}

static const tg_param_schema arange_params[] = {
    [P_START] = { .name = "start",
                  .kind = TG_PARAM_FLOAT,
                  .fallback = "0",
                  .summary = "first number" },
    [P_STOP] = { .name = "stop",
                 .kind = TG_PARAM_FLOAT,
                 .fallback = "None",
                 .summary = "end of the interval, not included" },
    [P_STEP] = { .name = "step",
                 .kind = TG_PARAM_FLOAT,
                 .fallback = "1",
                 .summary = "distance of the numbers" },
    [P_INTEGERS] = { .name = "integers",
                     .kind = TG_PARAM_INT,
                     .is_list = true,
                     .fallback = "None",
                     .summary = "start, stop, step as exact integers, instead of the three" },
    [P_DTYPE] = { .name = "dtype",
                  .kind = TG_PARAM_DTYPE,
                  .fallback = "None",
                  .summary = "element type; None: int64 for integers, else float64" },
    TG__CHUNK_PARAMS,
    { .name = NULL },
};

const tg_op tg_op_arange = {
    .name = "arange",
    .module = "",
    .summary = "Evenly spaced numbers in a half-open interval.",
    .version = 1,
    .cls = TG_CLASS_SOURCE,
    .flags = TG_OP_CHEAP,
    .arg_names = "",
    .params = arange_params,
    .infer = arange_infer,
    .run = arange_run,
};
