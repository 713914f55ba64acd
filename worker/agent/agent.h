/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_AGENT_AGENT_H
#define TG_AGENT_AGENT_H
/*
 * What: one worker as a pure state machine: an event goes in, actions come out. It is the worker's
 * side of the contract in scheduler/state/state.h ("What a worker is told, and does by itself",
 * "Leaving"): it knows which tasks are to be run here, which of their inputs are here, and which
 * tile is where; it decides what starts, what is fetched, what goes to disk and what is forgotten.
 * It knows no socket, thread, clock, file or buffer; it never sees the content of a tile. The
 * daemon, a session that listens and the simulator drive this same code.
 *
 *     the shell     tg_agent_step(agent, now, event)     what came in, or what has ended
 *                   action, action, ...                  to be carried out in this order
 *
 * What runs. A task that is assigned waits for the inputs that are not here; the others are ready,
 * and start in the order of their numbers, jobs in turn. No more are started than there are
 * threads, and a few that are queued behind them so that a thread need not wait for the loop: as
 * many as take `queue_ns`, none where tasks are long. A task that is to run alone starts when
 * nothing runs, and nothing starts beside it.
 *
 * Memory law. At any time
 *
 *     tiles in memory + what started tasks may need + fetches and loads under way <= memory_limit
 *
 * counted with what a stage may need at most, until a tile's size is known. Of stages whose sizes
 * depend on the data (`growth`) that may be far beyond the limit: their tasks are counted with what
 * their inputs, which are there, let them take, or alone with all that these leave; one that takes
 * more finds no room, and FAILED says so. Their tiles are fetched into what is expected; a longer
 * one is not taken in, but tells its size, and has its room the next time. Where something does not
 * fit, what is cold goes: the tile read latest next by the tasks that are assigned here. One
 * that is on disk already, or is a copy of another worker's, is forgotten (and fetched again);
 * another is spilled. Nothing goes that a started task reads.
 *   - A tile on disk is loaded when the task that reads it is about to start.
 *   - Tiles of others are fetched in the order of their first readers, into the room there is; but
 *     several at a time only if the largest tile still fits beside them, so that two workers which
 *     wait for each other's tiles can load them.
 *   - Only what is read later is pushed out; by a task that has all its inputs here also what older
 *     ones read, when nothing is under way: for it ends, and they may be waiting for other workers.
 *   - Once something did not fit, the oldest comes first, and what is younger waits until it has
 *     its room: by the number of the job, then of the task, which is the same order everywhere. So
 *     the lowest task of a cluster always proceeds: what it waits for ends, or can be pushed out.
 *   - A task that would not fit alone is FAILED, and the text says what limit would be enough.
 *   - A fetch that finds no memory here, though there is room for it by this law (what is being
 * sent to others is beside it), is begun again after a while, some seconds long; so are those that
 *     cannot begin. Then the first task that waits for it is FAILED, as one that may pass
 * elsewhere. It is not LOST: its holder has it.
 *
 * Disk. A spill that fails, or would go beyond spill_bytes, loses nothing: the tile stays, FULL is
 * said, so that the scheduler calls back what has not started and gives nothing new. After retry_ns
 * it is tried again; FULL is taken back when a spill went well or most of the memory is free. With
 * spill_bytes 0 nothing is spilled: where a task finds no room, with nothing under way, tiles of
 * younger jobs that are no results are LOST, and made again, so that of several jobs the oldest
 * always goes on; one that finds none for patience_ns all the same is FAILED as one that may pass
 * elsewhere. A tile that cannot be read back is LOST.
 *
 * What is said. Ends are collected and said as ranges after batch_ns, or as soon as nothing runs;
 * if they are few, stage by stage, so that the scheduler learns how long each takes. Every beat_ns
 * a BEAT, and what runs (STARTED). REVOKED, FAILED and LOST go at once, LOST
 * behind the ends that were not said yet: the tile may be among them.
 *
 * Another scheduler. The shell says so right behind JOIN, before it hears anything of the new one;
 * what the agent says while there is none goes nowhere. What was assigned, or was to be fetched,
 * given back and said, is forgotten; what runs goes on. Plans stay, and tiles that were made here:
 * they are said as HELD, of each job at least an empty list, so that it is dropped if nobody knows
 * it any more. The tile of a task that runs is said as HELD too when it ends, unless the task was
 * assigned again meanwhile: then it is DONE. Of no tile this is said twice: see keep_made in
 * task.c.
 *
 * What the shell does. It carries out actions in their order, before the next step. Each START,
 * FETCH, SPILL and LOAD is answered by exactly one event, also when the job was dropped meanwhile.
 * It has a table of tiles by job and task; what a started task reads stays there until the task is
 * answered. A tile that no task reads and that is no result never gets into the table. A tile that
 * is just sent to another worker is held by its buffer, not by the agent: it may be forgotten. Who
 * waits for a tile that was loaded gets it before the step of TG_AGENT_LOADED.
 *
 * Ownership: the agent owns copies of all it is given, except a job's arrays and graph, which must
 * live until TG_DO_CLOSE is carried out, and the text of an event, until the next step. Threads:
 * one at a time. Errors: an event that breaks a rule (a job without a plan, a range beyond the
 * graph, a task assigned twice, an answer to nothing) is refused with TG_ERR_VALUE and changes
 * nothing: the shell leaves that scheduler. TG_ERR_MEMORY: nothing has changed; the event may be
 * tried again. Too little memory to go on with what is known is no error: the deadline says when it
 * is tried again.
 */
#include "core/plan/plan.h"
#include "core/wire/message.h"

typedef struct tg_agent tg_agent;

typedef struct tg_agent_options {
    uint64_t self;        /* the number of this worker; 0: TG_AGENT_RESTART brings it */
    uint32_t threads;     /* that run tasks */
    int64_t memory_limit; /* for tiles and tasks; 0: none */
    int64_t spill_bytes;  /* on disk at most; 0: nothing is spilled */
    int64_t batch_ns;     /* 0: 5 ms */
    int64_t beat_ns;      /* 0: 500 ms; of a short lease a sixth */
    int64_t queue_ns;     /* work queued ahead of each thread; 0: 1 ms; < 0: none */
    int64_t retry_ns;     /* until a full disk is tried again; 0: 1 s */
    int64_t patience_ns;  /* 0: 2 s */
} tg_agent_options;

/* What the agent has to know of a job's plan. Arrays are borrowed as the graph is. */
typedef struct tg_agent_job {
    const tg_tasks *tasks; /* frozen */
    const uint16_t *stage; /* by task */
    uint32_t stage_count;
    const uint8_t *kept;       /* by stage: its tiles are results that the client fetches */
    const int64_t *out_bytes;  /* by stage: upper bound of a tile */
    const int64_t *need_bytes; /* by stage: upper bound of what a running task takes, with its tile,
                                  without the tiles that it reads */
    const tg_plan_growth *growth; /* by stage; NULL: no size depends on the data */
} tg_agent_job;

typedef enum tg_agent_event_kind {
    TG_AGENT_JOB,          /* job, spec: its plan came, and was expanded; before all else about it.
                              spec NULL: it cannot be run here, because of code and text */
    TG_AGENT_MESSAGE,      /* message: WELCOME, ASSIGN, REVOKE, LOCATE, TAKE, FREE, DROP or DISMISS
                            */
    TG_AGENT_ENDED,        /* job, task, bytes, busy_ns: its tile is in the table */
    TG_AGENT_FAILED,       /* job, task, code, text, flag: it may pass another time */
    TG_AGENT_FETCHED,      /* job, task, bytes: it came; TG_DO_KEEP puts it into the table, and
                              without that it is let go */
    TG_AGENT_FETCH_FAILED, /* job, task; bytes: it has so many, more than it was fetched into; or 0;
                              flag: for want of something here, as code and text say */
    TG_AGENT_SPILLED,      /* job, task, bytes: on disk, and still in memory */
    TG_AGENT_SPILL_FAILED, /* job, task */
    TG_AGENT_LOADED,       /* job, task: in memory, and still on disk */
    TG_AGENT_LOAD_FAILED,  /* job, task: what was on disk is not what was written */
    TG_AGENT_WANTED,       /* job, task: another one asks for a tile that is TG_AGENT_ON_DISK */
    TG_AGENT_DRAIN,        /* it shall leave as soon as its tiles are with others */
    TG_AGENT_RESTART,      /* worker: it is that one now, for a new scheduler or the old one */
    TG_AGENT_TIME,         /* nothing but the time */
    TG_AGENT_EVENTS
} tg_agent_event_kind;

typedef struct tg_agent_event {
    tg_agent_event_kind kind;
    uint64_t job, worker;
    uint32_t task;
    const tg_agent_job *spec;
    const tg_message *message;
    int64_t bytes, busy_ns;
    tg_status code;
    const char *text;
    bool flag;
} tg_agent_event;

typedef enum tg_agent_action_kind {
    TG_DO_SAY,    /* message: to the scheduler */
    TG_DO_START,  /* job, task, flag: alone; may_exceed: it has all the room there is, and nobody
                     knows whether that is enough. All it reads is in the table */
    TG_DO_FETCH,  /* job, task, peer, address, bytes (at most) */
    TG_DO_CANCEL, /* job, task: the fetch is not needed any more; it is answered all the same */
    TG_DO_KEEP,   /* job, task: what was fetched goes into the table */
    TG_DO_SPILL,  /* job, task: write it to disk */
    TG_DO_LOAD,   /* job, task: read it from there */
    TG_DO_FORGET, /* job, task, flag: from memory; else from disk */
    TG_DO_DROP,   /* job: forget all its tiles in both; what has not begun need not */
    TG_DO_CLOSE,  /* job: nothing of it is under way: its plan may be freed */
    TG_DO_LEAVE   /* the scheduler needs nothing of this worker any more */
} tg_agent_action_kind;

typedef struct tg_agent_action {
    tg_agent_action_kind kind;
    bool flag, may_exceed;
    uint32_t task;
    uint64_t job, peer;
    int64_t bytes;
    const char *address; /* these two are valid until the next step */
    const tg_message *message;
} tg_agent_action;

TG_MUST_USE tg_status tg_agent_create(const tg_agent_options *options, tg_agent **out,
                                      tg_error *err);
void tg_agent_destroy(tg_agent *agent);

/* One step. `now_ns` never goes back. *actions gets what is to be done, valid until the next. */
TG_MUST_USE tg_status tg_agent_step(tg_agent *agent, int64_t now_ns, const tg_agent_event *event,
                                    const tg_agent_action **actions, size_t *count, tg_error *err);
/* When to step with TG_AGENT_TIME at the latest; INT64_MAX: nothing is timed. */
int64_t tg_agent_deadline(const tg_agent *agent);

/* Has this worker the tile, for another one that asks for it? */
typedef enum tg_agent_place {
    TG_AGENT_NO,        /* not, or no longer */
    TG_AGENT_IN_MEMORY, /* in the table */
    TG_AGENT_ON_DISK    /* step with TG_AGENT_WANTED, and ask again when it was loaded */
} tg_agent_place;
tg_agent_place tg_agent_serves(const tg_agent *agent, uint64_t job, uint32_t task);

typedef struct tg_agent_load {
    int64_t memory_bytes; /* by the memory law */
    int64_t disk_bytes;   /* that hold tiles */
    int64_t busy_ns;      /* of threads, in all */
    uint32_t jobs;        /* with a plan; those that end are still counted */
    uint32_t assigned;    /* tasks that have not started */
    uint32_t started;     /* and not ended */
    bool full;
} tg_agent_load;
void tg_agent_load_of(const tg_agent *agent, tg_agent_load *out);

/* The whole state as JSON, for `tg dump` and for failing simulations. Freed with tg_free(NULL,
 * text, *capacity). */
TG_MUST_USE tg_status tg_agent_dump(const tg_agent *agent, char **text, size_t *capacity,
                                    tg_error *err);
/* Everything that must be true between steps, checked in O(tasks): for tests and the simulator.
 * NULL, or what is broken; valid for ever. */
const char *tg_agent_check(const tg_agent *agent);
/* Bytes held, without the graphs. */
int64_t tg_agent_bytes(const tg_agent *agent);

#endif
