/* SPDX-License-Identifier: BSD-3-Clause */
/* Events as bytes. See timeline_wire.h. */
#include "worker/profile/timeline_wire.h"

#include "core/base/assert.h"

/* Times and bytes beyond that are nonsense, and sums of them would overflow. */
#define MOST ((int64_t)1 << 60)

static size_t
put(unsigned char *out, uint64_t value)
{
    size_t n = 0;
    while (value >= 0x80) {
        out[n++] = (unsigned char)(value | 0x80);
        value >>= 7;
    }
    out[n++] = (unsigned char)value;
    return n;
}

static uint64_t
fold(int64_t value)
{
    return (uint64_t)value << 1 ^ (uint64_t)(value >> 63);
}

static int64_t
unfold(uint64_t value)
{
    return (int64_t)(value >> 1) ^ -(int64_t)(value & 1);
}

static uint64_t
unsign(int64_t value)
{
    return value > 0 ? (uint64_t)value : 0;
}

size_t
tg_timeline_pack(const tg_timeline_event *events, uint32_t count, uint32_t *taken,
                 unsigned char *out, size_t room)
{
    size_t at = 0;
    uint32_t n = 0;
    int64_t start_ns = 0, task = 0;
    for (; n < count && room - at >= TG_TIMELINE_PACKED_MAX; n++) {
        const tg_timeline_event *e = &events[n];
        at += put(out + at, (uint64_t)e->kind << 1 | (e->flags & TG_TIMELINE_INSIDE));
        at += put(out + at, e->thread);
        at += put(out + at, e->stage);
        at += put(out + at, fold(e->start_ns - start_ns));
        at += put(out + at, fold((int64_t)e->task - task));
        at += put(out + at, unsign(e->end_ns - e->start_ns));
        at += put(out + at, unsign(e->wait_ns));
        at += put(out + at, unsign(e->bytes_in));
        at += put(out + at, unsign(e->bytes_out));
        at += put(out + at, e->tile);
        start_ns = e->start_ns;
        task = e->task;
    }
    *taken = n;
    return at;
}

/* -- reading ---------------------------------------------------------------------------------- */

static bool
get(tg_timeline_unpacker *reader, uint64_t most, uint64_t *out)
{
    uint64_t value = 0;
    bool more = true, ok = true;
    for (int shift = 0; more && ok; shift += 7) {
        ok = reader->at < reader->size && shift < 63;
        if (ok) {
            unsigned char byte = reader->bytes[reader->at++];
            value |= (uint64_t)(byte & 0x7f) << shift;
            more = (byte & 0x80) != 0;
        }
    }
    *out = value;
    return ok && value <= most;
}

static bool
get_signed(tg_timeline_unpacker *reader, int64_t before, int64_t most, int64_t *out)
{
    uint64_t value = 0;
    bool ok = get(reader, (uint64_t)MOST * 2, &value);
    *out = ok ? before + unfold(value) : 0;
    return ok && *out >= 0 && *out <= most;
}

static bool
get_number(tg_timeline_unpacker *reader, int64_t *out)
{
    uint64_t value = 0;
    bool ok = get(reader, (uint64_t)MOST, &value);
    *out = (int64_t)value;
    return ok;
}

void
tg_timeline_unpack_begin(tg_timeline_unpacker *reader, const void *bytes, size_t size)
{
    *reader = (tg_timeline_unpacker){ .bytes = bytes, .size = size };
}

tg_status
tg_timeline_unpack(tg_timeline_unpacker *reader, tg_timeline_event *out, tg_error *err)
{
    tg_status status = TG_OK;
    uint64_t kind = 0, thread = 0, stage = 0, tile = 0;
    int64_t length = 0;
    *out = (tg_timeline_event){ 0 };
    reader->more = reader->at < reader->size;
    if (reader->more) {
        bool ok = get(reader, (uint64_t)TG_TIMELINE_KIND_COUNT * 2 - 1, &kind) &&
                  get(reader, UINT16_MAX, &thread) && get(reader, UINT16_MAX, &stage) &&
                  get_signed(reader, reader->start_ns, MOST, &reader->start_ns) &&
                  get_signed(reader, reader->task, UINT32_MAX, &reader->task) &&
                  get_number(reader, &length) && get_number(reader, &out->wait_ns) &&
                  get_number(reader, &out->bytes_in) && get_number(reader, &out->bytes_out) &&
                  get(reader, UINT32_MAX, &tile);
        reader->more = ok;
        TG_CHECK(ok, err, TG_ERR_FORMAT, "timeline: byte %zu is not of an event", reader->at);
        out->kind = (uint8_t)(kind >> 1);
        out->flags = (uint8_t)(kind & TG_TIMELINE_INSIDE);
        out->thread = (uint16_t)thread;
        out->stage = (uint16_t)stage;
        out->start_ns = reader->start_ns;
        out->end_ns = reader->start_ns + length;
        out->task = (uint32_t)reader->task;
        out->tile = (uint32_t)tile;
    }
out:
    return status;
}

/* -- numbers ---------------------------------------------------------------------------------- */

size_t
tg_measured_pack(const tg_measured *numbers, unsigned char *out)
{
    size_t at = 0;
#define PUT(name) at += put(out + at, unsign(numbers->name));
    TG_MEASURED_MAP(PUT)
#undef PUT
    return at;
}

tg_status
tg_measured_unpack(const void *bytes, size_t size, tg_measured *out, tg_error *err)
{
    tg_status status = TG_OK;
    tg_timeline_unpacker reader;
    bool ok = true;
    tg_timeline_unpack_begin(&reader, bytes, size);
    *out = (tg_measured){ 0 };
#define GET(name) ok = ok && get_number(&reader, &out->name);
    TG_MEASURED_MAP(GET)
#undef GET
    TG_CHECK(ok && reader.at == size, err, TG_ERR_FORMAT,
             "measured: %zu bytes are not the numbers of a worker", size);
out:
    return status;
}
