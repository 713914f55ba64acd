/* SPDX-License-Identifier: BSD-3-Clause */
/* The arguments that all neighbourhood ops share. See the header. */
#include "ops/overlap/filter_args.h"

#include "core/base/assert.h"
#include "core/mem/alloc.h"
#include "ops/kernel/rowcast.h"

/* Freeing needs the size: it stands in front, in a slot that keeps the alignment. */
enum { STATE_HEAD = 64 };

void *
tg_state_alloc(size_t bytes)
{
    unsigned char *block = tg_calloc(NULL, 1, bytes + STATE_HEAD);
    if (block != NULL) {
        memcpy(block, &bytes, sizeof bytes);
        block += STATE_HEAD;
    }
    return block;
}

void
tg_state_free(void *state)
{
    if (state != NULL) {
        unsigned char *block = (unsigned char *)state - STATE_HEAD;
        size_t bytes = 0;
        memcpy(&bytes, block, sizeof bytes);
        tg_free(NULL, block, bytes + STATE_HEAD);
    }
}

tg_boundary
tg_mode_boundary(int64_t choice)
{
    static const uint8_t boundary[] = {
        TG_BOUNDARY_REFLECT,  TG_BOUNDARY_MIRROR,  TG_BOUNDARY_NEAREST, TG_BOUNDARY_WRAP,
        TG_BOUNDARY_CONSTANT, TG_BOUNDARY_REFLECT, TG_BOUNDARY_WRAP,    TG_BOUNDARY_CONSTANT,
    };
    TG_ASSERT(choice >= 0 && choice < (int64_t)sizeof boundary);
    return (tg_boundary)boundary[choice];
}

tg_status
tg_filter_begin(tg_infer *infer, const tg_value *output, tg_error *err)
{
    tg_status status = TG_OK;
    const tg_array *in = infer->args[0];
    const char *name = infer->op->name;
    /* SciPy has RuntimeError for float16. */
    TG_CHECK(tg_rowcast_supported(in->dtype), err,
             in->dtype == TG_DT_F16 ? TG_ERR_MISMATCH : TG_ERR_TYPE,
             "%s: dtype %s is not supported; bool, integers, float32 and float64 are", name,
             tg_dtype_name(in->dtype));
    infer->dtype = output != NULL && output->count > 0 ? (tg_dtype)output->ints[0] : in->dtype;
    TG_CHECK(tg_rowcast_supported(infer->dtype), err, TG_ERR_TYPE,
             "%s: output dtype %s is not supported; bool, integers, float32 and float64 are", name,
             tg_dtype_name(infer->dtype));
    infer->ndim = in->ndim;
    for (int a = 0; a < in->ndim; a++) {
        TG_CHECK(in->shape[a] >= 0, err, TG_ERR_VALUE,
                 "%s: the length of axis %d is not known yet; compute the input first", name, a);
        infer->shape[a] = in->shape[a];
    }
out:
    return status;
}

tg_status
tg_filter_axes(const tg_infer *infer, const tg_value *axes, int *list, int *count, tg_error *err)
{
    tg_status status = TG_OK;
    int ndim = infer->args[0]->ndim;
    uint64_t seen = 0;
    *count = 0;
    if (axes == NULL || axes->count == 0) {
        for (int a = 0; a < ndim; a++) {
            list[(*count)++] = a;
        }
    } else {
        for (uint32_t i = 0; i < axes->count; i++) {
            int64_t axis = axes->ints[i];
            TG_CHECK(axis >= -ndim && axis < ndim, err, TG_ERR_VALUE,
                     "%s: specified axis: %lld is out of range for an array of dimension %d",
                     infer->op->name, (long long)axis, ndim);
            axis += axis < 0 ? ndim : 0;
            TG_CHECK((seen >> axis & 1) == 0, err, TG_ERR_VALUE, "%s: axes must be unique",
                     infer->op->name);
            seen |= (uint64_t)1 << axis;
            list[(*count)++] = (int)axis;
        }
    }
out:
    return status;
}

tg_status
tg_filter_count(const tg_infer *infer, const char *name, const tg_value *value, int count,
                tg_error *err)
{
    tg_status status = TG_OK;
    TG_CHECK(value->count <= 1 || value->count == (uint32_t)count, err, TG_ERR_MISMATCH,
             "%s: %s must have one entry or one per axis: %d axes, got %u entries", infer->op->name,
             name, count, value->count);
out:
    return status;
}

tg_status
tg_filter_origin(const tg_infer *infer, int64_t origin, int64_t size, tg_error *err)
{
    tg_status status = TG_OK;
    TG_CHECK(size / 2 + origin >= 0 && size / 2 + origin < size, err, TG_ERR_VALUE,
             "%s: invalid origin %lld for a filter of size %lld: allowed are %lld to %lld",
             infer->op->name, (long long)origin, (long long)size, (long long)-(size / 2),
             (long long)(size - 1 - size / 2));
out:
    return status;
}

tg_status
tg_filter_small(const char *op, const char *what, const tg_array *array, double **data, int *ndim,
                int64_t *shape, tg_error *err)
{
    tg_status status = TG_OK;
    tg_view view = { 0 };
    double *values = NULL;
    TG_CHECK(tg_rowcast_supported(array->dtype), err, TG_ERR_TYPE,
             "%s: %s has dtype %s; bool, integers, float32 and float64 are supported", op, what,
             tg_dtype_name(array->dtype));
    TG_CHECK(tg_array_direct(array, &view), err, TG_ERR_VALUE,
             "%s: %s must be an array in memory, not an expression", op, what);
    int64_t count = tg_view_count(&view);
    TG_CHECK(count > 0, err, TG_ERR_VALUE, "%s: %s must not be empty", op, what);
    TG_CHECK(count <= (int64_t)1 << 24, err, TG_ERR_LIMIT,
             "%s: %s has %lld cells, at most 16777216 are allowed", op, what, (long long)count);
    values = tg_state_alloc((size_t)count * sizeof *values);
    TG_CHECK(values != NULL, err, TG_ERR_MEMORY, "%s: out of memory", op);
    tg_row_load load = TG_ISA_PICK(tg_rowcast)->load[view.dtype];
    int64_t index[TG_NDIM_MAX] = { 0 };
    int last = view.ndim - 1;
    bool rows = last >= 0 && view.strides[last] == (int64_t)tg_dtype_size(view.dtype);
    int64_t step = rows ? view.shape[last] : 1; /* cells that lie one after the other */
    for (int64_t i = 0; i < count; i += step) {
        const char *cell = view.data;
        for (int a = 0; a < view.ndim; a++) {
            cell += index[a] * view.strides[a];
        }
        load(cell, &values[i], step);
        for (int a = rows ? last - 1 : last; a >= 0 && ++index[a] == view.shape[a]; a--) {
            index[a] = 0;
        }
    }
    *ndim = view.ndim;
    memcpy(shape, view.shape, (size_t)view.ndim * sizeof *shape);
    *data = values;
    values = NULL;
out:
    tg_state_free(values);
    return status;
}

void
tg_filter_fill(tg_dtype dtype, double value, void *to)
{
    TG_ISA_PICK(tg_rowcast)->store[dtype](&value, to, 1);
}

void
tg_filter_window_whole(tg_window *window)
{
    memset(window, 0, sizeof *window);
}
