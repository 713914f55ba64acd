/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Bytes into plans. Each object is walked (walk.h) before msgpack-c decodes it, then every field is
 * checked for type and range, and the node is built by tg_apply. The decoder's memory is that of
 * one record; ours is the list of nodes, which is not longer than the message has records.
 */
#include <inttypes.h>
#include <msgpack.h>
#include <string.h>

#include "core/array/scope.h"
#include "core/mem/alloc.h"
#include "core/wire/plan_format.h"
#include "core/wire/plan_wire.h"
#include "core/wire/walk.h"

typedef struct reader {
    tg_context *context;
    tg_scope *scope; /* holds the nodes while they are built */
    const tg_wire_opener *opener;
    const uint8_t *bytes;
    size_t size, at;
    msgpack_unpacked object; /* the one that was read last */
    tg_array **nodes;
    size_t count, room;
    size_t target_count;
    int64_t *words; /* payloads of the record that is read, aligned */
    size_t words_room, words_used;
} reader;

static void
reader_fini(reader *r)
{
    msgpack_unpacked_destroy(&r->object);
    tg_scope_destroy(r->scope);
    tg_free(NULL, r->nodes, r->room * sizeof(tg_array *));
    tg_free(NULL, r->words, r->words_room * sizeof *r->words);
}

/* The next object of the message; valid until the one after it. */
static tg_status
next_object(reader *r, const msgpack_object **out, tg_error *err)
{
    tg_status status = TG_OK;
    size_t end = 0;
    size_t at = r->at;
    TG_TRY(tg__wire_walk(r->bytes, r->size, r->at, TG__PLAN_OBJECTS_MAX, &end, err));
    TG_CHECK(msgpack_unpack_next(&r->object, (const char *)r->bytes, end, &at) ==
                     MSGPACK_UNPACK_SUCCESS &&
                 at == end,
             err, TG_ERR_FORMAT, "object cannot be decoded, at byte %zu", r->at);
    /* Payloads are copied out of the record, text with its NUL; they take no more than this. */
    size_t words = (end - r->at) / 8 + 2 * TG_PARAMS_MAX + 2 * TG_NDIM_MAX;
    if (words > r->words_room) {
        int64_t *room =
            tg_realloc(NULL, r->words, r->words_room * sizeof *room, words * sizeof *room);
        TG_CHECK(room != NULL, err, TG_ERR_MEMORY, "out of memory");
        r->words = room;
        r->words_room = words;
    }
    r->words_used = 0;
    r->at = end;
    *out = &r->object.data;
out:
    return status;
}

static tg_status
want_array(const msgpack_object *object, uint32_t least, uint32_t most, const char *what,
           const msgpack_object_array **out, tg_error *err)
{
    tg_status status = TG_OK;
    TG_CHECK(object->type == MSGPACK_OBJECT_ARRAY && object->via.array.size >= least &&
                 object->via.array.size <= most,
             err, TG_ERR_FORMAT, "%s must be an array of %u to %u", what, least, most);
    *out = &object->via.array;
out:
    return status;
}

static tg_status
want_number(const msgpack_object *object, uint64_t most, const char *what, uint64_t *out,
            tg_error *err)
{
    tg_status status = TG_OK;
    TG_CHECK(object->type == MSGPACK_OBJECT_POSITIVE_INTEGER && object->via.u64 <= most, err,
             TG_ERR_FORMAT, "%s must be a number up to %" PRIu64, what, most);
    *out = object->via.u64;
out:
    return status;
}

/* Text with its NUL, among the payloads of the record. */
static tg_status
want_text(reader *r, const msgpack_object *object, uint32_t most, const char *what,
          const char **out, uint32_t *length, tg_error *err)
{
    tg_status status = TG_OK;
    char *text = (char *)(r->words + r->words_used);
    TG_CHECK(object->type == MSGPACK_OBJECT_STR && object->via.str.size <= most, err, TG_ERR_FORMAT,
             "%s must be text of at most %u bytes", what, most);
    uint32_t size = object->via.str.size;
    TG_CHECK(size == 0 || memchr(object->via.str.ptr, '\0', size) == NULL, err, TG_ERR_FORMAT,
             "%s must not contain a NUL", what);
    r->words_used += size / 8 + 1;
    if (size > 0) {
        memcpy(text, object->via.str.ptr, size);
    }
    text[size] = '\0';
    *out = text;
    *length = size;
out:
    return status;
}

/* Eight bytes each, the lowest first. */
static tg_status
want_words(reader *r, const msgpack_object *object, uint32_t most, const char *what,
           const int64_t **out, uint32_t *count, tg_error *err)
{
    tg_status status = TG_OK;
    int64_t *words = r->words + r->words_used;
    TG_CHECK(object->type == MSGPACK_OBJECT_BIN && object->via.bin.size % 8 == 0 &&
                 object->via.bin.size / 8 <= most,
             err, TG_ERR_FORMAT, "%s must be binary, at most %u numbers", what, most);
    *count = object->via.bin.size / 8;
    r->words_used += *count;
    for (uint32_t i = 0; i < *count; i++) {
        const uint8_t *bytes = (const uint8_t *)object->via.bin.ptr + (size_t)i * 8;
        uint64_t word = 0;
        for (int b = 7; b >= 0; b--) {
            word = word << 8 | bytes[b];
        }
        memcpy(&words[i], &word, sizeof word);
    }
    *out = words;
out:
    return status;
}

static tg_status
read_header(reader *r, tg_error *err)
{
    tg_status status = TG_OK;
    const msgpack_object *object = NULL;
    const msgpack_object_array *fields = NULL;
    const char *magic = NULL;
    uint32_t length = 0;
    uint64_t version = 0;
    uint64_t nodes = 0;
    uint64_t targets = 0;
    TG_TRY(next_object(r, &object, err));
    TG_TRY(want_array(object, 4, 4, "header", &fields, err));
    TG_TRY(want_text(r, &fields->ptr[0], 64, "header", &magic, &length, err));
    TG_CHECK(strcmp(magic, TG__PLAN_MAGIC) == 0, err, TG_ERR_FORMAT, "not a plan");
    TG_TRY(want_number(&fields->ptr[1], UINT32_MAX, "version", &version, err));
    TG_CHECK(version == TG__PLAN_VERSION, err, TG_ERR_UNSUPPORTED,
             "format version %" PRIu64 " is not known here; this is version %d", version,
             TG__PLAN_VERSION);
    TG_TRY(want_number(&fields->ptr[2], TG_NODES_MAX, "number of nodes", &nodes, err));
    TG_TRY(want_number(&fields->ptr[3], TG_TARGETS_MAX, "number of targets", &targets, err));
    TG_CHECK(nodes <= (r->size - r->at) / TG__PLAN_RECORD_BYTES_MIN, err, TG_ERR_FORMAT,
             "%" PRIu64 " nodes are declared, %zu bytes are left", nodes, r->size - r->at);
    r->room = (size_t)nodes;
    r->target_count = (size_t)targets;
    r->nodes = tg_calloc(NULL, r->room, sizeof(tg_array *));
    TG_CHECK(r->nodes != NULL, err, TG_ERR_MEMORY, "out of memory");
out:
    return status;
}

/* Indices of nodes that are there already. */
static tg_status
read_indices(const reader *r, const msgpack_object *object, uint32_t least, uint32_t most,
             const char *what, tg_array **out, uint32_t *count, tg_error *err)
{
    tg_status status = TG_OK;
    const msgpack_object_array *indices = NULL;
    TG_TRY(want_array(object, least, most, what, &indices, err));
    for (uint32_t i = 0; i < indices->size; i++) {
        uint64_t index = 0;
        TG_CHECK(r->count > 0, err, TG_ERR_FORMAT, "%s: there is no node yet", what);
        TG_TRY(want_number(&indices->ptr[i], r->count - 1, what, &index, err));
        out[i] = r->nodes[index];
    }
    *count = indices->size;
out:
    return status;
}

static tg_status
read_param(reader *r, const msgpack_object *object, tg_param *param, tg_error *err)
{
    tg_status status = TG_OK;
    const msgpack_object_array *fields = NULL;
    uint32_t length = 0;
    uint64_t kind = 0;
    TG_TRY(want_array(object, 3, 3, "parameter", &fields, err));
    TG_TRY(want_text(r, &fields->ptr[0], 64, "name of a parameter", &param->name, &length, err));
    TG_TRY(want_number(&fields->ptr[1], TG_PARAM_POINTER, "kind of a parameter", &kind, err));
    TG_CHECK(kind != TG_PARAM_POINTER, err, TG_ERR_UNSUPPORTED,
             "parameter '%s' is a function, which cannot be sent", param->name);
    param->kind = (tg_param_kind)kind;
    if (kind == TG_PARAM_STR) {
        TG_TRY(want_text(r, &fields->ptr[2], TG_STR_MAX, param->name, &param->value.text,
                         &param->value.count, err));
    } else {
        TG_TRY(want_words(r, &fields->ptr[2], TG_PARAM_COUNT_MAX, param->name, &param->value.ints,
                          &param->value.count, err));
    }
out:
    return status;
}

/* The visible chunks of an array in a store; *out NULL: the store's own. */
static tg_status
read_chunks(reader *r, const msgpack_object *object, const tg_source *source, tg_grid **out,
            tg_error *err)
{
    tg_status status = TG_OK;
    const msgpack_object_array *fields = NULL;
    tg_grid_axis axes[TG_NDIM_MAX];
    *out = NULL;
    if (object->type == MSGPACK_OBJECT_NIL) {
        goto out;
    }
    TG_TRY(
        want_array(object, (uint32_t)source->ndim, (uint32_t)source->ndim, "chunks", &fields, err));
    for (int a = 0; a < source->ndim; a++) {
        const int64_t *cuts = NULL;
        uint32_t count = 0;
        int64_t end = source->shape[a];
        TG_TRY(want_words(r, &fields->ptr[a], UINT32_MAX, "chunks", &cuts, &count, err));
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
    *out = tg_grid_create(source->ndim, axes);
    TG_CHECK(*out != NULL, err, TG_ERR_MEMORY, "out of memory");
out:
    return status;
}

/* An array in a store: opened here, and the same as where it was written. */
static tg_status
read_source(reader *r, const msgpack_object *object, tg_array **out, tg_error *err)
{
    tg_status status = TG_OK;
    const msgpack_object_array *fields = NULL;
    const char *format = NULL;
    const char *uri = NULL;
    const char *dtype = NULL;
    const int64_t *shape = NULL;
    uint32_t ndim = 0;
    uint32_t length = 0;
    tg_source *source = NULL;
    tg_grid *chunks = NULL;
    TG_TRY(
        want_array(object, TG__PLAN_SOURCE_FIELDS, TG__PLAN_SOURCE_FIELDS, "source", &fields, err));
    TG_TRY(want_text(r, &fields->ptr[0], 15, "format", &format, &length, err));
    TG_TRY(want_text(r, &fields->ptr[1], 1023, "path", &uri, &length, err));
    TG_TRY(want_text(r, &fields->ptr[2], 15, "dtype", &dtype, &length, err));
    TG_TRY(want_words(r, &fields->ptr[3], TG_NDIM_MAX, "shape", &shape, &ndim, err));
    TG_CHECK(r->opener != NULL, err, TG_ERR_UNSUPPORTED, "%s: stores cannot be opened here", uri);
    TG_TRY(r->opener->open(r->opener->ctx, format, uri, &source, err));
    TG_CHECK(source->dtype == tg_dtype_parse(dtype) && source->ndim == (int)ndim &&
                 memcmp(source->shape, shape, ndim * sizeof *shape) == 0,
             err, TG_ERR_VALUE, "%s: is not the array that it was when the plan was made", uri);
    TG_TRY(read_chunks(r, &fields->ptr[4], source, &chunks, err));
    *out = tg_scope_from_source(r->scope, source, chunks);
out:
    tg_grid_release(chunks);
    tg_source_release(source);
    return status;
}

/* The op of a record, in the version that it has here, and one that can be sent at all. */
static tg_status
read_op(reader *r, const msgpack_object *name, const msgpack_object *version, const tg_op **out,
        tg_error *err)
{
    tg_status status = TG_OK;
    const char *text = NULL;
    uint32_t length = 0;
    uint64_t number = 0;
    TG_TRY(want_text(r, name, 128, "name of an op", &text, &length, err));
    TG_TRY(want_number(version, UINT32_MAX, "version of an op", &number, err));
    *out = tg_registry_find(tg_context_registry(r->context), text);
    TG_CHECK(*out != NULL, err, TG_ERR_UNSUPPORTED, "op '%s' is not known here", text);
    TG_CHECK((*out)->version == number, err, TG_ERR_UNSUPPORTED,
             "op '%s' has version %u here, and %" PRIu64 " in the plan", text, (*out)->version,
             number);
    TG_CHECK(((*out)->flags & TG_OP_LOCAL) == 0, err, TG_ERR_UNSUPPORTED,
             "op '%s' belongs to one process and cannot be sent", text);
    TG_CHECK((*out)->cls != TG_CLASS_COMPOSITE, err, TG_ERR_FORMAT,
             "op '%s' is made of others and is never in a plan", text);
out:
    return status;
}

static tg_status
read_node(reader *r, tg_error *err)
{
    tg_status status = TG_OK;
    const msgpack_object *object = NULL;
    const msgpack_object_array *fields = NULL;
    const msgpack_object_array *given = NULL;
    const tg_op *op = NULL;
    tg_array *args[TG_NARGS_MAX];
    tg_param params[TG_PARAMS_MAX];
    tg_array *node = NULL;
    uint32_t nargs = 0;
    TG_TRY(next_object(r, &object, err));
    TG_TRY(
        want_array(object, TG__PLAN_RECORD_FIELDS, TG__PLAN_RECORD_FIELDS, "node", &fields, err));
    TG_TRY(read_op(r, &fields->ptr[0], &fields->ptr[1], &op, err));
    TG_TRY(read_indices(r, &fields->ptr[2], 0, TG_NARGS_MAX, "argument", args, &nargs, err));
    TG_TRY(want_array(&fields->ptr[3], 0, TG_PARAMS_MAX, "parameters", &given, err));
    for (uint32_t i = 0; i < given->size; i++) {
        TG_TRY(read_param(r, &given->ptr[i], &params[i], err));
    }
    if (fields->ptr[4].type != MSGPACK_OBJECT_NIL) {
        TG_CHECK(strcmp(op->name, "from_source") == 0 && nargs == 0 && given->size == 0, err,
                 TG_ERR_FORMAT, "op '%s' has a source", op->name);
        TG_TRY(read_source(r, &fields->ptr[4], &node, err));
    } else {
        node = tg_apply(r->scope, op->name, nargs, args, given->size, params);
    }
    if (node == NULL) {
        const tg_error *error = tg_scope_error(r->scope);
        status = tg_fail(err, error->code, "%s", error->message);
        goto out;
    }
    r->nodes[r->count++] = node;
out:
    return status;
}

static tg_status
read_targets(reader *r, tg_wire_arrays *out, tg_error *err)
{
    tg_status status = TG_OK;
    const msgpack_object *object = NULL;
    tg_array *targets[TG_TARGETS_MAX];
    uint32_t count = (uint32_t)r->target_count;
    TG_TRY(next_object(r, &object, err));
    TG_TRY(read_indices(r, object, count, count, "target", targets, &count, err));
    TG_CHECK(r->at == r->size, err, TG_ERR_FORMAT, "%zu bytes follow the plan", r->size - r->at);
    out->arrays = tg_calloc(NULL, count, sizeof(tg_array *));
    TG_CHECK(out->arrays != NULL, err, TG_ERR_MEMORY, "out of memory");
    out->count = count;
    for (uint32_t i = 0; i < count; i++) {
        out->arrays[i] = tg_array_retain(targets[i]);
    }
out:
    return status;
}

tg_status
tg_wire_read_nodes(tg_context *context, const void *bytes, size_t size,
                   const tg_wire_opener *opener, tg_wire_arrays *out, tg_error *err)
{
    tg_status status = TG_OK;
    reader r = { .context = context, .opener = opener, .bytes = bytes, .size = size };
    bool in_node = false;
    *out = (tg_wire_arrays){ 0 };
    msgpack_unpacked_init(&r.object);
    TG_CHECK(size <= (size_t)TG_PLAN_BYTES_MAX, err, TG_ERR_LIMIT, "%zu bytes, at most %" PRId64,
             size, TG_PLAN_BYTES_MAX);
    r.scope = tg_scope_create_in(context);
    TG_CHECK(r.scope != NULL, err, TG_ERR_MEMORY, "out of memory");
    TG_TRY(read_header(&r, err));
    in_node = true;
    while (r.count < r.room) {
        TG_TRY(read_node(&r, err));
    }
    in_node = false;
    TG_TRY(read_targets(&r, out, err));
out:
    if (status != TG_OK && in_node) {
        tg__error_prefix(err, "plan: node %zu", r.count);
    } else if (status != TG_OK) {
        tg__error_prefix(err, "plan");
    }
    reader_fini(&r);
    return status;
}

void
tg_wire_arrays_fini(tg_wire_arrays *arrays)
{
    for (size_t i = 0; i < arrays->count; i++) {
        tg_array_release(arrays->arrays[i]);
    }
    tg_free(NULL, arrays->arrays, arrays->count * sizeof(tg_array *));
    *arrays = (tg_wire_arrays){ 0 };
}
