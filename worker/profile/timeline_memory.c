/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The series of memory in use. Design notes: threads that tell their changes never wait. Most calls
 * end at a look at the time; the rest try a flag and go away when another thread has it. The most
 * bytes since the last sample are kept beside it, so that no peak between two samples is lost.
 */
#include <string.h>

#include "core/base/size.h"
#include "worker/profile/timeline_inside.h"

static void
raise_to(_Atomic int64_t *most, int64_t value)
{
    int64_t old = atomic_load_explicit(most, memory_order_relaxed);
    while (old < value && !atomic_compare_exchange_weak_explicit(
                              most, &old, value, memory_order_relaxed, memory_order_relaxed)) {
    }
}

void
tg__timeline_memory_reset(tg__timeline_memory *m)
{
    m->count = 0;
    atomic_flag_clear(&m->busy);
    atomic_store(&m->next_ns, INT64_MIN);
    atomic_store(&m->every_ns, TG_TIMELINE_MEMORY_EVERY_NS);
    atomic_store(&m->most_bytes, 0);
    atomic_store(&m->peak_bytes, 0);
    atomic_store(&m->limit_bytes, 0);
    atomic_store(&m->kept_bytes, 0);
    atomic_store(&m->used_bytes, 0);
}

/* Two samples become one: that with the larger use, at the time of the first. What is kept goes
 * with it, because only then do both together stay below the limit, as they did. */
static void
halve(tg__timeline_memory *m)
{
    uint64_t half = m->count / 2;
    for (uint64_t i = 0; i < half; i++) {
        tg_timeline_sample a = m->samples[2 * i];
        tg_timeline_sample b = m->samples[2 * i + 1];
        m->samples[i] = a.used_bytes >= b.used_bytes ? a : b;
        m->samples[i].time_ns = a.time_ns;
    }
    m->count = half;
    atomic_store(&m->every_ns, 2 * atomic_load(&m->every_ns));
}

/* Under busy. */
static void
append(tg__timeline_memory *m, int64_t now_ns, int64_t used_bytes)
{
    if (m->count == TG_TIMELINE_MEMORY_SAMPLES) {
        halve(m);
    }
    /* Threads read the clock before they get here: keep the series in order. */
    int64_t last_ns = m->count > 0 ? m->samples[m->count - 1].time_ns : now_ns;
    int64_t limit = atomic_load_explicit(&m->limit_bytes, memory_order_relaxed);
    int64_t kept = atomic_load_explicit(&m->kept_bytes, memory_order_relaxed);
    if (limit > 0) { /* the use may be of an earlier moment, when there was less room to keep */
        kept = tg_min_i64(kept, tg_max_i64(limit - used_bytes, 0));
    }
    m->samples[m->count] = (tg_timeline_sample){
        .time_ns = tg_max_i64(now_ns, last_ns),
        .used_bytes = used_bytes,
        .limit_bytes = limit,
        .kept_bytes = kept,
    };
    m->count++;
    atomic_store_explicit(&m->next_ns, now_ns + atomic_load(&m->every_ns), memory_order_relaxed);
}

void
tg_timeline_memory(tg_timeline *t, int64_t now_ns, int64_t used_bytes, int64_t limit_bytes,
                   int64_t kept_bytes)
{
    tg__timeline_memory *m = &t->memory;
    raise_to(&m->most_bytes, used_bytes);
    raise_to(&m->peak_bytes, used_bytes);
    atomic_store_explicit(&m->limit_bytes, limit_bytes, memory_order_relaxed);
    atomic_store_explicit(&m->kept_bytes, kept_bytes, memory_order_relaxed);
    atomic_store_explicit(&m->used_bytes, used_bytes, memory_order_relaxed);
    if (now_ns >= atomic_load_explicit(&m->next_ns, memory_order_relaxed) &&
        !atomic_flag_test_and_set_explicit(&m->busy, memory_order_acquire)) {
        int64_t most = atomic_exchange_explicit(&m->most_bytes, 0, memory_order_relaxed);
        append(m, now_ns, tg_max_i64(most, used_bytes));
        atomic_flag_clear_explicit(&m->busy, memory_order_release);
    }
}

static void
take(tg__timeline_memory *m)
{
    while (atomic_flag_test_and_set_explicit(&m->busy, memory_order_acquire)) {
    }
}

void
tg__timeline_memory_flush(tg__timeline_memory *m, int64_t now_ns)
{
    take(m);
    if (m->count > 0) {
        int64_t used = atomic_load(&m->used_bytes);
        int64_t most = atomic_exchange_explicit(&m->most_bytes, 0, memory_order_relaxed);
        if (most > used) {
            append(m, now_ns, most);
        }
        append(m, now_ns, used);
    }
    atomic_flag_clear_explicit(&m->busy, memory_order_release);
}

uint64_t
tg__timeline_memory_copy(tg__timeline_memory *m, tg_timeline_sample *out)
{
    uint64_t count = 0;
    take(m);
    count = m->count;
    memcpy(out, m->samples, count * sizeof *out);
    atomic_flag_clear_explicit(&m->busy, memory_order_release);
    return count;
}
