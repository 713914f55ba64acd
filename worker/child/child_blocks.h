/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_CHILD_CHILD_BLOCKS_H
#define TG_CHILD_CHILD_BLOCKS_H
/*
 * What: the blocks of one call in the memory that is shared with a child: laid out as talk.h says,
 * inputs copied in, the result copied out.
 *
 * Ownership: borrows. Threads: any. Errors: as said.
 */
#include "core/base/status.h"
#include "tilegraph/map.h"
#include "worker/child/talk.h"

/* Words before the blocks, and all bytes. TG_ERR_MEMORY when they are too many to count. */
TG_MUST_USE tg_status tg__blocks_size(const tg_block_view *in, size_t nin, const tg_block_view *out,
                                      size_t *words, size_t *bytes, tg_error *err);
/* Writes words and inputs; `memory` has the bytes that tg__blocks_size says. */
void tg__blocks_put(void *memory, const tg_block_info *info, const tg_block_view *in, size_t nin,
                    const tg_block_view *out);
/* The result. `words` is what tg__blocks_size said: nothing is read back of what the child may
 * have written over. */
void tg__blocks_take(void *memory, size_t words, const tg_block_view *out);

#endif
