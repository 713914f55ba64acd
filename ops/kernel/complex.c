/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Complex kernels. Products are the plain formula and quotients Smith's, as in NumPy (not those of
 * C's Annex G). Order is by real part, then by imaginary part; a number with a NaN part is NaN to
 * maximum and minimum. Functions are the C library's, at their full ranges and branch cuts.
 */
#include <complex.h>
#include <math.h>

#include "ops/kernel/loops.h"

#define RE(a) (__real__(a))
#define IM(a) (__imag__(a))
/* A complex number of the type at hand from its parts. */
#define MAKE(re, im)                                                                               \
    (sizeof(T) == 8 ? (T)tg_cmplxf((float)(re), (float)(im))                                       \
                    : (T)tg_cmplx((double)(re), (double)(im)))
#define CALL(fn, a) (sizeof(T) == 8 ? (T)fn##f((float _Complex)(a)) : (T)fn((double _Complex)(a)))
#define CALL2(fn, a, b)                                                                            \
    (sizeof(T) == 8 ? (T)fn##f((float _Complex)(a), (float _Complex)(b))                           \
                    : (T)fn((double _Complex)(a), (double _Complex)(b)))
#define IS_NAN(a) ((RE(a) != RE(a)) | (IM(a) != IM(a)))
#define IS_INF(a) ((isinf(RE(a)) != 0) | (isinf(IM(a)) != 0))

#define TRUE_(a) ((RE(a) != 0) | (IM(a) != 0))
/* a >= b and a > b; false when a part decides nothing because it is NaN. */
#define GREATER_EQUAL(a, b)                                                                        \
    ((RE(a) > RE(b) && IM(a) == IM(a) && IM(b) == IM(b)) || (RE(a) == RE(b) && IM(a) >= IM(b)))
#define GREATER(a, b)                                                                              \
    ((RE(a) > RE(b) && IM(a) == IM(a) && IM(b) == IM(b)) || (RE(a) == RE(b) && IM(a) > IM(b)))
#define LARGER(a, b)  (IS_NAN(a) || GREATER_EQUAL(a, b) ? (a) : (b))
#define SMALLER(a, b) (IS_NAN(a) || GREATER_EQUAL(b, a) ? (a) : (b))

static double _Complex divide(double _Complex a, double _Complex b)
{
    double ar = creal(a), ai = cimag(a), br = creal(b), bi = cimag(b);
    double _Complex r;
    if (fabs(br) >= fabs(bi)) {
        if (br == 0 && bi == 0) {
            r = tg_cmplx(ar / fabs(br), ai / fabs(br));
        } else {
            double ratio = bi / br;
            double scale = 1.0 / (br + bi * ratio);
            r = tg_cmplx((ar + ai * ratio) * scale, (ai - ar * ratio) * scale);
        }
    } else {
        double ratio = br / bi;
        double scale = 1.0 / (bi + br * ratio);
        r = tg_cmplx((ar * ratio + ai) * scale, (ai * ratio - ar) * scale);
    }
    return r;
}

static float _Complex dividef(float _Complex a, float _Complex b)
{
    float ar = crealf(a), ai = cimagf(a), br = crealf(b), bi = cimagf(b);
    float _Complex r;
    if (fabsf(br) >= fabsf(bi)) {
        if (br == 0 && bi == 0) {
            r = tg_cmplxf(ar / fabsf(br), ai / fabsf(br));
        } else {
            float ratio = bi / br;
            float scale = 1.0f / (br + bi * ratio);
            r = tg_cmplxf((ar + ai * ratio) * scale, (ai - ar * ratio) * scale);
        }
    } else {
        float ratio = br / bi;
        float scale = 1.0f / (bi + br * ratio);
        r = tg_cmplxf((ar * ratio + ai) * scale, (ai * ratio - ar) * scale);
    }
    return r;
}

/* As NumPy: not the quotient of 1, whose zeros would have other signs. */
static double _Complex reciprocal(double _Complex a)
{
    double ar = creal(a), ai = cimag(a);
    bool tall = fabs(ai) > fabs(ar);
    double ratio = tall ? ar / ai : ai / ar;
    double size = tall ? ar * ratio + ai : ar + ai * ratio;
    return tall ? tg_cmplx(ratio / size, -1 / size) : tg_cmplx(1 / size, -ratio / size);
}

static float _Complex reciprocalf(float _Complex a)
{
    float ar = crealf(a), ai = cimagf(a);
    bool tall = fabsf(ai) > fabsf(ar);
    float ratio = tall ? ar / ai : ai / ar;
    float size = tall ? ar * ratio + ai : ar + ai * ratio;
    return tall ? tg_cmplxf(ratio / size, -1 / size) : tg_cmplxf(1 / size, -ratio / size);
}

static inline double _Complex product(double _Complex a, double _Complex b)
{
    return tg_cmplx(creal(a) * creal(b) - cimag(a) * cimag(b),
                    creal(a) * cimag(b) + cimag(a) * creal(b));
}

/* Small integer powers by multiplication, as NumPy; 0 to a power whose real part is not positive:
 * NaN. */
static double _Complex power(double _Complex a, double _Complex b)
{
    double br = creal(b), bi = cimag(b);
    double _Complex r;
    if (br == 0 && bi == 0) {
        r = 1.0;
    } else if (creal(a) == 0 && cimag(a) == 0) {
        r = br > 0 ? tg_cmplx(0.0, 0.0) : tg_cmplx((double)NAN, (double)NAN);
    } else if (bi == 0 && br == floor(br) && fabs(br) < 100) {
        unsigned n = (unsigned)fabs(br);
        double _Complex base = a;
        r = 1.0;
        for (; n != 0; n >>= 1) {
            r = (n & 1u) != 0 ? product(r, base) : r;
            base = product(base, base);
        }
        r = br < 0 ? divide(1.0, r) : r;
    } else {
        r = cpow(a, b);
    }
    return r;
}

static float _Complex powerf(float _Complex a, float _Complex b)
{
    return (float _Complex)power(a, b);
}

static double _Complex sign(double _Complex a)
{
    double size = cabs(a);
    double _Complex r = tg_cmplx(creal(a) / size, cimag(a) / size);
    if (creal(a) == 0 && cimag(a) == 0) {
        r = 0.0;
    } else if (isinf(size) && !isnan(creal(a)) && !isnan(cimag(a))) {
        /* Only a real or an imaginary infinity has a direction; a finite number is scaled down. */
        bool none = !isinf(creal(a)) && !isinf(cimag(a));
        bool both = isinf(creal(a)) && isinf(cimag(a));
        double re = isinf(creal(a)) ? copysign(1.0, creal(a)) : 0.0;
        double im = isinf(cimag(a)) ? copysign(1.0, cimag(a)) : 0.0;
        double size4 = hypot(creal(a) / 4, cimag(a) / 4);
        r = both ? tg_cmplx((double)NAN, (double)NAN) : tg_cmplx(re, im);
        r = none ? tg_cmplx(creal(a) / 4 / size4, cimag(a) / 4 / size4) : r;
    }
    return r;
}

static float _Complex signf(float _Complex a)
{
    return (float _Complex)sign(a);
}

static double _Complex scale(double _Complex a, double factor)
{
    return tg_cmplx(creal(a) * factor, cimag(a) * factor);
}

static double _Complex exp2_(double _Complex a)
{
    return cexp(scale(a, M_LN2));
}

static double _Complex log2_(double _Complex a)
{
    return scale(clog(a), M_LOG2E);
}

static double _Complex log10_(double _Complex a)
{
    return scale(clog(a), M_LOG10E);
}

static double _Complex expm1_(double _Complex a)
{
    double half = sin(cimag(a) / 2);
    return tg_cmplx(expm1(creal(a)) * cos(cimag(a)) - 2 * half * half,
                    exp(creal(a)) * sin(cimag(a)));
}

static double _Complex log1p_(double _Complex a)
{
    double re = creal(a) + 1;
    return tg_cmplx(log(hypot(re, cimag(a))), atan2(cimag(a), re));
}

#define BODY "ops/kernel/binary.tmpl.h"

#define OP         add
#define EXPR(a, b) ((a) + (b))
#include "ops/kernel/each_complex.tmpl.h"
#undef EXPR
TG_PLAIN_LOOPS(complex_add, TG_ROWS_COMPLEX(loop_add));
#undef OP

#define OP         subtract
#define EXPR(a, b) ((a) - (b))
#include "ops/kernel/each_complex.tmpl.h"
#undef EXPR
TG_PLAIN_LOOPS(complex_subtract, TG_ROWS_COMPLEX(loop_subtract));
#undef OP

#define OP         multiply
#define EXPR(a, b) MAKE(RE(a) * RE(b) - IM(a) * IM(b), RE(a) * IM(b) + IM(a) * RE(b))
#include "ops/kernel/each_complex.tmpl.h"
#undef EXPR
TG_PLAIN_LOOPS(complex_multiply, TG_ROWS_COMPLEX(loop_multiply));
#undef OP

#define OP         divide
#define EXPR(a, b) CALL2(divide, a, b)
#include "ops/kernel/each_complex.tmpl.h"
#undef EXPR
TG_PLAIN_LOOPS(complex_divide, TG_ROWS_COMPLEX(loop_divide));
#undef OP

#define OP         power
#define EXPR(a, b) CALL2(power, a, b)
#include "ops/kernel/each_complex.tmpl.h"
#undef EXPR
TG_PLAIN_LOOPS(complex_power, TG_ROWS_COMPLEX(loop_power));
#undef OP

#define OP         maximum
#define EXPR(a, b) LARGER(a, b)
#include "ops/kernel/each_complex.tmpl.h"
#undef EXPR
TG_PLAIN_LOOPS(complex_maximum, TG_ROWS_COMPLEX(loop_maximum));
#undef OP

#define OP         minimum
#define EXPR(a, b) SMALLER(a, b)
#include "ops/kernel/each_complex.tmpl.h"
#undef EXPR
TG_PLAIN_LOOPS(complex_minimum, TG_ROWS_COMPLEX(loop_minimum));
#undef OP

#define OP         fmax
#define EXPR(a, b) (IS_NAN(b) || GREATER_EQUAL(a, b) ? (a) : (b))
#include "ops/kernel/each_complex.tmpl.h"
#undef EXPR
TG_PLAIN_LOOPS(complex_fmax, TG_ROWS_COMPLEX(loop_fmax));
#undef OP

#define OP         fmin
#define EXPR(a, b) (IS_NAN(b) || GREATER_EQUAL(b, a) ? (a) : (b))
#include "ops/kernel/each_complex.tmpl.h"
#undef EXPR
TG_PLAIN_LOOPS(complex_fmin, TG_ROWS_COMPLEX(loop_fmin));
#undef OP

#define RESULT BOOL

#define OP         greater
#define EXPR(a, b) GREATER(a, b)
#include "ops/kernel/each_complex.tmpl.h"
#undef EXPR
TG_PLAIN_LOOPS(complex_greater, TG_ROWS_COMPLEX(loop_greater));
#undef OP

#define OP         greater_equal
#define EXPR(a, b) GREATER_EQUAL(a, b)
#include "ops/kernel/each_complex.tmpl.h"
#undef EXPR
TG_PLAIN_LOOPS(complex_greater_equal, TG_ROWS_COMPLEX(loop_greater_equal));
#undef OP

#define OP         less
#define EXPR(a, b) GREATER(b, a)
#include "ops/kernel/each_complex.tmpl.h"
#undef EXPR
TG_PLAIN_LOOPS(complex_less, TG_ROWS_COMPLEX(loop_less));
#undef OP

#define OP         less_equal
#define EXPR(a, b) GREATER_EQUAL(b, a)
#include "ops/kernel/each_complex.tmpl.h"
#undef EXPR
TG_PLAIN_LOOPS(complex_less_equal, TG_ROWS_COMPLEX(loop_less_equal));
#undef OP

#define OP         equal
#define EXPR(a, b) ((RE(a) == RE(b)) & (IM(a) == IM(b)))
#include "ops/kernel/each_complex.tmpl.h"
#undef EXPR
TG_PLAIN_LOOPS(complex_equal, TG_ROWS_COMPLEX(loop_equal));
#undef OP

#define OP         not_equal
#define EXPR(a, b) ((RE(a) != RE(b)) | (IM(a) != IM(b)))
#include "ops/kernel/each_complex.tmpl.h"
#undef EXPR
TG_PLAIN_LOOPS(complex_not_equal, TG_ROWS_COMPLEX(loop_not_equal));
#undef OP

#define OP         logical_and
#define EXPR(a, b) (TRUE_(a) & TRUE_(b))
#include "ops/kernel/each_complex.tmpl.h"
#undef EXPR
TG_PLAIN_LOOPS(complex_logical_and, TG_ROWS_COMPLEX(loop_logical_and));
#undef OP

#define OP         logical_or
#define EXPR(a, b) (TRUE_(a) | TRUE_(b))
#include "ops/kernel/each_complex.tmpl.h"
#undef EXPR
TG_PLAIN_LOOPS(complex_logical_or, TG_ROWS_COMPLEX(loop_logical_or));
#undef OP

#define OP         logical_xor
#define EXPR(a, b) (TRUE_(a) ^ TRUE_(b))
#include "ops/kernel/each_complex.tmpl.h"
#undef EXPR
TG_PLAIN_LOOPS(complex_logical_xor, TG_ROWS_COMPLEX(loop_logical_xor));
#undef OP

#undef RESULT
#undef BODY

#define BODY "ops/kernel/unary.tmpl.h"

#define RESULT BOOL

#define OP      logical_not
#define EXPR(a) (!TRUE_(a))
#include "ops/kernel/each_complex.tmpl.h"
#undef EXPR
TG_PLAIN_LOOPS(complex_logical_not, TG_ROWS_COMPLEX(loop_logical_not));
#undef OP

#define OP      isnan
#define EXPR(a) IS_NAN(a)
#include "ops/kernel/each_complex.tmpl.h"
#undef EXPR
TG_PLAIN_LOOPS(complex_isnan, TG_ROWS_COMPLEX(loop_isnan));
#undef OP

#define OP      isinf
#define EXPR(a) IS_INF(a)
#include "ops/kernel/each_complex.tmpl.h"
#undef EXPR
TG_PLAIN_LOOPS(complex_isinf, TG_ROWS_COMPLEX(loop_isinf));
#undef OP

#define OP      isfinite
#define EXPR(a) ((isfinite(RE(a)) != 0) & (isfinite(IM(a)) != 0))
#include "ops/kernel/each_complex.tmpl.h"
#undef EXPR
TG_PLAIN_LOOPS(complex_isfinite, TG_ROWS_COMPLEX(loop_isfinite));
#undef OP

#undef RESULT

#define OP      absolute
#define EXPR(a) (sizeof(T) == 8 ? hypotf((float)RE(a), (float)IM(a)) : hypot(RE(a), IM(a)))
#include "ops/kernel/each_complex_part.tmpl.h"
#undef EXPR
TG_PLAIN_LOOPS(complex_absolute, TG_ROWS_COMPLEX(loop_absolute));
#undef OP

#define OP      real
#define EXPR(a) RE(a)
#include "ops/kernel/each_complex_part.tmpl.h"
#undef EXPR
TG_PLAIN_LOOPS(complex_real, TG_ROWS_COMPLEX(loop_real));
#undef OP

#define OP      imag
#define EXPR(a) IM(a)
#include "ops/kernel/each_complex_part.tmpl.h"
#undef EXPR
TG_PLAIN_LOOPS(complex_imag, TG_ROWS_COMPLEX(loop_imag));
#undef OP

#define OP      angle
#define EXPR(a) (sizeof(T) == 8 ? atan2f((float)IM(a), (float)RE(a)) : atan2(IM(a), RE(a)))
#include "ops/kernel/each_complex_part.tmpl.h"
#undef EXPR
TG_PLAIN_LOOPS(complex_angle, TG_ROWS_COMPLEX(loop_angle));
#undef OP

#define OP      negative
#define EXPR(a) MAKE(-RE(a), -IM(a))
#include "ops/kernel/each_complex.tmpl.h"
#undef EXPR
TG_PLAIN_LOOPS(complex_negative, TG_ROWS_COMPLEX(loop_negative));
#undef OP

#define OP      positive
#define EXPR(a) (a)
#include "ops/kernel/each_complex.tmpl.h"
#undef EXPR
TG_PLAIN_LOOPS(complex_positive, TG_ROWS_COMPLEX(loop_positive));
#undef OP

#define OP      conjugate
#define EXPR(a) MAKE(RE(a), -IM(a))
#include "ops/kernel/each_complex.tmpl.h"
#undef EXPR
TG_PLAIN_LOOPS(complex_conjugate, TG_ROWS_COMPLEX(loop_conjugate));
#undef OP

#define OP      square
#define EXPR(a) MAKE(RE(a) * RE(a) - IM(a) * IM(a), RE(a) * IM(a) + IM(a) * RE(a))
#include "ops/kernel/each_complex.tmpl.h"
#undef EXPR
TG_PLAIN_LOOPS(complex_square, TG_ROWS_COMPLEX(loop_square));
#undef OP

#define OP      reciprocal
#define EXPR(a) CALL(reciprocal, a)
#include "ops/kernel/each_complex.tmpl.h"
#undef EXPR
TG_PLAIN_LOOPS(complex_reciprocal, TG_ROWS_COMPLEX(loop_reciprocal));
#undef OP

#define OP      sign
#define EXPR(a) CALL(sign, a)
#include "ops/kernel/each_complex.tmpl.h"
#undef EXPR
TG_PLAIN_LOOPS(complex_sign, TG_ROWS_COMPLEX(loop_sign));
#undef OP

#define OP      rint
#define EXPR(a) MAKE(rint((double)RE(a)), rint((double)IM(a)))
#include "ops/kernel/each_complex.tmpl.h"
#undef EXPR
TG_PLAIN_LOOPS(complex_rint, TG_ROWS_COMPLEX(loop_rint));
#undef OP

#define OP      sqrt
#define EXPR(a) CALL(csqrt, a)
#include "ops/kernel/each_complex.tmpl.h"
#undef EXPR
TG_PLAIN_LOOPS(complex_sqrt, TG_ROWS_COMPLEX(loop_sqrt));
#undef OP

#define OP      exp
#define EXPR(a) CALL(cexp, a)
#include "ops/kernel/each_complex.tmpl.h"
#undef EXPR
TG_PLAIN_LOOPS(complex_exp, TG_ROWS_COMPLEX(loop_exp));
#undef OP

#define OP      exp2
#define EXPR(a) ((T)exp2_(a))
#include "ops/kernel/each_complex.tmpl.h"
#undef EXPR
TG_PLAIN_LOOPS(complex_exp2, TG_ROWS_COMPLEX(loop_exp2));
#undef OP

#define OP      expm1
#define EXPR(a) ((T)expm1_(a))
#include "ops/kernel/each_complex.tmpl.h"
#undef EXPR
TG_PLAIN_LOOPS(complex_expm1, TG_ROWS_COMPLEX(loop_expm1));
#undef OP

#define OP      log
#define EXPR(a) CALL(clog, a)
#include "ops/kernel/each_complex.tmpl.h"
#undef EXPR
TG_PLAIN_LOOPS(complex_log, TG_ROWS_COMPLEX(loop_log));
#undef OP

#define OP      log2
#define EXPR(a) ((T)log2_(a))
#include "ops/kernel/each_complex.tmpl.h"
#undef EXPR
TG_PLAIN_LOOPS(complex_log2, TG_ROWS_COMPLEX(loop_log2));
#undef OP

#define OP      log10
#define EXPR(a) ((T)log10_(a))
#include "ops/kernel/each_complex.tmpl.h"
#undef EXPR
TG_PLAIN_LOOPS(complex_log10, TG_ROWS_COMPLEX(loop_log10));
#undef OP

#define OP      log1p
#define EXPR(a) ((T)log1p_(a))
#include "ops/kernel/each_complex.tmpl.h"
#undef EXPR
TG_PLAIN_LOOPS(complex_log1p, TG_ROWS_COMPLEX(loop_log1p));
#undef OP

#define OP      sin
#define EXPR(a) CALL(csin, a)
#include "ops/kernel/each_complex.tmpl.h"
#undef EXPR
TG_PLAIN_LOOPS(complex_sin, TG_ROWS_COMPLEX(loop_sin));
#undef OP

#define OP      cos
#define EXPR(a) CALL(ccos, a)
#include "ops/kernel/each_complex.tmpl.h"
#undef EXPR
TG_PLAIN_LOOPS(complex_cos, TG_ROWS_COMPLEX(loop_cos));
#undef OP

#define OP      tan
#define EXPR(a) CALL(ctan, a)
#include "ops/kernel/each_complex.tmpl.h"
#undef EXPR
TG_PLAIN_LOOPS(complex_tan, TG_ROWS_COMPLEX(loop_tan));
#undef OP

#define OP      arcsin
#define EXPR(a) CALL(casin, a)
#include "ops/kernel/each_complex.tmpl.h"
#undef EXPR
TG_PLAIN_LOOPS(complex_arcsin, TG_ROWS_COMPLEX(loop_arcsin));
#undef OP

#define OP      arccos
#define EXPR(a) CALL(cacos, a)
#include "ops/kernel/each_complex.tmpl.h"
#undef EXPR
TG_PLAIN_LOOPS(complex_arccos, TG_ROWS_COMPLEX(loop_arccos));
#undef OP

#define OP      arctan
#define EXPR(a) CALL(catan, a)
#include "ops/kernel/each_complex.tmpl.h"
#undef EXPR
TG_PLAIN_LOOPS(complex_arctan, TG_ROWS_COMPLEX(loop_arctan));
#undef OP

#define OP      sinh
#define EXPR(a) CALL(csinh, a)
#include "ops/kernel/each_complex.tmpl.h"
#undef EXPR
TG_PLAIN_LOOPS(complex_sinh, TG_ROWS_COMPLEX(loop_sinh));
#undef OP

#define OP      cosh
#define EXPR(a) CALL(ccosh, a)
#include "ops/kernel/each_complex.tmpl.h"
#undef EXPR
TG_PLAIN_LOOPS(complex_cosh, TG_ROWS_COMPLEX(loop_cosh));
#undef OP

#define OP      tanh
#define EXPR(a) CALL(ctanh, a)
#include "ops/kernel/each_complex.tmpl.h"
#undef EXPR
TG_PLAIN_LOOPS(complex_tanh, TG_ROWS_COMPLEX(loop_tanh));
#undef OP

#define OP      arcsinh
#define EXPR(a) CALL(casinh, a)
#include "ops/kernel/each_complex.tmpl.h"
#undef EXPR
TG_PLAIN_LOOPS(complex_arcsinh, TG_ROWS_COMPLEX(loop_arcsinh));
#undef OP

#define OP      arccosh
#define EXPR(a) CALL(cacosh, a)
#include "ops/kernel/each_complex.tmpl.h"
#undef EXPR
TG_PLAIN_LOOPS(complex_arccosh, TG_ROWS_COMPLEX(loop_arccosh));
#undef OP

#define OP      arctanh
#define EXPR(a) CALL(catanh, a)
#include "ops/kernel/each_complex.tmpl.h"
#undef EXPR
TG_PLAIN_LOOPS(complex_arctanh, TG_ROWS_COMPLEX(loop_arctanh));
#undef OP
#undef BODY

#define BODY "ops/kernel/ternary.tmpl.h"
#define OP   clip
/* Here alone a NaN imaginary part is looked at only when the real parts are equal, as in NumPy. */
#define ABOVE(a, b)     (RE(a) == RE(b) ? IM(a) > IM(b) : RE(a) > RE(b))
#define CLIP_LOW(a, b)  (IS_NAN(a) || ABOVE(a, b) ? (a) : (b))
#define CLIP_HIGH(a, b) (IS_NAN(a) || ABOVE(b, a) ? (a) : (b))
#define EXPR(a, b, c)   CLIP_HIGH(CLIP_LOW(a, b), c)
#include "ops/kernel/each_complex.tmpl.h"
#undef EXPR
TG_PLAIN_LOOPS(complex_clip, TG_ROWS_COMPLEX(loop_clip));
#undef OP
#undef BODY
