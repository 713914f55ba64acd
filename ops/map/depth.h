/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_MAP_DEPTH_H
#define TG_MAP_DEPTH_H
/*
 * What: the parameters depth, boundary and cval of map_overlap as a window of each argument.
 *
 * Ownership: values. Threads: any.
 * Errors: TG_ERR_VALUE for a negative depth, a list of a length that fits nothing, or an empty axis
 * that would have to be continued.
 */
#include "core/array/array.h"

/* `boundary` has the order of tg_boundary. */
#define TG__DEPTH_PARAMS                                                                           \
    { .name = "depth",                                                                             \
      .kind = TG_PARAM_INT,                                                                        \
      .is_list = true,                                                                             \
      .required = true,                                                                            \
      .summary = "cells of surroundings: one number, one per axis, or before and after per axis "  \
                 "(for the first argument, or for each)" },                                        \
        { .name = "boundary",                                                                      \
          .kind = TG_PARAM_ENUM,                                                                   \
          .is_list = true,                                                                         \
          .fallback = "'none'",                                                                    \
          .choices = "reflect|mirror|nearest|wrap|constant|none",                                  \
          .summary = "what is beyond the array: one, one per axis, or for each argument" },        \
    {                                                                                              \
        .name = "cval", .kind = TG_PARAM_FLOAT, .is_list = true, .fallback = "0.0",                \
        .summary = "for 'constant': the value, one or one per argument"                            \
    }

/* The window of argument `arg` of `nargs`, all of which have the rank of `array`. */
TG_MUST_USE tg_status tg__depth_window(const tg_value *depth, const tg_value *boundary,
                                       const tg_value *cval, const tg_array *array, size_t arg,
                                       size_t nargs, tg_window *window, tg_error *err);

#endif
