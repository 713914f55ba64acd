/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Lines for the log: who comes and goes, and what becomes of jobs, by the numbers that answers to
 * tools have too. Names are the peers' own, so what is no letter in them is not written.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "scheduler/server/internal.h"

enum { LINE_BYTES = 600 };

static void
put(const tg_server *server, char *line)
{
    const tg_server_callbacks *call = &server->options.callbacks;
    for (char *at = line; *at != '\0'; at++) {
        unsigned char byte = (unsigned char)*at;
        *at = byte < ' ' || byte == 0x7f ? ' ' : *at;
    }
    call->note(call->ctx, line);
}

bool
tg_server_who(const tg_server *server, uint64_t id, char *text, size_t bytes)
{
    const tg__peer *peer = tg__peer_find(server, id);
    (void)snprintf(text, bytes, "%s %.100s (%" PRIu64 ")",
                   peer == NULL   ? "somebody"
                   : peer->worker ? "worker"
                                  : "client",
                   peer != NULL ? peer->name : "unknown", id);
    return peer != NULL;
}

void
tg__note_peer(const tg_server *server, uint64_t id, const char *format, ...)
{
    char line[LINE_BYTES];
    if (server->options.callbacks.note != NULL) {
        va_list args;
        (void)tg_server_who(server, id, line, sizeof line - 2);
        size_t used = strlen(line);
        line[used++] = ' ';
        va_start(args, format);
        (void)vsnprintf(line + used, sizeof line - used, format, args);
        va_end(args);
        put(server, line);
    }
}

void
tg__note_job(const tg_server *server, const tg__order *order, const char *format, ...)
{
    char line[LINE_BYTES];
    if (server->options.callbacks.note != NULL) {
        va_list args;
        const tg__peer *client = tg__peer_find(server, order->client);
        int used = snprintf(line, sizeof line, "job %" PRIu64 "%s%.100s ", order->label,
                            client != NULL ? " of " : "", client != NULL ? client->name : "");
        va_start(args, format);
        (void)vsnprintf(line + used, sizeof line - (size_t)used, format, args);
        va_end(args);
        put(server, line);
    }
}

void
tg__note_end(const tg_server *server, const tg__order *order, tg_status code, const char *text)
{
    char after[40] = "";
    if (order->life == TG__RUNNING) {
        (void)snprintf(after, sizeof after, " after %.3g s",
                       (double)(server->now_ns - order->begun_ns) * 1e-9);
    } else if (order->restored) {
        return; /* the journal says how it ended, before */
    }
    if (code == TG_OK) {
        tg__note_job(server, order, "has ended%s: %" PRIu32 " tasks", after, order->tasks);
    } else if (code == TG_ERR_CANCELLED) {
        tg__note_job(server, order, "was cancelled%s", after);
    } else {
        tg__note_job(server, order, "failed%s: %s", after,
                     text != NULL ? text : tg_status_text(code));
    }
}
