/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_NET_KEYS_FILE_H
#define TG_NET_KEYS_FILE_H
/*
 * What: reading and writing the small files of keys.h: who may read them is checked on the open
 * file, so that nobody can change it in between.
 *
 * Ownership: buffers are the caller's. Threads: any. Errors: as in keys.h, with the path.
 */
#include "core/base/status.h"

enum { TG_KEYS_FILE_BYTES_MAX = 16384 };

/* A regular file that begins with the line `first`, of this user (or root); secret: that nobody
 * else may read, else: that nobody else may change. `text` has TG_KEYS_FILE_BYTES_MAX. What is no
 * such file at all is refused for that, whatever its rights are. */
TG_MUST_USE tg_status tg__keys_read(const char *path, const char *first, bool secret, char *text,
                                    size_t *bytes, tg_error *err);
/* Whole or not at all; makes the folder (0700) where there is none. */
TG_MUST_USE tg_status tg__keys_write(const char *path, const char *text, size_t bytes,
                                     unsigned mode, tg_error *err);
/* Each folder above the file that is missing, private. */
TG_MUST_USE tg_status tg__keys_folders_make(const char *path, tg_error *err);
/* A folder of this user (or root) that nobody else may change. */
TG_MUST_USE tg_status tg__keys_folder_check(const char *folder, tg_error *err);
/* Calls `take` for each "name value" below the line `first`. */
TG_MUST_USE tg_status tg__keys_lines(const char *text, size_t bytes, const char *first,
                                     tg_status (*take)(void *ctx, const char *name,
                                                       const char *value, tg_error *err),
                                     void *ctx, tg_error *err);

#endif
