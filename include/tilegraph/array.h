/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_TILEGRAPH_ARRAY_H
#define TG_TILEGRAPH_ARRAY_H
/*
 * What: lazy arrays: building them in a scope, and asking what they are. Building computes nothing.
 *
 *     tg_scope *g = tg_scope_create(session);
 *     tg_array *v = tg_open(g, "brain.zarr");
 *     tg_array *b = tg_absolute(g, v);                        tilegraph/ops.h has all of these
 *     const tg_error *e = tg_scope_error(g);
 *
 * Ownership: arrays belong to the scope that built them; tg_array_retain takes one out of it.
 * Threads: a scope serves one thread at a time; arrays are immutable and may be shared.
 * Errors: the scope keeps the first one. After it every builder returns NULL and accepts NULL, so
 * a chain is checked once, at its end.
 */
#include "tilegraph/base.h"
#include "tilegraph/dtype.h"

typedef struct tg_session tg_session;
typedef struct tg_scope tg_scope;
typedef struct tg_array tg_array;

typedef enum tg_param_kind {
    TG_PARAM_BOOL,   /* ints: 0 or 1 */
    TG_PARAM_INT,    /* ints */
    TG_PARAM_FLOAT,  /* floats; ints are accepted */
    TG_PARAM_DTYPE,  /* ints: a tg_dtype; may be given as text: its name */
    TG_PARAM_ENUM,   /* ints: index into the schema's choices; may be given as text, a list as
                        names joined by '|' */
    TG_PARAM_STR,    /* text, NUL-terminated; count = its length */
    TG_PARAM_POINTER /* a function object; see tilegraph/map.h */
} tg_param_kind;

struct tg_function;

/* Every value is a list; a scalar is a list of one; count 0 means "not given". */
typedef struct tg_value {
    uint32_t count;
    union {
        const int64_t *ints;
        const double *floats;
        const char *text;
        struct tg_function *function;
    };
} tg_value;

/* A parameter by name; `kind` says how the payload is given: INT, FLOAT, STR or POINTER. */
typedef struct tg_param {
    const char *name;
    tg_param_kind kind;
    tg_value value;
} tg_param;

/* A scope of a session; NULL when out of memory. Destroying it lets go all that it built. */
TG_API tg_scope *tg_scope_create(tg_session *session);
TG_API void tg_scope_destroy(tg_scope *scope);
/* The first error, or NULL when all went well. Valid until the scope is cleared or destroyed. */
TG_API const tg_error *tg_scope_error(const tg_scope *scope);
/* Forgets the error, so that an interactive program can go on. */
TG_API void tg_scope_clear(tg_scope *scope);

/* Builds an op by its name (see tg_op_count for the list): what the functions of tilegraph/ops.h
 * do, for programs that know the op at run time only. Unknown names, wrong counts of arguments,
 * unknown or malformed parameters are errors that name what is allowed. */
TG_API tg_array *tg_apply(tg_scope *scope, const char *op, size_t nargs, tg_array *const *args,
                          size_t nparams, const tg_param *params);
/* An array in a file or store: Zarr, TIFF, NumPy... Reads metadata only. */
TG_API tg_array *tg_open(tg_scope *scope, const char *path);
/* A plain number: takes the type of the array it is combined with, as in NumPy 2. */
TG_API tg_array *tg_scalar(tg_scope *scope, double value);
TG_API tg_array *tg_scalar_int(tg_scope *scope, int64_t value);
TG_API tg_array *tg_scalar_bool(tg_scope *scope, bool value);
TG_API tg_array *tg_scalar_complex(tg_scope *scope, double real, double imag);
/*
 * Memory of the caller's, not copied: it must stay as it is until `release` (NULL allowed) is
 * called with `owner`, from any thread, when no array needs it any more; when building fails it is
 * called before this returns. strides in bytes, NULL: C order. chunks: one size per axis, -1: the
 * whole axis; NULL: chosen. `key` 0: never equal to another array; otherwise equal keys mean equal
 * data.
 */
TG_API tg_array *tg_from_memory(tg_scope *scope, void *data, tg_dtype dtype, int ndim,
                                const int64_t *shape, const int64_t *strides, const int64_t *chunks,
                                uint64_t key, void *owner, void (*release)(void *owner));

TG_API tg_array *tg_array_retain(tg_array *array);
TG_API void tg_array_release(tg_array *array);
TG_API int tg_array_ndim(const tg_array *array);
TG_API tg_dtype tg_array_dtype(const tg_array *array);
/* ndim lengths; -1: unknown until computed. Valid while the array is. */
TG_API const int64_t *tg_array_shape(const tg_array *array);
/* Number of chunks along an axis, and their sizes, as Dask's `chunks`. `sizes` gets at most `max`
 * entries. 0 when unknown. */
TG_API int64_t tg_array_chunk_count(const tg_array *array, int axis);
TG_API int64_t tg_array_chunk_sizes(const tg_array *array, int axis, int64_t *sizes, int64_t max);
/* The op that made it: "gaussian_filter". Valid for ever. */
TG_API const char *tg_array_op(const tg_array *array);
/* Unique in the process; equal expressions give the same array and so the same id. */
TG_API uint64_t tg_array_id(const tg_array *array);
/* Format and path of an array that was opened ("zarr", "a.zarr"); empty strings for others. */
TG_API const char *tg_array_format(const tg_array *array);
TG_API const char *tg_array_uri(const tg_array *array);
TG_API size_t tg_array_arg_count(const tg_array *array);
/* Borrowed. */
TG_API tg_array *tg_array_arg(const tg_array *array, size_t index);

/* The table of ops: what Python's methods and the documentation are made from. */
typedef struct tg_param_info {
    const char *name; /* as NumPy or SciPy name it */
    tg_param_kind kind;
    bool is_list; /* may have other than one entry */
    bool required;
    const char *fallback; /* the default as Python writes it; "" when required */
    const char *choices;  /* of an enum: "reflect|mirror|..."; else "" */
    const char *summary;
} tg_param_info;
typedef struct tg_op_info {
    const char *name;
    const char *module; /* "": tg.*; "ndimage": tg.ndimage.*; "_": internal */
    const char *summary;
    const char *arg_names; /* "input|weights" */
    int nargs_min, nargs_max;
    size_t nparams;
} tg_op_info;
TG_API size_t tg_op_count(void);
/* false when the index is too large. Strings are valid for ever. */
TG_API bool tg_op_get(size_t index, tg_op_info *info);
TG_API bool tg_op_get_param(size_t op, size_t param, tg_param_info *info);

#endif
