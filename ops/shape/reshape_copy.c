/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * reshape_copy: the general case of reshape. The axes of both shapes fall into groups of equal
 * size, from the left:
 *
 *     (100, 64, 3) -> (10, 10, 192)      groups  100 | 10 x 10   and   64 x 3 | 192
 *
 * and each group is a C-order range of its own. A box of the result then needs, per group, the
 * bounding box of its linear range: tight where axes pass through unchanged, whole inner axes where
 * they are cut differently. Axes of length one belong to no group.
 */
#include <string.h>

#include "core/array/array.h"
#include "core/base/assert.h"
#include "core/base/status.h"
#include "core/mem/alloc.h"
#include "ops/registry.h"
#include "ops/shape/common.h"

enum { P_SHAPE };

/* Inner axes of a regrouped result are kept whole up to this many cells: a tile that cuts them
 * reads most of the input rows again for its neighbour. 2^18 cells are 1 MiB of float32. */
enum { WHOLE_CELLS_MAX = 1 << 18 };

typedef struct axis_group {
    int nin, nout;
    int in[TG_NDIM_MAX], out[TG_NDIM_MAX]; /* the axes, outermost first */
} axis_group;

typedef struct reshape_state {
    int ngroups;
    axis_group group[TG_NDIM_MAX];
} reshape_state;

static void
reshape_free(void *state)
{
    tg_free(NULL, state, sizeof(reshape_state));
}

/* The next axis that is not of length one, from *a on; false at the end. */
static bool
next_axis(int ndim, const int64_t *shape, int *a)
{
    while (*a < ndim && shape[*a] == 1) {
        (*a)++;
    }
    return *a < ndim;
}

/* Both shapes have the same count, which is not zero. */
static void
find_groups(reshape_state *state, int nin, const int64_t *in, int nout, const int64_t *out)
{
    int i = 0;
    int o = 0;
    while (next_axis(nin, in, &i) && next_axis(nout, out, &o)) {
        axis_group *group = &state->group[state->ngroups++];
        int64_t in_cells = in[i];
        int64_t out_cells = out[o];
        group->in[group->nin++] = i++;
        group->out[group->nout++] = o++;
        while (in_cells != out_cells) {
            if (in_cells < out_cells) {
                (void)next_axis(nin, in, &i);
                TG_ASSERT_CMP(i, <, nin);
                in_cells *= in[i];
                group->in[group->nin++] = i++;
            } else {
                (void)next_axis(nout, out, &o);
                TG_ASSERT_CMP(o, <, nout);
                out_cells *= out[o];
                group->out[group->nout++] = o++;
            }
        }
    }
}

static tg_status
reshape_copy_infer(tg_infer *infer, tg_error *err)
{
    tg_status status = TG_OK;
    const tg_array *input = infer->args[0];
    int64_t count = 1;
    reshape_state *state = tg_calloc(NULL, 1, sizeof *state);

    TG_CHECK(state != NULL, err, TG_ERR_MEMORY, "reshape: out of memory");
    TG_TRY(tg__require_known(infer, 0, err));
    infer->dtype = input->dtype;
    TG_TRY(tg__infer_shape(infer, &infer->values[P_SHAPE], err));
    for (int a = 0; a < infer->ndim; a++) {
        count *= infer->shape[a];
    }
    TG_CHECK(count == tg_array_count(input), err, TG_ERR_VALUE,
             "cannot reshape array of size %lld into a shape with %lld cells",
             (long long)tg_array_count(input), (long long)count);
    if (count > 0) {
        find_groups(state, input->ndim, input->shape, infer->ndim, infer->shape);
    }
    infer->state = state;
    infer->state_free = reshape_free;
    state = NULL;
out:
    tg_free(NULL, state, sizeof *state);
    return status;
}

/* The linear index, in a group, of the cell whose coordinates (less `back` in each) are `at`. */
static int64_t
group_linear(const axis_group *group, const int64_t *shape, const int64_t *at, int64_t back)
{
    int64_t linear = 0;
    for (int k = 0; k < group->nout; k++) {
        linear = linear * shape[group->out[k]] + at[group->out[k]] - back;
    }
    return linear;
}

static void
group_digits(const axis_group *group, const int64_t *shape, int64_t linear, int64_t *at)
{
    for (int k = group->nin - 1; k >= 0; k--) {
        at[group->in[k]] = linear % shape[group->in[k]];
        linear /= shape[group->in[k]];
    }
}

static void
reshape_copy_demand(const tg_array *node, size_t arg, const tg_box *out, tg_box *in)
{
    const reshape_state *state = node->state;
    const tg_array *input = node->args[arg];
    const bool empty = tg_box_is_empty(out) || tg_array_count(input) == 0;
    int64_t first[TG_NDIM_MAX];
    int64_t last[TG_NDIM_MAX];

    in->ndim = input->ndim;
    for (int a = 0; a < input->ndim; a++) {
        in->lo[a] = 0;
        in->hi[a] = empty ? 0 : 1;
    }
    for (int g = 0; g < state->ngroups && !empty; g++) {
        const axis_group *group = &state->group[g];
        bool whole = false;
        group_digits(group, input->shape, group_linear(group, node->shape, out->lo, 0), first);
        group_digits(group, input->shape, group_linear(group, node->shape, out->hi, 1), last);
        for (int k = 0; k < group->nin; k++) {
            const int a = group->in[k];
            in->lo[a] = whole ? 0 : first[a];
            in->hi[a] = whole ? input->shape[a] : last[a] + 1;
            whole = whole || first[a] != last[a];
        }
    }
}

static void
reshape_copy_tiling(const tg_array *node, tg_tiling *tiling)
{
    const reshape_state *state = node->state;
    for (int g = 0; g < state->ngroups; g++) {
        const axis_group *group = &state->group[g];
        int64_t cells = 1;
        for (int k = group->nout - 1; k > 0 && (group->nin > 1 || group->nout > 1); k--) {
            cells *= tg_min_i64(node->shape[group->out[k]], WHOLE_CELLS_MAX + 1);
            if (cells > WHOLE_CELLS_MAX) {
                break;
            }
            tiling->whole_axes |= (uint64_t)1 << group->out[k];
        }
    }
}

/* Copies `count` elements. */
static void
copy_cells(char *restrict to, ptrdiff_t to_stride, const char *restrict from, ptrdiff_t from_stride,
           int64_t count, size_t size)
{
    if (to_stride == (ptrdiff_t)size && from_stride == (ptrdiff_t)size) {
        memcpy(to, from, (size_t)count * size);
    } else {
        for (int64_t i = 0; i < count; i++) {
            memcpy(to + i * to_stride, from + i * from_stride, size);
        }
    }
}

/* One row of the result, along the innermost axis of the last group: in pieces that are rows of the
 * input. `at` are the coordinates of its first cell, `digits` those of the outer groups' input. */
static void
copy_row(const tg_run *run, const tg_view *in, char *to, ptrdiff_t stride, const int64_t *at,
         int64_t *digits, int64_t count)
{
    const reshape_state *state = run->node->state;
    const tg_array *input = run->node->args[0];
    const axis_group *group = &state->group[state->ngroups - 1];
    const int inner = group->in[group->nin - 1];
    int64_t linear = group_linear(group, run->node->shape, at, 0);
    while (count > 0) {
        const char *from = in->data;
        int64_t piece = 0;
        group_digits(group, input->shape, linear, digits);
        piece = tg_min_i64(count, input->shape[inner] - digits[inner]);
        for (int a = 0; a < input->ndim; a++) {
            from += (digits[a] - run->in_box[0]->lo[a]) * in->strides[a];
        }
        copy_cells(to, stride, from, in->strides[inner], piece, tg_dtype_size(in->dtype));
        to += piece * stride;
        linear += piece;
        count -= piece;
    }
}

static tg_status
reshape_copy_run(const tg_run *run, const tg_view *in, const tg_view *out, tg_error *err)
{
    const reshape_state *state = run->node->state;
    const tg_box *box = run->out_box;
    int64_t at[TG_NDIM_MAX];
    int64_t digits[TG_NDIM_MAX] = { 0 };
    char *to = out->data;
    bool more = !tg_box_is_empty(box);
    int row = 0;
    (void)err;
    if (more && state->ngroups == 0) {
        memcpy(to, in->data, tg_dtype_size(in->dtype));
        more = false;
    }
    if (more) {
        const axis_group *last = &state->group[state->ngroups - 1];
        row = last->out[last->nout - 1];
        memcpy(at, box->lo, (size_t)box->ndim * sizeof at[0]);
    }
    while (more) {
        int a = row - 1;
        for (int g = 0; g + 1 < state->ngroups; g++) {
            group_digits(&state->group[g], run->node->args[0]->shape,
                         group_linear(&state->group[g], run->node->shape, at, 0), digits);
        }
        copy_row(run, &in[0], to, out->strides[row], at, digits, out->shape[row]);
        /* The next row: axes inside `row` are of length one. */
        for (; a >= 0; a--) {
            to += out->strides[a];
            if (++at[a] < box->hi[a]) {
                break;
            }
            to -= out->strides[a] * out->shape[a];
            at[a] = box->lo[a];
        }
        more = a >= 0;
    }
    return TG_OK;
}

static const tg_param_schema reshape_copy_params[] = {
    [P_SHAPE] = { .name = "shape",
                  .kind = TG_PARAM_INT,
                  .is_list = true,
                  .fallback = "()",
                  .summary = "the new lengths" },
    { .name = NULL },
};

const tg_op tg_op_reshape_copy = {
    .name = "reshape_copy",
    .module = "_",
    .summary = "The same cells, in C order, under another shape, by copying.",
    .version = 1,
    .cls = TG_CLASS_GATHER,
    .nargs_min = 1,
    .nargs_max = 1,
    .arg_names = "a",
    .params = reshape_copy_params,
    .infer = reshape_copy_infer,
    .demand = reshape_copy_demand,
    .tiling = reshape_copy_tiling,
    .run = reshape_copy_run,
};
