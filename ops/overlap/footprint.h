/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_OVERLAP_FOOTPRINT_H
#define TG_OVERLAP_FOOTPRINT_H
/*
 * What: the set of cells (and weights on them) that a neighbourhood op looks at, one box with a
 * mark per cell, over all axes of the array. Cell k along an axis reads offset k - before.
 *
 * Ownership: one block of tg_state_alloc. Threads: immutable once made. Errors: see functions.
 */
#include "core/array/array.h"

typedef struct tg_footprint {
    int ndim;
    int64_t size[TG_NDIM_MAX];
    int64_t before[TG_NDIM_MAX];
    int64_t count;         /* cells of the box */
    const uint8_t *member; /* per cell: belongs to the footprint */
    const double *value;   /* per cell: weight or height; NULL where there are none */
} tg_footprint;

/*
 * From the array argument `arg` over `axes` (ascending, as SciPy
 * expands a footprint; the other axes get size 1) and the origins of those axes in the order given.
 * `values`: keep the numbers too. TG_ERR_VALUE for a wrong rank or a bad origin.
 */
TG_MUST_USE tg_status tg_footprint_from_arg(const tg_infer *infer, size_t arg, const int *axes,
                                            int naxes, const tg_value *origin, bool values,
                                            tg_footprint **out, tg_error *err);
/* A full box of the given sizes (per axis of the array, 1 where not filtered). NULL: no memory. */
tg_footprint *tg_footprint_box(int ndim, const int64_t *size);
/* The cross of the cells at city-block distance <= 1 over the given axes. NULL: no memory. */
tg_footprint *tg_footprint_cross(int ndim, const int *axes, int naxes);
/* Sets `before` from the origins of `axes`, checked. */
TG_MUST_USE tg_status tg_footprint_set_origin(const tg_infer *infer, tg_footprint *footprint,
                                              const int *axes, int naxes, const tg_value *origin,
                                              tg_error *err);
/* Mirrors the cells and the position: what SciPy does for every dilation and convolution. */
void tg_footprint_mirror(tg_footprint *footprint);
/* A window that reads the footprint `times` times one after the other. */
void tg_footprint_window(const tg_footprint *footprint, int64_t times, tg_window *window);

#endif
