/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * _measure: everything that is asked of labelled objects, in one pass. A tile is read row by row;
 * a stretch of equal labels is summed by SIMD loops and added to the row of its label, which a hash
 * table finds. Variances are merged by Chan's formula, so no digits are lost to large means.
 * A state is a table sorted by label, with its number of rows in front.
 */
#include "ops/measure/measure.h"

#include <math.h>
#include <stdlib.h>

#include "core/array/dtype.h"
#include "core/array/scope.h"
#include "core/mem/alloc.h"
#include "ops/kernel/rowcast.h"
#include "ops/kernel/runstats.h"
#include "ops/overlap/filter_args.h"
#include "ops/shape/odometer.h"
#include "ops/whole.h"

enum { WHAT, BACKGROUND };
enum { WHAT_BOTH, WHAT_LABELS, WHAT_INPUT };

static const tg_param_schema params[] = {
    { "what", TG_PARAM_ENUM, false, true, NULL, "both|labels|input", "what the arguments are" },
    { "background", TG_PARAM_BOOL, false, false, "False", NULL, "measure the label 0 too" },
    TG_SCHEMA_END,
};

int
tg_measure_column(tg_measure_kind kind, int ndim)
{
    int before_vectors = kind <= TG_MEASURE_LO ? 0 : (kind <= TG_MEASURE_POSITION ? kind - 2 : 3);
    return (int)kind + before_vectors * (ndim - 1);
}

int
tg_measure_columns(int ndim, bool values)
{
    return values ? tg_measure_column(TG_MEASURE_WEIGHTED, ndim) + ndim
                  : tg_measure_column(TG_MEASURE_SUM, ndim);
}

void
tg_measure_merge_rows(double *to, const double *from, int ndim, bool values)
{
    int lo = tg_measure_column(TG_MEASURE_LO, ndim);
    int hi = tg_measure_column(TG_MEASURE_HI, ndim);
    int position = tg_measure_column(TG_MEASURE_POSITION, ndim);
    double area = to[TG_MEASURE_AREA];
    double more = from[TG_MEASURE_AREA];
    for (int a = 0; a < ndim; a++) {
        to[lo + a] = from[lo + a] < to[lo + a] ? from[lo + a] : to[lo + a];
        to[hi + a] = from[hi + a] > to[hi + a] ? from[hi + a] : to[hi + a];
        to[position + a] += from[position + a];
    }
    if (values) {
        int sum = tg_measure_column(TG_MEASURE_SUM, ndim);
        int weighted = tg_measure_column(TG_MEASURE_WEIGHTED, ndim);
        double *t = to + sum - TG_MEASURE_SUM;
        const double *f = from + sum - TG_MEASURE_SUM;
        double delta = f[TG_MEASURE_SUM] / more - t[TG_MEASURE_SUM] / area;
        t[TG_MEASURE_M2] += f[TG_MEASURE_M2] + delta * delta * (area * more / (area + more));
        t[TG_MEASURE_SUM] += f[TG_MEASURE_SUM];
        if (f[TG_MEASURE_MIN] < t[TG_MEASURE_MIN] ||
            (f[TG_MEASURE_MIN] == t[TG_MEASURE_MIN] &&
             f[TG_MEASURE_ARGMIN] < t[TG_MEASURE_ARGMIN])) {
            t[TG_MEASURE_MIN] = f[TG_MEASURE_MIN];
            t[TG_MEASURE_ARGMIN] = f[TG_MEASURE_ARGMIN];
        }
        if (f[TG_MEASURE_MAX] > t[TG_MEASURE_MAX] ||
            (isnan(f[TG_MEASURE_MAX]) && !isnan(t[TG_MEASURE_MAX])) ||
            (f[TG_MEASURE_MAX] == t[TG_MEASURE_MAX] &&
             f[TG_MEASURE_ARGMAX] < t[TG_MEASURE_ARGMAX])) {
            t[TG_MEASURE_MAX] = f[TG_MEASURE_MAX];
            t[TG_MEASURE_ARGMAX] = f[TG_MEASURE_ARGMAX];
        }
        for (int a = 0; a < ndim; a++) {
            to[weighted + a] += from[weighted + a];
        }
    }
    to[TG_MEASURE_AREA] = area + more;
}

/* ---- the table that grows while a tile is read ---- */

typedef struct growing {
    int ndim;
    bool values;
    int columns;
    int64_t count, room; /* rows */
    double *rows;
    int64_t slots; /* a power of two; entries are row numbers + 1 */
    int32_t *slot;
    double last_label; /* runs of one object follow each other */
    int64_t last_row;
} growing;

static void
growing_fini(growing *g)
{
    tg_free(NULL, g->rows, (size_t)(g->room * g->columns) * sizeof *g->rows);
    tg_free(NULL, g->slot, (size_t)g->slots * sizeof *g->slot);
}

static uint64_t
hash_label(double label)
{
    uint64_t bits = 0;
    memcpy(&bits, &label, sizeof bits);
    return (bits * 0x9e3779b97f4a7c15u) >> 20;
}

static void
slot_put(growing *g, int64_t row)
{
    uint64_t at = hash_label(g->rows[row * g->columns]) & (uint64_t)(g->slots - 1);
    while (g->slot[at] != 0) {
        at = (at + 1) & (uint64_t)(g->slots - 1);
    }
    g->slot[at] = (int32_t)(row + 1);
}

static bool
growing_enlarge(growing *g)
{
    int64_t room = g->room > 0 ? 2 * g->room : 64;
    size_t old_bytes = (size_t)(g->room * g->columns) * sizeof *g->rows;
    double *rows = tg_realloc(NULL, g->rows, old_bytes, (size_t)(room * g->columns) * sizeof *rows);
    int32_t *slot = tg_calloc(NULL, (size_t)(4 * room), sizeof *slot);
    bool ok = rows != NULL && slot != NULL;
    if (rows != NULL) {
        g->rows = rows;
        g->room = room;
    }
    if (ok) {
        tg_free(NULL, g->slot, (size_t)g->slots * sizeof *g->slot);
        g->slot = slot;
        g->slots = 4 * room;
        for (int64_t i = 0; i < g->count; i++) {
            slot_put(g, i);
        }
    } else {
        tg_free(NULL, slot, (size_t)(4 * room) * sizeof *slot);
    }
    return ok;
}

/* The row of a label; -1: none yet. */
static int64_t
growing_find(const growing *g, double label)
{
    int64_t found = -1;
    uint64_t at = hash_label(label) & (uint64_t)(g->slots - 1);
    while (g->slots > 0 && found < 0 && g->slot[at] != 0) {
        int64_t row = g->slot[at] - 1;
        if (g->rows[row * g->columns] == label) {
            found = row;
        }
        at = (at + 1) & (uint64_t)(g->slots - 1);
    }
    return found;
}

/* A stretch of one label in one row of the tile, as a row of the table. */
typedef struct stretch {
    double label;
    int64_t begin, end;  /* columns in the array */
    const int64_t *at;   /* coordinates of the row in the array; the last one is unused */
    int64_t raster;      /* number of the cell at column 0 of the array */
    const double *value; /* of the stretch; NULL: none */
} stretch;

static int64_t
first_equal(const double *v, int64_t n, double x)
{
    int64_t i = 0;
    while (i < n && v[i] != x && !(isnan(v[i]) && isnan(x))) {
        i++;
    }
    return i < n ? i : 0;
}

static void
stretch_row(const stretch *s, int ndim, double *row)
{
    int last = ndim - 1;
    double n = (double)(s->end - s->begin);
    double *lo = row + tg_measure_column(TG_MEASURE_LO, ndim);
    double *hi = row + tg_measure_column(TG_MEASURE_HI, ndim);
    double *position = row + tg_measure_column(TG_MEASURE_POSITION, ndim);
    row[TG_MEASURE_LABEL] = s->label;
    row[TG_MEASURE_AREA] = n;
    for (int a = 0; a < last; a++) {
        lo[a] = (double)s->at[a];
        hi[a] = (double)(s->at[a] + 1);
        position[a] = n * (double)s->at[a];
    }
    lo[last] = (double)s->begin;
    hi[last] = (double)s->end;
    position[last] = n * (double)s->begin + n * (n - 1) / 2;
    if (s->value != NULL) {
        tg_run_stats stats;
        double *t = row + tg_measure_column(TG_MEASURE_SUM, ndim) - TG_MEASURE_SUM;
        double *weighted = row + tg_measure_column(TG_MEASURE_WEIGHTED, ndim);
        TG_ISA_PICK(tg_runstats)->stats(s->value, s->end - s->begin, &stats);
        t[TG_MEASURE_SUM] = stats.sum;
        t[TG_MEASURE_M2] = stats.m2;
        t[TG_MEASURE_MIN] = stats.min;
        t[TG_MEASURE_MAX] = stats.max;
        t[TG_MEASURE_ARGMIN] = (double)(s->raster + s->begin);
        t[TG_MEASURE_ARGMAX] = (double)(s->raster + s->begin);
        for (int a = 0; a < last; a++) {
            weighted[a] = stats.sum * (double)s->at[a];
        }
        weighted[last] = stats.weighted + stats.sum * (double)s->begin;
    }
}

/* Where exactly the extremes are is looked up only when they matter: runs of an object mostly do
 * not hold a new extreme. */
static void
place_extremes(const stretch *s, const double *have, int ndim, double *row)
{
    int sum = tg_measure_column(TG_MEASURE_SUM, ndim) - TG_MEASURE_SUM;
    double *t = row + sum;
    int64_t n = s->end - s->begin;
    if (have == NULL || t[TG_MEASURE_MIN] <= have[sum + TG_MEASURE_MIN]) {
        t[TG_MEASURE_ARGMIN] += (double)first_equal(s->value, n, t[TG_MEASURE_MIN]);
    }
    if (have == NULL || !(t[TG_MEASURE_MAX] < have[sum + TG_MEASURE_MAX])) {
        t[TG_MEASURE_ARGMAX] += (double)first_equal(s->value, n, t[TG_MEASURE_MAX]);
    }
}

static bool
growing_add(growing *g, const stretch *s)
{
    double row[16 + 4 * TG_NDIM_MAX];
    int64_t at =
        g->count > 0 && g->last_label == s->label ? g->last_row : growing_find(g, s->label);
    bool ok = true;
    stretch_row(s, g->ndim, row);
    if (g->values) {
        place_extremes(s, at >= 0 ? g->rows + at * g->columns : NULL, g->ndim, row);
    }
    if (at >= 0) {
        tg_measure_merge_rows(g->rows + at * g->columns, row, g->ndim, g->values);
    } else {
        ok = g->count < g->room || growing_enlarge(g);
        if (ok) {
            at = g->count++;
            memcpy(g->rows + at * g->columns, row, (size_t)g->columns * sizeof *row);
            slot_put(g, at);
        }
    }
    g->last_label = s->label;
    g->last_row = at;
    return ok;
}

/* ---- partial ---- */

static int
compare_rows(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

static tg_buffer *
state_create(tg_pool *pool, int64_t count, int columns)
{
    tg_buffer *b = tg_buffer_create(pool, (size_t)(count * columns + 1) * 8);
    if (b != NULL) {
        memcpy(tg_buffer_data(b), &count, sizeof count);
    }
    return b;
}

static int64_t
state_count(const tg_buffer *state)
{
    int64_t count = 0;
    memcpy(&count, tg_buffer_data(state), sizeof count);
    return count;
}

static double *
state_rows(const tg_buffer *state)
{
    return (double *)tg_buffer_data(state) + 1;
}

/* Cuts one row of the tile into stretches. */
static bool
read_row(growing *g, stretch *s, const void *labels, tg_dtype dtype, int64_t n,
         const double *values, int64_t begin, bool background)
{
    const tg_runstats_kernels *k = TG_ISA_PICK(tg_runstats);
    bool ok = true;
    for (int64_t x = 0; x < n && ok;) {
        int64_t end = n;
        s->label = 1;
        if (labels != NULL && dtype == TG_DT_I32) {
            end = k->same32(labels, x, n);
            s->label = ((const int32_t *)labels)[x];
        } else if (labels != NULL && dtype == TG_DT_I64) {
            end = k->same64(labels, x, n);
            s->label = (double)((const int64_t *)labels)[x];
        } else if (labels != NULL) { /* equal doubles are equal bits, but for zeros and NaN */
            end = k->same64(labels, x, n);
            s->label = ((const double *)labels)[x] + 0.0;
        }
        if ((s->label != 0 || background) && !isnan(s->label)) {
            s->begin = begin + x;
            s->end = begin + end;
            s->value = values != NULL ? values + x : NULL;
            ok = growing_add(g, s);
        }
        x = end;
    }
    return ok;
}

static tg_status
partial(const tg_run *run, const tg_view *in, tg_buffer **out, tg_error *err)
{
    tg_status status = TG_OK;
    const tg_value *v = run->node->values;
    int64_t what = tg_value_int(&v[WHAT], 0, WHAT_BOTH);
    bool background = tg_value_int(&v[BACKGROUND], 0, 0) != 0;
    const tg_view *labels = what != WHAT_INPUT ? &in[0] : NULL;
    const tg_view *input = what == WHAT_BOTH ? &in[1] : (what == WHAT_INPUT ? &in[0] : NULL);
    int ndim = in[0].ndim;
    int last = ndim - 1;
    const int64_t *shape = run->node->args[0]->shape;
    const tg_box *box = run->out_box;
    growing g = { .ndim = ndim, .values = input != NULL };
    g.columns = tg_measure_columns(ndim, g.values);
    int64_t index[TG_NDIM_MAX] = { 0 };
    int64_t at[TG_NDIM_MAX];
    int64_t n = in[0].shape[last];
    double *values = tg_scratch_alloc(run->scratch, input != NULL ? n * 8 + 8 : 8);
    TG_CHECK(values != NULL, err, TG_ERR_MEMORY, "_measure: out of scratch memory");
    bool more = tg_view_count(&in[0]) > 0;
    while (more) {
        stretch s = { .at = at };
        for (int a = 0; a < ndim; a++) {
            at[a] = box->lo[a] + index[a];
            s.raster = s.raster * shape[a] + (a < last ? at[a] : 0);
        }
        if (input != NULL) {
            TG_ISA_PICK(tg_rowcast)->load[input->dtype](tg__odometer_row(input, index), values, n);
        }
        TG_CHECK(read_row(&g, &s, labels != NULL ? tg__odometer_row(labels, index) : NULL,
                          labels != NULL ? labels->dtype : TG_DT_NONE, n,
                          input != NULL ? values : NULL, box->lo[last], background),
                 err, TG_ERR_MEMORY, "_measure: out of memory for the labels of a tile");
        more = tg__odometer_next(last, in[0].shape, index);
    }
    if (g.count > 0) {
        qsort(g.rows, (size_t)g.count, (size_t)g.columns * sizeof *g.rows, compare_rows);
    }
    *out = state_create(run->pool, g.count, g.columns);
    TG_CHECK(*out != NULL, err, TG_ERR_MEMORY, "_measure: out of memory for %lld labels",
             (long long)g.count);
    if (g.count > 0) {
        memcpy(state_rows(*out), g.rows, (size_t)(g.count * g.columns) * sizeof *g.rows);
    }
out:
    growing_fini(&g);
    return status;
}

/* ---- combine and finish ---- */

static bool
has_values(const tg_array *node)
{
    return tg_value_int(&node->values[WHAT], 0, WHAT_BOTH) != WHAT_LABELS;
}

/* Merges two sorted tables into `to`; returns the rows. */
static int64_t
merge_tables(const double *a, int64_t na, const double *b, int64_t nb, int ndim, bool values,
             double *to)
{
    int columns = tg_measure_columns(ndim, values);
    size_t bytes = (size_t)columns * sizeof *to;
    int64_t made = 0;
    while (na > 0 || nb > 0) {
        bool take_a = nb == 0 || (na > 0 && a[0] <= b[0]);
        bool both = na > 0 && nb > 0 && a[0] == b[0];
        memcpy(to, take_a ? a : b, bytes);
        if (both) {
            tg_measure_merge_rows(to, b, ndim, values);
        }
        if (take_a) {
            a += columns;
            na--;
        }
        if (!take_a || both) {
            b += columns;
            nb--;
        }
        to += columns;
        made++;
    }
    return made;
}

static tg_status
combine(const tg_run *run, size_t count, tg_buffer *const *states, const tg_box *boxes,
        tg_buffer **out, tg_error *err)
{
    tg_status status = TG_OK;
    int ndim = run->node->args[0]->ndim;
    bool values = has_values(run->node);
    int columns = tg_measure_columns(ndim, values);
    tg_buffer *sum = NULL;
    (void)boxes;
    for (size_t i = 1; i < count; i++) {
        const tg_buffer *a = sum != NULL ? sum : states[0];
        int64_t room = state_count(a) + state_count(states[i]);
        tg_buffer *next = state_create(run->pool, room, columns);
        TG_CHECK(next != NULL, err, TG_ERR_MEMORY, "_measure: out of memory for %lld labels",
                 (long long)room);
        int64_t made = merge_tables(state_rows(a), state_count(a), state_rows(states[i]),
                                    state_count(states[i]), ndim, values, state_rows(next));
        memcpy(tg_buffer_data(next), &made, sizeof made);
        /* The room that is left may travel with the state: nothing of others is in it. */
        memset(state_rows(next) + made * columns, 0,
               (size_t)((room - made) * columns) * sizeof(double));
        if (sum != NULL) {
            tg_buffer_release(sum);
        }
        sum = next;
    }
    *out = sum;
    sum = NULL;
out:
    if (sum != NULL) {
        tg_buffer_release(sum);
    }
    return status;
}

static tg_status
finish(const tg_run *run, tg_buffer *state, const tg_view *out, tg_error *err)
{
    tg_status status = TG_OK;
    int columns = tg_measure_columns(run->node->args[0]->ndim, has_values(run->node));
    int64_t shape[2] = { state_count(state), columns };
    size_t bytes = (size_t)(shape[0] * columns) * sizeof(double);
    (void)out;
    tg_buffer *table = tg_buffer_create(run->pool, bytes > 0 ? bytes : 8);
    TG_CHECK(table != NULL, err, TG_ERR_MEMORY, "_measure: out of memory for %lld labels",
             (long long)shape[0]);
    memcpy(tg_buffer_data(table), state_rows(state), bytes);
    tg_run_give_take(run, 2, shape, table);
out:
    return status;
}

/* A state that was merged may have room behind its rows. */
static tg_status
check_state(const tg_array *node, const tg_box *domain, const void *state, size_t bytes,
            tg_error *err)
{
    tg_status status = TG_OK;
    size_t row_bytes = (size_t)tg_measure_columns(node->args[0]->ndim, has_values(node)) * 8;
    int64_t count = -1;
    (void)domain;
    if (bytes >= sizeof count) {
        memcpy(&count, state, sizeof count);
    }
    TG_CHECK(count >= 0 && (size_t)count <= (bytes - sizeof count) / row_bytes, err, TG_ERR_CORRUPT,
             "_measure: a state of %zu bytes cannot have %lld labels", bytes, (long long)count);
out:
    return status;
}

/* ---- the op ---- */

static int64_t
state_bytes(const tg_array *node, const tg_box *domain)
{
    /* An estimate: one label per 4096 cells. */
    int columns = tg_measure_columns(domain->ndim, has_values(node));
    return 8 + (tg_box_count(domain) / 4096 + 64) * 8 * columns;
}

/* One label per cell. */
static int64_t
state_bytes_max(const tg_array *node, const tg_box *domain)
{
    return 8 + tg_box_count(domain) * 8 * tg_measure_columns(domain->ndim, has_values(node));
}

/* A row of values. */
static void
cost(const tg_array *node, const tg_box *domain, tg_cost *cost)
{
    int last = domain->ndim - 1;
    cost->operations = 8.0 * (double)tg_box_count(domain);
    cost->scratch_bytes = has_values(node) ? (domain->hi[last] - domain->lo[last]) * 8 + 72 : 72;
}

static tg_status
infer(tg_infer *infer, tg_error *err)
{
    tg_status status = TG_OK;
    const tg_array *a = infer->args[0];
    int64_t what = tg_value_int(&infer->values[WHAT], 0, WHAT_BOTH);
    TG_CHECK(a->ndim >= 1, err, TG_ERR_VALUE, "measure: the input must have at least one axis");
    TG_CHECK(what == WHAT_INPUT || a->dtype == TG_DT_I32 || a->dtype == TG_DT_I64 ||
                 a->dtype == TG_DT_F64,
             err, TG_ERR_TYPE, "measure: labels must be int32, int64 or float64, got %s",
             tg_dtype_name(a->dtype));
    TG_CHECK((what == WHAT_BOTH) == (infer->nargs == 2), err, TG_ERR_VALUE,
             "_measure: %zu arguments do not fit", infer->nargs);
    for (size_t i = 0; i < infer->nargs; i++) {
        const tg_array *arg = infer->args[i];
        TG_CHECK(tg_rowcast_supported(arg->dtype), err, TG_ERR_TYPE,
                 "measure: dtype %s is not supported", tg_dtype_name(arg->dtype));
        TG_CHECK(arg->ndim == a->ndim, err, TG_ERR_VALUE,
                 "measure: input and labels must have the same shape");
        for (int k = 0; k < a->ndim; k++) {
            TG_CHECK(arg->shape[k] == a->shape[k] && a->shape[k] >= 0, err, TG_ERR_VALUE,
                     "measure: input and labels must have the same, known shape; axis %d has "
                     "lengths %lld and %lld",
                     k, (long long)a->shape[k], (long long)arg->shape[k]);
        }
    }
    infer->dtype = TG_DT_F64;
    infer->ndim = 2;
    infer->shape[0] = -1;
    infer->shape[1] = tg_measure_columns(a->ndim, what != WHAT_LABELS);
out:
    return status;
}

tg_array *
tg_measure_build(tg_scope *scope, const char *op, tg_array *labels, tg_array *input,
                 bool background)
{
    tg_array *args[2] = { labels != NULL ? labels : input, input };
    int64_t what = labels == NULL ? WHAT_INPUT : (input == NULL ? WHAT_LABELS : WHAT_BOTH);
    int64_t flag = background;
    tg_array *table = NULL;
    const tg_param given[2] = {
        { "what", TG_PARAM_INT, { .count = 1, .ints = &what } },
        { "background", TG_PARAM_BOOL, { .count = 1, .ints = &flag } },
    };
    bool ok = true;
    if (labels != NULL) {
        ok = !tg_dtype_is_complex(labels->dtype);
        if (!ok) {
            (void)tg_scope_fail(scope, TG_ERR_TYPE, "%s: labels must be real numbers, got %s", op,
                                tg_dtype_name(labels->dtype));
        } else if (labels->dtype > TG_DT_U64) {
            args[0] = tg_scope_cast(scope, labels, TG_DT_F64);
        } else if (labels->dtype != TG_DT_I32 && labels->dtype != TG_DT_I64) {
            bool wide = labels->dtype == TG_DT_U32 || labels->dtype == TG_DT_U64;
            args[0] = tg_scope_cast(scope, labels, wide ? TG_DT_I64 : TG_DT_I32);
        }
    }
    if (ok) {
        table = tg_apply(scope, "_measure", what == WHAT_BOTH ? 2 : 1, args, 2, given);
    }
    return table;
}

static const tg_reduce reduce = {
    .axes = tg__whole_axes,
    .state_bytes = state_bytes,
    .state_bytes_max = state_bytes_max,
    .partial = partial,
    .combine = combine,
    .finish = finish,
    .check_state = check_state,
};

const tg_op tg_op__measure = {
    .name = "_measure",
    .module = "_",
    .summary = "Measurements of labelled objects, in one pass.",
    .version = 1,
    .cls = TG_CLASS_REDUCE,
    .flags = TG_OP_DYNAMIC | TG_OP_UNKNOWN_SHAPE,
    .nargs_min = 1,
    .nargs_max = 2,
    .arg_names = "labels|input",
    .params = params,
    .infer = infer,
    .cost = cost,
    .reduce = &reduce,
};
