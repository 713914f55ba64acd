/* SPDX-License-Identifier: BSD-3-Clause */
/* Counted buffers: from a pool, foreign, and handed over to the user. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/mem/buffer.h"

static void
test_pool_buffers(void **state)
{
    tg_pool *pool = tg_pool_create(NULL, 1 << 20);
    (void)state;
    tg_buffer *buffer = tg_buffer_create(pool, 1000);
    assert_non_null(buffer);
    assert_int_equal(tg_buffer_bytes(buffer), 1000);
    assert_int_equal((uintptr_t)tg_buffer_data(buffer) % 64, 0);
    memset(tg_buffer_data(buffer), 3, 1000);
    assert_ptr_equal(tg_buffer_retain(buffer), buffer);
    tg_buffer_release(buffer);
    assert_true(tg_pool_get_stats(pool).used_bytes > 0);
    tg_buffer_release(buffer);
    assert_int_equal(tg_pool_get_stats(pool).used_bytes, 0);
    assert_null(tg_buffer_create(pool, 2 << 20));
    assert_null(tg_buffer_retain(NULL));
    tg_buffer_release(NULL);
    tg_pool_destroy(pool);
}

static void
count_free(void *owner, void *data)
{
    assert_non_null(data);
    ++*(int *)owner;
}

static void
test_foreign_buffers(void **state)
{
    char memory[10];
    int freed = 0;
    (void)state;
    tg_buffer *buffer = tg_buffer_create_foreign(memory, sizeof memory, &freed, count_free);
    assert_non_null(buffer);
    assert_ptr_equal(tg_buffer_data(buffer), memory);
    (void)tg_buffer_retain(buffer);
    tg_buffer_release(buffer);
    assert_int_equal(freed, 0);
    tg_buffer_release(buffer);
    assert_int_equal(freed, 1);
    buffer = tg_buffer_create_foreign(memory, sizeof memory, NULL, NULL);
    assert_non_null(buffer);
    tg_buffer_disown(buffer);
    tg_buffer_release(buffer);
}

static void
test_disowned_buffers(void **state)
{
    tg_pool *pool = tg_pool_create(NULL, 1 << 20);
    (void)state;
    tg_buffer *buffer = tg_buffer_create(pool, 100000);
    assert_non_null(buffer);
    tg_buffer_disown(buffer);
    tg_buffer_disown(buffer);
    assert_int_equal(tg_pool_get_stats(pool).used_bytes, 0);
    memset(tg_buffer_data(buffer), 1, 100000);
    tg_buffer_release(buffer);
    assert_int_equal(tg_pool_get_stats(pool).used_bytes, 0);
    tg_pool_destroy(pool);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pool_buffers),
        cmocka_unit_test(test_foreign_buffers),
        cmocka_unit_test(test_disowned_buffers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
