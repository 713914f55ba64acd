/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What may begin now. While everything fits, jobs take turns, and fetches fill the room that tasks
 * leave. Once something did not fit, the oldest is looked for, and has room made for it; nothing
 * else takes room until it has it.
 */
#include <inttypes.h>
#include <stdio.h>

#include "core/base/size.h"
#include "core/mem/alloc.h"
#include "worker/agent/internal.h"

/* A task of so many times queue_ns needs no other behind it, and a thread no longer queue. */
enum { LONG_TASK = 100, QUEUE_MOST = 16 };
static const int64_t soon_ns = 10000000;

/* AGAIN: the oldest has more room than before, and nothing else may have it. */
typedef enum luck { NOTHING, WAITS, AGAIN, GOES_ON } luck;

void
tg__agent_postpone(tg_agent *agent)
{
    agent->postponed_ns = agent->now_ns + soon_ns;
}

/* --- tasks --------------------------------------------------------------------------------------
 */

static uint32_t
queue_of(const tg_agent *agent)
{
    int64_t threads = agent->options.threads, queue = 0;
    int64_t each = agent->options.queue_ns;
    if (each > 0 && agent->mean_ns != 0 && agent->mean_ns / LONG_TASK < each) {
        queue = tg_min_i64(tg_ceil_div(threads * each, agent->mean_ns), QUEUE_MOST * threads);
    }
    return (uint32_t)queue;
}

static bool
may_start(const tg_agent *agent)
{
    return !agent->alone && agent->run_count < agent->options.threads + queue_of(agent);
}

/* The lowest that is ready. */
static bool
first_ready(tg__work *work, uint32_t *t)
{
    bool found = false;
    while (!found && work->ready.count != 0) {
        *t = (uint32_t)work->ready.items[0];
        found = work->tile[*t].life == TG__READY;
        if (!found) {
            (void)tg__agent_heap_pop(&work->ready);
            work->tile[*t].flags &= (uint8_t)~TG__HEAPED;
        }
    }
    return found;
}

/* What it needs of inputs that are on disk. */
static int64_t
loads(const tg_agent *agent, const tg__work *work, uint32_t t)
{
    const tg_tasks *g = work->spec.tasks;
    int64_t bytes = 0;
    for (uint64_t e = g->pred_start[t]; agent->disk_bytes != 0 && e < g->pred_start[t + 1]; e++) {
        const tg__held *held = tg__agent_held_find(agent, work, g->preds[e]);
        bytes += held->bits & (TG__MEMORY | TG__LOADING_IT) ? 0 : held->bytes;
    }
    return bytes;
}

/* All that it needs beside the inputs that are in memory. */
static int64_t
needs(const tg_agent *agent, const tg__work *work, uint32_t t)
{
    return tg__agent_need(agent, work, t) + loads(agent, work, t);
}

/* Counted with so much, beside its inputs. */
static bool
begin(tg_agent *agent, tg__work *work, uint32_t t, int64_t need)
{
    const tg_tasks *g = work->spec.tasks;
    tg__tile *task = &work->tile[t];
    bool ok = tg__agent_room_for(agent, (uint64_t)tg_tasks_pred_count(g, t) + 1) &&
              TG_GROW(agent->runs, agent->run_count, 1);
    if (ok) {
        (void)tg__agent_heap_pop(&work->ready);
        task->flags &= (uint8_t)~TG__HEAPED;
        task->life = TG__LOADING;
        task->count = 0;
        agent->alone = (task->flags & TG__ALONE) != 0;
        agent->need_bytes += need;
        agent->runs[agent->run_count++] = (tg__run){ .work = work, .task = t, .need = need };
        tg__agent_pin(agent, work, t);
        for (uint64_t e = g->pred_start[t]; agent->disk_bytes != 0 && e < g->pred_start[t + 1];
             e++) {
            tg__held *held = tg__agent_held_find(agent, work, g->preds[e]);
            if (!(held->bits & TG__MEMORY)) {
                task->count++;
                if (!(held->bits & TG__LOADING_IT)) {
                    tg__agent_load(agent, held);
                }
            }
        }
        if (task->count == 0) {
            tg__agent_launch(agent, work, t);
        }
    } else {
        tg__agent_postpone(agent);
    }
    return ok;
}

/* One that must be alone is next, and others run: nothing starts. */
static bool
waits_to_be_alone(const tg_agent *agent, const tg__work *work, uint32_t t)
{
    return (work->tile[t].flags & TG__ALONE) != 0 && agent->run_count != 0;
}

/* --- while all fits -----------------------------------------------------------------------------
 */

static bool
start_all(tg_agent *agent)
{
    bool fits = true, more = true;
    uint32_t t = 0;
    while (fits && more && agent->ring != NULL && may_start(agent)) {
        tg__work *work = agent->ring;
        if (!first_ready(work, &t)) {
            tg__agent_ring_remove(agent, work);
        } else if (waits_to_be_alone(agent, work, t)) {
            more = false;
        } else {
            fits = tg__agent_fits(agent, needs(agent, work, t));
            more = fits && begin(agent, work, t, tg__agent_need(agent, work, t));
            agent->ring = more ? work->next : agent->ring;
        }
    }
    return fits;
}

/* Fetches leave room for the largest tile: so whatever each of two workers has fetched from the
 * other, both can load what the other one waits for. */
static bool
may_fetch(const tg_agent *agent, int64_t bytes)
{
    int64_t largest = 0;
    for (size_t i = 0;
         agent->flying != 0 && agent->options.spill_bytes != 0 && i < agent->work_count; i++) {
        largest = tg_max_i64(largest, agent->works[i]->out_most);
    }
    return agent->flying == 0 ||
           largest <= agent->options.memory_limit - agent->flight_bytes - bytes;
}

/* Idle threads' share of the memory is not for fetches, as long as anything is under way. */
static bool
fetch_all(tg_agent *agent)
{
    bool fits = true, more = !tg__agent_fetch_rests(agent);
    for (size_t i = 0; fits && more && i < agent->work_count; i++) {
        tg__work *work = agent->works[i];
        uint32_t t = 0, key = 0;
        int64_t idle = tg_max_i64((int64_t)agent->options.threads - (int64_t)agent->run_count, 0);
        int64_t share = 0;
        if (work->fetches.count == 0 || !tg_mul_size(idle, work->need_most, &share)) {
            continue;
        }
        while (fits && more && !work->dropped && tg__agent_fetch_first(agent, work, &t, &key)) {
            int64_t bytes = tg__agent_fetch_bytes(agent, work, t);
            more = tg__agent_fits(agent, bytes) && tg__agent_fits(agent, bytes + share) &&
                   may_fetch(agent, bytes);
            fits = more || !tg__agent_idle(agent);
            if (more && !tg__agent_fetch_begin(agent, work, t, bytes)) {
                tg__agent_postpone(agent);
                more = false;
            }
        }
    }
    return fits;
}

/* Tiles on disk that others wait for. */
static bool
serve_all(tg_agent *agent, bool make_room)
{
    bool fits = true;
    size_t served = 0;
    while (fits && served < agent->serve_count) {
        tg__held *held = agent->serve[served] != 0 ? &agent->held[agent->serve[served] - 1] : NULL;
        bool waits = held != NULL && !(held->bits & (TG__MEMORY | TG__LOADING_IT));
        if (waits) {
            /* What is read here stays, as long as anything may end by itself and free room. Fetches
             * may not: they can be waiting for one that waits for this. */
            bool ends = agent->run_count + agent->spilling + agent->loading != 0;
            const tg__work *last = ends ? agent->works[agent->work_count - 1] : NULL;
            fits = make_room ? tg__agent_make_room(agent, held->bytes, last, UINT32_MAX)
                             : tg__agent_fits(agent, held->bytes);
            fits = fits && tg__agent_room_for(agent, 1);
        }
        if (fits && held != NULL) {
            held->bits &= (uint8_t)~TG__WANTED;
            if (waits) {
                tg__agent_load(agent, held);
            }
        }
        served += fits;
    }
    agent->serve_count -= served;
    for (size_t i = 0; served != 0 && i < agent->serve_count; i++) {
        agent->serve[i] = agent->serve[i + served];
    }
    return fits;
}

/* --- once it does not ---------------------------------------------------------------------------
 */

static luck
fail(tg_agent *agent, tg__work *work, uint32_t t, bool may_pass, const char *text)
{
    tg_message *message = NULL;
    if (TG_GROW(agent->texts, agent->text_count, TG__TEXT_BYTES) &&
        tg__agent_room_for(agent, 6 * (uint64_t)tg_tasks_pred_count(work->spec.tasks, t) + 1)) {
        message = tg__agent_say(agent, TG_MESSAGE_FAILED, work, 0, NULL);
    }
    if (message != NULL) {
        int length = snprintf(agent->texts + agent->text_count, TG__TEXT_BYTES,
                              "task %" PRIu32 " of stage %u %s", t, work->spec.stage[t], text);
        message->task = t;
        message->code = TG_ERR_MEMORY;
        message->byte_count = agent->text_count + 1; /* for now: where its text is */
        message->flag = may_pass;
        agent->text_count += (size_t)length + 1; /* `text` is shorter than there is room */
        tg__agent_give_up(agent, work, t);
    } else {
        tg__agent_postpone(agent);
    }
    return message != NULL ? GOES_ON : WAITS;
}

/* What a task takes at least with all its inputs, and of that what own tiles are held already. */
static int64_t
alone_bytes(const tg_agent *agent, const tg__work *work, uint32_t t, int64_t *own)
{
    const tg_tasks *g = work->spec.tasks;
    int64_t bytes = tg__agent_need(agent, work, t);
    for (uint64_t e = g->pred_start[t]; e < g->pred_start[t + 1]; e++) {
        uint32_t p = g->preds[e];
        const tg__held *held = tg__agent_held_find(agent, work, p);
        bytes += held != NULL ? held->bytes : tg__agent_least_bytes(agent, work, p);
        *own += held != NULL && work->tile[p].state == TG__OWN ? held->bytes : 0;
    }
    return bytes;
}

static int64_t
own_bytes(const tg_agent *agent)
{
    int64_t bytes = 0;
    for (size_t i = 0; i < agent->held_count; i++) {
        const tg__held *held = &agent->held[i];
        bytes +=
            held->work != NULL && held->work->tile[held->task].state == TG__OWN ? held->bytes : 0;
    }
    return bytes;
}

/* The oldest has no room, and nothing is under way that could free any. */
static luck
blocked(tg_agent *agent, tg__work *work, uint32_t reader)
{
    int64_t mine = 0;
    int64_t alone = alone_bytes(agent, work, reader, &mine);
    int64_t enough = alone + own_bytes(agent) - mine;
    bool over = alone > agent->options.memory_limit;
    bool owned = agent->options.spill_bytes == 0 && enough > agent->options.memory_limit;
    int64_t since = agent->was_blocked_ns != INT64_MAX ? agent->was_blocked_ns : agent->now_ns;
    luck way = WAITS;
    char text[400];
    if (over) {
        (void)snprintf(text, sizeof text,
                       "takes %" PRId64 " bytes with the tiles that it reads, and this worker may "
                       "use %" PRId64 ": give each worker a --memory-limit of at least %" PRId64
                       ", or make the chunks smaller",
                       alone, agent->options.memory_limit, tg_plan_share_limit(alone));
        way = fail(agent, work, reader, false, text);
    } else if (owned && tg__agent_lose_younger(agent, work)) {
        way = AGAIN;
    } else if (owned && agent->now_ns - since < agent->options.patience_ns) {
        agent->blocked_ns = since;
    } else if (owned) {
        agent->blocked_ns = since; /* what waits behind it has waited as long */
        (void)snprintf(text, sizeof text,
                       "takes %" PRId64 " bytes with the tiles that it reads, which do not fit "
                       "into %" PRId64 " bytes beside tiles that others still read, and this "
                       "worker may not spill: let it (tgworker --spill-limit), or give it a "
                       "--memory-limit of at least %" PRId64,
                       alone, agent->options.memory_limit, tg_plan_share_limit(enough));
        way = fail(agent, work, reader, true, text);
    }
    return way;
}

static luck
start_oldest(tg_agent *agent, tg__work *work, uint32_t t)
{
    luck way = WAITS;
    if (tg__agent_room_for(agent, 2 * (uint64_t)tg_tasks_pred_count(work->spec.tasks, t))) {
        tg__agent_pin(agent, work, t); /* what it reads may not make room for it */
        /* Not at the cost of what older ones wait for, unless that waits for others. */
        bool fits = tg__agent_make_room(agent, needs(agent, work, t),
                                        tg__agent_idle(agent) ? NULL : work, t);
        tg__agent_unpin(agent, work, t);
        agent->changes++; /* these may go again, for others */
        int64_t left = agent->options.memory_limit - tg__agent_used(agent) - loads(agent, work, t);
        if (fits) {
            way = begin(agent, work, t, tg__agent_need(agent, work, t)) ? GOES_ON : WAITS;
        } else if (tg__agent_idle(agent) && left >= tg__agent_need_least(agent, work, t)) {
            way = begin(agent, work, t, left) ? GOES_ON : WAITS;
        } else if (tg__agent_idle(agent)) {
            way = blocked(agent, work, t);
        }
    } else {
        tg__agent_postpone(agent);
    }
    return way;
}

static luck
fetch_oldest(tg_agent *agent, tg__work *work, uint32_t t, uint32_t reader)
{
    luck way = WAITS;
    int64_t bytes = tg__agent_fetch_bytes(agent, work, t);
    int64_t left = agent->options.memory_limit - tg__agent_used(agent);
    if (tg__agent_fetch_rests(agent) || !may_fetch(agent, bytes)) {
        way = WAITS; /* for those that fly */
    } else if (tg__agent_make_room(agent, bytes, work, reader)) {
        way = tg__agent_fetch_begin(agent, work, t, bytes) ? GOES_ON : WAITS;
    } else if (tg__agent_idle(agent) && left > 0 && tg__agent_is_guess(agent, work, t)) {
        way = tg__agent_fetch_begin(agent, work, t, left) ? GOES_ON : WAITS;
    } else if (tg__agent_idle(agent)) {
        way = blocked(agent, work, reader);
    }
    return way;
}

/* A tile that is to be taken, though no task here reads it. */
static luck
take_last(tg_agent *agent, tg__work *work, uint32_t t)
{
    int64_t bytes = tg__agent_fetch_bytes(agent, work, t);
    luck way = WAITS;
    if (!tg__agent_fetch_rests(agent) && may_fetch(agent, bytes) &&
        tg__agent_make_room(agent, bytes, work, UINT32_MAX)) {
        way = tg__agent_fetch_begin(agent, work, t, bytes) ? GOES_ON : WAITS;
    }
    return way;
}

static luck
go_oldest_of(tg_agent *agent, tg__work *work)
{
    luck way = NOTHING;
    uint32_t t = UINT32_MAX, tile = 0, reader = UINT32_MAX;
    bool starts = may_start(agent) && first_ready(work, &t);
    bool fetches = tg__agent_fetch_first(agent, work, &tile, &reader) && reader != UINT32_MAX;
    if (starts && waits_to_be_alone(agent, work, t)) {
        way = WAITS;
    } else if (starts && t <= reader) {
        way = start_oldest(agent, work, t);
    } else if (fetches) {
        way = fetch_oldest(agent, work, tile, reader);
    }
    return way;
}

/* By job, then by task; and what no task waits for last of all. */
static luck
go_oldest(tg_agent *agent)
{
    luck way = serve_all(agent, true) ? NOTHING : WAITS;
    for (size_t i = 0; way == NOTHING && i < agent->work_count; i++) {
        tg__work *work = agent->works[i];
        if (!work->dropped && work->refused == TG_OK) {
            way = go_oldest_of(agent, work);
        }
    }
    for (size_t i = 0; way == NOTHING && i < agent->work_count; i++) {
        tg__work *work = agent->works[i];
        uint32_t tile = 0, reader = 0;
        if (!work->dropped && work->refused == TG_OK &&
            tg__agent_fetch_first(agent, work, &tile, &reader)) {
            way = take_last(agent, work, tile);
        }
    }
    return way;
}

void
tg__agent_pump(tg_agent *agent)
{
    bool more = true;
    agent->was_blocked_ns = agent->blocked_ns;
    agent->blocked_ns = INT64_MAX;
    agent->fetch_at_ns = tg__agent_fetch_rests(agent) ? agent->fetch_at_ns : INT64_MAX;
    tg__agent_disk_retry(agent);
    while (more) {
        if (agent->scarce) {
            luck way = go_oldest(agent);
            agent->scarce = way == WAITS || way == AGAIN;
            more = way == AGAIN || way == GOES_ON;
        } else {
            agent->scarce = !serve_all(agent, false) || !start_all(agent) || !fetch_all(agent);
            more = agent->scarce;
        }
    }
    agent->blocked_ns = agent->scarce ? agent->blocked_ns : INT64_MAX;
}
