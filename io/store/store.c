/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The part of stores that is the same for all: counting, keys, and what is made of other calls.
 */
#include "io/store/store.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "core/base/assert.h"
#include "core/base/size.h"

/* Deepest nesting of prefixes that usage follows: a chunk key of 32 axes, in a deep group. */
enum { USAGE_DEPTH_MAX = 64 };

bool
tg_store_key_ok(const char *key)
{
    size_t length = strlen(key);
    bool ok = length > 0 && length < TG_STORE_KEY_MAX;
    const char *name = key;
    while (ok && name != NULL) {
        const char *slash = strchr(name, '/');
        size_t n = slash != NULL ? (size_t)(slash - name) : strlen(name);
        ok = n > 0 && n <= 255 && !(n == 1 && name[0] == '.') &&
             !(n == 2 && name[0] == '.' && name[1] == '.');
        name = slash != NULL ? slash + 1 : NULL;
    }
    return ok;
}

tg_store *
tg_store_retain(tg_store *store)
{
    atomic_fetch_add_explicit(&store->references, 1, memory_order_relaxed);
    return store;
}

void
tg_store_release(tg_store *store)
{
    if (store != NULL &&
        atomic_fetch_sub_explicit(&store->references, 1, memory_order_acq_rel) == 1) {
        store->ops->destroy(store);
    }
}

static tg_status
check_key(const tg_store *store, const char *key, tg_error *err)
{
    tg_status status = TG_OK;
    if (!tg_store_key_ok(key)) {
        status =
            tg_fail(err, TG_ERR_VALUE, "%s: the key '%.200s' is not allowed", store->path, key);
    }
    return status;
}

tg_status
tg_store_stat(tg_store *store, const char *key, int64_t *bytes, tg_error *err)
{
    *bytes = 0;
    tg_status status = check_key(store, key, err);
    return status != TG_OK ? status : store->ops->stat(store, key, bytes, err);
}

tg_status
tg_store_get(tg_store *store, const char *key, void *to, int64_t capacity, int64_t *got,
             tg_error *err)
{
    *got = 0;
    tg_status status = check_key(store, key, err);
    return status != TG_OK ? status : store->ops->get(store, key, to, capacity, got, err);
}

tg_status
tg_store_open(tg_store *store, const char *key, tg_store_value *out, tg_error *err)
{
    *out = (tg_store_value){ .fd = -1 };
    tg_status status = check_key(store, key, err);
    return status != TG_OK ? status : store->ops->open(store, key, out, err);
}

tg_status
tg_store_read(tg_store *store, const tg_store_value *value, int64_t offset, void *to, int64_t bytes,
              tg_error *err)
{
    tg_status status = TG_OK;
    int64_t end = 0;
    if (!tg_add_size(offset, bytes, &end) || end > value->bytes) {
        status = tg_fail(err, TG_ERR_CORRUPT,
                         "%s: %lld bytes at offset %lld are beyond the end (%lld bytes)",
                         store->path, (long long)bytes, (long long)offset, (long long)value->bytes);
    } else if (bytes > 0) {
        status = store->ops->read(store, value, offset, to, bytes, err);
    }
    return status;
}

void
tg_store_close(tg_store *store, tg_store_value *value)
{
    store->ops->close(store, value);
    *value = (tg_store_value){ .fd = -1 };
}

tg_status
tg_store_create(tg_store *store, const char *key, tg_store_value *out, tg_error *err)
{
    *out = (tg_store_value){ .fd = -1 };
    tg_status status = check_key(store, key, err);
    return status != TG_OK ? status : store->ops->create(store, key, out, err);
}

tg_status
tg_store_write(tg_store *store, const tg_store_value *value, int64_t offset, const void *from,
               int64_t bytes, tg_error *err)
{
    TG_ASSERT_CMP(offset, >=, 0);
    TG_ASSERT_CMP(bytes, >=, 0);
    return store->ops->write(store, value, offset, from, bytes, err);
}

tg_status
tg_store_finish(tg_store *store, const char *key, tg_store_value *value, bool keep, tg_error *err)
{
    tg_status status = store->ops->finish(store, key, value, keep, err);
    *value = (tg_store_value){ .fd = -1 };
    return status;
}

tg_status
tg_store_put(tg_store *store, const char *key, const void *from, int64_t bytes, tg_error *err)
{
    tg_store_value value;
    tg_status status = tg_store_create(store, key, &value, err);
    if (status == TG_OK) {
        status = tg_store_write(store, &value, 0, from, bytes, err);
        bool keep = status == TG_OK;
        tg_status finished = tg_store_finish(store, key, &value, keep, keep ? err : NULL);
        status = keep ? finished : status;
    }
    return status;
}

tg_status
tg_store_list(tg_store *store, const char *prefix, tg_store_visit visit, void *ctx, tg_error *err)
{
    tg_status status = TG_OK;
    if (prefix[0] != '\0') {
        status = check_key(store, prefix, err);
    }
    return status != TG_OK ? status : store->ops->list(store, prefix, visit, ctx, err);
}

tg_status
tg_store_remove(tg_store *store, const char *key, tg_error *err)
{
    tg_status status = check_key(store, key, err);
    return status != TG_OK ? status : store->ops->remove(store, key, err);
}

typedef struct usage {
    tg_store *store;
    int64_t bytes, count;
    tg_status status;
    tg_error *err;
    int depth;
    size_t used; /* of prefix */
    char prefix[TG_STORE_KEY_MAX];
} usage;

static bool
usage_visit(void *ctx, const char *name, bool is_prefix, int64_t bytes)
{
    usage *u = ctx;
    if (!is_prefix) {
        u->bytes += bytes;
        u->count++;
        return true;
    }
    size_t before = u->used;
    int n = snprintf(u->prefix + before, sizeof u->prefix - before, "%s%s", before > 0 ? "/" : "",
                     name);
    if (n < 0 || (size_t)n >= sizeof u->prefix - before || u->depth >= USAGE_DEPTH_MAX) {
        u->status =
            tg_fail(u->err, TG_ERR_LIMIT, "%s: directories are nested too deeply", u->store->path);
    } else {
        u->used = before + (size_t)n;
        u->depth++;
        tg_status status = tg_store_list(u->store, u->prefix, usage_visit, u, u->err);
        u->depth--;
        u->status = u->status != TG_OK ? u->status : status;
    }
    u->used = before;
    u->prefix[before] = '\0';
    return u->status == TG_OK;
}

tg_status
tg_store_usage(tg_store *store, const char *prefix, int64_t *bytes, int64_t *count, tg_error *err)
{
    usage u = { .store = store, .err = err };
    tg_status status = TG_OK;
    *bytes = 0;
    *count = 0;
    u.used = strlen(prefix);
    TG_CHECK(u.used < sizeof u.prefix, err, TG_ERR_VALUE, "%s: the prefix is too long",
             store->path);
    memcpy(u.prefix, prefix, u.used + 1);
    TG_TRY(tg_store_list(store, prefix, usage_visit, &u, err));
    TG_TRY(u.status);
    *bytes = u.bytes;
    *count = u.count;
out:
    return status;
}

tg_status
tg_store_publish(tg_store *store, tg_error *err)
{
    return store->ops->publish(store, err);
}

void
tg_store_discard(tg_store *store)
{
    store->ops->discard(store);
}
