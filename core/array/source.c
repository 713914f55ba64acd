/* SPDX-License-Identifier: BSD-3-Clause */
/* The beginning and the counting of sources and sinks. The last release ends with the
 * implementation's destroy. */
#include "core/array/source.h"

#include <stdatomic.h>
#include <stdio.h>

#include "core/base/assert.h"
#include "tilegraph/session.h"

void
tg_source_init(tg_source *source, const tg_source_ops *ops, const char *format, const char *uri)
{
    source->ops = ops;
    atomic_init(&source->references, 1);
    (void)snprintf(source->format, sizeof source->format, "%s", format);
    (void)snprintf(source->uri, sizeof source->uri, "%s", uri);
}

tg_source *
tg_source_retain(tg_source *source)
{
    if (source != NULL) {
        unsigned before = atomic_fetch_add_explicit(&source->references, 1, memory_order_relaxed);
        TG_ASSERT_CMP(before, >, 0);
    }
    return source;
}

void
tg_source_release(tg_source *source)
{
    if (source != NULL) {
        unsigned before = atomic_fetch_sub_explicit(&source->references, 1, memory_order_acq_rel);
        TG_ASSERT_CMP(before, >, 0);
        if (before == 1) {
            source->ops->destroy(source);
        }
    }
}

void
tg_sink_init(tg_sink *sink, const tg_sink_ops *ops, const char *format, const char *uri)
{
    sink->ops = ops;
    atomic_init(&sink->references, 1);
    (void)snprintf(sink->format, sizeof sink->format, "%s", format);
    (void)snprintf(sink->uri, sizeof sink->uri, "%s", uri);
}

tg_sink *
tg_sink_retain(tg_sink *sink)
{
    if (sink != NULL) {
        unsigned before = atomic_fetch_add_explicit(&sink->references, 1, memory_order_relaxed);
        TG_ASSERT_CMP(before, >, 0);
    }
    return sink;
}

void
tg_sink_release(tg_sink *sink)
{
    if (sink != NULL) {
        unsigned before = atomic_fetch_sub_explicit(&sink->references, 1, memory_order_acq_rel);
        TG_ASSERT_CMP(before, >, 0);
        if (before == 1) {
            sink->ops->destroy(sink);
        }
    }
}
