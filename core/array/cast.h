/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_ARRAY_CAST_H
#define TG_ARRAY_CAST_H
/*
 * What: floating point to integer, as NumPy's astype does it on x86-64, but defined for every
 * value: the number is cut towards zero and wraps into the narrow type; what does not fit the
 * machine's conversion (NaN too) becomes its "indefinite" number, the smallest integer: which is 0
 * in the types that are narrower than the conversion. Without branches, so that loops vectorise.
 *
 *     to              goes through   NaN, infinity, too large
 *     int8 .. int16   int32          0
 *     int32           int32          -2^31
 *     uint32          int64          0
 *     int64           int64          -2^63
 *     uint64          int64, and above 2^63 by offset; 2^63 for NaN, 0 from 2^64 on
 *
 * Ownership: values. Threads: pure. Errors: none.
 */
#include <stdint.h>

static inline int32_t
tg_cast_f32_i32(float x)
{
    int in = (x >= -0x1p31f) & (x < 0x1p31f);
    int32_t cut = (int32_t)(in ? x : 0.0f);
    return in ? cut : INT32_MIN;
}

static inline int32_t
tg_cast_f64_i32(double x)
{
    int in = (x > -0x1p31 - 1.0) & (x < 0x1p31);
    int32_t cut = (int32_t)(in ? x : 0.0);
    return in ? cut : INT32_MIN;
}

static inline int64_t
tg_cast_f32_i64(float x)
{
    int in = (x >= -0x1p63f) & (x < 0x1p63f);
    int64_t cut = (int64_t)(in ? x : 0.0f);
    return in ? cut : INT64_MIN;
}

static inline int64_t
tg_cast_f64_i64(double x)
{
    int in = (x >= -0x1p63) & (x < 0x1p63);
    int64_t cut = (int64_t)(in ? x : 0.0);
    return in ? cut : INT64_MIN;
}

static inline uint64_t
tg_cast_f64_u64(double x)
{
    int upper = x >= 0x1p63;
    uint64_t cut = (uint64_t)tg_cast_f64_i64(upper ? x - 0x1p63 : x);
    return upper ? cut ^ (UINT64_C(1) << 63) : cut;
}

/* By suffix of the target: from float, and from double, to a type that cuts to it. */
#define TG_CAST_F32_BOOL(x) ((x) != 0)
#define TG_CAST_F32_I8(x)   tg_cast_f32_i32(x)
#define TG_CAST_F32_U8(x)   tg_cast_f32_i32(x)
#define TG_CAST_F32_I16(x)  tg_cast_f32_i32(x)
#define TG_CAST_F32_U16(x)  tg_cast_f32_i32(x)
#define TG_CAST_F32_I32(x)  tg_cast_f32_i32(x)
#define TG_CAST_F32_U32(x)  tg_cast_f32_i64(x)
#define TG_CAST_F32_I64(x)  tg_cast_f32_i64(x)
#define TG_CAST_F32_U64(x)  tg_cast_f64_u64((double)(x))
#define TG_CAST_F64_BOOL(x) ((x) != 0)
#define TG_CAST_F64_I8(x)   tg_cast_f64_i32(x)
#define TG_CAST_F64_U8(x)   tg_cast_f64_i32(x)
#define TG_CAST_F64_I16(x)  tg_cast_f64_i32(x)
#define TG_CAST_F64_U16(x)  tg_cast_f64_i32(x)
#define TG_CAST_F64_I32(x)  tg_cast_f64_i32(x)
#define TG_CAST_F64_U32(x)  tg_cast_f64_i64(x)
#define TG_CAST_F64_I64(x)  tg_cast_f64_i64(x)
#define TG_CAST_F64_U64(x)  tg_cast_f64_u64(x)

#endif
