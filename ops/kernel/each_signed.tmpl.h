/* SPDX-License-Identifier: BSD-3-Clause */
/* Include template: BODY once for each of these dtypes, with X the dtype's suffix. */
#define X I8
#include BODY
#undef X
#define X I16
#include BODY
#undef X
#define X I32
#include BODY
#undef X
#define X I64
#include BODY
#undef X
