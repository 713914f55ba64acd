/* SPDX-License-Identifier: BSD-3-Clause */
/* Who has a join file: one at a time, dead ones are taken over, and nobody removes another's. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "scheduler/daemon/join_file.h"

static const char path[] = "folder/deeper/join";
static const char lock[] = "folder/deeper/join.lock";
static const tg_join join = { .endpoint_count = 1, .endpoints = { "tcp://127.0.0.1:1" } };
static tg_error err;

static int
clear(void **state)
{
    (void)state;
    return system("rm -rf folder");
}

static tg_join_file *
take(void)
{
    tg_join_file *file = NULL;
    if (tg_join_file_take(path, &file, &err) != TG_OK) {
        fail_msg("%s", err.message);
    }
    return file;
}

static bool
is_there(const char *name)
{
    return access(name, F_OK) == 0;
}

static void
test_a_second_one_is_refused_while_the_first_lives(void **state)
{
    char process[32];
    tg_join_file *second = NULL;
    (void)state;
    tg_join_file *file = take();
    (void)snprintf(process, sizeof process, "process %ld on ", (long)getpid());
    assert_int_equal(tg_join_file_take(path, &second, &err), TG_ERR_EXISTS);
    assert_null(second);
    assert_non_null(strstr(err.message, path));
    assert_non_null(strstr(err.message, process));
    assert_non_null(strstr(err.message, "--cluster NAME"));
    tg_join_file_release(file, false);
    assert_false(is_there(lock));
    tg_join_file_release(take(), false);
}

static void
test_what_was_written_is_removed_unless_it_is_kept(void **state)
{
    (void)state;
    tg_join_file *file = take();
    assert_int_equal(tg_join_file_write(file, &join, &err), TG_OK);
    tg_join_file_release(file, true);
    assert_true(is_there(path));
    file = take(); /* of the former, who listened elsewhere: not ours */
    tg_join_file_release(file, false);
    assert_true(is_there(path));
    file = take();
    assert_int_equal(tg_join_file_write(file, &join, &err), TG_OK);
    tg_join_file_release(file, false);
    assert_false(is_there(path));
}

static void
test_another_one_s_file_stays(void **state)
{
    (void)state;
    tg_join_file *file = take();
    assert_int_equal(tg_join_file_write(file, &join, &err), TG_OK);
    assert_int_equal(tg_join_write(path, &join, &err), TG_OK); /* as where there are no locks */
    tg_join_file_release(file, false);
    assert_true(is_there(path));
}

static void
test_a_dead_one_s_is_taken_over(void **state)
{
    int status = 0;
    (void)state;
    pid_t child = fork();
    if (child == 0) {
        tg_join_file *file = NULL;
        (void)!tg_join_file_take(path, &file, &err);
        (void)kill(getpid(), SIGKILL);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    assert_true(is_there(lock));
    tg_join_file_release(take(), false);
    assert_false(is_there(lock));
}

/* A child of fork() is not the one that wrote it, and does not keep it from others. */
static void
test_a_child_neither_removes_nor_holds_it(void **state)
{
    int pipes[2], status = 0;
    (void)state;
    tg_join_file *file = take();
    assert_int_equal(tg_join_file_write(file, &join, &err), TG_OK);
    assert_int_equal(pipe(pipes), 0);
    pid_t child = fork();
    if (child == 0) {
        char byte = 0;
        (void)close(pipes[1]);
        (void)!read(pipes[0], &byte, 1); /* until the parent is done */
        _exit(0);
    }
    pid_t other = fork();
    if (other == 0) {
        tg_join_file_release(file, false);
        _exit(is_there(path) && is_there(lock) ? 0 : 1);
    }
    assert_int_equal(waitpid(other, &status, 0), other);
    assert_int_equal(status, 0);
    tg_join_file_release(file, false);
    tg_join_file_release(take(), false); /* though `child` has the lock open */
    (void)close(pipes[1]);
    assert_int_equal(waitpid(child, &status, 0), child);
    (void)close(pipes[0]);
}

static void
test_a_folder_that_cannot_be_made(void **state)
{
    tg_join_file *file = NULL;
    (void)state;
    assert_int_equal(system("touch folder"), 0);
    assert_int_equal(tg_join_file_take(path, &file, &err), TG_ERR_IO);
    assert_non_null(strstr(err.message, "folder"));
    assert_null(file);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_second_one_is_refused_while_the_first_lives, clear,
                                        clear),
        cmocka_unit_test_setup_teardown(test_what_was_written_is_removed_unless_it_is_kept, clear,
                                        clear),
        cmocka_unit_test_setup_teardown(test_another_one_s_file_stays, clear, clear),
        cmocka_unit_test_setup_teardown(test_a_dead_one_s_is_taken_over, clear, clear),
        cmocka_unit_test_setup_teardown(test_a_child_neither_removes_nor_holds_it, clear, clear),
        cmocka_unit_test_setup_teardown(test_a_folder_that_cannot_be_made, clear, clear),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
