/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Functions in child processes. The children are this very program, which plays the part of
 * python/tilegraph/_child.py: well behaved or not, as the function's text says.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "tilegraph/tilegraph.h"
#include "worker/child/talk.h"

/* == the child ============================================================================== */

static struct {
    char *memory;
    size_t bytes;
    int fd;
    char functions[TG_CHILD_PLACES][64];
    int64_t defined;
} self;

static bool
take_request(tg_child_request *request)
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control;
    struct iovec packet = { .iov_base = request, .iov_len = sizeof *request };
    struct msghdr message = { .msg_iov = &packet,
                              .msg_iovlen = 1,
                              .msg_control = control.bytes,
                              .msg_controllen = sizeof control.bytes };
    bool good = recvmsg(TG_CHILD_SOCKET, &message, 0) == sizeof *request;
    if (good && request->fresh != 0) {
        memcpy(&self.fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(int));
        self.memory =
            mmap(NULL, request->memory_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, self.fd, 0);
        self.bytes = request->memory_bytes;
    }
    return good;
}

static void
say(const tg_child_answer *answer, size_t size)
{
    (void)!send(TG_CHILD_SOCKET, answer, size, MSG_NOSIGNAL);
}

static void
fail_with(tg_child_answer *answer, const char *text, size_t size)
{
    memcpy(self.memory, text, size);
    answer->verb = TG_CHILD_FAILED;
    answer->text_bytes = size;
}

/* Doubles numbers: float64 in and out. The last cell of a place test says what it was told. */
static void
run(const int64_t *words, bool places)
{
    int64_t ndim = words[2], count = words[4] / 8;
    const int64_t *input = words + 1 + TG_CHILD_WORDS + TG_CHILD_LISTS * ndim;
    double *out = (double *)(self.memory + words[3]);
    const double *in = (const double *)(self.memory + input[2]);
    for (int64_t i = 0; i < count; i++) {
        out[i] = 2.0 * in[i];
    }
    if (places) { /* shape, num_blocks, index, lo, hi of the result's first axis, as digits */
        const int64_t *lists = words + 1 + TG_CHILD_WORDS + ndim;
        out[0] = 0;
        for (int i = 0; i < 5; i++) {
            out[0] = out[0] * 100 + (double)lists[i * ndim];
        }
    }
}

static void
misbehave(const char *what, tg_child_answer *answer)
{
    if (strcmp(what, "segv") == 0) {
        (void)!write(2, "last words\n", 11);
        (void)signal(SIGSEGV, SIG_DFL);
        (void)raise(SIGSEGV);
    } else if (strcmp(what, "exit") == 0) {
        _exit(3);
    } else if (strcmp(what, "deaf") == 0) {
        (void)signal(SIGTERM, SIG_IGN);
        for (;;) {
            (void)pause();
        }
    } else if (strcmp(what, "hang") == 0) {
        for (;;) {
            (void)pause();
        }
    } else if (strcmp(what, "raise") == 0) {
        const char *text = "\xe2\x81\xa3"
                           "builtins.ValueError\xe2\x81\xa3('no',)\xe2\x81\xa3it said no";
        fail_with(answer, text, strlen(text));
    } else if (strcmp(what, "scrawl") == 0) {
        fail_with(answer, "a\0b\xff\xfe", 5);
    } else if (strcmp(what, "magic") == 0) {
        answer->magic++;
    } else if (strcmp(what, "serial") == 0) {
        answer->serial++;
    } else if (strcmp(what, "verb") == 0) {
        answer->verb = TG_CHILD_CALL;
    } else if (strcmp(what, "text") == 0) {
        fail_with(answer, "x", 1);
        answer->text_bytes = UINT64_MAX;
    } else if (strcmp(what, "shrink") == 0) {
        if (ftruncate(self.fd, 0) == 0) {
            fail_with(answer, "the memory could be cut", 23);
        }
    } else if (strcmp(what, "keep") == 0) {
        answer->kept = 1;
    } else if (strcmp(what, "defined") == 0) {
        const int64_t *words = (const int64_t *)(void *)self.memory;
        *(double *)(void *)(self.memory + words[3]) = (double)self.defined;
    }
}

static int
play_child(void)
{
    tg_child_answer answer = { TG_CHILD_MAGIC, TG_CHILD_READY, 0, 0, 0 };
    tg_child_request request;
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    const char *mode = getenv("TG_TEST_CHILD");
    if (mode != NULL && strcmp(mode, "dies") == 0) {
        (void)!write(2, "No module named tilegraph\n", 26);
        return 1;
    }
    say(&answer, sizeof answer);
    while (take_request(&request)) {
        const char *what = self.functions[request.place];
        answer = (tg_child_answer){ TG_CHILD_MAGIC, TG_CHILD_DONE, request.serial, 0, 0 };
        if (request.verb == TG_CHILD_DEFINE) {
            memcpy(self.functions[request.place], self.memory, request.size);
            self.functions[request.place][request.size] = '\0';
            self.defined++;
        } else {
            run((const int64_t *)(void *)self.memory, strcmp(what, "places") == 0);
            misbehave(what, &answer);
        }
        say(&answer,
            strcmp(what, "short") == 0 && request.verb == TG_CHILD_CALL ? 7 : sizeof answer);
    }
    return 0;
}

/* == the tests ============================================================================== */

static char program[4096];

static tg_children *
open_children(tg_children_options options)
{
    tg_children *c = NULL;
    tg_error err;
    options.struct_size = sizeof options;
    options.interpreter = program;
    if (tg_children_open(&options, &c, &err) != TG_OK) {
        fail_msg("%s", err.message);
    }
    return c;
}

enum { ROWS = 3, COLUMNS = 5 };

/* A call on a block in the middle of larger arrays, of which every other row is the block. */
typedef struct call {
    double in[2 * ROWS][COLUMNS], out[2 * ROWS][COLUMNS];
    char message[972];
    int failed;
} call;

static void
do_call(tg_children *c, uint64_t group, const char *text, call *k)
{
    const int64_t shape[2] = { ROWS, COLUMNS };
    const int64_t strides[2] = { 2 * COLUMNS * sizeof(double), sizeof(double) };
    const int64_t array[2] = { 11, 12 }, blocks[2] = { 4, 3 }, index[2] = { 1, 2 };
    const int64_t lo[2] = { 3, 10 }, hi[2] = { 6, 15 };
    const tg_block_place place = { 2, array, blocks, index, lo, hi };
    const tg_block_info info = { sizeof info, place, 1, &place };
    const tg_block_view in = { k->in, TG_DT_F64, 2, shape, strides };
    const tg_block_view out = { k->out, TG_DT_F64, 2, shape, strides };
    tg_function *f = tg_children_function(c, group, text, text, strlen(text));
    assert_non_null(f);
    for (int i = 0; i < 2 * ROWS * COLUMNS; i++) {
        (&k->in[0][0])[i] = i;
        (&k->out[0][0])[i] = -1;
    }
    k->message[0] = '\0';
    k->failed = tg_block_function_call(f, &info, &in, 1, &out, k->message, sizeof k->message);
    tg_block_function_release(f);
}

static void
expect(tg_children *c, const char *text, const char *message)
{
    call k;
    do_call(c, 0, text, &k);
    if (k.failed == 0 || strstr(k.message, message) == NULL) {
        fail_msg("%s gave '%s', not '%s'", text, k.message, message);
    }
    for (int i = 0; i < 2 * ROWS * COLUMNS; i++) {
        assert_true((&k.out[0][0])[i] == -1); /* nothing of a call that failed */
    }
}

static tg_children_stats
stats_of(tg_children *c)
{
    tg_children_stats stats;
    tg_children_get_stats(c, &stats);
    return stats;
}

static void
test_a_result_comes_back(void **state)
{
    tg_children *c = open_children((tg_children_options){ 0 });
    call k;
    (void)state;
    assert_int_equal(stats_of(c).started, 0);
    do_call(c, 0, "double", &k);
    assert_int_equal(k.failed, 0);
    for (int y = 0; y < 2 * ROWS; y++) {
        for (int x = 0; x < COLUMNS; x++) {
            assert_true(k.out[y][x] == (y % 2 == 0 ? 2 * k.in[y][x] : -1));
        }
    }
    do_call(c, 0, "places", &k);
    assert_true(k.out[0][0] == 1104010306);
    assert_int_equal(stats_of(c).started, 1);
    assert_int_equal(stats_of(c).alive, 1);
    assert_int_equal(stats_of(c).busy, 0);
    tg_children_close(c);
    tg_children_close(NULL);
}

static void
test_a_function_is_sent_once(void **state)
{
    tg_children *c = open_children((tg_children_options){ 0 });
    tg_function *held = tg_children_function(c, 0, "defined", "defined", 7);
    call k;
    (void)state;
    for (int i = 0; i < 3; i++) {
        do_call(c, 0, "defined", &k);
        assert_true(k.out[0][0] == 1);
    }
    /* More functions than a child keeps: the first is forgotten, and sent again. */
    for (int i = 0; i < TG_CHILD_PLACES; i++) {
        char text[32];
        (void)snprintf(text, sizeof text, "double%d", i);
        do_call(c, 0, text, &k);
        assert_int_equal(k.failed, 0);
    }
    do_call(c, 0, "defined", &k);
    assert_true(k.out[0][0] == TG_CHILD_PLACES + 2);
    tg_block_function_release(held);
    tg_children_close(c);
}

static void
test_what_a_function_raises_comes_back(void **state)
{
    tg_children *c = open_children((tg_children_options){ 0 });
    call k;
    (void)state;
    expect(c, "raise",
           "\xe2\x81\xa3"
           "builtins.ValueError\xe2\x81\xa3('no',)\xe2\x81\xa3it said no");
    expect(c, "scrawl", "a");
    do_call(c, 0, "shrink", &k);
    assert_int_equal(k.failed, 0);
    tg_children_close(c);
}

static void
test_a_child_that_dies_is_replaced(void **state)
{
    static const struct {
        const char *function, *message;
    } cases[] = {
        { "segv", "segv on block (1, 2): its child process was killed by signal 11 (segmentation "
                  "fault); it said last:\nlast words" },
        { "exit", "exit on block (1, 2): its child process ended with exit status 3" },
        { "magic", "magic on block (1, 2): its child process gave an answer that makes no sense" },
        { "serial", "makes no sense" },
        { "verb", "makes no sense" },
        { "text", "makes no sense" },
        { "short", "makes no sense" },
    };
    tg_children *c = open_children((tg_children_options){ .processes_max = 1 });
    call k;
    (void)state;
    for (int i = 0; i < 7; i++) {
        expect(c, cases[i].function, cases[i].message);
        assert_int_equal(stats_of(c).lost, i + 1);
        assert_int_equal(stats_of(c).alive, 0);
        do_call(c, 0, "double", &k);
        assert_int_equal(k.failed, 0);
        assert_int_equal(stats_of(c).started, i + 2);
    }
    tg_children_close(c);
}

static void
test_a_function_that_hangs_is_killed(void **state)
{
    tg_children *c = open_children((tg_children_options){ .timeout_ns = 50000000 });
    tg_error err;
    call k;
    (void)state;
    expect(c, "hang", "hang on block (1, 2) took longer than the time limit for functions, 0.05 s");
    expect(c, "deaf", "took longer");
    assert_int_equal(tg_children_configure(c, -1, 0, &err), TG_ERR_VALUE);
    assert_int_equal(tg_children_configure(c, 0, -1, &err), TG_ERR_VALUE);
    assert_int_equal(tg_children_configure(c, 0, 1 << 30, &err), TG_OK);
    do_call(c, 0, "double", &k);
    assert_int_equal(k.failed, 0);
    tg_children_close(c);
}

typedef struct job {
    tg_children *children;
    uint64_t group;
    call call;
} job;

static void *
run_job(void *arg)
{
    job *j = arg;
    do_call(j->children, j->group, "hang", &j->call);
    return NULL;
}

static void
test_stopping_kills_at_once(void **state)
{
    tg_children *c = open_children((tg_children_options){ .processes_max = 2 });
    job jobs[4];
    pthread_t threads[4];
    call k;
    (void)state;
    /* Two run, two wait for a child. */
    for (int i = 0; i < 4; i++) {
        jobs[i] = (job){ .children = c, .group = 7 };
        assert_int_equal(pthread_create(&threads[i], NULL, run_job, &jobs[i]), 0);
    }
    while (stats_of(c).started < 2) {
        (void)usleep(1000);
    }
    tg_children_stop(c, 8); /* another's */
    (void)usleep(10000);
    assert_int_equal(stats_of(c).busy, 2);
    tg_children_stop(c, 7);
    for (int i = 0; i < 4; i++) {
        (void)pthread_join(threads[i], NULL);
        assert_int_not_equal(jobs[i].call.failed, 0);
        assert_non_null(strstr(jobs[i].call.message, "was stopped"));
    }
    do_call(c, 9, "double", &k);
    assert_int_equal(k.failed, 0);
    assert_int_equal(stats_of(c).lost, 0);
    tg_children_close(c);
}

static void
test_closing_kills_what_runs(void **state)
{
    job j = { .children = open_children((tg_children_options){ 0 }) };
    tg_function *held = tg_children_function(j.children, 0, "hang", "hang", 4);
    pthread_t thread;
    (void)state;
    tg_block_function_release(held);
    assert_int_equal(pthread_create(&thread, NULL, run_job, &j), 0);
    while (stats_of(j.children).busy < 1) {
        (void)usleep(1000);
    }
    /* The call returns before closing does; its function is gone when the thread has ended. */
    tg_children_stop(j.children, 0);
    (void)pthread_join(thread, NULL);
    assert_non_null(strstr(j.call.message, "was stopped"));
    tg_children_close(j.children);
}

static void
test_memory_grows_and_is_not_taken_from_who_keeps_it(void **state)
{
    enum { SIDE = 1500 };
    const int64_t side = SIDE, one = 1, zero = 0, stride = sizeof(double);
    const tg_block_place place = { 1, &side, &one, &zero, &zero, &side };
    const tg_block_info info = { sizeof info, place, 1, &place };
    tg_children *c = open_children((tg_children_options){ 0 });
    double *data = calloc(SIDE * 100, sizeof *data);
    tg_function *f = tg_children_function(c, 0, "keep", "keep", 4);
    char message[200];
    (void)state;
    for (int64_t length = 0; length <= SIDE * 100; length = length * 3 + 1) {
        const tg_block_view block = { data, TG_DT_F64, 1, &length, &stride };
        for (int64_t i = 0; i < length; i++) {
            data[i] = (double)i;
        }
        assert_int_equal(tg_block_function_call(f, &info, &block, 1, &block, message, 200), 0);
        for (int64_t i = 0; i < length; i++) {
            assert_true(data[i] == 2.0 * (double)i);
        }
    }
    assert_int_equal(stats_of(c).started, 1);
    tg_block_function_release(f);
    tg_children_close(c);
    free(data);
}

static void
test_children_that_cannot_start(void **state)
{
    const char *const environment[] = { "TG_TEST_CHILD=dies", NULL };
    tg_children_options options = { .struct_size = sizeof options,
                                    .interpreter = "/no/such/python" };
    tg_children *c = NULL;
    tg_error err;
    (void)state;
    assert_int_equal(tg_children_open(&options, &c, &err), TG_OK);
    expect(c, "double", "cannot start /no/such/python for functions in child processes: No such");
    tg_children_close(c);
    c = open_children((tg_children_options){ .environment = environment });
    expect(c, "double", "ended with exit status 1; it said last:\nNo module named tilegraph");
    assert_int_equal(stats_of(c).alive, 0);
    tg_children_close(c);
    options.processes_max = -1;
    assert_int_equal(tg_children_open(&options, &c, &err), TG_ERR_VALUE);
    options.struct_size = 3;
    assert_int_equal(tg_children_open(&options, &c, &err), TG_ERR_VALUE);
    assert_null(c);
}

static void
test_map_blocks_in_children(void **state)
{
    tg_session_options options = { sizeof options, 3, 64 << 20 };
    tg_session *session = NULL;
    tg_children *c = open_children((tg_children_options){ 0 });
    tg_function *f = tg_children_function(c, 0, "double", "double", 6);
    const int64_t shape[2] = { 40, 50 }, edges[2] = { 7, 9 };
    double *cells = calloc(2000, sizeof *cells);
    tg_result result;
    tg_error err;
    (void)state;
    for (int i = 0; i < 2000; i++) {
        cells[i] = i;
    }
    assert_int_equal(tg_session_open(&options, &session, &err), TG_OK);
    tg_scope *g = tg_scope_create(session);
    tg_array *x = tg_from_memory(g, cells, TG_DT_F64, 2, shape, NULL, edges, 0, NULL, NULL);
    tg_target target = { .array =
                             tg_map_blocks(g, 1, &x, &(tg_map_blocks_options){ .function = f }) };
    if (tg_compute(session, 1, &target, &result, &err) != TG_OK) {
        fail_msg("%s", err.message);
    }
    for (int i = 0; i < 2000; i++) {
        assert_true(((double *)result.data)[i] == 2.0 * i);
    }
    assert_in_range(stats_of(c).started, 1, 3);
    tg_result_release(&result);
    tg_scope_destroy(g);
    tg_block_function_release(f);
    tg_session_close(session);
    tg_children_close(c);
    free(cells);
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_result_comes_back),
        cmocka_unit_test(test_a_function_is_sent_once),
        cmocka_unit_test(test_what_a_function_raises_comes_back),
        cmocka_unit_test(test_a_child_that_dies_is_replaced),
        cmocka_unit_test(test_a_function_that_hangs_is_killed),
        cmocka_unit_test(test_stopping_kills_at_once),
        cmocka_unit_test(test_closing_kills_what_runs),
        cmocka_unit_test(test_memory_grows_and_is_not_taken_from_who_keeps_it),
        cmocka_unit_test(test_children_that_cannot_start),
        cmocka_unit_test(test_map_blocks_in_children),
    };
    int failed = 0;
    if (argc > 1 && strcmp(argv[1], "-m") == 0) {
        failed = play_child();
    } else {
        assert_true(readlink("/proc/self/exe", program, sizeof program - 1) > 0);
        failed = cmocka_run_group_tests(tests, NULL, NULL);
    }
    return failed;
}
