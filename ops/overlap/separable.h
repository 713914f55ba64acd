/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_OVERLAP_SEPARABLE_H
#define TG_OVERLAP_SEPARABLE_H
/*
 * What: the engine of all separable filters: up to one correlation per axis, done as one op on one
 * window. A slab of a few planes goes through all passes while it is in the L2 cache, so a voxel is
 * read once and written once.
 *
 * Equal to SciPy's sequence of whole-array passes: between passes values take the output dtype;
 * cells outside the array are, for reflect, mirror, nearest and wrap, what the passes before make
 * of the window's own border (both orders commute); for constant they are put to `cval` again
 * before the pass along their axis.
 *
 * Ownership: a tg_separable is one block of tg_state_alloc, weights included; it is a node's state.
 * Threads: immutable once made. Errors: out of scratch memory is TG_ERR_MEMORY.
 */
#include "core/array/array.h"
#include "ops/kernel/fir.h"

typedef struct tg_separable_pass {
    int axis;
    int64_t taps;
    int64_t before; /* cells that are read before the cell of the result */
    tg_boundary mode;
    tg_fir_kind kind;
    const double *weights;
    const float *weights32;
} tg_separable_pass;

typedef struct tg_separable {
    tg_dtype in, out;
    bool single; /* float32 in float32 arithmetic */
    double cval;
    int count;
    tg_separable_pass pass[TG_NDIM_MAX];
} tg_separable;

/* One pass as it is asked for. */
typedef struct tg_separable_spec {
    int axis;
    int64_t taps, origin;
    tg_boundary mode;
    const double *weights; /* correlation order */
} tg_separable_spec;

/* Passes are done in the order given. NULL when out of memory. */
tg_separable *tg_separable_create(tg_dtype in, tg_dtype out, double cval, int count,
                                  const tg_separable_spec *specs);
/* The slots of an op whose state is a tg_separable. */
void tg_separable_window(const tg_array *node, size_t arg, tg_window *window);
void tg_separable_cost(const tg_array *node, const tg_box *out, tg_cost *cost);
tg_status tg_separable_run(const tg_run *run, const tg_view *in, const tg_view *out, tg_error *err);

#endif
