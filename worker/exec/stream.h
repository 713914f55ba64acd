/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_EXEC_STREAM_H
#define TG_EXEC_STREAM_H
/*
 * What: a copy that writes past the caches, for results that are larger than them.
 *
 * Ownership: none. Threads: any; the writes are ordered before it returns. Errors: none.
 */
#include <stddef.h>

/* Memory must not overlap; any alignment. */
void tg_stream_copy(void *to, const void *from, size_t bytes);

#endif
