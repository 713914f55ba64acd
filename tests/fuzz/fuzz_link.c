/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Any frames at a link. The input is a list of frames, each behind a byte that says how it is
 * brought in: as it is, or with the header a frame of the peer would have, so that what lies behind
 * the checksum is reached. A link either refuses a frame with a message or takes it; what it hands
 * up is within the frame, messages come in the order of their numbers, and it goes on working.
 */
#include <stdint.h>
#include <string.h>
#include <xxhash.h>

#include "core/base/assert.h"
#include "core/wire/link.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { SELF = 22, PEER = 11, FRAME_MAX = 512 };

/* What the first byte of an input's frame asks for. */
enum { SEALED = 1, TO_US = 2, FROM_PEER = 4, ANSWERS = 8, LATER = 16 };

static void
prepare(uint8_t *frame, size_t bytes, unsigned how)
{
    if ((how & SEALED) != 0 && bytes >= TG_LINK_HEADER_BYTES) {
        memcpy(frame, "TGL\1", 4);
        if ((how & TO_US) != 0) {
            memset(frame + 16, 0, 8);
            frame[16] = SELF;
        }
        if ((how & FROM_PEER) != 0) {
            memset(frame + 24, 0, 8);
            frame[24] = PEER;
        }
        uint64_t sum = XXH3_64bits(frame + 16, bytes - 16);
        for (int i = 0; i < 8; i++) {
            frame[8 + i] = (uint8_t)(sum >> (8 * i));
        }
    }
}

static void
bring(tg_link *link, int64_t now_ns, const uint8_t *frame, size_t bytes, uint64_t *last)
{
    tg_link_news news = TG_LINK_NOTHING;
    const void *payload = NULL;
    size_t payload_bytes = 0;
    tg_error err = { 0 };
    tg_status status =
        tg_link_receive(link, now_ns, frame, bytes, &news, &payload, &payload_bytes, &err);
    TG_ASSERT(status == TG_OK || err.message[0] != '\0');
    TG_ASSERT(status == TG_OK || news == TG_LINK_NOTHING);
    if (news == TG_LINK_MESSAGE) {
        uint64_t number = 0;
        TG_ASSERT(payload == frame + TG_LINK_HEADER_BYTES && payload_bytes > 0 &&
                  payload_bytes == bytes - TG_LINK_HEADER_BYTES);
        memcpy(&number, frame + 32, sizeof number);
        TG_ASSERT(number == *last + 1);
        *last = number;
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    tg_link_options options = { .self = SELF, .peer = PEER };
    tg_link *link = NULL;
    tg_error err;
    uint64_t last = 0;
    int64_t now_ns = 0;
    if (tg_link_create(&options, 0, &link, &err) != TG_OK) {
        return 0;
    }
    for (size_t at = 0; at + 2 <= size;) {
        uint8_t frame[FRAME_MAX];
        unsigned how = data[at];
        size_t bytes = (size_t)data[at + 1] * 2;
        bytes = bytes < size - at - 2 ? bytes : size - at - 2;
        memcpy(frame, data + at + 2, bytes);
        at += 2 + bytes;
        prepare(frame, bytes, how);
        now_ns += (how & LATER) != 0 ? 300000000 : 1000000;
        bring(link, now_ns, frame, bytes, &last);
        if ((how & ANSWERS) != 0) {
            TG_ASSERT(tg_link_send(link, "answer", 6, &err) == TG_OK);
        }
        size_t sent = 0;
        for (int i = 0; i < 64 && tg_link_next(link, now_ns, &sent) != NULL; i++) {
            TG_ASSERT(sent >= TG_LINK_HEADER_BYTES);
        }
        TG_ASSERT(tg_link_deadline(link) > now_ns || tg_link_queued(link) > 64 * 6);
    }
    tg_link_destroy(link);
    return 0;
}
