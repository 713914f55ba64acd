/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * label: connected components of an array of any size, in bounded memory, numbered as SciPy numbers
 * them: in raster order of their first cells. Built from three internal ops:
 *
 *      input --> _label_tiles --+---------------------------> _label_apply --> labels
 *                               |                               ^
 *                               +--> _label_merge --> table ----+
 *                                                       |
 *                                                       +---> _label_count --> number of labels
 *
 *   _label_tiles  GATHER: components of one tile alone, numbered from 1 in raster order (int32).
 *   _label_merge  REDUCE over _label_tiles: per tile the number of components, the first cell of
 *                 each, and the labels on the tile's faces; combining unites labels that touch
 *                 across faces and forgets faces whose neighbours have all been met, so what it
 *                 holds is the boundary of the region done so far, never its inside.
 *   _label_apply  GATHER: local label + table -> label of the array.
 *
 * What the planner must guarantee: the labels that _label_tiles makes mean something only together
 * with the tile they were made in. So for one `_label_tiles` node T
 *   1. every call of run of T has the box of one tile of one fixed grid; T is never evaluated on
 *      another box: not with a halo, not on a part of a tile, not fused with a consumer that asks
 *      for other boxes, and not on a different grid for a second consumer;
 *   2. the domain boxes of partial of the _label_merge node over T are exactly these tiles, each
 *      once, and all of them;
 *   3. the out_box of every run of _label_apply over T is exactly one of these tiles. If only a
 * part of the labels is wanted, the whole tiles that hold the part are computed and then cut. T may
 * be computed twice (once for _label_merge, once for _label_apply) instead of being kept: it is
 * deterministic. The tiling() of all three is equal and states no wish. _label_apply refuses a box
 * that is not in the table (TG_ERR_INTERNAL) rather than to give wrong labels.
 */
#include "core/array/scope.h"
#include "ops/measure/label_state.h"
#include "ops/overlap/filter_args.h"

int64_t
tg_label_structure_count(int ndim)
{
    int64_t count = 1;
    for (int a = 0; a < ndim; a++) {
        count *= 3;
    }
    return count;
}

tg_status
tg_label_check(const tg_infer *infer, const tg_value *structure, tg_error *err)
{
    tg_status status = TG_OK;
    int ndim = infer->args[0]->ndim;
    TG_CHECK(ndim >= 1 && ndim <= TG_LABEL_NDIM_MAX, err, TG_ERR_VALUE,
             "label: the input must have 1 to %d axes, got %d", TG_LABEL_NDIM_MAX, ndim);
    TG_CHECK(structure->count == (uint32_t)tg_label_structure_count(ndim), err, TG_ERR_VALUE,
             "%s: structure must have 3^%d entries, got %u", infer->op->name, ndim,
             structure->count);
out:
    return status;
}

tg_status
tg_label_structure(const char *op, int ndim, const tg_array *structure, int64_t *marks,
                   tg_error *err)
{
    tg_status status = TG_OK;
    double *data = NULL;
    int sdim = 0;
    int64_t shape[TG_NDIM_MAX];
    TG_CHECK(ndim >= 1 && ndim <= TG_LABEL_NDIM_MAX, err, TG_ERR_VALUE,
             "%s: the input must have 1 to %d axes, got %d", op, TG_LABEL_NDIM_MAX, ndim);
    int64_t count = tg_label_structure_count(ndim);
    if (structure != NULL) {
        TG_TRY(tg_filter_small(op, "structure", structure, &data, &sdim, shape, err));
        TG_CHECK(sdim == ndim, err, TG_ERR_MISMATCH,
                 "%s: structure and input must have equal rank, got %d and %d", op, sdim, ndim);
        for (int a = 0; a < ndim; a++) {
            TG_CHECK(shape[a] == 3, err, TG_ERR_VALUE,
                     "%s: structure dimensions must be equal to 3, axis %d has %lld", op, a,
                     (long long)shape[a]);
        }
        for (int64_t i = 0; i < count; i++) {
            marks[i] = data[i] != 0;
            TG_CHECK((data[i] != 0) == (data[count - 1 - i] != 0), err, TG_ERR_VALUE,
                     "%s: structuring element is not symmetric", op);
        }
    } else {
        for (int64_t i = 0; i < count; i++) {
            int away = 0;
            for (int64_t k = i, a = 0; a < ndim; a++, k /= 3) {
                away += k % 3 != 1;
            }
            marks[i] = away <= 1;
        }
    }
out:
    tg_state_free(data);
    return status;
}

tg_array *
tg_label_build_table(tg_scope *scope, const char *op, tg_array *input, tg_array *structure,
                     tg_array **local)
{
    int64_t marks[6561];
    tg_error err = { 0 };
    tg_array *table = NULL;
    if (input->dtype == TG_DT_C64 || input->dtype == TG_DT_C128) {
        (void)tg_scope_fail(scope, TG_ERR_TYPE, "%s: complex input is not supported", op);
    } else if (tg_label_structure(op, input->ndim, structure, marks, &err) != TG_OK) {
        (void)tg_scope_fail(scope, err.code, "%s", err.message);
    } else {
        tg_param param = { .name = "structure",
                           .kind = TG_PARAM_INT,
                           .value = { .count = (uint32_t)tg_label_structure_count(input->ndim),
                                      .ints = marks } };
        tg_array *mask = tg_scope_cast(scope, input, TG_DT_BOOL);
        *local = tg_apply(scope, "_label_tiles", 1, &mask, 1, &param);
        table = tg_apply(scope, "_label_merge", 1, local, 1, &param);
    }
    return table;
}

static tg_array *
build_label(tg_scope *scope, size_t nargs, tg_array *const *args, const tg_value *values)
{
    (void)values;
    tg_array *both[2] = { NULL, NULL };
    both[1] = tg_label_build_table(scope, "label", args[0], nargs > 1 ? args[1] : NULL, &both[0]);
    return both[1] != NULL ? tg_apply(scope, "_label_apply", 2, both, 0, NULL) : NULL;
}

static tg_array *
build_count(tg_scope *scope, size_t nargs, tg_array *const *args, const tg_value *values)
{
    (void)values;
    tg_array *local = NULL;
    tg_array *table =
        tg_label_build_table(scope, "label_count", args[0], nargs > 1 ? args[1] : NULL, &local);
    return table != NULL ? tg_apply(scope, "_label_count", 1, &table, 0, NULL) : NULL;
}

const tg_op tg_op_label = {
    .name = "label",
    .module = "ndimage",
    .summary = "Number the connected components of the cells that are not zero.",
    .version = 1,
    .cls = TG_CLASS_COMPOSITE,
    .nargs_min = 1,
    .nargs_max = 2,
    .arg_names = "input|structure",
    .build = build_label,
};

const tg_op tg_op_label_count = {
    .name = "label_count",
    .module = "ndimage",
    .summary = "The number of connected components; shares the work with label.",
    .version = 1,
    .cls = TG_CLASS_COMPOSITE,
    .nargs_min = 1,
    .nargs_max = 2,
    .arg_names = "input|structure",
    .build = build_count,
};
