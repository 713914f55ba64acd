/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_PROFILE_TIMELINE_SINK_H
#define TG_PROFILE_TIMELINE_SINK_H
/*
 * What: a buffer in front of a tg_timeline_write, with formatting and JSON strings. It takes any
 * length of output in a fixed space.
 *
 * Ownership: lives on the caller's stack and borrows `write`.
 * Threads: one.
 * Errors: sticky: after `write` has failed nothing more is written, and finish returns its status.
 */
#include "worker/profile/timeline_export.h"

typedef struct tg__sink {
    tg_timeline_write write;
    void *ctx;
    tg_status status;
    size_t used;
    char bytes[16384];
} tg__sink;

void tg__sink_init(tg__sink *sink, tg_timeline_write write, void *ctx);
/* Hands on what is left, and returns the first failure. */
tg_status tg__sink_finish(tg__sink *sink) TG_MUST_USE;

void tg__sink_bytes(tg__sink *sink, const char *bytes, size_t count);
void tg__sink_text(tg__sink *sink, const char *text);
/* At most 1000 bytes at once; no user's text goes through it. */
void tg__sink_format(tg__sink *sink, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* A decimal integer, faster than the above. */
void tg__sink_integer(tg__sink *sink, int64_t value);
/* A JSON string in its quotes. "<", ">", "&" and U+2028, U+2029 are escaped too, so that it may
 * stand in a script element. Bytes that are not UTF-8 become U+FFFD. NULL reads as "". */
void tg__sink_json(tg__sink *sink, const char *text);
/* `ns` as microseconds with three decimals, as traces want it. */
void tg__sink_us(tg__sink *sink, int64_t ns);
/* A JSON number; null when it is not finite. */
void tg__sink_double(tg__sink *sink, double value);

/* "3.20 MiB", "17.5 ms" into a caller's buffer, which is returned. */
typedef struct tg__short_text {
    char text[32];
} tg__short_text;
const char *tg__bytes_text(tg__short_text *out, double bytes);
const char *tg__time_text(tg__short_text *out, double ns);

#endif
