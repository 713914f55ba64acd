/* SPDX-License-Identifier: BSD-3-Clause */
/* Copies and fills against a loop over single elements, for all layouts that there are. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/array/view.h"

enum { MEMORY = 1 << 16, ROUNDS = 20000 };

static uint32_t
next_random(uint32_t *seed, uint32_t below)
{
    *seed = *seed * 1664525u + 1013904223u;
    return (*seed >> 8) % below;
}

static void
copy_slowly(const tg_view *to, const tg_view *from)
{
    size_t size = tg_dtype_size(to->dtype);
    int64_t count = tg_view_count(to);
    for (int64_t i = 0; i < count; i++) {
        char *t = to->data;
        const char *f = from->data;
        int64_t rest = i;
        for (int a = to->ndim - 1; a >= 0; a--) {
            t += rest % to->shape[a] * to->strides[a];
            f += rest % to->shape[a] * from->strides[a];
            rest /= to->shape[a];
        }
        memcpy(t, f, size);
    }
}

/* Strides in the order of `axes`, with gaps, flips, and broadcasts when `shared`. */
static void
random_layout(uint32_t *seed, tg_view *view, char *memory, const int *axes, bool shared)
{
    int64_t size = (int64_t)tg_dtype_size(view->dtype);
    int64_t stride = size * (next_random(seed, 3) == 0 ? 2 : 1);
    int64_t offset = next_random(seed, 2); /* unaligned */
    for (int i = view->ndim - 1; i >= 0; i--) {
        int a = axes[i];
        int64_t length = view->shape[a] > 0 ? view->shape[a] : 1;
        view->strides[a] = stride;
        stride = stride * length + (next_random(seed, 4) == 0 ? size : 0);
        if (shared && next_random(seed, 5) == 0) {
            view->strides[a] = 0;
        } else if (next_random(seed, 5) == 0) {
            offset += view->strides[a] * (length - 1);
            view->strides[a] = -view->strides[a];
        }
    }
    view->data = memory + offset;
}

static void
test_copies_and_fills_any_layout(void **state)
{
    static const tg_dtype dtypes[] = { TG_DT_U8, TG_DT_U16, TG_DT_F32, TG_DT_F64, TG_DT_C128 };
    char *from_memory = malloc(MEMORY);
    char *fast = malloc(MEMORY);
    char *slow = malloc(MEMORY);
    uint32_t seed = 1;
    (void)state;
    assert_true(from_memory != NULL && fast != NULL && slow != NULL);
    for (int i = 0; i < MEMORY; i++) {
        from_memory[i] = (char)next_random(&seed, 256);
    }
    for (int round = 0; round < ROUNDS; round++) {
        tg_view to;
        tg_view from;
        int straight[] = { 0, 1, 2, 3 };
        int mixed[] = { 0, 1, 2, 3 };
        to.ndim = (int)next_random(&seed, 5);
        to.dtype = dtypes[next_random(&seed, 5)];
        for (int a = 0; a < to.ndim; a++) {
            to.shape[a] = next_random(&seed, to.ndim < 3 ? 40 : 5) + (next_random(&seed, 20) != 0);
            int other = (int)next_random(&seed, (uint32_t)a + 1);
            int swap = mixed[a];
            mixed[a] = mixed[other];
            mixed[other] = swap;
        }
        from = to;
        for (int i = 0; i < to.ndim; i++) {
            mixed[i] = mixed[i] < to.ndim ? mixed[i] : i;
        }
        random_layout(&seed, &from, from_memory, mixed, true);
        memset(fast, 0x11, MEMORY);
        memset(slow, 0x11, MEMORY);
        random_layout(&seed, &to, fast, straight, false);
        tg_view copy = to;
        copy.data = slow + ((char *)to.data - fast);
        tg_view_copy(&to, &from);
        copy_slowly(&copy, &from);
        assert_memory_equal(fast, slow, MEMORY);

        memset(&from.strides, 0, sizeof from.strides);
        from.data = from_memory + (round % 1000) * 16;
        tg_view_fill(&to, from.data);
        copy_slowly(&copy, &from);
        assert_memory_equal(fast, slow, MEMORY);
    }
    free(from_memory);
    free(fast);
    free(slow);
}

static void
test_transposes_large_planes(void **state)
{
    enum { N = 300, M = 200 };
    uint16_t *from = malloc(N * M * sizeof *from);
    uint16_t *to = malloc(N * M * sizeof *to);
    tg_view a;
    tg_view b;
    (void)state;
    assert_true(from != NULL && to != NULL);
    for (int i = 0; i < N * M; i++) {
        from[i] = (uint16_t)i;
    }
    tg_view_from_shape(&a, from, TG_DT_U16, 2, (int64_t[]){ N, M });
    tg_view_from_shape(&b, to, TG_DT_U16, 2, (int64_t[]){ M, N });
    tg_view turned = { .data = from,
                       .dtype = TG_DT_U16,
                       .ndim = 2,
                       .shape = { M, N },
                       .strides = { a.strides[1], a.strides[0] } };
    tg_view_copy(&b, &turned);
    for (int i = 0; i < N; i++) {
        for (int j = 0; j < M; j++) {
            assert_int_equal(to[j * N + i], from[i * M + j]);
        }
    }
    free(from);
    free(to);
}

static void
test_zero_fill_is_exact(void **state)
{
    unsigned char memory[64];
    tg_view view;
    const double zero = 0.0;
    (void)state;
    memset(memory, 7, sizeof memory);
    tg_view_from_shape(&view, memory + 8, TG_DT_F64, 2, (int64_t[]){ 2, 3 });
    tg_view_fill(&view, &zero);
    for (int i = 0; i < 64; i++) {
        assert_int_equal(memory[i], i >= 8 && i < 56 ? 0 : 7);
    }
    tg_view_from_shape(&view, memory, TG_DT_U8, 0, NULL);
    tg_view_fill(&view, "x");
    assert_int_equal(memory[0], 'x');
    assert_int_equal(memory[1], 7);
}

static void
test_parts(void **state)
{
    int32_t memory[6 * 5];
    tg_view view;
    tg_view part;
    const tg_box whole = { 2, { 10, 20 }, { 16, 25 } };
    (void)state;
    for (int i = 0; i < 30; i++) {
        memory[i] = i;
    }
    tg_view_from_box(&view, memory, TG_DT_I32, &whole);
    assert_int_equal(view.shape[0], 6);
    assert_int_equal(view.shape[1], 5);
    assert_true(tg_view_is_contiguous(&view));
    tg_view_sub(&part, &view, &whole, &(tg_box){ 2, { 12, 21 }, { 14, 24 } });
    assert_int_equal(*(int32_t *)part.data, 2 * 5 + 1);
    assert_int_equal(tg_view_count(&part), 6);
    assert_false(tg_view_is_contiguous(&part));
    tg_view_sub(&part, &view, &whole, &(tg_box){ 2, { 99, 21 }, { 99, 24 } });
    assert_int_equal(tg_view_count(&part), 0);
    assert_true(tg_view_is_contiguous(&part));
    assert_ptr_equal(part.data, memory);
    tg_view_sub(&part, &view, &whole, &(tg_box){ 2, { 13, 20 }, { 14, 25 } });
    assert_true(tg_view_is_contiguous(&part));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_copies_and_fills_any_layout),
        cmocka_unit_test(test_transposes_large_planes),
        cmocka_unit_test(test_zero_fill_is_exact),
        cmocka_unit_test(test_parts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
