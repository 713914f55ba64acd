/* SPDX-License-Identifier: BSD-3-Clause */
/* The file of a journal: what survives, who may have it, and what a full disk leaves. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

#include "scheduler/daemon/journal_file.h"

static const void *bytes;
static size_t count;
static tg_error err;

static tg_journal_file *
reopen(const char *folder)
{
    tg_journal_file *file = NULL;
    if (tg_journal_file_open(folder, &file, &bytes, &count, &err) != TG_OK) {
        fail_msg("%s", err.message);
    }
    return file;
}

static void
test_what_was_appended_is_there(void **state)
{
    (void)state;
    assert_int_equal(system("rm -rf j"), 0);
    tg_journal_file *file = reopen("j");
    assert_int_equal(count, 0);
    assert_int_equal(tg_journal_file_append(file, "one", 3, &err), TG_OK);
    assert_int_equal(tg_journal_file_begin(file, &err), TG_OK);
    assert_int_equal(tg_journal_file_append(file, "two", 3, &err), TG_OK);
    tg_journal_file_close(file);
    file = reopen("j");
    assert_int_equal(count, 6);
    assert_memory_equal(bytes, "onetwo", 6);
    tg_journal_file_close(file); /* before it has taken the former's place */
    file = reopen("j");
    assert_int_equal(count, 6);
    tg_journal_file_close(file);
}

static void
test_one_scheduler_at_a_time(void **state)
{
    tg_journal_file *second = NULL;
    (void)state;
    assert_int_equal(system("rm -rf j"), 0);
    tg_journal_file *file = reopen("j");
    assert_int_equal(tg_journal_file_open("j", &second, &bytes, &count, &err), TG_ERR_EXISTS);
    assert_null(second);
    tg_journal_file_close(file);
    assert_int_equal(tg_journal_file_open("no/such/folder", &second, &bytes, &count, &err),
                     TG_ERR_IO);
    assert_non_null(strstr(err.message, "no/such/folder"));
}

/* Half of a record goes onto the disk; those behind it must still be read. */
static void
test_half_a_record_is_taken_back(void **state)
{
    struct rlimit before, small = { 8, 8 };
    (void)state;
    assert_int_equal(system("rm -rf j"), 0);
    tg_journal_file *file = reopen("j");
    assert_int_equal(tg_journal_file_begin(file, &err), TG_OK);
    assert_int_equal(tg_journal_file_append(file, "one", 3, &err), TG_OK);
    (void)signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small.rlim_max = before.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    tg_status status = tg_journal_file_append(file, "a long one", 10, &err);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(status, TG_ERR_IO);
    assert_int_equal(tg_journal_file_append(file, "two", 3, &err), TG_OK);
    tg_journal_file_close(file);
    file = reopen("j");
    assert_int_equal(count, 6);
    assert_memory_equal(bytes, "onetwo", 6);
    tg_journal_file_close(file);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_was_appended_is_there),
        cmocka_unit_test(test_one_scheduler_at_a_time),
        cmocka_unit_test(test_half_a_record_is_taken_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
