/* SPDX-License-Identifier: BSD-3-Clause */
/* Who has a join file. See join_file.h. */
#include "scheduler/daemon/join_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/mem/alloc.h"
#include "scheduler/net/keys_file.h"

enum { OWNER_BYTES = 160, TRIES = 100 };

struct tg_join_file {
    char path[TG_NET_PATH_MAX + 1], lock[TG_NET_PATH_MAX + 8];
    int fd; /* of the lock */
    pid_t pid;
    bool written;
    dev_t device; /* of what was written */
    ino_t inode;
};

/* Is the file that was locked still the one of that name? Its former owner may just have removed
 * it, and somebody else made another. */
static bool
is_current(const tg_join_file *file)
{
    struct stat opened, named;
    return fstat(file->fd, &opened) == 0 && stat(file->lock, &named) == 0 &&
           opened.st_dev == named.st_dev && opened.st_ino == named.st_ino;
}

static tg_status
refuse(const tg_join_file *file, tg_error *err)
{
    char owner[OWNER_BYTES] = "";
    ssize_t got = pread(file->fd, owner, sizeof owner - 1, 0);
    owner[got > 0 ? got : 0] = '\0';
    owner[strcspn(owner, "\n")] = '\0';
    return tg_fail(err, TG_ERR_EXISTS,
                   "%s: the join file of a scheduler that runs already%s%s%s: stop that one, or "
                   "give this one a name or a join file of its own (--cluster NAME, --join-file "
                   "FILE)",
                   file->path, owner[0] != '\0' ? " (" : "", owner, owner[0] != '\0' ? ")" : "");
}

/* *locked: it is ours, and its name too. */
static tg_status
try_lock(tg_join_file *file, bool *locked, tg_error *err)
{
    tg_status status = TG_OK;
    file->fd = open(file->lock, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    TG_CHECK(file->fd >= 0, err, TG_ERR_IO, "%s cannot be written: %s", file->lock,
             strerror(errno));
    if (flock(file->fd, LOCK_EX | LOCK_NB) == 0) {
        *locked = is_current(file);
    } else if (errno == EWOULDBLOCK) {
        status = refuse(file, err);
    } else {
        *locked = true; /* no locks here */
    }
    if (status == TG_OK && !*locked) {
        (void)close(file->fd);
        file->fd = -1;
    }
out:
    return status;
}

static void
sign(const tg_join_file *file)
{
    char owner[OWNER_BYTES], host[100] = "?";
    (void)gethostname(host, sizeof host - 1);
    int bytes = snprintf(owner, sizeof owner, "process %ld on %s\n", (long)file->pid, host);
    /* It is for people: without it the lock is as good. */
    (void)!(ftruncate(file->fd, 0) == 0 && pwrite(file->fd, owner, (size_t)bytes, 0) == bytes);
}

tg_status
tg_join_file_take(const char *path, tg_join_file **out, tg_error *err)
{
    tg_status status = TG_OK;
    bool locked = false;
    tg_join_file *file = tg_calloc(NULL, 1, sizeof *file);
    *out = NULL;
    TG_CHECK(file != NULL, err, TG_ERR_MEMORY, "no memory for a join file");
    file->fd = -1;
    file->pid = getpid();
    TG_CHECK(strlen(path) <= TG_NET_PATH_MAX, err, TG_ERR_VALUE,
             "the path of the join file is too "
             "long");
    (void)snprintf(file->path, sizeof file->path, "%s", path);
    (void)snprintf(file->lock, sizeof file->lock, "%s.lock", path);
    TG_TRY(tg__keys_folders_make(path, err));
    for (int i = 0; !locked && i < TRIES; i++) {
        TG_TRY(try_lock(file, &locked, err));
    }
    TG_CHECK(locked, err, TG_ERR_IO, "%s is taken away again and again", file->lock);
    sign(file);
    *out = file;
    file = NULL;
out:
    if (file != NULL && file->fd >= 0) {
        (void)close(file->fd);
    }
    tg_free(NULL, file, sizeof *file);
    return status;
}

tg_status
tg_join_file_write(tg_join_file *file, const tg_join *join, tg_error *err)
{
    struct stat about;
    tg_status status = tg_join_write(file->path, join, err);
    if (status == TG_OK && stat(file->path, &about) == 0) {
        file->written = true;
        file->device = about.st_dev;
        file->inode = about.st_ino;
    }
    return status;
}

void
tg_join_file_release(tg_join_file *file, bool keep)
{
    struct stat about;
    if (file != NULL) {
        if (file->pid == getpid()) {
            bool ours = file->written && stat(file->path, &about) == 0 &&
                        about.st_dev == file->device && about.st_ino == file->inode;
            if (ours && !keep) {
                (void)unlink(file->path);
            }
            if (is_current(file)) {
                (void)unlink(file->lock);
            }
            (void)flock(file->fd, LOCK_UN); /* a child of fork() may have it open, too */
        }
        (void)close(file->fd);
        tg_free(NULL, file, sizeof *file);
    }
}
