/* SPDX-License-Identifier: BSD-3-Clause */
/* diff: n-th differences along an axis: slices and a subtraction (of booleans: not_equal). */
#include "core/array/scope.h"
#include "core/base/status.h"
#include "ops/registry.h"
#include "ops/shape/common.h"

enum { P_N, P_AXIS };

/* A chain of this many nodes is more than anybody wants, and fewer than the engine can take. */
enum { ORDER_MAX = 1024 };

static tg_status
check(const tg_array *array, const tg_value *values, int *axis, tg_error *err)
{
    tg_status status = TG_OK;
    const int64_t n = tg_value_int(&values[P_N], 0, 1);
    TG_CHECK(n >= 0, err, TG_ERR_VALUE, "order must be non-negative but got %lld", (long long)n);
    TG_CHECK(n <= ORDER_MAX, err, TG_ERR_LIMIT, "diff: n must be at most %d, got %lld", ORDER_MAX,
             (long long)n);
    TG_CHECK(array->ndim > 0, err, TG_ERR_VALUE,
             "diff requires input that is at least one dimensional");
    TG_CHECK(tg_array_is_known(array), err, TG_ERR_VALUE,
             "diff: the array has an axis of unknown length; compute or persist it first");
    TG_TRY(tg_normalize_axis(tg_value_int(&values[P_AXIS], 0, -1), array->ndim, axis, err));
out:
    return status;
}

static tg_array *
diff_build(tg_scope *scope, size_t nargs, tg_array *const *args, const tg_value *values)
{
    tg_array *result = args[0];
    const char *op = result->dtype == TG_DT_BOOL ? "not_equal" : "subtract";
    int64_t n = tg_value_int(&values[P_N], 0, 1);
    tg_error err = { 0 };
    int axis = 0;
    (void)nargs;
    if (check(result, values, &axis, &err) != TG_OK) {
        result = tg__build_fail(scope, &err);
    }
    for (; result != NULL && n > 0; n--) {
        const int64_t count = tg_max_i64(result->shape[axis] - 1, 0);
        const int64_t skip = tg_min_i64(result->shape[axis], 1);
        tg_array *pair[2] = {
            tg__build_slice_axis(scope, result, axis, skip, count, 1),
            tg__build_slice_axis(scope, result, axis, 0, count, 1),
        };
        result = tg_apply(scope, op, 2, pair, 0, NULL);
    }
    return result;
}

static const tg_param_schema diff_params[] = {
    [P_N] = { .name = "n",
              .kind = TG_PARAM_INT,
              .fallback = "1",
              .summary = "how often differences are taken" },
    [P_AXIS] = { .name = "axis", .kind = TG_PARAM_INT, .fallback = "-1", .summary = "the axis" },
    { .name = NULL },
};

const tg_op tg_op_diff = {
    .name = "diff",
    .module = "",
    .summary = "Differences of neighbours along an axis.",
    .version = 1,
    .cls = TG_CLASS_COMPOSITE,
    .nargs_min = 1,
    .nargs_max = 1,
    .arg_names = "a",
    .params = diff_params,
    .build = diff_build,
};
