/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_AGENT_INTERNAL_H
#define TG_AGENT_INTERNAL_H
/*
 * What: what the files of worker/agent share: the tables, and who calls whom. See agent.h for what
 * it is all for. A step goes: the event's handler (agent.c has the table), then all that may begin
 * now (pump.c), then what is due to be said (say.c).
 *
 * Handlers first check, then reserve all memory they can need, then change: so that an event is
 * taken whole or not at all. What pump.c begins it reserves piece by piece, and stops when there is
 * no memory.
 *
 * A task and the tile that it makes have one number and one record, tg__tile, of 20 bytes. What few
 * of them need stands apart: tg__held for tiles that are here, tg__far for those that are elsewhere
 * and read here.
 *
 * Ownership: all belongs to the tg_agent. Threads: one. Errors: as in agent.h.
 */
#include "core/mem/alloc.h"
#include "worker/agent/agent.h"

/* Of the task. From LOADING on it counts as started: it has its room and its inputs are pinned. */
typedef enum tg__life {
    TG__NONE,    /* not to be run here, or answered */
    TG__WAITING, /* inputs are missing */
    TG__READY,   /* all are here */
    TG__LOADING, /* chosen; some are on their way from the disk */
    TG__RUNNING  /* with the shell */
} tg__life;

/* Of the tile. */
typedef enum tg__state { TG__ABSENT, TG__COPY, TG__OWN } tg__state;

enum {
    TG__ENDED = 1, /* the task ended here, and was not assigned again since */
    TG__FREED = 2, /* the tile was made here, and forgotten by itself */
    TG__HEAPED = 4,
    TG__ALONE = 8,
    TG__ORPHAN = 16, /* it runs, and no scheduler of today has assigned it */
    TG__SAID = 32    /* and of its tile that one was told that it is here, when it was */
};

typedef struct tg__tile {
    /* WAITING: inputs that are not here; LOADING: those that come from the disk. Of an own tile,
     * whose task is neither: readers that have not ended on it. */
    uint32_t count;
    uint32_t wanted; /* tasks to be run or running here that read it */
    uint32_t far;    /* 1 + index, 0: none */
    uint32_t held;   /* 1 + index, 0: none */
    uint8_t life, state, flags;
} tg__tile;

typedef struct tg__work tg__work;

enum { TG__TEXT_BYTES = 600 };

enum {
    TG__MEMORY = 1,
    TG__DISK = 2,
    TG__SPILLING = 4,
    TG__LOADING_IT = 8,
    TG__WANTED = 16 /* by another worker: stands in agent->serve */
};

/* A tile that is here, or whose memory is not free yet though it is absent already. */
typedef struct tg__held {
    tg__work *work; /* NULL: free, and `task` is 1 + the next free one */
    uint32_t task;
    uint32_t pins; /* started tasks that read it */
    int64_t bytes, disk_bytes;
    uint8_t bits;
} tg__held;

enum { TG__QUEUED = 1, TG__FLYING = 2, TG__CANCELLED = 4 };

/* A tile that is elsewhere, and read or to be taken here. */
typedef struct tg__far {
    tg__work *work; /* as above */
    uint32_t task;
    uint32_t key;    /* first reader, when it was queued */
    uint64_t holder; /* by the newest LOCATE; 0: none */
    uint64_t take;   /* to be taken from; 0: not */
    uint64_t from;   /* whom it is being fetched from */
    int64_t bytes;   /* that are reserved for it then */
    int64_t size;    /* as its holder has said; 0: it has not */
    uint8_t bits;
    uint8_t starved; /* fetches that found no memory here, in a row */
} tg__far;

/* Smallest first; values are key << 32 | number. */
typedef struct tg__heap {
    uint64_t *items;
    size_t count, items_capacity;
} tg__heap;

typedef struct tg__done {
    uint32_t task;
    int64_t busy_ns;
} tg__done;

typedef struct tg__lost {
    uint32_t task;
    uint64_t holder;
} tg__lost;

/* A job's part on this worker. */
struct tg__work {
    uint64_t id;
    tg_agent_job spec;
    tg_status refused; /* why it cannot be run here; TG_OK: it can */
    char *text;        /* and in words; NULL, or TG__TEXT_BYTES */
    bool dropped;
    bool say_held;               /* all that is here */
    bool told_started;           /* the last STARTED was not empty */
    int64_t need_most, out_most; /* of its stages, or as expected; and of tiles that are here */
    tg__tile *tile;
    uint32_t todo;      /* assigned and not started: WAITING and READY; LOADING too: not begun */
    uint32_t under_way; /* that the shell has not answered */
    tg__heap ready;
    tg__heap fetches;
    tg__work *next, *before; /* in the ring of those with something ready; NULL: not in it */
    tg__done *done;          /* not said yet */
    size_t done_count, done_capacity;
    tg__lost *lost;
    size_t lost_count, lost_capacity;
    tg_range *revoked;
    size_t revoked_count, revoked_capacity;
};

typedef struct tg__run {
    tg__work *work;
    uint32_t task;
    int64_t need; /* what it is counted with */
} tg__run;

typedef struct tg__peer {
    uint64_t id;
    char *address;
    bool used; /* while those that are not are swept out */
} tg__peer;

/* What may go, the best last; see memory.c. */
typedef struct tg__cold {
    uint32_t held, task;
    uint64_t job;
    uint32_t next;
} tg__cold;

struct tg_agent {
    tg_agent_options options;
    int64_t now_ns;
    tg__work **works; /* by id, ascending */
    size_t work_count, works_capacity;
    tg__work *ring; /* whose turn it is */
    tg__held *held;
    size_t held_count, held_capacity;
    uint32_t held_free; /* 1 + index */
    tg__far *far;
    size_t far_count, far_capacity;
    uint32_t far_free;
    tg__peer *peers; /* by id, ascending */
    size_t peer_count, peers_capacity, peers_sweep;
    tg__run *runs; /* LOADING and RUNNING */
    size_t run_count, runs_capacity;
    bool alone;      /* what runs must be alone */
    uint32_t *serve; /* 1 + index of held ones that others wait for, in the order of asking */
    size_t serve_count, serve_capacity;

    /* The memory law: their sum is at most the limit. */
    int64_t held_bytes, need_bytes, flight_bytes, load_bytes;
    int64_t leaving_bytes; /* of held_bytes: being spilled */
    int64_t disk_bytes;
    uint32_t spilling, loading, flying;
    bool scarce; /* something did not fit: the oldest comes first */
    /* Since when the oldest has no room, with nothing under way, and before this step; INT64_MAX:
     * it has. */
    int64_t blocked_ns, was_blocked_ns;
    int64_t fetch_at_ns; /* no fetch begins before: the last one found no memory; INT64_MAX: any */
    bool full, say_full; /* FULL was said; is to be said */
    bool probing;        /* looks for one to try, full as the disk is */
    int64_t retry_at_ns;
    tg__cold *cold;
    size_t cold_count, cold_capacity, cold_listed;
    uint64_t changes, cold_changes; /* of what is held and read; when `cold` was made */

    int64_t mean_ns; /* of a task, lately; 0: not known */
    int64_t busy_ns;
    int64_t flush_at_ns, flushed_ns, beat_at_ns, postponed_ns;
    int64_t beat_ns; /* as this scheduler wants it */
    bool say_drain, leave;

    tg_agent_action *actions;
    size_t action_count, actions_capacity;
    tg_message *messages;
    size_t message_count, messages_capacity;
    tg_range *ranges;
    size_t range_count, ranges_capacity;
    char *texts;
    size_t text_count, texts_capacity;
};

/* --- out.c: actions, words, growing arrays, heaps -----------------------------------------------
 */

bool tg__agent_room_for(tg_agent *agent, uint64_t actions);
/* Within what was reserved. */
tg_agent_action *tg__agent_do(tg_agent *agent, tg_agent_action_kind kind, const tg__work *work,
                              uint32_t task);
/* A message with room for so many ranges, at *ranges; NULL: no memory. */
tg_message *tg__agent_say(tg_agent *agent, tg_message_kind kind, const tg__work *work, size_t room,
                          tg_range **ranges);
/* The last message got so many of them. */
void tg__agent_said(tg_agent *agent, size_t count);
void tg__agent_out_finish(tg_agent *agent);
/* Reserved by TG_GROW(heap->items, heap->count, n). */
void tg__agent_heap_push(tg__heap *heap, uint32_t key, uint32_t number);
uint64_t tg__agent_heap_pop(tg__heap *heap);

/* --- work.c: jobs -------------------------------------------------------------------------------
 */

tg__work *tg__agent_work_find(const tg_agent *agent, uint64_t id);
void tg__agent_work_free(tg_agent *agent, tg__work *work);
/* A dropped one of which nothing is under way any more is closed. One action. */
void tg__agent_work_close(tg_agent *agent, tg__work *work);
void tg__agent_ring_put(tg_agent *agent, tg__work *work);
void tg__agent_ring_remove(tg_agent *agent, tg__work *work);

static inline bool
tg__agent_kept(const tg__work *work, uint32_t t)
{
    return work->spec.kept[work->spec.stage[t]] != 0;
}

static inline uint32_t
tg__agent_succ_count(const tg__work *work, uint32_t t)
{
    const tg_tasks *g = work->spec.tasks;
    return (uint32_t)(g->succ_start[t + 1] - g->succ_start[t]);
}

/* --- tile.c: what is here -----------------------------------------------------------------------
 */

bool tg__agent_held_reserve(tg_agent *agent, uint64_t more);
bool tg__agent_far_reserve(tg_agent *agent, uint64_t more);
/* Made when it is not there. */
tg__far *tg__agent_far_of(tg_agent *agent, tg__work *work, uint32_t t);
static inline tg__far *
tg__agent_far_find(const tg_agent *agent, const tg__work *work, uint32_t t)
{
    return work->tile[t].far != 0 ? &agent->far[work->tile[t].far - 1] : NULL;
}
static inline tg__held *
tg__agent_held_find(const tg_agent *agent, const tg__work *work, uint32_t t)
{
    return work->tile[t].held != 0 ? &agent->held[work->tile[t].held - 1] : NULL;
}
/* Freed, if it says nothing any more. */
void tg__agent_far_tidy(tg_agent *agent, tg__far *far);
/* The tile is here, as COPY or OWN. Reserved: a held one. */
void tg__agent_tile_here(tg_agent *agent, tg__work *work, uint32_t t, tg__state state,
                         int64_t bytes);
/* It is here no more; what of it is in use goes when it is not. Two actions. */
void tg__agent_tile_gone(tg_agent *agent, tg__work *work, uint32_t t);
/* Lets go of what nobody uses. Two actions. */
void tg__agent_held_tidy(tg_agent *agent, tg__held *held);
/* Memory alone. One action. */
void tg__agent_held_from_memory(tg_agent *agent, tg__held *held);
/* Two actions for each input. */
void tg__agent_pin(tg_agent *agent, tg__work *work, uint32_t t);
void tg__agent_unpin(tg_agent *agent, tg__work *work, uint32_t t);
/* The first task to be run here that reads it; UINT32_MAX: none. */
uint32_t tg__agent_first_reader(const tg__work *work, uint32_t t);

/* --- task.c: what is to be run ------------------------------------------------------------------
 */

bool tg__agent_ready_reserve(tg__work *work, uint64_t more);
void tg__agent_make_ready(tg_agent *agent, tg__work *work, uint32_t t);
/* It will not run here: what only it wanted goes. Four actions for each input. */
void tg__agent_forget_task(tg_agent *agent, tg__work *work, uint32_t t);
/* It had not begun, and is not to be run here any more. Six actions for each input. */
void tg__agent_give_up(tg_agent *agent, tg__work *work, uint32_t t);
/* A LOADING one waits again. Two actions for each input. */
void tg__agent_unstart(tg_agent *agent, tg__work *work, uint32_t t);
void tg__agent_run_remove(tg_agent *agent, const tg__work *work, uint32_t t);
/* One entry of work->done was reserved. */
void tg__agent_say_done(tg_agent *agent, tg__work *work, uint32_t t, int64_t busy_ns);
/* Has begun: all it reads is in memory. One action. */
void tg__agent_launch(tg_agent *agent, tg__work *work, uint32_t t);

/* --- fetch.c ------------------------------------------------------------------------------------
 */

/* Queues what is to be fetched, if it is. Reserved: one of work->fetches. */
void tg__agent_fetch_want(tg_agent *agent, tg__work *work, uint32_t t);
/* Nobody wants it: not to be fetched any more. One action. */
void tg__agent_fetch_cancel(tg_agent *agent, tg__work *work, uint32_t t);
/* One entry of work->lost was reserved. */
void tg__agent_note_lost(tg__work *work, uint32_t t, uint64_t holder);
/* What is to be fetched first; false: nothing. */
bool tg__agent_fetch_first(tg_agent *agent, tg__work *work, uint32_t *task, uint32_t *key);
bool tg__agent_fetch_begin(tg_agent *agent, tg__work *work, uint32_t t, int64_t bytes);
/* Those for which there was no memory lately are not begun again yet. */
static inline bool
tg__agent_fetch_rests(const tg_agent *agent)
{
    return agent->fetch_at_ns != INT64_MAX && agent->now_ns < agent->fetch_at_ns;
}
bool tg__agent_peer_reserve(tg_agent *agent, uint64_t id, const char *address);

/* --- memory.c -----------------------------------------------------------------------------------
 */

static inline int64_t
tg__agent_used(const tg_agent *agent)
{
    return agent->held_bytes + agent->need_bytes + agent->flight_bytes + agent->load_bytes;
}

static inline bool
tg__agent_fits(const tg_agent *agent, int64_t bytes)
{
    return bytes <= agent->options.memory_limit - tg__agent_used(agent);
}

/* size.c */
/* NULL: the sizes of the stage do not depend on the data. */
const tg_plan_growth *tg__agent_growth(const tg__work *work, uint32_t stage);
/* What a task takes beside its inputs: at most, when they are all here; else at least. */
int64_t tg__agent_need(const tg_agent *agent, const tg__work *work, uint32_t t);
int64_t tg__agent_need_least(const tg_agent *agent, const tg__work *work, uint32_t t);
/* A run that may take more than it is counted with. */
bool tg__agent_may_exceed(const tg_agent *agent, const tg__work *work, uint32_t t);
/* What a tile of another worker is fetched into, and whether that may be too little. */
int64_t tg__agent_fetch_bytes(const tg_agent *agent, const tg__work *work, uint32_t t);
bool tg__agent_is_guess(const tg_agent *agent, const tg__work *work, uint32_t t);
/* What it has at least. */
int64_t tg__agent_least_bytes(const tg_agent *agent, const tg__work *work, uint32_t t);

/* Makes room by what is read later than `reader` of the job, or by anything (work NULL). True: it
 * is there now; false: not yet, or not at all. */
bool tg__agent_make_room(tg_agent *agent, int64_t bytes, const tg__work *work, uint32_t reader);
/* Without a disk: makes room for the job by a tile of a younger one, which is to be made again.
 * False: there is none, or no memory. */
bool tg__agent_lose_younger(tg_agent *agent, const tg__work *work);
/* One action. */
void tg__agent_load(tg_agent *agent, tg__held *held);
void tg__agent_disk_retry(tg_agent *agent);
bool tg__agent_idle(const tg_agent *agent);

/* --- pump.c, say.c ------------------------------------------------------------------------------
 */

void tg__agent_pump(tg_agent *agent);
void tg__agent_talk(tg_agent *agent);
void tg__agent_postpone(tg_agent *agent);

/* --- events -------------------------------------------------------------------------------------
 */

typedef tg_status tg__agent_handler(tg_agent *agent, tg__work *work, const tg_agent_event *event,
                                    tg_error *err);
tg__agent_handler tg__agent_on_ended, tg__agent_on_failed, tg__agent_on_fetched,
    tg__agent_on_fetch_failed;
tg__agent_handler tg__agent_on_spilled, tg__agent_on_spill_failed, tg__agent_on_loaded,
    tg__agent_on_load_failed, tg__agent_on_wanted;
tg_status tg__agent_on_job(tg_agent *agent, const tg_agent_event *event, tg_error *err);
tg_status tg__agent_on_restart(tg_agent *agent, const tg_agent_event *event, tg_error *err);

typedef tg_status tg__agent_hearer(tg_agent *agent, tg__work *work, const tg_message *message,
                                   tg_error *err);
tg__agent_hearer tg__agent_hear_assign, tg__agent_hear_revoke, tg__agent_hear_locate,
    tg__agent_hear_take, tg__agent_hear_free;
tg__agent_hearer tg__agent_hear_drop;

#endif
