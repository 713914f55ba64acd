/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_KERNEL_PICK_H
#define TG_KERNEL_PICK_H
/*
 * What: for *.isa.c of reductions: what tells a NaN, and PICK(X)(better, a, b), the choice between
 * two elements of a dtype.
 *
 * Ownership, Threads, Errors: none; inline functions.
 */
#include <stdint.h>
#include <string.h>

#include "ops/kernel/types.h"

#define RE(a)             (__real__(a))
#define IM(a)             (__imag__(a))
#define NAN_REAL(x)       ((x) != (x))
#define NAN_COMPLEX(x)    ((RE(x) != RE(x)) | (IM(x) != IM(x)))
#define NUMBER_COMPLEX(x) ((RE(x) == RE(x)) & (IM(x) == IM(x)))

/* `better ? a : b`. Of floats by masks: of a chain of ternaries gcc 12 makes branches, and then no
 * vectors (float32 max: 3.5 instead of 15 GB/s). */
static inline float
pick_float(int better, float a, float b)
{
    uint32_t mask = 0u - (uint32_t)better;
    uint32_t abits;
    uint32_t bbits;
    memcpy(&abits, &a, sizeof a);
    memcpy(&bbits, &b, sizeof b);
    abits = (abits & mask) | (bbits & ~mask);
    memcpy(&a, &abits, sizeof a);
    return a;
}

static inline double
pick_double(int better, double a, double b)
{
    uint64_t mask = (uint64_t)0 - (uint64_t)better;
    uint64_t abits;
    uint64_t bbits;
    memcpy(&abits, &a, sizeof a);
    memcpy(&bbits, &b, sizeof b);
    abits = (abits & mask) | (bbits & ~mask);
    memcpy(&a, &abits, sizeof a);
    return a;
}

#define PICK_PLAIN(better, a, b) ((better) ? (a) : (b))
#define PICK(X)                  TG_CAT2(PICK_, X)
#define PICK_BOOL                PICK_PLAIN
#define PICK_I8                  PICK_PLAIN
#define PICK_U8                  PICK_PLAIN
#define PICK_I16                 PICK_PLAIN
#define PICK_U16                 PICK_PLAIN
#define PICK_I32                 PICK_PLAIN
#define PICK_U32                 PICK_PLAIN
#define PICK_I64                 PICK_PLAIN
#define PICK_U64                 PICK_PLAIN
#define PICK_F16                 pick_float
#define PICK_F32                 pick_float
#define PICK_F64                 pick_double
#define PICK_C64                 PICK_PLAIN
#define PICK_C128                PICK_PLAIN

#endif
