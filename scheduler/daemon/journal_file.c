/* SPDX-License-Identifier: BSD-3-Clause */
/* The file behind a journal. See journal_file.h. */
#include "scheduler/daemon/journal_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/mem/alloc.h"

enum { PATH_BYTES = 1200 };
/* A journal of more than that is not believed to be one. */
#define FILE_BYTES_MAX ((int64_t)4 << 30)

struct tg_journal_file {
    char path[PATH_BYTES], next[PATH_BYTES];
    int lock, fd;
    int64_t size; /* of what was appended whole */
    void *bytes;
    size_t room;
};

static tg_status
complain(const char *what, const char *path, tg_error *err)
{
    return tg_fail(err, TG_ERR_IO, "journal: %s %s: %s", what, path, strerror(errno));
}

static tg_status
read_former(tg_journal_file *file, size_t *count, tg_error *err)
{
    tg_status status = TG_OK;
    struct stat about;
    int fd = open(file->path, O_RDONLY | O_CLOEXEC);
    *count = 0;
    if (fd < 0) {
        status = errno == ENOENT ? TG_OK : complain("cannot open", file->path, err);
        goto out;
    }
    TG_TRY(fstat(fd, &about) == 0 ? TG_OK : complain("cannot look at", file->path, err));
    TG_CHECK(about.st_size <= FILE_BYTES_MAX, err, TG_ERR_LIMIT,
             "journal: %s has %lld bytes: that is no journal", file->path,
             (long long)about.st_size);
    file->room = (size_t)about.st_size + 1;
    file->bytes = tg_malloc(NULL, file->room);
    TG_CHECK(file->bytes != NULL, err, TG_ERR_MEMORY, "no memory to read %s", file->path);
    ssize_t got = 1;
    while (got > 0 && *count + 1 < file->room) {
        got = read(fd, (char *)file->bytes + *count, file->room - 1 - *count);
        *count += got > 0 ? (size_t)got : 0;
    }
    TG_TRY(got >= 0 ? TG_OK : complain("cannot read", file->path, err));
out:
    if (fd >= 0) {
        (void)close(fd);
    }
    return status;
}

tg_status
tg_journal_file_open(const char *folder, tg_journal_file **out, const void **bytes, size_t *count,
                     tg_error *err)
{
    tg_status status = TG_OK;
    char lock[PATH_BYTES];
    tg_journal_file *file = tg_calloc(NULL, 1, sizeof *file);
    *out = NULL;
    TG_CHECK(file != NULL, err, TG_ERR_MEMORY, "no memory for a journal");
    file->lock = file->fd = -1;
    TG_CHECK(strlen(folder) < PATH_BYTES - 16, err, TG_ERR_VALUE, "journal: the path is too long");
    (void)snprintf(file->path, sizeof file->path, "%s/journal", folder);
    (void)snprintf(file->next, sizeof file->next, "%s/journal.next", folder);
    (void)snprintf(lock, sizeof lock, "%s/lock", folder);
    if (mkdir(folder, 0700) != 0 && errno != EEXIST) {
        TG_TRY(complain("cannot make", folder, err));
    }
    file->lock = open(lock, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    TG_TRY(file->lock >= 0 ? TG_OK : complain("cannot open", lock, err));
    TG_CHECK(flock(file->lock, LOCK_EX | LOCK_NB) == 0, err, TG_ERR_EXISTS,
             "journal: %s is in use by another scheduler", folder);
    TG_TRY(read_former(file, count, err));
    file->fd = open(file->next, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
    TG_TRY(file->fd >= 0 ? TG_OK : complain("cannot write", file->next, err));
    *bytes = file->bytes;
    *out = file;
    file = NULL;
out:
    tg_journal_file_close(file);
    return status;
}

tg_status
tg_journal_file_append(tg_journal_file *file, const void *bytes, size_t count, tg_error *err)
{
    tg_status status = TG_OK;
    size_t written = 0;
    while (written < count) {
        ssize_t some = write(file->fd, (const char *)bytes + written, count - written);
        if (some < 0 && errno != EINTR) {
            status = complain("cannot write", file->path, err);
            /* A torn record ends what is read of the file: what comes behind it must count. */
            if (written > 0 && ftruncate(file->fd, (off_t)file->size) != 0) {
                status = complain("cannot take back half a record of", file->path, err);
            }
            goto out;
        }
        written += some > 0 ? (size_t)some : 0;
    }
    file->size += (int64_t)count;
out:
    return status;
}

tg_status
tg_journal_file_begin(tg_journal_file *file, tg_error *err)
{
    tg_status status = TG_OK;
    TG_TRY(fsync(file->fd) == 0 ? TG_OK : complain("cannot sync", file->next, err));
    TG_TRY(rename(file->next, file->path) == 0 ? TG_OK : complain("cannot name", file->path, err));
    tg_free(NULL, file->bytes, file->room);
    file->bytes = NULL;
    file->room = 0;
out:
    return status;
}

void
tg_journal_file_close(tg_journal_file *file)
{
    if (file != NULL) {
        if (file->fd >= 0) {
            (void)close(file->fd);
        }
        if (file->lock >= 0) {
            (void)close(file->lock);
        }
        tg_free(NULL, file->bytes, file->room);
        tg_free(NULL, file, sizeof *file);
    }
}
