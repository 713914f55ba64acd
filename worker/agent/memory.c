/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The memory law: what goes when something does not fit, and the disk. As long as memory is plenty
 * none of this costs anything: which tile is read latest is only found out when one has to go. Then
 * a list of all that may go is made, the best last, and is used up entry by entry; it is made anew
 * when a quarter as many tiles and tasks have come and gone as it is long.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "core/base/assert.h"
#include "core/base/size.h"
#include "core/mem/alloc.h"
#include "worker/agent/internal.h"

bool
tg__agent_idle(const tg_agent *agent)
{
    return agent->run_count == 0 && agent->flying == 0 && agent->spilling == 0 &&
           agent->loading == 0;
}

/* --- what may go --------------------------------------------------------------------------------
 */

static bool
may_go(const tg_agent *agent, const tg__held *held)
{
    bool on_disk = (held->bits & TG__DISK) != 0;
    return held->work != NULL && held->pins == 0 &&
           (held->bits & (TG__MEMORY | TG__SPILLING | TG__LOADING_IT | TG__WANTED)) == TG__MEMORY &&
           (on_disk || held->work->tile[held->task].state == TG__COPY ||
            (agent->options.spill_bytes > 0 && (!agent->full || agent->probing)));
}

static int
order(const void *left, const void *right)
{
    const tg__cold *a = left, *b = right;
    /* What nobody here reads goes first, of whatever job. */
    bool one = a->next == UINT32_MAX, two = b->next == UINT32_MAX;
    int by = one != two ? one - two : (a->job > b->job) - (a->job < b->job);
    by = by != 0 ? by : (a->next > b->next) - (a->next < b->next);
    return by != 0 ? by : (a->task > b->task) - (a->task < b->task);
}

static bool
list_cold(tg_agent *agent)
{
    bool ok = TG_GROW(agent->cold, 0, agent->held_count);
    agent->cold_count = 0;
    for (size_t i = 0; ok && i < agent->held_count; i++) {
        const tg__held *held = &agent->held[i];
        if (may_go(agent, held)) {
            agent->cold[agent->cold_count++] =
                (tg__cold){ .held = (uint32_t)i,
                            .task = held->task,
                            .job = held->work->id,
                            .next = tg__agent_first_reader(held->work, held->task) };
        }
    }
    if (agent->cold_count != 0) {
        qsort(agent->cold, agent->cold_count, sizeof *agent->cold, order);
    }
    agent->cold_listed = agent->cold_count;
    agent->cold_changes = agent->changes;
    return ok;
}

/* Whether a fetch for this reader may push it out. */
static bool
is_later(const tg__cold *cold, const tg__work *work, uint32_t reader)
{
    return work == NULL || cold->next == UINT32_MAX || cold->job > work->id ||
           (cold->job == work->id && cold->next > reader);
}

/* The last of the list, if it may go still and is later; others that have changed are left out. */
static tg__held *
take_cold(tg_agent *agent, const tg__work *work, uint32_t reader)
{
    tg__held *found = NULL;
    bool more = true;
    while (more && found == NULL && agent->cold_count != 0) {
        const tg__cold *cold = &agent->cold[agent->cold_count - 1];
        tg__held *held = &agent->held[cold->held];
        bool same = held->work != NULL && held->work->id == cold->job && held->task == cold->task &&
                    may_go(agent, held) &&
                    tg__agent_first_reader(held->work, held->task) >= cold->next;
        more = !same || is_later(cold, work, reader);
        if (more) {
            agent->cold_count--;
            found = same ? held : NULL;
        }
    }
    return found;
}

/* The tile read latest; NULL: none that may go. While anything is under way the list may be a
 * little old: there will be another look at it when that has ended. */
static tg__held *
coldest(tg_agent *agent, const tg__work *work, uint32_t reader)
{
    uint64_t age = agent->changes - agent->cold_changes;
    bool ok = age <= agent->cold_listed / 4 || list_cold(agent);
    tg__held *found = ok ? take_cold(agent, work, reader) : NULL;
    age = agent->changes - agent->cold_changes;
    if (ok && found == NULL && age > (tg__agent_idle(agent) ? 0 : agent->cold_listed / 16) &&
        list_cold(agent)) {
        found = take_cold(agent, work, reader);
    }
    return found;
}

/* --- the disk -----------------------------------------------------------------------------------
 */

static void
set_full(tg_agent *agent, bool full)
{
    if (agent->full != full) {
        agent->changes++;
        agent->full = full;
        agent->say_full = !agent->say_full; /* said and taken back unheard: nothing is said */
    }
    agent->retry_at_ns = full ? agent->now_ns + agent->options.retry_ns : INT64_MAX;
}

static void
spill(tg_agent *agent, tg__held *held)
{
    if (held->bytes > agent->options.spill_bytes - agent->disk_bytes) {
        set_full(agent, true);
    } else {
        held->bits |= TG__SPILLING;
        held->disk_bytes = held->bytes;
        agent->disk_bytes += held->bytes;
        agent->leaving_bytes += held->bytes;
        agent->spilling++;
        held->work->under_way++;
        (void)tg__agent_do(agent, TG_DO_SPILL, held->work, held->task);
    }
}

void
tg__agent_load(tg_agent *agent, tg__held *held)
{
    held->bits |= TG__LOADING_IT;
    agent->load_bytes += held->bytes;
    agent->loading++;
    held->work->under_way++;
    (void)tg__agent_do(agent, TG_DO_LOAD, held->work, held->task);
}

/* Forgets or spills it; false: no memory. */
static bool
push_out(tg_agent *agent, tg__held *held)
{
    tg__work *work = held->work;
    uint32_t t = held->task;
    bool copy = work->tile[t].state == TG__COPY;
    bool ok = tg__agent_room_for(agent, 2) &&
              (!copy || TG_GROW(work->fetches.items, work->fetches.count, 1));
    if (ok && copy) {
        tg__agent_tile_gone(agent, work, t);
        tg__agent_fetch_want(agent, work, t);
    } else if (ok && (held->bits & TG__DISK)) {
        tg__agent_held_from_memory(agent, held);
    } else if (ok) {
        spill(agent, held);
    }
    return ok;
}

bool
tg__agent_make_room(tg_agent *agent, int64_t bytes, const tg__work *work, uint32_t reader)
{
    tg__held *held = NULL;
    bool more = true;
    while (more && !tg__agent_fits(agent, bytes - agent->leaving_bytes)) {
        held = coldest(agent, work, reader);
        more = held != NULL && push_out(agent, held);
        if (held != NULL && !more) {
            tg__agent_postpone(agent);
        }
    }
    return tg__agent_fits(agent, bytes);
}

/* Of the tiles that were made here for younger jobs: that of the youngest, read latest. No results:
 * what is made again of those takes the same room until they are fetched. */
static tg__held *
youngest(tg_agent *agent, const tg__work *work)
{
    tg__held *best = NULL;
    tg__cold least = { .job = work->id };
    for (size_t i = 0; i < agent->held_count; i++) {
        tg__held *held = &agent->held[i];
        if (held->work != NULL && held->work->id > work->id && held->pins == 0 &&
            held->bits == TG__MEMORY && held->work->tile[held->task].state == TG__OWN &&
            !tg__agent_kept(held->work, held->task)) {
            tg__cold one = { .task = held->task,
                             .job = held->work->id,
                             .next = tg__agent_first_reader(held->work, held->task) };
            bool better = best == NULL || order(&one, &least) > 0;
            best = better ? held : best;
            least = better ? one : least;
        }
    }
    return best;
}

bool
tg__agent_lose_younger(tg_agent *agent, const tg__work *work)
{
    tg__held *held = youngest(agent, work);
    tg__work *of = held != NULL ? held->work : NULL;
    bool ok = held != NULL && tg__agent_room_for(agent, 2) &&
              TG_GROW(of->lost, of->lost_count, 1) &&
              TG_GROW(of->fetches.items, of->fetches.count, 1);
    if (ok) {
        uint32_t t = held->task;
        tg__agent_note_lost(of, t, agent->options.self);
        tg__agent_tile_gone(agent, of, t);
        tg__agent_fetch_want(agent, of, t); /* another may have it too */
    } else if (held != NULL) {
        tg__agent_postpone(agent);
    }
    return ok;
}

/* The one to try a full disk with; NULL: nothing has to go there. */
static tg__held *
probe(tg_agent *agent)
{
    tg__held *best = NULL;
    uint32_t latest = 0;
    agent->probing = true;
    for (size_t i = 0; i < agent->held_count; i++) {
        tg__held *held = &agent->held[i];
        if (may_go(agent, held) && !(held->bits & TG__DISK) &&
            held->work->tile[held->task].state == TG__OWN) {
            uint32_t next = tg__agent_first_reader(held->work, held->task);
            best = best == NULL || next > latest ? held : best;
            latest = best == held ? next : latest;
        }
    }
    agent->probing = false;
    return best;
}

void
tg__agent_disk_retry(tg_agent *agent)
{
    if (agent->full && agent->spilling == 0 && agent->now_ns >= agent->retry_at_ns) {
        tg__held *held = probe(agent);
        agent->retry_at_ns = agent->now_ns + agent->options.retry_ns;
        if (held == NULL || tg__agent_used(agent) <= agent->options.memory_limit / 2) {
            set_full(agent, false);
        } else if (!push_out(agent, held)) {
            tg__agent_postpone(agent);
        }
    }
}

/* --- what the disk answers ----------------------------------------------------------------------
 */

static tg_status
check_disk(const tg_agent *agent, const tg__work *work, uint32_t t, uint8_t bit, tg_error *err)
{
    tg_status status = TG_OK;
    const tg__held *held = tg__agent_held_find(agent, work, t);
    TG_CHECK(held != NULL && (held->bits & bit) != 0, err, TG_ERR_VALUE,
             "the disk speaks of tile %" PRIu32 " of job %" PRIu64 ", unasked", t, work->id);
out:
    return status;
}

static void
spill_over(tg_agent *agent, tg__held *held)
{
    held->bits &= (uint8_t)~TG__SPILLING;
    agent->leaving_bytes -= held->bytes;
    agent->spilling--;
    held->work->under_way--;
    agent->changes++;
}

tg_status
tg__agent_on_spilled(tg_agent *agent, tg__work *work, const tg_agent_event *event, tg_error *err)
{
    tg_status status = TG_OK;
    TG_TRY(check_disk(agent, work, event->task, TG__SPILLING, err));
    TG_CHECK(event->bytes >= 0, err, TG_ERR_VALUE, "a tile of %" PRId64 " bytes", event->bytes);
    TG_CHECK(tg__agent_room_for(agent, 3), err, TG_ERR_MEMORY, "no memory for a spilled tile");
    tg__held *held = tg__agent_held_find(agent, work, event->task);
    spill_over(agent, held);
    agent->disk_bytes += event->bytes - held->disk_bytes;
    held->disk_bytes = event->bytes;
    held->bits |= TG__DISK;
    set_full(agent, false);
    if (held->pins == 0 && work->tile[event->task].state != TG__ABSENT && !work->dropped &&
        !(held->bits & TG__WANTED)) {
        tg__agent_held_from_memory(agent, held);
    }
    tg__agent_held_tidy(agent, held);
    tg__agent_work_close(agent, work);
out:
    return status;
}

tg_status
tg__agent_on_spill_failed(tg_agent *agent, tg__work *work, const tg_agent_event *event,
                          tg_error *err)
{
    tg_status status = TG_OK;
    TG_TRY(check_disk(agent, work, event->task, TG__SPILLING, err));
    TG_CHECK(tg__agent_room_for(agent, 3), err, TG_ERR_MEMORY, "no memory for a full disk");
    tg__held *held = tg__agent_held_find(agent, work, event->task);
    spill_over(agent, held);
    agent->disk_bytes -= held->disk_bytes;
    held->disk_bytes = 0;
    set_full(agent, true);
    tg__agent_held_tidy(agent, held);
    tg__agent_work_close(agent, work);
out:
    return status;
}

/* Readers that wait for the disk; those that have all begin. */
static void
readers_go_on(tg_agent *agent, tg__work *work, uint32_t t)
{
    const tg_tasks *g = work->spec.tasks;
    for (uint64_t e = g->succ_start[t]; e < g->succ_start[t + 1]; e++) {
        tg__tile *reader = &work->tile[g->succs[e]];
        if (reader->life == TG__LOADING && --reader->count == 0) {
            tg__agent_launch(agent, work, g->succs[e]);
        }
    }
}

static void
load_over(tg_agent *agent, tg__held *held)
{
    held->bits &= (uint8_t)~TG__LOADING_IT;
    agent->load_bytes -= held->bytes;
    agent->loading--;
    held->work->under_way--;
    agent->changes++;
}

tg_status
tg__agent_on_loaded(tg_agent *agent, tg__work *work, const tg_agent_event *event, tg_error *err)
{
    tg_status status = TG_OK;
    uint32_t t = event->task;
    TG_TRY(check_disk(agent, work, t, TG__LOADING_IT, err));
    TG_CHECK(tg__agent_room_for(agent, (uint64_t)tg__agent_succ_count(work, t) + 3), err,
             TG_ERR_MEMORY, "no memory for a loaded tile");
    tg__held *held = tg__agent_held_find(agent, work, t);
    load_over(agent, held);
    if (!(held->bits & TG__MEMORY)) {
        held->bits |= TG__MEMORY;
        agent->held_bytes += held->bytes;
    }
    if (work->tile[t].state != TG__ABSENT && !work->dropped) {
        readers_go_on(agent, work, t);
    }
    tg__agent_held_tidy(agent, held);
    tg__agent_work_close(agent, work);
out:
    return status;
}

tg_status
tg__agent_on_load_failed(tg_agent *agent, tg__work *work, const tg_agent_event *event,
                         tg_error *err)
{
    tg_status status = TG_OK;
    const tg_tasks *g = work->spec.tasks;
    uint32_t t = event->task;
    uint64_t actions = 4;
    TG_TRY(check_disk(agent, work, t, TG__LOADING_IT, err));
    for (uint64_t e = g->succ_start[t]; e < g->succ_start[t + 1]; e++) {
        actions += 2 * (uint64_t)tg_tasks_pred_count(g, g->succs[e]);
    }
    TG_CHECK(tg__agent_room_for(agent, actions) && TG_GROW(work->lost, work->lost_count, 1) &&
                 TG_GROW(work->fetches.items, work->fetches.count, 1),
             err, TG_ERR_MEMORY, "no memory for a lost tile");
    tg__held *held = tg__agent_held_find(agent, work, t);
    load_over(agent, held);
    if (held->bits & TG__MEMORY) { /* made or fetched again meanwhile */
        readers_go_on(agent, work, t);
    } else if (work->tile[t].state != TG__ABSENT && !work->dropped) {
        tg__agent_note_lost(work, t, agent->options.self);
        tg__agent_tile_gone(agent, work, t);
        tg__agent_fetch_want(agent, work, t); /* another may have it too */
        held = tg__agent_held_find(agent, work, t);
    }
    if (held != NULL) {
        tg__agent_held_tidy(agent, held);
    }
    tg__agent_work_close(agent, work);
out:
    return status;
}

tg_status
tg__agent_on_wanted(tg_agent *agent, tg__work *work, const tg_agent_event *event, tg_error *err)
{
    tg_status status = TG_OK;
    uint32_t t = event->task;
    TG_CHECK(TG_GROW(agent->serve, agent->serve_count, 1), err, TG_ERR_MEMORY,
             "no memory to note that a tile is asked for");
    if (!work->dropped && work->tile[t].state != TG__ABSENT) {
        tg__held *held = tg__agent_held_find(agent, work, t);
        if ((held->bits & (TG__MEMORY | TG__LOADING_IT | TG__WANTED)) == 0) {
            held->bits |= TG__WANTED;
            agent->serve[agent->serve_count++] = work->tile[t].held;
        }
    }
out:
    return status;
}
