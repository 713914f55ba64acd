/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_TILEGRAPH_BASE_H
#define TG_TILEGRAPH_BASE_H
/*
 * What: the ground of the public API: visibility, version, status codes and the error object.
 *
 * Ownership: a tg_error belongs to the caller; it holds no pointer and needs no cleaning.
 * Threads: everything here may be called from any thread; one tg_error serves one thread.
 * Errors: functions that can fail return a tg_status and fill the tg_error given last (NULL is
 * allowed). A function that builds an array records its error in the tg_scope instead.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if defined(TG_NO_VISIBILITY)
#    define TG_API
#    define TG_MUST_USE
#elif defined(__cplusplus)
#    define TG_API      extern "C" __attribute__((visibility("default")))
#    define TG_MUST_USE __attribute__((warn_unused_result))
#else
#    define TG_API      __attribute__((visibility("default")))
#    define TG_MUST_USE __attribute__((warn_unused_result))
#endif

/*
 * One list gives the enum, the names, the texts and the exceptions of Python. The numbers never
 * change once released; they go over the wire.
 *   X(NAME, number, text, the built-in Python exception that it also is)
 */
#define TG_STATUS_MAP(X)                                                                           \
    X(OK, 0, "success", "")                                                                        \
    X(ERR_VALUE, 1, "an argument has a value that is not allowed", "ValueError")                   \
    X(ERR_TYPE, 2, "an argument has a type that is not allowed", "TypeError")                      \
    X(ERR_INDEX, 3, "an index is out of range", "IndexError")                                      \
    X(ERR_AXIS, 4, "an axis is out of range", "AxisError")                                         \
    X(ERR_MEMORY, 5, "the memory limit is too small", "MemoryError")                               \
    X(ERR_IO, 6, "reading or writing failed", "OSError")                                           \
    X(ERR_NOT_FOUND, 7, "no such file, array or chunk", "FileNotFoundError")                       \
    X(ERR_CORRUPT, 8, "stored data is damaged", "OSError")                                         \
    X(ERR_FORMAT, 9, "stored metadata is malformed or not supported", "ValueError")                \
    X(ERR_UNSUPPORTED, 10, "not supported", "NotImplementedError")                                 \
    X(ERR_OVERFLOW, 11, "a number is too large", "OverflowError")                                  \
    X(ERR_CANCELLED, 12, "cancelled", "RuntimeError")                                              \
    X(ERR_USER, 13, "a user function failed", "RuntimeError")                                      \
    X(ERR_LIMIT, 14, "a limit of the engine was exceeded", "ValueError")                           \
    X(ERR_EXISTS, 15, "the target exists already", "FileExistsError")                              \
    X(ERR_INTERNAL, 16, "internal error; please report it", "RuntimeError")                        \
    X(ERR_MISMATCH, 17, "arguments do not fit each other", "RuntimeError")

typedef enum tg_status {
#define TG_STATUS_ENUM(name, number, text, python) TG_##name = number,
    TG_STATUS_MAP(TG_STATUS_ENUM)
#undef TG_STATUS_ENUM
} tg_status;

/* What went wrong. `message` says what, where, why and what to do, in that order. */
typedef struct tg_error {
    tg_status code;
    int32_t line;      /* of the source file that raised it */
    char file[44];     /* base name of that file */
    char message[972]; /* NUL-terminated UTF-8 */
} tg_error;

/* The version of the library that is running, "major.minor.patch". Valid for ever. */
TG_API const char *tg_version_string(void);
/* "ERR_VALUE", ...; "?" for a number that is none. Valid for ever. */
TG_API const char *tg_status_name(tg_status code);
/* A sentence without a full stop; "unknown status" for a number that is none. Valid for ever. */
TG_API const char *tg_status_text(tg_status code);
/* The Python exception a status maps to ("ValueError"); "" for TG_OK. Valid for ever. */
TG_API const char *tg_status_python(tg_status code);

#endif
