/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * threshold_otsu: skimage.filters.threshold_otsu, to the bit: one pass for the range, one for the
 * histogram (one bin per value for integers, `nbins` as numpy.histogram cuts them for floats), and
 * Otsu's criterion in the types that skimage computes it in: weights in float32, means in float64.
 */
#include <math.h>

#include "core/array/dtype.h"
#include "core/array/scope.h"
#include "core/mem/alloc.h"
#include "ops/kernel/rowcast.h"
#include "ops/overlap/filter_args.h"
#include "ops/shape/odometer.h"
#include "ops/whole.h"

/* Integers of a wider range than this would need a histogram without use. */
#define BINS_MAX ((int64_t)1 << 26)

/* Calls back row by row, values as doubles. */
typedef void (*row_fn)(void *ctx, const double *values, int64_t n);

static tg_status
each_row(const tg_run *run, const tg_view *in, row_fn fn, void *ctx, tg_error *err)
{
    tg_status status = TG_OK;
    int64_t index[TG_NDIM_MAX] = { 0 };
    int64_t n = in->ndim > 0 ? in->shape[in->ndim - 1] : 1;
    double *row = tg_scratch_alloc(run->scratch, n * 8 + 8);
    TG_CHECK(row != NULL, err, TG_ERR_MEMORY, "threshold_otsu: out of scratch memory");
    bool more = tg_view_count(in) > 0;
    while (more) {
        TG_ISA_PICK(tg_rowcast)->load[in->dtype](tg__odometer_row(in, index), row, n);
        fn(ctx, row, n);
        more = tg__odometer_next(in->ndim - 1, in->shape, index);
    }
out:
    return status;
}

/* ---- _value_range: [min, max]; NaN when there is a NaN ---- */

typedef struct range {
    double min, max;
} range;

static void
range_add(range *r, const range *other)
{
    r->min = other->min < r->min || isnan(other->min) ? other->min : r->min;
    r->max = other->max > r->max || isnan(other->max) ? other->max : r->max;
}

static void
range_row(void *ctx, const double *values, int64_t n)
{
    range *r = ctx;
    for (int64_t i = 0; i < n; i++) {
        range_add(r, &(range){ values[i], values[i] });
    }
}

static int64_t
range_bytes(const tg_array *node, const tg_box *domain)
{
    (void)node;
    (void)domain;
    return sizeof(range);
}

static tg_status
range_partial(const tg_run *run, const tg_view *in, tg_buffer **state, tg_error *err)
{
    tg_status status = TG_OK;
    range r = { INFINITY, -INFINITY };
    TG_TRY(each_row(run, &in[0], range_row, &r, err));
    *state = tg_buffer_create(run->pool, sizeof r);
    TG_CHECK(*state != NULL, err, TG_ERR_MEMORY, "threshold_otsu: out of memory");
    memcpy(tg_buffer_data(*state), &r, sizeof r);
out:
    return status;
}

static tg_status
range_combine(const tg_run *run, size_t count, tg_buffer *const *states, const tg_box *boxes,
              tg_buffer **out, tg_error *err)
{
    tg_status status = TG_OK;
    (void)boxes;
    *out = tg_buffer_create(run->pool, sizeof(range));
    TG_CHECK(*out != NULL, err, TG_ERR_MEMORY, "threshold_otsu: out of memory");
    range *r = tg_buffer_data(*out);
    *r = (range){ INFINITY, -INFINITY };
    for (size_t i = 0; i < count; i++) {
        range_add(r, tg_buffer_data(states[i]));
    }
out:
    return status;
}

static tg_status
range_finish(const tg_run *run, tg_buffer *state, const tg_view *out, tg_error *err)
{
    tg_status status = TG_OK;
    int64_t shape = 2;
    (void)out;
    tg_buffer *copy = tg_buffer_create(run->pool, sizeof(range));
    TG_CHECK(copy != NULL, err, TG_ERR_MEMORY, "threshold_otsu: out of memory");
    memcpy(tg_buffer_data(copy), tg_buffer_data(state), sizeof(range));
    tg_run_give_take(run, 1, &shape, copy);
out:
    return status;
}

static tg_status
range_infer(tg_infer *infer, tg_error *err)
{
    tg_status status = TG_OK;
    TG_TRY(tg_filter_begin(infer, NULL, err));
    infer->dtype = TG_DT_F64;
    infer->ndim = 1;
    infer->shape[0] = -1; /* two; not told, as the axes that are kept are none */
out:
    return status;
}

static const tg_reduce range_reduce = {
    .axes = tg__whole_axes,
    .state_bytes = range_bytes,
    .partial = range_partial,
    .combine = range_combine,
    .finish = range_finish,
};

const tg_op tg_op__value_range = {
    .name = "_value_range",
    .module = "_",
    .summary = "The smallest and the largest value.",
    .version = 1,
    .cls = TG_CLASS_REDUCE,
    .flags = TG_OP_UNKNOWN_SHAPE,
    .nargs_min = 1,
    .nargs_max = 1,
    .arg_names = "input",
    .infer = range_infer,
    .reduce = &range_reduce,
};

/* ---- _otsu(image, range): the histogram and the criterion ---- */

static const tg_param_schema otsu_params[] = {
    { "nbins", TG_PARAM_INT, false, false, "256", NULL, "bins of float images" },
    TG_SCHEMA_END,
};

/* A state: the range, the number of bins and the counts. */
typedef struct histogram {
    range range;
    int64_t bins;
    int64_t count[];
} histogram;

/* numpy.linspace in the type of the image. */
static double
edge_of(const range *r, int64_t bins, int64_t i, bool single)
{
    double edge = 0;
    if (i == bins) {
        edge = r->max;
    } else if (single) {
        float step = ((float)r->max - (float)r->min) / (float)bins;
        float product = (float)i * step;
        edge = (double)(product + (float)r->min);
    } else {
        double step = (r->max - r->min) / (double)bins;
        edge = (double)i * step + r->min;
    }
    return edge;
}

typedef struct filling {
    histogram *h;
    const double *edges; /* NULL: integers */
    bool single;
} filling;

static void
fill_row(void *ctx, const double *values, int64_t n)
{
    const filling *f = ctx;
    histogram *h = f->h;
    for (int64_t i = 0; i < n; i++) {
        int64_t bin = 0;
        double v = values[i];
        if (!(v >= h->range.min && v <= h->range.max)) {
            bin = -1;
        } else if (f->edges == NULL) {
            bin = (int64_t)(v - h->range.min);
        } else {
            bin = (int64_t)((v - h->range.min) / (h->range.max - h->range.min) * (double)h->bins);
            bin = bin >= h->bins ? h->bins - 1 : bin;
            /* As NumPy: rounding may have put it one bin off; the edges decide. */
            bin -= bin > 0 && v < f->edges[bin];
            bin += bin + 1 < h->bins && v >= f->edges[bin + 1];
        }
        if (bin >= 0) {
            h->count[bin]++;
        }
    }
}

static tg_status
bins_of(const tg_run *run, const range *r, int64_t *bins, tg_error *err)
{
    tg_status status = TG_OK;
    *bins = tg_value_int(&run->node->values[0], 0, 256);
    TG_CHECK(r->min <= r->max && isfinite(r->min) && isfinite(r->max), err, TG_ERR_VALUE,
             "threshold_otsu: the image is empty, or its range [%g, %g] is not finite", r->min,
             r->max);
    if (!tg_dtype_is_float(run->node->args[0]->dtype)) {
        TG_CHECK(r->max - r->min < (double)BINS_MAX, err, TG_ERR_LIMIT,
                 "threshold_otsu: integers from %.0f to %.0f need too many bins; convert to float",
                 r->min, r->max);
        *bins = (int64_t)(r->max - r->min) + 1;
    } else if (r->min == r->max) {
        *bins = 1;
    }
out:
    return status;
}

static tg_buffer *
histogram_create(tg_pool *pool, const range *r, int64_t bins)
{
    size_t bytes = sizeof(histogram) + (size_t)bins * sizeof(int64_t);
    tg_buffer *buffer = tg_buffer_create(pool, bytes);
    if (buffer != NULL) {
        histogram *h = tg_buffer_data(buffer);
        memset(h, 0, bytes);
        h->range = *r;
        h->bins = bins;
    }
    return buffer;
}

static tg_status
otsu_partial(const tg_run *run, const tg_view *in, tg_buffer **state, tg_error *err)
{
    tg_status status = TG_OK;
    const range *r = in[1].data;
    int64_t bins = 0;
    double *edges = NULL;
    bool single = in[0].dtype == TG_DT_F32;
    TG_CHECK(in[1].shape[0] == 2, err, TG_ERR_CORRUPT, "threshold_otsu: a range of %lld numbers",
             (long long)in[1].shape[0]);
    TG_TRY(bins_of(run, r, &bins, err));
    *state = histogram_create(run->pool, r, bins);
    TG_CHECK(*state != NULL, err, TG_ERR_MEMORY, "threshold_otsu: out of memory for %lld bins",
             (long long)bins);
    if (tg_dtype_is_float(in[0].dtype)) {
        edges = tg_scratch_alloc(run->scratch, (bins + 1) * 8);
        TG_CHECK(edges != NULL, err, TG_ERR_MEMORY, "threshold_otsu: out of scratch memory");
        for (int64_t i = 0; i <= bins; i++) {
            edges[i] = edge_of(r, bins, i, single);
        }
    }
    filling f = { tg_buffer_data(*state), bins > 1 ? edges : NULL, single };
    TG_TRY(each_row(run, &in[0], fill_row, &f, err));
out:
    return status;
}

static tg_status
otsu_combine(const tg_run *run, size_t count, tg_buffer *const *states, const tg_box *boxes,
             tg_buffer **out, tg_error *err)
{
    tg_status status = TG_OK;
    const histogram *first = tg_buffer_data(states[0]);
    (void)boxes;
    *out = histogram_create(run->pool, &first->range, first->bins);
    TG_CHECK(*out != NULL, err, TG_ERR_MEMORY, "threshold_otsu: out of memory for %lld bins",
             (long long)first->bins);
    histogram *sum = tg_buffer_data(*out);
    for (size_t s = 0; s < count; s++) {
        const histogram *h = tg_buffer_data(states[s]);
        TG_CHECK(h->bins == sum->bins, err, TG_ERR_CORRUPT,
                 "threshold_otsu: states with %lld and %lld bins", (long long)sum->bins,
                 (long long)h->bins);
        for (int64_t i = 0; i < sum->bins; i++) {
            sum->count[i] += h->count[i];
        }
    }
out:
    return status;
}

/* The centre of a bin, in the type skimage has it in. */
static double
centre_of(const histogram *h, int64_t i, tg_dtype dtype)
{
    double centre = h->range.min + (double)i;
    if (tg_dtype_is_float(dtype) && h->bins > 1) {
        bool single = dtype == TG_DT_F32;
        double lo = edge_of(&h->range, h->bins, i, single);
        double hi = edge_of(&h->range, h->bins, i + 1, single);
        centre = single ? (double)(((float)lo + (float)hi) / 2.0f) : (lo + hi) / 2.0;
    }
    return centre;
}

/* A product of float32 counts and centres: float32 for float32 images, else float64. */
static double
product(float count, double centre, bool single)
{
    return single ? (double)(count * (float)centre) : (double)count * centre;
}

static double
add(double a, double b, bool single)
{
    return single ? (double)((float)a + (float)b) : a + b;
}

static tg_status
otsu_finish(const tg_run *run, tg_buffer *state, const tg_view *out, tg_error *err)
{
    tg_status status = TG_OK;
    const histogram *h = tg_buffer_data(state);
    tg_dtype dtype = run->node->args[0]->dtype;
    bool single = dtype == TG_DT_F32;
    int64_t n = h->bins;
    double threshold = centre_of(h, 0, dtype);
    /* Not scratch: what one task of a plan may take is counted for tiles, not for finishing. */
    size_t bytes = (size_t)(n + 1) * (sizeof(double) + sizeof(float));
    double *mean = tg_malloc(NULL, bytes);
    TG_CHECK(mean != NULL, err, TG_ERR_MEMORY, "threshold_otsu: out of memory for %lld bins",
             (long long)n);
    float *weight = (float *)(mean + n + 1);
    /* From above: weight2 and mean2 of bin i. */
    float w = 0;
    double m = 0;
    for (int64_t i = n - 1; i >= 0; i--) {
        float count = (float)h->count[i];
        w = i == n - 1 ? count : w + count;
        m = i == n - 1 ? product(count, centre_of(h, i, dtype), single)
                       : add(m, product(count, centre_of(h, i, dtype), single), single);
        weight[i] = w;
        mean[i] = single ? (double)((float)m / w) : m / (double)w;
    }
    double best = -INFINITY;
    for (int64_t i = 0; i + 1 < n; i++) {
        float count = (float)h->count[i];
        double centre = centre_of(h, i, dtype);
        w = i == 0 ? count : w + count;
        m = i == 0 ? product(count, centre, single)
                   : add(m, product(count, centre, single), single);
        double variance = 0;
        if (single) {
            float difference = (float)m / w - (float)mean[i + 1];
            variance = (double)(w * weight[i + 1] * (difference * difference));
        } else {
            double difference = m / (double)w - mean[i + 1];
            variance = (double)(w * weight[i + 1]) * (difference * difference);
        }
        if (variance > best) {
            best = variance;
            threshold = centre;
        }
    }
    TG_ISA_PICK(tg_rowcast)->store[out->dtype](&threshold, out->data, 1);
out:
    tg_free(NULL, mean, bytes);
    return status;
}

static tg_status
otsu_check(const tg_array *node, const tg_box *domain, const void *state, size_t bytes,
           tg_error *err)
{
    tg_status status = TG_OK;
    const histogram *h = state;
    (void)node, (void)domain;
    TG_CHECK(bytes >= sizeof *h && h->bins >= 1 && h->bins <= BINS_MAX &&
                 bytes == sizeof *h + (size_t)h->bins * sizeof *h->count,
             err, TG_ERR_CORRUPT, "threshold_otsu: a state of %zu bytes is no histogram", bytes);
out:
    return status;
}

static int64_t
otsu_bytes(const tg_array *node, const tg_box *domain)
{
    (void)domain;
    tg_dtype dtype = node->args[0]->dtype;
    int64_t bins = tg_dtype_is_float(dtype) ? tg_value_int(&node->values[0], 0, 256) : 65536;
    return (int64_t)sizeof(histogram) + 8 * bins;
}

static tg_status
otsu_infer(tg_infer *infer, tg_error *err)
{
    tg_status status = TG_OK;
    TG_CHECK(tg_array_made_by(infer->args[1], "_value_range"), err, TG_ERR_VALUE,
             "_otsu: needs the range of the image");
    TG_TRY(tg_filter_begin(infer, NULL, err));
    infer->dtype = tg_dtype_is_float(infer->dtype) ? infer->dtype : TG_DT_I64;
    infer->ndim = 0;
out:
    return status;
}

static const tg_reduce otsu_reduce = {
    .axes = tg__whole_axes,
    .demand = tg__whole_others_demand,
    .state_bytes = otsu_bytes,
    .partial = otsu_partial,
    .combine = otsu_combine,
    .finish = otsu_finish,
    .check_state = otsu_check,
};

const tg_op tg_op__otsu = {
    .name = "_otsu",
    .module = "_",
    .summary = "Otsu's threshold of an image with a known range of values.",
    .version = 1,
    .cls = TG_CLASS_REDUCE,
    .flags = TG_OP_DYNAMIC,
    .nargs_min = 2,
    .nargs_max = 2,
    .arg_names = "image|range",
    .params = otsu_params,
    .infer = otsu_infer,
    .reduce = &otsu_reduce,
};

/* ---- threshold_otsu ---- */

static tg_array *
build(tg_scope *scope, size_t nargs, tg_array *const *args, const tg_value *values)
{
    tg_array *both[2] = { args[0], NULL };
    int64_t nbins = tg_value_int(&values[0], 0, 256);
    const tg_param given = { "nbins", TG_PARAM_INT, { .count = 1, .ints = &nbins } };
    (void)nargs;
    if (nbins < 1 || nbins > BINS_MAX) {
        (void)tg_scope_fail(scope, TG_ERR_VALUE,
                            "threshold_otsu: nbins must be from 1 to %lld, got %lld",
                            (long long)BINS_MAX, (long long)nbins);
    } else {
        both[1] = tg_apply(scope, "_value_range", 1, args, 0, NULL);
    }
    return both[1] != NULL ? tg_apply(scope, "_otsu", 2, both, 1, &given) : NULL;
}

const tg_op tg_op_threshold_otsu = {
    .name = "threshold_otsu",
    .module = "",
    .summary = "Otsu's threshold: the value that separates best into dark and bright.",
    .version = 1,
    .cls = TG_CLASS_COMPOSITE,
    .nargs_min = 1,
    .nargs_max = 1,
    .arg_names = "image",
    .params = otsu_params,
    .build = build,
};
