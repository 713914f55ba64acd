/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_SIM_SIM_H
#define TG_SIM_SIM_H
/*
 * What: a whole cluster in one thread, from one seed: the real scheduler (scheduler/server, with
 * its state and its journal) and the real agents of workers, which talk by real messages over real
 * links; and models of threads, disks, clients and the network, under a virtual clock. Faults are
 * injected for a while (safety), then they stop and all jobs must end within a bound (liveness).
 *
 * A scheduler that crashes comes back under another number, with what its journal holds, or with
 * nothing; a torn tail of the journal may be lost. Workers keep their tiles and say what they hold,
 * clients say again what they want.
 *
 * The time of day jumps, and is asked for; what is simulated goes by another clock, which never
 * goes back, as the daemons go by CLOCK_MONOTONIC. That jumps change nothing is a test.
 *
 * What is checked: tg_server_check and tg_agent_check after every step; every value that is
 * computed, fetched, read from disk and handed over is that of the serial run; what is said to be
 * in a store is there; the memory law, by
 * the shell's own count; what a task reads is there while it runs; a task that is assigned alone is
 * alone; a worker that is dismissed holds nothing; an innocent task is never blamed; every job ends
 * as it must, and then nothing is left of it, neither with the scheduler nor on any worker, in
 * memory or on disk.
 *
 * Ownership: none. Threads: one. Errors: sim_run gives false and says what went wrong.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Words are tampered with, to prove that the simulator sees it. */
typedef enum sim_bug {
    SIM_NO_BUG,
    SIM_DROP_LOCATE, /* a tile that was made anew is not located */
    SIM_DROP_ASSIGN, /* a task that came back is not assigned */
    SIM_DROP_DROP,   /* a job is not dropped by one worker */
    SIM_DROP_LOST,   /* workers do not say that a tile is lost */
    SIM_DROP_ENDS,   /* nor, now and then, that tasks have ended */
    SIM_OLD_WORDS,   /* a new scheduler hears what a worker had to say to the former */
    SIM_OWN_NUMBER,  /* a worker speaks of itself by a number that nobody else knows */
    SIM_FALSE_HELD,  /* it says that it holds tiles which it has freed */
    SIM_BUGS
} sim_bug;

typedef struct sim_options {
    uint64_t seed;
    sim_bug bug;
    bool trace; /* every event, not only the last ones of a failure */
    bool check; /* tg_sched_check after each step */
    /* The cluster and its work. */
    uint32_t workers, threads_max, jobs, tasks_max;
    bool flat;        /* tasks do not depend on each other */
    int64_t task_ns;  /* of a task; 0: drawn for each */
    int64_t delay_ns; /* of a message, at most */
    int64_t batch_ns; /* DONE is said after so long at most */
    double memory;    /* of a worker, in what the largest task takes; 0: no limit */
    bool spill;       /* to a disk that is large enough */
    bool harsh;       /* the network doubles, loses and reorders frames */
    /* Faults a second, over all workers. */
    double crash, cut, stall, pause, slow, join, drain, full;
    double down;       /* the scheduler crashes, and comes back */
    double hang;       /* it is paused */
    double jump;       /* of the time of day */
    bool journal;      /* it has one */
    double torn;       /* of its crashes: the end of the journal is lost */
    int64_t grace_ns;  /* it waits so long for workers, with a journal */
    double silent;     /* of crashes: nobody notices but by the lease */
    double peer;       /* of fetches: the holder cannot be reached */
    double starve;     /* of fetches: there is no memory for them just then */
    double rot;        /* of loads: what was on disk is not what was written */
    double restart;    /* of dead workers: a new one comes instead */
    double flaky;      /* of tasks: fail a few times with an error that passes */
    double poison;     /* of jobs: a task kills its worker; some only a few times */
    double fatal;      /* of jobs: a task fails for good */
    double cancel;     /* of jobs: cancelled by the client, or the client vanishes */
    double growth;     /* of stages: sizes depend on the data */
    double persist;    /* of jobs: kept tiles are handed over only after the end */
    int64_t safety_ns; /* faults stop then */
} sim_options;

typedef struct sim_result {
    bool ok;
    char message[512];
    int64_t virtual_ns, work_ns; /* until the last job ended; of all tasks that count */
    uint32_t threads;            /* at the start */
    uint64_t steps, agent_steps, deaths, tasks;
    uint64_t digest; /* of all that happened, when, and of the values of all results */
} sim_result;

/* The options that a seed stands for: a subset of faults, each with its own rate. */
sim_options sim_draw(uint64_t seed);
/* One line for people. */
void sim_describe(const sim_options *options, char *text, size_t bytes);
bool sim_run(const sim_options *options, sim_result *result);

#endif
