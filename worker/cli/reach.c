/* SPDX-License-Identifier: BSD-3-Clause */
/* Ports, from outside. See reach.h. */
#include "worker/cli/reach.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PORT_MS = 2000 };

/* Can a connection be made there? 0, or why not: an errno. */
static int
reach(const struct addrinfo *there)
{
    int reason = 0;
    socklen_t bytes = sizeof reason;
    int fd = socket(there->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || (connect(fd, there->ai_addr, there->ai_addrlen) != 0 && errno != EINPROGRESS)) {
        reason = errno;
    } else {
        struct pollfd wait = { .fd = fd, .events = POLLOUT };
        bool answered = poll(&wait, 1, PORT_MS) == 1;
        reason = answered && getsockopt(fd, SOL_SOCKET, SO_ERROR, &reason, &bytes) == 0 ? reason
                                                                                        : ETIMEDOUT;
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    return reason;
}

/* Each of its addresses; `answers` gets the first that does, when another one does not. */
static const char *
reach_any(const char *host, const char *port, char answers[TG_REACH_HOST_MAX])
{
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *found = NULL;
    const struct addrinfo *good = NULL;
    int failed = getaddrinfo(host, port, &hints, &found), reason = 0;
    for (const struct addrinfo *at = found; at != NULL; at = at->ai_next) {
        int now = reach(at);
        good = good == NULL && now == 0 ? at : good;
        reason = now != 0 ? now : reason;
    }
    if (good != NULL && reason != 0) {
        (void)getnameinfo(good->ai_addr, good->ai_addrlen, answers, TG_REACH_HOST_MAX, NULL, 0,
                          NI_NUMERICHOST);
    }
    if (found != NULL) {
        freeaddrinfo(found);
    }
    return failed != 0 ? gai_strerror(failed) : good == NULL ? strerror(reason) : NULL;
}

const char *
tg_reach(const char *address, char answers[TG_REACH_HOST_MAX])
{
    char host[256], *port = NULL;
    const char *problem = NULL;
    answers[0] = '\0';
    if (strncmp(address, "tcp://", 6) == 0) {
        bool v6 = address[6] == '[';
        (void)snprintf(host, sizeof host, "%.*s", (int)strcspn(address + 6, " "), address + 6);
        port = strrchr(host, ':');
        if (port != NULL) {
            *port++ = '\0';
            host[strcspn(host, "]")] = '\0';
        }
        /* As scheduler/net has it: nobody listens at the ::1 that this may be as well. */
        bool here = strcmp(host, "localhost") == 0;
        problem = reach_any(here ? "127.0.0.1" : host + v6, port, answers);
    }
    return problem;
}
