/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Separable correlation on one window. See the header for what it equals.
 *
 * The axes that no pass touches are looped over outside (all but the innermost one, which is the
 * direction of the rows). What is left is a block: the axes with passes and the rows. If the first
 * pass goes along the block's outermost axis, the block is cut into slabs along it:
 *
 *      window  z ||||||||||||||||||      pass 0 (across rows, along z) makes a slab of few planes,
 *                  \__ taps __/          pass 1 (across rows, along y) from slab to rows,
 *      slab        ||||                  pass 2 (along the rows) from rows to the result.
 *
 * Rows live in the work type: float for float32, double for all else.
 */
#include "ops/overlap/separable.h"

#include <float.h>
#include <math.h>

#include "core/base/assert.h"
#include "ops/kernel/rowcast.h"
#include "ops/overlap/filter_args.h"
#include "ops/shape/odometer.h"

/* Rows that one call of a kernel makes. The slab of 128^2 planes with halo, float32, is 330 kB with
 * 4 planes: half of the smallest L2 that is common (1 MiB on Zen 4 and 5, 1.25 to 2 on Intel). */
enum { GROUP = 4, SLAB = 4 };

static tg_fir_kind
kind_of(const double *w, int64_t taps)
{
    int64_t half = taps / 2;
    bool even = (taps & 1) != 0;
    bool odd = even;
    for (int64_t k = 1; even && k <= half; k++) {
        even = fabs(w[half + k] - w[half - k]) <= DBL_EPSILON;
    }
    for (int64_t k = 1; odd && k <= half; k++) {
        odd = fabs(w[half + k] + w[half - k]) <= DBL_EPSILON;
    }
    return even ? TG_FIR_SYMMETRIC : (odd ? TG_FIR_ANTISYMMETRIC : TG_FIR_GENERAL);
}

/* Weights in single precision whose sum is that of the doubles: what rounding takes from it is put
 * back from the middle outwards, to both sides alike, or a mean would drift by the error. */
static void
round_weights(const double *w, int64_t taps, float *w32)
{
    int64_t half = taps / 2;
    double rest = 0;
    for (int64_t k = 0; k < taps; k++) {
        w32[k] = (float)w[k];
        rest += w[k] - (double)w32[k];
    }
    for (int64_t k = 0; (taps & 1) != 0 && k <= half; k++) {
        float was = w32[half + k];
        if (was > 0 && w32[half - k] == was) {
            w32[half + k] = (float)((double)was + (k == 0 ? rest : rest / 2));
            w32[half - k] = w32[half + k];
            rest -= ((double)w32[half + k] - (double)was) * (k == 0 ? 1 : 2);
        }
    }
}

tg_separable *
tg_separable_create(tg_dtype in, tg_dtype out, double cval, int count,
                    const tg_separable_spec *specs)
{
    size_t taps = 0;
    for (int p = 0; p < count; p++) {
        taps += (size_t)specs[p].taps;
    }
    tg_separable *s = tg_state_alloc(sizeof *s + taps * (sizeof(double) + sizeof(float)));
    if (s != NULL) {
        double *w = (double *)(s + 1);
        float *w32 = (float *)(w + taps);
        s->in = in;
        s->out = out;
        s->single = in == TG_DT_F32 && out == TG_DT_F32;
        s->cval = cval;
        s->count = count;
        for (int p = 0; p < count; p++) {
            const tg_separable_spec *spec = &specs[p];
            for (int64_t k = 0; k < spec->taps; k++) {
                w[k] = spec->weights[k];
            }
            round_weights(w, spec->taps, w32);
            s->pass[p] = (tg_separable_pass){ .axis = spec->axis,
                                              .taps = spec->taps,
                                              .before = spec->taps / 2 + spec->origin,
                                              .mode = spec->mode,
                                              .kind = kind_of(w, spec->taps),
                                              .weights = w,
                                              .weights32 = w32 };
            w += spec->taps;
            w32 += spec->taps;
        }
    }
    return s;
}

void
tg_separable_window(const tg_array *node, size_t arg, tg_window *window)
{
    const tg_separable *s = node->state;
    tg_filter_window_whole(window);
    if (arg == 0) {
        window->ndim = node->ndim;
        for (int p = 0; p < s->count; p++) {
            const tg_separable_pass *pass = &s->pass[p];
            window->depth_lo[pass->axis] = pass->before;
            window->depth_hi[pass->axis] = pass->taps - 1 - pass->before;
            window->mode[pass->axis] = (uint8_t)pass->mode;
        }
        tg_filter_fill(s->in, s->cval, window->fill);
    }
}

/* ---- one call ---- */

typedef struct block_axis {
    int axis;           /* of the array */
    int64_t length;     /* of the current buffer along it */
    int64_t stride;     /* bytes, of the current buffer */
    int64_t out_stride; /* bytes, of the result */
} block_axis;

/* What the passes work on: rows addressed by the block's outer axes. */
typedef struct work {
    const tg_separable *s;
    const tg_fir_kernels *fir;
    const tg_rowcast_kernels *cast;
    int64_t width;               /* bytes of the work type */
    int64_t lo[TG_NDIM_MAX];     /* array coordinate of the window's low corner, per array axis */
    int64_t length[TG_NDIM_MAX]; /* of the array */
    int naxes;                   /* of the block; the last one is the rows */
    block_axis axis[TG_NDIM_MAX];
    tg_dtype dtype; /* of the current buffer */
    const char *data;
    int64_t row_lo;  /* array coordinate of the current buffer's first column */
    char *buffer[2]; /* slabs */
    char *rows;      /* rows in the work type, of a group: see row_bytes */
    char *line;      /* one row in the work type */
    char *constant;  /* a row of cval */
    const void **in_rows;
    void **out_rows;
    int64_t row_bytes;
} work;

static void
load_row(const work *w, tg_dtype dtype, const void *from, void *to, int64_t n)
{
    if (w->s->single || dtype == TG_DT_F64) {
        memcpy(to, from, (size_t)(n * w->width));
    } else {
        w->cast->load[dtype](from, to, n);
    }
}

static void
along(const work *w, const tg_separable_pass *pass, const void *in, void *out, int64_t n)
{
    if (w->s->single) {
        w->fir->along_f32(in, out, n, pass->weights32, pass->taps);
    } else {
        w->fir->along_f64(in, out, n, pass->weights, pass->taps, pass->kind);
    }
}

/* Puts the columns of a row (work type, in scratch) that are outside the array to cval. */
static void
fill_ends(const work *w, char *row, int axis, int64_t lo, int64_t n)
{
    int64_t before = tg_min_i64(tg_max_i64(-lo, 0), n);
    int64_t inside = tg_max_i64(tg_min_i64(w->length[axis] - lo, n), before);
    memcpy(row, w->constant, (size_t)(before * w->width));
    memcpy(row + inside * w->width, w->constant, (size_t)((n - inside) * w->width));
}

static bool
reaches_out(const work *w, const tg_separable_pass *pass, int64_t lo, int64_t n)
{
    return pass->mode == TG_BOUNDARY_CONSTANT && (lo < 0 || lo + n > w->length[pass->axis]);
}

/* A row of the work type becomes a row of the result. */
static void
store_row(const work *w, void *row, void *to, int64_t n)
{
    if (w->s->single || w->s->out == TG_DT_F64) {
        if (row != to) {
            memcpy(to, row, (size_t)(n * w->width));
        }
    } else {
        w->cast->store[w->s->out](row, to, n);
    }
}

/* Values between passes are what an array of the output dtype would hold. */
static void
round_row(const work *w, void *row, int64_t n)
{
    if (!w->s->single && w->s->out != TG_DT_F64) {
        w->cast->round[w->s->out](row, n);
    }
}

/* The last pass along a row that is in the work type; `row` may be changed. */
static void
finish_along(const work *w, const tg_separable_pass *pass, char *row, char *to, int64_t n)
{
    int64_t full = n + pass->taps - 1;
    bool direct = w->s->single || w->s->out == TG_DT_F64;
    if (reaches_out(w, pass, w->row_lo, full)) {
        fill_ends(w, row, pass->axis, w->row_lo, full);
    }
    along(w, pass, row, direct ? to : w->line, n);
    if (!direct) {
        store_row(w, w->line, to, n);
    }
}

/* Where the rows of a pass go: a buffer of the work type, or the result, perhaps after a last pass
 * along the row. */
typedef struct target {
    char *data;
    int64_t stride[TG_NDIM_MAX]; /* per block axis, bytes */
    bool is_result;
    const tg_separable_pass *row_pass; /* NULL: none */
    int64_t n;                         /* cells of a row in the end */
} target;

/* Rows [first, first + count) of one line across block axis `b`, whose row 0 is at `from`. */
static void
across_group(work *w, const tg_separable_pass *pass, int b, const char *from, int64_t first,
             int64_t count, const target *t, char *to)
{
    const block_axis *axis = &w->axis[b];
    int64_t n = w->axis[w->naxes - 1].length;
    bool convert = !w->s->single && w->dtype != TG_DT_F64;
    bool straight =
        !t->is_result || (t->row_pass == NULL && (w->s->single || w->s->out == TG_DT_F64));
    for (int64_t j = 0; j < count + pass->taps - 1; j++) {
        int64_t at = w->lo[pass->axis] + first + j;
        const char *row = from + (first + j) * axis->stride;
        if (pass->mode == TG_BOUNDARY_CONSTANT && (at < 0 || at >= w->length[pass->axis])) {
            row = w->constant;
        } else if (convert) {
            char *copy = w->rows + (GROUP + j) * w->row_bytes;
            load_row(w, w->dtype, row, copy, n);
            row = copy;
        }
        w->in_rows[j] = row;
    }
    for (int64_t r = 0; r < count; r++) {
        w->out_rows[r] = straight ? to + (first + r) * t->stride[b] : w->rows + r * w->row_bytes;
    }
    if (w->s->single) {
        w->fir->across_f32((const float *const *)w->in_rows, (float *const *)w->out_rows, count, n,
                           pass->weights32, pass->taps);
    } else {
        w->fir->across_f64((const double *const *)w->in_rows, (double *const *)w->out_rows, count,
                           n, pass->weights, pass->taps, pass->kind);
    }
    for (int64_t r = 0; r < count; r++) {
        char *place = to + (first + r) * t->stride[b];
        if (t->row_pass != NULL) {
            round_row(w, w->out_rows[r], n);
            finish_along(w, t->row_pass, w->out_rows[r], place, t->n);
        } else if (t->is_result) {
            store_row(w, w->out_rows[r], place, n);
        } else {
            round_row(w, w->out_rows[r], n);
        }
    }
}

/* One row through a pass along it. */
static void
along_row(work *w, const tg_separable_pass *pass, const char *from, const target *t, char *to)
{
    int64_t full = w->axis[w->naxes - 1].length;
    int64_t n = full - pass->taps + 1;
    const char *row = from;
    if (w->dtype != (w->s->single ? TG_DT_F32 : TG_DT_F64) ||
        reaches_out(w, pass, w->row_lo, full)) {
        load_row(w, w->dtype, from, w->rows, full);
        row = w->rows;
        if (reaches_out(w, pass, w->row_lo, full)) {
            fill_ends(w, w->rows, pass->axis, w->row_lo, full);
        }
    }
    if (!t->is_result || w->s->single || w->s->out == TG_DT_F64) {
        along(w, pass, row, to, n);
        if (!t->is_result) {
            round_row(w, to, n);
        }
    } else {
        along(w, pass, row, w->line, n);
        store_row(w, w->line, to, n);
    }
}

/* One pass over rows [first, first + count) of block axis `b` (of all other outer axes: all). */
static void
do_pass(work *w, const tg_separable_pass *pass, int b, int64_t first, int64_t count,
        const target *t)
{
    int64_t index[TG_NDIM_MAX] = { 0 };
    bool rowwise = b == w->naxes - 1;
    bool more = true;
    while (more) {
        const char *from = w->data;
        char *to = t->data;
        for (int a = 0; a < w->naxes - 1; a++) {
            from += index[a] * w->axis[a].stride;
            to += index[a] * t->stride[a];
        }
        if (rowwise) {
            along_row(w, pass, from, t, to);
        } else {
            for (int64_t r = 0; r < count; r += GROUP) {
                /* Source rows count from the buffer, rows of the result from the slab. */
                across_group(w, pass, b, from + first * w->axis[b].stride, r,
                             tg_min_i64(GROUP, count - r), t, to);
            }
        }
        more = false;
        for (int a = w->naxes - 2; a >= 0 && !more; a--) {
            if (a != b) {
                more = ++index[a] < w->axis[a].length;
                index[a] = more ? index[a] : 0;
            }
        }
    }
}

static int
block_axis_of(const work *w, int axis)
{
    int b = 0;
    while (w->axis[b].axis != axis) {
        b++;
    }
    return b;
}

/* The buffer that a pass has filled becomes the current one. */
static void
step_to(work *w, const target *t, int b, int64_t length, const tg_separable_pass *pass)
{
    w->data = t->data;
    w->dtype = w->s->single ? TG_DT_F32 : TG_DT_F64;
    w->axis[b].length = length;
    for (int a = 0; a < w->naxes; a++) {
        w->axis[a].stride = t->stride[a];
    }
    if (b == w->naxes - 1) {
        w->row_lo += pass->before;
    }
}

/* All passes over slab [first, first + count) of block axis 0 (whole: all of it). */
static void
do_slab(work w, int64_t first, int64_t count, bool slab, char *result)
{
    const tg_separable *s = w.s;
    for (int p = 0; p < s->count; p++) {
        const tg_separable_pass *pass = &s->pass[p];
        int b = block_axis_of(&w, pass->axis);
        bool cut = slab && p == 0;
        int64_t length = cut ? count : w.axis[b].length - pass->taps + 1;
        int rows = w.naxes - 1;
        bool next_is_last_row =
            p + 2 == s->count && b != rows && s->pass[p + 1].axis == w.axis[rows].axis;
        target t = { .is_result = p + 1 == s->count || next_is_last_row };
        t.row_pass = next_is_last_row ? &s->pass[p + 1] : NULL;
        t.n = w.axis[rows].length - (next_is_last_row ? t.row_pass->taps - 1 : 0);
        if (t.is_result) {
            t.data = result + (slab ? first * w.axis[0].out_stride : 0);
            for (int a = 0; a < w.naxes; a++) {
                t.stride[a] = w.axis[a].out_stride;
            }
        } else {
            int64_t bytes = w.width;
            t.data = w.buffer[p & 1];
            for (int a = rows; a >= 0; a--) {
                t.stride[a] = bytes;
                bytes *= a == b ? length : w.axis[a].length;
            }
        }
        w.lo[pass->axis] += cut ? first : 0;
        do_pass(&w, pass, b, cut ? first : 0, length, &t);
        step_to(&w, &t, b, length, pass);
        if (next_is_last_row) {
            break;
        }
    }
}

static bool
in_slabs(const tg_separable *s, int ndim)
{
    int outermost = ndim - 1;
    for (int p = 0; p < s->count; p++) {
        outermost = s->pass[p].axis < outermost ? s->pass[p].axis : outermost;
    }
    return s->count > 0 && s->pass[0].axis == outermost && outermost != ndim - 1;
}

/* Cells of one of the two buffers between passes, and bytes of a row. */
static void
sizes(const tg_separable *s, int ndim, const int64_t *window, int64_t *cells, int64_t *row)
{
    int64_t width = s->single ? 4 : 8;
    *cells = 1;
    for (int p = 0; p < s->count; p++) {
        int axis = s->pass[p].axis;
        int64_t length = in_slabs(s, ndim) && p == 0 ? SLAB : window[axis];
        *cells *= axis == ndim - 1 ? 1 : length;
    }
    *cells *= window[ndim - 1];
    *row = (window[ndim - 1] * width + 63) & ~(int64_t)63;
}

static int64_t
taps_max(const tg_separable *s)
{
    int64_t taps = 1;
    for (int p = 0; p < s->count; p++) {
        taps = tg_max_i64(taps, s->pass[p].taps);
    }
    return taps;
}

static int
buffers_needed(const tg_separable *s)
{
    return s->count < 2 ? 0 : (s->count == 2 ? 1 : 2);
}

void
tg_separable_cost(const tg_array *node, const tg_box *out, tg_cost *cost)
{
    const tg_separable *s = node->state;
    int64_t window[TG_NDIM_MAX] = { 0 };
    int64_t cells = 0;
    int64_t row = 0;
    double count = (double)tg_box_count(out);
    for (int a = 0; a < node->ndim; a++) {
        window[a] = out->hi[a] - out->lo[a];
    }
    for (int p = 0; p < s->count; p++) {
        window[s->pass[p].axis] += s->pass[p].taps - 1;
        cost->operations += 2.0 * count * (double)s->pass[p].taps;
    }
    if (node->ndim > 0) {
        int64_t taps = taps_max(s);
        sizes(s, node->ndim, window, &cells, &row);
        cost->scratch_bytes = buffers_needed(s) * (cells * (s->single ? 4 : 8) + 64) +
                              (2 * GROUP + taps + 3) * row + (GROUP + taps) * 16 + 6 * 64;
    }
}

static tg_status
prepare(work *w, const tg_run *run, const tg_view *in, const tg_view *out, tg_error *err)
{
    tg_status status = TG_OK;
    const tg_separable *s = run->node->state;
    int64_t cells = 0;
    int64_t taps = taps_max(s);
    w->s = s;
    w->fir = TG_ISA_PICK(tg_fir);
    w->cast = TG_ISA_PICK(tg_rowcast);
    w->width = s->single ? 4 : 8;
    w->dtype = in->dtype;
    w->row_lo = run->in_box[0]->lo[in->ndim - 1];
    for (int a = 0; a < in->ndim; a++) {
        w->lo[a] = run->in_box[0]->lo[a];
        w->length[a] = run->node->shape[a];
        bool used = a == in->ndim - 1;
        for (int p = 0; p < s->count; p++) {
            used = used || s->pass[p].axis == a;
        }
        if (used) {
            w->axis[w->naxes++] = (block_axis){ a, in->shape[a], in->strides[a], out->strides[a] };
        }
    }
    sizes(s, in->ndim, in->shape, &cells, &w->row_bytes);
    for (int i = 0; i < buffers_needed(s); i++) {
        w->buffer[i] = tg_scratch_alloc(run->scratch, cells * w->width);
        TG_CHECK(w->buffer[i] != NULL, err, TG_ERR_MEMORY, "%s: out of scratch memory",
                 run->node->op->name);
    }
    w->rows = tg_scratch_alloc(run->scratch, (2 * GROUP + taps) * w->row_bytes);
    w->line = tg_scratch_alloc(run->scratch, w->row_bytes);
    w->constant = tg_scratch_alloc(run->scratch, w->row_bytes);
    w->in_rows = tg_scratch_alloc(run->scratch, (GROUP + taps) * 8);
    w->out_rows = tg_scratch_alloc(run->scratch, GROUP * 8);
    TG_CHECK(w->rows != NULL && w->line != NULL && w->constant != NULL && w->in_rows != NULL &&
                 w->out_rows != NULL,
             err, TG_ERR_MEMORY, "%s: out of scratch memory", run->node->op->name);
    for (int64_t i = 0; i < w->row_bytes / w->width; i++) {
        if (s->single) {
            ((float *)w->constant)[i] = (float)s->cval;
        } else {
            ((double *)w->constant)[i] = s->cval;
        }
    }
out:
    return status;
}

/* No pass at all: the values change their type. */
static void
convert_block(const work *w, const char *from, char *to, int64_t n)
{
    if (w->s->in == w->s->out) {
        memcpy(to, from, (size_t)n * tg_dtype_size(w->s->in));
    } else {
        load_row(w, w->s->in, from, w->line, n);
        store_row(w, w->line, to, n);
    }
}

tg_status
tg_separable_run(const tg_run *run, const tg_view *in, const tg_view *out, tg_error *err)
{
    tg_status status = TG_OK;
    const tg_separable *s = run->node->state;
    work w = { 0 };
    bool slab = in_slabs(s, in->ndim);
    if (tg_view_count(out) == 0) {
        goto out;
    }
    if (in->ndim == 0) {
        double value = 0;
        const tg_rowcast_kernels *cast = TG_ISA_PICK(tg_rowcast);
        cast->load[s->in](in->data, &value, 1);
        cast->store[s->out](&value, out->data, 1);
        goto out;
    }
    TG_TRY(prepare(&w, run, in, out, err));
    int64_t index[TG_NDIM_MAX] = { 0 };
    uint64_t outer = ~(uint64_t)0;
    for (int b = 0; b < w.naxes; b++) {
        outer &= ~((uint64_t)1 << w.axis[b].axis);
    }
    bool more = true;
    while (more) {
        const char *from = in->data;
        char *to = out->data;
        for (int a = 0; a < in->ndim; a++) {
            from += index[a] * in->strides[a];
            to += index[a] * out->strides[a];
        }
        w.data = from;
        if (s->count == 0) {
            convert_block(&w, from, to, out->shape[in->ndim - 1]);
        } else {
            int64_t length = slab ? out->shape[w.axis[0].axis] : 1;
            for (int64_t first = 0; first < length; first += slab ? SLAB : 1) {
                do_slab(w, first, tg_min_i64(SLAB, length - first), slab, to);
            }
        }
        more = tg__odometer_next_of(outer, in->ndim, out->shape, index);
    }
out:
    return status;
}
