/* SPDX-License-Identifier: BSD-3-Clause */
/* What a store says of itself, as JSON: for `tg info` and for Python. */
#include "worker/session/describe.h"

#include <string.h>

#include "core/mem/alloc.h"
#include "core/mem/text.h"
#include "io/format/format.h"
#include "tilegraph/session.h"

/* As tg_text_add_string; but a path may hold any bytes, which jansson would refuse. */
static void
say_string(tg_text *json, const char *text)
{
    tg_text_add(json, "\"");
    for (const char *c = text; *c != '\0'; c++) {
        if ((unsigned char)*c < 0x20) {
            tg_text_add(json, "\\u%04x", (unsigned char)*c);
        } else {
            tg_text_add(json, *c == '"' || *c == '\\' ? "\\%c" : "%c", *c);
        }
    }
    tg_text_add(json, "\"");
}

static void
say_ints(tg_text *json, const char *name, int ndim, const int64_t *values)
{
    tg_text_add(json, ", \"%s\": [", name);
    for (int a = 0; a < ndim; a++) {
        tg_text_add(json, "%s%lld", a == 0 ? "" : ", ", (long long)values[a]);
    }
    tg_text_add(json, "]");
}

static void
say_info(tg_text *json, const char *path, const tg_format_info *info)
{
    tg_text_add(json, "{\"path\": ");
    say_string(json, path);
    tg_text_add(json, ", \"format\": ");
    say_string(json, info->format);
    tg_text_add(json, ", \"kind\": \"%s\"", info->is_group ? "group" : "array");
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
        tg_text_add(json, ", \"dtype\": \"%s\", \"codec\": ", tg_dtype_name(info->dtype));
        say_string(json, info->codec);
        tg_text_add(json, ", \"nbytes\": %lld, \"stored_bytes\": %lld, \"stored_files\": %lld",
                    (long long)bytes, (long long)info->stored_bytes, (long long)info->stored_files);
        tg_text_add(json, ", \"dimension_names\": ");
        tg_text_add(json, "%s", info->dimension_names);
    }
    tg_text_add(json, ", \"members\": [");
    for (size_t i = 0; i < info->member_count; i++) {
        tg_text_add(json, i == 0 ? "" : ", ");
        say_string(json, info->members[i]);
    }
    tg_text_add(json, "], \"attributes\": ");
    tg_text_add(json, "%s", info->attributes);
    tg_text_add(json, "}");
}

tg_status
tg_describe(const char *path, char **out, tg_error *err)
{
    tg_status status = TG_OK;
    tg_format_info info;
    tg_text json = { 0 };
    *out = NULL;
    TG_CHECK(path != NULL, err, TG_ERR_VALUE, "describe: a path is needed");
    TG_TRY(tg_format_describe(path, &info, err));
    say_info(&json, path, &info);
    tg_format_info_fini(&info);
    if (!json.failed) {
        *out = tg_text_alloc(json.used);
    }
    TG_CHECK(*out != NULL, err, TG_ERR_MEMORY, "no memory to describe %s", path);
    memcpy(*out, json.data, json.used + 1);
out:
    tg_text_fini(&json);
    return status;
}

char *
tg_text_alloc(size_t length)
{
    size_t bytes = sizeof bytes + length + 1; /* it stands before the text, for the sized free */
    char *text = tg_malloc(NULL, bytes);
    if (text != NULL) {
        memcpy(text, &bytes, sizeof bytes);
        text += sizeof bytes;
        text[0] = 0;
    }
    return text;
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
