/* SPDX-License-Identifier: BSD-3-Clause */
/* Text that grows; see the header. */
#include "core/mem/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/mem/alloc.h"

void
tg_text_fini(tg_text *text)
{
    tg_free(NULL, text->data, text->capacity);
    *text = (tg_text){ 0 };
}

bool
tg_text_reserve(tg_text *text, size_t more)
{
    size_t need = text->used + more + 1;
    if (!text->failed && need > text->capacity) {
        size_t capacity = need > 2 * text->capacity ? need : 2 * text->capacity;
        capacity = capacity < 256 ? 256 : capacity;
        char *grown = tg_realloc(NULL, text->data, text->capacity, capacity);
        text->failed = grown == NULL;
        if (grown != NULL) {
            text->data = grown;
            text->capacity = capacity;
        }
    }
    return !text->failed;
}

void
tg_text_add(tg_text *text, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (n < 0) {
        text->failed = true;
    } else if (tg_text_reserve(text, (size_t)n)) {
        va_start(args, format);
        (void)vsnprintf(text->data + text->used, (size_t)n + 1, format, args);
        va_end(args);
        text->used += (size_t)n;
    }
}

void
tg_text_json(tg_text *text, const char *string)
{
    tg_text_add(text, "\"");
    for (const char *at = string != NULL ? string : ""; *at != '\0';) {
        size_t plain =
            strcspn(at, "\"\\\x01\x02\x03\x04\x05\x06\x07\b\t\n\v\f\r\x0e\x0f\x10\x11\x12"
                        "\x13\x14\x15\x16\x17\x18\x19\x1a\x1b\x1c\x1d\x1e\x1f");
        tg_text_add(text, "%.*s", (int)plain, at);
        at += plain;
        if (*at != '\0') {
            tg_text_add(text, "\\u%04x", (unsigned)(unsigned char)*at);
            at++;
        }
    }
    tg_text_add(text, "\"");
}
