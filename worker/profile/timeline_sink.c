/* SPDX-License-Identifier: BSD-3-Clause */
/* The buffer in front of an export, JSON strings and numbers for reading. */
#include "worker/profile/timeline_sink.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void
tg__sink_init(tg__sink *sink, tg_timeline_write write, void *ctx)
{
    sink->write = write;
    sink->ctx = ctx;
    sink->status = TG_OK;
    sink->used = 0;
}

static void
flush(tg__sink *sink)
{
    if (sink->status == TG_OK && sink->used > 0) {
        sink->status = sink->write(sink->ctx, sink->bytes, sink->used);
    }
    sink->used = 0;
}

tg_status
tg__sink_finish(tg__sink *sink)
{
    flush(sink);
    return sink->status;
}

void
tg__sink_bytes(tg__sink *sink, const char *bytes, size_t count)
{
    while (count > 0) {
        size_t room = sizeof sink->bytes - sink->used;
        size_t part = count < room ? count : room;
        memcpy(sink->bytes + sink->used, bytes, part);
        sink->used += part;
        bytes += part;
        count -= part;
        if (sink->used == sizeof sink->bytes) {
            flush(sink);
        }
    }
}

void
tg__sink_text(tg__sink *sink, const char *text)
{
    tg__sink_bytes(sink, text, strlen(text));
}

void
tg__sink_format(tg__sink *sink, const char *format, ...)
{
    char line[1000];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(line, sizeof line, format, args);
    va_end(args);
    if (n > 0) {
        tg__sink_bytes(sink, line, (size_t)n < sizeof line ? (size_t)n : sizeof line - 1);
    }
}

void
tg__sink_integer(tg__sink *sink, int64_t value)
{
    char digits[24];
    size_t at = sizeof digits;
    uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    do {
        digits[--at] = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest > 0);
    if (value < 0) {
        digits[--at] = '-';
    }
    tg__sink_bytes(sink, digits + at, sizeof digits - at);
}

void
tg__sink_us(tg__sink *sink, int64_t ns)
{
    char part[5] = { '.', (char)('0' + ns / 100 % 10), (char)('0' + ns / 10 % 10),
                     (char)('0' + ns % 10), 0 };
    if (ns < 0) { /* never, as times count from the begin of the run; but stay valid */
        tg__sink_text(sink, "0");
    } else {
        tg__sink_integer(sink, ns / 1000);
        tg__sink_bytes(sink, part, 4);
    }
}

void
tg__sink_double(tg__sink *sink, double value)
{
    if (isfinite(value)) {
        tg__sink_format(sink, "%.17g", value);
    } else {
        tg__sink_text(sink, "null");
    }
}

/* Reads one code point of UTF-8 at `s`; its length is returned, 0 when the bytes are not valid. */
static int
utf8(const unsigned char *s, uint32_t *point)
{
    int length = s[0] < 0x80 ? 1 : s[0] < 0xc2 ? 0 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
    uint32_t value = length == 1 ? s[0] : s[0] & (0xffu >> (length + 1));
    if (s[0] > 0xf4) {
        length = 0;
    }
    for (int i = 1; i < length; i++) {
        if ((s[i] & 0xc0) != 0x80) { /* also stops at the NUL */
            length = 0;
            break;
        }
        value = value << 6 | (s[i] & 0x3fu);
    }
    if ((length == 3 && (value < 0x800 || (value >= 0xd800 && value < 0xe000))) ||
        (length == 4 && (value < 0x10000 || value > 0x10ffff))) {
        length = 0;
    }
    *point = value;
    return length;
}

void
tg__sink_json(tg__sink *sink, const char *text)
{
    const unsigned char *s = (const unsigned char *)(text != NULL ? text : "");
    tg__sink_text(sink, "\"");
    while (*s != 0) {
        uint32_t point = 0;
        int length = utf8(s, &point);
        if (length == 0) {
            tg__sink_text(sink, "\\ufffd");
            length = 1;
        } else if (point == '"' || point == '\\') {
            char pair[2] = { '\\', (char)point };
            tg__sink_bytes(sink, pair, 2);
        } else if (point < 0x20 || point == '<' || point == '>' || point == '&' || point == 0x7f ||
                   point == 0x2028 || point == 0x2029) {
            tg__sink_format(sink, "\\u%04x", (unsigned)point);
        } else {
            tg__sink_bytes(sink, (const char *)s, (size_t)length);
        }
        s += length;
    }
    tg__sink_text(sink, "\"");
}

/* Three digits that count: 1.23, 12.3, 123. */
static const char *
three_digits(tg__short_text *out, double value, const char *unit)
{
    int decimals = fabs(value) >= 99.95 ? 0 : fabs(value) >= 9.995 ? 1 : 2;
    (void)snprintf(out->text, sizeof out->text, "%.*f %s", decimals, value, unit);
    return out->text;
}

const char *
tg__bytes_text(tg__short_text *out, double bytes)
{
    static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
    int unit = 0;
    while (fabs(bytes) >= 1023.5 && unit < 6) {
        bytes /= 1024;
        unit++;
    }
    if (unit == 0) {
        (void)snprintf(out->text, sizeof out->text, "%.0f B", bytes);
    } else {
        (void)three_digits(out, bytes, units[unit]);
    }
    return out->text;
}

const char *
tg__time_text(tg__short_text *out, double ns)
{
    static const char *const units[] = { "ns", "us", "ms", "s" };
    int unit = 0;
    while (fabs(ns) >= 999.5 && unit < 3) {
        ns /= 1000;
        unit++;
    }
    if (unit == 0) {
        (void)snprintf(out->text, sizeof out->text, "%.0f ns", ns);
    } else {
        (void)three_digits(out, ns, units[unit]);
    }
    return out->text;
}
