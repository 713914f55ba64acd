/* SPDX-License-Identifier: BSD-3-Clause */
/* Include template: BODY once for each complex dtype, with X its suffix and RESULT that of its
 * parts. */
#define X      C64
#define RESULT F32
#include BODY
#undef RESULT
#undef X
#define X      C128
#define RESULT F64
#include BODY
#undef RESULT
#undef X
