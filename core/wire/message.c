/* SPDX-License-Identifier: BSD-3-Clause */
/* Messages into bytes and back, by the table message.def. See message.h. */
#include "core/wire/message.h"

#include <math.h>
#include <string.h>

#include "core/base/size.h"
#include "core/mem/alloc.h"
#include "core/wire/walk.h"

/* The fields, in the order in which they go over the wire. */
enum {
    F_JOB = 1 << 0,
    F_TASK = 1 << 1,
    F_WORKER = 1 << 2,
    F_CODE = 1 << 3,
    F_NAME = 1 << 4,
    F_ADDRESS = 1 << 5,
    F_TEXT = 1 << 6,
    F_THREADS = 1 << 7,
    F_MEMORY = 1 << 8,
    F_LEASE = 1 << 9,
    F_BUSY = 1 << 10,
    F_PRIORITY = 1 << 11,
    F_OFFSET = 1 << 12,
    F_TOTAL = 1 << 13,
    F_FLAG = 1 << 14,
    F_BYTES = 1 << 15,
    F_RANGES = 1 << 16,
    F_TIME = 1 << 17
};

/* Objects of one message: the array, its number, its fields. */
enum { FIELD_COUNT = 18, OBJECTS_MAX = FIELD_COUNT + 2 };

typedef struct message_row {
    const char *name;
    uint32_t fields;
} message_row;

static const message_row rows[TG_MESSAGE_COUNT] = {
#define TG_MESSAGE(NAME, FIELDS) { #NAME, FIELDS },
#include "core/wire/message.def"
#undef TG_MESSAGE
};

/* The whole numbers among the fields, each with its limit. */
typedef struct number_row {
    uint32_t field;
    const char *name;
    size_t at, bytes;
    uint64_t most;
} number_row;

#define NUMBER(FIELD, MEMBER, MOST)                                                                \
    {                                                                                              \
        FIELD, #MEMBER, offsetof(tg_message, MEMBER), sizeof((tg_message *)0)->MEMBER, MOST        \
    }
static const number_row numbers[] = {
    NUMBER(F_JOB, job, UINT64_MAX),       NUMBER(F_TASK, task, TG_TASKS_MAX),
    NUMBER(F_WORKER, worker, UINT64_MAX), NUMBER(F_THREADS, threads, TG_THREADS_MAX),
    NUMBER(F_MEMORY, memory, INT64_MAX),  NUMBER(F_LEASE, lease_ns, INT64_MAX),
    NUMBER(F_BUSY, busy_ns, INT64_MAX),   NUMBER(F_OFFSET, offset, TG_PLAN_BYTES_MAX),
    NUMBER(F_TOTAL, total, INT64_MAX),    NUMBER(F_TIME, time_ns, INT64_MAX),
};
#undef NUMBER

typedef struct text_row {
    uint32_t field;
    const char *name;
    size_t at;
    uint32_t most;
} text_row;

static const text_row texts[] = {
    { F_NAME, "name", offsetof(tg_message, name), TG_NAME_MAX },
    { F_ADDRESS, "address", offsetof(tg_message, address), TG_ADDRESS_MAX },
    { F_TEXT, "text", offsetof(tg_message, text), TG_TEXT_MAX },
};

#define COUNT(rows_) (sizeof(rows_) / sizeof(rows_)[0])

const char *
tg_message_name(tg_message_kind kind)
{
    return (unsigned)kind < TG_MESSAGE_COUNT ? rows[kind].name : "?";
}

static const number_row *
number_of(uint32_t field)
{
    const number_row *found = NULL;
    for (size_t i = 0; i < COUNT(numbers) && found == NULL; i++) {
        found = numbers[i].field == field ? &numbers[i] : NULL;
    }
    return found;
}

static const text_row *
text_of(uint32_t field)
{
    const text_row *found = NULL;
    for (size_t i = 0; i < COUNT(texts) && found == NULL; i++) {
        found = texts[i].field == field ? &texts[i] : NULL;
    }
    return found;
}

/* -- writing -------------------------------------------------------------------------------- */

void
tg_message_writer_init(tg_message_writer *writer)
{
    *writer = (tg_message_writer){ 0 };
}

void
tg_message_writer_fini(tg_message_writer *writer)
{
    tg_free(NULL, writer->bytes, writer->room_);
    tg_message_writer_init(writer);
}

/* msgpack's callback: -1 ends the packing. */
static int
append(void *ctx, const char *from, size_t bytes)
{
    tg_message_writer *w = ctx;
    int result = 0;
    if (bytes > TG_LINK_PAYLOAD_MAX - w->size) {
        result = -1;
    } else if (w->size + bytes > w->room_) {
        size_t room = w->room_ != 0 ? w->room_ : 1024;
        while (room < w->size + bytes) {
            room *= 2;
        }
        unsigned char *grown = tg_realloc(NULL, w->bytes, w->room_, room);
        result = grown != NULL ? 0 : -1;
        w->bytes = grown != NULL ? grown : w->bytes;
        w->room_ = grown != NULL ? room : w->room_;
    }
    if (result == 0 && bytes > 0) {
        memcpy(w->bytes + w->size, from, bytes);
        w->size += bytes;
    }
    return result;
}

static uint64_t
get_number(const tg_message *message, const number_row *row)
{
    uint64_t value = 0;
    uint32_t half = 0;
    const char *from = (const char *)message + row->at;
    if (row->bytes == sizeof half) {
        memcpy(&half, from, sizeof half);
        value = half;
    } else {
        memcpy(&value, from, sizeof value);
    }
    return value;
}

/* Names of files are bytes of any kind, and long texts are cut anywhere; a reader takes UTF-8 only:
 * each byte that is none goes as "?". */
static int
pack_text(msgpack_packer *packer, const tg_message *message, const text_row *row)
{
    const char *text = NULL;
    memcpy(&text, (const char *)message + row->at, sizeof text);
    size_t bytes = text != NULL ? strnlen(text, row->most) : 0;
    int failed = msgpack_pack_str(packer, bytes);
    for (size_t at = 0; at < bytes && failed == 0;) {
        size_t good = tg__utf8_prefix((const uint8_t *)text + at, bytes - at);
        failed = good > 0 ? msgpack_pack_str_body(packer, text + at, good)
                          : msgpack_pack_str_body(packer, "?", 1);
        at += good > 0 ? good : 1;
    }
    return failed;
}

static int
pack_ranges(msgpack_packer *packer, const tg_message *message)
{
    int failed = msgpack_pack_bin(packer, message->range_count * 8);
    for (size_t i = 0; i < message->range_count && failed == 0; i++) {
        unsigned char pair[8];
        for (int b = 0; b < 4; b++) {
            pair[b] = (unsigned char)(message->ranges[i].lo >> (8 * b));
            pair[4 + b] = (unsigned char)(message->ranges[i].hi >> (8 * b));
        }
        failed = msgpack_pack_bin_body(packer, pair, sizeof pair);
    }
    return failed;
}

static int
pack_field(msgpack_packer *packer, const tg_message *message, uint32_t field)
{
    const number_row *number = number_of(field);
    const text_row *text = text_of(field);
    int failed = 0;
    if (number != NULL) {
        failed = msgpack_pack_uint64(packer, get_number(message, number));
    } else if (text != NULL) {
        failed = pack_text(packer, message, text);
    } else if (field == F_CODE) {
        failed = msgpack_pack_uint64(packer, (uint64_t)message->code);
    } else if (field == F_FLAG) {
        failed = message->flag ? msgpack_pack_true(packer) : msgpack_pack_false(packer);
    } else if (field == F_PRIORITY) {
        failed = msgpack_pack_double(packer, message->priority);
    } else if (field == F_RANGES) {
        failed = pack_ranges(packer, message);
    } else if (field == F_BYTES) {
        failed = msgpack_pack_bin(packer, message->byte_count);
        failed = failed != 0 ? failed
                             : msgpack_pack_bin_body(packer, message->bytes, message->byte_count);
    }
    return failed;
}

tg_status
tg_message_writer_add(tg_message_writer *writer, const tg_message *message, tg_error *err)
{
    tg_status status = TG_OK;
    const message_row *row = &rows[message->kind];
    size_t before = writer->size, fields = 0;
    msgpack_packer packer;
    TG_CHECK(message->range_count <= TG_RANGES_MAX && message->byte_count <= TG_PART_MAX, err,
             TG_ERR_LIMIT, "message %s: %zu ranges and %zu bytes, at most %d and %d are allowed",
             row->name, message->range_count, message->byte_count, TG_RANGES_MAX, TG_PART_MAX);
    for (uint32_t f = 0; f < FIELD_COUNT; f++) {
        fields += (row->fields >> f) & 1;
    }
    msgpack_packer_init(&packer, writer, append);
    int failed = msgpack_pack_array(&packer, fields + 1);
    failed = failed != 0 ? failed : msgpack_pack_uint64(&packer, (uint64_t)message->kind);
    for (uint32_t f = 0; f < FIELD_COUNT && failed == 0; f++) {
        if (((row->fields >> f) & 1) != 0) {
            failed = pack_field(&packer, message, (uint32_t)1 << f);
        }
    }
    if (failed != 0) {
        /* No part is larger than a quarter of a payload: what does not fit meets all its room. */
        bool full = writer->room_ >= TG_LINK_PAYLOAD_MAX;
        status =
            full ? tg_fail(err, TG_ERR_LIMIT, "message %s does not fit into the payload", row->name)
                 : tg_fail(err, TG_ERR_MEMORY, "no memory for message %s", row->name);
        writer->size = before;
    }
out:
    return status;
}

/* -- reading -------------------------------------------------------------------------------- */

void
tg_message_reader_init(tg_message_reader *reader, const void *payload, size_t bytes)
{
    memset(reader, 0, sizeof *reader);
    tg__decoder_init(&reader->decoder_, payload, bytes);
}

void
tg_message_reader_fini(tg_message_reader *reader)
{
    tg__decoder_fini(&reader->decoder_);
    tg_free(NULL, reader->ranges_, reader->ranges_room_ * sizeof *reader->ranges_);
    reader->ranges_ = NULL;
    reader->ranges_room_ = 0;
}

static tg_status
read_ranges(tg_message_reader *reader, const msgpack_object *object, tg_error *err)
{
    tg_status status = TG_OK;
    tg_message *m = &reader->message_;
    const int64_t *words = NULL;
    uint32_t count = 0;
    TG_TRY(tg__want_words(&reader->decoder_, object, TG_RANGES_MAX, "ranges", &words, &count, err));
    if (count > reader->ranges_room_) {
        tg_range *room = tg_realloc(NULL, reader->ranges_, reader->ranges_room_ * sizeof *room,
                                    count * sizeof *room);
        TG_CHECK(room != NULL, err, TG_ERR_MEMORY, "out of memory");
        reader->ranges_ = room;
        reader->ranges_room_ = count;
    }
    uint32_t end = 0;
    for (uint32_t i = 0; i < count; i++) {
        tg_range *r = &reader->ranges_[i];
        r->lo = (uint32_t)((uint64_t)words[i] & UINT32_MAX);
        r->hi = (uint32_t)((uint64_t)words[i] >> 32);
        TG_CHECK(r->lo < r->hi && r->hi <= TG_TASKS_MAX && (i == 0 || r->lo > end), err,
                 TG_ERR_FORMAT, "ranges must ascend and lie apart");
        end = r->hi;
    }
    m->ranges = reader->ranges_;
    m->range_count = count;
out:
    return status;
}

static tg_status
read_number(const msgpack_object *object, tg_message *message, const number_row *row, tg_error *err)
{
    tg_status status = TG_OK;
    uint64_t value = 0;
    char *to = (char *)message + row->at;
    TG_TRY(tg__want_number(object, row->most, row->name, &value, err));
    if (row->bytes == sizeof(uint32_t)) {
        uint32_t half = (uint32_t)value;
        memcpy(to, &half, sizeof half);
    } else {
        memcpy(to, &value, sizeof value);
    }
out:
    return status;
}

static tg_status
read_rest(tg_message_reader *reader, const msgpack_object *object, uint32_t field, tg_error *err)
{
    tg_status status = TG_OK;
    tg_message *m = &reader->message_;
    uint64_t code = 0;
    if (field == F_CODE) {
        TG_TRY(tg__want_number(object, TG_ERR_MISMATCH, "code", &code, err));
        m->code = (tg_status)code;
    } else if (field == F_FLAG) {
        TG_TRY(tg__want_bool(object, "flag", &m->flag, err));
    } else if (field == F_PRIORITY) {
        TG_CHECK(object->type == MSGPACK_OBJECT_FLOAT64 && fabs(object->via.f64) <= TG_PRIORITY_MAX,
                 err, TG_ERR_FORMAT, "priority must be a float, -1e9 to 1e9");
        m->priority = object->via.f64;
    } else if (field == F_BYTES) {
        TG_CHECK(object->type == MSGPACK_OBJECT_BIN && object->via.bin.size <= TG_PART_MAX, err,
                 TG_ERR_FORMAT, "bytes must be binary, at most %d", TG_PART_MAX);
        m->bytes = object->via.bin.ptr;
        m->byte_count = object->via.bin.size;
    } else {
        TG_TRY(read_ranges(reader, object, err));
    }
out:
    return status;
}

static tg_status
read_field(tg_message_reader *reader, const msgpack_object *object, uint32_t field, tg_error *err)
{
    tg_status status = TG_OK;
    const number_row *number = number_of(field);
    const text_row *text = text_of(field);
    if (number != NULL) {
        status = read_number(object, &reader->message_, number, err);
    } else if (text != NULL) {
        const char *value = NULL;
        uint32_t length = 0;
        status =
            tg__want_text(&reader->decoder_, object, text->most, text->name, &value, &length, err);
        memcpy((char *)&reader->message_ + text->at, &value, sizeof value);
    } else {
        status = read_rest(reader, object, field, err);
    }
    return status;
}

static tg_status
read_message(tg_message_reader *reader, tg_error *err)
{
    tg_status status = TG_OK;
    const msgpack_object *object = NULL;
    const msgpack_object_array *array = NULL;
    uint64_t kind = 0;
    TG_TRY(tg__wire_next(&reader->decoder_, &object, err));
    TG_TRY(tg__want_array(object, 1, OBJECTS_MAX - 1, "a message", &array, err));
    TG_TRY(tg__want_number(&array->ptr[0], TG_MESSAGE_COUNT - 1, "the number of a message", &kind,
                           err));
    const message_row *row = &rows[kind];
    reader->message_ = (tg_message){ .kind = (tg_message_kind)kind };
    uint32_t next = 1;
    for (uint32_t f = 0; f < FIELD_COUNT; f++) {
        if (((row->fields >> f) & 1) != 0) {
            status = next < array->size
                         ? read_field(reader, &array->ptr[next], (uint32_t)1 << f, err)
                         : tg_fail(err, TG_ERR_FORMAT, "it has too few fields");
            next++;
        }
        if (status != TG_OK) {
            tg__error_prefix(err, "message %s", row->name);
            goto out;
        }
    }
    TG_CHECK(next == array->size, err, TG_ERR_FORMAT, "message %s: it has too many fields",
             row->name);
out:
    return status;
}

tg_status
tg_message_reader_next(tg_message_reader *reader, const tg_message **message, tg_error *err)
{
    tg_status status = TG_OK;
    *message = NULL;
    if (reader->decoder_.at < reader->decoder_.size) {
        TG_TRY(read_message(reader, err));
        *message = &reader->message_;
    }
out:
    if (status != TG_OK) {
        reader->decoder_.at = reader->decoder_.size;
    }
    return status;
}
