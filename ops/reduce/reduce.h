/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_REDUCE_REDUCE_H
#define TG_REDUCE_REDUCE_H
/*
 * What: what the reductions share. Their first two parameters are `axis` (none, one or several) and
 * `keepdims`. A state is a struct of arrays over the kept cells of a box, in C order.
 *
 * Walking a tile: axes that lie one behind the other in memory are joined; then either the
 * innermost axis is reduced, and each row goes into one cell, or it is kept, and each row goes into
 * as many cells ("columns"). Rows that are strided or float16 are packed into contiguous blocks
 * first.
 *
 * Ownership: states come from the pool of the call and are given. Threads: as said in op.h.
 * Errors: at infer TG_ERR_AXIS, TG_ERR_TYPE; at run TG_ERR_MEMORY.
 */
#include "core/array/array.h"
#include "core/array/dtype.h"
#include "core/array/op.h"
#include "core/array/scope.h"
#include "core/base/assert.h"
#include "core/base/status.h"
#include "ops/kernel/isa.h"
#include "ops/kernel/reduce.h"

enum { TG_REDUCE_LANES = 256 };

#define TG_PARAM_AXIS                                                                              \
    {                                                                                              \
        .name = "axis", .kind = TG_PARAM_INT, .is_list = true, .fallback = "None",                 \
        .summary = "axis or axes to reduce; None: all"                                             \
    }
#define TG_PARAM_KEEPDIMS                                                                          \
    {                                                                                              \
        .name = "keepdims", .kind = TG_PARAM_BOOL, .fallback = "False",                            \
        .summary = "keep the reduced axes with length 1"                                           \
    }
#define TG_PARAM_RESULT_DTYPE                                                                      \
    {                                                                                              \
        .name = "dtype", .kind = TG_PARAM_DTYPE, .fallback = "None",                               \
        .summary = "type to compute in and to return; None: as NumPy"                              \
    }

/* Slots that fit all of them. */
uint64_t tg_reduce_axes(const tg_array *node);
void tg_reduce_cost(const tg_array *node, const tg_box *domain, tg_cost *cost);

/* Axes and shape of the result. */
TG_MUST_USE tg_status tg_reduce_infer_shape(tg_infer *infer, tg_error *err);
/* TG_ERR_VALUE when the reduction has no element to start from, as in NumPy also when the result
 * has no cells: NumPy's words, `name` is "minimum". */
TG_MUST_USE tg_status tg_reduce_refuse_empty(const tg_infer *infer, const char *name,
                                             tg_error *err);
/* The whole of infer for an op whose third parameter is `dtype`: casts to it when it is given, else
 * the result has the dtype that `rule` makes of the argument's. */
TG_MUST_USE tg_status tg_reduce_infer_dtype(tg_infer *infer, tg_dtype (*rule)(tg_dtype),
                                            tg_error *err);
/* "sum: not supported for dtype bool" and so on. */
tg_status tg_reduce_refuse(const tg_infer *infer, tg_error *err);

/* NumPy's result type of sum and prod; of mean; and what their kernels accumulate in. */
tg_dtype tg_sum_dtype(tg_dtype dtype);
tg_dtype tg_mean_dtype(tg_dtype dtype);
tg_dtype tg_total_dtype(tg_dtype dtype);
/* The kernels for sums that become means, and its accumulators: 64-bit integers go into float64. */
const tg_folds *tg_mean_folds(tg_dtype dtype, bool skip_nan, tg_dtype *acc);
/* The extreme values of integer types (bool: 0 and 1), as the bits of an int64; 0 for others. */
int64_t tg_smallest_integer(tg_dtype dtype);
int64_t tg_largest_integer(tg_dtype dtype);

/* Kept cells of a box of the domain; elements that go into each cell of the result. */
int64_t tg_reduce_cells(const tg_array *node, const tg_box *domain);
int64_t tg_reduce_count(const tg_array *node);

/* How to take the elements of a view. `index` is the place of the first element of a row among all
 * elements that go into one cell, `step` the distance of two of them. The elements are as kernels
 * see them: contiguous, float16 widened. */
typedef struct tg_walk {
    void *context;
    /* Both take `rows` rows that are `apart` elements from one another. All of row i goes into
     * `cell` + i; column i goes into it, row after row. */
    void (*row)(void *context, int64_t cell, const void *x, size_t count, size_t rows,
                ptrdiff_t apart, int64_t index, int64_t step);
    void (*column)(void *context, int64_t cell, const void *x, size_t count, size_t rows,
                   ptrdiff_t apart, int64_t index);
    bool places; /* whether index and step are wanted, row by row; without, more axes can be joined
                  */
} tg_walk;
void tg_reduce_walk(const tg_array *node, const tg_box *domain, const tg_view *in,
                    const tg_walk *walk);

/* Cells of the result to `out`, in C order. `emit` makes `count` cells from `first` on, as
 * contiguous elements of `dtype`, which are then converted to that of `out`. */
typedef void (*tg_emit)(const void *context, int64_t first, size_t count, void *block);
void tg_reduce_store(const tg_view *out, tg_dtype dtype, tg_emit emit, const void *context);

/* The simple kind: one accumulator per cell, one kernel for elements, one for joining. */
typedef struct tg_folder {
    tg_dtype acc; /* of the accumulators: uint64, float64, complex128, or the element's own;
                     float32 for float16 */
    const tg_folds *element;
    const tg_folds *join; /* of accumulators */
    double identity; /* what an accumulator starts from; an infinity: both parts of a complex */
    int64_t identity_integer; /* the same for integer accumulators */
} tg_folder;

/* The traits of an op of this kind: makes its folder for a node. */
typedef struct tg_folding {
    tg_folder (*folder)(const tg_array *node);
} tg_folding;
/* The slots of such an op, together and one by one; they read its traits. */
extern const tg_reduce tg_folder_reduce;
int64_t tg_folder_state_bytes(const tg_array *node, const tg_box *domain);
tg_status tg_folder_partial(const tg_run *run, const tg_view *in, tg_buffer **state, tg_error *err);
tg_status tg_folder_combine(const tg_run *run, size_t count, tg_buffer *const *states,
                            const tg_box *boxes, tg_buffer **out, tg_error *err);

/* A tile into accumulators, one per kept cell of the run's box, which start from the identity. */
void tg_folder_fold(const tg_run *run, const tg_view *in, const tg_folder *folder, void *acc);

/* A fresh state; the error names the op. */
TG_MUST_USE tg_status tg_reduce_state(const tg_run *run, int64_t bytes, tg_buffer **state,
                                      tg_error *err);
/* Bytes of an element of this dtype as kernels see it: 4 for float16. */
size_t tg_reduce_element_bytes(tg_dtype dtype);

#endif
