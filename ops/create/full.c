/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * full: every element the same. The element is stored once, when the node is built; integers are
 * exact (fill_integer, uint64 by bit pattern), floats are rounded once from the double.
 */
#include "core/array/array.h"
#include "core/base/status.h"
#include "core/mem/alloc.h"
#include "ops/create/number.h"
#include "ops/registry.h"
#include "ops/shape/common.h"

enum { P_SHAPE, P_FILL, P_INTEGER, P_DTYPE, P_CHUNKS, P_COUNTS };

static void
full_free(void *state)
{
    tg_free(NULL, state, sizeof(tg_element));
}

/* What the number says when no dtype is given: Python's int, float or complex. */
static tg_dtype
default_dtype(const tg_value *values)
{
    tg_dtype dtype = TG_DT_F64;
    if (values[P_INTEGER].count > 0) {
        dtype = TG_DT_I64;
    } else if (values[P_FILL].count > 1) {
        dtype = TG_DT_C128;
    }
    return dtype;
}

static tg_status
full_infer(tg_infer *infer, tg_error *err)
{
    tg_status status = TG_OK;
    const tg_value *values = infer->values;
    tg_element *element = NULL;
    tg_number number;

    TG_CHECK(values[P_FILL].count <= 2, err, TG_ERR_VALUE,
             "full: fill_value has 1 entry, or 2 for a complex number, got %u",
             values[P_FILL].count);
    TG_CHECK(values[P_FILL].count + values[P_INTEGER].count > 0, err, TG_ERR_TYPE,
             "full() missing 1 required argument: 'fill_value'");
    infer->dtype =
        values[P_DTYPE].count > 0 ? (tg_dtype)values[P_DTYPE].ints[0] : default_dtype(values);
    TG_TRY(tg__infer_shape(infer, &values[P_SHAPE], err));
    element = tg_malloc(NULL, sizeof *element);
    TG_CHECK(element != NULL, err, TG_ERR_MEMORY, "full: out of memory");
    tg__number_from_values(&number, &values[P_FILL], &values[P_INTEGER]);
    TG_TRY(tg__number_store(&number, infer->dtype, element, err));
    TG_TRY(tg__chunks_from_values(&values[P_CHUNKS], &values[P_COUNTS], infer->ndim, infer->shape,
                                  &infer->chunks, err));
    infer->state = element;
    infer->state_free = full_free;
    element = NULL;
out:
    tg_free(NULL, element, sizeof *element);
    return status;
}

static void
full_cost(const tg_array *node, const tg_box *out, tg_cost *cost)
{
    (void)node;
    cost->operations = (double)tg_box_count(out) * 0.25;
    cost->scratch_bytes = 0;
}

static tg_status
full_run(const tg_run *run, const tg_view *in, const tg_view *out, tg_error *err)
{
    const tg_element *element = run->node->state;
    (void)in;
    (void)err;
    tg_view_fill(out, element->bytes);
    return TG_OK;
}

/* One element seen from everywhere: no memory, whatever the shape. */
static bool
full_direct(const tg_array *node, tg_view *whole)
{
    tg_element *element = node->state;
    whole->data = element->bytes;
    whole->dtype = node->dtype;
    whole->ndim = node->ndim;
    for (int a = 0; a < node->ndim; a++) {
        whole->shape[a] = node->shape[a];
        whole->strides[a] = 0;
    }
    return true;
}

static const tg_param_schema full_params[] = {
    [P_SHAPE] = { .name = "shape",
                  .kind = TG_PARAM_INT,
                  .is_list = true,
                  .fallback = "()",
                  .summary = "lengths of the axes" },
    [P_FILL] = { .name = "fill_value",
                 .kind = TG_PARAM_FLOAT,
                 .is_list = true,
                 .fallback = "None",
                 .summary = "the value; two entries for a complex number" },
    [P_INTEGER] = { .name = "fill_integer",
                    .kind = TG_PARAM_INT,
                    .fallback = "None",
                    .summary = "the value as an exact integer (uint64 by bit pattern)" },
    [P_DTYPE] = { .name = "dtype",
                  .kind = TG_PARAM_DTYPE,
                  .fallback = "None",
                  .summary = "element type; None: as the value" },
    TG__CHUNK_PARAMS,
    { .name = NULL },
};

const tg_op tg_op_full = {
    .name = "full",
    .module = "",
    .summary = "An array of the given shape, filled with one value.",
    .version = 1,
    .cls = TG_CLASS_SOURCE,
    .flags = TG_OP_CHEAP,
    .arg_names = "",
    .params = full_params,
    .infer = full_infer,
    .cost = full_cost,
    .run = full_run,
    .direct = full_direct,
};
