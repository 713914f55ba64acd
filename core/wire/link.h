/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_WIRE_LINK_H
#define TG_WIRE_LINK_H
/*
 * What: one end of the talk between two processes, over a transport that loses. A send that a
 * socket accepted is not a delivery: what was under way when a connection broke is gone without a
 * sign. A link numbers what it sends, keeps it until the other end has it, and sends it again, so
 * that what is said arrives once and in order, or the peer is given up. Nothing above it needs to
 * think of lost, late or doubled messages, and a broken connection that comes back is no event.
 *
 *     owner          tg_link_send(link, message)      queued, kept until acknowledged
 *                    tg_link_next(link, now)          frames for the socket: new ones, repeated
 *                                                     ones, signs of life
 *     socket         tg_link_receive(link, now, frame)   the message in it, if it is the next one
 *
 * Who talks. Each process has a number, drawn at random when it starts: the incarnation of a
 * worker, the epoch of a scheduler. A frame names both ends. The end that connects does not know
 * the other and begins with 0; it learns the number from the first answer. From then on frames of
 * anybody else are stale and dropped. A process that was started again is somebody else: it tells
 * who writes to its former self by a frame with TG_FRAME_RESET, and tg_link_receive says
 * TG_LINK_RESET: the owner makes a new link and introduces itself anew. First contact and contact
 * after a loss go the same way.
 *
 * A frame is 48 bytes, all numbers with the lowest byte first, and a payload:
 *
 *      0  "TGL" and the version, 1    24  number of the sender
 *      4  flags                       32  number of the payload; 0: none
 *      8  XXH3 of all behind it       40  the last payload that came in order; in a reset: to whom
 *     16  number of the receiver;         its receiver wrote
 *         0: not known
 *
 * Design notes.
 * 1. Go back and send again all from the first missing one (no list of holes): holes come from cut
 *    connections, where all behind the hole is lost as well.
 * 2. A receiver that sees a gap says so at once (TG_FRAME_GAP), so a hole costs a round trip; the
 *    timer, which doubles up to a limit, is for the case that nothing arrives at all.
 * 3. Pure: no clock, no socket, no thread, so the simulator runs the same code.
 * 4. The checksum is for links without TCP beneath; who may talk is decided by keys, before this.
 *
 * Ownership: the link owns copies of what is queued. Threads: one at a time.
 * Errors: TG_ERR_FORMAT for a frame that no link has made: drop the peer; TG_ERR_LIMIT when the
 * payload is larger than a frame may be, or more is queued than may be; TG_ERR_MEMORY.
 */
#include "core/base/status.h"

enum { TG_LINK_VERSION = 1, TG_LINK_HEADER_BYTES = 48 };
/* Payload of one frame. */
#define TG_LINK_PAYLOAD_MAX ((size_t)4 << 20)

typedef struct tg_link tg_link;

typedef struct tg_link_options {
    uint64_t self;          /* not 0 */
    uint64_t peer;          /* 0: learned from the first frame */
    int64_t resend_ns;      /* silence after which is sent again; 0: 200 ms */
    int64_t resend_most_ns; /* its limit as it doubles; 0: 2 s */
    int64_t ack_ns;         /* an acknowledgement waits so long for company; 0: 5 ms */
    int64_t beat_ns;        /* a sign of life when nothing was sent for so long; 0: 1 s */
    size_t queue_bytes_max; /* of payload that is not acknowledged; 0: 64 MiB */
} tg_link_options;

typedef enum tg_link_news {
    TG_LINK_NOTHING, /* an acknowledgement, a repetition, a gap, or a stale frame */
    TG_LINK_MESSAGE, /* *payload is the next message */
    TG_LINK_RESET    /* the peer is a new process and knows nothing of this link */
} tg_link_news;

TG_MUST_USE tg_status tg_link_create(const tg_link_options *options, int64_t now_ns, tg_link **out,
                                     tg_error *err);
void tg_link_destroy(tg_link *link);

/* Queues one payload, at least a byte; it is copied. */
TG_MUST_USE tg_status tg_link_send(tg_link *link, const void *payload, size_t bytes, tg_error *err);
/* A frame came in. *payload points into it. */
TG_MUST_USE tg_status tg_link_receive(tg_link *link, int64_t now_ns, const void *frame,
                                      size_t bytes, tg_link_news *news, const void **payload,
                                      size_t *payload_bytes, tg_error *err);
/* The next frame to be sent now, valid until the next call; NULL: none. */
const void *tg_link_next(tg_link *link, int64_t now_ns, size_t *bytes);
/* tg_link_next gives a sign of life now, if it has nothing else: the other end waits for one. */
void tg_link_urge(tg_link *link);
/* From now on in the place of options.beat_ns. */
void tg_link_set_beat(tg_link *link, int64_t beat_ns);
/* When tg_link_next has something to send, should nothing else happen. */
int64_t tg_link_deadline(const tg_link *link);

/* When a frame of the peer came in last; at first, when the link was made. */
int64_t tg_link_heard_ns(const tg_link *link);
/* Its number, 0 while it is not known. */
uint64_t tg_link_peer(const tg_link *link);
/* Payload bytes that are queued or under way; 0: the peer has everything. */
size_t tg_link_queued(const tg_link *link);
/* Frames that were sent a second time. */
uint64_t tg_link_resent(const tg_link *link);

/* Without a link: who sent this frame, and to whom? For a listener that looks for the link, or
 * makes one (to 0), or answers with a reset. */
TG_MUST_USE tg_status tg_link_peek(const void *frame, size_t bytes, uint64_t *from, uint64_t *to,
                                   tg_error *err);
/* The frame that says "I am `self`, no longer `former`, to whom you wrote"; `frame` has
 * TG_LINK_HEADER_BYTES. A link that is not with `former` takes it for a late answer to the link
 * before it. */
void tg_link_reset_frame(uint64_t self, uint64_t to, uint64_t former, void *frame);

#endif
