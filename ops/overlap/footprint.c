/* SPDX-License-Identifier: BSD-3-Clause */
/* Footprints of neighbourhood ops. See the header. */
#include "ops/overlap/footprint.h"

#include "core/base/assert.h"
#include "ops/overlap/filter_args.h"
#include "ops/shape/odometer.h"

static tg_footprint *
create(int ndim, const int64_t *size, bool values)
{
    int64_t count = 1;
    for (int a = 0; a < ndim; a++) {
        count *= size[a];
    }
    size_t marks = ((size_t)count + 7) & ~(size_t)7;
    tg_footprint *f =
        tg_state_alloc(sizeof *f + marks + (values ? (size_t)count * sizeof(double) : 0));
    if (f != NULL) {
        f->ndim = ndim;
        f->count = count;
        f->member = (const uint8_t *)(f + 1);
        f->value = values ? (const double *)(f->member + marks) : NULL;
        for (int a = 0; a < ndim; a++) {
            f->size[a] = size[a];
            f->before[a] = size[a] / 2;
        }
    }
    return f;
}

static void
mark(const double *restrict data, uint8_t *restrict member, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        member[i] = data[i] != 0;
    }
}

tg_status
tg_footprint_set_origin(const tg_infer *infer, tg_footprint *footprint, const int *axes, int naxes,
                        const tg_value *origin, tg_error *err)
{
    tg_status status = TG_OK;
    TG_TRY(tg_filter_count(infer, "origin", origin, naxes, err));
    for (int i = 0; i < naxes; i++) {
        int64_t shift = tg_value_int(origin, (uint32_t)i, 0);
        int64_t size = footprint->size[axes[i]];
        TG_TRY(tg_filter_origin(infer, shift, size, err));
        footprint->before[axes[i]] = size / 2 + shift;
    }
out:
    return status;
}

tg_status
tg_footprint_from_arg(const tg_infer *infer, size_t arg, const int *axes, int naxes,
                      const tg_value *origin, bool values, tg_footprint **out, tg_error *err)
{
    tg_status status = TG_OK;
    double *data = NULL;
    int ndim = 0;
    int64_t shape[TG_NDIM_MAX];
    int64_t size[TG_NDIM_MAX];
    uint64_t used = 0;
    tg_footprint *f = NULL;
    char what[32];
    tg__op_arg_name(infer->op, arg, what, sizeof what);
    TG_TRY(tg_filter_small(infer->op->name, what, infer->args[arg], &data, &ndim, shape, err));
    TG_CHECK(ndim == naxes, err, TG_ERR_MISMATCH, "%s: %s.ndim (%d) must match len(axes) (%d)",
             infer->op->name, what, ndim, naxes);
    for (int i = 0; i < naxes; i++) {
        used |= (uint64_t)1 << axes[i];
    }
    for (int a = 0, i = 0; a < infer->args[0]->ndim; a++) {
        size[a] = (used >> a & 1) != 0 ? shape[i++] : 1;
    }
    f = create(infer->args[0]->ndim, size, values);
    TG_CHECK(f != NULL, err, TG_ERR_MEMORY, "%s: out of memory", infer->op->name);
    mark(data, (uint8_t *)f->member, f->count);
    if (values) {
        memcpy((double *)f->value, data, (size_t)f->count * sizeof *data);
    }
    TG_TRY(tg_footprint_set_origin(infer, f, axes, naxes, origin, err));
    *out = f;
    f = NULL;
out:
    tg_state_free(f);
    tg_state_free(data);
    return status;
}

tg_footprint *
tg_footprint_box(int ndim, const int64_t *size)
{
    tg_footprint *f = create(ndim, size, false);
    if (f != NULL) {
        memset((uint8_t *)f->member, 1, (size_t)f->count);
    }
    return f;
}

tg_footprint *
tg_footprint_cross(int ndim, const int *axes, int naxes)
{
    int64_t size[TG_NDIM_MAX];
    int64_t index[TG_NDIM_MAX] = { 0 };
    TG_DCHECK(ndim >= 0 && ndim <= TG_NDIM_MAX);
    for (int a = 0; a < ndim; a++) {
        size[a] = 1;
    }
    for (int i = 0; i < naxes; i++) {
        size[axes[i]] = 3;
    }
    tg_footprint *f = create(ndim, size, false);
    for (int64_t i = 0; f != NULL && i < f->count; i++) {
        int away = 0;
        for (int a = 0; a < ndim; a++) {
            away += index[a] != f->before[a];
        }
        ((uint8_t *)f->member)[i] = away <= 1;
        (void)tg__odometer_next(ndim, size, index);
    }
    return f;
}

void
tg_footprint_mirror(tg_footprint *f)
{
    for (int64_t i = 0, j = f->count - 1; i < j; i++, j--) {
        uint8_t *member = (uint8_t *)f->member;
        uint8_t m = member[i];
        member[i] = member[j];
        member[j] = m;
        if (f->value != NULL) {
            double *value = (double *)f->value;
            double v = value[i];
            value[i] = value[j];
            value[j] = v;
        }
    }
    for (int a = 0; a < f->ndim; a++) {
        f->before[a] = f->size[a] - 1 - f->before[a];
    }
}

void
tg_footprint_window(const tg_footprint *f, int64_t times, tg_window *window)
{
    window->ndim = f->ndim;
    for (int a = 0; a < f->ndim; a++) {
        window->depth_lo[a] = times * f->before[a];
        window->depth_hi[a] = times * (f->size[a] - 1 - f->before[a]);
    }
}
