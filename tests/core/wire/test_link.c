/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Links over a channel that loses, cuts, doubles and reorders: what is sent arrives once, in order;
 * stale and malformed frames change nothing; processes that are started again are noticed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/wire/link.h"
#include "tests/support/fault_alloc.h"

#define MS ((int64_t)1000000)
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
enum { SEEDS = 20 };
#else
enum { SEEDS = 200 };
#endif
enum { WORKER = 11, EPOCH = 22, FLYING_MAX = 4096 };

static uint64_t random_state;

static uint32_t
draw(uint32_t below)
{
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(random_state >> 33) % below;
}

static tg_link *
make_link(uint64_t self, uint64_t peer)
{
    tg_link *link = NULL;
    tg_error err;
    tg_link_options options = { .self = self, .peer = peer };
    assert_int_equal(tg_link_create(&options, 0, &link, &err), TG_OK);
    return link;
}

static void
say(tg_link *link, const char *text)
{
    tg_error err;
    assert_int_equal(tg_link_send(link, text, strlen(text) + 1, &err), TG_OK);
}

/* One frame from one end to the other; gives the news, and the text of a message. */
static tg_link_news
carry(tg_link *from, tg_link *to, int64_t now, const char **text)
{
    size_t bytes = 0, payload_bytes = 0;
    const void *payload = NULL;
    tg_link_news news = TG_LINK_NOTHING;
    tg_error err;
    const void *frame = tg_link_next(from, now, &bytes);
    *text = NULL;
    if (frame != NULL) {
        assert_int_equal(
            tg_link_receive(to, now, frame, bytes, &news, &payload, &payload_bytes, &err), TG_OK);
        *text = payload;
    }
    return news;
}

/* -- one thing at a time -------------------------------------------------------------------- */

static void
messages_arrive_and_are_acknowledged(void **state)
{
    tg_link *a = make_link(WORKER, 0), *b = make_link(EPOCH, WORKER);
    const char *text = NULL;
    (void)state;
    assert_int_equal(tg_link_peer(a), 0);
    say(a, "one");
    say(a, "two");
    assert_int_equal(tg_link_queued(a), 8);
    assert_int_equal(tg_link_deadline(a), INT64_MIN);
    assert_int_equal(carry(a, b, 0, &text), TG_LINK_MESSAGE);
    assert_string_equal(text, "one");
    assert_int_equal(carry(a, b, 0, &text), TG_LINK_MESSAGE);
    assert_string_equal(text, "two");
    size_t bytes = 0;
    assert_null(tg_link_next(a, 0, &bytes));
    assert_null(tg_link_next(b, 4 * MS, &bytes)); /* waits for company */
    assert_int_equal(tg_link_deadline(b), 5 * MS);
    assert_int_equal(carry(b, a, 5 * MS, &text), TG_LINK_NOTHING);
    assert_int_equal(tg_link_queued(a), 0);
    assert_int_equal(tg_link_peer(a), EPOCH);
    assert_int_equal(tg_link_heard_ns(a), 5 * MS);
    assert_int_equal(tg_link_deadline(a), 1000 * MS); /* a sign of life */
    assert_int_equal(tg_link_resent(a), 0);
    tg_link_destroy(a);
    tg_link_destroy(b);
}

static void
a_hole_costs_a_round_trip(void **state)
{
    tg_link *a = make_link(WORKER, EPOCH), *b = make_link(EPOCH, WORKER);
    const char *text = NULL;
    size_t bytes = 0;
    (void)state;
    say(a, "one");
    say(a, "two");
    say(a, "three");
    assert_non_null(tg_link_next(a, 0, &bytes)); /* "one" is lost */
    assert_int_equal(carry(a, b, 1 * MS, &text), TG_LINK_NOTHING);
    assert_int_equal(tg_link_deadline(b), 1 * MS);
    assert_int_equal(carry(b, a, 1 * MS, &text), TG_LINK_NOTHING);
    const char *expected[] = { "one", "two", "three" };
    /* "three" has not been sent at all yet: going back costs two frames. */
    for (int i = 0; i < 3; i++) {
        assert_int_equal(carry(a, b, 2 * MS, &text), TG_LINK_MESSAGE);
        assert_string_equal(text, expected[i]);
    }
    assert_int_equal(tg_link_resent(a), 2);
    tg_link_destroy(a);
    tg_link_destroy(b);
}

static void
silence_is_answered_by_sending_again_ever_more_rarely(void **state)
{
    tg_link *a = make_link(WORKER, EPOCH);
    size_t bytes = 0;
    int64_t now = 0;
    (void)state;
    say(a, "hello");
    assert_non_null(tg_link_next(a, 0, &bytes));
    const int64_t waits[] = { 200, 400, 800, 1600, 2000, 2000 };
    for (int i = 0; i < 6; i++) {
        now += waits[i] * MS;
        size_t beats = 0;
        while (tg_link_deadline(a) < now) { /* signs of life in between */
            assert_non_null(tg_link_next(a, tg_link_deadline(a), &bytes));
            assert_int_equal(bytes, TG_LINK_HEADER_BYTES);
            assert_true(++beats < 4);
        }
        assert_null(tg_link_next(a, now - 1, &bytes));
        assert_non_null(tg_link_next(a, now, &bytes));
        assert_int_equal(bytes, TG_LINK_HEADER_BYTES + 6);
    }
    assert_int_equal(tg_link_resent(a), 6);
    tg_link_destroy(a);
}

static void
frames_of_others_are_stale(void **state)
{
    tg_link *a = make_link(WORKER, EPOCH), *b = make_link(EPOCH, WORKER);
    tg_link *old = make_link(WORKER - 1, EPOCH), *other = make_link(WORKER, EPOCH + 1);
    const char *text = NULL;
    (void)state;
    say(old, "from a process that is gone");
    assert_int_equal(carry(old, b, MS, &text), TG_LINK_NOTHING);
    say(other, "to a scheduler that is gone");
    assert_int_equal(carry(other, b, MS, &text), TG_LINK_NOTHING);
    assert_int_equal(tg_link_heard_ns(b), 0);
    say(a, "one");
    assert_int_equal(carry(a, b, MS, &text), TG_LINK_MESSAGE);
    tg_link_destroy(a);
    tg_link_destroy(b);
    tg_link_destroy(old);
    tg_link_destroy(other);
}

static void
a_process_that_was_started_again_says_so(void **state)
{
    tg_link *a = make_link(WORKER, EPOCH);
    unsigned char frame[TG_LINK_HEADER_BYTES];
    uint64_t from = 0, to = 0;
    tg_link_news news = TG_LINK_NOTHING;
    const void *payload = NULL;
    size_t bytes = 0;
    tg_error err;
    (void)state;
    tg_link_reset_frame(EPOCH + 1, WORKER, EPOCH, frame);
    assert_int_equal(tg_link_peek(frame, sizeof frame, &from, &to, &err), TG_OK);
    assert_int_equal(from, EPOCH + 1);
    assert_int_equal(to, WORKER);
    assert_int_equal(tg_link_receive(a, MS, frame, sizeof frame, &news, &payload, &bytes, &err),
                     TG_OK);
    assert_int_equal(news, TG_LINK_RESET);
    /* One of our own peer, or for somebody else, means nothing. */
    tg_link_reset_frame(EPOCH, WORKER, EPOCH, frame);
    assert_int_equal(tg_link_receive(a, MS, frame, sizeof frame, &news, &payload, &bytes, &err),
                     TG_OK);
    assert_int_equal(news, TG_LINK_NOTHING);
    tg_link_reset_frame(EPOCH + 1, WORKER + 5, EPOCH, frame);
    assert_int_equal(tg_link_receive(a, MS, frame, sizeof frame, &news, &payload, &bytes, &err),
                     TG_OK);
    assert_int_equal(news, TG_LINK_NOTHING);
    assert_int_equal(tg_link_heard_ns(a), 0);
    tg_link_destroy(a);
}

/* Each frame that was under way is answered by a reset. The later ones concern a link that is gone
 * already: the new one would begin a third time, and what it has said would be lost. */
static void
a_late_reset_does_not_end_the_next_link(void **state)
{
    tg_link *fresh = make_link(WORKER, 0), *server = make_link(EPOCH + 1, WORKER);
    unsigned char frame[TG_LINK_HEADER_BYTES];
    tg_link_news news = TG_LINK_MESSAGE;
    const void *payload = NULL;
    const char *text = NULL;
    size_t bytes = 0;
    tg_error err;
    (void)state;
    tg_link_reset_frame(EPOCH + 1, WORKER, EPOCH, frame);
    assert_int_equal(tg_link_receive(fresh, MS, frame, sizeof frame, &news, &payload, &bytes, &err),
                     TG_OK);
    assert_int_equal(news, TG_LINK_NOTHING);
    assert_int_equal(tg_link_peer(fresh), 0);
    say(fresh, "one");
    assert_int_equal(carry(fresh, server, 2 * MS, &text), TG_LINK_MESSAGE);
    say(server, "answer");
    assert_int_equal(carry(server, fresh, 3 * MS, &text), TG_LINK_MESSAGE);
    assert_int_equal(tg_link_peer(fresh), EPOCH + 1);
    tg_link_reset_frame(EPOCH + 7, WORKER, EPOCH, frame); /* of one between the two */
    assert_int_equal(
        tg_link_receive(fresh, 4 * MS, frame, sizeof frame, &news, &payload, &bytes, &err), TG_OK);
    assert_int_equal(news, TG_LINK_NOTHING);
    tg_link_destroy(fresh);
    tg_link_destroy(server);
}

static void
expect_refused(const unsigned char *frame, size_t bytes, tg_status code, const char *text)
{
    tg_link *b = make_link(EPOCH, WORKER);
    tg_link_news news = TG_LINK_MESSAGE;
    const void *payload = NULL;
    size_t payload_bytes = 0;
    tg_error err;
    assert_int_equal(tg_link_receive(b, MS, frame, bytes, &news, &payload, &payload_bytes, &err),
                     code);
    assert_non_null(strstr(err.message, text));
    assert_int_equal(news, TG_LINK_NOTHING);
    assert_int_equal(tg_link_heard_ns(b), 0);
    tg_link_destroy(b);
}

static void
malformed_frames_are_refused(void **state)
{
    tg_link *a = make_link(WORKER, EPOCH);
    size_t bytes = 0;
    unsigned char frame[TG_LINK_HEADER_BYTES + 6];
    (void)state;
    say(a, "hello");
    memcpy(frame, tg_link_next(a, 0, &bytes), sizeof frame);
    assert_int_equal(bytes, sizeof frame);
    for (size_t cut = 0; cut < bytes; cut++) {
        expect_refused(frame, cut, TG_ERR_FORMAT, cut < 48 ? "no frame" : "checksum");
    }
    for (size_t at = 0; at < bytes; at++) {
        if (at < 4 || at >= 8) { /* the rest of the flags is free */
            unsigned char changed[sizeof frame];
            memcpy(changed, frame, sizeof frame);
            changed[at] ^= 0x40;
            expect_refused(changed, bytes, at == 3 ? TG_ERR_UNSUPPORTED : TG_ERR_FORMAT,
                           at < 3    ? "no frame"
                           : at == 3 ? "version 65"
                                     : "checksum");
        }
    }
    tg_link_destroy(a);
}

static void
a_peer_cannot_acknowledge_what_was_not_sent(void **state)
{
    tg_link *a = make_link(WORKER, EPOCH), *b = make_link(EPOCH, WORKER);
    tg_link *fresh = make_link(WORKER, EPOCH);
    const char *text = NULL;
    tg_link_news news = TG_LINK_NOTHING;
    const void *payload = NULL;
    size_t bytes = 0, payload_bytes = 0;
    tg_error err;
    (void)state;
    say(a, "one");
    assert_int_equal(carry(a, b, 0, &text), TG_LINK_MESSAGE);
    const void *frame = tg_link_next(b, 10 * MS, &bytes);
    assert_int_equal(
        tg_link_receive(fresh, MS, frame, bytes, &news, &payload, &payload_bytes, &err),
        TG_ERR_FORMAT);
    assert_non_null(strstr(err.message, "acknowledges message 1, of 0"));
    tg_link_destroy(a);
    tg_link_destroy(b);
    tg_link_destroy(fresh);
}

static void
what_does_not_fit_is_refused(void **state)
{
    static char large[TG_LINK_PAYLOAD_MAX + 1];
    tg_link *link = NULL;
    tg_link_options options = { .self = WORKER, .queue_bytes_max = 100 };
    tg_error err;
    (void)state;
    assert_int_equal(tg_link_create(&options, 0, &link, &err), TG_OK);
    assert_int_equal(tg_link_send(link, large, sizeof large, &err), TG_ERR_LIMIT);
    assert_int_equal(tg_link_send(link, large, 0, &err), TG_ERR_LIMIT);
    assert_int_equal(tg_link_send(link, large, 60, &err), TG_OK);
    assert_int_equal(tg_link_send(link, large, 41, &err), TG_ERR_LIMIT);
    assert_non_null(strstr(err.message, "60 bytes of messages wait"));
    assert_int_equal(tg_link_send(link, large, 40, &err), TG_OK);
    tg_link_destroy(link);
    options.self = 0;
    assert_int_equal(tg_link_create(&options, 0, &link, &err), TG_ERR_VALUE);
    assert_null(link);
}

static void
no_memory_is_said(void **state)
{
    (void)state;
    for (fault_begin(); fault_next();) {
        tg_link *link = NULL;
        tg_link_options options = { .self = WORKER };
        tg_error err;
        tg_status status = tg_link_create(&options, 0, &link, &err);
        for (int i = 0; i < 3 && status == TG_OK; i++) {
            status = tg_link_send(link, "text", 5, &err);
            assert_int_equal(tg_link_queued(link), status == TG_OK ? 5 * (i + 1) : 5 * i);
        }
        assert_int_equal(status, fault_hit ? TG_ERR_MEMORY : TG_OK);
        tg_link_destroy(link);
    }
    assert_int_equal(fault_live, 0);
}

/* -- a channel with every fault ------------------------------------------------------------- */

typedef struct flying {
    int64_t at;
    int to; /* which end */
    size_t bytes;
    unsigned char *frame;
} flying;

typedef struct channel {
    flying frames[FLYING_MAX];
    size_t count;
    int64_t last_at[2];          /* keeps the order, where it is to be kept */
    uint32_t lost, doubled, cut; /* per thousand */
    bool reorders, closed;
} channel;

static void
launch(channel *c, int to, int64_t now, const void *frame, size_t bytes)
{
    uint32_t copies = draw(1000) < c->lost ? 0 : draw(1000) < c->doubled ? 2 : 1;
    for (uint32_t i = 0; i < copies && c->count < FLYING_MAX && !c->closed; i++) {
        flying *f = &c->frames[c->count++];
        f->at = now + (1 + (int64_t)draw(20)) * MS / 4;
        f->at = c->reorders || f->at > c->last_at[to] ? f->at : c->last_at[to];
        c->last_at[to] = f->at;
        f->to = to;
        f->bytes = bytes;
        f->frame = malloc(bytes);
        memcpy(f->frame, frame, bytes);
    }
}

static void
cut(channel *c)
{
    for (size_t i = 0; i < c->count; i++) {
        free(c->frames[i].frame);
    }
    c->count = 0;
}

/* The frame that lands first, if it lands by `now`. */
static bool
land(channel *c, int64_t now, flying *out)
{
    size_t first = 0;
    for (size_t i = 1; i < c->count; i++) {
        first = c->frames[i].at < c->frames[first].at ? i : first;
    }
    bool lands = c->count > 0 && c->frames[first].at <= now;
    if (lands) {
        *out = c->frames[first];
        memmove(&c->frames[first], &c->frames[first + 1], (--c->count - first) * sizeof *c->frames);
    }
    return lands;
}

static void
one_seed(uint64_t seed)
{
    enum { MESSAGES = 300 };
    random_state = seed * 2 + 1;
    channel c = { .lost = draw(3) == 0 ? draw(400) : draw(30),
                  .doubled = draw(2) == 0 ? draw(300) : 0,
                  .cut = draw(2) == 0 ? draw(100) : 0,
                  .reorders = draw(2) == 0 };
    tg_link *ends[2] = { make_link(WORKER, 0), make_link(EPOCH, WORKER) };
    uint32_t said[2] = { 0, 0 }, heard[2] = { 0, 0 };
    int64_t now = 0;
    tg_error err;
    while ((heard[0] < MESSAGES || heard[1] < MESSAGES || tg_link_queued(ends[0]) > 0 ||
            tg_link_queued(ends[1]) > 0) &&
           now < 3600 * 1000 * MS) {
        bool faults = now < 20 * 1000 * MS; /* then the channel is well: liveness */
        c.lost = faults ? c.lost : 0;
        c.cut = faults ? c.cut : 0;
        for (int e = 0; e < 2; e++) {
            while (said[e] < MESSAGES && draw(4) == 0) {
                uint32_t text[64] = { said[e]++ };
                size_t bytes = 4 + 4 * (size_t)draw(60);
                assert_int_equal(tg_link_send(ends[e], text, bytes, &err), TG_OK);
            }
            size_t bytes = 0;
            const void *frame = NULL;
            while ((frame = tg_link_next(ends[e], now, &bytes)) != NULL) {
                launch(&c, 1 - e, now, frame, bytes);
            }
            assert_true(tg_link_deadline(ends[e]) > now);
        }
        if (draw(1000) < c.cut) {
            cut(&c);
        }
        flying f;
        while (land(&c, now, &f)) {
            tg_link_news news = TG_LINK_NOTHING;
            const void *payload = NULL;
            size_t bytes = 0;
            assert_int_equal(
                tg_link_receive(ends[f.to], now, f.frame, f.bytes, &news, &payload, &bytes, &err),
                TG_OK);
            if (news == TG_LINK_MESSAGE) {
                uint32_t number = 0;
                memcpy(&number, payload, sizeof number);
                assert_int_equal(number, heard[f.to]++);
            }
            free(f.frame);
        }
        now += MS;
    }
    assert_int_equal(heard[0], MESSAGES);
    assert_int_equal(heard[1], MESSAGES);
    assert_true(now < 60 * 1000 * MS);
    cut(&c);
    tg_link_destroy(ends[0]);
    tg_link_destroy(ends[1]);
}

static void
everything_arrives_once_and_in_order(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        one_seed(seed);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_arrive_and_are_acknowledged),
        cmocka_unit_test(a_hole_costs_a_round_trip),
        cmocka_unit_test(silence_is_answered_by_sending_again_ever_more_rarely),
        cmocka_unit_test(frames_of_others_are_stale),
        cmocka_unit_test(a_process_that_was_started_again_says_so),
        cmocka_unit_test(a_late_reset_does_not_end_the_next_link),
        cmocka_unit_test(malformed_frames_are_refused),
        cmocka_unit_test(a_peer_cannot_acknowledge_what_was_not_sent),
        cmocka_unit_test(what_does_not_fit_is_refused),
        cmocka_unit_test(no_memory_is_said),
        cmocka_unit_test(everything_arrives_once_and_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
