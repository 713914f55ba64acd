/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * _quantile_digits: one pass over all elements that finds the next digit of the keys at the wanted
 * ranks, see ops/reduce/quantile.h. The first pass has no table yet; it also counts numbers and
 * NaN.
 *
 * State, in 64-bit words: the number of NaN; the number of different beginnings and the beginnings;
 * the table that came in; for each beginning the counts of its digits.
 */
#include <string.h>

#include "ops/reduce/quantile.h"
#include "ops/shape/odometer.h"
#include "ops/whole.h"

enum { Q, METHOD, SHIFT, BITS, PARAMS };
enum { BLOCK = 512 };

static const tg_param_schema params[] = {
    TG_PARAM_SHARES,
    TG_PARAM_METHOD,
    { .name = "shift", .kind = TG_PARAM_INT, .required = true, .summary = "bits below the digit" },
    { .name = "bits", .kind = TG_PARAM_INT, .required = true, .summary = "bits of the digit" },
    { .name = NULL },
};

/* A digit is no wider than the widest that tg_quantile_build asks for. */
enum { DIGIT_BITS_MAX = 16 };

/* Where the parts of a state are. */
typedef struct parts {
    int64_t ranks; /* rows of the table but the last */
    unsigned shift, bits;
    int64_t *nan;
    int64_t *beginnings_count;
    uint64_t *beginnings;
    uint64_t *table; /* (ranks + 1) x 2 */
    int64_t *counts; /* beginnings x 2^bits */
} parts;

static int64_t
words(const tg_array *node)
{
    int64_t ranks = 2 * (int64_t)node->values[Q].count;
    int64_t beginnings = node->nargs == 1 ? 1 : ranks;
    return 2 + ranks + 2 * (ranks + 1) + (beginnings << node->values[BITS].ints[0]);
}

static parts
parts_at(const tg_array *node, int64_t *data)
{
    int64_t ranks = 2 * (int64_t)node->values[Q].count;
    return (parts){ .ranks = ranks,
                    .shift = (unsigned)node->values[SHIFT].ints[0],
                    .bits = (unsigned)node->values[BITS].ints[0],
                    .nan = data,
                    .beginnings_count = data + 1,
                    .beginnings = (uint64_t *)(data + 2),
                    .table = (uint64_t *)(data + 2 + ranks),
                    .counts = data + 2 + ranks + 2 * (ranks + 1) };
}

static parts
parts_of(const tg_array *node, tg_buffer *state)
{
    return parts_at(node, tg_buffer_data(state));
}

static tg_status
infer(tg_infer *infer, tg_error *err)
{
    tg_status status = TG_OK;
    const tg_value *v = infer->values;
    const tg_array *x = infer->args[0];
    int64_t rows = 2 * (int64_t)v[Q].count + 1;
    int64_t shift = v[SHIFT].ints[0], bits = v[BITS].ints[0];
    TG_TRY(tg_quantile_check("_quantile_digits", &v[Q], x->dtype, err));
    TG_CHECK(bits >= 1 && bits <= DIGIT_BITS_MAX && shift >= 0 &&
                 shift + bits <= (int64_t)tg_key_bits(x->dtype) &&
                 (infer->nargs > 1 || shift + bits == (int64_t)tg_key_bits(x->dtype)),
             err, TG_ERR_VALUE, "_quantile_digits: %lld bits above %lld are no digit of %s",
             (long long)bits, (long long)shift, tg_dtype_name(x->dtype));
    /* The digit before this one, of the same numbers. */
    for (size_t i = 1; i < infer->nargs; i++) {
        const tg_array *table = infer->args[i];
        TG_CHECK(tg_array_made_by(table, "_quantile_digits") && table->args[0] == x &&
                     table->shape[0] == rows && table->values[SHIFT].ints[0] == shift + bits,
                 err, TG_ERR_VALUE, "_quantile_digits: needs the table of the digit before");
    }
    infer->dtype = TG_DT_U64;
    infer->ndim = 2;
    infer->shape[0] = rows;
    infer->shape[1] = 2;
out:
    return status;
}

static int64_t
state_bytes(const tg_array *node, const tg_box *domain)
{
    (void)domain;
    return words(node) * 8;
}

static int64_t
find(const parts *p, uint64_t beginning)
{
    int64_t at = 0;
    while (at < *p->beginnings_count && p->beginnings[at] != beginning) {
        at++;
    }
    return at;
}

/* The beginnings of the wanted keys, each once; before the first digit there is one, of no bits. */
static void
begin(const parts *p, const tg_view *table)
{
    *p->beginnings_count = 0;
    if (table == NULL) {
        *p->beginnings_count = 1;
        p->beginnings[0] = 0;
    } else {
        for (int64_t r = 0; r <= p->ranks; r++) {
            const char *row = (const char *)table->data + r * table->strides[0];
            memcpy(&p->table[2 * r], row, 8);
            memcpy(&p->table[2 * r + 1], row + table->strides[1], 8);
            if (r < p->ranks) {
                int64_t at = find(p, p->table[2 * r]);
                p->beginnings[at] = p->table[2 * r];
                *p->beginnings_count = tg_max_i64(*p->beginnings_count, at + 1);
            }
        }
    }
}

static void
count_keys(const parts *p, const uint64_t *keys, size_t count)
{
    uint64_t mask = ((uint64_t)1 << p->bits) - 1;
    unsigned above = p->shift + p->bits;
    int64_t beginnings = *p->beginnings_count;
    for (size_t i = 0; i < count; i++) {
        uint64_t key = keys[i];
        uint64_t start = above < 64 ? key >> above : 0;
        if (key == UINT64_MAX && p->shift + p->bits <= 64 && p->nan != NULL) {
            ++*p->nan;
        } else {
            for (int64_t b = 0; b < beginnings; b++) {
                if (p->beginnings[b] == start) {
                    p->counts[(b << p->bits) + (int64_t)(key >> p->shift & mask)]++;
                }
            }
        }
    }
}

/* Keys of 64-bit integers may be UINT64_MAX themselves, so NaN is only looked for in floats. */
static void
count_view(const parts *p, const tg_view *in)
{
    uint64_t keys[BLOCK];
    parts integers = *p;
    int inner = in->ndim - 1;
    int64_t at[TG_NDIM_MAX] = { 0 };
    int64_t length = in->ndim > 0 ? in->shape[inner] : 1;
    int64_t stride = in->ndim > 0 ? in->strides[inner] : 0;
    bool more = tg_view_count(in) > 0;
    integers.nan = tg_dtype_is_float(in->dtype) ? p->nan : NULL;
    while (more) {
        const char *row = tg__odometer_row(in, at);
        for (int64_t i = 0; i < length; i += BLOCK) {
            size_t now = (size_t)tg_min_i64(BLOCK, length - i);
            tg_keys_of(row + i * stride, stride, in->dtype, now, keys);
            count_keys(&integers, keys, now);
        }
        more = tg__odometer_next(inner, in->shape, at);
    }
}

static tg_status
partial(const tg_run *run, const tg_view *in, tg_buffer **state, tg_error *err)
{
    tg_status status = TG_OK;
    TG_TRY(tg_reduce_state(run, words(run->node) * 8, state, err));
    memset(tg_buffer_data(*state), 0, (size_t)words(run->node) * 8);
    parts p = parts_of(run->node, *state);
    /* Nothing is demanded for an empty domain, the table neither: it stays 0. */
    if (tg_view_count(&in[0]) > 0) {
        begin(&p, run->node->nargs > 1 ? &in[1] : NULL);
        count_view(&p, &in[0]);
    }
out:
    return status;
}

static tg_status
combine(const tg_run *run, size_t count, tg_buffer *const *states, const tg_box *boxes,
        tg_buffer **out, tg_error *err)
{
    tg_status status = TG_OK;
    int64_t size = words(run->node);
    (void)boxes;
    TG_TRY(tg_reduce_state(run, size * 8, out, err));
    memcpy(tg_buffer_data(*out), tg_buffer_data(states[0]), (size_t)size * 8);
    parts to = parts_of(run->node, *out);
    int64_t cells = size - (to.counts - to.nan);
    for (size_t s = 1; s < count; s++) {
        parts from = parts_of(run->node, states[s]);
        *to.nan += *from.nan;
        for (int64_t i = 0; i < cells; i++) {
            to.counts[i] += from.counts[i];
        }
    }
out:
    return status;
}

/* The first pass knows the count of numbers only now: the ranks follow from it. */
static void
make_ranks(const tg_array *node, const parts *p)
{
    const tg_value *q = &node->values[Q];
    bool single = node->args[0]->dtype == TG_DT_F32 && q->count == 1;
    int64_t count = 0;
    for (int64_t i = 0; i < (int64_t)1 << p->bits; i++) {
        count += p->counts[i];
    }
    for (uint32_t i = 0; i < q->count; i++) {
        tg_rank rank = tg_quantile_rank(q->floats[i], count,
                                        tg_value_int(&node->values[METHOD], 0, 0), single);
        p->table[4 * i] = 0;
        p->table[4 * i + 1] = (uint64_t)rank.below;
        p->table[4 * i + 2] = 0;
        p->table[4 * i + 3] = (uint64_t)rank.above;
    }
    p->table[2 * p->ranks] = (uint64_t)count;
    p->table[2 * p->ranks + 1] = (uint64_t)*p->nan;
}

static tg_status
finish(const tg_run *run, tg_buffer *state, const tg_view *out, tg_error *err)
{
    tg_status status = TG_OK;
    tg_buffer *own = NULL;
    int64_t size = words(run->node);
    /* A state is not changed: the table is made in a copy. */
    TG_TRY(tg_reduce_state(run, size * 8, &own, err));
    memcpy(tg_buffer_data(own), tg_buffer_data(state), (size_t)size * 8);
    parts p = parts_of(run->node, own);
    if (run->node->nargs == 1) {
        make_ranks(run->node, &p);
    }
    for (int64_t r = 0; r <= p.ranks; r++) {
        uint64_t row[2] = { p.table[2 * r], p.table[2 * r + 1] };
        if (r < p.ranks) {
            const int64_t *counts = p.counts + (find(&p, row[0]) << p.bits);
            int64_t left = (int64_t)row[1];
            int64_t digit = 0;
            int64_t last = ((int64_t)1 << p.bits) - 1;
            while (digit < last && left >= counts[digit]) {
                left -= counts[digit++];
            }
            row[0] = row[0] << p.bits | (uint64_t)digit;
            row[1] = (uint64_t)left;
        }
        char *to = (char *)out->data + r * out->strides[0];
        memcpy(to, &row[0], 8);
        memcpy(to + out->strides[1], &row[1], 8);
    }
out:
    tg_buffer_release(own);
    return status;
}

/* Every row of the table must have a beginning with counts of its own. */
static tg_status
check_state(const tg_array *node, const tg_box *domain, const void *state, size_t bytes,
            tg_error *err)
{
    tg_status status = TG_OK;
    (void)domain;
    TG_CHECK(bytes == (size_t)words(node) * 8, err, TG_ERR_CORRUPT,
             "_quantile_digits: a state of %zu bytes, %lld are right", bytes,
             (long long)words(node) * 8);
    parts p = parts_at(node, (int64_t *)(uintptr_t)state); /* is only read */
    int64_t most = node->nargs == 1 ? 1 : p.ranks;
    TG_CHECK(*p.beginnings_count >= 0 && *p.beginnings_count <= most, err, TG_ERR_CORRUPT,
             "_quantile_digits: a state has %lld beginnings", (long long)*p.beginnings_count);
    for (int64_t r = 0; r < p.ranks; r++) {
        TG_CHECK(find(&p, p.table[2 * r]) < most, err, TG_ERR_CORRUPT,
                 "_quantile_digits: a state has no counts for rank %lld", (long long)r);
    }
out:
    return status;
}

static const tg_reduce reduce = {
    .axes = tg__whole_axes,
    .demand = tg__whole_others_demand,
    .state_bytes = state_bytes,
    .partial = partial,
    .combine = combine,
    .finish = finish,
    .check_state = check_state,
};

const tg_op tg_op_quantile_digits = {
    .name = "_quantile_digits",
    .module = "_",
    .summary = "Finds the next digit of the keys at wanted ranks.",
    .version = 1,
    .cls = TG_CLASS_REDUCE,
    .nargs_min = 1,
    .nargs_max = 2,
    .arg_names = "a|table",
    .params = params,
    .infer = infer,
    .cost = tg_reduce_cost,
    .reduce = &reduce,
};
