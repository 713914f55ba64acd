/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Whom workers let fetch tiles: those who are here, by their keys. A worker knows no list of keys;
 * the scheduler, which has looked at each one, vouches for who has joined or attached (ADMIT), and
 * takes it back when the last peer with a key is gone.
 */
#include <string.h>

#include "scheduler/server/internal.h"

static void
say(tg_server *server, uint64_t worker, const char *key, bool in)
{
    tg__server_send(server, worker,
                    &(tg_message){ .kind = TG_MESSAGE_ADMIT, .name = key, .flag = in });
}

/* Has anybody but `peer` this key? */
static bool
is_shared(const tg_server *server, const tg__peer *peer)
{
    bool shared = false;
    for (size_t i = 0; !shared && i < server->peers.count; i++) {
        const tg__peer *other = server->peers.entries[i].as.item;
        shared = other != peer && strcmp(other->key, peer->key) == 0;
    }
    return shared;
}

static void
say_to_others(tg_server *server, const tg__peer *peer, bool in)
{
    if (peer->key[0] != '\0' && !is_shared(server, peer)) {
        for (size_t i = 0; i < server->peers.count; i++) {
            const tg__peer *other = server->peers.entries[i].as.item;
            if (other != peer && other->worker && !other->leaving) {
                say(server, other->id, peer->key, in);
            }
        }
    }
}

void
tg__admit(tg_server *server, const tg__peer *peer)
{
    const char *last = "";
    say_to_others(server, peer, true);
    for (size_t i = 0; peer->worker && i < server->peers.count; i++) {
        const tg__peer *other = server->peers.entries[i].as.item;
        /* Most have the one of the join file. */
        if (other->key[0] != '\0' && strcmp(other->key, last) != 0) {
            say(server, peer->id, other->key, true);
            last = other->key;
        }
    }
}

void
tg__admit_no_more(tg_server *server, const tg__peer *peer)
{
    say_to_others(server, peer, false);
}
