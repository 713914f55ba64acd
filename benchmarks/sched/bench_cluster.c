/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A whole cluster with nothing to do: a scheduler, workers and this client, each a process, and
 * tasks that are empty. They are tiles of 64 bytes, each by a call that only marks it, and the sum
 * of the marks, which must be the number of tiles: one task for each 1,000 or so.
 *
 *     bench_cluster tasks [tasks [repeats [workers]]]
 *         one line a repeat: tasks, seconds from the start to the result
 *     bench_cluster submit [tasks [repeats [workers]]]
 *         tasks, bytes of the plan as it is sent, seconds from starting the plan to the
 *         scheduler's word that it has the job, seconds from then to the first task that has ended
 */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/array/array.h"
#include "core/array/grid.h"
#include "ops/registry.h"
#include "scheduler/daemon/daemon.h"
#include "tilegraph/cluster.h"
#include "tilegraph/plan.h"
#include "worker/exec/clock.h"
#include "worker/net/worker.h"

enum { CELLS = 64, OPS_MAX = 1024, WORKERS_MAX = 16 };

static char folder[] = "/tmp/tg-bench-XXXXXX";
static char join[sizeof folder + 8];

static double
now_s(void)
{
    return (double)tg_clock_ns() * 1e-9;
}

static void
fail(const char *what, const tg_error *err)
{
    fprintf(stderr, "bench_cluster: %s: %s\n", what, err->message);
    exit(EXIT_FAILURE);
}

/* -- the op that does nothing ---------------------------------------------------------------- */

static tg_status
idle_infer(tg_infer *infer, tg_error *err)
{
    (void)err;
    infer->dtype = infer->args[0]->dtype;
    infer->ndim = infer->args[0]->ndim;
    memcpy(infer->shape, infer->args[0]->shape, sizeof infer->shape);
    infer->chunks = tg_grid_retain(infer->args[0]->chunks);
    return TG_OK;
}

static void
idle_demand(const tg_array *node, size_t arg, const tg_box *out, tg_box *in)
{
    (void)node, (void)arg;
    *in = *out;
}

static void
idle_tiling(const tg_array *node, tg_tiling *tiling)
{
    (void)node;
    tiling->follow_chunks = true;
}

static void
idle_cost(const tg_array *node, const tg_box *out, tg_cost *cost)
{
    (void)node, (void)out;
    *cost = (tg_cost){ .operations = 1 };
}

static tg_status
idle_run(const tg_run *run, const tg_view *in, const tg_view *out, tg_error *err)
{
    (void)run, (void)in, (void)err;
    memset(out->data, 0, CELLS);
    *(unsigned char *)out->data = 1;
    return TG_OK;
}

static const tg_param_schema idle_params[] = { { .name = NULL } };
static const tg_op op_idle = {
    .name = "idle",
    .module = "",
    .summary = "Nothing.",
    .version = 1,
    .cls = TG_CLASS_GATHER,
    .nargs_min = 1,
    .nargs_max = 1,
    .arg_names = "x",
    .params = idle_params,
    .infer = idle_infer,
    .demand = idle_demand,
    .tiling = idle_tiling,
    .cost = idle_cost,
    .run = idle_run,
};

static tg_registry *
registry_with_idle(void)
{
    const tg_op *const *builtin = NULL;
    const tg_op *all[OPS_MAX];
    size_t count = tg_ops_builtin(&builtin);
    memcpy(all, builtin, count * sizeof *all);
    all[count] = &op_idle;
    return tg_registry_create(all, count + 1);
}

/* A session that knows it as well. */
static tg_session *
open_session(int threads)
{
    tg_error err;
    tg_session *session = NULL;
    tg_session_options options = { .struct_size = sizeof options,
                                   .threads = threads,
                                   .memory_limit = (int64_t)1 << 30 };
    if (tg_session_open(&options, &session, &err) != TG_OK) {
        fail("session", &err);
    }
    tg_context_destroy(session->context);
    tg_registry_destroy(session->registry);
    session->registry = registry_with_idle();
    session->context = tg_context_create(session->registry);
    return session;
}

/* -- the processes ---------------------------------------------------------------------------- */

static _Noreturn void
be_scheduler(int alive)
{
    tg_error err;
    tg_daemon *daemon = NULL;
    tg_registry *registry = registry_with_idle();
    char address[sizeof folder + 16];
    const char *listen = address;
    (void)snprintf(address, sizeof address, "ipc://%s/s", folder);
    tg_daemon_options options = { .registry = registry,
                                  .listen = &listen,
                                  .listen_count = 1,
                                  .join_file = join,
                                  .alive_fd = alive };
    if (tg_daemon_create(&options, &daemon, &err) != TG_OK ||
        tg_daemon_run(daemon, &err) != TG_OK) {
        fail("scheduler", &err);
    }
    tg_daemon_destroy(daemon);
    tg_registry_destroy(registry);
    exit(EXIT_SUCCESS);
}

static _Noreturn void
be_worker(int alive, int number)
{
    tg_error err;
    char listen[sizeof folder + 16];
    tg_worker *worker = NULL;
    tg_session *session = open_session(1);
    (void)snprintf(listen, sizeof listen, "ipc://%s/%d", folder, number);
    tg_worker_options options = {
        .session = session, .cluster = join, .listen = listen, .alive_fd = alive
    };
    if (tg_worker_create(&options, &worker, &err) != TG_OK ||
        tg_worker_run(worker, &err) != TG_OK) {
        fail("worker", &err);
    }
    tg_worker_destroy(worker);
    tg_session_close(session);
    exit(EXIT_SUCCESS);
}

/* They end when the pipe is closed. */
static void
start_all(int workers, int *pipe_end, pid_t *pids)
{
    int ends[2];
    struct stat about;
    if (mkdtemp(folder) == NULL || pipe(ends) != 0) {
        perror("bench_cluster");
        exit(EXIT_FAILURE);
    }
    (void)snprintf(join, sizeof join, "%s/join", folder);
    for (int i = 0; i <= workers; i++) {
        pids[i] = fork();
        if (pids[i] == 0) {
            (void)close(ends[1]);
            if (i == 0) {
                be_scheduler(ends[0]);
            }
            be_worker(ends[0], i);
        }
        while (i == 0 && stat(join, &about) != 0 && waitpid(pids[0], NULL, WNOHANG) == 0) {
            (void)usleep(1000);
        }
    }
    (void)close(ends[0]);
    *pipe_end = ends[1];
}

static void
end_all(int workers, int pipe_end, const pid_t *pids)
{
    (void)close(pipe_end);
    for (int i = 0; i <= workers; i++) {
        (void)waitpid(pids[i], NULL, 0);
    }
    (void)unlink(join);
    (void)rmdir(folder);
}

/* -- the client ------------------------------------------------------------------------------- */

static tg_array *
build(tg_scope *scope, int64_t tasks)
{
    int64_t shape = tasks * CELLS, chunk = CELLS, dtype = TG_DT_U8;
    tg_param full[] = {
        { "shape", TG_PARAM_INT, { 1, { .ints = &shape } } },
        { "fill_value", TG_PARAM_FLOAT, { 1, { .floats = (double[]){ 0 } } } },
        { "dtype", TG_PARAM_DTYPE, { 1, { .ints = &dtype } } },
        { "chunks", TG_PARAM_INT, { 1, { .ints = &chunk } } },
    };
    tg_array *zeros = tg_apply(scope, "full", 0, NULL, 4, full);
    tg_array *idle = tg_apply(scope, "idle", 1, &zeros, 0, NULL);
    return tg_apply(scope, "sum", 1, &idle, 0, NULL);
}

static void
wait_for_workers(tg_session *session, int workers)
{
    tg_error err;
    for (int found = 0; found < workers;) {
        char *text = NULL;
        found = 0;
        if (tg_session_ask(session, "status", &text, &err) != TG_OK) {
            fail("status", &err);
        }
        for (const char *at = text; (at = strstr(at, "\"threads\"")) != NULL; at++) {
            found++;
        }
        tg_text_free(text);
    }
}

static tg_plan *
make_plan(tg_session *session, tg_array *array, uint64_t *marks)
{
    tg_error err;
    tg_plan *plan = NULL;
    tg_target target = { .array = array, .data = marks };
    if (tg_plan_create(session, 1, &target, &plan, &err) != TG_OK) {
        fail("plan", &err);
    }
    return plan;
}

static tg_computation *
start(tg_session *session, tg_plan *plan)
{
    tg_error err;
    tg_computation *computation = NULL;
    if (tg_plan_start(session, plan, &computation, &err) != TG_OK) {
        fail("start", &err);
    }
    return computation;
}

/* What a plan takes until the scheduler has it: serializing, sending, its word. The computation is
 * cancelled when a first task has ended. */
static void
submit(tg_session *session, tg_array *array)
{
    tg_error err;
    uint64_t marks = 0;
    tg_plan *plan = make_plan(session, array, &marks);
    void *bytes = NULL;
    size_t size = 0;
    char *text = NULL;
    bool done = false;
    int64_t ended = 0, tasks = 0;
    double begin = now_s();
    tg_computation *computation = start(session, plan);
    /* The link keeps the order: an answer to what is asked behind it says that it is there. */
    if (tg_session_ask(session, "status", &text, &err) != TG_OK) {
        fail("status", &err);
    }
    double accepted = now_s();
    if (strstr(text, "\"jobs\": []") != NULL) {
        fprintf(stderr, "bench_cluster: the scheduler answers, and has no job\n");
        exit(EXIT_FAILURE);
    }
    tg_text_free(text);
    while (ended == 0 && !done) {
        if (tg_computation_wait(computation, 1000000, &done, &err) != TG_OK) {
            fail("the computation", &err);
        }
        tg_computation_progress(computation, &ended, &tasks);
    }
    double first = now_s();
    if (tg_plan_to_bytes(plan, &bytes, &size, &err) != TG_OK) {
        fail("plan", &err);
    }
    printf("%" PRId64 " %zu %.6f %.6f\n", tasks, size, accepted - begin, first - accepted);
    tg_plan_bytes_free(bytes, size);
    tg_computation_cancel(computation);
    if (tg_computation_wait(computation, -1, &done, &err) == TG_OK) {
        fprintf(stderr, "bench_cluster: it had ended before it was cancelled\n");
    }
    tg_computation_destroy(computation);
    tg_plan_destroy(plan);
}

/* All of it: planning, sending, the tasks, the result. */
static void
compute(tg_session *session, tg_array *array, int64_t tiles)
{
    tg_error err;
    uint64_t marks = 0;
    bool done = false;
    int64_t ended = 0, tasks = 0;
    double begin = now_s();
    tg_plan *plan = make_plan(session, array, &marks);
    tg_computation *computation = start(session, plan);
    while (!done) {
        if (tg_computation_wait(computation, -1, &done, &err) != TG_OK) {
            fail("the computation", &err);
        }
    }
    double end = now_s();
    tg_computation_progress(computation, &ended, &tasks);
    if (marks != (uint64_t)tiles || ended != tasks || tasks < tiles) {
        fprintf(stderr, "bench_cluster: a wrong result: %" PRIu64 "\n", marks);
        exit(EXIT_FAILURE);
    }
    printf("%" PRId64 " %.6f\n", tasks, end - begin);
    tg_computation_destroy(computation);
    tg_plan_destroy(plan);
}

int
main(int argc, char **argv)
{
    bool submits = argc > 1 && strcmp(argv[1], "submit") == 0;
    int64_t tasks = argc > 2 ? atoll(argv[2]) : 200000;
    int repeats = argc > 3 ? atoi(argv[3]) : 3, workers = argc > 4 ? atoi(argv[4]) : 2;
    pid_t pids[WORKERS_MAX + 1];
    int pipe_end = -1;
    tg_error err;
    if (argc < 2 || (!submits && strcmp(argv[1], "tasks") != 0) || tasks < 1 || workers < 1 ||
        workers > WORKERS_MAX) {
        fprintf(stderr, "bench_cluster tasks|submit [tasks [repeats [workers]]]\n");
        return 2;
    }
    start_all(workers, &pipe_end, pids);
    tg_session *session = open_session(1);
    if (tg_session_connect(session, join, NULL, &err) != TG_OK) {
        fail("connect", &err);
    }
    wait_for_workers(session, workers);
    tg_scope *scope = tg_scope_create(session);
    tg_array *array = build(scope, tasks);
    if (array == NULL) {
        fail("build", tg_scope_error(scope));
    }
    for (int i = 0; i < repeats; i++) {
        if (submits) {
            submit(session, array);
        } else {
            compute(session, array, tasks);
        }
        (void)fflush(stdout);
    }
    tg_scope_destroy(scope);
    tg_session_close(session);
    end_all(workers, pipe_end, pids);
    return EXIT_SUCCESS;
}
