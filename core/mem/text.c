/* SPDX-License-Identifier: BSD-3-Clause */
/* Text that grows; see the header. */
#include "core/mem/text.h"

#include <stdarg.h>
#include <stdio.h>

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
    for (const char *at = string != NULL ? string : ""; *at != '\0'; at++) {
        if (*at == '"' || *at == '\\') {
            tg_text_add(text, "\\%c", *at);
        } else if ((unsigned char)*at < 0x20) {
            tg_text_add(text, "\\u%04x", (unsigned)*at);
        } else {
            tg_text_add(text, "%c", *at);
        }
    }
    tg_text_add(text, "\"");
}
