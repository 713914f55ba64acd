/* SPDX-License-Identifier: BSD-3-Clause */
/* A data port over real sockets, whose holder dies, or is away for a moment. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/mem/pool.h"
#include "tests/support/net_bed.h"
#include "worker/net/port.h"

#define MS ((int64_t)1000000)
enum { HOLDER = 77, JOB = 5 };

typedef struct reader {
    tg_net *net;
    tg_port *port;
    tg_pool *pool;
    int frames;
    tg_route route; /* of the last one */
    unsigned char header[TG_DATA_HEADER_BYTES];
    bool cut, up, ended;
    tg_status status;
} reader;

/* A net at which tiles are asked for. */
typedef struct holder {
    tg_net *net;
    char address[TG_NET_ADDRESS_MAX];
    int asked;
    bool none; /* answers that it has no tile; else says so of one that nobody asked for */
} holder;

static void
on_data(void *ctx, const tg_net_frame *frame)
{
    reader *r = ctx;
    r->frames++;
    r->route = frame->route;
    memcpy(r->header, frame->head, sizeof r->header);
    tg_port_frame(r->port, tg_net_now_ns(), frame);
}

static void
on_cut(void *ctx, const tg_route *route)
{
    reader *r = ctx;
    r->cut = true;
    tg_port_cut(r->port, tg_net_now_ns(), route);
}

static void
on_up(void *ctx, const tg_route *route)
{
    reader *r = ctx;
    r->up = true;
    tg_port_up(r->port, tg_net_now_ns(), route);
}

static int64_t
on_tick(void *ctx, int64_t now_ns)
{
    return tg_port_turn(((reader *)ctx)->port, now_ns);
}

static void
on_ended(void *ctx, const tg_fetch_end *end)
{
    reader *r = ctx;
    r->ended = true;
    r->status = end->status;
    tg_buffer_release(end->buffer);
}

static void
on_message(void *ctx, uint64_t peer, unsigned roles, const tg_message *message)
{
    (void)ctx, (void)peer, (void)roles, (void)message;
}

static void
on_gone(void *ctx, uint64_t peer, tg_gone why, const char *text)
{
    (void)ctx, (void)peer, (void)why, (void)text;
}

static void
on_asked(void *ctx, const tg_net_frame *frame)
{
    holder *h = ctx;
    tg_error err;
    tg_data_frame get;
    unsigned char header[TG_DATA_HEADER_BYTES];
    assert_int_equal(tg_data_open(frame->head, frame->head_bytes, NULL, 0, &get, &err), TG_OK);
    tg_data_frame answer = { .kind = TG_DATA_NONE,
                             .reason = TG_DATA_NOT_HERE,
                             .request = get.request + !h->none,
                             .job = get.job,
                             .task = get.task };
    tg_data_seal(&answer, header);
    assert_int_equal(
        tg_net_data_send(h->net, &frame->route, header, sizeof header, NULL, 0, NULL, NULL),
        TG_SENT);
    h->asked++;
}

static void
open_reader(reader *r)
{
    tg_error err;
    *r = (reader){ .pool = tg_pool_create(NULL, 1 << 20) };
    tg_net_options net = { .ctx = r,
                           .message = on_message,
                           .gone = on_gone,
                           .tick = on_tick,
                           .data = on_data,
                           .data_cut = on_cut,
                           .data_up = on_up };
    assert_int_equal(tg_net_create(&net, &r->net, &err), TG_OK);
    tg_port_options port = { .net = r->net, .pool = r->pool, .ctx = r, .ended = on_ended };
    assert_int_equal(tg_port_create(&port, &r->port, &err), TG_OK);
}

static void
close_reader(reader *r)
{
    tg_port_stop(r->port);
    tg_net_destroy(r->net);
    tg_port_destroy(r->port);
    tg_pool_destroy(r->pool);
}

static void
open_holder(holder *h, const char *address)
{
    tg_error err;
    *h = (holder){ 0 };
    tg_net_options net = { .ctx = h, .message = on_message, .gone = on_gone, .data = on_asked };
    assert_int_equal(tg_net_create(&net, &h->net, &err), TG_OK);
    if (tg_net_data_listen(h->net, address, h->address, sizeof h->address, &err) != TG_OK) {
        fail_msg("%s", err.message);
    }
}

static void
turn(tg_net *net)
{
    tg_error err;
    assert_int_equal(tg_net_turn(net, MS, &err), TG_OK);
}

/* One fetch, of which the holder has heard and said something that does not end it. */
static void
fetch_begun(reader *r, holder *h)
{
    tg_error err;
    uint64_t id = 0;
    tg_fetch fetch = { .job = JOB, .from = HOLDER, .bytes_max = 1000, .deadline_ns = INT64_MAX };
    open_reader(r);
    open_holder(h, "tcp://127.0.0.1:0");
    assert_int_equal(tg_port_fetch(r->port, tg_net_now_ns(), &fetch, h->address, &id, &err), TG_OK);
    int64_t end = tg_net_now_ns() + 20000 * MS;
    while (h->asked == 0 && tg_net_now_ns() < end) {
        turn(r->net);
        turn(h->net);
    }
    assert_int_equal(h->asked, 1);
}

/* Its last frame is read behind the news that its connection was cut. */
static void
what_a_dead_holder_had_sent_does_not_prolong_its_life(void **state)
{
    reader r;
    holder h;
    (void)state;
    fetch_begun(&r, &h);
    int64_t from = tg_net_now_ns();
    while (r.frames == 0 && tg_net_now_ns() < from + 20000 * MS) {
        turn(r.net);
    }
    assert_true(r.frames > 0 && !r.ended);
    from = tg_net_now_ns();
    tg_port_cut(r.port, from, &r.route);
    tg_port_frame(
        r.port, from,
        &(tg_net_frame){ .route = r.route, .head = r.header, .head_bytes = sizeof r.header });
    while (!r.ended && tg_net_now_ns() < from + 10000 * MS) {
        turn(r.net);
    }
    assert_true(r.ended);
    assert_int_equal(r.status, TG_ERR_NOT_FOUND);
    assert_in_range(tg_net_now_ns() - from, 900 * MS, 5000 * MS);
    tg_net_destroy(h.net);
    close_reader(&r);
}

/* It listens at its address again within the second: what was asked of it is asked again. */
static void
a_holder_that_was_cut_off_may_come_back(void **state)
{
    reader r;
    holder h, again;
    char address[TG_NET_ADDRESS_MAX];
    (void)state;
    fetch_begun(&r, &h);
    memcpy(address, h.address, sizeof address);
    tg_net_destroy(h.net);
    int64_t end = tg_net_now_ns() + 20000 * MS;
    while (!r.cut && tg_net_now_ns() < end) {
        turn(r.net);
    }
    open_holder(&again, address);
    while (!r.up && !r.ended && tg_net_now_ns() < end) {
        turn(r.net);
    }
    assert_true(r.up && !r.ended);
    int64_t from = tg_net_now_ns();
    while (tg_net_now_ns() < from + 1500 * MS) { /* it takes its time, but it is there */
        turn(r.net);
    }
    assert_false(r.ended);
    again.none = true;
    while (!r.ended && tg_net_now_ns() < end) {
        turn(again.net);
        turn(r.net);
    }
    assert_true(r.ended && again.asked > 0);
    assert_int_equal(r.status, TG_ERR_NOT_FOUND);
    tg_net_destroy(again.net);
    close_reader(&r);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_dead_holder_had_sent_does_not_prolong_its_life),
        cmocka_unit_test(a_holder_that_was_cut_off_may_come_back),
    };
    return cmocka_run_group_tests(tests, NULL, bed_rest);
}
