/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Which instruction set the kernels use. Asked of the processor once; the answer is the same from
 * every thread, so a race at the first call is harmless.
 */
#include "ops/kernel/isa.h"

#include <stdatomic.h>
#include <stdbool.h>

#define LEVEL_UNKNOWN (-1)

static _Atomic int level_now = LEVEL_UNKNOWN;

tg_isa
tg_isa_best(void)
{
    tg_isa best = TG_ISA_BASE;
#if defined(__x86_64__)
    __builtin_cpu_init();
    bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
                __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2") &&
                __builtin_cpu_supports("f16c");
    bool avx512 = avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                  __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
                  __builtin_cpu_supports("avx512vl");
    if (avx512) {
        best = TG_ISA_AVX512;
    } else if (avx2) {
        best = TG_ISA_AVX2;
    }
#endif
    return best;
}

tg_isa
tg_isa_level(void)
{
    int level = atomic_load_explicit(&level_now, memory_order_relaxed);
    if (level == LEVEL_UNKNOWN) {
        level = (int)tg_isa_best();
        atomic_store_explicit(&level_now, level, memory_order_relaxed);
    }
    return (tg_isa)level;
}

tg_isa
tg_isa_set(tg_isa level)
{
    tg_isa best = tg_isa_best();
    atomic_store_explicit(&level_now, (int)(level < best ? level : best), memory_order_relaxed);
    return tg_isa_level();
}

const char *
tg_isa_name(tg_isa level)
{
    static const char *const names[] = { "base", "avx2", "avx512" };
    return names[level];
}
