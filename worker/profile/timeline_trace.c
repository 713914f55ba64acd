/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The Chrome trace. Slices on one thread must nest, or Perfetto moves them to a track of their own;
 * so an event that ends after the one it began in is cut at that one's end. Idle time is not
 * written: white is idle, as people know it from other tools.
 */
#include "core/base/assert.h"
#include "core/base/size.h"
#include "worker/profile/timeline_sink.h"

/* Deeper nesting than a task, its read and something in that does not come up. */
#define DEPTH_MAX 8

static const char *const kind_names[] = {
#define KIND_NAME(name, text) text,
    TG_TIMELINE_KIND_MAP(KIND_NAME)
#undef KIND_NAME
};

static void
write_meta(tg__sink *out, const char *name, int64_t tid, const char *key)
{
    tg__sink_format(out, "{\"ph\":\"M\",\"pid\":1,\"tid\":%lld,\"name\":\"%s\",\"args\":{\"%s\":",
                    (long long)tid, name, key);
}

static void
write_metadata(tg__sink *out, const tg_timeline_snapshot *s, const tg_timeline_about *about)
{
    const char *title = about != NULL && about->title != NULL ? about->title : "tilegraph";
    write_meta(out, "process_name", 0, "name");
    tg__sink_json(out, title);
    tg__sink_text(out, "}},\n");
    write_meta(out, "process_sort_index", 0, "sort_index");
    tg__sink_text(out, "0}}");
    for (uint32_t k = 0; k < s->thread_count; k++) {
        tg__sink_text(out, ",\n");
        write_meta(out, "thread_name", k + 1, "name");
        if (s->rows[k].name[0] != 0) {
            tg__sink_json(out, s->rows[k].name);
            tg__sink_text(out, "}},\n");
        } else {
            tg__sink_format(out, "\"compute %u\"}},\n", k);
        }
        write_meta(out, "thread_sort_index", k + 1, "sort_index");
        tg__sink_format(out, "%u}}", k);
    }
}

static void
write_slice(tg__sink *out, const tg_timeline_snapshot *s, const tg_timeline_event *e,
            int64_t end_ns)
{
    bool known = e->stage < s->stage_count;
    tg__sink_text(out, ",\n{\"ph\":\"X\",\"name\":");
    if (e->kind == TG_TIMELINE_TASK && known) {
        tg__sink_json(out, s->stages[e->stage].label);
    } else {
        tg__sink_json(out, e->kind == TG_TIMELINE_MEMORY_WAIT ? "waiting for memory"
                                                              : kind_names[e->kind]);
    }
    tg__sink_format(out, ",\"cat\":\"%s\",\"pid\":1,\"tid\":%u,\"ts\":", kind_names[e->kind],
                    e->thread + 1u);
    tg__sink_us(out, e->start_ns - s->begin_ns);
    tg__sink_text(out, ",\"dur\":");
    tg__sink_us(out, end_ns - e->start_ns);
    tg__sink_format(out, ",\"args\":{\"task\":%u,\"tile\":%u", e->task, e->tile);
    if (known) {
        tg__sink_text(out, ",\"stage\":");
        tg__sink_json(out, s->stages[e->stage].label);
    }
    tg__sink_text(out, ",\"wait_us\":");
    tg__sink_us(out, e->wait_ns);
    tg__sink_text(out, ",\"bytes_in\":");
    tg__sink_integer(out, e->bytes_in);
    tg__sink_text(out, ",\"bytes_out\":");
    tg__sink_integer(out, e->bytes_out);
    tg__sink_text(out, "}}");
}

/* What takes no time. */
static void
write_moment(tg__sink *out, const tg_timeline_snapshot *s, const tg_timeline_event *e)
{
    tg__sink_format(out,
                    ",\n{\"ph\":\"i\",\"s\":\"p\",\"name\":\"%s\",\"pid\":1,\"tid\":%u,\"ts\":",
                    kind_names[e->kind], e->thread + 1u);
    tg__sink_us(out, e->start_ns - s->begin_ns);
    tg__sink_format(out, ",\"args\":{\"task\":%u}}", e->task);
}

static void
write_thread(tg__sink *out, const tg_timeline_snapshot *s, uint32_t thread)
{
    int64_t ends[DEPTH_MAX];
    int depth = 0;
    for (uint64_t i = s->first[thread]; i < s->first[thread + 1]; i++) {
        tg_timeline_event e = s->events[i];
        int64_t end_ns = 0;
        e.start_ns = tg_max_i64(e.start_ns, s->begin_ns);
        end_ns = tg_max_i64(e.end_ns, e.start_ns);
        while (depth > 0 && ends[depth - 1] <= e.start_ns) {
            depth--;
        }
        if (depth > 0) {
            end_ns = tg_min_i64(end_ns, ends[depth - 1]);
        }
        if (e.kind == TG_TIMELINE_RETRY || e.kind == TG_TIMELINE_DEATH) {
            write_moment(out, s, &e);
        } else if (e.kind < TG_TIMELINE_KIND_COUNT && e.kind != TG_TIMELINE_IDLE &&
                   depth < DEPTH_MAX) {
            ends[depth++] = end_ns;
            write_slice(out, s, &e, end_ns);
        }
    }
}

static void
write_memory(tg__sink *out, const tg_timeline_snapshot *s)
{
    int64_t limit = -1;
    for (uint64_t i = 0; i < s->sample_count; i++) {
        const tg_timeline_sample *m = &s->samples[i];
        tg__sink_text(out, ",\n{\"ph\":\"C\",\"name\":\"memory\",\"pid\":1,\"ts\":");
        tg__sink_us(out, m->time_ns - s->begin_ns);
        tg__sink_text(out, ",\"args\":{\"used\":");
        tg__sink_integer(out, m->used_bytes);
        tg__sink_text(out, ",\"kept\":");
        tg__sink_integer(out, m->kept_bytes);
        tg__sink_text(out, "}}");
        /* Apart: the values of one counter are drawn on top of each other. */
        if (m->limit_bytes != limit || i + 1 == s->sample_count) {
            limit = m->limit_bytes;
            tg__sink_text(out, ",\n{\"ph\":\"C\",\"name\":\"memory limit\",\"pid\":1,\"ts\":");
            tg__sink_us(out, m->time_ns - s->begin_ns);
            tg__sink_text(out, ",\"args\":{\"limit\":");
            tg__sink_integer(out, limit);
            tg__sink_text(out, "}}");
        }
    }
}

tg_status
tg_timeline_write_trace(const tg_timeline_snapshot *s, const tg_timeline_about *about,
                        tg_timeline_write write, void *ctx)
{
    tg__sink out;
    TG_ASSERT(s != NULL && write != NULL);
    tg__sink_init(&out, write, ctx);
    tg__sink_text(&out, "{\"displayTimeUnit\":\"ms\",\"otherData\":{\"version\":");
    tg__sink_json(&out, about != NULL ? about->version : NULL);
    tg__sink_format(&out, ",\"dropped\":%llu,\"peak_bytes\":%lld,\"limit_bytes\":%lld}",
                    (unsigned long long)s->dropped_total, (long long)s->peak_bytes,
                    (long long)s->limit_bytes);
    tg__sink_text(&out, ",\"traceEvents\":[\n");
    write_metadata(&out, s, about);
    for (uint32_t k = 0; k < s->thread_count; k++) {
        write_thread(&out, s, k);
    }
    write_memory(&out, s);
    tg__sink_text(&out, "\n]}\n");
    return tg__sink_finish(&out);
}
