/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Plans into bytes. The nodes are found from the targets backwards with a list instead of
 * recursion, and written in the order of their ids: arguments are older than what is made of them.
 */
#include <inttypes.h>
#include <msgpack.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "core/mem/alloc.h"
#include "core/wire/plan_format.h"
#include "core/wire/plan_wire.h"

enum { DIGEST_BYTES = 1 << 20 };

/* The nodes of a plan: a list, and a table of open addressing to find a node's place in it. */
typedef struct node_set {
    tg_array **nodes;
    size_t count, room;
    uint32_t *slots;   /* place in the list + 1; 0: free */
    size_t slot_count; /* a power of two, at least twice `room` */
} node_set;

static void
node_set_fini(node_set *set)
{
    tg_free(NULL, set->nodes, set->room * sizeof(tg_array *));
    tg_free(NULL, set->slots, set->slot_count * sizeof *set->slots);
}

/* The slot of a node: its own, or the free one where it belongs. */
static size_t
find_slot(const node_set *set, const tg_array *node)
{
    size_t slot = (size_t)(node->id * 0x9e3779b97f4a7c15u >> 20) & (set->slot_count - 1);
    while (set->slots[slot] != 0 && set->nodes[set->slots[slot] - 1] != node) {
        slot = (slot + 1) & (set->slot_count - 1);
    }
    return slot;
}

static void
fill_slots(node_set *set)
{
    memset(set->slots, 0, set->slot_count * sizeof *set->slots);
    for (size_t i = 0; i < set->count; i++) {
        set->slots[find_slot(set, set->nodes[i])] = (uint32_t)i + 1;
    }
}

static tg_status
grow_set(node_set *set, tg_error *err)
{
    tg_status status = TG_OK;
    size_t room = set->room == 0 ? 64 : set->room * 2;
    tg_array **nodes =
        tg_realloc(NULL, set->nodes, set->room * sizeof(tg_array *), room * sizeof(tg_array *));
    uint32_t *slots = NULL;
    TG_CHECK(nodes != NULL, err, TG_ERR_MEMORY, "plan: out of memory");
    set->nodes = nodes;
    set->room = room;
    slots = tg_malloc(NULL, 2 * room * sizeof *slots);
    TG_CHECK(slots != NULL, err, TG_ERR_MEMORY, "plan: out of memory");
    tg_free(NULL, set->slots, set->slot_count * sizeof *slots);
    set->slots = slots;
    set->slot_count = 2 * room;
    fill_slots(set);
out:
    return status;
}

static tg_status
add_node(node_set *set, tg_array *node, tg_error *err)
{
    tg_status status = TG_OK;
    if (set->count == set->room) {
        TG_CHECK(set->count < TG_NODES_MAX, err, TG_ERR_LIMIT, "plan: more than %d nodes",
                 TG_NODES_MAX);
        TG_TRY(grow_set(set, err));
    }
    size_t slot = find_slot(set, node);
    if (set->slots[slot] == 0) {
        set->nodes[set->count++] = node;
        set->slots[slot] = (uint32_t)set->count;
    }
out:
    return status;
}

static int
by_id(const void *a, const void *b)
{
    uint64_t x = (*(tg_array *const *)a)->id;
    uint64_t y = (*(tg_array *const *)b)->id;
    return (x > y) - (x < y);
}

/* All that the targets are made of, arguments first; or, when it is not to be read, in an order
 * that does not depend on when each was made. */
static tg_status
collect(size_t count, tg_array *const *targets, bool by_age, node_set *set, tg_error *err)
{
    tg_status status = TG_OK;
    for (size_t i = 0; i < count; i++) {
        TG_TRY(add_node(set, targets[i], err));
    }
    for (size_t i = 0; i < set->count; i++) {
        for (size_t a = 0; a < set->nodes[i]->nargs; a++) {
            TG_TRY(add_node(set, set->nodes[i]->args[a], err));
        }
    }
    if (set->count > 0 && by_age) {
        qsort(set->nodes, set->count, sizeof(tg_array *), by_id);
        fill_slots(set);
    }
out:
    return status;
}

static size_t
index_of(const node_set *set, const tg_array *node)
{
    return set->slots[find_slot(set, node)] - 1;
}

/* The packer's output; after a failure its size stays where it is and nothing more is taken. */
typedef struct writer {
    tg_wire_bytes bytes;
    tg_status status;
    msgpack_packer packer;
    const tg_wire_writing *how;
} writer;

static int
take_bytes(void *ctx, const char *bytes, size_t size)
{
    writer *w = ctx;
    size_t wanted = w->bytes.size + size;
    if (w->status == TG_OK && wanted > (size_t)TG_PLAN_BYTES_MAX) {
        w->status = TG_ERR_LIMIT;
    } else if (w->status == TG_OK && wanted > w->bytes.room_) {
        size_t room = w->bytes.room_ < 512 ? 1024 : w->bytes.room_ * 2;
        room = room < wanted ? wanted : room;
        uint8_t *data = tg_realloc(NULL, w->bytes.data, w->bytes.room_, room);
        if (data != NULL) {
            w->bytes.data = data;
            w->bytes.room_ = room;
        } else {
            w->status = TG_ERR_MEMORY;
        }
    }
    if (w->status == TG_OK && size > 0) {
        memcpy(w->bytes.data + w->bytes.size, bytes, size);
        w->bytes.size = wanted;
    }
    return w->status == TG_OK ? 0 : -1;
}

static tg_status
check_writer(const writer *w, tg_error *err)
{
    tg_status status = w->status;
    if (status == TG_ERR_LIMIT) {
        (void)tg_fail(err, status, "plan: more than %" PRId64 " bytes", TG_PLAN_BYTES_MAX);
    } else if (status != TG_OK) {
        (void)tg_fail(err, status, "plan: out of memory");
    }
    return status;
}

/* The results of packing are not looked at: the writer keeps the first failure. */
static void
put_text(writer *w, const char *text, size_t size)
{
    (void)msgpack_pack_str(&w->packer, size);
    (void)msgpack_pack_str_body(&w->packer, text, size);
}

/* Eight bytes each, the lowest first. */
static void
put_words(writer *w, const void *words, size_t count)
{
    (void)msgpack_pack_bin(&w->packer, count * 8);
    for (size_t i = 0; i < count; i++) {
        uint64_t word = 0;
        uint8_t bytes[8];
        memcpy(&word, (const char *)words + i * 8, 8);
        for (int b = 0; b < 8; b++) {
            bytes[b] = (uint8_t)(word >> (8 * b));
        }
        (void)msgpack_pack_bin_body(&w->packer, bytes, sizeof bytes);
    }
}

/* A list that is empty on purpose travels too: the shape of an array without axes. */
static bool
was_given(const tg_param_schema *schema, const tg_value *value)
{
    return value->count > 0 || (schema->required && schema->is_list);
}

/* A function as the process that reads the plan can make it again. */
static tg_status
put_function(writer *w, const tg_array *node, const char *param, const tg_function *function,
             tg_error *err)
{
    tg_status status = TG_OK;
    tg_function_form form = { 0 };
    char message[512] = "";
    TG_CHECK(function->form != NULL, err, TG_ERR_UNSUPPORTED,
             "plan: '%s' calls a function of this process (%s), which cannot be sent",
             node->op->name, param);
    if (function->form(function->user, &form, message, sizeof message) != 0) {
        message[sizeof message - 1] = '\0';
        status = tg_fail(err, TG_ERR_UNSUPPORTED, "plan: the %s of '%s' cannot be sent: %s", param,
                         node->op->name, message);
        goto out;
    }
    TG_CHECK(strlen(form.kind) <= TG__PLAN_FORM_KIND_MAX &&
                 strlen(form.name) <= TG__PLAN_FORM_NAME_MAX &&
                 form.size <= (size_t)TG_FUNCTION_BYTES_MAX,
             err, TG_ERR_LIMIT,
             "plan: the function %.64s of '%s' has %zu bytes with all that it refers to, at most "
             "%" PRId64 " can be sent; keep large data in a store and open it in the function",
             form.name, node->op->name, form.size, TG_FUNCTION_BYTES_MAX);
    (void)msgpack_pack_array(&w->packer, TG__PLAN_FORM_FIELDS);
    put_text(w, form.kind, strlen(form.kind));
    put_text(w, form.name, strlen(form.name));
    (void)msgpack_pack_bin(&w->packer, form.size);
    (void)msgpack_pack_bin_body(&w->packer, form.bytes, form.size);
out:
    return status;
}

static tg_status
put_params(writer *w, const tg_array *node, tg_error *err)
{
    tg_status status = TG_OK;
    const tg_param_schema *schema = node->op->params;
    size_t params = tg_op_param_count(node->op);
    size_t given = 0;
    for (size_t i = 0; i < params; i++) {
        given += was_given(&schema[i], &node->values[i]);
    }
    (void)msgpack_pack_array(&w->packer, given);
    for (size_t i = 0; i < params; i++) {
        const tg_value *value = &node->values[i];
        if (was_given(&schema[i], value)) {
            (void)msgpack_pack_array(&w->packer, 3);
            put_text(w, schema[i].name, strlen(schema[i].name));
            (void)msgpack_pack_int(&w->packer, schema[i].kind);
            if (schema[i].kind == TG_PARAM_POINTER) {
                TG_TRY(put_function(w, node, schema[i].name, value->function, err));
            } else if (schema[i].kind == TG_PARAM_STR) {
                put_text(w, value->text, value->count);
            } else {
                put_words(w, value->ints, value->count);
            }
        }
    }
out:
    return status;
}

static void
put_axis(writer *w, const tg_grid_axis *axis)
{
    if (axis->bounds != NULL) {
        put_words(w, axis->bounds, (size_t)axis->count + 1);
    } else {
        const int64_t cuts[2] = { axis->origin, axis->step };
        put_words(w, cuts, 2);
    }
}

/* NULL: nil. */
static void
put_chunks(writer *w, const tg_grid *chunks)
{
    if (chunks == NULL) {
        (void)msgpack_pack_nil(&w->packer);
    } else {
        (void)msgpack_pack_array(&w->packer, (size_t)tg_grid_ndim(chunks));
        for (int a = 0; a < tg_grid_ndim(chunks); a++) {
            put_axis(w, tg_grid_axis_at(chunks, a));
        }
    }
}

static void
put_bool(writer *w, bool value)
{
    if (value) {
        (void)msgpack_pack_true(&w->packer);
    } else {
        (void)msgpack_pack_false(&w->packer);
    }
}

/* What is in memory, as one number: XXH3 of its bytes in C order, so many slices of the first axis
 * at a time as are about a MiB. */
static tg_status
put_digest(writer *w, const tg_view *data, tg_error *err)
{
    tg_status status = TG_OK;
    int64_t total = tg_view_count(data) * (int64_t)tg_dtype_size(data->dtype);
    int64_t slices = data->ndim > 0 ? data->shape[0] : 1;
    int64_t bytes = total / tg_max_i64(slices, 1); /* of one */
    int64_t step = tg_max_i64(1, DIGEST_BYTES / tg_max_i64(bytes, 1));
    size_t room = (size_t)tg_max_i64(1, bytes * tg_min_i64(step, slices));
    uint64_t sum = 0;
    void *copy = tg_malloc(NULL, room);
    TG_CHECK(copy != NULL, err, TG_ERR_MEMORY, "plan: out of memory");
    for (int64_t i = 0; i < slices && total > 0; i += step) {
        tg_view part = *data, packed;
        if (part.ndim > 0) {
            part.data = (char *)part.data + i * part.strides[0];
            part.shape[0] = tg_min_i64(step, slices - i);
        }
        tg_view_from_shape(&packed, copy, part.dtype, part.ndim, part.shape);
        tg_view_copy(&packed, &part);
        sum = XXH3_64bits_withSeed(copy, (size_t)(bytes * tg_min_i64(step, slices - i)), sum);
    }
    put_words(w, &sum, 1);
out:
    tg_free(NULL, copy, room);
    return status;
}

/* Where an array lies that others can map. */
static tg_status
put_place(writer *w, const tg_array *node, tg_error *err)
{
    tg_status status = TG_OK;
    unsigned char place[TG_SHARED_REF_BYTES];
    tg_shared_ref ref;
    TG_TRY(w->how->lend(w->how->ctx, node, &ref, err));
    tg_shared_ref_put(&ref, place);
    (void)msgpack_pack_array(&w->packer, 1);
    (void)msgpack_pack_bin(&w->packer, sizeof place);
    (void)msgpack_pack_bin_body(&w->packer, place, sizeof place);
out:
    return status;
}

/* The bytes of an array in memory, in C order whatever its strides are. */
static tg_status
put_memory(writer *w, const tg_array *node, tg_error *err)
{
    tg_status status = TG_OK;
    const char *dtype = tg_dtype_name(node->dtype);
    int64_t bytes = tg_array_nbytes(node);
    void *copy = NULL;
    tg_view packed;
    (void)msgpack_pack_array(&w->packer, TG__PLAN_MEMORY_FIELDS);
    put_text(w, dtype, strlen(dtype));
    put_words(w, node->shape, (size_t)node->ndim);
    put_chunks(w, node->chunks);
    if (w->how->digest) {
        status = put_digest(w, node->data_view_, err);
        goto out;
    }
    if (bytes > TG_PLAN_MEMORY_MAX && w->how->lend != NULL) {
        status = put_place(w, node, err);
        goto out;
    }
    TG_CHECK(bytes <= TG_PLAN_MEMORY_MAX, err, TG_ERR_LIMIT,
             "plan: an array of %" PRId64 " bytes in memory cannot be sent, at most %" PRId64
             "; save it to a store and open that",
             bytes, TG_PLAN_MEMORY_MAX);
    copy = tg_malloc(NULL, (size_t)tg_max_i64(bytes, 1));
    TG_CHECK(copy != NULL, err, TG_ERR_MEMORY, "plan: out of memory");
    tg_view_from_shape(&packed, copy, node->dtype, node->ndim, node->shape);
    if (bytes > 0) {
        tg_view_copy(&packed, node->data_view_);
    }
    (void)msgpack_pack_bin(&w->packer, (size_t)bytes);
    (void)msgpack_pack_bin_body(&w->packer, copy, (size_t)bytes);
out:
    tg_free(NULL, copy, (size_t)tg_max_i64(bytes, 1));
    return status;
}

/* Where a store is. For a digest also which data: a file that has changed is another one. */
static void
put_uri(writer *w, const tg_source *source)
{
    char key[24] = "";
    const char *folder = source->uri[0] != '/' ? w->how->folder : NULL;
    size_t below = folder != NULL ? strlen(folder) + 1 : 0;
    size_t length = strlen(source->uri);
    if (w->how->digest) {
        (void)snprintf(key, sizeof key, "?%" PRIx64, source->stamp);
    }
    (void)msgpack_pack_str(&w->packer, below + length + strlen(key));
    if (folder != NULL) {
        (void)msgpack_pack_str_body(&w->packer, folder, below - 1);
        (void)msgpack_pack_str_body(&w->packer, "/", 1);
    }
    (void)msgpack_pack_str_body(&w->packer, source->uri, length);
    (void)msgpack_pack_str_body(&w->packer, key, strlen(key));
}

static tg_status
put_data(writer *w, const tg_array *node, tg_error *err)
{
    tg_status status = TG_OK;
    const tg_source *source = node->source;
    if (node->data != NULL) {
        TG_TRY(put_memory(w, node, err));
    } else if (source == NULL) {
        (void)msgpack_pack_nil(&w->packer);
    } else {
        TG_CHECK(source->uri[0] != '\0', err, TG_ERR_UNSUPPORTED,
                 "plan: an array of format '%s' has no path to open it by, and cannot be sent",
                 source->format);
        const char *dtype = tg_dtype_name(node->dtype);
        bool own = source->chunks == NULL || tg_grid_equal(source->chunks, node->chunks);
        (void)msgpack_pack_array(&w->packer, TG__PLAN_SOURCE_FIELDS);
        put_text(w, source->format, strlen(source->format));
        put_uri(w, source);
        put_text(w, dtype, strlen(dtype));
        put_words(w, node->shape, (size_t)node->ndim);
        put_chunks(w, source->chunks);
        put_chunks(w, own ? NULL : node->chunks);
        put_bool(w, source->random_access);
    }
out:
    return status;
}

static tg_status
put_node(writer *w, const node_set *set, const tg_array *node, tg_error *err)
{
    tg_status status = TG_OK;
    TG_CHECK((node->op->flags & TG_OP_LOCAL) == 0 || node->data != NULL, err, TG_ERR_UNSUPPORTED,
             "plan: '%s' belongs to this process and cannot be sent; save what it gives to a store "
             "and open that",
             node->op->name);
    (void)msgpack_pack_array(&w->packer, TG__PLAN_RECORD_FIELDS);
    put_text(w, node->op->name, strlen(node->op->name));
    (void)msgpack_pack_uint32(&w->packer, node->op->version);
    (void)msgpack_pack_array(&w->packer, node->nargs);
    for (size_t i = 0; i < node->nargs; i++) {
        (void)msgpack_pack_uint64(&w->packer, index_of(set, node->args[i]));
    }
    TG_TRY(put_params(w, node, err));
    TG_TRY(put_data(w, node, err));
    TG_TRY(check_writer(w, err));
out:
    return status;
}

static void
put_claim(writer *w, int64_t bytes)
{
    (void)msgpack_pack_int64(&w->packer, tg_min_i64(bytes, TG_PLAN_CLAIM_MAX));
}

/* Header and nodes, in the order of their age. `plan` NULL: of expressions alone. */
static tg_status
put_nodes(writer *w, size_t count, tg_array *const *targets, const tg_plan_core *plan,
          node_set *set, tg_error *err)
{
    tg_status status = TG_OK;
    TG_CHECK(count <= TG_TARGETS_MAX, err, TG_ERR_LIMIT, "plan: %zu targets, at most %d", count,
             TG_TARGETS_MAX);
    TG_TRY(collect(count, targets, !w->how->digest, set, err));
    msgpack_packer_init(&w->packer, w, take_bytes);
    (void)msgpack_pack_array(&w->packer, TG__PLAN_HEADER_FIELDS);
    put_text(w, TG__PLAN_MAGIC, sizeof TG__PLAN_MAGIC - 1);
    (void)msgpack_pack_int(&w->packer, TG__PLAN_VERSION);
    (void)msgpack_pack_uint64(&w->packer, set->count);
    (void)msgpack_pack_uint64(&w->packer, count);
    (void)msgpack_pack_uint64(&w->packer, plan != NULL ? tg_plan_choice_count(plan) : 0);
    put_bool(w, plan != NULL && plan->edge_bytes != NULL);
    put_claim(w, plan != NULL ? plan->table_bytes : 0);
    for (size_t i = 0; i < set->count; i++) {
        TG_TRY(put_node(w, set, set->nodes[i], err));
    }
out:
    return status;
}

static void
put_target(writer *w, const node_set *set, const tg_plan_target *target)
{
    (void)msgpack_pack_array(&w->packer, TG__PLAN_TARGET_FIELDS);
    (void)msgpack_pack_uint64(&w->packer, index_of(set, target->array));
    (void)msgpack_pack_uint64(&w->packer, target->stage);
    if (w->how->written && target->stored && target->written != NULL) {
        (void)msgpack_pack_bin(&w->packer, target->written_bytes);
        (void)msgpack_pack_bin_body(&w->packer, target->written, target->written_bytes);
    } else {
        put_bool(w, target->stored);
    }
}

static void
put_stage(writer *w, const node_set *set, const tg_plan_core *plan, uint32_t index)
{
    tg_choice_read reads[TG_STAGE_LOCALS_MAX];
    int64_t pairs[2 * (sizeof reads / sizeof reads[0])];
    int64_t tiles[2 * TG_NDIM_MAX];
    tg_stage_choice stage;
    tg_plan_choice_at(plan, index, reads, tiles, &stage);
    for (uint32_t i = 0; i < stage.read_count; i++) {
        pairs[2 * i] = (int64_t)index_of(set, reads[i].array);
        pairs[2 * i + 1] = reads[i].producer;
    }
    (void)msgpack_pack_array(&w->packer, TG__PLAN_STAGE_FIELDS);
    (void)msgpack_pack_int(&w->packer, stage.kind);
    (void)msgpack_pack_uint64(&w->packer, index_of(set, stage.root));
    put_bool(w, stage.again);
    (void)msgpack_pack_uint64(&w->packer, stage.source);
    put_words(w, pairs, (size_t)2 * stage.read_count);
    put_words(w, tiles, stage.tile_count);
    put_claim(w, stage.scratch_bytes);
}

/* The writer's bytes become the caller's; a failure leaves none. */
static tg_status
finish(writer *w, node_set *set, tg_status status, tg_wire_bytes *out, tg_error *err)
{
    if (status == TG_OK) {
        status = check_writer(w, err);
    }
    if (status == TG_OK) {
        *out = w->bytes;
    } else {
        *out = (tg_wire_bytes){ 0 };
        tg_wire_bytes_fini(&w->bytes);
    }
    node_set_fini(set);
    return status;
}

tg_status
tg_wire_write_nodes(size_t count, tg_array *const *targets, const tg_wire_writing *how,
                    tg_wire_bytes *out, tg_error *err)
{
    tg_status status = TG_OK;
    node_set set = { 0 };
    const tg_wire_writing plainly = { 0 };
    writer w = { .how = how != NULL ? how : &plainly };
    TG_TRY(put_nodes(&w, count, targets, NULL, &set, err));
    for (size_t t = 0; t < count; t++) {
        put_target(&w, &set, &(tg_plan_target){ .array = targets[t] });
    }
out:
    return finish(&w, &set, status, out, err);
}

tg_status
tg_wire_write_plan(const tg_plan_core *plan, const tg_wire_writing *how, tg_wire_bytes *out,
                   tg_error *err)
{
    tg_status status = TG_OK;
    node_set set = { 0 };
    const tg_wire_writing plainly = { 0 };
    writer w = { .how = how != NULL ? how : &plainly };
    tg_array **targets = tg_calloc(NULL, plan->target_count, sizeof *targets);
    TG_CHECK(targets != NULL, err, TG_ERR_MEMORY, "plan: out of memory");
    for (size_t t = 0; t < plan->target_count; t++) {
        targets[t] = plan->targets[t].array;
    }
    TG_TRY(put_nodes(&w, plan->target_count, targets, plan, &set, err));
    for (size_t t = 0; t < plan->target_count; t++) {
        put_target(&w, &set, &plan->targets[t]);
    }
    for (uint32_t s = 0; s < tg_plan_choice_count(plan); s++) {
        put_stage(&w, &set, plan, s);
    }
out:
    tg_free(NULL, targets, plan->target_count * sizeof *targets);
    return finish(&w, &set, status, out, err);
}

void
tg_wire_bytes_fini(tg_wire_bytes *bytes)
{
    tg_free(NULL, bytes->data, bytes->room_);
    *bytes = (tg_wire_bytes){ 0 };
}

void
tg_wire_digest(const tg_wire_bytes *bytes, uint64_t sum[2])
{
    XXH128_hash_t hash = XXH3_128bits(bytes->data, bytes->size);
    sum[0] = hash.high64;
    sum[1] = hash.low64;
}
