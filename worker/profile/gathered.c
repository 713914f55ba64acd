/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What many processes tell of one run. Events are kept as they came, in one list; rows exist only
 * in the timeline that is made of them when somebody looks.
 */
#include "worker/profile/gathered.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "core/base/size.h"
#include "core/mem/alloc.h"

typedef struct source {
    uint64_t id;
    char name[64];
    uint32_t threads;
    bool has[TG_GATHERED_ASIDE]; /* events in its rows aside */
    tg_measured numbers;
    uint32_t row; /* while a timeline is made: its first */
} source;

typedef struct kept_event {
    uint32_t source;
    tg_timeline_event event; /* its thread: of the source, those aside behind the others */
} kept_event;

struct tg_gathered {
    pthread_mutex_t lock;
    int64_t begin_ns;
    source *sources;
    size_t source_count, sources_capacity;
    kept_event *events;
    size_t event_count, events_capacity;
    uint64_t dropped;
    int64_t retries;
};

tg_gathered *
tg_gathered_create(int64_t begin_ns)
{
    tg_gathered *g = tg_calloc(NULL, 1, sizeof *g);
    if (g != NULL) {
        g->begin_ns = begin_ns;
        (void)pthread_mutex_init(&g->lock, NULL);
    }
    return g;
}

void
tg_gathered_destroy(tg_gathered *g)
{
    if (g != NULL) {
        tg_free(NULL, g->sources, g->sources_capacity * sizeof *g->sources);
        tg_free(NULL, g->events, g->events_capacity * sizeof *g->events);
        (void)pthread_mutex_destroy(&g->lock);
        tg_free(NULL, g, sizeof *g);
    }
}

/* Lock held. */
static source *
find(const tg_gathered *g, uint64_t id)
{
    source *found = NULL;
    for (size_t i = 0; i < g->source_count && found == NULL; i++) {
        found = g->sources[i].id == id ? &g->sources[i] : NULL;
    }
    return found;
}

void
tg_gathered_source(tg_gathered *g, uint64_t id, const char *name, uint32_t threads)
{
    (void)pthread_mutex_lock(&g->lock);
    if (find(g, id) == NULL && g->source_count < TG_GATHERED_SOURCES_MAX &&
        TG_GROW(g->sources, g->source_count, 1)) {
        source *made = &g->sources[g->source_count++];
        *made = (source){ .id = id, .threads = threads };
        (void)snprintf(made->name, sizeof made->name, "%s", name);
    }
    (void)pthread_mutex_unlock(&g->lock);
}

/* Lock held. */
static void
keep(tg_gathered *g, source *from, const tg_timeline_event *event)
{
    if (g->event_count < TG_GATHERED_EVENTS_MAX && TG_GROW(g->events, g->event_count, 1)) {
        g->events[g->event_count++] =
            (kept_event){ .source = (uint32_t)(from - g->sources), .event = *event };
        if (event->thread >= from->threads) {
            from->has[event->thread - from->threads] = true;
        }
    } else {
        g->dropped++;
    }
}

tg_status
tg_gathered_events(tg_gathered *g, uint64_t id, const void *bytes, size_t size, int64_t shift_ns,
                   tg_error *err)
{
    tg_status status = TG_OK;
    tg_timeline_unpacker reader;
    tg_timeline_event event;
    tg_timeline_unpack_begin(&reader, bytes, size);
    (void)pthread_mutex_lock(&g->lock);
    source *from = find(g, id);
    do {
        TG_TRY(tg_timeline_unpack(&reader, &event, err));
        if (reader.more && from != NULL) {
            TG_CHECK(event.thread < from->threads + TG_GATHERED_ASIDE, err, TG_ERR_FORMAT,
                     "timeline: %s has no thread %u", from->name, event.thread);
            event.start_ns += shift_ns;
            event.end_ns += shift_ns;
            keep(g, from, &event);
        }
    } while (reader.more);
out:
    (void)pthread_mutex_unlock(&g->lock);
    return status;
}

void
tg_gathered_add(tg_gathered *g, uint64_t id, const tg_timeline_event *event, int aside)
{
    (void)pthread_mutex_lock(&g->lock);
    source *from = find(g, id);
    if (from != NULL) {
        tg_timeline_event own = *event;
        own.thread = aside >= 0 ? (uint16_t)(from->threads + (uint32_t)aside) : event->thread;
        keep(g, from, &own);
        if (event->kind == TG_TIMELINE_TRANSFER) {
            from->numbers.bytes_transferred += event->bytes_in;
        }
    }
    (void)pthread_mutex_unlock(&g->lock);
}

tg_status
tg_gathered_numbers(tg_gathered *g, uint64_t id, const void *bytes, size_t size, tg_error *err)
{
    tg_status status = TG_OK;
    tg_measured numbers;
    TG_TRY(tg_measured_unpack(bytes, size, &numbers, err));
    (void)pthread_mutex_lock(&g->lock);
    source *from = find(g, id);
    if (from != NULL) {
        from->numbers = numbers;
    }
    (void)pthread_mutex_unlock(&g->lock);
out:
    return status;
}

void
tg_gathered_retries(tg_gathered *g, int64_t count)
{
    (void)pthread_mutex_lock(&g->lock);
    g->retries = tg_max_i64(g->retries, count);
    (void)pthread_mutex_unlock(&g->lock);
}

/* Numbers that are believed are small enough to be added. */
static int64_t
sum_of(int64_t a, int64_t b)
{
    return a > INT64_MAX - b ? INT64_MAX : a + b;
}

void
tg_gathered_sum(tg_gathered *g, tg_measured *sum, int64_t *retries)
{
    *sum = (tg_measured){ 0 };
    (void)pthread_mutex_lock(&g->lock);
    for (size_t i = 0; i < g->source_count; i++) {
        const tg_measured *one = &g->sources[i].numbers;
        int64_t peak = sum->peak_bytes, limit = sum->limit_bytes;
#define ADD(name) sum->name = sum_of(sum->name, one->name);
        TG_MEASURED_MAP(ADD)
#undef ADD
        bool larger = one->peak_bytes > peak;
        sum->peak_bytes = larger ? one->peak_bytes : peak;
        sum->limit_bytes = larger ? one->limit_bytes : limit;
    }
    *retries = g->retries;
    (void)pthread_mutex_unlock(&g->lock);
}

/* -- the timeline ----------------------------------------------------------------------------- */

static uint32_t
lay_out_rows(tg_gathered *g)
{
    uint32_t rows = 0;
    for (size_t i = 0; i < g->source_count; i++) {
        source *from = &g->sources[i];
        from->row = rows;
        rows += from->threads;
        for (int a = 0; a < TG_GATHERED_ASIDE; a++) {
            rows += from->has[a];
        }
    }
    return rows;
}

static uint32_t
row_of(const source *from, uint32_t thread)
{
    uint32_t row = from->row + (thread < from->threads ? thread : from->threads);
    for (uint32_t a = 0; thread >= from->threads && a < thread - from->threads; a++) {
        row += from->has[a];
    }
    return row;
}

/* The most events of a row. */
static uint32_t
longest_row(const tg_gathered *g, int64_t (*spans)[2], uint32_t rows)
{
    int64_t most = 0;
    for (size_t i = 0; i < g->event_count; i++) {
        int64_t *count =
            &spans[row_of(&g->sources[g->events[i].source], g->events[i].event.thread)][0];
        *count += 1;
        most = tg_max_i64(most, *count);
    }
    memset(spans, 0, rows * sizeof *spans);
    return (uint32_t)most;
}

static void
name_rows(const tg_gathered *g, tg_timeline *timeline)
{
    static const char *const words[TG_GATHERED_ASIDE] = { "transfers", "disk", "faults" };
    char name[96];
    for (size_t i = 0; i < g->source_count; i++) {
        const source *from = &g->sources[i];
        for (uint32_t k = 0; k < from->threads; k++) {
            (void)snprintf(name, sizeof name, "%s/%u", from->name, k);
            tg_timeline_name(timeline, from->row + k, name, false);
        }
        for (uint32_t a = 0; a < TG_GATHERED_ASIDE; a++) {
            if (from->has[a]) {
                (void)snprintf(name, sizeof name, "%s/%s", from->name, words[a]);
                tg_timeline_name(timeline, row_of(from, from->threads + a), name, true);
            }
        }
    }
}

/* `spans`: of each row, from its first event to its last. */
static void
record_all(const tg_gathered *g, tg_timeline *timeline, int64_t (*spans)[2], int64_t now_ns)
{
    for (size_t i = 0; i < g->event_count; i++) {
        tg_timeline_event event = g->events[i].event;
        uint32_t row = row_of(&g->sources[g->events[i].source], event.thread);
        event.start_ns = tg_max_i64(event.start_ns, g->begin_ns);
        event.end_ns = tg_min_i64(tg_max_i64(event.end_ns, event.start_ns), now_ns);
        event.thread = (uint16_t)row;
        tg_timeline_record(timeline, &event);
        bool first = spans[row][1] == 0;
        spans[row][0] = first ? event.start_ns : tg_min_i64(spans[row][0], event.start_ns);
        spans[row][1] = first ? event.end_ns : tg_max_i64(spans[row][1], event.end_ns);
    }
}

static void
record_idle(tg_timeline *timeline, uint32_t row, int64_t from_ns, int64_t to_ns)
{
    if (to_ns > from_ns) {
        tg_timeline_record(timeline, &(tg_timeline_event){ .start_ns = from_ns,
                                                           .end_ns = to_ns,
                                                           .stage = TG_TIMELINE_NO_STAGE,
                                                           .thread = (uint16_t)row,
                                                           .kind = TG_TIMELINE_IDLE });
    }
}

static void
fill_ends(const tg_gathered *g, tg_timeline *timeline, int64_t (*spans)[2], int64_t now_ns)
{
    for (size_t i = 0; i < g->source_count; i++) {
        for (uint32_t k = 0; k < g->sources[i].threads; k++) {
            uint32_t row = g->sources[i].row + k;
            bool any = spans[row][1] != 0;
            record_idle(timeline, row, g->begin_ns, any ? spans[row][0] : now_ns);
            record_idle(timeline, row, any ? spans[row][1] : now_ns, now_ns);
        }
    }
}

tg_status
tg_gathered_timeline(tg_gathered *g, const tg_timeline_stage *stages, uint32_t stage_count,
                     int64_t now_ns, bool ended, tg_timeline **out, tg_error *err)
{
    tg_status status = TG_OK;
    int64_t(*spans)[2] = NULL;
    tg_timeline *timeline = NULL;
    tg_measured sum;
    int64_t retries = 0;
    *out = NULL;
    tg_gathered_sum(g, &sum, &retries);
    (void)pthread_mutex_lock(&g->lock);
    uint32_t rows = lay_out_rows(g);
    uint32_t most = rows < UINT16_MAX ? rows : UINT16_MAX;
    TG_CHECK(rows == most, err, TG_ERR_LIMIT, "a timeline of %u threads is too large", rows);
    spans = tg_calloc(NULL, (size_t)rows + 1, sizeof *spans);
    TG_CHECK(spans != NULL, err, TG_ERR_MEMORY, "no memory for the timeline");
    timeline = tg_timeline_create(rows, longest_row(g, spans, rows) + 2);
    TG_CHECK(timeline != NULL, err, TG_ERR_MEMORY, "no memory for the timeline");
    TG_TRY(tg_timeline_begin(timeline, g->begin_ns, stages, stage_count, err));
    name_rows(g, timeline);
    record_all(g, timeline, spans, now_ns);
    fill_ends(g, timeline, spans, now_ns);
    tg_timeline_memory(timeline, now_ns, sum.peak_bytes, sum.limit_bytes, 0);
    tg_timeline_lost(timeline, g->dropped + (uint64_t)sum.dropped);
    if (ended) {
        tg_timeline_end(timeline, now_ns);
    }
    *out = timeline;
    timeline = NULL;
out:
    tg_free(NULL, spans, ((size_t)rows + 1) * sizeof *spans);
    (void)pthread_mutex_unlock(&g->lock);
    tg_timeline_destroy(timeline);
    return status;
}
