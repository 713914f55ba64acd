/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Expressions as bytes through the public API: functions that go along are called where they are
 * read, each once in the list; without them an expression that calls one is refused, on both sides;
 * relative paths become absolute ones. And as fingerprints, by which a target is resumed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tilegraph/tilegraph.h"

enum { CELLS = 12 };

static int
add_user(void *user, const tg_block_info *info, const tg_block_view *in, size_t nin,
         const tg_block_view *out, char *message, size_t message_bytes)
{
    (void)info;
    (void)nin;
    (void)message;
    (void)message_bytes;
    for (int64_t i = 0; i < out->shape[0]; i++) {
        ((int32_t *)out->data)[i] = ((const int32_t *)in[0].data)[i] + *(const int32_t *)user;
    }
    return 0;
}

static tg_session *
open_session(void)
{
    tg_session *session = NULL;
    tg_error err;
    tg_session_options options = { sizeof options, 2, (int64_t)64 << 20 };
    assert_int_equal(tg_session_open(&options, &session, &err), TG_OK);
    return session;
}

/* Every cell of `array` must be its number and `plus`. */
static void
expect_cells(tg_session *session, tg_array *array, int32_t plus)
{
    tg_target target = { .array = array };
    tg_result result;
    tg_error err;
    assert_int_equal(tg_compute(session, 1, &target, &result, &err), TG_OK);
    for (int32_t i = 0; i < CELLS; i++) {
        assert_int_equal(((const int32_t *)result.data)[i], i + plus);
    }
    tg_result_release(&result);
}

static tg_array *
cells(tg_scope *g)
{
    static int32_t values[CELLS];
    for (int32_t i = 0; i < CELLS; i++) {
        values[i] = i;
    }
    return tg_from_memory(g, values, TG_DT_I32, 1, (int64_t[]){ CELLS }, NULL, (int64_t[]){ 5 }, 0,
                          NULL, NULL);
}

/* A function is made from the number that it adds. */
static int
form_of(void *user, tg_function_form *form, char *message, size_t message_bytes)
{
    (void)message, (void)message_bytes;
    *form = (tg_function_form){ "number", "add", user, sizeof(int32_t) };
    return 0;
}

static tg_function *
make_add(void *ctx, const tg_function_form *form, char *message, size_t message_bytes)
{
    static int32_t numbers[8];
    int *used = ctx;
    tg_function *function = NULL;
    if (strcmp(form->kind, "number") != 0 || *used == 8) {
        (void)snprintf(message, message_bytes, "it is no number");
    } else {
        memcpy(&numbers[*used], form->bytes, sizeof(int32_t));
        function = tg_block_function_create(add_user, &numbers[(*used)++], NULL, 0);
    }
    return function;
}

static void
test_functions_go_along(void **state)
{
    (void)state;
    int32_t ten = 10, seven = 7;
    int used = 0;
    tg_session *here = open_session(), *there = open_session();
    tg_scope *g = tg_scope_create(here);
    tg_function *first = tg_block_function_create(add_user, &ten, NULL, 0);
    tg_function *second = tg_block_function_create(add_user, &seven, NULL, 0);
    const tg_plan_functions functions = { .struct_size = sizeof functions,
                                          .make = make_add,
                                          .ctx = &used };
    tg_array *x = cells(g);
    tg_function *order[] = { first, second, first };
    for (int i = 0; i < 3; i++) {
        x = tg_map_blocks(g, 1, &x, &(tg_map_blocks_options){ .function = order[i] });
    }
    tg_array *read = NULL;
    void *bytes = NULL;
    size_t size = 0;
    tg_error err;
    assert_int_equal(tg_arrays_to_bytes(1, &x, &bytes, &size, &err), TG_ERR_UNSUPPORTED);
    tg_block_function_set_form(first, form_of);
    tg_block_function_set_form(second, form_of);
    assert_int_equal(tg_arrays_to_bytes(1, &x, &bytes, &size, &err), TG_OK);

    assert_int_equal(tg_arrays_from_bytes(there, bytes, size, &functions, 1, &read, &err), TG_OK);
    assert_int_equal(used, 3);
    expect_cells(there, read, 10 + 7 + 10);
    tg_array_release(read);
    assert_int_equal(tg_arrays_from_bytes(there, bytes, size, NULL, 1, &read, &err),
                     TG_ERR_UNSUPPORTED);
    assert_int_equal(tg_arrays_from_bytes(there, bytes, size, &functions, 2, &read, &err),
                     TG_ERR_VALUE);
    used = 8;
    assert_int_equal(tg_arrays_from_bytes(there, bytes, size, &functions, 1, &read, &err),
                     TG_ERR_UNSUPPORTED);
    assert_non_null(strstr(err.message, "function add: it is no number"));
    tg_plan_bytes_free(bytes, size);
    tg_block_function_release(first);
    tg_block_function_release(second);
    tg_scope_destroy(g);
    tg_session_close(here);
    tg_session_close(there);
}

static void
test_relative_paths_become_absolute(void **state)
{
    (void)state;
    tg_session *here = open_session(), *there = open_session();
    tg_scope *g = tg_scope_create(here);
    tg_array *x = cells(g), *read = NULL;
    tg_save_options options = { .struct_size = sizeof options, .overwrite = true };
    char folder[1024];
    void *bytes = NULL;
    size_t size = 0;
    tg_error err;
    assert_non_null(getcwd(folder, sizeof folder));
    assert_int_equal(tg_save(here, x, "expressions.npy", &options, &err), TG_OK);
    x = tg_open(g, "expressions.npy");
    assert_int_equal(tg_arrays_to_bytes(1, &x, &bytes, &size, &err), TG_OK);
    assert_int_equal(chdir("/"), 0);
    tg_status status = tg_arrays_from_bytes(there, bytes, size, NULL, 1, &read, &err);
    assert_int_equal(chdir(folder), 0);
    assert_int_equal(status, TG_OK);
    expect_cells(there, read, 0);
    tg_array_release(read);
    tg_plan_bytes_free(bytes, size);
    tg_scope_destroy(g);
    tg_session_close(here);
    tg_session_close(there);
}

static tg_array *
plus(tg_scope *g, tg_array *x, int64_t number)
{
    return tg_add(g, x, tg_scalar_int(g, number));
}

static void
test_fingerprints_tell_expressions_apart(void **state)
{
    (void)state;
    tg_session *session = open_session();
    tg_scope *g = tg_scope_create(session);
    char first[TG_FINGERPRINT_BYTES], other[TG_FINGERPRINT_BYTES];
    int32_t changed[CELLS] = { 0 };
    tg_error err;
    tg_array *x = plus(g, cells(g), 1);
    assert_int_equal(tg_arrays_fingerprint(1, &x, first, &err), TG_OK);
    assert_int_equal(strlen(first), TG_FINGERPRINT_BYTES - 1);
    x = plus(g, cells(g), 1); /* memory is equal by its cells */
    assert_int_equal(tg_arrays_fingerprint(1, &x, other, &err), TG_OK);
    assert_string_equal(other, first);
    x = plus(g, cells(g), 2);
    assert_int_equal(tg_arrays_fingerprint(1, &x, other, &err), TG_OK);
    assert_string_not_equal(other, first);
    x = plus(g,
             tg_from_memory(g, changed, TG_DT_I32, 1, (int64_t[]){ CELLS }, NULL, (int64_t[]){ 5 },
                            0, NULL, NULL),
             1);
    assert_int_equal(tg_arrays_fingerprint(1, &x, other, &err), TG_OK);
    assert_string_not_equal(other, first);
    tg_scope_destroy(g);
    tg_session_close(session);
}

/* A save that was begun, and left: the next one has tasks for what is missing only. */
static void
test_a_target_is_resumed(void **state)
{
    (void)state;
    tg_session *session = open_session();
    tg_scope *g = tg_scope_create(session);
    tg_array *x = plus(g, cells(g), 1);
    tg_save_options options = { .struct_size = sizeof options,
                                .chunks = (int64_t[]){ 2 },
                                .codec = "none",
                                .resume = "plus one" };
    tg_target target = { .array = x };
    tg_report all, rest;
    tg_plan *plan = NULL;
    tg_error err;
    assert_int_equal(system("rm -rf resumed.zarr resumed.zarr.part"), 0);
    assert_int_equal(tg_sink_open(session, "resumed.zarr", x, &options, &target.sink, &err), TG_OK);
    assert_int_equal(tg_plan_create(session, 1, &target, &plan, &err), TG_OK);
    tg_plan_report(plan, &all);
    tg_plan_destroy(plan);
    assert_int_equal(tg_compute(session, 1, &target, NULL, &err), TG_OK);
    tg_sink_release(target.sink);
    assert_int_equal(system("mv resumed.zarr resumed.zarr.part && rm resumed.zarr.part/c/[45]"), 0);

    assert_int_equal(tg_sink_open(session, "resumed.zarr", x, &options, &target.sink, &err), TG_OK);
    assert_int_equal(tg_plan_create(session, 1, &target, &plan, &err), TG_OK);
    tg_plan_report(plan, &rest);
    assert_true(rest.tasks > 0 && rest.tasks <= all.tasks);
    tg_plan_destroy(plan);
    assert_int_equal(tg_compute(session, 1, &target, NULL, &err), TG_OK);
    tg_sink_release(target.sink);
    expect_cells(session, tg_open(g, "resumed.zarr"), 1);

    assert_int_equal(tg_sink_open(session, "resumed.zarr", x, &options, &target.sink, &err), TG_OK);
    assert_int_equal(tg_plan_create(session, 1, &target, &plan, &err), TG_OK);
    tg_plan_report(plan, &rest);
    assert_int_equal(rest.tasks, 0); /* it is finished */
    tg_plan_destroy(plan);
    tg_sink_release(target.sink);
    options.resume = "plus two";
    assert_int_equal(tg_sink_open(session, "resumed.zarr", x, &options, &target.sink, &err),
                     TG_ERR_EXISTS);
    tg_scope_destroy(g);
    tg_session_close(session);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_functions_go_along),
        cmocka_unit_test(test_relative_paths_become_absolute),
        cmocka_unit_test(test_fingerprints_tell_expressions_apart),
        cmocka_unit_test(test_a_target_is_resumed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
