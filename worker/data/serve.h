/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_DATA_SERVE_H
#define TG_DATA_SERVE_H
/*
 * What: the holder's side of the data protocol (frame.h): answers GETs from tiles that a callback
 * gives. Pure: no socket, clock or thread; shared memory comes in as functions.
 *
 *     socket    tg_tile_server_receive(s, now, peer, ...)   a GET came in
 *               tg_tile_server_next(s, now, &message)       an answer to send
 *     agent     tg_tile_server_ready(s, job, task)      a tile that was `later` is here, or lost
 *               tg_tile_server_forget(s, job, task)     the tile's memory is given up
 *     shell     tg_tile_server_gone(s, peer)            nobody waits for answers any more
 *     timer     tg_tile_server_deadline(s)
 *
 * Answers are made when there is room for them, not when they are asked for: a tile that is freed
 * meanwhile is answered by NONE. Readers take turns. What was made and not yet freed by the socket
 * is limited, for each reader and in all; it is the tile's own memory, held by a reference, and
 * nothing is copied. A reader that never takes its answers costs itself only.
 *
 * Hostile requests cost a small record each, TG_SERVE_WAITING_MAX at most for each reader; what is
 * asked beyond it is dropped as if it had been lost, and so is what is asked twice. Offsets outside
 * of the tile are answered by NONE. Readers beyond TG_SERVE_PEERS_MAX are not heard.
 *
 * A tile that must be loaded first (the callback says TG_TILE_LATER, and has it loaded) keeps its
 * requests until tg_tile_server_ready; others of that reader go before it. The reader repeats what
 * it misses; a request that it did not repeat for TG_SERVE_WAIT_NS is forgotten.
 *
 * Shared memory. A reader that says it is of this host gets the place of the tile instead of its
 * bytes, if the tile lies in shared memory. The server keeps the tile's buffer while the offer
 * stands. tg_tile_server_forget takes it back; while somebody still reads, the buffer stays and is
 * asked about every few milliseconds (core/mem/shared.h says why nothing else is needed, whoever
 * dies); after a second it leaves the account of the pool (serve_offers.h says why). So the
 * contract is: whoever gives up a tile's memory (FREE, DROP, spilled and forgotten) calls
 * tg_tile_server_forget or _drop, and may count with the memory at once, or a second later at most.
 *
 * Packing. A part for a reader on another host is packed (blosc: lz4 and shuffle) when that reader
 * has said that its line is slow, and a sample of the part becomes smaller enough for packing to be
 * faster than sending. One part in TG_SERVE_RAW_EVERY is sent as it is, with those behind it, so
 * that the rate of the line goes on being measured. Packed parts are blocks of the pool.
 *
 * Ownership: routes and the context are borrowed; buffers are held as said. All messages must have
 * been freed, or be with sockets that are closed, at tg_tile_server_destroy: it waits for those.
 * Threads: one at a time; the free functions of messages may be called from any thread, and call
 * `wake` then, when an answer may have waited for it.
 * Errors: tg_tile_server_receive returns what is wrong with a frame: drop the peer. Without memory
 * a request is dropped, as if it had been lost.
 */
#include "core/mem/buffer.h"
#include "worker/data/frame.h"

enum {
    TG_SERVE_PEERS_MAX = 4096,
    TG_SERVE_WAITING_MAX = 2048, /* requests of one reader: twice what a fetcher has under way */
    TG_SERVE_RAW_EVERY = 64      /* parts: 8 of them are never packed */
};
#define TG_SERVE_WAIT_NS ((int64_t)10000000000)

typedef struct tg_tile_server tg_tile_server;

typedef enum tg_tile_answer { TG_TILE_NONE, TG_TILE_HERE, TG_TILE_LATER } tg_tile_answer;

typedef struct tg_tile_server_options {
    void *ctx;
    /* TG_TILE_HERE gives a reference to the tile's bytes, and the size of its elements (1: not
     * known). May be called often for one tile. */
    tg_tile_answer (*lookup)(void *ctx, uint64_t job, uint32_t task, tg_buffer **buffer,
                             size_t *element_bytes);
    /* From any thread: call tg_tile_server_next. NULL: not needed. */
    void (*wake)(void *ctx);
    tg_pool *pool; /* for packed parts; NULL: nothing is packed */
    /* tg_shared_offer and tg_shared_withdraw, and what they work on; NULL: everything is copied */
    tg_shared *shared;
    bool (*offer)(tg_shared *shared, const void *data, size_t bytes, tg_shared_ref *out);
    bool (*withdraw)(tg_shared *shared, const tg_shared_ref *ref);
    uint64_t host;         /* tg_shared_host() */
    size_t peer_bytes_max; /* made and not freed, for one reader; 0: 32 MiB */
    size_t bytes_max;      /* and in all; 0: 128 MiB */
} tg_tile_server_options;

typedef struct tg_tile_server_stats {
    uint64_t parts, bytes, wire_bytes; /* sent through sockets */
    uint64_t shared, refused, dropped; /* answers SHARED and NONE; requests that were dropped */
    size_t offered, lingering; /* tiles on offer; tiles that were given up and are still read */
} tg_tile_server_stats;

TG_MUST_USE tg_status tg_tile_server_create(const tg_tile_server_options *options,
                                            tg_tile_server **out, tg_error *err);
void tg_tile_server_destroy(tg_tile_server *server);

/* A GET came in. */
TG_MUST_USE tg_status tg_tile_server_receive(tg_tile_server *server, int64_t now_ns, uint64_t peer,
                                             void *route, const void *header, size_t header_bytes,
                                             tg_error *err);
/* The next answer; false: none for now. */
bool tg_tile_server_next(tg_tile_server *server, int64_t now_ns, tg_data_message *out);
/* Look the tile up again for those who wait for it. False: nobody does. */
bool tg_tile_server_ready(tg_tile_server *server, uint64_t job, uint32_t task);
/* The tile is not offered any more; its memory goes when nobody reads it. */
void tg_tile_server_forget(tg_tile_server *server, uint64_t job, uint32_t task);
/* The same for all tiles of a job. */
void tg_tile_server_drop(tg_tile_server *server, uint64_t job);
/* The reader is dead or was given up: its requests are forgotten. Tiles that it has mapped stay
 * until its process ends or lets go. */
void tg_tile_server_gone(tg_tile_server *server, uint64_t peer);
/* When there is something to do, should nothing come in; INT64_MIN: now. */
int64_t tg_tile_server_deadline(const tg_tile_server *server);

/* Bytes in messages that are not freed. */
size_t tg_tile_server_under_way(const tg_tile_server *server);
tg_tile_server_stats tg_tile_server_get_stats(const tg_tile_server *server);

#endif
