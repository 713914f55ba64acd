/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * JSON by jansson. The text is scanned once before jansson sees it: for its depth, and for the
 * tokens that jansson refuses but real files have; those are rewritten as strings.
 */
#include "io/format/json.h"

#include <jansson.h>
#include <string.h>

#include "core/base/limits.h"
#include "core/mem/alloc.h"

/* A digit run of this length may be beyond int64. */
enum { LONG_INTEGER = 19 };

static const json_t *
node_of(const tg_json *node)
{
    return (const json_t *)node;
}

static bool
is_number_char(char c)
{
    return (c >= '0' && c <= '9') || c == '-' || c == '+' || c == '.' || c == 'e' || c == 'E';
}

/* Length of the token at `s` that has to be quoted, or 0. */
static size_t
odd_token(const char *s, size_t left)
{
    static const char *const words[] = { "NaN", "Infinity", "-Infinity" };
    size_t length = 0;
    for (size_t i = 0; i < 3 && length == 0; i++) {
        size_t n = strlen(words[i]);
        length = left >= n && memcmp(s, words[i], n) == 0 ? n : 0;
    }
    if (length == 0 && ((*s >= '0' && *s <= '9') || *s == '-')) {
        size_t n = 0;
        bool integer = true;
        while (n < left && is_number_char(s[n])) {
            integer = integer && (n == 0 || (s[n] >= '0' && s[n] <= '9'));
            n++;
        }
        length = integer && n >= LONG_INTEGER ? n : 0;
    }
    return length;
}

/* Copies `text` with odd tokens quoted; `copy` NULL: only counts. Returns the length. The deepest
 * nesting goes to *depth. */
static size_t
rewrite(const char *text, size_t bytes, char *copy, int *depth)
{
    size_t used = 0;
    int level = 0;
    bool in_string = false;
    *depth = 0;
    for (size_t i = 0; i < bytes;) {
        size_t n = 1;
        size_t quotes = 0;
        char c = text[i];
        if (in_string) {
            n = c == '\\' && i + 1 < bytes ? 2 : 1;
            in_string = c != '"';
        } else if (c == '"') {
            in_string = true;
        } else if (c == '{' || c == '[') {
            level++;
            *depth = level > *depth ? level : *depth;
        } else if (c == '}' || c == ']') {
            level--;
        } else {
            size_t odd = odd_token(text + i, bytes - i);
            n = odd > 0 ? odd : 1;
            quotes = odd > 0;
            while (odd == 0 && i + n < bytes && is_number_char(c) && is_number_char(text[i + n])) {
                n++; /* a plain number: its tail must not be looked at again */
            }
        }
        if (copy != NULL) {
            memset(copy + used, '"', quotes);
            memcpy(copy + used + quotes, text + i, n);
            memset(copy + used + quotes + n, '"', quotes);
        }
        used += n + 2 * quotes;
        i += n;
    }
    return used;
}

tg_status
tg_json_parse(const char *name, const char *text, size_t bytes, tg_json **out, tg_error *err)
{
    tg_status status = TG_OK;
    char *copy = NULL;
    size_t length = 0;
    int depth = 0;
    json_error_t error;
    *out = NULL;
    TG_CHECK(bytes <= (size_t)TG_JSON_BYTES_MAX, err, TG_ERR_LIMIT,
             "%s: %zu bytes of metadata, at most %lld are read", name, bytes,
             (long long)TG_JSON_BYTES_MAX);
    length = rewrite(text, bytes, NULL, &depth);
    TG_CHECK(depth <= TG_JSON_DEPTH_MAX, err, TG_ERR_LIMIT,
             "%s: metadata nested %d levels deep, at most %d are read", name, depth,
             TG_JSON_DEPTH_MAX);
    copy = tg_malloc(NULL, length + 1);
    TG_CHECK(copy != NULL, err, TG_ERR_MEMORY, "%s: out of memory", name);
    (void)rewrite(text, bytes, copy, &depth);
    json_t *root = json_loadb(copy, length, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
    TG_CHECK(root != NULL, err, TG_ERR_FORMAT, "%s: not JSON: %s (line %d, column %d)", name,
             error.text, error.line, error.column);
    *out = (tg_json *)root;
out:
    tg_free(NULL, copy, length + 1);
    return status;
}

void
tg_json_destroy(tg_json *document)
{
    json_decref((json_t *)document);
}

tg_json_type
tg_json_type_of(const tg_json *node)
{
    static const tg_json_type types[] = {
        [JSON_OBJECT] = TG_JSON_OBJECT, [JSON_ARRAY] = TG_JSON_ARRAY,
        [JSON_STRING] = TG_JSON_STRING, [JSON_INTEGER] = TG_JSON_INT,
        [JSON_REAL] = TG_JSON_REAL,     [JSON_TRUE] = TG_JSON_BOOL,
        [JSON_FALSE] = TG_JSON_BOOL,    [JSON_NULL] = TG_JSON_NULL,
    };
    return node == NULL ? TG_JSON_NONE : types[json_typeof(node_of(node))];
}

const tg_json *
tg_json_get(const tg_json *object, const char *key)
{
    return object == NULL ? NULL : (const tg_json *)json_object_get(node_of(object), key);
}

const tg_json *
tg_json_at(const tg_json *array, size_t index)
{
    return array == NULL ? NULL : (const tg_json *)json_array_get(node_of(array), index);
}

size_t
tg_json_count(const tg_json *array_or_object)
{
    size_t count = 0;
    const json_t *node = array_or_object == NULL ? NULL : node_of(array_or_object);
    if (node != NULL) {
        count = json_is_object(node) ? json_object_size(node) : json_array_size(node);
    }
    return count;
}

void
tg_json_each(const tg_json *object, bool (*visit)(void *ctx, const char *key, const tg_json *value),
             void *ctx)
{
    json_t *o = (json_t *)(uintptr_t)object;
    bool go_on = true;
    for (void *i = json_object_iter(o); i != NULL && go_on; i = json_object_iter_next(o, i)) {
        go_on = visit(ctx, json_object_iter_key(i), (const tg_json *)json_object_iter_value(i));
    }
}

bool
tg_json_int(const tg_json *node, int64_t *out)
{
    bool ok = node != NULL && json_is_integer(node_of(node));
    if (ok) {
        *out = json_integer_value(node_of(node));
    }
    return ok;
}

bool
tg_json_real(const tg_json *node, double *out)
{
    bool ok = node != NULL && json_is_number(node_of(node));
    if (ok) {
        *out = json_number_value(node_of(node));
    }
    return ok;
}

bool
tg_json_bool(const tg_json *node, bool *out)
{
    bool ok = node != NULL && json_is_boolean(node_of(node));
    if (ok) {
        *out = json_is_true(node_of(node));
    }
    return ok;
}

const char *
tg_json_string(const tg_json *node)
{
    return node == NULL ? NULL : json_string_value(node_of(node));
}

static void
add_node(tg_text *text, const json_t *node)
{
    size_t flags = JSON_COMPACT | JSON_ENCODE_ANY;
    size_t n = json_dumpb(node, NULL, 0, flags);
    if (tg_text_reserve(text, n)) {
        (void)json_dumpb(node, text->data + text->used, n, flags);
        text->used += n;
        text->data[text->used] = '\0';
    }
}

void
tg_text_add_string(tg_text *text, const char *string)
{
    json_t *node = json_string(string);
    text->failed = text->failed || node == NULL;
    if (node != NULL) {
        add_node(text, node);
    }
    json_decref(node);
}

void
tg_text_add_json(tg_text *text, const tg_json *node)
{
    add_node(text, node_of(node));
}
