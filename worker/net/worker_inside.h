/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_WORKER_WORKER_INSIDE_H
#define TG_WORKER_WORKER_INSIDE_H
/*
 * What: what the files of a worker share.
 *
 * Ownership: the worker owns all. Threads: the loop's; the inbox is filled by others.
 * Errors: see worker.h.
 */
#include <pthread.h>
#include <stdatomic.h>

#include "core/plan/plan.h"
#include "scheduler/net/flood.h"
#include "scheduler/net/watch.h"
#include "worker/agent/agent.h"
#include "worker/exec/crew.h"
#include "worker/exec/part.h"
#include "worker/net/busy.h"
#include "worker/net/port.h"
#include "worker/net/worker.h"
#include "worker/profile/clock_sync.h"
#include "worker/profile/gathered.h"
#include "worker/spill/spill.h"

typedef enum tg_worker_job_state {
    TG_WORKER_COLLECTING, /* parts of the plan come */
    TG_WORKER_EXPANDING,  /* the clerk makes a plan of them */
    TG_WORKER_WAITING,    /* for the agent to close a former job of that number */
    TG_WORKER_KNOWN       /* the agent has it, or knows that it cannot be run here */
} tg_worker_job_state;

/* What is recorded of a job: worker_measure.h. */
typedef struct tg_worker_measure {
    int64_t begin_ns, told_ns;
    uint32_t started;    /* tasks with the crew */
    int64_t room;        /* bytes that may be told now */
    tg_measured numbers; /* what no counter of the part has */
    uint64_t *told;      /* by row: events */
} tg_worker_measure;

/* A thread of the crew: when it ended its last task, and what line and disk had done by then. */
typedef struct tg_worker_thread {
    int64_t ended_ns, line_ns, disk_ns;
} tg_worker_thread;

/* A job that was dropped, and whose last task still runs, may come again under its number, from a
 * scheduler that was started anew: then there are two, of which the agent knows one. */
typedef struct tg_worker_job {
    tg_worker *worker;
    struct tg_worker_job *next;
    uint64_t number;
    tg_worker_job_state state;
    bool dropped; /* nothing more is said of it */
    unsigned char *bytes;
    size_t size, filled;
    char **stores; /* by target: what workers write to; NULL: the client fetches the tiles */
    size_t store_count;
    tg_message_writer backlog; /* what was said of it while it was expanded */
    /* The clerk's, then the loop's. */
    tg_status status;
    tg_error error;
    tg_plan_core *plan;
    tg_plan_bounds bounds;
    tg_part *part;
    tg_agent_job spec;
    tg_worker_measure measure;
} tg_worker_job;

/* A fetch that is under way. */
typedef struct tg_worker_fetch {
    uint64_t job, id;
    uint32_t task;
    struct tg_worker_fetch *next;
} tg_worker_fetch;

/* What another thread has to tell the loop. */
typedef enum tg_worker_news_kind {
    TG_NEWS_RAN,
    TG_NEWS_EXPANDED,
    TG_NEWS_STORED,
    TG_NEWS_LOADED,
    TG_NEWS_NO_FETCH, /* one that was cancelled, or could not begin */
    TG_NEWS_NO_DISK,  /* a spill or load (flag) that could not begin */
    TG_NEWS_COPIED    /* `copying`; no buffer: no memory */
} tg_worker_news_kind;

/* What finds no memory is tried again after a while, so often: buffers that are still being sent to
 * others are beside the agent's books, and go by themselves. What may take more than there is is
 * tried less often. */
enum { TG_WORKER_TRIES = 100, TG_WORKER_TRIES_OF_LARGE = 10 };

typedef struct tg_worker_news {
    tg_worker_news_kind kind;
    tg_worker_job *whose; /* RAN, EXPANDED: it lives until it was told of that */
    uint64_t job;
    uint32_t task;
    uint32_t tries; /* RAN: for want of memory */
    int64_t due_ns; /* among those that are put off */
    bool flag;
    tg_status status;
    int64_t bytes, busy_ns;
    tg_buffer *buffer;
    char text[sizeof((tg_error *)NULL)->message];
    struct tg_worker_news *next;
} tg_worker_news;

/* A tile of another worker of this host that was not copied, but mapped. */
typedef struct tg_worker_mapped {
    uint64_t job;
    uint32_t task;
    const void *data;
    int64_t due_ns; /* it is not copied before */
} tg_worker_mapped;

/* The one that is being copied. */
typedef struct tg_worker_copying {
    uint64_t job;
    uint32_t task;
    tg_buffer *from; /* NULL: none */
} tg_worker_copying;

/* A tile that was loaded for others: it may go from memory at once, but not before they have had
 * all its parts. */
enum { TG_WORKER_LOANS = 4 };
typedef struct tg_worker_loan {
    uint64_t job;
    uint32_t task;
    tg_buffer *buffer; /* NULL: none */
    int64_t until_ns;
} tg_worker_loan;

struct tg_worker {
    tg_worker_options options;
    tg_net *net;
    tg_port *port;
    tg_agent *agent;
    tg_crew *crew, *clerk, *copier;
    tg_spill *spill;
    tg_alive_watch *watch;
    tg_net_security security;
    char address[TG_NET_ADDRESS_MAX];
    char name[TG_NAME_MAX + 1];
    uint32_t threads;
    int64_t memory; /* that the agent goes by */
    /* The loop's. */
    uint64_t scheduler; /* 0: not there */
    int64_t lost_ns;    /* since when */
    int64_t leave_ns;   /* when its lifetime is over; INT64_MAX: never */
    int troubles;       /* with the connection, since it last was there */
    bool joined, leaving, ended;
    tg_status outcome;
    tg_error error;
    tg_worker_job *jobs;
    tg_worker_fetch *fetches;
    tg_buffer *arrived; /* what was fetched, until the agent says whether it is kept */
    bool arrived_mapped;
    tg_worker_mapped *mapped; /* some of them are gone */
    size_t mapped_count, mapped_capacity, mapped_most;
    int64_t mapped_ns;         /* when to look at them again */
    tg_worker_copying copying; /* the copier's until it has told of it */
    tg_worker_loan loans[TG_WORKER_LOANS];
    tg_worker_news *put_off; /* what found no memory, and is tried again */
    tg_flood notes;
    atomic_bool drain, stop, starved;
    tg_clock_sync clock; /* of the scheduler */
    tg_busy line, disk;
    tg_worker_thread *thread; /* each its own */
    /* From other threads. */
    pthread_mutex_t lock;
    tg_worker_news *first, **last; /* lock */
};

/* worker.c */
void tg__worker_say(tg_worker *worker, const tg_message *message);
void tg__worker_end(tg_worker *worker, tg_status status, const char *text);
/* For people: into the log. */
void tg__worker_note(tg_worker *worker, const char *text);

/* worker_act.c: one step of the agent, and all it wants done. */
void tg__worker_step(tg_worker *worker, const tg_agent_event *event);
/* What it wanted, once more. `tries`: so often it has found no memory. */
void tg__worker_start(tg_worker *worker, tg_worker_job *job, uint32_t task, uint32_t tries);
void tg__worker_load(tg_worker *worker, uint64_t job, uint32_t task);
void tg__worker_fetched(void *ctx, const tg_fetch_end *end);
void tg__worker_spilled(void *ctx, const tg_spill_done *done);
void tg__worker_run(void *ctx, tg_crew_token token, int thread);

/* worker_news.c: from any thread; the news is copied, its buffer taken. What cannot be told for
 * want of memory ends the worker. */
void tg__worker_tell(tg_worker *worker, const tg_worker_news *news);
/* Gives when it wants to be called again. */
int64_t tg__worker_take_news(tg_worker *worker, int64_t now_ns);
/* The threads have ended. */
void tg__worker_news_free(tg_worker *worker);
/* How often a task was tried for want of memory, the last time for busy_ns. Who may take more than
 * there is has TG_WORKER_TRIES_OF_LARGE left of TG_WORKER_TRIES, and then a try that took as long
 * as several counts as so many: what was to go by itself had that time to go. */
uint32_t tg__worker_tried(uint32_t tries, int64_t busy_ns);

/* worker_serve.c */
tg_tile_answer tg__worker_look_up(void *ctx, uint64_t job, uint32_t task, tg_buffer **buffer,
                                  size_t *element_bytes);
/* In the place of the loan that ends first. */
void tg__worker_lend(tg_worker *worker, uint64_t job, uint32_t task, tg_buffer *buffer);
/* Those that are over. Gives when the next one will be. */
int64_t tg__worker_end_loans(tg_worker *worker, int64_t now_ns);

/* worker_mapped.c: what holders on this host want back is copied. */
void tg__worker_mapped_add(tg_worker *worker, uint64_t job, uint32_t task, const void *data);
/* Gives when it wants to be called again. */
int64_t tg__worker_mapped_turn(tg_worker *worker, int64_t now_ns);
/* On the copier. */
void tg__worker_copy(void *ctx, tg_crew_token token, int thread);
/* `copying` was copied; NULL: there is no memory. */
void tg__worker_mapped_copied(tg_worker *worker, tg_buffer *copy);
/* The copier has ended. */
void tg__worker_mapped_free(tg_worker *worker);

/* worker_job.c */
/* The one that the agent knows. */
tg_worker_job *tg__worker_job_find(const tg_worker *worker, uint64_t number);
/* The scheduler that sent them is gone. What the agent does not know yet the next one says again.
 */
void tg__worker_jobs_forget(tg_worker *worker);
/* A message about a job: PLAN, TARGET, and what the agent hears once the plan is known. */
void tg__worker_job_hears(tg_worker *worker, const tg_message *message);
/* On the clerk. */
void tg__worker_expand(void *ctx, tg_crew_token token, int thread);
void tg__worker_job_expanded(tg_worker_job *job);
/* The Python functions that run are stopped, and the tiles go; the rest with close. */
void tg__worker_job_drop(tg_worker_job *job);
/* Nothing is begun any more: the Python functions of all jobs are stopped. */
void tg__worker_jobs_stop(tg_worker *worker);
void tg__worker_job_close(tg_worker_job *job);
void tg__worker_jobs_free(tg_worker *worker);

#endif
