/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Strided copies. Whatever the views look like, a copy is brought to the form "many times a
 * rectangle of two axes":
 *
 *   1. axes of length one go away; the others are ordered by the stride of the destination, so
 *      that writing runs through memory upwards;
 *   2. neighbours that are contiguous on both sides become one axis;
 *   3. a row of 2, 4, 8 or 16 bytes that is contiguous on both sides becomes one wide element;
 *   4. the last two axes go to an inner loop made for the element size.
 *
 * A fill is a copy from a source with no strides.
 */
#include "core/array/view.h"

#include <stddef.h>
#include <string.h>

#include "core/base/assert.h"
#include "core/mem/stream.h"

/* A rectangle with axes of fewer cells than this inside is walked along its other axis. */
#define SHORT_ROW 8
/* The tiles of transpositions. */
#define TILE_BITS 4
#define TILE      (1 << TILE_BITS)
#define CELLS     (TILE * TILE)

typedef struct copy_plan {
    int ndim;
    bool past_caches;
    size_t size; /* bytes of one element */
    char *to;
    const char *from;
    int64_t shape[TG_NDIM_MAX];
    int64_t to_strides[TG_NDIM_MAX];
    int64_t from_strides[TG_NDIM_MAX];
} copy_plan;

/* The last two axes: `rows` times `cols` elements. */
typedef struct copy_rect {
    char *to;
    const char *from;
    int64_t rows, cols;
    int64_t to_row, to_col, from_row, from_col;
} copy_rect;

/* Elements need not be aligned: a structured file may put them anywhere. */
typedef uint8_t copy_u1 __attribute__((may_alias));
typedef uint16_t copy_u2 __attribute__((may_alias, aligned(1)));
typedef uint32_t copy_u4 __attribute__((may_alias, aligned(1)));
typedef uint64_t copy_u8 __attribute__((may_alias, aligned(1)));
typedef struct __attribute__((packed, may_alias)) copy_u16 {
    uint64_t a, b;
} copy_u16;

/*
 * One row, by what its strides are: the cases that occur most get a loop whose strides the
 * compiler knows, so that it can use vectors. The rectangle is cut in strips of about a cache line
 * of the destination, so that the lines of the source that a strip crosses are still in L1 when
 * the next row needs them.
 */
#define DEFINE_COPY_RECT(type, strip)                                                              \
    static inline void copy_row_##type(char *restrict to, const char *restrict from, int64_t n,    \
                                       int64_t to_step, int64_t from_step)                         \
    {                                                                                              \
        const int64_t size = (int64_t)sizeof(type);                                                \
        if (to_step == size && from_step == 0) {                                                   \
            const type value = *(const type *)(const void *)from;                                  \
            for (int64_t i = 0; i < n; i++) {                                                      \
                ((type *)(void *)to)[i] = value;                                                   \
            }                                                                                      \
        } else if (to_step == size && from_step == -size) {                                        \
            for (int64_t i = 0; i < n; i++) {                                                      \
                ((type *)(void *)to)[i] = ((const type *)(const void *)from)[-i];                  \
            }                                                                                      \
        } else if (to_step == size && from_step == 2 * size) {                                     \
            for (int64_t i = 0; i < n; i++) {                                                      \
                ((type *)(void *)to)[i] = ((const type *)(const void *)from)[2 * i];               \
            }                                                                                      \
        } else if (to_step == size) {                                                              \
            for (int64_t i = 0; i < n; i++) {                                                      \
                ((type *)(void *)to)[i] = *(const type *)(const void *)(from + i * from_step);     \
            }                                                                                      \
        } else {                                                                                   \
            for (int64_t i = 0; i < n; i++) {                                                      \
                *(type *)(void *)(to + i * to_step) =                                              \
                    *(const type *)(const void *)(from + i * from_step);                           \
            }                                                                                      \
        }                                                                                          \
    }                                                                                              \
    static void copy_rect_##type(const copy_rect *r)                                               \
    {                                                                                              \
        int64_t step = r->rows > 1 && r->from_col != 0 ? (strip) : r->cols;                        \
        for (int64_t c = 0; c < r->cols; c += step) {                                              \
            int64_t n = r->cols - c < step ? r->cols - c : step;                                   \
            for (int64_t i = 0; i < r->rows; i++) {                                                \
                copy_row_##type(r->to + i * r->to_row + c * r->to_col,                             \
                                r->from + i * r->from_row + c * r->from_col, n, r->to_col,         \
                                r->from_col);                                                      \
            }                                                                                      \
        }                                                                                          \
    }

/*
 * A transposition: the source is contiguous down the rows, the destination along them. A tile of
 * 16 by 16 cells is read line by line and transposed in registers and L1: riffling its two halves
 * like a deck of cards moves every bit of a cell's index up by one, and after four riffles row and
 * column have changed places. Tiles go down a cache line's worth of rows before they go on, so
 * that each line of the source is fetched once, also where a power of two as stride puts all lines
 * into the same few sets of the cache.
 */
#define DEFINE_TRANSPOSE(type)                                                                     \
    static inline void riffle_##type(type *restrict to, const type *restrict from)                 \
    {                                                                                              \
        for (int i = 0; i < CELLS / 2; i++) {                                                      \
            to[2 * i] = from[i];                                                                   \
            to[2 * i + 1] = from[i + CELLS / 2];                                                   \
        }                                                                                          \
    }                                                                                              \
    static inline void transpose_tile_##type(char *restrict to, int64_t to_row,                    \
                                             const char *restrict from, int64_t from_col)          \
    {                                                                                              \
        enum { N = TILE, LINE = N * (int)sizeof(type) };                                           \
        type even[N * N];                                                                          \
        type odd[N * N];                                                                           \
        for (int c = 0; c < N; c++) {                                                              \
            memcpy(even + c * N, from + c * from_col, LINE);                                       \
        }                                                                                          \
        for (int i = 0; i < TILE_BITS; i += 2) {                                                   \
            riffle_##type(odd, even);                                                              \
            riffle_##type(even, odd);                                                              \
        }                                                                                          \
        for (int i = 0; i < N; i++) {                                                              \
            memcpy(to + i * to_row, even + i * N, LINE);                                           \
        }                                                                                          \
    }                                                                                              \
    static void transpose_rect_##type(const copy_rect *r)                                          \
    {                                                                                              \
        enum { N = TILE, SIZE = (int)sizeof(type), DOWN = 64 / SIZE };                             \
        int64_t rows = r->rows / N * N;                                                            \
        int64_t cols = r->cols / N * N;                                                            \
        for (int64_t down = 0; down < rows; down += DOWN) {                                        \
            int64_t end = rows - down < DOWN ? rows : down + DOWN;                                 \
            for (int64_t c = 0; c < cols; c += N) {                                                \
                for (int64_t i = down; i < end; i += N) {                                          \
                    transpose_tile_##type(r->to + i * r->to_row + c * SIZE, r->to_row,             \
                                          r->from + i * SIZE + c * r->from_col, r->from_col);      \
                }                                                                                  \
            }                                                                                      \
        }                                                                                          \
        copy_rect rest = *r;                                                                       \
        rest.rows = rows;                                                                          \
        rest.cols -= cols;                                                                         \
        rest.to += cols * SIZE;                                                                    \
        rest.from += cols * r->from_col;                                                           \
        copy_rect_##type(&rest);                                                                   \
        rest = *r;                                                                                 \
        rest.rows -= rows;                                                                         \
        rest.to += rows * r->to_row;                                                               \
        rest.from += rows * SIZE;                                                                  \
        copy_rect_##type(&rest);                                                                   \
    }

DEFINE_COPY_RECT(copy_u1, 64)
DEFINE_COPY_RECT(copy_u2, 32)
DEFINE_COPY_RECT(copy_u4, 16)
DEFINE_COPY_RECT(copy_u8, 16)
DEFINE_COPY_RECT(copy_u16, 16)
/* Larger elements gain nothing from it: 11 GB/s either way for 4 bytes, in cache; for 1 byte it is
 * 25 against 3.5, for 2 bytes 12 against 7. */
DEFINE_TRANSPOSE(copy_u1)
DEFINE_TRANSPOSE(copy_u2)
#undef DEFINE_TRANSPOSE
#undef DEFINE_COPY_RECT

static void
copy_rect_bytes(const copy_rect *r, size_t size)
{
    size_t bytes = (size_t)r->cols * size;
    for (int64_t i = 0; i < r->rows; i++) {
        memcpy(r->to + i * r->to_row, r->from + i * r->from_row, bytes);
    }
}

/* Whether it is a transposition, and large enough for tiles. */
static bool
is_transposition(const copy_rect *r, size_t size)
{
    return r->to_col == (int64_t)size && r->from_row == (int64_t)size && r->rows >= TILE &&
           r->cols >= TILE;
}

/* Rows that fill whole lines, mostly: shorter ones would be written in halves. */
enum { STREAM_ROW_MIN = 128 };

static bool
stream_rect(const copy_plan *p, const copy_rect *r)
{
    size_t bytes = (size_t)r->cols * p->size;
    bool streams = p->past_caches && r->to_col == (int64_t)p->size &&
                   r->from_col == (int64_t)p->size && bytes >= STREAM_ROW_MIN;
    for (int64_t row = 0; streams && row < r->rows; row++) {
        tg_stream_copy(r->to + row * r->to_row, r->from + row * r->from_row, bytes);
    }
    return streams;
}

static void
copy_one_rect(const copy_rect *r, size_t size)
{
    if (r->to_col == (int64_t)size && r->from_col == (int64_t)size) {
        copy_rect_bytes(r, size);
    } else if (size == 1) {
        (is_transposition(r, size) ? transpose_rect_copy_u1 : copy_rect_copy_u1)(r);
    } else if (size == 2) {
        (is_transposition(r, size) ? transpose_rect_copy_u2 : copy_rect_copy_u2)(r);
    } else if (size == 4) {
        copy_rect_copy_u4(r);
    } else if (size == 8) {
        copy_rect_copy_u8(r);
    } else {
        TG_DCHECK(size == 16);
        copy_rect_copy_u16(r);
    }
}

static int64_t
magnitude(int64_t x)
{
    return x < 0 ? -x : x;
}

/* Whether axis a goes inside axis b. Equal strides happen where the destination broadcasts (it
 * may not) or has odd layouts; the source then decides. */
static bool
goes_inside(const copy_plan *p, int a, int64_t to_stride, int64_t from_stride)
{
    int64_t mine = magnitude(p->to_strides[a]);
    int64_t other = magnitude(to_stride);
    bool nearer = magnitude(p->from_strides[a]) < magnitude(from_stride);
    return mine < other || (mine == other && nearer);
}

/* Steps 1 and 2. Returns false when there is nothing to copy. */
static bool
plan_axes(copy_plan *p, const tg_view *to, const tg_view *from)
{
    int n = 0;
    bool any = true;
    for (int a = 0; a < to->ndim; a++) {
        any = any && to->shape[a] > 0;
        if (to->shape[a] > 1) {
            int at = n++;
            while (at > 0 && goes_inside(p, at - 1, to->strides[a], from->strides[a])) {
                p->shape[at] = p->shape[at - 1];
                p->to_strides[at] = p->to_strides[at - 1];
                p->from_strides[at] = p->from_strides[at - 1];
                at--;
            }
            p->shape[at] = to->shape[a];
            p->to_strides[at] = to->strides[a];
            p->from_strides[at] = from->strides[a];
        }
    }
    p->ndim = 0;
    for (int a = 0; a < n; a++) {
        int last = p->ndim - 1;
        if (last >= 0 && p->to_strides[last] == p->to_strides[a] * p->shape[a] &&
            p->from_strides[last] == p->from_strides[a] * p->shape[a]) {
            p->shape[last] *= p->shape[a];
            p->to_strides[last] = p->to_strides[a];
            p->from_strides[last] = p->from_strides[a];
        } else {
            p->shape[p->ndim] = p->shape[a];
            p->to_strides[p->ndim] = p->to_strides[a];
            p->from_strides[p->ndim] = p->from_strides[a];
            p->ndim++;
        }
    }
    return any;
}

/* Step 3. */
static void
widen_elements(copy_plan *p)
{
    int last = p->ndim - 1;
    if (last > 0 && p->to_strides[last] == (int64_t)p->size &&
        p->from_strides[last] == (int64_t)p->size && p->shape[last] <= 16) {
        size_t bytes = (size_t)p->shape[last] * p->size;
        if (bytes == 2 || bytes == 4 || bytes == 8 || bytes == 16) {
            p->size = bytes;
            p->ndim--;
        }
    }
}

static void
take_rect(const copy_plan *p, copy_rect *r)
{
    int last = p->ndim - 1;
    *r = (copy_rect){ p->to, p->from, 1, 1, 0, (int64_t)p->size, 0, (int64_t)p->size };
    if (last >= 0) {
        r->cols = p->shape[last];
        r->to_col = p->to_strides[last];
        r->from_col = p->from_strides[last];
    }
    if (last >= 1) {
        r->rows = p->shape[last - 1];
        r->to_row = p->to_strides[last - 1];
        r->from_row = p->from_strides[last - 1];
    }
    if (r->cols < SHORT_ROW && r->rows > r->cols) {
        copy_rect t = *r;
        r->cols = t.rows;
        r->to_col = t.to_row;
        r->from_col = t.from_row;
        r->rows = t.cols;
        r->to_row = t.to_col;
        r->from_row = t.from_col;
    }
}

/* Where a transposition has the source's fastest axis far outside, it moves next to the innermost
 * one: the two of them are what the strips of the rectangle make friendly to the cache. */
static void
bring_source_axis_in(copy_plan *p)
{
    int fastest = 0;
    for (int a = 1; a < p->ndim; a++) {
        if (magnitude(p->from_strides[a]) <= magnitude(p->from_strides[fastest])) {
            fastest = a;
        }
    }
    if (p->ndim > 2 && fastest < p->ndim - 2 && p->from_strides[fastest] != 0) {
        int64_t shape = p->shape[fastest];
        int64_t to_stride = p->to_strides[fastest];
        int64_t from_stride = p->from_strides[fastest];
        for (int a = fastest; a < p->ndim - 2; a++) {
            p->shape[a] = p->shape[a + 1];
            p->to_strides[a] = p->to_strides[a + 1];
            p->from_strides[a] = p->from_strides[a + 1];
        }
        p->shape[p->ndim - 2] = shape;
        p->to_strides[p->ndim - 2] = to_stride;
        p->from_strides[p->ndim - 2] = from_stride;
    }
}

static void
run_plan(const copy_plan *p)
{
    int outer = p->ndim - 2;
    int64_t index[TG_NDIM_MAX];
    copy_rect r;
    bool more = true;
    take_rect(p, &r);
    for (int a = 0; a < outer; a++) {
        index[a] = 0;
    }
    while (more) {
        if (!stream_rect(p, &r)) {
            copy_one_rect(&r, p->size);
        }
        int a = outer - 1;
        while (a >= 0 && ++index[a] == p->shape[a]) {
            r.to -= p->to_strides[a] * (p->shape[a] - 1);
            r.from -= p->from_strides[a] * (p->shape[a] - 1);
            index[a--] = 0;
        }
        more = a >= 0;
        if (more) {
            r.to += p->to_strides[a];
            r.from += p->from_strides[a];
        }
    }
}

static void
copy_view(const tg_view *to, const tg_view *from, bool past_caches)
{
    copy_plan p;
    TG_ASSERT_CMP(to->ndim, ==, from->ndim);
    TG_ASSERT_CMP(to->dtype, ==, from->dtype);
    for (int a = 0; a < to->ndim; a++) {
        TG_ASSERT_CMP(to->shape[a], ==, from->shape[a]);
    }
    p.past_caches = past_caches;
    p.size = tg_dtype_size(to->dtype);
    p.to = to->data;
    p.from = from->data;
    if (plan_axes(&p, to, from)) {
        widen_elements(&p);
        bring_source_axis_in(&p);
        run_plan(&p);
    }
}

void
tg_view_copy(const tg_view *to, const tg_view *from)
{
    copy_view(to, from, false);
}

void
tg_view_copy_past_caches(const tg_view *to, const tg_view *from)
{
    copy_view(to, from, true);
    tg_stream_end();
}

int64_t
tg_view_extent(const tg_view *view)
{
    int64_t bytes = tg_view_count(view) > 0 ? (int64_t)tg_dtype_size(view->dtype) : 0;
    for (int a = 0; a < view->ndim && bytes > 0; a++) {
        bytes += (view->shape[a] - 1) * magnitude(view->strides[a]);
    }
    return bytes;
}

void
tg_view_fill(const tg_view *to, const void *value)
{
    copy_plan p;
    tg_view from;
    const unsigned char *bytes = value;
    from.ndim = to->ndim;
    for (int a = 0; a < to->ndim; a++) {
        from.strides[a] = 0;
    }
    p.past_caches = false;
    p.size = tg_dtype_size(to->dtype);
    p.to = to->data;
    p.from = value;
    if (plan_axes(&p, to, &from)) {
        bool same = true;
        for (size_t i = 1; i < p.size; i++) {
            same = same && bytes[i] == bytes[0];
        }
        if (same && p.ndim <= 1 && (p.ndim == 0 || p.to_strides[0] == (int64_t)p.size)) {
            /* The C library's memset beats a loop for the large blocks of zeros. */
            memset(p.to, bytes[0], (p.ndim == 0 ? 1 : (size_t)p.shape[0]) * p.size);
        } else {
            run_plan(&p);
        }
    }
}

void
tg_view_from_shape(tg_view *view, void *data, tg_dtype dtype, int ndim, const int64_t *shape)
{
    int64_t stride = (int64_t)tg_dtype_size(dtype);
    TG_ASSERT(ndim >= 0 && ndim <= TG_NDIM_MAX);
    view->data = data;
    view->dtype = dtype;
    view->ndim = ndim;
    for (int a = ndim - 1; a >= 0; a--) {
        view->shape[a] = shape[a];
        view->strides[a] = stride;
        stride *= shape[a] > 0 ? shape[a] : 1;
    }
}

void
tg_view_from_box(tg_view *view, void *data, tg_dtype dtype, const tg_box *box)
{
    int64_t shape[TG_NDIM_MAX];
    for (int a = 0; a < box->ndim; a++) {
        shape[a] = tg_max_i64(box->hi[a] - box->lo[a], 0);
    }
    tg_view_from_shape(view, data, dtype, box->ndim, shape);
}

void
tg_view_sub(tg_view *out, const tg_view *view, const tg_box *whole, const tg_box *part)
{
    char *data = view->data;
    bool empty = tg_box_is_empty(part);
    TG_DCHECK(whole->ndim == view->ndim && part->ndim == view->ndim);
    TG_DCHECK(empty || tg_box_contains(whole, part));
    out->dtype = view->dtype;
    out->ndim = view->ndim;
    for (int a = 0; a < view->ndim; a++) {
        /* An empty part may lie outside: its data must not point there. */
        data += empty ? 0 : (part->lo[a] - whole->lo[a]) * view->strides[a];
        out->shape[a] = tg_max_i64(part->hi[a] - part->lo[a], 0);
        out->strides[a] = view->strides[a];
    }
    out->data = data;
}

bool
tg_view_is_contiguous(const tg_view *view)
{
    int64_t stride = (int64_t)tg_dtype_size(view->dtype);
    bool contiguous = true;
    bool empty = false;
    for (int a = view->ndim - 1; a >= 0; a--) {
        empty = empty || view->shape[a] == 0;
        contiguous = contiguous && (view->shape[a] == 1 || view->strides[a] == stride);
        stride *= view->shape[a];
    }
    return contiguous || empty;
}

int64_t
tg_view_count(const tg_view *view)
{
    int64_t count = 1;
    for (int a = 0; a < view->ndim; a++) {
        count *= view->shape[a];
    }
    return count;
}
