/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_MORPHOLOGY_BINARY_STATE_H
#define TG_MORPHOLOGY_BINARY_STATE_H
/*
 * What: the state of a node of binary erosion or dilation, which binary.c makes and binary_run.c
 * works from.
 *
 * Ownership: the node's. Threads: immutable once made. Errors: none.
 */
#include "ops/kernel/bits.h"
#include "ops/morphology/binary.h"
#include "ops/overlap/footprint.h"

/* A run of cells along the last axis: of the structure's rows, each of its kinds once. */
typedef struct tg_chord {
    int64_t first, length;
} tg_chord;

/* A chord of the structure and the index of its row, along the last axis but one. */
typedef struct tg_chord_link {
    int32_t chord;
    int32_t row;
} tg_chord_link;

typedef struct binary {
    tg_footprint *footprint;
    int64_t iterations;
    bool dilate;
    bool border;
    /* The furthest members along each axis, as offsets. */
    int64_t reach_lo[TG_NDIM_MAX], reach_hi[TG_NDIM_MAX];
    int64_t chord_count;
    tg_chord *chords; /* shorter ones first */
    /* The structure's cross-sections over the last two axes: per section its links, and `ndim`
     * offsets of which those of the leading axes say where it stands. */
    int64_t section_count, link_count;
    tg_bits_section *sections;
    int32_t *away;
    tg_chord_link *links;
} tg_binary;

/* Makes chords, sections and links from the footprint, and the reach. False: no memory. */
bool tg_binary_cut(tg_binary *b);

#endif
