/* SPDX-License-Identifier: BSD-3-Clause */
/* Frames as bytes and back, and what is no frame. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "worker/data/frame.h"

static unsigned char header[TG_DATA_HEADER_BYTES];
static tg_error err;

static void
refused(const tg_data_frame *frame, tg_status status, const char *words)
{
    tg_data_frame out;
    tg_data_seal(frame, header);
    assert_int_equal(
        tg_data_open(header, sizeof header, frame->payload, frame->payload_bytes, &out, &err),
        status);
    assert_non_null(strstr(err.message, words));
}

static void
frames_come_back_as_they_were(void **state)
{
    static const char bytes[] = "the bytes of a tile";
    tg_shared_ref ref = { 1, 2, 3, (uint64_t)4 << 40, 5, 6, UINT64_MAX };
    unsigned char payload[TG_SHARED_REF_BYTES];
    tg_data_frame out;
    (void)state;
    tg_shared_ref_put(&ref, payload);
    const tg_data_frame frames[] = {
        { .kind = TG_DATA_GET,
          .count = 1000,
          .offset = (uint64_t)7 << 40,
          .rate = 12345678901,
          .host = 99 },
        { .kind = TG_DATA_PART,
          .count = sizeof bytes,
          .offset = 100,
          .total = 100 + sizeof bytes,
          .payload = bytes,
          .payload_bytes = sizeof bytes },
        { .kind = TG_DATA_PART,
          .packing = TG_DATA_BLOSC,
          .count = 500,
          .total = 500,
          .payload = bytes,
          .payload_bytes = sizeof bytes },
        { .kind = TG_DATA_SHARED, .total = 5, .payload = payload, .payload_bytes = sizeof payload },
        { .kind = TG_DATA_NONE, .reason = TG_DATA_OUTSIDE },
        { .kind = TG_DATA_PART }, /* a tile without cells */
    };
    for (size_t i = 0; i < sizeof frames / sizeof frames[0]; i++) {
        tg_data_frame f = frames[i];
        f.request = 0x1122334455667788;
        f.job = UINT64_MAX - 1;
        f.task = 0xfffffff0u;
        tg_data_seal(&f, header);
        assert_int_equal(
            tg_data_open(header, sizeof header, f.payload, f.payload_bytes, &out, &err), TG_OK);
        f.ref = f.kind == TG_DATA_SHARED ? ref : f.ref;
        assert_int_equal(out.kind, f.kind);
        assert_int_equal(out.packing, f.packing);
        assert_int_equal(out.reason, f.reason);
        assert_int_equal(out.request, f.request);
        assert_int_equal(out.job, f.job);
        assert_int_equal(out.task, f.task);
        assert_int_equal(out.count, f.count);
        assert_int_equal(out.offset, f.offset);
        assert_int_equal(out.total, f.total);
        assert_int_equal(out.rate, f.rate);
        assert_int_equal(out.host, f.host);
        assert_memory_equal(&out.ref, &f.ref, sizeof out.ref);
        assert_ptr_equal(out.payload, f.payload);
        assert_int_equal(out.payload_bytes, f.payload_bytes);
    }
}

/* The layout is what other versions and other machines read. */
static void
the_bytes_are_those_of_the_manual(void **state)
{
    static const unsigned char begin[56] = {
        'T', 'G', 'D', 1, 2, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0,
        3,   0,   0,   0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    };
    tg_data_frame f = { .kind = TG_DATA_PART,
                        .request = 0x0807060504030201,
                        .job = 9,
                        .task = 7,
                        .count = 3,
                        .offset = 256,
                        .total = 512,
                        .payload = "abc",
                        .payload_bytes = 3 };
    (void)state;
    tg_data_seal(&f, header);
    assert_memory_equal(header, begin, sizeof begin);
}

static void
every_damaged_bit_is_noticed(void **state)
{
    unsigned char payload[64];
    tg_data_frame out;
    (void)state;
    memset(payload, 7, sizeof payload);
    tg_data_frame f = { .kind = TG_DATA_PART,
                        .request = 5,
                        .count = sizeof payload,
                        .total = 1000,
                        .payload = payload,
                        .payload_bytes = sizeof payload };
    tg_data_seal(&f, header);
    for (int bit = 0; bit < TG_DATA_HEADER_BYTES * 8; bit++) {
        header[bit / 8] ^= (unsigned char)(1 << bit % 8);
        tg_status status = tg_data_open(header, sizeof header, payload, sizeof payload, &out, &err);
        assert_int_equal(status, bit / 8 == 3 ? TG_ERR_UNSUPPORTED : TG_ERR_FORMAT);
        header[bit / 8] ^= (unsigned char)(1 << bit % 8);
    }
    for (int bit = 0; bit < (int)sizeof payload * 8; bit++) {
        payload[bit / 8] ^= (unsigned char)(1 << bit % 8);
        assert_int_equal(tg_data_open(header, sizeof header, payload, sizeof payload, &out, &err),
                         TG_ERR_CORRUPT);
        assert_int_equal(out.request, 5); /* it still says whose it is */
        payload[bit / 8] ^= (unsigned char)(1 << bit % 8);
    }
}

static void
what_no_kind_of_frame_looks_like_is_refused(void **state)
{
    static const unsigned char bytes[64] = { 0 };
    tg_data_frame out;
    (void)state;
    refused(&(tg_data_frame){ .kind = TG_DATA_GET }, TG_ERR_FORMAT, "kind 1");
    refused(
        &(tg_data_frame){ .kind = TG_DATA_GET, .count = 1, .payload = bytes, .payload_bytes = 1 },
        TG_ERR_FORMAT, "kind 1");
    refused(&(tg_data_frame){ .kind = TG_DATA_NONE }, TG_ERR_FORMAT, "kind 4");
    refused(&(tg_data_frame){ .kind = TG_DATA_NONE, .reason = TG_DATA_REASON_END }, TG_ERR_FORMAT,
            "detail");
    refused(&(tg_data_frame){ .kind = TG_DATA_SHARED, .payload = bytes, .payload_bytes = 47 },
            TG_ERR_FORMAT, "kind 3");
    refused(&(tg_data_frame){ .kind = TG_DATA_SHARED,
                              .total = 9,
                              .payload = bytes,
                              .payload_bytes = TG_SHARED_REF_BYTES },
            TG_ERR_FORMAT, "shared");
    refused(
        &(tg_data_frame){
            .kind = TG_DATA_PART, .count = 2, .total = 10, .payload = bytes, .payload_bytes = 1 },
        TG_ERR_FORMAT, "kind 2");
    refused(&(tg_data_frame){ .kind = TG_DATA_PART,
                              .count = 1,
                              .total = 10,
                              .offset = 10,
                              .payload = bytes,
                              .payload_bytes = 1 },
            TG_ERR_FORMAT, "at 10 of 10");
    refused(&(tg_data_frame){ .kind = TG_DATA_PART,
                              .count = 1,
                              .total = 10,
                              .offset = UINT64_MAX,
                              .payload = bytes,
                              .payload_bytes = 1 },
            TG_ERR_FORMAT, "of 10");
    refused(&(tg_data_frame){ .kind = TG_DATA_PART,
                              .packing = TG_DATA_BLOSC,
                              .count = 9,
                              .total = 9,
                              .payload = bytes,
                              .payload_bytes = 9 },
            TG_ERR_FORMAT, "payload");
    refused(&(tg_data_frame){ .kind = TG_DATA_PART,
                              .packing = TG_DATA_PACKING_END,
                              .count = 9,
                              .total = 9,
                              .payload = bytes,
                              .payload_bytes = 8 },
            TG_ERR_FORMAT, "detail");
    /* Lengths that no seal would write. */
    tg_data_seal(&(tg_data_frame){ .kind = TG_DATA_GET, .count = 1 }, header);
    assert_int_equal(tg_data_open(header, 71, NULL, 0, &out, &err), TG_ERR_FORMAT);
    assert_int_equal(tg_data_open(header, 0, NULL, 0, &out, &err), TG_ERR_FORMAT);
    assert_int_equal(tg_data_open(header, 72, bytes, TG_DATA_PART_MAX + 1, &out, &err),
                     TG_ERR_LIMIT);
    header[3] = 2;
    assert_int_equal(tg_data_open(header, 72, NULL, 0, &out, &err), TG_ERR_UNSUPPORTED);
    assert_non_null(strstr(err.message, "same version"));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_come_back_as_they_were),
        cmocka_unit_test(the_bytes_are_those_of_the_manual),
        cmocka_unit_test(every_damaged_bit_is_noticed),
        cmocka_unit_test(what_no_kind_of_frame_looks_like_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
