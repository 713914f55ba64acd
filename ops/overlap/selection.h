/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_OVERLAP_SELECTION_H
#define TG_OVERLAP_SELECTION_H
/*
 * What: programs that select the element of one rank out of n by compare-exchanges, for
 * ops/kernel/taps.h.
 *
 * Forgetful selection: a pool of values is filled until its largest (or smallest) cannot be the one
 * that is looked for any more; that one is forgotten and its place is taken by the next value. The
 * median of 27 needs a pool of 15 and 182 compare-exchanges.
 *
 * Ownership: gives a block of tg_state_alloc. Threads: pure. Errors: NULL when out of memory or
 * when the pool would not fit into TG_SELECT_SLOTS_MAX.
 */
#include "ops/kernel/taps.h"

typedef struct tg_selection {
    int64_t count; /* steps */
    int answer;    /* slot */
    int slots;
    tg_select_step step[];
} tg_selection;

/* The largest n that is worth a program; beyond it use a partial sort. */
enum { TG_SELECTION_MAX = 400 };

tg_selection *tg_selection_create(int64_t n, int64_t rank);

#endif
