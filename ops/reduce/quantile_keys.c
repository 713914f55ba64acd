/* SPDX-License-Identifier: BSD-3-Clause */
/* Keys, ranks and interpolation of quantiles: see the header. */
#include <math.h>
#include <string.h>

#include "ops/kernel/cast.h"
#include "ops/kernel/half.h"
#include "ops/reduce/quantile.h"

unsigned
tg_key_bits(tg_dtype dtype)
{
    return (unsigned)tg_dtype_size(dtype) * 8;
}

/* The bits of an element in the low end of a number. */
static inline uint64_t
raw_bits(const char *at, size_t size)
{
    uint64_t out = 0;
    if (size == 1) {
        out = (uint8_t)*at;
    } else if (size == 2) {
        uint16_t v;
        memcpy(&v, at, sizeof v);
        out = v;
    } else if (size == 4) {
        uint32_t v;
        memcpy(&v, at, sizeof v);
        out = v;
    } else {
        memcpy(&out, at, sizeof out);
    }
    return out;
}

void
tg_keys_of(const char *data, int64_t stride, tg_dtype dtype, size_t count, uint64_t *keys)
{
    size_t size = tg_dtype_size(dtype);
    uint64_t sign = UINT64_C(1) << (8 * size - 1);
    uint64_t all = sign | (sign - 1);
    if (tg_dtype_is_float(dtype)) {
        /* The exponent's bits alone: infinity; above it, NaN. */
        uint64_t infinity = dtype == TG_DT_F16   ? UINT64_C(0x7c00)
                            : dtype == TG_DT_F32 ? UINT64_C(0x7f800000)
                                                 : UINT64_C(0x7ff0000000000000);
        for (size_t i = 0; i < count; i++) {
            uint64_t bits = raw_bits(data + (int64_t)i * stride, size);
            uint64_t key = (bits & sign) != 0 ? ~bits & all : bits | sign;
            keys[i] = (bits & ~sign) > infinity ? UINT64_MAX : key;
        }
    } else {
        uint64_t turn = tg_dtype_kind(dtype) == TG_KIND_INT ? sign : 0;
        for (size_t i = 0; i < count; i++) {
            keys[i] = raw_bits(data + (int64_t)i * stride, size) ^ turn;
        }
    }
}

void
tg_equal_keys_of(const char *data, int64_t stride, tg_dtype dtype, size_t count, uint64_t *keys)
{
    tg_keys_of(data, stride, dtype, count, keys);
    if (tg_dtype_is_float(dtype)) {
        uint64_t zero = UINT64_C(1) << (8 * tg_dtype_size(dtype) - 1);
        for (size_t i = 0; i < count; i++) {
            keys[i] += keys[i] == zero - 1;
        }
    }
}

uint64_t
tg_key_element(uint64_t key, tg_dtype dtype)
{
    uint64_t sign = UINT64_C(1) << (8 * tg_dtype_size(dtype) - 1);
    uint64_t bits = key;
    if (tg_dtype_is_float(dtype)) {
        bits = (key & sign) != 0 ? key ^ sign : ~key & (sign | (sign - 1));
    } else if (tg_dtype_kind(dtype) == TG_KIND_INT) {
        bits = key ^ sign;
    }
    return bits;
}

static double
value_of(uint64_t key, tg_dtype dtype)
{
    uint64_t bits = tg_key_element(key, dtype);
    size_t size = tg_dtype_size(dtype);
    double out = 0;
    char element[8];
    memcpy(element, &bits, sizeof element); /* little endian: the low end comes first */
    char *const args[] = { element, (char *)&out };
    const ptrdiff_t steps[] = { (ptrdiff_t)size, sizeof out };
    tg_cast_loop(dtype, TG_DT_F64)(args, steps, 1, NULL);
    return out;
}

tg_rank
tg_quantile_rank(double q, int64_t count, int64_t method, bool single)
{
    tg_rank rank = { 0 };
    double last = (double)(count - 1);
    double position = single ? (double)((float)last * (float)q) : last * q;
    double down = floor(position);
    rank.below = tg_max_i64(0, tg_min_i64((int64_t)down, count - 1));
    rank.above = tg_max_i64(0, tg_min_i64(rank.below + 1, count - 1));
    rank.share = position - down;
    if (method == TG_QUANTILE_LOWER) {
        rank.share = 0;
    } else if (method == TG_QUANTILE_HIGHER) {
        rank.share = rank.share > 0 ? 1 : 0;
    } else if (method == TG_QUANTILE_MIDPOINT) {
        rank.share = rank.share > 0 ? 0.5 : 0;
    } else if (method == TG_QUANTILE_NEAREST) {
        /* Halfway: to the even rank. */
        bool stays = rank.share < 0.5 || (rank.share == 0.5 && rank.below % 2 == 0);
        rank.share = stays ? 0 : 1;
    }
    return rank;
}

double
tg_quantile_between(uint64_t below, uint64_t above, double share, tg_dtype dtype)
{
    double a = value_of(below, dtype);
    double b = value_of(above, dtype);
    double out = share < 0.5 ? a + (b - a) * share : b - (b - a) * (1 - share);
    /* Equal infinities have no difference. */
    return a == b ? a : out;
}

/* The methods that give one of the elements. */
static bool
keeps_element(int64_t method)
{
    return method == TG_QUANTILE_LOWER || method == TG_QUANTILE_HIGHER ||
           method == TG_QUANTILE_NEAREST;
}

tg_dtype
tg_quantile_dtype(tg_dtype dtype, int64_t method, uint32_t count)
{
    return keeps_element(method) || (tg_dtype_is_float(dtype) && count == 1) ? dtype : TG_DT_F64;
}

tg_status
tg_quantile_check(const char *op, const tg_value *q, tg_dtype dtype, tg_error *err)
{
    tg_status status = TG_OK;
    TG_CHECK(!tg_dtype_is_complex(dtype) && dtype != TG_DT_BOOL && dtype != TG_DT_NONE, err,
             TG_ERR_TYPE, "%s: needs real numbers, not %s", op, tg_dtype_name(dtype));
    TG_CHECK(q->count > 0, err, TG_ERR_VALUE, "%s: q must have at least one entry", op);
    for (uint32_t i = 0; i < q->count; i++) {
        TG_CHECK(q->floats[i] >= 0 && q->floats[i] <= 1, err, TG_ERR_VALUE,
                 "%s: Quantiles must be in the range [0, 1]", op);
    }
out:
    return status;
}

void
tg_quantile_store(uint64_t below, uint64_t above, double share, bool is_nan, tg_dtype dtype,
                  tg_dtype out, int64_t method, char *to)
{
    double value = is_nan ? (double)NAN : 0;
    char *const args[] = { (char *)&value, to };
    const ptrdiff_t steps[] = { sizeof value, (ptrdiff_t)tg_dtype_size(out) };
    if (!is_nan && keeps_element(method)) {
        uint64_t bits = tg_key_element(share > 0 ? above : below, dtype);
        memcpy(to, &bits, tg_dtype_size(dtype));
    } else {
        value = is_nan ? value : tg_quantile_between(below, above, share, dtype);
        tg_cast_loop(TG_DT_F64, out)(args, steps, 1, NULL);
    }
}
