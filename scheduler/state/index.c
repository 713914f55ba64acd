/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * From ids to slots and jobs: a sorted array. Looking up is the common case; workers and jobs come
 * and go seldom, and mostly with growing ids, so that moving the rest up costs little.
 */
#include <string.h>

#include "scheduler/state/internal.h"

static size_t
lower_bound(const tg__index *index, uint64_t id)
{
    size_t lo = 0, hi = index->count;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (index->entries[mid].id < id) {
            lo = mid + 1;
        } else {
            hi = mid;
        }
    }
    return lo;
}

tg__entry *
tg__index_find(const tg__index *index, uint64_t id)
{
    size_t at = lower_bound(index, id);
    return at < index->count && index->entries[at].id == id ? &index->entries[at] : NULL;
}

tg__entry *
tg__index_add(tg__index *index, uint64_t id)
{
    size_t at = lower_bound(index, id);
    tg__entry *entry = &index->entries[at];
    memmove(entry + 1, entry, (index->count - at) * sizeof *entry);
    index->count++;
    *entry = (tg__entry){ .id = id };
    return entry;
}

void
tg__index_remove(tg__index *index, uint64_t id)
{
    tg__entry *entry = tg__index_find(index, id);
    if (entry != NULL) {
        size_t at = (size_t)(entry - index->entries);
        index->count--;
        memmove(entry, entry + 1, (index->count - at) * sizeof *entry);
    }
}
