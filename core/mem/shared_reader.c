/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The reader's side of shared memory: tiles of another process as buffers.
 *
 * Design notes. What a reference says is not believed: the file is looked at before it is mapped,
 * the place is checked against the file, and the tile is locked and asked for before it is used.
 * All locks of one view belong to one open file description, so a tile that is read twice is
 * unlocked with its last reading.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include "core/base/assert.h"
#include "core/mem/shared.h"

/* One file of one holder, mapped as a whole: the tables of pages that a tile needed serve the next
 * tile in its place, and making them costs as much as a copy. */
typedef struct view {
    struct view *next;
    uint32_t pid, their_fd;
    uint64_t inode;
    int fd;
    unsigned char *base;
    uint64_t bytes;
    struct pin *pins;
} view;

/* A reading of one tile: the owner of its buffer. */
typedef struct pin {
    struct pin *next;
    tg_shared_reader *reader;
    view *view;
    uint64_t offset, bytes;
    uint64_t slot, number; /* the offer */
} pin;

struct tg_shared_reader {
    pthread_mutex_t lock;
    view *views;
};

static void
view_close(view *v)
{
    if (v->base != NULL) {
        (void)munmap(v->base, (size_t)v->bytes);
    }
    if (v->fd >= 0) {
        (void)close(v->fd);
    }
    tg_free(NULL, v, sizeof *v);
}

/* Opens and maps the holder's file: is it the file, and may it never become shorter? */
static tg_status
view_open(const tg_shared_ref *ref, view **out, tg_error *err)
{
    tg_status status = TG_OK;
    char path[64];
    struct stat st;
    void *base = NULL;
    *out = NULL;
    view *v = tg_calloc(NULL, 1, sizeof *v);
    TG_CHECK(v != NULL, err, TG_ERR_MEMORY, "no memory for a mapping");
    v->pid = ref->pid;
    v->their_fd = ref->fd;
    v->inode = ref->inode;
    (void)snprintf(path, sizeof path, "/proc/%u/fd/%u", ref->pid, ref->fd);
    v->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    TG_CHECK(v->fd >= 0, err, TG_ERR_IO, "shared memory: cannot open %s of the holder: %s", path,
             strerror(errno));
    TG_CHECK(fstat(v->fd, &st) == 0 && (uint64_t)st.st_ino == ref->inode && S_ISREG(st.st_mode),
             err, TG_ERR_NOT_FOUND, "shared memory: %s is not the holder's file any more", path);
    int seals = fcntl(v->fd, F_GET_SEALS);
    TG_CHECK(st.st_uid == geteuid() && seals >= 0 && (seals & F_SEAL_SHRINK) != 0, err, TG_ERR_IO,
             "shared memory: %s is another user's, or may become shorter", path);
    base = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED | MAP_NORESERVE, v->fd, 0);
    TG_CHECK(base != MAP_FAILED, err, TG_ERR_IO,
             "shared memory: cannot map %lld bytes of process %u: %s", (long long)st.st_size,
             ref->pid, strerror(errno));
    v->base = base;
    v->bytes = (uint64_t)st.st_size;
    /* Of no use to a child that is forked, nor in a dump of this process. */
    (void)madvise(base, (size_t)v->bytes, MADV_DONTFORK);
    (void)madvise(base, (size_t)v->bytes, MADV_DONTDUMP);
    *out = v;
    v = NULL;
out:
    if (v != NULL) {
        view_close(v);
    }
    return status;
}

/* The view of the file that a reference names, opened now if need be. Lock held. */
static tg_status
view_get(tg_shared_reader *r, const tg_shared_ref *ref, view **out, tg_error *err)
{
    tg_status status = TG_OK;
    view *v = r->views;
    while (v != NULL && !(v->pid == ref->pid && v->their_fd == ref->fd && v->inode == ref->inode)) {
        v = v->next;
    }
    if (v == NULL) {
        TG_TRY(view_open(ref, &v, err));
        v->next = r->views;
        r->views = v;
    }
    *out = v;
out:
    return status;
}

static bool
set_lock(const view *v, short type, uint64_t offset, uint64_t bytes)
{
    struct flock lock = {
        .l_type = type, .l_whence = SEEK_SET, .l_start = (off_t)offset, .l_len = (off_t)bytes
    };
    return fcntl(v->fd, F_OFD_SETLK, &lock) == 0;
}

/* Unlocks a tile, unless another reading of it goes on. Lock held. */
static void
unlock(const view *v, uint64_t offset, uint64_t bytes)
{
    const pin *p = v->pins;
    while (p != NULL && !(p->offset < offset + bytes && offset < p->offset + p->bytes)) {
        p = p->next;
    }
    if (p == NULL) {
        (void)set_lock(v, F_UNLCK, offset, bytes);
    }
}

static uint64_t
number_in(const view *v, uint64_t slot)
{
    return atomic_load((const _Atomic uint64_t *)(const void *)v->base + slot);
}

/* Locks the tile, then looks whether it is still on offer. Lock held. */
static tg_status
lock_tile(const view *v, const tg_shared_ref *ref, tg_error *err)
{
    tg_status status = TG_OK;
    uint64_t number = 0;
    TG_CHECK(ref->bytes > 0 && ref->slot < TG_SHARED_OFFERS_MAX &&
                 ref->offset >= TG_SHARED_SLOT_BYTES && ref->offset <= v->bytes &&
                 ref->bytes <= v->bytes - ref->offset,
             err, TG_ERR_FORMAT,
             "shared memory: a tile of %llu bytes at %llu does not lie in a file of %llu bytes",
             (unsigned long long)ref->bytes, (unsigned long long)ref->offset,
             (unsigned long long)v->bytes);
    TG_CHECK(set_lock(v, F_RDLCK, ref->offset, ref->bytes), err, TG_ERR_IO,
             "shared memory: cannot lock a tile of process %u: %s", ref->pid, strerror(errno));
    __sync_synchronize();
    number = number_in(v, ref->slot);
    if (number != ref->number || number == 0) {
        unlock(v, ref->offset, ref->bytes);
        status = tg_fail(err, TG_ERR_NOT_FOUND,
                         "shared memory: process %u does not offer the tile any more", ref->pid);
    }
out:
    return status;
}

/* The last reference to a tile's buffer is gone. */
static void
unpin(void *owner, void *data)
{
    pin *p = owner;
    tg_shared_reader *r = p->reader;
    (void)data;
    (void)pthread_mutex_lock(&r->lock);
    pin **at = &p->view->pins;
    while (*at != p) {
        at = &(*at)->next;
    }
    *at = p->next;
    unlock(p->view, p->offset, p->bytes);
    (void)pthread_mutex_unlock(&r->lock);
    tg_free(NULL, p, sizeof *p);
}

tg_status
tg_shared_map(tg_shared_reader *r, const tg_shared_ref *ref, tg_buffer **out, tg_error *err)
{
    tg_status status = TG_OK;
    view *v = NULL;
    *out = NULL;
    (void)pthread_mutex_lock(&r->lock);
    pin *p = tg_calloc(NULL, 1, sizeof *p);
    TG_CHECK(p != NULL, err, TG_ERR_MEMORY, "no memory for a mapping");
    TG_TRY(view_get(r, ref, &v, err));
    TG_TRY(lock_tile(v, ref, err));
    *p = (pin){ .reader = r,
                .view = v,
                .offset = ref->offset,
                .bytes = ref->bytes,
                .slot = ref->slot,
                .number = ref->number };
    *out = tg_buffer_create_foreign(v->base + ref->offset, (size_t)ref->bytes, p, unpin);
    if (*out == NULL) {
        unlock(v, ref->offset, ref->bytes);
        status = tg_fail(err, TG_ERR_MEMORY, "no memory for a buffer");
        goto out;
    }
    p->next = v->pins;
    v->pins = p;
    p = NULL;
out:
    (void)pthread_mutex_unlock(&r->lock);
    tg_free(NULL, p, sizeof *p);
    return status;
}

size_t
tg_shared_wanted(tg_shared_reader *r, const void **data, size_t room)
{
    size_t count = 0;
    (void)pthread_mutex_lock(&r->lock);
    for (const view *v = r->views; v != NULL; v = v->next) {
        for (const pin *p = v->pins; p != NULL && count < room; p = p->next) {
            if (number_in(v, p->slot) != p->number) {
                data[count++] = v->base + p->offset;
            }
        }
    }
    (void)pthread_mutex_unlock(&r->lock);
    return count;
}

/* Does its holder still have the file open? */
static bool
is_alive(const view *v)
{
    struct flock lock = { .l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 1 };
    return fcntl(v->fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

void
tg_shared_trim(tg_shared_reader *r)
{
    (void)pthread_mutex_lock(&r->lock);
    view **at = &r->views;
    while (*at != NULL) {
        view *v = *at;
        if (v->pins == NULL && !is_alive(v)) {
            *at = v->next;
            view_close(v);
        } else {
            at = &v->next;
        }
    }
    (void)pthread_mutex_unlock(&r->lock);
}

tg_shared_reader *
tg_shared_reader_create(void)
{
    tg_shared_reader *r = tg_calloc(NULL, 1, sizeof *r);
    if (r != NULL) {
        (void)pthread_mutex_init(&r->lock, NULL);
    }
    return r;
}

void
tg_shared_reader_destroy(tg_shared_reader *r)
{
    if (r != NULL) {
        while (r->views != NULL) {
            view *v = r->views;
            TG_ASSERT(v->pins == NULL);
            r->views = v->next;
            view_close(v);
        }
        (void)pthread_mutex_destroy(&r->lock);
        tg_free(NULL, r, sizeof *r);
    }
}

/* Adds a file's first bytes to the hash; false when it cannot be read. */
static bool
hash_file(const char *path, uint64_t *hash)
{
    char text[256];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd >= 0 ? read(fd, text, sizeof text) : -1;
    if (fd >= 0) {
        (void)close(fd);
    }
    if (got > 0) {
        *hash = XXH3_64bits_withSeed(text, (size_t)got, *hash);
    }
    return got > 0;
}

static bool
hash_link(const char *path, uint64_t *hash)
{
    char text[256];
    ssize_t got = readlink(path, text, sizeof text);
    if (got > 0) {
        *hash = XXH3_64bits_withSeed(text, (size_t)got, *hash);
    }
    return got > 0;
}

uint64_t
tg_shared_host(void)
{
    uint64_t hash = (uint64_t)geteuid() + 1;
    bool known = hash_file("/proc/sys/kernel/random/boot_id", &hash) &&
                 hash_link("/proc/self/ns/pid", &hash) && hash_link("/proc/self/ns/user", &hash);
    return known ? hash : 0;
}
