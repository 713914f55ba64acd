/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The network: links between each worker and the scheduler over something that loses, as
 * tests/support/net_model.h says; cuts and stalls are faults (sim_fault.c).
 */
#include <stdlib.h>
#include <string.h>

#include "tests/sim/world.h"

/* A peer that was not heard of for so long is gone. */
#define LEASE_NS ((int64_t)1500000000)

static sim_action to_scheduler, to_worker, host_due, session_due;
static void session_arm(sim_world *w, uint64_t id);

/* The scheduler's number on its links. */
static uint64_t
scheduler(const sim_world *w)
{
    return ((uint64_t)1 << 40) + w->epoch;
}

static tg_link *
make_link(sim_world *w, uint64_t self, uint64_t peer)
{
    tg_link *link = NULL;
    tg_link_options options = { .self = self, .peer = peer };
    if (w->options->check) { /* the lease is short */
        options.resend_ns = 60000000;
        options.resend_most_ns = 400000000;
        options.beat_ns = 400000000;
    }
    if (tg_link_create(&options, w->now, &link, NULL) != TG_OK) {
        sim_fail(w, "no memory for a link");
    }
    return link;
}

/* --- frames -------------------------------------------------------------------------------------
 */

static void
put(sim_world *w, sim_host *host, uint64_t id, bool up, const void *frame, size_t bytes)
{
    net_model model = { .delay_ns = w->options->delay_ns, .harsh = w->options->harsh && !w->quiet };
    int64_t at[NET_COPIES_MAX];
    int copies = net_line_carry(&host->line, &model, &w->rng, w->now, up ? NET_UP : NET_DOWN, at);
    for (int i = 0; i < copies; i++) {
        sim_event *e = sim_after(w, at[i] - w->now, up ? to_scheduler : to_worker);
        e->peer = id;
        e->epoch = w->epoch; /* a connection ends with the process at its end */
        e->at_sched = up;
        e->job = (uint32_t)(host - w->host);
        e->task = host->line.cuts;
        if (!up) {
            e->host = e->job;
            e->id = sim_session_of(w, id)->id;
        }
        e->frame = malloc(bytes);
        memcpy(e->frame, frame, bytes);
        e->frame_bytes = bytes;
    }
}

/* Words that were collected become one payload; then all frames that may go. */
static void
transmit(sim_world *w, sim_host *host, uint64_t id, bool up, tg_link *link,
         tg_message_writer *words)
{
    const void *frame = NULL;
    size_t bytes = 0;
    if (words->size != 0 && tg_link_send(link, words->bytes, words->size, NULL) != TG_OK) {
        sim_fail(w, "a link takes no more");
    }
    words->size = 0;
    while ((frame = tg_link_next(link, w->now, &bytes)) != NULL) {
        put(w, host, id, up, frame, bytes);
    }
}

static void
add(sim_world *w, tg_link *link, tg_message_writer *words, const tg_message *message)
{
    tg_error err = { 0 };
    tg_status status = tg_message_writer_add(words, message, &err);
    if (status == TG_ERR_LIMIT && words->size != 0) { /* no room: the payload is full */
        status = tg_link_send(link, words->bytes, words->size, &err);
        words->size = 0;
        status = status == TG_OK ? tg_message_writer_add(words, message, &err) : status;
    }
    if (status != TG_OK) {
        sim_fail(w, "%s cannot be said: %s", tg_message_name(message->kind), err.message);
    }
}

/* --- the worker's end ---------------------------------------------------------------------------
 */

void
sim_link_start(sim_world *w, sim_host *host)
{
    host->number = ++w->next_id;
    sim_session *session = sim_session_of(w, host->number);
    session->host = (uint32_t)(host - w->host);
    session->id = host->id;
    host->link = make_link(w, host->number, 0);
    tg_message_writer_init(&host->words);
    host->armed_ns = INT64_MAX;
}

sim_host *
sim_host_of(sim_world *w, uint64_t number)
{
    const sim_session *session = sim_session_of(w, number);
    sim_host *host = &w->host[session->host];
    return session->id != 0 && host->id == session->id ? host : NULL;
}

void
sim_link_stop(sim_host *host)
{
    tg_link_destroy(host->link);
    tg_message_writer_fini(&host->words);
    host->link = NULL;
}

void
sim_host_says(sim_world *w, sim_host *host, const tg_message *message)
{
    add(w, host->link, &host->words, message);
}

void
sim_host_arm(sim_world *w, sim_host *host)
{
    int64_t at = tg_link_deadline(host->link), step = tg_agent_deadline(host->agent);
    at = at < step ? at : step;
    at = at > w->now ? at : w->now;
    if (at < host->armed_ns) {
        sim_event *e = sim_after(w, at - w->now, host_due);
        e->host = (uint32_t)(host - w->host);
        e->id = host->id;
        e->value = ++host->armed;
        host->armed_ns = at;
    }
}

/* It gives up a scheduler that is silent, and says so if it can. */
static bool
is_left(sim_world *w, sim_host *host)
{
    int64_t since = tg_link_heard_ns(host->link);
    since = since > host->paused_until ? since : host->paused_until;
    bool silent = w->options->check && w->now - since > LEASE_NS;
    if (silent) {
        unsigned char frame[TG_LINK_HEADER_BYTES];
        uint64_t peer = tg_link_peer(host->link);
        tg_link_reset_frame(~host->number, peer, host->number, frame);
        if (peer != 0) {
            put(w, host, host->number, true, frame, sizeof frame);
        }
        sim_trace(w, "worker %u hears nothing", (unsigned)host->id);
        sim_worker_dial(w, host);
    }
    return silent;
}

static void
host_due(sim_world *w, sim_event *e)
{
    sim_host *host = &w->host[e->host];
    bool lives = e->value == host->armed;
    if (lives) {
        host->armed_ns = INT64_MAX;
        (void)is_left(w, host);
        if (tg_agent_deadline(host->agent) <= w->now) {
            lives = sim_worker_step(w, host, (tg_agent_event){ .kind = TG_AGENT_TIME });
        }
    }
    if (lives) {
        sim_host_sends(w, host);
    }
}

void
sim_host_sends(sim_world *w, sim_host *host)
{
    transmit(w, host, host->number, true, host->link, &host->words);
    sim_host_arm(w, host);
}

static void
to_worker(sim_world *w, sim_event *e)
{
    sim_host *host = &w->host[e->host];
    tg_link_news news = TG_LINK_NOTHING;
    tg_message_reader reader;
    const tg_message *message = NULL;
    const void *payload = NULL;
    size_t bytes = 0;
    tg_error err = { 0 };
    bool lives = true;
    if (e->task != host->line.cuts) {
        return;
    }
    if (tg_link_receive(host->link, w->now, e->frame, e->frame_bytes, &news, &payload, &bytes,
                        &err) != TG_OK) {
        sim_fail(w, "worker %u got a bad frame: %s", (unsigned)host->id, err.message);
    }
    if (news == TG_LINK_RESET) {
        sim_trace(w, "worker %u is told that its link is no more", (unsigned)host->id);
        sim_worker_dial(w, host);
    } else if (news == TG_LINK_MESSAGE) {
        tg_message_reader_init(&reader, payload, bytes);
        while (lives && !w->failed && tg_message_reader_next(&reader, &message, &err) == TG_OK &&
               message != NULL) {
            lives = sim_worker_hears(w, host, message);
        }
        tg_message_reader_fini(&reader);
    }
    if (err.code != TG_OK) {
        sim_fail(w, "worker %u: %s", (unsigned)host->id, err.message);
    }
    if (lives) {
        sim_host_sends(w, host);
    }
}

/* --- the scheduler's end ------------------------------------------------------------------------
 */

sim_session *
sim_session_of(sim_world *w, uint64_t id)
{
    if (id >= w->session_count) {
        uint64_t count = 2 * id + 16;
        w->session = realloc(w->session, count * sizeof *w->session);
        memset(w->session + w->session_count, 0, (count - w->session_count) * sizeof *w->session);
        w->session_count = count;
    }
    return &w->session[id];
}

void
sim_session_close(sim_world *w, uint64_t id)
{
    sim_session *session = sim_session_of(w, id);
    tg_link_destroy(session->link);
    tg_message_writer_fini(&session->words);
    session->link = NULL;
    session->closed = true;
}

void
sim_sessions_close(sim_world *w)
{
    for (uint64_t id = 0; id < w->session_count; id++) {
        if (w->session[id].link != NULL) {
            sim_session_close(w, id);
        }
    }
    w->dirty_count = 0;
}

void
sim_net_free(sim_world *w)
{
    sim_sessions_close(w);
    free(w->session);
    free(w->dirty);
}

void
sim_sched_says(sim_world *w, uint64_t id, const tg_message *message)
{
    sim_session *session = sim_session_of(w, id);
    if (session->link != NULL) {
        add(w, session->link, &session->words, message);
        if (!session->dirty) {
            session->dirty = true;
            if (w->dirty_count == w->dirty_capacity) {
                w->dirty_capacity = w->dirty_capacity * 2 + 16;
                w->dirty = realloc(w->dirty, w->dirty_capacity * sizeof *w->dirty);
            }
            w->dirty[w->dirty_count++] = id;
        }
    }
}

static void
session_sends(sim_world *w, uint64_t id)
{
    sim_session *session = sim_session_of(w, id);
    if (session->link != NULL) {
        transmit(w, &w->host[session->host], id, false, session->link, &session->words);
        session_arm(w, id);
    }
}

void
sim_sched_sends(sim_world *w)
{
    for (size_t i = 0; i < w->dirty_count; i++) {
        w->session[w->dirty[i]].dirty = false;
        session_sends(w, w->dirty[i]);
    }
    w->dirty_count = 0;
}

static void
session_due(sim_world *w, sim_event *e)
{
    sim_session *session = sim_session_of(w, e->peer);
    if (session->link != NULL && e->value == session->armed) {
        session->armed_ns = INT64_MAX;
        session_sends(w, e->peer);
    }
}

static void
session_arm(sim_world *w, uint64_t id)
{
    sim_session *session = sim_session_of(w, id);
    int64_t at = tg_link_deadline(session->link);
    at = at > w->now ? at : w->now;
    if (at < session->armed_ns) {
        sim_event *e = sim_after(w, at - w->now, session_due);
        e->at_sched = true;
        e->peer = id;
        e->value = ++session->armed;
        session->armed_ns = at;
    }
}

/* The link it was written for is not there. */
static void
reset(sim_world *w, const sim_event *e, uint64_t from, uint64_t to)
{
    unsigned char frame[TG_LINK_HEADER_BYTES];
    uint64_t self = scheduler(w);
    tg_link_reset_frame(to == self ? ~self : self, from, to, frame);
    put(w, &w->host[e->job], e->peer, false, frame, sizeof frame);
}

/* The end of a link to whom this frame comes from; NULL: there is none. */
static sim_session *
find_session(sim_world *w, const sim_event *e)
{
    uint64_t from = 0, to = 0;
    sim_session *session = sim_session_of(w, e->peer);
    if (tg_link_peek(e->frame, e->frame_bytes, &from, &to, NULL) != TG_OK) {
        sim_fail(w, "worker %u sent no frame", (unsigned)e->peer);
    }
    if (session->link == NULL && to == 0 && !session->closed) {
        session->link = make_link(w, scheduler(w), e->peer);
        tg_message_writer_init(&session->words);
        session->armed_ns = INT64_MAX;
    } else if (session->link == NULL && to != 0) {
        reset(w, e, from, to);
    }
    return session->link != NULL ? session : NULL;
}

static void
to_scheduler(sim_world *w, sim_event *e)
{
    tg_link_news news = TG_LINK_NOTHING;
    tg_message_reader reader;
    const tg_message *message = NULL;
    const void *payload = NULL;
    size_t bytes = 0;
    tg_error err = { 0 };
    sim_session *session =
        w->listening && e->task == w->host[e->job].line.cuts ? find_session(w, e) : NULL;
    if (session == NULL) {
        return;
    }
    if (tg_link_receive(session->link, w->now, e->frame, e->frame_bytes, &news, &payload, &bytes,
                        &err) != TG_OK) {
        sim_fail(w, "worker %u sent a bad frame: %s", (unsigned)e->peer, err.message);
    }
    if (news == TG_LINK_RESET) {
        sim_sched_misses(w, e->peer, 0);
    } else if (news == TG_LINK_MESSAGE) {
        tg_message_reader_init(&reader, payload, bytes);
        while (!w->failed && !sim_session_of(w, e->peer)->closed &&
               tg_message_reader_next(&reader, &message, &err) == TG_OK && message != NULL) {
            sim_session_of(w, e->peer)->joined = true;
            sim_sched_hears(w, e->peer, message);
        }
        tg_message_reader_fini(&reader);
    }
    if (err.code != TG_OK) {
        sim_fail(w, "of worker %u: %s", (unsigned)e->peer, err.message);
    }
    session_sends(w, e->peer);
}
