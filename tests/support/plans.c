/* SPDX-License-Identifier: BSD-3-Clause */
/* Small plans of every kind. See plans.h. */
#include "tests/support/plans.h"

static tg_array *
one(tg_scope *g, const char *op, tg_array *x)
{
    return tg_apply(g, op, 1, &x, 0, NULL);
}

static tg_array *
two(tg_scope *g, const char *op, tg_array *a, tg_array *b)
{
    return tg_apply(g, op, 2, (tg_array *[]){ a, b }, 0, NULL);
}

static tg_array *
ints(tg_scope *g, const char *op, tg_array *x, const char *name, uint32_t count,
     const int64_t *list)
{
    tg_param param = { name, TG_PARAM_INT, { count, { .ints = list } } };
    return tg_apply(g, op, 1, &x, 1, &param);
}

static tg_array *
floats(tg_scope *g, const char *op, tg_array *x, const char *name, uint32_t count,
       const double *list)
{
    tg_param param = { name, TG_PARAM_FLOAT, { count, { .floats = list } } };
    return tg_apply(g, op, 1, &x, 1, &param);
}

tg_array *
tg_test_numbers(tg_scope *g, int64_t rows, int64_t columns)
{
    const int64_t cells = rows * columns, shape[] = { rows, columns };
    tg_param range[] = { { "stop", TG_PARAM_INT, { 1, { .ints = &cells } } },
                         { "dtype", TG_PARAM_STR, { 7, { .text = "float32" } } } };
    return one(g, "sin",
               ints(g, "reshape", tg_apply(g, "arange", 0, NULL, 2, range), "shape", 2, shape));
}

static tg_array *
numbers(tg_scope *g)
{
    return tg_test_numbers(g, 600, 500);
}

tg_array *
tg_test_blurred(tg_scope *g, tg_array *x)
{
    return floats(g, "gaussian_filter", x, "sigma", 1, (double[]){ 1.5 });
}

static size_t
build_filters(tg_scope *g, tg_array **out)
{
    out[0] = tg_test_blurred(g, tg_test_blurred(g, numbers(g)));
    out[1] = two(g, "subtract", out[0], one(g, "mean", out[0]));
    return 2;
}

static tg_array *
pores(tg_scope *g)
{
    return two(g, "greater", tg_test_blurred(g, numbers(g)), tg_scalar(g, 0.01));
}

static size_t
build_labels(tg_scope *g, tg_array **out)
{
    out[0] = one(g, "label", pores(g));
    out[1] = one(g, "label_count", pores(g));
    out[2] = one(g, "area", out[0]);
    out[3] = one(g, "measure_objects", out[0]);
    return 4;
}

static size_t
build_statistics(tg_scope *g, tg_array **out)
{
    tg_array *x = tg_test_blurred(g, numbers(g));
    out[0] = one(g, "sum", x);
    out[1] = ints(g, "mean", x, "axis", 1, (int64_t[]){ 1 });
    out[2] = floats(g, "percentile", x, "q", 2, (double[]){ 10, 75 });
    out[3] = one(g, "std", x);
    out[4] = ints(g, "argmax", x, "axis", 1, (int64_t[]){ 0 });
    out[5] = one(g, "threshold_otsu", x);
    out[6] = one(g, "max", x);
    out[7] = one(g, "any", two(g, "greater", x, tg_scalar(g, 0.5)));
    return 8;
}

static size_t
build_carried(tg_scope *g, tg_array **out)
{
    const int64_t edges[] = { 70, 64 };
    tg_array *x = ints(g, "rechunk", numbers(g), "chunks", 2, edges);
    out[0] = ints(g, "cumsum", tg_test_blurred(g, x), "axis", 1, (int64_t[]){ 0 });
    out[1] = two(g, "matmul", x, one(g, "transpose", x));
    return 2;
}

static size_t
build_selected(tg_scope *g, tg_array **out)
{
    tg_array *x = numbers(g);
    out[0] = two(g, "mask_select", x, two(g, "greater", tg_test_blurred(g, x), tg_scalar(g, 0.1)));
    out[1] = one(g, "_unique", one(g, "rint", two(g, "multiply", x, tg_scalar(g, 20.0))));
    return 2;
}

static size_t
build_stored(tg_scope *g, tg_array **out)
{
    tg_array *x = tg_open(g, "part_in.zarr");
    out[0] = tg_test_blurred(g, x);
    out[1] = one(g, "sum", out[0]);
    return 2;
}

const tg_test_plan tg_test_plans[TG_TEST_PLANS] = {
    { "filters", build_filters, NULL },       { "labels", build_labels, NULL },
    { "statistics", build_statistics, NULL }, { "carried", build_carried, NULL },
    { "selected", build_selected, NULL },     { "stored", build_stored, "part_out.zarr" },
};
