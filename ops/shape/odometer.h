/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_SHAPE_ODOMETER_H
#define TG_SHAPE_ODOMETER_H
/*
 * What: stepping through N-d indices in C order, and through the rows of a view.
 *
 * Ownership: the index belongs to the caller. Threads: pure. Errors: none.
 */
#include <stdbool.h>
#include <stdint.h>

#include "core/array/view.h"
#include "core/base/assert.h"
#include "core/base/limits.h"

/* The next index below `shape`; false, and all zeros, after the last. With no axes there is one
 * index, and so no next; nor with -1, which is "all but the last" of a view without axes. */
static inline bool
tg__odometer_next(int ndim, const int64_t *shape, int64_t *at)
{
    TG_DCHECK(ndim >= -1 && ndim <= TG_NDIM_MAX);
    int a = ndim - 1;
    while (a >= 0 && ++at[a] >= shape[a]) {
        at[a--] = 0;
    }
    return a >= 0;
}

/* The same over the axes of a mask; the others stay where they are. */
static inline bool
tg__odometer_next_of(uint64_t axes, int ndim, const int64_t *shape, int64_t *at)
{
    bool more = false;
    TG_DCHECK(ndim >= -1 && ndim <= TG_NDIM_MAX);
    for (int a = ndim - 1; a >= 0 && !more; a--) {
        if ((axes >> a & 1) != 0) {
            more = ++at[a] < shape[a];
            at[a] = more ? at[a] : 0;
        }
    }
    return more;
}

/* The first cell of the row that the index is in: all axes but the last one count. */
static inline char *
tg__odometer_row(const tg_view *view, const int64_t *at)
{
    char *row = view->data;
    for (int a = 0; a < view->ndim - 1; a++) {
        row += at[a] * view->strides[a];
    }
    return row;
}

#endif
