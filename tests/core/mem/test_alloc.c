/* SPDX-License-Identifier: BSD-3-Clause */
/* The two allocators that are built in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/mem/alloc.h"

static void
check_allocator(const tg_alloc *a)
{
    for (size_t align = 16; align <= 4096; align *= 4) {
        char *block = a->alloc(a->ctx, 1000, align);
        assert_non_null(block);
        assert_int_equal((uintptr_t)block % align, 0);
        memset(block, 1, 1000);
        a->free(a->ctx, block, 1000);
    }
    char *grown = a->alloc(a->ctx, 100, 16);
    assert_non_null(grown);
    memset(grown, 42, 100);
    grown = a->resize(a->ctx, grown, 100, 100000);
    assert_non_null(grown);
    assert_int_equal(grown[0], 42);
    assert_int_equal(grown[99], 42);
    memset(grown, 1, 100000);
    a->free(a->ctx, grown, 100000);
    void *nothing = a->alloc(a->ctx, 0, 16);
    assert_non_null(nothing);
    a->free(a->ctx, nothing, 0);
    a->free(a->ctx, NULL, 0);
}

static void
test_default(void **state)
{
    (void)state;
    check_allocator(tg_alloc_default());
    assert_true(strlen(tg_alloc_name()) > 0);
}

static void
test_blocks(void **state)
{
    const tg_alloc *a = tg_alloc_blocks();
    const size_t bytes = (size_t)5 << 20;
    (void)state;
    check_allocator(a);
    /* From 2 MiB on, at the begin of a huge page. */
    char *block = a->alloc(a->ctx, bytes, 64);
    assert_non_null(block);
    assert_int_equal((uintptr_t)block % ((size_t)2 << 20), 0);
    block[0] = 1;
    block[bytes - 1] = 1;
    a->free(a->ctx, block, bytes);
}

static void
test_short_forms(void **state)
{
    (void)state;
    char *zeros = tg_calloc(NULL, 10, 30);
    assert_non_null(zeros);
    for (int i = 0; i < 300; i++) {
        assert_int_equal(zeros[i], 0);
    }
    zeros = tg_realloc(NULL, zeros, 300, 600);
    assert_non_null(zeros);
    tg_free(NULL, zeros, 600);
    assert_null(tg_calloc(NULL, SIZE_MAX / 2, 3));
    tg_free(NULL, NULL, 10);
    char *block = tg_malloc(tg_alloc_blocks(), 100);
    assert_non_null(block);
    tg_free(tg_alloc_blocks(), block, 100);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_default),
        cmocka_unit_test(test_blocks),
        cmocka_unit_test(test_short_forms),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
