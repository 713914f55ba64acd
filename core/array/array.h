/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_ARRAY_ARRAY_H
#define TG_ARRAY_ARRAY_H
/*
 * What: the node: an immutable, lazy array. Op, arguments, parameters, shape, dtype, chunk grid.
 * Equal expressions are one node (hash-consing), so common parts of a program are computed once.
 * A node costs about a microsecond and a few hundred bytes, whatever the size of its array.
 *
 * Ownership: counted. A node holds references on its arguments; releasing the last reference
 * frees without recursion. Scopes hold what is built in them.
 * Threads: nodes are immutable; counting is atomic; the table of a context has one lock.
 * Errors: building goes through core/array/scope.h.
 */
#include "core/array/op.h"
#include "core/array/registry.h"

typedef struct tg_context tg_context;

/* A scalar that came from a plain number and takes the type of its partner, as Python's numbers
 * do in NumPy 2. */
typedef enum tg_weak {
    TG_WEAK_NONE,
    TG_WEAK_BOOL,
    TG_WEAK_INT,
    TG_WEAK_FLOAT,
    TG_WEAK_COMPLEX
} tg_weak;

struct tg_array {
    const tg_op *op;
    tg_context *context;
    _Atomic unsigned references;
    uint32_t mark; /* planner's own, under the context's plan lock: index of the node in a plan */
    uint64_t key;  /* hash of op, parameters and arguments */
    uint64_t id;   /* unique in the process, ascending with creation: arguments are older */
    tg_dtype dtype;
    tg_weak weak;
    int ndim;
    const int64_t *shape; /* -1: unknown until computed */
    tg_grid *chunks;      /* NULL while a length is unknown */
    size_t nargs;
    tg_array **args;
    const tg_value *values; /* one per schema entry */
    void *state;
    void (*state_free)(void *state);
    tg_source *source;         /* ops that read a store; else NULL */
    tg_buffer *data;           /* ops on memory; else NULL */
    const tg_view *data_view_; /* with `data`: how it is laid out; use tg_array_direct */
    tg_array *next_;           /* chain of the hash table */
    size_t bytes_;             /* of this allocation */
};

/* What all nodes of a session share: registry and hash table. */
tg_context *tg_context_create(const tg_registry *registry);
/* All nodes must have been released. */
void tg_context_destroy(tg_context *context);
const tg_registry *tg_context_registry(const tg_context *context);
/* Live nodes, for leak tests. */
int64_t tg_context_node_count(tg_context *context);

/* Elements; -1 when a length is unknown. */
int64_t tg_array_count(const tg_array *array);
int64_t tg_array_nbytes(const tg_array *array);
bool tg_array_is_known(const tg_array *array);
/* The whole array as a view, when it is in memory. */
bool tg_array_direct(const tg_array *array, tg_view *whole);
void tg_array_box(const tg_array *array, tg_box *box);
/* For infer of an op that reads what another one lays out: plans from outside may name any. */
bool tg_array_made_by(const tg_array *array, const char *op);

/*
 * What `out` of the node needs of argument `arg`, for every class: elementwise broadcast, view and
 * gather demand, windows. REDUCE: `out` is a box of the domain.
 */
void tg_array_demand(const tg_array *node, size_t arg, const tg_box *out, tg_boxes *boxes);
/* The axis that a cumulative op carries along; -1: none. */
static inline int
tg_array_carry_axis(const tg_array *array)
{
    return array->op->carry_axis != NULL ? array->op->carry_axis(array) : -1;
}
/* Shape of the iteration domain: the domain of a REDUCE, else the array's shape. */
void tg_array_domain(const tg_array *node, int *ndim, int64_t *shape);

#endif
