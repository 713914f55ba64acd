/* SPDX-License-Identifier: BSD-3-Clause */
/* What a store says of itself, as JSON: for `tg info` and for Python. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/mem/alloc.h"
#include "io/format/format.h"
#include "tilegraph/session.h"

typedef struct json_text {
    char *text;
    size_t used, capacity;
    bool failed;
} json_text;

static void
append(json_text *json, const char *bytes, size_t count)
{
    if (json->used + count + 1 > json->capacity && !json->failed) {
        size_t next = (json->used + count + 1) * 2;
        char *text = tg_realloc(NULL, json->text, json->capacity, next);
        json->failed = text == NULL;
        json->text = text != NULL ? text : json->text;
        json->capacity = text != NULL ? next : json->capacity;
    }
    if (!json->failed) {
        memcpy(json->text + json->used, bytes, count);
        json->used += count;
        json->text[json->used] = '\0';
    }
}

static void __attribute__((format(printf, 2, 3))) say(json_text *json, const char *format, ...)
{
    char line[128];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(line, sizeof line, format, args);
    va_end(args);
    append(json, line, n < 0 ? 0 : (size_t)n < sizeof line ? (size_t)n : sizeof line - 1);
}

static void
say_string(json_text *json, const char *text)
{
    append(json, "\"", 1);
    for (const char *c = text; *c != '\0'; c++) {
        if ((unsigned char)*c < 0x20) {
            say(json, "\\u%04x", (unsigned char)*c);
        } else {
            if (*c == '"' || *c == '\\') {
                append(json, "\\", 1);
            }
            append(json, c, 1);
        }
    }
    append(json, "\"", 1);
}

static void
say_ints(json_text *json, const char *name, int ndim, const int64_t *values)
{
    say(json, ", \"%s\": [", name);
    for (int a = 0; a < ndim; a++) {
        say(json, "%s%lld", a == 0 ? "" : ", ", (long long)values[a]);
    }
    say(json, "]");
}

static void
say_info(json_text *json, const char *path, const tg_format_info *info)
{
    say(json, "{\"path\": ");
    say_string(json, path);
    say(json, ", \"format\": ");
    say_string(json, info->format);
    say(json, ", \"kind\": \"%s\"", info->is_group ? "group" : "array");
    if (!info->is_group) {
        int64_t bytes = (int64_t)tg_dtype_size(info->dtype);
        say_ints(json, "shape", info->ndim, info->shape);
        say_ints(json, "chunks", info->ndim, info->chunks);
        if (info->has_shards) {
            say_ints(json, "shards", info->ndim, info->shards);
        }
        for (int a = 0; a < info->ndim; a++) {
            bytes *= info->shape[a];
        }
        say(json, ", \"dtype\": \"%s\", \"codec\": ", tg_dtype_name(info->dtype));
        say_string(json, info->codec);
        say(json, ", \"nbytes\": %lld, \"stored_bytes\": %lld, \"stored_files\": %lld",
            (long long)bytes, (long long)info->stored_bytes, (long long)info->stored_files);
        say(json, ", \"dimension_names\": ");
        append(json, info->dimension_names, strlen(info->dimension_names));
    }
    say(json, ", \"members\": [");
    for (size_t i = 0; i < info->member_count; i++) {
        append(json, ", ", i == 0 ? 0 : 2);
        say_string(json, info->members[i]);
    }
    say(json, "], \"attributes\": ");
    append(json, info->attributes, strlen(info->attributes));
    say(json, "}");
}

tg_status
tg_describe(const char *path, char **out, tg_error *err)
{
    tg_status status = TG_OK;
    tg_format_info info;
    json_text json = { 0 };
    *out = NULL;
    TG_CHECK(path != NULL, err, TG_ERR_VALUE, "describe: a path is needed");
    TG_TRY(tg_format_describe(path, &info, err));
    say_info(&json, path, &info);
    tg_format_info_fini(&info);
    if (!json.failed) { /* the size stands before the text, for the sized free */
        *out = tg_malloc(NULL, sizeof(size_t) + json.used + 1);
    }
    TG_CHECK(*out != NULL, err, TG_ERR_MEMORY, "no memory to describe %s", path);
    size_t bytes = sizeof(size_t) + json.used + 1;
    memcpy(*out, &bytes, sizeof bytes);
    *out += sizeof bytes;
    memcpy(*out, json.text, json.used + 1);
out:
    tg_free(NULL, json.text, json.capacity);
    return status;
}

void
tg_text_free(char *text)
{
    if (text != NULL) {
        size_t bytes = 0;
        memcpy(&bytes, text - sizeof bytes, sizeof bytes);
        tg_free(NULL, text - sizeof bytes, bytes);
    }
}
