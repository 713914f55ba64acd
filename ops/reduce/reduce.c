/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the reductions share: infer, the walk over a tile, the way out. The kernels are in
 * ops/kernel/reduce.isa.c.
 */
#include "ops/reduce/reduce.h"

#include <string.h>

#include "ops/kernel/cast.h"
#include "ops/kernel/half.h"
#include "ops/kernel/strip.h"
#include "ops/shape/common.h"
#include "ops/shape/odometer.h"

TG_ISA_TABLE(const tg_folds, tg_folds_sum);
TG_ISA_TABLE(const tg_folds, tg_folds_nansum);
TG_ISA_TABLE(const tg_folds, tg_folds_wide_sum);

enum {
    BLOCK = 1024,   /* elements packed at a time: 16 KiB at most */
    COLUMNS = 4096, /* cells that are brought forward together, so that they stay in L2 */
    SHORT_ROW = 16  /* below this a row costs more to call than to reduce */
};

uint64_t
tg_reduce_axes(const tg_array *node)
{
    uint64_t mask = 0;
    tg_status status = tg_normalize_axes(&node->values[0], node->args[0]->ndim, &mask, NULL);
    TG_ASSERT(status == TG_OK);
    return mask;
}

void
tg_reduce_cost(const tg_array *node, const tg_box *domain, tg_cost *cost)
{
    (void)node;
    cost->operations = (double)tg_box_count(domain);
    cost->scratch_bytes = 0;
}

tg_status
tg_reduce_infer_shape(tg_infer *infer, tg_error *err)
{
    tg_status status = TG_OK;
    const tg_array *input = infer->args[0];
    bool keepdims = tg_value_int(&infer->values[1], 0, 0) != 0;
    uint64_t mask = 0;
    TG_TRY(tg_normalize_axes(&infer->values[0], input->ndim, &mask, err));
    infer->ndim = 0;
    for (int a = 0; a < input->ndim; a++) {
        bool reduced = (mask >> a & 1) != 0;
        if (!reduced || keepdims) {
            infer->shape[infer->ndim++] = reduced ? 1 : input->shape[a];
        }
    }
out:
    return status;
}

tg_status
tg_reduce_refuse_empty(const tg_infer *infer, const char *name, tg_error *err)
{
    tg_status status = TG_OK;
    const tg_array *input = infer->args[0];
    uint64_t mask = 0;
    bool empty = false;
    TG_TRY(tg_normalize_axes(&infer->values[0], input->ndim, &mask, err));
    for (int a = 0; a < input->ndim; a++) {
        empty = empty || ((mask >> a & 1) != 0 && input->shape[a] == 0);
    }
    TG_CHECK(!empty, err, TG_ERR_VALUE,
             "%s: zero-size array to reduction operation %s which has no identity", infer->op->name,
             name);
out:
    return status;
}

tg_status
tg_reduce_infer_dtype(tg_infer *infer, tg_dtype (*rule)(tg_dtype), tg_error *err)
{
    tg_status status = TG_OK;
    tg_dtype dtype = (tg_dtype)tg_value_int(&infer->values[2], 0, TG_DT_NONE);
    if (dtype != TG_DT_NONE) {
        TG_TRY(tg__infer_cast(infer, 0, dtype, err));
    }
    TG_TRY(tg_reduce_infer_shape(infer, err));
    infer->dtype = dtype != TG_DT_NONE ? dtype : rule(infer->args[0]->dtype);
out:
    return status;
}

tg_status
tg_reduce_refuse(const tg_infer *infer, tg_error *err)
{
    return tg_fail(err, TG_ERR_TYPE, "%s: not supported for the input type %s", infer->op->name,
                   tg_dtype_name(infer->args[0]->dtype));
}

tg_dtype
tg_sum_dtype(tg_dtype dtype)
{
    tg_kind kind = tg_dtype_kind(dtype);
    tg_dtype out = dtype;
    if (kind == TG_KIND_BOOL || kind == TG_KIND_INT) {
        out = TG_DT_I64;
    } else if (kind == TG_KIND_UINT) {
        out = TG_DT_U64;
    }
    return out;
}

tg_dtype
tg_mean_dtype(tg_dtype dtype)
{
    return tg_dtype_is_float(dtype) || tg_dtype_is_complex(dtype) ? dtype : TG_DT_F64;
}

tg_dtype
tg_total_dtype(tg_dtype dtype)
{
    tg_dtype out = TG_DT_U64;
    if (tg_dtype_is_complex(dtype)) {
        out = TG_DT_C128;
    } else if (tg_dtype_is_float(dtype)) {
        out = TG_DT_F64;
    }
    return out;
}

const tg_folds *
tg_mean_folds(tg_dtype dtype, bool skip_nan, tg_dtype *acc)
{
    const tg_folds *folds = TG_ISA_PICK(tg_folds_sum);
    *acc = tg_total_dtype(dtype);
    if (dtype == TG_DT_I64 || dtype == TG_DT_U64) {
        folds = TG_ISA_PICK(tg_folds_wide_sum);
        *acc = TG_DT_F64;
    } else if (skip_nan) {
        folds = TG_ISA_PICK(tg_folds_nansum);
    }
    return folds;
}

int64_t
tg_smallest_integer(tg_dtype dtype)
{
    bool is_signed = tg_dtype_kind(dtype) == TG_KIND_INT;
    return is_signed ? INT64_MIN >> (64 - 8 * tg_dtype_size(dtype)) : 0;
}

int64_t
tg_largest_integer(tg_dtype dtype)
{
    int64_t out = 0;
    if (dtype == TG_DT_BOOL) {
        out = 1;
    } else if (tg_dtype_kind(dtype) == TG_KIND_INT) {
        out = INT64_MAX >> (64 - 8 * tg_dtype_size(dtype));
    } else if (tg_dtype_kind(dtype) == TG_KIND_UINT) {
        out = (int64_t)(UINT64_MAX >> (64 - 8 * tg_dtype_size(dtype)));
    }
    return out;
}

int64_t
tg_reduce_cells(const tg_array *node, const tg_box *domain)
{
    uint64_t mask = tg_reduce_axes(node);
    int64_t cells = 1;
    for (int a = 0; a < domain->ndim; a++) {
        cells *= (mask >> a & 1) != 0 ? 1 : domain->hi[a] - domain->lo[a];
    }
    return cells;
}

int64_t
tg_reduce_count(const tg_array *node)
{
    const tg_array *input = node->args[0];
    uint64_t mask = tg_reduce_axes(node);
    int64_t count = 1;
    for (int a = 0; a < input->ndim; a++) {
        count *= (mask >> a & 1) != 0 ? input->shape[a] : 1;
    }
    return count;
}

size_t
tg_reduce_element_bytes(tg_dtype dtype)
{
    return dtype == TG_DT_F16 ? sizeof(float) : tg_dtype_size(dtype);
}

tg_status
tg_reduce_state(const tg_run *run, int64_t bytes, tg_buffer **state, tg_error *err)
{
    tg_status status = TG_OK;
    *state = tg_buffer_create(run->pool, bytes > 0 ? (size_t)bytes : 1);
    TG_CHECK(*state != NULL, err, TG_ERR_MEMORY, "%s: no memory for a state of %lld bytes",
             run->node->op->name, (long long)bytes);
out:
    return status;
}

/* One axis of the walk. */
typedef struct axis {
    int64_t length;
    int64_t stride; /* bytes */
    int64_t cell;   /* step in the state; 0: reduced */
    int64_t index;  /* step in the place among a cell's elements; 0: kept */
    bool reduced;
} axis;

typedef struct walker {
    const tg_walk *walk;
    tg_dtype dtype;
    size_t stored; /* bytes of an element in memory */
    int naxes;
    axis axes[TG_NDIM_MAX];
    int64_t index0; /* place of the box's first element */
    size_t rows;    /* that columns are taken of at once, and their distance in elements */
    ptrdiff_t apart;
} walker;

/* Axes of the view; those of length 1 are left out, neighbours that continue each other joined. */
static void
make_axes(walker *w, const tg_array *node, const tg_box *domain, const tg_view *in)
{
    uint64_t mask = tg_reduce_axes(node);
    int64_t cell = 1;
    int64_t index = 1;
    axis reversed[TG_NDIM_MAX];
    int n = 0;
    w->index0 = 0;
    for (int a = in->ndim - 1; a >= 0; a--) {
        bool reduced = (mask >> a & 1) != 0;
        axis now = { in->shape[a], in->strides[a], reduced ? 0 : cell, reduced ? index : 0,
                     reduced };
        axis *last = n > 0 ? &reversed[n - 1] : NULL;
        if (reduced) {
            w->index0 += domain->lo[a] * index;
            index *= node->args[0]->shape[a];
        } else {
            cell *= in->shape[a];
        }
        if (last != NULL && now.reduced == last->reduced &&
            now.stride == last->stride * last->length && now.cell == last->cell * last->length &&
            (!w->walk->places || now.index == last->index * last->length)) {
            last->length *= now.length;
        } else if (now.length != 1) {
            reversed[n++] = now;
        }
    }
    for (int i = 0; i < n; i++) {
        w->axes[i] = reversed[n - 1 - i];
    }
    w->naxes = n;
}

/* Which axis the kernels run along: the last one, unless it is a short reduced one and a longer
 * kept one lies before it (the channels of a picture). -1: a single element. */
static int
inner_axis(const walker *w)
{
    int inner = w->naxes - 1;
    if (inner >= 0 && w->axes[inner].reduced && w->axes[inner].length < SHORT_ROW) {
        int kept = inner - 1;
        while (kept >= 0 && w->axes[kept].reduced) {
            kept--;
        }
        if (kept >= 0 && w->axes[kept].length > w->axes[inner].length) {
            inner = kept;
        }
    }
    return inner;
}

/* A row of elements as kernels want it: `x` itself or packed into `block` (at most BLOCK). */
static const void *
packed(const walker *w, const char *x, int64_t stride, size_t count, void *block)
{
    uint16_t halves[BLOCK];
    const void *out = block;
    size_t align = w->stored < 8 ? w->stored : 8;
    if (w->dtype == TG_DT_F16) {
        tg_strided_copy((char *)halves, 2, x, (ptrdiff_t)stride, count, 2);
        tg_half_row_to_float(halves, block, count);
    } else if (stride == (int64_t)w->stored && ((uintptr_t)x % align) == 0) {
        out = x;
    } else {
        tg_strided_copy(block, (ptrdiff_t)w->stored, x, (ptrdiff_t)stride, count, w->stored);
    }
    return out;
}

static size_t
block_limit(const walker *w, const char *x, const axis *inner)
{
    size_t align = w->stored < 8 ? w->stored : 8;
    bool direct =
        w->dtype != TG_DT_F16 && inner->stride == (int64_t)w->stored && ((uintptr_t)x % align) == 0;
    return direct ? (size_t)inner->length + 1 : BLOCK;
}

/* Hands a second axis to the kernels, when rows need no packing: a kernel of columns gets the
 * fastest of the outer reduced axes and keeps accumulators in registers from row to row; a kernel
 * of rows gets the kept axis next to the reduced one, for rows may be short. */
static void
take_rows(walker *w, const void *data, int inner)
{
    const axis *along = &w->axes[inner];
    int64_t stored = (int64_t)w->stored;
    int64_t align = stored < 8 ? stored : 8;
    bool direct =
        w->dtype != TG_DT_F16 && along->stride == stored && (uintptr_t)data % (uintptr_t)align == 0;
    axis *outer = NULL;
    for (int i = 0; i < w->naxes; i++) {
        bool takes = along->reduced ? i + 1 == inner && !w->axes[i].reduced && w->axes[i].cell == 1
                                    : w->axes[i].reduced && !w->walk->places;
        direct = direct && w->axes[i].stride % align == 0;
        outer = takes ? &w->axes[i] : outer;
    }
    w->rows = 1;
    w->apart = 0;
    if (direct && outer != NULL && outer->stride % stored == 0) {
        w->rows = (size_t)outer->length;
        w->apart = (ptrdiff_t)(outer->stride / stored);
        outer->length = 1;
    }
}

static void
walk_inner(const walker *w, const axis *inner, int64_t from, int64_t to, const char *x,
           int64_t cell, int64_t index)
{
    _Alignas(64) char block[BLOCK * 16];
    size_t limit = block_limit(w, x, inner);
    for (int64_t i = from; i < to;) {
        size_t now = (size_t)(to - i) < limit ? (size_t)(to - i) : limit;
        const void *row = packed(w, x + i * inner->stride, inner->stride, now, block);
        if (inner->reduced) {
            w->walk->row(w->walk->context, cell, row, now, w->rows, w->apart,
                         index + i * inner->index, inner->index);
        } else {
            w->walk->column(w->walk->context, cell + i, row, now, w->rows, w->apart, index);
        }
        i += (int64_t)now;
    }
}

/* Steps an odometer over the axes whose `reduced` is as said, `inner` left out, the last running
 * fastest. False after the last position. */
static bool
advance(const walker *w, int inner, bool reduced, int64_t *at)
{
    bool more = false;
    for (int i = w->naxes - 1; i >= 0 && !more; i--) {
        if (i != inner && w->axes[i].reduced == reduced) {
            at[i]++;
            more = at[i] < w->axes[i].length;
            at[i] = more ? at[i] : 0;
        }
    }
    return more;
}

static void
walk_reduced(const walker *w, int inner, int64_t from, int64_t to, const char *x, int64_t cell)
{
    int64_t at[TG_NDIM_MAX] = { 0 };
    do {
        int64_t offset = 0;
        int64_t index = w->index0;
        for (int i = 0; i < w->naxes; i++) {
            offset += at[i] * w->axes[i].stride;
            index += at[i] * w->axes[i].index;
        }
        walk_inner(w, &w->axes[inner], from, to, x + offset, cell, index);
    } while (advance(w, inner, true, at));
}

void
tg_reduce_walk(const tg_array *node, const tg_box *domain, const tg_view *in, const tg_walk *walk)
{
    walker w = { .walk = walk, .dtype = in->dtype, .stored = tg_dtype_size(in->dtype) };
    if (tg_view_count(in) > 0) {
        int64_t at[TG_NDIM_MAX] = { 0 };
        make_axes(&w, node, domain, in);
        int inner = inner_axis(&w);
        if (inner < 0) {
            w.axes[0] = (axis){ .length = 1, .stride = (int64_t)w.stored, .cell = 1 };
            w.naxes = 1;
            inner = 0;
            /* One element: a row of a reduction over nothing is as good as one over one. */
            w.axes[0].reduced = true;
            w.axes[0].cell = 0;
        }
        const axis *along = &w.axes[inner];
        take_rows(&w, in->data, inner);
        TG_ASSERT(along->reduced || along->cell == 1 || along->length == 1);
        do {
            int64_t offset = 0;
            int64_t cell = 0;
            for (int i = 0; i < w.naxes; i++) {
                offset += at[i] * w.axes[i].stride;
                cell += at[i] * w.axes[i].cell;
            }
            int64_t step = along->reduced ? along->length : COLUMNS;
            for (int64_t from = 0; from < along->length; from += step) {
                int64_t to = tg_min_i64(from + step, along->length);
                walk_reduced(&w, inner, from, to, (const char *)in->data + offset, cell);
            }
        } while (advance(&w, inner, false, at));
    }
}

void
tg_reduce_store(const tg_view *out, tg_dtype dtype, tg_emit emit, const void *context)
{
    _Alignas(64) char block[TG_REDUCE_LANES * 16];
    tg_loop cast = tg_cast_loop(dtype, out->dtype);
    int rows = out->ndim - 1;
    int64_t length = out->ndim > 0 ? out->shape[rows] : 1;
    int64_t stride = out->ndim > 0 ? out->strides[rows] : (int64_t)tg_dtype_size(out->dtype);
    int64_t at[TG_NDIM_MAX] = { 0 };
    int64_t first = 0;
    bool more = tg_view_count(out) > 0;
    while (more) {
        char *row = tg__odometer_row(out, at);
        for (int64_t i = 0; i < length; i += TG_REDUCE_LANES) {
            size_t now = (size_t)tg_min_i64(length - i, TG_REDUCE_LANES);
            char *const args[] = { block, row + i * stride };
            const ptrdiff_t steps[] = { (ptrdiff_t)tg_dtype_size(dtype), (ptrdiff_t)stride };
            emit(context, first, now, block);
            cast(args, steps, now, NULL);
            first += (int64_t)now;
        }
        more = tg__odometer_next(rows, out->shape, at);
    }
}
