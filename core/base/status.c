/* SPDX-License-Identifier: BSD-3-Clause */
/* Status names and texts, and the making of error messages. */
#include "core/base/status.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct {
    int number;
    const char *name, *text, *python;
} status_table[] = {
#define TG_STATUS_ROW(name, number, text, python) { number, #name, text, python },
    TG_STATUS_MAP(TG_STATUS_ROW)
#undef TG_STATUS_ROW
};

static int
status_row(tg_status code)
{
    int row = -1;
    for (int i = 0; i < (int)(sizeof status_table / sizeof status_table[0]); i++) {
        if (status_table[i].number == (int)code) {
            row = i;
        }
    }
    return row;
}

const char *
tg_status_name(tg_status code)
{
    int row = status_row(code);
    return row < 0 ? "?" : status_table[row].name;
}

const char *
tg_status_text(tg_status code)
{
    int row = status_row(code);
    return row < 0 ? "unknown status" : status_table[row].text;
}

const char *
tg_status_python(tg_status code)
{
    int row = status_row(code);
    return row < 0 ? "RuntimeError" : status_table[row].python;
}

tg_status
tg__fail(tg_error *err, tg_status code, const char *file, int line, const char *format, ...)
{
    if (err != NULL) {
        const char *base = strrchr(file, '/');
        va_list args;
        err->code = code;
        err->line = line;
        (void)snprintf(err->file, sizeof err->file, "%s", base != NULL ? base + 1 : file);
        va_start(args, format);
        (void)vsnprintf(err->message, sizeof err->message, format, args);
        va_end(args);
    }
    return code;
}

void
tg__error_prefix(tg_error *err, const char *format, ...)
{
    if (err != NULL) {
        char prefix[256];
        char old[sizeof err->message];
        va_list args;
        va_start(args, format);
        (void)vsnprintf(prefix, sizeof prefix, format, args);
        va_end(args);
        memcpy(old, err->message, sizeof old);
        (void)snprintf(err->message, sizeof err->message, "%s: %.*s", prefix,
                       (int)(sizeof err->message - sizeof prefix - 3), old);
    }
}
