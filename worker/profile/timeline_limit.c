/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The verdict: all threads together had threads x duration of time; the largest part of it is what
 * limited the run. Reading and writing inside a task are taken out of its computing. What no event
 * covers is time between events, which is scheduling.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/base/assert.h"
#include "core/base/size.h"
#include "worker/profile/timeline_sink.h"

static const char *const names[TG_LIMITED_BY_COUNT] = {
    [TG_LIMITED_BY_NOTHING] = "nothing",     [TG_LIMITED_BY_COMPUTE] = "compute",
    [TG_LIMITED_BY_READING] = "reading",     [TG_LIMITED_BY_WRITING] = "writing",
    [TG_LIMITED_BY_MEMORY] = "memory limit", [TG_LIMITED_BY_TILES] = "too few tiles",
    [TG_LIMITED_BY_TRANSFERS] = "transfers", [TG_LIMITED_BY_SCHEDULING] = "scheduling",
};

const char *
tg_timeline_limit_name(tg_timeline_limit limit)
{
    return (unsigned)limit < TG_LIMITED_BY_COUNT ? names[limit] : "?";
}

/* Appends to the text of a verdict; what does not fit is cut. */
static void say(tg_timeline_verdict *v, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void
say(tg_timeline_verdict *v, const char *format, ...)
{
    size_t used = strlen(v->text);
    va_list args;
    va_start(args, format);
    (void)vsnprintf(v->text + used, sizeof v->text - used, format, args);
    va_end(args);
}

/* A line or a disk that is busy keeps no thread from working. */
static void
take_thread(const tg_timeline_totals *t, tg_timeline_verdict *v)
{
    v->shares[TG_LIMITED_BY_COMPUTE] += tg_max_i64(t->task_ns - t->inside_ns, 0);
    v->shares[TG_LIMITED_BY_READING] += t->read_ns;
    v->shares[TG_LIMITED_BY_WRITING] += t->write_ns;
    v->shares[TG_LIMITED_BY_MEMORY] += t->memory_ns + t->disk_ns;
    v->shares[TG_LIMITED_BY_TILES] += t->idle_ns;
    v->shares[TG_LIMITED_BY_TRANSFERS] += t->transfer_ns;
}

static void
take_shares(const tg_timeline_snapshot *s, tg_timeline_verdict *v, int64_t all_ns)
{
    int64_t known = 0;
    for (uint32_t k = 0; k < s->thread_count; k++) {
        if (!s->rows[k].aside) {
            take_thread(&s->thread_totals[k], v);
        }
    }
    for (int i = TG_LIMITED_BY_COMPUTE; i < TG_LIMITED_BY_SCHEDULING; i++) {
        known += v->shares[i];
    }
    v->shares[TG_LIMITED_BY_SCHEDULING] = tg_max_i64(all_ns - known, 0);
    for (int i = TG_LIMITED_BY_COMPUTE; i < TG_LIMITED_BY_COUNT; i++) {
        v->shares[TG_LIMITED_BY_NOTHING] += v->shares[i];
        if (v->shares[i] > (v->limit == TG_LIMITED_BY_NOTHING ? 0 : v->shares[v->limit])) {
            v->limit = (tg_timeline_limit)i;
        }
    }
}

static void
say_arithmetic(const tg_timeline_snapshot *s, tg_timeline_verdict *v)
{
    tg__short_text a;
    tg__short_text b;
    double sum = (double)v->shares[TG_LIMITED_BY_NOTHING];
    bool first = true;
    say(v, "%u thread%s x %s = %s of thread time:", s->working_count,
        s->working_count == 1 ? "" : "s", tg__time_text(&a, (double)(s->end_ns - s->begin_ns)),
        tg__time_text(&b, sum));
    for (int i = TG_LIMITED_BY_COMPUTE; i < TG_LIMITED_BY_COUNT; i++) {
        if (v->shares[i] > 0) {
            static const char *const verbs[TG_LIMITED_BY_COUNT] = {
                "",
                "computing",
                "reading",
                "writing",
                "waiting for memory",
                "idle for want of a ready task",
                "waiting for tiles of other workers",
                "between tasks",
            };
            say(v, "%s %s %s (%.1f %%)", first ? "" : ",", verbs[i],
                tg__time_text(&a, (double)v->shares[i]), 100 * (double)v->shares[i] / sum);
            first = false;
        }
    }
    say(v, ".\n");
}

/* The stage on which most of `column` was spent. */
static const char *
largest_stage(const tg_timeline_snapshot *s, size_t column, double *part)
{
    int64_t most = 0;
    int64_t sum = 0;
    const char *label = "";
    for (uint32_t i = 0; i < s->stage_count; i++) {
        int64_t value = 0;
        memcpy(&value, (const char *)&s->stage_totals[i] + column, sizeof value);
        sum += value;
        if (value > most) {
            most = value;
            label = s->stages[i].label;
        }
    }
    *part = sum > 0 ? 100 * (double)most / (double)sum : 0;
    return label;
}

static void
say_rate(tg_timeline_verdict *v, const char *verb, int64_t bytes, int64_t ns, int64_t wall_ns)
{
    tg__short_text a;
    tg__short_text b;
    tg__short_text c;
    say(v, "%s %s at %s/s a thread, %s/s in all. ", verb, tg__bytes_text(&a, (double)bytes),
        tg__bytes_text(&b, ns > 0 ? 1e9 * (double)bytes / (double)ns : 0),
        tg__bytes_text(&c, wall_ns > 0 ? 1e9 * (double)bytes / (double)wall_ns : 0));
}

static void
say_memory(const tg_timeline_snapshot *s, tg_timeline_verdict *v)
{
    tg__short_text a;
    tg__short_text b;
    say(v,
        "At most %s of the limit of %s were in use, and tasks that were ready had to wait for "
        "room. A larger memory_limit, smaller chunks or fewer threads let more run at once.",
        tg__bytes_text(&a, (double)s->peak_bytes), tg__bytes_text(&b, (double)s->limit_bytes));
}

static void
say_tiles(const tg_timeline_snapshot *s, tg_timeline_verdict *v)
{
    int64_t least = 0;
    int64_t tiles = 0;
    const char *label = "";
    for (uint32_t i = 0; i < s->stage_count; i++) {
        tiles = s->stages[i].tile_count;
        if (tiles > 0 && (least == 0 || tiles < least)) {
            least = tiles;
            label = s->stages[i].label;
        }
    }
    say(v, "%" PRId64 " tasks kept %u threads busy only in part", s->totals.count,
        s->working_count);
    if (least > 0) {
        say(v, "; the stage with the fewest tiles is \"%.80s\" with %" PRId64, label, least);
    }
    say(v, ". Smaller chunks make more tiles, and more tiles keep more threads busy.");
}

static void
say_advice(const tg_timeline_snapshot *s, tg_timeline_verdict *v)
{
    const tg_timeline_totals *t = &s->totals;
    tg__short_text a;
    double part = 0;
    int64_t wall_ns = s->end_ns - s->begin_ns;
    const char *label = largest_stage(s, offsetof(tg_timeline_totals, task_ns), &part);
    switch (v->limit) {
    case TG_LIMITED_BY_COMPUTE:
        say(v,
            "Most of it went to \"%.80s\" (%.0f %% of all tasks' time). More or faster cores "
            "would shorten the run; more memory or faster disks would not do much.",
            label, part);
        break;
    case TG_LIMITED_BY_READING:
        say_rate(v, "Read", t->bytes_read, t->read_ns, wall_ns);
        say(v, "A faster disk or codec, larger stored chunks, or reading less would help.");
        break;
    case TG_LIMITED_BY_WRITING:
        say_rate(v, "Wrote", t->bytes_written, t->write_ns, wall_ns);
        say(v, "A faster disk, a faster codec or a lower level of compression would help.");
        break;
    case TG_LIMITED_BY_MEMORY:
        say_memory(s, v);
        break;
    case TG_LIMITED_BY_TILES:
        say_tiles(s, v);
        break;
    case TG_LIMITED_BY_TRANSFERS:
        say(v,
            "%s came from other workers. Fewer workers with more threads each, larger chunks, or "
            "a faster network would help.",
            tg__bytes_text(&a, (double)t->bytes_transferred));
        break;
    case TG_LIMITED_BY_SCHEDULING:
        say(v,
            "%" PRId64 " tasks took %s each on the mean; what surrounds a task is not much less "
            "than that. Larger chunks make fewer, longer tasks.",
            t->count, tg__time_text(&a, t->count > 0 ? (double)t->task_ns / (double)t->count : 0));
        break;
    default:
        break;
    }
}

void
tg_timeline_judge(const tg_timeline_snapshot *s, tg_timeline_verdict *out)
{
    static const char *const titles[TG_LIMITED_BY_COUNT] = {
        "Nothing was recorded.",
        "Computing: the threads were busy with tasks.",
        "Reading: the threads waited for stored chunks and decoded them.",
        "Writing: the threads encoded chunks and waited for storage.",
        "The memory limit: tasks were ready, and waited for room.",
        "Too few tiles: threads found no task that was ready.",
        "Transfers: the threads waited for tiles of other workers.",
        "Scheduling: the time between tasks was more than the time in them.",
    };
    int64_t wall_ns = s->end_ns - s->begin_ns;
    TG_ASSERT(s != NULL && out != NULL);
    memset(out, 0, sizeof *out);
    take_shares(s, out, tg_max_i64(wall_ns, 0) * s->working_count);
    out->name = names[out->limit];
    (void)snprintf(out->title, sizeof out->title, "%s", titles[out->limit]);
    if (out->limit != TG_LIMITED_BY_NOTHING) {
        say_arithmetic(s, out);
        say_advice(s, out);
    }
}
