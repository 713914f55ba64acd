/* SPDX-License-Identifier: BSD-3-Clause */
/* The root of plans: what plans in bytes may open, and every way there is to lead out of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "tilegraph/tilegraph.h"

static tg_session *
open_session(void)
{
    tg_session *session = NULL;
    tg_error err;
    tg_session_options options = { sizeof options, 1, (int64_t)64 << 20 };
    assert_int_equal(tg_session_open(&options, &session, &err), TG_OK);
    return session;
}

static void
save(tg_session *session, const char *path)
{
    int64_t shape[] = { 5, 7 };
    tg_error err;
    tg_scope *scope = tg_scope_create(session);
    tg_param param[] = { { "shape", TG_PARAM_INT, { 2, { .ints = shape } } },
                         { "dtype", TG_PARAM_STR, { 5, { .text = "uint8" } } } };
    tg_array *x = tg_apply(scope, "ones", 0, NULL, 2, param);
    tg_save_options options = { .struct_size = sizeof options, .overwrite = true };
    if (tg_save(session, x, path, &options, &err) != TG_OK) {
        fail_msg("%s", err.message);
    }
    tg_scope_destroy(scope);
}

/* A plan that reads `path`, read in the other session: its status. */
static tg_status
read_in(tg_session *here, tg_session *there, const char *path, tg_error *err)
{
    tg_scope *scope = tg_scope_create(here);
    tg_target target = { .array = tg_open(scope, path) };
    tg_plan *plan = NULL, *read = NULL;
    void *bytes = NULL;
    size_t size = 0, count = 0;
    tg_array *array = NULL;
    if (target.array == NULL || tg_plan_create(here, 1, &target, &plan, err) != TG_OK) {
        fail_msg("%s: %s", path, tg_scope_error(scope)->message);
    }
    assert_int_equal(tg_plan_to_bytes(plan, &bytes, &size, err), TG_OK);
    tg_status status = tg_plan_from_bytes(there, bytes, size, 0, NULL, &read, err);
    assert_int_equal(tg_plan_bytes_targets(there, bytes, size, 1, &array, &count, err), status);
    if (status == TG_OK) {
        tg_computation *computation = NULL;
        bool done = false;
        assert_int_equal(tg_plan_start(there, read, &computation, err), TG_OK);
        assert_int_equal(tg_computation_wait(computation, -1, &done, err), TG_OK);
        tg_computation_destroy(computation);
    }
    tg_array_release(array);
    tg_plan_destroy(read);
    tg_plan_destroy(plan);
    tg_plan_bytes_free(bytes, size);
    tg_scope_destroy(scope);
    return status;
}

static void
link_to(const char *target, const char *path)
{
    (void)unlink(path);
    assert_int_equal(symlink(target, path), 0);
}

static void
make_files(tg_session *session)
{
    (void)mkdir("root", 0777);
    (void)mkdir("root/stack", 0777);
    (void)mkdir("root/plain", 0777);
    (void)mkdir("rooted", 0777); /* begins as the root does */
    save(session, "outside.npy");
    save(session, "outside.tif");
    save(session, "outside.zarr");
    save(session, "rooted/a.npy");
    save(session, "root/a.npy");
    save(session, "root/a.zarr");
    save(session, "root/plain/0.tif");
    save(session, "root/stack/0.tif");
    link_to("../plain/0.tif", "root/stack/1.tif");
    (void)unlink("root/stack/2.tif"); /* of an earlier run */
    link_to("a.npy", "root/inside.npy");
    link_to("../outside.npy", "root/link.npy");
    link_to("..", "root/up");
}

static void
test_plans_open_nothing_outside_of_the_root(void **state)
{
    static const char *const inside[] = { "root/a.npy",      "root/a.zarr", "./root/../root/a.npy",
                                          "root/inside.npy", "root/plain",  "root/stack",
                                          "root/stack/*.tif" };
    static const char *const outside[] = { "outside.npy",   "root/../outside.npy",
                                           "root/link.npy", "root/up/outside.npy",
                                           "outside.zarr",  "root/up/outside.zarr",
                                           "rooted/a.npy",  "root/up/*.tif" };
    tg_session *here = open_session(), *there = open_session();
    char folder[1024], path[2048];
    tg_error err;
    (void)state;
    make_files(here);
    assert_non_null(getcwd(folder, sizeof folder));
    assert_int_equal(tg_session_set_plan_root(there, "root/", &err), TG_OK);
    for (size_t i = 0; i < sizeof inside / sizeof inside[0]; i++) {
        if (read_in(here, there, inside[i], &err) != TG_OK) {
            fail_msg("%s: %s", inside[i], err.message);
        }
    }
    for (size_t i = 0; i < sizeof outside / sizeof outside[0]; i++) {
        for (int absolute = 0; absolute < 2; absolute++) {
            (void)snprintf(path, sizeof path, "%s%s%s", absolute ? folder : "", absolute ? "/" : "",
                           outside[i]);
            assert_int_equal(read_in(here, there, path, &err), TG_ERR_VALUE);
            assert_non_null(strstr(err.message, "lies outside of"));
        }
    }
    link_to("../../outside.tif", "root/stack/2.tif"); /* among files that may be read */
    assert_int_equal(read_in(here, there, "root/stack", &err), TG_ERR_VALUE);
    assert_int_equal(read_in(here, there, "root/stack/*.tif", &err), TG_ERR_VALUE);
    assert_int_equal(tg_session_set_plan_root(there, NULL, &err), TG_OK);
    assert_int_equal(read_in(here, there, "outside.npy", &err), TG_OK);
    tg_session_close(here);
    tg_session_close(there);
}

static void
test_a_root_must_be_a_folder(void **state)
{
    tg_session *session = open_session();
    tg_error err;
    (void)state;
    save(session, "file.npy");
    assert_int_equal(tg_session_set_plan_root(session, "no-such-folder", &err), TG_ERR_NOT_FOUND);
    assert_int_equal(tg_session_set_plan_root(session, "", &err), TG_ERR_NOT_FOUND);
    assert_int_equal(tg_session_set_plan_root(session, "file.npy", &err), TG_ERR_VALUE);
    assert_int_equal(tg_session_set_plan_root(session, "/", &err), TG_OK);
    tg_session *here = open_session();
    assert_int_equal(read_in(here, session, "file.npy", &err), TG_OK);
    tg_session_close(here);
    tg_session_close(session);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plans_open_nothing_outside_of_the_root),
        cmocka_unit_test(test_a_root_must_be_a_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
