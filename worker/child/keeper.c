/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The keeper's thread: it waits for output of any child and for orders, which lie in a list; who
 * gives an order waits until it is done.
 */
#include "worker/child/keeper.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "core/base/assert.h"
#include "core/base/limits.h"
#include "core/mem/alloc.h"

enum { LINE_MAX_BYTES = 4096 };

/* The output of one child. */
typedef struct voice {
    const tg__child *child; /* NULL: free */
    char line[LINE_MAX_BYTES];
    size_t line_bytes;
    char tail[TG__KEEPER_TAIL];
    size_t tail_bytes;
    bool silent; /* has closed its output */
} voice;

typedef struct order {
    struct order *next;
    tg__child *child;
    const tg__child_program *program; /* NULL: bury */
    char *words, *tail;
    size_t words_bytes;
    tg_error *err;
    tg_status status;
    bool done;
} order;

struct tg__keeper {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t done;
    order *first; /* lock */
    bool ends;    /* lock */
    int wake;
    voice *voices[TG_THREADS_MAX];
    struct pollfd fds[TG_THREADS_MAX + 1];
};

/* -- what children print --------------------------------------------------------------------- */

static void
print(const char *bytes, size_t size)
{
    while (size > 0) {
        ssize_t written = write(STDERR_FILENO, bytes, size);
        if (written < 0 && errno != EINTR) {
            break; /* nobody listens */
        }
        bytes += written > 0 ? written : 0;
        size -= written > 0 ? (size_t)written : 0;
    }
}

static void
print_line(voice *v)
{
    char text[LINE_MAX_BYTES + 64];
    int size = snprintf(text, sizeof text, "tilegraph child %ld: %.*s\n", (long)v->child->pid,
                        (int)v->line_bytes, v->line);
    print(text, size > 0 && (size_t)size < sizeof text ? (size_t)size : 0);
    v->line_bytes = 0;
}

static void
keep_tail(voice *v, const char *bytes, size_t size)
{
    size_t room = sizeof v->tail - 1;
    if (size > room) {
        bytes += size - room;
        size = room;
    }
    size_t stays = v->tail_bytes + size > room ? room - size : v->tail_bytes;
    memmove(v->tail, v->tail + v->tail_bytes - stays, stays);
    memcpy(v->tail + stays, bytes, size);
    v->tail_bytes = stays + size;
    v->tail[v->tail_bytes] = '\0';
}

/* Passes on what there is. Returns the bytes; 0 at its end, negative when there is nothing now. */
static ssize_t
listen_to(voice *v)
{
    char bytes[LINE_MAX_BYTES];
    ssize_t size = read(v->child->output, bytes, sizeof bytes);
    for (ssize_t i = 0; i < size; i++) {
        if (bytes[i] != '\n') {
            v->line[v->line_bytes++] = bytes[i] != '\0' ? bytes[i] : ' ';
        }
        if (bytes[i] == '\n' || v->line_bytes == sizeof v->line) {
            print_line(v);
        }
    }
    if (size > 0) {
        keep_tail(v, bytes, (size_t)size);
    }
    return size;
}

/* -- orders ---------------------------------------------------------------------------------- */

static voice **
voice_of(tg__keeper *keeper, const tg__child *child)
{
    voice **found = NULL;
    for (int i = 0; i < TG_THREADS_MAX && found == NULL; i++) {
        voice *v = keeper->voices[i];
        if (child == NULL ? v == NULL : v != NULL && v->child == child) {
            found = &keeper->voices[i];
        }
    }
    return found;
}

static tg_status
start(tg__keeper *keeper, tg__child *child, const tg__child_program *program, tg_error *err)
{
    tg_status status = TG_OK;
    voice **place = voice_of(keeper, NULL);
    voice *v = tg_calloc(NULL, 1, sizeof *v);
    *child = (tg__child){ .socket = -1, .pidfd = -1, .output = -1, .memory_fd = -1 };
    TG_CHECK(v != NULL, err, TG_ERR_MEMORY, "no memory to start a child process");
    TG_CHECK(place != NULL, err, TG_ERR_LIMIT, "more than %d child processes", TG_THREADS_MAX);
    TG_TRY(tg__child_spawn(child, program, err));
    v->child = child;
    *place = v;
    v = NULL;
out:
    tg_free(NULL, v, sizeof *v);
    return status;
}

static void
bury(tg__keeper *keeper, const order *o)
{
    voice **place = voice_of(keeper, o->child);
    voice *v = place != NULL ? *place : NULL;
    if (v != NULL) {
        tg__child_finish(o->child);
        while (listen_to(v) > 0) {
        }
        if (v->line_bytes > 0) {
            print_line(v);
        }
        if (o->tail != NULL) {
            memcpy(o->tail, v->tail, sizeof v->tail);
        }
        *place = NULL;
        tg_free(NULL, v, sizeof *v);
    }
    tg__child_bury(o->child, o->words, o->words_bytes);
}

/* False when the keeper is to end. */
static bool
obey(tg__keeper *keeper)
{
    uint64_t count = 0;
    (void)!read(keeper->wake, &count, sizeof count);
    (void)pthread_mutex_lock(&keeper->lock);
    while (keeper->first != NULL) {
        order *o = keeper->first;
        keeper->first = o->next;
        (void)pthread_mutex_unlock(&keeper->lock);
        if (o->program != NULL) {
            o->status = start(keeper, o->child, o->program, o->err);
        } else {
            bury(keeper, o);
        }
        (void)pthread_mutex_lock(&keeper->lock);
        o->done = true;
        (void)pthread_cond_broadcast(&keeper->done);
    }
    bool goes_on = !keeper->ends;
    (void)pthread_mutex_unlock(&keeper->lock);
    return goes_on;
}

static void *
keep(void *arg)
{
    tg__keeper *keeper = arg;
    bool goes_on = true;
    while (goes_on) {
        voice *speakers[TG_THREADS_MAX];
        nfds_t count = 0;
        keeper->fds[0] = (struct pollfd){ .fd = keeper->wake, .events = POLLIN };
        for (int i = 0; i < TG_THREADS_MAX; i++) {
            if (keeper->voices[i] != NULL && !keeper->voices[i]->silent) {
                speakers[count++] = keeper->voices[i];
                keeper->fds[count] =
                    (struct pollfd){ .fd = keeper->voices[i]->child->output, .events = POLLIN };
            }
        }
        (void)poll(keeper->fds, count + 1, -1);
        for (nfds_t i = 0; i < count; i++) {
            if (keeper->fds[i + 1].revents != 0 && listen_to(speakers[i]) == 0) {
                speakers[i]->silent = true; /* the pipe would be readable for ever */
            }
        }
        goes_on = obey(keeper);
    }
    return NULL;
}

static void
give(tg__keeper *keeper, order *o)
{
    uint64_t one = 1;
    (void)pthread_mutex_lock(&keeper->lock);
    order **end = &keeper->first;
    while (*end != NULL) {
        end = &(*end)->next;
    }
    *end = o;
    (void)!write(keeper->wake, &one, sizeof one);
    while (!o->done) {
        (void)pthread_cond_wait(&keeper->done, &keeper->lock);
    }
    (void)pthread_mutex_unlock(&keeper->lock);
}

tg_status
tg__keeper_start(tg__keeper *keeper, tg__child *child, const tg__child_program *program,
                 tg_error *err)
{
    order o = { .child = child, .program = program, .err = err };
    give(keeper, &o);
    return o.status;
}

void
tg__keeper_bury(tg__keeper *keeper, tg__child *child, char *words, size_t words_bytes, char *tail)
{
    order o = { .child = child, .words = words, .words_bytes = words_bytes, .tail = tail };
    give(keeper, &o);
}

/* -- its life -------------------------------------------------------------------------------- */

tg_status
tg__keeper_create(tg__keeper **out, tg_error *err)
{
    tg_status status = TG_OK;
    sigset_t all, before;
    tg__keeper *keeper = tg_calloc(NULL, 1, sizeof *keeper);
    *out = NULL;
    TG_CHECK(keeper != NULL, err, TG_ERR_MEMORY, "no memory for child processes");
    keeper->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    TG_CHECK(keeper->wake >= 0, err, TG_ERR_IO, "no eventfd for child processes: %s",
             strerror(errno));
    (void)pthread_mutex_init(&keeper->lock, NULL);
    (void)pthread_cond_init(&keeper->done, NULL);
    /* Signals of the program are for its own threads. */
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = pthread_create(&keeper->thread, NULL, keep, keeper);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failed != 0) {
        (void)close(keeper->wake);
        status = tg_fail(err, TG_ERR_IO, "no thread for child processes: %s", strerror(failed));
        goto out;
    }
    *out = keeper;
    keeper = NULL;
out:
    tg_free(NULL, keeper, sizeof *keeper);
    return status;
}

void
tg__keeper_destroy(tg__keeper *keeper)
{
    if (keeper != NULL) {
        uint64_t one = 1;
        (void)pthread_mutex_lock(&keeper->lock);
        keeper->ends = true;
        (void)!write(keeper->wake, &one, sizeof one);
        (void)pthread_mutex_unlock(&keeper->lock);
        (void)pthread_join(keeper->thread, NULL);
        (void)close(keeper->wake);
        (void)pthread_cond_destroy(&keeper->done);
        (void)pthread_mutex_destroy(&keeper->lock);
        tg_free(NULL, keeper, sizeof *keeper);
    }
}
