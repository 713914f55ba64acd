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

typedef struct tg_param_schema {
    const char *name;    /* as NumPy or SciPy name it */
    tg_param_kind kind;
    bool is_list;        /* may have other than one entry */
    bool required;
    const char *fallback; /* the default as Python writes it: "4.0", "'reflect'", "None" */
    const char *choices;  /* TG_PARAM_ENUM: "reflect|mirror|nearest|wrap|constant" */
    const char *summary;  /* one line, with the unit */
} tg_param_schema;

/* A C callback with its user data, shared between nodes. */
typedef struct tg_function {
    void *fn;              /* cast to what the op expects */
    void *user;
    void (*release)(void *user); /* NULL allowed */
    uint64_t key;          /* identity for hash-consing: equal keys are equal functions */
    _Atomic unsigned references;
} tg_function;

#endif
