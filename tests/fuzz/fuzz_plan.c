/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Any bytes as a plan, with all built-in ops: reading either fails with a message or gives arrays,
 * whose plan, written and read again, is made of the very same nodes. Afterwards none is left.
 * tests/core/wire/test_plan_ops.c makes the corpus.
 */
#include <stdatomic.h>
#include <stdint.h>

#include "core/base/assert.h"
#include "core/mem/alloc.h"
#include "core/wire/plan_wire.h"
#include "ops/registry.h"

static tg_source store;
static int64_t store_live;

static void
destroy_store(tg_source *source)
{
    (void)source;
    store_live--;
}

static const tg_source_ops store_ops = { .destroy = destroy_store };

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

static tg_context *
make_context(void)
{
    static tg_registry *registry;
    static tg_context *context;
    if (context == NULL) {
        const tg_op *const *ops = NULL;
        size_t count = tg_ops_builtin(&ops);
        registry = tg_registry_create(ops, count);
        TG_ASSERT(registry != NULL);
        context = tg_context_create(registry);
        TG_ASSERT(context != NULL);
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
    return context;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const tg_wire_opener opener = { NULL, open_store };
    tg_context *context = make_context();
    tg_wire_arrays arrays;
    tg_wire_arrays again;
    tg_wire_bytes bytes;
    tg_error err;
    if (tg_wire_read_nodes(context, data, size, &opener, &arrays, &err) == TG_OK) {
        TG_ASSERT(tg_wire_write_nodes(arrays.count, arrays.arrays, &bytes, &err) == TG_OK);
        TG_ASSERT(tg_wire_read_nodes(context, bytes.data, bytes.size, &opener, &again, &err) ==
                  TG_OK);
        TG_ASSERT_CMP(again.count, ==, arrays.count);
        for (size_t i = 0; i < again.count; i++) {
            TG_ASSERT_CMP(again.arrays[i]->id, ==, arrays.arrays[i]->id);
        }
        tg_wire_arrays_fini(&again);
        tg_wire_bytes_fini(&bytes);
        tg_wire_arrays_fini(&arrays);
    } else {
        TG_ASSERT(err.code != TG_OK && err.code != TG_ERR_INTERNAL && err.message[0] != '\0');
    }
    TG_ASSERT_CMP(tg_context_node_count(context), ==, 0);
    TG_ASSERT_CMP(atomic_load(&store.references), ==, 1);
    return 0;
}
