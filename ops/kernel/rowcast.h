/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_KERNEL_ROWCAST_H
#define TG_KERNEL_ROWCAST_H
/*
 * What: rows of any real type to float64 and back, as SciPy's line buffers do it: back to an
 * integer type is a C cast (towards zero) with what x86-64 compilers make of values that do not
 * fit, so that derivatives of unsigned images wrap as they do there.
 *
 * Ownership: borrows all. Threads: pure. Errors: none; tg_rowcast_supported says which types.
 */
#include <stdbool.h>
#include <stdint.h>

#include "ops/kernel/isa.h"
#include "tilegraph/dtype.h"

typedef void (*tg_row_load)(const void *in, double *out, int64_t n);
typedef void (*tg_row_store)(const double *in, void *out, int64_t n);
typedef void (*tg_row_round)(double *row, int64_t n);

typedef struct tg_rowcast_kernels {
    tg_row_load load[TG_DT_COUNT];
    tg_row_store store[TG_DT_COUNT];
    /* As store and load again; NULL where nothing is lost. */
    tg_row_round round[TG_DT_COUNT];
} tg_rowcast_kernels;

TG_ISA_TABLE(const tg_rowcast_kernels, tg_rowcast);

/* bool, the integers, float32 and float64. */
static inline bool
tg_rowcast_supported(tg_dtype dtype)
{
    return dtype >= TG_DT_BOOL && dtype <= TG_DT_F64 && dtype != TG_DT_F16;
}

#endif
