/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_ARRAY_OP_H
#define TG_ARRAY_OP_H
/*
 * What: the one contract that everything hangs on. An op is one file that ends in one constant
 * descriptor of this type, plus one line in ops/op.def. Planner, executor, Python, wire, docs and
 * conformance tests are driven by it; nothing anywhere switches over ops.
 *
 *   class         what the planner does with it                          slots it must fill
 *   ------------  -----------------------------------------------------  -----------------------
 *   SOURCE        no inputs; makes any box                               run (or direct)
 *   ELEMENTWISE   cell by cell, inputs broadcast; fused into strips      loop
 *   VIEW          a strided look at its one input; costs nothing         demand, view
 *   STENCIL       input i is read in a window round the output box       window, run
 *   GATHER        input boxes from demand, one call per output box       demand, run
 *   REDUCE        partials per tile of a domain, combined in index order  axes, partial,
 *                                                                        combine, finish
 *   COMPOSITE     built from other ops                                   build
 *
 * `infer` finds ALL argument errors, when the expression is built. After it has succeeded, the
 * other slots cannot be handed a bad argument, and `run` fails only for reasons of data (a corrupt
 * file, a user function that fails).
 *
 * The boxes: an output box is in the coordinates of the node's result; an input box in those of the
 * input. Views cover exactly their boxes. Inside `run` the innermost stride of every view that is
 * not a scalar is the element size (the engine copies when it must), other strides are free.
 *
 * Ownership: `run` borrows everything; it must not keep a view. `state` belongs to the node.
 * Threads: run, view, partial, combine, finish and loops are called from many threads at once and
 * touch nothing but their arguments. infer and build run in the thread that builds.
 * Errors: as tg_status; say the op, the parameter, what was given and what is allowed.
 */
#include "core/array/box.h"
#include "core/array/grid.h"
#include "core/array/param.h"
#include "core/array/source.h"
#include "core/array/view.h"
#include "core/array/window.h"
#include "core/mem/buffer.h"

typedef struct tg_op tg_op;
typedef struct tg_array tg_array; /* core/array/array.h */
typedef struct tg_scope tg_scope; /* core/array/scope.h */

typedef enum tg_op_class {
    TG_CLASS_SOURCE,
    TG_CLASS_ELEMENTWISE,
    TG_CLASS_VIEW,
    TG_CLASS_STENCIL,
    TG_CLASS_GATHER,
    TG_CLASS_REDUCE,
    TG_CLASS_COMPOSITE
} tg_op_class;

enum {
    /* Cheaper to compute again than to keep: never materialised for its own sake. */
    TG_OP_CHEAP = 1 << 0,
    /* REDUCE: the size of a partial is known only when it is made (labels, mask selection). A
     * combined one is not larger than its parts together; nor is a result of unknown length. */
    TG_OP_DYNAMIC = 1 << 1,
    /* The result has axes of unknown length (-1 in the shape) until it is computed: it is one
     * tile, and run/finish hands over its data with tg_run_give. */
    TG_OP_UNKNOWN_SHAPE = 1 << 2,
    /* Calls user code: never merged with an equal node, never run while building. */
    TG_OP_USER = 1 << 3,
    /* May not be put on the wire (memory of this process). */
    TG_OP_LOCAL = 1 << 4
};

/* What infer works on. In: op, scope, args, values. Out: the rest. */
typedef struct tg_infer {
    const tg_op *op;
    tg_scope *scope; /* to build casts and views of arguments */
    size_t nargs;
    tg_array **args;        /* may be replaced by arrays built in the scope */
    const tg_value *values; /* one per schema entry, already checked by kind */
    tg_dtype dtype;
    int ndim;
    int64_t shape[TG_NDIM_MAX]; /* -1: unknown until computed */
    tg_grid *chunks;            /* given to the node; NULL: the engine derives one */
    void *state;                /* what run needs, computed once: weights, index maps */
    void (*state_free)(void *state);
} tg_infer;

/* How an op wants its tiles. All zero: no wish. */
typedef struct tg_tiling {
    uint64_t whole_axes; /* bit a: output (or domain) axis a may not be cut */
    bool follow_chunks;  /* tiles are exactly the node's chunks (user functions) */
    /* Tiles are exactly those of the first argument's stage (of a reduction: those of its domain),
     * whole, whatever part is wanted. */
    bool follow_tiles;
    int64_t granule[TG_NDIM_MAX]; /* tile edges should fall on multiples of this; 0: none */
} tg_tiling;

typedef struct tg_cost {
    double operations;     /* arithmetic on one box */
    int64_t scratch_bytes; /* upper bound of tg_scratch_alloc during one call */
} tg_cost;

/* What a call of run, partial, combine or finish may use. */
typedef struct tg_run {
    const tg_array *node;
    const tg_box *out_box;       /* REDUCE partial: the box of the domain */
    const tg_box *const *in_box; /* per argument: what its view covers; empty: not needed */
    const int64_t *tile;         /* per-axis index of the tile */
    tg_scratch *scratch;
    tg_pool *pool;      /* for states and for tg_run_give */
    tg_io_stats *stats; /* SOURCE: added to */
    void *given;        /* engine's own: see tg_run_give */
} tg_run;

/* TG_OP_UNKNOWN_SHAPE: hands over the result: its shape and a C-contiguous buffer (taken). */
void tg_run_give_take(const tg_run *run, int ndim, const int64_t *shape, tg_buffer *data);

/*
 * The inner loop of an elementwise op over one strip: args[0 .. nargs-1] are inputs, args[nargs] is
 * the output; strides in bytes, 0 for a scalar. No allocation, no failure.
 */
typedef void (*tg_loop)(char *const *args, const ptrdiff_t *strides, size_t count,
                        const void *state);

/* A partial result: bytes that only the op understands. A state made by `partial` is never changed
 * afterwards. It is one flat block without addresses in it: it may be made in one process, and be
 * combined in another. */
typedef struct tg_reduce {
    /* The iteration domain. NULL: the shape of argument 0. */
    void (*domain)(const tg_array *node, int *ndim, int64_t *shape);
    /* Bit a: domain axis a is reduced. The kept axes, in order, are the axes of the result without
     * its reduced ones; finish knows about keepdims. All axes: one state for the whole. */
    uint64_t (*axes)(const tg_array *node);
    /* Which box of argument `arg` is needed for a box of the domain. NULL: the same box. */
    void (*demand)(const tg_array *node, size_t arg, const tg_box *domain, tg_box *in);
    /* Bytes of the state of a box of the domain (reduced axes may be whole). */
    int64_t (*state_bytes)(const tg_array *node, const tg_box *domain);
    /* TG_OP_DYNAMIC, where state_bytes is an estimate: the most there can be. NULL: that is it. */
    int64_t (*state_bytes_max)(const tg_array *node, const tg_box *domain);
    tg_status (*partial)(const tg_run *run, const tg_view *in, tg_buffer **state, tg_error *err);
    /* `states` in index order; `boxes` their boxes of the domain. At least two. */
    tg_status (*combine)(const tg_run *run, size_t count, tg_buffer *const *states,
                         const tg_box *boxes, tg_buffer **out, tg_error *err);
    /* run->out_box is the box of the result. */
    tg_status (*finish)(const tg_run *run, tg_buffer *state, const tg_view *out, tg_error *err);
    /* Is this, which came from outside, a state of a part of `domain`? Afterwards combine and
     * finish read and write nothing that is not theirs, whatever it says; but they may find that
     * states do not fit each other. TG_ERR_CORRUPT. NULL: any bytes are one, if there are as many
     * as state_bytes says. `state` is aligned as a buffer is. */
    tg_status (*check_state)(const tg_array *node, const tg_box *domain, const void *state,
                             size_t bytes, tg_error *err);
} tg_reduce;

struct tg_op {
    const char *name;    /* registry, wire and Python: "gaussian_filter" */
    const char *module;  /* where Python shows it: "" (tg.*), "ndimage", "_" (internal) */
    const char *summary; /* one sentence */
    uint32_t version;    /* of the meaning of the parameters, on the wire */
    tg_op_class cls;
    uint32_t flags;
    int nargs_min, nargs_max;
    const char *arg_names;         /* "input|weights": as NumPy or SciPy name them */
    const tg_param_schema *params; /* ends with a NULL name; NULL: none */

    tg_status (*infer)(tg_infer *infer, tg_error *err);
    /* COMPOSITE: returns an array of the scope, or NULL with the scope's error set. */
    tg_array *(*build)(tg_scope *scope, size_t nargs, tg_array *const *args,
                       const tg_value *values);
    /* GATHER, VIEW: the box of argument `arg` that `out` needs; empty when none. */
    void (*demand)(const tg_array *node, size_t arg, const tg_box *out, tg_box *in);
    /* STENCIL: the window of argument `arg` (ndim 0 window on arguments that are read whole). */
    void (*window)(const tg_array *node, size_t arg, tg_window *window);
    void (*tiling)(const tg_array *node, tg_tiling *tiling);
    void (*cost)(const tg_array *node, const tg_box *out, tg_cost *cost);
    tg_status (*run)(const tg_run *run, const tg_view *in, const tg_view *out, tg_error *err);
    /* VIEW: `in` covers in_box; makes the view that covers out_box. */
    void (*view)(const tg_array *node, const tg_view *in, const tg_box *in_box,
                 const tg_box *out_box, tg_view *out);
    /* SOURCE in memory: the whole array, or false. */
    bool (*direct)(const tg_array *node, tg_view *whole);
    /* ELEMENTWISE: the loop for the node's dtypes on this CPU. Never NULL after infer. */
    tg_loop (*loop)(const tg_array *node);
    const tg_reduce *reduce;
    /* What code shared by a family of ops needs to know of this one: its own constant, which only
     * that code reads. NULL: nothing. */
    const void *traits;
    /* Cumulative ops (cumsum): GATHER whose tiles also need the last slice along this axis of the
     * previous tile's result: it comes as one more input view, after the arguments, with one cell
     * along the axis; empty in the first tile. NULL: none. Returns the axis, or -1. */
    int (*carry_axis)(const tg_array *node);
};

/* The name of argument `index`, for messages; of further ones the last. */
void tg__op_arg_name(const tg_op *op, size_t index, char *text, size_t size);

/* Convenience for the slots. */
static inline int64_t
tg_value_int(const tg_value *value, uint32_t index, int64_t fallback)
{
    int64_t r = fallback;
    if (value->count == 1) {
        r = value->ints[0];
    } else if (index < value->count) {
        r = value->ints[index];
    }
    return r;
}

static inline double
tg_value_float(const tg_value *value, uint32_t index, double fallback)
{
    double r = fallback;
    if (value->count == 1) {
        r = value->floats[0];
    } else if (index < value->count) {
        r = value->floats[index];
    }
    return r;
}

#endif
