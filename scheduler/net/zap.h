/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_NET_ZAP_H
#define TG_NET_ZAP_H
/*
 * What: who is let in. ZeroMQ asks a handler (RFC 27, ZAP) for each connection to a socket with
 * keys; this is that handler, one thread for the process, and the lists of allowed keys it looks
 * into. A list has a name, the ZAP domain of its sockets. Without a handler, or without a domain,
 * libzmq lets everybody in: scheduler/net/socket.c sets both and option 93 (enforce), and tries
 * with a key of nobody after each bind.
 *
 * The answer carries the User-Id that frames are then read with: a digit, the roles, and the key.
 *
 * And the ZeroMQ context: one for the process and its life, because closing one with CURVE pulls
 * the random source from under all others (libzmq #4242). A child of fork() gets its own; what it
 * has inherited is left alone.
 *
 * Ownership: a list is freed by close, after the sockets that name it. Threads: any.
 * Errors: TG_ERR_IO when the system gives no thread or socket; TG_ERR_LIMIT; TG_ERR_MEMORY.
 */
#include "core/base/status.h"

typedef struct tg_zap_domain tg_zap_domain;

/* Threads of the context: the first is for control alone, the others for data. */
enum { TG_ZMQ_CONTROL_AFFINITY = 1, TG_ZMQ_DATA_AFFINITY = 2 | 4 };
TG_MUST_USE tg_status tg_zmq_context(void **out, tg_error *err);
/* For programs of our own, at their start: memory that the C library has got for frames stays with
 * it. libzmq asks for that of each frame anew, and glibc would give it back to the system after
 * each few: half of what a gigabyte by TCP takes of the processors (measured) is getting pages. */
void tg_zmq_keep_memory(void);

TG_MUST_USE tg_status tg_zap_open(tg_zap_domain **out, tg_error *err);
void tg_zap_close(tg_zap_domain *domain);
const char *tg_zap_name(const tg_zap_domain *domain);
/* Z85. A key that is there already gets these roles; 0: it is taken from the list, and whoever is
 * connected with it stays so until the connection ends. */
TG_MUST_USE tg_status tg_zap_allow(tg_zap_domain *domain, const char *key, unsigned roles,
                                   tg_error *err);
/* Of a frame's User-Id; false: it is none of ours. */
bool tg_zap_read_user(const char *user_id, const char **key, unsigned *roles);

#endif
