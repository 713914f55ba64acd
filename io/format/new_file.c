/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Files that appear whole or not at all; see the header.
 */
#ifndef _GNU_SOURCE
#    define _GNU_SOURCE
#endif
#include "io/format/new_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/store/fd.h"

tg_status
tg_new_file_create(tg_new_file *f, const char *path, bool overwrite, bool sync, tg_error *err)
{
    static atomic_uint counter;
    tg_status status = TG_OK;
    struct stat st;
    *f = (tg_new_file){ .fd = -1, .overwrite = overwrite, .sync = sync };
    TG_CHECK(path[0] != '\0' && strlen(path) < sizeof f->path, err, TG_ERR_VALUE,
             "the path '%.80s' is empty or too long", path);
    TG_CHECK(stat(path, &st) != 0 || !S_ISDIR(st.st_mode), err, TG_ERR_EXISTS,
             "%s: is a directory; a file cannot be put in its place", path);
    TG_TRY(tg_store_target(path, overwrite, f->path, err));
    (void)snprintf(f->temporary, sizeof f->temporary, "%s.tmp-%ld-%u", f->path, (long)getpid(),
                   atomic_fetch_add(&counter, 1));
    f->fd = open(f->temporary, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    TG_CHECK(f->fd >= 0, err, TG_ERR_IO, "%s: cannot create: %s", path, strerror(errno));
    f->there = true;
out:
    return status;
}

tg_status
tg_new_file_reserve(tg_new_file *f, int64_t bytes, tg_error *err)
{
    tg_status status = TG_OK;
    int code = bytes > 0 ? posix_fallocate(f->fd, 0, bytes) : 0;
    if (code == EOPNOTSUPP || code == EINVAL) { /* a file system that cannot */
        code = ftruncate(f->fd, bytes) == 0 ? 0 : errno;
    }
    TG_CHECK(code == 0, err, TG_ERR_IO, "%s: cannot write %lld bytes: %s", f->path,
             (long long)bytes, strerror(code));
out:
    return status;
}

tg_status
tg_new_file_write(const tg_new_file *f, int64_t offset, const void *from, int64_t bytes,
                  tg_error *err)
{
    tg_status status = TG_OK;
    int code = tg_fd_write(f->fd, offset, from, bytes);
    TG_CHECK(code == 0, err, TG_ERR_IO, "%s: cannot write: %s", f->path, strerror(code));
out:
    return status;
}

tg_status
tg_new_file_commit(tg_new_file *f, tg_error *err)
{
    tg_status status = TG_OK;
    int fd = f->fd;
    TG_CHECK(!f->sync || fsync(fd) == 0, err, TG_ERR_IO, "%s: cannot sync: %s", f->path,
             strerror(errno));
    f->fd = -1;
    /* close reports what delayed allocation and network file systems found out late. */
    TG_CHECK(close(fd) == 0, err, TG_ERR_IO, "%s: cannot write: %s", f->path, strerror(errno));
    int code =
        renameat2(AT_FDCWD, f->temporary, AT_FDCWD, f->path, f->overwrite ? 0 : RENAME_NOREPLACE);
    if (code != 0 && (errno == EINVAL || errno == ENOSYS)) {
        code = rename(f->temporary, f->path);
    }
    TG_CHECK(code == 0, err, errno == EEXIST ? TG_ERR_EXISTS : TG_ERR_IO,
             "%s: cannot put the finished file there: %s", f->path, strerror(errno));
    f->there = false;
    if (f->sync) {
        TG_TRY(tg_store_sync_parent(f->path, err));
    }
out:
    tg_new_file_discard(f);
    return status;
}

void
tg_new_file_discard(tg_new_file *f)
{
    if (f->fd >= 0) {
        (void)close(f->fd);
        f->fd = -1;
    }
    if (f->there) {
        (void)unlink(f->temporary);
        f->there = false;
    }
}
