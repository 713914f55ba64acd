/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The pool: who calls takes an idle child or has one started, asks it, and gives it back or buries
 * it. Nothing of a child is believed: its answers are checked by child.c, its text here.
 */
#include "tilegraph/children.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/array/param.h"
#include "core/base/assert.h"
#include "core/base/limits.h"
#include "core/base/size.h"
#include "core/mem/alloc.h"
#include "core/wire/walk.h"
#include "worker/child/child_blocks.h"
#include "worker/child/keeper.h"

enum {
    TEXT_MAX = 60000,   /* of a failure, traceback included */
    READY_SECONDS = 120 /* importing NumPy from a busy network share takes its time */
};

typedef struct worker {
    tg__child child;
    bool busy, stopped;
    bool leaves; /* is being started or buried: not to be signalled */
    bool keeps;  /* the child still refers to its memory */
    int64_t memory_limit;
    uint64_t group;                   /* of the call that runs */
    uint64_t places[TG_CHILD_PLACES]; /* numbers of the functions that it has; 0: none */
    uint32_t next_place;
} worker;

/* One function of ours. */
typedef struct code {
    tg_children *children;
    struct code *next, *before;
    uint64_t number, group;
    bool stopped; /* children->lock */
    size_t size;
    char *name, *bytes; /* behind this struct */
} code;

struct tg_children {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    tg__keeper *keeper; /* made with the first child */
    char *interpreter;
    char **environment;
    int processes_max;
    int64_t timeout_ns, memory_limit; /* lock */
    worker *workers[TG_THREADS_MAX];  /* lock: the list, and the flags of each */
    int count, calls;
    int64_t started, lost;
    bool closing;
    code *codes;
    uint64_t numbers;
};

/* -- opening --------------------------------------------------------------------------------- */

static char *
copy_text(const char *text)
{
    size_t bytes = strlen(text) + 1;
    char *copy = tg_malloc(NULL, bytes);
    if (copy != NULL) {
        memcpy(copy, text, bytes);
    }
    return copy;
}

static size_t
count_texts(const char *const *texts)
{
    size_t count = 0;
    while (texts != NULL && texts[count] != NULL) {
        count++;
    }
    return count;
}

static void
free_children(tg_children *c)
{
    if (c != NULL) {
        size_t count = count_texts((const char *const *)c->environment);
        for (size_t i = 0; i < count; i++) {
            tg_free(NULL, c->environment[i], strlen(c->environment[i]) + 1);
        }
        tg_free(NULL, c->environment, (count + 1) * sizeof *c->environment);
        tg_free(NULL, c->interpreter, c->interpreter != NULL ? strlen(c->interpreter) + 1 : 0);
        (void)pthread_cond_destroy(&c->changed);
        (void)pthread_mutex_destroy(&c->lock);
        tg_free(NULL, c, sizeof *c);
    }
}

static tg_status
check_limits(int64_t timeout_ns, int64_t memory_limit, tg_error *err)
{
    tg_status status = TG_OK;
    TG_CHECK(timeout_ns >= 0, err, TG_ERR_VALUE,
             "children: timeout must not be negative, got %lld ns", (long long)timeout_ns);
    TG_CHECK(memory_limit >= 0, err, TG_ERR_VALUE,
             "children: memory_limit must not be negative, got %lld", (long long)memory_limit);
out:
    return status;
}

tg_status
tg_children_open(const tg_children_options *options, tg_children **out, tg_error *err)
{
    tg_status status = TG_OK;
    const tg_children_options defaults = { .struct_size = sizeof defaults };
    tg_children *c = tg_calloc(NULL, 1, sizeof *c);
    *out = NULL;
    TG_CHECK(c != NULL, err, TG_ERR_MEMORY, "children: out of memory");
    (void)pthread_mutex_init(&c->lock, NULL);
    (void)pthread_cond_init(&c->changed, NULL);
    TG_CHECK(options == NULL || options->struct_size == sizeof defaults, err, TG_ERR_VALUE,
             "tg_children_options.struct_size is %zu, this library's is %zu",
             options != NULL ? options->struct_size : 0, sizeof defaults);
    options = options != NULL ? options : &defaults;
    TG_CHECK(options->processes_max >= 0 && options->processes_max <= TG_THREADS_MAX, err,
             TG_ERR_VALUE, "children: processes_max must be 1 to %d, or 0 for that, got %d",
             TG_THREADS_MAX, options->processes_max);
    TG_TRY(check_limits(options->timeout_ns, options->memory_limit, err));
    c->processes_max = options->processes_max != 0 ? options->processes_max : TG_THREADS_MAX;
    c->timeout_ns = options->timeout_ns;
    c->memory_limit = options->memory_limit;
    c->interpreter = copy_text(options->interpreter != NULL ? options->interpreter : "python3");
    size_t count = count_texts(options->environment);
    c->environment = tg_calloc(NULL, count + 1, sizeof *c->environment);
    TG_CHECK(c->interpreter != NULL && c->environment != NULL, err, TG_ERR_MEMORY,
             "children: out of memory");
    for (size_t i = 0; i < count; i++) {
        c->environment[i] = copy_text(options->environment[i]);
        TG_CHECK(c->environment[i] != NULL, err, TG_ERR_MEMORY, "children: out of memory");
    }
    *out = c;
    c = NULL;
out:
    free_children(c);
    return status;
}

tg_status
tg_children_configure(tg_children *c, int64_t timeout_ns, int64_t memory_limit, tg_error *err)
{
    tg_status status = TG_OK;
    TG_TRY(check_limits(timeout_ns, memory_limit, err));
    (void)pthread_mutex_lock(&c->lock);
    c->timeout_ns = timeout_ns;
    c->memory_limit = memory_limit;
    (void)pthread_mutex_unlock(&c->lock);
out:
    return status;
}

void
tg_children_get_stats(tg_children *c, tg_children_stats *stats)
{
    (void)pthread_mutex_lock(&c->lock);
    *stats = (tg_children_stats){ .alive = c->count, .started = c->started, .lost = c->lost };
    for (int i = 0; i < c->count; i++) {
        stats->busy += c->workers[i]->busy;
    }
    (void)pthread_mutex_unlock(&c->lock);
}

/* -- taking a child, and giving it back ------------------------------------------------------ */

static bool
has_code(const worker *w, uint64_t number, uint32_t *place)
{
    bool found = false;
    for (uint32_t i = 0; i < TG_CHILD_PLACES && !found; i++) {
        found = w->places[i] == number;
        *place = i;
    }
    return found;
}

/* An idle child, one that has the function if there is any; lock. */
static worker *
find_idle(tg_children *c, uint64_t number)
{
    worker *found = NULL;
    bool knows = false;
    uint32_t place = 0;
    for (int i = 0; i < c->count && !knows; i++) {
        worker *w = c->workers[i];
        if (!w->busy && !w->leaves) {
            knows = has_code(w, number, &place);
            found = knows || found == NULL ? w : found;
        }
    }
    return found;
}

/* Out of the list; lock. */
static void
drop_worker(tg_children *c, const worker *w)
{
    int at = 0;
    while (c->workers[at] != w) {
        at++;
    }
    c->workers[at] = c->workers[--c->count];
    (void)pthread_cond_broadcast(&c->changed);
}

/* Buries a child that nobody else can find any more. */
static void
end_worker(tg_children *c, worker *w, char *words, size_t words_bytes, char *tail)
{
    (void)pthread_mutex_lock(&c->lock);
    w->leaves = true;
    (void)pthread_mutex_unlock(&c->lock);
    tg__keeper_bury(c->keeper, &w->child, words, words_bytes, tail);
    (void)pthread_mutex_lock(&c->lock);
    drop_worker(c, w);
    (void)pthread_mutex_unlock(&c->lock);
    tg_free(NULL, w, sizeof *w);
}

/* What of a child's last words goes into a message: Python's own report of a crash from its
 * beginning on, which has the line that crashed; else the last lines. */
static const char *
choose_words(const char *tail, size_t most)
{
    size_t size = strlen(tail);
    const char *at = strstr(tail, "Fatal Python error");
    if (at == NULL) {
        at = size > most ? tail + size - most : tail;
        const char *line = at > tail ? strchr(at, '\n') : NULL;
        at = line != NULL && line[1] != '\0' ? line + 1 : at;
    }
    return at;
}

/* Fills in `message` after a child that did not answer, and ends it. */
static void
mourn(tg_children *c, worker *w, tg__child_end end, const char *doing, char *message,
      size_t message_bytes)
{
    char words[128] = "";
    char tail[TG__KEEPER_TAIL] = "";
    int64_t limit = 0;
    if (end == TG__CHILD_SILENT) {
        tg__child_kill(&w->child);
    } else if (end == TG__CHILD_GARBLED) {
        tg__child_signal(&w->child, SIGKILL);
    }
    (void)pthread_mutex_lock(&c->lock);
    bool stopped = w->stopped;
    limit = c->timeout_ns;
    c->lost += !stopped;
    (void)pthread_mutex_unlock(&c->lock);
    end_worker(c, w, words, sizeof words, tail);
    const char *said = choose_words(tail, message_bytes / 2);
    if (stopped) {
        (void)snprintf(message, message_bytes, "%s was stopped", doing);
    } else if (end == TG__CHILD_SILENT) {
        (void)snprintf(message, message_bytes,
                       "%s took longer than the time limit for functions, %.3g s, and was killed",
                       doing, (double)limit * 1e-9);
    } else if (end == TG__CHILD_GARBLED) {
        (void)snprintf(message, message_bytes,
                       "%s: its child process gave an answer that makes no sense, and was killed",
                       doing);
    } else {
        (void)snprintf(message, message_bytes, "%s: its child process %s%s%s", doing, words,
                       said[0] != '\0' ? "; it said last:\n" : "", said);
    }
}

/* A new child in the list, busy; waits for its first word. NULL: `message` says why. */
static worker *
start_worker(tg_children *c, worker *w, char *message, size_t message_bytes)
{
    tg_error err = { 0 };
    tg__child_end end = TG__CHILD_DIED;
    const tg__child_program program = { c->interpreter, (const char *const *)c->environment,
                                        w->memory_limit };
    if (tg__keeper_start(c->keeper, &w->child, &program, &err) != TG_OK) {
        (void)snprintf(message, message_bytes, "%s", err.message);
        (void)pthread_mutex_lock(&c->lock);
        drop_worker(c, w);
        (void)pthread_mutex_unlock(&c->lock);
        tg_free(NULL, w, sizeof *w);
        w = NULL;
    } else {
        (void)pthread_mutex_lock(&c->lock);
        c->started++;
        w->leaves = false;
        if (w->stopped) { /* before there was a process to kill */
            tg__child_signal(&w->child, SIGKILL);
        }
        (void)pthread_mutex_unlock(&c->lock);
        end = tg__child_ready(&w->child, (int64_t)READY_SECONDS * 1000000000);
        if (end != TG__CHILD_ANSWERED) {
            char doing[640];
            char host[256] = "this host";
            (void)gethostname(host, sizeof host - 1);
            (void)snprintf(doing, sizeof doing,
                           "%.256s on %s cannot run functions (is tilegraph installed for it?)",
                           c->interpreter, host);
            mourn(c, w, end == TG__CHILD_SILENT ? TG__CHILD_GARBLED : end, doing, message,
                  message_bytes);
            w = NULL;
        }
    }
    return w;
}

/* Room in the list for one more; lock. NULL: out of memory. */
static worker *
add_worker(tg_children *c)
{
    worker *w = tg_calloc(NULL, 1, sizeof *w);
    tg_error err = { 0 };
    if (w != NULL && c->keeper == NULL && tg__keeper_create(&c->keeper, &err) != TG_OK) {
        tg_free(NULL, w, sizeof *w);
        w = NULL;
    }
    if (w != NULL) {
        w->memory_limit = c->memory_limit;
        c->workers[c->count++] = w;
    }
    return w;
}

/* A child for a call of `f`. NULL: `message` says why. */
static worker *
acquire(tg_children *c, const code *f, char *message, size_t message_bytes)
{
    worker *w = NULL;
    bool fresh = false;
    bool waits = true;
    (void)pthread_mutex_lock(&c->lock);
    while (waits && !c->closing && !f->stopped) {
        w = find_idle(c, f->number);
        if (w != NULL && w->memory_limit != c->memory_limit) {
            w->busy = true;
            (void)pthread_mutex_unlock(&c->lock);
            tg__child_signal(&w->child, SIGKILL);
            end_worker(c, w, NULL, 0, NULL);
            (void)pthread_mutex_lock(&c->lock);
            w = NULL;
        } else if (w != NULL || c->count < c->processes_max) {
            fresh = w == NULL;
            w = fresh ? add_worker(c) : w;
            waits = false;
        } else {
            (void)pthread_cond_wait(&c->changed, &c->lock);
        }
    }
    if (w != NULL) {
        w->busy = true;
        w->stopped = false;
        w->leaves = fresh; /* there is no process yet */
        w->group = f->group;
        c->calls++;
    } else {
        (void)snprintf(message, message_bytes, "%s %s", f->name,
                       waits ? "was stopped" : "needs a child process: out of memory");
    }
    (void)pthread_mutex_unlock(&c->lock);
    return w;
}

/* After a call; `w` NULL: the child has been ended. */
static void
release(tg_children *c, worker *w)
{
    (void)pthread_mutex_lock(&c->lock);
    if (w != NULL) {
        w->busy = false;
    }
    c->calls--;
    (void)pthread_cond_broadcast(&c->changed);
    (void)pthread_mutex_unlock(&c->lock);
}

/* -- a call ---------------------------------------------------------------------------------- */

/* Messages are UTF-8; a function can have printed or written over its answer what it likes. */
static void
make_utf8(char *message)
{
    size_t size = strlen(message), at = 0;
    while (at < size) {
        at += tg__utf8_prefix((const uint8_t *)message + at, size - at);
        if (at < size) {
            message[at++] = '?';
        }
    }
}

static void
take_text(const char *text, size_t size, char *message, size_t message_bytes)
{
    size_t kept = size < message_bytes ? size : message_bytes - 1;
    memcpy(message, text, kept);
    message[kept] = '\0';
}

/* One request. False: it has failed, `message` says why; *lost: and the child is no more. */
static bool
ask(tg_children *c, worker *w, tg_child_request *request, const char *doing, int64_t timeout_ns,
    bool *lost, char *message, size_t message_bytes)
{
    tg_child_answer answer = { 0 };
    request->text_max = message_bytes - 1 < TEXT_MAX ? message_bytes - 1 : TEXT_MAX;
    tg__child_end end = tg__child_ask(&w->child, request, timeout_ns, &answer);
    *lost = end != TG__CHILD_ANSWERED;
    bool good = !*lost && answer.verb == TG_CHILD_DONE;
    if (*lost) {
        mourn(c, w, end, doing, message, message_bytes);
    } else if (!good) {
        take_text(w->child.memory, (size_t)answer.text_bytes, message, message_bytes);
    }
    if (!*lost && answer.kept != 0) {
        /* What the answer is about is read first: the mapping is ours until the next request. */
        w->keeps = true;
    }
    return good;
}

/* Hands the function over, unless the child has it. Its modules are imported then: that is not part
 * of the call whose time is limited. */
static bool
define(tg_children *c, worker *w, const code *f, int64_t timeout_ns, uint32_t *place, bool *lost,
       char *message, size_t message_bytes)
{
    const int64_t least = (int64_t)READY_SECONDS * 1000000000;
    bool good = has_code(w, f->number, place);
    timeout_ns = timeout_ns != 0 ? tg_max_i64(timeout_ns, least) : 0;
    if (!good) {
        *place = w->next_place;
        tg_child_request request = { .verb = TG_CHILD_DEFINE, .size = f->size, .place = *place };
        memcpy(w->child.memory, f->bytes, f->size);
        w->places[*place] = 0; /* the child forgets what was there before it looks at the new */
        good = ask(c, w, &request, f->name, timeout_ns, lost, message, message_bytes);
        if (good) {
            w->places[*place] = f->number;
            w->next_place = (*place + 1) % TG_CHILD_PLACES;
        }
    }
    return good;
}

/* "f on block (0, 3)" */
static void
say_where(const code *f, const tg_block_info *info, char *text, size_t bytes)
{
    size_t used = (size_t)snprintf(text, bytes, "%s on block (", f->name);
    for (int a = 0; a < info->out.ndim && used < bytes; a++) {
        used += (size_t)snprintf(text + used, bytes - used, "%s%lld", a > 0 ? ", " : "",
                                 (long long)info->out.index[a]);
    }
    if (used < bytes) {
        (void)snprintf(text + used, bytes - used, "%s)", info->out.ndim == 1 ? "," : "");
    }
}

static size_t
largest(size_t a, size_t b, size_t c)
{
    size_t most = a > b ? a : b;
    return most > c ? most : c;
}

typedef struct arguments {
    const tg_block_info *info;
    const tg_block_view *in;
    size_t nin;
    const tg_block_view *out;
} arguments;

static bool
run_call(tg_children *c, worker *w, const code *f, const arguments *args, bool *lost, char *message,
         size_t message_bytes)
{
    char doing[640];
    tg_error err = { 0 };
    tg_child_request request = { .verb = TG_CHILD_CALL };
    size_t words = 0, bytes = 0;
    bool good = false;
    (void)pthread_mutex_lock(&c->lock);
    int64_t timeout_ns = c->timeout_ns;
    (void)pthread_mutex_unlock(&c->lock);
    *lost = false;
    say_where(f, args->info, doing, sizeof doing);
    if (tg__blocks_size(args->in, args->nin, args->out, &words, &bytes, &err) != TG_OK ||
        tg__child_reserve(&w->child, largest(bytes, f->size, TEXT_MAX), &err) != TG_OK) {
        (void)snprintf(message, message_bytes, "%s: %s", doing, err.message);
    } else if (define(c, w, f, timeout_ns, &request.place, lost, message, message_bytes)) {
        request.size = words;
        tg__blocks_put(w->child.memory, args->info, args->in, args->nin, args->out);
        good = ask(c, w, &request, doing, timeout_ns, lost, message, message_bytes);
    }
    if (good) {
        tg__blocks_take(w->child.memory, words, args->out);
    }
    if (!*lost && w->keeps) {
        tg__child_forget_memory(&w->child);
        w->keeps = false;
    }
    return good;
}

/* A tg_block_fn. */
static int
call_in_child(void *user, const tg_block_info *info, const tg_block_view *in, size_t nin,
              const tg_block_view *out, char *message, size_t message_bytes)
{
    const code *f = user;
    tg_children *c = f->children;
    const arguments args = { info, in, nin, out };
    bool good = false, lost = true;
    worker *w = acquire(c, f, message, message_bytes);
    if (w != NULL) {
        w = w->child.pid == 0 ? start_worker(c, w, message, message_bytes) : w;
        if (w != NULL) {
            good = run_call(c, w, f, &args, &lost, message, message_bytes);
        }
        release(c, lost ? NULL : w);
    }
    if (!good) {
        make_utf8(message);
    }
    return good ? 0 : 1;
}

/* -- functions ------------------------------------------------------------------------------- */

static int
form_of(void *user, tg_function_form *form, char *message, size_t message_bytes)
{
    const code *f = user;
    (void)message, (void)message_bytes;
    *form = (tg_function_form){ "python", f->name, f->bytes, f->size };
    return 0;
}

static void
free_code(void *user)
{
    code *f = user;
    tg_children *c = f->children;
    (void)pthread_mutex_lock(&c->lock);
    if (f->before != NULL) {
        f->before->next = f->next;
    } else {
        c->codes = f->next;
    }
    if (f->next != NULL) {
        f->next->before = f->before;
    }
    (void)pthread_mutex_unlock(&c->lock);
    tg_free(NULL, f, sizeof *f + strlen(f->name) + 1 + f->size);
}

/* Equal functions have one number, so that a child gets them once; lock. */
static uint64_t
number_of(tg_children *c, const code *f)
{
    uint64_t number = 0;
    for (const code *other = c->codes; other != NULL && number == 0; other = other->next) {
        if (other->size == f->size && memcmp(other->bytes, f->bytes, f->size) == 0) {
            number = other->number;
        }
    }
    return number != 0 ? number : ++c->numbers;
}

tg_function *
tg_children_function(tg_children *c, uint64_t group, const char *name, const void *bytes,
                     size_t size)
{
    size_t name_bytes = strlen(name) + 1;
    code *f = size <= (size_t)TG_FUNCTION_BYTES_MAX ? tg_malloc(NULL, sizeof *f + name_bytes + size)
                                                    : NULL;
    tg_function *function = NULL;
    if (f != NULL) {
        *f = (code){ .children = c, .group = group, .size = size };
        f->name = (char *)(f + 1);
        f->bytes = f->name + name_bytes;
        memcpy(f->name, name, name_bytes);
        memcpy(f->bytes, bytes, size);
        (void)pthread_mutex_lock(&c->lock);
        f->number = number_of(c, f);
        f->next = c->codes;
        if (f->next != NULL) {
            f->next->before = f;
        }
        c->codes = f;
        (void)pthread_mutex_unlock(&c->lock);
        function = tg_block_function_create(call_in_child, f, free_code, 0);
        if (function != NULL) {
            tg_block_function_set_form(function, form_of);
        } else {
            free_code(f);
        }
    }
    return function;
}

/* -- stopping -------------------------------------------------------------------------------- */

/* Lock. */
static void
stop_calls(tg_children *c, bool all, uint64_t group)
{
    for (int i = 0; i < c->count; i++) {
        worker *w = c->workers[i];
        if (w->busy && (all || w->group == group)) {
            w->stopped = true;
            if (!w->leaves) {
                tg__child_signal(&w->child, SIGKILL);
            }
        }
    }
    (void)pthread_cond_broadcast(&c->changed);
}

void
tg_children_stop(tg_children *c, uint64_t group)
{
    (void)pthread_mutex_lock(&c->lock);
    for (code *f = c->codes; f != NULL && group != 0; f = f->next) {
        f->stopped = f->stopped || f->group == group;
    }
    stop_calls(c, false, group);
    (void)pthread_mutex_unlock(&c->lock);
}

void
tg_children_close(tg_children *c)
{
    if (c != NULL) {
        (void)pthread_mutex_lock(&c->lock);
        c->closing = true;
        stop_calls(c, true, 0);
        while (c->calls > 0) {
            (void)pthread_cond_wait(&c->changed, &c->lock);
        }
        while (c->count > 0) {
            worker *w = c->workers[0];
            (void)pthread_mutex_unlock(&c->lock);
            tg__child_signal(&w->child, SIGKILL);
            end_worker(c, w, NULL, 0, NULL);
            (void)pthread_mutex_lock(&c->lock);
        }
        (void)pthread_mutex_unlock(&c->lock);
        tg__keeper_destroy(c->keeper);
        TG_ASSERT(c->codes == NULL);
        free_children(c);
    }
}
