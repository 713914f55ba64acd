/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_NET_ENDPOINT_H
#define TG_NET_ENDPOINT_H
/*
 * What: addresses as users write them and messages carry them, and the rule who may be talked to
 * without keys. An address is an endpoint, and behind a blank the public key of who listens there:
 *
 *     inproc://name    ipc:///path    tcp://host:port    "tcp://host:port <40 characters>"
 *
 * The rule: within this host (ipc, loopback) no keys are needed. Any other address needs them;
 * `insecure` lifts that for private networks (10/8, 172.16/12, 192.168/16, 169.254/16, fc00::/7,
 * fe80::/10), never for addresses that the world may reach, nor for names, which may be anybody.
 *
 * Ownership: the struct is the caller's. Threads: any. Errors: TG_ERR_VALUE, with what to do.
 */
#include "scheduler/net/keys.h"

typedef enum tg_reach {
    TG_REACH_PROCESS,
    TG_REACH_HOST,
    TG_REACH_PRIVATE,
    TG_REACH_WORLD
} tg_reach;

typedef struct tg_endpoint {
    char url[TG_ENDPOINT_MAX + 1];  /* without the key; port 0 as ZeroMQ's "*" */
    char path[TG_ENDPOINT_MAX + 1]; /* of ipc and inproc; "" for tcp */
    char server_key[TG_KEY_CHARS + 1];
    tg_reach reach;
    bool ipv6; /* or a name, which may be such an address */
} tg_endpoint;

TG_MUST_USE tg_status tg_endpoint_parse(const char *address, tg_endpoint *out, tg_error *err);
/* May we listen there (with keys of our own, or without), or connect? */
TG_MUST_USE tg_status tg_endpoint_check(const tg_endpoint *endpoint, bool listens,
                                        const tg_net_security *security, tg_error *err);

/* The address at which this host is seen from there, with any free port: to listen at. A name is
 * looked up, which may take a while. */
TG_MUST_USE tg_status tg_endpoint_own(const char *there, char *out, size_t room, tg_error *err);

#endif
