/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Tiles of other workers of this host, which are mapped where those made them. A holder that spills
 * such a tile has its memory only when nobody reads it any more, and two workers that hold on to
 * tiles of each other would have none in the end. So what is wanted back is copied, within a while.
 * The agent has counted it from the beginning as if it were a copy.
 */
#include <string.h>

#include "core/mem/alloc.h"
#include "worker/net/worker_inside.h"

#define LOOK_NS ((int64_t)20000000)
enum { AT_ONCE = 64, PRUNE = 256 };

void
tg__worker_mapped_add(tg_worker *worker, uint64_t job, uint32_t task, const void *data)
{
    if (TG_GROW(worker->mapped, worker->mapped_count, 1)) { /* else its holder waits for it */
        worker->mapped[worker->mapped_count++] =
            (tg_worker_mapped){ .job = job, .task = task, .data = data };
    }
}

/* -- copies ---------------------------------------------------------------------------------- */

static void
free_block(void *owner, void *data)
{
    const tg_alloc *blocks = tg_alloc_blocks();
    size_t *bytes = owner;
    blocks->free(blocks->ctx, data, *bytes);
    tg_free(NULL, bytes, sizeof *bytes);
}

/* Beside the pool, when what others read leaves it no room: they are about to copy it too. */
static tg_buffer *
take_beside(size_t bytes)
{
    const tg_alloc *blocks = tg_alloc_blocks();
    tg_buffer *buffer = NULL;
    size_t *owner = tg_malloc(NULL, sizeof *owner);
    void *data = owner != NULL ? blocks->alloc(blocks->ctx, bytes, 64) : NULL;
    if (data != NULL) {
        *owner = bytes;
        buffer = tg_buffer_create_foreign(data, bytes, owner, free_block);
    }
    if (buffer == NULL && data != NULL) {
        blocks->free(blocks->ctx, data, bytes);
    }
    if (buffer == NULL) {
        tg_free(NULL, owner, sizeof *owner);
    }
    return buffer;
}

/* False: not now. */
static bool
copy_out(tg_worker *worker, tg_worker_job *job, uint32_t task, const tg_buffer *mapped)
{
    size_t bytes = tg_buffer_bytes(mapped);
    tg_buffer *copy = tg_buffer_create(worker->options.session->pool, bytes);
    copy = copy != NULL ? copy : take_beside(bytes);
    bool moved = copy != NULL;
    if (moved) {
        memcpy(tg_buffer_data(copy), tg_buffer_data(mapped), bytes);
        moved = tg_part_move(job->part, task, tg_buffer_data(mapped), copy);
    }
    tg_buffer_release(copy);
    return moved;
}

/* -- a look at all --------------------------------------------------------------------------- */

static bool
is_among(const void *data, const void *const *wanted, size_t count)
{
    bool found = false;
    for (size_t i = 0; i < count && !found; i++) {
        found = wanted[i] == data;
    }
    return found;
}

/* Is it mapped still, and to be looked at again? */
static bool
stays(tg_worker *worker, const tg_worker_mapped *one, const void *const *wanted, size_t count)
{
    tg_worker_job *job = tg__worker_job_find(worker, one->job);
    bool known = job != NULL && job->part != NULL && !job->dropped;
    tg_buffer *buffer = known ? tg_part_get(job->part, one->task) : NULL;
    bool stays = buffer != NULL && tg_buffer_data(buffer) == one->data;
    if (stays && is_among(one->data, wanted, count)) {
        stays = !copy_out(worker, job, one->task, buffer);
    }
    tg_buffer_release(buffer);
    return stays;
}

int64_t
tg__worker_mapped_turn(tg_worker *worker, int64_t now_ns)
{
    const void *wanted[AT_ONCE];
    if (worker->mapped_count == 0) {
        return INT64_MAX;
    }
    if (now_ns >= worker->mapped_ns) {
        size_t count = tg_port_wanted(worker->port, wanted, AT_ONCE), left = 0;
        bool prunes = worker->mapped_count > 2 * worker->mapped_most + PRUNE;
        for (size_t i = 0; (count > 0 || prunes) && i < worker->mapped_count; i++) {
            if (stays(worker, &worker->mapped[i], wanted, count)) {
                worker->mapped[left++] = worker->mapped[i];
            }
        }
        if (count > 0 || prunes) {
            worker->mapped_count = worker->mapped_most = left;
        }
        worker->mapped_ns = now_ns + LOOK_NS;
    }
    return worker->mapped_ns;
}
