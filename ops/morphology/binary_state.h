/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_MORPHOLOGY_BINARY_STATE_H
#define TG_MORPHOLOGY_BINARY_STATE_H
/*
 * What: the state of a node of binary erosion or dilation, which binary.c makes and binary_run.c
 * works from.
 *
 * Ownership: the node's. Threads: immutable once made. Errors: none.
 */
#include "ops/morphology/binary.h"
#include "ops/overlap/footprint.h"

/* A run along the last axis and the rows of the structure in which it stands. */
typedef struct tg_chord_group {
    int64_t first, length;
    int64_t begin, count; /* entries of `rows` */
} tg_chord_group;

typedef struct binary {
    tg_footprint *footprint;
    int64_t iterations;
    bool dilate;
    bool border;
    /* The furthest members along each axis, as offsets. */
    int64_t reach_lo[TG_NDIM_MAX], reach_hi[TG_NDIM_MAX];
    int64_t group_count;
    tg_chord_group *groups;
    int64_t *rows; /* per entry the index of a row of the structure, over the leading axes */
    int32_t *away; /* per entry how far that row is, along each of the leading axes */
} tg_binary;

#endif
