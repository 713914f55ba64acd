/* SPDX-License-Identifier: BSD-3-Clause */
/* The copy of a timeline at rest, and the copying of stage tables. */
#include <stdlib.h>
#include <string.h>

#include "core/base/assert.h"
#include "core/base/size.h"
#include "worker/profile/timeline_inside.h"

/* The public snapshot with what is needed to free it. */
typedef struct snapshot {
    tg_timeline_snapshot public;
    const tg_alloc *alloc;
    uint64_t event_room;
    size_t text_bytes;
} snapshot;

static size_t
text_size(const char *text)
{
    return text != NULL ? strlen(text) + 1 : 1;
}

static const char *
put_text(char **at, const char *text)
{
    char *start = *at;
    size_t bytes = text_size(text);
    memcpy(start, text != NULL ? text : "", bytes);
    *at += bytes;
    return start;
}

bool
tg__timeline_copy_stages(const tg_alloc *alloc, const tg_timeline_stage *stages, uint32_t count,
                         tg_timeline_stage **out, size_t *text_bytes)
{
    size_t bytes = 0;
    tg_timeline_stage *copy = NULL;
    for (uint32_t i = 0; i < count; i++) {
        bytes +=
            text_size(stages[i].label) + text_size(stages[i].ops) + text_size(stages[i].tile_shape);
    }
    copy = tg__timeline_alloc(alloc, count * sizeof *copy + bytes, 1, 64);
    if (copy != NULL) {
        char *at = (char *)(copy + count);
        for (uint32_t i = 0; i < count; i++) {
            copy[i] = stages[i];
            copy[i].label = put_text(&at, stages[i].label);
            copy[i].ops = put_text(&at, stages[i].ops);
            copy[i].tile_shape = put_text(&at, stages[i].tile_shape);
        }
    }
    *out = copy;
    *text_bytes = bytes;
    return copy != NULL;
}

void
tg__timeline_free_stages(const tg_alloc *alloc, tg_timeline_stage *stages, uint32_t count,
                         size_t text_bytes)
{
    tg__timeline_free(alloc, stages, count * sizeof *stages + text_bytes, 1, 64);
}

void
tg_timeline_snapshot_destroy(tg_timeline_snapshot *public)
{
    if (public != NULL) {
        snapshot *s = (snapshot *)public;
        const tg_alloc *a = s->alloc;
        uint32_t threads = public->thread_count;
        uint32_t stages = public->stage_count;
        tg__timeline_free_stages(a, public->stages, stages, s->text_bytes);
        tg__timeline_free(a, public->stage_totals, stages + 1, sizeof *public->stage_totals, 64);
        tg__timeline_free(a, public->thread_totals, threads, sizeof *public->thread_totals, 64);
        tg__timeline_free(a, public->rows, threads, sizeof *public->rows, 64);
        tg__timeline_free(a, public->first, threads + 1, sizeof *public->first, 64);
        tg__timeline_free(a, public->dropped, threads, sizeof *public->dropped, 64);
        tg__timeline_free(a, public->events, s->event_room, sizeof *public->events, 64);
        tg__timeline_free(a, public->samples, TG_TIMELINE_MEMORY_SAMPLES, sizeof *public->samples,
                          64);
        tg__timeline_free(a, s, 1, sizeof *s, 64);
    }
}

static int
by_start(const void *pa, const void *pb)
{
    const tg_timeline_event *a = pa;
    const tg_timeline_event *b = pb;
    int order = (a->start_ns > b->start_ns) - (a->start_ns < b->start_ns);
    if (order == 0) {
        order = (a->end_ns < b->end_ns) - (a->end_ns > b->end_ns);
    }
    if (order == 0) { /* equal spans: a task holds what lies inside it */
        order = (a->kind > b->kind) - (a->kind < b->kind);
    }
    return order != 0 ? order : (a->task > b->task) - (a->task < b->task);
}

static void
add_totals(tg_timeline_totals *sum, const tg__timeline_row *row)
{
    int64_t columns[TG__ROW_COLUMNS];
    memcpy(columns, sum, sizeof columns);
    for (int i = 0; i < TG__ROW_COLUMNS; i++) {
        columns[i] += atomic_load_explicit(&row->column[i], memory_order_relaxed);
    }
    memcpy(sum, columns, sizeof columns);
}

static void
sum_rows(const tg_timeline *t, snapshot *s)
{
    tg_timeline_totals *stage = s->public.stage_totals;
    tg_timeline_totals *thread = s->public.thread_totals;
    memset(stage, 0, (t->stage_count + 1) * sizeof *stage);
    memset(thread, 0, t->thread_count * sizeof *thread);
    for (uint32_t k = 0; k < t->thread_count; k++) {
        const tg__timeline_row *rows = tg__timeline_rows(t, k);
        for (uint32_t i = 0; i <= t->stage_count; i++) {
            add_totals(&stage[i], &rows[i]);
            add_totals(&thread[k], &rows[i]);
            add_totals(&s->public.totals, &rows[i]);
        }
    }
}

/* A reader gets at most capacity - 1 events of a thread: one slot may be in the writing. */
static uint64_t
oldest(const tg_timeline *t, uint64_t head)
{
    return head >= t->capacity ? head - t->capacity + 1 : 0;
}

static void
copy_rings(const tg_timeline *t, snapshot *s, const uint64_t *heads)
{
    tg_timeline_event *events = s->public.events;
    uint64_t *first = s->public.first;
    uint64_t *dropped = s->public.dropped;
    uint64_t at = 0;
    for (uint32_t k = 0; k < t->thread_count; k++) {
        uint64_t from = oldest(t, heads[k]);
        uint64_t whole = tg__timeline_copy_events(t, k, from, heads[k], events + at);
        uint64_t count = heads[k] - whole;
        memmove(events + at, events + at + (whole - from), count * sizeof *events);
        qsort(events + at, count, sizeof *events, by_start);
        first[k] = at;
        dropped[k] = whole;
        s->public.dropped_total += whole;
        at += count;
    }
    first[t->thread_count] = at;
}

/* While the run goes on it lasts until the latest time that was seen. */
static void
set_end(const tg_timeline *t, snapshot *s)
{
    tg_timeline_snapshot *p = &s->public;
    p->begin_ns = atomic_load(&t->begin_ns);
    p->end_ns = atomic_load(&t->end_ns);
    p->ended = atomic_load(&t->ended);
    p->lost = atomic_load(&t->lost);
    if (!p->ended) {
        for (uint64_t i = 0; i < p->first[p->thread_count]; i++) {
            p->end_ns = tg_max_i64(p->end_ns, p->events[i].end_ns);
        }
        if (p->sample_count > 0) {
            p->end_ns = tg_max_i64(p->end_ns, p->samples[p->sample_count - 1].time_ns);
        }
    }
}

static bool
make_room(const tg_timeline *t, snapshot *s, const uint64_t *heads)
{
    tg_timeline_snapshot *p = &s->public;
    const tg_alloc *a = s->alloc;
    tg_timeline_stage *stages = NULL;
    bool copied = tg__timeline_copy_stages(a, t->stages, t->stage_count, &stages, &s->text_bytes);
    p->stages = stages;
    for (uint32_t k = 0; k < t->thread_count; k++) {
        s->event_room += heads[k] - oldest(t, heads[k]);
    }
    p->stage_totals = tg__timeline_alloc(a, t->stage_count + 1, sizeof *p->stage_totals, 64);
    p->thread_totals = tg__timeline_alloc(a, t->thread_count, sizeof *p->thread_totals, 64);
    p->rows = tg__timeline_alloc(a, t->thread_count, sizeof *p->rows, 64);
    p->first = tg__timeline_alloc(a, t->thread_count + 1, sizeof *p->first, 64);
    p->dropped = tg__timeline_alloc(a, t->thread_count, sizeof *p->dropped, 64);
    p->events = tg__timeline_alloc(a, s->event_room, sizeof *p->events, 64);
    p->samples = tg__timeline_alloc(a, TG_TIMELINE_MEMORY_SAMPLES, sizeof *p->samples, 64);
    return copied && p->stage_totals != NULL && p->thread_totals != NULL && p->first != NULL &&
           p->dropped != NULL && p->events != NULL && p->samples != NULL && p->rows != NULL;
}

tg_status
tg_timeline_snapshot_create(tg_timeline *t, tg_timeline_snapshot **out, tg_error *err)
{
    tg_status status = TG_OK;
    snapshot *s = NULL;
    uint64_t *heads = NULL;
    TG_ASSERT(t != NULL && out != NULL);
    *out = NULL;
    s = tg__timeline_alloc(t->alloc, 1, sizeof *s, 64);
    TG_CHECK(s != NULL, err, TG_ERR_MEMORY, "timeline: no memory for a snapshot");
    memset(s, 0, sizeof *s);
    s->alloc = t->alloc;
    heads = tg__timeline_alloc(t->alloc, t->thread_count, sizeof *heads, 64);
    TG_CHECK(heads != NULL, err, TG_ERR_MEMORY, "timeline: no memory for a snapshot");
    s->public.thread_count = t->thread_count;
    s->public.stage_count = t->stage_count;
    for (uint32_t k = 0; k < t->thread_count; k++) {
        heads[k] = tg__timeline_head(t, k);
    }
    TG_CHECK(make_room(t, s, heads), err, TG_ERR_MEMORY,
             "timeline: no memory for a snapshot of %llu events",
             (unsigned long long)s->event_room);
    copy_rings(t, s, heads);
    sum_rows(t, s);
    memcpy(s->public.rows, t->names, t->thread_count * sizeof *t->names);
    for (uint32_t k = 0; k < t->thread_count; k++) {
        s->public.working_count += !t->names[k].aside;
    }
    s->public.sample_count = tg__timeline_memory_copy(&t->memory, s->public.samples);
    s->public.peak_bytes = atomic_load(&t->memory.peak_bytes);
    s->public.limit_bytes = atomic_load(&t->memory.limit_bytes);
    set_end(t, s);
    *out = &s->public;
    s = NULL;
out:
    tg__timeline_free(t->alloc, heads, t->thread_count, sizeof *heads, 64);
    tg_timeline_snapshot_destroy(s != NULL ? &s->public : NULL);
    return status;
}
