/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The row kernels of one running op for all dtypes: `rows`, the op's traits. Included once by the
 * op's file, with
 *     IS_PRODUCT  true: products; false: sums
 *     SKIP_NAN    true: NaN counts as the empty product or sum
 * Integers wrap; float16 is computed in float and rounded at each cell, as NumPy does.
 */
#include "ops/index/cumulate.h"

#define IS_SKIPPED(x) (SKIP_NAN && (x) != (x))
#define EMPTY         (IS_PRODUCT ? 1 : 0)
#define T             int8_t
#define COMPUTE       uint32_t
#define NAME          row_i8
#include "ops/index/cumulate_row.tmpl.h"
#define T       uint8_t
#define COMPUTE uint32_t
#define NAME    row_u8
#include "ops/index/cumulate_row.tmpl.h"
#define T       int16_t
#define COMPUTE uint32_t
#define NAME    row_i16
#include "ops/index/cumulate_row.tmpl.h"
#define T       uint16_t
#define COMPUTE uint32_t
#define NAME    row_u16
#include "ops/index/cumulate_row.tmpl.h"
#define T       int32_t
#define COMPUTE uint32_t
#define NAME    row_i32
#include "ops/index/cumulate_row.tmpl.h"
#define T       uint32_t
#define COMPUTE uint32_t
#define NAME    row_u32
#include "ops/index/cumulate_row.tmpl.h"
#define T       int64_t
#define COMPUTE uint64_t
#define NAME    row_i64
#include "ops/index/cumulate_row.tmpl.h"
#define T       uint64_t
#define COMPUTE uint64_t
#define NAME    row_u64
#include "ops/index/cumulate_row.tmpl.h"
#define T       _Float16
#define COMPUTE float
#define NAME    row_f16
#include "ops/index/cumulate_row.tmpl.h"
#define T       float
#define COMPUTE float
#define NAME    row_f32
#include "ops/index/cumulate_row.tmpl.h"
#define T       double
#define COMPUTE double
#define NAME    row_f64
#include "ops/index/cumulate_row.tmpl.h"
#define T    float
#define NAME row_c64
#include "ops/index/cumulate_complex.tmpl.h"
#define T    double
#define NAME row_c128
#include "ops/index/cumulate_complex.tmpl.h"

static const tg_cumulate_row rows[TG_DT_COUNT] = {
    [TG_DT_I8] = row_i8,     [TG_DT_U8] = row_u8,   [TG_DT_I16] = row_i16, [TG_DT_U16] = row_u16,
    [TG_DT_I32] = row_i32,   [TG_DT_U32] = row_u32, [TG_DT_I64] = row_i64, [TG_DT_U64] = row_u64,
    [TG_DT_F16] = row_f16,   [TG_DT_F32] = row_f32, [TG_DT_F64] = row_f64, [TG_DT_C64] = row_c64,
    [TG_DT_C128] = row_c128,
};
