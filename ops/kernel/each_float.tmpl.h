/* SPDX-License-Identifier: BSD-3-Clause */
/* Include template: BODY once for each of these dtypes, with X the dtype's suffix. */
#define X F32
#include BODY
#undef X
#define X F64
#include BODY
#undef X
/* float16 uses float's kernel in another frame, so it comes after F32. */
#define X F16
#include BODY
#undef X
