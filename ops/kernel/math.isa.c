/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Exponentials, logarithms, trigonometry, powers: SLEEF's functions of one ULP, whole vectors at a
 * time. A tail shorter than a vector goes through the same function, so an element's value does
 * not depend on where it lies. Where SLEEF gives up before the end of the range (its manual says
 * where), or is only right for normal numbers, the element is computed again by the C library, in
 * double.
 */
#include <math.h>
#include <sleef.h>

#include "ops/kernel/loops.h"

#if defined(__AVX512F__)
typedef __m512 vector_F32;
typedef __m512d vector_F64;
#    define SLEEF_F32(name, ulp) Sleef_##name##f16_##ulp##avx512f
#    define SLEEF_F64(name, ulp) Sleef_##name##d8_##ulp##avx512f
#elif defined(__AVX2__)
typedef __m256 vector_F32;
typedef __m256d vector_F64;
#    define SLEEF_F32(name, ulp) Sleef_##name##f8_##ulp##avx2
#    define SLEEF_F64(name, ulp) Sleef_##name##d4_##ulp##avx2
#elif defined(__SSE2__)
typedef __m128 vector_F32;
typedef __m128d vector_F64;
#    define SLEEF_F32(name, ulp) Sleef_##name##f4_##ulp##sse2
#    define SLEEF_F64(name, ulp) Sleef_##name##d2_##ulp##sse2
#else
typedef float32x4_t vector_F32;
typedef float64x2_t vector_F64;
#    define SLEEF_F32(name, ulp) Sleef_##name##f4_##ulp##advsimd
#    define SLEEF_F64(name, ulp) Sleef_##name##d2_##ulp##advsimd
#endif

/* The macro for a dtype, its arguments expanded first. */
#define VECTOR_CALL(X, name, ulp)  VECTOR_CALL_(X, name, ulp)
#define VECTOR_CALL_(X, name, ulp) SLEEF_##X(name, ulp)

#define ABS_F32 __builtin_fabsf
#define ABS_F64 __builtin_fabs
#define MAX_F32 0x1.fffffep127f
#define MAX_F64 0x1.fffffffffffffp1023

#define ULP  u10
#define BODY "ops/kernel/sleef1.tmpl.h"

#define LIBM(a) NAME((double)(a))
/* SLEEF's are right for the whole range. */
#define AGAIN(a) 0

#define OP   exp
#define NAME exp
#include "ops/kernel/each_float.tmpl.h"
TG_LOOPS(exp, TG_ROWS_FLOAT(loop_exp));
#undef NAME
#undef OP

#define OP   exp2
#define NAME exp2
#include "ops/kernel/each_float.tmpl.h"
TG_LOOPS(exp2, TG_ROWS_FLOAT(loop_exp2));
#undef NAME
#undef OP

#define OP   expm1
#define NAME expm1
#include "ops/kernel/each_float.tmpl.h"
TG_LOOPS(expm1, TG_ROWS_FLOAT(loop_expm1));
#undef NAME
#undef OP

#define OP   log
#define NAME log
#include "ops/kernel/each_float.tmpl.h"
TG_LOOPS(log, TG_ROWS_FLOAT(loop_log));
#undef NAME
#undef OP

#define OP   log2
#define NAME log2
#include "ops/kernel/each_float.tmpl.h"
TG_LOOPS(log2, TG_ROWS_FLOAT(loop_log2));
#undef NAME
#undef OP

#define OP   log10
#define NAME log10
#include "ops/kernel/each_float.tmpl.h"
TG_LOOPS(log10, TG_ROWS_FLOAT(loop_log10));
#undef NAME
#undef OP

#define OP   sin
#define NAME sin
#include "ops/kernel/each_float.tmpl.h"
TG_LOOPS(sin, TG_ROWS_FLOAT(loop_sin));
#undef NAME
#undef OP

#define OP   cos
#define NAME cos
#include "ops/kernel/each_float.tmpl.h"
TG_LOOPS(cos, TG_ROWS_FLOAT(loop_cos));
#undef NAME
#undef OP

#define OP   tan
#define NAME tan
#include "ops/kernel/each_float.tmpl.h"
TG_LOOPS(tan, TG_ROWS_FLOAT(loop_tan));
#undef NAME
#undef OP

#define OP   arcsin
#define NAME asin
#include "ops/kernel/each_float.tmpl.h"
TG_LOOPS(arcsin, TG_ROWS_FLOAT(loop_arcsin));
#undef NAME
#undef OP

#define OP   arccos
#define NAME acos
#include "ops/kernel/each_float.tmpl.h"
TG_LOOPS(arccos, TG_ROWS_FLOAT(loop_arccos));
#undef NAME
#undef OP

#define OP   arctan
#define NAME atan
#include "ops/kernel/each_float.tmpl.h"
TG_LOOPS(arctan, TG_ROWS_FLOAT(loop_arctan));
#undef NAME
#undef OP

#define OP   tanh
#define NAME tanh
#include "ops/kernel/each_float.tmpl.h"
TG_LOOPS(tanh, TG_ROWS_FLOAT(loop_tanh));
#undef NAME
#undef OP

#define OP   arctanh
#define NAME atanh
#include "ops/kernel/each_float.tmpl.h"
TG_LOOPS(arctanh, TG_ROWS_FLOAT(loop_arctanh));
#undef NAME
#undef OP

#undef AGAIN

#define BEYOND(a, limit) (!(__builtin_fabs((double)(a)) <= (limit)))
#define SUBNORMAL_OR_SPECIAL(a)                                                                    \
    (!(__builtin_fabs((double)(a)) >= (sizeof(a) == 4 ? 0x1p-126 : 0x1p-1022)) |                   \
     BEYOND(a, sizeof(a) == 4 ? 0x1.fffffep127 : 0x1.fffffffffffffp1023))

#define OP       log1p
#define NAME     log1p
#define AGAIN(a) BEYOND(a, sizeof(a) == 4 ? 1e38 : 1e307)
#include "ops/kernel/each_float.tmpl.h"
TG_LOOPS(log1p, TG_ROWS_FLOAT(loop_log1p));
#undef AGAIN
#undef NAME
#undef OP

#define OP       sinh
#define NAME     sinh
#define AGAIN(a) BEYOND(a, sizeof(a) == 4 ? 88.0 : 709.0)
#include "ops/kernel/each_float.tmpl.h"
TG_LOOPS(sinh, TG_ROWS_FLOAT(loop_sinh));
#undef AGAIN
#undef NAME
#undef OP

#define OP       cosh
#define NAME     cosh
#define AGAIN(a) BEYOND(a, sizeof(a) == 4 ? 88.0 : 709.0)
#include "ops/kernel/each_float.tmpl.h"
TG_LOOPS(cosh, TG_ROWS_FLOAT(loop_cosh));
#undef AGAIN
#undef NAME
#undef OP

#define OP       arcsinh
#define NAME     asinh
#define AGAIN(a) BEYOND(a, sizeof(a) == 4 ? 1e19 : 1e154)
#include "ops/kernel/each_float.tmpl.h"
TG_LOOPS(arcsinh, TG_ROWS_FLOAT(loop_arcsinh));
#undef AGAIN
#undef NAME
#undef OP

#define OP       arccosh
#define NAME     acosh
#define AGAIN(a) BEYOND(a, sizeof(a) == 4 ? 1e19 : 1e154)
#include "ops/kernel/each_float.tmpl.h"
TG_LOOPS(arccosh, TG_ROWS_FLOAT(loop_arccosh));
#undef AGAIN
#undef NAME
#undef OP

#define OP       cbrt
#define NAME     cbrt
#define AGAIN(a) SUBNORMAL_OR_SPECIAL(a)
#include "ops/kernel/each_float.tmpl.h"
TG_LOOPS(cbrt, TG_ROWS_FLOAT(loop_cbrt));
#undef AGAIN
#undef NAME
#undef OP
#undef LIBM
#undef BODY

#define BODY       "ops/kernel/sleef2.tmpl.h"
#define LIBM(a, b) NAME((double)(a), (double)(b))

#define OP   arctan2
#define NAME atan2
#include "ops/kernel/each_float.tmpl.h"
TG_LOOPS(arctan2, TG_ROWS_FLOAT(loop_arctan2));
#undef NAME
#undef OP

#define OP   power
#define NAME pow
#include "ops/kernel/each_float.tmpl.h"
TG_LOOPS(float_power, TG_ROWS_FLOAT(loop_power));
#undef NAME
#undef OP

#undef ULP
#define ULP  u05
#define OP   hypot
#define NAME hypot
#include "ops/kernel/each_float.tmpl.h"
TG_LOOPS(hypot, TG_ROWS_FLOAT(loop_hypot));
#undef NAME
#undef OP
#undef LIBM
#undef BODY

#undef ULP

/* logaddexp: the larger plus log1p(exp(-difference)); equal ones, infinite or not, plus log(2). */
#define BLOCK 256
#define SUM_OF_EXPONENTIALS(OP_, X_, TYPE, EXP, FACTOR, TWO)                                       \
    static void inner_##OP_##_##X_(const void *restrict va, const void *restrict vb,               \
                                   void *restrict vo, size_t n)                                    \
    {                                                                                              \
        for (size_t done = 0; done < n; done += BLOCK) {                                           \
            size_t now = n - done < BLOCK ? n - done : BLOCK;                                      \
            const TYPE *a = (const TYPE *)va + done, *b = (const TYPE *)vb + done;                 \
            TYPE *o = (TYPE *)vo + done;                                                           \
            TYPE less[BLOCK], more[BLOCK];                                                         \
            for (size_t i = 0; i < now; i++) {                                                     \
                less[i] = a[i] > b[i] ? b[i] - a[i] : a[i] - b[i];                                 \
            }                                                                                      \
            inner_##EXP##_##X_(less, more, now);                                                   \
            inner_log1p_##X_(more, less, now);                                                     \
            for (size_t i = 0; i < now; i++) {                                                     \
                TYPE larger = a[i] > b[i] ? a[i] : b[i];                                           \
                o[i] = a[i] == b[i] ? a[i] + (TYPE)(TWO) : larger + less[i] * (TYPE)(FACTOR);      \
            }                                                                                      \
        }                                                                                          \
    }
SUM_OF_EXPONENTIALS(logaddexp, F32, float, exp, 1, M_LN2)
SUM_OF_EXPONENTIALS(logaddexp, F64, double, exp, 1, M_LN2)
SUM_OF_EXPONENTIALS(logaddexp2, F32, float, exp2, M_LOG2E, 1)
SUM_OF_EXPONENTIALS(logaddexp2, F64, double, exp2, M_LOG2E, 1)

#define BODY "ops/kernel/frame2.tmpl.h"
#define OP   logaddexp
#include "ops/kernel/each_float.tmpl.h"
TG_LOOPS(logaddexp, TG_ROWS_FLOAT(loop_logaddexp));
#undef OP
#define OP logaddexp2
#include "ops/kernel/each_float.tmpl.h"
TG_LOOPS(logaddexp2, TG_ROWS_FLOAT(loop_logaddexp2));
#undef OP
#undef BODY
