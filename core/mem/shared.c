/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The holder's side of shared memory: the file, its blocks and its offers.
 *
 * The file begins with the slots of the offers, one u64 each, and goes on with blocks of whole
 * pages. Free stretches are kept in a table outside of it, in order of address, so a reader's
 * mistake or a writer's overrun cannot harm it; the first that is large enough is taken. The table
 * is short and seldom asked, because the pool above keeps blocks for reuse.
 *
 * Design notes. The order that makes locks and offers safe (shared.h) needs a full fence on each
 * side: the kernel's test for locks may look at its list without taking a lock.
 */
#include "core/mem/shared.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/assert.h"
#include "core/base/limits.h"

#if !defined(MADV_POPULATE_WRITE)
#    define MADV_POPULATE_WRITE 23
#endif

/* Blocks of this size and more begin at a multiple of it: huge pages, where the system has them
 * for memory files. */
#define HUGE_PAGE ((size_t)2 << 20)

typedef struct stretch {
    size_t at, bytes;
} stretch;

struct tg_shared {
    tg_alloc alloc;
    pthread_mutex_t lock;
    int fd;
    uint64_t inode;
    unsigned char *base;
    size_t bytes, page;
    stretch *free; /* ascending, apart from each other */
    size_t free_count, free_room, blocks;
    _Atomic uint64_t *slots; /* the begin of the file */
    uint64_t last_number;
    uint16_t unused[TG_SHARED_OFFERS_MAX]; /* slots, a stack */
    size_t unused_count;
};

static size_t
round_up(size_t value, size_t unit)
{
    return (value + unit - 1) / unit * unit;
}

/* -- blocks -------------------------------------------------------------------------------- */

/* Room for one more stretch, and for one between any two blocks: freeing must not fail. */
static bool
reserve_stretches(tg_shared *s)
{
    size_t need = s->blocks + 3;
    bool ok = need <= s->free_room;
    if (!ok) {
        stretch *larger =
            tg_realloc(NULL, s->free, s->free_room * sizeof *larger, 2 * need * sizeof *larger);
        ok = larger != NULL;
        s->free = ok ? larger : s->free;
        s->free_room = ok ? 2 * need : s->free_room;
    }
    return ok;
}

static void
remove_stretch(tg_shared *s, size_t index)
{
    s->free_count--;
    memmove(s->free + index, s->free + index + 1, (s->free_count - index) * sizeof *s->free);
}

static void
insert_stretch(tg_shared *s, size_t index, stretch fresh)
{
    TG_ASSERT_CMP(s->free_count, <, s->free_room);
    memmove(s->free + index + 1, s->free + index, (s->free_count - index) * sizeof *s->free);
    s->free[index] = fresh;
    s->free_count++;
}

/* Cuts a block out of the first stretch that has room for it. Lock held. */
static bool
take_stretch(tg_shared *s, size_t bytes, size_t align, size_t *at)
{
    bool found = false;
    if (!reserve_stretches(s)) {
        return false;
    }
    for (size_t i = 0; i < s->free_count && !found; i++) {
        stretch f = s->free[i];
        size_t begin = round_up(f.at, align);
        if (begin - f.at < f.bytes && bytes <= f.bytes - (begin - f.at)) {
            stretch rest = { begin + bytes, f.at + f.bytes - begin - bytes };
            found = true;
            *at = begin;
            s->free[i].bytes = begin - f.at;
            if (rest.bytes != 0) {
                insert_stretch(s, i + 1, rest);
            }
            if (s->free[i].bytes == 0) {
                remove_stretch(s, i);
            }
        }
    }
    s->blocks += found;
    return found;
}

/* Puts a block back between its neighbours. Lock held. */
static void
give_stretch(tg_shared *s, size_t at, size_t bytes)
{
    size_t lo = 0, hi = s->free_count;
    while (lo < hi) {
        size_t middle = (lo + hi) / 2;
        if (s->free[middle].at < at) {
            lo = middle + 1;
        } else {
            hi = middle;
        }
    }
    stretch *before = lo > 0 ? &s->free[lo - 1] : NULL;
    stretch *after = lo < s->free_count ? &s->free[lo] : NULL;
    TG_ASSERT(before == NULL || before->at + before->bytes <= at);
    TG_ASSERT(after == NULL || at + bytes <= after->at);
    bool joins_before = before != NULL && before->at + before->bytes == at;
    bool joins_after = after != NULL && at + bytes == after->at;
    if (joins_before) {
        before->bytes += bytes;
        if (joins_after) {
            before->bytes += after->bytes;
            remove_stretch(s, lo);
        }
    } else if (joins_after) {
        after->at = at;
        after->bytes += bytes;
    } else {
        insert_stretch(s, lo, (stretch){ at, bytes });
    }
    s->blocks--;
}

/* Asks for the pages of a block now: touching one that cannot be had would be a SIGBUS. Mapping
 * them in the same call makes the first touch cheap; kernels before 5.14 only make them. */
static bool
populate(tg_shared *s, size_t at, size_t bytes)
{
    (void)madvise(s->base + at, bytes, MADV_HUGEPAGE);
    int failed = madvise(s->base + at, bytes, MADV_POPULATE_WRITE);
    if (failed != 0 && errno == EINVAL) {
        failed = fallocate(s->fd, 0, (off_t)at, (off_t)bytes);
    }
    return failed == 0;
}

/* Does another process have a lock on these bytes? Where there are no locks, none has got one. */
static bool
is_read(const tg_shared *s, uint64_t at, uint64_t bytes)
{
    struct flock lock = {
        .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = (off_t)at, .l_len = (off_t)bytes
    };
    return fcntl(s->fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

static void
give_back(tg_shared *s, size_t at, size_t bytes)
{
    /* A refusal leaves the pages where they are, for the next block at this place. And a holder
     * that ends in good order frees everything, also what somebody reads: he keeps the pages, and
     * no other block ever gets that place. */
    bool read = is_read(s, at, bytes);
    if (!read) {
        (void)fallocate(s->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)at, (off_t)bytes);
    }
    (void)pthread_mutex_lock(&s->lock);
    if (read) {
        s->blocks--;
    } else {
        give_stretch(s, at, bytes);
    }
    (void)pthread_mutex_unlock(&s->lock);
}

static bool
is_inside(const tg_shared *s, const void *ptr)
{
    uintptr_t at = (uintptr_t)ptr, base = (uintptr_t)s->base;
    return at >= base && at - base < s->bytes;
}

static void *
shared_alloc(void *ctx, size_t bytes, size_t align)
{
    tg_shared *s = ctx;
    size_t at = 0, whole = round_up(bytes, s->page);
    bool found = false;
    void *block = NULL;
    if (bytes >= TG_SHARED_BLOCK_MIN && whole < s->bytes && align <= s->page) {
        (void)pthread_mutex_lock(&s->lock);
        found = take_stretch(s, whole, bytes >= HUGE_PAGE ? HUGE_PAGE : s->page, &at);
        (void)pthread_mutex_unlock(&s->lock);
    }
    if (!found) {
        block = tg_alloc_blocks()->alloc(tg_alloc_blocks()->ctx, bytes, align);
    } else if (populate(s, at, whole)) {
        block = s->base + at;
    } else {
        give_back(s, at, whole);
    }
    return block;
}

static void
shared_free(void *ctx, void *ptr, size_t bytes)
{
    tg_shared *s = ctx;
    if (ptr != NULL && is_inside(s, ptr)) {
        give_back(s, (size_t)((unsigned char *)ptr - s->base), round_up(bytes, s->page));
    } else {
        tg_alloc_blocks()->free(tg_alloc_blocks()->ctx, ptr, bytes);
    }
}

static void *
shared_resize(void *ctx, void *ptr, size_t old_bytes, size_t new_bytes)
{
    void *fresh = shared_alloc(ctx, new_bytes, 64);
    if (fresh != NULL && ptr != NULL) {
        memcpy(fresh, ptr, old_bytes < new_bytes ? old_bytes : new_bytes);
        shared_free(ctx, ptr, old_bytes);
    }
    return fresh;
}

/* -- the file ------------------------------------------------------------------------------ */

static tg_status
open_file(tg_shared *s, tg_error *err)
{
    tg_status status = TG_OK;
    struct stat st;
    s->fd = memfd_create("tilegraph", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    TG_CHECK(s->fd >= 0, err, TG_ERR_UNSUPPORTED,
             "shared memory: this system has no memory files (memfd_create: %s)", strerror(errno));
    TG_CHECK(ftruncate(s->fd, (off_t)s->bytes) == 0 &&
                 fcntl(s->fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0 &&
                 fstat(s->fd, &st) == 0,
             err, TG_ERR_UNSUPPORTED, "shared memory: a memory file of %zu bytes is refused: %s",
             s->bytes, strerror(errno));
    s->inode = (uint64_t)st.st_ino;
    /* The sign of life for tg_shared_trim. Where locks cannot be had, readers do not map. */
    struct flock alive = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 1 };
    (void)fcntl(s->fd, F_OFD_SETLK, &alive);
    void *base = mmap(NULL, s->bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, s->fd, 0);
    TG_CHECK(base != MAP_FAILED, err, TG_ERR_MEMORY,
             "shared memory: no room for %zu bytes of addresses: %s", s->bytes, strerror(errno));
    s->base = base;
    s->slots = base;
    TG_CHECK(populate(s, 0, round_up(TG_SHARED_SLOT_BYTES, s->page)), err, TG_ERR_MEMORY,
             "shared memory: no memory for the table of offers: %s", strerror(errno));
out:
    return status;
}

tg_status
tg_shared_create(int64_t bytes, tg_shared **out, tg_error *err)
{
    tg_status status = TG_OK;
    tg_shared *s = NULL;
    *out = NULL;
    TG_CHECK(bytes > 0 && bytes <= TG_ARRAY_BYTES_MAX / 16, err, TG_ERR_VALUE,
             "shared memory: a file of %lld bytes, %lld at most", (long long)bytes,
             (long long)(TG_ARRAY_BYTES_MAX / 16));
    s = tg_calloc(NULL, 1, sizeof *s);
    TG_CHECK(s != NULL, err, TG_ERR_MEMORY, "no memory for a shared memory");
    s->fd = -1;
    s->page = (size_t)sysconf(_SC_PAGESIZE);
    s->bytes = round_up(TG_SHARED_SLOT_BYTES, HUGE_PAGE) + round_up((size_t)bytes, HUGE_PAGE);
    s->alloc = (tg_alloc){ s, shared_alloc, shared_resize, shared_free };
    (void)pthread_mutex_init(&s->lock, NULL);
    TG_TRY(open_file(s, err));
    TG_CHECK(reserve_stretches(s), err, TG_ERR_MEMORY, "no memory for a shared memory");
    size_t begin = round_up(TG_SHARED_SLOT_BYTES, s->page);
    insert_stretch(s, 0, (stretch){ begin, s->bytes - begin });
    /* Numbers of another process in the same place must not be taken for these; two machines that
     * were started from one snapshot have such processes, and look like one host. */
    TG_CHECK(getrandom(&s->last_number, sizeof s->last_number, 0) == sizeof s->last_number, err,
             TG_ERR_UNSUPPORTED, "shared memory: the system gives no random numbers: %s",
             strerror(errno));
    for (size_t i = 0; i < TG_SHARED_OFFERS_MAX; i++) {
        s->unused[i] = (uint16_t)(TG_SHARED_OFFERS_MAX - 1 - i);
    }
    s->unused_count = TG_SHARED_OFFERS_MAX;
    *out = s;
    s = NULL;
out:
    tg_shared_destroy(s);
    return status;
}

void
tg_shared_destroy(tg_shared *s)
{
    if (s != NULL) {
        TG_ASSERT_CMP(s->blocks, ==, 0);
        if (s->base != NULL) {
            (void)munmap(s->base, s->bytes);
        }
        if (s->fd >= 0) {
            (void)close(s->fd);
        }
        (void)pthread_mutex_destroy(&s->lock);
        tg_free(NULL, s->free, s->free_room * sizeof *s->free);
        tg_free(NULL, s, sizeof *s);
    }
}

const tg_alloc *
tg_shared_alloc(tg_shared *s)
{
    return &s->alloc;
}

/* -- offers -------------------------------------------------------------------------------- */

bool
tg_shared_offer(tg_shared *s, const void *data, size_t bytes, tg_shared_ref *out)
{
    bool ok = bytes != 0 && is_inside(s, data);
    (void)pthread_mutex_lock(&s->lock);
    ok = ok && s->unused_count > 0;
    if (ok) {
        *out = (tg_shared_ref){ .pid = (uint32_t)getpid(),
                                .fd = (uint32_t)s->fd,
                                .inode = s->inode,
                                .offset = (uint64_t)((const unsigned char *)data - s->base),
                                .bytes = bytes,
                                .slot = s->unused[--s->unused_count] };
        s->last_number += 1 + (s->last_number == UINT64_MAX); /* 0 is no number */
        out->number = s->last_number;
        atomic_store(&s->slots[out->slot], out->number);
    }
    (void)pthread_mutex_unlock(&s->lock);
    return ok;
}

bool
tg_shared_withdraw(tg_shared *s, const tg_shared_ref *ref)
{
    TG_ASSERT(ref->inode == s->inode && ref->slot < TG_SHARED_OFFERS_MAX);
    uint64_t number = atomic_load(&s->slots[ref->slot]);
    TG_ASSERT(number == ref->number || number == 0);
    atomic_store(&s->slots[ref->slot], 0);
    __sync_synchronize(); /* as atomic_thread_fence, which ThreadSanitizer does not know */
    bool gone = !is_read(s, ref->offset, ref->bytes);
    if (gone) {
        (void)pthread_mutex_lock(&s->lock);
        TG_ASSERT_CMP(s->unused_count, <, TG_SHARED_OFFERS_MAX);
        s->unused[s->unused_count++] = (uint16_t)ref->slot;
        (void)pthread_mutex_unlock(&s->lock);
    }
    return gone;
}
