/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Planning: from the expression to the first task that has run, and the memory that takes, for
 * the sum of a Gaussian filter of a stored array. The computation is cancelled then.
 *
 *     bench_plan PATH
 *
 * PATH is an array whose metadata says very many chunks; none need exist. Prints tasks, seconds
 * from tg_compute_start to the first task done, seconds of planning as the engine reports them,
 * bytes that the resident memory grew by.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tilegraph/session.h"

static double
now_s(void)
{
    struct timespec t = { 0 };
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* A line of /proc/self/status in bytes: "VmHWM", "VmRSS". */
static int64_t
memory_line(const char *name)
{
    char line[256];
    int64_t bytes = 0;
    FILE *file = fopen("/proc/self/status", "r");
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        if (strncmp(line, name, strlen(name)) == 0) {
            bytes = strtoll(line + strlen(name) + 1, NULL, 10) * 1024;
        }
    }
    if (file != NULL) {
        fclose(file);
    }
    return bytes;
}

static tg_array *
build(tg_scope *scope, const char *path)
{
    tg_param sigma[] = { { "sigma", TG_PARAM_FLOAT, { 1, { .floats = (double[]){ 1.0 } } } } };
    tg_array *stored = tg_open(scope, path);
    tg_array *smooth = tg_apply(scope, "gaussian_filter", 1, &stored, 1, sigma);
    return tg_apply(scope, "sum", 1, &smooth, 0, NULL);
}

static tg_status
measure(tg_session *session, tg_array *sum, tg_error *err)
{
    tg_target target = { .array = sum };
    tg_computation *computation = NULL;
    tg_report report = { 0 };
    tg_error ignored;
    int64_t done_tasks = 0, tasks = 0;
    bool done = false;
    int64_t before = memory_line("VmRSS");
    double start = now_s();
    tg_status status = tg_compute_start(session, 1, &target, &computation, err);
    while (status == TG_OK && done_tasks == 0 && !done) {
        status = tg_computation_wait(computation, 100 * 1000, &done, err);
        tg_computation_progress(computation, &done_tasks, &tasks);
    }
    double seconds = now_s() - start;
    int64_t grown = memory_line("VmHWM") - before;
    if (status == TG_OK) {
        tg_computation_cancel(computation);
        if (tg_computation_wait(computation, -1, &done, &ignored) == TG_OK) {
            fprintf(stderr, "bench_plan: it had ended before it was cancelled\n");
        }
        tg_computation_report(computation, &report);
        printf("%" PRId64 " %.6f %.6f %" PRId64 "\n", tasks, seconds, report.plan_seconds, grown);
    }
    tg_computation_destroy(computation);
    return status;
}

int
main(int argc, char **argv)
{
    tg_session *session = NULL;
    tg_error err = { 0 };
    tg_session_options options = { .struct_size = sizeof options, .threads = 2 };
    if (argc != 2) {
        fprintf(stderr, "bench_plan PATH\n");
        return 2;
    }
    tg_status status = tg_session_open(&options, &session, &err);
    if (status == TG_OK) {
        tg_scope *scope = tg_scope_create(session);
        tg_array *sum = build(scope, argv[1]);
        if (sum == NULL) {
            err = *tg_scope_error(scope);
            status = err.code;
        } else {
            status = measure(session, sum, &err);
        }
        tg_scope_destroy(scope);
    }
    if (status != TG_OK) {
        fprintf(stderr, "bench_plan: %s\n", err.message);
    }
    tg_session_close(session);
    return status == TG_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}
