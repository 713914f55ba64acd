/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_MEM_STREAM_H
#define TG_MEM_STREAM_H
/*
 * What: a copy that writes past the caches, for results that are larger than them.
 *
 * Ownership: none. Threads: any. Errors: none.
 */
#include <stddef.h>

/* Memory must not overlap; any alignment. Other threads may read the copy after tg_stream_end(),
 * once for many copies: it waits until all writes have reached memory. */
void tg_stream_copy(void *to, const void *from, size_t bytes);
void tg_stream_end(void);

#endif
