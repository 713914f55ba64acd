/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_DATA_FRAME_H
#define TG_DATA_FRAME_H
/*
 * What: the frames in which workers pull tiles from each other. A frame is a header of 72 bytes and
 * a payload, which travel as two parts of one message, so that a payload can be sent from where it
 * lies and received where it is needed. Nothing is acknowledged: who misses an answer asks again.
 *
 *     GET       reader -> holder   `count` bytes at `offset` of the tile (job, task)
 *     PART      holder -> reader   these bytes, and how long the whole tile is
 *     SHARED    holder -> reader   the tile lies in memory that the reader may map (shared.h)
 *     NONE      holder -> reader   there will be no answer, and why
 *
 * All numbers have their lowest byte first:
 *
 *      0  "TGD" and the version, 1     40  PART, SHARED: bytes of the whole tile;
 *      4  kind                             GET: bytes per second that came from this holder of
 * late, 5  PART: packing; NONE: reason          0: not known 6  0                            48
 * GET: tg_shared_host() of the reader; else 0 8  request: chosen by the       56  XXH3 of the
 * payload reader, and given back       64  XXH3 of the 64 bytes before 16  job 24  task 28  count,
 * bytes of the tile 32  offset in the tile
 *
 * The payload of a PART is `count` bytes, or what a codec made of them; that of SHARED is a
 * tg_shared_ref, 48 bytes in the order of its members; GET and NONE have none.
 *
 * Trust: job numbers are drawn at random and known to those who take part in a job, so who does not
 * cannot ask for its tiles. Whether a tile exists, and whether a length is plausible, is for the
 * receiver to find out. Two checksums, so that a damaged payload still says which one it was.
 *
 * Ownership: a frame that was read points into the payload. Threads: any.
 * Errors: TG_ERR_FORMAT for what is no frame, TG_ERR_UNSUPPORTED for another version, TG_ERR_LIMIT
 * for a part that is too large: drop the peer. TG_ERR_CORRUPT when only the payload is damaged.
 */
#include <stddef.h>
#include <stdint.h>

#include "core/base/status.h"
#include "core/mem/shared.h"

enum { TG_DATA_VERSION = 1, TG_DATA_HEADER_BYTES = 72 };
/* Bytes of a tile in one PART; its payload is never longer. */
#define TG_DATA_PART_MAX ((size_t)4 << 20)

typedef enum tg_data_kind {
    TG_DATA_GET = 1,
    TG_DATA_PART,
    TG_DATA_SHARED,
    TG_DATA_NONE,
    TG_DATA_KIND_END
} tg_data_kind;

typedef enum tg_data_packing { TG_DATA_RAW, TG_DATA_BLOSC, TG_DATA_PACKING_END } tg_data_packing;

typedef enum tg_data_reason {
    TG_DATA_NOT_HERE = 1, /* the holder has no such tile, or no longer */
    TG_DATA_OUTSIDE,      /* the tile is shorter than what was asked for */
    TG_DATA_REASON_END
} tg_data_reason;

typedef struct tg_data_frame {
    tg_data_kind kind;
    tg_data_packing packing; /* PART */
    tg_data_reason reason;   /* NONE */
    uint64_t request, job;
    uint32_t task, count;
    uint64_t offset;
    uint64_t total;    /* PART, SHARED */
    uint64_t rate;     /* GET */
    uint64_t host;     /* GET */
    tg_shared_ref ref; /* SHARED */
    const void *payload;
    size_t payload_bytes;
} tg_data_frame;

/* Writes the header of a frame whose payload is set; that of SHARED by tg_shared_ref_put. */
void tg_data_seal(const tg_data_frame *frame, unsigned char *header);
/* Reads and checks a frame. After TG_ERR_CORRUPT *out is filled in, but for the payload. */
TG_MUST_USE tg_status tg_data_open(const void *header, size_t header_bytes, const void *payload,
                                   size_t payload_bytes, tg_data_frame *out, tg_error *err);

/* A frame to be sent: the socket's side of a fetcher or a server. The header is copied; the payload
 * is sent from where it lies. Who takes a message calls `free_fn(payload, hint)` once, from any
 * thread, when the payload is not needed any more, whether it was sent or not: zmq_msg_init_data
 * takes these arguments. free_fn is NULL where there is no payload. */
typedef struct tg_data_message {
    uint64_t peer;
    void *route; /* of the peer, as it was given by the shell */
    void *payload;
    size_t payload_bytes; /* 0: a header alone */
    void (*free_fn)(void *payload, void *hint);
    void *hint;
    unsigned char header[TG_DATA_HEADER_BYTES];
} tg_data_message;

#endif
