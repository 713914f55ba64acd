/* SPDX-License-Identifier: BSD-3-Clause */
/* Mean, variance and standard deviation: see the header. */
#include "ops/reduce/moments.h"

#include <complex.h>
#include <math.h>
#include <string.h>

#include "ops/shape/common.h"

TG_ISA_TABLE(const tg_folds, tg_folds_sum);
TG_ISA_TABLE(const tg_folds, tg_folds_numbers);
TG_ISA_TABLE(const tg_deviates, tg_deviates_var);
TG_ISA_TABLE(const tg_deviates, tg_deviates_nanvar);

/* The arrays of a state. */
typedef struct moments {
    int64_t cells;
    size_t mean_bytes; /* 8 or 16 */
    double *count;
    char *mean;
    double *square;
} moments;

static moments
moments_of(const tg_array *node, int64_t cells, tg_buffer *state)
{
    char *data = tg_buffer_data(state);
    size_t mean_bytes = tg_dtype_is_complex(node->args[0]->dtype) ? 16 : 8;
    return (moments){ .cells = cells,
                      .mean_bytes = mean_bytes,
                      .mean = data,
                      .count = (double *)(void *)(data + (size_t)cells * mean_bytes),
                      .square = (double *)(void *)(data + (size_t)cells * (mean_bytes + 8)) };
}

static int64_t
moment_bytes(const tg_array *node, const tg_box *domain)
{
    return tg_reduce_cells(node, domain) * (tg_dtype_is_complex(node->args[0]->dtype) ? 32 : 24);
}

tg_status
tg_moment_infer(tg_infer *infer, tg_error *err)
{
    tg_status status = TG_OK;
    const tg_moment_kind *kind = infer->op->traits;
    TG_TRY(tg__require_known(infer, 0, err));
    if (kind->what != TG_MOMENT_MEAN) {
        TG_CHECK(infer->values[3].count == 0 || infer->values[4].count == 0 ||
                     infer->values[3].floats[0] == 0,
                 err, TG_ERR_VALUE, "%s: ddof and correction can't be provided simultaneously.",
                 infer->op->name);
    }
    TG_TRY(tg_reduce_infer_dtype(infer, tg_mean_dtype, err));
    if (kind->what != TG_MOMENT_MEAN) {
        infer->dtype = tg_dtype_real(infer->dtype);
    }
out:
    return status;
}

/* What the second pass needs. */
typedef struct context {
    moments m;
    tg_deviate deviate;
    size_t element_bytes;
} context;

/* The lanes that a row of `count` elements is reduced to: a power of two, TG_REDUCE_LANES at most.
 */
static size_t
lanes_of(size_t count)
{
    return count >= 4 * TG_REDUCE_LANES ? TG_REDUCE_LANES : count >= 128 ? 32 : 8;
}

static void
one_row(const context *c, int64_t cell, const char *x, size_t count)
{
    _Alignas(64) double means[2 * TG_REDUCE_LANES];
    _Alignas(64) double sums[TG_REDUCE_LANES];
    size_t wide = lanes_of(count);
    size_t parts = c->m.mean_bytes / sizeof(double);
    size_t whole = count - count % wide;
    const double *mean = (const double *)(const void *)c->m.mean + (size_t)cell * parts;
    memset(sums, 0, wide * sizeof *sums);
    for (size_t i = 0; i < wide; i++) {
        means[i * parts] = mean[0];
        means[i * parts + parts - 1] = mean[parts - 1];
    }
    c->deviate(sums, means, x, wide, whole / wide, (ptrdiff_t)wide);
    c->deviate(sums, means, x + whole * c->element_bytes, count - whole, 1, 0);
    for (size_t half = wide / 2; half > 0; half /= 2) {
        for (size_t i = 0; i < half; i++) {
            sums[i] += sums[i + half];
        }
    }
    c->m.square[cell] += sums[0];
}

static void
row(void *vcontext, int64_t cell, const void *x, size_t count, size_t rows, ptrdiff_t apart,
    int64_t index, int64_t step)
{
    const context *c = vcontext;
    (void)index;
    (void)step;
    for (size_t r = 0; r < rows; r++) {
        const char *from = (const char *)x + (ptrdiff_t)r * apart * (ptrdiff_t)c->element_bytes;
        one_row(c, cell + (int64_t)r, from, count);
    }
}

static void
column(void *vcontext, int64_t cell, const void *x, size_t count, size_t rows, ptrdiff_t apart,
       int64_t index)
{
    const context *c = vcontext;
    (void)index;
    c->deviate(c->m.square + cell, c->m.mean + (size_t)cell * c->m.mean_bytes, x, count, rows,
               apart);
}

/* The first pass of one kernel, into one of the arrays. */
static void
fold_into(const tg_run *run, const tg_view *in, const tg_folds *element, tg_dtype acc, void *to)
{
    tg_folder folder = { .acc = acc, .element = element, .join = TG_ISA_PICK(tg_folds_sum) };
    tg_folder_fold(run, in, &folder, to);
}

/* Sums and counts of a tile, then sums to means. Integer sums are uint64 with the sign's bits. */
static void
make_means(const tg_run *run, const tg_view *in, bool skip_nan, const moments *m)
{
    tg_dtype acc = TG_DT_NONE;
    const tg_folds *sum = tg_mean_folds(in->dtype, skip_nan, &acc);
    int64_t whole = tg_box_count(run->out_box) / (m->cells > 0 ? m->cells : 1);
    if (skip_nan) {
        fold_into(run, in, TG_ISA_PICK(tg_folds_numbers), TG_DT_F64, m->count);
    } else {
        for (int64_t i = 0; i < m->cells; i++) {
            m->count[i] = (double)whole;
        }
    }
    fold_into(run, in, sum, acc, m->mean);
    for (int64_t i = 0; i < m->cells; i++) {
        double n = m->count[i] > 0 ? m->count[i] : 1;
        char *mean = m->mean + (size_t)i * m->mean_bytes;
        if (acc == TG_DT_C128) {
            *(double _Complex *)(void *)mean /= n;
        } else if (acc == TG_DT_F64) {
            *(double *)(void *)mean /= n;
        } else {
            uint64_t total = *(uint64_t *)(void *)mean;
            bool is_unsigned = tg_dtype_kind(in->dtype) == TG_KIND_UINT;
            double value = is_unsigned ? (double)total : (double)(int64_t)total;
            *(double *)(void *)mean = value / n;
        }
    }
}

static tg_status
partial(const tg_run *run, const tg_view *in, tg_buffer **state, tg_error *err)
{
    tg_status status = TG_OK;
    const tg_moment_kind *kind = run->node->op->traits;
    bool inexact = tg_dtype_is_float(in->dtype) || tg_dtype_is_complex(in->dtype);
    bool skip_nan = kind->skip_nan && inexact;
    TG_TRY(tg_reduce_state(run, moment_bytes(run->node, run->out_box), state, err));
    context c = { .m = moments_of(run->node, tg_reduce_cells(run->node, run->out_box), *state),
                  .deviate = skip_nan ? TG_ISA_PICK(tg_deviates_nanvar)->at[in->dtype]
                                      : TG_ISA_PICK(tg_deviates_var)->at[in->dtype],
                  .element_bytes = tg_reduce_element_bytes(in->dtype) };
    make_means(run, in, skip_nan, &c.m);
    memset(c.m.square, 0, (size_t)c.m.cells * sizeof(double));
    if (kind->what != TG_MOMENT_MEAN) {
        tg_walk walk = { .context = &c, .row = row, .column = column };
        tg_reduce_walk(run->node, run->out_box, in, &walk);
    }
out:
    return status;
}

/* Chan: the joint mean lies between the two, and the distance of the means adds to the squares. */
static void
join(const moments *to, const moments *from)
{
    for (int64_t i = 0; i < to->cells; i++) {
        double na = to->count[i];
        double nb = from->count[i];
        double n = na + nb;
        double share = n > 0 ? nb / n : 0;
        char *mean = to->mean + (size_t)i * to->mean_bytes;
        const char *other = from->mean + (size_t)i * to->mean_bytes;
        double square = 0;
        if (to->mean_bytes == 16) {
            double _Complex *a = (double _Complex *)(void *)mean;
            double _Complex d = *(const double _Complex *)(const void *)other - *a;
            square = creal(d) * creal(d) + cimag(d) * cimag(d);
            *a += d * share;
        } else {
            double *a = (double *)(void *)mean;
            double d = *(const double *)(const void *)other - *a;
            square = d * d;
            *a += d * share;
        }
        to->square[i] += from->square[i];
        to->square[i] += nb > 0 && na > 0 ? square * na * share : 0;
        to->count[i] = n;
    }
}

static tg_status
combine(const tg_run *run, size_t count, tg_buffer *const *states, const tg_box *boxes,
        tg_buffer **out, tg_error *err)
{
    tg_status status = TG_OK;
    int64_t bytes = moment_bytes(run->node, &boxes[0]);
    TG_TRY(tg_reduce_state(run, bytes, out, err));
    memcpy(tg_buffer_data(*out), tg_buffer_data(states[0]), (size_t)bytes);
    int64_t cells = tg_reduce_cells(run->node, &boxes[0]);
    moments to = moments_of(run->node, cells, *out);
    for (size_t i = 1; i < count; i++) {
        moments from = moments_of(run->node, cells, states[i]);
        join(&to, &from);
    }
out:
    return status;
}

typedef struct result {
    moments m;
    const tg_moment_kind *kind;
    double less; /* ddof */
} result;

static void
emit_mean(const void *vcontext, int64_t first, size_t count, void *block)
{
    const result *r = vcontext;
    size_t parts = r->m.mean_bytes / sizeof(double);
    const double *mean = (const double *)(const void *)r->m.mean + (size_t)first * parts;
    double *out = block;
    for (size_t i = 0; i < count * parts; i++) {
        out[i] = r->m.count[first + (int64_t)(i / parts)] > 0 ? mean[i] : (double)NAN;
    }
}

static void
emit_spread(const void *vcontext, int64_t first, size_t count, void *block)
{
    const result *r = vcontext;
    double *out = block;
    for (size_t i = 0; i < count; i++) {
        /* As NumPy: a divisor below 0 counts as 0; the nan functions give NaN there. */
        double n = r->m.count[first + (int64_t)i] - r->less;
        double var = r->m.square[first + (int64_t)i] / (n > 0 ? n : 0.0);
        var = r->kind->skip_nan && !(n > 0) ? (double)NAN : var;
        out[i] = r->kind->what == TG_MOMENT_STD ? sqrt(var) : var;
    }
}

static tg_status
finish(const tg_run *run, tg_buffer *state, const tg_view *out, tg_error *err)
{
    const tg_moment_kind *kind = run->node->op->traits;
    bool is_complex = tg_dtype_is_complex(run->node->args[0]->dtype);
    result r = { .m = moments_of(run->node, tg_view_count(out), state), .kind = kind };
    (void)err;
    if (kind->what == TG_MOMENT_MEAN) {
        tg_reduce_store(out, is_complex ? TG_DT_C128 : TG_DT_F64, emit_mean, &r);
    } else {
        const tg_value *values = run->node->values;
        r.less = values[4].count > 0 ? values[4].floats[0] : tg_value_float(&values[3], 0, 0.0);
        tg_reduce_store(out, TG_DT_F64, emit_spread, &r);
    }
    return TG_OK;
}

const tg_reduce tg_moment_reduce = {
    .axes = tg_reduce_axes,
    .state_bytes = moment_bytes,
    .partial = partial,
    .combine = combine,
    .finish = finish,
};

const tg_param_schema tg_mean_params[] = {
    TG_PARAM_AXIS,
    TG_PARAM_KEEPDIMS,
    TG_PARAM_RESULT_DTYPE,
    { .name = NULL },
};

const tg_param_schema tg_variance_params[] = {
    TG_PARAM_AXIS,
    TG_PARAM_KEEPDIMS,
    TG_PARAM_RESULT_DTYPE,
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
