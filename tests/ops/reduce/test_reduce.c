/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The reductions without an executor: a domain is cut into tiles, each is reduced from a view, the
 * states are combined and finished, and the result is compared with a slow reference, for all
 * dtypes, layouts, sets of axes and instruction sets.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/array/array.h"
#include "core/array/dtype.h"
#include "core/array/half.h"
#include "ops/kernel/isa.h"
#include "ops/reduce/reduce.h"
#include "ops/registry.h"

enum { NDIM = 3, ELEMENTS = 7 * 40 * 33 };

static const int64_t shape[NDIM] = { 7, 40, 33 };
static tg_pool *pool;
static uint64_t seed = 99;

static uint64_t
draw(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}

/* An element as a number; real dtypes only. */
static double
number_at(const char *data, tg_dtype dtype, size_t i)
{
    double out = 0;
    switch (dtype) {
    case TG_DT_I8:
        out = ((const int8_t *)data)[i];
        break;
    case TG_DT_I16:
        out = ((const int16_t *)(const void *)data)[i];
        break;
    case TG_DT_U16:
        out = ((const uint16_t *)(const void *)data)[i];
        break;
    case TG_DT_I32:
        out = ((const int32_t *)(const void *)data)[i];
        break;
    case TG_DT_U32:
        out = ((const uint32_t *)(const void *)data)[i];
        break;
    case TG_DT_I64:
        out = (double)((const int64_t *)(const void *)data)[i];
        break;
    case TG_DT_U64:
        out = (double)((const uint64_t *)(const void *)data)[i];
        break;
    case TG_DT_F16:
        out = (double)tg_half_to_float(((const uint16_t *)(const void *)data)[i]);
        break;
    case TG_DT_F32:
        out = (double)((const float *)(const void *)data)[i];
        break;
    case TG_DT_F64:
        out = ((const double *)(const void *)data)[i];
        break;
    default:
        out = ((const uint8_t *)data)[i];
        break;
    }
    return out;
}

static void
set_at(char *data, tg_dtype dtype, size_t i, double number)
{
    size_t size = tg_dtype_size(dtype);
    int64_t integer = isnan(number) ? 0 : (int64_t)number;
    float f = (float)number;
    uint16_t half = tg_float_to_half(f);
    const void *from = &integer;
    if (dtype == TG_DT_F16) {
        from = &half;
    } else if (dtype == TG_DT_F32) {
        from = &f;
    } else if (dtype == TG_DT_F64) {
        from = &number;
    } else if (dtype == TG_DT_BOOL) {
        integer = integer != 0;
    }
    memcpy(data + i * size, from, size);
}

/* What a reference knows after it has seen the elements of one cell, in order. */
typedef struct seen {
    int64_t n, numbers, nonzero, first_max, first_min, first_nanmax, first_nanmin;
    long double sum, nansum, prod;
    double values[ELEMENTS];
} seen;

static double
extreme(const seen *s, int sign, bool skip_nan)
{
    double best = NAN;
    bool any_nan = s->numbers < s->n;
    for (int64_t i = 0; i < s->n; i++) {
        if (!isnan(s->values[i]) && (isnan(best) || s->values[i] * sign > best * sign)) {
            best = s->values[i];
        }
    }
    return any_nan && !skip_nan ? (double)NAN : best;
}

static double
place(const seen *s, int sign, bool skip_nan)
{
    double best = extreme(s, sign, skip_nan);
    int64_t at = -1;
    for (int64_t i = 0; i < s->n && at < 0; i++) {
        at = s->values[i] == best || (isnan(best) && isnan(s->values[i])) ? i : -1;
    }
    return (double)(skip_nan && isnan(best) ? -1 : at);
}

static double
spread(const seen *s, bool skip_nan)
{
    long double n = (long double)(skip_nan ? s->numbers : s->n);
    long double mean = (skip_nan ? s->nansum : s->sum) / n;
    long double sum = 0;
    for (int64_t i = 0; i < s->n; i++) {
        long double d = (long double)s->values[i] - mean;
        sum += skip_nan && isnan(s->values[i]) ? 0 : d * d;
    }
    return (double)(sum / n);
}

static double
expected(const char *op, const seen *s)
{
    double out = NAN;
    bool skip = strncmp(op, "nan", 3) == 0;
    const char *base = skip ? op + 3 : op;
    if (strcmp(base, "sum") == 0) {
        out = (double)s->sum;
    } else if (strcmp(base, "prod") == 0) {
        out = (double)s->prod;
    } else if (strcmp(base, "mean") == 0) {
        out = (double)(skip ? s->nansum / (long double)s->numbers : s->sum / (long double)s->n);
    } else if (strcmp(base, "var") == 0) {
        out = spread(s, skip);
    } else if (strcmp(base, "std") == 0) {
        out = sqrt(spread(s, skip));
    } else if (strcmp(base, "max") == 0 || strcmp(base, "min") == 0) {
        out = extreme(s, base[1] == 'a' ? 1 : -1, skip);
    } else if (strcmp(base, "argmax") == 0 || strcmp(base, "argmin") == 0) {
        out = place(s, base[4] == 'a' ? 1 : -1, skip);
    } else if (strcmp(base, "any") == 0) {
        out = s->nonzero > 0;
    } else if (strcmp(base, "all") == 0) {
        out = s->nonzero == s->n;
    } else if (strcmp(base, "count_nonzero") == 0) {
        out = (double)s->nonzero;
    }
    return out;
}

/* A node with a mask of axes, and the array it reduces. */
typedef struct fake {
    tg_array node, arg;
    tg_array *args[1];
    tg_value values[8];
    int64_t axes[NDIM];
} fake;

static void
make_fake(fake *f, const tg_op *op, tg_dtype in, tg_dtype out, uint64_t mask)
{
    memset(f, 0, sizeof *f);
    f->arg.dtype = in;
    f->arg.ndim = NDIM;
    f->arg.shape = shape;
    f->args[0] = &f->arg;
    f->node.op = op;
    f->node.dtype = out;
    f->node.nargs = 1;
    f->node.args = f->args;
    f->node.values = f->values;
    for (int a = 0; a < NDIM; a++) {
        if ((mask >> a & 1) != 0) {
            f->axes[f->values[0].count++] = a;
        }
    }
    f->values[0].ints = f->axes;
}

/* The view of a tile of `data`, whose axes lie in memory as `layout` says. */
enum { C_ORDER, F_ORDER, FLIPPED, COPIED, LAYOUTS };

static void
whole_view(tg_view *view, char *data, char *copy, tg_dtype dtype, int layout)
{
    size_t size = tg_dtype_size(dtype);
    int64_t strides[NDIM] = { 40 * 33, 33, 1 };
    char *origin = copy;
    if (layout == F_ORDER) {
        strides[0] = 1;
        strides[1] = 7;
        strides[2] = 7 * 40;
    } else if (layout == FLIPPED) {
        strides[1] = -33;
        origin += (size_t)(39 * 33) * size;
    } else if (layout == COPIED) {
        for (int a = 0; a < NDIM; a++) {
            strides[a] *= 2;
        }
    }
    view->data = origin;
    view->dtype = dtype;
    view->ndim = NDIM;
    for (int a = 0; a < NDIM; a++) {
        view->shape[a] = shape[a];
        view->strides[a] = strides[a] * (int64_t)size;
    }
    for (int64_t i = 0; i < ELEMENTS; i++) {
        int64_t at[NDIM] = { i / (40 * 33), i / 33 % 40, i % 33 };
        int64_t offset = 0;
        for (int a = 0; a < NDIM; a++) {
            offset += at[a] * view->strides[a];
        }
        memcpy(origin + offset, data + (size_t)i * size, size);
    }
}

/* Reduces in tiles of the given size along reduced axes, whole along kept ones. */
static void
reduce(const fake *f, uint64_t mask, const int64_t *tile, const tg_view *whole, const tg_view *out,
       const tg_box *out_box)
{
    const tg_reduce *slots = f->node.op->reduce;
    tg_buffer *states[64];
    tg_box boxes[64];
    tg_box domain;
    size_t count = 0;
    tg_error err;
    tg_box_from_shape(&domain, NDIM, shape);
    int64_t step[NDIM], at[NDIM] = { 0 };
    for (int a = 0; a < NDIM; a++) {
        step[a] = (mask >> a & 1) != 0 ? tile[a] : shape[a];
    }
    bool more = true;
    while (more) {
        tg_box *box = &boxes[count];
        tg_view part;
        box->ndim = NDIM;
        for (int a = 0; a < NDIM; a++) {
            box->lo[a] = at[a];
            box->hi[a] = tg_min_i64(at[a] + step[a], shape[a]);
        }
        tg_view_sub(&part, whole, &domain, box);
        tg_run run = { .node = &f->node, .out_box = box, .pool = pool };
        assert_int_equal(slots->partial(&run, &part, &states[count], &err), TG_OK);
        assert_true(slots->state_bytes(&f->node, box) <= (int64_t)tg_buffer_bytes(states[count]));
        count++;
        more = false;
        for (int a = NDIM - 1; a >= 0 && !more; a--) {
            at[a] += step[a];
            more = at[a] < shape[a];
            at[a] = more ? at[a] : 0;
        }
    }
    tg_run run = { .node = &f->node, .out_box = &domain, .pool = pool };
    tg_buffer *all = NULL;
    if (count > 1) {
        assert_int_equal(slots->combine(&run, count, states, boxes, &all, &err), TG_OK);
    } else {
        all = tg_buffer_retain(states[0]);
    }
    run.out_box = out_box;
    assert_int_equal(slots->finish(&run, all, out, &err), TG_OK);
    tg_buffer_release(all);
    for (size_t i = 0; i < count; i++) {
        tg_buffer_release(states[i]);
    }
}

static void
see(seen *s, const char *data, tg_dtype dtype, uint64_t mask, const int64_t *kept)
{
    memset(s, 0, offsetof(seen, values));
    s->prod = 1;
    for (int64_t i = 0; i < ELEMENTS; i++) {
        int64_t at[NDIM] = { i / (40 * 33), i / 33 % 40, i % 33 };
        bool inside = true;
        for (int a = 0; a < NDIM; a++) {
            inside = inside && ((mask >> a & 1) != 0 || at[a] == kept[a]);
        }
        if (inside) {
            double x = number_at(data, dtype, (size_t)i);
            s->values[s->n++] = x;
            s->numbers += !isnan(x);
            s->nonzero += x != 0;
            s->sum += (long double)x;
            s->nansum += isnan(x) ? 0 : (long double)x;
            s->prod *= (long double)x;
        }
    }
}

static void
compare(const fake *f, uint64_t mask, const char *data, const char *result, int layout)
{
    static seen s;
    int64_t kept[NDIM] = { 0 };
    size_t cell = 0;
    bool more = true;
    tg_dtype out = f->node.dtype;
    while (more) {
        see(&s, data, f->arg.dtype, mask, kept);
        double want = expected(f->node.op->name, &s);
        double got = number_at(result, out, cell++);
        double slack = out == TG_DT_F16 ? 1e-3 : out == TG_DT_F32 ? 1e-6 : 1e-12;
        /* A sum may lose what its largest parts are rounded by; others are relative. */
        double scale = fabs(want) + (double)s.n * 1e-3;
        bool equal = (isnan(got) && isnan(want)) || got == want ||
                     (tg_dtype_is_float(out) && fabs(got - want) <= slack * scale);
        if (!equal) {
            fail_msg("%s of %s, axes %x, layout %d, cell %zu at %s: %.17g, want %.17g",
                     f->node.op->name, tg_dtype_name(f->arg.dtype), (unsigned)mask, layout,
                     cell - 1, tg_isa_name(tg_isa_level()), got, want);
        }
        more = false;
        for (int a = NDIM - 1; a >= 0 && !more; a--) {
            if ((mask >> a & 1) == 0) {
                kept[a] += shape[a] / 3 + 1;
                more = kept[a] < shape[a];
                kept[a] = more ? kept[a] : 0;
            }
        }
        cell = 0;
        for (int a = 0; a < NDIM; a++) {
            cell = (mask >> a & 1) != 0 ? cell : cell * (size_t)shape[a] + (size_t)kept[a];
        }
    }
}

static tg_dtype
result_of(const char *op, tg_dtype in)
{
    tg_dtype out = in;
    if (strstr(op, "arg") != NULL || strcmp(op, "count_nonzero") == 0) {
        out = TG_DT_I64;
    } else if (strcmp(op, "any") == 0 || strcmp(op, "all") == 0) {
        out = TG_DT_BOOL;
    } else if (strcmp(op, "sum") == 0 || strcmp(op, "prod") == 0) {
        out = tg_sum_dtype(in);
    } else if (strstr(op, "max") == NULL && strstr(op, "min") == NULL) {
        out = tg_mean_dtype(in);
    }
    return out;
}

static void
check(const tg_op *op, tg_dtype dtype, bool with_nan)
{
    static const int64_t tiles[][NDIM] = { { 7, 40, 33 }, { 3, 17, 32 }, { 7, 9, 33 } };
    static char data[ELEMENTS * 8], copy[ELEMENTS * 16], result[ELEMENTS * 8];
    for (size_t i = 0; i < ELEMENTS; i++) {
        double x = (double)(draw() % 100) - (dtype >= TG_DT_F16 ? 50 : 0);
        x = dtype >= TG_DT_F16 ? x / 8 : x;
        /* A product must stay where it can be compared. */
        x = strcmp(op->name, "prod") == 0 ? 1 + (double)(i == 500) : x;
        x = with_nan && draw() % 50 == 0 ? (double)NAN : x;
        set_at(data, dtype, i, x);
    }
    for (uint64_t mask = 1; mask < 8; mask++) {
        int places = strstr(op->name, "arg") != NULL;
        if (places && mask != 7 && (mask & (mask - 1)) != 0) {
            continue;
        }
        fake f;
        make_fake(&f, op, dtype, result_of(op->name, dtype), mask);
        int64_t kept[NDIM];
        int n = 0;
        for (int a = 0; a < NDIM; a++) {
            if ((mask >> a & 1) == 0) {
                kept[n++] = shape[a];
            }
        }
        for (int layout = C_ORDER; layout < LAYOUTS; layout++) {
            /* A third of the cases is enough for the lower instruction sets. */
            if (tg_isa_level() != tg_isa_best() && ((int)mask + layout) % 3 != 0) {
                continue;
            }
            tg_view whole, out;
            tg_box box;
            whole_view(&whole, data, copy, dtype, layout);
            tg_view_from_shape(&out, result, f.node.dtype, n, kept);
            tg_box_from_shape(&box, n, kept);
            reduce(&f, mask, tiles[layout % 3], &whole, &out, &box);
            compare(&f, mask, data, result, layout);
        }
    }
}

static const tg_op *const ops[] = {
    &tg_op_sum,    &tg_op_prod,   &tg_op_mean,      &tg_op_var,       &tg_op_std,
    &tg_op_min,    &tg_op_max,    &tg_op_any,       &tg_op_all,       &tg_op_count_nonzero,
    &tg_op_argmin, &tg_op_argmax, &tg_op_nanmin,    &tg_op_nanmax,    &tg_op_nanmean,
    &tg_op_nanvar, &tg_op_nanstd, &tg_op_nanargmin, &tg_op_nanargmax,
};

static void
test_all(void **state)
{
    (void)state;
    for (int isa = TG_ISA_BASE; isa <= (int)tg_isa_best(); isa++) {
        tg_isa_set((tg_isa)isa);
        for (size_t i = 0; i < sizeof ops / sizeof ops[0]; i++) {
            for (int d = TG_DT_BOOL; d <= TG_DT_F64; d++) {
                check(ops[i], (tg_dtype)d, false);
                if (tg_dtype_is_float((tg_dtype)d)) {
                    check(ops[i], (tg_dtype)d, true);
                }
            }
        }
    }
    tg_isa_set(tg_isa_best());
}

/* Numbers far from zero: the naive formula of the variance loses everything here. */
static void
test_stable(void **state)
{
    static float data[ELEMENTS];
    fake f;
    double got = 0;
    tg_view whole, out;
    tg_box box;
    int64_t tile[NDIM] = { 2, 11, 33 };
    (void)state;
    for (size_t i = 0; i < ELEMENTS; i++) {
        data[i] = 1e6f + (float)(i % 2);
    }
    make_fake(&f, &tg_op_var, TG_DT_F32, TG_DT_F64, 7);
    tg_view_from_shape(&whole, data, TG_DT_F32, NDIM, shape);
    tg_view_from_shape(&out, &got, TG_DT_F64, 0, NULL);
    tg_box_from_shape(&box, 0, NULL);
    reduce(&f, 7, tile, &whole, &out, &box);
    assert_true(fabs(got - 0.25) < 1e-12);
    for (size_t i = 0; i < ELEMENTS; i++) {
        data[i] = 0.1f;
    }
    make_fake(&f, &tg_op_sum, TG_DT_F32, TG_DT_F64, 7);
    reduce(&f, 7, tile, &whole, &out, &box);
    assert_true(fabs(got - (double)0.1f * ELEMENTS) < 1e-9);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all),
        cmocka_unit_test(test_stable),
    };
    pool = tg_pool_create(NULL, (int64_t)64 << 20);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    tg_pool_destroy(pool);
    return failed;
}
