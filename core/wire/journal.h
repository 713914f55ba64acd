/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_WIRE_JOURNAL_H
#define TG_WIRE_JOURNAL_H
/*
 * What: payloads of messages (message.h) as records of a file that is only ever appended to. A
 * record is 16 bytes, numbers with the lowest byte first, and the payload:
 *
 *      0  "TGJ1"
 *      4  bytes of the payload, at most TG_LINK_PAYLOAD_MAX
 *      8  XXH3 of the payload, seeded with its length
 *
 * A process that dies while it writes leaves a torn record at the end; reading stops before it, and
 * at anything else that is no record.
 *
 * Ownership: a reader borrows the bytes. Threads: any. Errors: none; what cannot be read ends it.
 */
#include <stdbool.h>
#include <stddef.h>

enum { TG_JOURNAL_HEADER_BYTES = 16 };

/* The 16 bytes before a payload of 1 to TG_LINK_PAYLOAD_MAX bytes. */
void tg_journal_header(const void *payload, size_t bytes, void *header);

typedef struct tg_journal_reader {
    const void *bytes;
    size_t size;
    size_t at; /* all before it are whole records */
} tg_journal_reader;

/* The next payload, which points into the bytes; false: the end, or what is no whole record. */
bool tg_journal_next(tg_journal_reader *reader, const void **payload, size_t *bytes);

#endif
