/* SPDX-License-Identifier: BSD-3-Clause */
/* Plans that are expanded beside the loop: what cannot be says why, and the next one's turn comes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "scheduler/daemon/expander.h"
#include "tests/support/fault_alloc.h"

enum { JOBS = 5 };

typedef struct asker {
    tg_expander *expander;
    uint64_t last; /* job that was asked for */
    tg_status code[JOBS + 1];
} asker;

static void
ready(void *ctx)
{
    (void)ctx;
}

/* Of these there is no memory for all but the last. */
static void
ask(asker *a)
{
    a->last++;
    fault_at = a->last < JOBS ? 1 : 0;
    fault_calls = 0;
    tg_expander_want(a->expander, a->last, "no plan", 7);
    fault_at = 0;
}

/* As the server does: the end of one job is the begin of the next. */
static void
taken(void *ctx, uint64_t job, const tg_sched_job *spec, const tg_error *error)
{
    asker *a = ctx;
    assert_null(spec);
    assert_int_equal(job, a->last);
    a->code[job] = error->code;
    if (a->last < JOBS) {
        ask(a);
    }
}

static void
test_jobs_that_there_is_no_memory_for_end_one_after_the_other(void **state)
{
    asker a = { 0 };
    tg_error err;
    (void)state;
    assert_int_equal(tg_expander_create(NULL, ready, NULL, &a.expander, &err), TG_OK);
    ask(&a);
    while (tg_expander_wait(a.expander)) {
        tg_expander_take(a.expander, taken, &a);
    }
    for (uint64_t job = 1; job < JOBS; job++) {
        assert_int_equal(a.code[job], TG_ERR_MEMORY);
    }
    assert_int_equal(a.code[JOBS], TG_ERR_FORMAT); /* there was for that one, but it is none */
    tg_expander_drop(a.expander, JOBS);
    tg_expander_destroy(a.expander);
    assert_int_equal(fault_live, 0);
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_jobs_that_there_is_no_memory_for_end_one_after_the_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
