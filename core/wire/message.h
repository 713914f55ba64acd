/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_WIRE_MESSAGE_H
#define TG_WIRE_MESSAGE_H
/*
 * What: what scheduler, workers and clients say to each other, as bytes and back. The messages are
 * a table (message.def): each has a number and some of the fields below. One message is a msgpack
 * array, its number first, then its fields in the order of their bits; the payload of a frame
 * (link.h) is one message after the other.
 *
 *     tg_message_writer_add(&writer, &(tg_message){ .kind = TG_MESSAGE_DROP, .job = 3 }, &err);
 *     while (tg_message_reader_next(&reader, &message, &err) == TG_OK && message != NULL) ...
 *
 * Versions. A frame says the version of the protocol; peers of another version are refused. Within
 * a version messages and their fields do not change.
 *
 * Trust: every message is walked (walk.h) before msgpack-c sees it, and each field is checked for
 * type and range. Whether a job or a worker of that number exists is for the receiver to find out.
 *
 * Ownership: a writer owns its buffer; a message that was read points into the reader and into the
 * payload, and is valid until the next is read. Threads: one at a time. Errors: TG_ERR_FORMAT with
 * the message's name and the field; TG_ERR_LIMIT; TG_ERR_MEMORY.
 */
#include "core/graph/graph.h"
#include "core/wire/decode.h"
#include "core/wire/link.h"

typedef enum tg_message_kind {
#define TG_MESSAGE(NAME, FIELDS) TG_MESSAGE_##NAME,
#include "core/wire/message.def"
#undef TG_MESSAGE
    TG_MESSAGE_COUNT
} tg_message_kind;

enum {
    TG_NAME_MAX = 255,       /* bytes of a name */
    TG_ADDRESS_MAX = 1023,   /* bytes of an address: "tcp://host:port", "ipc://path" */
    TG_TEXT_MAX = 65535,     /* bytes of a text: an error, or options as JSON */
    TG_RANGES_MAX = 1 << 16, /* ranges of one message */
    TG_PART_MAX = 1 << 20    /* bytes of one part of a plan or an answer */
};
#define TG_PRIORITY_MAX 1e9 /* of a job, on either side of 0 */

typedef struct tg_message {
    tg_message_kind kind;
    uint64_t job;    /* drawn at random by its client, so that it is unique in a cluster */
    uint64_t worker; /* the number of its incarnation */
    uint32_t task;   /* or the number of a target; how many tasks ended; how many workers */
    tg_status code;
    bool flag; /* ASSIGN: alone; FAILED: may pass; SUBMIT: outlives the client; FULL: is
                  full; TARGET: a result that the client fetches; HAPPENED: a worker has died;
                  ADMIT: from now on, or no longer; BYE: because of an error */
    uint32_t threads;
    int64_t memory; /* bytes */
    int64_t lease_ns;
    int64_t busy_ns; /* time that threads spent on it */
    int64_t time_ns; /* by the clock of the scheduler */
    double priority; /* of a job: the highest goes first */
    uint64_t offset, total;
    /* NULL is sent as "", a byte that is not UTF-8 as "?"; cut to their limits. */
    const char *name, *address, *text;
    const void *bytes;
    size_t byte_count;
    const tg_range *ranges; /* ascending, not empty, apart from each other */
    size_t range_count;
} tg_message;

/* "JOIN", ...; "?" for a number that is none. */
const char *tg_message_name(tg_message_kind kind);

/* Collects messages to payloads of links. */
typedef struct tg_message_writer {
    unsigned char *bytes;
    size_t size, room_;
} tg_message_writer;

void tg_message_writer_init(tg_message_writer *writer);
void tg_message_writer_fini(tg_message_writer *writer);
/* Appends; on failure the writer is as before. TG_ERR_LIMIT: it does not fit into the payload any
 * more (or into any): send what is there, empty the writer (size = 0), try again. */
TG_MUST_USE tg_status tg_message_writer_add(tg_message_writer *writer, const tg_message *message,
                                            tg_error *err);

typedef struct tg_message_reader {
    tg__decoder decoder_;
    tg_message message_;
    tg_range *ranges_;
    size_t ranges_room_;
} tg_message_reader;

void tg_message_reader_init(tg_message_reader *reader, const void *payload, size_t bytes);
void tg_message_reader_fini(tg_message_reader *reader);
/* The next message; NULL at the end. After an error nothing more can be read. */
TG_MUST_USE tg_status tg_message_reader_next(tg_message_reader *reader, const tg_message **message,
                                             tg_error *err);

#endif
