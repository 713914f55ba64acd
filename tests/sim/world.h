/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_SIM_WORLD_H
#define TG_SIM_WORLD_H
/*
 * What: what the files of the simulator share: the world, its clock and queue, hosts with a worker
 * each, jobs with their clients.
 *
 * Ownership: all belongs to the world. Threads: one. Errors: sim_fail stops the run.
 */
#include "scheduler/state/state.h"
#include "tests/sim/sim.h"

typedef struct sim_rng {
    uint64_t state;
} sim_rng;

uint32_t sim_u32(sim_rng *rng);
/* In [0, n). */
uint32_t sim_below(sim_rng *rng, uint32_t n);
/* In [0, 1). */
double sim_unit(sim_rng *rng);
bool sim_chance(sim_rng *rng, double p);

/* --- jobs ---------------------------------------------------------------------------------------
 */

typedef struct sim_job {
    uint64_t id, client;
    tg_tasks tasks;
    uint16_t *stage;
    uint8_t *kept; /* by stage */
    uint32_t stage_count;
    int64_t *task_ns;
    uint64_t *value;                      /* of the serial run */
    uint8_t *fails_left;                  /* passing errors to come */
    uint32_t *made;                       /* how often each was begun anew: for planted bugs */
    uint32_t poison, poison_lives, fatal; /* UINT32_MAX: none */
    uint64_t *alone;                      /* by task: the worker that has it alone */
    uint8_t *unlucky; /* by task: workers that died by chance while they had it alone */
    uint8_t *handed;  /* by task: 1 fetching, 2 the client has it */
    uint64_t *offer;  /* by task: the worker that has the result, 0: none */
    uint32_t results, results_handed;
    bool submitted, cancelled, client_gone, finished, released, dropped, persist;
    double priority;
    int64_t peak_bytes;
    tg_status code;
} sim_job;

/* --- workers ------------------------------------------------------------------------------------
 */

enum { SIM_NONE, SIM_TODO, SIM_RUNNING };
enum { SIM_ABSENT, SIM_COPY, SIM_OWN };

typedef struct sim_tile {
    uint8_t task; /* SIM_NONE, SIM_TODO, SIM_RUNNING */
    uint8_t tile; /* SIM_ABSENT, ... */
    bool ended;   /* here */
    bool freed;   /* made here, and freed by itself */
    bool took;    /* from a worker that drains */
    bool fetching;
    uint32_t left;   /* of an own tile: readers that have not ended here */
    uint64_t holder; /* by the newest LOCATE; 0: none */
    uint64_t take;   /* to be taken from; 0: not */
    uint64_t value;
} sim_tile;

typedef struct sim_part {
    sim_job *job; /* NULL: no plan, or dropped */
    bool dropped;
    sim_tile *tile;
    uint32_t todo, low; /* tasks to run; none is below */
    tg_range *done;     /* not said yet */
    size_t done_count, done_capacity;
    int64_t busy_ns;
    bool flush; /* a flush is under way */
} sim_part;

typedef struct sim_host {
    uint64_t id; /* of the worker; 0: none is there */
    bool open;   /* the scheduler has not closed its session */
    bool joined; /* it knows of it */
    bool draining, full;
    uint32_t threads, busy;
    int64_t memory_bytes;
    double slow;
    int64_t paused_until;
    int64_t stalled_until;      /* its link to the scheduler */
    int64_t to_last, from_last; /* delivery of the last message: links keep the order */
    sim_part *part;             /* by job */
    uint64_t alone_job;         /* index + 1 of what runs alone */
    uint32_t alone_task;
} sim_host;

/* --- the world ----------------------------------------------------------------------------------
 */

enum { SIM_IDS = 65536 };
typedef struct sim_event sim_event;
typedef struct sim_world sim_world;
typedef void sim_action(sim_world *w, sim_event *e);

struct sim_event {
    int64_t at;
    uint64_t sequence;
    sim_action *act;
    uint32_t host; /* that it happens on; UINT32_MAX: on none */
    uint64_t id;   /* of the worker there; if it is another one by then, nothing happens */
    uint32_t job, task;
    uint64_t peer, value;
    bool flag;
    tg_sched_event word;    /* to the scheduler; its ranges are owned */
    tg_sched_action action; /* to a worker or client */
};

struct sim_world {
    const sim_options *options;
    sim_result *result;
    sim_rng rng;
    int64_t now;
    uint64_t sequence;
    sim_event **queue;
    sim_event *asked; /* the last one, not yet in the queue */
    size_t queue_count, queue_capacity;
    tg_sched *sched;
    sim_host *host;
    uint32_t host_count;
    uint64_t next_id;
    bool *expelled; /* by id, modulo SIM_IDS */
    sim_job *job;
    uint32_t job_count, jobs_over;
    bool quiet; /* faults are over */
    bool failed;
    char (*lines)[160]; /* the last words */
    size_t line_count;
};

void sim_fail(sim_world *w, const char *format, ...) __attribute__((format(printf, 2, 3)));
void sim_trace(sim_world *w, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* An event after `delay`; the caller fills in the rest. */
sim_event *sim_after(sim_world *w, int64_t delay, sim_action *act);
int64_t sim_delay(sim_world *w);
/* NULL: there is no such worker. */
sim_host *sim_host_of(sim_world *w, uint64_t id);
/* A word of a worker to the scheduler, in order. Copies the ranges. */
void sim_say(sim_world *w, sim_host *host, tg_sched_event word);
/* A word of a client. */
void sim_client_say(sim_world *w, tg_sched_event word, int64_t delay);

/* sim_graph.c */
bool sim_job_make(sim_world *w, sim_job *job, uint32_t index);
void sim_job_free(sim_job *job);
uint64_t sim_value(const sim_job *job, uint32_t t, uint64_t (*of)(void *ctx, uint32_t t),
                   void *ctx);

/* sim_worker.c */
void sim_worker_start(sim_world *w, sim_host *host);
void sim_worker_stop(sim_world *w, sim_host *host);
sim_action sim_worker_hears; /* e->action */
sim_action sim_worker_beats;
/* What the worker waits for, to stderr. */
void sim_worker_show(const sim_world *w, const sim_host *host);
/* What the holder answers to a fetch: false: it has no such tile. */
bool sim_worker_serves(sim_world *w, uint64_t holder, uint32_t job, uint32_t task, uint64_t *value);
/* sim_fault.c */
void sim_crash(sim_world *w, sim_host *host, bool silent);
/* Chance took a worker from what it may have had alone. */
void sim_unlucky(sim_world *w, uint64_t id);
void sim_faults_begin(sim_world *w);
void sim_faults_end(sim_world *w);

#endif
