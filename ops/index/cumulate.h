/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_INDEX_CUMULATE_H
#define TG_INDEX_CUMULATE_H
/*
 * What: what cumsum, cumprod and their nan variants share: argument rules and the walk along the
 * axis. The traits of each op are a table of row kernels, one per dtype (cumulate.tmpl.h).
 *
 * Ownership, Threads: those of the op slots. Errors: as NumPy's.
 */
#include "core/array/array.h"

enum { TG_CUMULATE_AXIS, TG_CUMULATE_DTYPE, TG_CUMULATE_PARAMS };

/* out[i] = before[i] op in[i]; before NULL: the first cells. The three strides are in bytes. */
typedef void (*tg_cumulate_row)(char *out, const char *before, const char *in,
                                const ptrdiff_t *strides, int64_t count);

tg_status tg__cumulate_infer(tg_infer *infer, tg_error *err);
void tg__cumulate_demand(const tg_array *node, size_t arg, const tg_box *out, tg_box *in);
int tg__cumulate_axis(const tg_array *node);
tg_status tg__cumulate_run(const tg_run *run, const tg_view *in, const tg_view *out, tg_error *err);
extern const tg_param_schema tg__cumulate_params[];

#endif
