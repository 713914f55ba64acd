/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_DATA_FETCH_INSIDE_H
#define TG_DATA_FETCH_INSIDE_H
/*
 * What: the tables of a fetcher, for the two files it is made of: fetch_asks.c decides what is
 * asked, of whom and when; fetch.c knows fetches, and what comes in.
 *
 * A fetch has parts, each of which is to be asked for, asked for, or here. An ask is one GET under
 * way; a part has one at most. A holder has the fetches from it, in the order in which they were
 * added, and a mark at the first of them that has a part to be asked for.
 *
 * Ownership: the fetcher owns all. Threads: one at a time. Errors: none here.
 */
#include "worker/data/fetch.h"

enum { PART_TODO, PART_ASKED, PART_HERE };

typedef struct tg__holder tg__holder;

typedef struct tg__fetch {
    tg_fetch want;
    uint64_t id;
    uint64_t order; /* of being added */
    tg__holder *holder;
    struct tg__fetch *next, *previous; /* at the holder; or `next` among those that have ended */
    tg_buffer *buffer;
    bool knows_total; /* from the first part */
    uint64_t total;
    uint32_t parts, here; /* 1 until the total is known */
    uint32_t todo;        /* the first part to be asked for; `parts`: none */
    uint8_t *state;       /* of each part; &one while there is one */
    uint8_t one;
    uint8_t corrupt;
    bool copy; /* no shared memory for this one */
    bool ended, shared;
    tg_status status;
    char why[200];
} tg__fetch;

struct tg__holder {
    uint64_t peer;
    tg__fetch *first, *last;
    tg__fetch *todo; /* the first of them with a part to be asked for */
    uint32_t asks;
    uint64_t asked, answered; /* numbers of the last ask, and of the latest one that was answered */
    int64_t heard_ns, retry_ns;
    bool silent;
    bool copy; /* its memory cannot be opened */
    uint64_t rate;
    uint64_t run_bytes; /* that came without a pause since run_ns; INT64_MIN: no run */
    int64_t run_ns;
};

typedef struct tg__ask {
    tg__fetch *fetch;
    uint32_t part;
    uint64_t number; /* at the holder */
    size_t bytes;
    int64_t asked_ns;
} tg__ask;

struct tg_fetcher {
    tg_fetcher_options options;
    tg__fetch **slots; /* by the low 16 bits of an id */
    size_t slot_room, slot_count, fetch_count, slot_hint;
    uint64_t serial, order;
    tg__holder **holders;
    size_t holder_room, holder_count, turn;
    tg__ask asks[TG_FETCH_ASKS_MAX];
    size_t ask_count, under_way;
    int64_t check_ns;   /* when an ask may be lost */
    int64_t soonest_ns; /* deadline of a fetch */
    tg__fetch *ended_first, *ended_last;
    tg_fetcher_stats stats;
};

/* Bytes of one part; of the only one that is known, before the total is. */
size_t tg__part_bytes(const tg_fetcher *f, const tg__fetch *fetch, uint32_t part);
/* The part is to be asked for again (a lost or damaged one) or for the first time. */
void tg__part_todo(tg__fetch *fetch, uint32_t part);
/* It is not to be asked for any more. */
void tg__part_here(tg__fetch *fetch, uint32_t part);
/* Takes the asks of a fetch, or of one part of it, off the window. */
void tg__asks_drop(tg_fetcher *f, const tg__fetch *fetch);
void tg__ask_drop(tg_fetcher *f, const tg__fetch *fetch, uint32_t part);
/* Something came in from a holder, for this part. */
void tg__holder_heard(tg_fetcher *f, tg__holder *h, int64_t now_ns, const tg__fetch *fetch,
                      uint32_t part);
/* Bytes of a PART came in: measures the rate of the line. */
void tg__holder_measure(tg_fetcher *f, tg__holder *h, int64_t now_ns, uint64_t bytes, bool packed);
/* The fetch is not at its holder any more. */
void tg__holder_unlink(tg__holder *h, tg__fetch *fetch);
/* Fails the fetches whose deadline has passed. */
void tg__fetches_expire(tg_fetcher *f, int64_t now_ns);

#endif
