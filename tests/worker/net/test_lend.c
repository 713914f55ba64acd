/* SPDX-License-Identifier: BSD-3-Clause */
/* Arrays of a client that other processes map: the same bytes, counted, and given back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/array/scope.h"
#include "tests/support/mini_ops.h"
#include "worker/net/lend.h"

enum { ROWS = 300, COLUMNS = 500 };
static uint16_t cells[ROWS][COLUMNS];

/* Every other column, from the right. */
static tg_array *
strided(mini *m)
{
    tg_view view;
    for (int r = 0; r < ROWS; r++) {
        for (int c = 0; c < COLUMNS; c++) {
            cells[r][c] = (uint16_t)(r * COLUMNS + c);
        }
    }
    tg_view_from_shape(&view, &cells[0][COLUMNS - 1], TG_DT_U16, 2,
                       (int64_t[]){ ROWS, COLUMNS / 2 });
    view.strides[0] = sizeof cells[0];
    view.strides[1] = -4;
    tg_buffer *data = tg_buffer_create_foreign(cells, sizeof cells, NULL, NULL);
    tg_array *a = tg_scope_from_memory(m->scope, data, &view, NULL, 0);
    tg_buffer_release(data);
    return a;
}

static void
what_is_lent_is_what_is_mapped(void **state)
{
    mini *m = *state;
    tg_error err;
    tg_shared_ref ref;
    tg_buffer *mapped = NULL;
    tg_pool *pool = tg_pool_create(NULL, 1 << 20);
    tg_loans *loans = tg_loans_create(pool);
    tg_shared_reader *reader = tg_shared_reader_create();
    if (tg_loans_lend(loans, strided(m), &ref, &err) == TG_ERR_UNSUPPORTED) {
        print_message("memory cannot be shared here\n");
    } else {
        assert_int_equal(tg_pool_get_stats(pool).used_bytes, sizeof cells / 2);
        assert_int_equal(tg_shared_map(reader, &ref, &mapped, &err), TG_OK);
        const uint16_t *seen = tg_buffer_data(mapped);
        for (int r = 0; r < ROWS; r++) {
            for (int c = 0; c < COLUMNS / 2; c++) {
                assert_int_equal(seen[r * (COLUMNS / 2) + c], cells[r][COLUMNS - 1 - 2 * c]);
            }
        }
        assert_false(tg_loans_end(loans)); /* somebody reads */
        tg_buffer_release(mapped);
        assert_true(tg_loans_end(loans));
        assert_int_equal(tg_pool_get_stats(pool).used_bytes, 0);
        assert_int_not_equal(tg_shared_map(reader, &ref, &mapped, &err), TG_OK);
    }
    tg_shared_reader_destroy(reader);
    tg_loans_destroy(loans);
    tg_pool_destroy(pool);
}

static void
a_loan_counts_against_the_limit(void **state)
{
    mini *m = *state;
    tg_error err;
    tg_shared_ref ref;
    tg_pool *pool = tg_pool_create(NULL, sizeof cells / 4);
    tg_loans *loans = tg_loans_create(pool);
    tg_status status = tg_loans_lend(loans, strided(m), &ref, &err);
    assert_true(status == TG_ERR_MEMORY || status == TG_ERR_UNSUPPORTED);
    assert_int_equal(tg_pool_get_stats(pool).used_bytes, 0);
    tg_loans_destroy(loans);
    tg_pool_destroy(pool);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, mini_setup, mini_teardown)
    const struct CMUnitTest tests[] = {
        TEST(what_is_lent_is_what_is_mapped),
        TEST(a_loan_counts_against_the_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
