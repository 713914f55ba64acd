/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_OVERLAP_BOXES_H
#define TG_OVERLAP_BOXES_H
/*
 * What: the engine of box filters: mean, smallest, largest over a box, one pass per axis, at a cost
 * that grows with the logarithm of the size. The result of a cell never depends on the tile that it
 * is in (as running sums would).
 *
 * Ownership: a tg_boxes_filter is one block of tg_state_alloc: a node's state.
 * Threads: immutable once made. Errors: out of scratch memory is TG_ERR_MEMORY.
 */
#include "core/array/array.h"

typedef enum tg_boxes_what { TG_BOXES_MEAN, TG_BOXES_MIN, TG_BOXES_MAX } tg_boxes_what;

typedef struct tg_boxes_pass {
    int axis;
    int64_t size, before;
    tg_boundary mode;
} tg_boxes_pass;

typedef struct tg_boxes_filter {
    tg_boxes_what what;
    tg_dtype in, out, work;
    double cval;
    int count;
    tg_boxes_pass pass[TG_NDIM_MAX];
} tg_boxes_filter;

tg_boxes_filter *tg_boxes_create(tg_boxes_what what, tg_dtype in, tg_dtype out, double cval,
                                 int count, const tg_boxes_pass *passes);
void tg_boxes_window(const tg_array *node, size_t arg, tg_window *window);
void tg_boxes_cost(const tg_array *node, const tg_box *out, tg_cost *cost);
tg_status tg_boxes_run(const tg_run *run, const tg_view *in, const tg_view *out, tg_error *err);

#endif
