/* SPDX-License-Identifier: BSD-3-Clause */
/* The directory for spilled tiles, from its making to its end, and what dead processes left. */
#include "worker/spill/spill_dir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define PREFIX "tilegraph-spill-"

/* A lock file, locked; -1: somebody else has it, or it cannot be. `wait`: until it is free. */
static int
lock_file(int directory, const char *name, bool wait)
{
    struct stat st;
    int fd = openat(directory, name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    bool good = fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_uid == geteuid() &&
                flock(fd, wait ? LOCK_EX : LOCK_EX | LOCK_NB) == 0;
    if (fd >= 0 && !good) {
        (void)close(fd);
        fd = -1;
    }
    return fd;
}

/* Removes the files of a directory, and then the directory. */
static void
remove_all(int parent, const char *name)
{
    int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    DIR *list = fd >= 0 ? fdopendir(fd) : NULL;
    for (const struct dirent *e = list != NULL ? readdir(list) : NULL; e != NULL;
         e = readdir(list)) {
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0) {
            (void)unlinkat(fd, e->d_name, 0);
        }
    }
    if (list != NULL) {
        (void)closedir(list);
    } else if (fd >= 0) {
        (void)close(fd);
    }
    (void)unlinkat(parent, name, AT_REMOVEDIR);
}

/* Is it ours, and nobody's who lives? */
static bool
is_left(int parent, const char *name)
{
    struct stat st;
    bool left = false;
    int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (fd >= 0 && fstat(fd, &st) == 0 && st.st_uid == geteuid()) {
        int lock = lock_file(fd, "lock", false);
        left = lock >= 0;
        if (left) {
            (void)close(lock);
        }
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    return left;
}

static void
remove_leftovers(int parent)
{
    int fd = dup(parent);
    DIR *list = fd >= 0 ? fdopendir(fd) : NULL;
    for (const struct dirent *e = list != NULL ? readdir(list) : NULL; e != NULL;
         e = readdir(list)) {
        if (strncmp(e->d_name, PREFIX, sizeof PREFIX - 1) == 0 && is_left(parent, e->d_name)) {
            remove_all(parent, e->d_name);
        }
    }
    if (list != NULL) {
        (void)closedir(list);
    } else if (fd >= 0) {
        (void)close(fd);
    }
}

tg_status
tg__spill_dir_open(tg__spill_dir *dir, const char *parent, tg_error *err)
{
    tg_status status = TG_OK;
    char turn_name[64];
    int turn = -1, here = -1;
    *dir = (tg__spill_dir){ .lock = -1 };
    int above = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    TG_CHECK(above >= 0, err, errno == ENOENT ? TG_ERR_NOT_FOUND : TG_ERR_IO,
             "%s: cannot be used for spilled tiles: %s", parent, strerror(errno));
    /* A directory is made and locked in one turn, so one without a lock is of a dead process. Who
     * does not get his turn leaves what there is. */
    (void)snprintf(turn_name, sizeof turn_name, ".tilegraph-spill-%lu.lock",
                   (unsigned long)geteuid());
    turn = lock_file(above, turn_name, true);
    if (turn >= 0) {
        remove_leftovers(above);
    }
    int length = snprintf(dir->path, sizeof dir->path, "%s/" PREFIX "XXXXXX", parent);
    TG_CHECK(length > 0 && (size_t)length + 64 < sizeof dir->path, err, TG_ERR_VALUE,
             "%s: the path is too long", parent);
    if (mkdtemp(dir->path) == NULL) {
        int code = errno;
        dir->path[0] = '\0';
        status = tg_fail(err, TG_ERR_IO, "%s: cannot make a directory for spilled tiles: %s",
                         parent, strerror(code));
        goto out;
    }
    here = open(dir->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    dir->lock = here >= 0 ? lock_file(here, "lock", false) : -1;
    TG_CHECK(dir->lock >= 0, err, TG_ERR_IO, "%s/lock: cannot be locked: %s", dir->path,
             strerror(errno));
out:
    if (here >= 0) {
        (void)close(here);
    }
    if (turn >= 0) {
        (void)close(turn);
    }
    if (above >= 0) {
        (void)close(above);
    }
    if (status != TG_OK) {
        tg__spill_dir_close(dir);
    }
    return status;
}

void
tg__spill_dir_close(tg__spill_dir *dir)
{
    if (dir->path[0] != '\0') {
        remove_all(AT_FDCWD, dir->path);
    }
    if (dir->lock >= 0) {
        (void)close(dir->lock);
    }
    *dir = (tg__spill_dir){ .lock = -1 };
}
