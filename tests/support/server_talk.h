/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_SUPPORT_SERVER_TALK_H
#define TG_SUPPORT_SERVER_TALK_H
/*
 * What: scripted talks with scheduler/server. Everything that it says is noted, and, while `wire`,
 * written and read as it would go over a link; after every word its books are checked.
 *
 *     talk t;
 *     talk_begin(&t, NULL);
 *     talk_join(&t, 1, 2);                                worker 1 with 2 threads
 *     talk_attach(&t, 9);
 *     talk_submit(&t, 9, 5, &graph);                      plan, SUBMIT, expansion
 *     assert_non_null(talk_find(&t, 1, TG_MESSAGE_ASSIGN));
 *
 * Ownership: the talk owns its server; talk_end frees it. Threads: one. Errors: assertions.
 */
#include <stdio.h>

#include "core/wire/journal.h"
#include "scheduler/server/server.h"
#include "tests/support/sched_script.h"

enum { TALK_LOG = 512, TALK_RANGES = 64, TALK_JOURNAL = 1 << 16 };

/* Something that was said; its texts and ranges are copies, cut. */
typedef struct talk_word {
    uint64_t to;
    tg_message m;
    char name[64], address[64], text[400];
    unsigned char bytes[64];
    tg_range ranges[TALK_RANGES];
} talk_word;

typedef struct talk {
    tg_server *server;
    int64_t now_ns;
    bool wire;         /* what is said goes through the codec */
    talk_word *log;    /* since talk_clear */
    size_t count;      /* all; the first TALK_LOG are kept */
    uint64_t expelled; /* the last, and why; 0: none since talk_clear */
    char why[400];
    size_t expelled_count;
    uint64_t expanding; /* job; 0: none */
    const void *plan;
    size_t plan_bytes;
    int live;         /* expansions that are not dropped */
    uint64_t dropped; /* the last */
    unsigned char *journal;
    size_t journal_bytes;
    bool disk_full; /* nothing goes into the journal */
    char *answer;   /* of the last ASK */
    size_t answer_bytes;
} talk;

static inline void
talk_copy(char *to, size_t room, const char *from)
{
    size_t n = from != NULL ? strlen(from) : 0;
    n = n < room ? n : room - 1;
    memcpy(to, from != NULL ? from : "", n);
    to[n] = '\0';
}

/* The peer's link takes it. */
static inline void
talk_check_wire(const tg_message *m)
{
    tg_message_writer writer;
    tg_message_reader reader;
    const tg_message *read = NULL;
    tg_error err = { 0 };
    tg_message_writer_init(&writer);
    if (tg_message_writer_add(&writer, m, &err) != TG_OK) {
        fail_msg("%s cannot be sent: %s", tg_message_name(m->kind), err.message);
    }
    tg_message_reader_init(&reader, writer.bytes, writer.size);
    if (tg_message_reader_next(&reader, &read, &err) != TG_OK) {
        fail_msg("%s cannot be read: %s", tg_message_name(m->kind), err.message);
    }
    tg_message_reader_fini(&reader);
    tg_message_writer_fini(&writer);
}

static inline void
talk_on_send(void *ctx, uint64_t peer, const tg_message *m)
{
    talk *t = ctx;
    if (t->wire) {
        talk_check_wire(m);
    }
    if (m->kind == TG_MESSAGE_ANSWER) {
        t->answer = realloc(t->answer, m->total + 1);
        memcpy(t->answer + m->offset, m->bytes, m->byte_count);
        t->answer_bytes = m->offset + m->byte_count;
        t->answer[t->answer_bytes] = '\0';
    }
    if (t->count < TALK_LOG) {
        talk_word *w = &t->log[t->count];
        size_t bytes = m->byte_count < sizeof w->bytes ? m->byte_count : sizeof w->bytes;
        size_t ranges = m->range_count < TALK_RANGES ? m->range_count : TALK_RANGES;
        w->to = peer;
        w->m = *m;
        talk_copy(w->name, sizeof w->name, m->name);
        talk_copy(w->address, sizeof w->address, m->address);
        talk_copy(w->text, sizeof w->text, m->text);
        memcpy(w->bytes, m->bytes != NULL ? m->bytes : "", bytes);
        memcpy(w->ranges, ranges != 0 ? m->ranges : w->ranges, ranges * sizeof *w->ranges);
    }
    t->count++;
}

static inline void
talk_on_expel(void *ctx, uint64_t peer, const char *why)
{
    talk *t = ctx;
    t->expelled = peer;
    t->expelled_count++;
    talk_copy(t->why, sizeof t->why, why);
}

static inline void
talk_on_expand(void *ctx, uint64_t job, const void *plan, size_t bytes)
{
    talk *t = ctx;
    assert_int_equal(t->expanding, 0); /* one at a time */
    t->expanding = job;
    t->plan = plan;
    t->plan_bytes = bytes;
}

static inline void
talk_on_dropped(void *ctx, uint64_t job)
{
    talk *t = ctx;
    t->live--;
    t->dropped = job;
}

static inline bool
talk_on_record(void *ctx, const void *payload, size_t bytes, bool copy)
{
    talk *t = ctx;
    (void)copy;
    if (!t->disk_full) {
        assert_true(t->journal_bytes + TG_JOURNAL_HEADER_BYTES + bytes <= TALK_JOURNAL);
        tg_journal_header(payload, bytes, t->journal + t->journal_bytes);
        memcpy(t->journal + t->journal_bytes + TG_JOURNAL_HEADER_BYTES, payload, bytes);
        t->journal_bytes += TG_JOURNAL_HEADER_BYTES + bytes;
    }
    return !t->disk_full;
}

/* The options with the talk's callbacks; `journal`: with a journal. */
static inline tg_server_options
talk_options(talk *t, const tg_server_options *options, bool journal)
{
    tg_server_options o = options != NULL ? *options : (tg_server_options){ 0 };
    const char *(*key)(void *ctx, uint64_t peer) = o.callbacks.key;
    o.callbacks = (tg_server_callbacks){ .ctx = t,
                                         .send = talk_on_send,
                                         .expel = talk_on_expel,
                                         .expand = talk_on_expand,
                                         .dropped = talk_on_dropped,
                                         .key = key,
                                         .record = journal ? talk_on_record : NULL };
    o.version = "1.2.3";
    return o;
}

static inline void
talk_begin_with(talk *t, const tg_server_options *options, bool journal)
{
    tg_error err = { 0 };
    memset(t, 0, sizeof *t);
    t->log = calloc(TALK_LOG, sizeof *t->log);
    t->journal = calloc(TALK_JOURNAL, 1);
    t->wire = true;
    t->now_ns = SECOND;
    tg_server_options o = talk_options(t, options, journal);
    assert_int_equal(tg_server_create(&o, &t->server, &err), TG_OK);
}

static inline void
talk_check(const talk *t)
{
    const char *broken = tg_server_check(t->server);
    if (broken != NULL && strcmp(broken, "no memory to check") != 0) {
        fail_msg("%s", broken);
    }
}

/* All that is of use goes into a new journal. */
static inline void
talk_renew(talk *t)
{
    uint64_t job = 0;
    t->journal_bytes = 0;
    do {
        assert_true(tg_server_record_next(t->server, &job));
    } while (job != 0);
}

/* What these bytes of a journal hold. Gives how many records were refused, the last with *err. */
static inline size_t
talk_restore(talk *t, const void *bytes, size_t count, tg_error *err)
{
    tg_journal_reader reader = { .bytes = bytes, .size = count };
    const void *payload = NULL;
    size_t length = 0, refused = 0;
    while (tg_journal_next(&reader, &payload, &length)) {
        refused += tg_server_restore(t->server, t->now_ns, payload, length, err) != TG_OK;
    }
    tg_server_restored(t->server, t->now_ns);
    talk_check(t);
    return refused;
}

static inline void
talk_begin(talk *t, const tg_server_options *options)
{
    talk_begin_with(t, options, false);
}

static inline void
talk_end(talk *t)
{
    tg_server_destroy(t->server);
    t->server = NULL;
    assert_int_equal(t->live, 0);
    free(t->log);
    free(t->journal);
    free(t->answer);
}

static inline void
talk_clear(talk *t)
{
    t->count = 0;
    t->expelled = 0;
    t->expelled_count = 0;
    t->why[0] = '\0';
}

/* Says it with all roles, whatever comes of it. */
static inline void
talk_say(talk *t, uint64_t peer, tg_message m)
{
    tg_server_message(t->server, t->now_ns, peer, TG_ROLE_ANY, &m);
    talk_check(t);
}

static inline void
talk_time(talk *t, int64_t after_ns)
{
    t->now_ns += after_ns;
    tg_server_time(t->server, t->now_ns);
    talk_check(t);
}

static inline void
talk_gone(talk *t, uint64_t peer)
{
    tg_server_gone(t->server, t->now_ns, peer);
    talk_check(t);
}

/* The n-th word of the kind to the peer (0: to any), from 0; NULL. */
static inline const talk_word *
talk_nth(const talk *t, uint64_t to, tg_message_kind kind, size_t n)
{
    const talk_word *found = NULL;
    for (size_t i = 0; found == NULL && i < t->count && i < TALK_LOG; i++) {
        if (t->log[i].m.kind == kind && (to == 0 || t->log[i].to == to)) {
            found = n == 0 ? &t->log[i] : NULL;
            n--;
        }
    }
    return found;
}

static inline const talk_word *
talk_find(const talk *t, uint64_t to, tg_message_kind kind)
{
    return talk_nth(t, to, kind, 0);
}

static inline size_t
talk_words(const talk *t, uint64_t to, tg_message_kind kind)
{
    size_t n = 0;
    while (talk_nth(t, to, kind, n) != NULL) {
        n++;
    }
    return n;
}

/* Tasks in all ranges of the kind. */
static inline uint32_t
talk_tasks(const talk *t, uint64_t to, tg_message_kind kind)
{
    uint32_t tasks = 0;
    const talk_word *w = NULL;
    for (size_t n = 0; (w = talk_nth(t, to, kind, n)) != NULL; n++) {
        for (size_t i = 0; i < w->m.range_count; i++) {
            tasks += w->ranges[i].hi - w->ranges[i].lo;
        }
    }
    return tasks;
}

static inline void
talk_join(talk *t, uint64_t worker, uint32_t threads)
{
    char address[32], name[32];
    (void)snprintf(address, sizeof address, "tcp://host:%u", (unsigned)worker);
    (void)snprintf(name, sizeof name, "w%u", (unsigned)worker);
    talk_say(t, worker,
             (tg_message){ .kind = TG_MESSAGE_JOIN,
                           .name = name,
                           .address = address,
                           .text = "1.2.3",
                           .threads = threads,
                           .memory = 1000 });
}

static inline void
talk_attach(talk *t, uint64_t client)
{
    talk_say(t, client, (tg_message){ .kind = TG_MESSAGE_ATTACH, .name = "c", .text = "1.2.3" });
}

static inline void
talk_plan(talk *t, uint64_t client, uint64_t job)
{
    talk_say(
        t, client,
        (tg_message){
            .kind = TG_MESSAGE_PLAN, .job = job, .total = 4, .bytes = "plan", .byte_count = 4 });
}

/* The shell's answer to `expand`. */
static inline void
talk_expanded(talk *t, const script_graph *graph)
{
    tg_sched_job spec = script_spec(graph);
    uint64_t job = t->expanding;
    assert_int_not_equal(job, 0);
    t->expanding = 0;
    t->live++;
    tg_server_expanded(t->server, t->now_ns, job, &spec, NULL);
    talk_check(t);
}

static inline void
talk_submit_as(talk *t, uint64_t client, uint64_t job, const script_graph *graph, bool persist)
{
    talk_plan(t, client, job);
    talk_say(t, client,
             (tg_message){ .kind = TG_MESSAGE_SUBMIT, .job = job, .priority = 1, .flag = persist });
    assert_int_equal(t->expanding, job);
    talk_expanded(t, graph);
}

static inline void
talk_submit(talk *t, uint64_t client, uint64_t job, const script_graph *graph)
{
    talk_submit_as(t, client, job, graph, false);
}

static inline tg_message
talk_ranges(tg_message_kind kind, uint64_t job, const tg_range *range)
{
    return (tg_message){ .kind = kind, .job = job, .ranges = range, .range_count = 1 };
}

static inline void
talk_done(talk *t, uint64_t worker, uint64_t job, uint32_t lo, uint32_t hi)
{
    tg_range range = { lo, hi };
    tg_message m = talk_ranges(TG_MESSAGE_DONE, job, &range);
    m.busy_ns = 1000;
    talk_say(t, worker, m);
}

/* The worker does all that it is, and comes to be, assigned since talk_clear. */
static inline void
talk_work(talk *t, uint64_t worker)
{
    const talk_word *w = NULL;
    for (size_t n = 0; (w = talk_nth(t, worker, TG_MESSAGE_ASSIGN, n)) != NULL; n++) {
        for (size_t i = 0; i < w->m.range_count; i++) {
            talk_done(t, worker, w->m.job, w->ranges[i].lo, w->ranges[i].hi);
        }
    }
}

#endif
