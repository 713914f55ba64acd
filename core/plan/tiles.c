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
#include "core/base/size.h"
#include "core/mem/alloc.h"
#include "core/plan/internal.h"

typedef struct wish {
    int64_t granule[TG_NDIM_MAX]; /* 1: free */
    int64_t origin[TG_NDIM_MAX];
    int64_t halo[TG_NDIM_MAX]; /* cells read beyond the tile, both sides together */
    bool strict[TG_NDIM_MAX];  /* tile = exactly the granule */
    bool whole[TG_NDIM_MAX];
    uint64_t reduced;      /* axes, of a reduction's partial states */
    const tg_grid *follow; /* tiles are exactly these cells */
    bool lost;             /* there should be tiles to follow, and are none */
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
    /* A stage that only moves tiles has the op as its root, and is free of what that wants. */
    bool moves = stage->local_count > 0 && stage->kind == TG_STAGE_TILE &&
                 stage->locals[stage->local_count - 1].role == TG_LOCAL_TILES;
    if (stage->root->op->tiling != NULL && !moves) {
        stage->root->op->tiling(stage->root, &tiling);
    }
    if (stage->kind == TG_STAGE_PARTIAL) {
        w->reduced = stage->root->op->reduce->axes(stage->root);
    }
    for (int a = 0; a < w->ndim; a++) {
        if (tiling.granule[a] > 1) {
            w->granule[a] = tiling.granule[a];
        }
        w->whole[a] = (tiling.whole_axes >> a & 1) != 0;
        if (stage->kind == TG_STAGE_PARTIAL && (w->reduced >> a & 1) == 0) {
            /* Kept axes that are no axes of the result cannot be cut. */
            w->whole[a] = w->whole[a] || tg_reduce_out_axis(stage->root, a) < 0;
        }
    }
    for (uint32_t i = 0; tiling.follow_tiles && i < stage->local_count; i++) {
        if (stage->locals[i].role == TG_LOCAL_TILES &&
            stage->locals[i].array == stage->root->args[0]) {
            w->follow = tg_plan_partial(plan, &plan->stages[stage->locals[i].producer])->grid;
        }
    }
    w->lost = tiling.follow_tiles && w->follow == NULL;
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

/* What one cell of a reduction's state should stand for at least, so that states are little beside
 * what they sum up, and the bytes that should lie together in memory nevertheless. */
enum { FOLDED_MIN = 64, RUN_MIN = 8192 };

/* Would half of this axis spoil the reduction, so that another one should rather be cut? */
static bool
spoils_fold(const wish *w, const int64_t *tile, int axis, int64_t itemsize)
{
    bool reduced = (w->reduced >> axis & 1) != 0;
    double folded = 1.0, run = (double)itemsize;
    for (int a = 0; a < w->ndim; a++) {
        folded *= (w->reduced >> a & 1) != 0 ? (double)tile[a] : 1.0;
        run *= a >= axis ? (double)tile[a] : 1.0;
    }
    return w->reduced != 0 && (reduced ? folded < 2 * FOLDED_MIN : run < 2 * RUN_MIN);
}

/* The axis to halve: for streams the first that can be, so that tiles are contiguous; for stencils
 * the longest against its halo, the last axis last (its rows are what SIMD works on). */
static int
axis_to_cut(const wish *w, const int64_t *tile, int64_t itemsize, bool stencil)
{
    int best = -1;
    double best_score = 0.0;
    for (int a = 0; a < w->ndim; a++) {
        bool can = !w->whole[a] && tile[a] > w->granule[a];
        double weight = a + 1 == w->ndim ? 0.25 : 1.0;
        double score = weight * (double)tile[a] / (double)(w->halo[a] + 4);
        if (!stencil) {
            score = (double)(w->ndim - a) + (spoils_fold(w, tile, a, itemsize) ? 0 : w->ndim);
        }
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
    int64_t itemsize = 1, share = 0, aim = planner->tile_bytes;
    bool stencil = false;
    /* Of a reduction no tile is made: its result's dtype says nothing about the domain. */
    for (uint32_t i = 0; i + (stage->kind == TG_STAGE_PARTIAL) < stage->local_count; i++) {
        int64_t size = (int64_t)tg_dtype_size(stage->locals[i].array->dtype);
        itemsize = tg_max_i64(itemsize, size);
    }
    for (int a = 0; a < w->ndim; a++) {
        stencil = stencil || w->halo[a] > 0;
        tile[a] = stage->region.hi[a] - stage->region.lo[a];
        if (!w->whole[a]) { /* no tile holds more than one of the places that are wanted */
            tile[a] = tg_min_i64(tile[a], stage->part[a]);
        }
        tile[a] = tg_max_i64(1, tile[a]);
        if (!w->whole[a] && w->granule[a] > 1) {
            tile[a] = tg_ceil_div(tile[a], w->granule[a]) * w->granule[a];
        }
    }
    /* Halos make small tiles dear: allow more. Small arrays are cut too, so that threads share, but
     * not where a half would be mostly halo. */
    share = tg_max_i64(bytes_of(w, tile, itemsize) / (stencil ? 8 : 32), 65536);
    aim = tg_max_i64(stencil ? aim * 4 : aim, 65536);
    for (int axis = 0; axis >= 0 && bytes_of(w, tile, itemsize) > tg_min_i64(aim, share);) {
        axis = axis_to_cut(w, tile, itemsize, stencil);
        if (axis >= 0 && bytes_of(w, tile, itemsize) <= aim && tile[axis] < 3 * w->halo[axis]) {
            axis = -1;
        }
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

static uint64_t
tasks_max(const tg_planner *planner)
{
    uint64_t most = planner->plan->options.tasks_max;
    return most != 0 ? most : TG_TASKS_MAX;
}

/* Instead of choosing: the tiles as they were chosen. That they cover the region is make_grid's. */
static tg_status
take_tiles(const tg_stage_choice *chosen, const tg_stage *stage, wish *w, int64_t *tile,
           tg_error *err)
{
    tg_status status = TG_OK;
    TG_CHECK(chosen->tile_count == (w->follow == NULL ? 2 * (uint32_t)w->ndim : 0), err,
             TG_ERR_FORMAT, "%s: %u numbers for the tiles of an array of %d axes",
             stage->root->op->name, chosen->tile_count, w->ndim);
    TG_CHECK(!w->lost || tg_box_is_empty(&stage->region), err, TG_ERR_FORMAT,
             "%s: does not read the tiles that it is to follow", stage->root->op->name);
    for (int a = 0; w->follow == NULL && a < w->ndim; a++) {
        int64_t origin = chosen->tiles[2 * a], step = chosen->tiles[2 * a + 1];
        TG_CHECK(step >= 1 && step <= TG_ARRAY_BYTES_MAX && origin >= -TG_ARRAY_BYTES_MAX &&
                     origin <= TG_ARRAY_BYTES_MAX,
                 err, TG_ERR_FORMAT, "%s: tiles of %lld from %lld along axis %d",
                 stage->root->op->name, (long long)step, (long long)origin, a);
        w->origin[a] = origin;
        tile[a] = step;
    }
out:
    return status;
}

static tg_status
tile_stage(tg_planner *planner, tg_stage *stage, tg_error *err)
{
    tg_status status = TG_OK;
    int64_t tile[TG_NDIM_MAX] = { 0 };
    wish w = { .ndim = stage->region.ndim };
    for (int a = 0; a < w.ndim; a++) {
        w.granule[a] = 1;
    }
    wish_op(&w, planner->plan, stage);
    wish_stored(&w, planner->plan, stage);
    if (planner->choice != NULL) {
        const tg_stage_choice *stages = planner->choice->stages;
        TG_TRY(take_tiles(&stages[stage - planner->plan->stages], stage, &w, tile, err));
    } else if (w.follow == NULL) {
        wish_tiles(&w, planner->plan, stage);
        choose_tile(planner, stage, &w, tile);
    }
    TG_TRY(make_grid(&w, &stage->region, tile, &stage->grid, err));
    stage->follows = w.follow != NULL;
    stage->tiles = tg_grid_count(stage->grid);
    TG_CHECK((uint64_t)stage->tiles < tasks_max(planner), err, TG_ERR_LIMIT,
             "%s: %lld tiles, the plan may have %llu: use larger chunks", stage->root->op->name,
             (long long)stage->tiles, (unsigned long long)tasks_max(planner));
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

/* Is every cut of the tiles a cut of the chunks? Then no chunk is written twice. */
static bool
cuts_fit(const tg_grid_axis *tiles, const tg_grid_axis *chunks)
{
    bool fit = true;
    for (int64_t i = 1; i < tiles->count && fit; i++) {
        int64_t cut = tg_grid_lo(tiles, i);
        fit = cut >= tiles->end || tg_grid_lo(chunks, tg_grid_find(chunks, cut)) == cut;
    }
    return fit;
}

/* Chosen tiles may be for another sink than the one that is given. */
static tg_status
check_sinks(const tg_plan_core *plan, tg_error *err)
{
    tg_status status = TG_OK;
    for (size_t t = 0; t < plan->target_count; t++) {
        const tg_sink *sink = plan->targets[t].sink;
        const tg_grid *grid = plan->stages[plan->targets[t].stage].grid;
        for (int a = 0; sink != NULL && !sink->random_access && a < sink->ndim; a++) {
            TG_CHECK(cuts_fit(tg_grid_axis_at(grid, a), tg_grid_axis_at(sink->chunks, a)), err,
                     TG_ERR_VALUE,
                     "plan: the tiles of target %zu cut chunks of %s along axis %d; give the "
                     "target the chunks that it was planned for, or plan again",
                     t, sink->uri, a);
        }
    }
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
            TG_CHECK(planner->choice == NULL || planner->choice->stages[s].tile_count == 0, err,
                     TG_ERR_FORMAT, "plan: stage %u has tiles, and nothing of it is wanted", s);
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
        TG_CHECK(plan->slots < tasks_max(planner), err, TG_ERR_LIMIT,
                 "%s: the plan has more than %llu tiles: use larger chunks",
                 plan->stages[s].root->op->name, (unsigned long long)tasks_max(planner));
    }
    if (planner->choice != NULL) {
        TG_TRY(check_sinks(plan, err));
    }
out:
    return status;
}
