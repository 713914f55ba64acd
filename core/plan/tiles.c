/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The tile grid of every stage. Per axis a tile is a multiple of a granule, cut at origin + k *
 * granule: chunks of a sink (each is written once), chunks of a stored source (each is decoded
 * once), the tiles of a stage that is read.
 *
 * Skewing. A stencil that reads tiles cut at b needs, for the cells below a cut at b - depth_hi,
 * nothing above b. So its own tiles are cut there:
 *
 *     producer   |--- t ----|-- t+1 ---|
 *     stencil    |- t -|-- t+1 ---|-- t+2 ...      each reads tiles {t-1, t} per axis
 *
 * and a tile is needed whole by one reader only; of the rest, halos are needed. What a sweep must
 * keep is halos, not whole chunks, however long the chain of stencils.
 *
 * Nothing here depends on the number of threads: reductions are trees over tiles, and their bytes
 * must not change with it.
 */
#include <string.h>

#include "core/base/assert.h"
#include "core/mem/alloc.h"
#include "core/plan/internal.h"

typedef struct wish {
    int64_t granule[TG_NDIM_MAX]; /* 1: free */
    int64_t origin[TG_NDIM_MAX];
    int64_t halo[TG_NDIM_MAX]; /* cells read beyond the tile, both sides together */
    bool strict[TG_NDIM_MAX];  /* tile = exactly the granule */
    bool whole[TG_NDIM_MAX];
    const tg_grid *follow; /* tiles are exactly these cells */
    int ndim;
} wish;

static void
wish_chunks(wish *w, const tg_grid *chunks)
{
    for (int a = 0; a < w->ndim; a++) {
        const tg_grid_axis *axis = tg_grid_axis_at(chunks, a);
        if (axis->bounds != NULL) {
            w->follow = chunks;
        } else if (axis->count > 1) {
            w->granule[a] = tg_max_i64(w->granule[a], axis->step);
            w->origin[a] = axis->origin;
        } else if (axis->end > axis->begin) {
            w->granule[a] = axis->end - axis->begin;
            w->origin[a] = axis->begin;
        }
    }
}

static void
wish_stored(wish *w, const tg_plan_core *plan, const tg_stage *stage)
{
    if (stage->kind == TG_STAGE_PARTIAL && stage->root->op->reduce->domain != NULL) {
        return;
    }
    for (uint32_t i = 0; i < stage->local_count; i++) {
        const tg_array *array = stage->locals[i].array;
        if (stage->locals[i].role == TG_LOCAL_COMPUTE && array->source != NULL &&
            !array->source->random_access && array->ndim == w->ndim) {
            wish_chunks(w, array->source->chunks);
        }
    }
    if (stage->target != TG_NO_TARGET && plan->targets[stage->target].sink != NULL) {
        const tg_sink *sink = plan->targets[stage->target].sink;
        if (!sink->random_access) {
            wish_chunks(w, sink->chunks);
        }
    }
}

static void
wish_op(wish *w, const tg_plan_core *plan, const tg_stage *stage)
{
    tg_tiling tiling = { 0 };
    if (stage->root->op->tiling != NULL) {
        stage->root->op->tiling(stage->root, &tiling);
    }
    for (int a = 0; a < w->ndim; a++) {
        if (tiling.granule[a] > 1) {
            w->granule[a] = tiling.granule[a];
        }
        w->whole[a] = (tiling.whole_axes >> a & 1) != 0;
        if (stage->kind == TG_STAGE_PARTIAL &&
            (stage->root->op->reduce->axes(stage->root) >> a & 1) == 0) {
            /* Kept axes that are no axes of the result cannot be cut. */
            w->whole[a] = w->whole[a] || tg_reduce_out_axis(stage->root, a) < 0;
        }
    }
    for (uint32_t i = 0; tiling.follow_tiles && i < stage->local_count; i++) {
        if (stage->locals[i].role == TG_LOCAL_TILES &&
            stage->locals[i].array == stage->root->args[0]) {
            w->follow = plan->stages[stage->locals[i].producer].grid;
        }
    }
    if (tiling.follow_chunks && stage->root->chunks != NULL && w->ndim == stage->root->ndim) {
        w->follow = stage->root->chunks;
    }
}

/* A stage that only moves tiles: where it is free, as they are. */
static void
wish_moved(wish *w, const tg_plan_core *plan, const tg_stage *stage)
{
    const tg_local *root = &stage->locals[stage->local_count - 1];
    const tg_grid *grid = root->role == TG_LOCAL_TILES ? plan->stages[root->producer].grid : NULL;
    for (int d = 0; grid != NULL && d < w->ndim; d++) {
        const tg_grid_axis *axis = tg_grid_axis_at(grid, d);
        if (w->granule[d] == 1 && axis->bounds == NULL && axis->count > 1) {
            w->granule[d] = axis->step;
            w->origin[d] = axis->origin;
        }
    }
}

/* Lines up with, or is skewed against, the tiles that are read. */
static void
wish_tiles(wish *w, const tg_plan_core *plan, const tg_stage *stage)
{
    bool found = false;
    wish_moved(w, plan, stage);
    for (uint32_t i = stage->local_count; i-- > 0;) {
        const tg_local *local = &stage->locals[i];
        for (uint32_t a = 0; local->role == TG_LOCAL_COMPUTE && a < local->array->nargs; a++) {
            const tg_local *arg = &stage->locals[stage->arg_index[local->first_arg + a]];
            tg_window window;
            bool stencil = tg_local_window(local, a, &window);
            if (arg->array->ndim != w->ndim) {
                continue;
            }
            for (int d = 0; stencil && d < w->ndim; d++) {
                w->halo[d] += window.depth_lo[d] + window.depth_hi[d];
            }
            if (found || arg->role != TG_LOCAL_TILES) {
                continue;
            }
            const tg_grid *grid = plan->stages[arg->producer].grid;
            for (int d = 0; grid != NULL && d < w->ndim; d++) {
                const tg_grid_axis *axis = tg_grid_axis_at(grid, d);
                if (w->granule[d] == 1 && axis->bounds == NULL && axis->count > 1) {
                    int64_t wrapped = stencil && window.mode[d] != TG_BOUNDARY_WRAP;
                    w->granule[d] = axis->step;
                    w->origin[d] = axis->origin - (wrapped ? window.depth_hi[d] : 0);
                }
            }
            found = grid != NULL;
        }
    }
}

static int64_t
bytes_of(const wish *w, const int64_t *tile, int64_t itemsize)
{
    int64_t bytes = itemsize;
    for (int a = 0; a < w->ndim; a++) {
        bytes = bytes > TG_ARRAY_BYTES_MAX / (tile[a] + w->halo[a] + 1)
                    ? TG_ARRAY_BYTES_MAX
                    : bytes * (tile[a] + w->halo[a]);
    }
    return bytes;
}

/* Cells that are read, and with a chain before the stencil computed, for one cell that is made. */
static double
window_ratio(const wish *w, const int64_t *tile)
{
    double ratio = 1.0;
    for (int a = 0; a < w->ndim; a++) {
        ratio *= (double)(tile[a] + w->halo[a]) / (double)tile[a];
    }
    return ratio;
}

/* The axis to halve: for streams the first that can be, so that tiles are contiguous; for stencils
 * the longest against its halo, the last axis last (its rows are what SIMD works on). */
static int
axis_to_cut(const wish *w, const int64_t *tile, bool stencil)
{
    int best = -1;
    double best_score = 0.0;
    for (int a = 0; a < w->ndim; a++) {
        bool can = !w->whole[a] && tile[a] > w->granule[a];
        double weight = a + 1 == w->ndim ? 0.25 : 1.0;
        double score =
            stencil ? weight * (double)tile[a] / (double)(w->halo[a] + 4) : (double)(w->ndim - a);
        if (can && (best < 0 || score > best_score)) {
            best = a;
            best_score = score;
        }
    }
    return best;
}

/* A tile that is small beside its halo is made from many times its cells. Rather than that it may
 * be some times larger than what the caches like. */
static const double WINDOW_RATIO_MAX = 2.5;
enum { WINDOW_FACTOR = 8 };

static void
choose_tile(const tg_planner *planner, const tg_stage *stage, const wish *w, int64_t *tile)
{
    int64_t itemsize = 1, total = 0, aim = planner->tile_bytes;
    bool stencil = false;
    for (uint32_t i = 0; i < stage->local_count; i++) {
        int64_t size = (int64_t)tg_dtype_size(stage->locals[i].array->dtype);
        itemsize = tg_max_i64(itemsize, size);
    }
    for (int a = 0; a < w->ndim; a++) {
        stencil = stencil || w->halo[a] > 0;
        tile[a] = tg_max_i64(1, stage->region.hi[a] - stage->region.lo[a]);
        if (!w->whole[a] && w->granule[a] > 1) {
            tile[a] = tg_ceil_div(tile[a], w->granule[a]) * w->granule[a];
        }
    }
    total = bytes_of(w, tile, itemsize);
    /* Halos make small tiles dear: allow more. Small arrays are cut too, so that threads share. */
    aim = stencil ? aim * 4 : aim;
    aim = tg_max_i64(tg_min_i64(aim, total / (stencil ? 8 : 32)), 65536);
    for (int axis = 0; axis >= 0 && bytes_of(w, tile, itemsize) > aim;) {
        axis = axis_to_cut(w, tile, stencil);
        if (axis >= 0) {
            int64_t before = tile[axis];
            int64_t cells = tg_ceil_div(tile[axis], w->granule[axis]);
            tile[axis] = tg_ceil_div(cells, 2) * w->granule[axis];
            if (window_ratio(w, tile) > WINDOW_RATIO_MAX &&
                bytes_of(w, tile, itemsize) < aim * WINDOW_FACTOR / 2) {
                tile[axis] = before;
                axis = -1;
            }
        }
    }
}

static tg_status
make_grid(const wish *w, const tg_box *region, const int64_t *tile, tg_grid **out, tg_error *err)
{
    tg_status status = TG_OK;
    tg_grid_axis axes[TG_NDIM_MAX];
    int64_t *bounds = NULL;
    size_t room = 0, used = 0;
    memset(axes, 0, sizeof axes);
    for (int a = 0; w->follow != NULL && a < w->ndim; a++) {
        room += (size_t)tg_grid_axis_at(w->follow, a)->count + 1;
    }
    bounds = tg_malloc(NULL, (room + 1) * sizeof *bounds);
    TG_CHECK(bounds != NULL, err, TG_ERR_MEMORY, "no memory to plan");
    for (int a = 0; a < w->ndim; a++) {
        axes[a].begin = region->lo[a];
        axes[a].end = region->hi[a];
        axes[a].origin = w->origin[a];
        axes[a].step = tile[a];
        if (w->follow != NULL) {
            const tg_grid_axis *from = tg_grid_axis_at(w->follow, a);
            axes[a].origin = from->origin;
            axes[a].step = from->step;
            if (from->bounds != NULL) {
                int64_t *list = bounds + used;
                int64_t n = 0;
                list[n++] = region->lo[a];
                for (int64_t i = 1; i < from->count; i++) {
                    if (from->bounds[i] > region->lo[a] && from->bounds[i] < region->hi[a]) {
                        list[n++] = from->bounds[i];
                    }
                }
                list[n] = region->hi[a];
                axes[a].bounds = list;
                axes[a].count = n;
                used += (size_t)n + 1;
            }
        } else if (w->whole[a]) {
            axes[a].origin = region->lo[a];
            axes[a].step = tg_max_i64(1, region->hi[a] - region->lo[a]);
        }
    }
    *out = tg_grid_create(w->ndim, axes);
    TG_CHECK(*out != NULL, err, TG_ERR_MEMORY, "no memory to plan");
out:
    tg_free(NULL, bounds, (room + 1) * sizeof *bounds);
    return status;
}

static tg_status
tile_stage(tg_planner *planner, tg_stage *stage, tg_error *err)
{
    tg_status status = TG_OK;
    int64_t tile[TG_NDIM_MAX];
    wish w = { .ndim = stage->region.ndim };
    for (int a = 0; a < w.ndim; a++) {
        w.granule[a] = 1;
    }
    wish_op(&w, planner->plan, stage);
    wish_stored(&w, planner->plan, stage);
    if (w.follow == NULL) {
        wish_tiles(&w, planner->plan, stage);
        choose_tile(planner, stage, &w, tile);
    }
    TG_TRY(make_grid(&w, &stage->region, tile, &stage->grid, err));
    stage->tiles = tg_grid_count(stage->grid);
    stage->trims = planner->trims && stage->keeps && stage->kind == TG_STAGE_TILE &&
                   stage->root->op->carry_axis == NULL && tg_array_is_known(stage->root);
out:
    return status;
}

/* Cells of the grid along the kept and along the reduced axes of a reduction. */
static void
count_groups(const tg_stage *partial, int64_t *kept, int64_t *reduced)
{
    uint64_t mask = partial->root->op->reduce->axes(partial->root);
    *kept = 1;
    *reduced = 1;
    for (int a = 0; a < tg_grid_ndim(partial->grid); a++) {
        int64_t count = tg_grid_axis_at(partial->grid, a)->count;
        *((mask >> a & 1) != 0 ? reduced : kept) *= count;
    }
}

/* The grid of the result: the cells of the kept axes, in the result's coordinates. */
static tg_status
result_grid(const tg_stage *partial, const tg_stage *finish, tg_grid **out, tg_error *err)
{
    tg_status status = TG_OK;
    tg_grid_axis axes[TG_NDIM_MAX];
    const tg_array *root = finish->root;
    memset(axes, 0, sizeof axes);
    for (int a = 0; a < root->ndim; a++) {
        axes[a].begin = finish->region.lo[a];
        axes[a].end = finish->region.hi[a];
        axes[a].origin = finish->region.lo[a];
        axes[a].step = tg_max_i64(1, finish->region.hi[a] - finish->region.lo[a]);
    }
    for (int d = 0; d < tg_grid_ndim(partial->grid); d++) {
        int a = tg_reduce_out_axis(root, d);
        if (a >= 0) {
            axes[a] = *tg_grid_axis_at(partial->grid, d);
        }
    }
    *out = tg_grid_create(root->ndim, axes);
    TG_CHECK(*out != NULL, err, TG_ERR_MEMORY, "no memory to plan");
out:
    return status;
}

/* The levels between the partials and the result: groups of TG_COMBINE_FANIN in index order. */
static tg_status
reduce_levels(tg_planner *planner, uint32_t finish, tg_error *err)
{
    tg_status status = TG_OK;
    tg_plan_core *plan = planner->plan;
    uint32_t below = plan->stages[finish].source;
    int64_t kept = 0, groups = 0;
    count_groups(&plan->stages[below], &kept, &groups);
    plan->stages[below].groups = groups;
    TG_TRY(
        result_grid(&plan->stages[below], &plan->stages[finish], &plan->stages[finish].grid, err));
    while (groups > TG_COMBINE_FANIN) {
        uint32_t level = 0;
        TG_TRY(tg_plan_add_stage(plan, TG_STAGE_COMBINE, plan->stages[finish].root, &level, err));
        tg_stage *stage = &plan->stages[level];
        groups = tg_ceil_div(groups, TG_COMBINE_FANIN);
        stage->source = below;
        stage->fanin = TG_COMBINE_FANIN;
        stage->groups = groups;
        stage->grid = tg_grid_retain(plan->stages[finish].grid);
        tg_box_copy(&stage->region, &plan->stages[finish].region);
        stage->tiles = kept * groups;
        below = level;
    }
    plan->stages[finish].source = below;
    plan->stages[finish].fanin = TG_COMBINE_FANIN;
    plan->stages[finish].tiles = kept;
out:
    return status;
}

tg_status
tg_planner_tiles(tg_planner *planner, tg_error *err)
{
    tg_status status = TG_OK;
    tg_plan_core *plan = planner->plan;
    uint32_t count = plan->stage_count; /* levels of reductions are appended */
    for (uint32_t s = 0; s < count; s++) {
        if (plan->stages[s].tiles < 0) {
            plan->stages[s].tiles = 0;
        } else if (plan->stages[s].kind == TG_STAGE_FINISH) {
            TG_TRY(reduce_levels(planner, s, err));
        } else {
            TG_TRY(tile_stage(planner, &plan->stages[s], err));
        }
    }
    plan->slots = 0;
    for (uint32_t s = 0; s < plan->stage_count; s++) {
        plan->stages[s].slot = plan->slots;
        plan->slots += (uint64_t)plan->stages[s].tiles;
        TG_CHECK(plan->slots < TG_TASKS_MAX, err, TG_ERR_LIMIT,
                 "%s: the plan has more than %u tiles: use larger chunks",
                 plan->stages[s].root->op->name, TG_TASKS_MAX);
    }
out:
    return status;
}
