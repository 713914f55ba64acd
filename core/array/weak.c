/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Plain numbers and casts. A plain number is a node of the op "scalar"; cast, it becomes a
 * constant ("full" without axes) of the type asked for, so that no conversion is left to be done
 * at run time. Everything else is cast by the op "astype".
 */
#include <inttypes.h>
#include <string.h>

#include "core/array/dtype.h"
#include "core/array/scope.h"
#include "core/base/assert.h"

tg_array *
tg_scope_weak(tg_scope *scope, tg_weak kind, double real, double imag, int64_t integer)
{
    const int64_t index = (int64_t)kind - 1;
    const double parts[2] = { real, imag };
    tg_param params[2] = { { "kind", TG_PARAM_INT, { .count = 1, .ints = &index } } };
    TG_ASSERT(kind > TG_WEAK_NONE && kind <= TG_WEAK_COMPLEX);
    if (kind == TG_WEAK_BOOL || kind == TG_WEAK_INT) {
        params[1] = (tg_param){ "integer", TG_PARAM_INT, { .count = 1, .ints = &integer } };
    } else {
        params[1] = (tg_param){ "value",
                                TG_PARAM_FLOAT,
                                { .count = kind == TG_WEAK_COMPLEX ? 2 : 1, .floats = parts } };
    }
    return tg_apply(scope, "scalar", 0, NULL, 2, params);
}

tg_array *
tg_scalar(tg_scope *scope, double value)
{
    return tg_scope_weak(scope, TG_WEAK_FLOAT, value, 0.0, 0);
}

tg_array *
tg_scalar_int(tg_scope *scope, int64_t value)
{
    return tg_scope_weak(scope, TG_WEAK_INT, 0.0, 0.0, value);
}

tg_array *
tg_scalar_bool(tg_scope *scope, bool value)
{
    return tg_scope_weak(scope, TG_WEAK_BOOL, 0.0, 0.0, value);
}

tg_array *
tg_scalar_complex(tg_scope *scope, double real, double imag)
{
    return tg_scope_weak(scope, TG_WEAK_COMPLEX, real, imag, 0);
}

/* Whether an integer type holds the value; true for all other types. */
static bool
integer_fits(int64_t value, tg_dtype dtype)
{
    bool fits = true;
    int bits = (int)tg_dtype_size(dtype) * 8;
    if (tg_dtype_kind(dtype) == TG_KIND_INT && bits < 64) {
        int64_t limit = (int64_t)1 << (bits - 1);
        fits = value >= -limit && value < limit;
    } else if (tg_dtype_kind(dtype) == TG_KIND_UINT) {
        fits = value >= 0 && (bits >= 64 || value < (int64_t)1 << bits);
    }
    return fits;
}

/* The number that the node holds, as a constant of the type. */
static tg_array *
cast_weak(tg_scope *scope, const tg_array *number, tg_dtype dtype)
{
    const int64_t type = dtype;
    const tg_op *op = number->op;
    const tg_value *real = &number->values[tg_op_param_index(op, "value")];
    const tg_value *integer = &number->values[tg_op_param_index(op, "integer")];
    tg_param params[2] = { { "dtype", TG_PARAM_DTYPE, { .count = 1, .ints = &type } } };
    tg_array *array = NULL;
    if (integer->count == 0) {
        params[1] = (tg_param){ "fill_value", TG_PARAM_FLOAT, *real };
        array = tg_apply(scope, "full", 0, NULL, 2, params);
    } else if (integer_fits(integer->ints[0], dtype)) {
        params[1] = (tg_param){ "fill_integer", TG_PARAM_INT, *integer };
        array = tg_apply(scope, "full", 0, NULL, 2, params);
    } else {
        array =
            tg_scope_fail(scope, TG_ERR_OVERFLOW, "Python integer %" PRId64 " out of bounds for %s",
                          integer->ints[0], tg_dtype_name(dtype));
    }
    return array;
}

tg_array *
tg_scope_cast(tg_scope *scope, tg_array *array, tg_dtype dtype)
{
    tg_array *cast = NULL;
    const int64_t type = dtype;
    if (tg_scope_error(scope) == NULL && array == NULL) {
        cast = tg_scope_fail(scope, TG_ERR_VALUE, "argument is NULL");
    } else if (tg_scope_error(scope) == NULL) {
        tg_param param = { "dtype", TG_PARAM_DTYPE, { .count = 1, .ints = &type } };
        if (array->dtype == dtype) {
            cast = array;
        } else if (array->weak != TG_WEAK_NONE) {
            cast = cast_weak(scope, array, dtype);
        } else {
            cast = tg_apply(scope, "astype", 1, &array, 1, &param);
        }
    }
    return cast;
}
