/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_OVERLAP_TAPS_H
#define TG_OVERLAP_TAPS_H
/*
 * What: the engine of filters over any footprint: correlation, smallest and largest with or without
 * heights, rank. Every row of the result is made from as many shifted rows of the window as the
 * footprint has cells; ops/kernel/taps.h has the loops.
 *
 * Ownership: a tg_taps and what hangs on it is a node's state, freed by tg_taps_free.
 * Threads: immutable once made. Errors: out of scratch memory is TG_ERR_MEMORY.
 */
#include "ops/overlap/footprint.h"
#include "ops/overlap/selection.h"

typedef enum tg_taps_what {
    TG_TAPS_CORRELATE,
    TG_TAPS_MIN,
    TG_TAPS_MAX,
    TG_TAPS_MIN_HEIGHT,
    TG_TAPS_MAX_HEIGHT,
    TG_TAPS_SELECT
} tg_taps_what;

/* Sets state, dtype and so on of an infer that has gone through tg_filter_begin. Takes
 * `footprint`, also when it fails. `rank` is for SELECT. */
TG_MUST_USE tg_status tg_taps_begin_take(tg_infer *infer, tg_taps_what what,
                                         tg_footprint *footprint, tg_boundary mode, double cval,
                                         int64_t rank, tg_error *err);
void tg_taps_window(const tg_array *node, size_t arg, tg_window *window);
void tg_taps_cost(const tg_array *node, const tg_box *out, tg_cost *cost);
tg_status tg_taps_run(const tg_run *run, const tg_view *in, const tg_view *out, tg_error *err);

#endif
