/* SPDX-License-Identifier: BSD-3-Clause */
/* Frames out of a hub, and its turns. See hub.h. */
#include <inttypes.h>
#include <string.h>

#include "core/base/size.h"
#include "core/mem/alloc.h"
#include "scheduler/net/hub_inside.h"

/* -- messages out --------------------------------------------------------------------------- */

/* What was collected becomes a payload of the link. */
static tg_status
close_frame(tg_hub *hub, tg__peer *p, tg_error *err)
{
    tg_status status = TG_OK;
    if (p->writer.size > 0) {
        status = tg_link_send(p->link, p->writer.bytes, p->writer.size, err);
        p->writer.size = 0;
        if (p->writer.room_ > WRITER_KEEP_BYTES) {
            tg_message_writer_fini(&p->writer);
            tg_message_writer_init(&p->writer);
        }
    }
    if (status != TG_OK) {
        tg__hub_give_up(hub, p, TG_GONE_FULL, "%s", err != NULL ? err->message : "it is full");
    }
    return status;
}

tg_status
tg_hub_send(tg_hub *hub, uint64_t number, const tg_message *message, tg_error *err)
{
    tg_status status = TG_OK;
    tg_error full = { 0 };
    tg__peer *p = tg__hub_find(hub, number);
    TG_CHECK(p != NULL, err, TG_ERR_NOT_FOUND, "there is no peer %016" PRIx64 ", or no longer",
             number);
    status = tg_message_writer_add(&p->writer, message, err);
    if (status == TG_ERR_LIMIT && p->writer.size > 0) {
        TG_CHECK(close_frame(hub, p, &full) == TG_OK, err, TG_ERR_NOT_FOUND,
                 "peer %016" PRIx64 " is given up: %s", number, full.message);
        status = tg_message_writer_add(&p->writer, message, err);
    }
    tg__hub_mark(hub, p);
out:
    return status;
}

/* A frame that the transport does not take is kept: the link has counted it as sent. */
static bool
send_frame(tg_hub *hub, int64_t now_ns, tg__peer *p, const void *frame, size_t bytes)
{
    bool sent = hub->options.send(hub->options.ctx, &p->route, frame, bytes) == TG_SENT;
    if (!sent && p->held == NULL) {
        p->held = tg_malloc(NULL, bytes);
        p->held_bytes = p->held != NULL ? bytes : 0; /* else it is repeated, as a lost one is */
        if (p->held != NULL) {
            memcpy(p->held, frame, bytes);
        }
    }
    p->blocked_until = sent ? INT64_MIN : now_ns + (p->met ? BLOCKED_NS : NOT_MET_NS);
    hub->sent_bytes += sent ? bytes : 0;
    return sent;
}

void
tg__hub_flush(tg_hub *hub, int64_t now_ns, tg__peer *p)
{
    tg_error err = { 0 };
    bool going = close_frame(hub, p, &err) == TG_OK;
    if (going && p->held != NULL) {
        going = send_frame(hub, now_ns, p, p->held, p->held_bytes);
        if (going) {
            tg_free(NULL, p->held, p->held_bytes);
            p->held = NULL;
        }
    }
    while (going && hub->sent_bytes < TURN_BYTES_MAX) {
        size_t bytes = 0;
        const void *frame = tg_link_next(p->link, now_ns, &bytes);
        going = frame != NULL && send_frame(hub, now_ns, p, frame, bytes);
    }
}

void
tg_hub_drop(tg_hub *hub, uint64_t number, const char *text)
{
    tg__peer *p = tg__hub_find(hub, number);
    if (p != NULL) {
        tg__hub_flush(hub, hub->now_ns, p);
        tg__hub_give_up(hub, p, TG_GONE_DROPPED, "%s", text);
    }
}

/* -- turns ---------------------------------------------------------------------------------- */

int64_t
tg__hub_beat_ns(const tg_hub *hub)
{
    return tg_min_i64(BEAT_NS, hub->options.lease_ns / 5);
}

void
tg_hub_set_lease(tg_hub *hub, int64_t lease_ns)
{
    hub->options.lease_ns = lease_ns;
    hub->deadline = INT64_MIN; /* all are looked at anew */
    for (size_t i = 0; i < hub->count; i++) {
        tg_link_set_beat(hub->all[i]->link, tg__hub_beat_ns(hub));
    }
}

static int64_t
lease_end(const tg_hub *hub, const tg__peer *p)
{
    int64_t end = INT64_MAX; /* who was never met is knocked at for ever */
    if (p->met) {
        end = tg_link_heard_ns(p->link) + hub->options.lease_ns;
        if (hub->woke_ns != INT64_MIN) {
            end = tg_max_i64(end, hub->woke_ns + hub->options.lease_ns / 4);
        }
    }
    return end;
}

static int64_t
peer_deadline(const tg_hub *hub, const tg__peer *p)
{
    int64_t at = p->blocked_until != INT64_MIN ? p->blocked_until : tg_link_deadline(p->link);
    at = tg_min_i64(at, lease_end(hub, p));
    return tg_min_i64(at, p->cut_at);
}

static void
judge(tg_hub *hub, int64_t now_ns, tg__peer *p)
{
    if (now_ns >= lease_end(hub, p)) {
        tg__hub_give_up(hub, p, TG_GONE_SILENT, "it was not heard of for %.1f s",
                        (double)(now_ns - tg_link_heard_ns(p->link)) / 1e9);
    } else if (now_ns >= p->cut_at) {
        tg__hub_give_up(
            hub, p, TG_GONE_CLOSED,
            "its connection was closed, and not made again within %.1f s: it has died, or "
            "cannot be reached",
            (double)p->grace_ns / 1e9);
    }
}

static void
flush_dirty(tg_hub *hub, int64_t now_ns)
{
    while (hub->dirty != NULL && hub->sent_bytes < TURN_BYTES_MAX) {
        tg__peer *p = hub->dirty;
        hub->dirty = p->dirty_next;
        hub->dirty_end = hub->dirty == NULL ? &hub->dirty : hub->dirty_end;
        p->dirty = false;
        if (!p->dead) {
            tg__hub_flush(hub, now_ns, p);
            hub->deadline = tg_min_i64(hub->deadline, peer_deadline(hub, p));
        }
    }
}

void
tg_hub_turn(tg_hub *hub, int64_t now_ns)
{
    if (hub->turned_ns != INT64_MIN && now_ns - hub->turned_ns > hub->options.lease_ns / 4) {
        hub->woke_ns = now_ns;
    }
    hub->turned_ns = hub->now_ns = now_ns;
    hub->sent_bytes = 0;
    if (now_ns >= hub->deadline) {
        hub->deadline = INT64_MAX;
        for (size_t i = hub->count; i-- > 0;) { /* giving up moves the last one here */
            tg__peer *p = hub->all[i];
            judge(hub, now_ns, p);
            int64_t at = p->dead ? INT64_MAX : peer_deadline(hub, p);
            if (at <= now_ns) {
                tg__hub_mark(hub, p);
            } else {
                hub->deadline = tg_min_i64(hub->deadline, at);
            }
        }
    }
    flush_dirty(hub, now_ns);
    tg__hub_bury(hub, now_ns);
    flush_dirty(hub, now_ns); /* what gone() said to others */
}

int64_t
tg_hub_deadline(const tg_hub *hub)
{
    return hub->dirty != NULL || hub->dead != NULL ? INT64_MIN : hub->deadline;
}
