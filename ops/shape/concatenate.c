/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * concatenate: arrays one behind the other along an axis. Each is cast to the common type first; a
 * box of the result reads only the inputs that it meets.
 */
#include "core/array/array.h"
#include "core/array/scope.h"
#include "core/base/status.h"
#include "core/mem/alloc.h"
#include "ops/registry.h"
#include "ops/shape/common.h"

enum { P_AXIS, P_DTYPE };

/* Beyond this many the chunks along the axis are made regular, so that a grid stays small. */
enum { CELLS_MAX = 65536 };

typedef struct concatenate_state {
    size_t bytes;
    int axis;
    int64_t offset[]; /* of each input along the axis, and the end */
} concatenate_state;

static void
concatenate_free(void *state)
{
    tg_free(NULL, state, ((concatenate_state *)state)->bytes);
}

static tg_status
check_shapes(const tg_infer *infer, int axis, tg_error *err)
{
    tg_status status = TG_OK;
    const tg_array *first = infer->args[0];
    for (size_t i = 1; i < infer->nargs; i++) {
        const tg_array *other = infer->args[i];
        TG_CHECK(other->ndim == first->ndim, err, TG_ERR_VALUE,
                 "all the input array dimensions except for the concatenation axis must match "
                 "exactly, but the array at index 0 has %d dimension(s) and the array at index %d "
                 "has %d dimension(s)",
                 first->ndim, (int)i, other->ndim);
        for (int a = 0; a < first->ndim; a++) {
            TG_CHECK(a == axis || other->shape[a] == first->shape[a], err, TG_ERR_VALUE,
                     "all the input array dimensions except for the concatenation axis must match "
                     "exactly, but along dimension %d, the array at index 0 has size %lld and the "
                     "array at index %d has size %lld",
                     a, (long long)first->shape[a], (int)i, (long long)other->shape[a]);
        }
    }
out:
    return status;
}

/* bool < unsigned < signed < float < complex: NumPy's "same_kind" never goes down. */
static int
kind_rank(tg_dtype dtype)
{
    static const int rank[TG_DT_COUNT] = {
        [TG_DT_U8] = 1,  [TG_DT_U16] = 1, [TG_DT_U32] = 1,  [TG_DT_U64] = 1, [TG_DT_I8] = 2,
        [TG_DT_I16] = 2, [TG_DT_I32] = 2, [TG_DT_I64] = 2,  [TG_DT_F16] = 3, [TG_DT_F32] = 3,
        [TG_DT_F64] = 3, [TG_DT_C64] = 4, [TG_DT_C128] = 4,
    };
    return rank[dtype];
}

static tg_status
cast_all(tg_infer *infer, tg_error *err)
{
    tg_status status = TG_OK;
    const tg_value *dtype = &infer->values[P_DTYPE];
    infer->dtype =
        dtype->count > 0 ? (tg_dtype)dtype->ints[0] : tg_result_type(infer->nargs, infer->args);
    for (size_t i = 0; i < infer->nargs; i++) {
        tg_array *arg = infer->args[i];
        TG_CHECK(kind_rank(arg->dtype) <= kind_rank(infer->dtype), err, TG_ERR_TYPE,
                 "Cannot cast array data from dtype('%s') to dtype('%s') according to the rule "
                 "'same_kind'",
                 tg_dtype_name(arg->dtype), tg_dtype_name(infer->dtype));
        TG_TRY(tg__infer_cast(infer, i, infer->dtype, err));
    }
out:
    return status;
}

/* The cuts of all inputs along the axis, and those of the first along the others. */
static void
concatenate_chunks(tg_infer *infer, const concatenate_state *state)
{
    tg_grid_axis axes[TG_NDIM_MAX];
    int64_t cells = 0;
    int64_t used = 0;
    int64_t *bounds = NULL;
    bool ok = true;
    for (size_t i = 0; i < infer->nargs; i++) {
        const tg_grid *grid = infer->args[i]->chunks;
        ok = ok && grid != NULL;
        cells += ok ? tg_grid_axis_at(grid, state->axis)->count : 0;
    }
    if (ok && cells <= CELLS_MAX) {
        bounds = tg_malloc(NULL, (size_t)(cells + 1) * sizeof *bounds);
    }
    if (bounds != NULL) {
        bounds[used++] = 0;
        for (size_t i = 0; i < infer->nargs; i++) {
            const tg_grid_axis *axis = tg_grid_axis_at(infer->args[i]->chunks, state->axis);
            for (int64_t c = 0; c < axis->count; c++) {
                const int64_t hi = state->offset[i] + tg_grid_hi(axis, c);
                if (hi > bounds[used - 1]) {
                    bounds[used++] = hi;
                }
            }
        }
        for (int a = 0; a < infer->ndim; a++) {
            axes[a] = *tg_grid_axis_at(infer->args[0]->chunks, a);
        }
        tg__grid_axis_whole(infer->shape[state->axis], &axes[state->axis]);
        if (used > 2) {
            axes[state->axis].bounds = bounds;
            axes[state->axis].count = used - 1;
        }
        infer->chunks = tg_grid_create(infer->ndim, axes);
        tg_free(NULL, bounds, (size_t)(cells + 1) * sizeof *bounds);
    }
}

static tg_status
concatenate_infer(tg_infer *infer, tg_error *err)
{
    tg_status status = TG_OK;
    const tg_array *first = infer->args[0];
    const size_t bytes = sizeof(concatenate_state) + (infer->nargs + 1) * sizeof(int64_t);
    concatenate_state *state = tg_calloc(NULL, 1, bytes);

    TG_CHECK(state != NULL, err, TG_ERR_MEMORY, "concatenate: out of memory");
    for (size_t i = 0; i < infer->nargs; i++) {
        TG_TRY(tg__require_known(infer, i, err));
        TG_CHECK(infer->args[i]->ndim > 0, err, TG_ERR_VALUE,
                 "zero-dimensional arrays cannot be concatenated");
    }
    TG_TRY(tg_normalize_axis(tg_value_int(&infer->values[P_AXIS], 0, 0), first->ndim, &state->axis,
                             err));
    TG_TRY(check_shapes(infer, state->axis, err));
    TG_TRY(cast_all(infer, err));
    for (size_t i = 0; i < infer->nargs; i++) {
        TG_CHECK(tg_add_size(state->offset[i], infer->args[i]->shape[state->axis],
                             &state->offset[i + 1]),
                 err, TG_ERR_LIMIT, "concatenate: the result is too large");
    }
    infer->ndim = first->ndim;
    for (int a = 0; a < first->ndim; a++) {
        infer->shape[a] = a == state->axis ? state->offset[infer->nargs] : first->shape[a];
    }
    TG_TRY(tg__check_bytes(infer, err));
    state->bytes = bytes;
    concatenate_chunks(infer, state);
    infer->state = state;
    infer->state_free = concatenate_free;
    state = NULL;
out:
    tg_free(NULL, state, bytes);
    return status;
}

static void
concatenate_demand(const tg_array *node, size_t arg, const tg_box *out, tg_box *in)
{
    const concatenate_state *state = node->state;
    const int64_t offset = state->offset[arg];
    const int64_t length = state->offset[arg + 1] - offset;
    const int a = state->axis;
    tg_box_copy(in, out);
    in->lo[a] = tg_max_i64(out->lo[a] - offset, 0);
    in->hi[a] = tg_max_i64(tg_min_i64(out->hi[a] - offset, length), in->lo[a]);
}

static tg_status
concatenate_run(const tg_run *run, const tg_view *in, const tg_view *out, tg_error *err)
{
    const concatenate_state *state = run->node->state;
    (void)err;
    for (size_t i = 0; i < run->node->nargs; i++) {
        if (!tg_box_is_empty(run->in_box[i])) {
            tg_box part;
            tg_view to;
            tg_box_copy(&part, run->in_box[i]);
            part.lo[state->axis] += state->offset[i];
            part.hi[state->axis] += state->offset[i];
            tg_view_sub(&to, out, run->out_box, &part);
            tg_view_copy(&to, &in[i]);
        }
    }
    return TG_OK;
}

static const tg_param_schema concatenate_params[] = {
    [P_AXIS] = { .name = "axis",
                 .kind = TG_PARAM_INT,
                 .fallback = "0",
                 .summary = "the axis along which the arrays are joined" },
    [P_DTYPE] = { .name = "dtype",
                  .kind = TG_PARAM_DTYPE,
                  .fallback = "None",
                  .summary = "element type of the result; None: the common type" },
    { .name = NULL },
};

const tg_op tg_op_concatenate = {
    .name = "concatenate",
    .module = "",
    .summary = "Joins arrays along an axis that they have.",
    .version = 1,
    .cls = TG_CLASS_GATHER,
    .flags = TG_OP_CHEAP,
    .nargs_min = 1,
    .nargs_max = TG_NARGS_MAX,
    .arg_names = "arrays",
    .params = concatenate_params,
    .infer = concatenate_infer,
    .demand = concatenate_demand,
    .run = concatenate_run,
};
