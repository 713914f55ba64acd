/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_SCHEDULER_STATE_H
#define TG_SCHEDULER_STATE_H
/*
 * What: the scheduler as a pure state machine: an event goes in, actions come out. It knows no
 * socket, thread, clock, file or random source, and nothing in it depends on addresses: the same
 * events at the same times give the same actions. The daemon, the embedded scheduler of a session
 * and the simulator drive this same code.
 *
 * Who is who. A job is a graph of tasks that every worker expands from the same plan, so tasks are
 * spoken of by number, and in ranges [lo, hi): numbers are the sweep order, neighbours in it are
 * neighbours in space, and a range of it needs little from outside. A worker is a process; a new
 * process is a new worker, even under an old name. A worker that was declared gone stays gone:
 * what it still says is dropped by the link, below this. Links keep the order of what they carry.
 *
 * What a worker is told, and does by itself. It is assigned ranges, and runs their tasks in the
 * order of their numbers as inputs become available. Each assigned task is answered once: DONE,
 * FAILED, or REVOKED. A tile is spoken of only where two workers share it: LOCATE says that a tile
 * which is read here is ready over there (the newest LOCATE of a tile counts), FREE that a tile
 * which was read elsewhere is needed no more, and that the worker shall forget it, where it is
 * said to be, and that it was to take it. By itself the worker frees
 *   - a tile of its own, not a kept one, once all tasks that read it have ended on it after it was
 *     made; a reader that is assigned anew has not ended;
 *   - its copy of another's tile once no task that it still has to run reads it.
 * If a tile cannot be had from its holder it says LOST, and waits for the next LOCATE. The holder
 * may be the worker itself: when it is assigned a reader of a tile that it made and has freed.
 * A task whose tile it holds already, or gets by TAKE before it has begun, is DONE at once.
 *
 * Placement. At the start of a job the sweep is cut into as many homes as there are workers, by
 * their threads; a worker works through its home from the front. When it is empty it takes the back
 * half of the largest home that is left (homes only shrink, so this ends). A worker has at most
 * `credit` tasks assigned that are ready and have not ended, so that a home stays mostly with the
 * scheduler, and taking from it needs nobody's consent; what waits for others' tiles is counted
 * apart, with more room. When homes are empty and a worker has nothing for 5 ms, half of the tasks
 * that wait for the threads of another are called back for it. Tasks that come back (a dead
 * worker's, lost tiles) go first, on a credit of their own, the lowest number first: all others may
 * be waiting for them. Of several jobs the one of the highest priority goes next; of equals, the
 * one that has the least assigned work.
 *
 * Progress. The lowest task of a job that has not ended has all inputs ready, or lost and coming
 * back. It needs no room: if it is not assigned, it is assigned, at once, unless a job of a higher
 * priority has something to assign, and is not STUCK. It is then the oldest of its worker, which
 * runs it. So while one worker lives that may be given tasks, something runs.
 *
 * Lineage. A tile lives with the worker that made it. When that is gone, the tile's task returns if
 * any task that has not ended reads it, or if it is a kept result that was not handed over; and so
 * on backwards, to what those need in turn. What was written to a store is never made again.
 *
 * Blame. The death of a worker is no proof against the tasks that it may have been running: they
 * return, with a mark. A task with `suspect_after` marks runs alone: its worker gets nothing else
 * while it runs. Only a death while it runs alone counts; after `deaths_max` of these the job
 * fails, and says which stage and task, on which workers.
 *
 * Stragglers. When a job has nothing left to assign and a task has run `straggler_factor` times as
 * long as tasks of its stage take (and `straggler_least`), it is also assigned to an idle worker;
 * the first end counts, the other is revoked.
 *
 * Leaving. What a worker that drains, or whose disk is full, has not started is revoked and goes to
 * others. Tiles of one that drains are taken by others, and then it is dismissed.
 *
 * Going on. After a scheduler was started again its jobs are submitted anew, with what is safe in a
 * store or with the client. All that is left counts as returned, there are no homes: what is where
 * is decided by what workers, which come back, say that they hold. `begin_ns` gives them the time;
 * a tile that is said later is taken if it is still wanted.
 *
 * Ownership: the scheduler owns copies of all it is given, except a job's arrays and graph, which
 * must live until DROPPED is acted. Threads: one at a time. Errors: an event that breaks a rule (an
 * unknown worker, a range beyond the graph) is refused with TG_ERR_VALUE and changes nothing: the
 * caller drops that peer. What is said of a job that is not there is no error: it crossed its end.
 * TG_ERR_MEMORY: nothing has changed; the caller may refuse the job, or stop. Too little memory to
 * place tasks is no error: the deadline says when it is tried again.
 */
#include "core/graph/graph.h"

typedef struct tg_sched tg_sched;

typedef struct tg_sched_options {
    int64_t lease_ns;        /* a worker not heard of for so long is gone; 0: 15 s */
    int64_t stuck_ns;        /* no progress of a job for so long: STUCK; 0: 60 s */
    int64_t straggler_least; /* ns; 0: 2 s; < 0: never assign twice */
    double straggler_factor; /* 0: 3 */
    uint32_t credit_tasks;   /* per thread; 0: 64; before any duration is known: 2 */
    int64_t credit_ns;       /* so much work per thread, but at least one task; 0: 200 ms */
    uint32_t suspect_after;  /* 0: 2 */
    uint32_t deaths_max;     /* 0: 3 */
    uint32_t retries_max;    /* of a task that failed with an error that may pass; 0: 3 */
} tg_sched_options;

/* What the scheduler has to know of a job's plan. Arrays are borrowed as the graph is. */
typedef struct tg_sched_job {
    uint64_t client;
    uint64_t label;        /* the job's number in dumps */
    double priority;       /* finite: the highest goes first */
    const tg_tasks *tasks; /* frozen */
    const uint16_t *stage; /* by task */
    uint32_t stage_count;
    const uint8_t *kept;   /* by stage: its tiles are results that the client fetches */
    const uint8_t *stored; /* by stage: its tasks write to a store; NULL: none that is read does */
    int64_t peak_bytes;    /* what one worker must have at least */
    /* A job that goes on after a scheduler was started again; else false and 0. */
    bool again;           /* of former tasks some tiles may be with workers, who say so */
    const uint8_t *ended; /* by task, the lowest bit of each byte first: its result is in a store
                             or with the client. Only read at once; NULL: none is */
    int64_t begin_ns;     /* nothing is assigned before, so that workers can come back */
} tg_sched_job;

typedef enum tg_sched_event_kind {
    TG_EVENT_WORKER_JOINED, /* worker (not 0), threads, memory_bytes */
    TG_EVENT_WORKER_HEARD,  /* worker: any sign of life */
    TG_EVENT_WORKER_GONE,   /* worker: its connection is closed for good; flag: it said goodbye,
                               so that its tasks are not to blame */
    TG_EVENT_WORKER_DRAINS, /* worker: it takes nothing new and wants to leave */
    TG_EVENT_WORKER_FULL,   /* worker, flag: its spill disk is full: give it nothing new (false:
                               it has room again) */
    TG_EVENT_JOB_SUBMITTED, /* job, spec; a number that was never used before */
    TG_EVENT_JOB_CANCELLED, /* job */
    TG_EVENT_JOB_RELEASED,  /* job: its kept results may go */
    TG_EVENT_CLIENT_GONE,   /* client: all its jobs are cancelled */
    TG_EVENT_DONE,          /* worker, job, ranges, busy_ns: tasks ended there, busy_ns in all; of
                               one stage, if their durations shall be told apart */
    TG_EVENT_STARTED,       /* worker, job, ranges: tasks that run there now (all of this job) */
    TG_EVENT_FAILED,        /* worker, job, task, code, message, flag: it may pass (retry) */
    TG_EVENT_LOST,          /* worker, job, task, holder: the tile could not be had from `holder` */
    TG_EVENT_REVOKED,       /* worker, job, ranges: given back, they had not started */
    TG_EVENT_HANDED,        /* job, ranges: the client holds these results now */
    TG_EVENT_TIME,          /* nothing but the time */
    TG_EVENT_JOB_ATTACHED,  /* job, client: it belongs to that one now, who is told what there is */
    TG_EVENT_WORKER_HOLDS,  /* worker, job, ranges: it has these tiles; of a job with `again`, or
                               when  it had been given up for dead */
    TG_EVENT_KINDS
} tg_sched_event_kind;

typedef struct tg_sched_event {
    tg_sched_event_kind kind;
    uint64_t worker, job, client, holder;
    uint32_t threads;
    int64_t memory_bytes, busy_ns;
    const tg_sched_job *spec;
    const tg_range *ranges; /* ascending, apart from each other */
    size_t range_count;
    uint32_t task;
    tg_status code;
    const char *message;
    bool flag;
} tg_sched_event;

/* In the order in which the actions of one step come. */
typedef enum tg_sched_action_kind {
    TG_ACTION_FREE,   /* worker, job, range: tiles nobody needs any more */
    TG_ACTION_REVOKE, /* worker, job, range: give back what has not started, answer REVOKED; what
                         has started goes on to its own answer */
    TG_ACTION_DROP,   /* worker, job: forget the job and all its tiles; answer nothing any more */
    TG_ACTION_PLAN,   /* worker, job: send it the plan; comes before all else about that job */
    TG_ACTION_ASSIGN, /* worker, job, range; flag: alone */
    TG_ACTION_LOCATE, /* worker, job, range, holder: fetch these tiles there */
    TG_ACTION_TAKE,   /* worker, job, range, holder: fetch these tiles and keep them instead of the
                         holder, which leaves; answer DONE, or LOST */
    TG_ACTION_RESULT, /* client, job, range, holder: these results can be fetched there */
    TG_ACTION_FINISHED, /* client, job, code, message: TG_OK, or why it failed */
    TG_ACTION_DROPPED,  /* job: the graph may be freed */
    TG_ACTION_STUCK,    /* client, job, message: no progress, and what is waited for */
    TG_ACTION_DISMISS,  /* worker: it may leave: nothing of it is needed any more */
    TG_ACTION_EXPEL     /* worker: its lease is over: close its connection */
} tg_sched_action_kind;

typedef struct tg_sched_action {
    tg_sched_action_kind kind;
    tg_status code;
    uint64_t worker, job, client, holder;
    tg_range range;
    char *message; /* NULL, or valid until the next step */
    bool flag;
} tg_sched_action;

TG_MUST_USE tg_status tg_sched_create(const tg_sched_options *options, tg_sched **out,
                                      tg_error *err);
void tg_sched_destroy(tg_sched *sched);

/*
 * One step. `now_ns` never goes back. *actions gets what is to be done, in this order, valid until
 * the next step; neighbouring ranges are joined. An action concerns peers that are there at the
 * time; whoever carries it out drops it if the peer has gone meanwhile.
 */
TG_MUST_USE tg_status tg_sched_step(tg_sched *sched, int64_t now_ns, const tg_sched_event *event,
                                    const tg_sched_action **actions, size_t *count, tg_error *err);
/* When to step with TG_EVENT_TIME at the latest; INT64_MAX: nothing is timed. */
int64_t tg_sched_deadline(const tg_sched *sched);

typedef struct tg_sched_progress {
    uint32_t tasks, ended, running; /* running: assigned and not ended */
    uint64_t retries, deaths;       /* tasks that came back; workers that died with tasks */
} tg_sched_progress;
/* false: no such job. */
bool tg_sched_progress_of(const tg_sched *sched, uint64_t job, tg_sched_progress *out);

typedef struct tg_sched_worker {
    uint32_t assigned, running, held; /* tasks; tasks that it said run; tiles that are wanted */
    bool draining, full;
    int64_t heard_ns;
} tg_sched_worker;
/* false: no such worker. */
bool tg_sched_worker_of(const tg_sched *sched, uint64_t worker, tg_sched_worker *out);

/* The whole state as JSON, for `tg dump` and for failing simulations. Freed with tg_free(NULL,
 * text, *capacity). */
TG_MUST_USE tg_status tg_sched_dump(const tg_sched *sched, char **text, size_t *capacity,
                                    tg_error *err);
/* Everything that must be true between steps, checked in O(tasks): for tests and the simulator.
 * NULL, or what is broken; valid for ever. */
const char *tg_sched_check(const tg_sched *sched);
/* Bytes held, without the graphs. */
int64_t tg_sched_bytes(const tg_sched *sched);

#endif
