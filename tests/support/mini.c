/* SPDX-License-Identifier: BSD-3-Clause */
/* A context with the small table of ops, and nodes in it: see mini_ops.h. */
#include "core/base/assert.h"
#include "tests/support/mini_ops.h"

void
mini_open(mini *m)
{
    m->registry = mini_registry();
    TG_ASSERT(m->registry != NULL);
    m->context = tg_context_create(m->registry);
    TG_ASSERT(m->context != NULL);
    m->scope = tg_scope_create_in(m->context);
    TG_ASSERT(m->scope != NULL);
}

void
mini_close(mini *m)
{
    tg_scope_destroy(m->scope);
    tg_context_destroy(m->context);
    tg_registry_destroy(m->registry);
}

int
mini_setup(void **state)
{
    static mini m;
    mini_open(&m);
    *state = &m;
    return 0;
}

int
mini_teardown(void **state)
{
    mini_close(*state);
    return 0;
}

tg_array *
mini_full(tg_scope *scope, tg_dtype dtype, int ndim, const int64_t *shape)
{
    const int64_t type = dtype;
    const tg_param params[] = {
        { "shape", TG_PARAM_INT, { .count = (uint32_t)ndim, .ints = shape } },
        { "dtype", TG_PARAM_DTYPE, { .count = 1, .ints = &type } },
    };
    return tg_apply(scope, "full", 0, NULL, 2, params);
}

tg_array *
mini_add(tg_scope *scope, tg_array *x1, tg_array *x2)
{
    tg_array *const args[] = { x1, x2 };
    return tg_apply(scope, "add", 2, args, 0, NULL);
}

tg_array *
mini_ints(tg_scope *scope, const char *op, tg_array *x, const char *param, size_t count,
          const int64_t *values)
{
    const tg_param params[] = {
        { param, TG_PARAM_INT, { .count = (uint32_t)count, .ints = values } },
    };
    return tg_apply(scope, op, x != NULL, &x, 1, params);
}
