/* SPDX-License-Identifier: BSD-3-Clause */
/* The summary in text: stages, threads, memory, predicted against measured, the verdict. */
#include <stdio.h>
#include <string.h>

#include "core/base/assert.h"
#include "worker/profile/timeline_sink.h"

enum { LABEL_COLUMNS = 30, NAME_COLUMNS = 36, THREAD_LINES_MAX = 32 };

/* At most `columns` code points of a text, never a part of one; returns how many. A control
 * character but the end of a line becomes a space, so that no name can write to a terminal. */
static int
write_clean(tg__sink *out, const char *text, int columns)
{
    int used = 0;
    while (*text != 0 && used < columns) {
        size_t length = 1;
        while (((unsigned char)text[length] & 0xc0) == 0x80) {
            length++;
        }
        if (((unsigned char)*text < 0x20 && *text != '\n') || *text == 0x7f) {
            tg__sink_text(out, " ");
        } else {
            tg__sink_bytes(out, text, length);
        }
        text += length;
        used++;
    }
    return used;
}

static void
write_label(tg__sink *out, const char *label, int columns)
{
    for (int used = write_clean(out, label, columns); used < columns; used++) {
        tg__sink_text(out, " ");
    }
}

static void
write_row(tg__sink *out, const char *label, const tg_timeline_totals *t, int64_t all_ns,
          int64_t predicted_bytes)
{
    tg__short_text busy;
    tg__short_text mean;
    tg__short_text wait;
    tg__short_text in;
    tg__short_text result;
    double count = t->count > 0 ? (double)t->count : 1;
    write_label(out, label, LABEL_COLUMNS);
    tg__sink_format(out, " %8lld %9s %4.0f%% %9s %9s %9s %9s", (long long)t->count,
                    tg__time_text(&busy, (double)t->task_ns),
                    all_ns > 0 ? 100 * (double)t->task_ns / (double)all_ns : 0,
                    tg__time_text(&mean, (double)t->task_ns / count),
                    tg__time_text(&wait, (double)t->wait_ns / count),
                    tg__bytes_text(&in, (double)t->bytes_in),
                    tg__bytes_text(&result, (double)t->bytes_out));
    if (predicted_bytes > 0) {
        tg__sink_format(out, " (predicted %s)", tg__bytes_text(&in, (double)predicted_bytes));
    }
    tg__sink_text(out, "\n");
}

static void
write_stages(tg__sink *out, const tg_timeline_snapshot *s)
{
    const tg_timeline_totals *other = &s->stage_totals[s->stage_count];
    int64_t all_ns = s->totals.task_ns;
    tg__sink_format(out, "%-*s %8s %9s %5s %9s %9s %9s %9s\n", LABEL_COLUMNS, "stage", "tasks",
                    "busy", "", "a task", "waited", "in", "out");
    for (uint32_t i = 0; i < s->stage_count; i++) {
        write_row(out, s->stages[i].label, &s->stage_totals[i], all_ns,
                  s->stages[i].predicted_bytes);
    }
    if (other->count > 0) {
        write_row(out, "other stages", other, all_ns, 0);
    }
    write_row(out, "all", &s->totals, all_ns, 0);
}

static void
write_thread(tg__sink *out, const tg_timeline_snapshot *s, uint32_t k, int columns)
{
    const tg_timeline_totals *t = &s->thread_totals[k];
    double wall = s->end_ns > s->begin_ns ? (double)(s->end_ns - s->begin_ns) : 1;
    int64_t idle_ns = t->idle_ns + t->transfer_ns, memory_ns = t->memory_ns + t->disk_ns;
    int64_t covered = t->task_ns + t->read_ns + t->write_ns + memory_ns + idle_ns - t->inside_ns;
    double between = wall - (double)covered;
    char number[16];
    (void)snprintf(number, sizeof number, "%u", k);
    write_label(out, s->rows[k].name[0] != 0 ? s->rows[k].name : number, columns);
    tg__sink_format(out, " %7.1f%% %6.1f%% %6.1f%% %6.1f%% %6.1f%% %7.1f%% %7lld\n",
                    100 * (double)(t->task_ns - t->inside_ns) / wall,
                    100 * (double)t->read_ns / wall, 100 * (double)t->write_ns / wall,
                    100 * (double)memory_ns / wall, 100 * (double)idle_ns / wall,
                    between > 0 ? 100 * between / wall : 0, (long long)t->count);
}

static void
write_aside(tg__sink *out, const tg_timeline_snapshot *s, uint32_t k, int columns)
{
    const tg_timeline_totals *t = &s->thread_totals[k];
    tg__short_text busy;
    tg__short_text bytes;
    write_label(out, s->rows[k].name, columns);
    tg__sink_format(out, " busy %s, %s",
                    tg__time_text(&busy, (double)(t->transfer_ns + t->disk_ns)),
                    tg__bytes_text(&bytes, (double)(t->bytes_transferred + t->bytes_spilled)));
    if (t->retries + t->deaths > 0) {
        tg__sink_format(out, ", %lld retries, %lld deaths", (long long)t->retries,
                        (long long)t->deaths);
    }
    tg__sink_text(out, "\n");
}

static void
write_threads(tg__sink *out, const tg_timeline_snapshot *s)
{
    uint32_t shown = s->thread_count < THREAD_LINES_MAX ? s->thread_count : THREAD_LINES_MAX;
    int columns = 6;
    for (uint32_t k = 0; k < shown; k++) {
        int length = (int)strlen(s->rows[k].name);
        length = length < NAME_COLUMNS ? length : NAME_COLUMNS;
        columns = length > columns ? length : columns;
    }
    tg__sink_text(out, "\n");
    write_label(out, "thread", columns);
    tg__sink_text(out, "  compute    read   write  memory    idle  between   tasks\n");
    for (uint32_t k = 0; k < shown; k++) {
        if (s->rows[k].aside) {
            write_aside(out, s, k, columns);
        } else {
            write_thread(out, s, k, columns);
        }
    }
    if (shown < s->thread_count) {
        tg__sink_format(out, "  ... and %u more threads\n", s->thread_count - shown);
    }
}

static void
write_figure_value(tg__sink *out, const char *unit, double value)
{
    tg__short_text text;
    if (strcmp(unit, "bytes") == 0) {
        tg__sink_format(out, " %12s", tg__bytes_text(&text, value));
    } else if (strcmp(unit, "ns") == 0) {
        tg__sink_format(out, " %12s", tg__time_text(&text, value));
    } else {
        tg__sink_format(out, " %12.10g", value);
    }
}

static void
write_figures(tg__sink *out, const tg_timeline_about *about)
{
    if (about->figure_count > 0) {
        tg__sink_format(out, "\n%-*s %12s %12s %9s\n", LABEL_COLUMNS, "", "predicted", "measured",
                        "ratio");
    }
    for (uint32_t i = 0; i < about->figure_count; i++) {
        const tg_timeline_figure *f = &about->figures[i];
        const char *unit = f->unit != NULL ? f->unit : "";
        write_label(out, f->name != NULL ? f->name : "", LABEL_COLUMNS);
        write_figure_value(out, unit, f->predicted);
        write_figure_value(out, unit, f->measured);
        if (f->predicted > 0) {
            tg__sink_format(out, " %9.2f", f->measured / f->predicted);
        }
        tg__sink_text(out, "\n");
    }
}

tg_status
tg_timeline_write_text(const tg_timeline_snapshot *s, const tg_timeline_about *about,
                       tg_timeline_write write, void *ctx)
{
    static const tg_timeline_about nothing = { 0 };
    const tg_timeline_about *a = about != NULL ? about : &nothing;
    tg_timeline_verdict verdict;
    tg__short_text time;
    tg__short_text peak;
    tg__short_text limit;
    tg__sink out;
    TG_ASSERT(s != NULL && write != NULL);
    tg__sink_init(&out, write, ctx);
    if (a->title != NULL) {
        (void)write_clean(&out, a->title, 100);
        tg__sink_text(&out, "\n");
    }
    tg__sink_format(&out, "%lld tasks on %u threads in %s%s\n\n", (long long)s->totals.count,
                    s->working_count, tg__time_text(&time, (double)(s->end_ns - s->begin_ns)),
                    s->ended ? "" : " so far");
    write_stages(&out, s);
    write_threads(&out, s);
    tg__sink_format(&out, "\nmemory: at most %s in use",
                    tg__bytes_text(&peak, (double)s->peak_bytes));
    if (s->limit_bytes > 0) {
        tg__sink_format(&out, " of a limit of %s (%.0f %%)",
                        tg__bytes_text(&limit, (double)s->limit_bytes),
                        100 * (double)s->peak_bytes / (double)s->limit_bytes);
    }
    tg__sink_format(&out, "\nstorage: %s read",
                    tg__bytes_text(&peak, (double)s->totals.bytes_read));
    tg__sink_format(&out, ", %s written\n", tg__bytes_text(&peak, (double)s->totals.bytes_written));
    if (s->totals.transfer_ns + s->totals.disk_ns > 0) {
        tg__sink_format(&out, "cluster: %s transferred",
                        tg__bytes_text(&peak, (double)s->totals.bytes_transferred));
        tg__sink_format(&out, ", %s spilled\n",
                        tg__bytes_text(&peak, (double)s->totals.bytes_spilled));
    }
    write_figures(&out, a);
    tg_timeline_judge(s, &verdict);
    tg__sink_format(&out, "\nlimited by: %s\n", verdict.name);
    (void)write_clean(&out, verdict.text, (int)sizeof verdict.text);
    tg__sink_text(&out, "\n");
    if (s->dropped_total > 0) {
        tg__sink_format(&out, "%llu older events were dropped; all totals above are complete.\n",
                        (unsigned long long)s->dropped_total);
    }
    if (s->lost > 0) {
        tg__sink_format(&out, "%llu events of workers did not come here: rows lack them.\n",
                        (unsigned long long)s->lost);
    }
    return tg__sink_finish(&out);
}
