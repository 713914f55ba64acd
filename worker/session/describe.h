/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_SESSION_DESCRIBE_H
#define TG_SESSION_DESCRIBE_H
/*
 * What: texts that are given to the user, who frees them with tg_text_free.
 *
 * Ownership: the caller's. Threads: any. Errors: NULL when there is no memory.
 */
#include <stddef.h>

/* Room for so many bytes and the zero behind them; empty. */
char *tg_text_alloc(size_t length);

#endif
