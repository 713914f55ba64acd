/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_DATA_SERVE_INSIDE_H
#define TG_DATA_SERVE_INSIDE_H
/*
 * What: the tables of a tile server, for the two files it is made of: serve.c knows readers, their
 * requests and their turns; serve_answers.c makes an answer.
 *
 * Ownership: the server owns all; a message that was handed out points to it and to its reader,
 * which stay until it is freed. Threads: one at a time, but for the atomics. Errors: none here.
 */
#include <stdatomic.h>

#include "worker/data/serve.h"
#include "worker/data/serve_offers.h"

typedef struct tg__request {
    struct tg__request *next;
    uint64_t id, job, offset, host;
    uint32_t task, count;
    int64_t asked_ns; /* for the last time */
    bool waits;       /* for its tile to be loaded */
} tg__request;

typedef struct tg__reader {
    uint64_t peer;
    void *route;
    bool remote; /* it said that it is on another host */
    bool gone;
    uint64_t rate;
    tg__request *first, *last;
    size_t count;
    uint64_t parts;
    atomic_size_t under_way, messages; /* as below */
} tg__reader;

struct tg_tile_server {
    tg_tile_server_options options;
    tg__reader **readers;
    size_t reader_room, reader_count, turn, request_count;
    tg__offers offers;
    atomic_size_t under_way; /* bytes */
    atomic_size_t messages;  /* with payload, that the socket has */
    atomic_bool starved;
    tg_tile_server_stats stats;
};

/* Makes the answer to a request; false: there is none now. *waits: its tile is being loaded. */
bool tg__answer(tg_tile_server *s, tg__reader *p, const tg__request *r, bool *waits,
                tg_data_message *out);

#endif
