/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Fetches: their life, and what comes in for them. What is asked and when is in fetch_asks.c.
 */
#include "worker/data/fetch.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/base/assert.h"
#include "core/base/limits.h"
#include "core/base/size.h"
#include "worker/data/fetch_inside.h"
#include "worker/data/pack.h"

/* -- the fetcher --------------------------------------------------------------------------- */

tg_status
tg_fetcher_create(const tg_fetcher_options *options, tg_fetcher **out, tg_error *err)
{
    tg_status status = TG_OK;
    *out = NULL;
    TG_CHECK(options->pool != NULL && options->part_bytes <= TG_DATA_PART_MAX, err, TG_ERR_VALUE,
             "fetcher: it needs a pool, and parts of %zu bytes at most, got %zu", TG_DATA_PART_MAX,
             options->part_bytes);
    tg_fetcher *f = tg_calloc(NULL, 1, sizeof *f);
    TG_CHECK(f != NULL, err, TG_ERR_MEMORY, "no memory for a fetcher");
    f->options = *options;
    tg_fetcher_options *o = &f->options;
    o->part_bytes = o->part_bytes > 0 ? o->part_bytes : (size_t)1 << 20;
    o->window_bytes = o->window_bytes > 0 ? o->window_bytes : (size_t)64 << 20;
    o->window_bytes = o->window_bytes > o->part_bytes ? o->window_bytes : o->part_bytes;
    o->retry_ns = o->retry_ns > 0 ? o->retry_ns : 200000000;
    o->retry_most_ns =
        tg_max_i64(o->retry_most_ns > 0 ? o->retry_most_ns : 2000000000, o->retry_ns);
    f->serial = o->seed;
    f->check_ns = f->soonest_ns = INT64_MAX;
    *out = f;
out:
    return status;
}

static void
fetch_free(tg_fetcher *f, tg__fetch *fetch)
{
    f->slots[fetch->id % TG_FETCHES_MAX] = NULL;
    f->fetch_count--;
    if (fetch->state != &fetch->one) {
        tg_free(NULL, fetch->state, fetch->parts);
    }
    tg_buffer_release(fetch->buffer);
    tg_free(NULL, fetch, sizeof *fetch);
}

void
tg_fetcher_destroy(tg_fetcher *f)
{
    if (f != NULL) {
        for (size_t i = 0; i < f->slot_count; i++) {
            if (f->slots[i] != NULL) {
                fetch_free(f, f->slots[i]);
            }
        }
        for (size_t i = 0; i < f->holder_count; i++) {
            tg_free(NULL, f->holders[i], sizeof *f->holders[i]);
        }
        tg_free(NULL, f->holders, f->holder_room * sizeof *f->holders);
        tg_free(NULL, f->slots, f->slot_room * sizeof *f->slots);
        tg_free(NULL, f, sizeof *f);
    }
}

/* -- the life of a fetch ------------------------------------------------------------------- */

/* The fetch has ended: nothing more is asked for it, and it waits to be taken. */
static void
end_fetch(tg_fetcher *f, tg__fetch *fetch, tg_status status)
{
    tg__asks_drop(f, fetch);
    tg__holder_unlink(fetch->holder, fetch);
    fetch->ended = true;
    fetch->status = status;
    if (status == TG_OK) {
        f->stats.fetched++;
        f->stats.shared += fetch->shared;
    } else {
        f->stats.failed++;
        tg_buffer_release(fetch->buffer);
        fetch->buffer = NULL;
    }
    if (f->ended_last != NULL) {
        f->ended_last->next = fetch;
    } else {
        f->ended_first = fetch;
    }
    f->ended_last = fetch;
}

static void __attribute__((format(printf, 4, 5)))
fail_fetch(tg_fetcher *f, tg__fetch *fetch, tg_status status, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)vsnprintf(fetch->why, sizeof fetch->why, format, args);
    va_end(args);
    end_fetch(f, fetch, status);
}

bool
tg_fetcher_end(tg_fetcher *f, tg_fetch_end *out)
{
    tg__fetch *fetch = f->ended_first;
    if (fetch != NULL) {
        f->ended_first = fetch->next;
        f->ended_last = f->ended_first != NULL ? f->ended_last : NULL;
        *out = (tg_fetch_end){ .id = fetch->id,
                               .fetch = fetch->want,
                               .status = fetch->status,
                               .buffer = fetch->buffer,
                               .shared = fetch->shared,
                               .total = fetch->status == TG_ERR_LIMIT ? fetch->total : 0 };
        if (fetch->status != TG_OK) {
            (void)tg_fail(&out->error, fetch->status, "the tile of task %u: %s", fetch->want.task,
                          fetch->why);
        }
        fetch->buffer = NULL;
        fetch_free(f, fetch);
    }
    return fetch != NULL;
}

void
tg__fetches_expire(tg_fetcher *f, int64_t now_ns)
{
    if (now_ns < f->soonest_ns) {
        return;
    }
    f->soonest_ns = INT64_MAX;
    for (size_t i = 0; i < f->slot_count; i++) {
        tg__fetch *fetch = f->slots[i];
        if (fetch == NULL || fetch->ended) {
            continue;
        }
        if (fetch->want.deadline_ns <= now_ns && fetch->want.deadline_ns != INT64_MAX) {
            fail_fetch(f, fetch, TG_ERR_IO,
                       "the worker that holds it did not send it in time (%u of %u parts came)",
                       fetch->here, fetch->parts);
        } else {
            f->soonest_ns = tg_min_i64(f->soonest_ns, fetch->want.deadline_ns);
        }
    }
}

/* Grows a table of pointers by doubling, up to a limit. */
static bool
reserve(void ***table, size_t *room, size_t need)
{
    size_t larger = need <= *room ? *room : *room == 0 ? 16 : 2 * *room;
    void **fresh = *table;
    if (larger != *room) {
        fresh = tg_realloc(NULL, *table, *room * sizeof *fresh, larger * sizeof *fresh);
        if (fresh != NULL) {
            memset(fresh + *room, 0, (larger - *room) * sizeof *fresh);
            *table = fresh;
            *room = larger;
        }
    }
    return fresh != NULL;
}

static tg__holder *
holder_find(const tg_fetcher *f, uint64_t peer)
{
    tg__holder *found = NULL;
    for (size_t i = 0; i < f->holder_count && found == NULL; i++) {
        found = f->holders[i]->peer == peer ? f->holders[i] : NULL;
    }
    return found;
}

static tg_status
holder_get(tg_fetcher *f, uint64_t peer, tg__holder **out, tg_error *err)
{
    tg_status status = TG_OK;
    *out = holder_find(f, peer);
    if (*out == NULL) {
        TG_CHECK(reserve((void ***)&f->holders, &f->holder_room, f->holder_count + 1), err,
                 TG_ERR_MEMORY, "no memory for a table of holders");
        *out = tg_calloc(NULL, 1, sizeof **out);
        TG_CHECK(*out != NULL, err, TG_ERR_MEMORY, "no memory for a holder of tiles");
        (*out)->peer = peer;
        (*out)->retry_ns = f->options.retry_ns;
        (*out)->run_ns = INT64_MIN;
        f->holders[f->holder_count++] = *out;
    }
out:
    return status;
}

/* A slot that is not used: the next one in a circle, so that it is found at once. */
static size_t
slot_find(tg_fetcher *f)
{
    size_t slot = f->slot_count;
    if (f->fetch_count == f->slot_count) {
        f->slot_count++;
    } else {
        for (slot = f->slot_hint % f->slot_count; f->slots[slot] != NULL;) {
            slot = (slot + 1) % f->slot_count;
        }
    }
    f->slot_hint = slot + 1;
    return slot;
}

tg_status
tg_fetcher_add(tg_fetcher *f, int64_t now_ns, const tg_fetch *want, uint64_t *id, tg_error *err)
{
    tg_status status = TG_OK;
    tg__holder *h = NULL;
    (void)now_ns;
    *id = 0;
    TG_CHECK(want->bytes_max >= 0 && want->bytes_max <= TG_ARRAY_BYTES_MAX, err, TG_ERR_VALUE,
             "fetcher: a tile of %lld bytes", (long long)want->bytes_max);
    TG_CHECK(f->fetch_count < TG_FETCHES_MAX, err, TG_ERR_LIMIT,
             "fetcher: %d tiles are being fetched already", TG_FETCHES_MAX);
    TG_CHECK(reserve((void ***)&f->slots, &f->slot_room, f->fetch_count + 1), err, TG_ERR_MEMORY,
             "no memory for a table of fetches");
    TG_TRY(holder_get(f, want->from, &h, err));
    tg__fetch *fetch = tg_calloc(NULL, 1, sizeof *fetch);
    TG_CHECK(fetch != NULL, err, TG_ERR_MEMORY, "no memory for a fetch");
    size_t slot = slot_find(f);
    f->serial++;
    fetch->id = f->serial * TG_FETCHES_MAX + slot;
    fetch->order = ++f->order;
    fetch->want = *want;
    fetch->holder = h;
    fetch->parts = 1;
    fetch->state = &fetch->one;
    fetch->previous = h->last;
    if (h->last != NULL) {
        h->last->next = fetch;
    } else {
        h->first = fetch;
    }
    h->last = fetch;
    tg__part_todo(fetch, 0);
    f->slots[slot] = fetch;
    f->fetch_count++;
    f->soonest_ns = tg_min_i64(f->soonest_ns, want->deadline_ns);
    *id = fetch->id;
out:
    return status;
}

static tg__fetch *
fetch_find(const tg_fetcher *f, uint64_t id)
{
    size_t slot = (size_t)(id % TG_FETCHES_MAX);
    tg__fetch *fetch = slot < f->slot_count ? f->slots[slot] : NULL;
    return fetch != NULL && fetch->id == id && !fetch->ended ? fetch : NULL;
}

void
tg_fetcher_cancel(tg_fetcher *f, uint64_t id)
{
    tg__fetch *fetch = fetch_find(f, id);
    if (fetch != NULL) {
        tg__asks_drop(f, fetch);
        tg__holder_unlink(fetch->holder, fetch);
        fetch_free(f, fetch);
    }
}

void
tg_fetcher_gone(tg_fetcher *f, uint64_t peer)
{
    tg__holder *h = holder_find(f, peer);
    if (h == NULL) {
        return;
    }
    while (h->first != NULL) {
        fail_fetch(f, h->first, TG_ERR_NOT_FOUND, "the worker that held it is gone");
    }
    for (size_t i = 0; i < f->slot_count; i++) {
        if (f->slots[i] != NULL && f->slots[i]->holder == h) {
            f->slots[i]->holder = NULL; /* has ended, and waits to be taken */
        }
    }
    size_t at = 0;
    while (f->holders[at] != h) {
        at++;
    }
    f->holder_count--;
    memmove(f->holders + at, f->holders + at + 1, (f->holder_count - at) * sizeof *f->holders);
    tg_free(NULL, h, sizeof *h);
    if (f->options.reader != NULL) {
        f->options.trim(f->options.reader);
    }
}

bool
tg_fetcher_asks(const tg_fetcher *f, uint64_t peer)
{
    const tg__holder *h = holder_find(f, peer);
    return h != NULL && h->first != NULL;
}

/* -- what comes in ------------------------------------------------------------------------- */

/* The first part of a tile says how long it is: makes the buffer and the table of parts. */
static bool
learn_total(tg_fetcher *f, tg__fetch *fetch, uint64_t total)
{
    uint8_t *state = &fetch->one;
    uint64_t parts = total == 0 ? 1 : (total - 1) / f->options.part_bytes + 1;
    if (total > (uint64_t)fetch->want.bytes_max || parts > UINT32_MAX) {
        fetch->total = total;
        fail_fetch(f, fetch, TG_ERR_LIMIT,
                   "its holder has %llu bytes of it, the plan says %lld at most",
                   (unsigned long long)total, (long long)fetch->want.bytes_max);
        return false;
    }
    fetch->buffer = tg_buffer_create(f->options.pool, (size_t)total);
    if (parts > 1) {
        state = tg_calloc(NULL, (size_t)parts, 1);
    }
    if (fetch->buffer == NULL || state == NULL) {
        if (state != &fetch->one) {
            tg_free(NULL, state, (size_t)parts);
        }
        fail_fetch(f, fetch, TG_ERR_MEMORY,
                   "the memory limit leaves no room for its %llu bytes: raise it, or make the "
                   "chunks smaller",
                   (unsigned long long)total);
        return false;
    }
    /* PART_TODO is 0; the first part keeps its state. */
    state[0] = fetch->one;
    fetch->state = state;
    fetch->parts = (uint32_t)parts;
    fetch->knows_total = true;
    fetch->total = total;
    if (parts > 1) {
        tg__part_todo(fetch, 1);
    }
    return true;
}

/* Brings the bytes of a part to their place in the tile. */
static tg_status
land(const tg__fetch *fetch, const tg_data_frame *frame)
{
    tg_status status = TG_OK;
    unsigned char *to = (unsigned char *)tg_buffer_data(fetch->buffer) + frame->offset;
    if (frame->packing == TG_DATA_RAW) {
        memcpy(to, frame->payload, frame->count);
    } else {
        status = tg__part_unpack(frame->payload, frame->payload_bytes, to, frame->count);
    }
    return status;
}

static void
take_corrupt(tg_fetcher *f, tg__fetch *fetch, uint32_t part)
{
    f->stats.corrupt++;
    fetch->corrupt++;
    if (fetch->corrupt > TG_FETCH_CORRUPT_MAX) {
        fail_fetch(f, fetch, TG_ERR_CORRUPT, "%d parts of it arrived damaged", fetch->corrupt);
    } else if (fetch->state[part] == PART_ASKED) {
        tg__ask_drop(f, fetch, part);
        tg__part_todo(fetch, part);
        f->stats.repeated++;
    }
}

static void
take_part(tg_fetcher *f, tg__fetch *fetch, int64_t now_ns, const tg_data_frame *frame)
{
    uint64_t part = frame->offset / f->options.part_bytes;
    if (!fetch->knows_total && (frame->offset != 0 || !learn_total(f, fetch, frame->total))) {
        f->stats.stray += fetch->ended ? 0 : 1;
        return;
    }
    if (frame->total != fetch->total || part >= fetch->parts ||
        frame->offset % f->options.part_bytes != 0 ||
        frame->count != tg__part_bytes(f, fetch, (uint32_t)part)) {
        fail_fetch(f, fetch, TG_ERR_FORMAT,
                   "its holder sends %u bytes at %llu of %llu, which were not asked for",
                   frame->count, (unsigned long long)frame->offset,
                   (unsigned long long)frame->total);
    } else if (fetch->state[part] == PART_HERE) {
        f->stats.stray++;
    } else if (land(fetch, frame) != TG_OK) {
        take_corrupt(f, fetch, (uint32_t)part);
    } else {
        tg__holder_heard(f, fetch->holder, now_ns, fetch, (uint32_t)part);
        tg__holder_measure(f, fetch->holder, now_ns, frame->payload_bytes,
                           frame->packing != TG_DATA_RAW);
        tg__part_here(fetch, (uint32_t)part);
        f->stats.bytes += frame->count;
        f->stats.wire_bytes += frame->payload_bytes;
        if (fetch->here == fetch->parts) {
            end_fetch(f, fetch, TG_OK);
        }
    }
}

static void
take_shared(tg_fetcher *f, tg__fetch *fetch, int64_t now_ns, const tg_data_frame *frame)
{
    tg_status status = TG_OK;
    if (fetch->knows_total || fetch->copy || fetch->holder->copy || f->options.reader == NULL) {
        f->stats.stray++; /* an answer to what was asked before */
        return;
    }
    if (frame->total > (uint64_t)fetch->want.bytes_max) {
        fetch->total = frame->total;
        fail_fetch(f, fetch, TG_ERR_LIMIT,
                   "its holder shares %llu bytes, the plan says %lld at most",
                   (unsigned long long)frame->total, (long long)fetch->want.bytes_max);
        return;
    }
    tg__holder_heard(f, fetch->holder, now_ns, fetch, 0);
    status = f->options.map(f->options.reader, &frame->ref, &fetch->buffer, NULL);
    if (status == TG_OK) {
        TG_ASSERT_CMP(tg_buffer_bytes(fetch->buffer), ==, frame->total);
        fetch->shared = true;
        end_fetch(f, fetch, TG_OK);
    } else {
        fetch->copy = true;
        fetch->holder->copy = status != TG_ERR_NOT_FOUND && status != TG_ERR_MEMORY;
        tg__part_todo(fetch, 0);
    }
}

static void
take(tg_fetcher *f, tg__fetch *fetch, int64_t now_ns, const tg_data_frame *frame)
{
    if (frame->job != fetch->want.job || frame->task != fetch->want.task) {
        fail_fetch(f, fetch, TG_ERR_FORMAT, "its holder answers with task %u", frame->task);
    } else if (frame->kind == TG_DATA_PART) {
        take_part(f, fetch, now_ns, frame);
    } else if (frame->kind == TG_DATA_SHARED) {
        take_shared(f, fetch, now_ns, frame);
    } else if (frame->reason == TG_DATA_OUTSIDE) {
        tg__holder_heard(f, fetch->holder, now_ns, fetch, 0);
        fail_fetch(f, fetch, TG_ERR_FORMAT, "it is shorter than its holder said before");
    } else {
        tg__holder_heard(f, fetch->holder, now_ns, fetch, 0);
        fail_fetch(f, fetch, TG_ERR_NOT_FOUND, "the worker that was named does not hold it");
    }
}

tg_status
tg_fetcher_receive(tg_fetcher *f, int64_t now_ns, uint64_t peer, const void *header,
                   size_t header_bytes, const void *payload, size_t payload_bytes, tg_error *err)
{
    tg_status status = TG_OK;
    tg_data_frame frame;
    status = tg_data_open(header, header_bytes, payload, payload_bytes, &frame, err);
    bool corrupt = status == TG_ERR_CORRUPT;
    status = corrupt ? TG_OK : status;
    TG_TRY(status);
    TG_CHECK(frame.kind != TG_DATA_GET, err, TG_ERR_FORMAT, "a GET is no answer");
    tg__fetch *fetch = fetch_find(f, frame.request);
    if (fetch == NULL || fetch->want.from != peer) {
        f->stats.stray++; /* late, doubled, or to a former process */
    } else if (corrupt) {
        uint64_t part = frame.offset / f->options.part_bytes;
        take_corrupt(f, fetch, part < fetch->parts ? (uint32_t)part : 0);
    } else {
        take(f, fetch, now_ns, &frame);
    }
out:
    return status;
}

/* -- looking at it ------------------------------------------------------------------------- */
