/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Tiles of other workers: located, taken, freed; fetched in the order of their first readers. The
 * newest LOCATE counts: what fails from one that is not the holder any more is fetched anew.
 */
#include <inttypes.h>
#include <string.h>

#include "core/base/assert.h"
#include "core/mem/alloc.h"
#include "worker/agent/internal.h"

/* What finds no memory here is fetched again after so long, and so often: as tasks are started
 * again that find none. */
static const int64_t again_ns = 50000000;
enum { STARVED_MAX = 100 };

/* --- peers --------------------------------------------------------------------------------------
 */

static size_t
peer_at(const tg_agent *agent, uint64_t id)
{
    size_t lo = 0, hi = agent->peer_count;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (agent->peers[mid].id < id) {
            lo = mid + 1;
        } else {
            hi = mid;
        }
    }
    return lo;
}

static const char *
address_of(const tg_agent *agent, uint64_t id)
{
    size_t at = peer_at(agent, id);
    return at < agent->peer_count && agent->peers[at].id == id ? agent->peers[at].address : "";
}

static void
use_peer(tg_agent *agent, uint64_t id)
{
    size_t at = peer_at(agent, id);
    if (at < agent->peer_count && agent->peers[at].id == id) {
        agent->peers[at].used = true;
    }
}

/* Workers come and go for as long as this one lives: those that hold nothing for it are forgotten
 * when there are twice as many as after the last time. */
static void
sweep_peers(tg_agent *agent)
{
    size_t kept = 0;
    for (size_t i = 0; i < agent->peer_count; i++) {
        agent->peers[i].used = false;
    }
    for (size_t i = 0; i < agent->far_count; i++) {
        use_peer(agent, agent->far[i].holder);
        use_peer(agent, agent->far[i].take);
    }
    for (size_t i = 0; i < agent->peer_count; i++) {
        if (agent->peers[i].used) {
            agent->peers[kept++] = agent->peers[i];
        } else {
            tg_free(NULL, agent->peers[i].address, strlen(agent->peers[i].address) + 1);
        }
    }
    agent->peer_count = kept;
    agent->peers_sweep = 2 * kept + 64;
}

bool
tg__agent_peer_reserve(tg_agent *agent, uint64_t id, const char *address)
{
    const char *given = address != NULL ? address : "";
    size_t at = peer_at(agent, id), bytes = strlen(given) + 1;
    bool known = at < agent->peer_count && agent->peers[at].id == id;
    bool ok = known && strcmp(agent->peers[at].address, given) == 0;
    if (!ok) {
        char *copy = tg_malloc(NULL, bytes);
        ok = copy != NULL && (known || TG_GROW(agent->peers, agent->peer_count, 1));
        if (!ok) {
            tg_free(NULL, copy, bytes);
        } else if (known) {
            tg_free(NULL, agent->peers[at].address, strlen(agent->peers[at].address) + 1);
            memcpy(copy, given, bytes);
            agent->peers[at].address = copy;
        } else {
            memcpy(copy, given, bytes);
            if (agent->peer_count > agent->peers_sweep) {
                sweep_peers(agent);
                at = peer_at(agent, id);
            }
            memmove(agent->peers + at + 1, agent->peers + at,
                    (agent->peer_count - at) * sizeof *agent->peers);
            agent->peers[at] = (tg__peer){ .id = id, .address = copy };
            agent->peer_count++;
        }
    }
    return ok;
}

/* --- the queue ----------------------------------------------------------------------------------
 */

void
tg__agent_note_lost(tg__work *work, uint32_t t, uint64_t holder)
{
    work->lost[work->lost_count++] = (tg__lost){ .task = t, .holder = holder };
}

static bool
is_wanted(const tg__work *work, const tg__far *far)
{
    const tg__tile *tile = &work->tile[far->task];
    return tile->state == TG__ABSENT && (far->take != 0 || (far->holder != 0 && tile->wanted != 0));
}

void
tg__agent_fetch_want(tg_agent *agent, tg__work *work, uint32_t t)
{
    tg__far *far = tg__agent_far_find(agent, work, t);
    if (far != NULL && !(far->bits & TG__FLYING) && is_wanted(work, far)) {
        uint32_t key = tg__agent_first_reader(work, t);
        if (!(far->bits & TG__QUEUED) || key < far->key) {
            far->bits |= TG__QUEUED;
            far->key = key;
            tg__agent_heap_push(&work->fetches, key, t);
        }
    }
}

void
tg__agent_fetch_cancel(tg_agent *agent, tg__work *work, uint32_t t)
{
    tg__far *far = tg__agent_far_find(agent, work, t);
    if (far != NULL && far->take == 0) {
        far->holder = 0;
        if ((far->bits & (TG__FLYING | TG__CANCELLED)) == TG__FLYING) {
            far->bits |= TG__CANCELLED;
            (void)tg__agent_do(agent, TG_DO_CANCEL, work, t);
        }
        far->bits &= (uint8_t)~TG__QUEUED;
        tg__agent_far_tidy(agent, far);
    }
}

bool
tg__agent_fetch_first(tg_agent *agent, tg__work *work, uint32_t *task, uint32_t *key)
{
    bool found = false;
    while (!found && work->fetches.count != 0) {
        uint64_t item = work->fetches.items[0];
        uint32_t t = (uint32_t)item;
        tg__far *far = tg__agent_far_find(agent, work, t);
        uint32_t first = tg__agent_first_reader(work, t);
        found = far != NULL && (far->bits & TG__QUEUED) != 0 && far->key == item >> 32 &&
                first == far->key && is_wanted(work, far);
        if (found) {
            *task = t;
            *key = first;
        } else {
            (void)tg__agent_heap_pop(&work->fetches);
            if (far != NULL && (far->bits & TG__QUEUED) != 0 && far->key == item >> 32) {
                far->bits &= (uint8_t)~TG__QUEUED;
                tg__agent_fetch_want(agent, work, t); /* by another reader, into the room left */
                far = tg__agent_far_find(agent, work, t);
                tg__agent_far_tidy(agent, far);
            }
        }
    }
    return found;
}

bool
tg__agent_fetch_begin(tg_agent *agent, tg__work *work, uint32_t t, int64_t bytes)
{
    bool ok = tg__agent_room_for(agent, 1);
    if (ok) {
        tg__far *far = tg__agent_far_find(agent, work, t);
        (void)tg__agent_heap_pop(&work->fetches);
        far->bits = TG__FLYING;
        far->from = far->take != 0 ? far->take : far->holder;
        far->bytes = bytes;
        agent->flight_bytes += far->bytes;
        agent->flying++;
        work->under_way++;
        tg_agent_action *action = tg__agent_do(agent, TG_DO_FETCH, work, t);
        action->peer = far->from;
        action->bytes = far->bytes;
        action->address = address_of(agent, far->from);
    }
    return ok;
}

/* --- what is heard ------------------------------------------------------------------------------
 */

static uint64_t
count_of(const tg_message *message)
{
    uint64_t tiles = 0;
    for (size_t i = 0; i < message->range_count; i++) {
        tiles += message->ranges[i].hi - message->ranges[i].lo;
    }
    return tiles;
}

static void
locate(tg_agent *agent, tg__work *work, uint32_t t, uint64_t holder)
{
    work->tile[t].flags &= (uint8_t)~TG__FREED;
    if (work->tile[t].wanted != 0) { /* else its reader was answered, and this crossed it */
        tg__far *far = tg__agent_far_of(agent, work, t);
        bool flies = (far->bits & (TG__FLYING | TG__CANCELLED)) == TG__FLYING;
        far->holder = holder;
        if (flies && far->take == 0 && far->from != holder) { /* that one may be dead */
            far->bits |= TG__CANCELLED;
            (void)tg__agent_do(agent, TG_DO_CANCEL, work, t);
        }
        tg__agent_fetch_want(agent, work, t);
    }
}

tg_status
tg__agent_hear_locate(tg_agent *agent, tg__work *work, const tg_message *message, tg_error *err)
{
    tg_status status = TG_OK;
    uint64_t tiles = count_of(message);
    TG_CHECK(message->worker != 0, err, TG_ERR_VALUE, "a tile is nowhere");
    TG_CHECK(tg__agent_far_reserve(agent, tiles) && tg__agent_room_for(agent, tiles) &&
                 TG_GROW(work->fetches.items, work->fetches.count, tiles) &&
                 tg__agent_peer_reserve(agent, message->worker, message->address),
             err, TG_ERR_MEMORY, "no memory to note where %" PRIu64 " tiles are", tiles);
    for (size_t i = 0; i < message->range_count; i++) {
        for (uint32_t t = message->ranges[i].lo; t < message->ranges[i].hi; t++) {
            locate(agent, work, t, message->worker);
        }
    }
out:
    return status;
}

/* The tile is this worker's from now on. A task that would make it need not. */
static void
take_over(tg_agent *agent, tg__work *work, uint32_t t, int64_t bytes)
{
    tg__tile *tile = &work->tile[t];
    if (tile->life == TG__LOADING) {
        tg__agent_unstart(agent, work, t);
    }
    if (tile->life == TG__WAITING || tile->life == TG__READY) {
        tile->life = TG__NONE;
        work->todo--;
        tg__agent_forget_task(agent, work, t);
    }
    tg__agent_tile_here(agent, work, t, TG__OWN, bytes);
    tile->count = tg__agent_succ_count(work, t);
    tile->flags |= TG__SAID;
    tg__far *far = tg__agent_far_find(agent, work, t);
    if (far != NULL) {
        far->holder = far->take = 0;
        tg__agent_far_tidy(agent, far);
    }
    tg__agent_say_done(agent, work, t, 0);
}

static void
take(tg_agent *agent, tg__work *work, uint32_t t, uint64_t holder)
{
    tg__tile *tile = &work->tile[t];
    if (tile->state == TG__OWN) {
        tg__agent_say_done(agent, work, t, 0);
    } else if (tile->state == TG__COPY) {
        take_over(agent, work, t, tg__agent_held_find(agent, work, t)->bytes);
    } else {
        tg__agent_far_of(agent, work, t)->take = holder;
        tg__agent_fetch_want(agent, work, t);
    }
}

tg_status
tg__agent_hear_take(tg_agent *agent, tg__work *work, const tg_message *message, tg_error *err)
{
    tg_status status = TG_OK;
    uint64_t tiles = count_of(message), actions = 0;
    TG_CHECK(message->worker != 0, err, TG_ERR_VALUE, "a tile is to be taken from nobody");
    for (size_t i = 0; i < message->range_count; i++) {
        const tg_tasks *g = work->spec.tasks;
        actions +=
            6 * (g->pred_start[message->ranges[i].hi] - g->pred_start[message->ranges[i].lo]);
    }
    TG_CHECK(tg__agent_far_reserve(agent, tiles) && TG_GROW(work->done, work->done_count, tiles) &&
                 TG_GROW(work->fetches.items, work->fetches.count, tiles) &&
                 tg__agent_room_for(agent, actions) &&
                 tg__agent_peer_reserve(agent, message->worker, message->address),
             err, TG_ERR_MEMORY, "no memory to take %" PRIu64 " tiles", tiles);
    for (size_t i = 0; i < message->range_count; i++) {
        for (uint32_t t = message->ranges[i].lo; t < message->ranges[i].hi; t++) {
            take(agent, work, t, message->worker);
        }
    }
out:
    return status;
}

tg_status
tg__agent_hear_free(tg_agent *agent, tg__work *work, const tg_message *message, tg_error *err)
{
    tg_status status = TG_OK;
    uint64_t actions = 0;
    for (size_t i = 0; i < message->range_count; i++) {
        const tg_tasks *g = work->spec.tasks;
        tg_range range = message->ranges[i];
        /* Two of the tile, one of its fetch, and of its readers that were loading, other tiles. */
        actions += 3 * (uint64_t)(range.hi - range.lo);
        for (uint32_t t = range.lo; agent->loading != 0 && t < range.hi; t++) {
            for (uint64_t e = g->succ_start[t]; e < g->succ_start[t + 1]; e++) {
                actions += 2 * (uint64_t)tg_tasks_pred_count(g, g->succs[e]);
            }
        }
    }
    TG_CHECK(tg__agent_room_for(agent, actions), err, TG_ERR_MEMORY, "no memory to free tiles");
    for (size_t i = 0; i < message->range_count; i++) {
        for (uint32_t t = message->ranges[i].lo; t < message->ranges[i].hi; t++) {
            tg__far *far = tg__agent_far_find(agent, work, t);
            work->tile[t].flags &= (uint8_t)~TG__FREED;
            if (far != NULL) {
                far->take = 0;
                tg__agent_fetch_cancel(agent, work, t);
            }
            if (work->tile[t].state != TG__ABSENT) {
                tg__agent_tile_gone(agent, work, t);
            }
        }
    }
out:
    return status;
}

/* --- what came of a fetch -----------------------------------------------------------------------
 */

static tg_status
landed(tg_agent *agent, tg__work *work, uint32_t t, uint64_t actions, tg_error *err)
{
    tg_status status = TG_OK;
    tg__far *far = tg__agent_far_find(agent, work, t);
    uint64_t inputs = tg_tasks_pred_count(work->spec.tasks, t);
    TG_CHECK(far != NULL && (far->bits & TG__FLYING) != 0, err, TG_ERR_VALUE,
             "tile %" PRIu32 " of job %" PRIu64 " came, and was not fetched", t, work->id);
    TG_CHECK(tg__agent_room_for(agent, 6 * inputs + 4 + actions) &&
                 tg__agent_held_reserve(agent, 1) && TG_GROW(work->done, work->done_count, 1) &&
                 TG_GROW(work->lost, work->lost_count, 1) &&
                 TG_GROW(work->fetches.items, work->fetches.count, 1),
             err, TG_ERR_MEMORY, "no memory for a tile of job %" PRIu64, work->id);
    agent->flight_bytes -= far->bytes;
    agent->flying--;
    work->under_way--;
    far->bits &= (uint8_t)~TG__FLYING;
out:
    return status;
}

/* It does not matter any more what came. */
static bool
is_over(tg_agent *agent, tg__work *work, tg__far *far)
{
    bool own = work->tile[far->task].state == TG__OWN;
    if (own && far->take != 0 && !work->dropped) { /* made here meanwhile */
        tg__agent_say_done(agent, work, far->task, 0);
        far->take = 0;
    }
    return own || work->dropped;
}

tg_status
tg__agent_on_fetched(tg_agent *agent, tg__work *work, const tg_agent_event *event, tg_error *err)
{
    tg_status status = TG_OK;
    uint32_t t = event->task;
    TG_CHECK(event->bytes >= 0, err, TG_ERR_VALUE, "a tile of %" PRId64 " bytes", event->bytes);
    TG_TRY(landed(agent, work, t, 0, err));
    tg__far *far = tg__agent_far_find(agent, work, t);
    far->bits = far->starved = 0;
    bool over = is_over(agent, work, far);
    if (!over && far->take != 0) {
        (void)tg__agent_do(agent, TG_DO_KEEP, work, t);
        take_over(agent, work, t, event->bytes);
    } else if (!over && is_wanted(work, far)) { /* a copy has a holder: it may have to come again */
        (void)tg__agent_do(agent, TG_DO_KEEP, work, t);
        tg__agent_tile_here(agent, work, t, TG__COPY, event->bytes);
    } else {
        tg__agent_far_tidy(agent, far);
    }
    tg__agent_work_close(agent, work);
out:
    return status;
}

static uint32_t
first_waiting(const tg__work *work, uint32_t t)
{
    const tg_tasks *g = work->spec.tasks;
    uint32_t first = UINT32_MAX;
    for (uint64_t e = g->succ_start[t]; first == UINT32_MAX && e < g->succ_start[t + 1]; e++) {
        first = work->tile[g->succs[e]].life == TG__WAITING ? g->succs[e] : first;
    }
    return first;
}

/* Its holder has the tile, and there is something missing here. */
static void
starve(tg_agent *agent, tg__work *work, tg__far *far, uint32_t reader, const tg_agent_event *event)
{
    if (far->starved < STARVED_MAX) {
        far->starved++;
        agent->fetch_at_ns = agent->now_ns + again_ns;
    } else {
        tg_message *message = tg__agent_say(agent, TG_MESSAGE_FAILED, work, 0, NULL);
        message->task = reader;
        message->code = event->code;
        message->text = event->text;
        message->flag = true;
        far->starved = 0; /* for the next reader */
        tg__agent_give_up(agent, work, reader);
    }
}

tg_status
tg__agent_on_fetch_failed(tg_agent *agent, tg__work *work, const tg_agent_event *event,
                          tg_error *err)
{
    tg_status status = TG_OK;
    uint32_t t = event->task, reader = event->flag ? first_waiting(work, t) : UINT32_MAX;
    uint64_t inputs = reader != UINT32_MAX ? tg_tasks_pred_count(work->spec.tasks, reader) : 0;
    TG_CHECK(TG_GROW(agent->messages, agent->message_count, 1), err, TG_ERR_MEMORY,
             "no memory for a fetch of job %" PRIu64 " that failed", work->id);
    TG_TRY(landed(agent, work, t, 6 * inputs + 1, err));
    tg__far *far = tg__agent_far_find(agent, work, t);
    bool cancelled = (far->bits & TG__CANCELLED) != 0;
    uint64_t wanted_from = far->take != 0 ? far->take : far->holder;
    bool longer = event->bytes > far->bytes && tg__agent_is_guess(agent, work, t);
    far->size = longer ? event->bytes : far->size;
    far->bits = 0;
    if (!is_over(agent, work, far)) {
        bool failed = !cancelled && !longer && wanted_from == far->from && is_wanted(work, far);
        if (failed && event->flag && (far->starved < STARVED_MAX || reader != UINT32_MAX)) {
            starve(agent, work, far, reader, event);
        } else if (failed) {
            tg__agent_note_lost(work, t, far->from);
            far->holder = far->holder != far->from ? far->holder : 0;
            far->take = 0;
        }
        tg__agent_fetch_want(agent, work, t); /* it has moved, or is wanted again */
    }
    far = tg__agent_far_find(agent, work, t);
    if (far != NULL) {
        tg__agent_far_tidy(agent, far);
    }
    tg__agent_work_close(agent, work);
out:
    return status;
}
