/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Any bytes as a plan, with all built-in ops: reading either fails with a message or gives arrays,
 * whose bytes, read again, are made of the very same nodes; and where there are stages, expanding
 * them fails with a message or gives a plan that has the same choices, and runs when it is small.
 * Afterwards no node is left. tests/core/wire/test_plan_ops.c makes the corpus.
 */
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include "core/base/assert.h"
#include "core/mem/alloc.h"
#include "core/wire/plan_wire.h"
#include "tilegraph/map.h"
#include "tilegraph/plan.h"
#include "worker/session/session.h"

static tg_source store;
static int64_t store_live;

static void
destroy_store(tg_source *source)
{
    (void)source;
    store_live--;
}

static tg_status
read_store(tg_source *source, const tg_box *box, const tg_view *out, tg_scratch *scratch,
           tg_io_stats *stats, tg_error *err)
{
    int64_t index[3];
    (void)source, (void)scratch, (void)stats, (void)err;
    for (index[0] = 0; index[0] < out->shape[0]; index[0]++) {
        for (index[1] = 0; index[1] < out->shape[1]; index[1]++) {
            for (index[2] = 0; index[2] < out->shape[2]; index[2]++) {
                char *cell = out->data;
                uint16_t value = 0;
                for (int a = 0; a < 3; a++) {
                    cell += index[a] * out->strides[a];
                    value = (uint16_t)(value * 7 + box->lo[a] + index[a]);
                }
                memcpy(cell, &value, sizeof value);
            }
        }
    }
    return TG_OK;
}

static const tg_source_ops store_ops = { .read = read_store, .destroy = destroy_store };

/* One array under any name. */
static tg_status
open_store(void *ctx, const char *format, const char *uri, tg_source **out, tg_error *err)
{
    tg_status status = TG_OK;
    (void)ctx;
    *out = NULL;
    TG_CHECK(format[0] == 'z' && uri[0] != '\0', err, TG_ERR_NOT_FOUND, "%s: not there", uri);
    *out = tg_source_retain(&store);
out:
    return status;
}

/* A user function that fills its block with ones. */
static int
fill(void *user, const tg_block_info *info, const tg_block_view *in, size_t nin,
     const tg_block_view *out, char *message, size_t message_bytes)
{
    static const uint8_t ones[16] = { 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1 };
    tg_view view = { .data = out->data, .dtype = out->dtype, .ndim = out->ndim };
    (void)user, (void)info, (void)in, (void)nin, (void)message, (void)message_bytes;
    memcpy(view.shape, out->shape, (size_t)out->ndim * sizeof *view.shape);
    memcpy(view.strides, out->strides, (size_t)out->ndim * sizeof *view.strides);
    tg_view_fill(&view, ones);
    return 0;
}

static int
form_of(void *user, tg_function_form *form, char *message, size_t message_bytes)
{
    (void)user, (void)message, (void)message_bytes;
    *form = (tg_function_form){ "python", "fill", "x", 1 };
    return 0;
}

static tg_status
make_function(void *ctx, const tg_function_form *form, tg_function **out, tg_error *err)
{
    tg_status status = TG_OK;
    (void)ctx;
    *out = NULL;
    TG_CHECK(form->size > 0, err, TG_ERR_VALUE, "%s: is empty", form->name);
    *out = tg_block_function_create(fill, NULL, NULL, 0);
    tg_block_function_set_form(*out, form_of);
out:
    return status;
}

enum { TASKS_MAX = 4096, RUN_TASKS_MAX = 64, RUN_BYTES_MAX = 1 << 22 };

static tg_session *
make_session(void)
{
    static tg_session *session;
    if (session == NULL) {
        const tg_session_options options = { sizeof options, 1, (int64_t)64 << 20 };
        TG_ASSERT(tg_session_open(&options, &session, NULL) == TG_OK);
        store = (tg_source){ .ops = &store_ops,
                             .dtype = TG_DT_U16,
                             .ndim = 3,
                             .shape = { 40, 50, 60 },
                             .key = 1,
                             .format = "z",
                             .uri = "z" };
        atomic_init(&store.references, 1);
        store.chunks = tg_grid_create_regular(3, store.shape, (int64_t[]){ 16, 16, 16 });
        store_live = 1;
    }
    return session;
}

static const tg_wire_opener opener = { .open = open_store, .make = make_function };

static void
check_words(const tg_error *err)
{
    TG_ASSERT(err->code != TG_OK && err->code != TG_ERR_INTERNAL && err->message[0] != '\0');
}

static void
try_nodes(tg_context *context, const uint8_t *data, size_t size)
{
    tg_wire_arrays arrays;
    tg_wire_arrays again;
    tg_wire_bytes bytes;
    tg_error err;
    if (tg_wire_read_nodes(context, data, size, &opener, &arrays, &err) == TG_OK) {
        TG_ASSERT(tg_wire_write_nodes(arrays.count, arrays.arrays, NULL, &bytes, &err) == TG_OK);
        TG_ASSERT(tg_wire_read_nodes(context, bytes.data, bytes.size, &opener, &again, &err) ==
                  TG_OK);
        TG_ASSERT_CMP(again.count, ==, arrays.count);
        for (size_t i = 0; i < again.count; i++) {
            /* Data that travels by value is never taken for equal. */
            TG_ASSERT(again.arrays[i]->op == arrays.arrays[i]->op);
        }
        tg_wire_arrays_fini(&again);
        tg_wire_bytes_fini(&bytes);
        tg_wire_arrays_fini(&arrays);
    } else {
        check_words(&err);
    }
}

/* Runs what cannot take long. */
static void
run(tg_session *session, tg_plan_core *core)
{
    tg_plan plan = { .core = core };
    tg_computation *computation = NULL;
    int64_t bytes = core->result_bytes;
    bool done = false;
    tg_error err = { .code = TG_OK };
    for (uint32_t s = 0; s < core->stage_count; s++) {
        const tg_stage *stage = &core->stages[s];
        bytes += stage->tiles * (stage->out_bytes + stage->scratch_bytes + stage->state_bytes);
    }
    if (core->tasks.count <= RUN_TASKS_MAX && bytes <= RUN_BYTES_MAX) {
        if (tg_plan_start(session, &plan, &computation, &err) != TG_OK ||
            tg_computation_wait(computation, -1, &done, &err) != TG_OK) {
            check_words(&err);
        }
        tg_computation_destroy(computation);
    }
}

/* `with` NULL: as a scheduler, which opens nothing and runs nothing. */
static void
try_plan(tg_session *session, const tg_wire_opener *with, const uint8_t *data, size_t size)
{
    const tg_plan_options options = { .threads = 1,
                                      .memory_limit = (int64_t)64 << 20,
                                      .tasks_max = TASKS_MAX,
                                      .shared = with == NULL };
    tg_plan_target targets[TG_TARGETS_MAX];
    tg_wire_plan wire;
    tg_plan_core *plan = NULL;
    tg_wire_bytes bytes;
    tg_error err;
    if (tg_wire_read_plan(session->context, data, size, with != NULL ? with : &tg_wire_ghosts,
                          &wire, &err) != TG_OK) {
        check_words(&err);
        return;
    }
    for (size_t t = 0; t < wire.targets.count; t++) {
        tg_array *array = wire.targets.arrays[t];
        bool known = tg_array_is_known(array);
        targets[t] =
            (tg_plan_target){ .array = array,
                              .own_bytes = known ? tg_max_i64(1, tg_array_nbytes(array)) : 0,
                              .stored = wire.stored[t] && with == NULL,
                              .stage = wire.stage_of_target[t],
                              .written = with == NULL ? wire.written[t].data : NULL,
                              .written_bytes = with == NULL ? wire.written[t].size : 0 };
    }
    if (tg_plan_expand(wire.targets.count, targets, &options, &wire.choice, &plan, &err) == TG_OK) {
        TG_ASSERT(tg_wire_write_plan(plan, NULL, &bytes, &err) == TG_OK);
        TG_ASSERT_CMP(tg_plan_choice_count(plan), ==, wire.choice.stage_count);
        tg_wire_bytes_fini(&bytes);
        if (with != NULL) {
            run(session, plan);
        }
        tg_plan_release(plan);
    } else {
        check_words(&err);
    }
    tg_wire_plan_fini(&wire);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    tg_session *session = make_session();
    try_nodes(session->context, data, size);
    try_plan(session, &opener, data, size);
    try_plan(session, NULL, data, size);
    /* A job lets go of its plan when its last thread has left it. */
    for (int i = 0; i < 100000 && (tg_context_node_count(session->context) != 0 ||
                                   atomic_load(&store.references) != 1);
         i++) {
        const struct timespec nap = { 0, 100000 };
        (void)nanosleep(&nap, NULL);
    }
    TG_ASSERT_CMP(tg_context_node_count(session->context), ==, 0);
    TG_ASSERT_CMP(atomic_load(&store.references), ==, 1);
    return 0;
}
