/* SPDX-License-Identifier: BSD-3-Clause */
/* The page: its constant halves from timeline_html.c with the data of the run between them. */
#include <stdio.h>

#include "core/base/assert.h"
#include "worker/profile/timeline_html.h"
#include "worker/profile/timeline_sink.h"

static const char *const kind_names[] = {
#define KIND_NAME(name, text) text,
    TG_TIMELINE_KIND_MAP(KIND_NAME)
#undef KIND_NAME
};

static void
write_lines(tg__sink *out, const char *const *lines)
{
    for (; *lines != NULL; lines++) {
        tg__sink_text(out, *lines);
    }
}

static void
write_totals(tg__sink *out, const tg_timeline_totals *t)
{
    tg__sink_format(out, "{\"count\":%lld,\"wait_ns\":%lld,\"bytes_in\":%lld,\"bytes_out\":%lld,",
                    (long long)t->count, (long long)t->wait_ns, (long long)t->bytes_in,
                    (long long)t->bytes_out);
    tg__sink_format(out, "\"task_ns\":%lld,\"read_ns\":%lld,\"write_ns\":%lld,\"memory_ns\":%lld,",
                    (long long)t->task_ns, (long long)t->read_ns, (long long)t->write_ns,
                    (long long)t->memory_ns);
    tg__sink_format(out,
                    "\"idle_ns\":%lld,\"inside_ns\":%lld,\"bytes_read\":%lld,"
                    "\"bytes_written\":%lld,",
                    (long long)t->idle_ns, (long long)t->inside_ns, (long long)t->bytes_read,
                    (long long)t->bytes_written);
    tg__sink_format(out,
                    "\"transfer_ns\":%lld,\"disk_ns\":%lld,\"bytes_transferred\":%lld,"
                    "\"bytes_spilled\":%lld,\"retries\":%lld,\"deaths\":%lld}",
                    (long long)t->transfer_ns, (long long)t->disk_ns,
                    (long long)t->bytes_transferred, (long long)t->bytes_spilled,
                    (long long)t->retries, (long long)t->deaths);
}

static void
write_stages(tg__sink *out, const tg_timeline_snapshot *s)
{
    static const tg_timeline_stage other = { .label = "other stages", .ops = "", .tile_shape = "" };
    tg__sink_text(out, "\"stages\":[");
    for (uint32_t i = 0; i <= s->stage_count; i++) {
        const tg_timeline_stage *stage = i < s->stage_count ? &s->stages[i] : &other;
        tg__sink_text(out, i == 0 ? "\n{\"label\":" : ",\n{\"label\":");
        tg__sink_json(out, stage->label);
        tg__sink_text(out, ",\"ops\":");
        tg__sink_json(out, stage->ops);
        tg__sink_text(out, ",\"shape\":");
        tg__sink_json(out, stage->tile_shape);
        tg__sink_format(out, ",\"tiles\":%lld,\"predicted\":%lld,\"totals\":",
                        (long long)stage->tile_count, (long long)stage->predicted_bytes);
        write_totals(out, &s->stage_totals[i]);
        tg__sink_text(out, "}");
    }
    tg__sink_text(out, "],\n");
}

static void
write_event(tg__sink *out, const tg_timeline_snapshot *s, const tg_timeline_event *e,
            int64_t before_ns)
{
    int64_t fields[] = {
        e->kind,
        (e->flags & TG_TIMELINE_INSIDE) != 0,
        e->stage < s->stage_count ? e->stage : s->stage_count,
        e->task,
        e->tile,
        e->start_ns - before_ns,
        e->end_ns - e->start_ns,
        e->wait_ns,
        e->bytes_in,
        e->bytes_out,
    };
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        if (i > 0) {
            tg__sink_text(out, ",");
        }
        tg__sink_integer(out, fields[i]);
    }
}

static void
write_threads(tg__sink *out, const tg_timeline_snapshot *s)
{
    tg__sink_text(out, "\"threads\":[");
    for (uint32_t k = 0; k < s->thread_count; k++) {
        int64_t before_ns = s->begin_ns;
        bool first = true;
        tg__sink_text(out, k == 0 ? "\n{\"name\":" : ",\n{\"name\":");
        tg__sink_json(out, s->rows[k].name);
        tg__sink_format(out, ",\"aside\":%s,\"dropped\":%llu,\"totals\":",
                        s->rows[k].aside ? "true" : "false", (unsigned long long)s->dropped[k]);
        write_totals(out, &s->thread_totals[k]);
        tg__sink_text(out, ",\"events\":[");
        for (uint64_t i = s->first[k]; i < s->first[k + 1]; i++) {
            if (s->events[i].kind < TG_TIMELINE_KIND_COUNT) {
                tg__sink_text(out, first ? "\n" : ",\n");
                write_event(out, s, &s->events[i], before_ns);
                before_ns = s->events[i].start_ns;
                first = false;
            }
        }
        tg__sink_text(out, "]}");
    }
    tg__sink_text(out, "],\n");
}

static void
write_memory(tg__sink *out, const tg_timeline_snapshot *s)
{
    tg__sink_text(out, "\"memory\":[");
    for (uint64_t i = 0; i < s->sample_count; i++) {
        const tg_timeline_sample *m = &s->samples[i];
        tg__sink_format(out, "%s%lld,%lld,%lld,%lld", i == 0 ? "\n" : ",\n",
                        (long long)(m->time_ns - s->begin_ns), (long long)m->used_bytes,
                        (long long)m->limit_bytes, (long long)m->kept_bytes);
    }
    tg__sink_text(out, "],\n");
}

static void
write_figures(tg__sink *out, const tg_timeline_about *about)
{
    tg__sink_text(out, "\"figures\":[");
    for (uint32_t i = 0; i < about->figure_count; i++) {
        const tg_timeline_figure *f = &about->figures[i];
        tg__sink_text(out, i == 0 ? "\n{\"name\":" : ",\n{\"name\":");
        tg__sink_json(out, f->name);
        tg__sink_text(out, ",\"unit\":");
        tg__sink_json(out, f->unit);
        tg__sink_text(out, ",\"predicted\":");
        tg__sink_double(out, f->predicted);
        tg__sink_text(out, ",\"measured\":");
        tg__sink_double(out, f->measured);
        tg__sink_text(out, "}");
    }
    tg__sink_text(out, "],\n");
}

static void
write_verdict(tg__sink *out, const tg_timeline_snapshot *s)
{
    static const char *const labels[TG_LIMITED_BY_COUNT] = {
        "",
        "compute",
        "reading",
        "writing",
        "waiting for memory",
        "no ready task",
        "waiting for tiles of others",
        "between tasks",
    };
    tg_timeline_verdict v;
    tg_timeline_judge(s, &v);
    tg__sink_text(out, "\"verdict\":{\"name\":");
    tg__sink_json(out, v.name);
    tg__sink_text(out, ",\"title\":");
    tg__sink_json(out, v.title);
    tg__sink_text(out, ",\"text\":");
    tg__sink_json(out, v.text);
    tg__sink_text(out, ",\"shares\":[");
    for (int i = TG_LIMITED_BY_COMPUTE; i < TG_LIMITED_BY_COUNT; i++) {
        tg__sink_format(out, "%s{\"name\":\"%s\",\"label\":\"%s\",\"ns\":%lld}",
                        i == TG_LIMITED_BY_COMPUTE ? "" : ",",
                        tg_timeline_limit_name((tg_timeline_limit)i), labels[i],
                        (long long)v.shares[i]);
    }
    tg__sink_text(out, "]}");
}

tg_status
tg_timeline_write_html(const tg_timeline_snapshot *s, const tg_timeline_about *about,
                       tg_timeline_write write, void *ctx)
{
    static const tg_timeline_about nothing = { 0 };
    const tg_timeline_about *a = about != NULL ? about : &nothing;
    tg__sink out;
    TG_ASSERT(s != NULL && write != NULL);
    tg__sink_init(&out, write, ctx);
    write_lines(&out, tg__timeline_html_head);
    tg__sink_text(&out, "{\"format\":1,\"title\":");
    tg__sink_json(&out, a->title != NULL ? a->title : "tilegraph");
    tg__sink_text(&out, ",\"version\":");
    tg__sink_json(&out, a->version);
    tg__sink_format(&out,
                    ",\"ended\":%s,\"duration\":%lld,\"dropped\":%llu,\"lost\":%llu,\"peak\":%lld,"
                    "\"limit\":%lld,\n\"kinds\":[",
                    s->ended ? "true" : "false", (long long)(s->end_ns - s->begin_ns),
                    (unsigned long long)s->dropped_total, (unsigned long long)s->lost,
                    (long long)s->peak_bytes, (long long)s->limit_bytes);
    for (int i = 0; i < TG_TIMELINE_KIND_COUNT; i++) {
        tg__sink_format(&out, "%s\"%s\"", i == 0 ? "" : ",", kind_names[i]);
    }
    tg__sink_text(&out, "],\n");
    write_stages(&out, s);
    write_threads(&out, s);
    tg__sink_text(&out, "\"totals\":");
    write_totals(&out, &s->totals);
    tg__sink_text(&out, ",\n");
    write_memory(&out, s);
    write_figures(&out, a);
    write_verdict(&out, s);
    tg__sink_text(&out, "}\n");
    write_lines(&out, tg__timeline_html_tail);
    return tg__sink_finish(&out);
}

tg_status
tg_timeline_to_file(void *ctx, const char *bytes, size_t count)
{
    return fwrite(bytes, 1, count, (FILE *)ctx) == count ? TG_OK : TG_ERR_IO;
}
