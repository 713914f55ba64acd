/* SPDX-License-Identifier: BSD-3-Clause */
/* The ZAP handler, and the context of ZeroMQ. See zap.h. */
#include "scheduler/net/zap.h"

#include <errno.h>
#if defined(__GLIBC__)
#    include <malloc.h>
#endif
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <zmq.h>

#include "core/mem/alloc.h"
#include "scheduler/net/keys.h"
#include "scheduler/net/transport.h"

enum { PARTS = 7, PART_MAX = 255, ALLOWED_MAX = 65536 };

typedef struct allowed {
    char key[TG_KEY_CHARS + 1];
    unsigned roles;
} allowed;

struct tg_zap_domain {
    tg_zap_domain *next;
    char name[32];
    allowed *list;
    size_t count, room;
};

/* Of one process: a child of fork() makes another and leaves this one, whose threads it has not. */
typedef struct process {
    pid_t pid;
    void *context;
    bool answers; /* the handler runs */
    pthread_mutex_t lock;
    tg_zap_domain *domains;
    uint64_t last_number;
} process;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static process *ours;

static tg_status
this_process(process **out, tg_error *err)
{
    tg_status status = TG_OK;
    process *p = NULL;
    (void)pthread_mutex_lock(&lock);
    if (ours == NULL || ours->pid != getpid()) {
        p = tg_calloc(NULL, 1, sizeof *p);
        TG_CHECK(p != NULL, err, TG_ERR_MEMORY, "no memory for a ZeroMQ context");
        p->pid = getpid();
        p->context = zmq_ctx_new();
        TG_CHECK(p->context != NULL, err, TG_ERR_IO, "no ZeroMQ context: %s",
                 zmq_strerror(zmq_errno()));
        (void)pthread_mutex_init(&p->lock, NULL);
        /* One for control, so that bulk does not delay it; two for bulk, as CURVE makes about
         * 0.8 GB/s in each. */
        (void)zmq_ctx_set(p->context, ZMQ_IO_THREADS, 3);
        (void)zmq_ctx_set(p->context, ZMQ_MAX_SOCKETS, 16384);
        ours = p;
        p = NULL;
    }
    *out = ours;
out:
    (void)pthread_mutex_unlock(&lock);
    tg_free(NULL, p, sizeof *p);
    return status;
}

tg_status
tg_zmq_context(void **out, tg_error *err)
{
    process *p = NULL;
    tg_status status = this_process(&p, err);
    *out = status == TG_OK ? p->context : NULL;
    return status;
}

void
tg_zmq_keep_memory(void)
{
#if defined(__GLIBC__)
    (void)mallopt(M_MMAP_THRESHOLD, 8 << 20);  /* frames of data have 4 MiB at most, */
    (void)mallopt(M_TRIM_THRESHOLD, 32 << 20); /* and 16 of 1 MiB wait in each direction */
#endif
}

/* -- the handler ---------------------------------------------------------------------------- */

/* The frames of a request: version, id, domain, address, routing id, mechanism, credentials. */
typedef struct request {
    char part[PARTS][PART_MAX + 1];
    size_t bytes[PARTS];
    size_t count;
} request;

static bool
read_request(void *socket, request *r)
{
    bool read = true;
    int more = 1;
    r->count = 0;
    while (read && more != 0) {
        size_t bytes = sizeof more;
        char part[PART_MAX + 1];
        int got = 0;
        do { /* a signal is no reason to stop */
            got = zmq_recv(socket, part, PART_MAX, 0);
        } while (got < 0 && zmq_errno() == EINTR);
        read = got >= 0;
        if (read && r->count < PARTS) {
            size_t kept = got < PART_MAX ? (size_t)got : PART_MAX;
            memcpy(r->part[r->count], part, kept);
            r->part[r->count][kept] = '\0';
            r->bytes[r->count] = kept;
        }
        r->count++;
        (void)zmq_getsockopt(socket, ZMQ_RCVMORE, &more, &bytes);
    }
    return read;
}

static unsigned
roles_of(process *p, const char *domain, const char *key)
{
    unsigned roles = 0;
    (void)pthread_mutex_lock(&p->lock);
    for (const tg_zap_domain *d = p->domains; d != NULL; d = d->next) {
        for (size_t i = 0; strcmp(d->name, domain) == 0 && i < d->count; i++) {
            roles |= strcmp(d->list[i].key, key) == 0 ? d->list[i].roles : 0;
        }
    }
    (void)pthread_mutex_unlock(&p->lock);
    return roles;
}

static void
answer(process *p, void *socket, const request *r)
{
    char key[TG_KEY_CHARS + 1] = "", user[TG_KEY_CHARS + 2] = "";
    unsigned roles = 0;
    bool known = r->count == PARTS && strcmp(r->part[0], "1.0") == 0 &&
                 strcmp(r->part[5], "CURVE") == 0 && r->bytes[6] == 32 &&
                 zmq_z85_encode(key, (const uint8_t *)r->part[6], 32) != NULL;
    if (known) {
        roles = roles_of(p, r->part[2], key);
    }
    if (roles != 0) {
        user[0] = (char)('0' + roles);
        memcpy(user + 1, key, sizeof key);
    }
    const char *code = roles != 0 ? "200" : "400";
    const char *text = roles != 0 ? "OK" : "this key is not known here";
    (void)zmq_send(socket, "1.0", 3, ZMQ_SNDMORE);
    (void)zmq_send(socket, r->part[1], r->count > 1 ? r->bytes[1] : 0, ZMQ_SNDMORE);
    (void)zmq_send(socket, code, 3, ZMQ_SNDMORE);
    (void)zmq_send(socket, text, strlen(text), ZMQ_SNDMORE);
    (void)zmq_send(socket, user, strlen(user), ZMQ_SNDMORE);
    (void)zmq_send(socket, "", 0, 0);
}

typedef struct handler {
    process *process;
    void *socket;
} handler;

/* For the life of the process, like the context. */
static void *
handle(void *argument)
{
    handler h = *(handler *)argument;
    request r;
    tg_free(NULL, argument, sizeof(handler));
    while (read_request(h.socket, &r)) {
        answer(h.process, h.socket, &r);
    }
    (void)zmq_close(h.socket);
    return NULL;
}

static tg_status
start_handler(process *p, tg_error *err)
{
    tg_status status = TG_OK;
    pthread_t thread;
    handler *h = tg_malloc(NULL, sizeof *h);
    TG_CHECK(h != NULL, err, TG_ERR_MEMORY, "no memory for the check of keys");
    h->process = p;
    h->socket = zmq_socket(p->context, ZMQ_REP);
    TG_CHECK(h->socket != NULL && zmq_bind(h->socket, "inproc://zeromq.zap.01") == 0, err,
             TG_ERR_IO, "keys cannot be checked, so nobody is let in: %s",
             zmq_strerror(zmq_errno()));
    TG_CHECK(pthread_create(&thread, NULL, handle, h) == 0, err, TG_ERR_IO,
             "keys cannot be checked, so nobody is let in: there is no thread");
    h = NULL;
    (void)pthread_detach(thread);
    p->answers = true;
out:
    if (h != NULL && h->socket != NULL) {
        (void)zmq_close(h->socket);
    }
    tg_free(NULL, h, sizeof *h);
    return status;
}

/* -- lists of keys -------------------------------------------------------------------------- */

tg_status
tg_zap_open(tg_zap_domain **out, tg_error *err)
{
    tg_status status = TG_OK;
    process *p = NULL;
    tg_zap_domain *d = tg_calloc(NULL, 1, sizeof *d);
    *out = NULL;
    TG_CHECK(d != NULL, err, TG_ERR_MEMORY, "no memory for a list of keys");
    TG_TRY(this_process(&p, err));
    (void)pthread_mutex_lock(&p->lock);
    status = p->answers ? TG_OK : start_handler(p, err);
    if (status == TG_OK) {
        (void)snprintf(d->name, sizeof d->name, "tg-%llu", (unsigned long long)++p->last_number);
        d->next = p->domains;
        p->domains = d;
        *out = d;
        d = NULL;
    }
    (void)pthread_mutex_unlock(&p->lock);
out:
    tg_free(NULL, d, sizeof *d);
    return status;
}

void
tg_zap_close(tg_zap_domain *domain)
{
    process *p = NULL;
    if (domain != NULL && this_process(&p, NULL) == TG_OK) {
        (void)pthread_mutex_lock(&p->lock);
        tg_zap_domain **at = &p->domains;
        while (*at != NULL && *at != domain) {
            at = &(*at)->next;
        }
        if (*at != NULL) {
            *at = domain->next;
        }
        (void)pthread_mutex_unlock(&p->lock);
        tg_free(NULL, domain->list, domain->room * sizeof *domain->list);
        tg_free(NULL, domain, sizeof *domain);
    }
}

const char *
tg_zap_name(const tg_zap_domain *domain)
{
    return domain->name;
}

tg_status
tg_zap_allow(tg_zap_domain *domain, const char *key, unsigned roles, tg_error *err)
{
    tg_status status = TG_OK;
    process *p = NULL;
    TG_TRY(this_process(&p, err));
    (void)pthread_mutex_lock(&p->lock);
    size_t at = 0;
    while (at < domain->count && strcmp(domain->list[at].key, key) != 0) {
        at++;
    }
    if (at == domain->count && roles == 0) {
        goto unlock;
    }
    if (at == domain->room) {
        size_t room = at != 0 ? 2 * at : 16;
        allowed *list = at < ALLOWED_MAX
                            ? tg_realloc(NULL, domain->list, at * sizeof *list, room * sizeof *list)
                            : NULL;
        if (list == NULL) {
            status = tg_fail(err, TG_ERR_LIMIT, "no room for more than %zu keys", at);
            goto unlock;
        }
        domain->list = list;
        domain->room = room;
    }
    (void)snprintf(domain->list[at].key, sizeof domain->list[at].key, "%s", key);
    domain->list[at].roles = roles & TG_ROLE_ANY;
    domain->count += at == domain->count;
    if (roles == 0) {
        domain->list[at] = domain->list[--domain->count];
    }
unlock:
    (void)pthread_mutex_unlock(&p->lock);
out:
    return status;
}

bool
tg_zap_read_user(const char *user_id, const char **key, unsigned *roles)
{
    bool ours_it_is = user_id != NULL && user_id[0] >= '1' && user_id[0] <= '7' &&
                      strlen(user_id) == TG_KEY_CHARS + 1;
    *key = ours_it_is ? user_id + 1 : "";
    *roles = ours_it_is ? (unsigned)(user_id[0] - '0') : 0;
    return ours_it_is;
}
