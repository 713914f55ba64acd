/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_ARRAY_PARAM_H
#define TG_ARRAY_PARAM_H
/*
 * What: the typed parameters of an op: the schema that stands in its descriptor, and the values
 * that a node carries. Python's methods, C's option structs, the wire format and the checks are all
 * made from the schema.
 *
 * Every value is a list: a scalar is a list of one. `count` 0 means "not given" (Python's None);
 * the op's infer decides what that means. Per-axis parameters accept one entry for all axes.
 *
 * Ownership: a value borrows its payload; a node owns a copy. Threads: values.
 * Errors: tg_params_check words them: op, parameter, what was given, what is allowed.
 */
#include <stdbool.h>
#include <stdint.h>

#include "core/base/limits.h"
#include "core/base/status.h"
#include "tilegraph/array.h"
#include "tilegraph/map.h"

typedef struct tg_param_schema {
    const char *name; /* as NumPy or SciPy name it */
    tg_param_kind kind;
    bool is_list; /* may have other than one entry */
    bool required;
    const char *fallback; /* the default as Python writes it: "4.0", "'reflect'", "None" */
    const char *choices;  /* TG_PARAM_ENUM: "reflect|mirror|nearest|wrap|constant" */
    const char *summary;  /* one line, with the unit */
} tg_param_schema;

/* A C callback with its user data, shared between nodes. */
typedef struct tg_function {
    void *fn; /* cast to what the op expects */
    void *user;
    void (*release)(void *user); /* NULL allowed */
    tg_function_form_fn form;    /* NULL: it cannot leave this process */
    uint64_t key;                /* identity for hash-consing: equal keys are equal functions */
    _Atomic unsigned references;
} tg_function;

/* One reference. NULL when out of memory: then `release` has not been called. */
tg_function *tg_function_create(void *fn, void *user, void (*release)(void *user), uint64_t key);
tg_function *tg_function_retain(tg_function *function);
/* The last release calls the function's own, from whichever thread that is. */
void tg_function_release(tg_function *function);

/* Given parameters, checked and in the order of a schema. */
typedef struct tg_params {
    tg_value values[TG_PARAMS_MAX]; /* one per schema entry */
    void *block;                    /* converted payloads */
    size_t block_bytes;
    int64_t inline_[32]; /* instead of a block, when they fit */
} tg_params;

/*
 * Brings the given parameters into the order and the kinds of the schema (NULL: no parameters).
 * Integers are accepted for floats, names for dtypes and enums (a list of them joined by '|').
 * Payloads are borrowed where nothing had to be converted. TG_ERR_TYPE: unknown, doubled or
 * missing parameter, wrong kind; TG_ERR_VALUE: a value that is not allowed; TG_ERR_LIMIT: too long.
 * After success tg_params_fini is due.
 */
TG_MUST_USE tg_status tg_params_check(const char *op, const tg_param_schema *schema, size_t count,
                                      const tg_param *params, tg_params *out, tg_error *err);
void tg_params_fini(tg_params *params);

/* The name nearest to `wanted` among `count` names, when it is near enough to be what was meant;
 * else NULL. `names(ctx, i)` gives them. */
const char *tg_nearest_name(const char *wanted, size_t count,
                            const char *(*names)(const void *ctx, size_t index), const void *ctx);

#endif
