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
on_record(void *ctx, const void *bytes, size_t count)
{
    world *w = ctx;
    append(&w->journal, bytes, count);
}

static void
check(const world *w)
{
    const char *broken = tg_server_check(w->server);
    if (broken != NULL) {
        tg__assert_failed(broken, __FILE__, __LINE__, 0, 0);
    }
}

/* Restores, and has all that is left run as far as it does without workers. */
static tg_status
restore(world *w, const file *from, const tg_sched_job *spec)
{
    tg_server_options options = { .callbacks = { w, on_send, on_expel, on_expand, on_dropped,
                                                 on_record } };
    size_t good = 0;
    tg_error err = { 0 };
    tg_status status = tg_server_create(&options, &w->server, &err);
    TG_ASSERT(status == TG_OK);
    status = tg_server_restore(w->server, 1, from->bytes, from->size, &good, &err);
    TG_ASSERT(status == TG_OK ? good <= from->size : err.message[0] != '\0');
    while (status == TG_OK && w->expanding != 0) {
        uint64_t job = w->expanding;
        check(w);
        w->expanding = 0;
        w->live++;
        tg_server_expanded(w->server, 2, job, spec, NULL);
    }
    if (status == TG_OK) {
        tg_server_time(w->server, INT64_C(100000000000));
        check(w);
    }
    tg_server_destroy(w->server);
    TG_ASSERT(w->live == 0);
    return status;
}

static void
restore_twice(const file *from, const tg_sched_job *spec)
{
    world first = { 0 }, second = { 0 };
    if (restore(&first, from, spec) == TG_OK) {
        TG_ASSERT(restore(&second, &first.journal, spec) == TG_OK);
    }
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
            uint8_t header[TG_JOURNAL_HEADER_BYTES];
            at += 2;
            length = length < size - at ? length : size - at;
            if (length != 0) {
                tg_journal_header(data + at, length, header);
                append(&records, header, sizeof header);
                append(&records, data + at, length);
            }
            at += length;
        }
        restore_twice(&records, &spec);
    }
    free(records.bytes);
    tg_tasks_fini(&tasks);
    return 0;
}
