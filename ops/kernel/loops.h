/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_KERNEL_LOOPS_H
#define TG_KERNEL_LOOPS_H
/*
 * What: what every file of elementwise kernels needs: the frame, the names of types, and the
 * definition of a table of loops. Kernels of an op are made like this:
 *
 *     #define OP add
 *     #define BODY "ops/kernel/binary.tmpl.h"
 *     #define EXPR(a, b) ((W)(a) + (W)(b))
 *     #include "ops/kernel/each_integer.tmpl.h"
 *     #undef EXPR
 *     TG_LOOPS(add, TG_ROWS_INTEGER(loop_add));
 *
 * Ownership: constants. Threads: pure. Errors: none.
 */
#include "ops/kernel/isa.h"
#include "ops/kernel/strip.h"
#include "ops/kernel/types.h"

/* Declares and defines tg_loops_<op> of this instruction set; and, in files that are compiled once,
 * tg_plain_<op>. */
#define TG_LOOPS(op, ...)                                                                          \
    extern const tg_loops TG_ISA_NAME(tg_loops_##op);                                              \
    const tg_loops TG_ISA_NAME(tg_loops_##op) = { { __VA_ARGS__ } }

#define TG_PLAIN_LOOPS(op, ...)                                                                    \
    extern const tg_loops tg_plain_##op;                                                           \
    const tg_loops tg_plain_##op = { { __VA_ARGS__ } }

#endif
