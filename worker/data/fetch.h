/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_DATA_FETCH_H
#define TG_DATA_FETCH_H
/*
 * What: the reader's side of the data protocol (frame.h): many tiles from many holders at once,
 * over a transport that may lose, double, delay and reorder. Pure: no socket, clock or thread, and
 * what the system does (mapping shared memory) comes in as a function.
 *
 *     agent     tg_fetcher_add(f, now, &fetch, &id)       pull this tile from there
 *     socket    tg_fetcher_next(f, now, &message)         a GET to send
 *               tg_fetcher_receive(f, now, peer, ...)     PART, SHARED or NONE came in
 *     agent     tg_fetcher_end(f, &end)                   a tile is here, or why not
 *     timer     tg_fetcher_deadline(f)                    when to call tg_fetcher_next again
 *
 * A tile is pulled in parts, each by its own GET, straight into its final buffer. The first part
 * tells how long the tile is; it is believed up to `bytes_max`, and nothing is allocated before.
 *
 * Flow control. The bytes that were asked for and have not come are at most the window. The holders
 * take turns, one part each; at one holder the tile that was asked for first goes first. So what is
 * under way never fills more memory than the reader has set aside, however many holders answer.
 *
 * Loss. A part is asked for again when it is older than `retry_ns` and either its holder has been
 * silent for so long, or it has answered a later question (transports keep the order: then this one
 * is gone). A holder that goes on sending is never asked twice only because its line is slow. A
 * silent holder is asked for one part at a time, ever more rarely, up to `retry_most_ns`, so it
 * does not keep the window from the others. This goes on until the deadline of the fetch.
 *
 * Corruption. A part whose checksum is wrong is asked for again, TG_FETCH_CORRUPT_MAX times per
 * tile; then the fetch fails with TG_ERR_CORRUPT. Parts that do not fit each other (another total,
 * another task) are no accident, and fail it at once with TG_ERR_FORMAT.
 *
 * Shared memory. When `host` and `reader` are set, the GET says on which host the reader is, and a
 * holder of the same one may answer SHARED. If mapping fails the tile is pulled in parts; a holder
 * whose memory cannot be opened at all is not asked for it again. A mapped tile is no memory of the
 * pool (its holder's budget counts it), must not be written to, and its release ends the reading.
 *
 * Ownership: the fetcher owns buffers until tg_fetcher_end gives them; pool and routes are
 * borrowed. Threads: one at a time. Errors: as said; TG_ERR_LIMIT from tg_fetcher_add beyond
 * TG_FETCHES_MAX. What a frame does wrong is returned by tg_fetcher_receive: drop the peer then.
 */
#include "core/mem/buffer.h"
#include "worker/data/frame.h"

enum {
    TG_FETCHES_MAX = 1 << 16, /* at a time */
    TG_FETCH_ASKS_MAX = 1024, /* parts under way: small tiles do not fill a window of bytes */
    TG_FETCH_CORRUPT_MAX = 3  /* damaged parts that one tile survives */
};

typedef struct tg_fetcher tg_fetcher;

typedef struct tg_fetcher_options {
    tg_pool *pool;
    size_t window_bytes;   /* 0: 64 MiB; never less than a part */
    size_t part_bytes;     /* 0: 1 MiB; TG_DATA_PART_MAX at most */
    int64_t retry_ns;      /* 0: 200 ms */
    int64_t retry_most_ns; /* 0: 2 s */
    uint64_t seed;         /* random: answers to a former process are not taken for its own */
    uint64_t host;         /* tg_shared_host(); 0: tiles are always copied */
    /* tg_shared_map, tg_shared_trim (called when a holder is gone), and what they work on; NULL:
     * tiles are always copied */
    tg_shared_reader *reader;
    tg_status (*map)(tg_shared_reader *reader, const tg_shared_ref *ref, tg_buffer **out,
                     tg_error *err);
    void (*trim)(tg_shared_reader *reader);
} tg_fetcher_options;

typedef struct tg_fetch {
    uint64_t job;
    uint32_t task;
    uint64_t from;       /* the holder's number */
    void *route;         /* for the socket: given back in messages to the holder */
    int64_t bytes_max;   /* that the tile can have: a longer one is refused */
    int64_t deadline_ns; /* INT64_MAX: none */
} tg_fetch;

typedef struct tg_fetch_end {
    uint64_t id;
    tg_fetch fetch;
    tg_status status; /* TG_ERR_NOT_FOUND: the holder has it not, or is gone; TG_ERR_IO: it did not
                         answer in time; TG_ERR_MEMORY, _CORRUPT, _FORMAT, _LIMIT: see above */
    tg_error error;
    tg_buffer *buffer; /* given; NULL after a failure */
    bool shared;       /* it is mapped memory of the holder */
    uint64_t total;    /* TG_ERR_LIMIT: bytes that the tile has; 0: it is not known */
} tg_fetch_end;

typedef struct tg_fetcher_stats {
    uint64_t fetched, shared, failed;         /* tiles */
    uint64_t bytes;                           /* of tiles that came through sockets */
    uint64_t wire_bytes;                      /* as they came, packed or not */
    uint64_t asked, repeated, corrupt, stray; /* parts */
} tg_fetcher_stats;

TG_MUST_USE tg_status tg_fetcher_create(const tg_fetcher_options *options, tg_fetcher **out,
                                        tg_error *err);
/* Ends all fetches without a word. NULL is allowed. */
void tg_fetcher_destroy(tg_fetcher *fetcher);

TG_MUST_USE tg_status tg_fetcher_add(tg_fetcher *fetcher, int64_t now_ns, const tg_fetch *fetch,
                                     uint64_t *id, tg_error *err);
/* The fetch has no end then; one that has ended already, or is none, is left alone. */
void tg_fetcher_cancel(tg_fetcher *fetcher, uint64_t id);
/* The holder is dead: all fetches from it fail with TG_ERR_NOT_FOUND. */
void tg_fetcher_gone(tg_fetcher *fetcher, uint64_t peer);
/* Something is being fetched from it. */
bool tg_fetcher_asks(const tg_fetcher *fetcher, uint64_t peer);
/* A frame that is no GET came in from `peer`. */
TG_MUST_USE tg_status tg_fetcher_receive(tg_fetcher *fetcher, int64_t now_ns, uint64_t peer,
                                         const void *header, size_t header_bytes,
                                         const void *payload, size_t payload_bytes, tg_error *err);
/* The next GET; false: none for now. */
bool tg_fetcher_next(tg_fetcher *fetcher, int64_t now_ns, tg_data_message *out);
/* The next fetch that has ended; false: none. */
bool tg_fetcher_end(tg_fetcher *fetcher, tg_fetch_end *out);
/* When there is something to do, should nothing come in; INT64_MIN: now. */
int64_t tg_fetcher_deadline(const tg_fetcher *fetcher);

/* Bytes under way: at most the window. */
size_t tg_fetcher_under_way(const tg_fetcher *fetcher);
tg_fetcher_stats tg_fetcher_get_stats(const tg_fetcher *fetcher);
/* What is wrong with its tables; NULL: nothing. For tests. */
const char *tg_fetcher_check(const tg_fetcher *fetcher);

#endif
