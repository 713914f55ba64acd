/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_MEASURE_LABEL_STATE_H
#define TG_MEASURE_LABEL_STATE_H
/*
 * What: what the internal ops of label share: the connectivity, and the table that maps labels of
 * tiles to labels of the array. ops/measure/label.c tells how they play together.
 *
 * The table is a 1-D int64 array:
 *     [0] number of labels   [1] number of tiles   [2] ndim
 *     per tile, in the order of their low corners: lo[ndim], hi[ndim], base, count
 *     per component: its final label; local label k of a tile is component base + k - 1
 *
 * Ownership: plain data. Threads: pure functions. Errors: see functions.
 */
#include "core/array/array.h"

enum {
    /* 3^8 neighbours of a tile are looked up; more axes would only be slow. */
    TG_LABEL_NDIM_MAX = 8,
    TG_LABEL_TABLE_HEAD = 3,
    TG_LABEL_TABLE_TILE = 2 /* and 2 * ndim */
};

/* The parameter of the internal ops: 3^ndim marks in C order. */
#define TG_SCHEMA_CONNECTIVITY                                                                     \
    {                                                                                              \
        "structure", TG_PARAM_INT, true, true, NULL, NULL, "3^ndim marks of neighbours"            \
    }
/* Checks it against the rank of argument 0. */
TG_MUST_USE tg_status tg_label_check(const tg_infer *infer, const tg_value *structure,
                                     tg_error *err);
/* 3^ndim. */
int64_t tg_label_structure_count(int ndim);
/* From the structure argument of a public op (NULL: the cross) to the marks; at most 3^8. */
TG_MUST_USE tg_status tg_label_structure(const char *op, int ndim, const tg_array *structure,
                                         int64_t *marks, tg_error *err);
/* The table of a labelling, built in the scope; *local gets the labels of the tiles. NULL with
 * the scope's error set. */
tg_array *tg_label_build_table(tg_scope *scope, const char *op, tg_array *input,
                               tg_array *structure, tg_array **local);

#endif
