/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_BASE_STATUS_H
#define TG_BASE_STATUS_H
/*
 * What: raising and passing on errors inside the library. See include/tilegraph/base.h for the
 * status codes and the error object.
 *
 *     tg_status
 *     f(tg_error *err)
 *     {
 *         tg_status status = TG_OK;
 *         ...
 *         TG_TRY(g(err));                                        jumps to out: when g fails
 *         TG_CHECK(n > 0, err, TG_ERR_VALUE, "f: n must be > 0, got %d", n);
 *     out:
 *         free what is owned;
 *         return status;
 *     }
 *
 * Ownership: none. Threads: any. Errors: what is too long loses its middle.
 */
#include "tilegraph/base.h"

/* Fills `err` (NULL allowed) and returns `code`. */
tg_status tg__fail(tg_error *err, tg_status code, const char *file, int line, const char *format,
                   ...) __attribute__((format(printf, 5, 6)));

/* Puts "text: " before the message that is in `err`, to say where it happened. */
void tg__error_prefix(tg_error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

#ifndef __clang_analyzer__
#    define tg_fail(err, code, ...) tg__fail((err), (code), __FILE__, __LINE__, __VA_ARGS__)
#else /* which does not see that it is the code that comes back, and that it is never TG_OK */
#    define tg_fail(err, code, ...)                                                                \
        ((void)tg__fail((err), (code), __FILE__, __LINE__, __VA_ARGS__), (code))
#endif

/* Both need a local `tg_status status` and a label `out:`. Neither returns. */
#define TG_TRY(call)                                                                               \
    do {                                                                                           \
        status = (call);                                                                           \
        if (status != TG_OK) {                                                                     \
            goto out;                                                                              \
        }                                                                                          \
    } while (0)
#define TG_CHECK(condition, err, code, ...)                                                        \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            status = tg_fail((err), (code), __VA_ARGS__);                                          \
            goto out;                                                                              \
        }                                                                                          \
    } while (0)

#endif
