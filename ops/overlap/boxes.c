/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Box filters by doubling: m2[r] = m[r] + m[r + 1], m4[r] = m2[r] + m2[r + 2], ... where "+" is
 * the sum, the smaller or the larger one. A size that is no power of two takes one more step for
 * extremes (boxes may overlap) and one per set bit for sums (they may not).
 *
 * Lines: all rows along the filtered axis, at one place of the other axes, are copied to a line
 * buffer that fits into L2 and combined there row by row.
 *
 * Means of integers are exact sums in double, divided and cut to the type after every axis, as
 * SciPy's are. Means of floats differ from SciPy's running sums by rounding, and a NaN stays within
 * its neighbourhood.
 */
#include "ops/overlap/boxes.h"

#include "core/base/assert.h"
#include "ops/kernel/rowcast.h"
#include "ops/kernel/taps.h"
#include "ops/overlap/filter_args.h"
#include "ops/shape/odometer.h"

tg_boxes_filter *
tg_boxes_create(tg_boxes_what what, tg_dtype in, tg_dtype out, double cval, int count,
                const tg_boxes_pass *passes)
{
    tg_boxes_filter *f = tg_state_alloc(sizeof *f);
    if (f != NULL) {
        bool single = in == TG_DT_F32 && out == TG_DT_F32;
        f->what = what;
        f->in = in;
        f->out = out;
        f->work = what != TG_BOXES_MEAN ? in : (single ? TG_DT_F32 : TG_DT_F64);
        f->cval = cval;
        f->count = count;
        for (int p = 0; p < count; p++) {
            f->pass[p] = passes[p];
        }
    }
    return f;
}

void
tg_boxes_window(const tg_array *node, size_t arg, tg_window *window)
{
    const tg_boxes_filter *f = node->state;
    tg_filter_window_whole(window);
    if (arg == 0) {
        window->ndim = node->ndim;
        for (int p = 0; p < f->count; p++) {
            const tg_boxes_pass *pass = &f->pass[p];
            window->depth_lo[pass->axis] = pass->before;
            window->depth_hi[pass->axis] = pass->size - 1 - pass->before;
            window->mode[pass->axis] = (uint8_t)pass->mode;
        }
        tg_filter_fill(f->in, f->cval, window->fill);
    }
}

/* ---- one call ---- */

typedef struct call {
    const tg_boxes_filter *f;
    const tg_taps_kernels *k;
    const tg_rowcast_kernels *cast;
    tg_taps_two two; /* smaller or larger one; NULL for sums */
    int64_t size;    /* bytes of the work type */
    char *line;      /* rows of one line, and as many again for sums */
    char *sums;
    char *wide; /* one row of doubles */
    int64_t row_bytes;
} call;

static void
combine(const call *c, const void *a, const void *b, void *out, int64_t n)
{
    if (c->two != NULL) {
        c->two(a, b, out, n);
    } else if (c->f->work == TG_DT_F32) {
        c->k->add_f32(a, b, out, n);
    } else {
        c->k->add_f64(a, b, out, n);
    }
}

/* The mean of a sum, cut to what an array of the output dtype would hold. */
static void
divide(const call *c, void *row, int64_t n, int64_t size)
{
    if (c->f->work == TG_DT_F32) {
        float *v = row;
        float by = 1.0f / (float)size;
        for (int64_t i = 0; i < n; i++) {
            v[i] *= by;
        }
    } else {
        double *v = row;
        for (int64_t i = 0; i < n; i++) {
            v[i] /= (double)size;
        }
        if (c->f->out != TG_DT_F64) {
            c->cast->round[c->f->out](row, n);
        }
    }
}

/* A row of the image or of a buffer into the work type. */
static void
load(const call *c, tg_dtype dtype, const void *from, void *to, int64_t n)
{
    if (dtype == c->f->work) {
        memcpy(to, from, (size_t)(n * c->size));
    } else {
        c->cast->load[dtype](from, to, n);
    }
}

/* Fills a row with cval in the work type. */
static void
fill(const call *c, void *to, int64_t n)
{
    unsigned char cell[16];
    tg_filter_fill(c->f->work, c->f->cval, cell);
    for (int64_t i = 0; i < n; i++) {
        memcpy((char *)to + i * c->size, cell, (size_t)c->size);
    }
}

/* Rows of the line (n cells each): row r of the result is left in row r of the line, or for sums
 * in row r of `sums`. Rows and cells of a row are treated alike: `step` bytes lie between the
 * positions that are combined. */
static void
double_rows(const call *c, int64_t length, int64_t size, int64_t n)
{
    int64_t have = 1;
    if (c->two != NULL) {
        while (have < size) {
            int64_t step = tg_min_i64(have, size - have);
            for (int64_t r = 0; r + have + step <= length; r++) {
                char *row = c->line + r * c->row_bytes;
                combine(c, row, row + step * c->row_bytes, row, n);
            }
            have += step;
        }
    } else {
        int64_t done = 0;
        for (; have <= size; have *= 2) {
            for (int64_t r = 0; (size & have) != 0 && r + size <= length; r++) {
                char *sum = c->sums + r * c->row_bytes;
                const char *row = c->line + (r + done) * c->row_bytes;
                if (done == 0) {
                    memcpy(sum, row, (size_t)(n * c->size));
                } else {
                    combine(c, sum, row, sum, n);
                }
            }
            done += size & have;
            for (int64_t r = 0; 2 * have <= size && r + 2 * have <= length; r++) {
                char *row = c->line + r * c->row_bytes;
                combine(c, row, row + have * c->row_bytes, row, n);
            }
        }
    }
}

/* The same along one row. Rows change places, because an in-place step would read what a vector
 * loop has just written. Returns where the n results are. */
static char *
double_cells(const call *c, int64_t n, int64_t size)
{
    char *row = c->line;
    char *other = c->line + c->row_bytes;
    char *sum = c->sums;
    int64_t have = 1;
    int64_t done = 0;
    int64_t full = n + size - 1;
    while (c->two != NULL && have < size) {
        int64_t step = tg_min_i64(have, size - have);
        combine(c, row, row + step * c->size, other, full - have - step + 1);
        have += step;
        char *t = row;
        row = other;
        other = t;
    }
    for (; c->two == NULL && have <= size; have *= 2) {
        if ((size & have) != 0 && done == 0) {
            memcpy(sum, row, (size_t)(n * c->size));
        } else if ((size & have) != 0) {
            combine(c, sum, row + done * c->size, sum, n);
        }
        done += size & have;
        if (2 * have <= size) {
            combine(c, row, row + have * c->size, other, full - 2 * have + 1);
            char *t = row;
            row = other;
            other = t;
        }
    }
    return c->two != NULL ? row : sum;
}

static void
store(const call *c, bool last, const void *from, void *to, int64_t n)
{
    if (!last || c->f->out == c->f->work) {
        memcpy(to, from, (size_t)(n * c->size));
    } else if (c->f->work == TG_DT_F64) {
        c->cast->store[c->f->out](from, to, n);
    } else {
        c->cast->load[c->f->work](from, (double *)c->wide, n);
        c->cast->store[c->f->out]((double *)c->wide, to, n);
    }
}

/* One pass from view to view. `lo`: coordinate in the array of the first cell along the axis. */
static void
do_pass(const call *c, const tg_boxes_pass *pass, const tg_view *from, const tg_view *to,
        int64_t lo, int64_t array_length, bool last)
{
    int rows = from->ndim - 1;
    int axis = pass->axis;
    TG_DCHECK(axis >= 0 && axis <= rows && rows < TG_NDIM_MAX);
    int64_t n = to->shape[rows];
    int64_t length = from->shape[axis];
    int64_t index[TG_NDIM_MAX] = { 0 };
    bool constant = pass->mode == TG_BOUNDARY_CONSTANT;
    bool more = true;
    while (more) {
        const char *source = tg__odometer_row(from, index);
        char *target = tg__odometer_row(to, index);
        if (axis != rows) {
            for (int64_t r = 0; r < length; r++) {
                char *row = c->line + r * c->row_bytes;
                if (constant && (lo + r < 0 || lo + r >= array_length)) {
                    fill(c, row, n);
                } else {
                    load(c, from->dtype, source + r * from->strides[axis], row, n);
                }
            }
            double_rows(c, length, pass->size, n);
        } else {
            load(c, from->dtype, source, c->line, length);
            if (constant) {
                int64_t before = tg_min_i64(tg_max_i64(-lo, 0), length);
                int64_t inside = tg_max_i64(tg_min_i64(array_length - lo, length), before);
                fill(c, c->line, before);
                fill(c, c->line + inside * c->size, length - inside);
            }
        }
        char *result =
            axis == rows ? double_cells(c, n, pass->size) : (c->two != NULL ? c->line : c->sums);
        for (int64_t r = 0; r < (axis == rows ? 1 : to->shape[axis]); r++) {
            char *row = result + r * c->row_bytes;
            if (c->two == NULL) {
                divide(c, row, n, pass->size);
            }
            store(c, last, row, target + (axis == rows ? 0 : r * to->strides[axis]), n);
        }
        more = tg__odometer_next_of(~((uint64_t)1 << axis), rows, to->shape, index);
    }
}

/* Rows of the longest line, bytes of a row, cells of a buffer between passes. */
static void
sizes(const tg_boxes_filter *f, int ndim, const int64_t *window, int64_t *rows, int64_t *row_bytes,
      int64_t *cells)
{
    int64_t size = (int64_t)tg_dtype_size(f->work);
    *rows = 2;
    *cells = 1;
    for (int a = 0; a < ndim; a++) {
        *cells *= window[a];
    }
    for (int p = 0; p < f->count; p++) {
        *rows = f->pass[p].axis != ndim - 1 ? tg_max_i64(*rows, window[f->pass[p].axis]) : *rows;
    }
    *row_bytes = (window[ndim - 1] * size + 63) & ~(int64_t)63;
}

void
tg_boxes_cost(const tg_array *node, const tg_box *out, tg_cost *cost)
{
    const tg_boxes_filter *f = node->state;
    int64_t window[TG_NDIM_MAX];
    int64_t rows = 0;
    int64_t row_bytes = 0;
    int64_t cells = 0;
    for (int a = 0; a < node->ndim; a++) {
        window[a] = out->hi[a] - out->lo[a];
    }
    for (int p = 0; p < f->count; p++) {
        window[f->pass[p].axis] += f->pass[p].size - 1;
    }
    cost->operations = 4.0 * f->count * (double)tg_box_count(out);
    if (node->ndim > 0) {
        sizes(f, node->ndim, window, &rows, &row_bytes, &cells);
        cost->scratch_bytes = 2 * rows * row_bytes + 8 * window[node->ndim - 1] +
                              (f->count > 1 ? 2 : 0) * cells * (int64_t)tg_dtype_size(f->work) +
                              6 * 64;
    }
}

static tg_status
prepare(call *c, const tg_run *run, const tg_view *in, char **buffer, tg_error *err)
{
    tg_status status = TG_OK;
    int64_t rows = 0;
    int64_t cells = 0;
    sizes(c->f, in->ndim, in->shape, &rows, &c->row_bytes, &cells);
    c->line = tg_scratch_alloc(run->scratch, rows * c->row_bytes);
    c->sums = tg_scratch_alloc(run->scratch, rows * c->row_bytes);
    c->wide = tg_scratch_alloc(run->scratch, 8 * in->shape[in->ndim - 1]);
    bool ok = c->line != NULL && c->sums != NULL && c->wide != NULL;
    for (int i = 0; i < 2 && c->f->count > 1; i++) {
        buffer[i] = tg_scratch_alloc(run->scratch, cells * c->size);
        ok = ok && buffer[i] != NULL;
    }
    TG_CHECK(ok, err, TG_ERR_MEMORY, "%s: out of scratch memory", run->node->op->name);
out:
    return status;
}

tg_status
tg_boxes_run(const tg_run *run, const tg_view *in, const tg_view *out, tg_error *err)
{
    tg_status status = TG_OK;
    const tg_boxes_filter *f = run->node->state;
    call c = { .f = f, .k = TG_ISA_PICK(tg_taps), .cast = TG_ISA_PICK(tg_rowcast) };
    char *buffer[2] = { NULL, NULL };
    tg_view from = *in;
    /* Without a filtered axis one pass of size 1 changes the type. */
    tg_boxes_pass copy = { .axis = in->ndim - 1, .size = 1, .mode = TG_BOUNDARY_REFLECT };
    int count = f->count > 0 ? f->count : 1;
    if (tg_view_count(out) == 0) {
        goto out;
    }
    c.size = (int64_t)tg_dtype_size(f->work);
    if (f->what != TG_BOXES_MEAN) {
        c.two = f->what == TG_BOXES_MIN ? c.k->min_two[f->work] : c.k->max_two[f->work];
    }
    TG_TRY(prepare(&c, run, in, buffer, err));
    for (int p = 0; p < count; p++) {
        const tg_boxes_pass *pass = f->count > 0 ? &f->pass[p] : &copy;
        tg_view to = *out;
        if (p + 1 < count) {
            int64_t shape[TG_NDIM_MAX];
            memcpy(shape, from.shape, sizeof shape);
            shape[pass->axis] -= pass->size - 1;
            tg_view_from_shape(&to, buffer[p & 1], f->work, in->ndim, shape);
        }
        do_pass(&c, pass, &from, &to, run->in_box[0]->lo[pass->axis], run->node->shape[pass->axis],
                p + 1 == count);
        from = to;
    }
out:
    return status;
}
