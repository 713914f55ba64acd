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

/* Room for a few paths; what is longer is a name out of a file, and is cut at the end. */
enum { TEXT_MAX = 8192 };

/* Where a character begins, at or before `at`. */
static size_t
character_start(const char *text, size_t at)
{
    while (at > 0 && ((unsigned char)text[at] & 0xc0) == 0x80) {
        at--;
    }
    return at;
}

/* The text as the message. What does not fit is left out in the middle: paths are long, what is
 * wrong with them stands behind them. */
static void
set_message(tg_error *err, const char *text)
{
    static const char gap[] = " ... ";
    size_t room = sizeof err->message - 1;
    size_t n = strlen(text);
    if (n <= room) {
        memcpy(err->message, text, n + 1);
    } else {
        size_t head = character_start(text, room / 2);
        size_t tail = n - (room - head - (sizeof gap - 1));
        while (((unsigned char)text[tail] & 0xc0) == 0x80) {
            tail++;
        }
        (void)snprintf(err->message, sizeof err->message, "%.*s%s%s", (int)head, text, gap,
                       text + tail);
    }
}

tg_status
tg__fail(tg_error *err, tg_status code, const char *file, int line, const char *format, ...)
{
    if (err != NULL) {
        const char *base = strrchr(file, '/');
        char text[TEXT_MAX];
        va_list args;
        err->code = code;
        err->line = line;
        (void)snprintf(err->file, sizeof err->file, "%s", base != NULL ? base + 1 : file);
        va_start(args, format);
        (void)vsnprintf(text, sizeof text, format, args);
        va_end(args);
        set_message(err, text);
    }
    return code;
}

void
tg__error_prefix(tg_error *err, const char *format, ...)
{
    if (err != NULL) {
        char text[TEXT_MAX];
        size_t room = sizeof text - sizeof err->message - 2;
        va_list args;
        va_start(args, format);
        int n = vsnprintf(text, room, format, args);
        va_end(args);
        size_t used = n < 0 ? 0 : (size_t)n < room ? (size_t)n : room - 1;
        (void)snprintf(text + used, sizeof text - used, ": %s", err->message);
        set_message(err, text);
    }
}
