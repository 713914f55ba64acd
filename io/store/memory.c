/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The store in memory, with a hook before each operation that tests use to make it fail. A sorted
 * table of values under one lock: it is for thousands of keys, not for millions.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "core/base/assert.h"
#include "core/base/size.h"
#include "core/mem/alloc.h"
#include "io/store/store.h"

typedef struct blob {
    _Atomic unsigned references;
    int64_t bytes;
    int64_t capacity;
    unsigned char *data;
} blob;

typedef struct entry {
    char *key;
    blob *value;
} entry;

typedef struct memory_store {
    tg_store base;
    pthread_mutex_t lock;
    entry *entries;
    size_t count, capacity;
    tg_store_fault fault;
    void *fault_ctx;
} memory_store;

static void
blob_release(blob *b)
{
    if (b != NULL && atomic_fetch_sub_explicit(&b->references, 1, memory_order_acq_rel) == 1) {
        tg_free(NULL, b->data, (size_t)b->capacity);
        tg_free(NULL, b, sizeof *b);
    }
}

static tg_status
injected(memory_store *m, tg_store_action action, const char *key, tg_error *err)
{
    tg_status status = m->fault != NULL ? m->fault(m->fault_ctx, action, key) : TG_OK;
    if (status != TG_OK) {
        status = tg_fail(err, status, "%s/%s: injected fault: %s", m->base.path, key,
                         tg_status_text(status));
    }
    return status;
}

/* Position of the first key that is not less; the lock is held. */
static size_t
lower_bound(const memory_store *m, const char *key)
{
    size_t lo = 0;
    size_t hi = m->count;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (strcmp(m->entries[mid].key, key) < 0) {
            lo = mid + 1;
        } else {
            hi = mid;
        }
    }
    return lo;
}

/* A counted reference to the value, or NULL. */
static blob *
lookup(memory_store *m, const char *key)
{
    blob *found = NULL;
    pthread_mutex_lock(&m->lock);
    size_t at = lower_bound(m, key);
    if (at < m->count && strcmp(m->entries[at].key, key) == 0) {
        found = m->entries[at].value;
        atomic_fetch_add_explicit(&found->references, 1, memory_order_relaxed);
    }
    pthread_mutex_unlock(&m->lock);
    return found;
}

static tg_status
not_found(const memory_store *m, const char *key, tg_error *err)
{
    return tg_fail(err, TG_ERR_NOT_FOUND, "%s/%s: no such key", m->base.path, key);
}

static tg_status
memory_open(tg_store *store, const char *key, tg_store_value *out, tg_error *err)
{
    memory_store *m = (memory_store *)store;
    tg_status status = TG_OK;
    blob *b = NULL;
    TG_TRY(injected(m, TG_STORE_STAT, key, err));
    b = lookup(m, key);
    if (b == NULL) {
        status = not_found(m, key, err);
        goto out;
    }
    out->object = b;
    out->bytes = b->bytes;
out:
    return status;
}

static void
memory_close(tg_store *store, tg_store_value *value)
{
    (void)store;
    blob_release(value->object);
}

static tg_status
memory_stat(tg_store *store, const char *key, int64_t *bytes, tg_error *err)
{
    tg_store_value value = { .fd = -1 };
    tg_status status = memory_open(store, key, &value, err);
    if (status == TG_OK) {
        *bytes = value.bytes;
        memory_close(store, &value);
    }
    return status;
}

static tg_status
memory_get(tg_store *store, const char *key, void *to, int64_t capacity, int64_t *got,
           tg_error *err)
{
    memory_store *m = (memory_store *)store;
    tg_status status = TG_OK;
    blob *b = NULL;
    TG_TRY(injected(m, TG_STORE_GET, key, err));
    b = lookup(m, key);
    if (b == NULL) {
        status = not_found(m, key, err);
        goto out;
    }
    TG_CHECK(b->bytes <= capacity, err, TG_ERR_LIMIT,
             "%s/%s: has %lld bytes, at most %lld are expected", store->path, key,
             (long long)b->bytes, (long long)capacity);
    if (b->bytes > 0) {
        memcpy(to, b->data, (size_t)b->bytes);
    }
    *got = b->bytes;
out:
    blob_release(b);
    return status;
}

static tg_status
memory_read(tg_store *store, const tg_store_value *value, int64_t offset, void *to, int64_t bytes,
            tg_error *err)
{
    const blob *b = value->object;
    tg_status status = injected((memory_store *)store, TG_STORE_READ, "", err);
    if (status == TG_OK) {
        memcpy(to, b->data + offset, (size_t)bytes);
    }
    return status;
}

static tg_status
memory_create(tg_store *store, const char *key, tg_store_value *out, tg_error *err)
{
    tg_status status = TG_OK;
    blob *b = NULL;
    TG_TRY(injected((memory_store *)store, TG_STORE_CREATE, key, err));
    b = tg_calloc(NULL, 1, sizeof *b);
    TG_CHECK(b != NULL, err, TG_ERR_MEMORY, "%s/%s: out of memory", store->path, key);
    b->references = 1;
    out->object = b;
out:
    return status;
}

static tg_status
memory_write(tg_store *store, const tg_store_value *value, int64_t offset, const void *from,
             int64_t bytes, tg_error *err)
{
    blob *b = value->object;
    tg_status status = TG_OK;
    int64_t end = 0;
    TG_TRY(injected((memory_store *)store, TG_STORE_WRITE, "", err));
    TG_CHECK(tg_add_size(offset, bytes, &end), err, TG_ERR_OVERFLOW, "%s: offset too large",
             store->path);
    if (end > b->capacity) {
        int64_t capacity = tg_max_i64(end, 2 * b->capacity);
        void *grown = tg_realloc(NULL, b->data, (size_t)b->capacity, (size_t)capacity);
        TG_CHECK(grown != NULL, err, TG_ERR_MEMORY, "%s: out of memory", store->path);
        b->data = grown;
        b->capacity = capacity;
    }
    if (offset > b->bytes) {
        memset(b->data + b->bytes, 0, (size_t)(offset - b->bytes));
    }
    if (bytes > 0) {
        memcpy(b->data + offset, from, (size_t)bytes);
    }
    b->bytes = tg_max_i64(b->bytes, end);
out:
    return status;
}

/* Puts a value under its key, in place of an older one; takes the reference when it succeeds. */
static tg_status
insert(memory_store *m, const char *key, blob *value, tg_error *err)
{
    tg_status status = TG_OK;
    size_t length = strlen(key) + 1;
    pthread_mutex_lock(&m->lock);
    size_t at = lower_bound(m, key);
    if (at < m->count && strcmp(m->entries[at].key, key) == 0) {
        blob_release(m->entries[at].value);
        m->entries[at].value = value;
        goto out;
    }
    if (m->count == m->capacity) {
        size_t capacity = m->capacity == 0 ? 64 : 2 * m->capacity;
        entry *grown =
            tg_realloc(NULL, m->entries, m->capacity * sizeof *grown, capacity * sizeof *grown);
        TG_CHECK(grown != NULL, err, TG_ERR_MEMORY, "%s: out of memory", m->base.path);
        m->entries = grown;
        m->capacity = capacity;
    }
    char *copy = tg_malloc(NULL, length);
    TG_CHECK(copy != NULL, err, TG_ERR_MEMORY, "%s: out of memory", m->base.path);
    memcpy(copy, key, length);
    memmove(m->entries + at + 1, m->entries + at, (m->count - at) * sizeof *m->entries);
    m->entries[at] = (entry){ copy, value };
    m->count++;
out:
    pthread_mutex_unlock(&m->lock);
    return status;
}

static tg_status
memory_finish(tg_store *store, const char *key, tg_store_value *value, bool keep, tg_error *err)
{
    memory_store *m = (memory_store *)store;
    tg_status status = TG_OK;
    blob *b = value->object;
    if (keep) {
        TG_TRY(injected(m, TG_STORE_FINISH, key, err));
        TG_TRY(insert(m, key, b, err));
        b = NULL;
    }
out:
    blob_release(b);
    return status;
}

static tg_status
memory_list(tg_store *store, const char *prefix, tg_store_visit visit, void *ctx, tg_error *err)
{
    memory_store *m = (memory_store *)store;
    tg_status status = TG_OK;
    char last[256] = "";
    size_t n = strlen(prefix);
    bool go_on = true;
    TG_TRY(injected(m, TG_STORE_LIST, prefix, err));
    /* The visitor may call back into the store, so the lock is not held around it; keys that
     * come or go meanwhile may be missed or seen, as with a directory. */
    for (size_t i = 0; go_on; i++) {
        char name[256];
        bool is_prefix = false;
        int64_t bytes = 0;
        pthread_mutex_lock(&m->lock);
        bool more = i < m->count;
        bool match = false;
        if (more && (n == 0 ||
                     (strncmp(m->entries[i].key, prefix, n) == 0 && m->entries[i].key[n] == '/'))) {
            const char *rest = m->entries[i].key + (n == 0 ? 0 : n + 1);
            const char *slash = strchr(rest, '/');
            is_prefix = slash != NULL;
            (void)snprintf(name, sizeof name, "%.*s",
                           is_prefix ? (int)(slash - rest) : (int)strlen(rest), rest);
            bytes = m->entries[i].value->bytes;
            match = !is_prefix || strcmp(name, last) != 0;
        }
        pthread_mutex_unlock(&m->lock);
        if (match) {
            memcpy(last, is_prefix ? name : "", is_prefix ? sizeof last : 1);
            go_on = visit(ctx, name, is_prefix, bytes);
        }
        go_on = go_on && more;
    }
out:
    return status;
}

static tg_status
memory_remove(tg_store *store, const char *key, tg_error *err)
{
    memory_store *m = (memory_store *)store;
    tg_status status = TG_OK;
    pthread_mutex_lock(&m->lock);
    size_t at = lower_bound(m, key);
    if (at < m->count && strcmp(m->entries[at].key, key) == 0) {
        tg_free(NULL, m->entries[at].key, strlen(key) + 1);
        blob_release(m->entries[at].value);
        m->count--;
        memmove(m->entries + at, m->entries + at + 1, (m->count - at) * sizeof *m->entries);
    } else {
        status = not_found(m, key, err);
    }
    pthread_mutex_unlock(&m->lock);
    return status;
}

static tg_status
memory_publish(tg_store *store, tg_error *err)
{
    return injected((memory_store *)store, TG_STORE_PUBLISH, "", err);
}

static void
memory_discard(tg_store *store)
{
    (void)store;
}

static void
memory_destroy(tg_store *store)
{
    memory_store *m = (memory_store *)store;
    for (size_t i = 0; i < m->count; i++) {
        tg_free(NULL, m->entries[i].key, strlen(m->entries[i].key) + 1);
        blob_release(m->entries[i].value);
    }
    tg_free(NULL, m->entries, m->capacity * sizeof *m->entries);
    pthread_mutex_destroy(&m->lock);
    tg_free(NULL, m, sizeof *m);
}

static const tg_store_ops memory_ops = {
    .stat = memory_stat,
    .get = memory_get,
    .open = memory_open,
    .read = memory_read,
    .close = memory_close,
    .create = memory_create,
    .write = memory_write,
    .finish = memory_finish,
    .list = memory_list,
    .remove = memory_remove,
    .publish = memory_publish,
    .discard = memory_discard,
    .destroy = memory_destroy,
};

tg_status
tg_store_memory_create(const char *name, tg_store **out, tg_error *err)
{
    tg_status status = TG_OK;
    *out = NULL;
    memory_store *m = tg_calloc(NULL, 1, sizeof *m);
    TG_CHECK(m != NULL, err, TG_ERR_MEMORY, "%s: out of memory", name);
    m->base.ops = &memory_ops;
    m->base.references = 1;
    (void)snprintf(m->base.path, sizeof m->base.path, "%s", name);
    pthread_mutex_init(&m->lock, NULL);
    *out = &m->base;
out:
    return status;
}

void
tg_store_memory_set_fault(tg_store *store, tg_store_fault fault, void *ctx)
{
    TG_ASSERT(store->ops == &memory_ops);
    memory_store *m = (memory_store *)store;
    m->fault = fault;
    m->fault_ctx = ctx;
}
