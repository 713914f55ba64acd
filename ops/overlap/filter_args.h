/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_OVERLAP_FILTER_ARGS_H
#define TG_OVERLAP_FILTER_ARGS_H
/*
 * What: the arguments that all neighbourhood ops share, checked as scipy.ndimage does: axes,
 * boundary modes, origins, per-axis lists, arrays of weights and footprints.
 *
 * Ownership: tg_state_alloc gives; tg_state_free frees (it fits tg_infer.state_free).
 * Threads: functions of their arguments. Errors: all name the op and the parameter.
 */
#include "core/array/array.h"

/* SciPy's names of the modes, for a schema; and what one means. */
#define TG_MODE_CHOICES "reflect|mirror|nearest|wrap|constant|grid-mirror|grid-wrap|grid-constant"
#define TG_MODE_SUMMARY "how cells outside the array are made, for all axes or for each"
tg_boundary tg_mode_boundary(int64_t choice);

/* Rows of schemas, so that equal parameters read equally everywhere. */
#define TG_SCHEMA_MODE                                                                             \
    {                                                                                              \
        "mode", TG_PARAM_ENUM, true, false, "'reflect'", TG_MODE_CHOICES, TG_MODE_SUMMARY          \
    }
#define TG_SCHEMA_MODE_ONE                                                                         \
    {                                                                                              \
        "mode", TG_PARAM_ENUM, false, false, "'reflect'", TG_MODE_CHOICES,                         \
            "how cells outside the array are made"                                                 \
    }
#define TG_SCHEMA_CVAL                                                                             \
    {                                                                                              \
        "cval", TG_PARAM_FLOAT, false, false, "0.0", NULL, "the value outside for mode 'constant'" \
    }
#define TG_SCHEMA_AXES                                                                             \
    {                                                                                              \
        "axes", TG_PARAM_INT, true, false, "None", NULL, "the axes to filter along; None: all"     \
    }
#define TG_SCHEMA_AXIS                                                                             \
    {                                                                                              \
        "axis", TG_PARAM_INT, false, false, "-1", NULL, "the axis to filter along"                 \
    }
#define TG_SCHEMA_ORIGIN                                                                           \
    {                                                                                              \
        "origin", TG_PARAM_INT, true, false, "0", NULL,                                            \
            "shift of the footprint, in cells, for all axes or for each"                           \
    }
#define TG_SCHEMA_OUTPUT                                                                           \
    {                                                                                              \
        "output", TG_PARAM_DTYPE, false, false, "None", NULL, "dtype of the result; None: input's" \
    }
#define TG_SCHEMA_END                                                                              \
    {                                                                                              \
        .name = NULL                                                                               \
    }

void *tg_state_alloc(size_t bytes);
void tg_state_free(void *state);

/* Ready for run: the argument is real (bool, integers, float32, float64) and its shape is known.
 * Sets dtype (from `output` when given), ndim and shape of the result. `output` NULL: none. */
TG_MUST_USE tg_status tg_filter_begin(tg_infer *infer, const tg_value *output, tg_error *err);
/* `axes` as a list; count 0: all. */
TG_MUST_USE tg_status tg_filter_axes(const tg_infer *infer, const tg_value *axes, int *list,
                                     int *count, tg_error *err);
/* A per-axis list has none, one or `count` entries. */
TG_MUST_USE tg_status tg_filter_count(const tg_infer *infer, const char *name,
                                      const tg_value *value, int count, tg_error *err);
/* SciPy's rule: the footprint must still cover its own cell. */
TG_MUST_USE tg_status tg_filter_origin(const tg_infer *infer, int64_t origin, int64_t size,
                                       tg_error *err);

/* A small array argument (weights, structure) as doubles in C order; it must be in memory. `what`
 * is its name for messages. *data is freed with tg_state_free. */
TG_MUST_USE tg_status tg_filter_small(const char *op, const char *what, const tg_array *array,
                                      double **data, int *ndim, int64_t *shape, tg_error *err);
/* Writes `value` as one element of `dtype` to `to` (16 bytes), as SciPy casts. */
void tg_filter_fill(tg_dtype dtype, double value, void *to);
/* The window of an argument that is read whole. */
void tg_filter_window_whole(tg_window *window);

#endif
