/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_WORKER_JOIN_H
#define TG_WORKER_JOIN_H
/*
 * What: where a cluster is, as users say it: an address, or a join file with addresses and keys;
 * and where a worker's own tiles can be fetched.
 *
 * Ownership: the caller's; keys are cleared by tg_keys_forget, the list of who may connect by
 * tg_zap_close. Threads: any. Errors: TG_ERR_VALUE, and those of reading the file.
 */
#include "scheduler/net/net.h"

/* So often in a row the scheduler may turn us away: a line that was cut at the wrong time may look
 * like it, and the next tries, a second apart, tell. */
enum { TG_TROUBLES = 3 };

/* What went wrong since the scheduler was there last. */
typedef struct tg_join_troubles {
    int refused;
    char text[384]; /* the last one; "": nothing */
} tg_join_troubles;

/* True: it will not have us, so there is nothing to wait for. */
bool tg__join_trouble(tg_join_troubles *troubles, tg_trouble what, const char *text);

/* The addresses of one scheduler, as tg_net_connect wants them. */
typedef struct tg_join_addresses {
    size_t count;
    const char *list[TG_JOIN_ENDPOINTS_MAX]; /* into `text` */
    char text[TG_JOIN_ENDPOINTS_MAX][TG_NET_ADDRESS_MAX];
} tg_join_addresses;

/* Texts in which a "://" stands are addresses. `out` gets what to connect to; `security` the keys
 * to do it with, none for an address, and whether none are needed on private networks. */
TG_MUST_USE tg_status tg__join_resolve(const char *where, tg_net_security *security,
                                       tg_join_addresses *out, tg_error *err);
/* Where to listen for those who fetch tiles, into TG_NET_ADDRESS_MAX bytes: as wished; or by tcp at
 * this host's own address when others than this host reach the scheduler; else by ipc or loopback
 * as the scheduler does. By tcp and
 * with keys, `security` gets a pair to listen with, and a list of who may connect on which nobody
 * is yet. */
TG_MUST_USE tg_status tg__join_data_address(const char *wish, const tg_join_addresses *scheduler,
                                            tg_net_security *security, char *address,
                                            tg_error *err);

#endif
