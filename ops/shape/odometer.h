/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_SHAPE_ODOMETER_H
#define TG_SHAPE_ODOMETER_H
/*
 * What: stepping through N-d indices in C order.
 *
 * Ownership: the index belongs to the caller. Threads: pure. Errors: none.
 */
#include <stdbool.h>
#include <stdint.h>

#include "core/base/assert.h"
#include "core/base/limits.h"

/* The next index below `shape`; false, and all zeros, after the last. With no axes there is one
 * index, and so no next. */
static inline bool
tg__odometer_next(int ndim, const int64_t *shape, int64_t *at)
{
    TG_DCHECK(ndim >= 0 && ndim <= TG_NDIM_MAX);
    int a = ndim - 1;
    while (a >= 0 && ++at[a] >= shape[a]) {
        at[a--] = 0;
    }
    return a >= 0;
}

#endif
