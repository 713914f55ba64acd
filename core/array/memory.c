/* SPDX-License-Identifier: BSD-3-Clause */
/* The caller's memory as an array: checked, wrapped, never copied. */
#include <string.h>

#include "core/array/scope.h"
#include "core/mem/alloc.h"

typedef struct lease {
    void *owner;
    void (*release)(void *owner);
} lease;

static void
end_lease(void *owner, void *data)
{
    lease *held = owner;
    (void)data;
    if (held->release != NULL) {
        held->release(held->owner);
    }
    tg_free(NULL, held, sizeof *held);
}

/* Shape and strides into a view; the size must be one that we can address. */
static tg_status
make_view(void *data, tg_dtype dtype, int ndim, const int64_t *shape, const int64_t *strides,
          tg_view *view, tg_error *err)
{
    tg_status status = TG_OK;
    int64_t bytes = (int64_t)tg_dtype_size(dtype);
    TG_CHECK(bytes > 0, err, TG_ERR_TYPE, "from_memory: %d is no dtype", (int)dtype);
    TG_CHECK(ndim >= 0 && ndim <= TG_NDIM_MAX, err, TG_ERR_VALUE,
             "from_memory: an array has 0 to %d axes, got %d", TG_NDIM_MAX, ndim);
    TG_CHECK(ndim == 0 || shape != NULL, err, TG_ERR_VALUE, "from_memory: shape is NULL");
    for (int a = 0; a < ndim; a++) {
        TG_CHECK(shape[a] >= 0, err, TG_ERR_VALUE, "from_memory: negative length %lld of axis %d",
                 (long long)shape[a], a);
        TG_CHECK(tg_mul_size(bytes, tg_max_i64(shape[a], 1), &bytes) && bytes <= TG_ARRAY_BYTES_MAX,
                 err, TG_ERR_LIMIT, "from_memory: the array is larger than 2^60 bytes");
    }
    tg_view_from_shape(view, data, dtype, ndim, shape);
    if (strides != NULL) {
        memcpy(view->strides, strides, (size_t)ndim * sizeof strides[0]);
    }
    TG_CHECK(data != NULL || tg_view_count(view) == 0, err, TG_ERR_VALUE,
             "from_memory: data is NULL");
out:
    return status;
}

static tg_status
take_chunks(int ndim, const int64_t *shape, const int64_t *chunks, int64_t *steps, tg_error *err)
{
    tg_status status = TG_OK;
    for (int a = 0; chunks != NULL && a < ndim; a++) {
        TG_CHECK(chunks[a] >= 1 || chunks[a] == -1 || (chunks[a] == 0 && shape[a] == 0), err,
                 TG_ERR_VALUE,
                 "from_memory: a chunk size must be positive, or -1 for the whole axis; got %lld "
                 "for axis %d",
                 (long long)chunks[a], a);
        steps[a] = tg_max_i64(chunks[a], 0);
    }
out:
    return status;
}

tg_array * /* NOLINTNEXTLINE(readability-function-size): public, and so it stays */
tg_from_memory(tg_scope *scope, void *data, tg_dtype dtype, int ndim, const int64_t *shape,
               const int64_t *strides, const int64_t *chunks, uint64_t key, void *owner,
               void (*release)(void *owner))
{
    tg_error err = { 0 };
    tg_view view;
    int64_t steps[TG_NDIM_MAX];
    tg_array *array = NULL;
    tg_grid *grid = NULL;
    tg_buffer *buffer = NULL;
    lease *held = tg_malloc(NULL, sizeof *held);
    bool ok = tg_scope_error(scope) == NULL && held != NULL &&
              make_view(data, dtype, ndim, shape, strides, &view, &err) == TG_OK &&
              take_chunks(ndim, shape, chunks, steps, &err) == TG_OK;
    if (ok && chunks != NULL) {
        grid = tg_grid_create_regular(ndim, shape, steps);
        ok = grid != NULL;
    }
    if (ok) {
        *held = (lease){ owner, release };
        buffer = tg_buffer_create_foreign(data, 0, held, end_lease);
        ok = buffer != NULL;
    }
    if (ok) {
        array = tg_scope_from_memory(scope, buffer, &view, grid, key);
        tg_buffer_release(buffer); /* ends the lease when building failed */
    } else {
        tg_free(NULL, held, sizeof *held);
        if (release != NULL) {
            release(owner);
        }
        if (tg_scope_error(scope) == NULL) {
            (void)tg_scope_fail(scope, err.code != TG_OK ? err.code : TG_ERR_MEMORY, "%s",
                                err.code != TG_OK ? err.message : "from_memory: out of memory");
        }
    }
    tg_grid_release(grid);
    return array;
}
