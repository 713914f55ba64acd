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

const char *
tg_reach(const char *address)
{
    char host[256], *port = NULL;
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *there = NULL;
    const char *problem = NULL;
    if (strncmp(address, "tcp://", 6) == 0) {
        bool v6 = address[6] == '[';
        (void)snprintf(host, sizeof host, "%.*s", (int)strcspn(address + 6, " "), address + 6);
        port = strrchr(host, ':');
        if (port != NULL) {
            *port++ = '\0';
            host[strcspn(host, "]")] = '\0';
        }
        int failed = getaddrinfo(host + v6, port, &hints, &there);
        if (failed != 0) {
            problem = gai_strerror(failed);
        } else {
            int reason = reach(there);
            problem = reason != 0 ? strerror(reason) : NULL;
            freeaddrinfo(there);
        }
    }
    return problem;
}
