/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_SPILL_SPILL_DIR_H
#define TG_SPILL_SPILL_DIR_H
/*
 * What: a private directory of this process below a given one, for files that end with it:
 * "tilegraph-spill-XXXXXX", mode 0700, with a file "lock" in it that stays locked as long as the
 * process lives. So whoever comes later knows which ones are of the dead, and removes them. Only
 * those of the same user are looked at, and links are not followed.
 *
 * Ownership: the directory belongs to the tg__spill_dir, and goes with it.
 * Threads: one. Several processes may begin at once: they take turns by a lock in the directory.
 * Errors: TG_ERR_IO, TG_ERR_NOT_FOUND, with the path and what the system said. That leftovers
 * cannot be removed is no error.
 */
#include "core/base/status.h"
#include "io/store/store.h"

typedef struct tg__spill_dir {
    char path[TG_STORE_PATH_MAX];
    int lock; /* descriptor */
} tg__spill_dir;

TG_MUST_USE tg_status tg__spill_dir_open(tg__spill_dir *dir, const char *parent, tg_error *err);
/* Removes it with the files in it. Accepts one that was not opened: { .lock = -1 }. */
void tg__spill_dir_close(tg__spill_dir *dir);

#endif
