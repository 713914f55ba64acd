/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_CLI_JSON_TEXT_H
#define TG_CLI_JSON_TEXT_H
/*
 * What: looking into the JSON that tg_describe gives, without a tree and without memory: a value
 * is a piece of the text. It reads what the library wrote, so it trusts the text to be JSON; on
 * text that is not, it stops at its end.
 *
 * Ownership: pieces borrow the text.
 * Threads: any.
 * Errors: none; what is not there is an empty piece.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct tg_json_piece {
    const char *text;
    size_t bytes; /* 0: there is no such value */
} tg_json_piece;

/* The value of a key of an object. */
tg_json_piece tg_json_text_get(tg_json_piece object, const char *key);
/* The next member of a list or object; *at is 0 at first. key NULL for lists. False at the end. */
bool tg_json_text_next(tg_json_piece list, size_t *at, tg_json_piece *key, tg_json_piece *value);
/* Whether it is the string `text`, which needs no escapes. */
bool tg_json_text_is(tg_json_piece value, const char *text);
/* A whole number; 0 when it is none. */
int64_t tg_json_text_int(tg_json_piece value);
/* Prints a string without its quotes and with control characters left escaped. */
void tg_json_text_print_string(tg_json_piece value);
/* Prints any value with an indentation for people, lists of plain values on one line. */
void tg_json_text_print(tg_json_piece value, int indent);

#endif
