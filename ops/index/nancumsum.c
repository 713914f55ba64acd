/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * nancumsum: running sums in which a NaN counts as zero.
 */
#include "core/array/array.h"
#include "ops/index/cumulate.h"
#include "ops/registry.h"

#define CLEAN(x)     ((x) != (x) ? 0 : (x))
#define FIRST(x)     CLEAN(x)
#define STEP(acc, x) ((acc) + CLEAN(x))
#define T            int8_t
#define COMPUTE      uint32_t
#define NAME         row_i8
#include "ops/index/cumulate.tmpl.h"
#define T       uint8_t
#define COMPUTE uint32_t
#define NAME    row_u8
#include "ops/index/cumulate.tmpl.h"
#define T       int16_t
#define COMPUTE uint32_t
#define NAME    row_i16
#include "ops/index/cumulate.tmpl.h"
#define T       uint16_t
#define COMPUTE uint32_t
#define NAME    row_u16
#include "ops/index/cumulate.tmpl.h"
#define T       int32_t
#define COMPUTE uint32_t
#define NAME    row_i32
#include "ops/index/cumulate.tmpl.h"
#define T       uint32_t
#define COMPUTE uint32_t
#define NAME    row_u32
#include "ops/index/cumulate.tmpl.h"
#define T       int64_t
#define COMPUTE uint64_t
#define NAME    row_i64
#include "ops/index/cumulate.tmpl.h"
#define T       uint64_t
#define COMPUTE uint64_t
#define NAME    row_u64
#include "ops/index/cumulate.tmpl.h"
#define T       _Float16
#define COMPUTE float
#define NAME    row_f16
#include "ops/index/cumulate.tmpl.h"
#define T       float
#define COMPUTE float
#define NAME    row_f32
#include "ops/index/cumulate.tmpl.h"
#define T       double
#define COMPUTE double
#define NAME    row_f64
#include "ops/index/cumulate.tmpl.h"

static void
row_c64(char *out, const char *before, const char *in, const ptrdiff_t *strides, int64_t count)
{
    for (int64_t i = 0; i < count; i++) {
        const float *x = (const float *)(const void *)(in + i * strides[2]);
        float *o = (float *)(void *)(out + i * strides[0]);
        const bool clean = x[0] == x[0] && x[1] == x[1];
        const float re = clean ? x[0] : 0;
        const float im = clean ? x[1] : 0;
        if (before == NULL) {
            o[0] = re;
            o[1] = im;
        } else {
            const float *b = (const float *)(const void *)(before + i * strides[1]);
            o[0] = b[0] + re;
            o[1] = b[1] + im;
        }
    }
}

static void
row_c128(char *out, const char *before, const char *in, const ptrdiff_t *strides, int64_t count)
{
    for (int64_t i = 0; i < count; i++) {
        const double *x = (const double *)(const void *)(in + i * strides[2]);
        double *o = (double *)(void *)(out + i * strides[0]);
        const bool clean = x[0] == x[0] && x[1] == x[1];
        const double re = clean ? x[0] : 0;
        const double im = clean ? x[1] : 0;
        if (before == NULL) {
            o[0] = re;
            o[1] = im;
        } else {
            const double *b = (const double *)(const void *)(before + i * strides[1]);
            o[0] = b[0] + re;
            o[1] = b[1] + im;
        }
    }
}

static const tg_cumulate_row rows[TG_DT_COUNT] = {
    [TG_DT_I8] = row_i8,     [TG_DT_U8] = row_u8,   [TG_DT_I16] = row_i16, [TG_DT_U16] = row_u16,
    [TG_DT_I32] = row_i32,   [TG_DT_U32] = row_u32, [TG_DT_I64] = row_i64, [TG_DT_U64] = row_u64,
    [TG_DT_F16] = row_f16,   [TG_DT_F32] = row_f32, [TG_DT_F64] = row_f64, [TG_DT_C64] = row_c64,
    [TG_DT_C128] = row_c128,
};

static tg_status
nancumsum_run(const tg_run *run, const tg_view *in, const tg_view *out, tg_error *err)
{
    (void)err;
    return tg__cumulate_run(run, in, out, rows);
}

const tg_op tg_op_nancumsum = {
    .name = "nancumsum",
    .module = "",
    .summary = "Running sums along an axis, NaN counting as 0.",
    .version = 1,
    .cls = TG_CLASS_GATHER,
    .nargs_min = 1,
    .nargs_max = 1,
    .arg_names = "a",
    .params = tg__cumulate_params,
    .infer = tg__cumulate_infer,
    .demand = tg__cumulate_demand,
    .run = nancumsum_run,
    .carry_axis = tg__cumulate_axis,
};
