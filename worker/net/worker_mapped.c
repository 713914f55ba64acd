/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Tiles of other workers of this host, which are mapped where those made them. A holder that spills
 * such a tile has its memory only when nobody reads it any more, and two workers that hold on to
 * tiles of each other would have none in the end. So what is wanted back is copied, within a while,
 * one at a time by a thread of its own: the loop has to go on. The agent has counted it from the
 * beginning as if it were a copy.
 */
#include <string.h>

#include "core/mem/alloc.h"
#include "worker/exec/clock.h"
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

/* On the copier: a tile may have any size, and its memory has to be found first. */
void
tg__worker_copy(void *ctx, tg_crew_token token, int thread)
{
    tg_worker *worker = ctx;
    const tg_buffer *from = worker->copying.from;
    size_t bytes = tg_buffer_bytes(from);
    tg_buffer *copy = tg_buffer_create(worker->options.session->pool, bytes);
    (void)token, (void)thread;
    copy = copy != NULL ? copy : take_beside(bytes);
    if (copy != NULL) {
        memcpy(tg_buffer_data(copy), tg_buffer_data(from), bytes);
    }
    tg__worker_tell(worker, &(tg_worker_news){ .kind = TG_NEWS_COPIED, .buffer = copy });
}

static void
end_copy(tg_worker *worker)
{
    tg_buffer_release(worker->copying.from);
    worker->copying.from = NULL;
}

static void
begin_copy(tg_worker *worker, const tg_worker_mapped *one, tg_buffer *from)
{
    tg_error err;
    worker->copying =
        (tg_worker_copying){ .job = one->job, .task = one->task, .from = tg_buffer_retain(from) };
    if (tg_crew_start(worker->copier, (tg_crew_token){ 0 }, &err) != TG_OK) {
        end_copy(worker); /* no memory: at the next look */
    }
}

static void
put_off(tg_worker *worker, const void *data)
{
    for (size_t i = 0; i < worker->mapped_count; i++) {
        if (worker->mapped[i].data == data) {
            worker->mapped[i].due_ns = tg_clock_ns() + LOOK_NS;
        }
    }
}

void
tg__worker_mapped_copied(tg_worker *worker, tg_buffer *copy)
{
    const tg_worker_copying *c = &worker->copying;
    const void *data = tg_buffer_data(c->from);
    tg_worker_job *job = tg__worker_job_find(worker, c->job);
    bool known = job != NULL && job->part != NULL && !job->dropped;
    if (known && (copy == NULL || !tg_part_move(job->part, c->task, data, copy))) {
        put_off(worker, data); /* there is no memory, or a task reads it just now */
    }
    end_copy(worker);
    worker->mapped_ns = INT64_MIN; /* the next one */
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

/* Is it mapped still? The first one that is wanted is copied. */
static bool
look_at(tg_worker *worker, const tg_worker_mapped *one, int64_t now_ns, const void *const *wanted,
        size_t count)
{
    tg_worker_job *job = tg__worker_job_find(worker, one->job);
    bool known = job != NULL && job->part != NULL && !job->dropped;
    tg_buffer *buffer = known ? tg_part_get(job->part, one->task) : NULL;
    bool stays = buffer != NULL && tg_buffer_data(buffer) == one->data;
    if (stays && worker->copying.from == NULL && one->due_ns <= now_ns &&
        is_among(one->data, wanted, count)) {
        begin_copy(worker, one, buffer);
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
    if (worker->copying.from == NULL && now_ns >= worker->mapped_ns) {
        size_t count = tg_port_wanted(worker->port, wanted, AT_ONCE), left = 0;
        bool prunes = worker->mapped_count > 2 * worker->mapped_most + PRUNE;
        for (size_t i = 0; (count > 0 || prunes) && i < worker->mapped_count; i++) {
            if (look_at(worker, &worker->mapped[i], now_ns, wanted, count)) {
                worker->mapped[left++] = worker->mapped[i];
            }
        }
        if (count > 0 || prunes) {
            worker->mapped_count = worker->mapped_most = left;
        }
        worker->mapped_ns = now_ns + LOOK_NS;
    }
    return worker->copying.from == NULL ? worker->mapped_ns : INT64_MAX; /* its end is told */
}

void
tg__worker_mapped_free(tg_worker *worker)
{
    end_copy(worker);
    tg_free(NULL, worker->mapped, worker->mapped_capacity * sizeof *worker->mapped);
}
