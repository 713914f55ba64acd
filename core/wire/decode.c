/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Objects and their fields. Payloads are copied out of the message, because there they lie at any
 * address; the room for them is that of the largest record.
 */
#include "core/wire/decode.h"

#include <inttypes.h>
#include <string.h>

#include "core/mem/alloc.h"
#include "core/wire/plan_format.h"
#include "core/wire/walk.h"

void
tg__decoder_init(tg__decoder *r, const void *bytes, size_t size)
{
    *r = (tg__decoder){ .bytes = bytes, .size = size };
    msgpack_unpacked_init(&r->object);
}

void
tg__decoder_fini(tg__decoder *r)
{
    msgpack_unpacked_destroy(&r->object);
    tg_free(NULL, r->words, r->words_room * sizeof *r->words);
}

tg_status
tg__wire_next(tg__decoder *r, const msgpack_object **out, tg_error *err)
{
    tg_status status = TG_OK;
    size_t end = 0;
    size_t at = r->at;
    TG_TRY(tg__wire_walk(r->bytes, r->size, r->at, TG__PLAN_OBJECTS_MAX, &end, err));
    TG_CHECK(msgpack_unpack_next(&r->object, (const char *)r->bytes, end, &at) ==
                     MSGPACK_UNPACK_SUCCESS &&
                 at == end,
             err, TG_ERR_FORMAT, "object cannot be decoded, at byte %zu", r->at);
    /* Payloads are copied out of the record, text with its NUL; they take no more than this. */
    size_t words = (end - r->at) / 8 + 2 * TG_PARAMS_MAX + 2 * TG_NDIM_MAX;
    if (words > r->words_room) {
        int64_t *room =
            tg_realloc(NULL, r->words, r->words_room * sizeof *room, words * sizeof *room);
        TG_CHECK(room != NULL, err, TG_ERR_MEMORY, "out of memory");
        r->words = room;
        r->words_room = words;
    }
    r->words_used = 0;
    r->at = end;
    *out = &r->object.data;
out:
    return status;
}

tg_status
tg__want_array(const msgpack_object *object, uint32_t least, uint32_t most, const char *what,
               const msgpack_object_array **out, tg_error *err)
{
    tg_status status = TG_OK;
    TG_CHECK(object->type == MSGPACK_OBJECT_ARRAY && object->via.array.size >= least &&
                 object->via.array.size <= most,
             err, TG_ERR_FORMAT, "%s must be an array of %u to %u", what, least, most);
    *out = &object->via.array;
out:
    return status;
}

tg_status
tg__want_number(const msgpack_object *object, uint64_t most, const char *what, uint64_t *out,
                tg_error *err)
{
    tg_status status = TG_OK;
    TG_CHECK(object->type == MSGPACK_OBJECT_POSITIVE_INTEGER && object->via.u64 <= most, err,
             TG_ERR_FORMAT, "%s must be a number up to %" PRIu64, what, most);
    *out = object->via.u64;
out:
    return status;
}

tg_status
tg__want_text(tg__decoder *r, const msgpack_object *object, uint32_t most, const char *what,
              const char **out, uint32_t *length, tg_error *err)
{
    tg_status status = TG_OK;
    char *text = (char *)(r->words + r->words_used);
    TG_CHECK(object->type == MSGPACK_OBJECT_STR && object->via.str.size <= most, err, TG_ERR_FORMAT,
             "%s must be text of at most %u bytes", what, most);
    uint32_t size = object->via.str.size;
    TG_CHECK(size == 0 || memchr(object->via.str.ptr, '\0', size) == NULL, err, TG_ERR_FORMAT,
             "%s must not contain a NUL", what);
    r->words_used += size / 8 + 1;
    if (size > 0) {
        memcpy(text, object->via.str.ptr, size);
    }
    text[size] = '\0';
    *out = text;
    *length = size;
out:
    return status;
}

tg_status
tg__want_words(tg__decoder *r, const msgpack_object *object, uint32_t most, const char *what,
               const int64_t **out, uint32_t *count, tg_error *err)
{
    tg_status status = TG_OK;
    int64_t *words = r->words + r->words_used;
    TG_CHECK(object->type == MSGPACK_OBJECT_BIN && object->via.bin.size % 8 == 0 &&
                 object->via.bin.size / 8 <= most,
             err, TG_ERR_FORMAT, "%s must be binary, at most %u numbers", what, most);
    *count = object->via.bin.size / 8;
    r->words_used += *count;
    for (uint32_t i = 0; i < *count; i++) {
        const uint8_t *bytes = (const uint8_t *)object->via.bin.ptr + (size_t)i * 8;
        uint64_t word = 0;
        for (int b = 7; b >= 0; b--) {
            word = word << 8 | bytes[b];
        }
        memcpy(&words[i], &word, sizeof word);
    }
    *out = words;
out:
    return status;
}

tg_status
tg__want_bool(const msgpack_object *object, const char *what, bool *out, tg_error *err)
{
    tg_status status = TG_OK;
    TG_CHECK(object->type == MSGPACK_OBJECT_BOOLEAN, err, TG_ERR_FORMAT, "%s must be true or false",
             what);
    *out = object->via.boolean;
out:
    return status;
}
