/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The thread that writes and reads, what it is asked for, and its table of tiles. The table and the
 * file are the thread's alone; the queue has a lock.
 */
#include "worker/spill/spill.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "core/base/assert.h"
#include "core/mem/alloc.h"
#include "worker/spill/spill_dir.h"
#include "worker/spill/spill_file.h"

typedef enum wish_kind { WISH_STORE, WISH_LOAD, WISH_FORGET, WISH_FORGET_JOB } wish_kind;

typedef struct wish {
    struct wish *next;
    wish_kind kind;
    tg_spill_key key;
    tg_buffer *buffer; /* STORE */
    size_t element_bytes;
    tg_pool *pool; /* LOAD */
} wish;

typedef struct entry {
    struct entry *next; /* in the chain of its slot */
    tg_spill_key key;
    tg__spilled tile;
} entry;

enum { SLOTS_FIRST = 256 };

struct tg_spill {
    tg_spill_options options;
    tg__spill_dir directory;
    tg__spill_file *file;
    /* The thread's. */
    entry **slots;
    size_t slot_count; /* a power of two */
    size_t entry_count;
    /* Everybody's. */
    pthread_t thread;
    bool runs;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    wish *first, *last;
    bool closing;
    _Atomic int64_t tiles, disk_bytes, stored_bytes, loaded_bytes, written_bytes;
};

/* -- the table ------------------------------------------------------------------------------------
 */

static size_t
slot_of(const tg_spill *spill, tg_spill_key key)
{
    uint64_t hash = (key.job * 0x9e3779b97f4a7c15u) ^ key.task;
    return (size_t)((hash * 0x9e3779b97f4a7c15u) >> 32) & (spill->slot_count - 1);
}

/* The link to the entry of a key, or to the end of its chain. */
static entry **
find(tg_spill *spill, tg_spill_key key)
{
    entry **link = &spill->slots[slot_of(spill, key)];
    while (*link != NULL && ((*link)->key.job != key.job || (*link)->key.task != key.task)) {
        link = &(*link)->next;
    }
    return link;
}

/* Twice the slots; without memory the chains get longer. */
static void
grow(tg_spill *spill)
{
    size_t count = spill->slot_count;
    entry **old = spill->slots;
    entry **slots = tg_calloc(NULL, count * 2, sizeof *slots);
    if (slots != NULL) {
        spill->slots = slots;
        spill->slot_count = count * 2;
        for (size_t i = 0; i < count; i++) {
            while (old[i] != NULL) {
                entry *e = old[i];
                entry **link = &slots[slot_of(spill, e->key)];
                old[i] = e->next;
                e->next = *link;
                *link = e;
            }
        }
        tg_free(NULL, old, count * sizeof *old);
    }
}

static void
remove_entry(tg_spill *spill, entry **link)
{
    entry *e = *link;
    *link = e->next;
    tg__spill_file_release(spill->file, &e->tile);
    tg_free(NULL, e, sizeof *e);
    spill->entry_count--;
}

/* -- what the thread does
 * -------------------------------------------------------------------------- */

static void
publish_room(tg_spill *spill)
{
    atomic_store(&spill->tiles, (int64_t)spill->entry_count);
    atomic_store(&spill->disk_bytes, tg__spill_file_used(spill->file));
}

static tg_status
store(tg_spill *spill, const wish *w, tg_spill_done *done)
{
    tg_status status = TG_OK;
    size_t bytes = tg_buffer_bytes(w->buffer);
    entry *made = NULL;
    entry **link = find(spill, w->key);
    if (*link == NULL) {
        made = tg_calloc(NULL, 1, sizeof *made);
        TG_CHECK(made != NULL, &done->error, TG_ERR_MEMORY, "%s: no memory to spill a tile",
                 spill->directory.path);
        TG_TRY(tg__spill_file_store(spill->file, tg_buffer_data(w->buffer), bytes, w->element_bytes,
                                    &made->tile, &done->full, &done->error));
        made->key = w->key;
        *link = made;
        made = NULL;
        spill->entry_count++;
        atomic_fetch_add(&spill->stored_bytes, (int64_t)bytes);
        atomic_fetch_add(&spill->written_bytes, (*link)->tile.room);
    }
    done->bytes = (*link)->tile.room;
    if (spill->entry_count > spill->slot_count) {
        grow(spill);
    }
out:
    tg_free(NULL, made, sizeof *made);
    return status;
}

static tg_status
load(tg_spill *spill, const wish *w, tg_spill_done *done)
{
    tg_status status = TG_OK;
    tg_buffer *buffer = NULL;
    const entry *e = *find(spill, w->key);
    TG_CHECK(e != NULL, &done->error, TG_ERR_NOT_FOUND, "%s: the tile is not there",
             spill->directory.path);
    buffer = tg_buffer_create(w->pool, (size_t)e->tile.bytes);
    TG_CHECK(buffer != NULL, &done->error, TG_ERR_MEMORY,
             "no room for a spilled tile of %lld bytes under the memory limit",
             (long long)e->tile.bytes);
    TG_TRY(tg__spill_file_load(spill->file, &e->tile, tg_buffer_data(buffer), &done->error));
    atomic_fetch_add(&spill->loaded_bytes, e->tile.bytes);
    done->buffer = buffer;
    buffer = NULL;
out:
    tg_buffer_release(buffer);
    return status;
}

static void
forget_job(tg_spill *spill, uint64_t job)
{
    for (size_t i = 0; i < spill->slot_count; i++) {
        entry **link = &spill->slots[i];
        while (*link != NULL) {
            if ((*link)->key.job == job) {
                remove_entry(spill, link);
            } else {
                link = &(*link)->next;
            }
        }
    }
}

static void
fulfil(tg_spill *spill, const wish *w)
{
    tg_spill_done done = { .key = w->key };
    if (w->kind == WISH_STORE) {
        done.kind = TG_SPILL_STORED;
        done.status = store(spill, w, &done);
    } else if (w->kind == WISH_LOAD) {
        done.kind = TG_SPILL_LOADED;
        done.status = load(spill, w, &done);
    } else if (w->kind == WISH_FORGET) {
        entry **link = find(spill, w->key);
        if (*link != NULL) {
            remove_entry(spill, link);
        }
    } else {
        forget_job(spill, w->key.job);
    }
    publish_room(spill);
    if (done.status != TG_OK) {
        tg__error_prefix(&done.error, "job %llu, task %llu", (unsigned long long)w->key.job,
                         (unsigned long long)w->key.task);
    }
    if (w->kind == WISH_STORE || w->kind == WISH_LOAD) {
        spill->options.done(spill->options.ctx, &done);
    }
}

static void
free_wish(wish *w)
{
    tg_buffer_release(w->buffer);
    tg_free(NULL, w, sizeof *w);
}

/* The next wish, taken; NULL: the end. */
static wish *
next_wish(tg_spill *spill)
{
    (void)pthread_mutex_lock(&spill->lock);
    while (spill->first == NULL && !spill->closing) {
        (void)pthread_cond_wait(&spill->wake, &spill->lock);
    }
    wish *w = spill->closing ? NULL : spill->first;
    if (w != NULL) {
        spill->first = w->next;
        spill->last = w->next != NULL ? spill->last : NULL;
    }
    (void)pthread_mutex_unlock(&spill->lock);
    return w;
}

static void *
thread_main(void *arg)
{
    tg_spill *spill = arg;
    for (wish *w = next_wish(spill); w != NULL; w = next_wish(spill)) {
        fulfil(spill, w);
        free_wish(w);
    }
    return NULL;
}

/* -- what others call
 * ------------------------------------------------------------------------------ */

static tg_status
add_wish(tg_spill *spill, const wish *what, tg_error *err)
{
    tg_status status = TG_OK;
    wish *w = tg_malloc(NULL, sizeof *w);
    TG_CHECK(w != NULL, err, TG_ERR_MEMORY, "no memory to spill");
    *w = *what;
    (void)tg_buffer_retain(w->buffer);
    (void)pthread_mutex_lock(&spill->lock);
    if (spill->last != NULL) {
        spill->last->next = w;
    } else {
        spill->first = w;
    }
    spill->last = w;
    (void)pthread_cond_signal(&spill->wake);
    (void)pthread_mutex_unlock(&spill->lock);
out:
    return status;
}

tg_status
tg_spill_store(tg_spill *spill, tg_spill_key key, tg_buffer *buffer, size_t element_bytes,
               tg_error *err)
{
    const wish w = {
        .kind = WISH_STORE, .key = key, .buffer = buffer, .element_bytes = element_bytes
    };
    return add_wish(spill, &w, err);
}

tg_status
tg_spill_load(tg_spill *spill, tg_spill_key key, tg_pool *pool, tg_error *err)
{
    const wish w = { .kind = WISH_LOAD, .key = key, .pool = pool };
    return add_wish(spill, &w, err);
}

tg_status
tg_spill_forget(tg_spill *spill, tg_spill_key key, tg_error *err)
{
    const wish w = { .kind = WISH_FORGET, .key = key };
    return add_wish(spill, &w, err);
}

tg_status
tg_spill_forget_job(tg_spill *spill, uint64_t job, tg_error *err)
{
    const wish w = { .kind = WISH_FORGET_JOB, .key = { .job = job } };
    return add_wish(spill, &w, err);
}

tg_spill_stats
tg_spill_get_stats(tg_spill *spill)
{
    return (tg_spill_stats){ .tiles = atomic_load(&spill->tiles),
                             .disk_bytes = atomic_load(&spill->disk_bytes),
                             .stored_bytes = atomic_load(&spill->stored_bytes),
                             .loaded_bytes = atomic_load(&spill->loaded_bytes),
                             .written_bytes = atomic_load(&spill->written_bytes) };
}

const char *
tg_spill_path(const tg_spill *spill)
{
    return spill->directory.path;
}

/* A write beyond the limit of a file is an error here, and no end of the process: the signal for it
 * goes to the thread that writes. The thread takes no other signal either. */
static tg_status
start_thread(tg_spill *spill, tg_error *err)
{
    tg_status status = TG_OK;
    sigset_t all, before;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    int code = pthread_create(&spill->thread, NULL, thread_main, spill);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    TG_CHECK(code == 0, err, TG_ERR_LIMIT, "the system allows no more threads: %s", strerror(code));
    spill->runs = true;
    (void)pthread_setname_np(spill->thread, "tg-spill");
out:
    return status;
}

tg_status
tg_spill_create(const tg_spill_options *options, tg_spill **out, tg_error *err)
{
    tg_status status = TG_OK;
    char path[TG_STORE_PATH_MAX + 16];
    tg_spill *spill = NULL;
    *out = NULL;
    TG_CHECK(options->bytes_max > 0, err, TG_ERR_VALUE, "spill: at most %lld bytes on disk",
             (long long)options->bytes_max);
    spill = tg_calloc(NULL, 1, sizeof *spill);
    TG_CHECK(spill != NULL, err, TG_ERR_MEMORY, "no memory to spill");
    spill->directory.lock = -1;
    (void)pthread_mutex_init(&spill->lock, NULL);
    (void)pthread_cond_init(&spill->wake, NULL);
    spill->options = *options;
    spill->slot_count = SLOTS_FIRST;
    spill->slots = tg_calloc(NULL, spill->slot_count, sizeof(entry *));
    TG_CHECK(spill->slots != NULL, err, TG_ERR_MEMORY, "no memory to spill");
    TG_TRY(tg__spill_dir_open(&spill->directory, options->directory, err));
    (void)snprintf(path, sizeof path, "%s/tiles", spill->directory.path);
    TG_TRY(tg__spill_file_create(path, options->bytes_max, &spill->file, err));
    TG_TRY(start_thread(spill, err));
    *out = spill;
    spill = NULL;
out:
    tg_spill_destroy(spill);
    return status;
}

void
tg_spill_destroy(tg_spill *spill)
{
    if (spill != NULL) {
        (void)pthread_mutex_lock(&spill->lock);
        spill->closing = true;
        (void)pthread_cond_signal(&spill->wake);
        (void)pthread_mutex_unlock(&spill->lock);
        if (spill->runs) {
            (void)pthread_join(spill->thread, NULL);
        }
        while (spill->first != NULL) {
            wish *w = spill->first;
            spill->first = w->next;
            free_wish(w);
        }
        for (size_t i = 0; spill->slots != NULL && i < spill->slot_count; i++) {
            while (spill->slots[i] != NULL) {
                remove_entry(spill, &spill->slots[i]);
            }
        }
        tg__spill_file_destroy(spill->file);
        tg__spill_dir_close(&spill->directory);
        tg_free(NULL, spill->slots, spill->slot_count * sizeof(entry *));
        (void)pthread_cond_destroy(&spill->wake);
        (void)pthread_mutex_destroy(&spill->lock);
        tg_free(NULL, spill, sizeof *spill);
    }
}
