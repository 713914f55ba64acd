/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Filters over any footprint. Smallest, largest and rank work in the image's own type; correlation
 * and heights in float64 as SciPy (float32 images are correlated in float32 with fused
 * multiply-add), for which the window is converted first.
 */
#include "ops/overlap/taps.h"

#include <float.h>
#include <math.h>

#include "core/array/dtype.h"
#include "core/base/assert.h"
#include "ops/kernel/rowcast.h"
#include "ops/overlap/filter_args.h"
#include "ops/shape/odometer.h"

typedef struct taps {
    tg_taps_what what;
    tg_dtype in, out, work;
    tg_boundary mode;
    double cval;
    int64_t rank;
    tg_footprint *footprint;
    tg_selection *selection;
    int64_t count; /* taps */
    int64_t *cell; /* per tap: its index in the footprint, ndim each */
    double *value; /* weights or heights */
    float *value32;
} taps;

static void
taps_free(void *state)
{
    taps *t = state;
    if (t != NULL) {
        tg_state_free(t->footprint);
        tg_state_free(t->selection);
        tg_state_free(t->cell);
        tg_state_free(t);
    }
}

/* Lists the members of the footprint; correlation leaves out weights that are zero. */
static bool
list_taps(taps *t)
{
    const tg_footprint *f = t->footprint;
    int64_t index[TG_NDIM_MAX] = { 0 };
    size_t per = (size_t)f->ndim * sizeof(int64_t) + sizeof(double) + sizeof(float);
    t->cell = tg_state_alloc((size_t)f->count * per);
    if (t->cell != NULL) {
        t->value = (double *)(t->cell + f->count * f->ndim);
        t->value32 = (float *)(t->value + f->count);
    }
    for (int64_t i = 0; t->cell != NULL && i < f->count; i++) {
        double value = f->value != NULL ? f->value[i] : 0;
        bool used = t->what == TG_TAPS_CORRELATE ? fabs(value) > DBL_EPSILON : f->member[i] != 0;
        if (used) {
            memcpy(t->cell + t->count * f->ndim, index, (size_t)f->ndim * sizeof *index);
            t->value[t->count] = value;
            t->value32[t->count++] = (float)value;
        }
        (void)tg__odometer_next(f->ndim, f->size, index);
    }
    return t->cell != NULL;
}

tg_status
tg_taps_begin_take(tg_infer *infer, tg_taps_what what, tg_footprint *footprint, tg_boundary mode,
                   double cval, int64_t rank, tg_error *err)
{
    tg_status status = TG_OK;
    taps *t = tg_state_alloc(sizeof *t);
    const char *name = infer->op->name;
    if (t == NULL) {
        tg_state_free(footprint);
    }
    TG_CHECK(t != NULL, err, TG_ERR_MEMORY, "%s: out of memory", name);
    t->footprint = footprint;
    t->what = what;
    t->in = infer->args[0]->dtype;
    t->out = infer->dtype;
    bool own = what == TG_TAPS_MIN || what == TG_TAPS_MAX || what == TG_TAPS_SELECT;
    bool single = what == TG_TAPS_CORRELATE && t->in == TG_DT_F32 && t->out == TG_DT_F32;
    t->work = own ? t->in : (single ? TG_DT_F32 : TG_DT_F64);
    t->mode = mode;
    t->cval = cval;
    t->rank = rank;
    TG_CHECK(list_taps(t), err, TG_ERR_MEMORY, "%s: out of memory", name);
    TG_CHECK(t->count > 0 || what == TG_TAPS_CORRELATE, err, TG_ERR_VALUE,
             "%s: All-zero footprint is not supported.", name);
    if (what == TG_TAPS_SELECT && t->count <= TG_SELECTION_MAX) {
        t->selection = tg_selection_create(t->count, rank);
        TG_CHECK(t->selection != NULL, err, TG_ERR_MEMORY, "%s: out of memory", name);
    }
    infer->state = t;
    infer->state_free = taps_free;
    t = NULL;
out:
    taps_free(t);
    return status;
}

void
tg_taps_window(const tg_array *node, size_t arg, tg_window *window)
{
    const taps *t = node->state;
    tg_filter_window_whole(window);
    if (arg == 0) {
        tg_footprint_window(t->footprint, 1, window);
        for (int a = 0; a < node->ndim; a++) {
            window->mode[a] = (uint8_t)t->mode;
        }
        tg_filter_fill(t->in, t->cval, window->fill);
    }
}

/* ---- one call ---- */

#define T                double
#define SELECT           select_value
#define PIVOT(v, lo, hi) ((v)[((lo) + (hi)) / 2])
#include "ops/kernel/quickselect.tmpl.h"

typedef struct call {
    const taps *t;
    const tg_taps_kernels *k;
    const tg_rowcast_kernels *cast;
    const void **rows;
    char *line;    /* one row of the work type */
    char *scratch; /* slots of the selection, or the values of one cell */
} call;

/* Ranks of large footprints: column by column. int64 beyond 2^53 go through double here. */
static void
select_slowly(const call *c, void *out, int64_t n)
{
    const taps *t = c->t;
    double *values = (double *)c->scratch;
    size_t size = tg_dtype_size(t->in);
    for (int64_t x = 0; x < n; x++) {
        for (int64_t k = 0; k < t->count; k++) {
            c->cast->load[t->in]((const char *)c->rows[k] + (size_t)x * size, &values[k], 1);
        }
        double v = select_value(values, t->count, t->rank);
        c->cast->store[t->in](&v, (char *)out + (size_t)x * size, 1);
    }
}

/* How the image's type holds a height more or less: SciPy's bool is a byte. */
static tg_row_round
wrap_of(const call *c)
{
    return tg_dtype_is_float(c->t->in)
               ? NULL
               : c->cast->round[c->t->in == TG_DT_BOOL ? TG_DT_U8 : c->t->in];
}

static void
filter_row(const call *c, void *to, int64_t n)
{
    const taps *t = c->t;
    bool direct = t->work == t->out;
    void *out = direct ? to : c->line;
    switch (t->what) {
    case TG_TAPS_CORRELATE:
        if (t->work == TG_DT_F32) {
            c->k->correlate_f32((const float *const *)c->rows, t->value32, t->count, out, n);
        } else {
            c->k->correlate_f64((const double *const *)c->rows, t->value, t->count, out, n);
        }
        break;
    case TG_TAPS_MIN:
        c->k->min[t->in](c->rows, t->count, out, n);
        break;
    case TG_TAPS_MAX:
        c->k->max[t->in](c->rows, t->count, out, n);
        break;
    case TG_TAPS_MIN_HEIGHT:
        c->k->min_height((const double *const *)c->rows, t->value, t->count, wrap_of(c), out, n);
        break;
    case TG_TAPS_MAX_HEIGHT:
        c->k->max_height((const double *const *)c->rows, t->value, t->count, wrap_of(c), out, n);
        break;
    case TG_TAPS_SELECT:
        if (t->count == 27 && t->rank == 13) {
            c->k->median27[t->in](c->rows, out, n);
        } else if (t->selection != NULL) {
            c->k->select[t->in](c->rows, t->selection->step, t->selection->count,
                                t->selection->answer, c->scratch, out, n);
        } else {
            select_slowly(c, out, n);
        }
        break;
    }
    if (!direct && t->work == TG_DT_F64) {
        c->cast->store[t->out]((const double *)c->line, to, n);
    } else if (!direct) {
        /* The work type is the image's: through double to the type that was asked for. */
        double *wide = (double *)(c->line + n * 8);
        c->cast->load[t->work](c->line, wide, n);
        c->cast->store[t->out](wide, to, n);
    }
}

/* The window in float64; cells outside the array get cval as it is, not as the image's type would
 * hold it. */
static void
widen(const taps *t, const tg_rowcast_kernels *cast, const tg_view *in, const tg_box *box,
      const int64_t *shape, tg_view *to)
{
    int64_t index[TG_NDIM_MAX] = { 0 };
    int last = in->ndim - 1;
    int64_t n = in->shape[last];
    double *row = to->data;
    do {
        const char *from = in->data;
        bool outside = false;
        for (int a = 0; a < last; a++) {
            int64_t at = box->lo[a] + index[a];
            from += index[a] * in->strides[a];
            outside = outside || at < 0 || at >= shape[a];
        }
        cast->load[t->in](from, row, n);
        for (int64_t x = 0; t->mode == TG_BOUNDARY_CONSTANT && x < n; x++) {
            if (outside || box->lo[last] + x < 0 || box->lo[last] + x >= shape[last]) {
                row[x] = t->cval;
            }
        }
        row += n;
    } while (tg__odometer_next(last, in->shape, index));
}

static int64_t
scratch_of(const taps *t)
{
    int64_t slots = t->selection != NULL ? (int64_t)t->selection->slots * TG_SELECT_BLOCK : 0;
    return tg_max_i64(slots, t->selection == NULL && t->what == TG_TAPS_SELECT ? t->count * 8 : 8);
}

void
tg_taps_cost(const tg_array *node, const tg_box *out, tg_cost *cost)
{
    const taps *t = node->state;
    int64_t window = 1;
    int64_t n = node->ndim > 0 ? out->hi[node->ndim - 1] - out->lo[node->ndim - 1] : 1;
    double per = t->selection != NULL ? 2.0 * (double)t->selection->count : 2.0 * (double)t->count;
    for (int a = 0; a < node->ndim; a++) {
        window *= out->hi[a] - out->lo[a] + t->footprint->size[a] - 1;
    }
    cost->operations = per * (double)tg_box_count(out);
    cost->scratch_bytes =
        (t->work == t->in ? 0 : window * 8) + t->count * 8 + n * 16 + scratch_of(t) + 5 * 64 + 32;
}

tg_status
tg_taps_run(const tg_run *run, const tg_view *in, const tg_view *out, tg_error *err)
{
    tg_status status = TG_OK;
    const taps *t = run->node->state;
    tg_view window = *in;
    int last = in->ndim - 1;
    int64_t index[TG_NDIM_MAX] = { 0 };
    call c = { .t = t, .k = TG_ISA_PICK(tg_taps), .cast = TG_ISA_PICK(tg_rowcast) };
    if (tg_view_count(out) == 0) {
        goto out;
    }
    int64_t n = last >= 0 ? out->shape[last] : 1;
    c.rows = tg_scratch_alloc(run->scratch, t->count * 8 + 8);
    c.line = tg_scratch_alloc(run->scratch, n * 16);
    c.scratch = tg_scratch_alloc(run->scratch, scratch_of(t));
    TG_CHECK(c.rows != NULL && c.line != NULL && c.scratch != NULL, err, TG_ERR_MEMORY,
             "%s: out of scratch memory", run->node->op->name);
    if (t->work != t->in) {
        void *wide = tg_scratch_alloc(run->scratch, tg_view_count(in) * 8);
        TG_CHECK(wide != NULL, err, TG_ERR_MEMORY, "%s: out of scratch memory",
                 run->node->op->name);
        tg_view_from_shape(&window, wide, TG_DT_F64, in->ndim, in->shape);
        widen(t, c.cast, in, run->in_box[0], run->node->shape, &window);
    }
    do {
        const char *from = tg__odometer_row(&window, index);
        char *to = tg__odometer_row(out, index);
        for (int64_t k = 0; k < t->count; k++) {
            const char *row = from;
            for (int a = 0; a <= last; a++) {
                row += t->cell[k * in->ndim + a] * window.strides[a];
            }
            c.rows[k] = row;
        }
        filter_row(&c, to, n);
    } while (tg__odometer_next(last, out->shape, index));
out:
    return status;
}
