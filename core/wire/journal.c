/* SPDX-License-Identifier: BSD-3-Clause */
/* Records of a journal; see the header. */
#include "core/wire/journal.h"

#include <stdint.h>
#include <string.h>
#include <xxhash.h>

#include "core/base/assert.h"
#include "core/wire/link.h"

enum { AT_LENGTH = 4, AT_SUM = 8 };
static const char magic[] = "TGJ1";

static void
put(unsigned char *to, uint64_t value, int bytes)
{
    for (int i = 0; i < bytes; i++) {
        to[i] = (unsigned char)(value >> (8 * i));
    }
}

static uint64_t
get(const unsigned char *from, int bytes)
{
    uint64_t value = 0;
    for (int i = 0; i < bytes; i++) {
        value |= (uint64_t)from[i] << (8 * i);
    }
    return value;
}

void
tg_journal_header(const void *payload, size_t bytes, void *header)
{
    unsigned char *to = header;
    TG_ASSERT(bytes > 0 && bytes <= TG_LINK_PAYLOAD_MAX);
    memcpy(to, magic, AT_LENGTH);
    put(to + AT_LENGTH, bytes, 4);
    put(to + AT_SUM, XXH3_64bits_withSeed(payload, bytes, bytes), 8);
}

bool
tg_journal_next(tg_journal_reader *reader, const void **payload, size_t *bytes)
{
    size_t left = reader->size - reader->at;
    bool ok = left > TG_JOURNAL_HEADER_BYTES; /* else there may be no bytes at all */
    const unsigned char *from = ok ? (const unsigned char *)reader->bytes + reader->at : NULL;
    ok = ok && memcmp(from, magic, AT_LENGTH) == 0;
    uint64_t length = ok ? get(from + AT_LENGTH, 4) : 0;
    ok = ok && length > 0 && length <= TG_LINK_PAYLOAD_MAX &&
         length <= left - TG_JOURNAL_HEADER_BYTES &&
         get(from + AT_SUM, 8) ==
             XXH3_64bits_withSeed(from + TG_JOURNAL_HEADER_BYTES, length, length);
    *payload = ok ? from + TG_JOURNAL_HEADER_BYTES : NULL;
    *bytes = (size_t)length;
    reader->at += ok ? TG_JOURNAL_HEADER_BYTES + (size_t)length : 0;
    return ok;
}
