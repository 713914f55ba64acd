/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_MEASURE_MEASURE_H
#define TG_MEASURE_MEASURE_H
/*
 * What: the table of measurements: one row of doubles per label, sorted by label. It is made in
 * one pass by the internal op `_measure`; all public measurements read it, and since equal nodes
 * are one node, asking for several costs one pass.
 *
 * Ownership: plain data. Threads: pure. Errors: none.
 */
#include "core/array/array.h"

/* Columns; those with [ndim] have one per axis. tg_measure_column gives the first of a kind. */
typedef enum tg_measure_kind {
    TG_MEASURE_LABEL,
    TG_MEASURE_AREA,     /* cells */
    TG_MEASURE_LO,       /* [ndim] bounding box, half open */
    TG_MEASURE_HI,       /* [ndim] */
    TG_MEASURE_POSITION, /* [ndim] sum of coordinates */
    /* Of the intensities; absent from tables without an intensity image. */
    TG_MEASURE_SUM,
    TG_MEASURE_M2, /* sum of squared differences from the mean */
    TG_MEASURE_MIN,
    TG_MEASURE_MAX,
    TG_MEASURE_ARGMIN, /* raster number of the first cell that has it */
    TG_MEASURE_ARGMAX,
    TG_MEASURE_WEIGHTED /* [ndim] sum of value * coordinate */
} tg_measure_kind;

int tg_measure_column(tg_measure_kind kind, int ndim);
int tg_measure_columns(int ndim, bool values);
/* Adds the row `from` to `to`; both must hold at least one cell. */
void tg_measure_merge_rows(double *to, const double *from, int ndim, bool values);

/* The node that measures, built in the scope; `labels` or `input` may be NULL, not both.
 * `background`: the label 0 gets a row too. NULL with the scope's error set. */
tg_array *tg_measure_build(tg_scope *scope, const char *op, tg_array *labels, tg_array *input,
                           bool background);

#endif
