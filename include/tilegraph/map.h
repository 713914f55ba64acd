/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_TILEGRAPH_MAP_H
#define TG_TILEGRAPH_MAP_H
/*
 * What: functions of the user's that are applied to blocks of arrays: the ops "map_blocks" (each
 * chunk) and "map_overlap" (each chunk with its surroundings).
 *
 *     tg_function *f = tg_block_function_create(my_fn, my_data, NULL, 0);
 *     tg_array *r = tg_map_blocks(g, 1, &a, &(tg_map_blocks_options){ .function = f });
 *     tg_block_function_release(f);                          the node has its own reference
 *
 * Parameters of map_blocks: function; dtype (default: of the first argument); chunks and
 * chunk_counts (Dask's way: chunk_counts[a] sizes for result axis a, one after the other; chunks
 * alone: the edge of every block per axis; neither: as the arguments); drop_axis; new_axis (axes of
 * the result, one block of one cell unless chunks say otherwise). Arguments are aligned at their
 * last axes; along an axis all have the same number of chunks, or one, which then serves all. A
 * dropped axis is handed over whole.
 *
 * Parameters of map_overlap: those of map_blocks, and depth (cells before and after, per axis of
 * the result, per argument: one entry, one per axis, 2 * ndim, or 2 * ndim * nargs), boundary (one,
 * ndim or ndim * nargs names out of reflect, mirror, nearest, wrap, constant, none), cval (one, or
 * one per argument), trim (default true: the function fills a block with the surroundings of the
 * first argument of highest rank, and the engine cuts them off).
 *
 * Ownership: views and infos are valid during the call only. Input views are read-only.
 * Threads: the function is called from many threads at once.
 * Errors: a function that fails returns non-zero and writes a message; the computation ends with
 * TG_ERR_USER and that message.
 */
#include "tilegraph/array.h"

/* Memory of a block; strides in bytes. */
typedef struct tg_block_view {
    void *data;
    tg_dtype dtype;
    int ndim;
    const int64_t *shape;
    const int64_t *strides;
} tg_block_view;

/* Where a block lies in its array. Every list has ndim entries. */
typedef struct tg_block_place {
    int ndim;
    const int64_t *shape;      /* of the array */
    const int64_t *num_blocks; /* of the array, along each axis */
    const int64_t *index;      /* of the block, along each axis; 0 along an axis taken whole */
    const int64_t *lo;         /* what the view covers; with surroundings it may reach outside */
    const int64_t *hi;
} tg_block_place;

typedef struct tg_block_info {
    size_t struct_size; /* of what the engine that calls knows */
    tg_block_place out;
    size_t nin;
    const tg_block_place *in;
} tg_block_info;

/* Fills `out` from `in`. Returns 0, or another number after writing a NUL-terminated text of at
 * most message_bytes to `message`. */
typedef int (*tg_block_fn)(void *user, const tg_block_info *info, const tg_block_view *in,
                           size_t nin, const tg_block_view *out, char *message,
                           size_t message_bytes);

typedef struct tg_function tg_function;
/* A function with its data, counted. `release` (NULL allowed) is called once with `user`, from any
 * thread, when no node needs the function any more. Functions of equal `key` are taken for equal;
 * 0: equal to none. NULL when out of memory: then `release` has not been called. */
TG_API tg_function *tg_block_function_create(tg_block_fn fn, void *user,
                                             void (*release)(void *user), uint64_t key);
TG_API void tg_block_function_release(tg_function *function);

/* What a function is to another process: who makes it there, and from what. */
typedef struct tg_function_form {
    const char *kind; /* "python", "library"; at most 15 bytes */
    const char *name; /* for messages, and of a library its symbol; at most 255 bytes */
    const void *bytes;
    size_t size; /* at most 16 MiB */
} tg_function_form;
/* Gives the form of a function from its `user`; all of it lives as long as the function. Non-zero:
 * it has none, and `message` says why. */
typedef int (*tg_function_form_fn)(void *user, tg_function_form *form, char *message,
                                   size_t message_bytes);
/* Lets the function travel: `form` is called, from any thread, when a plan with it becomes bytes
 * (tilegraph/plan.h). Before the function is given to a node. */
TG_API void tg_block_function_set_form(tg_function *function, tg_function_form_fn form);
/* Calls a function as the engine does. */
TG_API int tg_block_function_call(const tg_function *function, const tg_block_info *info,
                                  const tg_block_view *in, size_t nin, const tg_block_view *out,
                                  char *message, size_t message_bytes);

/*
 * A tg_block_fn `symbol` of the shared library at `path`, which must say what it was built for:
 *
 *     const int tg_plugin_abi = TG_PLUGIN_ABI;
 *
 * Its `user` is a copy of `params`, NULL when params_size is 0: numbers and structs, no pointers.
 * The library is read into memory first and loaded from there, so what runs is what was hashed;
 * what it needs from libraries beside it must be found by the system's own rules. The function can
 * travel: as path, symbol, the file's SHA-256, and params. Who reads the plan loads it only if a
 * list of its own allows that very file (tg_session_set_plan_functions). TG_ERR_NOT_FOUND,
 * TG_ERR_FORMAT for what is no library for this engine, TG_ERR_LIMIT, TG_ERR_MEMORY.
 */
#define TG_PLUGIN_ABI 1
TG_API TG_MUST_USE tg_status tg_library_function(const char *path, const char *symbol,
                                                 const void *params, size_t params_size,
                                                 tg_function **out, tg_error *err);

#endif
