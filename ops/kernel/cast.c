/* SPDX-License-Identifier: BSD-3-Clause */
/* The table of conversions, from those of each target type. */
#include "ops/kernel/cast.h"

#include "core/base/assert.h"
#include "ops/kernel/isa.h"
#include "ops/kernel/strip.h"

#define EACH_TABLE(X)                                                                              \
    X(BOOL)                                                                                        \
    X(I8) X(U8) X(I16) X(U16) X(I32) X(U32) X(I64) X(U64) X(F16) X(F32) X(F64) X(C64) X(C128)
#define DECLARE(to) TG_ISA_TABLE(const tg_loops, tg_loops_cast_##to);
EACH_TABLE(DECLARE)

tg_loop
tg_cast_loop(tg_dtype from, tg_dtype to)
{
    const tg_loops *tables[TG_DT_COUNT] = {
#define ROW(to) [TG_DT_##to] = TG_ISA_PICK(tg_loops_cast_##to),
        EACH_TABLE(ROW)
#undef ROW
    };
    TG_ASSERT(to > TG_DT_NONE && to < TG_DT_COUNT && from > TG_DT_NONE && from < TG_DT_COUNT);
    return tables[to]->at[from];
}
