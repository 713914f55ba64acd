/* SPDX-License-Identifier: BSD-3-Clause */
/* Shared by the ops that change shapes: checks, chunk grids, builders of composites. */
#include "ops/shape/common.h"

#include <string.h>

#include "core/base/assert.h"
#include "core/base/status.h"
#include "core/mem/alloc.h"

/* An irregular axis lists its bounds: beyond this many a sliced grid becomes regular, so that a
 * slice of a very finely chunked axis stays a matter of microseconds. */
enum { BOUNDS_MAX = 65536 };

tg_status
tg__require_known(const tg_infer *infer, size_t arg, tg_error *err)
{
    tg_status status = TG_OK;
    TG_ASSERT(arg < infer->nargs);
    TG_CHECK(tg_array_is_known(infer->args[arg]), err, TG_ERR_VALUE,
             "%s: argument %d (made by %s) has an axis of unknown length; compute or persist it "
             "first",
             infer->op->name, (int)arg, infer->args[arg]->op->name);
out:
    return status;
}

tg_status
tg__check_bytes(const tg_infer *infer, tg_error *err)
{
    tg_status status = TG_OK;
    int64_t bytes = (int64_t)tg_dtype_size(infer->dtype);
    bool ok = true;
    TG_CHECK(bytes > 0, err, TG_ERR_TYPE, "%s: unknown dtype %d", infer->op->name,
             (int)infer->dtype);
    for (int a = 0; a < infer->ndim; a++) {
        /* An empty axis makes the array empty, but the others still have to multiply. */
        ok = ok && tg_mul_size(bytes, tg_max_i64(infer->shape[a], 1), &bytes) &&
             bytes <= TG_ARRAY_BYTES_MAX;
    }
    TG_CHECK(ok, err, TG_ERR_LIMIT, "%s: the result would be larger than %lld bytes",
             infer->op->name, (long long)TG_ARRAY_BYTES_MAX);
out:
    return status;
}

tg_status
tg__infer_shape(tg_infer *infer, const tg_value *shape, tg_error *err)
{
    tg_status status = TG_OK;
    TG_CHECK(shape->count <= TG_NDIM_MAX, err, TG_ERR_VALUE,
             "%s: maximum supported dimension for an array is %d, found %u", infer->op->name,
             TG_NDIM_MAX, shape->count);
    infer->ndim = (int)shape->count;
    for (uint32_t a = 0; a < shape->count; a++) {
        TG_CHECK(shape->ints[a] >= 0, err, TG_ERR_VALUE,
                 "%s: negative dimensions are not allowed: entry %u of 'shape' is %lld",
                 infer->op->name, a, (long long)shape->ints[a]);
        infer->shape[a] = shape->ints[a];
    }
    TG_TRY(tg__check_bytes(infer, err));
out:
    return status;
}

tg_status
tg__chunks_from_values(const tg_value *chunks, const tg_value *counts, int ndim,
                       const int64_t *shape, tg_grid **out, tg_error *err)
{
    tg_status status = TG_OK;
    int64_t steps[TG_NDIM_MAX] = { 0 };
    int64_t sum = 0;
    *out = NULL;
    if (counts != NULL && counts->count > 0) {
        TG_CHECK((int)counts->count == ndim, err, TG_ERR_VALUE,
                 "chunks: sizes for %u axes were given, the array has %d", counts->count, ndim);
        for (int a = 0; a < ndim; a++) {
            TG_CHECK(counts->ints[a] > 0 && tg_add_size(sum, counts->ints[a], &sum), err,
                     TG_ERR_VALUE, "chunks: axis %d needs at least one chunk size", a);
        }
        TG_CHECK(sum == (int64_t)chunks->count, err, TG_ERR_VALUE,
                 "chunks: %u sizes were given for %lld chunks", chunks->count, (long long)sum);
        TG_TRY(tg_grid_create_sizes(ndim, shape, counts->ints, chunks->ints, out, err));
    } else if (chunks->count > 0) {
        TG_CHECK(chunks->count == 1 || (int)chunks->count == ndim, err, TG_ERR_VALUE,
                 "chunks: one edge, or one per axis; got %u for %d axes", chunks->count, ndim);
        for (int a = 0; a < ndim; a++) {
            const int64_t edge = tg_value_int(chunks, (uint32_t)a, -1);
            TG_CHECK(edge >= 1 || edge == -1 || (edge == 0 && shape[a] == 0), err, TG_ERR_VALUE,
                     "chunks: an edge must be positive, or -1 for the whole axis; got %lld for "
                     "axis %d",
                     (long long)edge, a);
            steps[a] = tg_max_i64(edge, 0);
        }
        *out = tg_grid_create_regular(ndim, shape, steps);
        TG_CHECK(*out != NULL, err, TG_ERR_MEMORY, "chunks: out of memory");
    }
out:
    return status;
}

void
tg__grid_axis_whole(int64_t length, tg_grid_axis *out)
{
    memset(out, 0, sizeof *out);
    out->end = length;
    out->step = tg_max_i64(length, 1);
    out->count = 1;
}

/* The first output cell at or beyond a cut before input cell `c`: for negative steps, beyond the
 * cells that come from c and above. */
static int64_t
map_cut(int64_t c, int64_t start, int64_t step)
{
    return step > 0 ? tg_ceil_div(c - start, step) : tg_floor_div(start - c, -step) + 1;
}

static bool
slice_irregular(const tg_grid_axis *axis, int64_t start, int64_t step, tg_grid_axis *out,
                int64_t **owned, size_t *owned_count)
{
    const size_t room = (size_t)axis->count + 1;
    int64_t *bounds = tg_malloc(NULL, room * sizeof *bounds);
    int64_t used = 1;
    if (bounds != NULL) {
        bounds[0] = 0;
        for (int64_t i = 1; i < axis->count; i++) {
            const int64_t cell = step > 0 ? i : axis->count - i;
            const int64_t at = map_cut(tg_grid_lo(axis, cell), start, step);
            if (at > bounds[used - 1] && at < out->end) {
                bounds[used++] = at;
            }
        }
        bounds[used] = out->end;
        out->count = used;
        out->bounds = bounds;
        *owned = bounds;
        *owned_count = room;
    }
    return bounds != NULL;
}

bool
tg__grid_axis_slice(const tg_grid_axis *axis, int64_t start, int64_t count, int64_t step,
                    tg_grid_axis *out, int64_t **owned, size_t *owned_count)
{
    const int64_t width = step > 0 ? step : -step;
    bool ok = true;
    *owned = NULL;
    *owned_count = 0;
    tg__grid_axis_whole(count, out);
    if (axis->count <= 1 || count <= 1) {
        /* One cell stays one cell. */
    } else if (axis->bounds == NULL && axis->step % width == 0) {
        out->step = axis->step / width;
        out->origin = map_cut(axis->origin, start, step);
    } else if (axis->count <= BOUNDS_MAX) {
        ok = slice_irregular(axis, start, step, out, owned, owned_count);
    } else {
        out->step = tg_max_i64(tg_grid_step_max(axis) / width, 1);
        out->origin = 0;
    }
    return ok;
}

tg_status
tg__infer_replace(tg_infer *infer, size_t arg, tg_array *built, tg_error *err)
{
    tg_status status = TG_OK;
    if (built == NULL) {
        const tg_error *cause = tg_scope_error(infer->scope);
        TG_CHECK(cause != NULL, err, TG_ERR_INTERNAL, "%s: building failed without an error",
                 infer->op->name);
        TG_CHECK(false, err, cause->code, "%s", cause->message);
    }
    infer->args[arg] = built;
out:
    return status;
}

tg_status
tg__infer_cast(tg_infer *infer, size_t arg, tg_dtype dtype, tg_error *err)
{
    tg_array *cast = tg_scope_cast(infer->scope, infer->args[arg], dtype);
    return tg__infer_replace(infer, arg, cast, err);
}

tg_array *
tg__build_fail(tg_scope *scope, const tg_error *err)
{
    return tg__scope_fail(scope, err->code, err->file, err->line, "%s", err->message);
}

tg_array *
tg__build_two(tg_scope *scope, const char *op, tg_array *a, tg_array *b)
{
    tg_array *const pair[2] = { a, b };
    return tg_apply(scope, op, 2, pair, 0, NULL);
}

tg_array *
tg__build_again(tg_scope *scope, const char *op, size_t nargs, tg_array *const *args,
                const tg_param_schema *params, const tg_value *values)
{
    tg_param given[TG_PARAMS_MAX];
    size_t count = 0;
    for (size_t i = 0; params[i].name != NULL; i++) {
        if (values[i].count > 0) {
            /* Booleans, numbers of types and choices are all handed over as integers. */
            tg_param_kind kind = params[i].kind == TG_PARAM_FLOAT ? TG_PARAM_FLOAT : TG_PARAM_INT;
            given[count++] = (tg_param){ params[i].name, kind, values[i] };
        }
    }
    return tg_apply(scope, op, nargs, args, count, given);
}

tg_array *
tg__build_ints(tg_scope *scope, const char *op, tg_array *array, const char *param, size_t count,
               const int64_t *values)
{
    const tg_param p = { .name = param,
                         .kind = TG_PARAM_INT,
                         .value = { .count = (uint32_t)count, .ints = values } };
    return tg_apply(scope, op, 1, &array, 1, &p);
}

tg_array *
tg__build_slice(tg_scope *scope, tg_array *array, const int64_t *start, const int64_t *count,
                const int64_t *step)
{
    tg_array *result = NULL;
    if (array != NULL) {
        const uint32_t n = (uint32_t)array->ndim;
        const tg_param p[] = {
            { "start", TG_PARAM_INT, { .count = n, .ints = start } },
            { "count", TG_PARAM_INT, { .count = n, .ints = count } },
            { "step", TG_PARAM_INT, { .count = n, .ints = step } },
        };
        result = tg_apply(scope, "slice", 1, &array, 3, p);
    }
    return result;
}

tg_array *
tg__build_slice_axis(tg_scope *scope, tg_array *array, int axis, int64_t start, int64_t count,
                     int64_t step)
{
    tg_array *result = NULL;
    if (array != NULL) {
        int64_t starts[TG_NDIM_MAX] = { 0 };
        int64_t counts[TG_NDIM_MAX];
        int64_t steps[TG_NDIM_MAX];
        for (int a = 0; a < array->ndim; a++) {
            counts[a] = array->shape[a];
            steps[a] = 1;
        }
        starts[axis] = start;
        counts[axis] = count;
        steps[axis] = step;
        result = tg__build_slice(scope, array, starts, counts, steps);
    }
    return result;
}

tg_array *
tg__build_concatenate(tg_scope *scope, size_t count, tg_array *const *arrays, int axis)
{
    const int64_t value = axis;
    const tg_param p = { "axis", TG_PARAM_INT, { .count = 1, .ints = &value } };
    return tg_apply(scope, "concatenate", count, arrays, 1, &p);
}

tg_array *
tg__build_at_least(tg_scope *scope, tg_array *array, int ndim)
{
    /* Where NumPy puts the new axes, in the result, by how many the array has. */
    static const struct {
        int count;
        int64_t axes[3];
    } added[3][4] = {
        { { 1, { 0 } } },
        { { 2, { 0, 1 } }, { 1, { 0 } } },
        { { 3, { 0, 1, 2 } }, { 2, { 0, 2 } }, { 1, { 2 } } },
    };
    tg_array *result = array;
    if (array != NULL && array->ndim < ndim) {
        result = tg__build_ints(scope, "expand_dims", array, "axis",
                                (size_t)added[ndim - 1][array->ndim].count,
                                added[ndim - 1][array->ndim].axes);
    }
    return result;
}

/* The numbers first, first + 1, ... along one of the last two axes. */
static tg_array *
build_index(tg_scope *scope, int64_t first, int64_t count, bool as_column)
{
    const int64_t range[3] = { first, first + count, 1 };
    const int64_t column[2] = { count, 1 };
    const tg_param p = { "integers", TG_PARAM_INT, { .count = 3, .ints = range } };
    tg_array *index = tg_apply(scope, "arange", 0, NULL, 1, &p);
    return as_column ? tg__build_ints(scope, "reshape", index, "shape", 2, column) : index;
}

tg_array *
tg__build_triangle(tg_scope *scope, tg_array *array, const char *compare, int64_t k)
{
    tg_array *result = NULL;
    if (array == NULL) {
        result = NULL;
    } else if (array->ndim < 2 || !tg_array_is_known(array)) {
        result = tg_scope_fail(scope, TG_ERR_VALUE,
                               "a triangle needs an array of at least two axes of known length, "
                               "got %d",
                               array->ndim);
    } else {
        const int64_t rows = array->shape[array->ndim - 2];
        const int64_t columns = array->shape[array->ndim - 1];
        const int64_t zero = 0;
        const int64_t dtype = array->dtype;
        /* Beyond the corners every k means the same. */
        const int64_t shift = tg_max_i64(tg_min_i64(k, columns), -rows);
        const tg_param p[] = {
            { "fill_integer", TG_PARAM_INT, { .count = 1, .ints = &zero } },
            { "dtype", TG_PARAM_INT, { .count = 1, .ints = &dtype } },
        };
        tg_array *pair[2] = { build_index(scope, shift, rows, true),
                              build_index(scope, 0, columns, false) };
        tg_array *three[3] = { tg_apply(scope, compare, 2, pair, 0, NULL), array,
                               tg_apply(scope, "full", 0, NULL, 2, p) };
        result = tg_apply(scope, "where", 3, three, 0, NULL);
    }
    return result;
}
