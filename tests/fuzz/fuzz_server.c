/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A few peers that say anything in any order. Each byte of the input chooses who says what, of
 * which job and which tasks; small numbers, so that words meet jobs and peers that are there.
 * Nothing breaks the books of the server or its state; whatever is said can be sent.
 */
#include <stdint.h>
#include <string.h>

#include "core/base/assert.h"
#include "scheduler/server/server.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { TASKS = 12, STAGES = 3, STEPS_MAX = 4000 };

typedef struct world {
    tg_server *server;
    int64_t now_ns;
    uint64_t expanding; /* 0: none */
    int live;
    tg_tasks tasks;
    uint16_t stage[TASKS];
    const uint8_t *data;
    size_t size, at;
    size_t sent;
} world;

static uint8_t
next(world *w)
{
    return w->at < w->size ? w->data[w->at++] : 0;
}

static void
on_send(void *ctx, uint64_t peer, const tg_message *message)
{
    world *w = ctx;
    uint32_t end = 0;
    TG_ASSERT(peer != 0 && (unsigned)message->kind < TG_MESSAGE_COUNT);
    TG_ASSERT(message->range_count <= TG_RANGES_MAX && message->byte_count <= TG_PART_MAX);
    for (size_t i = 0; i < message->range_count; i++) {
        TG_ASSERT(message->ranges[i].lo < message->ranges[i].hi);
        TG_ASSERT(i == 0 || message->ranges[i].lo > end);
        end = message->ranges[i].hi;
    }
    w->sent++;
}

static void
on_expel(void *ctx, uint64_t peer, const char *why)
{
    (void)ctx;
    TG_ASSERT(peer != 0 && why != NULL && why[0] != '\0');
}

static void
on_expand(void *ctx, uint64_t job, const void *plan, size_t bytes)
{
    world *w = ctx;
    TG_ASSERT(w->expanding == 0 && plan != NULL && bytes != 0);
    w->expanding = job;
}

static void
on_dropped(void *ctx, uint64_t job)
{
    world *w = ctx;
    (void)job;
    w->live--;
    TG_ASSERT(w->live >= 0);
}

/* The disk is full now and then. */
static bool
on_record(void *ctx, const void *payload, size_t bytes, bool copy)
{
    (void)ctx;
    TG_ASSERT(payload != NULL && bytes != 0 && !copy);
    return bytes % 5 != 0;
}

/* Three rows of four; each task of a row reads one or two of the row before. */
static bool
make_graph(world *w)
{
    bool ok = true;
    tg_tasks_init(&w->tasks);
    for (uint32_t t = 0; ok && t < TASKS; t++) {
        uint32_t inputs[2] = { t - 4, t - 3 }, id = 0;
        uint64_t count = t < 4 ? 0 : t % 4 == 3 ? 1 : 2;
        ok = tg_tasks_add(&w->tasks, count, inputs, &id, NULL) == TG_OK;
        w->stage[t] = (uint16_t)(t / 4);
    }
    return ok && tg_tasks_freeze(&w->tasks, NULL) == TG_OK;
}

static void
expanded(world *w)
{
    static const uint8_t kept[STAGES] = { 0, 0, 1 }, stored[STAGES] = { 0, 1, 0 };
    static const uint8_t none[STAGES] = { 0 };
    tg_sched_job spec = { .tasks = &w->tasks,
                          .stage = w->stage,
                          .stage_count = STAGES,
                          .kept = w->expanding % 2 == 0 ? kept : none,
                          .stored = stored,
                          .peak_bytes = next(w) };
    const tg_error failed = { .code = TG_ERR_FORMAT, .message = "no plan" };
    uint64_t job = w->expanding;
    bool ok = next(w) < 240;
    w->expanding = 0;
    w->live += ok;
    tg_server_expanded(w->server, w->now_ns, job, ok ? &spec : NULL, &failed);
}

static void
say(world *w, tg_message_kind kind)
{
    static const char *const versions[] = { "1", "2" };
    static const char *const names[] = { "status", "dump", "metrics", "else" };
    tg_range ranges[3];
    uint8_t who = next(w), bits = next(w), where = next(w);
    tg_message m = { .kind = kind,
                     .job = 1 + bits % 4,
                     .flag = (bits & 16) != 0,
                     .text = versions[bits >= 250],
                     .name = names[bits % 4],
                     .address = "ipc://x",
                     .task = where % 14,
                     .worker = 1 + where / 64,
                     .threads = 1 + where % 3,
                     .memory = 100 + where,
                     .code = (tg_status)(where % 4),
                     .busy_ns = (int64_t)where * 1000000,
                     .priority = where % 3,
                     .total = 8,
                     .offset = (bits & 32) != 0 ? 4 : 0,
                     .bytes = "plan",
                     .byte_count = 4 };
    uint32_t at = where % TASKS;
    for (size_t i = 0; kind != TG_MESSAGE_TARGET && i < 3 && at < TASKS + 1; i++) {
        uint32_t length = 1 + next(w) % 6;
        ranges[i] = (tg_range){ at, at + length };
        if (at + length <= TASKS || bits >= 248) {
            m.range_count = i + 1;
        }
        at += length + 1;
    }
    m.ranges = ranges;
    tg_server_message(w->server, w->now_ns, 1 + who % 5, who >= 250 ? TG_ROLE_VIEWER : TG_ROLE_ANY,
                      &m);
}

static void
step(world *w)
{
    uint8_t what = next(w);
    if (what < 200) {
        say(w, (tg_message_kind)(what % TG_MESSAGE_COUNT));
    } else if (what < 225) {
        if (w->expanding != 0) {
            expanded(w);
        }
    } else if (what < 235) {
        tg_server_gone(w->server, w->now_ns, 1 + next(w) % 5);
    } else {
        w->now_ns += (int64_t)next(w) * 100000000;
        tg_server_time(w->server, w->now_ns);
    }
    const char *broken = tg_server_check(w->server);
    if (broken != NULL) {
        tg__assert_failed(broken, __FILE__, __LINE__, (int64_t)w->at, what);
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    world w = { .data = data, .size = size };
    tg_server_options options = { .callbacks = { &w, on_send, on_expel, on_expand, on_dropped,
                                                 on_record },
                                  .version = "1",
                                  .client_jobs_max = 3,
                                  .client_tasks_max = 2 * TASKS,
                                  .keep_ns = 20000000000 };
    if (make_graph(&w) && tg_server_create(&options, &w.server, NULL) == TG_OK) {
        for (size_t steps = 0; w.at < size && steps < STEPS_MAX; steps++) {
            step(&w);
        }
        tg_server_destroy(w.server);
        TG_ASSERT(w.live == 0);
    }
    tg_tasks_fini(&w.tasks);
    return 0;
}
