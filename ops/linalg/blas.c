/* SPDX-License-Identifier: BSD-3-Clause */
/* Matrix products: BLAS for what it knows, loops that the compiler vectorises for the rest. */
#include "ops/linalg/blas.h"

#include <cblas.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>

#include "core/base/assert.h"

typedef void (*matrix_kernel)(const tg_matrix *a, const tg_matrix *b, const tg_matrix *c);

void
tg__blas_single_thread(void)
{
    /* Setting it twice at once does no harm: the number is the same. */
    static atomic_bool done;
    if (!atomic_load_explicit(&done, memory_order_acquire)) {
        openblas_set_num_threads(1);
        atomic_store_explicit(&done, true, memory_order_release);
    }
}

static int
blas_int(int64_t n)
{
    TG_ASSERT_CMP(n, <=, INT32_MAX);
    return (int)n;
}

static void
product_f32(const tg_matrix *a, const tg_matrix *b, const tg_matrix *c)
{
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, blas_int(c->rows), blas_int(c->columns),
                blas_int(a->columns), 1.0F, a->data, blas_int(a->stride), b->data,
                blas_int(b->stride), 0.0F, c->data, blas_int(c->stride));
}

static void
product_f64(const tg_matrix *a, const tg_matrix *b, const tg_matrix *c)
{
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, blas_int(c->rows), blas_int(c->columns),
                blas_int(a->columns), 1.0, a->data, blas_int(a->stride), b->data,
                blas_int(b->stride), 0.0, c->data, blas_int(c->stride));
}

static void
product_c64(const tg_matrix *a, const tg_matrix *b, const tg_matrix *c)
{
    const float one[2] = { 1.0F, 0.0F };
    const float zero[2] = { 0.0F, 0.0F };
    cblas_cgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, blas_int(c->rows), blas_int(c->columns),
                blas_int(a->columns), one, a->data, blas_int(a->stride), b->data,
                blas_int(b->stride), zero, c->data, blas_int(c->stride));
}

static void
product_c128(const tg_matrix *a, const tg_matrix *b, const tg_matrix *c)
{
    const double one[2] = { 1.0, 0.0 };
    const double zero[2] = { 0.0, 0.0 };
    cblas_zgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, blas_int(c->rows), blas_int(c->columns),
                blas_int(a->columns), one, a->data, blas_int(a->stride), b->data,
                blas_int(b->stride), zero, c->data, blas_int(c->stride));
}

static void
product_bool(const tg_matrix *a, const tg_matrix *b, const tg_matrix *c)
{
    for (int64_t i = 0; i < c->rows; i++) {
        unsigned char *out = (unsigned char *)c->data + i * c->stride;
        memset(out, 0, (size_t)c->columns);
        for (int64_t k = 0; k < a->columns; k++) {
            const unsigned char *row = (const unsigned char *)b->data + k * b->stride;
            if (((const unsigned char *)a->data)[i * a->stride + k] != 0) {
                for (int64_t j = 0; j < c->columns; j++) {
                    out[j] |= row[j] != 0;
                }
            }
        }
    }
}

/* Signed types share the kernels of the unsigned: the low bits of a product are the same. */
#define T      uint8_t
#define WIDE   uint32_t
#define SUFFIX u8
#include "ops/linalg/product.tmpl.h"
#define T      uint16_t
#define WIDE   uint32_t
#define SUFFIX u16
#include "ops/linalg/product.tmpl.h"
#define T      uint32_t
#define WIDE   uint32_t
#define SUFFIX u32
#include "ops/linalg/product.tmpl.h"
#define T      uint64_t
#define WIDE   uint64_t
#define SUFFIX u64
#include "ops/linalg/product.tmpl.h"

void
tg__matrix_product(tg_dtype dtype, const tg_matrix *a, const tg_matrix *b, const tg_matrix *c)
{
    static const matrix_kernel kernels[TG_DT_COUNT] = {
        [TG_DT_BOOL] = product_bool, [TG_DT_I8] = product_u8,   [TG_DT_U8] = product_u8,
        [TG_DT_I16] = product_u16,   [TG_DT_U16] = product_u16, [TG_DT_I32] = product_u32,
        [TG_DT_U32] = product_u32,   [TG_DT_I64] = product_u64, [TG_DT_U64] = product_u64,
        [TG_DT_F32] = product_f32,   [TG_DT_F64] = product_f64, [TG_DT_C64] = product_c64,
        [TG_DT_C128] = product_c128,
    };
    TG_ASSERT_CMP(a->columns, ==, b->rows);
    TG_ASSERT_CMP(a->rows, ==, c->rows);
    TG_ASSERT_CMP(b->columns, ==, c->columns);
    TG_ASSERT(kernels[dtype] != NULL);
    if (c->rows > 0 && c->columns > 0 && a->columns > 0) {
        kernels[dtype](a, b, c);
    } else if (c->rows > 0 && c->columns > 0) {
        /* The sum of nothing. */
        for (int64_t i = 0; i < c->rows; i++) {
            const size_t size = tg_dtype_size(dtype);
            memset((char *)c->data + (size_t)(i * c->stride) * size, 0, (size_t)c->columns * size);
        }
    }
}
