/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * grey_erosion and grey_dilation, and what is composed from them: opening, closing, gradient,
 * Laplacian, top hats, as scipy.ndimage has them. All take (input, footprint, structure); an array
 * without cells stands for a footprint or structure that is not given.
 */
#include "core/array/scope.h"
#include "ops/overlap/rank.h"
#include "ops/shape/common.h"

static tg_status
infer_erosion(tg_infer *infer, tg_error *err)
{
    return tg_rank_infer(infer, 0, &(tg_rank_request){ .is_max = false }, err);
}

static tg_status
infer_dilation(tg_infer *infer, tg_error *err)
{
    return tg_rank_infer(infer, 0, &(tg_rank_request){ .is_max = true, .mirror = true }, err);
}

#define DEFINE_GREY(op, infer_function, text)                                                      \
    TG_DEFINE_RANK(op, 3, "input|footprint|structure", tg_rank_params, infer_function, text)

DEFINE_GREY(grey_erosion, infer_erosion, "The smallest value under the structure.");
DEFINE_GREY(grey_dilation, infer_dilation, "The largest value under the mirrored structure.");

/* `op` on `input` with the footprint, structure and parameters of the composite. */
static tg_array *
step(tg_scope *scope, const char *op, tg_array *input, size_t nargs, tg_array *const *args,
     const tg_value *values)
{
    tg_array *with[3] = { input, nargs > 1 ? args[1] : NULL, nargs > 2 ? args[2] : NULL };
    return tg__build_again(scope, op, nargs, with, tg_rank_params, values);
}

static tg_array *
build_opening(tg_scope *scope, size_t nargs, tg_array *const *args, const tg_value *values)
{
    tg_array *eroded = step(scope, "grey_erosion", args[0], nargs, args, values);
    return step(scope, "grey_dilation", eroded, nargs, args, values);
}

static tg_array *
build_closing(tg_scope *scope, size_t nargs, tg_array *const *args, const tg_value *values)
{
    tg_array *dilated = step(scope, "grey_dilation", args[0], nargs, args, values);
    return step(scope, "grey_erosion", dilated, nargs, args, values);
}

static tg_array *
build_gradient(tg_scope *scope, size_t nargs, tg_array *const *args, const tg_value *values)
{
    return tg__build_two(scope, "subtract",
                         step(scope, "grey_dilation", args[0], nargs, args, values),
                         step(scope, "grey_erosion", args[0], nargs, args, values));
}

static tg_array *
build_laplace(tg_scope *scope, size_t nargs, tg_array *const *args, const tg_value *values)
{
    tg_array *sum =
        tg__build_two(scope, "add", step(scope, "grey_dilation", args[0], nargs, args, values),
                      step(scope, "grey_erosion", args[0], nargs, args, values));
    return tg__build_two(scope, "subtract", tg__build_two(scope, "subtract", sum, args[0]),
                         args[0]);
}

/* Booleans have no minus in NumPy. */
static const char *
minus(const tg_array *a, const tg_array *b)
{
    return a->dtype == TG_DT_BOOL && b->dtype == TG_DT_BOOL ? "bitwise_xor" : "subtract";
}

static tg_array *
build_white(tg_scope *scope, size_t nargs, tg_array *const *args, const tg_value *values)
{
    tg_array *opened = build_opening(scope, nargs, args, values);
    return opened != NULL ? tg__build_two(scope, minus(args[0], opened), args[0], opened) : NULL;
}

static tg_array *
build_black(tg_scope *scope, size_t nargs, tg_array *const *args, const tg_value *values)
{
    tg_array *closed = build_closing(scope, nargs, args, values);
    return closed != NULL ? tg__build_two(scope, minus(closed, args[0]), closed, args[0]) : NULL;
}

#define DEFINE_COMPOSED(op, build_function, text)                                                  \
    const tg_op tg_op_##op = {                                                                     \
        .name = #op,                                                                               \
        .module = "ndimage",                                                                       \
        .summary = text,                                                                           \
        .version = 1,                                                                              \
        .cls = TG_CLASS_COMPOSITE,                                                                 \
        .nargs_min = 1,                                                                            \
        .nargs_max = 3,                                                                            \
        .arg_names = "input|footprint|structure",                                                  \
        .params = tg_rank_params,                                                                  \
        .build = build_function,                                                                   \
    }

DEFINE_COMPOSED(grey_opening, build_opening, "An erosion, then a dilation.");
DEFINE_COMPOSED(grey_closing, build_closing, "A dilation, then an erosion.");
DEFINE_COMPOSED(morphological_gradient, build_gradient, "The dilation minus the erosion.");
DEFINE_COMPOSED(morphological_laplace, build_laplace,
                "The dilation plus the erosion minus twice the input.");
DEFINE_COMPOSED(white_tophat, build_white, "The input minus its opening.");
DEFINE_COMPOSED(black_tophat, build_black, "The closing minus the input.");
