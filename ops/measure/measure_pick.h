/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_MEASURE_MEASURE_PICK_H
#define TG_MEASURE_MEASURE_PICK_H
/*
 * What: one measurement out of the table of `_measure`, for all of labels > 0 together or for the
 * labels of an index array, as scipy.ndimage's functions of (input, labels, index) do.
 *
 * Ownership: nodes of the scope. Threads: none of its own. Errors: the scope's.
 */
#include "core/array/scope.h"

typedef enum tg_pick {
    TG_PICK_AREA,
    TG_PICK_SUM,
    TG_PICK_MEAN,
    TG_PICK_VARIANCE,
    TG_PICK_STANDARD_DEVIATION,
    TG_PICK_MINIMUM,
    TG_PICK_MAXIMUM,
    TG_PICK_MINIMUM_POSITION,
    TG_PICK_MAXIMUM_POSITION,
    TG_PICK_CENTER_OF_MASS,
    TG_PICK_COUNT
} tg_pick;

/* `labels` and `index` may be NULL. */
tg_array *tg_measure_pick(tg_scope *scope, const char *op, tg_pick pick, tg_array *input,
                          tg_array *labels, tg_array *index);

#endif
