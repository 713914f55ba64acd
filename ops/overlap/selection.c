/* SPDX-License-Identifier: BSD-3-Clause */
/* Builds selection programs. See the header. */
#include "ops/overlap/selection.h"

#include "ops/overlap/filter_args.h"

/* The pool as a list of slots; values that are forgotten free their slot for the next one. */
typedef struct program {
    tg_selection *out; /* NULL: only count */
    int64_t count;
    int pool[TG_SELECT_SLOTS_MAX];
    int size;
} program;

static void
emit(program *p, bool is_sort, int a, int b)
{
    if (p->out != NULL) {
        p->out->step[p->count] = (tg_select_step){ is_sort, (uint16_t)a, (uint16_t)b };
    }
    p->count++;
}

/* After it the smallest is in pool[0] (if wanted) and the largest in the last place (if wanted):
 * pairs first, then the smallest of the smaller and the largest of the larger ones. */
static void
extremes(program *p, bool smallest, bool largest)
{
    int n = p->size;
    if (smallest && largest) {
        /* pool[i] <= pool[n - 1 - i] for the lower half. */
        for (int i = 0; i < n / 2; i++) {
            emit(p, true, p->pool[i], p->pool[n - 1 - i]);
        }
        for (int i = (n + 1) / 2 - 1; i > 0; i--) {
            emit(p, true, p->pool[i - 1], p->pool[i]);
        }
        for (int i = n / 2; i < n - 1; i++) {
            emit(p, true, p->pool[i], p->pool[i + 1]);
        }
    } else if (largest) {
        for (int i = 0; i < n - 1; i++) {
            emit(p, true, p->pool[i], p->pool[i + 1]);
        }
    } else {
        for (int i = n - 1; i > 0; i--) {
            emit(p, true, p->pool[i - 1], p->pool[i]);
        }
    }
}

static int
build(program *p, int64_t n, int64_t rank)
{
    int64_t left = n; /* values that can still be the answer, in the pool or unseen */
    int64_t next = 0;
    int slots = 0;
    int spare[2];
    int spare_count = 0;
    while (left > 1) {
        /* A value with `size - 1` larger (smaller) ones in the pool is out when that is more than
         * there may be on that side. */
        bool drop_small = p->size - 1 > left - 1 - rank;
        bool drop_large = p->size - 1 > rank;
        if (!drop_small && !drop_large) {
            int slot = spare_count > 0 ? spare[--spare_count] : slots++;
            emit(p, false, slot, (int)next++);
            p->pool[p->size++] = slot;
        } else {
            extremes(p, drop_small, drop_large);
            spare_count = 0;
            if (drop_large) {
                spare[spare_count++] = p->pool[--p->size];
                left--;
            }
            if (drop_small) {
                spare[spare_count++] = p->pool[0];
                p->pool[0] = p->pool[--p->size];
                left--;
                rank--;
            }
        }
    }
    if (n == 1) {
        emit(p, false, 0, 0);
        p->pool[0] = 0;
        slots = 1;
    }
    return slots;
}

tg_selection *
tg_selection_create(int64_t n, int64_t rank)
{
    tg_selection *selection = NULL;
    if (n <= TG_SELECTION_MAX) {
        program dry = { .out = NULL };
        (void)build(&dry, n, rank);
        selection =
            tg_state_alloc(sizeof *selection + (size_t)dry.count * sizeof selection->step[0]);
        if (selection != NULL) {
            program real = { .out = selection };
            selection->slots = build(&real, n, rank);
            selection->count = real.count;
            selection->answer = real.pool[0];
        }
    }
    return selection;
}
