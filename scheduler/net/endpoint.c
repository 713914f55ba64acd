/* SPDX-License-Identifier: BSD-3-Clause */
/* Addresses, and who may be talked to without keys. See endpoint.h. */
#include "scheduler/net/endpoint.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static tg_reach
reach_of_v4(const unsigned char *b)
{
    tg_reach reach = TG_REACH_WORLD;
    if (b[0] == 127) {
        reach = TG_REACH_HOST;
    } else if (b[0] == 10 || (b[0] == 172 && (b[1] & 0xf0) == 16) || (b[0] == 192 && b[1] == 168) ||
               (b[0] == 169 && b[1] == 254)) {
        reach = TG_REACH_PRIVATE;
    }
    return reach;
}

static tg_reach
reach_of_v6(const unsigned char *b)
{
    static const unsigned char loopback[16] = { [15] = 1 };
    static const unsigned char mapped[12] = { [10] = 0xff, [11] = 0xff };
    tg_reach reach = TG_REACH_WORLD;
    if (memcmp(b, loopback, sizeof loopback) == 0) {
        reach = TG_REACH_HOST;
    } else if (memcmp(b, mapped, sizeof mapped) == 0) {
        reach = reach_of_v4(b + 12);
    } else if ((b[0] & 0xfe) == 0xfc || (b[0] == 0xfe && (b[1] & 0xc0) == 0x80)) {
        reach = TG_REACH_PRIVATE;
    }
    return reach;
}

/* A name may be anybody, but for the one that is this host by agreement. */
static tg_reach
reach_of(const char *host)
{
    unsigned char bytes[16];
    tg_reach reach = TG_REACH_WORLD;
    if (strcmp(host, "localhost") == 0) {
        reach = TG_REACH_HOST;
    } else if (inet_pton(AF_INET, host, bytes) == 1) {
        reach = reach_of_v4(bytes);
    } else if (inet_pton(AF_INET6, host, bytes) == 1) {
        reach = reach_of_v6(bytes);
    }
    return reach;
}

/* host:port, host:*, [v6]:port */
static tg_status
parse_tcp(const char *address, const char *rest, tg_endpoint *out, tg_error *err)
{
    tg_status status = TG_OK;
    char host[TG_ENDPOINT_MAX + 1], *end = NULL;
    const char *colon = strrchr(rest, ':');
    TG_CHECK(colon != NULL && colon != rest, err, TG_ERR_VALUE,
             "address '%s': tcp://host:port is expected", address);
    bool bracket = rest[0] == '[' && colon[-1] == ']';
    size_t length = (size_t)(colon - rest) - (bracket ? 2 : 0);
    memcpy(host, rest + bracket, length);
    host[length] = '\0';
    TG_CHECK(host[0] != '\0' && (bracket || strchr(host, ':') == NULL), err, TG_ERR_VALUE,
             "address '%s': an IPv6 address is written tcp://[::1]:port", address);
    bool any = strcmp(colon + 1, "*") == 0;
    unsigned long port = any ? 0 : strtoul(colon + 1, &end, 10);
    TG_CHECK(any || (colon[1] >= '0' && colon[1] <= '9' && *end == '\0' && port <= 65535), err,
             TG_ERR_VALUE, "address '%s': a port is a number from 0 (any free one) to 65535",
             address);
    unsigned char v4[4];
    out->reach = reach_of(host);
    out->ipv6 = strcmp(host, "*") != 0 && strcmp(host, "localhost") != 0 &&
                inet_pton(AF_INET, host, v4) != 1;
    bool v4_name = strcmp(host, "localhost") == 0; /* it may be ::1 first, where nobody listens */
    (void)snprintf(out->url, sizeof out->url, port == 0 ? "tcp://%.*s:*" : "tcp://%.*s:%lu",
                   v4_name ? 9 : (int)(colon - rest), v4_name ? "127.0.0.1" : rest, port);
out:
    return status;
}

static tg_status
split_key(const char *address, char *text, size_t room, tg_endpoint *out, tg_error *err)
{
    tg_status status = TG_OK;
    TG_CHECK(strlen(address) < room, err, TG_ERR_VALUE,
             "address '%.40s...' is longer than %zu bytes", address, room - 1);
    (void)snprintf(text, room, "%s", address);
    char *blank = strchr(text, ' ');
    if (blank != NULL) {
        TG_CHECK(tg_key_is_valid(blank + 1), err, TG_ERR_VALUE,
                 "address '%s': what is behind the blank is no key of %d characters", address,
                 TG_KEY_CHARS);
        memcpy(out->server_key, blank + 1, TG_KEY_CHARS + 1);
        *blank = '\0';
    }
    TG_CHECK(strlen(text) <= TG_ENDPOINT_MAX - 8, err, TG_ERR_VALUE,
             "address '%.40s...' is longer than %d bytes", address, TG_ENDPOINT_MAX - 8);
out:
    return status;
}

tg_status
tg_endpoint_parse(const char *address, tg_endpoint *out, tg_error *err)
{
    tg_status status = TG_OK;
    char text[TG_ENDPOINT_MAX + TG_KEY_CHARS + 2];
    memset(out, 0, sizeof *out);
    TG_TRY(split_key(address, text, sizeof text, out, err));
    if (strncmp(text, "tcp://", 6) == 0) {
        TG_TRY(parse_tcp(text, text + 6, out, err));
    } else if (strncmp(text, "ipc://", 6) == 0) {
        /* "@" would be a name without a file, which any user of this host may open. */
        TG_CHECK(text[6] == '/' && strlen(text + 6) < sizeof(((struct sockaddr_un *)0)->sun_path),
                 err, TG_ERR_VALUE,
                 "address '%s': ipc:// is followed by an absolute path of at most %zu bytes", text,
                 sizeof(((struct sockaddr_un *)0)->sun_path) - 1);
        out->reach = TG_REACH_HOST;
        memcpy(out->path, text + 6, strlen(text + 6) + 1);
        memcpy(out->url, text, strlen(text) + 1);
    } else if (strncmp(text, "inproc://", 9) == 0 && text[9] != '\0') {
        out->reach = TG_REACH_PROCESS;
        memcpy(out->path, text + 9, strlen(text + 9) + 1);
        memcpy(out->url, text, strlen(text) + 1);
    } else {
        status = tg_fail(err, TG_ERR_VALUE,
                         "address '%s': tcp://host:port, ipc:///path or inproc://name is expected",
                         text);
    }
out:
    return status;
}

tg_status
tg_endpoint_check(const tg_endpoint *endpoint, bool listens, const tg_net_security *security,
                  tg_error *err)
{
    tg_status status = TG_OK;
    bool keys = listens ? security->listen.public_key[0] != '\0' : endpoint->server_key[0] != '\0';
    TG_CHECK(listens || !keys || security->connect.public_key[0] != '\0', err, TG_ERR_VALUE,
             "%s asks for a key, and there is none to show: use the join file of the cluster",
             endpoint->url);
    TG_CHECK(keys || endpoint->reach != TG_REACH_WORLD, err, TG_ERR_VALUE,
             "%s can be reached from anywhere, so it needs keys: %s", endpoint->url,
             listens ? "give the scheduler keys (it makes them with a join file), or listen on "
                       "tcp://127.0.0.1 or ipc://"
                     : "use the join file of the cluster");
    TG_CHECK(keys || endpoint->reach != TG_REACH_PRIVATE || security->insecure, err, TG_ERR_VALUE,
             "%s can be reached from other hosts, so it needs keys: %s, or say that this network "
             "is to be trusted (insecure)",
             endpoint->url,
             listens ? "give the scheduler keys (it makes them with a join file)"
                     : "use the join file of the cluster");
out:
    return status;
}

/* Connecting a datagram socket sends nothing; it only asks which way a packet would take. */
static bool
own_address(const struct addrinfo *there, char *text, size_t room)
{
    struct sockaddr_storage own;
    socklen_t bytes = sizeof own;
    int fd = socket(there->ai_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    bool found = fd >= 0 && connect(fd, there->ai_addr, there->ai_addrlen) == 0 &&
                 getsockname(fd, (struct sockaddr *)&own, &bytes) == 0 &&
                 getnameinfo((struct sockaddr *)&own, bytes, text, (socklen_t)room, NULL, 0,
                             NI_NUMERICHOST) == 0;
    if (fd >= 0) {
        (void)close(fd);
    }
    return found;
}

tg_status
tg_endpoint_own(const char *there, char *out, size_t room, tg_error *err)
{
    tg_status status = TG_OK;
    tg_endpoint endpoint;
    char host[TG_ENDPOINT_MAX + 1], own[128];
    struct addrinfo hints = { .ai_socktype = SOCK_DGRAM }, *found = NULL;
    TG_TRY(tg_endpoint_parse(there, &endpoint, err));
    TG_CHECK(strncmp(endpoint.url, "tcp://", 6) == 0, err, TG_ERR_VALUE, "%s: not a tcp address",
             endpoint.url);
    const char *from = endpoint.url + 6;
    const char *colon = strrchr(from, ':');
    bool v6 = from[0] == '[';
    size_t bytes = (size_t)(colon - from) - (v6 ? 2 : 0);
    memcpy(host, from + v6, bytes);
    host[bytes] = 0;
    TG_CHECK(getaddrinfo(host, colon + 1, &hints, &found) == 0 && found != NULL, err,
             TG_ERR_NOT_FOUND, "%s: there is no host of this name", host);
    bool has_way = false; /* to one of its addresses */
    for (const struct addrinfo *at = found; at != NULL && !has_way; at = at->ai_next) {
        has_way = own_address(at, own, sizeof own);
    }
    TG_CHECK(has_way, err, TG_ERR_IO, "%s: this host has no address to be reached from there",
             host);
    v6 = strchr(own, ':') != NULL;
    TG_CHECK((size_t)snprintf(out, room, "tcp://%s%s%s:0", v6 ? "[" : "", own, v6 ? "]" : "") <
                 room,
             err, TG_ERR_LIMIT, "%s: too long an address", own);
out:
    if (found != NULL) {
        freeaddrinfo(found);
    }
    return status;
}
