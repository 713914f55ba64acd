/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The scheduler's shell: scheduler/server between links, clients, a journal in memory and a clerk
 * that expands plans; how it crashes and comes back; and the tampering with words that the
 * simulator must find.
 */
#include <stdlib.h>
#include <string.h>

#include "core/wire/journal.h"
#include "tests/sim/world.h"

/* --- tampering ----------------------------------------------------------------------------------
 */

static sim_action expanded, gone, come_back;

static bool
said_is_tampered(sim_world *w, uint64_t to, const tg_message *m)
{
    bool lost = false;
    sim_job *job = m->job != 0 ? &w->job[m->job - 1] : NULL;
    if (m->kind == TG_MESSAGE_ASSIGN) {
        lost = w->options->bug == SIM_DROP_ASSIGN && job->made[m->ranges[0].lo] == 1;
        for (size_t i = 0; i < m->range_count; i++) {
            for (uint32_t t = m->ranges[i].lo; t < m->ranges[i].hi; t++) {
                job->made[t]++;
            }
        }
    } else if (m->kind == TG_MESSAGE_LOCATE) {
        lost = w->options->bug == SIM_DROP_LOCATE && job->made[m->ranges[0].lo] > 1;
    } else if (m->kind == TG_MESSAGE_DROP) {
        lost = w->options->bug == SIM_DROP_DROP && to % 4 == 0;
    }
    return lost;
}

static bool
heard_is_tampered(const sim_world *w, const tg_message *m)
{
    return (w->options->bug == SIM_DROP_LOST && m->kind == TG_MESSAGE_LOST) ||
           (w->options->bug == SIM_DROP_ENDS && m->kind == TG_MESSAGE_DONE &&
            m->ranges[0].lo % 16 == 7);
}

/* --- what it wants ------------------------------------------------------------------------------
 */

static void
trace_word(sim_world *w, const char *way, uint64_t peer, const tg_message *m)
{
    sim_trace(w, "%s %u %s job %u [%u, %u)+%u task %u of %u%s", way, (unsigned)peer,
              tg_message_name(m->kind), (unsigned)m->job, m->range_count ? m->ranges[0].lo : 0,
              m->range_count ? m->ranges[0].hi : 0, (unsigned)m->range_count, m->task,
              (unsigned)m->worker, m->flag ? " !" : "");
}

/* Of who had it alone before it is said only later that he is given up. */
static void
note_alone(sim_job *job, uint32_t t, uint64_t peer)
{
    job->unlucky[t] += job->alone[t] != 0 && job->alone[t] != peer && peer != 0;
    job->alone[t] = peer;
}

static void
on_send(void *ctx, uint64_t peer, const tg_message *m)
{
    sim_world *w = ctx;
    if (sim_client_of(w, peer) != NULL) {
        sim_client_told(w, peer, m);
    } else {
        trace_word(w, "->", peer, m);
        for (size_t i = 0; m->kind == TG_MESSAGE_ASSIGN && i < m->range_count; i++) {
            for (uint32_t t = m->ranges[i].lo; t < m->ranges[i].hi; t++) {
                note_alone(&w->job[m->job - 1], t, m->flag ? peer : 0);
            }
        }
        if (!said_is_tampered(w, peer, m)) {
            sim_sched_says(w, peer, m);
        }
    }
}

static void
on_expel(void *ctx, uint64_t peer, const char *why)
{
    sim_world *w = ctx;
    sim_trace(w, "-> %u expelled: %s", (unsigned)peer, why);
    if (strstr(why, "within the lease") == NULL && strstr(why, "goodbye") == NULL) {
        sim_fail(w, "the scheduler expels %u: %s", (unsigned)peer, why);
    }
    sim_unlucky(w, peer);
    sim_sched_sends(w);
    sim_session_close(w, peer);
}

static void
expanded(sim_world *w, sim_event *e)
{
    sim_job *job = &w->job[e->job];
    tg_sched_job spec = { .tasks = &job->tasks,
                          .stage = job->stage,
                          .stage_count = job->stage_count,
                          .kept = job->kept,
                          .stored = job->stored,
                          .peak_bytes = job->peak_bytes };
    job->expanded++;
    tg_server_expanded(w->server, w->now, job->id, &spec, NULL);
    w->listening = w->listening || tg_server_settled(w->server);
    sim_sched_settle(w);
}

static void
on_expand(void *ctx, uint64_t job, const void *plan, size_t bytes)
{
    sim_world *w = ctx;
    sim_event *e = sim_after(w, w->options->check ? sim_delay(w) : 1, expanded);
    (void)plan;
    (void)bytes;
    e->at_sched = true;
    e->epoch = w->epoch;
    e->job = (uint32_t)job - 1;
}

static void
on_dropped(void *ctx, uint64_t job)
{
    sim_world *w = ctx;
    w->job[job - 1].expanded--;
}

static void
append(sim_file *f, const void *payload, size_t bytes)
{
    if (f->size + TG_JOURNAL_HEADER_BYTES + bytes > f->capacity) {
        f->capacity = 2 * f->capacity + TG_JOURNAL_HEADER_BYTES + bytes + 4096;
        f->bytes = realloc(f->bytes, f->capacity);
    }
    tg_journal_header(payload, bytes, f->bytes + f->size);
    memcpy(f->bytes + f->size + TG_JOURNAL_HEADER_BYTES, payload, bytes);
    f->size += TG_JOURNAL_HEADER_BYTES + bytes;
}

static bool
on_record(void *ctx, const void *payload, size_t bytes, bool copy)
{
    sim_world *w = ctx;
    if (!copy) {
        append(&w->journal, payload, bytes);
    }
    if (w->renewing) {
        append(&w->renewed, payload, bytes);
    }
    return true;
}

static void
forget_renewed(sim_world *w)
{
    free(w->renewed.bytes);
    w->renewed = (sim_file){ 0 };
    w->renewing = false;
    w->renewed_job = 0;
}

/* --- what a journal says ------------------------------------------------------------------------
 */

static void
ignore_message(void *ctx, uint64_t peer, const tg_message *m)
{
    (void)ctx, (void)peer, (void)m;
}

static void
ignore_expulsion(void *ctx, uint64_t peer, const char *why)
{
    (void)ctx, (void)peer, (void)why;
}

static void
ignore_plan(void *ctx, uint64_t job, const void *plan, size_t bytes)
{
    (void)ctx, (void)job, (void)plan, (void)bytes;
}

static void
ignore_end(void *ctx, uint64_t job)
{
    (void)ctx, (void)job;
}

static bool
copy(void *ctx, const void *payload, size_t bytes, bool is_copy)
{
    (void)is_copy;
    append(ctx, payload, bytes);
    return true;
}

/* What these bytes hold, for a server. */
static void
restore(sim_world *w, tg_server *server, sim_file *from)
{
    tg_error err = { 0 };
    tg_journal_reader reader = { .bytes = from->bytes, .size = from->size };
    const void *payload = NULL;
    size_t bytes = 0;
    while (tg_journal_next(&reader, &payload, &bytes)) {
        if (tg_server_restore(server, w->now, payload, bytes, &err) != TG_OK) {
            sim_fail(w, "the journal is not read: %s", err.message);
        }
    }
    from->size = reader.at; /* what is torn is cut off */
    tg_server_restored(server, w->now);
}

/* Bytes of all that a scheduler would know who read this. */
static size_t
bytes_known(sim_world *w, sim_file *journal)
{
    tg_error err = { 0 };
    tg_server *server = NULL;
    sim_file all = { 0 };
    uint64_t job = 0;
    tg_server_options o = { .callbacks = { .ctx = &all,
                                           .send = ignore_message,
                                           .expel = ignore_expulsion,
                                           .expand = ignore_plan,
                                           .dropped = ignore_end,
                                           .record = copy } };
    if (tg_server_create(&o, &server, &err) != TG_OK) {
        sim_fail(w, "there is no scheduler: %s", err.message);
    } else {
        restore(w, server, journal);
        while (tg_server_record_next(server, &job) && job != 0) {
        }
    }
    tg_server_destroy(server);
    free(all.bytes);
    return all.size;
}

/* Now and then it makes a new journal, a job at a time, while others have their say. */
static void
renew(sim_world *w)
{
    enum { OFTEN = 40 };
    if (!w->renewing) {
        w->renewing = w->options->journal && w->result->steps % OFTEN == 0;
    } else if (!tg_server_record_next(w->server, &w->renewed_job)) {
        sim_fail(w, "job %u cannot be copied", (unsigned)w->renewed_job);
    } else if (w->renewed_job == 0) {
        sim_trace(w, "a journal of %zu bytes has now %zu", w->journal.size, w->renewed.size);
        if (bytes_known(w, &w->journal) != bytes_known(w, &w->renewed)) {
            sim_fail(w, "a new journal does not say what the old one said");
        }
        free(w->journal.bytes);
        w->journal = w->renewed;
        w->renewed = (sim_file){ 0 };
        w->renewing = false;
    }
}

static int64_t
on_unix(void *ctx)
{
    const sim_world *w = ctx;
    return w->now + w->wall_ns;
}

/* --- what it is told ----------------------------------------------------------------------------
 */

void
sim_sched_settle(sim_world *w)
{
    sim_sched_sends(w);
    renew(w);
    const char *broken = w->options->check ? tg_server_check(w->server) : NULL;
    w->result->steps++;
    if (broken != NULL) {
        sim_fail(w, "the scheduler: %s", broken);
    }
}

void
sim_sched_hears(sim_world *w, uint64_t id, const tg_message *m)
{
    if (m->kind != TG_MESSAGE_BEAT) {
        trace_word(w, "<-", id, m);
    }
    if (!heard_is_tampered(w, m)) {
        tg_server_message(w->server, w->now, id, TG_ROLE_ANY, m);
        sim_sched_settle(w);
    }
}

static void
gone(sim_world *w, sim_event *e)
{
    if (!sim_session_of(w, e->peer)->closed) { /* else it was over already */
        sim_trace(w, "<- %u is gone", (unsigned)e->peer);
        sim_session_close(w, e->peer);
        sim_unlucky(w, e->peer); /* of what it was given after its death */
        tg_server_gone(w->server, w->now, e->peer);
        sim_sched_settle(w);
    }
}

void
sim_sched_misses(sim_world *w, uint64_t id, int64_t delay)
{
    sim_event *e = sim_after(w, delay, gone);
    e->at_sched = true;
    e->epoch = w->epoch;
    e->peer = id;
}

void
sim_sched_time(sim_world *w)
{
    tg_server_time(w->server, w->now);
    sim_sched_settle(w);
}

bool
sim_sched_answer(sim_world *w, const char *what, tg_text *out)
{
    return w->server != NULL && tg_server_answer(w->server, what, out, NULL) == TG_OK;
}

/* --- dying and coming back ----------------------------------------------------------------------
 */

void
sim_sched_start(sim_world *w)
{
    tg_error err = { 0 };
    tg_server_options o = w->server_options;
    o.callbacks = (tg_server_callbacks){ .ctx = w,
                                         .send = on_send,
                                         .expel = on_expel,
                                         .expand = on_expand,
                                         .dropped = on_dropped,
                                         .record = w->options->journal ? on_record : NULL,
                                         .unix_ns = on_unix };
    w->epoch++;
    w->began_ns = w->now;
    w->hangs_until = 0;
    sim_trace(w, "scheduler %u begins, with %zu bytes of a journal", (unsigned)w->epoch,
              w->journal.size);
    if (tg_server_create(&o, &w->server, &err) != TG_OK) {
        sim_fail(w, "there is no scheduler: %s", err.message);
        return;
    }
    if (w->options->journal) {
        restore(w, w->server, &w->journal);
    }
    w->listening = tg_server_settled(w->server);
    sim_clients_dial(w);
}

static void
come_back(sim_world *w, sim_event *e)
{
    (void)e;
    if (w->server == NULL) {
        sim_sched_start(w);
    }
}

/* What was written lately may not be on the disk. */
static void
tear(sim_world *w)
{
    if (pcg_chance(&w->rng, w->options->torn)) {
        size_t lost = pcg_below(&w->rng, 300);
        w->journal.size -= lost < w->journal.size ? lost : w->journal.size;
    }
}

void
sim_sched_crash(sim_world *w)
{
    sim_trace(w, "the scheduler is no more");
    sim_sessions_close(w);
    sim_clients_lose(w);
    tg_server_destroy(w->server);
    w->server = NULL;
    w->listening = false;
    forget_renewed(w);
    tear(w);
    for (uint32_t j = 0; j < w->job_count; j++) {
        memset(w->job[j].alone, 0, w->job[j].tasks.count * sizeof *w->job[j].alone);
    }
    sim_event *e = sim_after(w, 1 + (int64_t)(pcg_unit(&w->rng) * 1e9), come_back);
    e->epoch = w->epoch;
}

void
sim_sched_free(sim_world *w)
{
    tg_server_destroy(w->server);
    w->server = NULL;
    free(w->journal.bytes);
    forget_renewed(w);
}
