/* SPDX-License-Identifier: BSD-3-Clause */
/* Nets that are turned by hand. See net_bed.h; the proxy is in net_proxy.c. */
#include "tests/support/net_bed.h"

#include <stdio.h>
#include <unistd.h>

static void
ipc_address(char *out, size_t room)
{
    static int last;
    (void)snprintf(out, room, "ipc:///tmp/tg-bed-%ld-%d", (long)getpid(), ++last);
}

static void
inproc_address(char *out, size_t room)
{
    static int last;
    (void)snprintf(out, room, "inproc://bed-%d", ++last);
}

static void
tcp_address(char *out, size_t room)
{
    (void)snprintf(out, room, "tcp://127.0.0.1:0");
}

static void
sim_address(char *out, size_t room)
{
    (void)snprintf(out, room, "sim://bed"); /* each bed has a network of its own */
}

static const net_model in_order = { .delay_ns = 1000000 };
static const net_model harsh = { .delay_ns = 1000000, .harsh = true };

typedef struct row {
    const char *name;
    void (*address)(char *out, size_t room);
    bool keys;
    const net_model *model; /* NULL: a real network */
} row;

/* In the order of bed_carrier, those with a model once. */
static const row rows[] = {
    { "inproc", inproc_address, false, NULL }, { "ipc", ipc_address, false, NULL },
    { "tcp", tcp_address, false, NULL },       { "tcp+CURVE", tcp_address, true, NULL },
    { "sim", sim_address, false, &in_order },  { "sim, harsh", sim_address, false, &harsh }
};

static const row *
row_of(bed_carrier carrier)
{
    return &rows[carrier < BED_SIM ? carrier : BED_SIM + (carrier - BED_SIM) / BED_SEEDS];
}

static uint64_t
seed_of(bed_carrier carrier)
{
    const char *text = getenv("TG_NET_SEED");
    return (text != NULL ? strtoull(text, NULL, 10) : 1) + (carrier - BED_SIM) % BED_SEEDS;
}

const char *
bed_carrier_name(bed_carrier carrier)
{
    static char name[64];
    const row *r = row_of(carrier);
    int used = snprintf(name, sizeof name, "%s", r->name);
    if (r->model != NULL) {
        (void)snprintf(name + used, sizeof name - (size_t)used, ", TG_NET_SEED=%llu",
                       (unsigned long long)seed_of(carrier));
    }
    return name;
}

bool
bed_carrier_is_lossless(bed_carrier carrier)
{
    return row_of(carrier)->model == NULL;
}

void
bed_open(bed *b, bed_carrier carrier, int64_t lease_ns)
{
    memset(b, 0, sizeof *b);
    b->carrier = carrier;
    b->lease_ns = lease_ns;
    const row *r = row_of(carrier);
    if (r->model != NULL) {
        b->network = net_sim_open(r->model, seed_of(carrier));
    }
    if (r->keys) {
        assert_int_equal(tg_keys_make(&b->server_security.listen, &b->err), TG_OK);
        assert_int_equal(tg_keys_make(&b->client_security.connect, &b->err), TG_OK);
        assert_int_equal(tg_zap_open(&b->allowed, &b->err), TG_OK);
        assert_int_equal(tg_zap_allow(b->allowed, b->client_security.connect.public_key,
                                      TG_ROLE_WORKER, &b->err),
                         TG_OK);
        b->server_security.allowed = b->allowed;
    }
}

void
bed_remove(node *n)
{
    tg_net_destroy(n->net);
    n->net = NULL;
}

void
bed_close(bed *b)
{
    for (size_t i = b->count; i-- > 0;) {
        bed_remove(&b->nodes[i]);
    }
    tg_zap_close(b->allowed);
    net_sim_close(b->network);
}

/* -- callbacks ------------------------------------------------------------------------------ */

static void
on_met(void *ctx, uint64_t peer, uint64_t self, unsigned roles)
{
    node *n = ctx;
    n->peer = peer;
    n->self = self;
    n->roles = roles;
    n->met_count++;
    n->expected = 0;
}

static void
check_bulk(node *n, const tg_message *m)
{
    const unsigned char *bytes = m->bytes;
    for (size_t i = 0; i < m->byte_count; i += 997) {
        n->in_order = n->in_order && bytes[i] == (unsigned char)(i * 31 + m->byte_count);
    }
    n->bulk_bytes += m->byte_count;
}

static void
on_message(void *ctx, uint64_t peer, unsigned roles, const tg_message *m)
{
    node *n = ctx;
    int64_t now = tg_net_now_ns();
    (void)roles;
    if (m->kind == TG_MESSAGE_PLAN) {
        check_bulk(n, m);
    } else {
        n->in_order = n->in_order && m->total == n->expected;
        n->expected++;
        n->heard++;
        if (n->heard_ns != 0 && now - n->heard_ns > n->most_silence_ns) {
            n->most_silence_ns = now - n->heard_ns;
        }
        n->heard_ns = now;
    }
    if (n->echo) {
        tg_error err;
        assert_int_equal(tg_net_send(n->net, peer, m, &err), TG_OK);
    }
}

static void
on_gone(void *ctx, uint64_t peer, tg_gone why, const char *text)
{
    node *n = ctx;
    (void)peer;
    n->gone_count++;
    n->why = why;
    (void)snprintf(n->text, sizeof n->text, "%s", text);
}

static void
on_trouble(void *ctx, bool dialled, const char *text)
{
    node *n = ctx;
    size_t used = strlen(n->trouble);
    (void)dialled;
    n->trouble_count++;
    if (used < sizeof n->trouble - 1) {
        (void)snprintf(n->trouble + used, sizeof n->trouble - used, "%s\n", text);
    }
}

static void
on_data(void *ctx, const tg_net_frame *frame)
{
    node *n = ctx;
    n->data_frames++;
    n->data_bytes += frame->body_bytes;
    if (n->on_data != NULL) {
        n->on_data(n, frame);
    }
}

static void
on_data_cut(void *ctx, const tg_route *route)
{
    node *n = ctx;
    (void)route;
    n->data_cuts++;
}

node *
bed_node(bed *b, const tg_net_security *security)
{
    node *n = &b->nodes[b->count++];
    assert_true(b->count <= BED_NODES_MAX);
    *n = (node){ .bed = b, .in_order = true };
    tg_net_options options = { .lease_ns = b->lease_ns,
                               .security = security,
                               .scheme = b->network != NULL ? net_sim_scheme(b->network) : NULL,
                               .ctx = n,
                               .met = on_met,
                               .message = on_message,
                               .gone = on_gone,
                               .trouble = on_trouble,
                               .data = on_data,
                               .data_cut = on_data_cut };
    if (tg_net_create(&options, &n->net, &b->err) != TG_OK) {
        fail_msg("%s", b->err.message);
    }
    return n;
}

node *
bed_listen(bed *b)
{
    node *n = bed_node(b, &b->server_security);
    char address[TG_ENDPOINT_MAX];
    row_of(b->carrier)->address(address, sizeof address);
    if (tg_net_listen(n->net, address, n->address, sizeof n->address, &b->err) != TG_OK) {
        fail_msg("%s", b->err.message);
    }
    return n;
}

node *
bed_connect(bed *b, const char *address)
{
    node *n = bed_node(b, &b->client_security);
    if (tg_net_connect(n->net, &(const char *){ address }, 1, &b->err) != TG_OK) {
        fail_msg("%s", b->err.message);
    }
    return n;
}

void
bed_turn(bed *b)
{
    for (size_t i = 0; i < b->count; i++) {
        node *n = &b->nodes[i];
        if (n->net != NULL && !n->paused) {
            assert_int_equal(tg_net_turn(n->net, 0, &b->err), TG_OK);
        }
    }
    (void)usleep(50); /* the I/O threads want the processor too */
}

void
bed_turn_for(bed *b, int64_t ns)
{
    int64_t end = tg_net_now_ns() + ns;
    while (tg_net_now_ns() < end) {
        bed_turn(b);
    }
}

int
bed_rest(void **state)
{
    (void)state;
    (void)usleep(500000);
    return 0;
}

void
node_say(node *n, uint64_t peer, uint64_t number)
{
    tg_error err = { 0 };
    tg_message message = { .kind = TG_MESSAGE_BEAT, .total = number };
    if (tg_net_send(n->net, peer, &message, &err) != TG_OK) {
        fail_msg("%s", err.message);
    }
}

void
node_say_many(node *n, uint64_t peer, uint64_t first, uint64_t count)
{
    for (uint64_t i = first; i < first + count; i++) {
        node_say(n, peer, i);
    }
}

void
node_say_bulk(node *n, uint64_t peer, size_t bytes)
{
    tg_error err = { 0 };
    unsigned char *part = malloc(bytes);
    assert_non_null(part);
    for (size_t i = 0; i < bytes; i++) {
        part[i] = (unsigned char)(i * 31 + bytes);
    }
    tg_message message = {
        .kind = TG_MESSAGE_PLAN, .total = bytes, .bytes = part, .byte_count = bytes
    };
    if (tg_net_send(n->net, peer, &message, &err) != TG_OK) {
        fail_msg("%s", err.message);
    }
    free(part);
}
