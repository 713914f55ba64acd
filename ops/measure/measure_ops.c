/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The measurements of scipy.ndimage of (input, labels, index). They share one pass: see
 * ops/measure/measure.c. Names that NumPy's functions have already (sum, mean, minimum, ...) end
 * in _labels here; Python's tg.ndimage shows them under SciPy's names.
 */
#include "ops/measure/measure_pick.h"

/* input, labels and index, of which the last two may be left out. */
#define DEFINE_PICK(op, pick, text)                                                                \
    static tg_array *build_##op(tg_scope *scope, size_t nargs, tg_array *const *args,              \
                                const tg_value *values)                                            \
    {                                                                                              \
        (void)values;                                                                              \
        return tg_measure_pick(scope, #op, pick, args[0], nargs > 1 ? args[1] : NULL,              \
                               nargs > 2 ? args[2] : NULL);                                        \
    }                                                                                              \
    const tg_op tg_op_##op = {                                                                     \
        .name = #op,                                                                               \
        .module = "ndimage",                                                                       \
        .summary = text,                                                                           \
        .version = 1,                                                                              \
        .cls = TG_CLASS_COMPOSITE,                                                                 \
        .nargs_min = 1,                                                                            \
        .nargs_max = 3,                                                                            \
        .arg_names = "input|labels|index",                                                         \
        .build = build_##op,                                                                       \
    }

DEFINE_PICK(sum_labels, TG_PICK_SUM, "The sum of the values of every labelled object.");
DEFINE_PICK(mean_labels, TG_PICK_MEAN, "The mean of the values of every labelled object.");
DEFINE_PICK(variance_labels, TG_PICK_VARIANCE, "The variance of every labelled object.");
DEFINE_PICK(standard_deviation, TG_PICK_STANDARD_DEVIATION,
            "The standard deviation of every labelled object.");
DEFINE_PICK(minimum_labels, TG_PICK_MINIMUM, "The smallest value of every labelled object.");
DEFINE_PICK(maximum_labels, TG_PICK_MAXIMUM, "The largest value of every labelled object.");
DEFINE_PICK(minimum_position, TG_PICK_MINIMUM_POSITION,
            "Where the smallest value of every labelled object is; the first, if there are more.");
DEFINE_PICK(maximum_position, TG_PICK_MAXIMUM_POSITION,
            "Where the largest value of every labelled object is; the first, if there are more.");
DEFINE_PICK(center_of_mass, TG_PICK_CENTER_OF_MASS,
            "The mean position of every labelled object, weighted by the values.");

static tg_array *
build_area(tg_scope *scope, size_t nargs, tg_array *const *args, const tg_value *values)
{
    (void)values;
    return tg_measure_pick(scope, "area", TG_PICK_AREA, NULL, args[0], nargs > 1 ? args[1] : NULL);
}

const tg_op tg_op_area = {
    .name = "area",
    .module = "ndimage",
    .summary = "The number of cells of every labelled object.",
    .version = 1,
    .cls = TG_CLASS_COMPOSITE,
    .nargs_min = 1,
    .nargs_max = 2,
    .arg_names = "labels|index",
    .build = build_area,
};
