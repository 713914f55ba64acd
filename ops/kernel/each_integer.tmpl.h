/* SPDX-License-Identifier: BSD-3-Clause */
/* Include template: BODY once for each integer dtype, with X the dtype's suffix. */
#include "ops/kernel/each_signed.tmpl.h"
#include "ops/kernel/each_unsigned.tmpl.h"
