/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_TILEGRAPH_DTYPE_H
#define TG_TILEGRAPH_DTYPE_H
/*
 * What: the element types of arrays and their names. Promotion is NumPy 2's (NEP 50).
 *
 * Ownership: values only. Threads: all functions are pure. Errors: none; an unknown name gives
 * TG_DT_NONE.
 */
#include "tilegraph/base.h"

typedef enum tg_dtype {
    TG_DT_NONE = 0,
    TG_DT_BOOL,
    TG_DT_I8,
    TG_DT_U8,
    TG_DT_I16,
    TG_DT_U16,
    TG_DT_I32,
    TG_DT_U32,
    TG_DT_I64,
    TG_DT_U64,
    TG_DT_F16,
    TG_DT_F32,
    TG_DT_F64,
    TG_DT_C64,
    TG_DT_C128,
    TG_DT_COUNT
} tg_dtype;

/* Bytes of one element, 1 to 16; 0 for TG_DT_NONE. Every type is aligned to min(size, 8). */
TG_API size_t tg_dtype_size(tg_dtype dtype);
/* NumPy's name: "bool", "uint8", "float32", "complex128"; "none" for TG_DT_NONE. */
TG_API const char *tg_dtype_name(tg_dtype dtype);
/* From NumPy's name ("uint16") or a typestr ("<u2", "|b1", "u2"); byte order is ignored. */
TG_API tg_dtype tg_dtype_parse(const char *name);
/* The type NumPy gives a binary operation on arrays of these two types. */
TG_API tg_dtype tg_dtype_promote(tg_dtype a, tg_dtype b);

#endif
