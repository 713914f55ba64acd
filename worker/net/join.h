/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_WORKER_JOIN_H
#define TG_WORKER_JOIN_H
/*
 * What: where a cluster is, as users say it: an address, or a join file with keys; and where a
 * worker's own tiles can be fetched.
 *
 * Ownership: the caller's; keys are cleared by tg_keys_forget, the list of who may connect by
 * tg_zap_close. Threads: any. Errors: TG_ERR_VALUE, and those of reading the file.
 */
#include "scheduler/net/net.h"

/* So often in a row the scheduler may turn us away. */
enum { TG_TROUBLES = 3 };

/* Texts in which a "://" stands are addresses. `address` of TG_NET_ADDRESS_MAX gets what to connect
 * to; `security` the keys to do it with, none for an address. */
TG_MUST_USE tg_status tg__join_resolve(const char *where, tg_net_security *security, char *address,
                                       tg_error *err);
/* Where to listen for those who fetch tiles: as wished, or by ipc where the scheduler is reached by
 * ipc, and by tcp at this host's own address otherwise. With keys, who has the join file may
 * connect: `security` gets keys to listen with, and the list. */
TG_MUST_USE tg_status tg__join_data_address(const char *wish, const char *scheduler,
                                            tg_net_security *security, char *address,
                                            tg_error *err);

#endif
