/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_CREATE_NUMBER_H
#define TG_CREATE_NUMBER_H
/*
 * What: a plain number on its way into an element: fill values, constants beyond a boundary. An
 * integer is exact (uint64 by its bit pattern); anything else is a double, or two for a complex.
 *
 * Ownership: values. Threads: pure functions.
 * Errors: TG_ERR_OVERFLOW with NumPy's words when an integer does not fit, TG_ERR_TYPE when an
 * imaginary part would be lost.
 */
#include "core/array/param.h"
#include "tilegraph/dtype.h"

typedef struct tg_number {
    bool is_integer;
    int64_t integer;
    double real, imag;
} tg_number;

/* The bytes of one element; complex numbers are two in a row. */
typedef struct tg_element {
    _Alignas(16) unsigned char bytes[16];
} tg_element;

/* From a pair of parameters: `integer` wins when given; `floats` has one or two entries. */
void tg__number_from_values(tg_number *number, const tg_value *floats, const tg_value *integer);
/* Writes the number as one element of `dtype`, as NumPy's assignment does. */
TG_MUST_USE tg_status tg__number_store(const tg_number *number, tg_dtype dtype, tg_element *out,
                                       tg_error *err);
/* The same for a double; never fails: out of range integers wrap as on x86. */
void tg__double_store(double value, tg_dtype dtype, void *out);
/* The same for an integer, by its low bits. */
void tg__int_store(int64_t value, tg_dtype dtype, void *out);
/* The range of an integer dtype holds `value`; true for every other dtype and for uint64. */
bool tg__int_fits(int64_t value, tg_dtype dtype);

#endif
