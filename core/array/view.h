/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_ARRAY_VIEW_H
#define TG_ARRAY_VIEW_H
/*
 * What: a strided window on memory: how ops see their inputs and outputs. Strides are in bytes,
 * may be zero (broadcast) or negative (flip).
 *
 * Ownership: a view owns nothing; it is valid while whoever made it says so.
 * Threads: values. Errors: none; copying converts nothing, the dtypes must be equal.
 */
#include <stdbool.h>
#include <stdint.h>

#include "core/array/box.h"
#include "tilegraph/dtype.h"

typedef struct tg_view {
    void *data; /* element (0, 0, ...) */
    tg_dtype dtype;
    int ndim;
    int64_t shape[TG_NDIM_MAX];
    int64_t strides[TG_NDIM_MAX];
} tg_view;

/* A C-contiguous view of `data` with the shape of `box`. */
void tg_view_from_box(tg_view *view, void *data, tg_dtype dtype, const tg_box *box);
void tg_view_from_shape(tg_view *view, void *data, tg_dtype dtype, int ndim, const int64_t *shape);
/* The part `part` of a view that covers `whole`; both boxes in the array's coordinates. */
void tg_view_sub(tg_view *out, const tg_view *view, const tg_box *whole, const tg_box *part);
bool tg_view_is_contiguous(const tg_view *view);
int64_t tg_view_count(const tg_view *view);
/* Copies element by element; shapes and dtypes must be equal, memory must not overlap. Rows that
 * are contiguous on both sides go by memcpy; axes that line up are joined first. */
void tg_view_copy(const tg_view *to, const tg_view *from);
/* The same, writing past the caches where rows are long: for a target that nobody reads soon. A
 * line is then not read only to be overwritten. */
void tg_view_copy_past_caches(const tg_view *to, const tg_view *from);
/* Bytes from the first to the last one that the view shows, with what lies between. */
int64_t tg_view_extent(const tg_view *view);
/* Sets every element to the one at `value`. */
void tg_view_fill(const tg_view *to, const void *value);

#endif
