/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * map_overlap: a user's function on each chunk with its surroundings. With `trim` they are cut off
 * the function's result (map_overlap_trim); without, the result of each block is kept as it is
 * (overlap, then map_blocks).
 */
#include "core/array/scope.h"
#include "core/base/status.h"
#include "core/mem/alloc.h"
#include "ops/map/call.h"
#include "ops/map/depth.h"
#include "ops/registry.h"

enum { P_DEPTH = TG_MAP_PARAMS, P_BOUNDARY, P_CVAL, P_TRIM };

static tg_array *
build_trimmed(tg_scope *scope, size_t nargs, tg_array *const *args, const tg_value *values)
{
    const tg_param params[] = {
        { "function", TG_PARAM_POINTER, values[TG_MAP_FUNCTION] },
        { "dtype", TG_PARAM_INT, values[TG_MAP_DTYPE] },
        { "depth", TG_PARAM_INT, values[P_DEPTH] },
        { "boundary", TG_PARAM_INT, values[P_BOUNDARY] },
        { "cval", TG_PARAM_FLOAT, values[P_CVAL] },
    };
    tg_array *result = NULL;
    if (values[TG_MAP_CHUNKS].count + values[TG_MAP_COUNTS].count + values[TG_MAP_DROP].count +
            values[TG_MAP_NEW].count >
        0) {
        result = tg_scope_fail(scope, TG_ERR_VALUE,
                               "map_overlap: chunks, drop_axis and new_axis need trim=False: what "
                               "is trimmed has the shape of the argument");
    } else {
        result = tg_apply(scope, "map_overlap_trim", nargs, args, sizeof params / sizeof params[0],
                          params);
    }
    return result;
}

/* One argument with its surroundings. Its own window comes out of the lists for all. */
static tg_array *
build_overlap(tg_scope *scope, size_t nargs, tg_array *const *args, size_t i, int ndim,
              const tg_value *values)
{
    const int skip = ndim - args[i]->ndim;
    tg_window window;
    int64_t depth[2 * TG_NDIM_MAX];
    int64_t boundary[TG_NDIM_MAX];
    const double cval = tg_value_float(&values[P_CVAL], (uint32_t)i, 0.0);
    /* A stand-in of full rank, so that the lists are read as for the result. */
    int64_t shape[TG_NDIM_MAX];
    tg_array like = { .ndim = ndim, .shape = shape, .dtype = args[i]->dtype };
    tg_array *result = NULL;
    tg_error err = { 0 };
    for (int a = 0; a < ndim; a++) {
        shape[a] = a < skip ? 1 : args[i]->shape[a - skip];
    }
    if (tg__depth_window(&values[P_DEPTH], &values[P_BOUNDARY], &values[P_CVAL], &like, i, nargs,
                         &window, &err) != TG_OK) {
        result = tg__build_fail(scope, &err);
    } else {
        for (int a = 0; a < args[i]->ndim; a++) {
            depth[2 * a] = window.depth_lo[a + skip];
            depth[2 * a + 1] = window.depth_hi[a + skip];
            boundary[a] = window.mode[a + skip];
        }
        const uint32_t n = (uint32_t)args[i]->ndim;
        const tg_param params[] = {
            { "depth", TG_PARAM_INT, { .count = n > 0 ? 2 * n : 1, .ints = depth } },
            { "boundary", TG_PARAM_INT, { .count = n, .ints = boundary } },
            { "cval", TG_PARAM_FLOAT, { .count = 1, .floats = &cval } },
        };
        result = n == 0 ? args[i] : tg_apply(scope, "overlap", 1, &args[i], 3, params);
    }
    return result;
}

static tg_array *
build_untrimmed(tg_scope *scope, size_t nargs, tg_array *const *args, const tg_value *values)
{
    const tg_param params[] = {
        { "function", TG_PARAM_POINTER, values[TG_MAP_FUNCTION] },
        { "dtype", TG_PARAM_INT, values[TG_MAP_DTYPE] },
        { "chunks", TG_PARAM_INT, values[TG_MAP_CHUNKS] },
        { "chunk_counts", TG_PARAM_INT, values[TG_MAP_COUNTS] },
        { "drop_axis", TG_PARAM_INT, values[TG_MAP_DROP] },
        { "new_axis", TG_PARAM_INT, values[TG_MAP_NEW] },
    };
    tg_array **parts = tg_calloc(NULL, nargs, sizeof(tg_array *));
    tg_array *result = NULL;
    int ndim = 0;
    if (parts == NULL) {
        result = tg_scope_fail(scope, TG_ERR_MEMORY, "map_overlap: out of memory");
    } else {
        for (size_t i = 0; i < nargs; i++) {
            ndim = args[i]->ndim > ndim ? args[i]->ndim : ndim;
        }
        for (size_t i = 0; i < nargs; i++) {
            parts[i] = build_overlap(scope, nargs, args, i, ndim, values);
        }
        result =
            tg_apply(scope, "map_blocks", nargs, parts, sizeof params / sizeof params[0], params);
    }
    tg_free(NULL, parts, nargs * sizeof(tg_array *));
    return result;
}

static tg_array *
map_overlap_build(tg_scope *scope, size_t nargs, tg_array *const *args, const tg_value *values)
{
    return tg_value_int(&values[P_TRIM], 0, 1) != 0 ? build_trimmed(scope, nargs, args, values)
                                                    : build_untrimmed(scope, nargs, args, values);
}

static const tg_param_schema map_overlap_params[] = {
    TG__MAP_PARAMS,
    TG__DEPTH_PARAMS,
    [P_TRIM] = { .name = "trim",
                 .kind = TG_PARAM_BOOL,
                 .fallback = "True",
                 .summary = "cut the surroundings off what the function returns" },
    { .name = NULL },
};

const tg_op tg_op_map_overlap = {
    .name = "map_overlap",
    .module = "",
    .summary = "A function of the user's on each chunk with its surroundings.",
    .version = 1,
    .cls = TG_CLASS_COMPOSITE,
    .flags = TG_OP_USER,
    .nargs_min = 1,
    .nargs_max = TG_NARGS_MAX,
    .arg_names = "args",
    .params = map_overlap_params,
    .build = map_overlap_build,
};
