/* SPDX-License-Identifier: BSD-3-Clause */
/* Slots of ops that take whole arguments or lines. See the header. */
#include "ops/whole.h"

#include "core/base/status.h"

void
tg__whole_demand(const tg_array *node, size_t arg, const tg_box *out, tg_box *in)
{
    (void)out;
    tg_array_box(node->args[arg], in);
}

void
tg__whole_others_demand(const tg_array *node, size_t arg, const tg_box *domain, tg_box *in)
{
    if (arg == 0) {
        tg_box_copy(in, domain);
    } else {
        tg_array_box(node->args[arg], in);
    }
}

void
tg__whole_tiling(const tg_array *node, tg_tiling *tiling)
{
    tiling->whole_axes = ((uint64_t)1 << node->ndim) - 1;
}

uint64_t
tg__whole_axes(const tg_array *node)
{
    return ((uint64_t)1 << node->args[0]->ndim) - 1;
}

tg_status
tg__lines_check(const tg_infer *infer, tg_error *err)
{
    tg_status status = TG_OK;
    int64_t axis = infer->values[0].ints[0];
    int ndim = infer->args[0]->ndim;
    TG_CHECK(axis >= 0 && axis < ndim, err, TG_ERR_VALUE,
             "%s: axis must be one of the %d axes, got %lld", infer->op->name, ndim,
             (long long)axis);
out:
    return status;
}

void
tg__lines_demand(const tg_array *node, size_t arg, const tg_box *out, tg_box *in)
{
    int64_t axis = node->values[0].ints[0];
    (void)arg;
    tg_box_copy(in, out);
    in->lo[axis] = 0;
    in->hi[axis] = node->shape[axis];
}

void
tg__lines_tiling(const tg_array *node, tg_tiling *tiling)
{
    tiling->whole_axes = (uint64_t)1 << node->values[0].ints[0];
}
