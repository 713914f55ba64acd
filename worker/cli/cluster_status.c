/* SPDX-License-Identifier: BSD-3-Clause */
/* The status of a scheduler as a page of text. See cluster.h. */
#include <stdio.h>
#include <string.h>

#include "worker/cli/cluster.h"
#include "worker/cli/report.h"

static int64_t
number(tg_json_piece object, const char *key)
{
    return tg_json_text_int(tg_json_text_get(object, key));
}

static bool
is_true(tg_json_piece object, const char *key)
{
    tg_json_piece value = tg_json_text_get(object, key);
    return value.bytes == 4 && memcmp(value.text, "true", 4) == 0;
}

/* A string without its quotes; escapes stay, so that no name moves the cursor. */
static tg_json_piece
inside(tg_json_piece string)
{
    bool quoted = string.bytes >= 2;
    return quoted ? (tg_json_piece){ string.text + 1, string.bytes - 2 } : (tg_json_piece){ "", 0 };
}

/* In at least `width` columns, at most `most`. */
static void
print_word(tg_json_piece string, int width, int most)
{
    tg_json_piece word = inside(string);
    int bytes = word.bytes < (size_t)most ? (int)word.bytes : most;
    (void)printf("%-*.*s", width, bytes, word.text);
}

/* The member of the list `key` that has the id of this one. Ids are texts here: they may be larger
 * than an int64_t. */
static tg_json_piece
find(tg_json_piece status, const char *key, tg_json_piece like)
{
    tg_json_piece list = tg_json_text_get(status, key), member, found = { 0 };
    tg_json_piece id = tg_json_text_get(like, "id");
    for (size_t at = 0; found.bytes == 0 && tg_json_text_next(list, &at, NULL, &member);) {
        tg_json_piece other = tg_json_text_get(member, "id");
        if (other.bytes == id.bytes && memcmp(other.text, id.text, id.bytes) == 0) {
            found = member;
        }
    }
    return found;
}

static const char *
state_of(tg_json_piece worker)
{
    const char *state = number(worker, "assigned") > 0 ? "working" : "idle";
    state = is_true(worker, "full") ? "disk full" : state;
    return is_true(worker, "draining") ? "leaving" : state;
}

static void
print_worker(tg_json_piece worker, tg_json_piece before, int64_t elapsed_ns, const char *end)
{
    char used[32], limit[32], spilled[32], busy[16] = "-";
    tg_json_piece earlier = find(before, "workers", worker);
    int64_t threads = number(worker, "threads");
    if (earlier.bytes > 0 && elapsed_ns > 0 && threads > 0) {
        double share = (double)(number(worker, "busy_ns") - number(earlier, "busy_ns")) /
                       ((double)elapsed_ns * (double)threads);
        share = share > 1 ? 1 : share;
        (void)snprintf(busy, sizeof busy, "%.0f %%", share > 0 ? 100 * share : 0);
    }
    print_word(tg_json_text_get(worker, "name"), 24, 24);
    (void)printf(" %7lld %6s %11s %11s %11s %7lld %7lld  %s%s", (long long)threads, busy,
                 tg_report_bytes(used, sizeof used, number(worker, "memory_used")),
                 tg_report_bytes(limit, sizeof limit, number(worker, "memory_limit")),
                 tg_report_bytes(spilled, sizeof spilled, number(worker, "spilled")),
                 (long long)number(worker, "assigned"), (long long)number(worker, "held"),
                 state_of(worker), end);
}

static void
print_job(tg_json_piece job, tg_json_piece before, int64_t elapsed_ns, const char *end)
{
    char left[32] = "-";
    tg_json_piece earlier = find(before, "jobs", job);
    int64_t tasks = number(job, "tasks"), ended = number(job, "ended");
    int64_t more = earlier.bytes > 0 ? ended - number(earlier, "ended") : 0;
    if (more > 0 && elapsed_ns > 0) {
        double seconds = (double)(tasks - ended) * (double)elapsed_ns * 1e-9 / (double)more;
        (void)snprintf(left, sizeof left, "%.0f s", seconds);
    }
    bool finished = is_true(job, "finished");
    tg_json_piece error = inside(tg_json_text_get(job, "error"));
    tg_json_piece stuck = inside(tg_json_text_get(job, "stuck"));
    tg_json_piece words = error.bytes > 0 ? error : stuck;
    print_word(tg_json_text_get(job, "client_name"), 24, 24);
    (void)printf(" ");
    print_word(tg_json_text_get(job, finished ? "code" : "state"), 12, 12);
    (void)printf(" %9lld of %-9lld %3.0f %% %8s %7lld %7lld%s%.*s%s", (long long)ended,
                 (long long)tasks, tasks > 0 ? 100 * (double)ended / (double)tasks : 0.0, left,
                 (long long)number(job, "retries"), (long long)number(job, "deaths"),
                 words.bytes > 0 ? "  " : "", (int)words.bytes, words.text, end);
}

void
tg_cluster_print_status(tg_json_piece status, tg_json_piece before, const char *end)
{
    int64_t workers = 0, threads = 0, jobs = 0;
    int64_t elapsed_ns = before.bytes > 0 ? number(status, "now_ns") - number(before, "now_ns") : 0;
    tg_json_piece list = tg_json_text_get(status, "workers"), member;
    for (size_t at = 0; tg_json_text_next(list, &at, NULL, &member); workers++) {
        threads += number(member, "threads");
    }
    tg_json_piece job_list = tg_json_text_get(status, "jobs");
    for (size_t at = 0; tg_json_text_next(job_list, &at, NULL, &member);) {
        jobs++;
    }
    (void)printf("tilegraph ");
    print_word(tg_json_text_get(status, "version"), 0, 16);
    (void)printf(": %lld worker%s with %lld thread%s, %lld job%s%s", (long long)workers,
                 workers == 1 ? "" : "s", (long long)threads, threads == 1 ? "" : "s",
                 (long long)jobs, jobs == 1 ? "" : "s", end);
    if (workers > 0) {
        (void)printf("%s%-24s %7s %6s %11s %11s %11s %7s %7s  %s%s", end, "WORKER", "THREADS",
                     "BUSY", "MEMORY", "LIMIT", "SPILLED", "GIVEN", "TILES", "STATE", end);
    }
    for (size_t at = 0; tg_json_text_next(list, &at, NULL, &member);) {
        print_worker(member, before, elapsed_ns, end);
    }
    if (jobs > 0) {
        (void)printf("%s%-24s %-12s %22s %5s %8s %7s %7s%s", end, "JOB OF", "STATE", "TASKS", "",
                     "LEFT", "AGAIN", "DEATHS", end);
    }
    for (size_t at = 0; tg_json_text_next(job_list, &at, NULL, &member);) {
        print_job(member, before, elapsed_ns, end);
    }
}
