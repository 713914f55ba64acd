/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Binary erosion and dilation as nodes: arguments and the window. How the structure is cut is in
 * binary_cut.c, how one box is computed from that in binary_run.c.
 */
#include "core/array/scope.h"
#include "ops/morphology/binary_state.h"
#include "ops/overlap/filter_args.h"

const tg_param_schema tg_binary_params[] = {
    { "iterations", TG_PARAM_INT, false, false, "1", NULL, "how often it is applied, at least 1" },
    { "border_value", TG_PARAM_INT, false, false, "0", NULL, "value outside the array, 0 or 1" },
    TG_SCHEMA_ORIGIN,
    TG_SCHEMA_AXES,
    TG_SCHEMA_END,
};

static void
binary_free(void *state)
{
    tg_binary *b = state;
    if (b != NULL) {
        tg_state_free(b->footprint);
        tg_state_free(b->chords);
        tg_state_free(b->sections);
        tg_state_free(b->away);
        tg_state_free(b->links);
        tg_state_free(b);
    }
}

static tg_status
check_params(const tg_infer *infer, tg_error *err)
{
    tg_status status = TG_OK;
    const tg_value *v = infer->values;
    const char *name = infer->op->name;
    const tg_array *in = infer->args[0];
    int64_t iterations = tg_value_int(&v[TG_BINARY_ITERATIONS], 0, 1);
    int64_t border = tg_value_int(&v[TG_BINARY_BORDER_VALUE], 0, 0);
    TG_CHECK(in->dtype != TG_DT_C64 && in->dtype != TG_DT_C128, err, TG_ERR_TYPE,
             "%s: complex input is not supported", name);
    TG_CHECK(in->ndim > 0, err, TG_ERR_VALUE, "%s: the input must have at least one axis", name);
    TG_CHECK(iterations >= 1, err, TG_ERR_UNSUPPORTED,
             "%s: iterations must be >= 1, got %lld; repeating until nothing changes is not "
             "supported",
             name, (long long)iterations);
    TG_CHECK(iterations <= 1 << 20, err, TG_ERR_LIMIT,
             "%s: at most 1048576 iterations are allowed, got %lld", name, (long long)iterations);
    TG_CHECK(border == 0 || border == 1, err, TG_ERR_VALUE,
             "%s: border_value must be 0 or 1, got %lld", name, (long long)border);
out:
    return status;
}

tg_status
tg_binary_infer(tg_infer *infer, bool dilate, tg_error *err)
{
    tg_status status = TG_OK;
    const tg_value *v = infer->values;
    int axes[TG_NDIM_MAX];
    int naxes = 0;
    tg_binary *b = NULL;
    TG_TRY(check_params(infer, err));
    infer->args[0] = tg_scope_cast(infer->scope, infer->args[0], TG_DT_BOOL);
    TG_CHECK(infer->args[0] != NULL, err, TG_ERR_TYPE, "%s: the input cannot become bool",
             infer->op->name);
    TG_TRY(tg_filter_begin(infer, NULL, err));
    TG_TRY(tg_filter_axes(infer, &v[TG_BINARY_AXES], axes, &naxes, err));
    b = tg_state_alloc(sizeof *b);
    TG_CHECK(b != NULL, err, TG_ERR_MEMORY, "%s: out of memory", infer->op->name);
    if (infer->nargs > 1) {
        TG_TRY(tg_footprint_from_arg(infer, 1, axes, naxes, &v[TG_BINARY_ORIGIN], false,
                                     &b->footprint, err));
    } else {
        b->footprint = tg_footprint_cross(infer->ndim, axes, naxes);
        TG_CHECK(b->footprint != NULL, err, TG_ERR_MEMORY, "%s: out of memory", infer->op->name);
        TG_TRY(
            tg_footprint_set_origin(infer, b->footprint, axes, naxes, &v[TG_BINARY_ORIGIN], err));
    }
    if (dilate) {
        tg_footprint_mirror(b->footprint);
    }
    b->dilate = dilate;
    b->iterations = tg_value_int(&v[TG_BINARY_ITERATIONS], 0, 1);
    b->border = tg_value_int(&v[TG_BINARY_BORDER_VALUE], 0, 0) != 0;
    TG_CHECK(tg_binary_cut(b), err, TG_ERR_MEMORY, "%s: out of memory", infer->op->name);
    infer->state = b;
    infer->state_free = binary_free;
    b = NULL;
out:
    binary_free(b);
    return status;
}

void
tg_binary_window(const tg_array *node, size_t arg, tg_window *window)
{
    const tg_binary *b = node->state;
    tg_filter_window_whole(window);
    if (arg == 0) {
        tg_footprint_window(b->footprint, b->iterations, window);
        for (int a = 0; a < node->ndim; a++) {
            window->mode[a] = TG_BOUNDARY_NONE;
        }
    }
}
