/* SPDX-License-Identifier: BSD-3-Clause */
/* The table of ops: in the order it was handed in, and once more sorted by name for finding. */
#include "core/array/registry.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/assert.h"
#include "core/mem/alloc.h"

struct tg_registry {
    size_t count;
    const tg_op **sorted; /* the second half of `ops` */
    const tg_op *ops[];
};

static size_t
registry_bytes(size_t count)
{
    return sizeof(tg_registry) + 2 * count * sizeof(const tg_op *);
}

static int
by_name(const void *a, const void *b)
{
    return strcmp((*(const tg_op *const *)a)->name, (*(const tg_op *const *)b)->name);
}

tg_registry *
tg_registry_create(const tg_op *const *ops, size_t count)
{
    tg_registry *registry = tg_malloc(NULL, registry_bytes(count));
    if (registry != NULL) {
        registry->count = count;
        registry->sorted = registry->ops + count;
        for (size_t i = 0; i < count; i++) {
            TG_ASSERT(ops[i]->nargs_min >= 0 && ops[i]->nargs_max <= TG_NARGS_MAX);
            TG_ASSERT(tg_op_param_count(ops[i]) <= TG_PARAMS_MAX);
            registry->ops[i] = ops[i];
            registry->sorted[i] = ops[i];
        }
        qsort(registry->sorted, count, sizeof *registry->sorted, by_name);
        for (size_t i = 1; i < count; i++) {
            TG_ASSERT(strcmp(registry->sorted[i - 1]->name, registry->sorted[i]->name) != 0);
        }
    }
    return registry;
}

void
tg_registry_destroy(tg_registry *registry)
{
    if (registry != NULL) {
        tg_free(NULL, registry, registry_bytes(registry->count));
    }
}

const tg_op *
tg_registry_find(const tg_registry *registry, const char *name)
{
    const tg_op *found = NULL;
    size_t lo = 0;
    size_t hi = registry->count;
    while (found == NULL && lo < hi) {
        size_t middle = lo + (hi - lo) / 2;
        int order = strcmp(name, registry->sorted[middle]->name);
        if (order == 0) {
            found = registry->sorted[middle];
        } else if (order < 0) {
            hi = middle;
        } else {
            lo = middle + 1;
        }
    }
    return found;
}

size_t
tg_registry_count(const tg_registry *registry)
{
    return registry->count;
}

const tg_op *
tg_registry_at(const tg_registry *registry, size_t index)
{
    TG_ASSERT(index < registry->count);
    return registry->ops[index];
}

size_t
tg_op_param_count(const tg_op *op)
{
    size_t count = 0;
    while (op->params != NULL && op->params[count].name != NULL) {
        count++;
    }
    return count;
}

int
tg_op_param_index(const tg_op *op, const char *name)
{
    int found = -1;
    for (int i = 0; op->params != NULL && op->params[i].name != NULL; i++) {
        if (strcmp(op->params[i].name, name) == 0) {
            found = i;
        }
    }
    return found;
}
