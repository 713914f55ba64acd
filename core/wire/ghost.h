/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_WIRE_GHOST_H
#define TG_WIRE_GHOST_H
/*
 * What: a source that nobody has opened: it has the description of an array in a store, and no
 * data. Plans are expanded from it as from the array itself; reading it fails. And a function that
 * nobody has made: calling it fails.
 *
 * Ownership: made with one reference; shares the grid. Threads: any, as sources are.
 * Errors: NULL without memory.
 */
#include "core/array/param.h"
#include "core/array/source.h"

tg_source *tg__ghost_source(const char *format, const char *uri, tg_dtype dtype, int ndim,
                            const int64_t *shape, tg_grid *chunks, bool random_access);
/* The `make` of a tg_wire_opener. */
TG_MUST_USE tg_status tg__ghost_function(void *ctx, const tg_function_form *form, tg_function **out,
                                         tg_error *err);

#endif
