/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tensordot: sum of products over pairs of axes: both operands are transposed and reshaped to
 * matrices, multiplied, and reshaped back. Axes are given as a count (the last of a with the first
 * of b) or as two lists.
 */
#include "core/array/scope.h"
#include "core/base/status.h"
#include "ops/registry.h"
#include "ops/shape/common.h"

enum { P_AXES, P_AXES_A, P_AXES_B };

/* One operand: which axes are summed, and the order that makes a matrix of it. */
typedef struct side {
    tg_array *array;
    int summed[TG_NDIM_MAX];
    int64_t perm[TG_NDIM_MAX];
    int64_t kept_shape[TG_NDIM_MAX];
    int kept;
    int64_t kept_count, summed_count;
} side;

/* The axes that are not summed, in order, before (or behind) the summed ones. */
static tg_status
set_order(side *s, int count, bool summed_first, tg_error *err)
{
    tg_status status = TG_OK;
    uint64_t mask = 0;
    const int kept_at = summed_first ? count : 0;
    const int summed_at = summed_first ? 0 : s->array->ndim - count;
    s->kept_count = 1;
    s->summed_count = 1;
    for (int i = 0; i < count; i++) {
        const int a = s->summed[i];
        TG_CHECK((mask >> a & 1) == 0, err, TG_ERR_VALUE, "tensordot: axis %d comes twice", a);
        mask |= (uint64_t)1 << a;
        s->perm[summed_at + i] = a;
        s->summed_count *= s->array->shape[a];
    }
    for (int a = 0; a < s->array->ndim; a++) {
        if ((mask >> a & 1) == 0) {
            s->perm[kept_at + s->kept] = a;
            s->kept_shape[s->kept++] = s->array->shape[a];
            s->kept_count *= s->array->shape[a];
        }
    }
out:
    return status;
}

static tg_status
read_axes(side *a, side *b, const tg_value *values, int *count, tg_error *err)
{
    tg_status status = TG_OK;
    const tg_value *in_a = &values[P_AXES_A];
    const tg_value *in_b = &values[P_AXES_B];
    TG_CHECK(tg_array_is_known(a->array) && tg_array_is_known(b->array), err, TG_ERR_VALUE,
             "tensordot: an operand has an axis of unknown length; compute or persist it first");
    if (in_a->count > 0 || in_b->count > 0) {
        TG_CHECK(in_a->count == in_b->count, err, TG_ERR_VALUE, "shape-mismatch for sum");
        *count = (int)in_a->count;
    } else {
        const int64_t n = tg_value_int(&values[P_AXES], 0, 2);
        TG_CHECK(n >= 0 && n <= a->array->ndim && n <= b->array->ndim, err, TG_ERR_VALUE,
                 "tensordot: axes must be from 0 to the ranks %d and %d, got %lld", a->array->ndim,
                 b->array->ndim, (long long)n);
        *count = (int)n;
    }
    for (int i = 0; i < *count; i++) {
        const bool lists = in_a->count > 0;
        TG_TRY(tg_normalize_axis(lists ? in_a->ints[i] : a->array->ndim - *count + i,
                                 a->array->ndim, &a->summed[i], err));
        TG_TRY(tg_normalize_axis(lists ? in_b->ints[i] : i, b->array->ndim, &b->summed[i], err));
        TG_CHECK(a->array->shape[a->summed[i]] == b->array->shape[b->summed[i]], err, TG_ERR_VALUE,
                 "shape-mismatch for sum");
    }
    TG_TRY(set_order(a, *count, false, err));
    TG_TRY(set_order(b, *count, true, err));
    TG_CHECK(a->kept + b->kept <= TG_NDIM_MAX, err, TG_ERR_VALUE,
             "tensordot: maximum supported dimension for an array is %d", TG_NDIM_MAX);
out:
    return status;
}

static tg_array *
as_matrix(tg_scope *scope, const side *s, int64_t rows, int64_t columns)
{
    const int64_t shape[2] = { rows, columns };
    tg_array *array =
        tg__build_ints(scope, "transpose", s->array, "axes", (size_t)s->array->ndim, s->perm);
    return tg__build_ints(scope, "reshape", array, "shape", 2, shape);
}

static tg_array *
tensordot_build(tg_scope *scope, size_t nargs, tg_array *const *args, const tg_value *values)
{
    side a = { .array = args[0] };
    side b = { .array = args[1] };
    tg_array *result = NULL;
    int count = 0;
    tg_error err = { 0 };
    (void)nargs;
    if (read_axes(&a, &b, values, &count, &err) != TG_OK) {
        result = tg__build_fail(scope, &err);
    } else {
        tg_array *pair[2] = { as_matrix(scope, &a, a.kept_count, a.summed_count),
                              as_matrix(scope, &b, b.summed_count, b.kept_count) };
        for (int i = 0; i < b.kept; i++) {
            a.kept_shape[a.kept + i] = b.kept_shape[i];
        }
        result = tg_apply(scope, "matmul_core", 2, pair, 0, NULL);
        result = tg__build_ints(scope, "reshape", result, "shape", (size_t)a.kept + (size_t)b.kept,
                                a.kept_shape);
    }
    return result;
}

static const tg_param_schema tensordot_params[] = {
    [P_AXES] = { .name = "axes",
                 .kind = TG_PARAM_INT,
                 .fallback = "2",
                 .summary = "how many axes: the last of a with the first of b" },
    [P_AXES_A] = { .name = "axes_a",
                   .kind = TG_PARAM_INT,
                   .is_list = true,
                   .fallback = "None",
                   .summary = "axes of a to sum over, instead of a count" },
    [P_AXES_B] = { .name = "axes_b",
                   .kind = TG_PARAM_INT,
                   .is_list = true,
                   .fallback = "None",
                   .summary = "the axes of b that go with them" },
    { .name = NULL },
};

const tg_op tg_op_tensordot = {
    .name = "tensordot",
    .module = "",
    .summary = "Sum of products over pairs of axes.",
    .version = 1,
    .cls = TG_CLASS_COMPOSITE,
    .nargs_min = 2,
    .nargs_max = 2,
    .arg_names = "a|b",
    .params = tensordot_params,
    .build = tensordot_build,
};
