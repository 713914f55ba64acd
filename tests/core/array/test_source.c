/* SPDX-License-Identifier: BSD-3-Clause */
/* The counting of sources and sinks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/array/source.h"

static int destroyed;

static void
destroy_source(tg_source *source)
{
    assert_int_equal(atomic_load(&source->references), 0);
    destroyed++;
}

static void
destroy_sink(tg_sink *sink)
{
    assert_int_equal(atomic_load(&sink->references), 0);
    destroyed++;
}

static void
test_sources(void **state)
{
    static const tg_source_ops ops = { .destroy = destroy_source };
    static tg_source source = { .ops = &ops };
    (void)state;
    atomic_init(&source.references, 1);
    destroyed = 0;
    assert_ptr_equal(tg_source_retain(&source), &source);
    tg_source_release(&source);
    assert_int_equal(destroyed, 0);
    tg_source_release(&source);
    assert_int_equal(destroyed, 1);
    assert_null(tg_source_retain(NULL));
    tg_source_release(NULL);
}

static void
test_sinks(void **state)
{
    static const tg_sink_ops ops = { .destroy = destroy_sink };
    static tg_sink sink = { .ops = &ops };
    (void)state;
    atomic_init(&sink.references, 1);
    destroyed = 0;
    assert_ptr_equal(tg_sink_retain(&sink), &sink);
    tg_sink_release(&sink);
    assert_int_equal(destroyed, 0);
    tg_sink_release(&sink);
    assert_int_equal(destroyed, 1);
    assert_null(tg_sink_retain(NULL));
    tg_sink_release(NULL);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sources),
        cmocka_unit_test(test_sinks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
