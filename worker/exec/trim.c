/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Cutting tiles down to what their remaining readers need. See core/plan/trim.c for when; here is
 * how: one buffer with a piece for each reader to come takes the place of the tile. Readers copy
 * under the shared side of a lock and cuts take the other side: a tile that is being replaced is
 * held by nobody else, so that the moment of both is as short as the plan counts with.
 */
#include <string.h>

#include "core/base/assert.h"
#include "core/mem/alloc.h"
#include "worker/exec/run.h"

tg_status
tg_trim_start(tg_running *run, tg_error *err)
{
    tg_status status = TG_OK;
    const tg_plan_core *plan = run->plan;
    size_t count = (size_t)plan->tasks.count + 1;
    for (int i = 0; i < TG_TRIM_LOCKS; i++) {
        (void)pthread_rwlock_init(&run->trim_locks[i], NULL);
    }
    run->trims = tg_calloc(NULL, count, sizeof *run->trims);
    run->done = tg_calloc(NULL, count, sizeof *run->done);
    TG_CHECK(run->trims != NULL && run->done != NULL, err, TG_ERR_MEMORY, "no memory to run");
    for (uint64_t e = 0; e < plan->tasks.edges; e++) {
        run->trims[plan->tasks.preds[e]].rest += plan->edge_bytes[e];
    }
    for (uint32_t t = 0; t < plan->tasks.count; t++) {
        uint32_t stage = 0;
        int64_t tile = 0;
        tg_box box;
        tg_plan_task(plan, t, &stage, &tile);
        if (plan->stages[stage].trims) {
            tg_plan_tile_box(plan, &plan->stages[stage], tile, &box);
            run->trims[t].full = tg_pool_charge(
                tg_box_count(&box) * (int64_t)tg_dtype_size(plan->stages[stage].root->dtype));
        }
    }
out:
    return status;
}

static void
free_pieces(tg_trimmed *trimmed)
{
    tg_free(NULL, trimmed->pieces, trimmed->piece_count * sizeof *trimmed->pieces);
    trimmed->pieces = NULL;
    trimmed->piece_count = 0;
}

void
tg_trim_free(tg_running *run)
{
    size_t count = (size_t)run->plan->tasks.count + 1;
    if (run->trims != NULL) {
        for (size_t t = 0; t < count; t++) {
            free_pieces(&run->trims[t]);
        }
        for (int i = 0; i < TG_TRIM_LOCKS; i++) {
            (void)pthread_rwlock_destroy(&run->trim_locks[i]);
        }
    }
    tg_free(NULL, run->trims, count * sizeof *run->trims);
    tg_free(NULL, (void *)run->done, count * sizeof *run->done);
    run->trims = NULL;
    run->done = NULL;
}

static const tg_piece *
piece_of(const tg_trimmed *trimmed, uint32_t reader)
{
    const tg_piece *piece = NULL;
    for (uint32_t i = 0; i < trimmed->piece_count && piece == NULL; i++) {
        piece = trimmed->pieces[i].reader == reader ? &trimmed->pieces[i] : NULL;
    }
    return piece;
}

/* The view on what is there for the reader, and the box it covers. Lock held. */
static void
readable(const tg_running *run, uint32_t maker, uint32_t reader, const tg_box *whole, tg_view *view,
         tg_box *covers)
{
    const tg_trimmed *trimmed = &run->trims[maker];
    tg_dtype dtype = run->plan->stages[run->plan->stage_of_task[maker]].root->dtype;
    char *data = tg_buffer_data(run->tiles[maker].buffer);
    tg_box_copy(covers, whole);
    if (trimmed->pieces != NULL) {
        const tg_piece *piece = piece_of(trimmed, reader);
        TG_ASSERT(piece != NULL);
        data += piece->offset;
        tg_box_copy(covers, &piece->box);
    }
    tg_view_from_box(view, data, dtype, covers);
}

void
tg_trim_read(tg_running *run, uint32_t maker, uint32_t reader, const tg_box *whole,
             const tg_box *part, const tg_view *into)
{
    pthread_rwlock_t *lock = &run->trim_locks[maker % TG_TRIM_LOCKS];
    tg_view view, from;
    tg_box covers;
    (void)pthread_rwlock_rdlock(lock);
    readable(run, maker, reader, whole, &view, &covers);
    tg_view_sub(&from, &view, &covers, part);
    tg_view_copy(into, &from);
    (void)pthread_rwlock_unlock(lock);
}

/* Makes the pieces of the readers to come. Lock held. */
static tg_status
cut(tg_running *run, uint32_t maker, void *memory, tg_error *err)
{
    tg_status status = TG_OK;
    const tg_plan_core *plan = run->plan;
    tg_trimmed *trimmed = &run->trims[maker];
    uint32_t stage = 0, count = 0;
    int64_t tile = 0, bytes = 0;
    tg_box whole;
    tg_buffer *buffer = NULL;
    uint64_t first = plan->tasks.succ_start[maker], last = plan->tasks.succ_start[maker + 1];
    uint32_t room = (uint32_t)(last - first);
    tg_piece *kept = NULL;
    tg_piece *pieces = tg_malloc(NULL, room * sizeof *pieces);
    tg_plan_task(plan, maker, &stage, &tile);
    tg_plan_tile_box(plan, &plan->stages[stage], tile, &whole);
    tg_dtype dtype = plan->stages[stage].root->dtype;
    TG_CHECK(pieces != NULL, err, TG_ERR_MEMORY, "no memory to cut a tile down");
    for (uint64_t e = first; e < last; e++) {
        uint32_t reader = plan->tasks.succs[e];
        if (atomic_load(&run->done[reader]) == 0 &&
            tg_plan_edge_box(plan, reader, maker, memory, &pieces[count].box)) {
            pieces[count].reader = reader;
            pieces[count].offset = bytes;
            bytes += tg_box_count(&pieces[count].box) * (int64_t)tg_dtype_size(dtype);
            count++;
        }
    }
    buffer = tg_buffer_create(run->pool, (size_t)bytes);
    if (buffer == NULL) {
        trimmed->level = 0; /* no room for both just now: the next reader tries again */
        goto out;
    }
    kept = tg_malloc(NULL, count * sizeof *kept);
    TG_CHECK(kept != NULL, err, TG_ERR_MEMORY, "no memory to cut a tile down");
    memcpy(kept, pieces, count * sizeof *kept);
    for (uint32_t i = 0; i < count; i++) {
        tg_view to, view, from;
        tg_box covers;
        readable(run, maker, pieces[i].reader, &whole, &view, &covers);
        tg_view_sub(&from, &view, &covers, &pieces[i].box);
        tg_view_from_box(&to, (char *)tg_buffer_data(buffer) + pieces[i].offset, dtype,
                         &pieces[i].box);
        tg_view_copy(&to, &from);
    }
    /* Nothing fails from here on: others may read as soon as the lock is let go. */
    free_pieces(trimmed);
    trimmed->pieces = kept;
    trimmed->piece_count = count;
    tg_buffer_release(run->tiles[maker].buffer);
    run->tiles[maker].buffer = buffer;
    buffer = NULL;
out:
    tg_buffer_release(buffer);
    tg_free(NULL, pieces, room * sizeof *pieces);
    return status;
}

tg_status
tg_trim_after(tg_running *run, uint32_t maker, uint64_t edge, void *memory, tg_error *err)
{
    tg_status status = TG_OK;
    tg_trimmed *trimmed = &run->trims[maker];
    pthread_rwlock_t *lock = &run->trim_locks[maker % TG_TRIM_LOCKS];
    (void)pthread_rwlock_wrlock(lock);
    trimmed->rest -= run->plan->edge_bytes[edge];
    int level = tg_trim_level(trimmed->full, trimmed->rest);
    if (level > trimmed->level && atomic_load(&run->tiles[maker].readers) > 1) {
        trimmed->level = level;
        status = cut(run, maker, memory, err);
    }
    (void)pthread_rwlock_unlock(lock);
    return status;
}
