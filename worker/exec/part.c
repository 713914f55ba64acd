/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Single tasks over a table of tiles. A running task marks its inputs as read, under the lock that
 * all changes of the table take: so it may read them without, and who drops one meanwhile only
 * leaves word.
 */
#include "worker/exec/part.h"

#include <string.h>

#include "core/base/assert.h"
#include "core/base/size.h"
#include "core/mem/alloc.h"

/* In a tile's `readers`: it was dropped while it was read. */
#define DROPPED ((uint32_t)1 << 31)

struct tg_part {
    tg_running *run;
    pthread_mutex_t lock; /* of tiles and givens */
};

/* -- what a tile looks like ---------------------------------------------------------------------
 */

static bool
is_given(const tg_stage *stage)
{
    return !tg_array_is_known(stage->root) &&
           (stage->kind == TG_STAGE_TILE || stage->kind == TG_STAGE_FINISH);
}

static bool
are_bools(const char *bytes, size_t count)
{
    unsigned char any = 0;
    for (size_t i = 0; i < count; i++) { /* without a way out: it is vectorized */
        any |= (unsigned char)bytes[i];
    }
    return any <= 1;
}

static tg_status
check_cells(const tg_stage *stage, const void *cells, size_t size, int64_t expected, tg_error *err)
{
    tg_status status = TG_OK;
    TG_CHECK(size == (size_t)expected, err, TG_ERR_CORRUPT,
             "%s: a tile of %zu bytes, it must have %lld", stage->root->op->name, size,
             (long long)expected);
    TG_CHECK(stage->root->dtype != TG_DT_BOOL || are_bools(cells, size), err, TG_ERR_CORRUPT,
             "%s: a tile has a bool that is neither 0 nor 1", stage->root->op->name);
out:
    return status;
}

static tg_status
check_given(const tg_stage *stage, const void *data, size_t size, tg_error *err)
{
    tg_status status = TG_OK;
    const tg_array *root = stage->root;
    const size_t head = (size_t)tg_plan_given_head(root->ndim);
    const int64_t *words = data;
    int64_t bytes = (int64_t)tg_dtype_size(root->dtype);
    TG_CHECK(size >= head && words[0] == root->ndim, err, TG_ERR_CORRUPT,
             "%s: a tile of %zu bytes is no array of %d axes", root->op->name, size, root->ndim);
    for (int a = 0; a < root->ndim; a++) {
        int64_t length = words[1 + a];
        TG_CHECK(length >= 0 && (root->shape[a] < 0 || root->shape[a] == length) &&
                     tg_mul_size(bytes, length, &bytes),
                 err, TG_ERR_CORRUPT, "%s: a tile has a length of %lld along axis %d",
                 root->op->name, (long long)length, a);
    }
    TG_TRY(check_cells(stage, (const char *)data + head, size - head, bytes, err));
out:
    return status;
}

static tg_status
check_state(const tg_stage *stage, const tg_box *box, const void *data, size_t size, tg_error *err)
{
    tg_status status = TG_OK;
    const tg_reduce *reduce = stage->root->op->reduce;
    if (reduce->check_state != NULL) {
        status = reduce->check_state(stage->root, box, data, size, err);
    } else {
        int64_t expected = tg_max_i64(1, reduce->state_bytes(stage->root, box));
        TG_CHECK(size == (size_t)expected, err, TG_ERR_CORRUPT,
                 "%s: a state of %zu bytes, it must have %lld", stage->root->op->name, size,
                 (long long)expected);
    }
out:
    return status;
}

static tg_status
check_task(const tg_plan_core *plan, uint32_t task, tg_error *err)
{
    tg_status status = TG_OK;
    TG_CHECK(task < plan->tasks.count, err, TG_ERR_VALUE, "task %u: the plan has %u", task,
             plan->tasks.count);
out:
    return status;
}

tg_status
tg_part_check(const tg_plan_core *plan, uint32_t task, const void *data, size_t size, tg_error *err)
{
    tg_status status = TG_OK;
    uint32_t index = 0;
    int64_t tile = 0;
    tg_box box;
    TG_TRY(check_task(plan, task, err));
    TG_CHECK((uintptr_t)data % 64 == 0, err, TG_ERR_VALUE, "task %u: its tile is not aligned",
             task);
    tg_plan_task(plan, task, &index, &tile);
    const tg_stage *stage = &plan->stages[index];
    tg_plan_tile_box(plan, stage, tile, &box);
    if (stage->kind == TG_STAGE_PARTIAL || stage->kind == TG_STAGE_COMBINE) {
        status = check_state(stage, &box, data, size, err);
    } else if (is_given(stage)) {
        status = check_given(stage, data, size, err);
    } else {
        status = check_cells(stage, data, size,
                             tg_box_count(&box) * (int64_t)tg_dtype_size(stage->root->dtype), err);
    }
    if (status != TG_OK) {
        tg__error_prefix(err, "task %u", task);
    }
out:
    return status;
}

void
tg_part_given(const tg_plan_core *plan, uint32_t task, const void *data, int *ndim, int64_t *shape,
              size_t *offset)
{
    const tg_array *root = plan->stages[plan->stage_of_task[task]].root;
    *ndim = root->ndim;
    *offset = (size_t)tg_plan_given_head(root->ndim);
    memcpy(shape, (const char *)data + sizeof(int64_t), (size_t)root->ndim * sizeof *shape);
}

/* What an op gave, with its head before it: as it is kept and travels. */
static tg_status
encode_given(const tg_running *run, const tg_stage *stage, const tg_given *given, tg_buffer **out,
             tg_error *err)
{
    tg_status status = TG_OK;
    const int64_t head = tg_plan_given_head(stage->root->ndim);
    int64_t bytes = (int64_t)tg_dtype_size(stage->root->dtype);
    TG_ASSERT_CMP(given->ndim, ==, stage->root->ndim);
    for (int a = 0; a < given->ndim; a++) {
        bytes *= given->shape[a];
    }
    *out = tg_buffer_create(run->pool, (size_t)(head + bytes));
    TG_CHECK(*out != NULL, err, TG_ERR_MEMORY,
             "%s: no room for a result of %lld bytes under the memory limit", stage->root->op->name,
             (long long)bytes);
    int64_t *words = tg_buffer_data(*out);
    memset(words, 0, (size_t)head);
    words[0] = given->ndim;
    memcpy(words + 1, given->shape, (size_t)given->ndim * sizeof words[0]);
    memcpy((char *)words + head, (char *)tg_buffer_data(given->data) + given->offset,
           (size_t)bytes);
out:
    return status;
}

/* -- the table ----------------------------------------------------------------------------------
 */

/* Lets go of a tile. Lock held. */
static void
forget(tg_part *part, uint32_t task)
{
    tg_running *run = part->run;
    tg_tile *tile = &run->tiles[task];
    tg_given *given = &run->givens[run->plan->stage_of_task[task]];
    if (tile->buffer != NULL && given->data == tile->buffer) {
        given->data = NULL; /* the reference is the tile's */
    }
    tg_buffer_release(tile->buffer);
    tile->buffer = NULL;
    atomic_store_explicit(&tile->readers, 0, memory_order_relaxed);
}

/* Puts a tile into the table, unless it is there; shares it. Lock held. */
static void
keep(tg_part *part, uint32_t task, tg_buffer *buffer)
{
    tg_running *run = part->run;
    tg_tile *tile = &run->tiles[task];
    uint32_t index = run->plan->stage_of_task[task];
    const tg_stage *stage = &run->plan->stages[index];
    if (tile->buffer == NULL) {
        tile->buffer = tg_buffer_retain(buffer);
        if (is_given(stage)) {
            tg_given *given = &run->givens[index];
            size_t offset = 0;
            tg_part_given(run->plan, task, tg_buffer_data(buffer), &given->ndim, given->shape,
                          &offset);
            given->offset = (int64_t)offset;
            given->data = buffer;
        }
    }
    atomic_fetch_and_explicit(&tile->readers, ~DROPPED, memory_order_relaxed);
}

/* What a task has made: tg_running's callback. */
static tg_status
hold(void *holder, tg_eval *eval, tg_error *err)
{
    tg_status status = TG_OK;
    tg_part *part = holder;
    tg_buffer *buffer = NULL;
    if (eval->made.data != NULL) {
        TG_TRY(encode_given(part->run, eval->stage, &eval->made, &buffer, err));
    } else {
        buffer = tg_buffer_retain(eval->result);
    }
    if (buffer != NULL) {
        (void)pthread_mutex_lock(&part->lock);
        keep(part, eval->task, buffer);
        (void)pthread_mutex_unlock(&part->lock);
    }
out:
    tg_buffer_release(buffer);
    return status;
}

/* Marks the inputs of a task as read, all or none. */
static tg_status
pin_inputs(tg_part *part, uint32_t task, tg_error *err)
{
    tg_status status = TG_OK;
    tg_running *run = part->run;
    const tg_tasks *tasks = &run->plan->tasks;
    const uint64_t begin = tasks->pred_start[task], end = tasks->pred_start[task + 1];
    (void)pthread_mutex_lock(&part->lock);
    for (uint64_t e = begin; e < end; e++) {
        TG_CHECK(run->tiles[tasks->preds[e]].buffer != NULL, err, TG_ERR_VALUE,
                 "task %u: the tile of task %u, which it reads, is not here", task,
                 tasks->preds[e]);
    }
    for (uint64_t e = begin; e < end; e++) {
        atomic_fetch_add_explicit(&run->tiles[tasks->preds[e]].readers, 1, memory_order_relaxed);
    }
out:
    (void)pthread_mutex_unlock(&part->lock);
    return status;
}

static void
unpin_inputs(tg_part *part, uint32_t task)
{
    tg_running *run = part->run;
    const tg_tasks *tasks = &run->plan->tasks;
    (void)pthread_mutex_lock(&part->lock);
    for (uint64_t e = tasks->pred_start[task]; e < tasks->pred_start[task + 1]; e++) {
        tg_tile *tile = &run->tiles[tasks->preds[e]];
        uint32_t before = atomic_fetch_sub_explicit(&tile->readers, 1, memory_order_relaxed);
        if (before == (DROPPED | 1)) {
            forget(part, tasks->preds[e]);
        }
    }
    (void)pthread_mutex_unlock(&part->lock);
}

tg_status
tg_part_run(tg_part *part, uint32_t task, int thread, int64_t ready_ns, int64_t *bytes,
            tg_error *err)
{
    tg_status status = TG_OK;
    *bytes = 0;
    TG_TRY(check_task(part->run->plan, task, err));
    TG_TRY(pin_inputs(part, task, err));
    status = tg_running_task(part->run, task, thread, ready_ns, err);
    unpin_inputs(part, task);
    tg_buffer *made = status == TG_OK ? tg_part_get(part, task) : NULL;
    if (made != NULL) {
        *bytes = tg_pool_charge((int64_t)tg_buffer_bytes(made));
    }
    tg_buffer_release(made);
out:
    return status;
}

tg_buffer *
tg_part_get(tg_part *part, uint32_t task)
{
    tg_buffer *buffer = NULL;
    if (task < part->run->plan->tasks.count) {
        (void)pthread_mutex_lock(&part->lock);
        const tg_tile *tile = &part->run->tiles[task];
        bool there = (atomic_load_explicit(&tile->readers, memory_order_relaxed) & DROPPED) == 0;
        buffer = there ? tg_buffer_retain(tile->buffer) : NULL;
        (void)pthread_mutex_unlock(&part->lock);
    }
    return buffer;
}

tg_status
tg_part_put(tg_part *part, uint32_t task, tg_buffer *buffer, tg_error *err)
{
    tg_status status = TG_OK;
    TG_TRY(
        tg_part_check(part->run->plan, task, tg_buffer_data(buffer), tg_buffer_bytes(buffer), err));
    (void)pthread_mutex_lock(&part->lock);
    keep(part, task, buffer);
    (void)pthread_mutex_unlock(&part->lock);
out:
    return status;
}

tg_status
tg_part_put_bytes(tg_part *part, uint32_t task, const void *data, size_t size, tg_error *err)
{
    tg_status status = TG_OK;
    tg_buffer *buffer = tg_buffer_create(part->run->pool, size);
    TG_CHECK(buffer != NULL, err, TG_ERR_MEMORY,
             "task %u: no room for a tile of %zu bytes under the memory limit", task, size);
    if (size > 0) {
        memcpy(tg_buffer_data(buffer), data, size);
    }
    TG_TRY(tg_part_put(part, task, buffer, err));
out:
    tg_buffer_release(buffer);
    return status;
}

bool
tg_part_move(tg_part *part, uint32_t task, const void *data, tg_buffer *buffer)
{
    bool moved = true;
    (void)pthread_mutex_lock(&part->lock);
    tg_tile *tile = &part->run->tiles[task];
    tg_given *given = &part->run->givens[part->run->plan->stage_of_task[task]];
    if (tile->buffer != NULL && tg_buffer_data(tile->buffer) == data) {
        moved = atomic_load_explicit(&tile->readers, memory_order_relaxed) == 0;
        if (moved) {
            given->data = given->data == tile->buffer ? buffer : given->data;
            tg_buffer_release(tile->buffer);
            tile->buffer = tg_buffer_retain(buffer);
        }
    }
    (void)pthread_mutex_unlock(&part->lock);
    return moved;
}

void
tg_part_drop(tg_part *part, uint32_t task)
{
    if (task < part->run->plan->tasks.count) {
        (void)pthread_mutex_lock(&part->lock);
        tg_tile *tile = &part->run->tiles[task];
        if (atomic_load_explicit(&tile->readers, memory_order_relaxed) != 0) {
            atomic_fetch_or_explicit(&tile->readers, DROPPED, memory_order_relaxed);
        } else {
            forget(part, task);
        }
        (void)pthread_mutex_unlock(&part->lock);
    }
}

/* -- begin and end ------------------------------------------------------------------------------
 */

tg_status
tg_part_create(tg_plan_core *plan, tg_pool *pool, tg_part **out, tg_error *err)
{
    tg_status status = TG_OK;
    tg_part *part = tg_calloc(NULL, 1, sizeof *part);
    *out = NULL;
    TG_CHECK(part != NULL, err, TG_ERR_MEMORY, "no memory for a part of a plan");
    TG_ASSERT(plan->options.shared);
    (void)pthread_mutex_init(&part->lock, NULL);
    TG_TRY(tg_running_create(plan, pool, &part->run, err));
    TG_TRY(tg_running_admit(part->run, err));
    for (uint32_t t = 0; t < plan->tasks.count; t++) {
        atomic_init(&part->run->tiles[t].readers, 0);
    }
    part->run->hold = hold;
    part->run->holder = part;
    *out = part;
    part = NULL;
out:
    tg_part_destroy(part);
    return status;
}

void
tg_part_destroy(tg_part *part)
{
    if (part != NULL) {
        if (part->run != NULL) {
            for (uint32_t t = 0; t < part->run->plan->tasks.count; t++) {
                forget(part, t);
            }
            tg_running_end(part->run, false);
        }
        tg_running_destroy(part->run);
        (void)pthread_mutex_destroy(&part->lock);
        tg_free(NULL, part, sizeof *part);
    }
}

tg_running *
tg_part_running(tg_part *part)
{
    return part->run;
}
