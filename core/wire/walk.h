/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_WIRE_WALK_H
#define TG_WIRE_WALK_H
/*
 * What: the validating walk over a message, before msgpack-c sees it. The decoder of msgpack-c
 * allocates arrays from their declared length before it has seen an element; a message of a few
 * bytes makes it reserve gigabytes. One pass without any allocation finds out whether everything
 * that is declared is there, so what the decoder then allocates is bounded by what was sent.
 *
 * Ownership: borrows the bytes. Threads: pure. Errors: TG_ERR_FORMAT with the offset in the
 * message; TG_ERR_LIMIT for nesting and for the number of objects.
 */
#include <stddef.h>
#include <stdint.h>

#include "core/base/status.h"

/* How many of the bytes are UTF-8, up to the first that is not, or to a character that is cut. */
size_t tg__utf8_prefix(const uint8_t *text, size_t size);

/*
 * Walks one object that begins at `offset`. *end gets the offset behind it. Checked are: nesting
 * (TG_PLAN_NESTING_MAX), the count of every array and map and the length of every text and binary
 * against the bytes that remain, the text being UTF-8, and the number of objects in it, itself
 * included. Extension types are refused.
 */
TG_MUST_USE tg_status tg__wire_walk(const uint8_t *bytes, size_t size, size_t offset,
                                    uint64_t objects_max, size_t *end, tg_error *err);

#endif
