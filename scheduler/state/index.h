/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_STATE_INDEX_H
#define TG_STATE_INDEX_H
/*
 * What: tables from ids to what they stand for, and arrays that grow. A table is a sorted array:
 * looking up is the common case; workers and jobs come and go seldom, and mostly with growing ids,
 * so that moving the rest up costs little. Shared by scheduler/state and scheduler/server.
 *
 * Ownership: the entries belong to the table, what they point to does not. Threads: one.
 * Errors: growing says false when there is no memory, and nothing has changed.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Ids ascend. */
typedef struct tg__entry {
    uint64_t id;
    union {
        struct tg__job *job;
        void *item;
        uint16_t slot;
    } as;
} tg__entry;

typedef struct tg__index {
    tg__entry *entries;
    size_t count, entries_capacity;
} tg__index;

/* NULL: not there. Valid until the table changes. */
tg__entry *tg__index_find(const tg__index *index, uint64_t id);
/* The one with the next larger id, whether or not this one is there; NULL: there is none. */
tg__entry *tg__index_after(const tg__index *index, uint64_t id);
/* The caller has grown the table. */
tg__entry *tg__index_add(tg__index *index, uint64_t id);
void tg__index_remove(tg__index *index, uint64_t id);
void tg__index_fini(tg__index *index);

#endif
