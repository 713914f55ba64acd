/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Plans that are computed in parts: by three sites with a plan and a table of tiles each, by
 * chance, with tiles that go from one to another as bytes. What comes out is what one process
 * computes, bit for bit. And tiles that lie.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "core/mem/alloc.h"
#include "core/wire/plan_wire.h"
#include "io/format/format.h"
#include "tests/support/plans.h"
#include "tilegraph/array.h"
#include "tilegraph/session.h"
#include "worker/exec/crew.h"
#include "worker/exec/part.h"
#include "worker/session/session.h"

enum { SITES = 3, TARGETS_MAX = TG_TEST_TARGETS_MAX, THREADS = 3 };
/* Under ThreadSanitizer, which takes thirty times as long and looks for something else, few. */
#if defined(__SANITIZE_THREAD__)
enum { SEEDS = 1, LIES = 10, STEP = 2 };
#else
enum { SEEDS = 2, LIES = 1500, STEP = 1 };
#endif
#define MIB ((int64_t)1 << 20)

enum { EXAMPLES = TG_TEST_PLANS };

static tg_session *
open_session(void)
{
    tg_session *session = NULL;
    tg_session_options options = { sizeof options, 2, 128 * MIB };
    assert_int_equal(tg_session_open(&options, &session, NULL), TG_OK);
    return session;
}

static void
make_store(tg_session *session)
{
    tg_scope *g = tg_scope_create(session);
    tg_save_options options = { .struct_size = sizeof options,
                                .chunks = (int64_t[]){ 64, 50 },
                                .shards = (int64_t[]){ 128, 100 },
                                .overwrite = true };
    tg_error err;
    if (tg_save(session, tg_test_numbers(g, 600, 500), "part_in.zarr", &options, &err) != TG_OK) {
        fail_msg("%s", err.message);
    }
    tg_scope_destroy(g);
}

/* --- a cluster ------------------------------------------------------------------------------- */

typedef struct site {
    tg_session *session;
    tg_plan_core *plan;
    tg_part *part;
} site;

typedef struct cluster {
    const tg_test_plan *example;
    tg_session *client;
    size_t count;
    tg_result expected[TARGETS_MAX];
    tg_wire_bytes bytes;
    tg_plan_bounds bounds;
    tg_sink *sink;
    site sites[SITES];
    const tg_plan_core *plan; /* of the first site */
    uint8_t *holders;         /* by task: a bit for each site */
    atomic_uint *waits;       /* by task: inputs that are not made */
    atomic_uint *reads;       /* by task: readers that have not run */
    uint32_t ended;
    uint64_t random;
} cluster;

static uint32_t
draw(cluster *c, uint32_t below)
{
    c->random = c->random * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(c->random >> 33) % below;
}

static tg_status
open_store(void *ctx, const char *format, const char *uri, tg_source **out, tg_error *err)
{
    (void)ctx, (void)format;
    return tg_format_open(uri, out, err);
}

static void
join(cluster *c, site *s)
{
    const tg_wire_opener opener = { .open = open_store };
    const tg_plan_options options = { .threads = 2, .memory_limit = 128 * MIB, .shared = true };
    tg_plan_target targets[TARGETS_MAX] = { { .array = NULL } };
    tg_wire_plan wire;
    tg_error err;
    s->session = open_session();
    if (tg_wire_read_plan(s->session->context, c->bytes.data, c->bytes.size, &opener, &wire,
                          &err) != TG_OK) {
        fail_msg("%s: %s", c->example->name, err.message);
    }
    for (size_t t = 0; t < c->count; t++) {
        targets[t] =
            (tg_plan_target){ .array = wire.targets.arrays[t], .stage = wire.stage_of_target[t] };
    }
    targets[0].sink = c->sink;
    if (tg_plan_expand(c->count, targets, &options, &wire.choice, &s->plan, &err) != TG_OK ||
        tg_part_create(s->plan, s->session->pool, &s->part, &err) != TG_OK) {
        fail_msg("%s: %s", c->example->name, err.message);
    }
    tg_wire_plan_fini(&wire);
}

/* The client: what is expected, and the plan as bytes. */
static void
submit(cluster *c)
{
    const tg_plan_options options = { .threads = 6, .memory_limit = 128 * MIB, .shared = true };
    tg_scope *g = tg_scope_create(c->client);
    tg_array *arrays[TARGETS_MAX];
    tg_target targets[TARGETS_MAX] = { { .array = NULL } };
    tg_plan_target planned[TARGETS_MAX] = { { .array = NULL } };
    tg_save_options save = { .struct_size = sizeof save,
                             .chunks = (int64_t[]){ 100, 70 },
                             .overwrite = true };
    tg_plan_core *plan = NULL;
    tg_error err;
    c->count = c->example->build(g, arrays);
    const tg_error *failed = tg_scope_error(g);
    if (failed != NULL) {
        fail_msg("%s: %s", c->example->name, failed->message);
    }
    for (size_t t = 0; t < c->count; t++) {
        targets[t].array = planned[t].array = arrays[t];
    }
    if (tg_compute(c->client, c->count, targets, c->expected, &err) != TG_OK) {
        fail_msg("%s: %s", c->example->name, err.message);
    }
    if (c->example->store != NULL) {
        assert_int_equal(
            tg_sink_open(c->client, c->example->store, arrays[0], &save, &c->sink, &err), TG_OK);
        planned[0].sink = c->sink;
    }
    if (tg_plan_make(c->count, planned, &options, &plan, &err) != TG_OK ||
        tg_wire_write_plan(plan, NULL, &c->bytes, &err) != TG_OK) {
        fail_msg("%s: %s", c->example->name, err.message);
    }
    assert_int_equal(tg_plan_bounds_make(plan, &c->bounds, &err), TG_OK);
    tg_plan_release(plan);
    tg_scope_destroy(g);
}

static void
begin(cluster *c, const tg_test_plan *example, uint64_t seed)
{
    memset((void *)c, 0, sizeof *c);
    c->example = example;
    c->random = seed;
    c->client = open_session();
    submit(c);
    for (int s = 0; s < SITES; s++) {
        join(c, &c->sites[s]);
    }
    c->plan = c->sites[0].plan;
    const tg_tasks *tasks = &c->plan->tasks;
    c->holders = calloc(tasks->count, 1);
    c->waits = calloc(tasks->count, sizeof *c->waits);
    c->reads = calloc(tasks->count, sizeof *c->reads);
    assert_true(c->holders != NULL && c->waits != NULL && c->reads != NULL);
    for (uint32_t t = 0; t < tasks->count; t++) {
        atomic_init(&c->waits[t], tg_tasks_pred_count(tasks, t));
        atomic_init(&c->reads[t], (uint32_t)(tasks->succ_start[t + 1] - tasks->succ_start[t]));
    }
}

static void
end(cluster *c)
{
    for (size_t t = 0; t < c->count; t++) {
        tg_result_release(&c->expected[t]);
    }
    for (int s = 0; s < SITES; s++) {
        tg_part_destroy(c->sites[s].part);
        assert_int_equal(tg_pool_get_stats(c->sites[s].session->pool).used_bytes, 0);
        tg_plan_release(c->sites[s].plan);
        tg_session_close(c->sites[s].session);
    }
    tg_plan_bounds_fini(&c->bounds);
    tg_wire_bytes_fini(&c->bytes);
    tg_sink_release(c->sink);
    tg_session_close(c->client);
    free(c->holders);
    free((void *)c->waits);
    free((void *)c->reads);
}

/* The tile of a task from whoever has it. */
static tg_buffer *
fetch(cluster *c, uint32_t task)
{
    tg_buffer *tile = NULL;
    for (int s = 0; s < SITES && tile == NULL; s++) {
        if ((c->holders[task] >> s & 1) != 0) {
            tile = tg_part_get(c->sites[s].part, task);
            assert_non_null(tile);
        }
    }
    return tile;
}

static void
bring(cluster *c, int to, uint32_t task)
{
    tg_error err;
    if ((c->holders[task] >> to & 1) == 0) {
        tg_buffer *tile = fetch(c, task);
        assert_non_null(tile);
        tg_status status = tg_part_put_bytes(c->sites[to].part, task, tg_buffer_data(tile),
                                             tg_buffer_bytes(tile), &err);
        if (status != TG_OK) {
            fail_msg("%s: %s", c->example->name, err.message);
        }
        tg_buffer_release(tile);
        c->holders[task] |= (uint8_t)(1 << to);
    }
}

static void
drop_everywhere(cluster *c, uint32_t task)
{
    for (int s = 0; s < SITES; s++) {
        tg_part_drop(c->sites[s].part, task);
        assert_null(tg_part_get(c->sites[s].part, task));
    }
    c->holders[task] = 0;
}

/* Runs a task, now and then a second time. */
static void
run(cluster *c, int at, uint32_t task)
{
    tg_part *part = c->sites[at].part;
    uint32_t stage = c->plan->stage_of_task[task];
    int64_t bytes = 0;
    tg_error err;
    if (tg_part_run(part, task, 0, 0, &bytes, &err) != TG_OK) {
        fail_msg("%s, task %u: %s", c->example->name, task, err.message);
    }
    assert_true(bytes <= c->bounds.out_bytes[stage]);
    tg_buffer *tile = tg_part_get(part, task);
    assert_int_equal(tile != NULL, c->bounds.out_bytes[stage] > 0);
    if (tile != NULL && draw(c, 8) == 0) { /* it is lost, and made again */
        tg_part_drop(part, task);
        assert_int_equal(tg_part_run(part, task, 0, 0, &bytes, &err), TG_OK);
        tg_buffer *again = tg_part_get(part, task);
        assert_ptr_not_equal(tg_buffer_data(again), tg_buffer_data(tile));
        assert_int_equal(tg_buffer_bytes(again), tg_buffer_bytes(tile));
        assert_memory_equal(tg_buffer_data(again), tg_buffer_data(tile), tg_buffer_bytes(tile));
        tg_buffer_release(again);
    }
    c->holders[task] = tile != NULL ? (uint8_t)(1 << at) : 0;
    tg_buffer_release(tile);
}

/* The task has ended: others may be ready, tiles may go. */
static void
note_end(cluster *c, uint32_t task, uint32_t *ready, uint32_t *ready_count)
{
    const tg_tasks *tasks = &c->plan->tasks;
    for (uint64_t e = tasks->succ_start[task]; e < tasks->succ_start[task + 1]; e++) {
        if (--c->waits[tasks->succs[e]] == 0) {
            ready[(*ready_count)++] = tasks->succs[e];
        }
    }
    for (uint64_t e = tasks->pred_start[task]; e < tasks->pred_start[task + 1]; e++) {
        uint32_t input = tasks->preds[e];
        if (--c->reads[input] == 0 && c->bounds.kept[c->plan->stage_of_task[input]] == 0) {
            drop_everywhere(c, input);
        }
    }
    c->ended++;
}

/* Any order that the dependencies allow. */
static void
run_by_chance(cluster *c)
{
    const tg_tasks *tasks = &c->plan->tasks;
    uint32_t *ready = calloc(tasks->count, sizeof *ready);
    uint32_t count = 0;
    assert_non_null(ready);
    for (uint32_t t = 0; t < tasks->count; t++) {
        if (atomic_load(&c->waits[t]) == 0) {
            ready[count++] = t;
        }
    }
    while (count > 0) {
        uint32_t pick = draw(c, count);
        uint32_t task = ready[pick];
        int at = (int)draw(c, SITES);
        ready[pick] = ready[--count];
        for (uint64_t e = tasks->pred_start[task]; e < tasks->pred_start[task + 1]; e++) {
            bring(c, at, tasks->preds[e]);
        }
        run(c, at, task);
        note_end(c, task, ready, &count);
    }
    assert_int_equal(c->ended, tasks->count);
    free(ready);
}

/* --- results --------------------------------------------------------------------------------- */

static void
expect_tiles(cluster *c, size_t target)
{
    const tg_plan_core *plan = c->plan;
    const tg_stage *stage = &plan->stages[plan->targets[target].stage];
    const tg_array *array = stage->root;
    const tg_result *expected = &c->expected[target];
    for (int64_t t = 0; t < stage->tiles; t++) {
        uint32_t task = plan->task_of_slot[stage->slot + (uint64_t)t];
        tg_buffer *tile = fetch(c, task);
        tg_view whole, part, cells;
        tg_box box, covers;
        assert_non_null(tile);
        const char *data = tg_buffer_data(tile);
        size_t size = tg_buffer_bytes(tile);
        tg_view_from_shape(&whole, expected->data, expected->dtype, expected->ndim,
                           expected->shape);
        tg_box_from_shape(&covers, expected->ndim, expected->shape);
        if (tg_array_is_known(array)) {
            tg_plan_tile_box(plan, stage, t, &box);
        } else {
            int64_t shape[TG_NDIM_MAX];
            size_t offset = 0;
            int ndim = 0;
            tg_part_given(plan, task, data, &ndim, shape, &offset);
            assert_int_equal(ndim, expected->ndim);
            assert_memory_equal(shape, expected->shape, (size_t)ndim * sizeof shape[0]);
            tg_box_copy(&box, &covers);
            data += offset;
            size -= offset;
        }
        char *copy = malloc(size + 1);
        assert_non_null(copy);
        tg_view_sub(&part, &whole, &covers, &box);
        tg_view_from_box(&cells, copy, expected->dtype, &box);
        assert_int_equal(size, tg_view_count(&cells) * (int64_t)tg_dtype_size(expected->dtype));
        tg_view_copy(&cells, &part);
        assert_memory_equal(copy, data, size);
        free(copy);
        tg_buffer_release(tile);
    }
}

static void
expect_results(cluster *c)
{
    tg_error err;
    for (size_t t = 0; t < c->count; t++) {
        if (c->plan->targets[t].sink == NULL) {
            expect_tiles(c, t);
        }
    }
    if (c->sink != NULL) {
        tg_result stored;
        if (c->sink->ops->commit(c->sink, &err) != TG_OK) {
            fail_msg("%s", err.message);
        }
        tg_scope *g = tg_scope_create(c->client);
        tg_target target = { .array = tg_open(g, c->example->store) };
        assert_int_equal(tg_compute(c->client, 1, &target, &stored, &err), TG_OK);
        assert_memory_equal(stored.data, c->expected[0].data, 600 * 500 * sizeof(float));
        tg_result_release(&stored);
        tg_scope_destroy(g);
    }
}

static void
test_parts_make_the_whole(void **state)
{
    cluster *c = calloc(1, sizeof *c);
    (void)state;
    assert_non_null(c);
    for (int i = 0; i < EXAMPLES; i += STEP) {
        for (uint64_t seed = 1; seed <= SEEDS; seed++) {
            begin(c, &tg_test_plans[i], seed);
            assert_true(c->plan->tasks.count > 20);
            run_by_chance(c);
            expect_results(c);
            end(c);
        }
    }
    free(c);
}

/* --- many threads ---------------------------------------------------------------------------- */

typedef struct worker {
    cluster *c;
    tg_crew *crew;
    atomic_uint left;
} worker;

/* One site, whose threads run what becomes ready and drop what has been read, while another thread
 * gets and puts all the time. */
static void
run_and_note(void *ctx, tg_crew_token token, int thread)
{
    worker *w = ctx;
    cluster *c = w->c;
    tg_part *part = c->sites[0].part;
    const tg_tasks *tasks = &c->plan->tasks;
    uint32_t task = (uint32_t)token.task;
    int64_t bytes = 0;
    tg_error err;
    if (tg_part_run(part, task, thread, 0, &bytes, &err) != TG_OK) {
        fail_msg("%s, task %u: %s", c->example->name, task, err.message);
    }
    for (uint64_t e = tasks->succ_start[task]; e < tasks->succ_start[task + 1]; e++) {
        if (atomic_fetch_sub(&c->waits[tasks->succs[e]], 1) == 1) {
            assert_int_equal(tg_crew_start(w->crew, (tg_crew_token){ 0, tasks->succs[e] }, NULL),
                             TG_OK);
        }
    }
    for (uint64_t e = tasks->pred_start[task]; e < tasks->pred_start[task + 1]; e++) {
        uint32_t input = tasks->preds[e];
        if (atomic_fetch_sub(&c->reads[input], 1) == 1 &&
            c->bounds.kept[c->plan->stage_of_task[input]] == 0) {
            tg_part_drop(part, input);
        }
    }
    atomic_fetch_sub(&w->left, 1);
}

static void
test_many_threads(void **state)
{
    cluster *c = calloc(1, sizeof *c);
    (void)state;
    assert_non_null(c);
    for (int i = 0; i < EXAMPLES; i += STEP) {
        worker w = { .c = c };
        begin(c, &tg_test_plans[i], 5);
        const tg_tasks *tasks = &c->plan->tasks;
        atomic_init(&w.left, tasks->count);
        assert_int_equal(tg_crew_create(THREADS, &w, run_and_note, &w.crew, NULL), TG_OK);
        uint32_t roots = 0;
        for (uint32_t t = 0; t < tasks->count; t++) {
            if (tg_tasks_pred_count(tasks, t) == 0) {
                assert_int_equal(tg_crew_start(w.crew, (tg_crew_token){ 0, t }, NULL), TG_OK);
                roots++;
            }
        }
        assert_true(roots > 0);
        for (uint32_t t = 0; atomic_load(&w.left) > 0; t = (t + 1) % tasks->count) {
            tg_buffer *tile = tg_part_get(c->sites[0].part, t);
            if (tile != NULL) { /* to a neighbour, who lets it go again */
                assert_int_equal(tg_part_put(c->sites[1].part, t, tile, NULL), TG_OK);
                tg_part_drop(c->sites[1].part, t);
                tg_buffer_release(tile);
            }
            if (t % 64 == 0) { /* the lock is for the others, too */
                const struct timespec nap = { 0, 100000 };
                (void)nanosleep(&nap, NULL);
            }
        }
        tg_crew_destroy(w.crew);
        for (uint32_t t = 0; t < tasks->count; t++) {
            tg_buffer *tile = tg_part_get(c->sites[0].part, t);
            c->holders[t] = tile != NULL;
            tg_buffer_release(tile);
        }
        expect_results(c);
        end(c);
    }
    free(c);
}

/* --- tiles that lie --------------------------------------------------------------------------- */

static void
test_a_task_without_its_inputs_is_refused(void **state)
{
    cluster *c = calloc(1, sizeof *c);
    tg_error err = { .message = "" };
    int64_t bytes = 0;
    (void)state;
    assert_non_null(c);
    begin(c, &tg_test_plans[0], 1);
    tg_part *part = c->sites[0].part;
    const tg_tasks *tasks = &c->plan->tasks;
    uint32_t last = tasks->count - 1;
    assert_int_equal(tg_part_run(part, last, 0, 0, &bytes, &err), TG_ERR_VALUE);
    assert_non_null(strstr(err.message, "is not here"));
    assert_int_equal(tg_part_run(part, tasks->count, 0, 0, &bytes, &err), TG_ERR_VALUE);
    assert_non_null(strstr(err.message, "the plan has"));
    assert_null(tg_part_get(part, last));
    assert_null(tg_part_get(part, tasks->count));
    tg_part_drop(part, last);
    tg_part_drop(part, tasks->count);
    assert_int_equal(tg_part_put_bytes(part, 0, "abc", 3, &err), TG_ERR_CORRUPT);
    assert_non_null(strstr(err.message, "a tile of 3 bytes"));
    assert_null(tg_part_get(part, 0));
    end(c);
    free(c);
}

static void
test_a_tile_is_moved_when_nobody_reads_it(void **state)
{
    cluster *c = calloc(1, sizeof *c);
    tg_error err = { .message = "" };
    int64_t bytes = 0;
    (void)state;
    assert_non_null(c);
    begin(c, &tg_test_plans[0], 1);
    site *s = &c->sites[0];
    assert_int_equal(tg_part_run(s->part, 0, 0, 0, &bytes, &err), TG_OK);
    tg_buffer *tile = tg_part_get(s->part, 0), *copy = NULL, *now = NULL;
    assert_non_null(tile);
    copy = tg_buffer_create(s->session->pool, tg_buffer_bytes(tile));
    assert_non_null(copy);
    memcpy(tg_buffer_data(copy), tg_buffer_data(tile), tg_buffer_bytes(tile));
    tg_tile *of_run = &tg_part_running(s->part)->tiles[0];
    atomic_fetch_add(&of_run->readers, 1);
    assert_false(tg_part_move(s->part, 0, tg_buffer_data(tile), copy));
    atomic_fetch_sub(&of_run->readers, 1);
    assert_true(tg_part_move(s->part, 0, tg_buffer_data(tile), copy));
    assert_true(tg_part_move(s->part, 0, tg_buffer_data(tile), tile)); /* it is gone from there */
    now = tg_part_get(s->part, 0);
    assert_ptr_equal(now, copy);
    tg_buffer_release(now);
    tg_buffer_release(copy);
    tg_buffer_release(tile);
    tg_part_drop(s->part, 0);
    assert_true(tg_part_move(s->part, 0, NULL, NULL));
    assert_null(tg_part_get(s->part, 0));
    end(c);
    free(c);
}

/* Puts a tile that was changed in the place of an input, and runs a reader of it: it is refused, or
 * the reader fails, or it makes something, but all stay within what is theirs. */
static bool
try_lie(cluster *c, uint32_t input, uint32_t reader)
{
    const tg_tasks *tasks = &c->plan->tasks;
    site *liar = &c->sites[1];
    tg_buffer *tile = fetch(c, input);
    size_t size = tg_buffer_bytes(tile);
    size_t cut = draw(c, 4) == 0 ? size - draw(c, (uint32_t)size + 1) : size;
    char *lie = malloc(size + 1);
    int64_t bytes = 0;
    tg_error err = { .message = "" };
    assert_non_null(lie);
    memcpy(lie, tg_buffer_data(tile), size);
    for (uint32_t n = 1 + draw(c, 3); n > 0 && size > 0; n--) {
        size_t most = draw(c, 2) == 0 && size > 256 ? 256 : size; /* where heads are */
        static const char values[] = { 0, 1, -1, 127, -128 };
        lie[draw(c, (uint32_t)most)] = values[draw(c, sizeof values)];
    }
    bool taken = tg_part_put_bytes(liar->part, input, lie, cut, &err) == TG_OK;
    if (taken) {
        for (uint64_t e = tasks->pred_start[reader]; e < tasks->pred_start[reader + 1]; e++) {
            if (tasks->preds[e] != input) {
                bring(c, 1, tasks->preds[e]);
            }
        }
        if (tg_part_run(liar->part, reader, 0, 0, &bytes, &err) != TG_OK) {
            assert_int_not_equal(err.code, TG_ERR_INTERNAL);
            assert_true(err.message[0] != '\0');
        }
        tg_part_drop(liar->part, reader);
        tg_part_drop(liar->part, input);
    } else {
        assert_int_equal(err.code, TG_ERR_CORRUPT);
    }
    free(lie);
    tg_buffer_release(tile);
    return taken;
}

static void
test_tiles_that_lie(void **state)
{
    cluster *c = calloc(1, sizeof *c);
    (void)state;
    assert_non_null(c);
    for (int i = 0; i < EXAMPLES; i += STEP) {
        int taken = 0, refused = 0;
        begin(c, &tg_test_plans[i], 3);
        const tg_tasks *tasks = &c->plan->tasks;
        for (uint32_t t = 0; t < tasks->count; t++) { /* all of it at one site, nothing dropped */
            int64_t bytes = 0;
            assert_int_equal(tg_part_run(c->sites[0].part, t, 0, 0, &bytes, NULL), TG_OK);
            c->holders[t] = bytes > 0;
        }
        for (int n = 0; n < LIES; n++) {
            uint32_t reader = draw(c, tasks->count);
            uint64_t first = tasks->pred_start[reader], last = tasks->pred_start[reader + 1];
            const tg_stage *stage = &c->plan->stages[c->plan->stage_of_task[reader]];
            if (last > first && stage->target == TG_NO_TARGET) {
                uint32_t input = tasks->preds[first + draw(c, (uint32_t)(last - first))];
                if ((c->holders[input] >> 1 & 1) != 0) {
                    tg_part_drop(c->sites[1].part, input);
                    c->holders[input] &= 1;
                }
                bool good = try_lie(c, input, reader);
                taken += good;
                refused += !good;
            }
        }
        assert_true((taken > 0 && refused > 0) || LIES < 1000);
        end(c);
    }
    free(c);
}

static void
test_given_arrays_that_lie(void **state)
{
    cluster *c = calloc(1, sizeof *c);
    tg_error err;
    (void)state;
    assert_non_null(c);
    begin(c, &tg_test_plans[4], 3);
    run_by_chance(c);
    uint32_t task = 0;
    while (tg_array_is_known(c->plan->stages[c->plan->stage_of_task[task]].root) ||
           c->plan->stages[c->plan->stage_of_task[task]].kind != TG_STAGE_FINISH) {
        task++;
    }
    tg_buffer *tile = fetch(c, task);
    tg_buffer *lie = tg_buffer_create(c->client->pool, tg_buffer_bytes(tile));
    assert_non_null(lie);
    memcpy(tg_buffer_data(lie), tg_buffer_data(tile), tg_buffer_bytes(tile));
    int64_t *words = tg_buffer_data(lie);
    assert_int_equal(words[0], 1);
    assert_int_equal(tg_part_check(c->plan, task, words, tg_buffer_bytes(lie), &err), TG_OK);
    static const int64_t lengths[] = { -1, 0, INT64_MAX, INT64_MAX / 4 + 1 };
    for (int i = 0; i < 4; i++) {
        words[1] = lengths[i];
        assert_int_equal(tg_part_check(c->plan, task, words, tg_buffer_bytes(lie), &err),
                         TG_ERR_CORRUPT);
    }
    words[0] = 2;
    assert_int_equal(tg_part_check(c->plan, task, words, tg_buffer_bytes(lie), &err),
                     TG_ERR_CORRUPT);
    assert_int_equal(tg_part_check(c->plan, task, words, 8, &err), TG_ERR_CORRUPT);
    tg_buffer_release(lie);
    tg_buffer_release(tile);
    end(c);
    free(c);
}

int
main(void)
{
    tg_session *session = open_session();
    make_store(session);
    tg_session_close(session);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parts_make_the_whole),
        cmocka_unit_test(test_many_threads),
        cmocka_unit_test(test_a_task_without_its_inputs_is_refused),
        cmocka_unit_test(test_a_tile_is_moved_when_nobody_reads_it),
        cmocka_unit_test(test_tiles_that_lie),
        cmocka_unit_test(test_given_arrays_that_lie),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
