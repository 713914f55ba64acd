/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * unique: the distinct elements in rising order, how often each comes, or where it comes first. The
 * state of a tile is a table of its distinct keys (ops/reduce/quantile.h; all NaN are one), sorted;
 * combining merges tables. Runs of equal elements, which images of labels are made of, are one row
 * from the start.
 *
 *     | rows | row: key, count, first place in C order ... |
 */
#include <stdlib.h>
#include <string.h>

#include "ops/reduce/quantile.h"
#include "ops/shape/odometer.h"
#include "ops/whole.h"

enum { PART };
enum { PART_VALUES, PART_COUNTS, PART_INDEX };
enum { BLOCK = 256 };
/* Rows that the plan counts with; an image of labels has fewer, measured noise more. */
#define ROWS_EXPECTED ((int64_t)1 << 16)

typedef struct row {
    uint64_t key;
    int64_t count, first;
} row;

typedef struct table {
    int64_t count;
    row rows[];
} table;

static tg_status
infer(tg_infer *infer, tg_error *err)
{
    tg_status status = TG_OK;
    const tg_array *input = infer->args[0];
    TG_CHECK(tg_array_is_known(input), err, TG_ERR_VALUE,
             "unique: the array has an axis of unknown length; compute or persist it first");
    if (tg_dtype_is_complex(input->dtype)) {
        TG_TRY(tg_reduce_refuse(infer, err));
    }
    infer->dtype = tg_value_int(&infer->values[PART], 0, PART_VALUES) == PART_VALUES ? input->dtype
                                                                                     : TG_DT_I64;
    infer->ndim = 1;
    infer->shape[0] = -1;
out:
    return status;
}

static int64_t
table_bytes(int64_t rows)
{
    return (int64_t)sizeof(table) + rows * (int64_t)sizeof(row);
}

static int64_t
state_bytes(const tg_array *node, const tg_box *domain)
{
    const int64_t most = tg_dtype_size(node->args[0]->dtype) == 1 ? 256 : ROWS_EXPECTED;
    return table_bytes(tg_min_i64(tg_box_count(domain), most));
}

static int
by_key(const void *a, const void *b)
{
    const row *x = a;
    const row *y = b;
    int order = (x->key > y->key) - (x->key < y->key);
    return order != 0 ? order : (x->first > y->first) - (x->first < y->first);
}

/* The runs of equal elements of a view, in C order; `rows` NULL: counts them only. */
static int64_t
runs_of(const tg_array *input, const tg_box *box, const tg_view *in, row *rows)
{
    uint64_t keys[BLOCK];
    int64_t at[TG_NDIM_MAX] = { 0 };
    int64_t count = 0;
    uint64_t now = 0;
    const int last = in->ndim - 1;
    const int64_t length = last < 0 ? 1 : in->shape[last];
    const int64_t step = last < 0 ? 0 : in->strides[last];
    bool more = tg_view_count(in) > 0;
    while (more) {
        const char *from = in->data;
        int64_t place = 0;
        for (int a = 0; a < in->ndim; a++) {
            from += a < last ? at[a] * in->strides[a] : 0;
            place = place * input->shape[a] + box->lo[a] + (a < last ? at[a] : 0);
        }
        for (int64_t i = 0; i < length; i++) {
            if (i % BLOCK == 0) {
                tg_equal_keys_of(from + i * step, step, in->dtype,
                                 (size_t)tg_min_i64(BLOCK, length - i), keys);
            }
            if (count == 0 || keys[i % BLOCK] != now) {
                now = keys[i % BLOCK];
                if (rows != NULL) {
                    rows[count] = (row){ .key = now, .first = place + i };
                }
                count++;
            }
            if (rows != NULL) {
                rows[count - 1].count++;
            }
        }
        more = tg__odometer_next(last, in->shape, at);
    }
    return count;
}

static tg_status
partial(const tg_run *run, const tg_view *in, tg_buffer **state, tg_error *err)
{
    tg_status status = TG_OK;
    const tg_array *input = run->node->args[0];
    const int64_t runs = runs_of(input, run->out_box, in, NULL);
    int64_t count = 0;
    tg_buffer *sorted = NULL;
    TG_TRY(tg_reduce_state(run, table_bytes(runs), &sorted, err));
    row *rows = ((table *)tg_buffer_data(sorted))->rows;
    runs_of(input, run->out_box, in, rows);
    qsort(rows, (size_t)runs, sizeof *rows, by_key);
    for (int64_t i = 0; i < runs; i++) {
        if (count > 0 && rows[count - 1].key == rows[i].key) {
            rows[count - 1].count += rows[i].count;
        } else {
            rows[count++] = rows[i];
        }
    }
    TG_TRY(tg_reduce_state(run, table_bytes(count), state, err));
    table *to = tg_buffer_data(*state);
    to->count = count;
    memcpy(to->rows, rows, (size_t)count * sizeof *rows);
out:
    tg_buffer_release(sorted);
    return status;
}

/* Joins sorted tables; `to` NULL: only counts the rows of the result. */
static int64_t
merge(size_t count, tg_buffer *const *states, row *to)
{
    int64_t next[TG_COMBINE_FANIN] = { 0 };
    int64_t written = 0;
    size_t best = 0;
    while (best < count) {
        row found = { 0 };
        best = count;
        for (size_t i = 0; i < count; i++) {
            const table *from = tg_buffer_data(states[i]);
            if (next[i] < from->count && (best == count || from->rows[next[i]].key < found.key)) {
                best = i;
                found = from->rows[next[i]];
            }
        }
        found.count = 0;
        for (size_t i = 0; i < count && best < count; i++) {
            const table *from = tg_buffer_data(states[i]);
            if (next[i] < from->count && from->rows[next[i]].key == found.key) {
                found.count += from->rows[next[i]].count;
                found.first = tg_min_i64(found.first, from->rows[next[i]].first);
                next[i]++;
            }
        }
        if (best < count && to != NULL) {
            to[written] = found;
        }
        written += best < count;
    }
    return written;
}

static tg_status
combine(const tg_run *run, size_t count, tg_buffer *const *states, const tg_box *boxes,
        tg_buffer **out, tg_error *err)
{
    tg_status status = TG_OK;
    const int64_t rows = merge(count, states, NULL);
    (void)boxes;
    TG_TRY(tg_reduce_state(run, table_bytes(rows), out, err));
    table *to = tg_buffer_data(*out);
    to->count = rows;
    merge(count, states, to->rows);
out:
    return status;
}

static tg_status
finish(const tg_run *run, tg_buffer *state, const tg_view *out, tg_error *err)
{
    tg_status status = TG_OK;
    const tg_array *node = run->node;
    const int64_t part = tg_value_int(&node->values[PART], 0, PART_VALUES);
    const table *from = tg_buffer_data(state);
    const size_t size = tg_dtype_size(node->dtype);
    const size_t bytes = (size_t)from->count * size;
    tg_buffer *data = tg_buffer_create(run->pool, bytes > 0 ? bytes : 1);
    (void)out;
    TG_CHECK(data != NULL, err, TG_ERR_MEMORY, "unique: no memory for a result of %zu bytes",
             bytes);
    for (int64_t i = 0; i < from->count; i++) {
        const row *r = &from->rows[i];
        uint64_t element = tg_key_element(r->key, node->args[0]->dtype);
        element = part == PART_COUNTS  ? (uint64_t)r->count
                  : part == PART_INDEX ? (uint64_t)r->first
                                       : element;
        /* little endian: the low end comes first */
        memcpy((char *)tg_buffer_data(data) + (size_t)i * size, &element, size);
    }
    tg_run_give_take(run, 1, &from->count, data);
out:
    return status;
}

static tg_status
check_state(const tg_array *node, const tg_box *domain, const void *state, size_t bytes,
            tg_error *err)
{
    tg_status status = TG_OK;
    const table *from = state;
    (void)node, (void)domain;
    TG_CHECK(bytes >= sizeof *from && from->count >= 0 &&
                 (size_t)from->count == (bytes - sizeof *from) / sizeof *from->rows &&
                 (size_t)table_bytes(from->count) == bytes,
             err, TG_ERR_CORRUPT, "unique: a state of %zu bytes is no table", bytes);
out:
    return status;
}

static const tg_reduce reduce = {
    .axes = tg__whole_axes,
    .state_bytes = state_bytes,
    .partial = partial,
    .combine = combine,
    .finish = finish,
    .check_state = check_state,
};

static const tg_param_schema params[] = {
    [PART] = { .name = "part",
               .kind = TG_PARAM_ENUM,
               .fallback = "'values'",
               .choices = "values|counts|index",
               .summary = "the elements, how often each comes, or where it comes first" },
    { .name = NULL },
};

const tg_op tg_op_unique = {
    .name = "_unique",
    .module = "_",
    .summary = "The distinct elements, in rising order.",
    .version = 1,
    .cls = TG_CLASS_REDUCE,
    .flags = TG_OP_DYNAMIC | TG_OP_UNKNOWN_SHAPE,
    .nargs_min = 1,
    .nargs_max = 1,
    .arg_names = "ar",
    .params = params,
    .infer = infer,
    .cost = tg_reduce_cost,
    .reduce = &reduce,
};
