/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A ring under one lock. `queued` and `closed` are also read without it, by threads that spin: what
 * they see there they look at again under the lock.
 */
#include "worker/exec/crew.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>

#include "core/base/assert.h"
#include "core/base/limits.h"
#include "core/mem/alloc.h"

/* About 20 us, as in exec.c: what a sleep and a wake-up cost together. */
enum { SPIN_ROUNDS = 2000, RING_FIRST = 256 };

typedef struct member {
    tg_crew *crew;
    int index;
    pthread_t thread;
} member;

struct tg_crew {
    pthread_mutex_t lock;
    pthread_cond_t wake;
    void *ctx;
    tg_crew_run_fn run;
    int thread_count, started, sleepers;
    member *members;
    tg_crew_token *ring;
    size_t room, first; /* room: a power of two */
    _Alignas(64) atomic_size_t queued;
    atomic_bool closed;
    bool joined;
};

static void
pause_cpu(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#else
    (void)sched_yield();
#endif
}

/* The next token; false: there is none, and will be none. */
static bool
next_token(tg_crew *crew, tg_crew_token *out)
{
    bool got = false;
    for (int i = 0;
         i < SPIN_ROUNDS && atomic_load_explicit(&crew->queued, memory_order_relaxed) == 0 &&
         !atomic_load_explicit(&crew->closed, memory_order_relaxed);
         i++) {
        pause_cpu();
    }
    (void)pthread_mutex_lock(&crew->lock);
    while (atomic_load(&crew->queued) == 0 && !atomic_load(&crew->closed)) {
        crew->sleepers++;
        (void)pthread_cond_wait(&crew->wake, &crew->lock);
        crew->sleepers--;
    }
    size_t queued = atomic_load_explicit(&crew->queued, memory_order_relaxed);
    if (queued > 0) {
        *out = crew->ring[crew->first];
        crew->first = (crew->first + 1) & (crew->room - 1);
        atomic_store_explicit(&crew->queued, queued - 1, memory_order_relaxed);
        got = true;
    }
    (void)pthread_mutex_unlock(&crew->lock);
    return got;
}

static void *
thread_main(void *arg)
{
    const member *mine = arg;
    tg_crew *crew = mine->crew;
    tg_crew_token token;
    while (next_token(crew, &token)) {
        crew->run(crew->ctx, token, mine->index);
    }
    return NULL;
}

static tg_status
start_thread(tg_crew *crew, int index, tg_error *err)
{
    tg_status status = TG_OK;
    char name[16];
    member *mine = &crew->members[index];
    *mine = (member){ .crew = crew, .index = index };
    TG_CHECK(pthread_create(&mine->thread, NULL, thread_main, mine) == 0, err, TG_ERR_LIMIT,
             "the system allows no more threads (%d of %d started)", index, crew->thread_count);
    crew->started++;
    (void)snprintf(name, sizeof name, "tg-%d", index);
    (void)pthread_setname_np(mine->thread, name);
out:
    return status;
}

tg_status
tg_crew_create(int threads, void *ctx, tg_crew_run_fn run, tg_crew **out, tg_error *err)
{
    tg_status status = TG_OK;
    tg_crew *crew = NULL;
    *out = NULL;
    TG_CHECK(threads >= 1 && threads <= TG_THREADS_MAX, err, TG_ERR_VALUE,
             "threads must be 1 to %d, got %d", TG_THREADS_MAX, threads);
    crew = tg_calloc(NULL, 1, sizeof *crew);
    TG_CHECK(crew != NULL, err, TG_ERR_MEMORY, "no memory for %d threads", threads);
    (void)pthread_mutex_init(&crew->lock, NULL);
    (void)pthread_cond_init(&crew->wake, NULL);
    atomic_init(&crew->queued, 0);
    atomic_init(&crew->closed, false);
    crew->ctx = ctx;
    crew->run = run;
    crew->thread_count = threads;
    crew->room = RING_FIRST;
    crew->ring = tg_malloc(NULL, crew->room * sizeof *crew->ring);
    crew->members = tg_calloc(NULL, (size_t)threads, sizeof *crew->members);
    TG_CHECK(crew->ring != NULL && crew->members != NULL, err, TG_ERR_MEMORY,
             "no memory for %d threads", threads);
    for (int i = 0; i < threads; i++) {
        TG_TRY(start_thread(crew, i, err));
    }
    *out = crew;
    crew = NULL;
out:
    tg_crew_destroy(crew);
    return status;
}

int
tg_crew_threads(const tg_crew *crew)
{
    return crew->thread_count;
}

/* Twice the room; the tokens move to its beginning. Lock held. */
static bool
enlarge(tg_crew *crew)
{
    size_t room = crew->room * 2;
    tg_crew_token *ring = tg_malloc(NULL, room * sizeof *ring);
    if (ring != NULL) {
        for (size_t i = 0; i < crew->room; i++) {
            ring[i] = crew->ring[(crew->first + i) & (crew->room - 1)];
        }
        tg_free(NULL, crew->ring, crew->room * sizeof *ring);
        crew->ring = ring;
        crew->room = room;
        crew->first = 0;
    }
    return ring != NULL;
}

tg_status
tg_crew_start(tg_crew *crew, tg_crew_token token, tg_error *err)
{
    tg_status status = TG_OK;
    bool sleeps = false;
    (void)pthread_mutex_lock(&crew->lock);
    size_t queued = atomic_load_explicit(&crew->queued, memory_order_relaxed);
    TG_CHECK(!atomic_load(&crew->closed), err, TG_ERR_CANCELLED, "the threads have been stopped");
    TG_CHECK(queued < crew->room || enlarge(crew), err, TG_ERR_MEMORY,
             "no memory for a queue of %zu tasks", queued);
    crew->ring[(crew->first + queued) & (crew->room - 1)] = token;
    atomic_store_explicit(&crew->queued, queued + 1, memory_order_relaxed);
    sleeps = crew->sleepers > 0;
out:
    (void)pthread_mutex_unlock(&crew->lock);
    if (sleeps) {
        (void)pthread_cond_signal(&crew->wake);
    }
    return status;
}

size_t
tg_crew_waiting(tg_crew *crew)
{
    return atomic_load(&crew->queued);
}

static void
close_queue(tg_crew *crew, bool forget)
{
    (void)pthread_mutex_lock(&crew->lock);
    atomic_store(&crew->closed, true);
    if (forget) {
        atomic_store(&crew->queued, 0);
    }
    (void)pthread_cond_broadcast(&crew->wake);
    (void)pthread_mutex_unlock(&crew->lock);
}

void
tg_crew_stop(tg_crew *crew)
{
    close_queue(crew, false);
    (void)pthread_mutex_lock(&crew->lock);
    bool first = !crew->joined;
    crew->joined = true;
    (void)pthread_mutex_unlock(&crew->lock);
    for (int i = 0; first && i < crew->started; i++) {
        TG_ASSERT(!pthread_equal(crew->members[i].thread, pthread_self()));
        (void)pthread_join(crew->members[i].thread, NULL);
    }
}

void
tg_crew_abandon(tg_crew *crew)
{
    close_queue(crew, true);
}

void
tg_crew_destroy(tg_crew *crew)
{
    if (crew != NULL) {
        tg_crew_stop(crew);
        tg_free(NULL, crew->members, (size_t)crew->thread_count * sizeof *crew->members);
        tg_free(NULL, crew->ring, crew->room * sizeof *crew->ring);
        (void)pthread_cond_destroy(&crew->wake);
        (void)pthread_mutex_destroy(&crew->lock);
        tg_free(NULL, crew, sizeof *crew);
    }
}
