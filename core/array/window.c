/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The filling of windows. Along one axis a window is a sequence of runs. Every cell of the array
 * that any run shows gets one place in the window where it is read to, its home; other cells of
 * the window that show it are copied from there. The core, the part that lies in the array, is
 * all home; with `wrap` or great depths other runs hold homes as well:
 *
 *     array  a b c d e f g h         window of c with depth 4, reflect
 *
 *     runs     [b a][a b c d e f g]     down, up
 *     homes         [a b c d e f g]     one read; "b a" is copied out of it, reversed
 *
 *     the same with wrap:  [g h][a b c d e f g]
 *     homes                [. h][a b c d e f g]     two reads; the first g is copied
 *
 * Reading goes over the product of the homes of all axes. Then axis after axis is completed by
 * copies of whole slabs, which are complete along the axes before it, so corners need no care.
 */
#include "core/array/window.h"

#include "core/base/assert.h"

/* Sources along an axis extend at the ends of one interval, or two with `wrap`, so there are never
 * more; asserted. */
#define HOMES_MAX 8

typedef struct home {
    int64_t source, count; /* array cells [source, source + count) */
    int64_t at;            /* the window cell of the first one */
    int64_t step;          /* +1 or -1: where in the window the next one is */
} home;

typedef struct axis_plan {
    tg_boundary mode;
    int64_t n;      /* length of the array's axis */
    int64_t lo, hi; /* the window, in the array's coordinates */
    int home_count;
    home homes[HOMES_MAX];
    int64_t hull_lo, hull_hi; /* the window cells between which all homes lie */
} axis_plan;

static int64_t
floor_mod(int64_t x, int64_t n)
{
    int64_t r = x % n;
    return r < 0 ? r + n : r;
}

/* The run that begins with coordinate x, at most up to hi. `at` is relative to `lo`. */
static void
run_at(tg_boundary mode, int64_t n, int64_t lo, int64_t x, int64_t hi, tg_window_run *run)
{
    int64_t count = hi - x;
    run->at = x - lo;
    run->source = x;
    run->source_step = 1;
    if (x >= 0 && x < n) {
        count = n - x;
    } else if (n == 0 || mode == TG_BOUNDARY_CONSTANT || mode == TG_BOUNDARY_NONE) {
        run->source = -1;
        run->source_step = TG_WINDOW_CONSTANT;
        count = x < 0 && n > 0 ? -x : count;
    } else if (mode == TG_BOUNDARY_NEAREST || n == 1) {
        run->source = x < 0 ? 0 : n - 1;
        run->source_step = 0;
        count = x < 0 ? -x : count;
    } else if (mode == TG_BOUNDARY_WRAP) {
        run->source = floor_mod(x, n);
        count = n - run->source;
    } else {
        /* Once up and once down; at a mirror's ends the cell is seen once, else twice. */
        int64_t period = mode == TG_BOUNDARY_MIRROR ? 2 * n - 2 : 2 * n;
        int64_t phase = floor_mod(x, period);
        bool up = phase < n;
        run->source = up ? phase : (mode == TG_BOUNDARY_MIRROR ? period : period - 1) - phase;
        run->source_step = up ? 1 : -1;
        count = up ? n - phase : period - phase;
    }
    run->count = tg_min_i64(count, hi - x);
}

int64_t
tg_window_map(tg_boundary mode, int64_t n, int64_t x)
{
    tg_window_run run;
    run_at(mode, n, x, x, x + 1, &run);
    return run.source;
}

int
tg_window_runs(tg_boundary mode, int64_t n, int64_t lo, int64_t hi, tg_window_run *runs, int max)
{
    int count = 0;
    int64_t x = lo;
    while (x < hi && count >= 0) {
        if (count == max) {
            count = -1;
        } else {
            run_at(mode, n, lo, x, hi, &runs[count]);
            x += runs[count].count;
            count++;
        }
    }
    return count;
}

void
tg_window_box(const tg_window *window, const int64_t *shape, const tg_box *out, tg_box *cover)
{
    bool empty = tg_box_is_empty(out);
    TG_DCHECK(window->ndim <= out->ndim);
    cover->ndim = window->ndim;
    for (int a = 0; a < window->ndim; a++) {
        cover->lo[a] = out->lo[a] - window->depth_lo[a];
        cover->hi[a] = out->hi[a] + window->depth_hi[a];
        if (window->mode[a] == TG_BOUNDARY_NONE) {
            cover->lo[a] = tg_max_i64(cover->lo[a], 0);
            cover->hi[a] = tg_min_i64(cover->hi[a], shape[a]);
        }
        if (empty || cover->hi[a] < cover->lo[a]) {
            cover->hi[a] = cover->lo[a];
        }
    }
}

static const home *
find_home(const axis_plan *plan, int64_t source)
{
    const home *found = NULL;
    for (int i = 0; i < plan->home_count; i++) {
        const home *h = &plan->homes[i];
        if (source >= h->source && source < h->source + h->count) {
            found = h;
        }
    }
    return found;
}

/* How many cells of the run, from its k-th on, go on in the same home; of a run that stands still,
 * all. */
static int64_t
cells_in_home(const tg_window_run *run, int64_t k, const home *h)
{
    int64_t source = run->source + k * run->source_step;
    int64_t cells = run->count - k;
    if (run->source_step == 1) {
        cells = tg_min_i64(cells, h->source + h->count - source);
    } else if (run->source_step == -1) {
        cells = tg_min_i64(cells, source - h->source + 1);
    }
    return cells;
}

/* How many cells of the run, from its k-th on, have no home yet. */
static int64_t
cells_without_home(const axis_plan *plan, const tg_window_run *run, int64_t k)
{
    int64_t source = run->source + k * run->source_step;
    int64_t cells = run->source_step == 0 ? 1 : run->count - k;
    for (int i = 0; i < plan->home_count; i++) {
        const home *h = &plan->homes[i];
        if (run->source_step == 1 && h->source > source) {
            cells = tg_min_i64(cells, h->source - source);
        } else if (run->source_step == -1 && h->source < source) {
            cells = tg_min_i64(cells, source - (h->source + h->count - 1));
        }
    }
    return cells;
}

static void
add_homes(axis_plan *plan, const tg_window_run *run)
{
    int64_t k = 0;
    while (run->source_step != TG_WINDOW_CONSTANT && k < run->count) {
        int64_t source = run->source + k * run->source_step;
        const home *h = find_home(plan, source);
        if (h != NULL) {
            k += cells_in_home(run, k, h);
        } else {
            int64_t count = cells_without_home(plan, run, k);
            bool down = run->source_step == -1;
            home *fresh = &plan->homes[plan->home_count];
            TG_ASSERT_CMP(plan->home_count, <, HOMES_MAX);
            plan->home_count++;
            fresh->source = down ? source - count + 1 : source;
            fresh->count = count;
            fresh->at = run->at + k + (down ? count - 1 : 0);
            fresh->step = down ? -1 : 1;
            k += count;
        }
    }
}

static void
plan_axis(axis_plan *plan, tg_boundary mode, int64_t n, int64_t lo, int64_t hi)
{
    tg_window_run run;
    int64_t core_lo = tg_max_i64(lo, 0);
    int64_t core_hi = tg_min_i64(hi, n);
    plan->mode = mode;
    plan->n = n;
    plan->lo = lo;
    plan->hi = hi;
    plan->home_count = 0;
    if (core_hi > core_lo) {
        run = (tg_window_run){ core_lo - lo, core_hi - core_lo, core_lo, 1 };
        add_homes(plan, &run);
    }
    for (int64_t x = lo; x < hi; x += run.count) {
        run_at(mode, n, lo, x, hi, &run);
        add_homes(plan, &run);
    }
    plan->hull_lo = hi - lo;
    plan->hull_hi = 0;
    for (int i = 0; i < plan->home_count; i++) {
        const home *h = &plan->homes[i];
        int64_t first = h->step == 1 ? h->at : h->at - h->count + 1;
        plan->hull_lo = tg_min_i64(plan->hull_lo, first);
        plan->hull_hi = tg_max_i64(plan->hull_hi, first + h->count);
    }
}

/* Homes in order of the array, with those that touch joined: the intervals that must be read. */
static int
axis_intervals(const axis_plan *plan, int64_t *lo, int64_t *hi)
{
    int count = 0;
    for (int i = 0; i < plan->home_count; i++) {
        int at = count++;
        for (; at > 0 && lo[at - 1] > plan->homes[i].source; at--) {
            lo[at] = lo[at - 1];
            hi[at] = hi[at - 1];
        }
        lo[at] = plan->homes[i].source;
        hi[at] = plan->homes[i].source + plan->homes[i].count;
    }
    int joined = 0;
    for (int i = 1; i < count; i++) {
        if (lo[i] == hi[joined]) {
            hi[joined] = hi[i];
        } else {
            joined++;
            lo[joined] = lo[i];
            hi[joined] = hi[i];
        }
    }
    return count > 0 ? joined + 1 : 0;
}

/* Goes to the next of all combinations of counts[a] choices per axis; false after the last. */
static bool
next_choice(int ndim, const int *counts, int *choice)
{
    TG_DCHECK(ndim >= 0 && ndim <= TG_NDIM_MAX);
    int a = ndim - 1;
    while (a >= 0 && ++choice[a] == counts[a]) {
        choice[a--] = 0;
    }
    return a >= 0;
}

static bool
lies_inside(const tg_box *box, const int64_t *shape)
{
    bool inside = true;
    for (int a = 0; a < box->ndim; a++) {
        inside = inside && box->lo[a] >= 0 && box->hi[a] <= shape[a];
    }
    return inside;
}

void
tg_window_demand(const tg_window *window, const int64_t *shape, const tg_box *out, tg_boxes *boxes)
{
    int64_t lo[TG_NDIM_MAX][HOMES_MAX];
    int64_t hi[TG_NDIM_MAX][HOMES_MAX];
    int counts[TG_NDIM_MAX];
    int choice[TG_NDIM_MAX] = { 0 };
    tg_box box;
    bool more = !tg_box_is_empty(out);
    boxes->count = 0;
    tg_window_box(window, shape, out, &box);
    if (more && lies_inside(&box, shape)) { /* nearly all tiles of a large array */
        tg_boxes_add(boxes, &box);
        more = false;
    }
    for (int a = 0; a < box.ndim && more; a++) {
        axis_plan plan;
        plan_axis(&plan, (tg_boundary)window->mode[a], shape[a], box.lo[a], box.hi[a]);
        counts[a] = axis_intervals(&plan, lo[a], hi[a]);
        more = counts[a] > 0;
    }
    while (more) {
        for (int a = 0; a < box.ndim; a++) {
            box.lo[a] = lo[a][choice[a]];
            box.hi[a] = hi[a][choice[a]];
        }
        tg_boxes_add(boxes, &box);
        more = next_choice(box.ndim, counts, choice);
    }
}

static tg_status
read_homes(int ndim, const axis_plan *plans, const tg_view *to, tg_window_read read, void *ctx,
           tg_error *err)
{
    tg_status status = TG_OK;
    int counts[TG_NDIM_MAX];
    int choice[TG_NDIM_MAX] = { 0 };
    tg_box box;
    tg_view part;
    for (int a = 0; a < ndim; a++) {
        counts[a] = plans[a].home_count;
    }
    do {
        char *data = to->data;
        box.ndim = ndim;
        part.dtype = to->dtype;
        part.ndim = ndim;
        for (int a = 0; a < ndim; a++) {
            const home *h = &plans[a].homes[choice[a]];
            box.lo[a] = h->source;
            box.hi[a] = h->source + h->count;
            part.shape[a] = h->count;
            part.strides[a] = to->strides[a] * h->step;
            data += h->at * to->strides[a];
        }
        part.data = data;
        TG_TRY(read(ctx, &box, &part, err));
    } while (next_choice(ndim, counts, choice));
out:
    return status;
}

/* The slab of `count` window cells from `at` on along an axis: complete along the axes before it,
 * where homes are along the ones after it. */
static void
take_slab(const axis_plan *plans, const tg_view *to, int axis, int64_t at, int64_t count,
          tg_view *slab)
{
    char *data = to->data;
    slab->dtype = to->dtype;
    slab->ndim = to->ndim;
    for (int a = 0; a < to->ndim; a++) {
        slab->shape[a] = to->shape[a];
        slab->strides[a] = to->strides[a];
        if (a > axis) {
            data += plans[a].hull_lo * to->strides[a];
            slab->shape[a] = plans[a].hull_hi - plans[a].hull_lo;
        }
    }
    slab->shape[axis] = count;
    slab->data = data + at * to->strides[axis];
}

/* Copies the cells of one run from where their homes are. */
static void
copy_run(const axis_plan *plans, const tg_view *to, int axis, const tg_window_run *run)
{
    const axis_plan *plan = &plans[axis];
    int64_t k = 0;
    while (k < run->count) {
        int64_t source = run->source + k * run->source_step;
        const home *h = find_home(plan, source);
        int64_t from_at = h->at + (source - h->source) * h->step;
        int64_t cells = cells_in_home(run, k, h);
        if (from_at == run->at + k) {
            /* These are the home; of a run that stands still, its first cell is. */
            cells = run->source_step == 0 ? 1 : cells;
        } else {
            tg_view slab;
            tg_view from;
            take_slab(plans, to, axis, run->at + k, cells, &slab);
            take_slab(plans, to, axis, from_at, cells, &from);
            from.strides[axis] = to->strides[axis] * h->step * run->source_step;
            tg_view_copy(&slab, &from);
        }
        k += cells;
    }
}

static void
complete_axis(const tg_window *window, const axis_plan *plans, const tg_view *to, int axis)
{
    const axis_plan *plan = &plans[axis];
    tg_window_run run;
    for (int64_t x = plan->lo; x < plan->hi; x += run.count) {
        run_at(plan->mode, plan->n, plan->lo, x, plan->hi, &run);
        if (run.source_step == TG_WINDOW_CONSTANT) {
            tg_view slab;
            take_slab(plans, to, axis, run.at, run.count, &slab);
            tg_view_fill(&slab, window->fill);
        } else {
            copy_run(plans, to, axis, &run);
        }
    }
}

tg_status
tg_window_fill(const tg_window *window, const int64_t *shape, const tg_box *cover,
               const tg_view *to, tg_window_read read, void *ctx, tg_error *err)
{
    tg_status status = TG_OK;
    axis_plan plans[TG_NDIM_MAX];
    bool any = true;
    TG_ASSERT_CMP(window->ndim, ==, cover->ndim);
    TG_ASSERT_CMP(to->ndim, ==, cover->ndim);
    if (tg_box_is_empty(cover)) {
        goto out;
    }
    for (int a = 0; a < cover->ndim; a++) {
        TG_ASSERT_CMP(to->shape[a], ==, cover->hi[a] - cover->lo[a]);
        plan_axis(&plans[a], (tg_boundary)window->mode[a], shape[a], cover->lo[a], cover->hi[a]);
        any = any && plans[a].home_count > 0;
    }
    if (any) {
        TG_TRY(read_homes(cover->ndim, plans, to, read, ctx, err));
        for (int a = 0; a < cover->ndim; a++) {
            complete_axis(window, plans, to, a);
        }
    } else {
        /* The window lies beyond the array along some axis. */
        tg_view_fill(to, window->fill);
    }
out:
    return status;
}
