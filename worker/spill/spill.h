/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_SPILL_SPILL_H
#define TG_SPILL_SPILL_H
/*
 * What: cold tiles on disk. A thread of its own writes and reads them, so that neither the threads
 * that compute nor the loop ever wait for a disk: what is asked for is done in the order in which
 * it is asked, and a callback tells of each end.
 *
 *     tg_spill_create(&options, &spill, &err);
 *     tg_spill_store(spill, key, buffer, 4, &err);       -> done: TG_SPILL_STORED, bytes on disk
 *     tg_spill_load(spill, key, pool, &err);             -> done: TG_SPILL_LOADED, a buffer
 *     tg_spill_forget(spill, key, &err);
 *     tg_spill_destroy(spill);
 *
 * A tile stays on disk until it is forgotten: loading it again, or storing it again (which then
 * writes nothing), is allowed. Tiles are compressed when that pays and checked when they are read.
 * There is a private directory (spill_dir.h), which goes in the end, also of processes that died.
 *
 * Ownership: store shares the buffer until the callback has returned. The buffer of
 * TG_SPILL_LOADED is given to the callback; its pool must outlive it.
 * Threads: any function from any thread, except destroy; the callback comes from the spill's own
 * thread, and may call everything but destroy.
 * Errors: of the functions: TG_ERR_MEMORY. In `done`: TG_ERR_IO with the path and what the system
 * said, `full` when there is no room (disk, quota, limit of a file, or the cap: TG_ERR_LIMIT): the
 * tile is not on disk then, and nothing else is lost; TG_ERR_CORRUPT for a tile whose bytes have
 * changed, which is lost; TG_ERR_NOT_FOUND for one that is not there; TG_ERR_MEMORY when the pool
 * has no room for it: it stays on disk.
 */
#include "core/base/status.h"
#include "core/mem/buffer.h"

typedef struct tg_spill tg_spill;

typedef struct tg_spill_key {
    uint64_t job, task;
} tg_spill_key;

typedef enum tg_spill_kind { TG_SPILL_STORED, TG_SPILL_LOADED } tg_spill_kind;

typedef struct tg_spill_done {
    tg_spill_kind kind;
    tg_spill_key key;
    tg_status status;
    tg_error error;    /* when status is not TG_OK */
    bool full;         /* it failed for want of room */
    int64_t bytes;     /* STORED: that it takes on disk */
    tg_buffer *buffer; /* LOADED: one reference */
} tg_spill_done;

typedef struct tg_spill_options {
    const char *directory; /* a local disk */
    int64_t bytes_max;     /* on disk; must be > 0 */
    void *ctx;
    void (*done)(void *ctx, const tg_spill_done *done);
} tg_spill_options;

typedef struct tg_spill_stats {
    int64_t tiles, disk_bytes;          /* there now */
    int64_t stored_bytes, loaded_bytes; /* of tiles, since the beginning */
    int64_t written_bytes;              /* on disk: stored_bytes, compressed */
} tg_spill_stats;

/* Removes what processes that died left in the directory. */
TG_MUST_USE tg_status tg_spill_create(const tg_spill_options *options, tg_spill **out,
                                      tg_error *err);
/* Ends what it is at; the rest is forgotten, without callbacks. NULL is allowed. */
void tg_spill_destroy(tg_spill *spill);

/* `element_bytes`: of the tile's numbers; 1 when unknown. */
TG_MUST_USE tg_status tg_spill_store(tg_spill *spill, tg_spill_key key, tg_buffer *buffer,
                                     size_t element_bytes, tg_error *err);
TG_MUST_USE tg_status tg_spill_load(tg_spill *spill, tg_spill_key key, tg_pool *pool,
                                    tg_error *err);
/* No callback: the key may be used anew at once. */
TG_MUST_USE tg_status tg_spill_forget(tg_spill *spill, tg_spill_key key, tg_error *err);
/* All tiles of a job. */
TG_MUST_USE tg_status tg_spill_forget_job(tg_spill *spill, uint64_t job, tg_error *err);
tg_spill_stats tg_spill_get_stats(tg_spill *spill);
/* Where the tiles are, for messages and tests. Valid while the spill is. */
const char *tg_spill_path(const tg_spill *spill);

#endif
