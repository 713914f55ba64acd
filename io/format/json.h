/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_FORMAT_JSON_H
#define TG_FORMAT_JSON_H
/*
 * What: JSON metadata: bounded reading, and what writing it as text takes. The one door to jansson.
 *
 * Two things that are in real files but not in JSON are taken: the bare words NaN, Infinity and
 * -Infinity (Python writes them), and integers beyond 64 bits signed. Both become strings of the
 * same letters, which is what Zarr's fill values say instead.
 *
 * Ownership: a document is destroyed by who parsed it; nodes are borrowed from it.
 * Threads: a document may be read from many threads.
 * Errors: TG_ERR_FORMAT with line and column for text that is not JSON; TG_ERR_LIMIT for more than
 * TG_JSON_BYTES_MAX bytes or TG_JSON_DEPTH_MAX levels; TG_ERR_MEMORY.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/status.h"
#include "core/mem/text.h"

/* A node of a document, or the document itself. Every reader takes NULL for a node. */
typedef struct tg_json tg_json;

typedef enum tg_json_type {
    TG_JSON_NONE, /* no such node */
    TG_JSON_NULL,
    TG_JSON_BOOL,
    TG_JSON_INT,
    TG_JSON_REAL,
    TG_JSON_STRING,
    TG_JSON_ARRAY,
    TG_JSON_OBJECT
} tg_json_type;

/* `name` says in messages where the text is from. */
tg_status tg_json_parse(const char *name, const char *text, size_t bytes, tg_json **out,
                        tg_error *err);
void tg_json_destroy(tg_json *document);

tg_json_type tg_json_type_of(const tg_json *node);
/* Members; NULL where there is none, or the node is of another type. */
const tg_json *tg_json_get(const tg_json *object, const char *key);
const tg_json *tg_json_at(const tg_json *array, size_t index);
size_t tg_json_count(const tg_json *array_or_object);
/* Calls for each member until it returns false. */
void tg_json_each(const tg_json *object,
                  bool (*visit)(void *ctx, const char *key, const tg_json *value), void *ctx);
/* false, and *out alone, when the node is of another type. */
bool tg_json_int(const tg_json *node, int64_t *out);
bool tg_json_real(const tg_json *node, double *out); /* integers too */
bool tg_json_bool(const tg_json *node, bool *out);
/* NULL when it is no string. Valid while the document is. */
const char *tg_json_string(const tg_json *node);

/* For writing: adds a JSON string, with its quotes. */
void tg_text_add_string(tg_text *text, const char *string);
/* A whole node, compact. */
void tg_text_add_json(tg_text *text, const tg_json *node);

#endif
