/* SPDX-License-Identifier: BSD-3-Clause */
/* The deque: order for one thread; with thieves every item comes out exactly once. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "worker/exec/deque.h"

enum { ITEMS = 200000, THIEVES = 3 };

static void
test_one_thread(void **state)
{
    tg_deque deque;
    uint32_t item = 0;
    (void)state;
    assert_true(tg_deque_init(&deque));
    assert_false(tg_deque_pop(&deque, &item));
    assert_int_equal(tg_deque_steal(&deque, &item), TG_STEAL_EMPTY);
    for (uint32_t i = 0; i < 1000; i++) {
        assert_true(tg_deque_push(&deque, i));
    }
    assert_true(tg_deque_pop(&deque, &item));
    assert_int_equal(item, 999); /* the owner: the newest */
    assert_int_equal(tg_deque_steal(&deque, &item), TG_STEAL_OK);
    assert_int_equal(item, 0); /* a thief: the oldest */
    for (uint32_t i = 998; i > 0; i--) {
        assert_true(tg_deque_pop(&deque, &item));
        assert_int_equal(item, i);
    }
    assert_false(tg_deque_pop(&deque, &item));
    tg_deque_fini(&deque);
}

typedef struct shared {
    tg_deque deque;
    atomic_bool over;
    atomic_uchar seen[ITEMS];
} shared;

static void *
thief(void *arg)
{
    shared *s = arg;
    uint32_t item = 0;
    bool over = false;
    while (!over) {
        over = atomic_load(&s->over);
        enum tg_steal outcome = tg_deque_steal(&s->deque, &item);
        if (outcome == TG_STEAL_OK) {
            atomic_fetch_add(&s->seen[item], 1);
        }
        over = over && outcome == TG_STEAL_EMPTY;
    }
    return NULL;
}

static void
test_thieves(void **state)
{
    shared *s = calloc(1, sizeof *s);
    pthread_t threads[THIEVES];
    uint32_t item = 0;
    (void)state;
    assert_non_null(s);
    assert_true(tg_deque_init(&s->deque));
    for (int t = 0; t < THIEVES; t++) {
        assert_int_equal(pthread_create(&threads[t], NULL, thief, s), 0);
    }
    for (uint32_t i = 0; i < ITEMS; i++) {
        assert_true(tg_deque_push(&s->deque, i));
        if (i % 3 == 0 && tg_deque_pop(&s->deque, &item)) {
            atomic_fetch_add(&s->seen[item], 1);
        }
    }
    while (tg_deque_pop(&s->deque, &item)) {
        atomic_fetch_add(&s->seen[item], 1);
    }
    atomic_store(&s->over, true);
    for (int t = 0; t < THIEVES; t++) {
        assert_int_equal(pthread_join(threads[t], NULL), 0);
    }
    for (uint32_t i = 0; i < ITEMS; i++) {
        assert_int_equal(atomic_load(&s->seen[i]), 1);
    }
    tg_deque_fini(&s->deque);
    free(s);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_thread),
        cmocka_unit_test(test_thieves),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
