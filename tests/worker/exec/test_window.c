/* SPDX-License-Identifier: BSD-3-Clause */
/* The window: what runs ahead of the oldest task fits into `ahead`, and all that is held fits into
 * the serial peak and `ahead` together; on random graphs with random needs. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "worker/exec/exec.h"

enum { COUNT = 400 };

typedef struct model {
    tg_tasks tasks;
    int64_t need[COUNT];
    int64_t ahead, serial_peak;
    pthread_mutex_t lock;
    bool started[COUNT], ended[COUNT];
    uint32_t readers[COUNT];
    uint32_t frontier;
    int64_t held, held_max, ahead_max;
    uint32_t runs;
} model;

static unsigned
next_random(unsigned *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 8;
}

static int64_t
need(void *ctx, uint32_t task)
{
    const model *m = ctx;
    return m->need[task];
}

static void
let_go(model *m, uint32_t task)
{
    for (uint64_t e = m->tasks.pred_start[task]; e < m->tasks.pred_start[task + 1]; e++) {
        uint32_t maker = m->tasks.preds[e];
        m->held -= --m->readers[maker] == 0 ? m->need[maker] : 0;
    }
    m->held -= m->readers[task] == 0 ? m->need[task] : 0;
}

static tg_status
run_task(void *ctx, uint32_t task, int thread, int64_t ready_ns, tg_error *err)
{
    model *m = ctx;
    int64_t beyond = 0;
    (void)thread;
    (void)ready_ns;
    (void)err;
    (void)pthread_mutex_lock(&m->lock);
    m->started[task] = true;
    m->held += m->need[task];
    m->held_max = m->held > m->held_max ? m->held : m->held_max;
    for (uint32_t t = m->frontier + 1; t < COUNT; t++) {
        beyond += m->started[t] ? m->need[t] : 0;
    }
    m->ahead_max = beyond > m->ahead_max ? beyond : m->ahead_max;
    (void)pthread_mutex_unlock(&m->lock);
    for (volatile int spin = 0; spin < (int)(m->need[task] % 97) * 20; spin++) {
    }
    (void)pthread_mutex_lock(&m->lock);
    m->ended[task] = true;
    m->runs++;
    let_go(m, task);
    while (m->frontier < COUNT && m->ended[m->frontier]) {
        m->frontier++;
    }
    (void)pthread_mutex_unlock(&m->lock);
    return TG_OK;
}

static void
count_readers(model *m)
{
    for (uint32_t t = 0; t < COUNT; t++) {
        m->readers[t] = (uint32_t)(m->tasks.succ_start[t + 1] - m->tasks.succ_start[t]);
    }
}

static void
model_init(model *m, unsigned seed)
{
    tg_error err;
    memset(m, 0, sizeof *m);
    (void)pthread_mutex_init(&m->lock, NULL);
    tg_tasks_init(&m->tasks);
    unsigned span = 1 + next_random(&seed) % 60;
    for (uint32_t t = 0; t < COUNT; t++) {
        uint32_t preds[3], id = 0, n = t < 3 ? 0 : next_random(&seed) % 4;
        for (uint32_t i = 0; i < n; i++) {
            preds[i] = t - 1 - next_random(&seed) % (t < span ? t : span);
        }
        m->need[t] = 1 + next_random(&seed) % 1000;
        assert_int_equal(tg_tasks_add(&m->tasks, n, preds, &id, &err), TG_OK);
    }
    assert_int_equal(tg_tasks_freeze(&m->tasks, &err), TG_OK);
    count_readers(m);
    for (uint32_t t = 0; t < COUNT; t++) { /* one after the other */
        m->held += m->need[t];
        m->serial_peak = m->held > m->serial_peak ? m->held : m->serial_peak;
        let_go(m, t);
    }
    assert_int_equal(m->held, 0);
    count_readers(m);
    const int64_t budgets[] = { 0, 500, 3000, 30000, INT64_MAX / 2 };
    m->ahead = budgets[seed / 7 % 5];
}

static void
test_random_graphs(void **state)
{
    tg_exec *exec = NULL;
    tg_error err;
    (void)state;
    assert_int_equal(tg_exec_create(4, &exec, &err), TG_OK);
    for (unsigned seed = 0; seed < 150; seed++) {
        static model m;
        tg_job *job = NULL;
        bool done = false;
        model_init(&m, seed);
        tg_job_spec spec = { .tasks = &m.tasks,
                             .ctx = &m,
                             .run = run_task,
                             .need = need,
                             .ahead_bytes = m.ahead,
                             .stamp = seed % 2 == 0 };
        assert_int_equal(tg_job_start(exec, &spec, &job, &err), TG_OK);
        assert_int_equal(tg_job_wait(job, -1, &done, &err), TG_OK);
        assert_int_equal(m.runs, COUNT);
        assert_true(m.ahead_max <= m.ahead);
        assert_true(m.held_max <= m.serial_peak + m.ahead);
        assert_int_equal(m.held, 0);
        tg_job_release(job);
        tg_tasks_fini(&m.tasks);
        (void)pthread_mutex_destroy(&m.lock);
    }
    tg_exec_destroy(exec);
}

int
main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_random_graphs) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
