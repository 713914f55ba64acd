/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_SCHEDULER_JOURNAL_FILE_H
#define TG_SCHEDULER_JOURNAL_FILE_H
/*
 * What: the file of a journal: "journal" in a folder of its own, which one scheduler at a time
 * uses.
 *
 *     tg_journal_file_open(folder, &file, &bytes, &count, &err)    what the former has left
 *     tg_journal_file_append(...)                                  what of it is still of use
 *     tg_journal_file_begin(file, &err)                            takes the former's place
 *     tg_journal_file_append(...)                                  from now on
 *
 * What was appended survives the process at once, and the host when its disk had the time: nothing
 * is synced but the file that takes another's place.
 *
 * A record that could not be written whole (the disk is full) is taken back: what it says is lost,
 * and what is appended later is not.
 *
 * Ownership: close frees. Threads: one at a time. Errors: TG_ERR_IO with the path, TG_ERR_EXISTS
 * when another process uses the folder.
 */
#include "core/base/status.h"

typedef struct tg_journal_file tg_journal_file;

/* The bytes are valid until begin. */
TG_MUST_USE tg_status tg_journal_file_open(const char *folder, tg_journal_file **out,
                                           const void **bytes, size_t *count, tg_error *err);
TG_MUST_USE tg_status tg_journal_file_append(tg_journal_file *file, const void *bytes, size_t count,
                                             tg_error *err);
TG_MUST_USE tg_status tg_journal_file_begin(tg_journal_file *file, tg_error *err);
/* NULL is allowed. */
void tg_journal_file_close(tg_journal_file *file);

#endif
