/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_ARRAY_CONTEXT_H
#define TG_ARRAY_CONTEXT_H
/*
 * What: making nodes, for scope.c alone: everything that is to be in a node, and the function that
 * finds an equal node or makes a new one.
 *
 * Ownership: intern takes `chunks` and `state`, whatever it returns; it shares the rest.
 * Threads: any. Errors: NULL when out of memory.
 */
#include "core/array/array.h"

typedef struct tg__node_spec {
    const tg_op *op;
    size_t nargs;
    tg_array *const *args;
    const tg_value *values; /* one per schema entry */
    tg_dtype dtype;
    tg_weak weak;
    int ndim;
    const int64_t *shape;
    tg_grid *chunks;
    void *state;
    void (*state_free)(void *state);
    tg_source *source;
    tg_buffer *data;
    const tg_view *view; /* with `data` */
    uint64_t data_key;
} tg__node_spec;

/* One reference. */
tg_array *tg__context_intern(tg_context *context, const tg__node_spec *spec);

#endif
