/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The reader's side of shared memory: tiles of another process as buffers.
 *
 * Design notes. What a reference says is not believed: the file is looked at, locked and asked for
 * the offer before anything is mapped. The slot is read by pread, so that no page of the table need
 * be mapped; one that is torn gives a number that is not the expected one, which is a refusal.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include "core/mem/shared.h"

#if !defined(MADV_POPULATE_READ)
#    define MADV_POPULATE_READ 22
#endif

/* What the buffer's release needs: the pages round the tile. */
typedef struct mapping {
    void *base;
    size_t bytes;
} mapping;

static void
unmap(void *owner, void *data)
{
    mapping *m = owner;
    (void)data;
    (void)munmap(m->base, m->bytes); /* the last that holds the open file, and so its lock */
    tg_free(NULL, m, sizeof *m);
}

/* Opens the holder's file: is it the file, may it never become shorter, does the tile lie in it? */
static tg_status
open_theirs(const tg_shared_ref *ref, int *fd, tg_error *err)
{
    tg_status status = TG_OK;
    char path[64];
    struct stat st;
    (void)snprintf(path, sizeof path, "/proc/%u/fd/%u", ref->pid, ref->fd);
    *fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    TG_CHECK(*fd >= 0, err, TG_ERR_IO, "shared memory: cannot open %s of the holder: %s", path,
             strerror(errno));
    TG_CHECK(fstat(*fd, &st) == 0 && (uint64_t)st.st_ino == ref->inode && S_ISREG(st.st_mode), err,
             TG_ERR_NOT_FOUND, "shared memory: %s is not the holder's file any more", path);
    int seals = fcntl(*fd, F_GET_SEALS);
    TG_CHECK(st.st_uid == geteuid() && seals >= 0 && (seals & F_SEAL_SHRINK) != 0, err, TG_ERR_IO,
             "shared memory: %s is another user's, or may become shorter", path);
    TG_CHECK(
        ref->bytes > 0 && ref->slot < TG_SHARED_OFFERS_MAX && ref->offset >= TG_SHARED_SLOT_BYTES &&
            ref->offset <= (uint64_t)st.st_size && ref->bytes <= (uint64_t)st.st_size - ref->offset,
        err, TG_ERR_FORMAT,
        "shared memory: a tile of %llu bytes at %llu does not lie in a file of %lld bytes",
        (unsigned long long)ref->bytes, (unsigned long long)ref->offset, (long long)st.st_size);
out:
    return status;
}

/* Locks the tile, then looks whether it is still on offer. */
static tg_status
pin(const tg_shared_ref *ref, int fd, tg_error *err)
{
    tg_status status = TG_OK;
    struct flock lock = { .l_type = F_RDLCK,
                          .l_whence = SEEK_SET,
                          .l_start = (off_t)ref->offset,
                          .l_len = (off_t)ref->bytes };
    uint64_t number = 0;
    TG_CHECK(fcntl(fd, F_OFD_SETLK, &lock) == 0, err, TG_ERR_IO,
             "shared memory: cannot lock a tile of process %u: %s", ref->pid, strerror(errno));
    atomic_thread_fence(memory_order_seq_cst);
    ssize_t got = pread(fd, &number, sizeof number, (off_t)(ref->slot * sizeof number));
    TG_CHECK(got == (ssize_t)sizeof number && number == ref->number && number != 0, err,
             TG_ERR_NOT_FOUND, "shared memory: process %u does not offer the tile any more",
             ref->pid);
out:
    return status;
}

tg_status
tg_shared_map(const tg_shared_ref *ref, tg_buffer **out, tg_error *err)
{
    tg_status status = TG_OK;
    int fd = -1;
    mapping *m = NULL;
    *out = NULL;
    TG_TRY(open_theirs(ref, &fd, err));
    TG_TRY(pin(ref, fd, err));
    m = tg_calloc(NULL, 1, sizeof *m);
    TG_CHECK(m != NULL, err, TG_ERR_MEMORY, "no memory for a mapping");
    size_t slack = (size_t)(ref->offset % (uint64_t)sysconf(_SC_PAGESIZE));
    m->bytes = slack + (size_t)ref->bytes;
    m->base = mmap(NULL, m->bytes, PROT_READ, MAP_SHARED, fd, (off_t)(ref->offset - slack));
    if (m->base == MAP_FAILED) {
        m->base = NULL;
        status = tg_fail(err, TG_ERR_IO, "shared memory: cannot map %llu bytes of process %u: %s",
                         (unsigned long long)ref->bytes, ref->pid, strerror(errno));
        goto out;
    }
    /* A child that is forked must not hold the lock after its parent has let it go. */
    (void)madvise(m->base, m->bytes, MADV_DONTFORK);
    /* All at once instead of a fault for each few pages; where that fails, they fault. */
    (void)madvise(m->base, m->bytes, MADV_POPULATE_READ);
    *out = tg_buffer_create_foreign((unsigned char *)m->base + slack, (size_t)ref->bytes, m, unmap);
    TG_CHECK(*out != NULL, err, TG_ERR_MEMORY, "no memory for a buffer");
    m = NULL;
out:
    if (m != NULL) {
        if (m->base != NULL) {
            (void)munmap(m->base, m->bytes);
        }
        tg_free(NULL, m, sizeof *m);
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    return status;
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
