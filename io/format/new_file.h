/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_FORMAT_NEW_FILE_H
#define TG_FORMAT_NEW_FILE_H
/*
 * What: a file in the making: written under a temporary name beside its own,
 * "<path>.tmp-<pid>-<n>", and put under its own name by one rename when it is whole. What formats
 * of one file write with.
 *
 * Ownership: discard ends it, always; after commit it has nothing left to do.
 * Threads: write from any; create, commit and discard by one.
 * Errors: all that can be known before the work is known at create: TG_ERR_EXISTS when something is
 * there and is not to be replaced, or is a directory; TG_ERR_IO with what the system said (no such
 * folder, no permission, a read-only or full disk).
 */
#include <stdbool.h>
#include <stdint.h>

#include "core/base/status.h"
#include "io/store/store.h"

typedef struct tg_new_file {
    int fd;
    bool overwrite;
    bool sync;  /* commit waits until the data and the name are on the disk */
    bool there; /* under its temporary name */
    char path[TG_STORE_PATH_MAX];
    char temporary[TG_STORE_PATH_MAX + 64];
} tg_new_file;

/* Call discard also when this fails. */
tg_status tg_new_file_create(tg_new_file *file, const char *path, bool overwrite, bool sync,
                             tg_error *err);
/* Asks for the room at once, which finds a full disk now and keeps the file in one piece. */
tg_status tg_new_file_reserve(tg_new_file *file, int64_t bytes, tg_error *err);
tg_status tg_new_file_write(const tg_new_file *file, int64_t offset, const void *from,
                            int64_t bytes, tg_error *err);
/* On failure nothing is left, and what was under the name before still is. */
tg_status tg_new_file_commit(tg_new_file *file, tg_error *err);
void tg_new_file_discard(tg_new_file *file);

#endif
