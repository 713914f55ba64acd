/* SPDX-License-Identifier: BSD-3-Clause */
/* The loops of ops/kernel/edt.h. */
#include "ops/kernel/edt.h"

#include "ops/kernel/types.h"

enum { STEPS = 4 };

#define T         int32_t
#define ENVELOPE  envelope_i32
#define SQUARE(j) ((int32_t)((j) * (j)))
#define CAP(v)    ((v) < TG_EDT_FAR ? (v) : TG_EDT_FAR)
#include "ops/kernel/edt.tmpl.h"

#define T         double
#define ENVELOPE  envelope_f64
#define SQUARE(j) (((double)(j)*spacing) * ((double)(j)*spacing))
#define CAP(v)    (v)
#include "ops/kernel/edt.tmpl.h"

const tg_edt_kernels TG_ISA_NAME(tg_edt) = {
    .envelope_i32 = envelope_i32,
    .envelope_f64 = envelope_f64,
};
