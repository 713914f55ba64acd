/* SPDX-License-Identifier: BSD-3-Clause */
/* The file behind a journal. See journal_file.h. */
#include "scheduler/daemon/journal_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "core/base/size.h"
#include "core/mem/alloc.h"
#include "core/wire/journal.h"
#include "core/wire/link.h"

enum { PATH_BYTES = 1200 };
/* What is read at once: at least one record, whatever its length. */
#define READ_BYTES (2 * TG_LINK_PAYLOAD_MAX)
/* The default of large_bytes: read at start in a fraction of a second. */
#define LARGE_BYTES ((int64_t)64 << 20)
/* Of a new file, before its owner has a turn; and with it the largest plan. A tenth of a second at
 * 100 MB/s. */
#define SLICE_BYTES ((int64_t)8 << 20)
/* A disk that was full is not asked again at once. */
#define RETRY_NS ((int64_t)10000000000)

typedef struct output {
    int fd;       /* < 0: there is none */
    int64_t size; /* all of it whole records */
} output;

struct tg_journal_file {
    char folder[PATH_BYTES], path[PATH_BYTES], beside[PATH_BYTES];
    tg_journal_file_options options;
    int lock;
    output now, next; /* next: a new file that is being written */
    int64_t large;    /* `now` is renewed when it has more */
    int64_t retry_ns; /* and not before */
    bool lacks;       /* `now` has not all that it should */
    uint64_t copied;  /* the number up to which `next` has all */
    /* While the former is read. */
    unsigned char *bytes; /* READ_BYTES */
    tg_journal_reader reader;
    bool ended;
    int unreadable; /* errno */
};

static tg_status
complain(const char *what, const char *path, tg_error *err)
{
    return tg_fail(err, TG_ERR_IO, "journal: %s %s: %s", what, path, strerror(errno));
}

static void
say(const tg_journal_file *file, const char *text)
{
    if (file->options.say != NULL) {
        file->options.say(file->options.ctx, text);
    }
}

static void
close_output(output *o)
{
    if (o->fd >= 0) {
        (void)close(o->fd);
    }
    *o = (output){ .fd = -1 };
}

/* --- opening ------------------------------------------------------------------------------------
 */

static void
open_now(tg_journal_file *file)
{
    file->now.fd = open(file->path, O_RDWR | O_CREAT | O_APPEND | O_NONBLOCK | O_CLOEXEC, 0600);
    file->now.size = 0;
}

/* What is at its path cannot be read, or not all of it: that is no reason not to start. */
static void
set_aside(tg_journal_file *file, const char *why)
{
    char bad[PATH_BYTES + 8], text[2 * PATH_BYTES + 200];
    (void)snprintf(bad, sizeof bad, "%s.bad", file->path);
    close_output(&file->now);
    bool renamed = rename(file->path, bad) == 0;
    (void)snprintf(text, sizeof text,
                   "journal: %s cannot be read (%s): %s%s; what was not read is computed again",
                   file->path, why, renamed ? "it is now " : "it stays", renamed ? bad : "");
    say(file, text);
    if (renamed) {
        open_now(file);
    }
    file->lacks = true; /* of what was read of it */
}

tg_status
tg_journal_file_open(const tg_journal_file_options *options, tg_journal_file **out, tg_error *err)
{
    tg_status status = TG_OK;
    char lock[PATH_BYTES];
    const char *folder = options->folder;
    tg_journal_file *file = tg_calloc(NULL, 1, sizeof *file);
    *out = NULL;
    TG_CHECK(file != NULL, err, TG_ERR_MEMORY, "no memory for a journal");
    file->options = *options;
    file->lock = file->now.fd = file->next.fd = -1;
    file->large = options->large_bytes != 0 ? options->large_bytes : LARGE_BYTES;
    file->options.large_bytes = file->large;
    TG_CHECK(strlen(folder) < PATH_BYTES - 16, err, TG_ERR_VALUE, "journal: the path is too long");
    (void)snprintf(file->folder, sizeof file->folder, "%s", folder);
    (void)snprintf(file->path, sizeof file->path, "%s/journal", folder);
    (void)snprintf(file->beside, sizeof file->beside, "%s/journal.next", folder);
    (void)snprintf(lock, sizeof lock, "%s/lock", folder);
    if (mkdir(folder, 0700) != 0 && errno != EEXIST) {
        TG_TRY(complain("cannot make", folder, err));
    }
    file->lock = open(lock, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    TG_TRY(file->lock >= 0 ? TG_OK : complain("cannot open", lock, err));
    TG_CHECK(flock(file->lock, LOCK_EX | LOCK_NB) == 0, err, TG_ERR_EXISTS,
             "journal: %s is in use by another scheduler", folder);
    (void)unlink(file->beside); /* of one that was killed meanwhile */
    file->bytes = tg_malloc(NULL, READ_BYTES);
    TG_CHECK(file->bytes != NULL, err, TG_ERR_MEMORY, "no memory to read %s", file->path);
    file->reader.bytes = file->bytes;
    open_now(file);
    if (file->now.fd < 0) {
        set_aside(file, strerror(errno));
    }
    *out = file;
    file = NULL;
out:
    tg_journal_file_close(file);
    return status;
}

void
tg_journal_file_close(tg_journal_file *file)
{
    if (file != NULL) {
        close_output(&file->now);
        close_output(&file->next);
        if (file->lock >= 0) {
            (void)close(file->lock);
        }
        tg_free(NULL, file->bytes, file->bytes != NULL ? READ_BYTES : 0);
        tg_free(NULL, file, sizeof *file);
    }
}

/* --- reading ------------------------------------------------------------------------------------
 */

/* As much as there is room for, behind what is not read yet. */
static void
fill(tg_journal_file *file)
{
    tg_journal_reader *reader = &file->reader;
    ssize_t got = 1;
    file->now.size += (int64_t)reader->at;
    reader->size -= reader->at;
    memmove(file->bytes, file->bytes + reader->at, reader->size);
    reader->at = 0;
    while (reader->size < READ_BYTES && (got > 0 || errno == EINTR)) {
        got = pread(file->now.fd, file->bytes + reader->size, READ_BYTES - reader->size,
                    (off_t)file->now.size + (off_t)reader->size);
        reader->size += got > 0 ? (size_t)got : 0;
        if (got == 0) {
            break;
        }
    }
    file->unreadable = got < 0 ? errno : 0;
    file->ended = got <= 0;
}

/* All that is whole was read: what comes goes behind it. A process that was killed leaves half a
 * record at most; what is more was damaged, and is left to who may make something of it. */
static void
end_reading(tg_journal_file *file)
{
    char text[PATH_BYTES + 200];
    file->now.size += (int64_t)file->reader.at;
    int64_t good = file->now.size;
    struct stat about = { 0 };
    int code = file->unreadable != 0 || fstat(file->now.fd, &about) == 0 ? file->unreadable : errno;
    int64_t rest = code == 0 ? (int64_t)about.st_size - good : 0;
    bool torn = good > 0 && rest <= (int64_t)(TG_JOURNAL_HEADER_BYTES + TG_LINK_PAYLOAD_MAX);
    if (rest > 0 && torn) {
        (void)snprintf(text, sizeof text,
                       "journal: the last %lld bytes of %s are no whole record: they are cut off",
                       (long long)rest, file->path);
        say(file, text);
        code = ftruncate(file->now.fd, (off_t)good) == 0 ? 0 : errno;
    }
    if (code != 0) {
        set_aside(file, strerror(code));
    } else if (rest > 0 && !torn) {
        (void)snprintf(text, sizeof text, "no record is at byte %lld of %lld", (long long)good,
                       (long long)about.st_size);
        set_aside(file, text);
    }
    tg_free(NULL, file->bytes, READ_BYTES);
    file->bytes = NULL;
    file->reader = (tg_journal_reader){ 0 };
}

bool
tg_journal_file_next(tg_journal_file *file, const void **payload, size_t *bytes)
{
    bool reads = file->bytes != NULL && file->now.fd >= 0;
    bool found = reads && tg_journal_next(&file->reader, payload, bytes);
    if (reads && !found && !file->ended) {
        fill(file);
        found = tg_journal_next(&file->reader, payload, bytes);
    }
    if (reads && !found) {
        end_reading(file);
    }
    return found;
}

/* --- writing ------------------------------------------------------------------------------------
 */

/* 0, or errno: then it is as before, or closed. */
static int
put(output *to, const void *payload, size_t bytes)
{
    unsigned char header[TG_JOURNAL_HEADER_BYTES];
    struct iovec parts[2] = { { header, sizeof header }, { (void *)(uintptr_t)payload, bytes } };
    size_t written = 0, all = sizeof header + bytes;
    int code = to->fd >= 0 ? 0 : EBADF;
    tg_journal_header(payload, bytes, header);
    while (code == 0 && written < all) {
        ssize_t some =
            written < sizeof header
                ? writev(to->fd, parts, 2)
                : write(to->fd, (const char *)payload + (written - sizeof header), all - written);
        code = some >= 0 || errno == EINTR ? 0 : errno;
        written += some > 0 ? (size_t)some : 0;
        if (written < sizeof header) {
            parts[0].iov_base = header + written;
            parts[0].iov_len = sizeof header - written;
        }
    }
    if (code == 0) {
        to->size += (int64_t)all;
    } else if (written > 0 && ftruncate(to->fd, (off_t)to->size) != 0) {
        close_output(to); /* nothing behind half a record would be read */
    }
    return code;
}

static void
give_up_next(tg_journal_file *file)
{
    close_output(&file->next);
    (void)unlink(file->beside); /* it may be what fills the disk */
    file->copied = 0;
}

tg_status
tg_journal_file_append(tg_journal_file *file, const void *payload, size_t bytes, tg_error *err)
{
    tg_status status = TG_OK;
    int code = put(&file->now, payload, bytes);
    bool taken = code == 0;
    file->lacks = file->lacks || !taken;
    if (file->next.fd >= 0) {
        bool both = put(&file->next, payload, bytes) == 0;
        taken = taken || both;
        if (!both) {
            give_up_next(file);
        }
    }
    TG_CHECK(taken, err, TG_ERR_IO,
             "journal: cannot write %s: %s; what it lacks would be computed again after a restart; "
             "it is written anew as soon as it can be",
             file->path, strerror(code));
out:
    return status;
}

tg_status
tg_journal_file_copy(tg_journal_file *file, const void *payload, size_t bytes, tg_error *err)
{
    tg_status status = TG_OK;
    int code = put(&file->next, payload, bytes);
    TG_CHECK(code == 0, err, TG_ERR_IO, "journal: cannot write %s: %s", file->beside,
             strerror(code));
out:
    return status;
}

/* --- renewing -----------------------------------------------------------------------------------
 */

int64_t
tg_journal_file_due_ns(const tg_journal_file *file)
{
    bool large = file->now.size > file->large;
    return file->next.fd >= 0 ? 0 : file->lacks || large ? file->retry_ns : INT64_MAX;
}

static tg_status
begin_next(tg_journal_file *file, int64_t now_ns, tg_error *err)
{
    file->retry_ns = now_ns + RETRY_NS;
    file->next.size = 0;
    file->next.fd =
        open(file->beside, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600);
    return file->next.fd >= 0 ? TG_OK : complain("cannot write", file->beside, err);
}

/* It has all, and takes the other's place. */
static tg_status
end_next(tg_journal_file *file, tg_error *err)
{
    tg_status status = TG_OK;
    TG_TRY(rename(file->beside, file->path) == 0 ? TG_OK
                                                 : complain("cannot name", file->path, err));
    close_output(&file->now);
    file->now = file->next;
    file->next.fd = -1;
    file->lacks = false;
    file->large = tg_max_i64(file->options.large_bytes, 2 * file->now.size);
    int folder = open(file->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder >= 0) { /* if the name is lost with the host, the old file is there, whole */
        (void)fsync(folder);
        (void)close(folder);
    }
out:
    return status;
}

tg_status
tg_journal_file_renew(tg_journal_file *file, int64_t now_ns, tg_journal_file_copier *copy,
                      void *ctx, tg_error *err)
{
    tg_status status = TG_OK;
    if (file->next.fd < 0) {
        TG_TRY(begin_next(file, now_ns, err));
    }
    int64_t begin = file->next.size;
    bool ok = true;
    do {
        ok = copy(ctx, &file->copied);
    } while (ok && file->copied != 0 && file->next.size - begin < SLICE_BYTES);
    TG_CHECK(ok, err, TG_ERR_IO,
             "journal: %s cannot be written anew (no room, or no memory); the old one goes on",
             file->path);
    /* Each slice, so that the last one has not to wait for all of them. */
    TG_TRY(fdatasync(file->next.fd) == 0 ? TG_OK : complain("cannot sync", file->beside, err));
    if (file->copied == 0) {
        status = end_next(file, err);
    }
out:
    if (status != TG_OK) {
        give_up_next(file);
    }
    return status;
}
