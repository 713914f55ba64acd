/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * scalar: a plain number of the program: a 0-d array that takes the type of its partner, as
 * Python's numbers do in NumPy 2. tg_scope_weak builds it and marks the node as weak.
 */
#include "core/array/array.h"
#include "core/base/status.h"
#include "core/mem/alloc.h"
#include "ops/create/number.h"
#include "ops/registry.h"

enum { P_KIND, P_VALUE, P_INTEGER };

static void
scalar_free(void *state)
{
    tg_free(NULL, state, sizeof(tg_element));
}

static tg_status
scalar_infer(tg_infer *infer, tg_error *err)
{
    /* In the order of the choices, which is that of tg_weak without its first. */
    static const tg_dtype dtypes[] = { TG_DT_BOOL, TG_DT_I64, TG_DT_F64, TG_DT_C128 };
    tg_status status = TG_OK;
    tg_element *element = tg_malloc(NULL, sizeof *element);
    tg_number number;

    TG_CHECK(element != NULL, err, TG_ERR_MEMORY, "scalar: out of memory");
    TG_CHECK(infer->values[P_VALUE].count <= 2, err, TG_ERR_VALUE,
             "scalar: value has 1 entry, or 2 for a complex number, got %u",
             infer->values[P_VALUE].count);
    infer->dtype = dtypes[infer->values[P_KIND].ints[0]];
    infer->ndim = 0;
    tg__number_from_values(&number, &infer->values[P_VALUE], &infer->values[P_INTEGER]);
    TG_TRY(tg__number_store(&number, infer->dtype, element, err));
    infer->state = element;
    infer->state_free = scalar_free;
    element = NULL;
out:
    tg_free(NULL, element, sizeof *element);
    return status;
}

static bool
scalar_direct(const tg_array *node, tg_view *whole)
{
    tg_element *element = node->state;
    whole->data = element->bytes;
    whole->dtype = node->dtype;
    whole->ndim = 0;
    return true;
}

static tg_status
scalar_run(const tg_run *run, const tg_view *in, const tg_view *out, tg_error *err)
{
    const tg_element *element = run->node->state;
    (void)in;
    (void)err;
    tg_view_fill(out, element->bytes);
    return TG_OK;
}

static const tg_param_schema scalar_params[] = {
    [P_KIND] = { .name = "kind",
                 .kind = TG_PARAM_ENUM,
                 .required = true,
                 .choices = "bool|int|float|complex",
                 .summary = "kind of number" },
    [P_VALUE] = { .name = "value",
                  .kind = TG_PARAM_FLOAT,
                  .is_list = true,
                  .fallback = "None",
                  .summary = "the number; two entries for a complex one" },
    [P_INTEGER] = { .name = "integer",
                    .kind = TG_PARAM_INT,
                    .fallback = "None",
                    .summary = "the number when it is an integer, exactly" },
    { .name = NULL },
};

const tg_op tg_op_scalar = {
    .name = "scalar",
    .module = "_",
    .summary = "A plain number, which takes the type of its partner.",
    .version = 1,
    .cls = TG_CLASS_SOURCE,
    .flags = TG_OP_CHEAP,
    .arg_names = "",
    .params = scalar_params,
    .infer = scalar_infer,
    .run = scalar_run,
    .direct = scalar_direct,
};
