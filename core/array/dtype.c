/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Names, sizes and promotion of element types. Promotion is computed from kind and size instead of
 * a 14 x 14 table; the test compares it with the table that NumPy 2 prints.
 */
#include "core/array/dtype.h"

#include <stdio.h>
#include <string.h>

typedef struct dtype_row {
    const char *name, *typestr;
    tg_kind kind;
    size_t size;
} dtype_row;

static const dtype_row rows[TG_DT_COUNT] = { [TG_DT_NONE] = { "none", "", TG_KIND_NONE, 0 },
#define DTYPE_ROW(suffix, stored, computed, name_, typestr_, kind_)                                \
    [TG_DT_##suffix] = { name_, typestr_, kind_, sizeof(stored) },
                                             TG_EACH_DTYPE(DTYPE_ROW)
#undef DTYPE_ROW
};

static const dtype_row *
row_of(tg_dtype dtype)
{
    return (int)dtype > 0 && (int)dtype < TG_DT_COUNT ? &rows[dtype] : &rows[TG_DT_NONE];
}

size_t
tg_dtype_size(tg_dtype dtype)
{
    return row_of(dtype)->size;
}

const char *
tg_dtype_name(tg_dtype dtype)
{
    return row_of(dtype)->name;
}

tg_kind
tg_dtype_kind(tg_dtype dtype)
{
    return row_of(dtype)->kind;
}

tg_dtype
tg_dtype_parse(const char *name)
{
    tg_dtype found = TG_DT_NONE;
    if (name != NULL) {
        const char *typestr = name[0] != '\0' && strchr("<>=|", name[0]) != NULL ? name + 1 : name;
        for (int i = 1; i < TG_DT_COUNT; i++) {
            if (strcmp(name, rows[i].name) == 0 || strcmp(typestr, rows[i].typestr) == 0) {
                found = (tg_dtype)i;
            }
        }
        if (strcmp(typestr, "?") == 0) {
            found = TG_DT_BOOL;
        }
    }
    return found;
}

void
tg_dtype_typestr(tg_dtype dtype, char text[TG_TYPESTR_MAX])
{
    const dtype_row *row = row_of(dtype);
    (void)snprintf(text, TG_TYPESTR_MAX, "%c%s", row->size > 1 ? '<' : '|', row->typestr);
}

tg_dtype
tg_dtype_from_typestr(const char *text, bool *big_endian)
{
    bool has_order = strlen(text) >= 3 && strchr("<>|", text[0]) != NULL;
    tg_dtype dtype = has_order ? tg_dtype_parse(text) : TG_DT_NONE;
    *big_endian = text[0] == '>' && tg_dtype_size(dtype) > 1;
    return dtype;
}

/* The type of a kind and a size; TG_DT_NONE when there is none. */
static tg_dtype
dtype_of(tg_kind kind, size_t size)
{
    tg_dtype found = TG_DT_NONE;
    for (int i = 1; i < TG_DT_COUNT; i++) {
        if (rows[i].kind == kind && rows[i].size == size) {
            found = (tg_dtype)i;
        }
    }
    return found;
}

/* Bytes of the float type that holds this type's values as NumPy sees it: half for 8 bits and
 * bool, single for 16 bits, double beyond. Of a complex type: its parts. */
static size_t
float_size(const dtype_row *row)
{
    size_t size = row->size;
    if (row->kind == TG_KIND_COMPLEX) {
        size = row->size / 2;
    } else if (row->kind != TG_KIND_FLOAT) {
        size = row->size >= 4 ? 8 : 2 * row->size;
    }
    return size;
}

static tg_dtype
promote_integers(const dtype_row *a, const dtype_row *b)
{
    tg_dtype out = TG_DT_F64;
    if (a->kind == b->kind) {
        out = dtype_of(a->kind, a->size > b->size ? a->size : b->size);
    } else {
        const dtype_row *plain = a->kind == TG_KIND_UINT ? a : b;
        const dtype_row *sign = a->kind == TG_KIND_UINT ? b : a;
        /* uint64 with any signed type has no common integer: float64. */
        if (sign->size > plain->size) {
            out = dtype_of(TG_KIND_INT, sign->size);
        } else if (plain->size < 8) {
            out = dtype_of(TG_KIND_INT, 2 * plain->size);
        }
    }
    return out;
}

tg_dtype
tg_dtype_promote(tg_dtype a, tg_dtype b)
{
    const dtype_row *ra = row_of(a);
    const dtype_row *rb = row_of(b);
    tg_dtype out = TG_DT_NONE;
    if (ra->kind == TG_KIND_NONE || rb->kind == TG_KIND_NONE) {
        out = TG_DT_NONE;
    } else if (ra->kind == TG_KIND_COMPLEX || rb->kind == TG_KIND_COMPLEX) {
        bool wide = float_size(ra) == 8 || float_size(rb) == 8;
        out = wide ? TG_DT_C128 : TG_DT_C64;
    } else if (ra->kind == TG_KIND_FLOAT || rb->kind == TG_KIND_FLOAT) {
        /* A bool takes the partner's type and never widens it. */
        size_t sa = ra->kind == TG_KIND_BOOL ? 2 : float_size(ra);
        size_t sb = rb->kind == TG_KIND_BOOL ? 2 : float_size(rb);
        out = dtype_of(TG_KIND_FLOAT, sa > sb ? sa : sb);
    } else if (ra->kind == TG_KIND_BOOL) {
        out = b;
    } else if (rb->kind == TG_KIND_BOOL) {
        out = a;
    } else {
        out = promote_integers(ra, rb);
    }
    return out;
}

tg_dtype
tg_dtype_real(tg_dtype dtype)
{
    tg_dtype out = dtype;
    if (dtype == TG_DT_C64) {
        out = TG_DT_F32;
    } else if (dtype == TG_DT_C128) {
        out = TG_DT_F64;
    }
    return out;
}

bool
tg_dtype_can_cast(tg_dtype from, tg_dtype to)
{
    /* Safe casts are those that promotion would make. NumPy also lets 64-bit integers into
     * float64; promotion says the same. */
    return row_of(from)->kind != TG_KIND_NONE && tg_dtype_promote(from, to) == to;
}
