/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_SIM_WORLD_H
#define TG_SIM_WORLD_H
/*
 * What: what the files of the simulator share: the world, its clock and queue, the scheduler, hosts
 * with a worker each, links to them, clients with their jobs.
 *
 *     sim.c          the clock and the queue; the run, and the judgement at its end
 *     sim_sched.c    the scheduler's shell: journal, expansions; how it crashes and comes back
 *     sim_client.c   clients
 *     sim_net.c      links
 *     sim_worker.c   a worker's shell: the agent, jobs;  sim_table.c  threads, tiles, disk
 *     sim_fault.c    what goes wrong, and when
 *     sim_graph.c    random jobs
 *
 * Ownership: all belongs to the world. Threads: one. Errors: sim_fail stops the run.
 */
#include "core/wire/link.h"
#include "core/wire/message.h"
#include "scheduler/server/server.h"
#include "tests/sim/sim.h"
#include "tests/support/net_model.h"
#include "worker/agent/agent.h"

/* --- jobs ---------------------------------------------------------------------------------------
 */

typedef enum sim_life {
    SIM_TO_COME,
    SIM_ASKED, /* its client wants it; the scheduler was not told, or is another one now */
    SIM_SENT,
    SIM_OVER /* for its client */
} sim_life;

typedef struct sim_job {
    uint64_t id;
    uint32_t client;
    sim_life life;
    int expanded; /* expansions that the scheduler has */
    tg_tasks tasks;
    uint16_t *stage;
    uint8_t *kept, *stored; /* by stage */
    uint8_t *written;       /* by task: it is in its store */
    uint32_t stage_count;
    int64_t *task_ns;
    int64_t *out_bytes, *need_bytes;      /* by stage: bounds */
    tg_plan_growth *growth;               /* by stage */
    bool grows;                           /* any of them */
    int64_t *bytes, *need;                /* by task: of its tile; that it takes while it runs */
    uint64_t *value;                      /* of the serial run */
    uint8_t *fails_left;                  /* passing errors to come */
    uint32_t *made;                       /* how often each was begun anew: for planted bugs */
    uint32_t poison, poison_lives, fatal; /* UINT32_MAX: none */
    uint64_t *alone;                      /* by task: the worker that has it alone */
    uint8_t *unlucky; /* by task: workers that died by chance while they had it alone */
    uint8_t *handed;  /* by task: 1 fetching, 2 the client has it */
    uint64_t *offer;  /* by task: the worker that has the result, 0: none */
    uint32_t results, results_handed;
    bool submitted, cancelled, finished, persist;
    double priority;
    int64_t peak_bytes;
} sim_job;

typedef struct sim_client {
    uint64_t number; /* of its link; 0: it has none */
    bool gone;
} sim_client;

/* --- workers ------------------------------------------------------------------------------------
 */

/* Where a tile is in a worker's shell, and what is under way with it. */
enum {
    SIM_MEMORY = 1,
    SIM_DISK = 2,
    SIM_MADE = 4, /* here, not fetched */
    SIM_STARTED = 8,
    SIM_FETCHING = 16,
    SIM_SPILLING = 32,
    SIM_LOADING = 64,
    SIM_ORPHAN = 128 /* was begun for a scheduler that is gone */
};

/* A job in a worker's shell. */
typedef struct sim_part {
    sim_job *job; /* NULL: no plan */
    bool dropped; /* DROP was said */
    bool again;   /* it comes anew, and waits for CLOSE; what is said of it is kept */
    tg_message_writer backlog;
    uint8_t *tile; /* by task */
    uint64_t *value, *fetched;
    int64_t *lent; /* until when a loaded tile's buffer is held for those that asked */
    int64_t *room; /* of a task that was started; -1: less than it takes */
    int64_t *into; /* of a tile that is being fetched: how long it may be */
    uint32_t under_way;
    uint32_t lo, hi; /* of the tiles that anything was done with */
} sim_part;

typedef struct sim_start {
    uint32_t job, task;
} sim_start;

typedef struct sim_host {
    uint64_t id;     /* of the worker; 0: none is there */
    uint64_t number; /* of its link, by which the scheduler knows it */
    bool late;       /* planted: its agent has not been told of that link */
    bool draining, disk_full;
    uint32_t threads, busy, started;
    int64_t memory_bytes;
    double slow;
    int64_t paused_until;
    net_line line; /* up to the scheduler, and down from it */
    tg_agent *agent;
    tg_link *link;
    tg_message_writer words; /* to be sent */
    int64_t armed_ns;        /* when its timer fires */
    uint64_t armed;          /* which one that is */
    sim_part *part;          /* by job */
    sim_start *queue;        /* started, and waiting for a thread */
    uint32_t queued, queue_capacity;
    int64_t used_bytes; /* by the memory law */
    int64_t disk_bytes;
    uint64_t alone_job; /* index + 1 of what must run alone */
    uint32_t alone_task;
} sim_host;

/* The scheduler's end of a link. */
typedef struct sim_session {
    tg_link *link; /* NULL: there is none yet, or it is closed */
    tg_message_writer words;
    bool joined, closed, dirty;
    uint32_t host;
    uint64_t id; /* of the worker there */
    int64_t armed_ns;
    uint64_t armed;
} sim_session;

/* --- the world ----------------------------------------------------------------------------------
 */

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
    uint64_t epoch; /* of the scheduler that it is for, or from; 0: of any */
    bool at_sched;  /* happens there */
    bool flag;
    unsigned char *frame; /* on a link, or messages; owned */
    size_t frame_bytes;
};

typedef struct sim_file {
    unsigned char *bytes;
    size_t size, capacity;
} sim_file;

struct sim_world {
    const sim_options *options;
    sim_result *result;
    pcg rng;
    int64_t now;
    uint64_t sequence;
    sim_event **queue;
    sim_event *asked; /* the last one, not yet in the queue */
    size_t queue_count, queue_capacity;
    tg_server *server; /* NULL: it is down */
    tg_server_options server_options;
    uint64_t epoch; /* how many there have been */
    int64_t began_ns;
    bool listening; /* it lets peers in */
    int64_t hangs_until;
    sim_file journal, renewed; /* renewed: takes the place of the other when all is in it */
    bool renewing;
    uint64_t renewed_job; /* the last of which all is there */
    int64_t wall_ns;      /* how much the time of day is ahead */
    pcg wall_rng;
    sim_host *host;
    uint32_t host_count;
    uint64_t next_worker, next_id; /* of a link */
    sim_session *session;          /* by id */
    uint64_t session_count;
    uint64_t *dirty; /* ids of sessions with words to be sent */
    size_t dirty_count, dirty_capacity;
    sim_job *job;
    uint32_t job_count, jobs_over;
    sim_client *client;
    uint32_t client_count;
    int64_t memory_bytes; /* of a worker; some have half */
    bool quiet;           /* faults are over */
    bool clean;           /* nothing is left of any job */
    bool failed;
    char (*lines)[160]; /* the last words */
    size_t line_count;
};

void sim_fail(sim_world *w, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Into the digest of the run; so goes what is traced, with its time. */
void sim_note(sim_world *w, const void *bytes, size_t count);
void sim_trace(sim_world *w, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* An event after `delay`; the caller fills in the rest. */
sim_event *sim_after(sim_world *w, int64_t delay, sim_action *act);
int64_t sim_delay(sim_world *w);
/* Copies the message to the event. */
void sim_carry(sim_world *w, sim_event *e, const tg_message *message);

/* sim_sched.c */
void sim_sched_start(sim_world *w);
void sim_sched_crash(sim_world *w);
/* Everything that must be so after it was called. */
void sim_sched_settle(sim_world *w);
void sim_sched_hears(sim_world *w, uint64_t id, const tg_message *message);
/* A link is closed; it learns that later. */
void sim_sched_misses(sim_world *w, uint64_t id, int64_t delay);
void sim_sched_time(sim_world *w);
void sim_sched_free(sim_world *w);
/* Its answer to a tool; freed with tg_text_fini. */
bool sim_sched_answer(sim_world *w, const char *what, tg_text *out);

/* sim_client.c */
/* There is a scheduler: they come, or come back. */
void sim_clients_dial(sim_world *w);
void sim_clients_lose(sim_world *w);
sim_client *sim_client_of(sim_world *w, uint64_t number);
void sim_client_told(sim_world *w, uint64_t number, const tg_message *message);
void sim_job_due(sim_world *w, sim_event *e);

/* sim_graph.c */
bool sim_job_make(sim_world *w, sim_job *job, uint32_t index);
void sim_job_free(sim_job *job);
uint64_t sim_value(const sim_job *job, uint32_t t, uint64_t (*of)(void *ctx, uint32_t t),
                   void *ctx);

/* sim_net.c */
/* NULL: there is no such worker, or no more. Numbers that it had before are its own too: tiles are
 * fetched by address. */
sim_host *sim_host_of(sim_world *w, uint64_t number);
/* Under a new number. */
void sim_link_start(sim_world *w, sim_host *host);
void sim_link_stop(sim_host *host);
/* A word of a worker: collected, and sent with the others by sim_host_sends. */
void sim_host_says(sim_world *w, sim_host *host, const tg_message *message);
void sim_host_sends(sim_world *w, sim_host *host);
/* The same for the scheduler. */
void sim_sched_says(sim_world *w, uint64_t id, const tg_message *message);
void sim_sched_sends(sim_world *w);
/* Sets its timer. */
void sim_host_arm(sim_world *w, sim_host *host);
/* The scheduler hears nothing of that worker any more. */
void sim_session_close(sim_world *w, uint64_t id);
sim_session *sim_session_of(sim_world *w, uint64_t id);
void sim_sessions_close(sim_world *w);
void sim_net_free(sim_world *w);

/* sim_worker.c */
void sim_worker_start(sim_world *w, sim_host *host);
void sim_worker_stop(sim_world *w, sim_host *host);
/* Its scheduler is another one, or takes it for another one. */
void sim_worker_dial(sim_world *w, sim_host *host);
/* False: the worker is no more. */
bool sim_worker_hears(sim_world *w, sim_host *host, const tg_message *message);
bool sim_worker_step(sim_world *w, sim_host *host, tg_agent_event event);
/* What the holder answers to a fetch: false: not, or (*later) not yet. */
bool sim_worker_serves(sim_world *w, uint64_t holder, uint32_t job, uint32_t task, uint64_t *value,
                       bool *later);
/* Its state, to stderr. */
void sim_worker_show(const sim_world *w, const sim_host *host);
/* A job that came anew while the former was not closed. */
void sim_part_again(sim_world *w, sim_event *e);
void sim_part_free(sim_part *part);
/* sim_table.c: what its shell holds, and what it carries out. */
void sim_table_act(sim_world *w, sim_host *host, const tg_agent_action *action);
void sim_table_leave(sim_world *w, sim_host *host);
/* sim_fault.c */
void sim_crash(sim_world *w, sim_host *host, bool silent);
/* Chance took a worker from what it may have had alone. */
void sim_unlucky(sim_world *w, uint64_t id);
void sim_faults_begin(sim_world *w);
void sim_faults_end(sim_world *w);

#endif
