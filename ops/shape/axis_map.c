/* SPDX-License-Identifier: BSD-3-Clause */
/* Views that only move, drop, add or stretch axes. */
#include "ops/shape/axis_map.h"

#include <string.h>

#include "core/base/assert.h"
#include "core/base/status.h"
#include "core/mem/alloc.h"
#include "ops/shape/common.h"

static void
axis_map_free(void *state)
{
    tg_free(NULL, state, sizeof(tg_axis_map));
}

tg_status
tg__axis_map_infer(tg_infer *infer, const tg_axis_map *map, tg_error *err)
{
    tg_status status = TG_OK;
    const tg_array *input = infer->args[0];
    tg_axis_map *state = tg_malloc(NULL, sizeof *state);
    tg_grid_axis axes[TG_NDIM_MAX];

    TG_CHECK(state != NULL, err, TG_ERR_MEMORY, "%s: out of memory", infer->op->name);
    TG_ASSERT_CMP(map->in_ndim, ==, input->ndim);
    *state = *map;
    infer->dtype = input->dtype;
    for (int a = 0; a < infer->ndim && input->chunks != NULL; a++) {
        if (map->from[a] < 0 || map->stretched[a]) {
            tg__grid_axis_whole(infer->shape[a], &axes[a]);
        } else {
            axes[a] = *tg_grid_axis_at(input->chunks, map->from[a]);
        }
    }
    if (infer->chunks == NULL && input->chunks != NULL) {
        infer->chunks = tg_grid_create(infer->ndim, axes);
    }
    infer->state = state;
    infer->state_free = axis_map_free;
out:
    return status;
}

void
tg__axis_map_demand(const tg_array *node, size_t arg, const tg_box *out, tg_box *in)
{
    const tg_axis_map *map = node->state;
    const bool empty = tg_box_is_empty(out);
    (void)arg;
    in->ndim = map->in_ndim;
    for (int a = 0; a < in->ndim; a++) {
        /* Axes that the output does not have are of length one. */
        in->lo[a] = 0;
        in->hi[a] = empty ? 0 : 1;
    }
    for (int o = 0; o < node->ndim; o++) {
        const int a = map->from[o];
        if (a >= 0 && !map->stretched[o]) {
            in->lo[a] = out->lo[o];
            in->hi[a] = out->hi[o];
        }
    }
}

void
tg__axis_map_view(const tg_array *node, const tg_view *in, const tg_box *in_box,
                  const tg_box *out_box, tg_view *out)
{
    const tg_axis_map *map = node->state;
    const bool empty = tg_box_is_empty(out_box);
    char *data = in->data;
    TG_DCHECK(in->ndim == map->in_ndim);
    out->dtype = in->dtype;
    out->ndim = node->ndim;
    for (int o = 0; o < node->ndim; o++) {
        const int a = map->from[o];
        out->shape[o] = tg_max_i64(out_box->hi[o] - out_box->lo[o], 0);
        if (a < 0 || map->stretched[o]) {
            out->strides[o] = 0;
        } else {
            out->strides[o] = in->strides[a];
            data += empty ? 0 : (out_box->lo[o] - in_box->lo[a]) * in->strides[a];
        }
    }
    out->data = data;
}
