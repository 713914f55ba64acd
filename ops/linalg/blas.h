/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_LINALG_BLAS_H
#define TG_LINALG_BLAS_H
/*
 * What: the product of two matrices in memory, for every dtype: floats and complex numbers through
 * BLAS, integers by a kernel of our own that wraps as NumPy does, bool by "or" of "and"s. The one
 * place that knows cblas.h.
 *
 * Ownership: borrows. Threads: any; BLAS itself is told once to use no threads of its own.
 * Errors: none. Sizes are below 2^31.
 */
#include <stdint.h>

#include "tilegraph/dtype.h"

/* A matrix in memory, C order: `stride` elements from row to row. */
typedef struct tg_matrix {
    void *data;
    int64_t rows, columns, stride;
} tg_matrix;

/* c = a b. float16 is not among the dtypes: convert to float32 first. */
void tg__matrix_product(tg_dtype dtype, const tg_matrix *a, const tg_matrix *b, const tg_matrix *c);
/* One thread per call from now on. Cheap after the first time. */
void tg__blas_single_thread(void);

#endif
