/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * _histogram_counts: elements per bin for edges that are an array. With even spacing the bin is
 * guessed by one multiplication and set right by the edges themselves, as NumPy does; else it is
 * found by bisection. 8-bit elements are first counted by value. With weights the sums are kept in
 * float64 and given as the type of the weights.
 */
#include <string.h>

#include "ops/kernel/cast.h"
#include "ops/reduce/reduce.h"
#include "ops/shape/common.h"
#include "ops/shape/odometer.h"
#include "ops/whole.h"

enum { UNIFORM };
enum { BLOCK = 512 };

static const tg_param_schema params[] = {
    { .name = "uniform", .kind = TG_PARAM_BOOL, .required = true, .summary = "even spacing" },
    { .name = NULL },
};

static tg_status
infer(tg_infer *infer, tg_error *err)
{
    tg_status status = TG_OK;
    TG_CHECK(infer->args[1]->ndim == 1 && infer->args[1]->shape[0] > 1, err, TG_ERR_VALUE,
             "_histogram_counts: edges must have one axis of length 2 or more");
    TG_TRY(tg__infer_cast(infer, 1, TG_DT_F64, err));
    infer->dtype = TG_DT_I64;
    if (infer->nargs > 2) {
        const tg_array *weights = infer->args[2];
        TG_CHECK(!tg_dtype_is_complex(weights->dtype), err, TG_ERR_TYPE,
                 "histogram: weights must be real numbers, got %s", tg_dtype_name(weights->dtype));
        TG_CHECK(weights->ndim == infer->args[0]->ndim &&
                     memcmp(weights->shape, infer->args[0]->shape,
                            (size_t)weights->ndim * sizeof weights->shape[0]) == 0,
                 err, TG_ERR_VALUE, "weights should have the same shape as a.");
        infer->dtype = weights->dtype;
        TG_TRY(tg__infer_cast(infer, 2, TG_DT_F64, err));
    }
    infer->ndim = 1;
    infer->shape[0] = infer->args[1]->shape[0] - 1;
out:
    return status;
}

static void
demand(const tg_array *node, size_t arg, const tg_box *domain, tg_box *in)
{
    if (arg != 1) {
        tg_box_copy(in, domain);
    } else {
        tg_array_box(node->args[arg], in);
    }
}

static int64_t
state_bytes(const tg_array *node, const tg_box *domain)
{
    (void)domain;
    return node->shape[0] * (int64_t)sizeof(int64_t);
}

typedef struct bins {
    const char *edges;
    int64_t stride, count;
    bool uniform;
    double lo, hi, scale;
    int64_t *counts;
    double *sums; /* with weights, instead of counts */
} bins;

static inline double
edge(const bins *b, int64_t i)
{
    return *(const double *)(const void *)(b->edges + i * b->stride);
}

static int64_t
find_bin(const bins *b, double x)
{
    int64_t bin = 0;
    if (b->uniform) {
        bin = (int64_t)((x - b->lo) * b->scale);
        bin = bin < 0 ? 0 : bin >= b->count ? b->count - 1 : bin;
        while (bin > 0 && x < edge(b, bin)) {
            bin--;
        }
        while (bin < b->count - 1 && x >= edge(b, bin + 1)) {
            bin++;
        }
    } else {
        /* The last edge that is not above x; bins of no width hold nothing, but the last. */
        int64_t end = b->count;
        while (end - bin > 1) {
            int64_t middle = bin + (end - bin) / 2;
            bin = x >= edge(b, middle) ? middle : bin;
            end = x >= edge(b, middle) ? end : middle;
        }
    }
    return bin;
}

static inline void
add(const bins *b, double x, int64_t times)
{
    if (x >= b->lo && x <= b->hi) {
        b->counts[find_bin(b, x)] += times;
    }
}

/* The first elements of a row, as doubles. */
static void
count_row(const bins *b, int64_t *by_value, const char *row, int64_t stride, tg_dtype dtype,
          int64_t length)
{
    double numbers[BLOCK];
    tg_loop cast = tg_cast_loop(dtype, TG_DT_F64);
    for (int64_t i = 0; i < length && by_value != NULL; i++) {
        by_value[(uint8_t)row[i * stride]]++;
    }
    for (int64_t i = 0; i < length && by_value == NULL; i += BLOCK) {
        size_t now = (size_t)tg_min_i64(BLOCK, length - i);
        char *const args[] = { (char *)(uintptr_t)(row + i * stride), (char *)numbers };
        const ptrdiff_t steps[] = { (ptrdiff_t)stride, sizeof numbers[0] };
        cast(args, steps, now, NULL);
        for (size_t k = 0; k < now; k++) {
            add(b, numbers[k], 1);
        }
    }
}

/* Elements with their weights, one by one: both views have the same cells. */
static void
weigh_view(const bins *b, const tg_view *in, const tg_view *weights)
{
    int inner = in->ndim - 1;
    int64_t at[TG_NDIM_MAX] = { 0 };
    bool more = tg_view_count(in) > 0;
    tg_loop cast = tg_cast_loop(in->dtype, TG_DT_F64);
    while (more) {
        char *row = tg__odometer_row(in, at);
        const char *weight = tg__odometer_row(weights, at);
        for (int64_t i = 0; i < (inner < 0 ? 1 : in->shape[inner]); i++) {
            double x = 0;
            char *const args[] = { row + (inner < 0 ? 0 : i * in->strides[inner]), (char *)&x };
            const ptrdiff_t steps[] = { 0, sizeof x };
            cast(args, steps, 1, NULL);
            if (x >= b->lo && x <= b->hi) {
                b->sums[find_bin(b, x)] +=
                    *(const double *)(const void *)(weight +
                                                    (inner < 0 ? 0 : i * weights->strides[inner]));
            }
        }
        more = tg__odometer_next(inner, in->shape, at);
    }
}

static void
count_view(const bins *b, const tg_view *in)
{
    int64_t by_value[256] = { 0 };
    bool is_byte = tg_dtype_size(in->dtype) == 1;
    int inner = in->ndim - 1;
    int64_t at[TG_NDIM_MAX] = { 0 };
    bool more = tg_view_count(in) > 0;
    while (more) {
        const char *row = tg__odometer_row(in, at);
        count_row(b, is_byte ? by_value : NULL, row, inner < 0 ? 0 : in->strides[inner], in->dtype,
                  inner < 0 ? 1 : in->shape[inner]);
        more = tg__odometer_next(inner, in->shape, at);
    }
    for (int v = 0; v < 256 && is_byte; v++) {
        double x = in->dtype == TG_DT_I8 ? (double)(int8_t)(uint8_t)v : (double)v;
        add(b, x, by_value[v]);
    }
}

static tg_status
partial(const tg_run *run, const tg_view *in, tg_buffer **state, tg_error *err)
{
    tg_status status = TG_OK;
    const tg_array *node = run->node;
    int64_t count = node->shape[0];
    TG_TRY(tg_reduce_state(run, state_bytes(node, run->out_box), state, err));
    bins b = { .edges = in[1].data,
               .stride = in[1].strides[0],
               .count = count,
               .uniform = node->values[UNIFORM].ints[0] != 0,
               .counts = tg_buffer_data(*state),
               .sums = tg_buffer_data(*state) };
    memset(b.counts, 0, (size_t)count * sizeof(int64_t)); /* as doubles 0, too */
    if (tg_view_count(&in[0]) == 0) {
        goto out; /* nothing is demanded for an empty domain, the edges neither */
    }
    b.lo = edge(&b, 0);
    b.hi = edge(&b, count);
    b.scale = b.hi > b.lo ? (double)count / (b.hi - b.lo) : 0;
    /* Edges that are NaN hold nothing. */
    if (b.hi >= b.lo && node->nargs > 2) {
        weigh_view(&b, &in[0], &in[2]);
    } else if (b.hi >= b.lo) {
        count_view(&b, &in[0]);
    }
out:
    return status;
}

static tg_status
combine(const tg_run *run, size_t count, tg_buffer *const *states, const tg_box *boxes,
        tg_buffer **out, tg_error *err)
{
    tg_status status = TG_OK;
    int64_t bin_count = run->node->shape[0];
    (void)boxes;
    TG_TRY(tg_reduce_state(run, bin_count * (int64_t)sizeof(int64_t), out, err));
    int64_t *to = tg_buffer_data(*out);
    double *sum_to = tg_buffer_data(*out);
    memcpy(to, tg_buffer_data(states[0]), (size_t)bin_count * sizeof *to);
    for (size_t s = 1; s < count; s++) {
        const int64_t *from = tg_buffer_data(states[s]);
        const double *sum_from = tg_buffer_data(states[s]);
        for (int64_t i = 0; i < bin_count && run->node->nargs == 2; i++) {
            to[i] += from[i];
        }
        for (int64_t i = 0; i < bin_count && run->node->nargs > 2; i++) {
            sum_to[i] += sum_from[i];
        }
    }
out:
    return status;
}

static void
emit(const void *context, int64_t first, size_t count, void *block)
{
    memcpy(block, (const int64_t *)context + first, count * sizeof(int64_t));
}

static tg_status
finish(const tg_run *run, tg_buffer *state, const tg_view *out, tg_error *err)
{
    (void)err;
    tg_reduce_store(out, run->node->nargs > 2 ? TG_DT_F64 : TG_DT_I64, emit,
                    (const int64_t *)tg_buffer_data(state) + run->out_box->lo[0]);
    return TG_OK;
}

static const tg_reduce reduce = {
    .axes = tg__whole_axes,
    .demand = demand,
    .state_bytes = state_bytes,
    .partial = partial,
    .combine = combine,
    .finish = finish,
};

const tg_op tg_op_histogram_counts = {
    .name = "_histogram_counts",
    .module = "_",
    .summary = "Counts the elements between edges.",
    .version = 1,
    .cls = TG_CLASS_REDUCE,
    .nargs_min = 2,
    .nargs_max = 3,
    .arg_names = "a|edges|weights",
    .params = params,
    .infer = infer,
    .cost = tg_reduce_cost,
    .reduce = &reduce,
};
