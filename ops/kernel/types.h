/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_KERNEL_TYPES_H
#define TG_KERNEL_TYPES_H
/*
 * What: names for include templates: from a dtype's suffix (I8, F32, ...) to C types, limits and
 * pasted names; complex numbers from parts. The list itself is TG_EACH_DTYPE of core/array/dtype.h,
 * in which the preprocessor cannot look a row up.
 *
 * Ownership: macros and values. Threads: pure. Errors: none.
 */
#include <complex.h>
#include <stdint.h>

#define TG_CAT3_(a, b, c) a##_##b##_##c
#define TG_CAT3(a, b, c)  TG_CAT3_(a, b, c)
#define TG_CAT2_(a, b)    a##b
#define TG_CAT2(a, b)     TG_CAT2_(a, b)

/* The C type that kernels see: float16 is a float there. */
#define TG_TYPE(X)   TG_CAT2(TG_TYPE_, X)
#define TG_TYPE_BOOL uint8_t
#define TG_TYPE_I8   int8_t
#define TG_TYPE_U8   uint8_t
#define TG_TYPE_I16  int16_t
#define TG_TYPE_U16  uint16_t
#define TG_TYPE_I32  int32_t
#define TG_TYPE_U32  uint32_t
#define TG_TYPE_I64  int64_t
#define TG_TYPE_U64  uint64_t
#define TG_TYPE_F16  float
#define TG_TYPE_F32  float
#define TG_TYPE_F64  double
#define TG_TYPE_C64  float _Complex
#define TG_TYPE_C128 double _Complex

/* The type to compute in: unsigned, wide enough that nothing is promoted to int. */
#define TG_WIDE(X)   TG_CAT2(TG_WIDE_, X)
#define TG_WIDE_BOOL uint32_t
#define TG_WIDE_I8   uint32_t
#define TG_WIDE_U8   uint32_t
#define TG_WIDE_I16  uint32_t
#define TG_WIDE_U16  uint32_t
#define TG_WIDE_I32  uint32_t
#define TG_WIDE_U32  uint32_t
#define TG_WIDE_I64  uint64_t
#define TG_WIDE_U64  uint64_t
#define TG_WIDE_F16  float
#define TG_WIDE_F32  float
#define TG_WIDE_F64  double
#define TG_WIDE_C64  float _Complex
#define TG_WIDE_C128 double _Complex

/* Bytes of an element as stored, and whether that is float16. */
#define TG_STORED(X)   TG_CAT2(TG_STORED_, X)
#define TG_STORED_BOOL 1
#define TG_STORED_I8   1
#define TG_STORED_U8   1
#define TG_STORED_I16  2
#define TG_STORED_U16  2
#define TG_STORED_I32  4
#define TG_STORED_U32  4
#define TG_STORED_I64  8
#define TG_STORED_U64  8
#define TG_STORED_F16  2
#define TG_STORED_F32  4
#define TG_STORED_F64  8
#define TG_STORED_C64  8
#define TG_STORED_C128 16

#define TG_IS_HALF(X)   TG_CAT2(TG_IS_HALF_, X)
#define TG_IS_HALF_BOOL 0
#define TG_IS_HALF_I8   0
#define TG_IS_HALF_U8   0
#define TG_IS_HALF_I16  0
#define TG_IS_HALF_U16  0
#define TG_IS_HALF_I32  0
#define TG_IS_HALF_U32  0
#define TG_IS_HALF_I64  0
#define TG_IS_HALF_U64  0
#define TG_IS_HALF_F16  1
#define TG_IS_HALF_F32  0
#define TG_IS_HALF_F64  0
#define TG_IS_HALF_C64  0
#define TG_IS_HALF_C128 0

#define TG_BITS(X) (8 * TG_STORED(X))

/* Before a loop that the compiler shall not unroll. */
#if defined(__clang__)
#    define TG_KEEP_LOOP _Pragma("clang loop unroll(disable)")
#else
#    define TG_KEEP_LOOP _Pragma("GCC unroll 1")
#endif

/* C11's CMPLX, which clang with glibc does not have: no arithmetic that would lose signs or NaN. */
static inline double _Complex tg_cmplx(double re, double im)
{
    double _Complex z;
    __real__ z = re;
    __imag__ z = im;
    return z;
}

static inline float _Complex tg_cmplxf(float re, float im)
{
    float _Complex z;
    __real__ z = re;
    __imag__ z = im;
    return z;
}

/* Entries of a table by dtype: name_I8, name_U8, ... */
#define TG_ROWS_BOOL(name) [TG_DT_BOOL] = name##_BOOL
#define TG_ROWS_SIGNED(name)                                                                       \
    [TG_DT_I8] = name##_I8, [TG_DT_I16] = name##_I16, [TG_DT_I32] = name##_I32,                    \
    [TG_DT_I64] = name##_I64
#define TG_ROWS_UNSIGNED(name)                                                                     \
    [TG_DT_U8] = name##_U8, [TG_DT_U16] = name##_U16, [TG_DT_U32] = name##_U32,                    \
    [TG_DT_U64] = name##_U64
#define TG_ROWS_INTEGER(name) TG_ROWS_SIGNED(name), TG_ROWS_UNSIGNED(name)
#define TG_ROWS_FLOAT(name)                                                                        \
    [TG_DT_F16] = name##_F16, [TG_DT_F32] = name##_F32, [TG_DT_F64] = name##_F64
#define TG_ROWS_COMPLEX(name) [TG_DT_C64] = name##_C64, [TG_DT_C128] = name##_C128
#define TG_ROWS_REAL(name)    TG_ROWS_BOOL(name), TG_ROWS_INTEGER(name), TG_ROWS_FLOAT(name)

#endif
