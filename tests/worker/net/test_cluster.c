/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Clusters in one process: a scheduler and workers in threads, real sockets, real plans. Whatever
 * happens to them, results are what one process computes, bit for bit, or an error with a reason.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/mem/shared.h"
#include "ops/registry.h"
#include "scheduler/daemon/daemon.h"
#include "scheduler/net/endpoint.h"
#include "tests/support/plans.h"
#include "tilegraph/cluster.h"
#include "worker/net/worker.h"
#include "worker/session/session.h"

#define MIB    ((int64_t)1 << 20)
#define SECOND ((int64_t)1000000000)
enum { WORKERS_MAX = 4 };
/* ThreadSanitizer takes many times as long, and looks for something else than long jobs. */
#if defined(__SANITIZE_THREAD__)
enum { LARGE = 600, LOADS = 2 };
#elif defined(__SANITIZE_ADDRESS__)
enum { LARGE = 1000, LOADS = 4 };
#else
enum { LARGE = 2000, LOADS = 6 };
#endif

/* --- a cluster ------------------------------------------------------------------------------- */

typedef struct hand {
    tg_session *session;
    tg_shared *shared;
    tg_worker *worker;
    pthread_t thread;
    bool runs;
    tg_status outcome;
    tg_error err;
} hand;

typedef struct cluster {
    char folder[64], join[96], journal[96], spill[96];
    const char *listen; /* NULL: ipc */
    bool insecure, journals;
    tg_registry *registry;
    tg_daemon *daemon;
    pthread_t thread;
    hand hands[WORKERS_MAX];
    tg_session *client;
} cluster;

static void
must(tg_status status, const tg_error *err)
{
    if (status != TG_OK) {
        fail_msg("%s", err->message);
    }
}

static void
chat(void *ctx, const char *text)
{
    (void)ctx;
    if (getenv("TG_TEST_LOUD") != NULL) {
        (void)fprintf(stderr, "%s\n", text);
    }
}

static void *
run_daemon(void *ctx)
{
    tg_error err;
    must(tg_daemon_run(ctx, &err), &err);
    return NULL;
}

static void
start_daemon(cluster *c)
{
    tg_error err;
    tg_daemon_options options = { .registry = c->registry,
                                  .listen = &c->listen,
                                  .listen_count = c->listen != NULL,
                                  .join_file = c->join,
                                  .journal = c->journals ? c->journal : NULL,
                                  .alive_fd = -1,
                                  .log = chat };
    must(tg_daemon_create(&options, &c->daemon, &err), &err);
    assert_int_equal(pthread_create(&c->thread, NULL, run_daemon, c->daemon), 0);
}

static void
stop_daemon(cluster *c)
{
    tg_daemon_stop(c->daemon);
    assert_int_equal(pthread_join(c->thread, NULL), 0);
    tg_daemon_destroy(c->daemon);
    c->daemon = NULL;
}

static void *
run_worker(void *ctx)
{
    hand *h = ctx;
    h->outcome = tg_worker_run(h->worker, &h->err);
    return NULL;
}

/* One thread and one numbered name each; those with an even number share their memory. */
static void
start_worker(cluster *c, int index, int64_t memory)
{
    tg_error err;
    hand *h = &c->hands[index];
    char name[16];
    tg_session_options wanted = { sizeof wanted, 1, memory };
    must(tg_session_open(&wanted, &h->session, &err), &err);
    if (index % 2 == 0 && tg_shared_create(2 * memory, &h->shared, &err) == TG_OK) {
        must(tg__session_share(h->session, tg_shared_alloc(h->shared), &err), &err);
    }
    (void)snprintf(name, sizeof name, "hand-%d", index);
    tg_worker_options options = { .session = h->session,
                                  .shared = h->shared,
                                  .cluster = c->join,
                                  .name = name,
                                  .directory = c->spill,
                                  .spill_bytes = 1024 * MIB,
                                  .death_timeout_ns = 20 * SECOND,
                                  .alive_fd = -1,
                                  .log = chat };
    must(tg_worker_create(&options, &h->worker, &err), &err);
    h->runs = true;
    assert_int_equal(pthread_create(&h->thread, NULL, run_worker, h), 0);
}

/* Waits until it ends by itself, or has it end at once. */
static void
end_worker(cluster *c, int index, bool stop)
{
    hand *h = &c->hands[index];
    if (h->runs) {
        if (stop) {
            tg_worker_stop(h->worker);
        }
        assert_int_equal(pthread_join(h->thread, NULL), 0);
        if (h->outcome != TG_OK) {
            fail_msg("worker %d: %s", index, h->err.message);
        }
        tg_worker_destroy(h->worker);
        tg_session_close(h->session);
        tg_shared_destroy(h->shared);
        *h = (hand){ .runs = false };
    }
}

static tg_session *
open_client(const cluster *c)
{
    tg_error err;
    tg_session *session = NULL;
    tg_session_options wanted = { sizeof wanted, 2, 256 * MIB };
    must(tg_session_open(&wanted, &session, &err), &err);
    must(tg_session_connect(session, c->join, NULL, &err), &err);
    return session;
}

static void
prepare(cluster *c)
{
    const tg_op *const *ops = NULL;
    memset(c, 0, sizeof *c);
    (void)snprintf(c->folder, sizeof c->folder, "/tmp/tg-cluster-XXXXXX");
    assert_non_null(mkdtemp(c->folder));
    (void)snprintf(c->join, sizeof c->join, "%s/join", c->folder);
    (void)snprintf(c->journal, sizeof c->journal, "%s/journal", c->folder);
    (void)snprintf(c->spill, sizeof c->spill, "%s", c->folder);
    size_t count = tg_ops_builtin(&ops);
    c->registry = tg_registry_create(ops, count);
    assert_non_null(c->registry);
}

static void
begin(cluster *c, int workers, int64_t memory)
{
    start_daemon(c);
    for (int i = 0; i < workers; i++) {
        start_worker(c, i, memory);
    }
    c->client = open_client(c);
}

static void
end(cluster *c)
{
    char command[96];
    tg_session_close(c->client);
    for (int i = 0; i < WORKERS_MAX; i++) {
        end_worker(c, i, true);
    }
    if (c->daemon != NULL) {
        stop_daemon(c);
    }
    tg_registry_destroy(c->registry);
    (void)snprintf(command, sizeof command, "rm -rf %s", c->folder);
    assert_int_equal(system(command), 0);
}

static void
nap(int64_t ns)
{
    struct timespec time = { ns / SECOND, ns % SECOND };
    (void)nanosleep(&time, NULL);
}

/* --- jobs ------------------------------------------------------------------------------------ */

typedef struct job {
    size_t count;
    tg_session *alone; /* which computed what is expected */
    tg_result expected[TG_TEST_TARGETS_MAX];
    tg_scope *scope;
    tg_target targets[TG_TEST_TARGETS_MAX];
    tg_computation *computation;
} job;

static void
same(const char *what, const tg_result *a, const tg_result *b)
{
    size_t bytes = tg_dtype_size(a->dtype);
    assert_int_equal(a->dtype, b->dtype);
    assert_int_equal(a->ndim, b->ndim);
    for (int k = 0; k < a->ndim; k++) {
        assert_int_equal(a->shape[k], b->shape[k]);
        bytes *= (size_t)a->shape[k];
    }
    const unsigned char *wanted = a->data, *got = b->data;
    for (size_t i = 0; i < bytes; i++) {
        if (wanted[i] != got[i]) {
            fail_msg("%s: byte %zu of %zu is %02x, and %02x in one process", what, i, bytes, got[i],
                     wanted[i]);
        }
    }
}

/* What is expected, by a session of its own. */
static void
expect(job *j, size_t (*build)(tg_scope *g, tg_array **out))
{
    tg_error err;
    tg_session_options wanted = { sizeof wanted, 2, 512 * MIB };
    tg_array *arrays[TG_TEST_TARGETS_MAX];
    tg_target targets[TG_TEST_TARGETS_MAX] = { { .array = NULL } };
    must(tg_session_open(&wanted, &j->alone, &err), &err);
    tg_scope *g = tg_scope_create(j->alone);
    j->count = build(g, arrays);
    for (size_t t = 0; t < j->count; t++) {
        targets[t].array = arrays[t];
    }
    must(tg_compute(j->alone, j->count, targets, j->expected, &err), &err);
    tg_scope_destroy(g);
}

static void
start_job(job *j, tg_session *session, size_t (*build)(tg_scope *g, tg_array **out))
{
    tg_error err;
    tg_array *arrays[TG_TEST_TARGETS_MAX];
    memset(j, 0, sizeof *j);
    expect(j, build);
    j->scope = tg_scope_create(session);
    (void)build(j->scope, arrays);
    for (size_t t = 0; t < j->count; t++) {
        j->targets[t].array = arrays[t];
    }
    must(tg_compute_start(session, j->count, j->targets, &j->computation, &err), &err);
}

static void
await_progress(const job *j, double share)
{
    int64_t done = 0, tasks = 1;
    for (int i = 0; i < 6000 && (double)done < share * (double)tasks; i++) {
        nap(SECOND / 100);
        tg_computation_progress(j->computation, &done, &tasks);
    }
    assert_true((double)done >= share * (double)tasks);
}

/* The status that it ended with. */
static tg_status
await(const job *j, tg_error *err)
{
    bool done = false;
    tg_status status = tg_computation_wait(j->computation, 60 * SECOND, &done, err);
    if (!done) {
        fail_msg("no end within a minute");
    }
    return status;
}

static void
free_job(job *j)
{
    for (size_t t = 0; t < j->count; t++) {
        tg_result_release(&j->expected[t]);
    }
    tg_session_close(j->alone);
    tg_computation_destroy(j->computation);
    tg_scope_destroy(j->scope);
}

static void
finish_job(job *j, const char *what)
{
    tg_error err;
    must(await(j, &err), &err);
    for (size_t t = 0; t < j->count; t++) {
        tg_result result;
        must(tg_computation_result(j->computation, t, &result, &err), &err);
        same(what, &j->expected[t], &result);
        tg_result_release(&result);
    }
    free_job(j);
}

static tg_array *
one(tg_scope *g, const char *op, tg_array *x)
{
    return tg_apply(g, op, 1, &x, 0, NULL);
}

/* Some seconds of work, over tiles that read their neighbours; every tile is read twice, the second
 * time by what waits for all of them. */
static size_t
build_large(tg_scope *g, tg_array **out)
{
    const int64_t edges[] = { LARGE / 10, LARGE / 10 };
    tg_param chunks = { "chunks", TG_PARAM_INT, { 2, { .ints = edges } } };
    tg_array *x = tg_test_numbers(g, LARGE, LARGE);
    x = tg_apply(g, "rechunk", 1, &x, 1, &chunks);
    for (int i = 0; i < LOADS; i++) {
        x = one(g, "sin", tg_test_blurred(g, x));
    }
    out[0] = tg_apply(g, "subtract", 2, (tg_array *[]){ x, one(g, "std", x) }, 0, NULL);
    out[1] = one(g, "max", x);
    return 2;
}

/* --- tests ----------------------------------------------------------------------------------- */

static void
make_store(void)
{
    tg_error err;
    tg_session *session = NULL;
    tg_save_options options = { .struct_size = sizeof options,
                                .chunks = (int64_t[]){ 64, 50 },
                                .shards = (int64_t[]){ 128, 100 },
                                .overwrite = true };
    must(tg_session_open(NULL, &session, &err), &err);
    tg_scope *g = tg_scope_create(session);
    must(tg_save(session, tg_test_numbers(g, 600, 500), "part_in.zarr", &options, &err), &err);
    tg_scope_destroy(g);
    tg_session_close(session);
}

static void
compute_all(tg_session *session)
{
    for (int i = 0; i < TG_TEST_PLANS; i++) {
        job j;
        start_job(&j, session, tg_test_plans[i].build);
        finish_job(&j, tg_test_plans[i].name);
    }
}

static void
test_every_plan_gives_the_same_bytes(void **state)
{
    cluster c;
    (void)state;
    make_store();
    prepare(&c);
    begin(&c, 3, 128 * MIB);
    compute_all(c.client);
    end(&c);
}

static void
test_keys_over_tcp(void **state)
{
    cluster c;
    tg_error err;
    char address[TG_NET_ADDRESS_MAX];
    (void)state;
    if (tg_endpoint_own("tcp://192.0.2.1:9", address, sizeof address, &err) != TG_OK ||
        strncmp(address, "tcp://127.", 10) == 0) {
        skip(); /* this host has no network */
    }
    make_store();
    prepare(&c);
    c.listen = address;
    begin(&c, 2, 128 * MIB);
    compute_all(c.client);
    end(&c);
}

static void
test_a_worker_dies(void **state)
{
    cluster c;
    job j;
    (void)state;
    prepare(&c);
    begin(&c, 3, 128 * MIB);
    start_job(&j, c.client, build_large);
    await_progress(&j, 0.3);
    end_worker(&c, 1, true);
    finish_job(&j, "a worker died");
    end(&c);
}

static void
test_a_worker_comes_late(void **state)
{
    cluster c;
    job j;
    (void)state;
    prepare(&c);
    begin(&c, 1, 128 * MIB);
    start_job(&j, c.client, build_large);
    await_progress(&j, 0.1);
    start_worker(&c, 1, 128 * MIB);
    finish_job(&j, "a worker came");
    end(&c);
}

static void
test_a_worker_drains(void **state)
{
    cluster c;
    job j;
    (void)state;
    prepare(&c);
    begin(&c, 3, 128 * MIB);
    start_job(&j, c.client, build_large);
    await_progress(&j, 0.3);
    tg_worker_drain(c.hands[0].worker);
    end_worker(&c, 0, false);
    finish_job(&j, "a worker left");
    end(&c);
}

static double
metric(tg_session *session, const char *name)
{
    tg_error err;
    char *text = NULL;
    double value = 0;
    must(tg_session_ask(session, "metrics", &text, &err), &err);
    for (const char *at = strstr(text, name); at != NULL; at = strstr(at + 1, name)) {
        const char *number = strchr(at, ' ');
        if ((at == text || at[-1] == '\n') && number != NULL) {
            value += strtod(number, NULL);
        }
    }
    tg_text_free(text);
    return value;
}

static void
test_tiles_go_to_disk(void **state)
{
    enum { JOBS = 3 };
    cluster c;
    job j[JOBS];
    (void)state;
    prepare(&c);
    /* Enough for one of them at a time. */
    begin(&c, 1, LARGE * (int64_t)LARGE * 4 * 7 / 4);
    for (int i = 0; i < JOBS; i++) {
        start_job(&j[i], c.client, build_large);
    }
    int64_t spilled = 0;
    for (int i = 0; i < JOBS; i++) {
        tg_error err;
        tg_report report;
        must(await(&j[i], &err), &err);
        tg_computation_report(j[i].computation, &report);
        spilled += report.bytes_spilled;
        finish_job(&j[i], "little memory");
    }
    assert_true(spilled > 0);
    nap(SECOND); /* a beat brings the numbers */
    assert_true(metric(c.client, "tilegraph_worker_memory_limit_bytes") > 0);
    assert_true(metric(c.client, "tilegraph_worker_spilled_bytes") == 0); /* there is nothing now */
    end(&c);
}

static void
test_cancelled_jobs_end(void **state)
{
    cluster c;
    job j;
    tg_error err;
    (void)state;
    prepare(&c);
    begin(&c, 2, 128 * MIB);
    start_job(&j, c.client, build_large);
    await_progress(&j, 0.1);
    tg_computation_cancel(j.computation);
    assert_int_equal(await(&j, &err), TG_ERR_CANCELLED);
    free_job(&j);
    start_job(&j, c.client, tg_test_plans[0].build);
    finish_job(&j, "the job after one that was cancelled");
    end(&c);
}

static void
test_disconnecting_ends_jobs(void **state)
{
    cluster c;
    job j;
    tg_error err;
    (void)state;
    prepare(&c);
    begin(&c, 2, 128 * MIB);
    start_job(&j, c.client, build_large);
    await_progress(&j, 0.1);
    tg_session_disconnect(c.client);
    assert_int_equal(await(&j, &err), TG_ERR_CANCELLED);
    free_job(&j);
    end(&c);
}

static void
test_a_session_has_a_priority(void **state)
{
    cluster c;
    job j;
    tg_error err;
    char *text = NULL;
    tg_connect_options wanted = { .struct_size = sizeof wanted, .priority = -2.5 };
    (void)state;
    prepare(&c);
    begin(&c, 2, 128 * MIB);
    must(tg_session_connect(c.client, c.join, &wanted, &err), &err);
    start_job(&j, c.client, build_large);
    await_progress(&j, 0.1);
    must(tg_session_ask(c.client, "dump", &text, &err), &err);
    assert_non_null(strstr(text, "\"priority\": -2.5,"));
    tg_text_free(text);
    tg_computation_cancel(j.computation);
    assert_int_equal(await(&j, &err), TG_ERR_CANCELLED);
    free_job(&j);
    wanted.priority = 2e9;
    assert_int_equal(tg_session_connect(c.client, c.join, &wanted, &err), TG_ERR_VALUE);
    assert_non_null(strstr(err.message, "-1e9 to 1e9"));
    end(&c);
}

static void
test_a_lost_file_is_named_with_the_worker(void **state)
{
    cluster c;
    tg_error err;
    tg_result result;
    (void)state;
    make_store();
    prepare(&c);
    begin(&c, 2, 128 * MIB);
    tg_scope *g = tg_scope_create(c.client);
    tg_target target = { .array = one(g, "sum", tg_open(g, "part_in.zarr")) };
    assert_null(tg_scope_error(g));
    assert_int_equal(rename("part_in.zarr", "elsewhere.zarr"), 0);
    assert_int_not_equal(tg_compute(c.client, 1, &target, &result, &err), TG_OK);
    assert_int_equal(rename("elsewhere.zarr", "part_in.zarr"), 0);
    assert_non_null(strstr(err.message, "worker hand-"));
    assert_non_null(strstr(err.message, "part_in.zarr"));
    tg_scope_destroy(g);
    job j; /* and nobody was hurt by it */
    start_job(&j, c.client, tg_test_plans[5].build);
    finish_job(&j, "the job after one that failed");
    end(&c);
}

static void
test_two_clients_share(void **state)
{
    cluster c;
    job a, b;
    (void)state;
    prepare(&c);
    begin(&c, 2, 128 * MIB);
    tg_session *other = open_client(&c);
    start_job(&a, c.client, build_large);
    start_job(&b, other, tg_test_plans[2].build);
    finish_job(&b, "the second client");
    finish_job(&a, "the first client");
    tg_session_close(other);
    end(&c);
}

/* The scheduler is ended and another one begins, in the middle of a job. */
static void
restart(bool journals)
{
    cluster c;
    job j;
    prepare(&c);
    c.journals = journals;
    begin(&c, 2, 128 * MIB);
    start_job(&j, c.client, build_large);
    await_progress(&j, 0.3);
    stop_daemon(&c);
    nap(SECOND / 5);
    start_daemon(&c);
    finish_job(&j, "a scheduler that was started again");
    start_job(&j, c.client, tg_test_plans[1].build);
    finish_job(&j, "the job after it");
    end(&c);
}

static void
test_a_scheduler_comes_back_with_its_journal(void **state)
{
    (void)state;
    restart(true);
}

static void
test_a_scheduler_comes_back_with_nothing(void **state)
{
    (void)state;
    restart(false);
}

static void
test_stores_are_written_by_workers(void **state)
{
    cluster c;
    tg_error err;
    tg_result written, expected;
    tg_session *alone = NULL;
    (void)state;
    prepare(&c);
    begin(&c, 2, 128 * MIB);
    tg_scope *g = tg_scope_create(c.client);
    tg_save_options options = { .struct_size = sizeof options,
                                .chunks = (int64_t[]){ 100, 70 },
                                .overwrite = true };
    tg_array *x = tg_test_blurred(g, tg_test_numbers(g, 600, 500));
    must(tg_save(c.client, x, "cluster_out.zarr", &options, &err), &err);
    tg_scope_destroy(g);
    must(tg_session_open(NULL, &alone, &err), &err);
    g = tg_scope_create(alone);
    tg_target from_store = { .array = tg_open(g, "cluster_out.zarr") };
    tg_target computed = { .array = tg_test_blurred(g, tg_test_numbers(g, 600, 500)) };
    must(tg_compute(alone, 1, &from_store, &written, &err), &err);
    must(tg_compute(alone, 1, &computed, &expected, &err), &err);
    same("a store", &expected, &written);
    tg_result_release(&written);
    tg_result_release(&expected);
    tg_scope_destroy(g);
    tg_session_close(alone);
    end(&c);
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_plan_gives_the_same_bytes),
        cmocka_unit_test(test_keys_over_tcp),
        cmocka_unit_test(test_a_worker_dies),
        cmocka_unit_test(test_a_worker_comes_late),
        cmocka_unit_test(test_a_worker_drains),
        cmocka_unit_test(test_tiles_go_to_disk),
        cmocka_unit_test(test_cancelled_jobs_end),
        cmocka_unit_test(test_disconnecting_ends_jobs),
        cmocka_unit_test(test_a_session_has_a_priority),
        cmocka_unit_test(test_a_lost_file_is_named_with_the_worker),
        cmocka_unit_test(test_two_clients_share),
        cmocka_unit_test(test_a_scheduler_comes_back_with_its_journal),
        cmocka_unit_test(test_a_scheduler_comes_back_with_nothing),
        cmocka_unit_test(test_stores_are_written_by_workers),
    };
    if (argc > 1) { /* one of them, by name */
        cmocka_set_test_filter(argv[1]);
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
