/* SPDX-License-Identifier: BSD-3-Clause */
/* Include template: BODY once for each of these dtypes, with X the dtype's suffix. */
#define X C64
#include BODY
#undef X
#define X C128
#include BODY
#undef X
