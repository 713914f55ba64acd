/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_ARRAY_WINDOW_H
#define TG_ARRAY_WINDOW_H
/*
 * What: the neighbourhood that a stencil reads around its output box, and how cells outside the
 * array are made. The gather of a stencil's input fills a window [lo - depth_lo, hi + depth_hi)
 * directly, boundary included: there is no padded array anywhere.
 *
 * Modes, for an array "abcd":
 *     reflect   d c b a | a b c d | d c b a        (SciPy's reflect, NumPy's symmetric)
 *     mirror      d c b | a b c d | c b a          (NumPy's reflect)
 *     nearest   a a a a | a b c d | d d d d        (NumPy's edge)
 *     wrap      a b c d | a b c d | a b c d
 *     constant  k k k k | a b c d | k k k k
 *     none      the window is cut off at the edge of the array
 *
 * Any depth is allowed: larger than a tile, larger than the array, different low and high.
 *
 * Ownership: values. Threads: pure functions. Errors: none; depth is checked when the op is built.
 */
#include "core/array/box.h"
#include "core/array/view.h"
#include "core/base/status.h"

typedef enum tg_boundary {
    TG_BOUNDARY_REFLECT = 0,
    TG_BOUNDARY_MIRROR,
    TG_BOUNDARY_NEAREST,
    TG_BOUNDARY_WRAP,
    TG_BOUNDARY_CONSTANT,
    TG_BOUNDARY_NONE,
    TG_BOUNDARY_COUNT
} tg_boundary;

typedef struct tg_window {
    int ndim; /* of the array that is read: the first axes of the output */
    int64_t depth_lo[TG_NDIM_MAX];
    int64_t depth_hi[TG_NDIM_MAX];
    uint8_t mode[TG_NDIM_MAX]; /* tg_boundary */
    /* The value for `constant`, already in the array's dtype. */
    _Alignas(16) unsigned char fill[16];
} tg_window;

/* The box that the window covers: may reach outside the array unless the mode is `none`. */
void tg_window_box(const tg_window *window, const int64_t *shape, const tg_box *out, tg_box *cover);
/* The cells of the array that are read for `out`: one box, or several where a boundary wraps. */
void tg_window_demand(const tg_window *window, const int64_t *shape, const tg_box *out,
                      tg_boxes *boxes);
/* The cell of an axis of length n that stands for coordinate x; -1: the constant. */
int64_t tg_window_map(tg_boundary mode, int64_t n, int64_t x);

/*
 * The window cut into pieces that are each read in one go. Per axis a piece is a run of window
 * cells whose sources go up by one, go down by one, stand still, or are the constant.
 */
typedef struct tg_window_run {
    int64_t at, count;   /* window cells, relative to the window's low corner */
    int64_t source;      /* array cell of the first one */
    int64_t source_step; /* +1, -1, 0; TG_WINDOW_CONSTANT */
} tg_window_run;
enum { TG_WINDOW_CONSTANT = 2, TG_WINDOW_RUNS_MAX = 64 };

/* The runs of one axis, at most `max`; returns how many. With depths of many array lengths the
 * runs may not fit: then the count is -1 and the caller copies cell by cell (tg_window_map). */
int tg_window_runs(tg_boundary mode, int64_t n, int64_t lo, int64_t hi, tg_window_run *runs,
                   int max);

/* Called for one box of the array; copies it to `to`, whose shape is the box's. */
typedef tg_status (*tg_window_read)(void *ctx, const tg_box *box, const tg_view *to, tg_error *err);
/* Fills `to`, which covers `cover` (as tg_window_box gives it), reading through `read`. Each cell
 * of the array that is in the window is read once; mirrored cells are copied from the window where
 * they are in it. */
tg_status tg_window_fill(const tg_window *window, const int64_t *shape, const tg_box *cover,
                         const tg_view *to, tg_window_read read, void *ctx, tg_error *err);

#endif
