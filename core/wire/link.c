/* SPDX-License-Identifier: BSD-3-Clause */
/* Links: numbered payloads, kept until they are acknowledged. See link.h. */
#include "core/wire/link.h"

#include <string.h>
#include <xxhash.h>

#include "core/base/size.h"
#include "core/mem/alloc.h"

enum {
    AT_FLAGS = 4,
    AT_SUM = 8,
    AT_TO = 16,
    AT_FROM = 24,
    AT_NUMBER = 32,
    AT_ACK = 40,
    FRAME_GAP = 1,  /* the sender has seen a payload beyond the one it waits for */
    FRAME_RESET = 2 /* the sender knows nothing of this link */
};

/* A gap is answered by going back at most once in this time: the frames that were under way behind
 * the hole each report it. */
#define GO_BACK_NS ((int64_t)20000000)

/* A queued payload, behind its frame header. */
typedef struct parcel {
    struct parcel *next;
    uint64_t number;
    size_t bytes; /* of the frame */
    bool sent;    /* at least once */
    unsigned char frame[];
} parcel;

struct tg_link {
    tg_link_options options;
    uint64_t peer;
    uint64_t last_number; /* that was given out */
    uint64_t arrived;     /* the last payload that came in order */
    parcel *first, *last; /* not acknowledged, ascending */
    parcel *unsent;       /* the next of them to be sent; NULL: all are under way */
    size_t queued;
    int64_t resend_ns; /* as it has doubled */
    int64_t resend_at; /* INT64_MAX: nothing is under way */
    int64_t went_back_ns;
    int64_t ack_at; /* INT64_MAX: nothing to acknowledge */
    int64_t sent_ns, heard_ns;
    bool gap;
    uint64_t resent;
    unsigned char bare[TG_LINK_HEADER_BYTES];
};

static uint64_t
get_u64(const unsigned char *from)
{
    uint64_t value = 0;
    for (int i = 7; i >= 0; i--) {
        value = value << 8 | from[i];
    }
    return value;
}

static void
put_u64(unsigned char *to, uint64_t value)
{
    for (int i = 0; i < 8; i++) {
        to[i] = (unsigned char)(value >> (8 * i));
    }
}

/* Fills in the header and seals the frame. */
static void
seal(unsigned char *frame, size_t bytes, unsigned flags, uint64_t from, uint64_t to,
     uint64_t number, uint64_t ack)
{
    memcpy(frame, "TGL", 3);
    frame[3] = TG_LINK_VERSION;
    memset(frame + AT_FLAGS, 0, AT_SUM - AT_FLAGS);
    frame[AT_FLAGS] = (unsigned char)flags;
    put_u64(frame + AT_TO, to);
    put_u64(frame + AT_FROM, from);
    put_u64(frame + AT_NUMBER, number);
    put_u64(frame + AT_ACK, ack);
    put_u64(frame + AT_SUM, XXH3_64bits(frame + AT_TO, bytes - AT_TO));
}

static tg_status
check_frame(const unsigned char *frame, size_t bytes, tg_error *err)
{
    tg_status status = TG_OK;
    TG_CHECK(bytes >= TG_LINK_HEADER_BYTES && memcmp(frame, "TGL", 3) == 0, err, TG_ERR_FORMAT,
             "%zu bytes that are no frame of tilegraph", bytes);
    TG_CHECK(frame[3] == TG_LINK_VERSION, err, TG_ERR_UNSUPPORTED,
             "a frame of version %u of the protocol; here it is %d: use the same version of "
             "tilegraph everywhere",
             frame[3], TG_LINK_VERSION);
    TG_CHECK(bytes - TG_LINK_HEADER_BYTES <= TG_LINK_PAYLOAD_MAX, err, TG_ERR_LIMIT,
             "a frame of %zu bytes, at most %zu are allowed", bytes,
             TG_LINK_PAYLOAD_MAX + TG_LINK_HEADER_BYTES);
    TG_CHECK(get_u64(frame + AT_SUM) == XXH3_64bits(frame + AT_TO, bytes - AT_TO), err,
             TG_ERR_FORMAT, "a frame whose checksum is wrong");
    TG_CHECK(get_u64(frame + AT_FROM) != 0, err, TG_ERR_FORMAT, "a frame without a sender");
    TG_CHECK((get_u64(frame + AT_NUMBER) != 0) == (bytes > TG_LINK_HEADER_BYTES), err,
             TG_ERR_FORMAT, "a frame of %zu bytes with the number %llu", bytes,
             (unsigned long long)get_u64(frame + AT_NUMBER));
out:
    return status;
}

tg_status
tg_link_create(const tg_link_options *options, int64_t now_ns, tg_link **out, tg_error *err)
{
    tg_status status = TG_OK;
    tg_link *link = NULL;
    *out = NULL;
    TG_CHECK(options->self != 0, err, TG_ERR_VALUE, "link: self must not be 0");
    link = tg_calloc(NULL, 1, sizeof *link);
    TG_CHECK(link != NULL, err, TG_ERR_MEMORY, "no memory for a link");
    link->options = *options;
    tg_link_options *o = &link->options;
    o->resend_ns = o->resend_ns > 0 ? o->resend_ns : 200000000;
    o->resend_most_ns = o->resend_most_ns > 0 ? o->resend_most_ns : 2000000000;
    o->ack_ns = o->ack_ns > 0 ? o->ack_ns : 5000000;
    o->beat_ns = o->beat_ns > 0 ? o->beat_ns : 1000000000;
    o->queue_bytes_max = o->queue_bytes_max > 0 ? o->queue_bytes_max : (size_t)64 << 20;
    link->peer = o->peer;
    link->resend_ns = o->resend_ns;
    link->resend_at = link->ack_at = INT64_MAX;
    link->went_back_ns = INT64_MIN;
    link->sent_ns = link->heard_ns = now_ns;
    *out = link;
out:
    return status;
}

/* Lets go of the payloads up to this number. */
static void
forget(tg_link *link, uint64_t number)
{
    while (link->first != NULL && link->first->number <= number) {
        parcel *p = link->first;
        link->first = p->next;
        link->unsent = link->unsent == p ? p->next : link->unsent;
        link->queued -= p->bytes - TG_LINK_HEADER_BYTES;
        tg_free(NULL, p, sizeof *p + p->bytes);
    }
    link->last = link->first != NULL ? link->last : NULL;
}

void
tg_link_destroy(tg_link *link)
{
    if (link != NULL) {
        forget(link, UINT64_MAX);
        tg_free(NULL, link, sizeof *link);
    }
}

tg_status
tg_link_send(tg_link *link, const void *payload, size_t bytes, tg_error *err)
{
    tg_status status = TG_OK;
    TG_CHECK(bytes > 0 && bytes <= TG_LINK_PAYLOAD_MAX, err, TG_ERR_LIMIT,
             "a message of %zu bytes, at most %zu are allowed", bytes, TG_LINK_PAYLOAD_MAX);
    TG_CHECK(bytes <= link->options.queue_bytes_max - link->queued, err, TG_ERR_LIMIT,
             "%zu bytes of messages wait for the peer: it does not take them", link->queued);
    size_t whole = TG_LINK_HEADER_BYTES + bytes;
    parcel *p = tg_malloc(NULL, sizeof *p + whole);
    TG_CHECK(p != NULL, err, TG_ERR_MEMORY, "no memory for a message of %zu bytes", bytes);
    p->next = NULL;
    p->number = ++link->last_number;
    p->bytes = whole;
    p->sent = false;
    memcpy(p->frame + TG_LINK_HEADER_BYTES, payload, bytes);
    if (link->last != NULL) {
        link->last->next = p;
    } else {
        link->first = p;
    }
    link->last = p;
    link->unsent = link->unsent != NULL ? link->unsent : p;
    link->queued += bytes;
out:
    return status;
}

/* -- receiving ------------------------------------------------------------------------------ */

static void
go_back(tg_link *link, int64_t now_ns)
{
    link->unsent = link->first;
    link->went_back_ns = now_ns;
}

static void
take_acknowledgement(tg_link *link, int64_t now_ns, uint64_t ack, bool gap)
{
    if (link->first != NULL && ack >= link->first->number) {
        forget(link, ack);
        link->resend_ns = link->options.resend_ns;
        link->resend_at =
            link->first != NULL && link->first->sent ? now_ns + link->resend_ns : INT64_MAX;
    }
    bool recently = link->went_back_ns != INT64_MIN && now_ns - link->went_back_ns < GO_BACK_NS;
    if (gap && !recently && link->first != NULL && link->first->sent) {
        go_back(link, now_ns);
    }
}

/* The payload of a frame: the next one, one that was here already, or one behind a hole. */
static bool
take_number(tg_link *link, int64_t now_ns, uint64_t number)
{
    bool is_next = number == link->arrived + 1;
    if (is_next) {
        link->arrived = number;
        link->gap = false;
        link->ack_at = tg_min_i64(link->ack_at, now_ns + link->options.ack_ns);
    } else if (number != 0) {
        link->gap = number > link->arrived;
        link->ack_at = now_ns;
    }
    return is_next;
}

tg_status
tg_link_receive(tg_link *link, int64_t now_ns, const void *frame, size_t bytes, tg_link_news *news,
                const void **payload, size_t *payload_bytes, tg_error *err)
{
    tg_status status = TG_OK;
    const unsigned char *f = frame;
    *news = TG_LINK_NOTHING;
    *payload = NULL;
    *payload_bytes = 0;
    TG_TRY(check_frame(f, bytes, err));
    uint64_t to = get_u64(f + AT_TO), from = get_u64(f + AT_FROM);
    bool reset = (f[AT_FLAGS] & FRAME_RESET) != 0;
    if ((to != link->options.self && (to != 0 || link->options.peer == 0)) ||
        (link->peer != 0 && from != link->peer && !reset)) {
        goto out; /* stale, or somebody else's */
    }
    uint64_t ack = get_u64(f + AT_ACK);
    if (reset) { /* in answer to what this link sent, not to one before it? */
        *news = link->peer != 0 && ack == link->peer && from != link->peer ? TG_LINK_RESET
                                                                           : TG_LINK_NOTHING;
        goto out;
    }
    TG_CHECK(ack <= link->last_number, err, TG_ERR_FORMAT,
             "the peer acknowledges message %llu, of %llu that were sent", (unsigned long long)ack,
             (unsigned long long)link->last_number);
    link->peer = from;
    link->heard_ns = now_ns;
    take_acknowledgement(link, now_ns, ack, (f[AT_FLAGS] & FRAME_GAP) != 0);
    if (take_number(link, now_ns, get_u64(f + AT_NUMBER))) {
        *news = TG_LINK_MESSAGE;
        *payload = f + TG_LINK_HEADER_BYTES;
        *payload_bytes = bytes - TG_LINK_HEADER_BYTES;
    }
out:
    return status;
}

/* -- sending -------------------------------------------------------------------------------- */

static void
was_sent(tg_link *link, int64_t now_ns)
{
    link->sent_ns = now_ns;
    link->ack_at = INT64_MAX;
    link->gap = false;
}

const void *
tg_link_next(tg_link *link, int64_t now_ns, size_t *bytes)
{
    unsigned char *frame = NULL;
    unsigned flags = link->gap ? FRAME_GAP : 0;
    if (link->unsent == NULL && now_ns >= link->resend_at) {
        go_back(link, now_ns);
        link->resend_ns = tg_min_i64(2 * link->resend_ns, link->options.resend_most_ns);
        link->resend_at = INT64_MAX;
    }
    parcel *p = link->unsent;
    uint64_t number = 0;
    *bytes = TG_LINK_HEADER_BYTES;
    if (p != NULL) {
        frame = p->frame;
        number = p->number;
        *bytes = p->bytes;
        link->resent += p->sent;
        p->sent = true;
        link->unsent = p->next;
        if (p == link->first || link->resend_at == INT64_MAX) {
            link->resend_at = now_ns + link->resend_ns;
        }
    } else if (now_ns >= link->ack_at || now_ns - link->sent_ns >= link->options.beat_ns) {
        frame = link->bare;
    }
    if (frame != NULL) {
        seal(frame, *bytes, flags, link->options.self, link->peer, number, link->arrived);
        was_sent(link, now_ns);
    }
    return frame;
}

void
tg_link_urge(tg_link *link)
{
    link->sent_ns = -link->options.beat_ns;
}

void
tg_link_set_beat(tg_link *link, int64_t beat_ns)
{
    link->options.beat_ns = beat_ns;
}

int64_t
tg_link_deadline(const tg_link *link)
{
    int64_t at = link->sent_ns + link->options.beat_ns;
    at = tg_min_i64(at, link->ack_at);
    at = tg_min_i64(at, link->resend_at);
    return link->unsent != NULL ? INT64_MIN : at;
}

int64_t
tg_link_heard_ns(const tg_link *link)
{
    return link->heard_ns;
}

uint64_t
tg_link_peer(const tg_link *link)
{
    return link->peer;
}

size_t
tg_link_queued(const tg_link *link)
{
    return link->queued;
}

uint64_t
tg_link_resent(const tg_link *link)
{
    return link->resent;
}

tg_status
tg_link_peek(const void *frame, size_t bytes, uint64_t *from, uint64_t *to, tg_error *err)
{
    tg_status status = check_frame(frame, bytes, err);
    if (status == TG_OK) {
        *from = get_u64((const unsigned char *)frame + AT_FROM);
        *to = get_u64((const unsigned char *)frame + AT_TO);
    }
    return status;
}

void
tg_link_reset_frame(uint64_t self, uint64_t to, uint64_t former, void *frame)
{
    seal(frame, TG_LINK_HEADER_BYTES, FRAME_RESET, self, to, 0, former);
}
