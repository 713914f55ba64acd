/* SPDX-License-Identifier: BSD-3-Clause */
/* Building: what a call gives, what it refuses and in which words, and who owns what. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/mini_ops.h"

/* The message of the scope, which is cleared. */
static const char *
take_message(tg_scope *scope, tg_status code)
{
    static char text[1000];
    const tg_error *err = tg_scope_error(scope);
    assert_non_null(err);
    assert_int_equal(err->code, code);
    (void)strncpy(text, err->message, sizeof text - 1);
    tg_scope_clear(scope);
    assert_null(tg_scope_error(scope));
    return text;
}

static void
test_equal_expressions_are_one_node(void **state)
{
    mini *m = *state;
    const int64_t shape[] = { 6, 7 };
    const int64_t depth[] = { 2, 3 };
    tg_array *a = mini_full(m->scope, TG_DT_U8, 2, shape);
    tg_array *b = mini_add(m->scope, a, tg_scalar_int(m->scope, 1));
    assert_non_null(b);
    assert_ptr_equal(b, mini_add(m->scope, a, tg_scalar_int(m->scope, 1)));
    assert_ptr_not_equal(b, mini_add(m->scope, a, tg_scalar_int(m->scope, 2)));
    assert_ptr_equal(mini_ints(m->scope, "blur", b, "depth", 2, depth),
                     mini_ints(m->scope, "blur", b, "depth", 2, depth));
    assert_ptr_not_equal(mini_ints(m->scope, "blur", b, "depth", 2, depth),
                         mini_ints(m->scope, "blur", b, "depth", 1, depth));
    assert_true(tg_array_id(b) > tg_array_id(a));
    /* Ints given for floats are the same parameter. */
    const double two = 2.0;
    const int64_t also_two = 2;
    const tg_param floats[] = { { "depth", TG_PARAM_INT, { 1, { .ints = depth } } },
                                { "sigma", TG_PARAM_FLOAT, { 1, { .floats = &two } } } };
    const tg_param ints[] = { { "sigma", TG_PARAM_INT, { 1, { .ints = &also_two } } },
                              { "depth", TG_PARAM_INT, { 1, { .ints = depth } } } };
    assert_ptr_equal(tg_apply(m->scope, "blur", 1, &a, 2, floats),
                     tg_apply(m->scope, "blur", 1, &a, 2, ints));
    assert_ptr_not_equal(tg_scalar(m->scope, 0.0), tg_scalar(m->scope, -0.0));
    assert_null(tg_scope_error(m->scope));
    /* User code is never merged. */
    assert_ptr_not_equal(tg_apply(m->scope, "call", 1, &a, 0, NULL),
                         tg_apply(m->scope, "call", 1, &a, 0, NULL));
}

static void
test_scalars_take_their_partners_type(void **state)
{
    mini *m = *state;
    tg_array *a = mini_full(m->scope, TG_DT_U8, 1, (int64_t[]){ 3 });
    tg_array *sum = mini_add(m->scope, a, tg_scalar_int(m->scope, 255));
    assert_int_equal(tg_array_dtype(sum), TG_DT_U8);
    /* The cast is a constant of the right type, not a conversion at run time. */
    assert_string_equal(tg_array_op(tg_array_arg(sum, 1)), "full");
    assert_int_equal(tg_array_dtype(tg_array_arg(sum, 1)), TG_DT_U8);
    assert_int_equal(tg_array_dtype(mini_add(m->scope, a, tg_scalar(m->scope, 1.0))), TG_DT_F64);
    assert_int_equal(tg_array_dtype(mini_add(m->scope, a, tg_scalar_complex(m->scope, 1.0, 2.0))),
                     TG_DT_C128);
    assert_int_equal(tg_array_dtype(mini_add(m->scope, a, tg_scalar_bool(m->scope, true))),
                     TG_DT_U8);
    /* Strong arrays without axes are not weak. */
    assert_int_equal(tg_array_dtype(mini_add(m->scope, a, mini_full(m->scope, TG_DT_I64, 0, NULL))),
                     TG_DT_I64);
    assert_null(tg_scope_error(m->scope));
    assert_null(mini_add(m->scope, a, tg_scalar_int(m->scope, 300)));
    assert_string_equal(take_message(m->scope, TG_ERR_OVERFLOW),
                        "add: Python integer 300 out of bounds for uint8");
    assert_null(mini_add(m->scope, a, tg_scalar_int(m->scope, -1)));
    assert_string_equal(take_message(m->scope, TG_ERR_OVERFLOW),
                        "add: Python integer -1 out of bounds for uint8");
    tg_array *i8 = mini_full(m->scope, TG_DT_I8, 0, NULL);
    assert_non_null(mini_add(m->scope, i8, tg_scalar_int(m->scope, -128)));
    assert_null(mini_add(m->scope, i8, tg_scalar_int(m->scope, 128)));
    (void)take_message(m->scope, TG_ERR_OVERFLOW);
}

static void
test_casts(void **state)
{
    mini *m = *state;
    tg_array *a = mini_full(m->scope, TG_DT_U8, 1, (int64_t[]){ 3 });
    assert_ptr_equal(tg_scope_cast(m->scope, a, TG_DT_U8), a);
    tg_array *cast = tg_scope_cast(m->scope, a, TG_DT_F32);
    assert_string_equal(tg_array_op(cast), "astype");
    assert_int_equal(tg_array_dtype(cast), TG_DT_F32);
    assert_null(tg_scope_cast(m->scope, NULL, TG_DT_F32));
    (void)take_message(m->scope, TG_ERR_VALUE);
}

static void
test_mistakes_are_named(void **state)
{
    mini *m = *state;
    tg_array *a = mini_full(m->scope, TG_DT_U8, 2, (int64_t[]){ 3, 4 });
    tg_array *b = mini_full(m->scope, TG_DT_U8, 1, (int64_t[]){ 3 });
    tg_scope *s = m->scope;
    assert_null(tg_apply(s, "bluur", 1, &a, 0, NULL));
    assert_string_equal(take_message(s, TG_ERR_VALUE), "unknown op 'bluur'; did you mean 'blur'?");
    assert_null(tg_apply(s, "add", 1, &a, 0, NULL));
    assert_string_equal(take_message(s, TG_ERR_TYPE),
                        "add: takes 2 array arguments (x1, x2), got 1");
    assert_null(mini_add(s, a, b));
    assert_string_equal(take_message(s, TG_ERR_VALUE),
                        "add: operands could not be broadcast together with shapes (3,4) (3,)");
    assert_null(mini_ints(s, "total", a, "axis", 1, (int64_t[]){ 2 }));
    assert_string_equal(take_message(s, TG_ERR_AXIS),
                        "total: axis 2 is out of bounds for array of dimension 2");
    assert_null(tg_apply(s, "twice", 1, (tg_array *[]){ NULL }, 0, NULL));
    assert_string_equal(take_message(s, TG_ERR_VALUE), "twice: argument 0 (x) is NULL");
    assert_null(tg_apply(s, "twice", 1, NULL, 0, NULL));
    assert_string_equal(take_message(s, TG_ERR_VALUE), "twice: args is NULL");
    assert_null(tg_apply(s, "twice", 1, &a, 1, NULL));
    assert_string_equal(take_message(s, TG_ERR_VALUE), "twice: params is NULL");
    assert_null(tg_apply(s, NULL, 1, &a, 0, NULL));
    assert_non_null(strstr(take_message(s, TG_ERR_VALUE), "unknown op ''"));
    assert_null(tg_apply(s, "nothing", 0, NULL, 0, NULL));
    assert_string_equal(take_message(s, TG_ERR_INTERNAL), "nothing: nothing was built");
    assert_null(tg_apply(s, "from_memory", 0, NULL, 0, NULL));
    assert_string_equal(take_message(s, TG_ERR_TYPE), "from_memory: needs its data");
    mini other;
    mini_open(&other);
    tg_array *stranger = mini_full(other.scope, TG_DT_U8, 1, (int64_t[]){ 3 });
    assert_null(mini_add(s, a, stranger));
    assert_string_equal(take_message(s, TG_ERR_VALUE),
                        "add: argument 1 belongs to another session");
    mini_close(&other);
}

static void
test_results_of_infer_are_checked(void **state)
{
    static const tg_status expected[] = { TG_ERR_INTERNAL, TG_ERR_LIMIT, TG_ERR_VALUE,
                                          TG_ERR_VALUE,    TG_ERR_LIMIT, TG_ERR_INTERNAL,
                                          TG_ERR_VALUE };
    mini *m = *state;
    tg_array *a = mini_full(m->scope, TG_DT_U8, 1, (int64_t[]){ 3 });
    for (int64_t how = 0; how < 7; how++) {
        assert_null(mini_ints(m->scope, "wrong", a, "how", 1, &how));
        assert_memory_equal(take_message(m->scope, expected[how]), "wrong: ", 7);
    }
    const int64_t huge[] = { (int64_t)1 << 31, (int64_t)1 << 30 };
    assert_null(mini_full(m->scope, TG_DT_F64, 2, huge));
    (void)take_message(m->scope, TG_ERR_LIMIT);
    /* No cells, no bytes, however long the other axes are. */
    assert_non_null(mini_full(m->scope, TG_DT_F64, 2, (int64_t[]){ INT64_MAX / 2, 0 }));
}

static void
test_the_first_error_stays(void **state)
{
    mini *m = *state;
    tg_array *a = mini_full(m->scope, TG_DT_U8, 1, (int64_t[]){ 3 });
    tg_array *bad = tg_apply(m->scope, "nonsense", 1, &a, 0, NULL);
    assert_null(bad);
    bad = mini_add(m->scope, bad, a);
    assert_null(bad);
    assert_null(tg_scalar(m->scope, 1.0));
    assert_null(tg_scope_cast(m->scope, a, TG_DT_F64));
    assert_null(tg_scope_fail(m->scope, TG_ERR_IO, "late"));
    assert_string_equal(take_message(m->scope, TG_ERR_VALUE), "unknown op 'nonsense'");
    assert_non_null(mini_add(m->scope, a, a));
    assert_null(tg_scope_fail(m->scope, TG_ERR_IO, "disk %d", 7));
    assert_string_equal(take_message(m->scope, TG_ERR_IO), "disk 7");
}

static void
test_composites_build_others(void **state)
{
    mini *m = *state;
    tg_array *a = mini_full(m->scope, TG_DT_U8, 1, (int64_t[]){ 3 });
    tg_array *twice = tg_apply(m->scope, "twice", 1, &a, 0, NULL);
    assert_ptr_equal(twice, mini_add(m->scope, a, a));
}

static void
test_chunks_are_derived(void **state)
{
    mini *m = *state;
    static char memory[60 * 40];
    tg_view view;
    tg_view_from_shape(&view, memory, TG_DT_U8, 2, (int64_t[]){ 60, 40 });
    tg_buffer *data = tg_buffer_create_foreign(memory, sizeof memory, NULL, NULL);
    tg_grid *grid = tg_grid_create_regular(2, view.shape, (int64_t[]){ 7, 9 });
    tg_array *a = tg_scope_from_memory(m->scope, data, &view, grid, 0);
    assert_non_null(a);
    int64_t sizes[10];
    assert_int_equal(tg_array_chunk_count(a, 0), 9);
    assert_int_equal(tg_array_chunk_sizes(a, 0, sizes, 10), 9);
    assert_true(sizes[0] == 7 && sizes[8] == 4);
    assert_int_equal(tg_array_chunk_sizes(a, 1, sizes, 2), 2);
    assert_int_equal(tg_array_chunk_count(a, 2), 0);
    tg_array *column = mini_full(m->scope, TG_DT_U8, 2, (int64_t[]){ 60, 1 });
    assert_int_equal(tg_array_chunk_count(mini_add(m->scope, column, a), 0), 9);
    assert_int_equal(
        tg_array_chunk_count(mini_ints(m->scope, "blur", a, "depth", 1, (int64_t[]){ 1 }), 1), 5);
    assert_int_equal(
        tg_array_chunk_count(mini_ints(m->scope, "crop", a, "start", 1, (int64_t[]){ 1 }), 1), 1);
    tg_array *some = tg_apply(m->scope, "select", 1, &a, 0, NULL);
    assert_int_equal(tg_array_chunk_count(some, 0), 0);
    assert_int_equal(tg_array_chunk_sizes(some, 0, sizes, 10), 0);
    assert_int_equal(tg_array_count(some), -1);
    assert_int_equal(tg_array_nbytes(some), -1);
    assert_null(tg_scope_error(m->scope));
    assert_null(mini_add(m->scope, some, some)); /* it looks at each of them */
    assert_non_null(strstr(take_message(m->scope, TG_ERR_VALUE), "unknown length"));
    /* A grid that does not fit the array is refused. */
    tg_grid *wrong = tg_grid_create_regular(1, view.shape, (int64_t[]){ 7 });
    assert_null(tg_scope_from_memory(m->scope, data, &view, wrong, 0));
    (void)take_message(m->scope, TG_ERR_INTERNAL);
    tg_grid_release(wrong);
    tg_grid_release(grid);
    tg_buffer_release(data);
}

static void
count_free(void *owner, void *data)
{
    (void)data;
    ++*(int *)owner;
}

static void
test_memory_is_shared_until_the_last_node_goes(void **state)
{
    mini *m = *state;
    static char memory[12];
    int freed = 0;
    tg_view view;
    tg_view whole;
    tg_scope *scope = tg_scope_create_in(m->context);
    tg_buffer *data = tg_buffer_create_foreign(memory, sizeof memory, &freed, count_free);
    tg_view_from_shape(&view, memory, TG_DT_U8, 2, (int64_t[]){ 3, 4 });
    tg_array *a = tg_scope_from_memory(scope, data, &view, NULL, 0);
    assert_ptr_not_equal(a, tg_scope_from_memory(scope, data, &view, NULL, 0));
    assert_ptr_equal(tg_scope_from_memory(scope, data, &view, NULL, 5),
                     tg_scope_from_memory(scope, data, &view, NULL, 5));
    assert_true(tg_array_direct(a, &whole));
    assert_ptr_equal(whole.data, memory);
    tg_array *sum = tg_array_retain(mini_add(scope, a, a));
    tg_buffer_release(data);
    tg_scope_destroy(scope);
    assert_int_equal(freed, 0);
    tg_array_release(sum);
    assert_int_equal(freed, 1);
    assert_int_equal(tg_context_node_count(m->context), 0);
}

static void
destroy_source(tg_source *source)
{
    source->ndim = -1; /* seen by the test */
}

static void
test_sources(void **state)
{
    static const tg_source_ops ops = { .destroy = destroy_source };
    mini *m = *state;
    tg_source source = { .ops = &ops,
                         .dtype = TG_DT_U16,
                         .ndim = 1,
                         .shape = { 100 },
                         .key = 11,
                         .format = "zarr",
                         .uri = "a.zarr" };
    tg_source unique;
    atomic_init(&source.references, 1);
    source.chunks = tg_grid_create_regular(1, source.shape, (int64_t[]){ 30 });
    unique = source;
    unique.key = 0;
    tg_scope *scope = tg_scope_create_in(m->context);
    tg_array *a = tg_scope_from_source(scope, &source, NULL);
    assert_non_null(a);
    assert_string_equal(tg_array_op(a), "from_source");
    assert_string_equal(tg_array_format(a), "zarr");
    assert_string_equal(tg_array_uri(a), "a.zarr");
    assert_string_equal(tg_array_uri(mini_add(scope, a, a)), "");
    assert_int_equal(tg_array_chunk_count(a, 0), 4);
    assert_ptr_equal(a, tg_scope_from_source(scope, &source, NULL));
    tg_grid *other = tg_grid_create_regular(1, source.shape, (int64_t[]){ 50 });
    assert_ptr_not_equal(a, tg_scope_from_source(scope, &source, other));
    tg_grid_release(other);
    assert_ptr_not_equal(tg_scope_from_source(scope, &unique, NULL),
                         tg_scope_from_source(scope, &unique, NULL));
    assert_null(tg_scope_error(scope));
    tg_source_release(&source);
    assert_int_equal(source.ndim, 1);
    tg_scope_destroy(scope);
    assert_int_equal(source.ndim, -1);
    tg_grid_release(source.chunks);
}

static void
test_functions_live_as_long_as_their_node(void **state)
{
    mini *m = *state;
    tg_scope *scope = tg_scope_create_in(m->context);
    tg_array *a = mini_full(scope, TG_DT_U8, 1, (int64_t[]){ 3 });
    tg_function *function = tg_function_create(NULL, NULL, NULL, 1);
    assert_non_null(function);
    const tg_param param = { "fn", TG_PARAM_POINTER, { 1, { .function = function } } };
    assert_non_null(tg_apply(scope, "call", 1, &a, 1, &param));
    assert_int_equal(atomic_load(&function->references), 2);
    tg_scope_destroy(scope);
    assert_int_equal(atomic_load(&function->references), 1);
    tg_function_release(function);
}

int
main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, mini_setup, mini_teardown)
    const struct CMUnitTest tests[] = {
        CASE(test_equal_expressions_are_one_node),
        CASE(test_scalars_take_their_partners_type),
        CASE(test_casts),
        CASE(test_mistakes_are_named),
        CASE(test_results_of_infer_are_checked),
        CASE(test_the_first_error_stays),
        CASE(test_composites_build_others),
        CASE(test_chunks_are_derived),
        CASE(test_memory_is_shared_until_the_last_node_goes),
        CASE(test_sources),
        CASE(test_functions_live_as_long_as_their_node),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
