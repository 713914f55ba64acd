/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Arrays whose length is known only when they are computed: what takes them, and what says that it
 * does not. Each op that said nothing made a crash or a wrong number of it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tilegraph/array.h"
#include "tilegraph/session.h"

static tg_array *
one(tg_scope *g, const char *op, tg_array *x)
{
    return tg_apply(g, op, 1, &x, 0, NULL);
}

/* 11, 12, ... 99. */
static tg_array *
selected(tg_scope *g)
{
    const int64_t stop = 100;
    tg_param range[] = { { "stop", TG_PARAM_INT, { 1, { .ints = &stop } } },
                         { "dtype", TG_PARAM_STR, { 7, { .text = "float64" } } } };
    tg_array *x = tg_apply(g, "arange", 0, NULL, 2, range);
    tg_array *mask = tg_apply(g, "greater", 2, (tg_array *[]){ x, tg_scalar(g, 10.0) }, 0, NULL);
    return tg_apply(g, "mask_select", 2, (tg_array *[]){ x, mask }, 0, NULL);
}

static void
test_ops_that_need_the_length_say_so(void **state)
{
    static const char *const names[] = { "negative", "sin",     "mean",  "std",
                                         "var",      "nanmean", "cumsum" };
    tg_session *session = NULL;
    (void)state;
    assert_int_equal(tg_session_open(NULL, &session, NULL), TG_OK);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        tg_scope *g = tg_scope_create(session);
        tg_array *x = selected(g);
        assert_null(tg_scope_error(g));
        (void)one(g, names[i], x);
        const tg_error *err = tg_scope_error(g);
        assert_non_null(err);
        if (strstr(err->message, "unknown length") == NULL) {
            fail_msg("%s: %s", names[i], err->message);
        }
        tg_scope_destroy(g);
    }
    tg_session_close(session);
}

static void
test_reductions_to_something_known_take_any_length(void **state)
{
    static const struct {
        const char *name;
        double value;
    } reductions[] = { { "sum", 4895 }, { "max", 99 }, { "min", 11 } };
    tg_session *session = NULL;
    (void)state;
    assert_int_equal(tg_session_open(NULL, &session, NULL), TG_OK);
    for (size_t i = 0; i < sizeof reductions / sizeof reductions[0]; i++) {
        double value = 0;
        tg_error err;
        tg_scope *g = tg_scope_create(session);
        tg_target target = { .array = one(g, reductions[i].name, selected(g)), .data = &value };
        if (tg_compute(session, 1, &target, NULL, &err) != TG_OK) {
            fail_msg("%s: %s", reductions[i].name, err.message);
        }
        assert_true(value == reductions[i].value);
        tg_scope_destroy(g);
    }
    tg_session_close(session);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ops_that_need_the_length_say_so),
        cmocka_unit_test(test_reductions_to_something_known_take_any_length),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
