/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What is evaluated with a stage's root: its arguments, theirs, and so on, down to what other
 * stages make and to memory.
 *
 * A node that is read at different places is there more than once. `x[0] + x[-1]` reads two planes;
 * one local for x would be asked for the hull of both, all that lies between. So each way in which
 * x is read is followed for a few sample tiles of the root: ways that lead to places near each
 * other, as those of `x[1:] - x[:-1]` do, share a local; others have one each. This is only about
 * what is read together: any way of sharing gives the same result.
 */
#include <stdlib.h>
#include <string.h>

#include "core/base/assert.h"
#include "core/base/size.h"
#include "core/mem/alloc.h"
#include "core/plan/internal.h"

/* The first cells, the last ones, those of a corner between, and all; tiles of so many cells. */
enum { SAMPLE_LOW, SAMPLE_HIGH, SAMPLE_MIXED, SAMPLE_WHOLE, SAMPLES, SAMPLE_CELLS = 16 };

/* What a local is asked for by the samples. */
typedef struct places {
    bool seen[SAMPLES];
    tg_box box[SAMPLES];
} places;

typedef struct found {
    tg_local local;
    uint32_t number; /* in the order in which they were found */
    places at;
} found;

typedef struct collecting {
    const tg_planner *planner;
    tg_stage *stage;
    uint32_t count, capacity, args, arg_capacity;
    found *locals;
    uint32_t *reads; /* per argument: the number of its local */
    places root;
} collecting;

static void
sample_root(const tg_array *root, places *at)
{
    int64_t shape[TG_NDIM_MAX];
    int ndim = 0;
    tg_array_domain(root, &ndim, shape);
    for (int k = 0; k < SAMPLES; k++) {
        tg_box *box = &at->box[k];
        box->ndim = ndim;
        at->seen[k] = tg_array_is_known(root) || root->op->cls == TG_CLASS_REDUCE;
        for (int a = 0; a < ndim; a++) {
            int64_t cells = k == SAMPLE_WHOLE ? shape[a] : tg_min_i64(shape[a], SAMPLE_CELLS);
            bool high = k == SAMPLE_HIGH || (k == SAMPLE_MIXED && (a & 1) != 0);
            box->lo[a] = high ? shape[a] - cells : 0;
            box->hi[a] = box->lo[a] + cells;
            at->seen[k] = at->seen[k] && cells > 0;
        }
    }
}

/* What argument `a` is asked for. */
static void
sample_arg(const found *reader, size_t a, places *at)
{
    const tg_array *array = reader->local.array;
    for (int k = 0; k < SAMPLES; k++) {
        at->seen[k] = false;
        if (reader->at.seen[k] && tg_array_is_known(array->args[a])) {
            tg_boxes boxes = { 0 };
            tg_array_demand(array, a, &reader->at.box[k], &boxes);
            for (int b = 0; b < boxes.count; b++) {
                if (b == 0) {
                    tg_box_copy(&at->box[k], &boxes.box[0]);
                } else {
                    tg_box_hull(&at->box[k], &at->box[k], &boxes.box[b]);
                }
                at->seen[k] = true;
            }
        }
    }
}

/* Reading both together reads no more than reading each. */
static bool
boxes_are_near(const tg_box *x, const tg_box *y)
{
    bool near = true;
    for (int a = 0; a < x->ndim && near; a++) {
        int64_t hull = tg_max_i64(x->hi[a], y->hi[a]) - tg_min_i64(x->lo[a], y->lo[a]);
        near = hull <= x->hi[a] - x->lo[a] + y->hi[a] - y->lo[a];
    }
    return near;
}

/* How far the places lie from those of the root, by the first sample that says it. */
static bool
offsets(const places *root, const places *at, tg_box *moved)
{
    bool known = false;
    for (int k = 0; k < SAMPLE_WHOLE && !known; k++) {
        known = at->seen[k] && at->box[k].ndim == root->box[k].ndim;
        if (known) {
            tg_box_copy(moved, &at->box[k]);
            for (int a = 0; a < moved->ndim; a++) {
                moved->lo[a] -= root->box[k].lo[a];
                moved->hi[a] -= root->box[k].lo[a];
            }
        }
    }
    return known;
}

static bool
places_are_near(const places *root, const places *x, const places *y)
{
    bool near = true, compared = false;
    for (int k = 0; k < SAMPLES && near; k++) {
        if (x->seen[k] && y->seen[k]) {
            near = boxes_are_near(&x->box[k], &y->box[k]);
            compared = compared || k != SAMPLE_WHOLE;
        }
    }
    if (near && !compared) { /* parts of a concatenation: no sample needs both */
        tg_box from_x, from_y;
        near = !offsets(root, x, &from_x) || !offsets(root, y, &from_y) ||
               boxes_are_near(&from_x, &from_y);
    }
    return near;
}

static void
join_places(places *to, const places *from)
{
    for (int k = 0; k < SAMPLES; k++) {
        if (from->seen[k] && to->seen[k]) {
            tg_box_hull(&to->box[k], &to->box[k], &from->box[k]);
        } else if (from->seen[k]) {
            tg_box_copy(&to->box[k], &from->box[k]);
            to->seen[k] = true;
        }
    }
}

/* The local that this reading of `array` can share; the count when there is none. */
static uint32_t
find_shared(const collecting *c, const tg_array *array, const places *at)
{
    tg_view whole;
    uint32_t any = c->count, near = c->count;
    for (uint32_t i = 0; i < c->count && near == c->count; i++) {
        if (c->locals[i].local.array == array) {
            any = any == c->count ? i : any;
            near = places_are_near(&c->root, &c->locals[i].at, at) ? i : near;
        }
    }
    /* Memory is read in place wherever it is read. A stage of many nodes is not made larger. */
    bool shares =
        any < c->count && (c->count >= TG_STAGE_NODES_MAX || tg_array_direct(array, &whole));
    return near == c->count && shares ? any : near;
}

static tg_status
add_local(collecting *c, tg_array *array, const places *at, tg_error *err)
{
    tg_status status = TG_OK;
    TG_CHECK(c->count < TG_STAGE_LOCALS_MAX, err, TG_ERR_LIMIT,
             "%s: more than %d nodes would be evaluated together", c->stage->root->op->name,
             TG_STAGE_LOCALS_MAX);
    if (c->count == c->capacity) {
        uint32_t next = c->capacity != 0 ? 2 * c->capacity : 16;
        found *locals =
            tg_realloc(NULL, c->locals, c->capacity * sizeof *locals, next * sizeof *locals);
        TG_CHECK(locals != NULL, err, TG_ERR_MEMORY, "no memory to plan");
        c->locals = locals;
        c->capacity = next;
    }
    c->locals[c->count] = (found){ .local = { .array = array }, .number = c->count };
    c->locals[c->count].at = *at;
    c->count++;
out:
    return status;
}

/* The arguments of a local that is computed here. */
static tg_status
add_args(collecting *c, uint32_t reader, tg_error *err)
{
    tg_status status = TG_OK;
    const tg_array *array = c->locals[reader].local.array;
    uint32_t nargs = (uint32_t)array->nargs;
    if (c->args + nargs > c->arg_capacity) {
        uint32_t next = 2 * c->arg_capacity + nargs + 16;
        uint32_t *reads =
            tg_realloc(NULL, c->reads, c->arg_capacity * sizeof *reads, next * sizeof *reads);
        TG_CHECK(reads != NULL, err, TG_ERR_MEMORY, "no memory to plan");
        c->reads = reads;
        c->arg_capacity = next;
    }
    c->locals[reader].local.first_arg = c->args;
    c->args += nargs;
    for (uint32_t a = 0; a < nargs; a++) {
        places at;
        sample_arg(&c->locals[reader], a, &at);
        uint32_t shared = find_shared(c, array->args[a], &at);
        if (shared == c->count) {
            TG_TRY(add_local(c, array->args[a], &at, err));
        } else {
            join_places(&c->locals[shared].at, &at);
        }
        c->reads[c->locals[reader].local.first_arg + a] = shared;
    }
out:
    return status;
}

static int
by_age(const void *a, const void *b)
{
    const found *x = a, *y = b;
    uint64_t first = x->local.array->id, second = y->local.array->id;
    return first != second ? (first > second) - (first < second)
                           : (x->number > y->number) - (x->number < y->number);
}

/* Oldest first, into the stage. */
static tg_status
store(collecting *c, tg_error *err)
{
    tg_status status = TG_OK;
    tg_stage *stage = c->stage;
    uint32_t *place = tg_malloc(NULL, c->count * sizeof *place);
    qsort(c->locals, c->count, sizeof *c->locals, by_age);
    stage->locals = tg_malloc(NULL, c->count * sizeof *stage->locals);
    stage->arg_index = tg_malloc(NULL, c->args * sizeof *stage->arg_index);
    stage->local_count = c->count;
    stage->arg_count = c->args;
    TG_CHECK(place != NULL && stage->locals != NULL && stage->arg_index != NULL, err, TG_ERR_MEMORY,
             "no memory to plan");
    for (uint32_t i = 0; i < c->count; i++) {
        stage->locals[i] = c->locals[i].local;
        place[c->locals[i].number] = i;
    }
    for (uint32_t a = 0; a < c->args; a++) {
        stage->arg_index[a] = place[c->reads[a]];
    }
    /* A cumulative op reads its own previous tile. */
    stage->keeps = stage->root->op->carry_axis != NULL;
out:
    tg_free(NULL, place, c->count * sizeof *place);
    return status;
}

tg_status
tg_planner_collect(tg_planner *planner, uint32_t index, tg_error *err)
{
    tg_status status = TG_OK;
    tg_plan_core *plan = planner->plan;
    collecting c = { .planner = planner, .stage = &plan->stages[index] };
    sample_root(c.stage->root, &c.root);
    TG_TRY(add_local(&c, c.stage->root, &c.root, err));
    for (uint32_t next = 0; next < c.count; next++) {
        tg_view whole;
        tg_local *local = &c.locals[next].local;
        const tg_planned_node *node = &planner->nodes[tg_planner_find(planner, local->array)];
        if (next != 0 && node->root) {
            local->role = TG_LOCAL_TILES;
            local->producer = node->stage;
            plan->stages[node->stage].keeps = true;
        } else if (tg_array_direct(local->array, &whole)) {
            local->role = TG_LOCAL_DIRECT;
        } else {
            local->role = TG_LOCAL_COMPUTE;
            TG_TRY(add_args(&c, next, err));
        }
    }
    TG_TRY(store(&c, err));
out:
    tg_free(NULL, c.locals, c.capacity * sizeof *c.locals);
    tg_free(NULL, c.reads, c.arg_capacity * sizeof *c.reads);
    return status;
}
