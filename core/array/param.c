/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Checking of parameters against a schema, and the counting of function objects. Everything that a
 * user can get wrong in a call is worded here, once for all ops: C, Python and the wire come
 * through the same door.
 */
#include "core/array/param.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "core/base/assert.h"
#include "core/base/size.h"
#include "core/mem/alloc.h"

#define NAME_MAX_BYTES 64 /* a name that was meant to be one of ours is not longer */

tg_function *
tg_function_create(void *fn, void *user, void (*release)(void *user), uint64_t key)
{
    tg_function *function = tg_malloc(NULL, sizeof *function);
    if (function != NULL) {
        function->fn = fn;
        function->user = user;
        function->release = release;
        function->form = NULL;
        function->key = key;
        atomic_init(&function->references, 1);
    }
    return function;
}

tg_function *
tg_function_retain(tg_function *function)
{
    if (function != NULL) {
        unsigned before = atomic_fetch_add_explicit(&function->references, 1, memory_order_relaxed);
        TG_ASSERT_CMP(before, >, 0);
    }
    return function;
}

void
tg_function_release(tg_function *function)
{
    if (function != NULL &&
        atomic_fetch_sub_explicit(&function->references, 1, memory_order_acq_rel) == 1) {
        if (function->release != NULL) {
            function->release(function->user);
        }
        tg_free(NULL, function, sizeof *function);
    }
}

/* Edits from one name to the other (insert, delete, replace), by one row of the usual table. */
static size_t
edit_distance(const char *a, const char *b)
{
    size_t row[NAME_MAX_BYTES + 1];
    size_t length = strlen(b);
    for (size_t j = 0; j <= length; j++) {
        row[j] = j;
    }
    for (size_t i = 0; a[i] != '\0'; i++) {
        size_t diagonal = row[0];
        row[0] = i + 1;
        for (size_t j = 1; j <= length; j++) {
            size_t replaced = diagonal + (a[i] != b[j - 1]);
            size_t shifted = (row[j] < row[j - 1] ? row[j] : row[j - 1]) + 1;
            diagonal = row[j];
            row[j] = replaced < shifted ? replaced : shifted;
        }
    }
    return row[length];
}

const char *
tg_nearest_name(const char *wanted, size_t count,
                const char *(*names)(const void *ctx, size_t index), const void *ctx)
{
    const char *nearest = NULL;
    size_t length = strlen(wanted);
    size_t best = length / 3 + 2; /* one edit more than we believe is a slip */
    for (size_t i = 0; i < count && length < NAME_MAX_BYTES; i++) {
        const char *name = names(ctx, i);
        size_t distance = strlen(name) < NAME_MAX_BYTES ? edit_distance(wanted, name) : best;
        if (distance < best && distance < length) {
            best = distance;
            nearest = name;
        }
    }
    return nearest;
}

static const char *
schema_name(const void *ctx, size_t index)
{
    return ((const tg_param_schema *)ctx)[index].name;
}

static size_t
schema_count(const tg_param_schema *schema)
{
    size_t count = 0;
    while (schema != NULL && schema[count].name != NULL) {
        count++;
    }
    return count;
}

static tg_status
fail_unknown(const char *op, const tg_param_schema *schema, const char *name, tg_error *err)
{
    char allowed[512] = "";
    size_t count = schema_count(schema);
    const char *nearest = tg_nearest_name(name, count, schema_name, schema);
    for (size_t i = 0; i < count; i++) {
        size_t used = strlen(allowed);
        (void)snprintf(allowed + used, sizeof allowed - used, "%s%s", i > 0 ? ", " : "",
                       schema[i].name);
    }
    return tg_fail(err, TG_ERR_TYPE, "%s: unknown parameter '%.64s'%s%s%s; allowed: %s", op, name,
                   nearest != NULL ? ", did you mean '" : "", nearest != NULL ? nearest : "",
                   nearest != NULL ? "'?" : "", count > 0 ? allowed : "none");
}

static const char *
kind_name(tg_param_kind kind)
{
    static const char *const names[] = { "a bool",   "an integer", "a number",  "a dtype",
                                         "a choice", "text",       "a function" };
    return names[kind];
}

/* The index of a name of `length` bytes in a list joined by '|'; -1: not there. */
static int64_t
choice_index(const char *choices, const char *name, size_t length)
{
    int64_t found = -1;
    int64_t index = 0;
    const char *at = choices;
    while (found < 0 && at != NULL) {
        const char *end = strchr(at, '|');
        size_t size = end != NULL ? (size_t)(end - at) : strlen(at);
        if (size == length && memcmp(at, name, length) == 0) {
            found = index;
        }
        index++;
        at = end != NULL ? end + 1 : NULL;
    }
    return found;
}

static int64_t
choice_count(const char *choices)
{
    int64_t count = 1;
    for (const char *at = strchr(choices, '|'); at != NULL; at = strchr(at + 1, '|')) {
        count++;
    }
    return count;
}

/* 'reflect', 'mirror', ... */
static void
quote_choices(const char *choices, char *text, size_t size)
{
    size_t used = 0;
    const char *at = choices;
    while (at != NULL && used < size) {
        const char *end = strchr(at, '|');
        size_t length = end != NULL ? (size_t)(end - at) : strlen(at);
        (void)snprintf(text + used, size - used, "'%.*s'%s", (int)length, at,
                       end != NULL ? ", " : "");
        used = strlen(text);
        at = end != NULL ? end + 1 : NULL;
    }
}

/* One name of a dtype or an enum into its number. */
static tg_status
number_of_name(const char *op, const tg_param_schema *schema, const char *name, size_t length,
               int64_t *out, tg_error *err)
{
    tg_status status = TG_OK;
    char text[NAME_MAX_BYTES] = "";
    char choices[512] = "";
    if (schema->kind == TG_PARAM_DTYPE) {
        (void)snprintf(text, sizeof text, "%.*s", (int)tg_min_i64((int64_t)length, 63), name);
        *out = length < sizeof text ? (int64_t)tg_dtype_parse(text) : 0;
        TG_CHECK(*out != TG_DT_NONE, err, TG_ERR_TYPE, "%s: %s: data type '%s' not understood", op,
                 schema->name, text);
    } else {
        *out = choice_index(schema->choices, name, length);
        if (*out < 0) {
            quote_choices(schema->choices, choices, sizeof choices);
            status = tg_fail(err, TG_ERR_VALUE, "%s: %s must be one of %s, got '%.*s'", op,
                             schema->name, choices, (int)tg_min_i64((int64_t)length, 64), name);
        }
    }
out:
    return status;
}

static size_t
name_count(const tg_value *value)
{
    size_t count = value->count > 0;
    for (uint32_t i = 0; i < value->count; i++) {
        count += value->text[i] == '|';
    }
    return count;
}

static bool
is_named(const tg_param_schema *schema, const tg_param *param)
{
    return param->kind == TG_PARAM_STR &&
           (schema->kind == TG_PARAM_DTYPE || schema->kind == TG_PARAM_ENUM);
}

/* How many numbers the converted payload has; 0: it is borrowed as it is. */
static size_t
converted_count(const tg_param_schema *schema, const tg_param *param)
{
    size_t count = 0;
    if (is_named(schema, param)) {
        count = name_count(&param->value);
    } else if (schema->kind == TG_PARAM_BOOL ||
               (schema->kind == TG_PARAM_FLOAT && param->kind != TG_PARAM_FLOAT)) {
        count = param->value.count;
    }
    return count;
}

static bool
kind_fits(tg_param_kind wanted, tg_param_kind given)
{
    bool integral = given == TG_PARAM_INT || given == TG_PARAM_BOOL;
    bool fits = given == wanted;
    if (wanted == TG_PARAM_BOOL || wanted == TG_PARAM_INT) {
        fits = integral;
    } else if (wanted == TG_PARAM_FLOAT) {
        fits = integral || given == TG_PARAM_FLOAT;
    } else if (wanted == TG_PARAM_DTYPE || wanted == TG_PARAM_ENUM) {
        fits = fits || given == TG_PARAM_INT || given == TG_PARAM_STR;
    }
    return fits;
}

static tg_status
convert_names(const char *op, const tg_param_schema *schema, const tg_value *given, int64_t *to,
              tg_error *err)
{
    tg_status status = TG_OK;
    uint32_t begin = 0;
    for (uint32_t i = 0; i <= given->count; i++) {
        if (i == given->count || given->text[i] == '|') {
            TG_TRY(number_of_name(op, schema, given->text + begin, i - begin, to++, err));
            begin = i + 1;
        }
    }
out:
    return status;
}

/* What is true of the numbers of a dtype or an enum that were given as numbers. */
static tg_status
check_range(const char *op, const tg_param_schema *schema, const tg_value *value, tg_error *err)
{
    tg_status status = TG_OK;
    bool dtype = schema->kind == TG_PARAM_DTYPE;
    int64_t low = dtype ? 1 : 0;
    int64_t high = dtype ? TG_DT_COUNT - 1 : choice_count(schema->choices) - 1;
    for (uint32_t i = 0; i < value->count; i++) {
        TG_CHECK(value->ints[i] >= low && value->ints[i] <= high, err, TG_ERR_VALUE,
                 "%s: %s: %" PRId64 " is no %s; they go from %" PRId64 " to %" PRId64, op,
                 schema->name, value->ints[i], dtype ? "dtype" : "choice", low, high);
    }
out:
    return status;
}

/* What can be said before anything is converted. */
static tg_status
check_given(const char *op, const tg_param_schema *schema, const tg_param *param, tg_error *err)
{
    tg_status status = TG_OK;
    const tg_value *value = &param->value;
    bool text = param->kind == TG_PARAM_STR;
    uint32_t count_max = text && schema->kind == TG_PARAM_STR ? TG_STR_MAX : TG_PARAM_COUNT_MAX;
    /* Choices given by name are one text; how many they are is seen from the text. */
    size_t entries =
        is_named(schema, param) && value->text != NULL ? name_count(value) : value->count;
    TG_CHECK(kind_fits(schema->kind, param->kind), err, TG_ERR_TYPE, "%s: %s must be %s, got %s",
             op, schema->name, kind_name(schema->kind), kind_name(param->kind));
    TG_CHECK(value->count <= count_max, err, TG_ERR_LIMIT, "%s: %s has %u entries, at most %u", op,
             schema->name, value->count, count_max);
    TG_CHECK(value->count == 0 || value->ints != NULL, err, TG_ERR_VALUE,
             "%s: %s has %u entries but no values", op, schema->name, value->count);
    TG_CHECK(schema->is_list || schema->kind == TG_PARAM_STR || entries <= 1, err, TG_ERR_TYPE,
             "%s: %s must be one value, got a list of %zu", op, schema->name, entries);
    TG_CHECK(schema->kind != TG_PARAM_STR || value->count == 0 ||
                 memchr(value->text, '\0', value->count) == NULL,
             err, TG_ERR_VALUE, "%s: %s: embedded null character", op, schema->name);
out:
    return status;
}

/* One parameter, checked, into its place. */
static tg_status
convert(const char *op, const tg_param_schema *schema, const tg_param *param, tg_value *value,
        int64_t *room, tg_error *err)
{
    tg_status status = TG_OK;
    const tg_value *given = &param->value;
    *value = *given;
    if (is_named(schema, param)) {
        value->count = (uint32_t)name_count(given);
        value->ints = room;
        TG_TRY(convert_names(op, schema, given, room, err));
    } else if (schema->kind == TG_PARAM_BOOL) {
        value->ints = room;
        for (uint32_t i = 0; i < given->count; i++) {
            room[i] = given->ints[i] != 0;
        }
    } else if (schema->kind == TG_PARAM_FLOAT && param->kind != TG_PARAM_FLOAT) {
        for (uint32_t i = 0; i < given->count; i++) {
            double number = (double)given->ints[i];
            memcpy(&room[i], &number, sizeof number);
        }
        value->floats = (const double *)(const void *)room;
    } else if (schema->kind == TG_PARAM_DTYPE || schema->kind == TG_PARAM_ENUM) {
        TG_TRY(check_range(op, schema, given, err));
    }
out:
    return status;
}

static const tg_param_schema *
find_schema(const tg_param_schema *schema, const char *name)
{
    while (schema != NULL && schema->name != NULL && strcmp(schema->name, name) != 0) {
        schema++;
    }
    return schema != NULL && schema->name != NULL ? schema : NULL;
}

/* Names and kinds of all that was given; *total gets the numbers that conversion makes. */
static tg_status
check_names(const char *op, const tg_param_schema *schema, size_t count, const tg_param *params,
            size_t *total, tg_error *err)
{
    tg_status status = TG_OK;
    uint64_t seen = 0;
    for (size_t i = 0; i < count; i++) {
        const tg_param_schema *entry = find_schema(schema, params[i].name);
        if (entry == NULL) {
            status = fail_unknown(op, schema, params[i].name, err);
            goto out;
        }
        uint64_t bit = (uint64_t)1 << (entry - schema);
        TG_CHECK((seen & bit) == 0, err, TG_ERR_TYPE, "%s: parameter '%s' is given twice", op,
                 entry->name);
        TG_TRY(check_given(op, entry, &params[i], err));
        *total += converted_count(entry, &params[i]);
        /* A list may be empty on purpose: the shape of an array without axes. */
        if (entry->is_list || params[i].value.count > 0) {
            seen |= bit;
        }
    }
    for (size_t i = 0; i < schema_count(schema); i++) {
        TG_CHECK(!schema[i].required || (seen >> i & 1) != 0, err, TG_ERR_TYPE,
                 "%s: missing required parameter '%s'", op, schema[i].name);
    }
out:
    return status;
}

tg_status
tg_params_check(const char *op, const tg_param_schema *schema, size_t count, const tg_param *params,
                tg_params *out, tg_error *err)
{
    tg_status status = TG_OK;
    size_t total = 0;
    int64_t *room = out->inline_;
    size_t entries = schema_count(schema);
    TG_ASSERT(entries <= TG_PARAMS_MAX);
    out->block = NULL;
    out->block_bytes = 0;
    for (size_t i = 0; i < entries; i++) {
        out->values[i] = (tg_value){ 0 };
    }
    TG_CHECK(count == 0 || params != NULL, err, TG_ERR_VALUE, "%s: params is NULL", op);
    TG_TRY(check_names(op, schema, count, params, &total, err));
    if (total > sizeof out->inline_ / sizeof out->inline_[0]) {
        out->block_bytes = total * sizeof(int64_t);
        out->block = tg_malloc(NULL, out->block_bytes);
        TG_CHECK(out->block != NULL, err, TG_ERR_MEMORY, "%s: out of memory", op);
        room = out->block;
    }
    for (size_t i = 0; i < count; i++) {
        const tg_param_schema *entry = find_schema(schema, params[i].name);
        TG_TRY(convert(op, entry, &params[i], &out->values[entry - schema], room, err));
        room += converted_count(entry, &params[i]);
    }
out:
    if (status != TG_OK) {
        tg_params_fini(out);
    }
    return status;
}

void
tg_params_fini(tg_params *params)
{
    tg_free(NULL, params->block, params->block_bytes);
    params->block = NULL;
    params->block_bytes = 0;
}
