/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_SHAPE_MARGIN_H
#define TG_SHAPE_MARGIN_H
/*
 * What: windows of an array that reach outside it, copied from one box of the array: what pad and
 * overlap are. Per axis a window is cut into runs of cells whose sources go up, go down, stand
 * still, or are a constant.
 *
 * As in NumPy's pad, axes are extended one after the other, so a corner takes the constant of the
 * last axis along which it is outside.
 *
 * Ownership: values. Threads: pure functions. Errors: none; an empty axis has only constants.
 */
#include "core/array/box.h"
#include "core/array/view.h"
#include "core/array/window.h"
#include "ops/create/number.h"

typedef struct tg_margin {
    uint8_t mode[TG_NDIM_MAX];           /* tg_boundary, not `none` */
    tg_element constant[TG_NDIM_MAX][2]; /* before and after, in the array's dtype */
} tg_margin;

/* The cells of the array (of `shape`) that the window needs; empty when it is all constants. */
void tg__margin_demand(const tg_margin *margin, const int64_t *shape, const tg_box *window,
                       tg_box *in);
/* Fills `out`, which covers the window, from `in`, which covers in_box: all that is needed. */
void tg__margin_fill(const tg_margin *margin, const int64_t *shape, const tg_box *window,
                     const tg_view *in, const tg_box *in_box, const tg_view *out);

#endif
