/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * transpose: permutes the axes; without `axes` it reverses them. A view. The state is the
 * permutation: axis a of the result is axis perm[a] of the input.
 */
#include "core/array/array.h"
#include "core/base/status.h"
#include "core/mem/alloc.h"
#include "ops/registry.h"
#include "ops/shape/common.h"

enum { P_AXES };

typedef struct transpose_state {
    int perm[TG_NDIM_MAX];
} transpose_state;

static void
transpose_free(void *state)
{
    tg_free(NULL, state, sizeof(transpose_state));
}

static tg_status
read_axes(const tg_infer *infer, int *perm, tg_error *err)
{
    tg_status status = TG_OK;
    const tg_value *axes = &infer->values[P_AXES];
    const int ndim = infer->args[0]->ndim;
    uint64_t seen = 0;
    TG_CHECK(axes->count == 0 || (int)axes->count == ndim, err, TG_ERR_VALUE,
             "axes don't match array");
    for (int a = 0; a < ndim; a++) {
        int from = ndim - 1 - a;
        if (axes->count > 0) {
            TG_TRY(tg_normalize_axis(axes->ints[a], ndim, &from, err));
        }
        TG_CHECK((seen >> from & 1) == 0, err, TG_ERR_VALUE, "repeated axis in transpose");
        seen |= (uint64_t)1 << from;
        perm[a] = from;
    }
out:
    return status;
}

static tg_status
transpose_infer(tg_infer *infer, tg_error *err)
{
    tg_status status = TG_OK;
    const tg_array *input = infer->args[0];
    tg_grid_axis axes[TG_NDIM_MAX];
    transpose_state *state = tg_calloc(NULL, 1, sizeof *state);

    TG_CHECK(state != NULL, err, TG_ERR_MEMORY, "transpose: out of memory");
    TG_TRY(tg__require_known(infer, 0, err));
    TG_TRY(read_axes(infer, state->perm, err));
    infer->dtype = input->dtype;
    infer->ndim = input->ndim;
    for (int a = 0; a < input->ndim; a++) {
        infer->shape[a] = input->shape[state->perm[a]];
        if (input->chunks != NULL) {
            axes[a] = *tg_grid_axis_at(input->chunks, state->perm[a]);
        }
    }
    infer->chunks = input->chunks != NULL ? tg_grid_create(input->ndim, axes) : NULL;
    infer->state = state;
    infer->state_free = transpose_free;
    state = NULL;
out:
    tg_free(NULL, state, sizeof *state);
    return status;
}

static void
transpose_demand(const tg_array *node, size_t arg, const tg_box *out, tg_box *in)
{
    const transpose_state *state = node->state;
    (void)arg;
    in->ndim = out->ndim;
    for (int a = 0; a < out->ndim; a++) {
        in->lo[state->perm[a]] = out->lo[a];
        in->hi[state->perm[a]] = out->hi[a];
    }
}

static void
transpose_view(const tg_array *node, const tg_view *in, const tg_box *in_box,
               const tg_box *out_box, tg_view *out)
{
    const transpose_state *state = node->state;
    char *data = in->data;
    for (int a = 0; a < node->ndim; a++) {
        const int from = state->perm[a];
        data += (out_box->lo[a] - in_box->lo[from]) * in->strides[from];
        out->shape[a] = out_box->hi[a] - out_box->lo[a];
        out->strides[a] = in->strides[from];
    }
    out->data = data;
    out->dtype = in->dtype;
    out->ndim = node->ndim;
}

static const tg_param_schema transpose_params[] = {
    [P_AXES] = { .name = "axes", .kind = TG_PARAM_INT, .is_list = true, .fallback = "None",
                 .summary = "the permutation; None: reversed" },
    { .name = NULL },
};

const tg_op tg_op_transpose = {
    .name = "transpose",
    .module = "",
    .summary = "Permutes the axes.",
    .version = 1,
    .cls = TG_CLASS_VIEW,
    .nargs_min = 1,
    .nargs_max = 1,
    .arg_names = "a",
    .params = transpose_params,
    .infer = transpose_infer,
    .demand = transpose_demand,
    .view = transpose_view,
};
