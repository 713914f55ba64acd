/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_NET_HUB_INSIDE_H
#define TG_NET_HUB_INSIDE_H
/*
 * What: the inside of a hub, shared by hub.c (who is there, frames in) and hub_out.c (frames out,
 * turns). See hub.h for what it promises.
 *
 * Ownership: the hub owns its peers. Threads: one at a time. Errors: none of its own.
 */
#include "scheduler/net/hub.h"

enum { BUCKETS = 1024, TEXT_MAX = 256 };
/* Sent in one turn: as much as keeps the loop's delay below a few milliseconds. */
#define TURN_BYTES_MAX ((size_t)4 << 20)
/* A writer's buffer that is larger is given back after its frame is made. */
#define WRITER_KEEP_BYTES ((size_t)64 << 10)
/* A route that takes nothing is tried again after this, should it not say itself that it can. */
#define BLOCKED_NS ((int64_t)5000000)
#define NOT_MET_NS ((int64_t)100000000)
#define BEAT_NS    ((int64_t)500000000)

typedef struct tg__peer {
    struct tg__peer *bucket_next;
    struct tg__peer *dirty_next, *dead_next;
    size_t slot; /* in hub->all */
    uint64_t key;
    uint64_t self; /* our number in this link */
    tg_link *link;
    tg_route route;
    tg_route former; /* the one before, whose last frames may come late */
    tg_message_writer writer;
    void *held; /* a frame that the transport did not take; it comes before all others */
    size_t held_bytes;
    int64_t blocked_until; /* while a frame is held */
    int64_t down_ns;       /* of a dialled one: since when; 0: it is up, or was not yet */
    int64_t grace_ns;      /* of the last cut */
    int64_t cut_at;        /* when it is dead unless it is heard of; INT64_MAX: not cut */
    unsigned roles;
    bool dialled, met, bound, dirty, dead;
    tg_gone why;
    char text[TEXT_MAX];
    char user[TG_USER_MAX + 1];
} tg__peer;

struct tg_hub {
    tg_hub_options options;
    tg__peer *buckets[BUCKETS];
    tg__peer **all; /* the living */
    size_t count, room;
    tg__peer *dirty, **dirty_end;
    tg__peer *dead;
    int64_t deadline;
    int64_t now_ns;    /* as it was said last */
    int64_t turned_ns; /* the last turn */
    int64_t woke_ns;   /* the end of the last pause of this process */
    size_t sent_bytes; /* in this turn */
    uint64_t resent, ignored;
};

/* By the number of the other end; NULL: none, or it is going. */
tg__peer *tg__hub_find(tg_hub *hub, uint64_t number);
/* A sign of life is sent so often. */
int64_t tg__hub_beat_ns(const tg_hub *hub);
/* It has something to send. */
void tg__hub_mark(tg_hub *hub, tg__peer *p);
/* Takes it out of the table; gone() comes at the end of the turn. */
void tg__hub_give_up(tg_hub *hub, tg__peer *p, tg_gone why, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* Says who is gone, dials again where it is worth it, and frees them. */
void tg__hub_bury(tg_hub *hub, int64_t now_ns);
/* Sends what waits for the peer, as far as it is taken. */
void tg__hub_flush(tg_hub *hub, int64_t now_ns, tg__peer *p);

#endif
