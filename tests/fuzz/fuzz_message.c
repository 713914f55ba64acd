/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Any bytes as the payload of a frame: messages are refused with a message, or read; what was read
 * and is written again reads the same.
 */
#include <stdint.h>
#include <string.h>

#include "core/base/assert.h"
#include "core/wire/message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool
same_text(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static void
expect_same(const tg_message *a, const tg_message *b)
{
    TG_ASSERT(a->kind == b->kind && a->job == b->job && a->worker == b->worker &&
              a->task == b->task && a->code == b->code && a->flag == b->flag &&
              a->threads == b->threads && a->memory == b->memory && a->lease_ns == b->lease_ns &&
              a->busy_ns == b->busy_ns && memcmp(&a->priority, &b->priority, 8) == 0 &&
              a->offset == b->offset && a->total == b->total);
    TG_ASSERT(same_text(a->name, b->name) && same_text(a->address, b->address) &&
              same_text(a->text, b->text));
    TG_ASSERT(a->byte_count == b->byte_count &&
              (a->byte_count == 0 || memcmp(a->bytes, b->bytes, a->byte_count) == 0));
    TG_ASSERT(a->range_count == b->range_count &&
              (a->range_count == 0 ||
               memcmp(a->ranges, b->ranges, a->range_count * sizeof *a->ranges) == 0));
}

static void
read_again(const tg_message *message)
{
    tg_message_writer writer;
    tg_message_reader reader;
    const tg_message *again = NULL;
    tg_error err;
    tg_message_writer_init(&writer);
    if (tg_message_writer_add(&writer, message, &err) == TG_OK) {
        tg_message_reader_init(&reader, writer.bytes, writer.size);
        TG_ASSERT(tg_message_reader_next(&reader, &again, &err) == TG_OK && again != NULL);
        expect_same(message, again);
        tg_message_reader_fini(&reader);
    }
    tg_message_writer_fini(&writer);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    tg_message_reader reader;
    const tg_message *message = NULL;
    tg_error err = { 0 };
    tg_status status = TG_OK;
    tg_message_reader_init(&reader, data, size);
    do {
        status = tg_message_reader_next(&reader, &message, &err);
        TG_ASSERT(status == TG_OK || (err.message[0] != '\0' && message == NULL));
        if (message != NULL) {
            read_again(message);
        }
    } while (message != NULL);
    tg_message_reader_fini(&reader);
    return 0;
}
