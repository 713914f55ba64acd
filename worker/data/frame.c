/* SPDX-License-Identifier: BSD-3-Clause */
/* Frames of tiles as bytes and back. */
#include "worker/data/frame.h"

#include <string.h>
#include <xxhash.h>

#include "core/base/assert.h"

enum {
    AT_KIND = 4,
    AT_DETAIL = 5,
    AT_REQUEST = 8,
    AT_JOB = 16,
    AT_TASK = 24,
    AT_COUNT = 28,
    AT_OFFSET = 32,
    AT_TOTAL = 40,
    AT_HOST = 48,
    AT_PAYLOAD_SUM = 56,
    AT_SUM = 64
};

static uint64_t
get(const unsigned char *from, int bytes)
{
    uint64_t value = 0;
    for (int i = bytes - 1; i >= 0; i--) {
        value = value << 8 | from[i];
    }
    return value;
}

static void
put(unsigned char *to, int bytes, uint64_t value)
{
    for (int i = 0; i < bytes; i++) {
        to[i] = (unsigned char)(value >> (8 * i));
    }
}

void
tg_data_seal(const tg_data_frame *frame, unsigned char *header)
{
    unsigned detail = frame->kind == TG_DATA_PART   ? (unsigned)frame->packing
                      : frame->kind == TG_DATA_NONE ? (unsigned)frame->reason
                                                    : 0;
    TG_ASSERT(frame->kind >= TG_DATA_GET && frame->kind < TG_DATA_KIND_END);
    TG_ASSERT(frame->payload_bytes <= TG_DATA_PART_MAX && frame->count <= TG_DATA_PART_MAX);
    memset(header, 0, TG_DATA_HEADER_BYTES);
    memcpy(header, "TGD", 3);
    header[3] = TG_DATA_VERSION;
    header[AT_KIND] = (unsigned char)frame->kind;
    header[AT_DETAIL] = (unsigned char)detail;
    put(header + AT_REQUEST, 8, frame->request);
    put(header + AT_JOB, 8, frame->job);
    put(header + AT_TASK, 4, frame->task);
    put(header + AT_COUNT, 4, frame->count);
    put(header + AT_OFFSET, 8, frame->offset);
    put(header + AT_TOTAL, 8, frame->kind == TG_DATA_GET ? frame->rate : frame->total);
    put(header + AT_HOST, 8, frame->kind == TG_DATA_GET ? frame->host : 0);
    put(header + AT_PAYLOAD_SUM, 8, XXH3_64bits(frame->payload, frame->payload_bytes));
    put(header + AT_SUM, 8, XXH3_64bits(header, AT_SUM));
}

/* Is this what a frame of its kind looks like? */
static tg_status
check_kind(const tg_data_frame *f, unsigned detail, tg_error *err)
{
    tg_status status = TG_OK;
    bool fits = false;
    switch (f->kind) {
    case TG_DATA_GET:
        fits = detail == 0 && f->payload_bytes == 0 && f->count > 0;
        break;
    case TG_DATA_PART:
        fits = detail < TG_DATA_PACKING_END && f->offset <= f->total &&
               f->count <= f->total - f->offset &&
               (detail == TG_DATA_RAW ? f->payload_bytes == f->count
                                      : f->payload_bytes > 0 && f->payload_bytes < f->count);
        break;
    case TG_DATA_SHARED:
        fits = detail == 0 && f->payload_bytes == TG_SHARED_REF_BYTES;
        break;
    case TG_DATA_NONE:
        fits = detail > 0 && detail < TG_DATA_REASON_END && f->payload_bytes == 0;
        break;
    case TG_DATA_KIND_END:
        break;
    }
    TG_CHECK(fits, err, TG_ERR_FORMAT,
             "a data frame of kind %d with detail %u, %u bytes at %llu of %llu and a payload of "
             "%zu bytes",
             (int)f->kind, detail, f->count, (unsigned long long)f->offset,
             (unsigned long long)f->total, f->payload_bytes);
out:
    return status;
}

tg_status
tg_data_open(const void *header, size_t header_bytes, const void *payload, size_t payload_bytes,
             tg_data_frame *out, tg_error *err)
{
    tg_status status = TG_OK;
    const unsigned char *h = header;
    *out = (tg_data_frame){ 0 };
    TG_CHECK(header_bytes == TG_DATA_HEADER_BYTES && memcmp(h, "TGD", 3) == 0, err, TG_ERR_FORMAT,
             "%zu bytes that are no data frame of tilegraph", header_bytes);
    TG_CHECK(h[3] == TG_DATA_VERSION, err, TG_ERR_UNSUPPORTED,
             "a data frame of version %u; here it is %d: use the same version of tilegraph "
             "everywhere",
             h[3], TG_DATA_VERSION);
    TG_CHECK(get(h + AT_SUM, 8) == XXH3_64bits(h, AT_SUM), err, TG_ERR_FORMAT,
             "a data frame whose header's checksum is wrong");
    TG_CHECK(payload_bytes <= TG_DATA_PART_MAX && get(h + AT_COUNT, 4) <= TG_DATA_PART_MAX, err,
             TG_ERR_LIMIT, "a data frame of %zu bytes, for %llu of a tile; at most %zu are allowed",
             payload_bytes, (unsigned long long)get(h + AT_COUNT, 4), TG_DATA_PART_MAX);
    TG_CHECK(h[AT_KIND] > 0 && h[AT_KIND] < TG_DATA_KIND_END && h[6] == 0 && h[7] == 0, err,
             TG_ERR_FORMAT, "a data frame of unknown kind %u", h[AT_KIND]);
    unsigned detail = h[AT_DETAIL];
    bool asks = h[AT_KIND] == TG_DATA_GET;
    tg_data_frame f = { .kind = (tg_data_kind)h[AT_KIND],
                        .request = get(h + AT_REQUEST, 8),
                        .job = get(h + AT_JOB, 8),
                        .task = (uint32_t)get(h + AT_TASK, 4),
                        .count = (uint32_t)get(h + AT_COUNT, 4),
                        .offset = get(h + AT_OFFSET, 8),
                        .total = asks ? 0 : get(h + AT_TOTAL, 8),
                        .rate = asks ? get(h + AT_TOTAL, 8) : 0,
                        .host = get(h + AT_HOST, 8),
                        .payload = payload,
                        .payload_bytes = payload_bytes };
    TG_TRY(check_kind(&f, detail, err));
    f.packing = f.kind == TG_DATA_PART ? (tg_data_packing)detail : TG_DATA_RAW;
    f.reason = f.kind == TG_DATA_NONE ? (tg_data_reason)detail : 0;
    *out = f;
    TG_CHECK(get(h + AT_PAYLOAD_SUM, 8) == XXH3_64bits(payload, payload_bytes), err, TG_ERR_CORRUPT,
             "a data frame of task %u whose checksum is wrong", f.task);
    if (f.kind == TG_DATA_SHARED) {
        tg_shared_ref_get(payload, &out->ref);
        status = out->ref.bytes == f.total
                     ? TG_OK
                     : tg_fail(err, TG_ERR_FORMAT, "a tile of %llu bytes in %llu shared ones",
                               (unsigned long long)f.total, (unsigned long long)out->ref.bytes);
    }
out:
    return status;
}
