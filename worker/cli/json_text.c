/* SPDX-License-Identifier: BSD-3-Clause */
/* Pieces of JSON text: see json_text.h. */
#include "worker/cli/json_text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool
is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static size_t
skip_space(tg_json_piece in, size_t at)
{
    while (at < in.bytes && (is_space(in.text[at]) || in.text[at] == ',' || in.text[at] == ':')) {
        at++;
    }
    return at;
}

static size_t
skip_string(tg_json_piece in, size_t at)
{
    at++;
    while (at < in.bytes && in.text[at] != '"') {
        at += in.text[at] == '\\' ? 2 : 1;
    }
    return at < in.bytes ? at + 1 : in.bytes;
}

/* Past the value that begins at `at`. Nesting is counted, not recursed into. */
static size_t
skip_value(tg_json_piece in, size_t at)
{
    int depth = 0;
    do {
        char c = at < in.bytes ? in.text[at] : '\0';
        if (c == '"') {
            at = skip_string(in, at);
        } else if (c == '{' || c == '[') {
            depth++;
            at++;
        } else if (c == '}' || c == ']') {
            depth--;
            at++;
        } else if (depth > 0) {
            at++;
        } else {
            while (at < in.bytes && strchr(",:]} \t\r\n", in.text[at]) == NULL) {
                at++;
            }
        }
    } while (depth > 0 && at < in.bytes);
    return at;
}

bool
tg_json_text_next(tg_json_piece list, size_t *at, tg_json_piece *key, tg_json_piece *value)
{
    size_t start = skip_space(list, *at == 0 ? 1 : *at);
    if (start >= list.bytes || list.text[start] == '}' || list.text[start] == ']') {
        return false;
    }
    if (key != NULL) {
        size_t end = skip_value(list, start);
        *key = (tg_json_piece){ list.text + start, end - start };
        start = skip_space(list, end);
    }
    *at = skip_value(list, start);
    *value = (tg_json_piece){ list.text + start, *at - start };
    return *at > start;
}

bool
tg_json_text_is(tg_json_piece value, const char *text)
{
    size_t bytes = strlen(text);
    return value.bytes == bytes + 2 && memcmp(value.text + 1, text, bytes) == 0;
}

tg_json_piece
tg_json_text_get(tg_json_piece object, const char *key)
{
    size_t at = 0;
    tg_json_piece name = { 0 }, value = { 0 };
    bool found = false;
    while (!found && tg_json_text_next(object, &at, &name, &value)) {
        found = tg_json_text_is(name, key);
    }
    return found ? value : (tg_json_piece){ 0 };
}

int64_t
tg_json_text_int(tg_json_piece value)
{
    return value.bytes > 0 ? strtoll(value.text, NULL, 10) : 0;
}

void
tg_json_text_print_string(tg_json_piece value)
{
    size_t end = value.bytes > 0 ? value.bytes - 1 : 0;
    for (size_t i = 1; i < end; i++) {
        bool plain = value.text[i] == '\\' && i + 1 < end && strchr("\"\\/", value.text[i + 1]);
        i += plain ? 1 : 0;
        (void)putchar(value.text[i]);
    }
}

static bool
is_nested(tg_json_piece value)
{
    return value.bytes > 0 && (value.text[0] == '{' || value.text[0] == '[');
}

/* A list of plain values, and an empty object, fit on one line. */
static bool
is_flat(tg_json_piece value)
{
    size_t at = 0;
    tg_json_piece key, item;
    bool flat = true;
    if (is_nested(value) && value.text[0] == '{') {
        flat = !tg_json_text_next(value, &at, &key, &item);
    } else if (is_nested(value)) {
        while (flat && tg_json_text_next(value, &at, NULL, &item)) {
            flat = !is_nested(item);
        }
    }
    return flat;
}

/* Metadata is at most some tens of levels deep: the library's reader limits it. */
void
tg_json_text_print(tg_json_piece value, int indent)
{
    size_t at = 0;
    tg_json_piece key = { 0 }, item = { 0 };
    bool object = value.bytes > 0 && value.text[0] == '{';
    if (is_flat(value)) {
        (void)fwrite(value.text, 1, value.bytes, stdout);
        return;
    }
    (void)putchar(value.text[0]);
    for (int i = 0; tg_json_text_next(value, &at, object ? &key : NULL, &item); i++) {
        printf("%s\n%*s", i > 0 ? "," : "", indent + 2, "");
        if (object) {
            (void)fwrite(key.text, 1, key.bytes, stdout);
            (void)fputs(": ", stdout);
        }
        tg_json_text_print(item, indent + 2);
    }
    printf("\n%*s%c", indent, "", object ? '}' : ']');
}
