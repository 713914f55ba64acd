/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Filling windows that reach outside. The walk goes from the last axis to the first, narrowing both
 * views run by run; the first constant on the way fills all that is left, so the last axis wins.
 */
#include "ops/shape/margin.h"

#include <string.h>

#include "core/base/assert.h"

/* Cells of one axis whose sources lie in line. */
typedef struct margin_run {
    int64_t count;
    int64_t source, step; /* first source cell, and +1, -1 or 0 */
    bool constant;
} margin_run;

/* The run that begins at cell `x` of an axis of length n and ends before `end`. */
static margin_run
run_at(tg_boundary mode, int64_t n, int64_t x, int64_t end)
{
    margin_run run = { .count = 1, .source = x, .step = 1 };
    const int64_t edge = x < 0 ? tg_min_i64(end, 0) : end;
    TG_DCHECK(x < end);
    if (x >= 0 && x < n) {
        run.count = tg_min_i64(end, n) - x;
    } else if (mode == TG_BOUNDARY_CONSTANT) {
        run.constant = true;
        run.count = edge - x;
    } else if (n == 1 || mode == TG_BOUNDARY_NEAREST) {
        run.source = x < 0 ? 0 : n - 1;
        run.step = 0;
        run.count = edge - x;
    } else {
        run.source = tg_window_map(mode, n, x);
        run.step = x + 1 < edge ? tg_window_map(mode, n, x + 1) - run.source : 1;
        /* From the last cell round to the first is no line: a run of one. */
        run.step = run.step >= -1 && run.step <= 1 ? run.step : 0;
        while (x + run.count < edge &&
               tg_window_map(mode, n, x + run.count) == run.source + run.count * run.step) {
            run.count++;
        }
    }
    return run;
}

void
tg__margin_demand(const tg_margin *margin, const int64_t *shape, const tg_box *window, tg_box *in)
{
    const bool empty = tg_box_is_empty(window);
    in->ndim = window->ndim;
    for (int a = 0; a < window->ndim; a++) {
        const int64_t n = shape[a];
        int64_t lo = n;
        int64_t hi = 0;
        int64_t x = window->lo[a];
        while (!empty && x < window->hi[a] && (lo > 0 || hi < n)) {
            const margin_run run = run_at(margin->mode[a], n, x, window->hi[a]);
            const int64_t last = run.source + (run.count - 1) * run.step;
            if (!run.constant) {
                lo = tg_min_i64(lo, tg_min_i64(run.source, last));
                hi = tg_max_i64(hi, tg_max_i64(run.source, last) + 1);
            }
            x += run.count;
        }
        in->lo[a] = tg_min_i64(lo, hi);
        in->hi[a] = hi;
    }
    if (tg_box_is_empty(in)) {
        memset(in->hi, 0, (size_t)in->ndim * sizeof in->hi[0]);
        memset(in->lo, 0, (size_t)in->ndim * sizeof in->lo[0]);
    }
}

/* What one call works on: `to` and `from` are narrowed axis by axis. */
typedef struct margin_job {
    const tg_margin *margin;
    const int64_t *shape;
    const tg_box *window;
    const tg_box *in_box;
    tg_view to, from;
    bool present; /* some cell comes from the input; else it has no memory */
} margin_job;

/* Recursion over axes, at most TG_NDIM_MAX deep. */
static void
fill_axes(margin_job *job, int axis)
{
    if (axis < 0) {
        tg_view_copy(&job->to, &job->from);
    } else {
        const int64_t lo = job->window->lo[axis];
        const int64_t hi = job->window->hi[axis];
        const tg_boundary mode = (tg_boundary)job->margin->mode[axis];
        char *const to = job->to.data;
        char *const from = job->from.data;
        const int64_t stride = job->from.strides[axis];
        for (int64_t x = lo; x < hi;) {
            const margin_run run = run_at(mode, job->shape[axis], x, hi);
            job->to.data = to + (x - lo) * job->to.strides[axis];
            job->to.shape[axis] = run.count;
            if (run.constant) {
                tg_view_fill(&job->to, job->margin->constant[axis][x < 0 ? 0 : 1].bytes);
            } else {
                if (job->present) {
                    job->from.data = from + (run.source - job->in_box->lo[axis]) * stride;
                }
                job->from.shape[axis] = run.count;
                job->from.strides[axis] = stride * run.step;
                fill_axes(job, axis - 1);
            }
            x += run.count;
        }
        job->to.data = to;
        job->to.shape[axis] = hi - lo;
        job->from.data = from;
        job->from.strides[axis] = stride;
    }
}

void
tg__margin_fill(const tg_margin *margin, const int64_t *shape, const tg_box *window,
                const tg_view *in, const tg_box *in_box, const tg_view *out)
{
    if (!tg_box_is_empty(window)) {
        margin_job job = { .margin = margin,
                           .shape = shape,
                           .window = window,
                           .in_box = in_box,
                           .to = *out,
                           .present = !tg_box_is_empty(in_box) };
        if (job.present) {
            job.from = *in;
        } else {
            job.from.dtype = out->dtype;
            job.from.ndim = out->ndim;
        }
        fill_axes(&job, out->ndim - 1);
    }
}
