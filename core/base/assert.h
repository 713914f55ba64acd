/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_BASE_ASSERT_H
#define TG_BASE_ASSERT_H
/*
 * What: assertions on the programmer's own mistakes. TG_ASSERT stays on in release builds;
 * TG_DCHECK is for hot loops and exists in debug builds only. Never used on user input, files or
 * messages: those get a status.
 *
 * Ownership: none. Threads: any. Errors: a failed assertion prints and ends the process.
 */
#include <stdint.h>

_Noreturn void tg__assert_failed(const char *text, const char *file, int line, int64_t a,
                                 int64_t b);

#define TG_ASSERT(condition)                                                                       \
    do {                                                                                           \
        if (__builtin_expect(!(condition), 0)) {                                                   \
            tg__assert_failed(#condition, __FILE__, __LINE__, 0, 0);                               \
        }                                                                                          \
    } while (0)
/* As TG_ASSERT(a op b), and prints both values. */
#define TG_ASSERT_CMP(a, op, b)                                                                    \
    do {                                                                                           \
        if (__builtin_expect(!((a)op(b)), 0)) {                                                    \
            tg__assert_failed(#a " " #op " " #b, __FILE__, __LINE__, (int64_t)(a), (int64_t)(b));  \
        }                                                                                          \
    } while (0)

/* In functions that audit a whole state and give what is broken, for tests and the simulator: needs
 * a local `const char *broken` and a label `out:`. */
#define TG_MUST(condition, text)                                                                   \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            broken = (text);                                                                       \
            goto out;                                                                              \
        }                                                                                          \
    } while (0)

#ifdef NDEBUG
#    define TG_DCHECK(condition) ((void)0)
#else
#    define TG_DCHECK(condition) TG_ASSERT(condition)
#endif

#endif
