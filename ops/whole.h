/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_OPS_WHOLE_H
#define TG_OPS_WHOLE_H
/*
 * What: slots of ops that take their arguments whole, or whole lines of them along one axis, which
 * is then their first parameter.
 *
 * Ownership: values. Threads: pure. Errors: tg__lines_check only.
 */
#include "core/array/array.h"

/* demand: every argument whole, whatever part of the result is wanted. */
void tg__whole_demand(const tg_array *node, size_t arg, const tg_box *out, tg_box *in);
/* demand of a reduction of the first argument that needs the others whole. */
void tg__whole_others_demand(const tg_array *node, size_t arg, const tg_box *domain, tg_box *in);
/* tiling: one tile. */
void tg__whole_tiling(const tg_array *node, tg_tiling *tiling);
/* axes of a tg_reduce: all of the first argument's. */
uint64_t tg__whole_axes(const tg_array *node);

/* For infer of such an op: the axis is one of the first argument's, and counts from the front, for
 * the slots take it as it is, and a plan may come from afar. TG_ERR_VALUE. */
TG_MUST_USE tg_status tg__lines_check(const tg_infer *infer, tg_error *err);
/* demand: the lines that go through the box, of an argument with the shape of the result. */
void tg__lines_demand(const tg_array *node, size_t arg, const tg_box *out, tg_box *in);
/* tiling: lines are not cut. */
void tg__lines_tiling(const tg_array *node, tg_tiling *tiling);

#endif
