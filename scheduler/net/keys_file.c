/* SPDX-License-Identifier: BSD-3-Clause */
/* The files of keys. See keys_file.h. */
#include "scheduler/net/keys_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "scheduler/net/keys.h"

static bool
is_ours(const struct stat *st)
{
    return st->st_uid == geteuid() || st->st_uid == 0;
}

static bool
begins_with(const char *text, size_t bytes, const char *line)
{
    size_t length = strlen(line);
    return bytes > length && memcmp(text, line, length) == 0 && text[length] == '\n';
}

tg_status
tg__keys_read(const char *path, const char *first, bool secret, char *text, size_t *bytes,
              tg_error *err)
{
    tg_status status = TG_OK;
    struct stat st;
    *bytes = 0;
    /* O_NONBLOCK: a pipe of that name must not stop us. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    TG_CHECK(fd >= 0, err, errno == ENOENT ? TG_ERR_NOT_FOUND : TG_ERR_IO, "%s: %s", path,
             strerror(errno));
    TG_CHECK(fstat(fd, &st) == 0 && S_ISREG(st.st_mode), err, TG_ERR_FORMAT,
             "%s: it is not a regular file", path);
    ssize_t got = 1;
    while (got > 0 && *bytes < TG_KEYS_FILE_BYTES_MAX) {
        got = read(fd, text + *bytes, TG_KEYS_FILE_BYTES_MAX - *bytes);
        *bytes += got > 0 ? (size_t)got : 0;
    }
    TG_CHECK(got == 0, err, got < 0 ? TG_ERR_IO : TG_ERR_FORMAT,
             got < 0 ? "%s: it cannot be read" : "%s: it is too large for what it should be", path);
    TG_CHECK(begins_with(text, *bytes, first), err, TG_ERR_FORMAT,
             "%s: it does not begin with the line '%s'", path, first);
    TG_CHECK(is_ours(&st) && (st.st_mode & (secret ? 077 : 022)) == 0, err, TG_ERR_VALUE,
             "%s: %s: it must belong to you; do: chmod %s %s", path,
             secret ? "others may read this secret" : "others may change it",
             secret ? "600" : "go-w", path);
out:
    if (fd >= 0) {
        (void)close(fd);
    }
    return status;
}

tg_status
tg__keys_folder_check(const char *folder, tg_error *err)
{
    tg_status status = TG_OK;
    struct stat st;
    TG_CHECK(stat(folder, &st) == 0, err, TG_ERR_NOT_FOUND, "%s: %s", folder, strerror(errno));
    TG_CHECK(S_ISDIR(st.st_mode) && is_ours(&st) && (st.st_mode & 022) == 0, err, TG_ERR_VALUE,
             "%s: it must be a folder of yours that nobody else may change; do: chmod go-w %s",
             folder, folder);
out:
    return status;
}

tg_status
tg__keys_folders_make(const char *path, tg_error *err)
{
    tg_status status = TG_OK;
    char folder[TG_NET_PATH_MAX + 1];
    TG_CHECK(strlen(path) <= TG_NET_PATH_MAX - 32, err, TG_ERR_LIMIT, "%s: too long a path", path);
    for (const char *at = strchr(path + 1, '/'); at != NULL; at = strchr(at + 1, '/')) {
        memcpy(folder, path, (size_t)(at - path));
        folder[at - path] = '\0';
        TG_CHECK(mkdir(folder, 0700) == 0 || errno == EEXIST, err, TG_ERR_IO,
                 "%s cannot be made: %s", folder, strerror(errno));
    }
out:
    return status;
}

tg_status
tg__keys_write(const char *path, const char *text, size_t bytes, unsigned mode, tg_error *err)
{
    tg_status status = TG_OK;
    char temporary[TG_NET_PATH_MAX + 1] = "";
    int fd = -1;
    TG_TRY(tg__keys_folders_make(path, err));
    (void)snprintf(temporary, sizeof temporary, "%s.%ld.tmp", path, (long)getpid());
    (void)unlink(temporary);
    /* O_EXCL with the final mode: at no time is it there for others to read. */
    fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
    TG_CHECK(fd >= 0, err, TG_ERR_IO, "%s cannot be written: %s", temporary, strerror(errno));
    /* The umask may have taken bits away from a public file; it never adds any. */
    TG_CHECK(fchmod(fd, mode) == 0 && write(fd, text, bytes) == (ssize_t)bytes && fsync(fd) == 0,
             err, TG_ERR_IO, "%s cannot be written: %s", temporary, strerror(errno));
    TG_CHECK(rename(temporary, path) == 0, err, TG_ERR_IO, "%s cannot be written: %s", path,
             strerror(errno));
    temporary[0] = '\0';
out:
    if (fd >= 0) {
        (void)close(fd);
    }
    if (fd >= 0 && temporary[0] != '\0') {
        (void)unlink(temporary);
    }
    return status;
}

tg_status
tg__keys_lines(const char *text, size_t bytes, const char *first,
               tg_status (*take)(void *ctx, const char *name, const char *value, tg_error *err),
               void *ctx, tg_error *err)
{
    tg_status status = TG_OK;
    char line[512];
    int number = 0;
    for (size_t at = 0; at < bytes;) {
        const char *end = memchr(text + at, '\n', bytes - at);
        number++;
        TG_CHECK(end != NULL, err, TG_ERR_FORMAT, "line %d does not end", number);
        size_t length = (size_t)(end - (text + at));
        TG_CHECK(length < sizeof line, err, TG_ERR_FORMAT, "line %d is too long", number);
        memcpy(line, text + at, length);
        line[length] = '\0';
        TG_CHECK(strlen(line) == length, err, TG_ERR_FORMAT, "line %d has a byte 0", number);
        at += length + 1;
        char *space = strchr(line, ' ');
        if (number == 1) {
            TG_CHECK(strcmp(line, first) == 0, err, TG_ERR_FORMAT,
                     "it does not begin with the line '%s'", first);
        } else {
            TG_CHECK(space != NULL && space[1] != '\0', err, TG_ERR_FORMAT,
                     "line %d is not 'name value'", number);
            *space = '\0';
            status = take(ctx, line, space + 1, err);
            if (status != TG_OK) {
                tg__error_prefix(err, "line %d, '%.40s'", number, line);
                goto out;
            }
        }
    }
    TG_CHECK(number > 0, err, TG_ERR_FORMAT, "it is empty");
out:
    return status;
}
