/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_DATA_SERVE_OFFERS_H
#define TG_DATA_SERVE_OFFERS_H
/*
 * What: the tiles that a holder shares with other processes (core/mem/shared.h): those on offer, by
 * job and task, and those that were given up while somebody reads them.
 *
 * What was given up and is still read after a second leaves the account of the pool. A worker that
 * reads it has counted it from the beginning, and lets go in some milliseconds if it can: so it is
 * one that runs a long task, or that is stopped, for ever perhaps, and its holder is not to lack
 * the memory.
 *
 * Ownership: an offer holds a reference to the tile's buffer until it is withdrawn and read by
 * nobody: until then the memory is not used again, whoever counts it. Threads: one at a time.
 * Errors: what cannot be offered is copied.
 */
#include "core/mem/shared.h"

enum { TG__OFFER_BUCKETS = 1024 };

typedef struct tg__offer {
    struct tg__offer *next;
    uint64_t job;
    uint32_t task;
    tg_buffer *buffer;
    tg_shared_ref ref;
    int64_t since_ns, look_ns; /* since when it lingers, 0: just now; when to ask for it again */
} tg__offer;

/* Begins as { 0 }, with the three members that do the work. */
typedef struct tg__offers {
    tg_shared *shared; /* NULL: nothing is offered */
    bool (*offer)(tg_shared *shared, const void *data, size_t bytes, tg_shared_ref *out);
    bool (*withdraw)(tg_shared *shared, const tg_shared_ref *ref);
    tg__offer *buckets[TG__OFFER_BUCKETS];
    tg__offer *lingering;
    size_t count, lingering_count;
    int64_t poll_ns; /* when to ask for one of the lingering again; 0: at once */
} tg__offers;

/* Ends all offers, whether they are read or not. */
void tg__offers_fini(tg__offers *offers);
/* Where the tile lies; false: it must be copied. */
bool tg__offers_get(tg__offers *offers, uint64_t job, uint32_t task, tg_buffer *buffer,
                    tg_shared_ref *out);
void tg__offers_forget(tg__offers *offers, uint64_t job, uint32_t task);
void tg__offers_drop(tg__offers *offers, uint64_t job);
/* Lets go of the lingering ones that are not read any more. */
void tg__offers_poll(tg__offers *offers, int64_t now_ns);
int64_t tg__offers_deadline(const tg__offers *offers);

#endif
