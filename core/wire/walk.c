/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The walk: a loop over headers with a small stack of how many objects are left at each level. The
 * format of the headers is that of msgpack's specification, one table row per kind.
 */
#include "core/wire/walk.h"

#include "core/base/limits.h"

typedef enum walk_kind {
    WALK_PLAIN, /* a fixed number of bytes, which the header says */
    WALK_TEXT,
    WALK_BINARY,
    WALK_ARRAY,
    WALK_MAP,
    WALK_REFUSED
} walk_kind;

typedef struct walk_header {
    walk_kind kind;
    uint64_t count; /* bytes behind the header, or objects in it */
    size_t bytes;   /* of the header itself */
} walk_header;

/* Headers 0xc0 to 0xdf: what they are, and how many bytes of length follow (with WALK_PLAIN: how
 * many bytes of value). */
static const struct {
    uint8_t kind, width;
} headers[32] = {
    { WALK_PLAIN, 0 },   { WALK_REFUSED, 0 }, { WALK_PLAIN, 0 },   { WALK_PLAIN, 0 },
    { WALK_BINARY, 1 },  { WALK_BINARY, 2 },  { WALK_BINARY, 4 },  { WALK_REFUSED, 0 },
    { WALK_REFUSED, 0 }, { WALK_REFUSED, 0 }, { WALK_PLAIN, 4 },   { WALK_PLAIN, 8 },
    { WALK_PLAIN, 1 },   { WALK_PLAIN, 2 },   { WALK_PLAIN, 4 },   { WALK_PLAIN, 8 },
    { WALK_PLAIN, 1 },   { WALK_PLAIN, 2 },   { WALK_PLAIN, 4 },   { WALK_PLAIN, 8 },
    { WALK_REFUSED, 0 }, { WALK_REFUSED, 0 }, { WALK_REFUSED, 0 }, { WALK_REFUSED, 0 },
    { WALK_REFUSED, 0 }, { WALK_TEXT, 1 },    { WALK_TEXT, 2 },    { WALK_TEXT, 4 },
    { WALK_ARRAY, 2 },   { WALK_ARRAY, 4 },   { WALK_MAP, 2 },     { WALK_MAP, 4 },
};

/* False when the header itself is cut off. */
static bool
read_header(const uint8_t *bytes, size_t remaining, walk_header *header)
{
    uint8_t first = remaining > 0 ? bytes[0] : 0;
    bool whole = remaining > 0;
    *header = (walk_header){ WALK_PLAIN, 0, 1 };
    if (first >= 0xc0 && first < 0xe0) {
        size_t width = headers[first - 0xc0].width;
        header->kind = (walk_kind)headers[first - 0xc0].kind;
        whole = whole && remaining > width;
        if (header->kind == WALK_PLAIN) {
            header->count = width;
        } else {
            for (size_t i = 0; i < width && whole; i++) {
                header->count = header->count << 8 | bytes[1 + i];
            }
            header->bytes += width;
        }
    } else if (first >= 0x80 && first < 0xc0) {
        header->kind = first < 0x90 ? WALK_MAP : (first < 0xa0 ? WALK_ARRAY : WALK_TEXT);
        header->count = first & (first < 0xa0 ? 0x0fu : 0x1fu);
    }
    return whole;
}

/* As RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF. */
size_t
tg__utf8_prefix(const uint8_t *text, size_t size)
{
    bool good = true;
    size_t whole = 0;
    while (good && whole < size) {
        size_t at = whole;
        uint8_t first = text[at++];
        size_t more = first < 0x80 ? 0 : (first < 0xe0 ? 1 : (first < 0xf0 ? 2 : 3));
        uint32_t code = more == 0 ? first : first & (0x3fu >> more);
        good = first < 0x80 || (first >= 0xc2 && first <= 0xf4);
        for (size_t i = 0; i < more && good; i++) {
            good = at < size && (text[at] & 0xc0) == 0x80;
            code = good ? code << 6 | (text[at++] & 0x3fu) : code;
        }
        good = good && (more < 2 || code >= 0x800) && (more < 3 || code >= 0x10000) &&
               code <= 0x10ffff && (code < 0xd800 || code > 0xdfff);
        whole = good ? at : whole;
    }
    return whole;
}

tg_status
tg__wire_walk(const uint8_t *bytes, size_t size, size_t offset, uint64_t objects_max, size_t *end,
              tg_error *err)
{
    tg_status status = TG_OK;
    uint64_t left[TG_PLAN_NESTING_MAX + 1]; /* objects to come, per level */
    uint64_t objects = 0;
    int depth = 0;
    left[0] = 1;
    while (depth >= 0) {
        walk_header header;
        size_t remaining = size - offset;
        if (left[depth] == 0) {
            depth--;
            continue;
        }
        left[depth]--;
        TG_CHECK(read_header(bytes + offset, remaining, &header), err, TG_ERR_FORMAT,
                 "message ends within an object, at byte %zu", offset);
        TG_CHECK(header.kind != WALK_REFUSED, err, TG_ERR_FORMAT,
                 "message has an object of type 0x%02x, at byte %zu", bytes[offset], offset);
        TG_CHECK(++objects <= objects_max, err, TG_ERR_LIMIT,
                 "message has more than %llu objects in one record, at byte %zu",
                 (unsigned long long)objects_max, offset);
        remaining -= header.bytes;
        if (header.kind == WALK_ARRAY || header.kind == WALK_MAP) {
            /* Every object takes a byte at least. */
            uint64_t count = header.kind == WALK_MAP ? 2 * header.count : header.count;
            TG_CHECK(count <= remaining, err, TG_ERR_FORMAT,
                     "message declares %llu objects where %zu bytes are left, at byte %zu",
                     (unsigned long long)count, remaining, offset);
            TG_CHECK(depth < TG_PLAN_NESTING_MAX, err, TG_ERR_LIMIT,
                     "message is nested deeper than %d, at byte %zu", TG_PLAN_NESTING_MAX, offset);
            left[++depth] = count;
            offset += header.bytes;
        } else {
            TG_CHECK(header.count <= remaining, err, TG_ERR_FORMAT,
                     "message declares %llu bytes where %zu are left, at byte %zu",
                     (unsigned long long)header.count, remaining, offset);
            TG_CHECK(header.kind != WALK_TEXT ||
                         tg__utf8_prefix(bytes + offset + header.bytes, (size_t)header.count) ==
                             (size_t)header.count,
                     err, TG_ERR_FORMAT, "message has text that is not UTF-8, at byte %zu", offset);
            offset += header.bytes + (size_t)header.count;
        }
    }
    *end = offset;
out:
    return status;
}
