/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The scheduler's shell: from messages of workers to events of its state, and from its actions to
 * messages; and the tampering with both that the simulator must find.
 */
#include "tests/sim/world.h"

/* --- actions ------------------------------------------------------------------------------------
 */

static bool
action_tampered(sim_world *w, const tg_sched_action *a)
{
    bool lost = false;
    sim_job *job = a->job != 0 ? &w->job[a->job - 1] : NULL;
    if (a->kind == TG_ACTION_ASSIGN) {
        lost = w->options->bug == SIM_DROP_ASSIGN && job->made[a->range.lo] == 1;
        for (uint32_t t = a->range.lo; t < a->range.hi; t++) {
            job->made[t]++;
        }
    } else if (a->kind == TG_ACTION_LOCATE) {
        lost = w->options->bug == SIM_DROP_LOCATE && job->made[a->range.lo] > 1;
    } else if (a->kind == TG_ACTION_DROP) {
        lost = w->options->bug == SIM_DROP_DROP && a->worker % 4 == 0;
    }
    return lost;
}

void
sim_sched_acts(sim_world *w, const tg_sched_action *a)
{
    static const tg_message_kind kinds[] = {
        [TG_ACTION_FREE] = TG_MESSAGE_FREE,     [TG_ACTION_REVOKE] = TG_MESSAGE_REVOKE,
        [TG_ACTION_DROP] = TG_MESSAGE_DROP,     [TG_ACTION_PLAN] = TG_MESSAGE_PLAN,
        [TG_ACTION_ASSIGN] = TG_MESSAGE_ASSIGN, [TG_ACTION_LOCATE] = TG_MESSAGE_LOCATE,
        [TG_ACTION_TAKE] = TG_MESSAGE_TAKE,     [TG_ACTION_DISMISS] = TG_MESSAGE_DISMISS,
    };
    tg_message message = { .kind = kinds[a->kind],
                           .job = a->job,
                           .worker = a->holder,
                           .address = "sim://",
                           .flag = a->flag,
                           .total = 1,
                           .bytes = "p",
                           .byte_count = 1,
                           .ranges = &a->range,
                           .range_count = a->range.hi > a->range.lo };
    if (!action_tampered(w, a)) {
        sim_sched_says(w, a->worker, &message);
    }
}

/* --- words --------------------------------------------------------------------------------------
 */

static bool
word_tampered(sim_world *w, const tg_message *m)
{
    return (w->options->bug == SIM_DROP_LOST && m->kind == TG_MESSAGE_LOST) ||
           (w->options->bug == SIM_DROP_ENDS && m->kind == TG_MESSAGE_DONE &&
            m->ranges[0].lo % 16 == 7);
}

static void
joins(sim_world *w, uint64_t id, const tg_message *m)
{
    sim_session *session = sim_session_of(w, id);
    session->joined = true;
    session->heard_ns = w->now;
    sim_step(w, &(tg_sched_event){ .kind = TG_EVENT_WORKER_JOINED,
                                   .worker = id,
                                   .threads = m->threads,
                                   .memory_bytes = m->memory });
    sim_sched_says(w, id, &(tg_message){ .kind = TG_MESSAGE_WELCOME, .worker = id, .lease_ns = 1 });
    sim_sched_sends(w);
}

void
sim_sched_hears(sim_world *w, uint64_t id, const tg_message *m)
{
    static const struct {
        bool known;
        tg_sched_event_kind kind;
    } kinds[TG_MESSAGE_COUNT] = {
        [TG_MESSAGE_DONE] = { true, TG_EVENT_DONE },
        [TG_MESSAGE_STARTED] = { true, TG_EVENT_STARTED },
        [TG_MESSAGE_FAILED] = { true, TG_EVENT_FAILED },
        [TG_MESSAGE_LOST] = { true, TG_EVENT_LOST },
        [TG_MESSAGE_REVOKED] = { true, TG_EVENT_REVOKED },
        [TG_MESSAGE_DRAIN] = { true, TG_EVENT_WORKER_DRAINS },
        [TG_MESSAGE_FULL] = { true, TG_EVENT_WORKER_FULL },
        [TG_MESSAGE_BEAT] = { true, TG_EVENT_WORKER_HEARD },
        [TG_MESSAGE_BYE] = { true, TG_EVENT_WORKER_GONE },
    };
    if (m->kind == TG_MESSAGE_JOIN) {
        joins(w, id, m);
    } else if (!kinds[m->kind].known) {
        sim_fail(w, "worker %u says %s", (unsigned)id, tg_message_name(m->kind));
    } else if (!word_tampered(w, m)) {
        tg_sched_event event = { .kind = kinds[m->kind].kind,
                                 .worker = id,
                                 .job = m->job,
                                 .holder = m->kind == TG_MESSAGE_LOST ? m->worker : 0,
                                 .busy_ns = m->busy_ns,
                                 .ranges = m->ranges,
                                 .range_count = m->range_count,
                                 .task = m->task,
                                 .code = m->code,
                                 .message = m->text,
                                 .flag = m->flag };
        if (m->kind == TG_MESSAGE_BYE) {
            sim_session_close(w, id);
        }
        sim_step(w, &event);
    }
}
