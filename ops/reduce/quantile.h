/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_REDUCE_QUANTILE_H
#define TG_REDUCE_QUANTILE_H
/*
 * What: exact quantiles. Elements are seen as keys: unsigned numbers in the order of the elements,
 * NaN above all. Over some axes, lines are gathered whole and selected from. Over all axes of a
 * large array the keys of the wanted ranks are found digit by digit, most significant first: each
 * pass counts the next digit of the keys that begin as a wanted one does, so no more than counts is
 * ever held (8 bits: one pass, 16: one, 32: three, 64: five).
 *
 *     quantile(x, q) = _quantile_pick(_quantile_digits(x, _quantile_digits(x)))   16 < bits
 *
 * A table between passes: two rows for each q (the ranks below and above its position), each the
 * key found so far and the rank among the keys that begin so; then a row of the count of numbers
 * and the count of NaN.
 *
 * Ownership, Threads: as op.h. Errors: as each op says.
 */
#include "ops/reduce/reduce.h"

enum {
    TG_QUANTILE_LINEAR,
    TG_QUANTILE_LOWER,
    TG_QUANTILE_HIGHER,
    TG_QUANTILE_NEAREST,
    TG_QUANTILE_MIDPOINT
};
#define TG_QUANTILE_METHODS "linear|lower|higher|nearest|midpoint"

/* Rows of the schemas. */
#define TG_PARAM_METHOD                                                                            \
    {                                                                                              \
        .name = "method", .kind = TG_PARAM_ENUM, .fallback = "'linear'",                           \
        .choices = TG_QUANTILE_METHODS, .summary = "what to do between two elements"               \
    }
/* Of the steps; users give percent, too. */
#define TG_PARAM_SHARES                                                                            \
    {                                                                                              \
        .name = "q", .kind = TG_PARAM_FLOAT, .is_list = true, .required = true,                    \
        .summary = "0 to 1"                                                                        \
    }
#define TG_PARAM_SKIP_NAN                                                                          \
    {                                                                                              \
        .name = "skip_nan", .kind = TG_PARAM_BOOL, .fallback = "False", .summary = "leave NaN out" \
    }

/* Where a quantile lies among `count` sorted numbers. */
typedef struct tg_rank {
    int64_t below, above;
    double share; /* of the number above */
} tg_rank;

/* `single` computes as NumPy does for one q beside float32: in float. */
tg_rank tg_quantile_rank(double q, int64_t count, int64_t method, bool single);
/* The value between two keys, as NumPy interpolates. */
double tg_quantile_between(uint64_t below, uint64_t above, double share, tg_dtype dtype);
tg_dtype tg_quantile_dtype(tg_dtype dtype, int64_t method, uint32_t count);
/* Writes one result of dtype `out`; no number or a NaN that counts gives NaN (integers: 0). */
void tg_quantile_store(uint64_t below, uint64_t above, double share, bool is_nan, tg_dtype dtype,
                       tg_dtype out, int64_t method, char *to);

/* Bits of a key; keys of a row of elements. NaN: UINT64_MAX. */
unsigned tg_key_bits(tg_dtype dtype);
void tg_keys_of(const char *data, int64_t stride, tg_dtype dtype, size_t count, uint64_t *keys);
/* The same, but equal elements have equal keys: -0.0 has that of 0.0. */
void tg_equal_keys_of(const char *data, int64_t stride, tg_dtype dtype, size_t count,
                      uint64_t *keys);
/* The bits of the element that has this key, in the low end. */
uint64_t tg_key_element(uint64_t key, tg_dtype dtype);

/* Are all of them 0 to 1, and elements of that dtype in an order? `op` for the message. */
TG_MUST_USE tg_status tg_quantile_check(const char *op, const tg_value *q, tg_dtype dtype,
                                        tg_error *err);

/* quantile, percentile and their nan forms; `percent`: q is in percent. */
tg_array *tg_quantile_build(tg_scope *scope, const char *name, tg_array *x, const tg_value *values,
                            bool percent, bool skip_nan);
/* The schema of all four. */
extern const tg_param_schema tg_quantile_params[];

#endif
