/* SPDX-License-Identifier: BSD-3-Clause */
/* Include template: BODY once for each of these dtypes, with X the dtype's suffix. */
#define X U8
#include BODY
#undef X
#define X U16
#include BODY
#undef X
#define X U32
#include BODY
#undef X
#define X U64
#include BODY
#undef X
