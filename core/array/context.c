/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The nodes of a session: one block of memory each, all in one hash table.
 *
 * Design notes. The table has one lock. A node whose last reference goes is taken out of the table
 * under the lock, and finding retains under the lock, so a node that is found is alive. All other
 * counting is lock-free. Two nodes are one when op, parameters, arguments, dtype, shape and chunks
 * are the same; the 64-bit key only chooses the chain. Nodes that may never be merged are in the
 * table as well, so that there is one way to let go.
 *
 * Freeing walks a list through next_, which a node that left the table does not need any more:
 * a chain of a million nodes takes no stack.
 */
#include "core/array/context.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "core/base/assert.h"
#include "core/mem/alloc.h"

#define BUCKETS_FIRST 256

struct tg_context {
    const tg_registry *registry;
    pthread_mutex_t lock;
    tg_array **buckets;
    size_t bucket_count; /* a power of two */
    size_t node_count;
    uint64_t next_id; /* ids begin at 1 */
};

tg_context *
tg_context_create(const tg_registry *registry)
{
    tg_context *context = tg_calloc(NULL, 1, sizeof *context);
    tg_array **buckets = tg_calloc(NULL, BUCKETS_FIRST, sizeof *buckets);
    if (context == NULL || buckets == NULL) {
        tg_free(NULL, context, sizeof *context);
        tg_free(NULL, buckets, BUCKETS_FIRST * sizeof *buckets);
        context = NULL;
    } else {
        context->registry = registry;
        context->buckets = buckets;
        context->bucket_count = BUCKETS_FIRST;
        context->next_id = 1;
        (void)pthread_mutex_init(&context->lock, NULL);
    }
    return context;
}

void
tg_context_destroy(tg_context *context)
{
    if (context != NULL) {
        TG_ASSERT_CMP(context->node_count, ==, 0);
        (void)pthread_mutex_destroy(&context->lock);
        tg_free(NULL, context->buckets, context->bucket_count * sizeof(tg_array *));
        tg_free(NULL, context, sizeof *context);
    }
}

const tg_registry *
tg_context_registry(const tg_context *context)
{
    return context->registry;
}

int64_t
tg_context_node_count(tg_context *context)
{
    int64_t count = 0;
    (void)pthread_mutex_lock(&context->lock);
    count = (int64_t)context->node_count;
    (void)pthread_mutex_unlock(&context->lock);
    return count;
}

/* Bytes of the payload of a value; text is kept with its NUL. */
static size_t
payload_bytes(tg_param_kind kind, const tg_value *value)
{
    size_t bytes = (size_t)value->count * sizeof(int64_t);
    if (value->count == 0 || kind == TG_PARAM_POINTER) {
        bytes = 0;
    } else if (kind == TG_PARAM_STR) {
        bytes = ((size_t)value->count + 1 + 7) / 8 * 8;
    }
    return bytes;
}

static uint64_t
mix(uint64_t hash, uint64_t word)
{
    hash = (hash ^ word) * 0x9e3779b97f4a7c15u;
    return hash ^ (hash >> 29);
}

static uint64_t
mix_value(uint64_t hash, tg_param_kind kind, const tg_value *value)
{
    hash = mix(hash, value->count);
    if (value->count > 0 && kind == TG_PARAM_POINTER) {
        hash = mix(hash, value->function->key);
    } else if (value->count > 0 && kind == TG_PARAM_STR) {
        for (uint32_t i = 0; i < value->count; i++) {
            hash = mix(hash, (unsigned char)value->text[i]);
        }
    } else {
        for (uint32_t i = 0; i < value->count; i++) {
            hash = mix(hash, (uint64_t)value->ints[i]);
        }
    }
    return hash;
}

static bool
value_equal(tg_param_kind kind, const tg_value *a, const tg_value *b)
{
    bool equal = a->count == b->count;
    if (equal && a->count > 0) {
        if (kind == TG_PARAM_POINTER) {
            equal = a->function == b->function ||
                    (a->function->key != 0 && a->function->key == b->function->key);
        } else if (kind == TG_PARAM_STR) {
            equal = memcmp(a->text, b->text, a->count) == 0;
        } else {
            /* Floats by their bits: NaN is NaN, and -0.0 is not 0.0. */
            equal = memcmp(a->ints, b->ints, a->count * sizeof(int64_t)) == 0;
        }
    }
    return equal;
}

/* Never equal to another: user code, and data of which nobody knows whether it is the same. */
static bool
is_unique(const tg__node_spec *spec)
{
    return (spec->op->flags & TG_OP_USER) != 0 ||
           (spec->source != NULL && spec->source->key == 0) ||
           (spec->data != NULL && spec->data_key == 0);
}

static uint64_t
spec_key(const tg__node_spec *spec, uint64_t id)
{
    uint64_t hash = (uint64_t)(uintptr_t)spec->op;
    size_t params = tg_op_param_count(spec->op);
    for (size_t i = 0; i < params; i++) {
        hash = mix_value(hash, spec->op->params[i].kind, &spec->values[i]);
    }
    for (size_t i = 0; i < spec->nargs; i++) {
        hash = mix(hash, spec->args[i]->id);
    }
    if (spec->source != NULL) {
        hash = mix(hash, spec->source->key);
    }
    if (spec->data != NULL) {
        hash = mix(hash, spec->data_key);
    }
    return is_unique(spec) ? mix(hash, ~id) : hash;
}

static bool
node_equals(const tg_array *node, const tg__node_spec *spec, uint64_t key)
{
    bool equal = node->key == key && node->op == spec->op && node->nargs == spec->nargs &&
                 node->dtype == spec->dtype && node->weak == spec->weak &&
                 node->ndim == spec->ndim && !is_unique(spec);
    equal = equal && (node->source != NULL) == (spec->source != NULL) &&
            (node->data != NULL) == (spec->data != NULL) &&
            (node->source == NULL || node->source->key == spec->source->key);
    for (size_t i = 0; equal && i < spec->nargs; i++) {
        equal = node->args[i] == spec->args[i];
    }
    for (int a = 0; equal && a < spec->ndim; a++) {
        equal = node->shape[a] == spec->shape[a];
    }
    equal = equal && (node->chunks == NULL) == (spec->chunks == NULL) &&
            (node->chunks == NULL || tg_grid_equal(node->chunks, spec->chunks));
    for (size_t i = 0; equal && spec->op->params != NULL && spec->op->params[i].name != NULL; i++) {
        equal = value_equal(spec->op->params[i].kind, &node->values[i], &spec->values[i]);
    }
    return equal;
}

/* Twice the buckets. Without memory the chains get longer: slower, not wrong. Lock held. */
static void
table_grow(tg_context *context)
{
    size_t count = context->bucket_count * 2;
    tg_array **buckets = tg_calloc(NULL, count, sizeof *buckets);
    if (buckets != NULL) {
        for (size_t b = 0; b < context->bucket_count; b++) {
            tg_array *node = context->buckets[b];
            while (node != NULL) {
                tg_array *next = node->next_;
                tg_array **bucket = &buckets[node->key & (count - 1)];
                node->next_ = *bucket;
                *bucket = node;
                node = next;
            }
        }
        tg_free(NULL, context->buckets, context->bucket_count * sizeof *buckets);
        context->buckets = buckets;
        context->bucket_count = count;
    }
}

static size_t
spec_bytes(const tg__node_spec *spec, size_t params)
{
    size_t bytes = sizeof(tg_array) + (size_t)spec->ndim * sizeof(int64_t) +
                   spec->nargs * sizeof(tg_array *) + params * sizeof(tg_value) +
                   (spec->view != NULL ? sizeof *spec->view : 0);
    for (size_t i = 0; i < params; i++) {
        bytes += payload_bytes(spec->op->params[i].kind, &spec->values[i]);
    }
    return bytes;
}

/* Copies the values behind the node; `at` is where the payload goes. */
static void
copy_values(const tg__node_spec *spec, tg_value *values, size_t params, char *at)
{
    for (size_t i = 0; i < params; i++) {
        tg_param_kind kind = spec->op->params[i].kind;
        size_t bytes = payload_bytes(kind, &spec->values[i]);
        values[i] = spec->values[i];
        if (bytes == 0) {
            if (values[i].count > 0) {
                (void)tg_function_retain(values[i].function);
            } else {
                values[i].ints = NULL;
            }
        } else if (kind == TG_PARAM_STR) {
            memcpy(at, spec->values[i].text, values[i].count);
            memset(at + values[i].count, 0, bytes - values[i].count);
            values[i].text = at;
        } else {
            memcpy(at, spec->values[i].ints, bytes);
            values[i].ints = (const int64_t *)(const void *)at;
        }
        at += bytes;
    }
}

/* Lock held. The node takes chunks and state, and shares the rest. */
static tg_array *
node_create(tg_context *context, const tg__node_spec *spec, uint64_t key)
{
    size_t params = tg_op_param_count(spec->op);
    size_t bytes = spec_bytes(spec, params);
    tg_array *node = tg_malloc(NULL, bytes);
    if (node != NULL) {
        int64_t *shape = (int64_t *)(void *)(node + 1);
        tg_array **args = (tg_array **)(void *)(shape + spec->ndim);
        tg_value *values = (tg_value *)(void *)(args + spec->nargs);
        char *payload = (char *)(values + params);
        memset(node, 0, sizeof *node);
        atomic_init(&node->references, 1);
        node->op = spec->op;
        node->context = context;
        node->key = key;
        node->id = context->next_id++;
        node->dtype = spec->dtype;
        node->weak = spec->weak;
        node->ndim = spec->ndim;
        node->shape = shape;
        node->chunks = spec->chunks;
        node->nargs = spec->nargs;
        node->args = args;
        node->values = values;
        node->state = spec->state;
        node->state_free = spec->state_free;
        node->source = tg_source_retain(spec->source);
        node->data = tg_buffer_retain(spec->data);
        node->bytes_ = bytes;
        for (int a = 0; a < spec->ndim; a++) {
            shape[a] = spec->shape[a];
        }
        for (size_t i = 0; i < spec->nargs; i++) {
            args[i] = tg_array_retain(spec->args[i]);
        }
        if (spec->view != NULL) {
            memcpy(payload, spec->view, sizeof *spec->view);
            node->data_view_ = (const tg_view *)(const void *)payload;
            payload += sizeof *spec->view;
        }
        copy_values(spec, values, params, payload);
    }
    return node;
}

tg_array *
tg__context_intern(tg_context *context, const tg__node_spec *spec)
{
    tg_array *node = NULL;
    bool taken = false;
    (void)pthread_mutex_lock(&context->lock);
    uint64_t key = spec_key(spec, context->next_id);
    node = context->buckets[key & (context->bucket_count - 1)];
    while (node != NULL && !node_equals(node, spec, key)) {
        node = node->next_;
    }
    if (node != NULL) {
        (void)atomic_fetch_add_explicit(&node->references, 1, memory_order_relaxed);
    } else {
        node = node_create(context, spec, key);
        taken = node != NULL;
    }
    if (taken) {
        if (context->node_count >= context->bucket_count) {
            table_grow(context);
        }
        tg_array **bucket = &context->buckets[key & (context->bucket_count - 1)];
        node->next_ = *bucket;
        *bucket = node;
        context->node_count++;
    }
    (void)pthread_mutex_unlock(&context->lock);
    if (!taken) {
        if (spec->state != NULL && spec->state_free != NULL) {
            spec->state_free(spec->state);
        }
        tg_grid_release(spec->chunks);
    }
    return node;
}

tg_array *
tg_array_retain(tg_array *array)
{
    if (array != NULL) {
        unsigned before = atomic_fetch_add_explicit(&array->references, 1, memory_order_relaxed);
        TG_ASSERT_CMP(before, >, 0);
    }
    return array;
}

/* Lets go of one reference. When it was the last, the node leaves the table and becomes the head
 * of the list `dead`. */
static void
drop_reference(tg_array *node, tg_array **dead)
{
    unsigned count = atomic_load_explicit(&node->references, memory_order_relaxed);
    bool done = false;
    while (count > 1 && !done) {
        done = atomic_compare_exchange_weak_explicit(&node->references, &count, count - 1,
                                                     memory_order_release, memory_order_relaxed);
    }
    if (!done) {
        tg_context *context = node->context;
        (void)pthread_mutex_lock(&context->lock);
        count = atomic_fetch_sub_explicit(&node->references, 1, memory_order_acq_rel);
        TG_ASSERT_CMP(count, >, 0);
        if (count == 1) {
            tg_array **link = &context->buckets[node->key & (context->bucket_count - 1)];
            while (*link != node) {
                link = &(*link)->next_;
            }
            *link = node->next_;
            context->node_count--;
            node->next_ = *dead;
            *dead = node;
        }
        (void)pthread_mutex_unlock(&context->lock);
    }
}

static void
free_node(tg_array *node)
{
    const tg_param_schema *schema = node->op->params;
    for (size_t i = 0; schema != NULL && schema[i].name != NULL; i++) {
        if (schema[i].kind == TG_PARAM_POINTER && node->values[i].count > 0) {
            tg_function_release(node->values[i].function);
        }
    }
    if (node->state != NULL && node->state_free != NULL) {
        node->state_free(node->state);
    }
    tg_source_release(node->source);
    tg_buffer_release(node->data);
    tg_grid_release(node->chunks);
    tg_free(NULL, node, node->bytes_);
}

void
tg_array_release(tg_array *array)
{
    tg_array *dead = NULL;
    if (array != NULL) {
        drop_reference(array, &dead);
    }
    while (dead != NULL) {
        tg_array *node = dead;
        dead = node->next_;
        for (size_t i = 0; i < node->nargs; i++) {
            drop_reference(node->args[i], &dead);
        }
        free_node(node);
    }
}
