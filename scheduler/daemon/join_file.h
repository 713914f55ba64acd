/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_SCHEDULER_JOIN_FILE_H
#define TG_SCHEDULER_JOIN_FILE_H
/*
 * What: the join file of one scheduler. Two of them with one file would each be believed to be the
 * other; so who wants it takes it first: a lock on `<path>.lock`, which ends with the process,
 * however that ends. What a dead one has left is taken over.
 *
 *     tg_join_file_take(path, &file, &err)       before its keys are looked at, or anything else
 *     tg_join_file_write(file, &join, &err)      when the scheduler listens
 *     tg_join_file_release(file, keep)           in the end; keep: it is good for the next one
 *
 * Only the file that was written here is removed, and only by the process that wrote it. On a file
 * system without locks (some parallel ones) any number may take it.
 *
 * Ownership: release frees. Threads: one at a time. Errors: TG_ERR_EXISTS when a living scheduler
 * has it, with its process and host; TG_ERR_IO.
 */
#include "scheduler/net/keys.h"

typedef struct tg_join_file tg_join_file;

TG_MUST_USE tg_status tg_join_file_take(const char *path, tg_join_file **out, tg_error *err);
TG_MUST_USE tg_status tg_join_file_write(tg_join_file *file, const tg_join *join, tg_error *err);
/* NULL is allowed. */
void tg_join_file_release(tg_join_file *file, bool keep);

#endif
