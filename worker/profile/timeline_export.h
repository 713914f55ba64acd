/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_PROFILE_TIMELINE_EXPORT_H
#define TG_PROFILE_TIMELINE_EXPORT_H
/*
 * What: a snapshot of a timeline as a Chrome/Perfetto trace, as one page of HTML that needs no
 * network, and as a text; and the verdict on what limited the run.
 *
 * Ownership: everything is borrowed for the call; `write` gets bytes that are valid in that call.
 * Threads: any; the snapshot is only read.
 * Errors: what `write` returns ends the export and is passed on; nothing else can fail.
 *
 * The data of the page. Between `<script id="data" type="application/json">` and `</script>`
 * stands one JSON object; "<", ">" and "&" are written as \u003c, \u003e and \u0026, so that no
 * name can end the element. Times are integers of nanoseconds since the begin of the run.
 *
 *     {"format": 1, "title": "...", "version": "0.1.0", "ended": true, "duration": 1200345,
 *      "dropped": 0, "lost": 0, "peak": 1048576, "limit": 2097152,
 *      "kinds": ["compute", "read", "write", "memory", "idle", "transfer", ...],
 *      "stages": [{"label": "...", "ops": "...", "shape": "...", "tiles": 8, "predicted": 0,
 *                  "totals": TOTALS}],           one more row than stages: all other events
 *      "threads": [{"name": "worker/0", "aside": false, "dropped": 0, "totals": TOTALS,
 *                   "events": [kind, inside, stage, task, tile, start, duration, wait, in, out,
 * ...]}], "totals": TOTALS, "memory": [time, used, limit, kept, ...], "figures": [{"name": "peak
 * memory", "unit": "bytes", "predicted": 1.0, "measured": 1.0}], "verdict": {"name": "compute",
 * "title": "...", "text": "...", "shares": [{"name": "compute", "ns": 1}]}}
 *
 * `events` has ten numbers an event; `start` is the distance to the start of the event before it
 * in the same list (the first: to the begin of the run), which keeps the page small. A stage that
 * is not in the table is the number of stages. TOTALS is an object with the fields of
 * tg_timeline_totals under the same names.
 */
#include "worker/profile/timeline.h"

/* Takes the next `count` bytes of an export. */
typedef tg_status (*tg_timeline_write)(void *ctx, const char *bytes, size_t count);

/* One line of "predicted against measured". */
typedef struct tg_timeline_figure {
    const char *name; /* "peak memory" */
    const char *unit; /* "bytes" and "ns" are scaled for reading; any other is shown after it */
    double predicted;
    double measured;
} tg_timeline_figure;

/* All may be zero. */
typedef struct tg_timeline_about {
    const char *title;   /* of the page, and the process name of the trace */
    const char *version; /* of the library */
    const tg_timeline_figure *figures;
    uint32_t figure_count;
} tg_timeline_about;

/* What took most of the time of all threads. */
typedef enum tg_timeline_limit {
    TG_LIMITED_BY_NOTHING, /* no time has passed */
    TG_LIMITED_BY_COMPUTE,
    TG_LIMITED_BY_READING,
    TG_LIMITED_BY_WRITING,
    TG_LIMITED_BY_MEMORY,     /* threads waited for the budget */
    TG_LIMITED_BY_TILES,      /* threads found no ready task */
    TG_LIMITED_BY_TRANSFERS,  /* threads waited for tiles of other processes */
    TG_LIMITED_BY_SCHEDULING, /* threads were between events */
    TG_LIMITED_BY_COUNT
} tg_timeline_limit;

typedef struct tg_timeline_verdict {
    tg_timeline_limit limit;
    const char *name;                    /* "compute", "reading", ...; valid for ever */
    char title[128];                     /* one sentence */
    char text[1024];                     /* the arithmetic and what to do */
    int64_t shares[TG_LIMITED_BY_COUNT]; /* ns of thread time; [0] is the sum of all others */
} tg_timeline_verdict;

void tg_timeline_judge(const tg_timeline_snapshot *snapshot, tg_timeline_verdict *out);
/* "compute", "reading", ... for a share of a verdict. Valid for ever. */
const char *tg_timeline_limit_name(tg_timeline_limit limit);

/* Chrome trace JSON: opens in ui.perfetto.dev, chrome://tracing and speedscope. Slices of one
 * thread always nest; idle time is left blank. */
tg_status tg_timeline_write_trace(const tg_timeline_snapshot *snapshot,
                                  const tg_timeline_about *about, tg_timeline_write write,
                                  void *ctx) TG_MUST_USE;
/* One HTML file. */
tg_status tg_timeline_write_html(const tg_timeline_snapshot *snapshot,
                                 const tg_timeline_about *about, tg_timeline_write write,
                                 void *ctx) TG_MUST_USE;
/* Lines of at most 100 columns where names allow it. */
tg_status tg_timeline_write_text(const tg_timeline_snapshot *snapshot,
                                 const tg_timeline_about *about, tg_timeline_write write,
                                 void *ctx) TG_MUST_USE;

/* A tg_timeline_write whose `ctx` is a FILE * of stdio; TG_ERR_IO when it does not take all. */
tg_status tg_timeline_to_file(void *ctx, const char *bytes, size_t count);

#endif
