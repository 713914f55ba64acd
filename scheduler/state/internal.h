/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_STATE_INTERNAL_H
#define TG_STATE_INTERNAL_H
/*
 * What: what the files of scheduler/state share: the tables, and who calls whom. See state.h for
 * what it is all for. A step goes: the event's handler (state.c has the table), then what is due
 * by time (watch.c), then placing (place.c), then the actions are put in order (out.c).
 *
 * Handlers first check, then reserve all memory they can need, then change: so that an event is
 * taken whole or not at all. Placing reserves range by range, and stops when there is none.
 *
 * Workers are spoken of by slot, a small number that the next worker may inherit; no slot of a dead
 * worker is left in any table that is read.
 *
 * Ownership: all belongs to the tg_sched. Threads: one. Errors: as in state.h.
 */
#include "scheduler/state/index.h"
#include "scheduler/state/state.h"

typedef enum tg__life {
    TG__HOME,     /* never assigned: in somebody's home */
    TG__RETURNED, /* to be assigned again */
    TG__ASSIGNED, /* to `owner` */
    TG__ENDED     /* at `owner`, which has the tile if it is held */
} tg__life;

enum {
    TG__LIFE = 3,    /* mask of the above */
    TG__HELD = 4,    /* the tile is there, and wanted */
    TG__EXTRA = 8,   /* assigned after it had returned */
    TG__SHARED = 16, /* a reader ended elsewhere than the tile's holder, which so does not know */
    TG__HANDED = 32, /* the client has the result, or it was in a store when the job was taken up */
    TG__NOTED = 64,  /* has a note: see blame.c */
    TG__TWIN = 128   /* there is a second worker that was assigned it: see straggler.c */
};

typedef struct tg__task {
    uint32_t need;  /* readers that have not ended */
    uint32_t wait;  /* until it has ended: inputs that are not held */
    uint16_t owner; /* slot */
    uint8_t flags;
} tg__task;

/* How an assigned task counts against its worker's credit. */
typedef enum tg__class { TG__FRESH, TG__AGAIN, TG__BLOCKED, TG__CLASSES } tg__class;

/* A worker's part in a job. */
typedef struct tg__part {
    uint32_t lo, hi; /* its home; outlives the worker, for others to take */
    uint32_t count[TG__CLASSES];
    uint32_t held;             /* tiles */
    int64_t load[TG__CLASSES]; /* ns of work that the counts stand for */
    bool planned;              /* it has the plan */
    bool past; /* it had a part before: what has ended there then counts with it, not here */
} tg__part;

typedef struct tg__note {
    uint32_t task;
    uint32_t marks, deaths, retries;
    uint64_t prefer;     /* the worker that shall make it; 0: any (ids of workers are not 0) */
    uint64_t victims[4]; /* the last workers that died while it ran alone */
} tg__note;

typedef struct tg__twin {
    uint32_t task;
    uint16_t slot;
} tg__twin;

typedef struct tg__stage {
    int64_t busy_ns, tasks; /* of the last about 1,000 tasks */
} tg__stage;

typedef struct tg__job {
    uint64_t id;
    tg_sched_job spec;
    bool keeps, released, finished;
    tg__task *task;
    tg__part *part;   /* by slot; sched->slot_capacity of them */
    tg__stage *stage; /* by stage; the last is all of them together */
    uint32_t ended;
    uint32_t low;                 /* the lowest that has not ended */
    uint32_t home_left;           /* tasks in homes */
    uint32_t returned;            /* that may be assigned as usual */
    uint32_t suspects;            /* returned ones that must run alone */
    uint32_t hint;                /* no returned task is below */
    uint32_t assigned;            /* of all workers */
    int64_t load;                 /* of all workers */
    int64_t cost;                 /* ns of credit that one task takes */
    size_t place;                 /* in the queue, from 1; 0: has nothing to assign */
    int64_t progress_ns, told_ns; /* STUCK was said */
    uint64_t retries, deaths;
    tg__note *notes; /* by task */
    size_t note_count, notes_capacity;
    tg__twin *twins;
    size_t twin_count, twins_capacity;
} tg__job;

typedef struct tg__run {
    tg__job *job;
    uint32_t task;
    int64_t since_ns;
} tg__run;

typedef struct tg__worker {
    uint64_t id;
    bool alive, draining, full;
    bool reserved;  /* kept empty for a task that must run alone */
    bool looked;    /* is in sched->look */
    bool scan;      /* drains, and has tiles that nobody takes yet */
    bool dismissed; /* was told so */
    uint32_t threads;
    int64_t memory_bytes, heard_ns;
    uint32_t outstanding; /* assigned, of all jobs */
    uint32_t ready;       /* those of them that are not blocked */
    uint32_t held;        /* tiles, of all jobs */
    int64_t asked_ns;     /* until when what was called back from it is waited for */
    int64_t load[TG__CLASSES];
    uint64_t stamp;
    tg__job *alone; /* NULL, or what runs alone here */
    uint32_t alone_task;
    tg__run *runs;
    size_t run_count, runs_capacity;
} tg__worker;

typedef struct tg__take {
    tg__job *job;
    uint32_t task;
    uint16_t slot; /* who takes it */
} tg__take;

struct tg_sched {
    tg_sched_options options;
    int64_t now_ns;
    tg__worker *worker; /* by slot */
    uint32_t slot_capacity;
    uint16_t slot_count;
    uint32_t alive;   /* workers */
    uint32_t threads; /* of those that may be given tasks; found when all are looked at */
    uint16_t *look;   /* slots that may have room; as many as slots */
    size_t look_count;
    bool look_all, postponed;
    bool held_back; /* the lowest task of a job, while there is one of a higher priority */
    uint32_t reserved, draining;
    uint64_t stamp;
    uint32_t suspects, returned; /* over all jobs */
    uint32_t outstanding;        /* over all workers */
    tg__index workers, jobs;
    tg__job **queue; /* jobs with something to assign: a heap */
    size_t queue_count, queue_capacity;
    tg__take *takes;
    size_t take_count, takes_capacity;
    int64_t lease_due_ns, stuck_due_ns, straggler_due_ns, begin_due_ns, steal_due_ns;
    tg_sched_action *actions;
    size_t action_count, actions_capacity;
    bool messages;
};

/* --- out.c: actions -----------------------------------------------------------------------------
 */

TG_MUST_USE tg_status tg__out_reserve(tg_sched *sched, uint64_t more, tg_error *err);
/* Within what was reserved. Returns the action, for what is rarely filled. */
tg_sched_action *tg__emit(tg_sched *sched, tg_sched_action_kind kind, uint64_t worker,
                          const tg__job *job, uint32_t lo, uint32_t hi, uint64_t holder);
void tg__say(tg_sched *sched, tg_sched_action *action, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Takes back what was said to workers about a job that is dropped in the same step. */
void tg__out_forget(tg_sched *sched, const tg__job *job);
void tg__out_clear(tg_sched *sched);
void tg__out_finish(tg_sched *sched);

/* --- task.c: one task and its neighbours --------------------------------------------------------
 */

static inline tg__life
tg__life_of(const tg__task *task)
{
    return (tg__life)(task->flags & TG__LIFE);
}

static inline void
tg__set_life(tg__task *task, tg__life life)
{
    task->flags = (uint8_t)((task->flags & ~TG__LIFE) | life);
}

static inline uint32_t
tg__succ_count(const tg__job *job, uint32_t t)
{
    const tg_tasks *g = job->spec.tasks;
    return (uint32_t)(g->succ_start[t + 1] - g->succ_start[t]);
}

/* A result that the client still wants, whoever reads it besides. */
static inline bool
tg__kept(const tg__job *job, uint32_t t)
{
    return job->keeps && !job->released && job->spec.kept[job->spec.stage[t]] != 0;
}

/* It must run for its own sake: its result is wanted, or it writes to a store. */
static inline bool
tg__effect(const tg__job *job, uint32_t t)
{
    const tg_sched_job *spec = &job->spec;
    return spec->kept[spec->stage[t]] != 0 || tg__succ_count(job, t) == 0 ||
           (spec->stored != NULL && spec->stored[spec->stage[t]] != 0);
}

static inline tg__class
tg__class_of(const tg__task *task)
{
    return task->wait != 0 ? TG__BLOCKED : task->flags & TG__EXTRA ? TG__AGAIN : TG__FRESH;
}

void tg__count(tg_sched *sched, tg__job *job, uint16_t slot, tg__class class, int32_t delta);
/* Assigned -> returned, or to the twin. */
void tg__unassign(tg_sched *sched, tg__job *job, uint32_t t);
/* Has nobody to run it: goes to its twin, or into the set of returned tasks. */
void tg__return(tg_sched *sched, tg__job *job, uint32_t t);
/* Into that set. */
void tg__give_back(tg_sched *sched, tg__job *job, uint32_t t);
/* Takes it out of that set. */
void tg__take_back(tg_sched *sched, tg__job *job, uint32_t t);
/* The task has ended at `slot`, whatever it was. Reserved: tg__end_actions(). */
void tg__end(tg_sched *sched, tg__job *job, uint32_t t, uint16_t slot);
/* A returned task that nobody needs has ended without being run. Reserved: a FREE for each tile of
 * the job that is held. */
void tg__end_unmade(tg_sched *sched, tg__job *job, uint32_t t);
/* The worker has made a tile that another one holds, or nobody needs. If a task there reads it, it
 * is told where the other is: FREE makes it forget. Two actions. */
void tg__free_surplus(tg_sched *sched, tg__job *job, uint32_t t, uint16_t slot);
/* The tile moves to `slot`. Reserved as for tg__end. */
void tg__move(tg_sched *sched, tg__job *job, uint32_t t, uint16_t slot);
/* Lets the tile go if nobody needs it. One action. */
void tg__release(tg_sched *sched, tg__job *job, uint32_t t);
/* The tile is lost: its readers wait for one thing more. */
void tg__missing(tg_sched *sched, tg__job *job, uint32_t t);
/* How many actions the ends of a range of tasks may take. */
uint64_t tg__end_actions(const tg_sched *sched, const tg__job *job, tg_range range);

/* --- job.c --------------------------------------------------------------------------------------
 */

/* NULL: not there. */
tg__job *tg__job_find(const tg_sched *sched, uint64_t id);
/* Only its memory. NULL is allowed. */
void tg__job_free(const tg_sched *sched, tg__job *job);
/* Reserved: tg__drop_actions(). Frees the job. */
void tg__job_drop(tg_sched *sched, tg__job *job);
/* FINISHED with a message of `code`, then as tg__job_drop. */
void tg__job_abort(tg_sched *sched, tg__job *job, tg_status code, const char *message);
/* If all tasks have ended: FINISHED; and dropped, if it keeps nothing. True: it is no more. */
bool tg__job_finish(tg_sched *sched, tg__job *job);
uint64_t tg__drop_actions(const tg_sched *sched);
/* Its tasks may not be assigned yet. */
static inline bool
tg__waits(const tg_sched *sched, const tg__job *job)
{
    return sched->now_ns < job->spec.begin_ns;
}
TG_MUST_USE tg_status tg__ranges_check(const tg_sched_event *event, const tg__job *job,
                                       tg_error *err);

/* --- worker.c -----------------------------------------------------------------------------------
 */

/* May be given tasks. */
static inline bool
tg__able(const tg__worker *w)
{
    return w->alive && !w->draining && !w->full && !w->reserved;
}

/* Threads with nothing to run, but for what may be given to them. */
static inline uint32_t
tg__spare_threads(const tg__worker *w)
{
    return tg__able(w) && w->ready < w->threads ? w->threads - w->ready : 0;
}

static inline bool
tg__fits(const tg__job *job, const tg__worker *w)
{
    return w->memory_bytes >= job->spec.peak_bytes;
}

TG_MUST_USE tg_status tg__worker_slot(const tg_sched *sched, uint64_t id, uint16_t *slot,
                                      tg_error *err);
typedef enum tg__going { TG__DIED, TG__EXPIRED, TG__LEFT } tg__going;
TG_MUST_USE tg_status tg__worker_lose(tg_sched *sched, uint16_t slot, tg__going how, tg_error *err);
/* Asks for all it has not started. Reserved: tg__revoke_actions(). */
void tg__worker_revoke(tg_sched *sched, uint16_t slot);
uint64_t tg__revoke_actions(const tg_sched *sched, uint16_t slot);
void tg__run_remove(tg__worker *w, const tg__job *job, uint32_t task);

/* --- lineage.c ----------------------------------------------------------------------------------
 */

/* The task has ended otherwise than by running: what only it needed is not run. Reserved as for
 * tg__end_unmade. */
void tg__lineage_spare(tg_sched *sched, tg__job *job, uint32_t t);
/* All that the dead worker had of the job returns, and what that needs. */
void tg__lineage_worker(tg_sched *sched, tg__job *job, uint16_t slot);
/* A held tile is lost. */
void tg__lineage_tile(tg_sched *sched, tg__job *job, uint32_t t);

/* --- blame.c ------------------------------------------------------------------------------------
 */

tg__note *tg__note_find(const tg__job *job, uint32_t t);
/* The caller has grown job->notes. */
tg__note *tg__note_get(tg__job *job, uint32_t t);
void tg__note_forget(tg__job *job, uint32_t t);
bool tg__suspect(const tg_sched *sched, const tg__job *job, uint32_t t);
/* Marks what a dead worker may have been running. */
void tg__blame(tg__job *job, uint16_t slot);
/* Assigns suspects to workers that are empty, and has workers emptied for them. */
void tg__quarantine(tg_sched *sched);
/* Calls back tasks that run alone and lost an input before they started. */
void tg__quarantine_check(tg_sched *sched);
/* The task that ran alone there is no longer there. */
void tg__alone_over(tg_sched *sched, uint16_t slot);

/* --- place.c, queue.c ---------------------------------------------------------------------------
 */

void tg__look(tg_sched *sched, uint16_t slot);
/* `job`: that the step was about, or one that is not there. */
void tg__place(tg_sched *sched, uint64_t job);
/* Says that the worker has these tasks, and where their inputs are; false: no memory. */
bool tg__tell(tg_sched *sched, tg__job *job, uint16_t slot, tg_range range, bool alone);
/* Says so, and counts them; false: no memory, nothing has changed. */
bool tg__assign(tg_sched *sched, tg__job *job, uint16_t slot, tg_range range, bool alone);
/* Where a returned task shall go rather than to `slot`. */
uint16_t tg__preferred(const tg_sched *sched, const tg__job *job, uint32_t t, uint16_t slot);
/* Where its share puts it; also puts it in, or takes it out. The queue has room for all jobs. */
void tg__queue_update(tg_sched *sched, tg__job *job);
/* Is it given workers first? */
bool tg__job_before(const tg__job *a, const tg__job *b);
/* Does a job of a higher priority have something to assign, and a worker for it? (place.c) */
bool tg__outranked(const tg_sched *sched, const tg__job *job);

/* --- steal.c, straggler.c, share.c, watch.c -----------------------------------------------------
 */

/* The worker was looked at: if threads of it have nothing, others may soon be asked for theirs. */
void tg__steal_soon(tg_sched *sched, uint16_t slot);
void tg__steal(tg_sched *sched);

/* The other worker of a task with TG__TWIN. */
tg__twin *tg__twin_find(const tg__job *job, uint32_t t);
void tg__twin_remove(tg_sched *sched, tg__job *job, tg__twin *twin);
void tg__stragglers(tg_sched *sched);
void tg__stragglers_soon(tg_sched *sched);

/* NULL: `slot` was not asked to take it. */
tg__take *tg__take_find(const tg_sched *sched, const tg__job *job, uint32_t t, uint16_t slot);
void tg__take_remove(tg_sched *sched, tg__take *take);
/* Those of a job, or (NULL) those of a slot. */
void tg__takes_forget(tg_sched *sched, const tg__job *job, uint16_t slot);
/* Has the tiles of workers that drain taken, and dismisses those without. */
void tg__drain(tg_sched *sched);
void tg__drain_scan_all(tg_sched *sched);

void tg__watch(tg_sched *sched);

/* --- events -------------------------------------------------------------------------------------
 */

typedef tg_status tg__handler(tg_sched *sched, const tg_sched_event *event, tg_error *err);
tg__handler tg__on_joined, tg__on_heard, tg__on_gone, tg__on_drains, tg__on_full;
tg__handler tg__on_submitted, tg__on_cancelled, tg__on_released, tg__on_client_gone, tg__on_handed;
tg__handler tg__on_attached, tg__on_done, tg__on_started, tg__on_failed, tg__on_lost;
tg__handler tg__on_revoked, tg__on_holds;

#endif
