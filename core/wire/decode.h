/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_WIRE_DECODE_H
#define TG_WIRE_DECODE_H
/*
 * What: a message object by object. Each is walked (walk.h) before msgpack-c decodes it; then its
 * fields are asked for by type and range.
 *
 * Ownership: the decoder borrows the bytes; what it gives is valid until the next object.
 * Threads: one. Errors: TG_ERR_FORMAT and TG_ERR_LIMIT, with what the field is.
 */
#include <msgpack.h>

#include "core/base/status.h"

typedef struct tg__decoder {
    const uint8_t *bytes;
    size_t size, at;
    msgpack_unpacked object; /* the one that was read last */
    int64_t *words;          /* payloads of the record that is read, aligned */
    size_t words_room, words_used;
} tg__decoder;

void tg__decoder_init(tg__decoder *r, const void *bytes, size_t size);
void tg__decoder_fini(tg__decoder *r);
/* The next object of the message. */
TG_MUST_USE tg_status tg__wire_next(tg__decoder *r, const msgpack_object **out, tg_error *err);

TG_MUST_USE tg_status tg__want_array(const msgpack_object *object, uint32_t least, uint32_t most,
                                     const char *what, const msgpack_object_array **out,
                                     tg_error *err);
TG_MUST_USE tg_status tg__want_number(const msgpack_object *object, uint64_t most, const char *what,
                                      uint64_t *out, tg_error *err);
TG_MUST_USE tg_status tg__want_bool(const msgpack_object *object, const char *what, bool *out,
                                    tg_error *err);
/* Text with its NUL. */
TG_MUST_USE tg_status tg__want_text(tg__decoder *r, const msgpack_object *object, uint32_t most,
                                    const char *what, const char **out, uint32_t *length,
                                    tg_error *err);
/* Binary: numbers of eight bytes, the lowest first. */
TG_MUST_USE tg_status tg__want_words(tg__decoder *r, const msgpack_object *object, uint32_t most,
                                     const char *what, const int64_t **out, uint32_t *count,
                                     tg_error *err);

#endif
