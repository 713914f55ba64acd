/* SPDX-License-Identifier: BSD-3-Clause */
/* The tiles that a holder shares with other processes. */
#include "worker/data/serve_offers.h"

#include "core/base/size.h"

/* A reader that is still at work when its tile is given up is late by a message or two. */
#define POLL_NS ((int64_t)5000000)
/* One that goes on reading has it on its own account, and is asked for seldom. */
#define LEAVE_NS ((int64_t)1000000000)
#define LEFT_NS  ((int64_t)500000000)

static size_t
bucket_of(uint64_t job, uint32_t task)
{
    uint64_t mixed = (job ^ task) * 0x9e3779b97f4a7c15u;
    return (size_t)(mixed >> 32) % TG__OFFER_BUCKETS;
}

static void
offer_free(tg__offer *o)
{
    tg_buffer_release(o->buffer);
    tg_free(NULL, o, sizeof *o);
}

/* An offer that is out of its bucket: ends it, or keeps it until nobody reads it. */
static void
give_up(tg__offers *offers, tg__offer *o)
{
    offers->count--;
    if (offers->withdraw(offers->shared, &o->ref)) {
        offer_free(o);
    } else {
        o->next = offers->lingering;
        offers->lingering = o;
        offers->lingering_count++;
        offers->poll_ns = 0;
    }
}

static void
forget_in(tg__offers *offers, size_t bucket, uint64_t job, bool all, uint32_t task)
{
    tg__offer **at = &offers->buckets[bucket];
    while (*at != NULL) {
        tg__offer *o = *at;
        if (o->job == job && (all || o->task == task)) {
            *at = o->next;
            give_up(offers, o);
        } else {
            at = &o->next;
        }
    }
}

void
tg__offers_forget(tg__offers *offers, uint64_t job, uint32_t task)
{
    forget_in(offers, bucket_of(job, task), job, false, task);
}

void
tg__offers_drop(tg__offers *offers, uint64_t job)
{
    for (size_t i = 0; i < TG__OFFER_BUCKETS && offers->count > 0; i++) {
        forget_in(offers, i, job, true, 0);
    }
}

void
tg__offers_fini(tg__offers *offers)
{
    for (size_t i = 0; i < TG__OFFER_BUCKETS; i++) {
        while (offers->buckets[i] != NULL) {
            tg__offer *o = offers->buckets[i];
            offers->buckets[i] = o->next;
            give_up(offers, o);
        }
    }
    while (offers->lingering != NULL) {
        tg__offer *o = offers->lingering;
        offers->lingering = o->next;
        tg_buffer_leave_to_readers(o->buffer);
        offer_free(o);
    }
    offers->lingering_count = 0;
}

bool
tg__offers_get(tg__offers *offers, uint64_t job, uint32_t task, tg_buffer *buffer,
               tg_shared_ref *out)
{
    size_t bucket = bucket_of(job, task);
    tg__offer *o = offers->shared != NULL ? offers->buckets[bucket] : NULL;
    while (o != NULL && !(o->job == job && o->task == task)) {
        o = o->next;
    }
    if (o != NULL && o->buffer != buffer) { /* it was made or loaded again, elsewhere */
        tg__offers_forget(offers, job, task);
        o = NULL;
    }
    if (o == NULL && offers->shared != NULL) {
        o = tg_calloc(NULL, 1, sizeof *o);
        if (o != NULL && offers->offer(offers->shared, tg_buffer_data(buffer),
                                       tg_buffer_bytes(buffer), &o->ref)) {
            o->job = job;
            o->task = task;
            o->buffer = tg_buffer_retain(buffer);
            o->next = offers->buckets[bucket];
            offers->buckets[bucket] = o;
            offers->count++;
        } else {
            tg_free(NULL, o, sizeof *o);
            o = NULL;
        }
    }
    if (o != NULL) {
        *out = o->ref;
    }
    return o != NULL;
}

/* It is still read. */
static void
go_on_waiting(tg__offer *o, int64_t now_ns)
{
    o->since_ns = o->since_ns != 0 ? o->since_ns : now_ns;
    bool left = now_ns - o->since_ns >= LEAVE_NS;
    if (left) {
        tg_buffer_disown(o->buffer);
    }
    o->look_ns = now_ns + (left ? LEFT_NS : POLL_NS);
}

void
tg__offers_poll(tg__offers *offers, int64_t now_ns)
{
    if (offers->lingering == NULL || now_ns < offers->poll_ns) {
        return;
    }
    tg__offer **at = &offers->lingering;
    offers->poll_ns = INT64_MAX;
    while (*at != NULL) {
        tg__offer *o = *at;
        bool due = now_ns >= o->look_ns;
        if (due && offers->withdraw(offers->shared, &o->ref)) {
            *at = o->next;
            offers->lingering_count--;
            offer_free(o);
        } else {
            if (due) {
                go_on_waiting(o, now_ns);
            }
            offers->poll_ns = tg_min_i64(offers->poll_ns, o->look_ns);
            at = &o->next;
        }
    }
}

int64_t
tg__offers_deadline(const tg__offers *offers)
{
    return offers->lingering != NULL ? offers->poll_ns : INT64_MAX;
}
