/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Hubs over a carrier that is a list in this file: who is who, who is gone and why, and that
 * nothing grows without a limit. No socket, no clock.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "scheduler/net/hub.h"
#include "tests/support/fault_alloc.h"

#define MS ((int64_t)1000000)
enum { FLYING_MAX = 4096, SERVER = 1000, CALLS_MAX = 256 };

typedef struct flying {
    struct end *to;
    tg_route route, sent_by; /* as its receiver sees it, and as its sender did */
    unsigned roles;
    const char *user;
    size_t bytes;
    unsigned char *frame;
} flying;

/* A hub and what it said. */
typedef struct end {
    struct end *other; /* whom its frames reach */
    tg_hub *hub;
    const char *user;  /* as the other end sees it */
    bool server, deaf; /* deaf: nothing can be sent to it now */
    uint64_t number;   /* the next it draws */
    uint64_t peer;
    int met, gone, troubles;
    tg_gone why;
    char text[256];
    uint64_t heard[CALLS_MAX];
    int heard_count;
    bool drops_sender; /* gives up who sends a message, in the callback */
} end;

static flying air[FLYING_MAX];
static size_t in_air;
static int64_t now;
static uint32_t line;

static tg_sent
on_send(void *ctx, const tg_route *route, const void *frame, size_t bytes)
{
    end *e = ctx;
    tg_sent sent = e->other->deaf ? TG_SENT_LATER : TG_SENT;
    if (sent == TG_SENT) {
        assert_true(in_air < FLYING_MAX);
        flying *f = &air[in_air++];
        *f = (flying){ .to = e->other,
                       .route = *route,
                       .sent_by = *route,
                       .roles = e->server ? TG_ROLE_SERVER : TG_ROLE_WORKER,
                       .user = e->server ? "" : e->user,
                       .bytes = bytes,
                       .frame = malloc(bytes) };
        f->route.line = line;
        assert_non_null(f->frame);
        memcpy(f->frame, frame, bytes);
    }
    return sent;
}

static uint64_t
on_number(void *ctx)
{
    return ((end *)ctx)->number++;
}

static void
on_met(void *ctx, uint64_t peer, uint64_t self, unsigned roles)
{
    end *e = ctx;
    (void)self;
    (void)roles;
    e->met++;
    e->peer = peer;
}

static void
on_message(void *ctx, uint64_t peer, unsigned roles, const tg_message *message)
{
    end *e = ctx;
    (void)roles;
    assert_true(e->heard_count < CALLS_MAX);
    e->heard[e->heard_count++] = message->total;
    if (e->drops_sender) {
        tg_hub_drop(e->hub, peer, "enough");
    }
}

static void
on_gone(void *ctx, uint64_t peer, tg_gone why, const char *text)
{
    end *e = ctx;
    (void)peer;
    e->gone++;
    e->why = why;
    (void)snprintf(e->text, sizeof e->text, "%s", text);
}

static void
on_trouble(void *ctx, tg_trouble what, const char *text)
{
    (void)what;
    (void)text;
    ((end *)ctx)->troubles++;
}

static tg_status
open_end(end *e, end *other, bool server, const char *user, uint64_t number,
         const tg_hub_options *limits)
{
    tg_error err;
    tg_hub_options options = limits != NULL ? *limits : (tg_hub_options){ 0 };
    *e = (end){ .other = other, .server = server, .user = user, .number = number };
    options.self = server ? number : 0;
    options.ctx = e;
    options.number = on_number;
    options.send = on_send;
    options.met = on_met;
    options.message = on_message;
    options.gone = on_gone;
    options.trouble = on_trouble;
    return tg_hub_create(&options, &e->hub, &err);
}

/* All frames arrive, in order; then everybody has a turn. Until nothing is said any more. */
static void
settle(end *a, end *b)
{
    bool busy = true;
    while (busy) {
        tg_hub_turn(a->hub, now);
        tg_hub_turn(b->hub, now);
        busy = in_air > 0;
        for (size_t i = 0; i < in_air; i++) {
            flying *f = &air[i];
            tg_hub_receive(f->to->hub, now, &f->route, f->user, f->roles, f->frame, f->bytes);
            free(f->frame);
        }
        in_air = 0;
    }
}

static void
pass(end *a, end *b, int64_t ns, int64_t step)
{
    for (int64_t until = now + ns; now < until; now += step) {
        settle(a, b);
    }
}

static void
lose_all(void)
{
    for (size_t i = 0; i < in_air; i++) {
        free(air[i].frame);
    }
    in_air = 0;
}

static void
say(end *e, uint64_t number)
{
    tg_error err;
    tg_message message = { .kind = TG_MESSAGE_BEAT, .total = number };
    assert_int_equal(tg_hub_send(e->hub, e->peer, &message, &err), TG_OK);
}

static void
meet(end *server, end *client, const tg_hub_options *limits)
{
    tg_error err;
    now = 1000 * MS;
    line = 1;
    assert_int_equal(open_end(server, client, true, "", SERVER, limits), TG_OK);
    assert_int_equal(open_end(client, server, false, "alice", 10, limits), TG_OK);
    assert_int_equal(tg_hub_dial(client->hub, now, &(tg_route){ 0 }, &err), TG_OK);
    settle(server, client);
    assert_int_equal(client->met, 1);
    assert_int_equal(server->met, 1);
    assert_int_equal(client->peer, SERVER);
    assert_int_equal(server->peer, 10);
}

static void
part(end *server, end *client)
{
    tg_hub_destroy(server->hub);
    tg_hub_destroy(client->hub);
    lose_all();
}

/* -- ---------------------------------------------------------------------------------------- */

static void
messages_of_a_turn_are_one_frame(void **state)
{
    end server, client;
    (void)state;
    meet(&server, &client, NULL);
    for (uint64_t i = 0; i < 100; i++) {
        say(&client, i);
    }
    tg_hub_turn(client.hub, now);
    assert_int_equal(in_air, 1);
    settle(&server, &client);
    assert_int_equal(server.heard_count, 100);
    for (uint64_t i = 0; i < 100; i++) {
        assert_int_equal(server.heard[i], i);
    }
    part(&server, &client);
}

static void
a_number_belongs_to_the_user_who_came_with_it(void **state)
{
    end server, client, thief;
    tg_error err;
    (void)state;
    meet(&server, &client, NULL);
    say(&client, 1);
    tg_hub_turn(client.hub, now);
    assert_int_equal(in_air, 1);
    flying stolen = air[0];
    in_air = 0;
    /* The same frame from another user: dropped, and the peer is as before. */
    tg_hub_receive(server.hub, now, &stolen.route, "mallory", TG_ROLE_WORKER, stolen.frame,
                   stolen.bytes);
    assert_int_equal(server.heard_count, 0);
    assert_int_equal(tg_hub_ignored(server.hub), 1);
    tg_hub_receive(server.hub, now, &stolen.route, "alice", TG_ROLE_WORKER, stolen.frame,
                   stolen.bytes);
    assert_int_equal(server.heard_count, 1);
    free(stolen.frame);
    /* Nor does a knock with the number of somebody else open anything. */
    assert_int_equal(open_end(&thief, &server, false, "mallory", 10, NULL), TG_OK);
    assert_int_equal(tg_hub_dial(thief.hub, now, &(tg_route){ 0 }, &err), TG_OK);
    tg_hub_turn(thief.hub, now);
    settle(&server, &client);
    assert_int_equal(server.met, 1);
    assert_int_equal(server.gone, 0);
    tg_hub_destroy(thief.hub);
    part(&server, &client);
}

static void
another_process_in_the_same_place_resets(void **state)
{
    end server, client;
    (void)state;
    meet(&server, &client, NULL);
    tg_hub_destroy(server.hub);
    assert_int_equal(open_end(&server, &client, true, "", SERVER + 1, NULL), TG_OK);
    say(&client, 1);
    settle(&server, &client);
    assert_int_equal(client.gone, 1);
    assert_int_equal(client.why, TG_GONE_RESTARTED);
    assert_int_equal(client.met, 2);
    assert_int_equal(client.peer, SERVER + 1);
    assert_int_equal(server.peer, 11); /* under a new number */
    assert_int_equal(server.heard_count, 0);
    part(&server, &client);
}

static void
who_was_given_up_is_told_and_comes_back_under_a_new_number(void **state)
{
    end server, client;
    tg_hub_options limits = { .lease_ns = 1000 * MS };
    (void)state;
    meet(&server, &client, &limits);
    /* The client's frames get lost, the server's do not. */
    for (int i = 0; i < 130 && server.gone == 0; i++) {
        now += 10 * MS;
        tg_hub_turn(client.hub, now);
        lose_all();
        tg_hub_turn(server.hub, now);
        size_t count = in_air;
        for (size_t k = 0; k < count; k++) {
            tg_hub_receive(client.hub, now, &air[k].route, "", TG_ROLE_SERVER, air[k].frame,
                           air[k].bytes);
        }
        lose_all();
    }
    assert_int_equal(server.gone, 1);
    assert_int_equal(server.why, TG_GONE_SILENT);
    settle(&server, &client); /* the reset has reached it */
    assert_int_equal(client.gone, 1);
    assert_int_equal(client.why, TG_GONE_LEFT);
    assert_int_equal(client.met, 2);
    assert_int_equal(server.peer, 11);
    part(&server, &client);
}

static void
nobody_is_gone_while_idle_and_everybody_after_the_lease(void **state)
{
    end server, client;
    tg_hub_options limits = { .lease_ns = 1000 * MS };
    (void)state;
    meet(&server, &client, &limits);
    pass(&server, &client, 5000 * MS, 20 * MS);
    assert_int_equal(server.gone + client.gone, 0);
    int64_t from = now;
    while (server.gone == 0 && now < from + 5000 * MS) {
        now += 20 * MS;
        tg_hub_turn(server.hub, now);
        lose_all();
    }
    assert_int_equal(server.why, TG_GONE_SILENT);
    assert_true(now - from <= 1050 * MS && now - from >= 700 * MS);
    part(&server, &client);
}

/* The end that connects learns of the lease when it is welcome. */
static void
a_lease_that_is_told_later_counts_for_both_ends(void **state)
{
    end server, client;
    tg_hub_options limits = { .lease_ns = 600 * MS };
    (void)state;
    meet(&server, &client, &limits);
    tg_hub_set_lease(server.hub, 60000 * MS); /* and on: */
    tg_hub_set_lease(client.hub, 60000 * MS);
    int64_t from = now;
    while (now < from + 20000 * MS) {
        now += 20 * MS;
        tg_hub_turn(server.hub, now);
        tg_hub_turn(client.hub, now);
        lose_all();
    }
    assert_int_equal(server.gone + client.gone, 0);
    say(&server, 1);
    settle(&server, &client);
    assert_int_equal(client.heard_count, 1);
    tg_hub_set_lease(client.hub, 1000 * MS);
    int beats = 0;
    from = now;
    while (client.gone == 0 && now < from + 5000 * MS) {
        now += 20 * MS;
        tg_hub_turn(client.hub, now);
        beats += in_air > 0;
        lose_all();
    }
    assert_int_equal(client.why, TG_GONE_SILENT);
    assert_true(now - from <= 1050 * MS && beats >= 4);
    part(&server, &client);
}

static void
after_a_pause_of_our_own_the_others_have_time_to_be_heard(void **state)
{
    end server, client;
    tg_hub_options limits = { .lease_ns = 1000 * MS };
    (void)state;
    meet(&server, &client, &limits);
    now += 60000 * MS;
    tg_hub_turn(server.hub, now);
    assert_int_equal(server.gone, 0);
    settle(&server, &client); /* the client was paused as well */
    assert_int_equal(server.gone + client.gone, 0);
    part(&server, &client);
}

static void
a_closed_connection_has_a_grace(void **state)
{
    end server, client;
    tg_route other = { .line = 2 }, ours = { .line = 1 };
    (void)state;
    meet(&server, &client, NULL);
    say(&client, 1);
    settle(&server, &client);
    tg_hub_cut(server.hub, now, &other); /* somebody else's */
    tg_hub_cut(server.hub, now, &ours);
    line = 3; /* it is made again in time */
    tg_hub_up(client.hub, &(tg_route){ 0 });
    pass(&server, &client, 3000 * MS, 20 * MS);
    assert_int_equal(server.gone, 0);
    tg_hub_cut(server.hub, now, &ours); /* late news of the old one */
    pass(&server, &client, 100 * MS, 20 * MS);
    tg_hub_cut(server.hub, now, &(tg_route){ .line = 3 });
    int64_t from = now;
    while (server.gone == 0 && now < from + 5000 * MS) {
        now += 20 * MS;
        tg_hub_turn(server.hub, now);
        lose_all();
    }
    assert_int_equal(server.why, TG_GONE_CLOSED);
    assert_true(now - from < 1600 * MS);
    part(&server, &client);
}

/* They were read behind the news of the cut, or behind the first frame of the next connection. */
static void
the_last_frames_of_a_cut_connection_are_no_sign_of_life(void **state)
{
    end server, client;
    (void)state;
    meet(&server, &client, NULL);
    say(&client, 1);
    tg_hub_turn(client.hub, now);
    tg_hub_cut(server.hub, now, &(tg_route){ .line = 1 });
    int64_t from = now;
    settle(&server, &client);
    assert_int_equal(server.heard_count, 1); /* what they say counts */
    while (server.gone == 0 && now < from + 5000 * MS) {
        now += 20 * MS;
        tg_hub_turn(server.hub, now);
        lose_all();
    }
    assert_int_equal(server.why, TG_GONE_CLOSED);
    assert_true(now - from < 1600 * MS);
    part(&server, &client);

    meet(&server, &client, NULL);
    say(&client, 1);
    tg_hub_turn(client.hub, now);
    assert_int_equal(in_air, 1);
    tg_hub_cut(server.hub, now, &(tg_route){ .line = 1 });
    flying late = air[0];
    in_air = 0;
    line = 2;
    tg_hub_up(client.hub, &(tg_route){ 0 });
    settle(&server, &client);
    tg_hub_receive(server.hub, now, &late.route, late.user, late.roles, late.frame, late.bytes);
    free(late.frame);
    assert_int_equal(server.heard_count, 1);
    say(&server, 2);
    tg_hub_turn(server.hub, now);
    assert_true(in_air > 0); /* it goes where the peer is now */
    for (size_t i = 0; i < in_air; i++) {
        assert_int_equal(air[i].sent_by.line, 2);
    }
    pass(&server, &client, 3000 * MS, 20 * MS);
    assert_int_equal(server.gone, 0);
    part(&server, &client);
}

/* Nothing lies between but the kernel: whoever closed it has died, and seconds count. */
static void
a_closed_local_connection_has_a_short_grace(void **state)
{
    end server, client;
    (void)state;
    meet(&server, &client, NULL);
    tg_hub_cut(server.hub, now, &(tg_route){ .line = 1, .local = true });
    int64_t from = now;
    while (server.gone == 0 && now < from + 5000 * MS) {
        now += 20 * MS;
        tg_hub_turn(server.hub, now);
        lose_all();
    }
    assert_int_equal(server.why, TG_GONE_CLOSED);
    assert_in_range(now - from, 200 * MS, 400 * MS);
    part(&server, &client);
}

static void
a_peer_that_takes_nothing_is_given_up(void **state)
{
    end server, client;
    tg_error err;
    static unsigned char bytes[TG_PART_MAX];
    tg_hub_options limits = { .peer_bytes_max = 8 << 20 };
    tg_message part_message = { .kind = TG_MESSAGE_PLAN,
                                .bytes = bytes,
                                .byte_count = TG_PART_MAX };
    (void)state;
    meet(&server, &client, &limits);
    client.deaf = true;
    tg_status status = TG_OK;
    long before = fault_live;
    for (int i = 0; status == TG_OK && i < 100; i++) {
        status = tg_hub_send(server.hub, server.peer, &part_message, &err);
        tg_hub_turn(server.hub, now);
        now += MS;
    }
    assert_int_equal(status, TG_ERR_NOT_FOUND);
    tg_hub_turn(server.hub, now);
    assert_int_equal(server.gone, 1);
    assert_int_equal(server.why, TG_GONE_FULL);
    assert_true(fault_live <= before); /* what was queued is freed */
    part(&server, &client);
}

static void
peers_are_no_more_than_allowed(void **state)
{
    enum { MOST = 4 };
    end server, clients[MOST + 2];
    tg_error err;
    tg_hub_options limits = { .peers_max = MOST };
    (void)state;
    now = 0;
    assert_int_equal(open_end(&server, &clients[0], true, "", SERVER, &limits), TG_OK);
    for (int i = 0; i < MOST + 2; i++) {
        end *c = &clients[i];
        assert_int_equal(open_end(c, &server, false, "bob", 100 + 10 * (uint64_t)i, NULL), TG_OK);
        server.other = c;
        assert_int_equal(tg_hub_dial(c->hub, now, &(tg_route){ 0 }, &err), TG_OK);
        tg_hub_turn(c->hub, now);
        settle(&server, c);
        assert_int_equal(c->met, i < MOST);
    }
    assert_int_equal(tg_hub_peers(server.hub), MOST);
    assert_true(server.troubles > 0);
    for (int i = 0; i < MOST + 2; i++) {
        tg_hub_destroy(clients[i].hub);
    }
    tg_hub_destroy(server.hub);
    lose_all();
}

/* Frames of a link that hold what is no message. */
static void
who_sends_no_messages_is_given_up(void **state)
{
    end server, client;
    tg_link *link = NULL;
    tg_error err;
    size_t bytes = 0;
    (void)state;
    meet(&server, &client, NULL);
    tg_link_options options = { .self = 77 };
    assert_int_equal(tg_link_create(&options, now, &link, &err), TG_OK);
    assert_int_equal(tg_link_send(link, "\xc1nonsense", 9, &err), TG_OK);
    const void *frame = tg_link_next(link, now, &bytes);
    tg_hub_receive(server.hub, now, &(tg_route){ .line = 9 }, "eve", TG_ROLE_CLIENT, frame, bytes);
    tg_hub_turn(server.hub, now);
    assert_int_equal(server.met, 2);
    assert_int_equal(server.gone, 1);
    assert_int_equal(server.why, TG_GONE_MALFORMED);
    tg_link_destroy(link);
    lose_all();
    server.peer = 10;
    say(&server, 5); /* the other one is still there */
    settle(&server, &client);
    assert_int_equal(client.heard_count, 1);
    part(&server, &client);
}

static void
a_peer_may_be_given_up_while_its_messages_are_read(void **state)
{
    end server, client;
    (void)state;
    meet(&server, &client, NULL);
    server.drops_sender = true;
    for (uint64_t i = 0; i < 5; i++) {
        say(&client, i);
    }
    settle(&server, &client);
    assert_int_equal(server.heard_count, 1);
    assert_int_equal(server.why, TG_GONE_DROPPED);
    assert_string_equal(server.text, "enough");
    assert_int_equal(client.why, TG_GONE_LEFT);
    part(&server, &client);
}

static void
what_cannot_be_sent_now_comes_later_in_order(void **state)
{
    end server, client;
    (void)state;
    meet(&server, &client, NULL);
    server.deaf = true;
    for (uint64_t i = 0; i < 50; i++) {
        say(&client, i);
        tg_hub_turn(client.hub, now);
        now += MS;
    }
    assert_int_equal(in_air, 0);
    server.deaf = false;
    pass(&server, &client, 50 * MS, 5 * MS);
    assert_int_equal(server.heard_count, 50);
    assert_int_equal(server.heard[49], 49);
    assert_int_equal(tg_hub_resent(client.hub), 0);
    assert_true(tg_hub_quiet(client.hub));
    part(&server, &client);
}

static void
without_memory_nothing_breaks_nor_leaks(void **state)
{
    (void)state;
    now = 1000 * MS;
    for (fault_begin(); fault_next();) {
        end server = { 0 }, client = { 0 };
        tg_error err;
        tg_message message = { .kind = TG_MESSAGE_BEAT, .total = 1 };
        bool good = open_end(&server, &client, true, "", SERVER, NULL) == TG_OK &&
                    open_end(&client, &server, false, "alice", 10, NULL) == TG_OK &&
                    tg_hub_dial(client.hub, now, &(tg_route){ 0 }, &err) == TG_OK;
        if (good) {
            settle(&server, &client);
            if (tg_hub_send(client.hub, SERVER, &message, &err) == TG_OK) {
                settle(&server, &client);
            }
        }
        if (!fault_hit) {
            assert_int_equal(server.heard_count, 1);
        }
        tg_hub_destroy(server.hub);
        tg_hub_destroy(client.hub);
        lose_all();
        assert_int_equal(fault_live, 0);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_of_a_turn_are_one_frame),
        cmocka_unit_test(a_number_belongs_to_the_user_who_came_with_it),
        cmocka_unit_test(another_process_in_the_same_place_resets),
        cmocka_unit_test(who_was_given_up_is_told_and_comes_back_under_a_new_number),
        cmocka_unit_test(nobody_is_gone_while_idle_and_everybody_after_the_lease),
        cmocka_unit_test(a_lease_that_is_told_later_counts_for_both_ends),
        cmocka_unit_test(after_a_pause_of_our_own_the_others_have_time_to_be_heard),
        cmocka_unit_test(a_closed_connection_has_a_grace),
        cmocka_unit_test(the_last_frames_of_a_cut_connection_are_no_sign_of_life),
        cmocka_unit_test(a_closed_local_connection_has_a_short_grace),
        cmocka_unit_test(a_peer_that_takes_nothing_is_given_up),
        cmocka_unit_test(peers_are_no_more_than_allowed),
        cmocka_unit_test(who_sends_no_messages_is_given_up),
        cmocka_unit_test(a_peer_may_be_given_up_while_its_messages_are_read),
        cmocka_unit_test(what_cannot_be_sent_now_comes_later_in_order),
        cmocka_unit_test(without_memory_nothing_breaks_nor_leaks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
