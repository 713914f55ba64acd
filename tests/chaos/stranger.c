/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A peer of another version: speaks the protocol, and introduces itself with a version of one's
 * choice. Prints what it is refused with; ends with 1 when it is let in, or is not answered.
 *
 *     stranger ADDRESS worker|client VERSION
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scheduler/net/net.h"

typedef struct stranger {
    tg_net *net;
    bool works, refused;
    const char *version;
    int64_t until_ns;
} stranger;

static void
met(void *ctx, uint64_t peer, uint64_t self, unsigned roles)
{
    stranger *s = ctx;
    tg_error err;
    (void)self, (void)roles;
    tg_message hello = { .kind = s->works ? TG_MESSAGE_JOIN : TG_MESSAGE_ATTACH,
                         .name = "stranger",
                         .address = "tcp://127.0.0.1:1",
                         .text = s->version,
                         .threads = 1,
                         .memory = 1 << 30 };
    if (tg_net_send(s->net, peer, &hello, &err) != TG_OK) {
        fprintf(stderr, "stranger: %s\n", err.message);
    }
}

static void
heard(void *ctx, uint64_t peer, unsigned roles, const tg_message *message)
{
    stranger *s = ctx;
    (void)peer, (void)roles;
    if (message->kind == TG_MESSAGE_REFUSED) {
        s->refused = true;
        puts(message->text);
    }
    tg_net_stop(s->net);
}

static void
gone(void *ctx, uint64_t peer, tg_gone why, const char *text)
{
    (void)ctx, (void)peer, (void)why, (void)text;
}

static int64_t
tick(void *ctx, int64_t now_ns)
{
    stranger *s = ctx;
    if (now_ns >= s->until_ns) {
        tg_net_stop(s->net);
    }
    return s->until_ns;
}

int
main(int argc, char **argv)
{
    tg_error err;
    stranger s = { .until_ns = tg_net_now_ns() + (int64_t)20000000000 };
    tg_net_options options = {
        .ctx = &s, .met = met, .message = heard, .gone = gone, .tick = tick
    };
    if (argc != 4) {
        fprintf(stderr, "stranger ADDRESS worker|client VERSION\n");
        return 2;
    }
    s.works = strcmp(argv[2], "worker") == 0;
    s.version = argv[3];
    if (tg_net_create(&options, &s.net, &err) != TG_OK ||
        tg_net_connect(s.net, &(const char *){ argv[1] }, 1, &err) != TG_OK ||
        tg_net_run(s.net, &err) != TG_OK) {
        fprintf(stderr, "stranger: %s\n", err.message);
        return EXIT_FAILURE;
    }
    tg_net_destroy(s.net);
    return s.refused ? EXIT_SUCCESS : EXIT_FAILURE;
}
