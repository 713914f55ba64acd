/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Type resolution of elementwise ops. NumPy's own rule is a search along the list of loops, kept
 * here because its results cannot be had from promotion alone: sqrt of int8 is float16, arctan2 of
 * int8 and uint8 too, although their common type is int16.
 */
#include "ops/elementwise/elementwise.h"

#include <stdio.h>
#include <string.h>

static tg_dtype
letter_dtype(char letter)
{
    static const char letters[] = "?bBhHiIlLefdFD";
    static const tg_dtype dtypes[] = {
        TG_DT_BOOL, TG_DT_I8,  TG_DT_U8,  TG_DT_I16, TG_DT_U16, TG_DT_I32, TG_DT_U32,
        TG_DT_I64,  TG_DT_U64, TG_DT_F16, TG_DT_F32, TG_DT_F64, TG_DT_C64, TG_DT_C128,
    };
    const char *at = strchr(letters, letter);
    TG_ASSERT(letter != '\0' && at != NULL);
    return dtypes[at - letters];
}

tg_status
tg_ufunc_refuse(const tg_infer *infer, tg_error *err)
{
    char dtypes[256] = "";
    size_t used = 0;
    for (size_t i = 0; i < infer->nargs && used + 32 < sizeof dtypes; i++) {
        int n = snprintf(dtypes + used, sizeof dtypes - used, "%s%s", i > 0 ? ", " : "",
                         tg_dtype_name(infer->args[i]->dtype));
        used += n > 0 ? (size_t)n : 0;
    }
    return tg_fail(err, TG_ERR_TYPE,
                   "ufunc '%s' not supported for the input types (%s), and the inputs could not be "
                   "safely coerced to any supported types according to the casting rule ''safe''",
                   infer->op->name, dtypes);
}

tg_status
tg_ufunc_resolve(const tg_infer *infer, tg_dtype *dtype, tg_error *err)
{
    tg_status status = TG_OK;
    const tg_ufunc *ufunc = infer->op->traits;
    tg_dtype weak = tg_result_type(infer->nargs, infer->args);
    tg_dtype found = TG_DT_NONE;
    bool all_bool = true;
    bool all_integer = true;
    for (size_t i = 0; i < infer->nargs; i++) {
        const tg_array *arg = infer->args[i];
        tg_dtype seen = arg->weak != TG_WEAK_NONE ? weak : arg->dtype;
        all_bool = all_bool && seen == TG_DT_BOOL;
        all_integer = all_integer && (seen == TG_DT_BOOL || tg_dtype_is_integer(seen));
    }
    TG_CHECK(!all_bool || ufunc->no_bool == NULL, err, TG_ERR_TYPE, "%s: %s", infer->op->name,
             ufunc->no_bool);
    for (const char *letter = ufunc->types; *letter != '\0' && found == TG_DT_NONE; letter++) {
        tg_dtype loop = letter_dtype(*letter);
        bool fits = true;
        for (size_t i = 0; i < infer->nargs; i++) {
            const tg_array *arg = infer->args[i];
            fits = fits && tg_dtype_can_cast(arg->weak != TG_WEAK_NONE ? weak : arg->dtype, loop);
        }
        found = fits ? loop : TG_DT_NONE;
    }
    if (ufunc->integers_as_float64 && all_integer) {
        found = TG_DT_F64;
    }
    if (found == TG_DT_NONE) {
        TG_TRY(tg_ufunc_refuse(infer, err));
    }
    *dtype = found;
out:
    return status;
}

bool
tg_ufunc_cast_fits(tg_infer *infer, size_t index, tg_dtype dtype)
{
    tg_array *cast = tg_scope_cast(infer->scope, infer->args[index], dtype);
    if (cast != NULL) {
        infer->args[index] = cast;
    } else {
        const tg_error *cause = tg_scope_error(infer->scope);
        if (cause != NULL && cause->code == TG_ERR_OVERFLOW) {
            tg_scope_clear(infer->scope);
        }
    }
    return cast != NULL;
}

tg_status
tg_ufunc_shape(tg_infer *infer, tg_error *err)
{
    return tg_broadcast_shape(infer->nargs, infer->args, &infer->ndim, infer->shape, err);
}

static tg_dtype
result_dtype(tg_ufunc_result result, tg_dtype loop)
{
    tg_dtype dtype = loop;
    if (result == TG_RESULT_BOOL) {
        dtype = TG_DT_BOOL;
    } else if (result == TG_RESULT_REAL) {
        dtype = tg_dtype_real(loop);
    }
    return dtype;
}

tg_status
tg_ufunc_infer(tg_infer *infer, tg_error *err)
{
    tg_status status = TG_OK;
    const tg_ufunc *ufunc = infer->op->traits;
    tg_dtype loop = TG_DT_NONE;
    TG_TRY(tg_ufunc_shape(infer, err));
    TG_TRY(tg_ufunc_resolve(infer, &loop, err));
    for (size_t i = 0; i < infer->nargs; i++) {
        TG_TRY(tg__infer_cast(infer, i, loop, err));
    }
    infer->dtype = result_dtype(ufunc->result, loop);
out:
    return status;
}

/* An integer array beside a plain integer: in the array's type where the number fits, else both in
 * a 64-bit type, where every comparison has its exact answer. */
static tg_status
compare_weak(tg_infer *infer, size_t weak, tg_error *err)
{
    tg_status status = TG_OK;
    size_t other = 1 - weak;
    tg_dtype dtype = infer->args[other]->dtype;
    if (!tg_ufunc_cast_fits(infer, weak, dtype)) {
        tg_dtype wide = TG_DT_I64;
        if (!tg_ufunc_cast_fits(infer, weak, TG_DT_I64)) {
            wide = TG_DT_U64;
            TG_TRY(tg__infer_cast(infer, weak, TG_DT_U64, err));
        }
        /* Signed beside an uint64 number, or the reverse, is left to the mixed loops. */
        if (tg_dtype_can_cast(dtype, wide)) {
            TG_TRY(tg__infer_cast(infer, other, wide, err));
        } else {
            TG_TRY(tg__infer_cast(infer, other, dtype == TG_DT_U64 ? TG_DT_U64 : TG_DT_I64, err));
        }
    }
out:
    return status;
}

tg_status
tg_compare_infer(tg_infer *infer, tg_error *err)
{
    tg_status status = TG_OK;
    const tg_array *a = infer->args[0];
    const tg_array *b = infer->args[1];
    bool weak_a = a->weak == TG_WEAK_INT && b->weak == TG_WEAK_NONE;
    bool weak_b = b->weak == TG_WEAK_INT && a->weak == TG_WEAK_NONE;
    tg_dtype da = a->dtype;
    tg_dtype db = b->dtype;
    bool unlike = (da == TG_DT_U64) != (db == TG_DT_U64);
    TG_TRY(tg_ufunc_shape(infer, err));
    infer->dtype = TG_DT_BOOL;
    if (weak_b && tg_dtype_is_integer(da)) {
        TG_TRY(compare_weak(infer, 1, err));
    } else if (weak_a && tg_dtype_is_integer(db)) {
        TG_TRY(compare_weak(infer, 0, err));
    } else if (unlike && tg_dtype_kind(da == TG_DT_U64 ? db : da) == TG_KIND_INT) {
        TG_TRY(tg__infer_cast(infer, da == TG_DT_U64 ? 1 : 0, TG_DT_I64, err));
    } else {
        TG_TRY(tg_ufunc_infer(infer, err));
    }
out:
    return status;
}

tg_loop
tg_ufunc_loop(const tg_array *node)
{
    const tg_ufunc *ufunc = node->op->traits;
    const tg_dtype dtype = node->args[0]->dtype;
    const tg_isa level = tg_isa_level();
    const tg_loops *const *tables = ufunc->loops;
    tg_loop loop = NULL;
    if (ufunc->mixed[level] != NULL && node->args[1]->dtype != dtype) {
        tables = ufunc->mixed;
    }
    if (tables[level] != NULL) {
        loop = tables[level]->at[dtype];
    }
    for (int i = 0; loop == NULL && i < 2 && ufunc->plain[i] != NULL; i++) {
        loop = ufunc->plain[i]->at[dtype];
    }
    TG_ASSERT(loop != NULL);
    return loop;
}

void
tg_cost_light(const tg_array *node, const tg_box *out, tg_cost *cost)
{
    (void)node;
    cost->operations = (double)tg_box_count(out);
    cost->scratch_bytes = 0;
}

void
tg_cost_heavy(const tg_array *node, const tg_box *out, tg_cost *cost)
{
    (void)node;
    cost->operations = 20.0 * (double)tg_box_count(out);
    cost->scratch_bytes = 0;
}
