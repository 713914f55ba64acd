/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The loops of ops/kernel/rowcast.h. Casts of doubles outside the range of the type are undefined
 * in C; they are written out here as what cvttsd2si does: the "integer indefinite" value, of which
 * narrower types keep the low bits.
 */
#include "ops/kernel/rowcast.h"

static inline int32_t
to_i32(double v)
{
    return v > -2147483649.0 && v < 2147483648.0 ? (int32_t)v : INT32_MIN;
}

static inline int64_t
to_i64(double v)
{
    return v >= -9223372036854775808.0 && v < 9223372036854775808.0 ? (int64_t)v : INT64_MIN;
}

static inline uint64_t
to_u64(double v)
{
    uint64_t high = (uint64_t)to_i64(v - 9223372036854775808.0) ^ ((uint64_t)1 << 63);
    return v >= 9223372036854775808.0 ? high : (uint64_t)to_i64(v);
}

#define EACH_REAL(X)                                                                               \
    X(bool, BOOL, _Bool, to_i32(v) != 0)                                                           \
    X(i8, I8, int8_t, (int8_t)to_i32(v))                                                           \
    X(u8, U8, uint8_t, (uint8_t)to_i32(v))                                                         \
    X(i16, I16, int16_t, (int16_t)to_i32(v))                                                       \
    X(u16, U16, uint16_t, (uint16_t)to_i32(v))                                                     \
    X(i32, I32, int32_t, to_i32(v))                                                                \
    X(u32, U32, uint32_t, (uint32_t)to_i64(v))                                                     \
    X(i64, I64, int64_t, to_i64(v))                                                                \
    X(u64, U64, uint64_t, to_u64(v))                                                               \
    X(f32, F32, float, (float)v)                                                                   \
    X(f64, F64, double, v)

#define DEFINE(name, NAME, type, cast)                                                             \
    static void load_##name(const void *in, double *out, int64_t n)                                \
    {                                                                                              \
        const type *restrict from = in;                                                            \
        for (int64_t i = 0; i < n; i++) {                                                          \
            out[i] = (double)from[i];                                                              \
        }                                                                                          \
    }                                                                                              \
    static void store_##name(const double *in, void *out, int64_t n)                               \
    {                                                                                              \
        type *restrict to = out;                                                                   \
        for (int64_t i = 0; i < n; i++) {                                                          \
            double v = in[i];                                                                      \
            to[i] = cast;                                                                          \
        }                                                                                          \
    }                                                                                              \
    static void round_##name(double *row, int64_t n)                                               \
    {                                                                                              \
        for (int64_t i = 0; i < n; i++) {                                                          \
            double v = row[i];                                                                     \
            type t = cast;                                                                         \
            row[i] = (double)t;                                                                    \
        }                                                                                          \
    }
EACH_REAL(DEFINE)

#define LOAD_ENTRY(name, NAME, type, cast)  [TG_DT_##NAME] = load_##name,
#define STORE_ENTRY(name, NAME, type, cast) [TG_DT_##NAME] = store_##name,
#define ROUND_ENTRY(name, NAME, type, cast) [TG_DT_##NAME] = round_##name,
const tg_rowcast_kernels TG_ISA_NAME(tg_rowcast) = {
    .load = { EACH_REAL(LOAD_ENTRY) },
    .store = { EACH_REAL(STORE_ENTRY) },
    .round = { EACH_REAL(ROUND_ENTRY) },
};
