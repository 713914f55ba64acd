/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_NET_WATCH_H
#define TG_NET_WATCH_H
/*
 * What: a daemon that lives as long as the process that has started it: it holds one end of a pipe,
 * and is told when the other one is closed, however that process ended. The end is non-blocking
 * from then on, for all who share it: who only reads till the end needs a pipe of his own.
 *
 * Ownership: destroy frees, before the loop goes. Threads: the loop's. Errors: TG_ERR_VALUE for a
 * descriptor that cannot be watched.
 */
#include "core/base/status.h"

typedef struct tg_alive_watch tg_alive_watch;
struct uv_loop_s;

TG_MUST_USE tg_status tg_alive_watch_create(struct uv_loop_s *loop, int fd,
                                            void (*closed)(void *ctx), void *ctx,
                                            tg_alive_watch **out, tg_error *err);
/* NULL is allowed. */
void tg_alive_watch_destroy(tg_alive_watch *watch);

#endif
