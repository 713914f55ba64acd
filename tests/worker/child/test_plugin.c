/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Functions of plans: C functions out of libraries go from one session to another, where a list
 * has to allow the very file; Python functions go to children, or are refused.
 */
#include <fcntl.h>
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
#include "worker/child/sha256.h"

static char folder[3000], example[4096], other_abi[4096];

static void
hash_file(const char *path, char *hex)
{
    char piece[1000];
    tg__sha256 hash;
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    tg__sha256_init(&hash);
    for (size_t got = 0; (got = fread(piece, 1, sizeof piece, file)) > 0;) {
        tg__sha256_add(&hash, piece, got);
    }
    (void)fclose(file);
    tg__sha256_hex(&hash, hex);
}

/* A plan over ten numbers in one-dimensional chunks, as bytes. */
static void
write_plan(tg_session *session, tg_function *function, void **bytes, size_t *size)
{
    static double cells[10] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9 };
    const int64_t shape = 10, edge = 4;
    tg_scope *g = tg_scope_create(session);
    tg_array *x = tg_from_memory(g, cells, TG_DT_F64, 1, &shape, NULL, &edge, 0, NULL, NULL);
    tg_target target = { .array = tg_map_blocks(g, 1, &x,
                                                &(tg_map_blocks_options){ .function = function }) };
    tg_plan *plan = NULL;
    tg_error err;
    assert_int_equal(tg_plan_create(session, 1, &target, &plan, &err), TG_OK);
    if (tg_plan_to_bytes(plan, bytes, size, &err) != TG_OK) {
        fail_msg("%s", err.message);
    }
    tg_plan_destroy(plan);
    tg_scope_destroy(g);
}

static tg_session *
open_session(void)
{
    tg_session_options options = { sizeof options, 2, 64 << 20 };
    tg_session *session = NULL;
    assert_int_equal(tg_session_open(&options, &session, NULL), TG_OK);
    return session;
}

/* Reads and runs; the results are `factor` times 0 to 9. */
static void
run_plan(tg_session *session, const void *bytes, size_t size, double factor)
{
    tg_plan *plan = NULL;
    tg_computation *computation = NULL;
    tg_result result;
    tg_error err;
    bool done = false;
    if (tg_plan_from_bytes(session, bytes, size, 0, NULL, &plan, &err) != TG_OK) {
        fail_msg("%s", err.message);
    }
    assert_int_equal(tg_plan_start(session, plan, &computation, &err), TG_OK);
    assert_int_equal(tg_computation_wait(computation, -1, &done, &err), TG_OK);
    assert_int_equal(tg_computation_result(computation, 0, &result, &err), TG_OK);
    for (int i = 0; i < 10; i++) {
        assert_true(((double *)result.data)[i] == factor * i);
    }
    tg_result_release(&result);
    tg_computation_destroy(computation);
    tg_plan_destroy(plan);
}

static void
expect_refusal(tg_session *session, const void *bytes, size_t size, tg_status code,
               const char *message)
{
    tg_plan *plan = NULL;
    tg_error err = { 0 };
    assert_int_equal(tg_plan_from_bytes(session, bytes, size, 0, NULL, &plan, &err), code);
    assert_null(plan);
    if (strstr(err.message, message) == NULL) {
        fail_msg("'%s' instead of '%s'", err.message, message);
    }
}

static void
allow(tg_session *session, const char *path, const char *hex)
{
    const tg_plan_library library = { path, hex };
    const tg_plan_functions functions = { .struct_size = sizeof functions,
                                          .library_count = 1,
                                          .libraries = &library };
    tg_error err;
    if (tg_session_set_plan_functions(session, &functions, &err) != TG_OK) {
        fail_msg("%s", err.message);
    }
}

static void
test_hashes(void **state)
{
    static const struct {
        const char *text, *hex;
    } cases[] = {
        { "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
        { "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
        { "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
          "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1" },
    };
    tg__sha256 hash;
    char hex[TG__SHA256_HEX];
    (void)state;
    for (int i = 0; i < 3; i++) {
        tg__sha256_init(&hash);
        tg__sha256_add(&hash, cases[i].text, strlen(cases[i].text));
        tg__sha256_hex(&hash, hex);
        assert_string_equal(hex, cases[i].hex);
    }
    tg__sha256_init(&hash); /* a million times "a", in pieces of all lengths */
    for (int done = 0, piece = 1; done < 1000000; done += piece, piece = piece % 200 + 1) {
        char text[200];
        memset(text, 'a', sizeof text);
        piece = piece > 1000000 - done ? 1000000 - done : piece;
        tg__sha256_add(&hash, text, (size_t)piece);
    }
    tg__sha256_hex(&hash, hex);
    assert_string_equal(hex, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

static void
test_a_library_function_travels(void **state)
{
    tg_session *here = open_session(), *there = open_session();
    const double factor = 3.5;
    char hex[TG__SHA256_HEX];
    tg_function *function = NULL;
    void *bytes = NULL;
    size_t size = 0;
    tg_error err;
    (void)state;
    hash_file(example, hex);
    if (tg_library_function(example, "scale", &factor, sizeof factor, &function, &err) != TG_OK) {
        fail_msg("%s", err.message);
    }
    write_plan(here, function, &bytes, &size);
    tg_block_function_release(function);
    expect_refusal(there, bytes, size, TG_ERR_VALUE, "is not in the list of libraries");
    allow(there, example, "0000000000000000000000000000000000000000000000000000000000000000");
    expect_refusal(there, bytes, size, TG_ERR_VALUE, "is not in the list of libraries");
    allow(there, other_abi, hex);
    expect_refusal(there, bytes, size, TG_ERR_VALUE, "is not in the list of libraries");
    allow(there, example, hex);
    run_plan(there, bytes, size, factor);
    run_plan(there, bytes, size, factor);
    assert_int_equal(tg_session_set_plan_functions(there, NULL, &err), TG_OK);
    expect_refusal(there, bytes, size, TG_ERR_VALUE, "is not in the list of libraries");
    tg_plan_bytes_free(bytes, size);
    tg_session_close(here);
    tg_session_close(there);
}

static void
copy_file(const char *from, const char *to, bool append)
{
    char piece[1000];
    FILE *in = fopen(from, "rb"), *out = fopen(to, "wb");
    assert_true(in != NULL && out != NULL);
    for (size_t got = 0; (got = fread(piece, 1, sizeof piece, in)) > 0;) {
        assert_int_equal(fwrite(piece, 1, got, out), got);
    }
    if (append) {
        assert_int_equal(fputc('x', out), 'x');
    }
    (void)fclose(in);
    assert_int_equal(fclose(out), 0);
}

static void
test_a_library_that_has_changed_is_not_loaded(void **state)
{
    tg_session *session = open_session();
    char path[3200], hex[TG__SHA256_HEX];
    tg_function *function = NULL;
    void *bytes = NULL;
    size_t size = 0;
    tg_error err;
    (void)state;
    (void)snprintf(path, sizeof path, "%s/changing_plugin.so", folder);
    copy_file(example, path, false);
    hash_file(path, hex);
    assert_int_equal(tg_library_function(path, "scale", NULL, 0, &function, &err), TG_OK);
    write_plan(session, function, &bytes, &size);
    tg_block_function_release(function);
    allow(session, path, hex);
    run_plan(session, bytes, size, 1.0);
    copy_file(example, path, true);
    expect_refusal(session, bytes, size, TG_ERR_VALUE, "the file has SHA-256");
    assert_int_equal(unlink(path), 0);
    expect_refusal(session, bytes, size, TG_ERR_NOT_FOUND, "No such file");
    tg_plan_bytes_free(bytes, size);
    tg_session_close(session);
}

static void
test_what_is_no_library_for_this_engine(void **state)
{
    static const struct {
        const char *path, *symbol;
        tg_status code;
        const char *message;
    } cases[] = {
        { "/no/such/file.so", "f", TG_ERR_NOT_FOUND, "library /no/such/file.so: No such file" },
        { "/proc/self/status", "f", TG_ERR_FORMAT, "library /proc/self/status: " },
        { "/", "f", TG_ERR_IO, "library /: " },
        { other_abi, "scale", TG_ERR_FORMAT, "it was built for plugin ABI 2, this is 1" },
        { example, "shrink", TG_ERR_NOT_FOUND, "it has no function shrink" },
    };
    tg_function *function = NULL;
    tg_error err;
    (void)state;
    for (int i = 0; i < 5; i++) {
        assert_int_equal(
            tg_library_function(cases[i].path, cases[i].symbol, NULL, 0, &function, &err),
            cases[i].code);
        assert_null(function);
        if (strstr(err.message, cases[i].message) == NULL) {
            fail_msg("'%s' instead of '%s'", err.message, cases[i].message);
        }
    }
    /* An ELF file, but no library; dlopen says so. */
    assert_int_equal(tg_library_function("/proc/self/exe", "main", NULL, 0, &function, &err),
                     TG_ERR_FORMAT);
}

static void
test_a_library_function_fails_with_its_message(void **state)
{
    tg_session *session = open_session();
    tg_function *function = NULL;
    const int64_t shape = 3;
    double cells[3] = { 1, 2, 3 };
    tg_result result;
    tg_error err;
    (void)state;
    assert_int_equal(tg_library_function(example, "refuse", NULL, 0, &function, &err), TG_OK);
    tg_scope *g = tg_scope_create(session);
    tg_array *x = tg_from_memory(g, cells, TG_DT_F64, 1, &shape, NULL, NULL, 0, NULL, NULL);
    tg_target target = { .array = tg_map_blocks(g, 1, &x,
                                                &(tg_map_blocks_options){ .function = function }) };
    assert_int_equal(tg_compute(session, 1, &target, &result, &err), TG_ERR_USER);
    assert_non_null(strstr(err.message, "block 0 is refused"));
    tg_scope_destroy(g);
    tg_block_function_release(function);
    tg_session_close(session);
}

static void
test_python_functions_need_children(void **state)
{
    tg_session *session = open_session();
    tg_children *children = NULL;
    tg_plan *plan = NULL;
    void *bytes = NULL, *again = NULL;
    size_t size = 0, again_size = 0;
    tg_error err;
    tg_plan_functions functions = { .struct_size = sizeof functions, .group = 5 };
    (void)state;
    assert_int_equal(tg_children_open(NULL, &children, &err), TG_OK);
    tg_function *function = tg_children_function(children, 0, "f", "code", 4);
    write_plan(session, function, &bytes, &size);
    tg_block_function_release(function);
    expect_refusal(session, bytes, size, TG_ERR_UNSUPPORTED, "function f is Python");
    functions.children = children;
    assert_int_equal(tg_session_set_plan_functions(session, &functions, &err), TG_OK);
    assert_int_equal(tg_plan_from_bytes(session, bytes, size, 0, NULL, &plan, &err), TG_OK);
    assert_int_equal(tg_plan_to_bytes(plan, &again, &again_size, &err), TG_OK); /* it travels on */
    assert_int_equal(again_size, size);
    assert_memory_equal(again, bytes, size);
    tg_plan_destroy(plan);
    tg_plan_bytes_free(bytes, size);
    tg_plan_bytes_free(again, again_size);
    tg_session_close(session);
    tg_children_close(children);
}

static void
test_bad_lists_of_libraries(void **state)
{
    const char *hex = "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0";
    const tg_plan_library bad[] = {
        { "plugin.so", hex },
        { NULL, hex },
        { "/plugin.so", NULL },
        { "/plugin.so", "" },
        { "/plugin.so", "CDC76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046"
                        "d39ccc7112cd0" },
    };
    tg_session *session = open_session();
    tg_plan_functions functions = { .struct_size = sizeof functions, .library_count = 1 };
    tg_error err;
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        functions.libraries = &bad[i];
        assert_int_equal(tg_session_set_plan_functions(session, &functions, &err), TG_ERR_VALUE);
        assert_non_null(strstr(err.message, "allowed library"));
    }
    functions.struct_size = 1;
    assert_int_equal(tg_session_set_plan_functions(session, &functions, &err), TG_ERR_VALUE);
    tg_session_close(session);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hashes),
        cmocka_unit_test(test_a_library_function_travels),
        cmocka_unit_test(test_a_library_that_has_changed_is_not_loaded),
        cmocka_unit_test(test_what_is_no_library_for_this_engine),
        cmocka_unit_test(test_a_library_function_fails_with_its_message),
        cmocka_unit_test(test_python_functions_need_children),
        cmocka_unit_test(test_bad_lists_of_libraries),
    };
    assert_true(readlink("/proc/self/exe", folder, sizeof folder - 1) > 0);
    *strrchr(folder, '/') = '\0';
    (void)snprintf(example, sizeof example, "%s/example_plugin.so", folder);
    (void)snprintf(other_abi, sizeof other_abi, "%s/other_abi_plugin.so", folder);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
