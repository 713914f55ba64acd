/* SPDX-License-Identifier: BSD-3-Clause */
/* Plain numbers into elements: one table of stores per dtype, exact for integers. */
#include "ops/create/number.h"

#include <string.h>

#include "core/array/half.h"
#include "core/base/assert.h"
#include "core/base/status.h"

void
tg__number_from_values(tg_number *number, const tg_value *floats, const tg_value *integer)
{
    memset(number, 0, sizeof *number);
    if (integer != NULL && integer->count > 0) {
        number->is_integer = true;
        number->integer = integer->ints[0];
        number->real = (double)integer->ints[0];
    } else if (floats->count > 0) {
        number->real = floats->floats[0];
        number->imag = floats->count > 1 ? floats->floats[1] : 0.0;
    }
}

/* The conversion of x86, which is what NumPy's users see: out of range gives the lowest int64.
 * Doubles from 2^63 up are kept for uint64. */
static int64_t
int_from_double(double value)
{
    int64_t r = INT64_MIN;
    if (value >= -9223372036854775808.0 && value < 9223372036854775808.0) {
        r = (int64_t)value;
    } else if (value >= 9223372036854775808.0 && value < 18446744073709551616.0) {
        r = (int64_t)(uint64_t)value;
    }
    return r;
}

bool
tg__int_fits(int64_t v, tg_dtype dtype)
{
    static const struct {
        int64_t lo, hi;
    } range[TG_DT_COUNT] = {
        [TG_DT_I8] = { INT8_MIN, INT8_MAX },    [TG_DT_U8] = { 0, UINT8_MAX },
        [TG_DT_I16] = { INT16_MIN, INT16_MAX }, [TG_DT_U16] = { 0, UINT16_MAX },
        [TG_DT_I32] = { INT32_MIN, INT32_MAX }, [TG_DT_U32] = { 0, UINT32_MAX },
    };
    return range[dtype].hi == 0 || (v >= range[dtype].lo && v <= range[dtype].hi);
}

void
tg__int_store(int64_t value, tg_dtype dtype, void *out)
{
    const size_t size = tg_dtype_size(dtype);
    if (dtype == TG_DT_BOOL) {
        *(unsigned char *)out = value != 0;
    } else if (dtype < TG_DT_F16) {
        /* Little endian: the low bytes come first. */
        memcpy(out, &value, size);
    } else if (dtype == TG_DT_F32 || dtype == TG_DT_C64) {
        const float f[2] = { (float)value, 0.0F };
        memcpy(out, f, size);
    } else {
        tg__double_store((double)value, dtype, out);
    }
}

void
tg__double_store(double value, tg_dtype dtype, void *out)
{
    const size_t size = tg_dtype_size(dtype);
    TG_ASSERT(dtype > TG_DT_NONE && dtype < TG_DT_COUNT);
    if (dtype == TG_DT_BOOL) {
        *(unsigned char *)out = value != 0.0;
    } else if (dtype < TG_DT_F16) {
        const int64_t i = int_from_double(value);
        memcpy(out, &i, size);
    } else if (dtype == TG_DT_F16) {
        const uint16_t h = tg_double_to_half(value);
        memcpy(out, &h, size);
    } else if (dtype == TG_DT_F32 || dtype == TG_DT_C64) {
        const float f[2] = { (float)value, 0.0F };
        memcpy(out, f, size);
    } else {
        const double d[2] = { value, 0.0 };
        memcpy(out, d, size);
    }
}

tg_status
tg__number_store(const tg_number *number, tg_dtype dtype, tg_element *out, tg_error *err)
{
    tg_status status = TG_OK;
    memset(out, 0, sizeof *out);
    TG_CHECK(dtype > TG_DT_NONE && dtype < TG_DT_COUNT, err, TG_ERR_TYPE, "unknown dtype %d",
             (int)dtype);
    if (number->is_integer) {
        TG_CHECK(tg__int_fits(number->integer, dtype), err, TG_ERR_OVERFLOW,
                 "Python integer %lld out of bounds for %s", (long long)number->integer,
                 tg_dtype_name(dtype));
        tg__int_store(number->integer, dtype, out->bytes);
    } else if (dtype == TG_DT_C64) {
        const float f[2] = { (float)number->real, (float)number->imag };
        memcpy(out->bytes, f, sizeof f);
    } else if (dtype == TG_DT_C128) {
        const double d[2] = { number->real, number->imag };
        memcpy(out->bytes, d, sizeof d);
    } else {
        TG_CHECK(number->imag == 0.0, err, TG_ERR_TYPE,
                 "a complex number cannot be stored as %s without losing its imaginary part",
                 tg_dtype_name(dtype));
        tg__double_store(number->real, dtype, out->bytes);
    }
out:
    return status;
}
