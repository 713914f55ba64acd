/* SPDX-License-Identifier: BSD-3-Clause */
/* A table of ops for the tests of core. */
#include "tests/support/mini_ops.h"

#include "core/base/assert.h"
#include "core/mem/alloc.h"

static void
same_as(tg_infer *infer, const tg_array *array)
{
    infer->dtype = array->dtype;
    infer->ndim = array->ndim;
    for (int a = 0; a < array->ndim; a++) {
        infer->shape[a] = array->shape[a];
    }
}

static tg_status
add_infer(tg_infer *infer, tg_error *err)
{
    tg_status status = TG_OK;
    TG_TRY(tg_broadcast_shape(infer->nargs, infer->args, &infer->ndim, infer->shape, err));
    infer->dtype = tg_result_type(infer->nargs, infer->args);
    for (size_t i = 0; i < infer->nargs; i++) {
        infer->args[i] = tg_scope_cast(infer->scope, infer->args[i], infer->dtype);
    }
out:
    return status;
}

static const tg_op op_add = {
    .name = "add",
    .version = 3,
    .cls = TG_CLASS_ELEMENTWISE,
    .nargs_min = 2,
    .nargs_max = 2,
    .arg_names = "x1|x2",
    .infer = add_infer,
};

static tg_status
astype_infer(tg_infer *infer, tg_error *err)
{
    (void)err;
    same_as(infer, infer->args[0]);
    infer->dtype = (tg_dtype)infer->values[0].ints[0];
    return TG_OK;
}

static const tg_param_schema astype_params[] = {
    { .name = "dtype", .kind = TG_PARAM_DTYPE, .required = true },
    { .name = NULL },
};
static const tg_op op_astype = {
    .name = "astype",
    .version = 1,
    .cls = TG_CLASS_ELEMENTWISE,
    .nargs_min = 1,
    .nargs_max = 1,
    .arg_names = "x",
    .params = astype_params,
    .infer = astype_infer,
};

static void
free_state(void *state)
{
    tg_free(NULL, state, sizeof(int64_t));
}

static tg_status
make_state(tg_infer *infer, tg_error *err)
{
    tg_status status = TG_OK;
    int64_t *state = tg_calloc(NULL, 1, sizeof *state);
    TG_CHECK(state != NULL, err, TG_ERR_MEMORY, "out of memory");
    infer->state = state;
    infer->state_free = free_state;
out:
    return status;
}

enum { FULL_SHAPE, FULL_VALUE, FULL_INTEGER, FULL_DTYPE };

static tg_status
full_infer(tg_infer *infer, tg_error *err)
{
    const tg_value *values = infer->values;
    infer->ndim = (int)values[FULL_SHAPE].count;
    for (int a = 0; a < infer->ndim && a < TG_NDIM_MAX; a++) {
        infer->shape[a] = values[FULL_SHAPE].ints[a];
    }
    infer->dtype = values[FULL_DTYPE].count > 0 ? (tg_dtype)values[FULL_DTYPE].ints[0] : TG_DT_F64;
    return make_state(infer, err);
}

static const tg_param_schema full_params[] = {
    [FULL_SHAPE] = { .name = "shape", .kind = TG_PARAM_INT, .is_list = true },
    [FULL_VALUE] = { .name = "fill_value", .kind = TG_PARAM_FLOAT, .is_list = true },
    [FULL_INTEGER] = { .name = "fill_integer", .kind = TG_PARAM_INT },
    [FULL_DTYPE] = { .name = "dtype", .kind = TG_PARAM_DTYPE },
    { .name = NULL },
};
static const tg_op op_full = {
    .name = "full",
    .version = 1,
    .cls = TG_CLASS_SOURCE,
    .params = full_params,
    .infer = full_infer,
};

static tg_status
scalar_infer(tg_infer *infer, tg_error *err)
{
    static const tg_dtype dtypes[] = { TG_DT_BOOL, TG_DT_I64, TG_DT_F64, TG_DT_C128 };
    (void)err;
    infer->dtype = dtypes[infer->values[0].ints[0]];
    return TG_OK;
}

static const tg_param_schema scalar_params[] = {
    { .name = "kind",
      .kind = TG_PARAM_ENUM,
      .required = true,
      .choices = "bool|int|float|complex" },
    { .name = "value", .kind = TG_PARAM_FLOAT, .is_list = true },
    { .name = "integer", .kind = TG_PARAM_INT },
    { .name = NULL },
};
static const tg_op op_scalar = {
    .name = "scalar",
    .version = 1,
    .cls = TG_CLASS_SOURCE,
    .params = scalar_params,
    .infer = scalar_infer,
};

static tg_status
handed_in(tg_infer *infer, tg_error *err)
{
    return tg_fail(err, TG_ERR_TYPE, "%s: needs its data", infer->op->name);
}

static bool
memory_direct(const tg_array *node, tg_view *whole)
{
    *whole = *node->data_view_;
    return true;
}

static const tg_op op_from_memory = {
    .name = "from_memory",
    .version = 1,
    .cls = TG_CLASS_SOURCE,
    .flags = TG_OP_LOCAL,
    .infer = handed_in,
    .direct = memory_direct,
};
static const tg_op op_from_source = {
    .name = "from_source",
    .version = 1,
    .cls = TG_CLASS_SOURCE,
    .infer = handed_in,
};

enum { BLUR_DEPTH, BLUR_MODE, BLUR_SIGMA };

static tg_status
blur_infer(tg_infer *infer, tg_error *err)
{
    same_as(infer, infer->args[0]);
    return make_state(infer, err);
}

static void
blur_window(const tg_array *node, size_t arg, tg_window *window)
{
    (void)arg;
    window->ndim = node->ndim;
    for (int a = 0; a < node->ndim; a++) {
        window->depth_lo[a] = tg_value_int(&node->values[BLUR_DEPTH], (uint32_t)a, 1);
        window->depth_hi[a] = window->depth_lo[a];
        window->mode[a] = (uint8_t)tg_value_int(&node->values[BLUR_MODE], (uint32_t)a, 0);
    }
}

static const tg_param_schema blur_params[] = {
    [BLUR_DEPTH] = { .name = "depth", .kind = TG_PARAM_INT, .is_list = true, .required = true },
    [BLUR_MODE] = { .name = "mode",
                    .kind = TG_PARAM_ENUM,
                    .is_list = true,
                    .choices = "reflect|mirror|nearest|wrap|constant|none" },
    [BLUR_SIGMA] = { .name = "sigma", .kind = TG_PARAM_FLOAT, .is_list = true },
    { .name = NULL },
};
static const tg_op op_blur = {
    .name = "blur",
    .version = 1,
    .cls = TG_CLASS_STENCIL,
    .nargs_min = 1,
    .nargs_max = 1,
    .arg_names = "input",
    .params = blur_params,
    .infer = blur_infer,
    .window = blur_window,
};

static tg_status
weigh_infer(tg_infer *infer, tg_error *err)
{
    (void)err;
    same_as(infer, infer->args[0]);
    return TG_OK;
}

static void
weigh_window(const tg_array *node, size_t arg, tg_window *window)
{
    window->ndim = arg == 0 ? node->ndim : 0;
    for (int a = 0; a < window->ndim; a++) {
        window->depth_lo[a] = 1;
        window->depth_hi[a] = 2;
        window->mode[a] = TG_BOUNDARY_NEAREST;
    }
}

static const tg_op op_weigh = {
    .name = "weigh",
    .version = 1,
    .cls = TG_CLASS_STENCIL,
    .nargs_min = 2,
    .nargs_max = 2,
    .arg_names = "input|weights",
    .infer = weigh_infer,
    .window = weigh_window,
};

static tg_status
crop_infer(tg_infer *infer, tg_error *err)
{
    (void)err;
    same_as(infer, infer->args[0]);
    infer->shape[0] -= infer->values[0].ints[0];
    return TG_OK;
}

static void
crop_demand(const tg_array *node, size_t arg, const tg_box *out, tg_box *in)
{
    (void)arg;
    tg_box_copy(in, out);
    in->lo[0] += node->values[0].ints[0];
    in->hi[0] += node->values[0].ints[0];
}

static const tg_param_schema crop_params[] = {
    { .name = "start", .kind = TG_PARAM_INT, .required = true },
    { .name = NULL },
};
static const tg_op op_crop = {
    .name = "crop",
    .version = 1,
    .cls = TG_CLASS_VIEW,
    .nargs_min = 1,
    .nargs_max = 1,
    .arg_names = "x",
    .params = crop_params,
    .infer = crop_infer,
    .demand = crop_demand,
};

static tg_status
total_infer(tg_infer *infer, tg_error *err)
{
    tg_status status = TG_OK;
    int axis = 0;
    same_as(infer, infer->args[0]);
    TG_TRY(tg_normalize_axis(tg_value_int(&infer->values[0], 0, 0), infer->ndim, &axis, err));
    for (int a = axis; a + 1 < infer->ndim; a++) {
        infer->shape[a] = infer->shape[a + 1];
    }
    infer->ndim--;
out:
    return status;
}

static const tg_reduce total_reduce = { .domain = NULL };
static const tg_param_schema total_params[] = {
    { .name = "axis", .kind = TG_PARAM_INT },
    { .name = NULL },
};
static const tg_op op_total = {
    .name = "total",
    .version = 1,
    .cls = TG_CLASS_REDUCE,
    .nargs_min = 1,
    .nargs_max = 1,
    .arg_names = "a",
    .params = total_params,
    .infer = total_infer,
    .reduce = &total_reduce,
};

static tg_status
select_infer(tg_infer *infer, tg_error *err)
{
    (void)err;
    infer->dtype = infer->args[0]->dtype;
    infer->ndim = 1;
    infer->shape[0] = -1;
    return TG_OK;
}

static void
select_demand(const tg_array *node, size_t arg, const tg_box *out, tg_box *in)
{
    (void)out;
    tg_array_box(node->args[arg], in);
}

static const tg_op op_select = {
    .name = "select",
    .version = 1,
    .cls = TG_CLASS_GATHER,
    .flags = TG_OP_UNKNOWN_SHAPE,
    .nargs_min = 1,
    .nargs_max = 1,
    .arg_names = "x",
    .infer = select_infer,
    .demand = select_demand,
};

static tg_status
call_infer(tg_infer *infer, tg_error *err)
{
    (void)err;
    same_as(infer, infer->args[0]);
    return TG_OK;
}

static const tg_param_schema call_params[] = {
    { .name = "fn", .kind = TG_PARAM_POINTER },
    { .name = NULL },
};
static const tg_op op_call = {
    .name = "call",
    .version = 1,
    .cls = TG_CLASS_ELEMENTWISE,
    .flags = TG_OP_USER,
    .nargs_min = 1,
    .nargs_max = 1,
    .arg_names = "x",
    .params = call_params,
    .infer = call_infer,
};

static tg_array *
twice_build(tg_scope *scope, size_t nargs, tg_array *const *args, const tg_value *values)
{
    (void)nargs;
    (void)values;
    return mini_add(scope, args[0], args[0]);
}

static const tg_param_schema twice_params[] = {
    { .name = "name", .kind = TG_PARAM_STR },
    { .name = "keep", .kind = TG_PARAM_BOOL },
    { .name = NULL },
};
static const tg_op op_twice = {
    .name = "twice",
    .version = 1,
    .cls = TG_CLASS_COMPOSITE,
    .nargs_min = 1,
    .nargs_max = 1,
    .arg_names = "x",
    .params = twice_params,
    .build = twice_build,
};

static tg_array *
nothing_build(tg_scope *scope, size_t nargs, tg_array *const *args, const tg_value *values)
{
    (void)scope;
    (void)nargs;
    (void)args;
    (void)values;
    return NULL;
}

static const tg_op op_nothing = {
    .name = "nothing",
    .version = 1,
    .cls = TG_CLASS_COMPOSITE,
    .build = nothing_build,
};

static tg_status
wrong_infer(tg_infer *infer, tg_error *err)
{
    tg_status status = TG_OK;
    int64_t how = infer->values[0].ints[0];
    same_as(infer, infer->args[0]);
    TG_TRY(make_state(infer, err));
    if (how == 0) {
        infer->dtype = TG_DT_NONE;
    } else if (how == 1) {
        infer->ndim = TG_NDIM_MAX + 1;
    } else if (how == 2) {
        infer->shape[0] = -1;
    } else if (how == 3) {
        infer->shape[0] = -2;
    } else if (how == 4) {
        infer->shape[0] = (int64_t)1 << 62;
    } else if (how == 5) {
        const int64_t shape[] = { 1 };
        infer->chunks = tg_grid_create_regular(1, shape, shape);
        TG_CHECK(infer->chunks != NULL, err, TG_ERR_MEMORY, "out of memory");
    } else {
        status = TG_ERR_VALUE; /* without a message */
    }
out:
    return status;
}

static const tg_param_schema wrong_params[] = {
    { .name = "how", .kind = TG_PARAM_INT, .required = true },
    { .name = NULL },
};
static const tg_op op_wrong = {
    .name = "wrong",
    .version = 1,
    .cls = TG_CLASS_ELEMENTWISE,
    .nargs_min = 1,
    .nargs_max = 1,
    .arg_names = "x",
    .params = wrong_params,
    .infer = wrong_infer,
};

tg_registry *
mini_registry(void)
{
    static const tg_op *const ops[] = {
        &op_add,         &op_astype, &op_full,  &op_scalar,  &op_from_memory,
        &op_from_source, &op_blur,   &op_weigh, &op_crop,    &op_total,
        &op_select,      &op_call,   &op_twice, &op_nothing, &op_wrong,
    };
    return tg_registry_create(ops, sizeof ops / sizeof ops[0]);
}
