/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * non_local_means: as dipy.denoise.nlmeans.nlmeans(method="classic"): each cell becomes the mean of
 * the squares of all cells around it, weighted by how alike the patches round the two are, less
 * the bias of Rician noise, under the root. block_radius counts from the cell to the edge of the
 * farthest patch, as there, so block_radius - patch_radius is how far is searched; beyond the array
 * lies its mirror image.
 *
 * Design notes: float64 is computed as such (DIPY's values to 1e-9 of the largest), float32 in
 * float32 (1e-4). Other numbers become the float that holds them, and the result stays one: DIPY
 * would cut off what is behind the point. sigma is data: it may be computed in the same run.
 */
#include <math.h>
#include <string.h>

#include "core/array/dtype.h"
#include "core/array/scope.h"
#include "core/base/size.h"
#include "ops/kernel/nlmeans.h"
#include "ops/overlap/filter_args.h"

enum { PATCH_RADIUS, BLOCK_RADIUS, RICIAN };
enum { ARR, SIGMA, MASK };
enum { BLOCK_MAX = 32 };

typedef struct means {
    int64_t patch, block;
    bool rician;
} means;

static const tg_param_schema params[] = {
    { "patch_radius", TG_PARAM_INT, false, false, "1", NULL,
      "patches that are compared have 2 patch_radius + 1 cells along each axis" },
    { "block_radius", TG_PARAM_INT, false, false, "5", NULL,
      "they are looked for among the 2 block_radius + 1 cells round each" },
    { "rician", TG_PARAM_BOOL, false, false, "True", NULL,
      "noise of magnitudes, as in MRI; False: Gaussian" },
    TG_SCHEMA_END,
};

static tg_status
check_arr(tg_infer *infer, tg_error *err)
{
    tg_status status = TG_OK;
    const tg_array *arr = infer->args[ARR];
    TG_CHECK(arr->ndim == 3 || arr->ndim == 4, err, TG_ERR_VALUE,
             "non_local_means: arr must have 3 axes, or 4 where the last one counts volumes; it "
             "has %d",
             arr->ndim);
    TG_TRY(tg_filter_begin(infer, NULL, err));
    if (infer->dtype != TG_DT_F32 && infer->dtype != TG_DT_F64) {
        infer->dtype = tg_dtype_size(infer->dtype) <= 2 ? TG_DT_F32 : TG_DT_F64;
        infer->args[ARR] = tg_scope_cast(infer->scope, infer->args[ARR], infer->dtype);
        TG_CHECK(infer->args[ARR] != NULL, err, TG_ERR_MEMORY, "non_local_means: out of memory");
    }
out:
    return status;
}

static tg_status
check_sigma(tg_infer *infer, tg_error *err)
{
    tg_status status = TG_OK;
    const tg_array *arr = infer->args[ARR];
    const tg_array *sigma = infer->args[SIGMA];
    TG_CHECK(sigma->ndim == 0 ||
                 (sigma->ndim == 1 && arr->ndim == 4 && sigma->shape[0] == arr->shape[3]),
             err, TG_ERR_VALUE,
             "non_local_means: sigma must be one number, or one for each of the volumes along the "
             "last of 4 axes");
    TG_CHECK(!tg_dtype_is_complex(sigma->dtype), err, TG_ERR_TYPE,
             "non_local_means: sigma must be real, its dtype is %s", tg_dtype_name(sigma->dtype));
    infer->args[SIGMA] = tg_scope_cast(infer->scope, infer->args[SIGMA], TG_DT_F64);
    TG_CHECK(infer->args[SIGMA] != NULL, err, TG_ERR_MEMORY, "non_local_means: out of memory");
out:
    return status;
}

/* For every volume. */
static tg_status
check_mask(tg_infer *infer, tg_error *err)
{
    tg_status status = TG_OK;
    const tg_array *mask = infer->args[MASK];
    bool same = mask->ndim == 3;
    for (int a = 0; a < 3 && same; a++) {
        same = mask->shape[a] == infer->args[ARR]->shape[a];
    }
    TG_CHECK(same, err, TG_ERR_VALUE,
             "non_local_means: mask must have 3 axes, as long as the first three of arr; it has %d",
             mask->ndim);
    infer->args[MASK] = tg_scope_cast(infer->scope, infer->args[MASK], TG_DT_BOOL);
    TG_CHECK(infer->args[MASK] != NULL, err, TG_ERR_MEMORY, "non_local_means: out of memory");
out:
    return status;
}

static tg_status
infer(tg_infer *infer, tg_error *err)
{
    tg_status status = TG_OK;
    const tg_value *v = infer->values;
    int64_t patch = tg_value_int(&v[PATCH_RADIUS], 0, 1);
    int64_t block = tg_value_int(&v[BLOCK_RADIUS], 0, 5);
    TG_CHECK(patch >= 0 && patch <= TG_NLMEANS_PATCH_MAX, err, TG_ERR_VALUE,
             "non_local_means: patch_radius must be from 0 to %d, got %lld", TG_NLMEANS_PATCH_MAX,
             (long long)patch);
    TG_CHECK(block >= patch && block <= BLOCK_MAX, err, TG_ERR_VALUE,
             "non_local_means: block_radius must be from patch_radius, %lld, to %d, got %lld",
             (long long)patch, BLOCK_MAX, (long long)block);
    TG_TRY(check_arr(infer, err));
    TG_TRY(check_sigma(infer, err));
    if (infer->nargs > MASK) {
        TG_TRY(check_mask(infer, err));
    }
    means *m = tg_state_alloc(sizeof *m);
    TG_CHECK(m != NULL, err, TG_ERR_MEMORY, "non_local_means: out of memory");
    *m = (means){ patch, block, tg_value_int(&v[RICIAN], 0, 1) != 0 };
    infer->state = m;
    infer->state_free = tg_state_free;
out:
    return status;
}

static void
window(const tg_array *node, size_t arg, tg_window *window)
{
    const means *m = node->state;
    tg_filter_window_whole(window);
    if (arg == ARR || arg == MASK) {
        window->ndim = node->args[arg]->ndim;
        for (int a = 0; a < window->ndim; a++) {
            int64_t depth = arg == ARR && a < 3 ? m->block : 0;
            window->depth_lo[a] = depth;
            window->depth_hi[a] = depth;
            window->mode[a] = TG_BOUNDARY_MIRROR;
        }
    }
}

/* Bytes of scratch for one volume of a box: the padded input, the two sums, working memory; and
 * the numbers of all of that, in cells. */
typedef struct layout {
    int64_t n[3], padded[3];
    int64_t in, sums, work;
} layout;

static layout
layout_of(const means *m, const int64_t *n)
{
    layout l = { .in = 1, .sums = 1 };
    for (int a = 0; a < 3; a++) {
        l.n[a] = n[a];
        l.padded[a] = n[a] + 2 * m->block;
        l.in *= l.padded[a];
        l.sums *= n[a];
    }
    l.work = tg_nlmeans_work(n, m->patch, m->block - m->patch);
    return l;
}

static void
cost(const tg_array *node, const tg_box *out, tg_cost *cost)
{
    const means *m = node->state;
    int64_t n[3];
    double shifts = (double)(2 * (m->block - m->patch) + 1);
    for (int a = 0; a < 3; a++) {
        n[a] = out->hi[a] - out->lo[a];
    }
    layout l = layout_of(m, n);
    *cost = (tg_cost){
        .operations = 16 * shifts * shifts * shifts * (double)tg_box_count(out),
        .scratch_bytes =
            (l.in + 2 * l.sums + l.work) * (int64_t)tg_dtype_size(node->dtype) + l.sums + 4 * 64,
    };
}

/* The smallest box round the true cells; false: there are none. */
static bool
bounds_of(const bool *mask, const int64_t *n, int64_t *low, int64_t *high)
{
    int64_t at[3];
    for (int a = 0; a < 3; a++) {
        low[a] = n[a];
        high[a] = 0;
    }
    for (at[0] = 0; at[0] < n[0]; at[0]++) {
        for (at[1] = 0; at[1] < n[1]; at[1]++) {
            for (at[2] = 0; at[2] < n[2]; at[2]++) {
                for (int a = 0; a < 3 && *mask; a++) {
                    low[a] = tg_min_i64(low[a], at[a]);
                    high[a] = tg_max_i64(high[a], at[a] + 1);
                }
                mask++;
            }
        }
    }
    return high[0] > 0;
}

/* The result of one cell from its two sums. */
static double
result(double square, double norm, double bias)
{
    double value = square / norm - bias;
    return value > 0 ? sqrt(value) : value <= 0 ? 0.0 : value; /* NaN stays */
}

/* The sums of one volume, inside of [low, high), to the cells of `out` where the mask is true. */
static void
finish(const tg_nlmeans_job *job, double bias, const layout *l, const bool *mask,
       const int64_t *low, const tg_view *out)
{
    bool single = out->dtype == TG_DT_F32;
    int64_t at = 0;
    for (int64_t i = 0; i < job->n[0]; i++) {
        for (int64_t j = 0; j < job->n[1]; j++) {
            const bool *m = mask + ((low[0] + i) * l->n[1] + low[1] + j) * l->n[2] + low[2];
            char *row = (char *)out->data + (low[0] + i) * out->strides[0] +
                        (low[1] + j) * out->strides[1] + low[2] * out->strides[2];
            for (int64_t k = 0; k < job->n[2]; k++, at++, row += out->strides[2]) {
                double value =
                    !m[k]    ? 0
                    : single ? result(((float *)job->square)[at], ((float *)job->norm)[at], bias)
                             : result(((double *)job->square)[at], ((double *)job->norm)[at], bias);
                if (single) {
                    *(float *)(void *)row = (float)value;
                } else {
                    *(double *)(void *)row = value;
                }
            }
        }
    }
}

/* One volume: views of three axes. `memory` as in `cost`; the mask is made already. */
static void
denoise(const means *m, double sigma, const layout *l, const tg_view *in, const bool *mask,
        char *memory, const tg_view *out)
{
    int64_t size = (int64_t)tg_dtype_size(out->dtype);
    int64_t low[3];
    int64_t high[3];
    tg_view padded;
    tg_view_from_shape(&padded, memory, in->dtype, 3, l->padded);
    tg_view_copy(&padded, in);
    tg_view_fill(out, "\0\0\0\0\0\0\0");
    if (bounds_of(mask, l->n, low, high)) {
        int64_t cells = (2 * m->patch + 1) * (2 * m->patch + 1) * (2 * m->patch + 1);
        tg_nlmeans_job job = {
            .stride = { l->padded[1] * l->padded[2], l->padded[2] },
            .patch = m->patch,
            /* Without noise a cell is like itself only. */
            .search = sigma > 0 ? m->block - m->patch : 0,
            .scale = sigma > 0 ? 1 / (sqrt(2) * sigma * sigma * (double)cells) : 0,
            .square = memory + size * l->in,
            .norm = memory + size * (l->in + l->sums),
            .work = memory + size * (l->in + 2 * l->sums),
        };
        int64_t at = 0;
        for (int a = 0; a < 3; a++) {
            job.n[a] = high[a] - low[a];
            at = at * l->padded[a] + low[a] + m->block;
        }
        job.in = memory + size * at;
        const tg_nlmeans_kernels *kernels = TG_ISA_PICK(tg_nlmeans);
        (out->dtype == TG_DT_F32 ? kernels->sum_f32 : kernels->sum_f64)(&job);
        finish(&job, m->rician ? 2 * sigma * sigma : 0, l, mask, low, out);
    }
}

/* Volume `index` of a view of four axes (the view itself, of three). */
static tg_view
volume_of(const tg_view *view, int64_t index)
{
    tg_view volume = *view;
    if (view->ndim == 4) {
        volume.ndim = 3;
        volume.data = (char *)view->data + index * view->strides[3];
    }
    return volume;
}

static tg_status
run(const tg_run *run, const tg_view *in, const tg_view *out, tg_error *err)
{
    tg_status status = TG_OK;
    const means *m = run->node->state;
    int64_t size = (int64_t)tg_dtype_size(out->dtype);
    int64_t volumes = out->ndim == 4 ? out->shape[3] : 1;
    layout l = layout_of(m, out->shape);
    char *memory = tg_scratch_alloc(run->scratch, (l.in + 2 * l.sums + l.work) * size);
    bool *mask = tg_scratch_alloc(run->scratch, l.sums);
    TG_CHECK(memory != NULL && mask != NULL, err, TG_ERR_MEMORY,
             "non_local_means: out of scratch memory");
    memset(mask, 1, (size_t)l.sums);
    if (run->node->nargs > MASK) {
        tg_view flat;
        tg_view_from_shape(&flat, mask, TG_DT_BOOL, 3, l.n);
        tg_view_copy(&flat, &in[MASK]);
    }
    for (int64_t t = 0; t < volumes; t++) {
        int64_t volume = out->ndim == 4 ? run->out_box->lo[3] + t : 0;
        double sigma = 0;
        const char *sigmas = in[SIGMA].data;
        memcpy(&sigma, sigmas + (in[SIGMA].ndim == 1 ? volume * in[SIGMA].strides[0] : 0),
               sizeof sigma);
        TG_CHECK(isfinite(sigma) && sigma >= 0, err, TG_ERR_VALUE,
                 "non_local_means: sigma of volume %lld is %g, must be finite and >= 0",
                 (long long)volume, sigma);
        tg_view from = volume_of(&in[ARR], t);
        tg_view to = volume_of(out, t);
        denoise(m, sigma, &l, &from, mask, memory, &to);
    }
out:
    return status;
}

const tg_op tg_op_non_local_means = {
    .name = "non_local_means",
    .module = "ndimage",
    .summary = "Denoise: the mean of cells whose surroundings are alike (DIPY's nlmeans, classic).",
    .version = 1,
    .cls = TG_CLASS_STENCIL,
    .nargs_min = 2,
    .nargs_max = 3,
    .arg_names = "arr|sigma|mask",
    .params = params,
    .infer = infer,
    .window = window,
    .cost = cost,
    .run = run,
};
