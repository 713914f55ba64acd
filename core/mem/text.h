/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_MEM_TEXT_H
#define TG_MEM_TEXT_H
/*
 * What: text that grows while it is written.
 *
 * Ownership: a tg_text is the caller's, begun as { 0 }; fini frees it. Who keeps `data` frees it by
 * tg_free(NULL, data, capacity).
 * Threads: one.
 * Errors: a failed allocation is remembered in `failed` and found at the end; what is added after
 * it is dropped.
 */
#include <stdbool.h>
#include <stddef.h>

typedef struct tg_text {
    char *data; /* NUL-terminated; NULL when nothing was added */
    size_t used, capacity;
    bool failed;
} tg_text;

void tg_text_fini(tg_text *text);
void tg_text_add(tg_text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* A JSON string, with its quotes; NULL is "". */
void tg_text_json(tg_text *text, const char *string);
/* Room for `more` bytes and the NUL behind `used`, which the caller then moves; false: failed. */
bool tg_text_reserve(tg_text *text, size_t more);

#endif
