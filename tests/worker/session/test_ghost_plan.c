/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Plans that are expanded without their stores, as a scheduler does: the very plan that a worker
 * gets who opens them. And plans for several processes: no tile is cut down, results are tiles.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/array/context.h"
#include "core/array/scope.h"
#include "core/plan/plan.h"
#include "core/wire/plan_wire.h"
#include "io/format/format.h"
#include "tilegraph/tilegraph.h"
#include "worker/exec/clock.h"
#include "worker/session/session.h"

#define MIB ((int64_t)1 << 20)

static tg_session *
open_session(void)
{
    tg_session *session = NULL;
    tg_error err;
    tg_session_options options = { sizeof options, 2, 256 * MIB };
    assert_int_equal(tg_session_open(&options, &session, &err), TG_OK);
    return session;
}

static tg_array *
ints(tg_scope *g, const char *op, tg_array *x, const char *name, uint32_t count,
     const int64_t *list)
{
    tg_param param = { name, TG_PARAM_INT, { count, { .ints = list } } };
    return tg_apply(g, op, 1, &x, 1, &param);
}

static tg_array *
numbers(tg_scope *g, int64_t rows, int64_t columns, const char *dtype)
{
    int64_t cells = rows * columns;
    tg_param range[] = {
        { "stop", TG_PARAM_INT, { 1, { .ints = &cells } } },
        { "dtype", TG_PARAM_STR, { (uint32_t)strlen(dtype), { .text = dtype } } }
    };
    return ints(g, "reshape", tg_apply(g, "arange", 0, NULL, 2, range), "shape", 2,
                (int64_t[]){ rows, columns });
}

static tg_array *
blurred(tg_scope *g, tg_array *x)
{
    double sigma = 1.5;
    tg_param param = { "sigma", TG_PARAM_FLOAT, { 1, { .floats = &sigma } } };
    return tg_apply(g, "gaussian_filter", 1, &x, 1, &param);
}

static void
make_stores(tg_session *session)
{
    tg_scope *g = tg_scope_create(session);
    tg_array *x = numbers(g, 620, 490, "float32");
    tg_array *pixels = numbers(g, 620, 490, "uint16");
    tg_save_options options = { .struct_size = sizeof options,
                                .chunks = (int64_t[]){ 32, 50 },
                                .shards = (int64_t[]){ 128, 200 },
                                .overwrite = true };
    tg_save_options plain = { .struct_size = sizeof plain, .overwrite = true };
    tg_error err;
    assert_int_equal(tg_save(session, x, "ghost.zarr", &options, &err), TG_OK);
    assert_int_equal(tg_save(session, x, "ghost.npy", &plain, &err), TG_OK);
    plain.codec = "lzw";
    if (tg_save(session, pixels, "ghost.tif", &plain, &err) != TG_OK) {
        fail_msg("%s", err.message);
    }
    tg_scope_destroy(g);
}

/* The example, as plan bytes and as what is computed. */
typedef struct example {
    const char *name, *path;
    bool stored; /* the first target goes to a store */
    bool shared;
} example;

static tg_plan_core *
make_plan(tg_session *session, const example *e)
{
    const tg_plan_options options = { .threads = session->threads,
                                      .memory_limit = session->memory_limit,
                                      .shared = e->shared };
    tg_scope *g = tg_scope_create(session);
    tg_array *x = tg_open(g, e->path);
    tg_array *y = blurred(g, blurred(g, tg_apply(g, "negative", 1, &x, 0, NULL)));
    tg_plan_target targets[3] = { { .array = y },
                                  { .array = tg_apply(g, "sum", 1, &y, 0, NULL) },
                                  { .array = x } };
    tg_save_options save = { .struct_size = sizeof save,
                             .chunks = (int64_t[]){ 100, 70 },
                             .overwrite = true };
    tg_plan_core *plan = NULL;
    tg_error err;
    assert_null(tg_scope_error(g));
    if (e->stored &&
        tg_sink_open(session, "ghost_out.zarr", y, &save, &targets[0].sink, &err) != TG_OK) {
        fail_msg("%s", err.message);
    }
    for (int t = 0; t < 3; t++) {
        targets[t].own_bytes = targets[t].sink == NULL ? tg_array_nbytes(targets[t].array) : 0;
    }
    if (tg_plan_make(3, targets, &options, &plan, &err) != TG_OK) {
        fail_msg("%s: %s", e->name, err.message);
    }
    tg_sink_release(targets[0].sink);
    tg_scope_destroy(g);
    return plan;
}

static tg_status
open_store(void *ctx, const char *format, const char *uri, tg_source **out, tg_error *err)
{
    (void)ctx, (void)format;
    return tg_format_open(uri, out, err);
}

/* As a scheduler: without stores. Or as a worker, which opens them (sinks excepted). */
static tg_plan_core *
expand(tg_session *session, const tg_wire_bytes *bytes, const tg_wire_opener *opener,
       const example *e)
{
    const tg_plan_options options = { .threads = session->threads,
                                      .memory_limit = session->memory_limit,
                                      .shared = e->shared };
    tg_plan_target targets[3] = { { .array = NULL } };
    tg_wire_plan wire;
    tg_plan_core *plan = NULL;
    tg_error err;
    if (tg_wire_read_plan(session->context, bytes->data, bytes->size, opener, &wire, &err) !=
        TG_OK) {
        fail_msg("%s: %s", e->name, err.message);
    }
    assert_int_equal(wire.targets.count, 3);
    for (int t = 0; t < 3; t++) {
        targets[t].array = wire.targets.arrays[t];
        targets[t].stage = wire.stage_of_target[t];
        targets[t].stored = wire.stored[t];
        targets[t].own_bytes = wire.stored[t] ? 0 : tg_array_nbytes(targets[t].array);
    }
    assert_int_equal(wire.stored[0], e->stored);
    if (tg_plan_expand(3, targets, &options, &wire.choice, &plan, &err) != TG_OK) {
        fail_msg("%s: %s", e->name, err.message);
    }
    tg_wire_plan_fini(&wire);
    return plan;
}

static void
expect_same_plan(const tg_plan_core *a, const tg_plan_core *b)
{
    assert_int_equal(a->tasks.count, b->tasks.count);
    assert_int_equal(a->tasks.edges, b->tasks.edges);
    assert_int_equal(a->stage_count, b->stage_count);
    assert_int_equal(a->slots, b->slots);
    size_t n = a->tasks.count;
    assert_memory_equal(a->tasks.pred_start, b->tasks.pred_start, (n + 1) * sizeof(uint64_t));
    assert_memory_equal(a->tasks.preds, b->tasks.preds, a->tasks.edges * sizeof(uint32_t));
    assert_memory_equal(a->slot_of_task, b->slot_of_task, n * sizeof(uint64_t));
    assert_memory_equal(a->stage_of_task, b->stage_of_task, n * sizeof(uint16_t));
    for (uint32_t s = 0; s < a->stage_count; s++) {
        const tg_stage *x = &a->stages[s], *y = &b->stages[s];
        assert_int_equal(x->kind, y->kind);
        assert_int_equal(x->target, y->target);
        assert_int_equal(x->keeps, y->keeps);
        assert_int_equal(x->trims, y->trims);
        assert_int_equal(x->scratch_bytes, y->scratch_bytes);
        assert_int_equal(x->state_bytes, y->state_bytes);
        assert_int_equal(x->out_bytes, y->out_bytes);
        assert_int_equal(x->need_bytes, y->need_bytes);
        assert_true(tg_grid_equal(x->grid, y->grid));
    }
    assert_int_equal(a->serial_peak_bytes, b->serial_peak_bytes);
    assert_int_equal(a->peak_bytes, b->peak_bytes);
    assert_int_equal(a->ahead_bytes, b->ahead_bytes);
    assert_int_equal(a->table_bytes, b->table_bytes);
    assert_int_equal(a->result_bytes, b->result_bytes);
    assert_int_equal(a->chunks_read, b->chunks_read);
    assert_int_equal(a->chunks_decoded, b->chunks_decoded);
    assert_int_equal(a->bytes_read, b->bytes_read);
    assert_int_equal(a->bytes_written, b->bytes_written);
}

static void
test_a_plan_without_its_stores_is_the_same(void **state)
{
    static const example examples[] = {
        { "npy", "ghost.npy", false, false },
        { "tiff", "ghost.tif", false, false },
        { "zarr", "ghost.zarr", false, false },
        { "npy, shared", "ghost.npy", true, true },
        { "tiff, shared", "ghost.tif", true, true },
        { "zarr, stored", "ghost.zarr", true, false },
        { "zarr, shared", "ghost.zarr", false, true },
        { "zarr, both", "ghost.zarr", true, true },
    };
    tg_session *here = open_session();
    tg_session *there = open_session();
    (void)state;
    make_stores(here);
    for (size_t i = 0; i < sizeof examples / sizeof examples[0]; i++) {
        const example *e = &examples[i];
        const tg_wire_opener opener = { .open = open_store };
        tg_plan_core *plan = make_plan(here, e);
        tg_wire_bytes bytes, again;
        tg_error err;
        assert_int_equal(tg_wire_write_plan(plan, NULL, &bytes, &err), TG_OK);
        tg_plan_core *ghost = expand(there, &bytes, &tg_wire_ghosts, e);
        expect_same_plan(plan, ghost);
        assert_true(plan->tasks.count > 20);
        assert_true(strcmp(e->path, "ghost.zarr") != 0 || plan->table_bytes > 0);
        /* It can be sent on: to a worker, who opens the stores. */
        assert_int_equal(tg_wire_write_plan(ghost, NULL, &again, &err), TG_OK);
        assert_int_equal(again.size, bytes.size);
        assert_memory_equal(again.data, bytes.data, bytes.size);
        tg_plan_core *real = expand(there, &again, &opener, e);
        if (!e->stored) { /* the worker has not opened its sink, and knows nothing of its scratch */
            expect_same_plan(plan, real);
        }
        tg_wire_bytes_fini(&bytes);
        tg_wire_bytes_fini(&again);
        tg_plan_release(plan);
        tg_plan_release(ghost);
        tg_plan_release(real);
        assert_int_equal(tg_context_node_count(there->context), 0);
    }
    tg_session_close(here);
    tg_session_close(there);
}

static void
test_a_ghost_cannot_be_read(void **state)
{
    static const example e = { "npy", "ghost.npy", false, false };
    tg_session *session = open_session();
    tg_plan_core *plan = make_plan(session, &e);
    tg_wire_bytes bytes;
    tg_wire_arrays read;
    tg_error err = { .message = "" };
    (void)state;
    assert_int_equal(tg_wire_write_plan(plan, NULL, &bytes, &err), TG_OK);
    assert_int_equal(
        tg_wire_read_nodes(session->context, bytes.data, bytes.size, &tg_wire_ghosts, &read, &err),
        TG_OK);
    tg_target target = { .array = read.arrays[2] };
    tg_computation *computation = NULL;
    bool done = false;
    assert_int_equal(tg_compute_start(session, 1, &target, &computation, &err), TG_OK);
    assert_int_equal(tg_computation_wait(computation, -1, &done, &err), TG_ERR_UNSUPPORTED);
    assert_non_null(strstr(err.message, "ghost.npy: was not opened"));
    tg_computation_destroy(computation);
    tg_wire_arrays_fini(&read);
    tg_wire_bytes_fini(&bytes);
    tg_plan_release(plan);
    tg_session_close(session);
}

/* A plan for several processes of an array of which a part was stored before. */
static tg_plan_core *
plan_rest(tg_session *session, tg_array *x, bool looks)
{
    const tg_plan_options options = { .threads = 2, .memory_limit = 64 * MIB, .shared = true };
    tg_save_options save = { .struct_size = sizeof save,
                             .chunks = (int64_t[]){ 40, 30 },
                             .codec = "none",
                             .overwrite = true,
                             .resume = looks ? "the same" : NULL };
    tg_plan_target target = { .array = x };
    tg_plan_core *plan = NULL;
    tg_error err;
    if (tg_sink_open(session, looks ? "rest.zarr" : "all.zarr", x, &save, &target.sink, &err) !=
            TG_OK ||
        tg_plan_make(1, &target, &options, &plan, &err) != TG_OK) {
        fail_msg("%s", err.message);
    }
    tg_sink_release(target.sink);
    return plan;
}

static tg_plan_core *
read_again(tg_session *session, const tg_plan_core *plan, const tg_wire_writing *how)
{
    const tg_plan_options options = { .threads = 2, .memory_limit = 64 * MIB, .shared = true };
    tg_wire_bytes bytes;
    tg_wire_plan wire;
    tg_plan_core *again = NULL;
    tg_error err;
    assert_int_equal(tg_wire_write_plan(plan, how, &bytes, &err), TG_OK);
    assert_int_equal(
        tg_wire_read_plan(session->context, bytes.data, bytes.size, &tg_wire_ghosts, &wire, &err),
        TG_OK);
    tg_plan_target target = { .array = wire.targets.arrays[0],
                              .stage = wire.stage_of_target[0],
                              .stored = wire.stored[0],
                              .written = wire.written[0].data,
                              .written_bytes = wire.written[0].size };
    assert_true(target.stored);
    assert_int_equal(tg_plan_expand(1, &target, &options, &wire.choice, &again, &err), TG_OK);
    if (target.written != NULL) { /* of another grid of tiles */
        tg_plan_core *none = NULL;
        target.written_bytes--;
        assert_int_equal(tg_plan_expand(1, &target, &options, &wire.choice, &none, &err),
                         TG_ERR_FORMAT);
        assert_non_null(strstr(err.message, "has already"));
    }
    tg_wire_plan_fini(&wire);
    tg_wire_bytes_fini(&bytes);
    return again;
}

/* What is written already travels with the plan: all who expand it leave out the same tasks, though
 * none of them looks into the store. */
static void
test_what_is_written_is_left_out_everywhere(void **state)
{
    tg_session *session = open_session();
    tg_scope *g = tg_scope_create(session);
    tg_array *x = blurred(g, numbers(g, 400, 300, "float32"));
    const tg_wire_writing there = { .written = true };
    tg_save_options save = { .struct_size = sizeof save,
                             .chunks = (int64_t[]){ 40, 30 },
                             .codec = "none",
                             .overwrite = true,
                             .resume = "the same" };
    tg_error err;
    (void)state;
    assert_int_equal(system("rm -rf rest.zarr rest.zarr.part"), 0);
    assert_int_equal(tg_save(session, x, "rest.zarr", &save, &err), TG_OK);
    assert_int_equal(system("mv rest.zarr rest.zarr.part && rm -r rest.zarr.part/c/[3-7]"), 0);
    tg_plan_core *all = plan_rest(session, x, false), *rest = plan_rest(session, x, true);
    assert_true(rest->tasks.count > 0 && rest->tasks.count < all->tasks.count);
    tg_plan_core *same = read_again(session, rest, &there);
    expect_same_plan(rest, same);
    tg_plan_core *elsewhere = read_again(session, rest, NULL); /* to other stores: all of it */
    assert_int_equal(elsewhere->tasks.count, all->tasks.count);
    tg_plan_release(all);
    tg_plan_release(rest);
    tg_plan_release(same);
    tg_plan_release(elsewhere);
    tg_scope_destroy(g);
    tg_session_close(session);
}

static int
do_nothing(void *user, const tg_block_info *info, const tg_block_view *in, size_t nin,
           const tg_block_view *out, char *message, size_t message_bytes)
{
    (void)user, (void)info, (void)in, (void)nin, (void)out, (void)message, (void)message_bytes;
    return 0;
}

static int
form_of(void *user, tg_function_form *form, char *message, size_t message_bytes)
{
    (void)user, (void)message, (void)message_bytes;
    *form = (tg_function_form){ "python", "f", "co\0de", 5 };
    return 0;
}

/* Who only looks at a plan needs no leave to call its functions, and cannot call them. */
static void
test_a_function_is_not_made(void **state)
{
    tg_session *session = open_session();
    tg_scope *g = tg_scope_create(session);
    tg_function *function = tg_block_function_create(do_nothing, NULL, NULL, 0);
    tg_array *x = numbers(g, 62, 49, "float32");
    tg_block_function_set_form(function, form_of);
    tg_array *y = tg_map_blocks(g, 1, &x, &(tg_map_blocks_options){ .function = function });
    tg_wire_bytes bytes, again;
    tg_wire_arrays read;
    tg_computation *computation = NULL;
    tg_error err = { .message = "" };
    bool done = false;
    (void)state;
    assert_int_equal(tg_wire_write_nodes(1, &y, NULL, &bytes, &err), TG_OK);
    assert_int_equal(
        tg_wire_read_nodes(session->context, bytes.data, bytes.size, &tg_wire_ghosts, &read, &err),
        TG_OK);
    assert_int_equal(tg_wire_write_nodes(1, read.arrays, NULL, &again, &err), TG_OK);
    assert_int_equal(again.size, bytes.size);
    assert_memory_equal(again.data, bytes.data, bytes.size);
    tg_target target = { .array = read.arrays[0] };
    assert_int_equal(tg_compute_start(session, 1, &target, &computation, &err), TG_OK);
    assert_int_equal(tg_computation_wait(computation, -1, &done, &err), TG_ERR_USER);
    assert_non_null(strstr(err.message, "f was not made"));
    tg_computation_destroy(computation);
    tg_wire_arrays_fini(&read);
    tg_wire_bytes_fini(&bytes);
    tg_wire_bytes_fini(&again);
    tg_block_function_release(function);
    tg_scope_destroy(g);
    tg_session_close(session);
}

static void
test_a_store_that_was_cut_anew_is_refused(void **state)
{
    static const example e = { "zarr", "ghost.zarr", false, false };
    const tg_wire_opener opener = { .open = open_store };
    tg_session *session = open_session();
    tg_plan_core *plan = make_plan(session, &e);
    tg_scope *g = tg_scope_create(session);
    tg_save_options options = { .struct_size = sizeof options,
                                .chunks = (int64_t[]){ 64, 50 },
                                .overwrite = true };
    tg_wire_bytes bytes;
    tg_wire_plan wire;
    tg_error err;
    (void)state;
    assert_int_equal(tg_wire_write_plan(plan, NULL, &bytes, &err), TG_OK);
    assert_int_equal(
        tg_save(session, numbers(g, 620, 490, "float32"), "ghost.zarr", &options, &err), TG_OK);
    assert_int_equal(
        tg_wire_read_plan(session->context, bytes.data, bytes.size, &opener, &wire, &err),
        TG_ERR_VALUE);
    assert_non_null(strstr(err.message, "is not the array that it was"));
    tg_wire_bytes_fini(&bytes);
    tg_scope_destroy(g);
    tg_plan_release(plan);
    make_stores(session);
    tg_session_close(session);
}

/* --- plans for several processes ------------------------------------------------------------- */

static void
test_a_shared_plan_never_trims_and_keeps_its_results(void **state)
{
    static const example e = { "npy", "ghost.npy", false, true };
    tg_session *session = open_session();
    const int64_t limit = session->memory_limit;
    tg_plan_core *plan = make_plan(session, &e);
    tg_plan_bounds bounds;
    tg_error err;
    int kept = 0;
    (void)state;
    assert_int_equal(tg_plan_bounds_make(plan, &bounds, &err), TG_OK);
    assert_int_equal(bounds.stage_count, plan->stage_count);
    assert_int_equal(plan->result_bytes, 0);
    for (uint32_t s = 0; s < bounds.stage_count; s++) {
        assert_true(bounds.out_bytes[s] >= plan->stages[s].out_bytes);
        assert_true(bounds.need_bytes[s] >= bounds.out_bytes[s]);
        assert_int_equal(bounds.target[s], plan->stages[s].target);
        assert_int_equal(bounds.kept[s], plan->stages[s].target != TG_NO_TARGET);
        assert_true(!bounds.kept[s] || plan->stages[s].keeps);
        kept += bounds.kept[s];
    }
    assert_int_equal(kept, 3);
    tg_plan_bounds_fini(&bounds);
    /* Where one process would cut tiles down, several do not: they are told what they need. */
    int64_t peak = plan->serial_peak_bytes;
    tg_plan_release(plan);
    bool refused = false;
    for (int64_t part = 2; part <= 16 && !refused; part++) {
        tg_scope *g = tg_scope_create(session);
        tg_array *x = tg_open(g, e.path);
        tg_plan_target target = { .array = blurred(g, blurred(g, x)) };
        tg_plan_options options = { .threads = 2, .memory_limit = peak / part, .shared = true };
        tg_plan_core *tight = NULL;
        if (tg_plan_make(1, &target, &options, &tight, &err) == TG_OK) {
            assert_null(tight->edge_bytes);
            for (uint32_t s = 0; s < tight->stage_count; s++) {
                assert_false(tight->stages[s].trims);
            }
        } else {
            assert_int_equal(err.code, TG_ERR_MEMORY);
            refused = true;
        }
        tg_plan_release(tight);
        tg_scope_destroy(g);
    }
    assert_true(refused);
    assert_int_equal(session->memory_limit, limit);
    tg_session_close(session);
}

/* A million; under a sanitizer, which takes fifty times as long, some. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { TILES_SHIFT = 14 };
#else
enum { TILES_SHIFT = 20 };
#endif

/* The bound is far above what it takes (0.1 to 0.4 s): a test may be among many. */
static void
expect_soon(const char *what, tg_session *session, tg_array *array, uint32_t tasks_least)
{
    tg_plan_options options = { .threads = 2, .memory_limit = (int64_t)1 << 50, .shared = true };
    tg_plan_target target = { .array = array, .stored = true };
    tg_plan_core *plan = NULL, *again = NULL;
    tg_wire_bytes bytes;
    tg_wire_plan wire;
    tg_error err;
    if (tg_plan_make(1, &target, &options, &plan, &err) != TG_OK) {
        fail_msg("%s: %s", what, err.message);
    }
    assert_true(plan->tasks.count >= tasks_least);
    assert_int_equal(tg_wire_write_plan(plan, NULL, &bytes, &err), TG_OK);
    assert_true(bytes.size < 4096);
    int64_t start = tg_clock_ns();
    assert_int_equal(
        tg_wire_read_plan(session->context, bytes.data, bytes.size, &tg_wire_ghosts, &wire, &err),
        TG_OK);
    target.stage = wire.stage_of_target[0];
    assert_int_equal(tg_plan_expand(1, &target, &options, &wire.choice, &again, &err), TG_OK);
    double seconds = (double)(tg_clock_ns() - start) * 1e-9;
    print_message("%s: %u tasks, %llu edges expanded in %.3f s\n", what, again->tasks.count,
                  (unsigned long long)again->tasks.edges, seconds);
    assert_true(seconds < 20.0);
    expect_same_plan(plan, again);
    tg_wire_plan_fini(&wire);
    tg_wire_bytes_fini(&bytes);
    tg_plan_release(plan);
    tg_plan_release(again);
}

static void
test_a_million_tiles_are_expanded_soon(void **state)
{
    tg_session *session = open_session();
    tg_scope *g = tg_scope_create(session);
    const int64_t shape[] = { (int64_t)64 << TILES_SHIFT, 1024, 16 };
    tg_param params[] = { { "shape", TG_PARAM_INT, { 3, { .ints = shape } } },
                          { "dtype", TG_PARAM_STR, { 5, { .text = "uint8" } } } };
    tg_array *x = tg_apply(g, "zeros", 0, NULL, 2, params);
    (void)state;
    expect_soon("elementwise", session, tg_apply(g, "invert", 1, &x, 0, NULL), 1 << TILES_SHIFT);
    expect_soon("sum", session, tg_apply(g, "sum", 1, &x, 0, NULL), 1 << TILES_SHIFT);
    const int64_t plane[] = { (int64_t)1 << TILES_SHIFT, 1 << 19 };
    params[0].value = (tg_value){ 2, { .ints = plane } };
    params[1].value = (tg_value){ 7, { .text = "float32" } };
    x = tg_apply(g, "zeros", 0, NULL, 2, params);
    assert_null(tg_scope_error(g));
    expect_soon("filters", session, blurred(g, blurred(g, x)), 1 << TILES_SHIFT);
    tg_scope_destroy(g);
    tg_session_close(session);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_plan_without_its_stores_is_the_same),
        cmocka_unit_test(test_a_ghost_cannot_be_read),
        cmocka_unit_test(test_what_is_written_is_left_out_everywhere),
        cmocka_unit_test(test_a_function_is_not_made),
        cmocka_unit_test(test_a_store_that_was_cut_anew_is_refused),
        cmocka_unit_test(test_a_shared_plan_never_trims_and_keeps_its_results),
        cmocka_unit_test(test_a_million_tiles_are_expanded_soon),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
