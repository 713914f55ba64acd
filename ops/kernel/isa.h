/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_KERNEL_ISA_H
#define TG_KERNEL_ISA_H
/*
 * What: kernels compiled several times, and the choice between them. A file `*.isa.c` is compiled
 * once per level with -DTG_ISA=base, avx2 or avx512 and the flags of that level; every external
 * name in it goes through TG_ISA_NAME, so the copies live side by side. The build says by
 * TG_HAVE_ISA_AVX2 and TG_HAVE_ISA_AVX512 which there are; elsewhere than on x86-64: `base` alone.
 *
 *     in kernel.isa.c:  const tg_loops TG_ISA_NAME(tg_loops_add) = { ... };
 *     in the user:      TG_ISA_TABLE(const tg_loops, tg_loops_add);
 *                       const tg_loops *loops = TG_ISA_PICK(tg_loops_add);
 *
 * Ownership: constants. Threads: tg_isa_level may be called from any thread; tg_isa_set is for
 * start-up and tests, before work runs. Errors: none.
 */

typedef enum tg_isa { TG_ISA_BASE, TG_ISA_AVX2, TG_ISA_AVX512, TG_ISA_COUNT } tg_isa;

/* The level that kernels run at: the highest that the processor has, or what was set. */
tg_isa tg_isa_level(void);
/* Lowers the level; what the processor does not have is ignored. Returns the level now in use. */
tg_isa tg_isa_set(tg_isa level);
/* The highest level of this processor. */
tg_isa tg_isa_best(void);
/* "base", "avx2", "avx512". Valid for ever. */
const char *tg_isa_name(tg_isa level);

#define TG__ISA_CAT(name, isa)  name##_##isa
#define TG__ISA_CAT2(name, isa) TG__ISA_CAT(name, isa)
/* Only in *.isa.c */
#define TG_ISA_NAME(name) TG__ISA_CAT2(name, TG_ISA)

#if defined(TG_HAVE_ISA_AVX512) && defined(TG_HAVE_ISA_AVX2)
#    define TG_ISA_TABLE(type, name)                                                               \
        extern type name##_base;                                                                   \
        extern type name##_avx2;                                                                   \
        extern type name##_avx512
/* The address of the copy for the level in use; of a function too. */
#    define TG_ISA_PICK(name)                                                                      \
        (tg_isa_level() == TG_ISA_AVX512 ? &name##_avx512                                          \
         : tg_isa_level() == TG_ISA_AVX2 ? &name##_avx2                                            \
                                         : &name##_base)
/* The addresses of the copies, by level: for a constant that is looked at later. */
#    define TG_ISA_LIST(name)                                                                      \
        {                                                                                          \
            &name##_base, &name##_avx2, &name##_avx512                                             \
        }
#elif defined(TG_HAVE_ISA_AVX2)
#    define TG_ISA_TABLE(type, name)                                                               \
        extern type name##_base;                                                                   \
        extern type name##_avx2
#    define TG_ISA_PICK(name) (tg_isa_level() >= TG_ISA_AVX2 ? &name##_avx2 : &name##_base)
#    define TG_ISA_LIST(name)                                                                      \
        {                                                                                          \
            &name##_base, &name##_avx2, &name##_avx2                                               \
        }
#else
#    define TG_ISA_TABLE(type, name) extern type name##_base
#    define TG_ISA_PICK(name)        (&name##_base)
#    define TG_ISA_LIST(name)                                                                      \
        {                                                                                          \
            &name##_base, &name##_base, &name##_base                                               \
        }
#endif

#endif
