/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_WIRE_PLAN_WIRE_H
#define TG_WIRE_PLAN_WIRE_H
/*
 * What: plans as bytes: what a client sends to a scheduler, and what is kept in a file to be
 * computed later. A message is a sequence of msgpack objects, decoded one by one, so that a reader
 * needs no more memory than the largest of them:
 *
 *     ["tilegraph.plan", 3, nodes, targets, stages, trims, tables]  version of this format; counts
 *     [op, version, [argument...], [[name, kind, value]...], data]          once per node
 *     [node, stage, stored]                                                 once per target
 *     [kind, root, again, source, reads, tiles, scratch]                    once per stage
 *
 * Arguments, targets and roots are indices of nodes; an argument is an earlier node. Kinds of
 * parameters are those of tg_param_kind; integers and floats are binary, 8 bytes each,
 * little-endian; text is text; a function is [kind, name, bytes], which the reader's `make` knows
 * what to do with. Only parameters that were given are there. `data` is nil, or
 *
 *     [format, uri, dtype, shape, chunks, cut, random]
 *                                            an array in a store, which the reader opens: the
 *                                            store's chunks, the array's own, and whether any box
 *                                            costs only its own size
 *     [dtype, shape, cut, bytes]             an array in memory, at most TG_PLAN_MEMORY_MAX bytes,
 *                                            in C order, little-endian
 *     [dtype, shape, cut, [place]]           a larger one, which processes of the writer's host can
 *                                            map: a tg_shared_ref, its numbers in their order
 *
 * with shape as binary integers and chunks nil (cut: the store's own) or one binary per axis:
 * origin and step, or all boundaries. `tables` and `scratch` are bytes that sources and sinks take,
 * as it was known to the writer: they serve readers who open neither. `stored`: whether the target
 * went to a store; binary: it did, and these tiles are there already (`written` of
 * tg_plan_target). A stage is a tg_stage_choice (core/plan/choice.h): `reads` are pairs of node and
 * stage, `tiles` origin and step per axis. Both are binary integers. Tasks and their order are not
 * there: they follow from the choices, for a million tiles from a few hundred bytes. With no stages
 * the message is expressions alone.
 *
 * Reading builds every node with tg_apply: op, parameters and shapes are checked as if a user had
 * called it; tg_plan_expand checks the choices. Nothing of the message is believed before.
 *
 * Ownership: as said at each function. Threads: any; a context may be shared.
 * Errors: TG_ERR_UNSUPPORTED for what cannot travel (functions without a form) and for ops and
 * versions that are not known here; TG_ERR_FORMAT for a malformed message; TG_ERR_LIMIT; whatever
 * infer and the opener say, with the node's number before it.
 */
#include "core/array/array.h"
#include "core/array/param.h"
#include "core/mem/shared.h"
#include "core/plan/choice.h"

typedef struct tg_wire_bytes {
    uint8_t *data;
    size_t size;
    size_t room_;
} tg_wire_bytes;

/* How expressions are written that another process is to read; zeroed: plainly. */
typedef struct tg_wire_writing {
    const char *folder; /* relative paths are written as below it; NULL: as they are */
    bool digest;  /* to be compared, never read: arrays in memory of any size stand as their hash */
    bool written; /* the reader writes to the same stores: what is there already is left out */
    /* Makes an array in memory that is too large for the message known to other processes of this
     * host, as long as the message is of use. NULL: it is refused. */
    tg_status (*lend)(void *ctx, const tg_array *array, tg_shared_ref *out, tg_error *err);
    void *ctx;
} tg_wire_writing;

/* The expressions that `targets` are the results of. `how` NULL: plainly. On success
 * tg_wire_bytes_fini is due. */
TG_MUST_USE tg_status tg_wire_write_nodes(size_t count, tg_array *const *targets,
                                          const tg_wire_writing *how, tg_wire_bytes *out,
                                          tg_error *err);
/* A plan: its expressions and its choices. Where the results go is not part of it. */
TG_MUST_USE tg_status tg_wire_write_plan(const tg_plan_core *plan, const tg_wire_writing *how,
                                         tg_wire_bytes *out, tg_error *err);
void tg_wire_bytes_fini(tg_wire_bytes *bytes);
/* XXH3 of 128 bits. */
void tg_wire_digest(const tg_wire_bytes *bytes, uint64_t sum[2]);

/* How a reader comes to an array in a store, and to a function. Both give one reference. */
typedef struct tg_wire_opener {
    void *ctx;
    /* NULL: no store is opened. Arrays in stores are there as the plan describes them: plans can be
     * expanded from them, but not run. */
    tg_status (*open)(void *ctx, const char *format, const char *uri, tg_source **out,
                      tg_error *err);
    /* NULL: plans with functions are refused. The form is valid during the call. */
    tg_status (*make)(void *ctx, const tg_function_form *form, tg_function **out, tg_error *err);
    /* NULL: arrays in the memory of another process are refused; who opens nothing does not map
     * either. */
    tg_status (*map)(void *ctx, const tg_shared_ref *ref, tg_buffer **out, tg_error *err);
} tg_wire_opener;
/* For who only looks at plans: opens nothing, and functions are there that cannot be called. */
extern const tg_wire_opener tg_wire_ghosts;

typedef struct tg_wire_arrays {
    size_t count;
    tg_array **arrays; /* one reference each */
} tg_wire_arrays;

/* The targets of a plan or of expressions; stages are not looked at. `opener` NULL: arrays in
 * stores and functions are refused. On success tg_wire_arrays_fini is due. */
TG_MUST_USE tg_status tg_wire_read_nodes(tg_context *context, const void *bytes, size_t size,
                                         const tg_wire_opener *opener, tg_wire_arrays *out,
                                         tg_error *err);
void tg_wire_arrays_fini(tg_wire_arrays *arrays);

/* What tg_plan_expand makes a plan from. */
typedef struct tg_wire_plan {
    tg_wire_arrays targets;
    uint32_t *stage_of_target;
    bool *stored;           /* by target: the writer had it go to a store */
    tg_wire_bytes *written; /* by target: the tiles that are there already; empty: none is */
    tg_plan_choice choice;
    tg_scope *scope; /* holds the nodes that the choice names */
    size_t target_room_;
} tg_wire_plan;

/* As above, with the choices. On success tg_wire_plan_fini is due. */
TG_MUST_USE tg_status tg_wire_read_plan(tg_context *context, const void *bytes, size_t size,
                                        const tg_wire_opener *opener, tg_wire_plan *out,
                                        tg_error *err);
void tg_wire_plan_fini(tg_wire_plan *plan);

#endif
