/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_PROFILE_TIMELINE_WIRE_H
#define TG_PROFILE_TIMELINE_WIRE_H
/*
 * What: events of a timeline as bytes: about 20 each, where one in memory takes 64. What a worker
 * has recorded goes to the client of the job in this form.
 *
 *     size = tg_timeline_pack(events, count, &taken, out, room);
 *     tg_timeline_unpack_begin(&reader, bytes, size);
 *     while (tg_timeline_unpack(&reader, &event, &err) == TG_OK && reader.more) ...
 *
 * The form: numbers of 7 bits a byte, the lowest first, the highest bit says that more follows. Of
 * each event kind and flags (one number), thread, stage, start and task (as distances to those of
 * the event before, with the sign in the lowest bit), then duration, wait, bytes in, bytes out,
 * tile.
 *
 * Numbers of a worker (tg_measured) go in the same way, in the order of their fields.
 *
 * Ownership: borrowed. Threads: any. Errors: TG_ERR_FORMAT for bytes that are no events: a kind or
 * a flag that there is not, an end before its start, a number that is negative or too large.
 */
#include "worker/profile/timeline.h"

/* What the parts of one computation that ran on one worker have in sum: since its beginning. */
#define TG_MEASURED_MAP(X)                                                                         \
    X(tasks)                                                                                       \
    X(chunks_decoded)                                                                              \
    X(bytes_read)                                                                                  \
    X(bytes_written)                                                                               \
    X(peak_bytes)                                                                                  \
    X(limit_bytes)                                                                                 \
    X(bytes_transferred)                                                                           \
    X(bytes_spilled)                                                                               \
    X(dropped) /* events that were not sent */

typedef struct tg_measured {
#define TG_MEASURED_FIELD(name) int64_t name;
    TG_MEASURED_MAP(TG_MEASURED_FIELD)
#undef TG_MEASURED_FIELD
} tg_measured;

enum {
    TG_TIMELINE_PACKED_MAX = 72, /* bytes of one event */
    TG_MEASURED_PACKED_MAX = 10 * (int)(sizeof(tg_measured) / sizeof(int64_t))
};

/* Packs as many events as fit into `room`; gives the bytes. */
size_t tg_timeline_pack(const tg_timeline_event *events, uint32_t count, uint32_t *taken,
                        unsigned char *out, size_t room);

typedef struct tg_timeline_unpacker {
    const unsigned char *bytes;
    size_t size, at;
    int64_t start_ns, task; /* of the event before */
    bool more;              /* an event was read */
} tg_timeline_unpacker;

void tg_timeline_unpack_begin(tg_timeline_unpacker *reader, const void *bytes, size_t size);
tg_status tg_timeline_unpack(tg_timeline_unpacker *reader, tg_timeline_event *out,
                             tg_error *err) TG_MUST_USE;

/* `out` has TG_MEASURED_PACKED_MAX bytes. */
size_t tg_measured_pack(const tg_measured *numbers, unsigned char *out);
tg_status tg_measured_unpack(const void *bytes, size_t size, tg_measured *out,
                             tg_error *err) TG_MUST_USE;

#endif
