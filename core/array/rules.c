/* SPDX-License-Identifier: BSD-3-Clause */
/* NumPy 2's rules for several arrays: result type, broadcasting, axes. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/array/dtype.h"
#include "core/array/scope.h"

/* bool < integer < float < complex, as NEP 50 orders kinds. */
static tg_weak
category(tg_dtype dtype)
{
    static const tg_weak of_kind[] = {
        [TG_KIND_NONE] = TG_WEAK_NONE,   [TG_KIND_BOOL] = TG_WEAK_BOOL,
        [TG_KIND_INT] = TG_WEAK_INT,     [TG_KIND_UINT] = TG_WEAK_INT,
        [TG_KIND_FLOAT] = TG_WEAK_FLOAT, [TG_KIND_COMPLEX] = TG_WEAK_COMPLEX,
    };
    return of_kind[tg_dtype_kind(dtype)];
}

/* A plain number beside arrays of type `strong` (NONE: only plain numbers). */
static tg_dtype
add_weak(tg_dtype strong, tg_weak weak)
{
    static const tg_dtype alone[] = {
        [TG_WEAK_NONE] = TG_DT_NONE, [TG_WEAK_BOOL] = TG_DT_BOOL,    [TG_WEAK_INT] = TG_DT_I64,
        [TG_WEAK_FLOAT] = TG_DT_F64, [TG_WEAK_COMPLEX] = TG_DT_C128,
    };
    tg_dtype out = strong;
    if (weak > category(strong)) {
        out = alone[weak];
        /* A complex number leaves the precision of floats as it is. */
        if (weak == TG_WEAK_COMPLEX && (strong == TG_DT_F16 || strong == TG_DT_F32)) {
            out = TG_DT_C64;
        }
    }
    return out;
}

tg_dtype
tg_result_type(size_t count, tg_array *const *arrays)
{
    tg_dtype strong = TG_DT_NONE;
    tg_weak weak = TG_WEAK_NONE;
    /* Floats first: (int16, uint16, float32) is float32 in any order, though int16 and uint16
     * alone make an int32, which with float32 would make a float64. */
    for (int integers = 0; integers < 2; integers++) {
        for (size_t i = 0; i < count; i++) {
            tg_dtype dtype = arrays[i]->dtype;
            if (arrays[i]->weak != TG_WEAK_NONE) {
                weak = arrays[i]->weak > weak ? arrays[i]->weak : weak;
            } else if ((category(dtype) < TG_WEAK_FLOAT) == (integers != 0)) {
                strong = strong == TG_DT_NONE ? dtype : tg_dtype_promote(strong, dtype);
            }
        }
    }
    return add_weak(strong, weak);
}

void
tg_shape_text(char *text, size_t size, int ndim, const int64_t *shape)
{
    size_t used = 1;
    (void)snprintf(text, size, "(");
    for (int a = 0; a < ndim && used < size; a++) {
        const char *comma = a + 1 < ndim || a == 0 ? "," : "";
        if (shape[a] < 0) {
            (void)snprintf(text + used, size - used, "?%s", comma);
        } else {
            (void)snprintf(text + used, size - used, "%" PRId64 "%s", shape[a], comma);
        }
        used = strlen(text);
    }
    (void)snprintf(text + used, size - used, ")");
}

/* One length into the one found so far; false: they do not fit. Two unknown lengths are believed
 * to be equal; the executor sees whether they are. */
static bool
broadcast_length(int64_t *length, int64_t other)
{
    bool fits = true;
    if (*length == 1) {
        *length = other;
    } else if (other != 1) {
        fits = *length == other;
    }
    return fits;
}

tg_status
tg_broadcast_shape(size_t count, tg_array *const *arrays, int *ndim, int64_t *shape, tg_error *err)
{
    bool fits = true;
    *ndim = 0;
    for (size_t i = 0; i < count; i++) {
        *ndim = arrays[i]->ndim > *ndim ? arrays[i]->ndim : *ndim;
    }
    for (int a = 0; a < *ndim; a++) {
        shape[a] = 1;
    }
    for (size_t i = 0; i < count; i++) {
        int shift = *ndim - arrays[i]->ndim;
        for (int a = 0; a < arrays[i]->ndim; a++) {
            fits = broadcast_length(&shape[a + shift], arrays[i]->shape[a]) && fits;
        }
    }
    tg_status status = TG_OK;
    if (!fits) {
        char text[640] = "";
        for (size_t i = 0; i < count; i++) {
            size_t used = strlen(text);
            if (i > 0 && used + 1 < sizeof text) {
                text[used++] = ' ';
            }
            tg_shape_text(text + used, sizeof text - used, arrays[i]->ndim, arrays[i]->shape);
        }
        status = tg_fail(err, TG_ERR_VALUE,
                         "operands could not be broadcast together with shapes %s", text);
    }
    return status;
}

tg_status
tg_normalize_axis(int64_t axis, int ndim, int *out, tg_error *err)
{
    tg_status status = TG_OK;
    TG_CHECK(axis >= -ndim && axis < ndim, err, TG_ERR_AXIS,
             "axis %" PRId64 " is out of bounds for array of dimension %d", axis, ndim);
    *out = (int)(axis < 0 ? axis + ndim : axis);
out:
    return status;
}

tg_status
tg_normalize_axes(const tg_value *axes, int ndim, uint64_t *mask, tg_error *err)
{
    tg_status status = TG_OK;
    uint64_t bits = axes->count == 0 ? ((uint64_t)1 << ndim) - 1 : 0;
    for (uint32_t i = 0; i < axes->count; i++) {
        int axis = 0;
        TG_TRY(tg_normalize_axis(axes->ints[i], ndim, &axis, err));
        TG_CHECK((bits >> axis & 1) == 0, err, TG_ERR_VALUE, "duplicate value in 'axis'");
        bits |= (uint64_t)1 << axis;
    }
    *mask = bits;
out:
    return status;
}
