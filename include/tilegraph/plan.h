/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_TILEGRAPH_PLAN_H
#define TG_TILEGRAPH_PLAN_H
/*
 * What: plans that are kept: run when it suits, run again, or written as bytes and read by another
 * process, which computes the very same.
 *
 *     tg_plan_create(here, 1, &target, &plan, &err);        session.h
 *     tg_plan_to_bytes(plan, &bytes, &size, &err);
 *     ...                                                   a file, a socket
 *     tg_plan_from_bytes(there, bytes, size, 0, NULL, &plan, &err);
 *     tg_plan_start(there, plan, &computation, &err);
 *
 * The bytes hold the expressions and what the planner has chosen: stages, what they read, their
 * tiles. Tasks and their order follow from that, so a plan of a million tiles is a few hundred
 * bytes. A plan that was read has the tasks, the order and the results of the one that was written,
 * bit for bit; its peak of memory is predicted for the session that reads it, and it is refused
 * when that session's memory_limit is too small for it.
 *
 * What travels. Arrays in stores go by their path, are opened by the reader, and must have the
 * shape and dtype that they had. Arrays in memory go by value, up to 16 MiB each. Functions of the
 * user's do not travel. Where results go does not either: that is for the reader to say.
 *
 * Trust. Bytes are not believed: counts, ranges, shapes, dtypes and tiles are checked, the
 * expressions as if a user had built them, before any memory is taken for them; a plan may expand
 * to 16,777,216 tasks. The paths in it are opened with the rights of the process that reads: who
 * reads plans of others sets a root, tg_session_set_plan_root, outside of which nothing is opened.
 *
 * Ownership: as said at each function. Threads: any; a plan is immutable once it is made.
 * Errors: TG_ERR_FORMAT for bytes that are no plan; TG_ERR_UNSUPPORTED for what cannot travel, and
 * for a version or an op that is not known here; TG_ERR_LIMIT; TG_ERR_VALUE for a store that has
 * changed; TG_ERR_MEMORY for a memory_limit that is too small; what opening a store says.
 */
#include "tilegraph/children.h"
#include "tilegraph/session.h"

/* Gives `size` bytes, freed with tg_plan_bytes_free. */
TG_API TG_MUST_USE tg_status tg_plan_to_bytes(const tg_plan *plan, void **bytes, size_t *size,
                                              tg_error *err);
TG_API void tg_plan_bytes_free(void *bytes, size_t size);

/*
 * From now on the plans that this session reads may name stores in the folder `root` and below
 * only; others are TG_ERR_VALUE, before anything of them is opened. Paths are judged by where they
 * lead: "..", links on the way and links among the files of a folder do not lead out. It keeps out
 * who writes plans, not who writes in the root: between looking and opening there is a moment.
 * NULL: any path, as in a new session. Arrays that the program opens itself are not concerned.
 * TG_ERR_NOT_FOUND, TG_ERR_VALUE when the root is no folder.
 */
TG_API TG_MUST_USE tg_status tg_session_set_plan_root(tg_session *session, const char *root,
                                                      tg_error *err);
/* A shared library whose functions plans may call: this file and no other. */
typedef struct tg_plan_library {
    const char *path;   /* as the plan names it; absolute */
    const char *sha256; /* 64 hexadecimal digits, as sha256sum prints them */
} tg_plan_library;
typedef struct tg_plan_functions {
    size_t struct_size;
    tg_children *children; /* Python functions run in these; NULL: they are refused */
    uint64_t group;        /* of these functions, for tg_children_stop */
    size_t library_count;
    const tg_plan_library *libraries;
    /* A maker of the program's own, which decides instead of all that: gives one reference, or NULL
     * after writing a message. NULL: there is none. */
    tg_function *(*make)(void *ctx, const tg_function_form *form, char *message,
                         size_t message_bytes);
    void *ctx;
} tg_plan_functions;
/*
 * Which user functions the plans may call that this session reads from now on; NULL, and in a new
 * session: none. Allowing Python allows anything: whoever writes the plan runs code as this user.
 * The lists are copied; not while a plan is being read. TG_ERR_VALUE for a path that is not
 * absolute or a hash that is none.
 */
TG_API TG_MUST_USE tg_status tg_session_set_plan_functions(tg_session *session,
                                                           const tg_plan_functions *functions,
                                                           tg_error *err);
/*
 * Reads a plan; the bytes are not needed afterwards. `targets` says where the results go: as many
 * as the plan has, their `array` is not looked at. count 0: all results are memory of the engine's.
 * A sink must have chunks of which the tiles of the plan are made up.
 */
TG_API TG_MUST_USE tg_status tg_plan_from_bytes(tg_session *session, const void *bytes, size_t size,
                                                size_t count, const tg_target *targets,
                                                tg_plan **out, tg_error *err);
/* The arrays that a plan in bytes computes: to open sinks like them. *count gets how many there
 * are; `arrays` at most `max` of them, one reference each. */
TG_API TG_MUST_USE tg_status tg_plan_bytes_targets(tg_session *session, const void *bytes,
                                                   size_t size, size_t max, tg_array **arrays,
                                                   size_t *count, tg_error *err);

/*
 * Expressions alone, for a program that cuts up the work by itself: it reads them elsewhere, takes
 * its part of them, and computes that. As with plans, but relative paths are written as absolute
 * ones.
 */
TG_API TG_MUST_USE tg_status tg_arrays_to_bytes(size_t count, tg_array *const *arrays, void **bytes,
                                                size_t *size, tg_error *err);
/* Gives `count` arrays, one reference each; TG_ERR_VALUE when the bytes hold another number.
 * `functions`: which they may call; NULL: those that the session lets plans call. */
TG_API TG_MUST_USE tg_status tg_arrays_from_bytes(tg_session *session, const void *bytes,
                                                  size_t size, const tg_plan_functions *functions,
                                                  size_t count, tg_array **arrays, tg_error *err);

/*
 * A name for what expressions compute, for tg_save_options.resume: equal names are equal ops and
 * parameters, functions with equal forms, arrays in memory that are equal cell by cell, and stores
 * of the same path, dtype and shape whose file (or folder, itself) has not been changed since.
 */
enum { TG_FINGERPRINT_BYTES = 33 };
TG_API TG_MUST_USE tg_status tg_arrays_fingerprint(size_t count, tg_array *const *arrays,
                                                   char text[TG_FINGERPRINT_BYTES], tg_error *err);

TG_API size_t tg_plan_array_count(const tg_plan *plan);
/* Borrowed from the plan; NULL when the index is too large. */
TG_API tg_array *tg_plan_array(const tg_plan *plan, size_t index);

/* Runs a plan as it is; returns at once. It may be run again, and destroyed while it runs. But a
 * plan that writes to a sink runs once: TG_ERR_VALUE the second time. */
TG_API TG_MUST_USE tg_status tg_plan_start(tg_session *session, tg_plan *plan, tg_computation **out,
                                           tg_error *err);

#endif
