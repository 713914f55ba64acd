/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Any bytes as a journal: as they are; and cut into payloads, each a length of two bytes before it,
 * that are given whole records, so that what the messages say is reached. A server takes it back or
 * says why not; its books are right, and what it writes anew is a journal that it takes.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/assert.h"
#include "core/wire/journal.h"
#include "scheduler/server/server.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { TASKS = 16 };

typedef struct file {
    uint8_t *bytes;
    size_t size;
} file;

typedef struct world {
    tg_server *server;
    uint64_t expanding;
    int live;
    file journal; /* that it writes */
} world;

static void
append(file *f, const void *bytes, size_t count)
{
    f->bytes = realloc(f->bytes, f->size + count);
    TG_ASSERT(f->bytes != NULL);
    memcpy(f->bytes + f->size, bytes, count);
    f->size += count;
}

static void
on_send(void *ctx, uint64_t peer, const tg_message *message)
{
    (void)ctx;
    (void)peer;
    (void)message;
}

static void
on_expel(void *ctx, uint64_t peer, const char *why)
{
    (void)ctx;
    (void)peer;
    (void)why;
}

static void
on_expand(void *ctx, uint64_t job, const void *plan, size_t bytes)
{
    world *w = ctx;
    TG_ASSERT(w->expanding == 0 && plan != NULL && bytes != 0);
    w->expanding = job;
}

static void
on_dropped(void *ctx, uint64_t job)
{
    world *w = ctx;
    (void)job;
    w->live--;
}

static void
append_record(file *f, const void *payload, size_t bytes)
{
    uint8_t header[TG_JOURNAL_HEADER_BYTES];
    tg_journal_header(payload, bytes, header);
    append(f, header, sizeof header);
    append(f, payload, bytes);
}

static bool
on_record(void *ctx, const void *payload, size_t bytes, bool copy)
{
    world *w = ctx;
    if (copy) {
        append_record(&w->journal, payload, bytes);
    }
    return true;
}

static void
check(const world *w)
{
    const char *broken = tg_server_check(w->server);
    if (broken != NULL) {
        tg__assert_failed(broken, __FILE__, __LINE__, 0, 0);
    }
}

/* Restores, copies what there is, and has it run as far as it does without workers. Gives how many
 * records made no sense. */
static size_t
restore(world *w, const file *from, const tg_sched_job *spec)
{
    tg_server_options options = { .callbacks = { w, on_send, on_expel, on_expand, on_dropped,
                                                 on_record } };
    tg_journal_reader reader = { .bytes = from->bytes, .size = from->size };
    const void *payload = NULL;
    size_t bytes = 0, refused = 0;
    uint64_t copied = 0;
    tg_error err = { 0 };
    tg_status status = tg_server_create(&options, &w->server, &err);
    TG_ASSERT(status == TG_OK);
    while (tg_journal_next(&reader, &payload, &bytes)) {
        err.message[0] = '\0';
        status = tg_server_restore(w->server, 1, payload, bytes, &err);
        TG_ASSERT(status == TG_OK || err.message[0] != '\0');
        refused += status != TG_OK;
    }
    tg_server_restored(w->server, 1);
    do {
        bool ok = tg_server_record_next(w->server, &copied);
        TG_ASSERT(ok);
    } while (copied != 0);
    while (w->expanding != 0) {
        uint64_t job = w->expanding;
        check(w);
        w->expanding = 0;
        w->live++;
        tg_server_expanded(w->server, 2, job, spec, NULL);
    }
    tg_server_time(w->server, INT64_C(100000000000));
    check(w);
    tg_server_destroy(w->server);
    TG_ASSERT(w->live == 0);
    return refused;
}

static void
restore_twice(const file *from, const tg_sched_job *spec)
{
    world first = { 0 }, second = { 0 };
    (void)restore(&first, from, spec);
    TG_ASSERT(restore(&second, &first.journal, spec) == 0);
    TG_ASSERT(second.journal.size == first.journal.size);
    free(first.journal.bytes);
    free(second.journal.bytes);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t kept[2] = { 0, 1 }, stored[2] = { 1, 0 };
    uint16_t stage[TASKS];
    tg_tasks tasks;
    file records = { 0 };
    tg_tasks_init(&tasks);
    bool ok = true;
    for (uint32_t t = 0; ok && t < TASKS; t++) {
        uint32_t input = t - 1, id = 0;
        ok = tg_tasks_add(&tasks, t % 4 != 0, &input, &id, NULL) == TG_OK;
        stage[t] = (uint16_t)(t % 2);
    }
    if (ok && tg_tasks_freeze(&tasks, NULL) == TG_OK) {
        tg_sched_job spec = {
            .tasks = &tasks, .stage = stage, .stage_count = 2, .kept = kept, .stored = stored
        };
        restore_twice(&(file){ (uint8_t *)data, size }, &spec);
        for (size_t at = 0; size - at > 2;) {
            size_t length = (size_t)data[at] | (size_t)data[at + 1] << 8;
            at += 2;
            length = length < size - at ? length : size - at;
            if (length != 0) {
                append_record(&records, data + at, length);
            }
            at += length;
        }
        restore_twice(&records, &spec);
    }
    free(records.bytes);
    tg_tasks_fini(&tasks);
    return 0;
}
