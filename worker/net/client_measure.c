/* SPDX-License-Identifier: BSD-3-Clause */
/* What workers and the scheduler tell a client of its computations, into their timelines. What
 * makes no sense is passed over: nothing depends on it. */
#include "worker/exec/clock.h"
#include "worker/net/client.h"

/* The client among those who tell. */
enum { SELF = 0 };

static void
happened(tg_gathered *gathered, const tg_message *message, int64_t shift_ns)
{
    int64_t at = message->time_ns + shift_ns;
    tg_timeline_event event = { .start_ns = at,
                                .end_ns = at,
                                .task = message->task,
                                .stage = TG_TIMELINE_NO_STAGE,
                                .kind = message->flag ? TG_TIMELINE_DEATH : TG_TIMELINE_RETRY };
    tg_gathered_source(gathered, message->worker, message->name, 0);
    tg_gathered_retries(gathered, (int64_t)message->total);
    tg_gathered_add(gathered, message->worker, &event, TG_GATHERED_FAULTS);
}

bool
tg__client_measured(tg_client_job *job, const tg_message *message)
{
    tg_gathered *gathered = job->computation->gathered;
    int64_t shift = -job->client->clock.offset_ns;
    tg_error err;
    tg_status status = TG_OK;
    bool is = true;
    switch (message->kind) {
    case TG_MESSAGE_MEASURED:
        tg_gathered_source(gathered, message->worker, message->name, message->threads);
        status = tg_gathered_numbers(gathered, message->worker, message->bytes, message->byte_count,
                                     &err);
        break;
    case TG_MESSAGE_TIMELINE:
        tg_gathered_source(gathered, message->worker, message->name, message->threads);
        status = tg_gathered_events(gathered, message->worker, message->bytes, message->byte_count,
                                    shift, &err);
        break;
    case TG_MESSAGE_HAPPENED:
        happened(gathered, message, shift);
        break;
    default:
        is = false;
        break;
    }
    (void)status;
    return is;
}

void
tg__client_transferred(const tg_client_job *job, const tg_fetch_end *end, int64_t began_ns,
                       int64_t now_ns)
{
    if (end->status == TG_OK) {
        const tg_plan_core *plan = job->computation->run->plan;
        tg_timeline_event event = { .start_ns = began_ns,
                                    .end_ns = now_ns,
                                    .bytes_in = (int64_t)tg_buffer_bytes(end->buffer),
                                    .task = end->fetch.task,
                                    .stage = plan->stage_of_task[end->fetch.task],
                                    .kind = TG_TIMELINE_TRANSFER };
        tg_gathered_source(job->computation->gathered, SELF, "client", 0);
        tg_gathered_add(job->computation->gathered, SELF, &event, TG_GATHERED_LINE);
    }
}

int64_t
tg__client_clock(tg_client *client, int64_t now_ns)
{
    int64_t next = INT64_MAX;
    if (client->scheduler != 0) {
        if (tg_clock_sync_due(&client->clock, now_ns)) {
            tg__client_say(client, &(tg_message){ .kind = TG_MESSAGE_CLOCK, .time_ns = now_ns });
        }
        next = tg_clock_sync_next(&client->clock);
    }
    return next;
}
