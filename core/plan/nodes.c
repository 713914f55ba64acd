/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The nodes that the targets reach, sorted by age. A node is always younger than its arguments, so
 * ascending ids are a topological order and nothing has to be walked recursively.
 */
#include <stdlib.h>
#include <string.h>

#include "core/base/assert.h"
#include "core/mem/alloc.h"
#include "core/plan/internal.h"

typedef struct seen_set {
    size_t capacity, count;
    const tg_array **entries;
} seen_set;

static bool
seen_before(seen_set *set, const tg_array *array)
{
    size_t mask = set->capacity - 1;
    size_t at = (size_t)(array->id * 0x9e3779b97f4a7c15u >> 20) & mask;
    while (set->entries[at] != NULL && set->entries[at] != array) {
        at = (at + 1) & mask;
    }
    bool before = set->entries[at] == array;
    if (!before) {
        set->entries[at] = array;
        set->count++;
    }
    return before;
}

static tg_status
seen_grow(seen_set *set, tg_error *err)
{
    tg_status status = TG_OK;
    seen_set bigger = { .capacity = set->capacity != 0 ? set->capacity * 2 : 256 };
    bigger.entries = tg_calloc(NULL, bigger.capacity, sizeof(void *));
    TG_CHECK(bigger.entries != NULL, err, TG_ERR_MEMORY, "no memory to plan");
    for (size_t i = 0; i < set->capacity; i++) {
        if (set->entries[i] != NULL) {
            (void)seen_before(&bigger, set->entries[i]);
        }
    }
    tg_free(NULL, set->entries, set->capacity * sizeof(void *));
    *set = bigger;
out:
    return status;
}

/* Adds a node, unless it is there. The set stays at most half full, so that looking for what is not
 * in it ends. */
static tg_status
reach(tg_planner *planner, seen_set *set, tg_array *array, tg_error *err)
{
    tg_status status = TG_OK;
    if (set->count * 2 >= set->capacity) {
        TG_TRY(seen_grow(set, err));
    }
    if (seen_before(set, array)) {
        goto out;
    }
    if (planner->node_count == planner->node_capacity) {
        size_t next = planner->node_capacity != 0 ? planner->node_capacity * 2 : 64;
        tg_planned_node *nodes = tg_realloc(
            NULL, planner->nodes, planner->node_capacity * sizeof *nodes, next * sizeof *nodes);
        TG_CHECK(nodes != NULL, err, TG_ERR_MEMORY, "no memory to plan");
        planner->nodes = nodes;
        planner->node_capacity = next;
    }
    TG_CHECK(planner->node_count < TG_NODES_MAX, err, TG_ERR_LIMIT,
             "the expression has more than %d nodes", TG_NODES_MAX);
    planner->nodes[planner->node_count++] =
        (tg_planned_node){ .array = array, .home = -1, .source = -1 };
out:
    return status;
}

static int
by_age(const void *a, const void *b)
{
    uint64_t x = ((const tg_planned_node *)a)->array->id;
    uint64_t y = ((const tg_planned_node *)b)->array->id;
    return (x > y) - (x < y);
}

tg_status
tg_planner_reach(tg_planner *planner, tg_error *err)
{
    tg_status status = TG_OK;
    seen_set set = { 0 };
    for (size_t t = 0; t < planner->plan->target_count; t++) {
        TG_TRY(reach(planner, &set, planner->plan->targets[t].array, err));
    }
    for (size_t next = 0; next < planner->node_count; next++) {
        const tg_array *array = planner->nodes[next].array;
        for (size_t a = 0; a < array->nargs; a++) {
            TG_TRY(reach(planner, &set, array->args[a], err));
        }
    }
    qsort(planner->nodes, planner->node_count, sizeof *planner->nodes, by_age);
out:
    tg_free(NULL, set.entries, set.capacity * sizeof(void *));
    return status;
}

/* Where the node is, when it is there. */
static size_t
place_of(const tg_planner *planner, const tg_array *array)
{
    size_t lo = 0, hi = planner->node_count;
    while (hi - lo > 1) {
        size_t mid = lo + (hi - lo) / 2;
        if (planner->nodes[mid].array->id <= array->id) {
            lo = mid;
        } else {
            hi = mid;
        }
    }
    return lo;
}

bool
tg_planner_has(const tg_planner *planner, const tg_array *array)
{
    return planner->node_count > 0 && planner->nodes[place_of(planner, array)].array == array;
}

size_t
tg_planner_find(const tg_planner *planner, const tg_array *array)
{
    size_t at = place_of(planner, array);
    TG_ASSERT(planner->nodes[at].array == array);
    return at;
}

void
tg_planner_fini(tg_planner *planner)
{
    tg_free(NULL, planner->nodes, planner->node_capacity * sizeof *planner->nodes);
    planner->nodes = NULL;
}
