/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_SHAPE_COMMON_H
#define TG_SHAPE_COMMON_H
/*
 * What: what the ops of this family, and the composites of others, share: checks on arguments,
 * chunk grids from parameters and from the grids of inputs, and builders for the ops that
 * composites are made of.
 *
 * Ownership: as said; builders return arrays of the scope. Threads: those of infer and build.
 * Errors: statuses with the op's name in the message; builders record theirs in the scope and
 * accept NULL arrays.
 */
#include "core/array/array.h"
#include "core/array/scope.h"

/* Every length of argument `arg` is known; TG_ERR_VALUE otherwise. */
TG_MUST_USE tg_status tg__require_known(const tg_infer *infer, size_t arg, tg_error *err);
/* Checks a shape from parameters (no negative length, at most TG_NDIM_MAX axes, size limits) and
 * writes it to the infer. */
TG_MUST_USE tg_status tg__infer_shape(tg_infer *infer, const tg_value *shape, tg_error *err);
/* The bytes of infer's shape and dtype stay below the limit. */
TG_MUST_USE tg_status tg__check_bytes(const tg_infer *infer, tg_error *err);

/*
 * The two parameters that describe chunks: `chunks` alone is one edge per axis (or one for all;
 * -1: the whole axis; 0 for an axis without cells only); with `chunk_counts` it is Dask's way:
 * chunk_counts[a] sizes for axis a, one after the other. Not given: *out is NULL.
 */
#define TG__CHUNK_PARAMS                                                                           \
    { .name = "chunks",                                                                            \
      .kind = TG_PARAM_INT,                                                                        \
      .is_list = true,                                                                             \
      .fallback = "None",                                                                          \
      .summary = "chunk edge per axis (-1: whole); with chunk_counts: all sizes" },                \
    {                                                                                              \
        .name = "chunk_counts", .kind = TG_PARAM_INT, .is_list = true, .fallback = "None",         \
        .summary = "number of sizes in `chunks` for each axis"                                     \
    }
TG_MUST_USE tg_status tg__chunks_from_values(const tg_value *chunks, const tg_value *counts,
                                             int ndim, const int64_t *shape, tg_grid **out,
                                             tg_error *err);

/* The cells of `axis` seen through x -> (x - start) / step, as an axis over [0, count). The bounds
 * of an irregular result go to a new block: *owned with *owned_count entries, to be freed with
 * tg_free(NULL, owned, owned_count * 8). False when out of memory. */
bool tg__grid_axis_slice(const tg_grid_axis *axis, int64_t start, int64_t count, int64_t step,
                         tg_grid_axis *out, int64_t **owned, size_t *owned_count);
/* One cell over [0, length). */
void tg__grid_axis_whole(int64_t length, tg_grid_axis *out);

/* Puts `built`, made in the infer's scope, in the place of argument `arg`; NULL: it could not be
 * built, and the scope's error is that of the infer. */
TG_MUST_USE tg_status tg__infer_replace(tg_infer *infer, size_t arg, tg_array *built,
                                        tg_error *err);
/* The same with the argument converted to a dtype. */
TG_MUST_USE tg_status tg__infer_cast(tg_infer *infer, size_t arg, tg_dtype dtype, tg_error *err);

/* Builders. Axes must be valid. */
/* An op of two arrays without parameters. */
tg_array *tg__build_two(tg_scope *scope, const char *op, tg_array *a, tg_array *b);
/* Another op with the parameters that were given to a composite: `values`, whose schema is
 * `params`. What was not given is not handed on. */
tg_array *tg__build_again(tg_scope *scope, const char *op, size_t nargs, tg_array *const *args,
                          const tg_param_schema *params, const tg_value *values);
tg_array *tg__build_ints(tg_scope *scope, const char *op, tg_array *array, const char *param,
                         size_t count, const int64_t *values);
tg_array *tg__build_slice(tg_scope *scope, tg_array *array, const int64_t *start,
                          const int64_t *count, const int64_t *step);
/* Slices one axis only. */
tg_array *tg__build_slice_axis(tg_scope *scope, tg_array *array, int axis, int64_t start,
                               int64_t count, int64_t step);
tg_array *tg__build_concatenate(tg_scope *scope, size_t count, tg_array *const *arrays, int axis);
/* NumPy's atleast_1d, atleast_2d, atleast_3d. */
tg_array *tg__build_at_least(tg_scope *scope, tg_array *array, int ndim);
/* tril and triu: `array` where compare(row + k, column) holds, zero elsewhere. */
tg_array *tg__build_triangle(tg_scope *scope, tg_array *array, const char *compare, int64_t k);
/* Records a tg_error in a scope and returns NULL. */
tg_array *tg__build_fail(tg_scope *scope, const tg_error *err);

#endif
