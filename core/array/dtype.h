/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_ARRAY_DTYPE_H
#define TG_ARRAY_DTYPE_H
/*
 * What: the one list of element types, for code that is made once per type. The public face is
 * include/tilegraph/dtype.h; this adds the C type that stores an element, the type to compute in,
 * and what kind of number it is.
 *
 *   X(SUFFIX, stored as, computed in, NumPy's name, typestr, kind)
 *
 * Integers compute in an unsigned type of at least 32 bits, so that they wrap without undefined
 * behaviour. float16 is stored as its bits and computes in float.
 *
 * Ownership: values only. Threads: pure. Errors: none.
 */
#include <complex.h>

#include "tilegraph/dtype.h"

typedef enum tg_kind {
    TG_KIND_NONE,
    TG_KIND_BOOL,
    TG_KIND_INT,
    TG_KIND_UINT,
    TG_KIND_FLOAT,
    TG_KIND_COMPLEX
} tg_kind;

/* Room for a typestr with its NUL. */
enum { TG_TYPESTR_MAX = 5 };

#define TG_EACH_DTYPE(X)                                                                           \
    X(BOOL, uint8_t, uint32_t, "bool", "b1", TG_KIND_BOOL)                                         \
    X(I8, int8_t, uint32_t, "int8", "i1", TG_KIND_INT)                                             \
    X(U8, uint8_t, uint32_t, "uint8", "u1", TG_KIND_UINT)                                          \
    X(I16, int16_t, uint32_t, "int16", "i2", TG_KIND_INT)                                          \
    X(U16, uint16_t, uint32_t, "uint16", "u2", TG_KIND_UINT)                                       \
    X(I32, int32_t, uint32_t, "int32", "i4", TG_KIND_INT)                                          \
    X(U32, uint32_t, uint32_t, "uint32", "u4", TG_KIND_UINT)                                       \
    X(I64, int64_t, uint64_t, "int64", "i8", TG_KIND_INT)                                          \
    X(U64, uint64_t, uint64_t, "uint64", "u8", TG_KIND_UINT)                                       \
    X(F16, uint16_t, float, "float16", "f2", TG_KIND_FLOAT)                                        \
    X(F32, float, float, "float32", "f4", TG_KIND_FLOAT)                                           \
    X(F64, double, double, "float64", "f8", TG_KIND_FLOAT)                                         \
    X(C64, float _Complex, float _Complex, "complex64", "c8", TG_KIND_COMPLEX)                     \
    X(C128, double _Complex, double _Complex, "complex128", "c16", TG_KIND_COMPLEX)

/* NumPy's typestr with the byte order, as files have it: "<u2", "|b1"; always little-endian. */
void tg_dtype_typestr(tg_dtype dtype, char text[TG_TYPESTR_MAX]);
/* The reverse, in either byte order; TG_DT_NONE for all else, also for "u2" and "uint16". */
tg_dtype tg_dtype_from_typestr(const char *text, bool *big_endian);
/* TG_KIND_NONE for a number that is no dtype. */
tg_kind tg_dtype_kind(tg_dtype dtype);
/* complex64 -> float32, complex128 -> float64; others are themselves. */
tg_dtype tg_dtype_real(tg_dtype dtype);
/* Whether NumPy's can_cast(from, to, "safe") holds. */
bool tg_dtype_can_cast(tg_dtype from, tg_dtype to);

static inline bool
tg_dtype_is_integer(tg_dtype dtype)
{
    tg_kind kind = tg_dtype_kind(dtype);
    return kind == TG_KIND_INT || kind == TG_KIND_UINT;
}

static inline bool
tg_dtype_is_float(tg_dtype dtype)
{
    return tg_dtype_kind(dtype) == TG_KIND_FLOAT;
}

static inline bool
tg_dtype_is_complex(tg_dtype dtype)
{
    return tg_dtype_kind(dtype) == TG_KIND_COMPLEX;
}

#endif
