/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_ARRAY_BOX_H
#define TG_ARRAY_BOX_H
/*
 * What: half-open N-d regions [lo, hi). All culling and halo arithmetic is arithmetic on these. A
 * box with hi <= lo along any axis is empty; a box with no axes holds one element.
 *
 * Ownership: values; only the first `ndim` entries mean anything, and copying copies only those.
 * Threads: pure functions. Errors: none.
 */
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "core/base/assert.h"
#include "core/base/limits.h"
#include "core/base/size.h"

typedef struct tg_box {
    int ndim;
    int64_t lo[TG_NDIM_MAX];
    int64_t hi[TG_NDIM_MAX];
} tg_box;

static inline void
tg_box_copy(tg_box *to, const tg_box *from)
{
    to->ndim = from->ndim;
    memcpy(to->lo, from->lo, (size_t)from->ndim * sizeof from->lo[0]);
    memcpy(to->hi, from->hi, (size_t)from->ndim * sizeof from->hi[0]);
}

static inline void
tg_box_from_shape(tg_box *box, int ndim, const int64_t *shape)
{
    box->ndim = ndim;
    for (int a = 0; a < ndim; a++) {
        box->lo[a] = 0;
        box->hi[a] = shape[a];
    }
}

static inline bool
tg_box_is_empty(const tg_box *box)
{
    bool empty = false;
    for (int a = 0; a < box->ndim; a++) {
        empty = empty || box->hi[a] <= box->lo[a];
    }
    return empty;
}

static inline int64_t
tg_box_count(const tg_box *box)
{
    int64_t count = 1;
    for (int a = 0; a < box->ndim; a++) {
        count *= box->hi[a] > box->lo[a] ? box->hi[a] - box->lo[a] : 0;
    }
    return count;
}

static inline bool
tg_box_equal(const tg_box *a, const tg_box *b)
{
    return a->ndim == b->ndim && memcmp(a->lo, b->lo, (size_t)a->ndim * sizeof a->lo[0]) == 0 &&
           memcmp(a->hi, b->hi, (size_t)a->ndim * sizeof a->hi[0]) == 0;
}

static inline bool
tg_box_contains(const tg_box *outer, const tg_box *inner)
{
    bool inside = true;
    for (int a = 0; a < outer->ndim; a++) {
        inside = inside && inner->lo[a] >= outer->lo[a] && inner->hi[a] <= outer->hi[a];
    }
    return inside;
}

/* *out may be one of the operands. Returns false, and an empty box, when they do not meet. */
static inline bool
tg_box_intersect(tg_box *out, const tg_box *a, const tg_box *b)
{
    bool meets = true;
    out->ndim = a->ndim;
    for (int i = 0; i < a->ndim; i++) {
        int64_t lo = tg_max_i64(a->lo[i], b->lo[i]);
        int64_t hi = tg_min_i64(a->hi[i], b->hi[i]);
        out->lo[i] = lo;
        out->hi[i] = tg_max_i64(lo, hi);
        meets = meets && hi > lo;
    }
    return meets;
}

/* The smallest box that holds both. An empty operand adds nothing. */
static inline void
tg_box_hull(tg_box *out, const tg_box *a, const tg_box *b)
{
    if (tg_box_is_empty(a)) {
        tg_box_copy(out, b);
    } else if (tg_box_is_empty(b)) {
        tg_box_copy(out, a);
    } else {
        TG_DCHECK(a->ndim == b->ndim);
        out->ndim = a->ndim;
        for (int i = 0; i < a->ndim; i++) {
            int64_t lo = tg_min_i64(a->lo[i], b->lo[i]);
            out->hi[i] = tg_max_i64(a->hi[i], b->hi[i]);
            out->lo[i] = lo;
        }
    }
}

/* The pieces of a demand: usually one, two per axis where a boundary wraps round. */
typedef struct tg_boxes {
    int count;
    tg_box box[TG_DEMAND_BOXES_MAX];
} tg_boxes;

/* Adds a box, unless it is empty; when the list is full the last entry becomes the hull. */
static inline void
tg_boxes_add(tg_boxes *boxes, const tg_box *box)
{
    if (!tg_box_is_empty(box)) {
        if (boxes->count < TG_DEMAND_BOXES_MAX) {
            tg_box_copy(&boxes->box[boxes->count++], box);
        } else {
            tg_box *last = &boxes->box[TG_DEMAND_BOXES_MAX - 1];
            tg_box_hull(last, last, box);
        }
    }
}

#endif
