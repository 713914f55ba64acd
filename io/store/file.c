/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The store in a directory.
 *
 * Design notes: a directory descriptor is opened once; values are opened relative to it, so the
 * path of the root is not walked again for each chunk, and a root that is renamed stays the same
 * store. Reading a whole chunk is open, read, close: its length is learned from a short read.
 * In a staged store nothing is under a final name until the whole directory is renamed, so its
 * values are written in place; elsewhere each goes through a temporary name. So it does in a stage
 * that is to be found again after the process was killed: what has its own name there is whole.
 * That stage is locked as long as it is open; nothing else is.
 */
#ifndef _GNU_SOURCE
#    define _GNU_SOURCE
#endif
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/base/size.h"
#include "core/mem/alloc.h"
#include "io/store/fd.h"
#include "io/store/leftover.h"
#include "io/store/store.h"

/* How names of values in the making begin. */
#define TEMPORARY ".tmp-"
/* A writer has to win a race in each of them. */
enum { ERASE_ROUNDS = 100 };

typedef struct file_store {
    tg_store base;
    int dir;
    bool staged;
    bool in_place;  /* values are written under their own names */
    bool resumable; /* stays when it is not published */
    bool overwrite;
    bool sync;
    bool done; /* published or discarded */
    char stage[TG_STORE_PATH_MAX + 64];
} file_store;

/* Set when the kernel (or a sandbox) has no openat2; then keys are only checked as text. */
static atomic_bool openat2_missing;
static atomic_uint temporary_counter;

static tg_status
io_error(const char *path, const char *key, const char *what, int code, tg_error *err)
{
    tg_status status = code == ENOENT || code == ENOTDIR ? TG_ERR_NOT_FOUND : TG_ERR_IO;
    const char *slash = key[0] != '\0' ? "/" : "";
    return tg_fail(err, status, "%s%s%s: %s: %s", path, slash, key, what,
                   code == EXDEV ? "it leads outside the store" : strerror(code));
}

/* A value that is missing: of a store that is no longer there it would read as the fill value. */
static tg_status
missing_error(const file_store *f, const char *key, int code, tg_error *err)
{
    struct stat mine, now;
    bool gone = code == ENOENT && !f->staged && fstat(f->dir, &mine) == 0 &&
                (mine.st_nlink == 0 || (stat(f->base.path, &now) == 0 &&
                                        (now.st_ino != mine.st_ino || now.st_dev != mine.st_dev)));
    return gone ? tg_fail(err, TG_ERR_IO,
                          "%s/%s: the store was removed or replaced since it was opened; open it "
                          "again",
                          f->base.path, key)
                : io_error(f->base.path, key, "cannot open", code, err);
}

static int
open_beneath(int dir, const char *key, int flags)
{
    int fd = -1;
    if (!atomic_load_explicit(&openat2_missing, memory_order_relaxed)) {
        struct open_how how = { .flags = (unsigned)(flags | O_CLOEXEC),
                                .mode = (flags & O_CREAT) != 0 ? 0666 : 0,
                                .resolve = RESOLVE_BENEATH };
        fd = (int)syscall(SYS_openat2, dir, key, &how, sizeof how);
        if (fd >= 0 || (errno != ENOSYS && errno != EPERM)) {
            return fd;
        }
        if (errno == ENOSYS) {
            atomic_store_explicit(&openat2_missing, true, memory_order_relaxed);
        }
    }
    fd = openat(dir, key, flags | O_CLOEXEC, 0666);
    return fd;
}

static tg_status
file_stat(tg_store *store, const char *key, int64_t *bytes, tg_error *err)
{
    const file_store *f = (file_store *)store;
    struct stat st;
    tg_status status = TG_OK;
    if (fstatat(f->dir, key, &st, 0) != 0) {
        status = io_error(store->path, key, "cannot look it up", errno, err);
    } else if (!S_ISREG(st.st_mode)) {
        status = tg_fail(err, TG_ERR_NOT_FOUND, "%s/%s: not a file", store->path, key);
    } else {
        *bytes = st.st_size;
    }
    return status;
}

static tg_status
file_get(tg_store *store, const char *key, void *to, int64_t capacity, int64_t *got, tg_error *err)
{
    const file_store *f = (file_store *)store;
    tg_status status = TG_OK;
    char probe = 0;
    int64_t n = 0;
    /* O_NONBLOCK: a named pipe in place of a chunk must not hang us. */
    int fd = open_beneath(f->dir, key, O_RDONLY | O_NONBLOCK);
    if (fd < 0) {
        status = missing_error(f, key, errno, err);
        goto out;
    }
    /* The first call usually returns everything; asking again for the end costs a system call, so
     * it is done only when the buffer was filled to the brim. */
    ssize_t first = pread(fd, to, (size_t)capacity, 0);
    if (first < 0 && errno != EINTR) {
        status = io_error(store->path, key, "cannot read", errno, err);
        goto out;
    }
    n = first > 0 ? first : 0;
    struct stat st;
    if (n == capacity || n == 0) {
        if (fstat(fd, &st) != 0) {
            status = io_error(store->path, key, "cannot read", errno, err);
            goto out;
        }
        if (n < capacity && st.st_size > n) {
            n = tg_fd_read(fd, 0, to, capacity);
        }
        TG_CHECK(n >= 0, err, TG_ERR_IO, "%s/%s: cannot read: %s", store->path, key,
                 strerror(errno));
        TG_CHECK(n < capacity || tg_fd_read(fd, n, &probe, 1) == 0, err, TG_ERR_LIMIT,
                 "%s/%s: has %lld bytes, at most %lld are expected", store->path, key,
                 (long long)st.st_size, (long long)capacity);
    } else if (n >= (int64_t)0x7ffff000) {
        n = tg_fd_read(fd, 0, to, capacity);
        TG_CHECK(n >= 0, err, TG_ERR_IO, "%s/%s: cannot read: %s", store->path, key,
                 strerror(errno));
    }
    *got = n;
out:
    if (fd >= 0) {
        (void)close(fd);
    }
    return status;
}

static tg_status
file_open(tg_store *store, const char *key, tg_store_value *out, tg_error *err)
{
    const file_store *f = (file_store *)store;
    tg_status status = TG_OK;
    struct stat st;
    int fd = open_beneath(f->dir, key, O_RDONLY | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &st) != 0) {
        status = missing_error(f, key, errno, err);
        goto out;
    }
    TG_CHECK(S_ISREG(st.st_mode), err, TG_ERR_IO, "%s/%s: not a file", store->path, key);
    out->fd = fd;
    out->bytes = st.st_size;
    fd = -1;
out:
    if (fd >= 0) {
        (void)close(fd);
    }
    return status;
}

static tg_status
file_read(tg_store *store, const tg_store_value *value, int64_t offset, void *to, int64_t bytes,
          tg_error *err)
{
    tg_status status = TG_OK;
    int64_t n = tg_fd_read((int)value->fd, offset, to, bytes);
    if (n < 0) {
        status = io_error(store->path, "", "cannot read", errno, err);
    } else if (n < bytes) {
        status =
            tg_fail(err, TG_ERR_CORRUPT, "%s: a file was cut while it was being read", store->path);
    }
    return status;
}

static void
file_close(tg_store *store, tg_store_value *value)
{
    (void)store;
    if (value->fd >= 0) {
        (void)close((int)value->fd);
    }
}

/* Makes the directories that `key` lies in. */
static int
make_parents(int dir, const char *key)
{
    char part[TG_STORE_KEY_MAX];
    int code = 0;
    for (const char *slash = strchr(key, '/'); slash != NULL && code == 0;
         slash = strchr(slash + 1, '/')) {
        size_t n = (size_t)(slash - key);
        memcpy(part, key, n);
        part[n] = '\0';
        if (mkdirat(dir, part, 0777) != 0 && errno != EEXIST) {
            code = errno;
        }
    }
    return code;
}

/* The name a value is written under: its own in most stages, a temporary one beside it elsewhere.
 */
static void
written_name(const file_store *f, const char *key, const tg_store_value *value,
             char name[TG_STORE_KEY_MAX + 64])
{
    const char *slash = strrchr(key, '/');
    int directory = slash != NULL ? (int)(slash - key) + 1 : 0;
    if (f->in_place) {
        (void)snprintf(name, TG_STORE_KEY_MAX + 64, "%s", key);
    } else {
        (void)snprintf(name, TG_STORE_KEY_MAX + 64, "%.*s%s", directory, key, value->temporary);
    }
}

/* Several hosts may write one store: their processes have numbers of their own each, by chance the
 * same. */
static uint64_t
process_mark(void)
{
    static _Atomic uint64_t mark;
    uint64_t now = atomic_load_explicit(&mark, memory_order_relaxed);
    if (now == 0) {
        uint64_t drawn = 0;
        if (getrandom(&drawn, sizeof drawn, GRND_NONBLOCK) != (ssize_t)sizeof drawn) {
            drawn = (uint64_t)getpid();
        }
        drawn |= 1;
        now = atomic_compare_exchange_strong(&mark, &now, drawn) ? drawn : now;
    }
    return now;
}

static tg_status
file_create(tg_store *store, const char *key, tg_store_value *out, tg_error *err)
{
    const file_store *f = (file_store *)store;
    char name[TG_STORE_KEY_MAX + 64];
    tg_status status = TG_OK;
    int code = 0;
    if (!f->in_place) {
        (void)snprintf(out->temporary, sizeof out->temporary, TEMPORARY "%ld-%" PRIx64 "-%u",
                       (long)getpid(), process_mark(), atomic_fetch_add(&temporary_counter, 1));
    }
    written_name(f, key, out, name);
    int flags = O_WRONLY | O_CREAT | O_TRUNC;
    int fd = open_beneath(f->dir, name, flags);
    if (fd < 0 && errno == ENOENT) {
        code = make_parents(f->dir, key);
        fd = code == 0 ? open_beneath(f->dir, name, flags) : -1;
    }
    if (fd < 0) {
        code = code != 0 ? code : errno;
        status =
            tg_fail(err, TG_ERR_IO, "%s/%s: cannot create: %s", store->path, key, strerror(code));
        goto out;
    }
    out->fd = fd;
out:
    return status;
}

static tg_status
file_write(tg_store *store, const tg_store_value *value, int64_t offset, const void *from,
           int64_t bytes, tg_error *err)
{
    tg_status status = TG_OK;
    int code = tg_fd_write((int)value->fd, offset, from, bytes);
    TG_CHECK(code == 0, err, TG_ERR_IO, "%s: cannot write: %s", store->path, strerror(code));
out:
    return status;
}

static tg_status
file_finish(tg_store *store, const char *key, tg_store_value *value, bool keep, tg_error *err)
{
    const file_store *f = (file_store *)store;
    char name[TG_STORE_KEY_MAX + 64];
    tg_status status = TG_OK;
    written_name(f, key, value, name);
    /* close reports what delayed allocation and network file systems found out late. */
    if (close((int)value->fd) != 0 && keep) {
        status =
            tg_fail(err, TG_ERR_IO, "%s/%s: cannot write: %s", store->path, key, strerror(errno));
        keep = false;
    }
    if (keep && !f->in_place && renameat(f->dir, name, f->dir, key) != 0) {
        status =
            tg_fail(err, TG_ERR_IO, "%s/%s: cannot rename: %s", store->path, key, strerror(errno));
        keep = false;
    }
    if (!keep) {
        (void)unlinkat(f->dir, name, 0);
    }
    return status;
}

static tg_status
file_list(tg_store *store, const char *prefix, tg_store_visit visit, void *ctx, tg_error *err)
{
    const file_store *f = (file_store *)store;
    tg_status status = TG_OK;
    int fd = open_beneath(f->dir, prefix[0] != '\0' ? prefix : ".", O_RDONLY | O_DIRECTORY);
    DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
    if (d == NULL) {
        status = io_error(store->path, prefix, "cannot list", errno, err);
        goto out;
    }
    bool go_on = true;
    for (struct dirent *e = readdir(d); e != NULL && go_on; e = readdir(d)) {
        struct stat st;
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0 &&
            fstatat(fd, e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
            (S_ISREG(st.st_mode) || S_ISDIR(st.st_mode))) {
            go_on = visit(ctx, e->d_name, S_ISDIR(st.st_mode), st.st_size);
        }
    }
out:
    if (d != NULL) {
        (void)closedir(d); /* and fd with it */
    } else if (fd >= 0) {
        (void)close(fd);
    }
    return status;
}

static tg_status
file_remove(tg_store *store, const char *key, tg_error *err)
{
    const file_store *f = (file_store *)store;
    tg_status status = TG_OK;
    if (unlinkat(f->dir, key, 0) != 0) {
        status = io_error(store->path, key, "cannot remove", errno, err);
    }
    return status;
}

/* Removes a file or a directory with all in it; the depth is bounded by the path length. */
static void
remove_tree(int at, const char *name)
{
    if (unlinkat(at, name, 0) == 0) {
        return;
    }
    int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
    if (d != NULL) {
        for (struct dirent *e = readdir(d); e != NULL; e = readdir(d)) {
            if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0) {
                remove_tree(fd, e->d_name);
            }
        }
        (void)closedir(d);
    } else if (fd >= 0) {
        (void)close(fd);
    }
    (void)unlinkat(at, name, AT_REMOVEDIR);
}

void
tg_store_erase(const char *temporary)
{
    struct stat st;
    /* A file that appears between reading and removing its directory keeps that; once the top is
     * gone nothing can appear. */
    for (int i = 0; i < ERASE_ROUNDS && lstat(temporary, &st) == 0; i++) {
        remove_tree(AT_FDCWD, temporary);
    }
}

tg_status
tg_store_target(const char *path, bool overwrite, char *real, tg_error *err)
{
    tg_status status = TG_OK;
    struct stat st;
    char followed[PATH_MAX];
    const char *end = path;
    if (lstat(path, &st) == 0) {
        TG_CHECK(overwrite, err, TG_ERR_EXISTS,
                 "%s: exists already; give overwrite to replace it (overwrite=True in Python, "
                 "--overwrite of tg)",
                 path);
        if (S_ISLNK(st.st_mode)) {
            TG_CHECK(realpath(path, followed) != NULL && stat(followed, &st) == 0, err, TG_ERR_IO,
                     "%s: cannot follow the link: %s", path, strerror(errno));
            end = followed;
        }
        TG_CHECK(S_ISREG(st.st_mode) || S_ISDIR(st.st_mode), err, TG_ERR_EXISTS,
                 "%s: is a device, a pipe or a socket; it is not replaced", path);
    }
    TG_CHECK(strlen(end) < TG_STORE_PATH_MAX, err, TG_ERR_VALUE, "the path '%.80s...' is too long",
             end);
    memmove(real, end, strlen(end) + 1);
out:
    return status;
}

tg_status
tg_store_sync_parent(const char *path, tg_error *err)
{
    tg_status status = TG_OK;
    char folder[TG_STORE_PATH_MAX];
    const char *slash = strrchr(path, '/');
    size_t n = slash == path ? 1 : slash != NULL ? (size_t)(slash - path) : 0;
    (void)snprintf(folder, sizeof folder, "%.*s", n > 0 ? (int)n : 1, n > 0 ? path : ".");
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    /* EINVAL: a file system whose directories need no fsync. */
    TG_CHECK(fd >= 0 && (fsync(fd) == 0 || errno == EINVAL), err, TG_ERR_IO, "%s: cannot sync: %s",
             folder, strerror(errno));
out:
    if (fd >= 0) {
        (void)close(fd);
    }
    return status;
}

/* Removes values that were in the making when their process was killed. */
static void
sweep(int at, const char *name)
{
    int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
    for (struct dirent *e = d != NULL ? readdir(d) : NULL; e != NULL; e = readdir(d)) {
        if (strncmp(e->d_name, TEMPORARY, sizeof TEMPORARY - 1) == 0) {
            (void)unlinkat(fd, e->d_name, 0);
        } else if (e->d_name[0] != '.' && e->d_type != DT_REG) {
            sweep(fd, e->d_name);
        }
    }
    if (d != NULL) {
        (void)closedir(d);
    } else if (fd >= 0) {
        (void)close(fd);
    }
}

/* Others may have it from here on, though somebody may hold the object for long. */
static void
end_stage(file_store *f)
{
    f->done = true;
    if (f->resumable) {
        (void)flock(f->dir, LOCK_UN);
    }
}

static tg_status
file_publish(tg_store *store, tg_error *err)
{
    file_store *f = (file_store *)store;
    tg_status status = TG_OK;
    if (!f->staged || f->done) {
        goto out;
    }
    /* Of others that wrote here; whoever still does writes what is not needed. */
    sweep(f->dir, ".");
    /* One call for all files and directories of the stage, however many there are. */
    TG_CHECK(!f->sync || syncfs(f->dir) == 0, err, TG_ERR_IO, "%s: cannot sync: %s", store->path,
             strerror(errno));
    unsigned mode = f->overwrite ? RENAME_EXCHANGE : RENAME_NOREPLACE;
    int code = 0;
    if (renameat2(AT_FDCWD, f->stage, AT_FDCWD, store->path, mode) != 0) {
        code = errno;
        if (f->overwrite && code == ENOENT) { /* nothing there to exchange with */
            code = rename(f->stage, store->path) == 0 ? 0 : errno;
        } else if (code == EINVAL || code == ENOSYS) {
            /* A file system without exchange: between two renames the path is missing for a
             * moment, which is the best that it offers. */
            char old[TG_STORE_PATH_MAX + 72];
            (void)snprintf(old, sizeof old, "%s.old", f->stage);
            if (f->overwrite) {
                (void)rename(store->path, old);
            }
            code = rename(f->stage, store->path) == 0 ? 0 : errno;
            if (f->overwrite && code != 0) {
                (void)rename(old, store->path);
            } else if (f->overwrite) {
                remove_tree(AT_FDCWD, old);
            }
        }
    } else if (f->overwrite) {
        remove_tree(AT_FDCWD, f->stage);
    }
    TG_CHECK(code == 0, err, code == EEXIST || code == ENOTEMPTY ? TG_ERR_EXISTS : TG_ERR_IO,
             "%s: cannot put the finished data there: %s", store->path, strerror(code));
    end_stage(f);
    if (f->sync) {
        TG_TRY(tg_store_sync_parent(store->path, err));
    }
out:
    return status;
}

static void
file_discard(tg_store *store)
{
    file_store *f = (file_store *)store;
    if (f->staged && !f->done) {
        if (!f->resumable) {
            remove_tree(AT_FDCWD, f->stage);
        }
        end_stage(f);
    }
}

static void
file_destroy(tg_store *store)
{
    file_store *f = (file_store *)store;
    file_discard(store);
    if (f->dir >= 0) {
        (void)close(f->dir);
    }
    tg_free(NULL, f, sizeof *f);
}

static const tg_store_ops file_ops = {
    .stat = file_stat,
    .get = file_get,
    .open = file_open,
    .read = file_read,
    .close = file_close,
    .create = file_create,
    .write = file_write,
    .finish = file_finish,
    .list = file_list,
    .remove = file_remove,
    .publish = file_publish,
    .discard = file_discard,
    .destroy = file_destroy,
};

/* A file store object for `path`, without trailing slashes; no directory is open yet. */
static tg_status
make(const char *path, file_store **out, tg_error *err)
{
    tg_status status = TG_OK;
    size_t n = strlen(path);
    *out = NULL;
    while (n > 1 && path[n - 1] == '/') {
        n--;
    }
    TG_CHECK(n > 0, err, TG_ERR_VALUE, "the path is empty");
    TG_CHECK(n < TG_STORE_PATH_MAX - 64, err, TG_ERR_VALUE, "the path '%.80s...' is too long",
             path);
    file_store *f = tg_calloc(NULL, 1, sizeof *f);
    TG_CHECK(f != NULL, err, TG_ERR_MEMORY, "%s: out of memory", path);
    f->base.ops = &file_ops;
    f->base.references = 1;
    f->dir = -1;
    memcpy(f->base.path, path, n);
    *out = f;
out:
    return status;
}

tg_status
tg_store_file_open(const char *path, tg_store **out, tg_error *err)
{
    tg_status status = TG_OK;
    file_store *f = NULL;
    *out = NULL;
    TG_TRY(make(path, &f, err));
    f->dir = open(f->base.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (f->dir < 0) {
        status = io_error(f->base.path, "", "cannot open", errno, err);
        goto out;
    }
    *out = &f->base;
    f = NULL;
out:
    tg_store_release(f != NULL ? &f->base : NULL);
    return status;
}

tg_status
tg_store_file_stage(const char *path, bool overwrite, bool sync, tg_store **out, tg_error *err)
{
    tg_status status = TG_OK;
    file_store *f = NULL;
    *out = NULL;
    TG_TRY(make(path, &f, err));
    TG_TRY(tg_store_target(f->base.path, overwrite, f->base.path, err));
    tg_leftover_remove(f->base.path);
    tg_leftover_name(f->base.path, atomic_fetch_add(&temporary_counter, 1), f->stage,
                     sizeof f->stage);
    if (mkdir(f->stage, 0777) != 0) {
        status = tg_fail(err, TG_ERR_IO, "%s: cannot create: %s", f->base.path, strerror(errno));
        goto out;
    }
    f->base.temporary = f->stage;
    f->staged = true;
    f->in_place = true;
    f->overwrite = overwrite;
    f->sync = sync;
    f->dir = open(f->stage, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    TG_CHECK(f->dir >= 0, err, TG_ERR_IO, "%s: cannot open: %s", f->stage, strerror(errno));
    *out = &f->base;
    f = NULL;
out:
    tg_store_release(f != NULL ? &f->base : NULL);
    return status;
}

tg_status
tg_store_file_resume(const char *path, bool overwrite, bool sync, tg_store **out, bool *found,
                     tg_error *err)
{
    tg_status status = TG_OK;
    file_store *f = NULL;
    *out = NULL;
    TG_TRY(make(path, &f, err));
    TG_TRY(tg_store_target(f->base.path, overwrite, f->base.path, err));
    (void)snprintf(f->stage, sizeof f->stage, "%s.part", f->base.path);
    *found = mkdir(f->stage, 0777) != 0;
    TG_CHECK(!*found || errno == EEXIST, err, TG_ERR_IO, "%s: cannot create: %s", f->stage,
             strerror(errno));
    f->base.temporary = f->stage;
    f->staged = true;
    f->resumable = true;
    f->overwrite = overwrite;
    f->sync = sync;
    f->dir = open(f->stage, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    TG_CHECK(f->dir >= 0, err, TG_ERR_IO, "%s: cannot open: %s", f->stage, strerror(errno));
    /* Where a file system has no locks, nothing is known of others. */
    TG_CHECK(flock(f->dir, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK, err, TG_ERR_EXISTS,
             "%s: another process is writing there", f->stage);
    if (*found) {
        sweep(f->dir, ".");
    }
    *out = &f->base;
    f = NULL;
out:
    tg_store_release(f != NULL ? &f->base : NULL);
    return status;
}
