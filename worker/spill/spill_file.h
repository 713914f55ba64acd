/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_SPILL_SPILL_FILE_H
#define TG_SPILL_SPILL_FILE_H
/*
 * What: many tiles in one file, which is used for the life of the process only. A tile is a row of
 * blocks, each compressed if that pays, each with a checksum; where they are stands in memory, so
 * that nothing in the file is ever believed. Room that a tile leaves is used again; room at the end
 * goes back to the file system.
 *
 * One file and not one for each tile, as was measured on ext4: a tile of 64 KiB is written in 18
 * instead of 84 us and written over in 6, one of 1 MiB in 0.2 instead of 0.5 ms and more; removing
 * a file costs as much as writing it.
 *
 * Ownership: the file owns its descriptor and scratch memory; a tg__spilled is the caller's and
 * ended by release. Threads: one. Errors: TG_ERR_IO with the path and what the system said; *full
 * when it was for want of room (the cap, ENOSPC, EDQUOT, EFBIG; with the cap TG_ERR_LIMIT);
 * TG_ERR_CORRUPT for bytes that are not those that were written; TG_ERR_MEMORY. After a failure
 * everything is as before.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/status.h"

typedef struct tg__spill_file tg__spill_file;

typedef struct tg__spilled_block {
    uint64_t sum;    /* XXH3 of the stored bytes */
    uint32_t stored; /* as many as the block has: it is not compressed */
} tg__spilled_block;

typedef struct tg__spilled {
    int64_t bytes;  /* of the tile */
    int64_t offset; /* in the file */
    int64_t room;   /* taken there */
    uint32_t block_count;
    tg__spilled_block *blocks;
} tg__spilled;

/* The file must not exist. */
TG_MUST_USE tg_status tg__spill_file_create(const char *path, int64_t bytes_max,
                                            tg__spill_file **out, tg_error *err);
/* Leaves the file to be removed. NULL is allowed. */
void tg__spill_file_destroy(tg__spill_file *file);
/* `element_bytes`: of numbers of so many bytes the equal ones are put together. */
TG_MUST_USE tg_status tg__spill_file_store(tg__spill_file *file, const void *data, size_t bytes,
                                           size_t element_bytes, tg__spilled *out, bool *full,
                                           tg_error *err);
/* `to`: room for tile->bytes. */
TG_MUST_USE tg_status tg__spill_file_load(tg__spill_file *file, const tg__spilled *tile, void *to,
                                          tg_error *err);
void tg__spill_file_release(tg__spill_file *file, tg__spilled *tile);
/* What tiles take of the file. */
int64_t tg__spill_file_used(const tg__spill_file *file);

#endif
