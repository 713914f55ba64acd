/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_ELEMENTWISE_ELEMENTWISE_H
#define TG_ELEMENTWISE_ELEMENTWISE_H
/*
 * What: what the elementwise ops share: NumPy's type resolution, broadcasting, and the choice of a
 * loop. A file of an op says which loops there are, in NumPy's letters and in NumPy's order; infer
 * takes the first that all arguments can be cast to safely, casts them, and the loop then sees
 * one type. A weak scalar counts as the type that it takes beside its partners (NEP 50).
 *
 *     ? bool   b B int8 uint8   h H 16   i I 32   l L 64   e f d float16 32 64   F D complex64 128
 *
 * Ownership: infer builds in the scope it is given. Threads: as said in op.h.
 * Errors: TG_ERR_TYPE when no loop fits, with NumPy's words and the dtypes; TG_ERR_VALUE when
 * shapes do not broadcast.
 */
#include "core/array/array.h"
#include "core/array/dtype.h"
#include "core/array/op.h"
#include "core/array/scope.h"
#include "core/base/assert.h"
#include "core/base/status.h"
#include "ops/kernel/isa.h"
#include "ops/kernel/strip.h"
#include "ops/shape/common.h"

typedef enum tg_ufunc_result {
    TG_RESULT_SAME, /* as the loop's inputs */
    TG_RESULT_BOOL,
    TG_RESULT_REAL /* the real type of complex inputs */
} tg_ufunc_result;

/* The traits of an op of this family: its types, and where the loops for them are. */
typedef struct tg_ufunc {
    const char *types; /* the letters of the inputs of each loop */
    tg_ufunc_result result;
    bool integers_as_float64; /* true division */
    const char *no_bool;      /* NumPy's sentence when all arguments are bool; NULL: as any type */
    const tg_loops *loops[TG_ISA_COUNT]; /* by dtype of the first argument; or NULL */
    const tg_loops *mixed[TG_ISA_COUNT]; /* those for two arguments of unlike dtypes; or NULL */
    const tg_loops *plain[2];            /* asked in turn when `loops` has none; or NULL */
} tg_ufunc;

#define TG_TYPES_INTEGER "bBhHiIlL"
#define TG_TYPES_FLOAT   "efd"
#define TG_TYPES_COMPLEX "FD"
#define TG_TYPES_NUMBER  TG_TYPES_INTEGER TG_TYPES_FLOAT TG_TYPES_COMPLEX
#define TG_TYPES_REAL    "?" TG_TYPES_INTEGER TG_TYPES_FLOAT
#define TG_TYPES_ALL     TG_TYPES_REAL TG_TYPES_COMPLEX

/* For `no_bool` of ops that NumPy has no loop of bool for, though one of int8 would fit. */
#define TG_NO_BOOL_LOOP "did not contain a loop with signature matching types bool"

/* The slot `infer` of an op whose traits are a tg_ufunc: types, casts, broadcast shape. */
TG_MUST_USE tg_status tg_ufunc_infer(tg_infer *infer, tg_error *err);

/* The steps of it, for ops with rules of their own. */
/* The dtype of the loop for the arguments; an error names the op. */
TG_MUST_USE tg_status tg_ufunc_resolve(const tg_infer *infer, tg_dtype *dtype, tg_error *err);
/* As tg__infer_cast; a weak integer that does not fit leaves the argument and the scope as they
 * were. */
bool tg_ufunc_cast_fits(tg_infer *infer, size_t index, tg_dtype dtype);
/* Shape of the result from all arguments. */
TG_MUST_USE tg_status tg_ufunc_shape(tg_infer *infer, tg_error *err);
/* The error "ufunc 'x' not supported for the input types ...". */
tg_status tg_ufunc_refuse(const tg_infer *infer, tg_error *err);

/* Of comparisons: types as above; an integer beside a plain number that it cannot hold, and int64
 * beside uint64, compare exactly. */
TG_MUST_USE tg_status tg_compare_infer(tg_infer *infer, tg_error *err);

/* The slot `loop` of an op whose traits are a tg_ufunc. */
tg_loop tg_ufunc_loop(const tg_array *node);

/* Costs: one operation per element; about 20, as transcendental functions have. */
void tg_cost_light(const tg_array *node, const tg_box *out, tg_cost *cost);
void tg_cost_heavy(const tg_array *node, const tg_box *out, tg_cost *cost);

#endif
