/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_MEM_SHARED_H
#define TG_MEM_SHARED_H
/*
 * What: array memory that other processes of the same user on the same host can read in place. The
 * holder's blocks come from one sparse memory file (memfd; neither /dev/shm nor a mount is needed);
 * a reader opens that file through /proc/<pid>/fd/<fd> and maps it read-only, once.
 *
 *     holder    pool = tg_pool_create(tg_shared_alloc(shared), limit)   tiles lie in the file
 *               tg_shared_offer(shared, data, bytes, &ref)              says where, to any reader
 *     reader    tg_shared_map(reader, &ref, &buffer, err)               a buffer that is the tile
 *               tg_buffer_release(buffer)                               it is not read any more
 *     holder    tg_shared_withdraw(shared, &ref)                        true: nobody reads it
 *
 * A session in one process takes its blocks from tg_alloc_blocks() as before: first touch and huge
 * pages are cheaper there. The budget of the pool counts both alike.
 *
 * Lifetime. A reader locks the bytes of the tile (a read lock on its own open file description,
 * F_OFD_SETLK), then looks whether the offer still stands. The holder takes the offer back, then
 * looks whether anybody has a lock. One of the two sees the other, so a block is not used again
 * while it is read:
 * - tg_buffer_release unlocks. No message that could be lost says so.
 * - A reader that dies, in whatever way, unlocks: the kernel closes its files.
 * - A reader that is stopped, and given up by the cluster, keeps its lock: when it wakes it reads
 *   the same bytes as before, not those of the block's next tenant. What it makes of them may
 *   already have another maker, but it is not wrong. A generation word beside each tile could not
 *   promise that: it is looked at before the bytes are read, or after they were used.
 * - A holder that dies leaves what is mapped valid until it is released; then tg_shared_trim gives
 *   its memory back to the system: call it when a holder was given up.
 * - A holder that ends in good order frees its blocks; pages that somebody reads stay with him.
 * - A holder that needs the memory has it when the reader has looked at tg_shared_wanted: else two
 *   who keep tiles of each other would both be out of memory, however much they spill.
 * - A holder that frees too early (its agent was told FREE while a reader still runs) only waits
 *   for the memory: the block stays in use until the last lock is gone. Its holder does not count
 * it for ever (worker/data/serve_offers.h): a reader that is stopped would keep it from computing.
 *
 * SIGBUS. The file is sealed against shrinking before anybody sees it, and a reader looks at the
 * seal and at the file's size before it maps. The pages of a block are there from the moment that
 * it is handed out (the kernel is asked for them, and its refusal is a failed allocation), and are
 * given back only after the block was freed; so neither end touches a page that cannot be had.
 *
 * Hosts. Two processes with the same tg_shared_host() see the same /proc and may open each other's
 * files. If they may not after all (a container that hides /proc), mapping fails, and the tile is
 * copied through a socket as between hosts.
 *
 * Cost. Mapping a file again for each tile costs as much as copying it (measured: 1.1 ms for 8 MiB
 * of small pages), so a reader maps a holder's file as a whole and keeps it: what remains are two
 * locks, and the first touch of pages that were never read before.
 *
 * Ownership: the holder keeps the block while its offer stands; the reader's buffer holds no memory
 * of a budget. Threads: any, for one tg_shared too.
 * Errors: TG_ERR_UNSUPPORTED where the system has no memory files; TG_ERR_MEMORY;
 * TG_ERR_NOT_FOUND from tg_shared_map when the offer does not stand any more: ask the holder again;
 * TG_ERR_IO when the file of the holder cannot be opened, locked or mapped: copy instead;
 * TG_ERR_FORMAT when what the reference says cannot be true.
 */
#include <stdbool.h>
#include <stdint.h>

#include "core/base/status.h"
#include "core/mem/alloc.h"
#include "core/mem/buffer.h"

/* Blocks below this are not worth a mapping, and come from tg_alloc_blocks(). */
#define TG_SHARED_BLOCK_MIN ((size_t)128 << 10)
/* Tiles that may be on offer at a time; those beyond it are copied. */
enum { TG_SHARED_OFFERS_MAX = 8192 };
/* The begin of the file: the numbers of the offers. */
#define TG_SHARED_SLOT_BYTES (TG_SHARED_OFFERS_MAX * sizeof(uint64_t))

typedef struct tg_shared tg_shared;
typedef struct tg_shared_reader tg_shared_reader;

/* Where a tile lies: this goes over the wire. */
typedef struct tg_shared_ref {
    uint32_t pid, fd;      /* the file is /proc/<pid>/fd/<fd> */
    uint64_t inode;        /* of that file: process ids are used again */
    uint64_t offset;       /* of the tile in the file */
    uint64_t bytes;        /* of the tile */
    uint64_t slot, number; /* the offer stands while the number is in the slot of the file */
} tg_shared_ref;

/* As bytes: the members in their order, each with its lowest byte first. */
enum { TG_SHARED_REF_BYTES = 48 };
void tg_shared_ref_put(const tg_shared_ref *ref, unsigned char *bytes);
void tg_shared_ref_get(const unsigned char *bytes, tg_shared_ref *ref);

/* A file with room for `bytes`, which costs nothing until it is used: twice the memory limit leaves
 * room for the holes between blocks. What does not fit comes from tg_alloc_blocks(). */
TG_MUST_USE tg_status tg_shared_create(int64_t bytes, tg_shared **out, tg_error *err);
/* All blocks were freed, and all offers withdrawn, whether somebody still reads or not. NULL is
 * allowed. */
void tg_shared_destroy(tg_shared *shared);
/* Valid until tg_shared_destroy. */
const tg_alloc *tg_shared_alloc(tg_shared *shared);

/* Makes memory of tg_shared_alloc known to readers; the caller keeps the block until withdraw says
 * that it is not read. False: not in the file, no bytes, or too many offers: copy it. */
bool tg_shared_offer(tg_shared *shared, const void *data, size_t bytes, tg_shared_ref *out);
/* Takes an offer back: from now on nobody begins to read. True: nobody does, and the offer is gone.
 * False: call again later (some milliseconds), the block must stay. */
bool tg_shared_withdraw(tg_shared *shared, const tg_shared_ref *ref);

/* NULL when there is no memory. */
tg_shared_reader *tg_shared_reader_create(void);
/* All buffers were released. NULL is allowed. */
void tg_shared_reader_destroy(tg_shared_reader *reader);
/* Gives a buffer over the tile, which must not be written to. */
TG_MUST_USE tg_status tg_shared_map(tg_shared_reader *reader, const tg_shared_ref *ref,
                                    tg_buffer **out, tg_error *err);
/* Tiles that are mapped here though their holders have taken back the offer, and wait for the
 * memory: where they lie here, the first `room` of them. Whoever goes on reading copies them, and
 * releases their buffers. Gives how many. */
size_t tg_shared_wanted(tg_shared_reader *reader, const void **data, size_t room);
/* Lets go of the memory of holders that have ended and whose tiles are not read any more. */
void tg_shared_trim(tg_shared_reader *reader);

/* A number that processes have in common when they share a kernel, a table of process ids and a
 * user; 0 when that is not known, which is nobody's. */
uint64_t tg_shared_host(void);

#endif
