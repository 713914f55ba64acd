/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The recorder. Design notes: a ring has one writer, which stores the words of an event and then
 * the new `head`. A reader takes `head` before and after it copies, and throws away what may have
 * been overwritten between. That is a seqlock with one counter for the whole ring. All words are
 * atomics: stores release and loads acquire, which on x86 are plain moves and which the thread
 * sanitizer understands (it does not understand fences). Why it is right: when the copy of slot
 * s holds a word of event k, that word was stored after head = k was, so the second look at head
 * sees at least k, and the event k - capacity that the slot held before is thrown away.
 *
 * Totals are per thread and stage, written by the thread alone, so they need no read-modify-write
 * across cores and stay exact however many events are dropped.
 */
#include "worker/profile/timeline.h"

#include <stdatomic.h>
#include <string.h>

#include "core/base/assert.h"
#include "core/base/size.h"
#include "worker/profile/timeline_inside.h"

/* Words that an event is stored in. */
#define EVENT_WORDS 7

typedef struct slot {
    _Alignas(64) _Atomic uint64_t word[EVENT_WORDS];
} slot;
_Static_assert(sizeof(slot) == 64, "a slot is a cache line");

struct tg__timeline_ring {
    /* 128: processors fetch lines in pairs, and a neighbour's head must not come along. */
    _Alignas(128) _Atomic uint64_t head; /* events ever recorded */
    uint64_t next;                       /* head modulo capacity, the writer's own */
    slot *slots;
    tg__timeline_row *rows; /* [stage_count + 1] */
};

void *
tg__timeline_alloc(const tg_alloc *alloc, size_t count, size_t size, size_t align)
{
    int64_t bytes = 0;
    void *p = NULL;
    if (tg_mul_size((int64_t)count, (int64_t)size, &bytes) &&
        tg_add_size(bytes, (int64_t)align, &bytes)) {
        p = alloc->alloc(alloc->ctx, count * size + align, align);
    }
    return p;
}

void
tg__timeline_free(const tg_alloc *alloc, void *p, size_t count, size_t size, size_t align)
{
    if (p != NULL) {
        alloc->free(alloc->ctx, p, count * size + align);
    }
}

static void
free_rows(tg_timeline *t)
{
    for (uint32_t k = 0; k < t->thread_count; k++) {
        tg__timeline_free(t->alloc, t->rings[k].rows, t->stage_count + 1, sizeof(tg__timeline_row),
                          128);
        t->rings[k].rows = NULL;
    }
    tg__timeline_free_stages(t->alloc, t->stages, t->stage_count, t->text_bytes);
    t->stages = NULL;
    t->stage_count = 0;
}

void
tg_timeline_destroy(tg_timeline *t)
{
    if (t != NULL) {
        if (t->rings != NULL) {
            free_rows(t);
            for (uint32_t k = 0; k < t->thread_count; k++) {
                tg__timeline_free(t->alloc, t->rings[k].slots, t->capacity, sizeof(slot), 64);
            }
        }
        tg__timeline_free(t->alloc, t->rings, t->thread_count, sizeof *t->rings, 128);
        tg__timeline_free(t->alloc, t->names, t->thread_count, sizeof *t->names, 64);
        tg__timeline_free(t->alloc, t->memory.samples, TG_TIMELINE_MEMORY_SAMPLES,
                          sizeof *t->memory.samples, 64);
        tg__timeline_free(t->alloc, t, 1, sizeof *t, 128);
    }
}

tg_timeline *
tg_timeline_create_with(const tg_alloc *alloc, uint32_t threads, uint32_t events_per_thread)
{
    const tg_alloc *a = alloc != NULL ? alloc : tg_alloc_default();
    uint32_t thread_count = threads > 0 ? threads : 1;
    tg_timeline *t = tg__timeline_alloc(a, 1, sizeof *t, 128);
    bool ok = t != NULL;
    if (ok) {
        memset(t, 0, sizeof *t);
        t->alloc = a;
        t->thread_count = thread_count;
        /* One more than asked for: a reader cannot trust the slot that may be in the writing. */
        t->capacity = (uint64_t)(events_per_thread > 0 ? events_per_thread : 1) + 1;
        t->rings = tg__timeline_alloc(a, thread_count, sizeof *t->rings, 128);
        t->memory.samples =
            tg__timeline_alloc(a, TG_TIMELINE_MEMORY_SAMPLES, sizeof *t->memory.samples, 64);
        t->names = tg__timeline_alloc(a, thread_count, sizeof *t->names, 64);
        if (t->rings != NULL) {
            memset(t->rings, 0, thread_count * sizeof *t->rings);
        }
        ok = t->rings != NULL && t->memory.samples != NULL && t->names != NULL;
    }
    if (ok) {
        for (uint32_t k = 0; k < thread_count; k++) {
            t->rings[k].slots = tg__timeline_alloc(a, t->capacity, sizeof(slot), 64);
            ok = ok && t->rings[k].slots != NULL;
        }
    }
    if (ok) {
        tg_error err;
        ok = tg_timeline_begin(t, 0, NULL, 0, &err) == TG_OK;
    }
    if (!ok) {
        tg_timeline_destroy(t);
        t = NULL;
    }
    return t;
}

tg_timeline *
tg_timeline_create(uint32_t threads, uint32_t events_per_thread)
{
    return tg_timeline_create_with(NULL, threads, events_per_thread);
}

/* The new tables are all made before the old ones go, so that a failure changes nothing. */
tg_status
tg_timeline_begin(tg_timeline *t, int64_t now_ns, const tg_timeline_stage *stages,
                  uint32_t stage_count, tg_error *err)
{
    tg_status status = TG_OK;
    uint32_t count = stage_count < TG_TIMELINE_STAGES_MAX ? stage_count : TG_TIMELINE_STAGES_MAX;
    size_t text_bytes = 0;
    tg_timeline_stage *copy = NULL;
    tg__timeline_row **rows = NULL;
    TG_ASSERT(t != NULL && (stages != NULL || stage_count == 0));
    rows = tg__timeline_alloc(t->alloc, t->thread_count, sizeof(void *), 64);
    TG_CHECK(rows != NULL, err, TG_ERR_MEMORY, "timeline: no memory for %u threads",
             t->thread_count);
    memset(rows, 0, t->thread_count * sizeof(void *));
    TG_CHECK(tg__timeline_copy_stages(t->alloc, stages, count, &copy, &text_bytes), err,
             TG_ERR_MEMORY, "timeline: no memory for a table of %u stages", count);
    for (uint32_t k = 0; k < t->thread_count; k++) {
        rows[k] = tg__timeline_alloc(t->alloc, count + 1, sizeof(tg__timeline_row), 128);
        TG_CHECK(rows[k] != NULL, err, TG_ERR_MEMORY,
                 "timeline: no memory for the totals of %u stages", count);
        memset(rows[k], 0, (count + 1) * sizeof(tg__timeline_row));
    }
    free_rows(t);
    for (uint32_t k = 0; k < t->thread_count; k++) {
        t->rings[k].rows = rows[k];
        rows[k] = NULL;
        t->rings[k].next = 0;
        atomic_store_explicit(&t->rings[k].head, 0, memory_order_release);
    }
    memset(t->names, 0, t->thread_count * sizeof *t->names);
    t->stages = copy;
    copy = NULL;
    t->stage_count = count;
    t->text_bytes = text_bytes;
    atomic_store(&t->begin_ns, now_ns);
    atomic_store(&t->end_ns, now_ns);
    atomic_store(&t->ended, false);
    atomic_store(&t->lost, 0);
    tg__timeline_memory_reset(&t->memory);
out:
    for (uint32_t k = 0; rows != NULL && k < t->thread_count; k++) {
        tg__timeline_free(t->alloc, rows[k], count + 1, sizeof(tg__timeline_row), 128);
    }
    tg__timeline_free(t->alloc, rows, t->thread_count, sizeof(void *), 64);
    tg__timeline_free_stages(t->alloc, copy, count, text_bytes);
    return status;
}

void
tg_timeline_name(tg_timeline *t, uint32_t thread, const char *name, bool aside)
{
    TG_ASSERT(t != NULL && thread < t->thread_count);
    tg_timeline_row *row = &t->names[thread];
    size_t bytes = strnlen(name, sizeof row->name - 1);
    memcpy(row->name, name, bytes);
    row->name[bytes] = 0;
    row->aside = aside;
}

void
tg_timeline_lost(tg_timeline *t, uint64_t count)
{
    atomic_fetch_add(&t->lost, count);
}

void
tg_timeline_end(tg_timeline *t, int64_t now_ns)
{
    TG_ASSERT(t != NULL);
    tg__timeline_memory_flush(&t->memory, now_ns);
    atomic_store(&t->end_ns, now_ns);
    atomic_store(&t->ended, true);
}

/* Field by field: a wide load of an event that was just written in narrow stores waits until all of
 * them have left the store buffer, which took nearly half of the time of a record. */
static inline void
pack(const tg_timeline_event *e, int64_t end_ns, uint64_t words[EVENT_WORDS])
{
    words[0] = (uint64_t)e->start_ns;
    words[1] = (uint64_t)end_ns;
    words[2] = (uint64_t)e->wait_ns;
    words[3] = (uint64_t)e->bytes_in;
    words[4] = (uint64_t)e->bytes_out;
    words[5] = (uint64_t)e->task | (uint64_t)e->tile << 32;
    words[6] = (uint64_t)e->stage | (uint64_t)e->thread << 16 | (uint64_t)e->kind << 32 |
               (uint64_t)e->flags << 40;
}

static tg_timeline_event
unpack(const uint64_t words[EVENT_WORDS])
{
    return (tg_timeline_event){
        .start_ns = (int64_t)words[0],
        .end_ns = (int64_t)words[1],
        .wait_ns = (int64_t)words[2],
        .bytes_in = (int64_t)words[3],
        .bytes_out = (int64_t)words[4],
        .task = (uint32_t)words[5],
        .tile = (uint32_t)(words[5] >> 32),
        .stage = (uint16_t)words[6],
        .thread = (uint16_t)(words[6] >> 16),
        .kind = (uint8_t)(words[6] >> 32),
        .flags = (uint8_t)(words[6] >> 40),
    };
}

/* Only this thread writes the row: a load and a store, not a locked addition. */
static inline void
add(_Atomic int64_t *sum, int64_t value)
{
    int64_t old = atomic_load_explicit(sum, memory_order_relaxed);
    atomic_store_explicit(sum, (int64_t)((uint64_t)old + (uint64_t)value), memory_order_relaxed);
}

/* Where the time of a kind counts, and its bytes, and how often it came; 0: nowhere. */
static const struct {
    uint8_t ns, bytes_in, bytes_out, times;
} columns[TG_TIMELINE_KIND_COUNT] = {
    [TG_TIMELINE_TASK] = { TG__ROW_TASK_NS, TG__ROW_BYTES_IN, TG__ROW_BYTES_OUT, 0 },
    [TG_TIMELINE_READ] = { TG__ROW_READ_NS, TG__ROW_BYTES_READ, 0, 0 },
    [TG_TIMELINE_WRITE] = { TG__ROW_WRITE_NS, 0, TG__ROW_BYTES_WRITTEN, 0 },
    [TG_TIMELINE_MEMORY_WAIT] = { TG__ROW_MEMORY_NS, 0, 0, 0 },
    [TG_TIMELINE_IDLE] = { TG__ROW_IDLE_NS, 0, 0, 0 },
    [TG_TIMELINE_TRANSFER] = { TG__ROW_TRANSFER_NS, TG__ROW_BYTES_TRANSFERRED, 0, 0 },
    [TG_TIMELINE_SPILL] = { TG__ROW_DISK_NS, 0, TG__ROW_BYTES_SPILLED, 0 },
    [TG_TIMELINE_LOAD] = { TG__ROW_DISK_NS, 0, 0, 0 },
    [TG_TIMELINE_RETRY] = { 0, 0, 0, TG__ROW_RETRIES },
    [TG_TIMELINE_DEATH] = { 0, 0, 0, TG__ROW_DEATHS },
};

static inline void
add_to_row(tg__timeline_row *row, const tg_timeline_event *e, int64_t end_ns)
{
    uint8_t kind = e->kind < TG_TIMELINE_KIND_COUNT ? e->kind : (uint8_t)TG_TIMELINE_IDLE;
    if (columns[kind].ns != 0) {
        add(&row->column[columns[kind].ns], end_ns - e->start_ns);
    }
    if (columns[kind].bytes_in != 0) {
        add(&row->column[columns[kind].bytes_in], e->bytes_in);
    }
    if (columns[kind].bytes_out != 0) {
        add(&row->column[columns[kind].bytes_out], e->bytes_out);
    }
    if (kind == TG_TIMELINE_TASK) {
        add(&row->column[TG__ROW_COUNT], 1);
        add(&row->column[TG__ROW_WAIT_NS], e->wait_ns);
    } else if (columns[kind].times != 0) {
        add(&row->column[columns[kind].times], 1);
    } else if ((e->flags & TG_TIMELINE_INSIDE) != 0) {
        add(&row->column[TG__ROW_INSIDE_NS], end_ns - e->start_ns);
    }
}

void
tg_timeline_record(tg_timeline *t, const tg_timeline_event *event)
{
    uint32_t thread = event->thread;
    if (thread < t->thread_count) {
        struct tg__timeline_ring *ring = &t->rings[thread];
        uint64_t words[EVENT_WORDS];
        uint64_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);
        int64_t end_ns = tg_max_i64(event->start_ns, event->end_ns);
        slot *s = &ring->slots[ring->next];
        pack(event, end_ns, words);
        for (int i = 0; i < EVENT_WORDS; i++) {
            atomic_store_explicit(&s->word[i], words[i], memory_order_release);
        }
        ring->next = ring->next + 1 < t->capacity ? ring->next + 1 : 0;
        atomic_store_explicit(&ring->head, head + 1, memory_order_release);
        add_to_row(&ring->rows[event->stage < t->stage_count ? event->stage : t->stage_count],
                   event, end_ns);
    }
}

uint64_t
tg__timeline_head(const tg_timeline *t, uint32_t thread)
{
    return atomic_load_explicit(&t->rings[thread].head, memory_order_acquire);
}

/* Copies events [from, to) of one ring, then says from which of them on the copies are whole. */
uint64_t
tg__timeline_copy_events(const tg_timeline *t, uint32_t thread, uint64_t from, uint64_t to,
                         tg_timeline_event *out)
{
    const struct tg__timeline_ring *ring = &t->rings[thread];
    uint64_t head = 0;
    uint64_t whole = from;
    for (uint64_t n = from; n < to; n++) {
        const slot *s = &ring->slots[n % t->capacity];
        uint64_t words[EVENT_WORDS];
        for (int i = 0; i < EVENT_WORDS; i++) {
            words[i] = atomic_load_explicit(&s->word[i], memory_order_acquire);
        }
        out[n - from] = unpack(words);
    }
    head = tg__timeline_head(t, thread);
    if (head >= t->capacity && head - t->capacity + 1 > whole) {
        whole = head - t->capacity + 1;
    }
    return whole < to ? whole : to;
}

uint32_t
tg_timeline_take(const tg_timeline *t, uint32_t thread, uint64_t *from, tg_timeline_event *out,
                 uint32_t most, uint64_t *dropped)
{
    uint64_t head = tg__timeline_head(t, thread), first = *from;
    *dropped = 0;
    if (head >= t->capacity && first < head - t->capacity + 1) {
        first = head - t->capacity + 1;
    }
    uint64_t to = head - first < most ? head : first + most;
    uint64_t whole = tg__timeline_copy_events(t, thread, first, to, out);
    memmove(out, out + (whole - first), (to - whole) * sizeof *out);
    *dropped = whole - *from;
    *from = to;
    return (uint32_t)(to - whole);
}

const tg__timeline_row *
tg__timeline_rows(const tg_timeline *t, uint32_t thread)
{
    return t->rings[thread].rows;
}
