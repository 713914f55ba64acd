/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * label and the measurements over several tiles, driven through the slots of their ops, against a
 * flood fill in raster order, which numbers as SciPy does.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/array/scratch.h"
#include "ops/kernel/isa.h"
#include "tests/support/eval_node.h"
#include "worker/exec/run.h"

enum { D = 5, H = 7, W = 9, CELLS = D * H * W };

static const int64_t shape[3] = { D, H, W };

static void
fill_random(uint8_t *v, uint32_t seed, uint32_t share)
{
    for (int i = 0; i < CELLS; i++) {
        seed = seed * 1664525u + 1013904223u;
        v[i] = (seed >> 24) < share;
    }
}

/* Labels by flood fill over the 27 marks of a structure. */
static int32_t
flood(const uint8_t *v, const uint8_t *marks, int32_t *label)
{
    int stack[CELLS];
    int32_t count = 0;
    memset(label, 0, CELLS * sizeof *label);
    for (int start = 0; start < CELLS; start++) {
        int top = 0;
        if (v[start] != 0 && label[start] == 0) {
            label[start] = ++count;
            stack[top++] = start;
        }
        while (top > 0) {
            int c = stack[--top];
            for (int k = 0; k < 27; k++) {
                int z = c / (H * W) + k / 9 - 1;
                int y = c / W % H + k / 3 % 3 - 1;
                int x = c % W + k % 3 - 1;
                bool in = z >= 0 && z < D && y >= 0 && y < H && x >= 0 && x < W;
                int other = (z * H + y) * W + x;
                if (in && marks[k] != 0 && v[other] != 0 && label[other] == 0) {
                    label[other] = count;
                    stack[top++] = other;
                }
            }
        }
    }
    return count;
}

static void
symmetric_marks(uint8_t *marks, uint32_t seed)
{
    for (int k = 0; k <= 13; k++) {
        seed = seed * 1664525u + 1013904223u;
        marks[k] = seed >> 31;
        marks[26 - k] = marks[k];
    }
    marks[13] = 1;
}

/* ---- driving the slots by hand ---- */

typedef struct drive {
    eval *e;
    tg_box boxes[CELLS];
    size_t count;
} drive;

static void
cut_tiles(drive *d, eval *e, int64_t edge)
{
    d->e = e;
    d->count = 0;
    for (int64_t z = 0; z < D; z += edge) {
        for (int64_t y = 0; y < H; y += edge) {
            for (int64_t x = 0; x < W; x += edge) {
                d->boxes[d->count++] =
                    (tg_box){ .ndim = 3,
                              .lo = { z, y, x },
                              .hi = { tg_min_i64(z + edge, D), tg_min_i64(y + edge, H),
                                      tg_min_i64(x + edge, W) } };
            }
        }
    }
}

static void
call_op(const drive *d, const tg_array *node, const tg_box *box, const tg_view *in,
        const tg_view *out)
{
    tg_error err = { 0 };
    tg_scratch scratch;
    const tg_box *boxes[2] = { box, box };
    tg_scratch_init(&scratch, d->e->pool, NULL, 0);
    const tg_run run = {
        .node = node, .out_box = box, .in_box = boxes, .scratch = &scratch, .pool = d->e->pool
    };
    if (node->op->run(&run, in, out, &err) != TG_OK) {
        fail_msg("%s", err.message);
    }
    tg_scratch_reset(&scratch);
}

/* The part of a whole array of the test. */
static tg_view
part(void *data, tg_dtype dtype, const tg_box *box)
{
    tg_box whole;
    tg_view all;
    tg_view view;
    tg_box_from_shape(&whole, 3, shape);
    tg_view_from_shape(&all, data, dtype, 3, shape);
    tg_view_sub(&view, &all, &whole, box);
    return view;
}

/* The table of a dynamic reduction, states combined `fan` at a time. */
static tg_buffer *
reduce(const drive *d, const tg_array *node, void *const *data, size_t fan, tg_view *table)
{
    tg_buffer *states[CELLS];
    tg_box boxes[CELLS];
    size_t count = d->count;
    tg_error err = { 0 };
    tg_scratch scratch;
    tg_given given = { .data = NULL };
    const tg_reduce *r = node->op->reduce;
    tg_scratch_init(&scratch, d->e->pool, NULL, 0);
    tg_run run = { .node = node, .scratch = &scratch, .pool = d->e->pool, .given = &given };
    memcpy(boxes, d->boxes, sizeof boxes);
    for (size_t t = 0; t < count; t++) {
        tg_view in[2];
        for (size_t k = 0; k < node->nargs; k++) {
            in[k] = part(data[k], node->args[k]->dtype, &boxes[t]);
        }
        run.out_box = &boxes[t];
        assert_int_equal(r->partial(&run, in, &states[t], &err), TG_OK);
        tg_scratch_reset(&scratch);
    }
    while (count > 1) {
        size_t made = 0;
        for (size_t i = 0; i < count; i += fan) {
            size_t n = count - i < fan ? count - i : fan;
            tg_buffer *sum = states[i];
            if (n > 1) {
                assert_int_equal(r->combine(&run, n, states + i, boxes + i, &sum, &err), TG_OK);
                for (size_t k = 0; k < n; k++) {
                    tg_buffer_release(states[i + k]);
                }
            }
            boxes[made] = boxes[i];
            states[made++] = sum;
        }
        count = made;
    }
    assert_int_equal(r->finish(&run, states[0], NULL, &err), TG_OK);
    tg_buffer_release(states[0]);
    tg_scratch_reset(&scratch);
    tg_view_from_shape(table, tg_buffer_data(given.data), node->dtype, given.ndim, given.shape);
    return given.data;
}

static void
label_equals_a_flood_fill(void **state)
{
    (void)state;
    const int64_t three[3] = { 3, 3, 3 };
    for (uint32_t trial = 0; trial < 60; trial++) {
        tg_isa_set((tg_isa)(trial % TG_ISA_COUNT));
        uint8_t v[CELLS];
        uint8_t marks[27];
        int32_t expected[CELLS];
        int32_t got[CELLS];
        static drive d;
        eval e;
        eval_open(&e);
        cut_tiles(&d, &e, 1 + trial % 5);
        fill_random(v, trial, 60 + 3 * trial);
        symmetric_marks(marks, 77 * trial + 5);
        int32_t count = flood(v, marks, expected);
        tg_array *args[2] = { eval_memory(&e, TG_DT_BOOL, 3, shape, v, 0),
                              eval_memory(&e, TG_DT_BOOL, 3, three, marks, 0) };
        const tg_array *labels = tg_apply(e.scope, "label", 2, args, 0, NULL);
        assert_non_null(labels);
        const tg_array *merge = labels->args[0];
        assert_ptr_equal(merge->args[0], labels->args[1]);
        tg_view in[2];
        void *data[1] = { v };
        tg_buffer *table = reduce(&d, merge, data, 2 + trial % 7, &in[0]);
        assert_int_equal(((const int64_t *)in[0].data)[0], count);
        for (size_t t = 0; t < d.count; t++) {
            in[1] = part(v, TG_DT_BOOL, &d.boxes[t]);
            tg_view out = part(got, TG_DT_I32, &d.boxes[t]);
            call_op(&d, labels, &d.boxes[t], in, &out);
        }
        assert_memory_equal(got, expected, sizeof got);
        tg_buffer_release(table);
        eval_close(&e);
    }
    tg_isa_set(tg_isa_best());
}

static void
measurements_equal_sums(void **state)
{
    (void)state;
    enum { LABELS = 4 };
    for (int64_t edge = 1; edge < 10; edge += 2) {
        int32_t label[CELLS];
        double value[CELLS];
        double sum[LABELS] = { 0 };
        double centre[LABELS][3] = { { 0 } };
        double area[LABELS] = { 0 };
        const int64_t index[LABELS] = { 1, 2, 3, 9 };
        const double index_found[LABELS] = { 1, 2, 3, 9 }; /* labels are doubles in the table */
        const int64_t index_shape = LABELS;
        static drive d;
        eval e;
        eval_open(&e);
        cut_tiles(&d, &e, edge);
        for (int i = 0; i < CELLS; i++) {
            label[i] = i * 7 % 11 % LABELS;
            value[i] = (double)(i * 13 % 29);
            int l = label[i] - 1;
            if (l >= 0) {
                sum[l] += value[i];
                area[l] += 1;
                centre[l][0] += value[i] * (i / (H * W));
                centre[l][1] += value[i] * (i / W % H);
                centre[l][2] += value[i] * (i % W);
            }
        }
        tg_array *args[3] = { eval_memory(&e, TG_DT_F64, 3, shape, value, 0),
                              eval_memory(&e, TG_DT_I32, 3, shape, label, 0),
                              eval_memory(&e, TG_DT_I64, 1, &index_shape, (void *)index, 0) };
        const tg_array *mass = tg_apply(e.scope, "center_of_mass", 3, args, 0, NULL);
        const tg_array *total = tg_apply(e.scope, "sum_labels", 3, args, 0, NULL);
        assert_non_null(mass);
        assert_non_null(total);
        assert_ptr_equal(mass->args[0], total->args[0]); /* one pass for both */
        tg_view in[2];
        void *data[2] = { label, value };
        tg_buffer *table = reduce(&d, mass->args[0], data, 3, &in[0]);
        double got[LABELS][3];
        double got_sum[LABELS];
        tg_view out;
        tg_box box = { .ndim = 2, .hi = { LABELS, 3 } };
        tg_view_from_shape(&in[1], (void *)index_found, TG_DT_F64, 1, &index_shape);
        tg_view_from_box(&out, got, TG_DT_F64, &box);
        call_op(&d, mass, &box, in, &out);
        tg_view_from_shape(&out, got_sum, TG_DT_F64, 1, &index_shape);
        box.ndim = 1;
        call_op(&d, total, &box, in, &out);
        for (int l = 0; l < 3; l++) {
            assert_true(got_sum[l] == sum[l]);
            assert_true(((const double *)in[0].data)[l * in[0].shape[1] + 1] == area[l]);
            for (int a = 0; a < 3; a++) {
                double difference = got[l][a] - centre[l][a] / sum[l];
                assert_true(difference < 1e-12 && difference > -1e-12);
            }
        }
        assert_true(got_sum[3] == 0 && got[3][0] != got[3][0]); /* 9 does not occur */
        tg_buffer_release(table);
        eval_close(&e);
    }
}

static void
bad_arguments_are_named(void **state)
{
    (void)state;
    uint8_t v[CELLS] = { 0 };
    const int64_t three[3] = { 3, 3, 3 };
    eval e;
    eval_open(&e);
    tg_array *args[2] = { eval_memory(&e, TG_DT_BOOL, 3, shape, v, 0), NULL };
    v[0] = 1;
    args[1] = eval_memory(&e, TG_DT_BOOL, 3, three, v, 0);
    assert_null(tg_apply(e.scope, "label", 2, args, 0, NULL));
    eval_expect_error(&e, TG_ERR_VALUE, "not symmetric");
    args[1] = eval_memory(&e, TG_DT_BOOL, 2, three, v, 0);
    assert_null(tg_apply(e.scope, "label", 2, args, 0, NULL));
    eval_expect_error(&e, TG_ERR_MISMATCH, "equal rank");
    eval_close(&e);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(label_equals_a_flood_fill),
        cmocka_unit_test(measurements_equal_sums),
        cmocka_unit_test(bad_arguments_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
