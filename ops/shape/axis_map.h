/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_SHAPE_AXIS_MAP_H
#define TG_SHAPE_AXIS_MAP_H
/*
 * What: the one thing that transpose, expand_dims, squeeze, broadcast_to and rechunk are: a view
 * whose every axis is an axis of the input, an axis of length one stretched, or a new axis. Their
 * demand and view slots are these functions; their state is a tg_axis_map.
 *
 * Ownership: the map belongs to the node once tg__axis_map_infer has succeeded.
 * Threads: pure functions of the node. Errors: TG_ERR_MEMORY from infer.
 */
#include "core/array/array.h"

typedef struct tg_axis_map {
    int in_ndim;
    int from[TG_NDIM_MAX];       /* input axis of each output axis; -1: a new one */
    bool stretched[TG_NDIM_MAX]; /* input axis of length one, seen many times */
} tg_axis_map;

/* Puts the map into infer->state (a copy), shape being set already: dtype as the input, and the
 * input's chunks seen through the map unless infer->chunks is set. */
TG_MUST_USE tg_status tg__axis_map_infer(tg_infer *infer, const tg_axis_map *map, tg_error *err);
void tg__axis_map_demand(const tg_array *node, size_t arg, const tg_box *out, tg_box *in);
void tg__axis_map_view(const tg_array *node, const tg_view *in, const tg_box *in_box,
                       const tg_box *out_box, tg_view *out);

#endif
