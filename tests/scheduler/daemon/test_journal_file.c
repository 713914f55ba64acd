/* SPDX-License-Identifier: BSD-3-Clause */
/* The file of a journal: what survives, who may have it, what a full disk leaves, how it is renewed
 * when it is too large or lacks something, and what is done about one that cannot be read. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/wire/journal.h"
#include "scheduler/daemon/journal_file.h"

enum { LARGE = 4096, HEADER = TG_JOURNAL_HEADER_BYTES };
static const int64_t ten_seconds = 10000000000;

static char found[1 << 16]; /* all payloads, one behind the other */
static char said[4096];     /* the last */
static tg_error err;

static void
say(void *ctx, const char *text)
{
    (void)ctx;
    (void)snprintf(said, sizeof said, "%s", text);
}

static tg_journal_file *
begin(void)
{
    tg_journal_file *file = NULL;
    const void *payload = NULL;
    size_t bytes = 0, at = 0;
    tg_journal_file_options options = { .folder = "j", .large_bytes = LARGE, .say = say };
    said[0] = '\0';
    if (tg_journal_file_open(&options, &file, &err) != TG_OK) {
        fail_msg("%s", err.message);
    }
    while (tg_journal_file_next(file, &payload, &bytes)) {
        if (at + bytes < sizeof found) {
            memcpy(found + at, payload, bytes);
            at += bytes;
        }
    }
    found[at] = '\0';
    return file;
}

static tg_journal_file *
begin_anew(void)
{
    assert_int_equal(system("rm -rf j"), 0);
    return begin();
}

static void
append(tg_journal_file *file, const char *text)
{
    if (tg_journal_file_append(file, text, strlen(text), &err) != TG_OK) {
        fail_msg("%s", err.message);
    }
}

static int64_t
size_of(const char *path)
{
    struct stat about;
    return stat(path, &about) == 0 ? (int64_t)about.st_size : -1;
}

/* No file may become larger. */
static void
disk_full_at(int64_t bytes)
{
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes >= 0 ? (rlim_t)bytes : limit.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* What the owner knows: texts, by number. */
typedef struct owner {
    tg_journal_file *file;
    const char *text[4];   /* of number 1 to 3 */
    const char *meanwhile; /* is appended while the first is copied */
} owner;

static bool
copy(void *ctx, uint64_t *at)
{
    owner *o = ctx;
    bool ok = true;
    *at = *at < 3 && o->text[*at + 1] != NULL ? *at + 1 : 0;
    if (*at != 0) {
        ok = tg_journal_file_copy(o->file, o->text[*at], strlen(o->text[*at]), &err) == TG_OK;
    }
    if (*at == 1 && o->meanwhile != NULL) {
        append(o->file, o->meanwhile);
    }
    return ok;
}

static void
test_what_was_appended_is_there(void **state)
{
    (void)state;
    tg_journal_file *file = begin_anew();
    assert_string_equal(found, "");
    append(file, "one ");
    append(file, "two ");
    tg_journal_file_close(file);
    file = begin();
    assert_string_equal(found, "one two ");
    append(file, "three");
    tg_journal_file_close(file);
    file = begin();
    assert_string_equal(found, "one two three");
    assert_string_equal(said, "");
    assert_true(tg_journal_file_due_ns(file) == INT64_MAX);
    tg_journal_file_close(file);
}

static void
test_one_scheduler_at_a_time(void **state)
{
    tg_journal_file *second = NULL;
    (void)state;
    tg_journal_file *file = begin_anew();
    assert_int_equal(
        tg_journal_file_open(&(tg_journal_file_options){ .folder = "j" }, &second, &err),
        TG_ERR_EXISTS);
    assert_null(second);
    tg_journal_file_close(file);
    assert_int_equal(tg_journal_file_open(&(tg_journal_file_options){ .folder = "no/such/folder" },
                                          &second, &err),
                     TG_ERR_IO);
    assert_non_null(strstr(err.message, "no/such/folder"));
}

/* Torn anywhere, also between its header and the rest, a record is taken back, and those behind it
 * are read. */
static void
test_half_a_record_is_taken_back(void **state)
{
    (void)state;
    (void)signal(SIGXFSZ, SIG_IGN);
    for (int64_t room = 0; room < HEADER + 10; room++) {
        tg_journal_file *file = begin_anew();
        append(file, "one ");
        disk_full_at(HEADER + 4 + room);
        tg_status status = tg_journal_file_append(file, "a long one", 10, &err);
        disk_full_at(-1);
        assert_int_equal(status, TG_ERR_IO);
        assert_non_null(strstr(err.message, "j/journal: File too large"));
        assert_int_equal(size_of("j/journal"), HEADER + 4);
        append(file, "two");
        tg_journal_file_close(file);
        file = begin();
        assert_string_equal(found, "one two");
        assert_string_equal(said, "");
        tg_journal_file_close(file);
    }
}

/* What the file lacks then comes into it as soon as there is room. */
static void
test_a_full_disk_is_made_good(void **state)
{
    owner o = { .text = { NULL, "all ", "that is ", "known" } };
    (void)state;
    (void)signal(SIGXFSZ, SIG_IGN);
    o.file = begin_anew();
    append(o.file, "one");
    disk_full_at(HEADER + 3);
    assert_int_equal(tg_journal_file_append(o.file, "two", 3, &err), TG_ERR_IO);
    assert_true(tg_journal_file_due_ns(o.file) <= 1);
    assert_int_equal(tg_journal_file_renew(o.file, 1, copy, &o, &err), TG_ERR_IO);
    assert_int_equal(size_of("j/journal.next"), -1);
    int64_t due_ns = tg_journal_file_due_ns(o.file);
    assert_true(due_ns > 1 && due_ns <= 1 + ten_seconds);
    disk_full_at(-1);
    assert_int_equal(tg_journal_file_renew(o.file, due_ns, copy, &o, &err), TG_OK);
    assert_true(tg_journal_file_due_ns(o.file) == INT64_MAX);
    append(o.file, "!");
    tg_journal_file_close(o.file);
    o.file = begin();
    assert_string_equal(found, "all that is known!");
    tg_journal_file_close(o.file);
}

/* It does not grow for ever: a file that is too large, and twice as large as what was of use when
 * it was made, gives way to a new one. */
static void
test_it_is_renewed_when_it_is_too_large(void **state)
{
    static char large[LARGE];
    owner o = { .text = { NULL, "live ", large }, .meanwhile = "meanwhile" };
    (void)state;
    memset(large, 'x', sizeof large - 1);
    o.file = begin_anew();
    for (int round = 0; round < 5; round++) {
        while (tg_journal_file_due_ns(o.file) == INT64_MAX) {
            append(o.file, "dead");
        }
        int64_t before = size_of("j/journal");
        assert_true(before > (round == 0 ? LARGE : 2 * LARGE));
        assert_true(before < (round == 0 ? LARGE : 2 * LARGE) + 200);
        assert_int_equal(
            tg_journal_file_renew(o.file, ten_seconds * (1 + 2 * round), copy, &o, &err), TG_OK);
        assert_int_equal(size_of("j/journal"), 3 * HEADER + 5 + 9 + LARGE - 1);
        assert_int_equal(size_of("j/journal.next"), -1);
    }
    tg_journal_file_close(o.file);
    o.file = begin();
    assert_memory_equal(found, "live meanwhilexxx", 17);
    assert_int_equal(strlen(found), 5 + 9 + LARGE - 1);
    assert_true(tg_journal_file_due_ns(o.file) <= ten_seconds); /* not known how much is of use */
    tg_journal_file_close(o.file);
}

/* A process that dies while it makes a new file has the old one. */
static void
test_killed_while_it_is_renewed(void **state)
{
    static char large[1 << 20];
    owner o = { .text = { NULL, large, large, large } };
    (void)state;
    memset(large, 'x', sizeof large - 1);
    o.file = begin_anew();
    append(o.file, "old ");
    for (int i = 0; i < 200; i++) {
        append(o.file, "and more of it, ");
    }
    append(o.file, "end");
    assert_int_equal(system("cp j/journal j/kept; head -c 1000 /dev/zero > j/journal.next"), 0);
    tg_journal_file_close(o.file);
    o.file = begin();
    assert_int_equal(strlen(found), 4 + 200 * 16 + 3);
    assert_int_equal(system("cmp j/journal j/kept"), 0);
    assert_int_equal(size_of("j/journal.next"), -1);
    append(o.file, large);
    assert_int_equal(tg_journal_file_renew(o.file, 1, copy, &o, &err), TG_OK);
    assert_int_equal(size_of("j/journal.next"), -1);
    assert_int_equal(size_of("j/journal"), 3 * (HEADER + (1 << 20) - 1));
    tg_journal_file_close(o.file);
}

/* Some MiB at a time, so that a scheduler with much to keep does not stand still; what is appended
 * between them is in the new file too. */
static void
test_a_large_one_is_renewed_in_slices(void **state)
{
    enum { JOB = 3 << 20, SLICES_MIN = 2 };
    static char large[JOB];
    owner o = { .text = { NULL, large, large, large } };
    int slices = 0;
    (void)state;
    memset(large, 'x', sizeof large - 1);
    o.file = begin_anew();
    append(o.file, large);
    do {
        assert_int_equal(tg_journal_file_renew(o.file, 1, copy, &o, &err), TG_OK);
        slices++;
        append(o.file, "between");
    } while (tg_journal_file_due_ns(o.file) == 0);
    assert_true(slices >= SLICES_MIN);
    assert_int_equal(size_of("j/journal"), 3 * (HEADER + JOB - 1) + slices * (HEADER + 7));
    tg_journal_file_close(o.file);
}

/* A new file that cannot be written, because the disk is full, is given up; records go on. */
static void
test_a_new_file_that_has_no_room_is_given_up(void **state)
{
    enum { JOB = 3 << 20 };
    static char large[JOB];
    owner o = { .text = { NULL, large, large, large } };
    (void)state;
    (void)signal(SIGXFSZ, SIG_IGN);
    memset(large, 'x', sizeof large - 1);
    o.file = begin_anew();
    append(o.file, large);
    assert_int_equal(tg_journal_file_renew(o.file, 1, copy, &o, &err), TG_OK);
    disk_full_at(size_of("j/journal.next") + HEADER);
    append(o.file, "goes into the old one");
    assert_int_equal(size_of("j/journal.next"), -1);
    disk_full_at(-1);
    assert_true(tg_journal_file_due_ns(o.file) > 1);
    append(o.file, ", alone");
    tg_journal_file_close(o.file);
    o.file = begin();
    tg_journal_file_close(o.file);
    assert_string_equal(found, "goes into the old one, alone"); /* the first is too long for it */
}

static void
test_a_torn_end_is_cut_off(void **state)
{
    (void)state;
    for (int64_t torn = 1; torn < HEADER + 3; torn++) {
        tg_journal_file *file = begin_anew();
        append(file, "one ");
        append(file, "two");
        tg_journal_file_close(file);
        assert_int_equal(truncate("j/journal", 2 * HEADER + 7 - torn), 0);
        file = begin();
        assert_string_equal(found, "one ");
        assert_non_null(strstr(said, "no whole record"));
        append(file, "three");
        tg_journal_file_close(file);
        file = begin();
        assert_string_equal(found, "one three");
        assert_string_equal(said, "");
        tg_journal_file_close(file);
    }
}

/* Nobody is kept from starting by what lies there. */
static void
test_what_cannot_be_read_is_set_aside(void **state)
{
    static const char *const make[] = { "echo this is no journal > j/journal", "mkdir j/journal",
                                        "mkfifo j/journal", "ln -s journal j/journal" };
    (void)state;
    for (size_t i = 0; i < sizeof make / sizeof *make; i++) {
        assert_int_equal(system("rm -rf j && mkdir j"), 0);
        assert_int_equal(system(make[i]), 0);
        owner o = { .file = begin() };
        assert_string_equal(found, "");
        assert_non_null(strstr(said, "j/journal.bad"));
        assert_int_equal(system("test -e j/journal.bad -o -L j/journal.bad"), 0);
        assert_int_equal(tg_journal_file_renew(o.file, 1, copy, &o, &err), TG_OK);
        append(o.file, "one");
        tg_journal_file_close(o.file);
        o.file = begin();
        assert_string_equal(found, "one");
        tg_journal_file_close(o.file);
    }
}

/* What was read of it goes into a new one, and the rest is left to people. */
static void
test_what_is_damaged_in_the_midst_is_set_aside(void **state)
{
    enum { PART = 3 << 20, LEFT = 2 * (HEADER + PART - 1) - 1 };
    static char part[PART];
    owner o = { .text = { NULL, "one " } };
    (void)state;
    memset(part, 'x', sizeof part - 1);
    o.file = begin_anew();
    append(o.file, "one ");
    append(o.file, part);
    append(o.file, part);
    tg_journal_file_close(o.file);
    FILE *f = fopen("j/journal", "r+b");
    assert_int_equal(fseek(f, HEADER + 4 + HEADER + 100, SEEK_SET), 0);
    assert_int_equal(fputc('y', f), 'y');
    assert_int_equal(fclose(f), 0);
    o.file = begin();
    assert_string_equal(found, "one ");
    assert_non_null(strstr(said, "no record is at byte 20 of "));
    assert_true(size_of("j/journal.bad") > LEFT);
    assert_true(tg_journal_file_due_ns(o.file) <= 1);
    assert_int_equal(tg_journal_file_renew(o.file, 1, copy, &o, &err), TG_OK);
    tg_journal_file_close(o.file);
    o.file = begin();
    assert_string_equal(found, "one ");
    assert_string_equal(said, "");
    tg_journal_file_close(o.file);
}

/* Larger than any memory it might be: it is read in parts. */
static void
test_a_file_of_any_size_is_read(void **state)
{
    enum { PART = 1 << 20, PARTS = 40 };
    static char part[PART];
    const void *payload = NULL;
    size_t bytes = 0, count = 0;
    tg_journal_file_options options = { .folder = "j" };
    (void)state;
    tg_journal_file *file = begin_anew();
    for (int i = 0; i < PARTS; i++) {
        memset(part, 'a' + i % 26, sizeof part);
        assert_int_equal(tg_journal_file_append(file, part, sizeof part - (size_t)i, &err), TG_OK);
    }
    tg_journal_file_close(file);
    assert_int_equal(tg_journal_file_open(&options, &file, &err), TG_OK);
    while (tg_journal_file_next(file, &payload, &bytes)) {
        assert_int_equal(bytes, PART - count);
        assert_int_equal(((const char *)payload)[bytes - 1], 'a' + count % 26);
        count++;
    }
    assert_int_equal(count, PARTS);
    tg_journal_file_close(file);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_was_appended_is_there),
        cmocka_unit_test(test_one_scheduler_at_a_time),
        cmocka_unit_test(test_half_a_record_is_taken_back),
        cmocka_unit_test(test_a_full_disk_is_made_good),
        cmocka_unit_test(test_it_is_renewed_when_it_is_too_large),
        cmocka_unit_test(test_killed_while_it_is_renewed),
        cmocka_unit_test(test_a_large_one_is_renewed_in_slices),
        cmocka_unit_test(test_a_new_file_that_has_no_room_is_given_up),
        cmocka_unit_test(test_a_torn_end_is_cut_off),
        cmocka_unit_test(test_what_cannot_be_read_is_set_aside),
        cmocka_unit_test(test_what_is_damaged_in_the_midst_is_set_aside),
        cmocka_unit_test(test_a_file_of_any_size_is_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
