/* SPDX-License-Identifier: BSD-3-Clause */
/* See the header. */
#include "scheduler/state/index.h"

#include <string.h>

#include "core/mem/alloc.h"

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
tg__index_after(const tg__index *index, uint64_t id)
{
    size_t at = id != UINT64_MAX ? lower_bound(index, id + 1) : index->count;
    return at < index->count ? &index->entries[at] : NULL;
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

void
tg__index_fini(tg__index *index)
{
    tg_free(NULL, index->entries, index->entries_capacity * sizeof *index->entries);
    *index = (tg__index){ 0 };
}
