/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What tools ask for: status (JSON, short), dump (JSON, everything), metrics (the text format of
 * Prometheus). Answers go in parts, as plans come.
 */
#include <inttypes.h>
#include <limits.h>
#include <string.h>

#include "core/base/size.h"
#include "core/mem/alloc.h"
#include "core/mem/text.h"
#include "scheduler/server/internal.h"

/* An answer must fit into what a link may have under way. */
#define ANSWER_BYTES_MAX ((size_t)32 << 20)

/* What an answer is reckoned to take, and how much of that may be taken at once, beyond which who
 * asks waits: 100 answers, or 64 MiB, a second. */
#define ANSWER_NS ((int64_t)10000000)
#define BYTE_NS   ((int64_t)15)
#define DEBT_NS   ((int64_t)500000000)

static const char *const lives[] = { "collecting", "submitted", "expanding", "running", "over" };

static const char *
yes(bool value)
{
    return value ? "true" : "false";
}

/* --- status -------------------------------------------------------------------------------------
 */

static void
status_worker(const tg_server *server, const tg__peer *peer, tg_text *out)
{
    tg_sched_worker is = { 0 };
    (void)tg_sched_worker_of(server->sched, peer->id, &is);
    tg_text_add(out, "{\"id\": %" PRIu64 ", \"name\": ", peer->id);
    tg_text_json(out, peer->name);
    tg_text_add(out, ", \"address\": ");
    tg_text_json(out, peer->address);
    tg_text_add(out,
                ", \"threads\": %" PRIu32 ", \"memory_limit\": %" PRId64
                ", \"memory_used\": %" PRId64 ", \"spilled\": %" PRId64 ", \"busy_ns\": %" PRId64,
                peer->threads, peer->memory, peer->used, peer->spilled, peer->busy_ns);
    tg_text_add(out,
                ", \"assigned\": %" PRIu32 ", \"running\": %" PRIu32 ", \"held\": %" PRIu32
                ", \"heard_ms_ago\": %" PRId64 ", \"draining\": %s, \"full\": %s}",
                is.assigned, is.running, is.held, (server->now_ns - is.heard_ns) / 1000000,
                yes(is.draining), yes(is.full));
}

static void
status_job(const tg_server *server, const tg__order *order, tg_text *out)
{
    tg_sched_progress is = { 0 };
    const tg__peer *client = tg__peer_find(server, order->client);
    (void)tg_sched_progress_of(server->sched, order->id, &is);
    tg_text_add(out,
                "{\"id\": %" PRIu64 ", \"client\": %" PRIu64 ", \"client_name\": ", order->label,
                order->client);
    tg_text_json(out, client != NULL ? client->name : "");
    tg_text_add(out,
                ", \"state\": \"%s\", \"finished\": %s, \"code\": \"%s\", \"persist\": %s"
                ", \"priority\": %g, \"plan_bytes\": %zu",
                lives[order->life], yes(order->finished), tg_status_name(order->code),
                yes(order->persist), order->priority, order->plan_bytes);
    tg_text_add(out,
                ", \"tasks\": %" PRIu32 ", \"ended\": %" PRIu32 ", \"assigned\": %" PRIu32
                ", \"retries\": %" PRIu64 ", \"deaths\": %" PRIu64 ", \"error\": ",
                is.tasks, is.ended, is.running, is.retries, is.deaths);
    tg_text_json(out, order->text);
    tg_text_add(out, ", \"stuck\": ");
    tg_text_json(out, !order->finished && is.ended == order->stuck_ended ? order->stuck : NULL);
    tg_text_add(out, "}");
}

static void
answer_status(tg_server *server, tg_text *out)
{
    const char *between = "";
    const tg_server_callbacks *call = &server->options.callbacks;
    int64_t unix_ns = call->unix_ns != NULL ? call->unix_ns(call->ctx) : 0;
    tg_text_add(out, "{\"version\": ");
    tg_text_json(out, server->options.version);
    tg_text_add(out,
                ", \"now_ns\": %" PRId64 ", \"unix_ns\": %" PRId64 ", \"clients\": %" PRIu32
                ", \"lost_tiles\": %" PRIu64 ", \"refused\": %" PRIu64 ", \"workers\": [",
                server->now_ns, unix_ns, server->clients, server->counts.lost_tiles,
                server->counts.refused);
    for (size_t i = 0; i < server->peers.count; i++) {
        const tg__peer *peer = server->peers.entries[i].as.item;
        if (peer->worker && !peer->leaving) {
            tg_text_add(out, "%s\n  ", between);
            status_worker(server, peer, out);
            between = ",";
        }
    }
    tg_text_add(out, "],\n\"jobs\": [");
    for (size_t i = 0; i < server->orders.count; i++) {
        tg_text_add(out, "%s\n  ", i == 0 ? "" : ",");
        status_job(server, server->orders.entries[i].as.item, out);
    }
    tg_text_add(out, "]}\n");
}

/* --- dump ---------------------------------------------------------------------------------------
 */

static void
answer_dump(tg_server *server, tg_text *out)
{
    char *state = NULL;
    size_t capacity = 0;
    tg_text_add(out, "{\"server\": ");
    answer_status(server, out);
    tg_text_add(out, ", \"clients\": [");
    const char *between = "";
    for (size_t i = 0; i < server->peers.count; i++) {
        const tg__peer *peer = server->peers.entries[i].as.item;
        if (!peer->worker) {
            tg_text_add(out, "%s\n  {\"id\": %" PRIu64 ", \"name\": ", between, peer->id);
            tg_text_json(out, peer->name);
            tg_text_add(out,
                        ", \"jobs\": %" PRIu32 ", \"bytes\": %" PRId64 ", \"tasks\": %" PRIu32 "}",
                        peer->jobs, peer->bytes, peer->tasks);
            between = ",";
        }
    }
    tg_text_add(out, "],\n\"state\": ");
    out->failed = out->failed || tg_sched_dump(server->sched, &state, &capacity, NULL) != TG_OK;
    tg_text_add(out, "%s}\n", state != NULL ? state : "");
    tg_free(NULL, state, capacity);
}

/* --- metrics ------------------------------------------------------------------------------------
 */

static void
metric(tg_text *out, const char *name, const char *type, const char *help, uint64_t value)
{
    tg_text_add(out, "# HELP tilegraph_%s %s\n# TYPE tilegraph_%s %s\ntilegraph_%s %" PRIu64 "\n",
                name, help, name, type, name, value);
}

/* The value of a label: with escapes of its own, and none for control characters. */
static void
add_label(tg_text *out, const char *value)
{
    tg_text_add(out, "\"");
    for (; *value != '\0'; value++) {
        bool escape = *value == '"' || *value == '\\';
        tg_text_add(out, "%s%c", escape ? "\\" : "", (unsigned char)*value < 0x20 ? '?' : *value);
    }
    tg_text_add(out, "\"");
}

/* One number of each worker. */
static void
worker_metric(const tg_server *server, tg_text *out, const char *name, const char *help,
              int64_t (*of)(const tg__peer *peer, const tg_sched_worker *is))
{
    tg_text_add(out, "# HELP tilegraph_worker_%s %s\n# TYPE tilegraph_worker_%s gauge\n", name,
                help, name);
    for (size_t i = 0; i < server->peers.count; i++) {
        const tg__peer *peer = server->peers.entries[i].as.item;
        tg_sched_worker is = { 0 };
        if (peer->worker && tg_sched_worker_of(server->sched, peer->id, &is)) {
            tg_text_add(out, "tilegraph_worker_%s{id=\"%" PRIu64 "\",name=", name, peer->id);
            add_label(out, peer->name);
            tg_text_add(out, "} %" PRId64 "\n", of(peer, &is));
        }
    }
}

static int64_t
memory_of(const tg__peer *peer, const tg_sched_worker *is)
{
    (void)is;
    return peer->used;
}

static int64_t
limit_of(const tg__peer *peer, const tg_sched_worker *is)
{
    (void)is;
    return peer->memory;
}

static int64_t
spilled_of(const tg__peer *peer, const tg_sched_worker *is)
{
    (void)is;
    return peer->spilled;
}

static int64_t
assigned_of(const tg__peer *peer, const tg_sched_worker *is)
{
    (void)peer;
    return is->assigned;
}

static int64_t
held_of(const tg__peer *peer, const tg_sched_worker *is)
{
    (void)peer;
    return is->held;
}

static void
job_metrics(const tg_server *server, tg_text *out)
{
    uint64_t running = 0, tasks = 0, left = 0, retries = 0;
    for (size_t i = 0; i < server->orders.count; i++) {
        const tg__order *order = server->orders.entries[i].as.item;
        tg_sched_progress is = { 0 };
        if (tg_sched_progress_of(server->sched, order->id, &is)) {
            running += !order->finished;
            tasks += is.running;
            left += is.tasks - is.ended;
            retries += is.retries;
        }
    }
    metric(out, "jobs_running", "gauge", "Jobs that have not finished.", running);
    metric(out, "tasks_assigned", "gauge", "Tasks that workers were given.", tasks);
    metric(out, "tasks_left", "gauge", "Tasks that have not ended, of all jobs.", left);
    metric(out, "tasks_returned", "gauge", "Tasks of present jobs that had to run again.", retries);
}

static void
answer_metrics(tg_server *server, tg_text *out)
{
    metric(out, "workers", "gauge", "Workers.", server->peers.count - server->clients);
    metric(out, "clients", "gauge", "Clients.", server->clients);
    job_metrics(server, out);
    metric(out, "jobs_finished_total", "counter", "Jobs that have ended.", server->counts.jobs);
    metric(out, "jobs_failed_total", "counter", "Jobs that have ended with an error.",
           server->counts.failed_jobs);
    metric(out, "tasks_ended_total", "counter", "Ends of tasks that workers reported.",
           server->counts.tasks);
    metric(out, "tiles_lost_total", "counter", "Tiles that could not be fetched.",
           server->counts.lost_tiles);
    metric(out, "messages_total", "counter", "Messages of peers.", server->counts.messages);
    metric(out, "workers_joined_total", "counter", "Workers that came.", server->counts.joined);
    metric(out, "workers_left_total", "counter", "Workers that went or died.", server->counts.left);
    metric(out, "peers_refused_total", "counter", "Peers that were refused or expelled.",
           server->counts.refused);
    metric(out, "state_bytes", "gauge", "Memory of the state, without the graphs.",
           (uint64_t)tg_sched_bytes(server->sched));
    worker_metric(server, out, "memory_bytes", "Memory in use.", memory_of);
    worker_metric(server, out, "memory_limit_bytes", "Memory that may be used.", limit_of);
    worker_metric(server, out, "spilled_bytes", "Bytes on the spill disk.", spilled_of);
    worker_metric(server, out, "tasks_assigned", "Tasks that it was given.", assigned_of);
    worker_metric(server, out, "tiles_held", "Tiles that are wanted.", held_of);
}

/* --- asking -------------------------------------------------------------------------------------
 */

static const struct {
    const char *name;
    void (*write)(tg_server *server, tg_text *out);
} answers[] = {
    { "status", answer_status },
    { "dump", answer_dump },
    { "metrics", answer_metrics },
};
enum { ANSWERS = sizeof answers / sizeof *answers };

static void
send_answer(tg_server *server, uint64_t id, const char *name, const tg_text *out)
{
    for (size_t at = 0; at < out->used; at += TG_PART_MAX) {
        size_t left = out->used - at;
        tg__server_send(server, id,
                        &(tg_message){ .kind = TG_MESSAGE_ANSWER,
                                       .name = name,
                                       .offset = at,
                                       .total = out->used,
                                       .bytes = out->data + at,
                                       .byte_count = left < TG_PART_MAX ? left : TG_PART_MAX });
    }
}

static tg_status
find_answer(const char *what, size_t *which, tg_error *err)
{
    tg_status status = TG_OK;
    *which = 0;
    while (*which < ANSWERS && strcmp(what, answers[*which].name) != 0) {
        ++*which;
    }
    TG_CHECK(*which < ANSWERS, err, TG_ERR_VALUE,
             "there is no answer to %.50s: ask for status, dump or metrics", what);
out:
    return status;
}

tg_status
tg_server_answer(tg_server *server, const char *what, tg_text *out, tg_error *err)
{
    tg_status status = TG_OK;
    size_t which = 0;
    TG_TRY(find_answer(what, &which, err));
    answers[which].write(server, out);
    TG_CHECK(!out->failed, err, TG_ERR_MEMORY, "the scheduler has no memory to answer %s", what);
out:
    return status;
}

/* -- not too often ---------------------------------------------------------------------------- */

tg_status
tg__hear_ask(tg_server *server, uint64_t id, tg__peer *peer, const tg_message *m, tg_error *err)
{
    tg_status status = TG_OK;
    size_t which = 0;
    (void)peer;
    TG_TRY(find_answer(m->name != NULL ? m->name : "nothing", &which, err));
    tg__entry *entry = tg__index_find(&server->asking, id);
    if (entry == NULL) {
        TG_CHECK(TG_GROW(server->asking.entries, server->asking.count, 1), err, TG_ERR_MEMORY,
                 "the scheduler has no memory to answer %s", m->name);
        entry = tg__index_add(&server->asking, id);
        entry->as.slot = 0;
    }
    entry->as.slot |= (uint16_t)(1U << which);
    server->answer_due_ns = server->answers_paid_ns - DEBT_NS;
out:
    return status;
}

void
tg__answers_forget(tg_server *server, uint64_t id)
{
    if (tg__index_find(&server->asking, id) != NULL) {
        tg__index_remove(&server->asking, id);
    }
}

/* Of those who wait for one of these answers the next one in turn: the first behind the last, or
 * the first of all. */
static tg__entry *
next_asking(const tg_server *server, unsigned wanted)
{
    tg__entry *first = NULL, *behind = NULL;
    for (size_t i = server->asking.count; i-- > 0;) {
        tg__entry *entry = &server->asking.entries[i];
        first = (entry->as.slot & wanted) != 0 ? entry : first;
        behind = (entry->as.slot & wanted) != 0 && entry->id > server->answered ? entry : behind;
    }
    return behind != NULL ? behind : first;
}

/* To all who wait for it, in turn, as far as it goes. Gives the bytes. */
static size_t
send_to_all(tg_server *server, size_t which, const tg_text *out)
{
    size_t bytes = 0;
    tg__entry *next = next_asking(server, 1U << which);
    while (next != NULL && (bytes == 0 || bytes + out->used <= ANSWER_BYTES_MAX)) {
        server->answered = next->id;
        next->as.slot &= (uint16_t) ~(1U << which);
        if (next->as.slot == 0) {
            tg__index_remove(&server->asking, next->id);
        }
        send_answer(server, server->answered, answers[which].name, out);
        bytes += out->used;
        next = next_asking(server, 1U << which);
    }
    return bytes;
}

/* One kind of answer, the one that the next in turn wants. */
static void
answer_next(tg_server *server)
{
    tg_error err;
    tg_text out = { 0 };
    size_t which = 0, bytes = 0;
    const tg__entry *next = next_asking(server, UINT_MAX);
    uint64_t id = next->id;
    while ((next->as.slot >> which & 1) == 0) {
        which++;
    }
    tg_status status = tg_server_answer(server, answers[which].name, &out, &err);
    if (status == TG_OK && out.used > ANSWER_BYTES_MAX) {
        status = tg_fail(&err, TG_ERR_LIMIT, "the answer to %s has %zu bytes, at most %zu are sent",
                         answers[which].name, out.used, ANSWER_BYTES_MAX);
    }
    if (status == TG_OK) {
        bytes = send_to_all(server, which, &out);
    } else {
        server->answered = id;
        tg__answers_forget(server, id);
        tg__peer_expel(server, id, err.message);
    }
    tg_text_fini(&out);
    server->answers_paid_ns =
        tg_max_i64(server->answers_paid_ns, server->now_ns) + ANSWER_NS + (int64_t)bytes * BYTE_NS;
}

void
tg__answers_send(tg_server *server)
{
    while (server->asking.count > 0 && server->now_ns >= server->answers_paid_ns - DEBT_NS) {
        answer_next(server);
    }
    server->answer_due_ns =
        server->asking.count > 0 ? server->answers_paid_ns - DEBT_NS : INT64_MAX;
}

size_t
tg_server_workers(const tg_server *server)
{
    size_t count = 0;
    for (size_t i = 0; i < server->peers.count; i++) {
        const tg__peer *peer = server->peers.entries[i].as.item;
        count += peer->worker && !peer->leaving;
    }
    return count;
}
