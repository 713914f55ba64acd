/* SPDX-License-Identifier: BSD-3-Clause */
/* A proxy for TCP that cuts and blocks. See net_bed.h. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/support/net_bed.h"

enum { PAIRS_MAX = 32, BUFFER_BYTES = 65536 };

/* One direction of a connection. */
typedef struct flow {
    int from, to;
    size_t at, end;
    unsigned char bytes[BUFFER_BYTES];
} flow;

typedef struct pair {
    bool open;
    flow flows[2];
} pair;

struct bed_proxy {
    pthread_t thread;
    int listener;
    atomic_int port, cuts_wanted, cuts;
    atomic_bool blocked, ended;
    int cuts_seen;
    pair pairs[PAIRS_MAX];
};

static int
port_of(const char *address)
{
    return atoi(strchr(address + strlen("tcp://"), ':') + 1); /* a key may have colons as well */
}

static int
connect_to(int port)
{
    struct sockaddr_in name = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&name, sizeof name) != 0) {
        (void)close(fd);
        fd = -1;
    }
    return fd;
}

int
bed_raw_connect(const char *address)
{
    int fd = connect_to(port_of(address));
    assert_true(fd >= 0);
    return fd;
}

static void
close_pair(pair *p)
{
    struct linger now = { .l_onoff = 1, .l_linger = 0 }; /* a reset: what is queued is lost */
    for (int i = 0; i < 2; i++) {
        (void)setsockopt(p->flows[i].from, SOL_SOCKET, SO_LINGER, &now, sizeof now);
        (void)close(p->flows[i].from);
    }
    p->open = false;
}

static void
accept_one(bed_proxy *proxy)
{
    int in = accept(proxy->listener, NULL, NULL);
    int out = in >= 0 && !atomic_load(&proxy->blocked) ? connect_to(atomic_load(&proxy->port)) : -1;
    pair *p = NULL;
    for (int i = 0; p == NULL && i < PAIRS_MAX; i++) {
        p = !proxy->pairs[i].open ? &proxy->pairs[i] : NULL;
    }
    if (out >= 0 && p != NULL) {
        (void)fcntl(in, F_SETFL, O_NONBLOCK);
        (void)fcntl(out, F_SETFL, O_NONBLOCK);
        p->open = true;
        p->flows[0].from = p->flows[1].to = in;
        p->flows[1].from = p->flows[0].to = out;
        for (int i = 0; i < 2; i++) {
            p->flows[i].at = p->flows[i].end = 0;
        }
    } else {
        if (in >= 0) {
            (void)close(in);
        }
        if (out >= 0) {
            (void)close(out);
        }
    }
}

/* False: it has ended. */
static bool
carry(flow *f)
{
    bool open = true;
    if (f->at == f->end) {
        ssize_t got = recv(f->from, f->bytes, sizeof f->bytes, 0);
        open = got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR));
        f->at = 0;
        f->end = got > 0 ? (size_t)got : 0;
    }
    if (f->at < f->end) {
        ssize_t put = send(f->to, f->bytes + f->at, f->end - f->at, MSG_NOSIGNAL);
        open = open && (put > 0 || (put < 0 && (errno == EAGAIN || errno == EINTR)));
        f->at += put > 0 ? (size_t)put : 0;
    }
    return open;
}

static void
cut_all(bed_proxy *proxy)
{
    for (int i = 0; i < PAIRS_MAX; i++) {
        if (proxy->pairs[i].open) {
            close_pair(&proxy->pairs[i]);
            atomic_fetch_add(&proxy->cuts, 1);
        }
    }
}

static void *
run_proxy(void *argument)
{
    bed_proxy *proxy = argument;
    while (!atomic_load(&proxy->ended)) {
        struct pollfd fds[1 + 2 * PAIRS_MAX];
        flow *flows[2 * PAIRS_MAX];
        pair *pairs[2 * PAIRS_MAX];
        nfds_t count = 0;
        fds[count++] = (struct pollfd){ .fd = proxy->listener, .events = POLLIN };
        for (int i = 0; i < PAIRS_MAX; i++) {
            for (int k = 0; proxy->pairs[i].open && k < 2; k++) {
                flow *f = &proxy->pairs[i].flows[k];
                flows[count - 1] = f;
                pairs[count - 1] = &proxy->pairs[i];
                fds[count++] = f->at == f->end ? (struct pollfd){ .fd = f->from, .events = POLLIN }
                                               : (struct pollfd){ .fd = f->to, .events = POLLOUT };
            }
        }
        (void)poll(fds, count, 5);
        for (nfds_t i = 1; i < count; i++) {
            if (fds[i].revents != 0 && pairs[i - 1]->open && !atomic_load(&proxy->blocked) &&
                !carry(flows[i - 1])) {
                close_pair(pairs[i - 1]);
            }
        }
        if (fds[0].revents != 0) {
            accept_one(proxy);
        }
        if (proxy->cuts_seen != atomic_load(&proxy->cuts_wanted)) {
            proxy->cuts_seen = atomic_load(&proxy->cuts_wanted);
            cut_all(proxy);
        }
    }
    cut_all(proxy);
    return NULL;
}

bed_proxy *
bed_proxy_open(const char *to, char *address)
{
    bed_proxy *proxy = calloc(1, sizeof *proxy);
    struct sockaddr_in name = { .sin_family = AF_INET };
    socklen_t bytes = sizeof name;
    const char *key = strchr(to, ' ');
    assert_non_null(proxy);
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    proxy->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(proxy->listener, (struct sockaddr *)&name, sizeof name), 0);
    assert_int_equal(listen(proxy->listener, 64), 0);
    assert_int_equal(getsockname(proxy->listener, (struct sockaddr *)&name, &bytes), 0);
    (void)snprintf(address, TG_NET_ADDRESS_MAX, "tcp://127.0.0.1:%d%s", ntohs(name.sin_port),
                   key != NULL ? key : "");
    bed_proxy_to(proxy, to);
    assert_int_equal(pthread_create(&proxy->thread, NULL, run_proxy, proxy), 0);
    return proxy;
}

void
bed_proxy_cut(bed_proxy *proxy)
{
    atomic_fetch_add(&proxy->cuts_wanted, 1);
}

void
bed_proxy_block(bed_proxy *proxy, bool block)
{
    atomic_store(&proxy->blocked, block);
}

void
bed_proxy_to(bed_proxy *proxy, const char *to)
{
    atomic_store(&proxy->port, port_of(to));
}

int
bed_proxy_cuts(const bed_proxy *proxy)
{
    return atomic_load(&proxy->cuts);
}

void
bed_proxy_close(bed_proxy *proxy)
{
    atomic_store(&proxy->ended, true);
    (void)pthread_join(proxy->thread, NULL);
    (void)close(proxy->listener);
    free(proxy);
}
