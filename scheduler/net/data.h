/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_NET_DATA_H
#define TG_NET_DATA_H
/*
 * What: the sockets for bulk data of a net (net.h has what they promise).
 *
 * Ownership: tg_data_destroy frees. Threads: the loop's; `release` is called from any.
 * Errors: those of socket.h.
 */
#include "scheduler/net/net.h"
#include "scheduler/net/socket.h"

typedef struct tg_data tg_data;

typedef struct tg_data_user {
    void *ctx;
    void (*frame)(void *ctx, const tg_net_frame *frame);
    void (*room)(void *ctx);
    void (*cut)(void *ctx, const tg_route *route);
    void (*refused)(void *ctx, bool dialled, const char *text);
    void (*watch)(void *ctx, int fd, bool on);
} tg_data_user;

TG_MUST_USE tg_status tg_data_create(const tg_data_user *user, const tg_net_security *security,
                                     int64_t lease_ns, tg_data **out, tg_error *err);
void tg_data_destroy(tg_data *data);
TG_MUST_USE tg_status tg_data_listen(tg_data *data, const char *address, char *actual, size_t room,
                                     tg_error *err);
TG_MUST_USE tg_status tg_data_connect(tg_data *data, const char *address, tg_route *out,
                                      tg_error *err);
void tg_data_close(tg_data *data, const tg_route *route);
TG_MUST_USE tg_sent tg_data_send(tg_data *data, const tg_route *route, const void *head,
                                 size_t head_bytes, void *body, size_t body_bytes,
                                 void (*release)(void *body, void *ctx), void *ctx);
/* Hands up what came in, until then; true: there is more. */
bool tg_data_drain(tg_data *data, int64_t until_ns);
bool tg_data_pending(tg_data *data);
/* When to drain though nothing comes in; INT64_MAX: nothing is due. */
int64_t tg_data_deadline(const tg_data *data);
/* A sender waits for room: look again soon, as libzmq does not tell every time. */
bool tg_data_blocked(const tg_data *data);

#endif
