/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The leaves of an expression that are data: arrays in stores, which are opened, and arrays in
 * memory, which travel as they are.
 */
#include "core/wire/leaf_read.h"

#include <string.h>

#include "core/mem/alloc.h"
#include "core/wire/ghost.h"
#include "core/wire/plan_format.h"

/* The visible chunks; *out NULL: the store's own, or for memory our own choice. */
static tg_status
read_chunks(tg__decoder *r, const msgpack_object *object, int ndim, const int64_t *shape,
            tg_grid **out, tg_error *err)
{
    tg_status status = TG_OK;
    const msgpack_object_array *fields = NULL;
    tg_grid_axis axes[TG_NDIM_MAX];
    *out = NULL;
    if (object->type == MSGPACK_OBJECT_NIL) {
        goto out;
    }
    TG_TRY(tg__want_array(object, (uint32_t)ndim, (uint32_t)ndim, "chunks", &fields, err));
    for (int a = 0; a < ndim; a++) {
        const int64_t *cuts = NULL;
        uint32_t count = 0;
        int64_t end = shape[a];
        TG_TRY(tg__want_words(r, &fields->ptr[a], UINT32_MAX, "chunks", &cuts, &count, err));
        TG_CHECK(count >= 2, err, TG_ERR_FORMAT, "chunks: too few numbers for axis %d", a);
        if (count == 2) {
            TG_CHECK(cuts[1] >= 1 && cuts[1] <= TG_ARRAY_BYTES_MAX && cuts[0] <= 0 &&
                         cuts[0] > -cuts[1],
                     err, TG_ERR_FORMAT, "chunks: bad origin or step for axis %d", a);
            axes[a] = (tg_grid_axis){ .end = end, .origin = cuts[0], .step = cuts[1] };
        } else {
            bool rising = cuts[0] == 0 && cuts[count - 1] == end;
            for (uint32_t i = 1; i < count; i++) {
                rising = rising && cuts[i] >= cuts[i - 1];
            }
            TG_CHECK(rising, err, TG_ERR_FORMAT, "chunks: bad boundaries for axis %d", a);
            axes[a] = (tg_grid_axis){ .count = count - 1, .bounds = cuts };
        }
    }
    *out = tg_grid_create(ndim, axes);
    TG_CHECK(*out != NULL, err, TG_ERR_MEMORY, "out of memory");
out:
    return status;
}

const tg_wire_opener tg_wire_ghosts = { .open = NULL, .make = tg__ghost_function };

bool
tg__wire_opens(const tg_wire_opener *opener)
{
    return opener == NULL || opener->open != NULL;
}

/* dtype and shape, as they may be: a view without data. */
static tg_status
read_extent(tg__decoder *r, const msgpack_object *dtype, const msgpack_object *shape,
            const char *what, tg_view *out, tg_error *err)
{
    tg_status status = TG_OK;
    const char *name = NULL;
    const int64_t *lengths = NULL;
    uint32_t ndim = 0, length = 0;
    TG_TRY(tg__want_text(r, dtype, 15, "dtype", &name, &length, err));
    TG_TRY(tg__want_words(r, shape, TG_NDIM_MAX, "shape", &lengths, &ndim, err));
    tg_dtype type = tg_dtype_parse(name);
    int64_t bytes = (int64_t)tg_dtype_size(type);
    TG_CHECK(type != TG_DT_NONE, err, TG_ERR_FORMAT, "'%s' is no dtype", name);
    for (uint32_t a = 0; a < ndim; a++) {
        TG_CHECK(lengths[a] >= 0 && tg_mul_size(bytes, tg_max_i64(lengths[a], 1), &bytes) &&
                     bytes <= TG_ARRAY_BYTES_MAX,
                 err, TG_ERR_FORMAT, "axis %u of %s has a length of %lld", a, what,
                 (long long)lengths[a]);
    }
    tg_view_from_shape(out, NULL, type, (int)ndim, lengths);
out:
    return status;
}

/* What was planned with: the tiles are cut for these chunks. */
static bool
is_as_described(const tg_source *source, const tg_view *extent, const tg_grid *chunks,
                bool random_access)
{
    return source->dtype == extent->dtype && source->ndim == extent->ndim &&
           memcmp(source->shape, extent->shape, (size_t)extent->ndim * sizeof *extent->shape) ==
               0 &&
           (source->chunks == NULL) == (chunks == NULL) &&
           (chunks == NULL || tg_grid_equal(source->chunks, chunks)) &&
           source->random_access == random_access;
}

/* An array in a store: opened here, and the same as where it was written; or its description. */
static tg_status
read_source(tg__decoder *r, tg_scope *scope, const tg_wire_opener *opener,
            const msgpack_object_array *fields, tg_array **out, tg_error *err)
{
    tg_status status = TG_OK;
    const char *format = NULL;
    const char *uri = NULL;
    uint32_t length = 0;
    bool random_access = false;
    tg_source *source = NULL;
    tg_grid *stored = NULL;
    tg_grid *chunks = NULL;
    tg_view extent;
    TG_TRY(tg__want_text(r, &fields->ptr[0], 15, "format", &format, &length, err));
    TG_TRY(tg__want_text(r, &fields->ptr[1], 1023, "path", &uri, &length, err));
    TG_TRY(read_extent(r, &fields->ptr[2], &fields->ptr[3], "a stored array", &extent, err));
    TG_TRY(read_chunks(r, &fields->ptr[4], extent.ndim, extent.shape, &stored, err));
    TG_TRY(read_chunks(r, &fields->ptr[5], extent.ndim, extent.shape, &chunks, err));
    TG_TRY(tg__want_bool(&fields->ptr[6], "random access", &random_access, err));
    TG_CHECK(opener != NULL, err, TG_ERR_UNSUPPORTED, "%s: stores cannot be opened here", uri);
    if (tg__wire_opens(opener)) {
        TG_TRY(opener->open(opener->ctx, format, uri, &source, err));
        TG_CHECK(is_as_described(source, &extent, stored, random_access), err, TG_ERR_VALUE,
                 "%s: is not the array that it was when the plan was made: open it again", uri);
    } else {
        TG_CHECK(stored != NULL, err, TG_ERR_FORMAT, "%s: a stored array without chunks", uri);
        source = tg__ghost_source(format, uri, extent.dtype, extent.ndim, extent.shape, stored,
                                  random_access);
        TG_CHECK(source != NULL, err, TG_ERR_MEMORY, "out of memory");
    }
    *out = tg_scope_from_source(scope, source, chunks);
out:
    tg_grid_release(stored);
    tg_grid_release(chunks);
    tg_source_release(source);
    return status;
}

/* Any bytes are numbers, but not every byte is a bool. */
static bool
are_bools(const char *bytes, size_t count)
{
    bool good = true;
    for (size_t i = 0; i < count && good; i++) {
        good = (unsigned char)bytes[i] <= 1;
    }
    return good;
}

/* Data that came with the message, behind its own size. It is the plan's, and not of the pool. */
typedef struct packed {
    size_t bytes;
    _Alignas(16) char data[];
} packed;

static void
free_packed(void *owner, void *data)
{
    const packed *held = owner;
    (void)data;
    tg_free(NULL, owner, held->bytes);
}

static tg_buffer *
copy_data(const msgpack_object_bin *data)
{
    size_t bytes = sizeof(packed) + data->size;
    packed *held = tg_malloc(NULL, bytes);
    tg_buffer *buffer = NULL;
    if (held != NULL) {
        held->bytes = bytes;
        memcpy(held->data, data->ptr, data->size);
        buffer = tg_buffer_create_foreign(held->data, data->size, held, free_packed);
    }
    if (buffer == NULL) {
        tg_free(NULL, held, bytes);
    }
    return buffer;
}

static tg_status
take_data(const msgpack_object *data, tg_buffer **buffer, tg_error *err)
{
    tg_status status = TG_OK;
    TG_CHECK(data->type == MSGPACK_OBJECT_BIN, err, TG_ERR_FORMAT, "data must be binary");
    *buffer = copy_data(&data->via.bin);
    TG_CHECK(*buffer != NULL, err, TG_ERR_MEMORY, "no memory for %u bytes of data",
             data->via.bin.size);
out:
    return status;
}

/* What another process has in its memory. Who only looks at the plan gets one cell, again and
 * again. */
static tg_status
map_data(const tg_wire_opener *opener, const msgpack_object *place, tg_view *view,
         tg_buffer **buffer, tg_error *err)
{
    static char nothing[32];
    tg_status status = TG_OK;
    const msgpack_object_array *fields = NULL;
    tg_shared_ref ref;
    TG_TRY(tg__want_array(place, 1, 1, "place of data", &fields, err));
    TG_CHECK(fields->ptr[0].type == MSGPACK_OBJECT_BIN &&
                 fields->ptr[0].via.bin.size == TG_SHARED_REF_BYTES,
             err, TG_ERR_FORMAT, "the place of data must be %d bytes", (int)TG_SHARED_REF_BYTES);
    tg_shared_ref_get((const unsigned char *)fields->ptr[0].via.bin.ptr, &ref);
    if (opener != NULL && !tg__wire_opens(opener)) {
        *buffer = tg_buffer_create_foreign(nothing, sizeof nothing, NULL, NULL);
        TG_CHECK(*buffer != NULL, err, TG_ERR_MEMORY, "out of memory");
        memset(view->strides, 0, sizeof view->strides);
        goto out;
    }
    TG_CHECK(opener != NULL && opener->map != NULL, err, TG_ERR_UNSUPPORTED,
             "an array of %llu bytes is in the memory of another process, which is not read here; "
             "save it to a store and open that",
             (unsigned long long)ref.bytes);
    status = opener->map(opener->ctx, &ref, buffer, err);
    if (status != TG_OK) {
        tg__error_prefix(err,
                         "an array of %.1f MiB in the memory of the client cannot be reached from "
                         "here (save it to a store that all hosts see, and open that)",
                         (double)ref.bytes / 1048576.0);
    }
out:
    return status;
}

static tg_status
read_memory(tg__decoder *r, tg_scope *scope, const tg_wire_opener *opener,
            const msgpack_object_array *fields, tg_array **out, tg_error *err)
{
    tg_status status = TG_OK;
    const msgpack_object *data = &fields->ptr[3];
    tg_buffer *buffer = NULL;
    tg_grid *chunks = NULL;
    tg_view view;
    TG_TRY(read_extent(r, &fields->ptr[0], &fields->ptr[1], "data", &view, err));
    TG_TRY(read_chunks(r, &fields->ptr[2], view.ndim, view.shape, &chunks, err));
    int64_t bytes = tg_view_count(&view) * (int64_t)tg_dtype_size(view.dtype);
    bool lent = data->type == MSGPACK_OBJECT_ARRAY;
    bool ghost = lent && opener != NULL && !tg__wire_opens(opener);
    TG_TRY(lent ? map_data(opener, data, &view, &buffer, err) : take_data(data, &buffer, err));
    TG_CHECK(ghost || tg_buffer_bytes(buffer) == (uint64_t)bytes, err, TG_ERR_FORMAT,
             "%zu bytes of data where shape and dtype want %lld", tg_buffer_bytes(buffer),
             (long long)bytes);
    TG_CHECK(view.dtype != TG_DT_BOOL || ghost ||
                 are_bools(tg_buffer_data(buffer), tg_buffer_bytes(buffer)),
             err, TG_ERR_FORMAT, "data has a bool that is neither 0 nor 1");
    view.data = tg_buffer_data(buffer);
    *out = tg_scope_from_memory(scope, buffer, &view, chunks, 0);
out:
    tg_grid_release(chunks);
    tg_buffer_release(buffer);
    return status;
}

tg_status
tg__wire_read_leaf(tg__decoder *r, tg_scope *scope, const tg_wire_opener *opener, const tg_op *op,
                   const msgpack_object *object, tg_array **out, tg_error *err)
{
    tg_status status = TG_OK;
    bool stored = strcmp(op->name, "from_source") == 0;
    uint32_t count = stored ? TG__PLAN_SOURCE_FIELDS : TG__PLAN_MEMORY_FIELDS;
    const msgpack_object_array *fields = NULL;
    TG_CHECK(stored || strcmp(op->name, "from_memory") == 0, err, TG_ERR_FORMAT, "op '%s' has data",
             op->name);
    TG_TRY(tg__want_array(object, count, count, "data", &fields, err));
    if (stored) {
        TG_TRY(read_source(r, scope, opener, fields, out, err));
    } else {
        TG_TRY(read_memory(r, scope, opener, fields, out, err));
    }
out:
    return status;
}
