/* SPDX-License-Identifier: BSD-3-Clause */
/* The end of a process whose programmer was wrong. */
#include "core/base/assert.h"

#include <inttypes.h>
#include <stdio.h>

_Noreturn void
tg__assert_failed(const char *text, const char *file, int line, int64_t a, int64_t b)
{
    (void)fprintf(stderr, "tilegraph: assertion failed: %s (%" PRId64 ", %" PRId64 ") at %s:%d\n",
                  text, a, b, file, line);
    __builtin_trap();
}
