/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_SCHEDULER_JOURNAL_FILE_H
#define TG_SCHEDULER_JOURNAL_FILE_H
/*
 * What: the file of a journal (core/wire/journal.h): "journal" in a folder of its own, which one
 * scheduler at a time uses.
 *
 *     tg_journal_file_open(&options, &file, &err)
 *     while (tg_journal_file_next(file, &payload, &bytes)) ...     what the former has left; all
 *     tg_journal_file_append(file, payload, bytes, &err)           from now on
 *     if (tg_journal_file_due_ns(file) <= now)
 *         tg_journal_file_renew(file, now, copy, ctx, &err)        a slice of a new file
 *
 * A record is in the file whole, or not at all: what is torn by a disk that is full is taken back.
 * What was appended survives the process at once, and the host when its disk had the time: nothing
 * is synced but the file that takes another's place.
 *
 * Renewing. A file that has become too large, or that lacks a record, gives way to a new one, which
 * has what the owner still knows. It is written beside the old one ("journal.next"), in slices, so
 * that the owner can do other things meanwhile; what is appended meanwhile goes into both. When all
 * is there, and on the disk, it takes the old one's place. If it cannot be written, the old one
 * goes on, and it is tried again later.
 *
 * A former file that cannot be read, or not to its end, keeps nobody from starting: it is named
 * "journal.bad", and a new one is due. Half a record at its end is cut off.
 *
 * Ownership: close frees. Threads: one at a time. Errors: TG_ERR_IO with the path, TG_ERR_EXISTS
 * when another process uses the folder.
 */
#include "core/base/status.h"

typedef struct tg_journal_file tg_journal_file;

typedef struct tg_journal_file_options {
    const char *folder;
    int64_t large_bytes; /* a file of less is not too large; 0: 64 MiB */
    /* What went wrong and is seen to; NULL: nobody wants to know. */
    void (*say)(void *ctx, const char *text);
    void *ctx;
} tg_journal_file_options;

TG_MUST_USE tg_status tg_journal_file_open(const tg_journal_file_options *options,
                                           tg_journal_file **out, tg_error *err);
/* NULL is allowed. */
void tg_journal_file_close(tg_journal_file *file);

/* The next payload of the former, valid until the next call; false: there are no more, and from now
 * on it is appended to. */
bool tg_journal_file_next(tg_journal_file *file, const void **payload, size_t *bytes);

/* One record. A failure is made good by renewing. */
TG_MUST_USE tg_status tg_journal_file_append(tg_journal_file *file, const void *payload,
                                             size_t bytes, tg_error *err);

/* When renew wants to be called; INT64_MAX: all is well. */
int64_t tg_journal_file_due_ns(const tg_journal_file *file);
/* Has what belongs to the next number after *at (0: the first) appended by tg_journal_file_copy,
 * and sets *at to that number, or to 0 when there are no more; false: it failed. */
typedef bool tg_journal_file_copier(void *ctx, uint64_t *at);
/* Writes some MiB of the new file, or the last of it. It begins anew after an error. */
TG_MUST_USE tg_status tg_journal_file_renew(tg_journal_file *file, int64_t now_ns,
                                            tg_journal_file_copier *copy, void *ctx, tg_error *err);
/* A record for the new file alone. */
TG_MUST_USE tg_status tg_journal_file_copy(tg_journal_file *file, const void *payload, size_t bytes,
                                           tg_error *err);

#endif
