/* SPDX-License-Identifier: BSD-3-Clause */
/* The reader's side, one rule at a time: turns, windows, silence, lies, shared memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/fault_alloc.h"
#include "worker/data/fetch.h"

#define MS ((int64_t)1000000)
enum { PART = 100, HERE = 5 };

static tg_pool *pool;
static tg_fetcher *f;
static tg_error err;
static tg_status map_says;
static int trims;
static unsigned char mapped_bytes[64];

static tg_status
map(tg_shared_reader *reader, const tg_shared_ref *ref, tg_buffer **out, tg_error *e)
{
    (void)reader;
    (void)e;
    *out = map_says == TG_OK
               ? tg_buffer_create_foreign(mapped_bytes, (size_t)ref->bytes, NULL, NULL)
               : NULL;
    return map_says;
}

static void
trim(tg_shared_reader *reader)
{
    assert_ptr_equal(reader, mapped_bytes);
    trims++;
}

static void
begin(size_t window_bytes)
{
    tg_fetcher_options options = { .pool = pool,
                                   .window_bytes = window_bytes,
                                   .part_bytes = PART,
                                   .seed = 3,
                                   .host = HERE,
                                   .reader = (tg_shared_reader *)mapped_bytes,
                                   .map = map,
                                   .trim = trim };
    assert_int_equal(tg_fetcher_create(&options, &f, &err), TG_OK);
    map_says = TG_OK;
}

static int
setup(void **state)
{
    (void)state;
    pool = tg_pool_create(NULL, 1 << 20);
    begin(10 * PART);
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    tg_fetcher_destroy(f);
    assert_int_equal(tg_pool_get_stats(pool).used_bytes, 0);
    tg_pool_destroy(pool);
    return fault_live == 0 ? 0 : -1;
}

static uint64_t
want(uint64_t from, uint32_t task, int64_t bytes_max)
{
    uint64_t id = 0;
    tg_fetch fetch = {
        .job = 9, .task = task, .from = from, .bytes_max = bytes_max, .deadline_ns = INT64_MAX
    };
    assert_int_equal(tg_fetcher_add(f, 0, &fetch, &id, &err), TG_OK);
    return id;
}

/* The next GET: whom, and its frame; false: none. */
static bool
get(int64_t now_ns, uint64_t *peer, tg_data_frame *frame)
{
    tg_data_message m;
    bool more = tg_fetcher_next(f, now_ns, &m);
    assert_null(tg_fetcher_check(f));
    *peer = 0;
    if (more) {
        *peer = m.peer;
        assert_null(m.free_fn);
        assert_int_equal(tg_data_open(m.header, sizeof m.header, NULL, 0, frame, &err), TG_OK);
        assert_int_equal(frame->kind, TG_DATA_GET);
    }
    return more;
}

static tg_status
bring(int64_t now_ns, uint64_t peer, tg_data_frame frame)
{
    unsigned char header[TG_DATA_HEADER_BYTES];
    tg_data_seal(&frame, header);
    tg_status status = tg_fetcher_receive(f, now_ns, peer, header, sizeof header, frame.payload,
                                          frame.payload_bytes, &err);
    assert_null(tg_fetcher_check(f));
    return status;
}

/* Answers a GET with a part of a tile of `total` bytes, all of them `value`. */
static tg_data_frame
part(const tg_data_frame *asked, uint64_t total, int value)
{
    static unsigned char bytes[PART];
    uint64_t left = total - asked->offset;
    memset(bytes, value, sizeof bytes);
    tg_data_frame frame = *asked;
    frame.kind = TG_DATA_PART;
    frame.count = (uint32_t)(left < asked->count ? left : asked->count);
    frame.total = total;
    frame.payload = bytes;
    frame.payload_bytes = frame.count;
    return frame;
}

static tg_fetch_end
ended(uint64_t id, tg_status status)
{
    tg_fetch_end end;
    assert_int_equal(tg_fetcher_deadline(f), INT64_MIN);
    assert_true(tg_fetcher_end(f, &end));
    assert_int_equal(end.id, id);
    assert_int_equal(end.status, status);
    assert_true((end.buffer != NULL) == (status == TG_OK));
    return end;
}

static void
a_tile_comes_in_parts(void **state)
{
    uint64_t id = want(1, 4, 1000), peer = 0;
    tg_data_frame g, more[3];
    (void)state;
    assert_true(get(0, &peer, &g));
    assert_int_equal(peer, 1);
    assert_int_equal(g.job, 9);
    assert_int_equal(g.task, 4);
    assert_int_equal(g.count, PART);
    assert_int_equal(g.host, HERE);
    assert_false(get(0, &peer, &more[0])); /* how long is it? */
    assert_int_equal(bring(MS, 1, part(&g, 250, 1)), TG_OK);
    assert_true(get(MS, &peer, &more[0]));
    assert_true(get(MS, &peer, &more[1]));
    assert_false(get(MS, &peer, &more[2]));
    assert_int_equal(more[0].offset, 100);
    assert_int_equal(more[0].host, 0); /* half a tile is not shared */
    assert_int_equal(more[1].offset, 200);
    assert_int_equal(more[1].count, 50);
    assert_int_equal(tg_fetcher_under_way(f), 150);
    assert_int_equal(bring(2 * MS, 1, part(&more[1], 250, 3)), TG_OK); /* out of order */
    assert_int_equal(bring(2 * MS, 1, part(&more[1], 250, 4)), TG_OK); /* twice */
    assert_int_equal(bring(3 * MS, 1, part(&more[0], 250, 2)), TG_OK);
    tg_fetch_end end = ended(id, TG_OK);
    const unsigned char *data = tg_buffer_data(end.buffer);
    assert_int_equal(tg_buffer_bytes(end.buffer), 250);
    assert_false(end.shared);
    for (int i = 0; i < 250; i++) {
        assert_int_equal(data[i], 1 + i / 100);
    }
    tg_buffer_release(end.buffer);
    tg_fetcher_stats stats = tg_fetcher_get_stats(f);
    assert_int_equal(stats.bytes, 250);
    assert_int_equal(stats.asked, 3);
    assert_int_equal(stats.stray, 1);
    assert_int_equal(tg_fetcher_deadline(f), INT64_MAX);
}

static void
a_tile_without_cells_arrives(void **state)
{
    uint64_t id = want(1, 4, 0), peer = 0;
    tg_data_frame g;
    (void)state;
    assert_true(get(0, &peer, &g));
    assert_int_equal(bring(0, 1, part(&g, 0, 0)), TG_OK);
    tg_fetch_end end = ended(id, TG_OK);
    assert_int_equal(tg_buffer_bytes(end.buffer), 0);
    tg_buffer_release(end.buffer);
}

static void
holders_take_turns_within_the_window(void **state)
{
    uint64_t peer = 0;
    tg_data_frame g;
    (void)state;
    tg_fetcher_destroy(f);
    begin(4 * PART);
    for (uint32_t t = 0; t < 3; t++) {
        (void)want(1, t, PART);
        (void)want(2, 10 + t, PART);
    }
    const uint32_t order[] = { 0, 10, 1, 11 }; /* and at one holder, in the order of asking */
    for (int i = 0; i < 4; i++) {
        assert_true(get(0, &peer, &g));
        assert_int_equal(peer, 1 + i % 2);
        assert_int_equal(g.task, order[i]);
    }
    assert_int_equal(tg_fetcher_under_way(f), 4 * PART);
    assert_false(get(0, &peer, &g));
    assert_int_equal(tg_fetcher_deadline(f), 200 * MS);
    assert_int_equal(bring(MS, 2, part(&g, PART, 0)), TG_OK); /* task 11 is here */
    assert_true(get(MS, &peer, &g));
    assert_int_equal(g.task, 2);
    assert_false(get(MS, &peer, &g));
}

static void
silence_is_asked_again_ever_more_rarely(void **state)
{
    uint64_t peer = 0;
    int64_t now = 0;
    tg_data_frame g, two;
    (void)state;
    (void)want(1, 0, PART);
    (void)want(1, 1, PART);
    (void)want(2, 2, PART);
    assert_true(get(0, &peer, &g) && get(0, &peer, &g) && get(0, &peer, &g));
    assert_int_equal(
        bring(0, 2,
              (tg_data_frame){ .kind = TG_DATA_NONE, .reason = TG_DATA_NOT_HERE, .request = 0 }),
        TG_OK); /* of nobody's request */
    const int64_t waits[] = { 200, 400, 800, 1600, 2000, 2000 };
    tg_fetcher_gone(f, 2);
    tg_fetch_end end;
    assert_true(tg_fetcher_end(f, &end));
    assert_int_equal(end.status, TG_ERR_NOT_FOUND);
    for (int i = 0; i < 6; i++) {
        assert_int_equal(tg_fetcher_deadline(f), now + waits[i] * MS);
        assert_false(get(now + waits[i] * MS - 1, &peer, &g));
        now += waits[i] * MS;
        assert_true(get(now, &peer, &g)); /* one at a time */
        assert_int_equal(g.task, 0);
        assert_false(get(now, &peer, &two));
    }
    assert_int_equal(bring(now, 1, part(&g, PART, 0)), TG_OK);
    assert_true(get(now, &peer, &g)); /* it lives */
    assert_int_equal(g.task, 1);
    assert_int_equal(tg_fetcher_deadline(f), INT64_MIN);
    assert_true(tg_fetcher_end(f, &end));
    tg_buffer_release(end.buffer);
    assert_int_equal(tg_fetcher_deadline(f), now + 200 * MS);
}

/* A line that is slow but alive is never asked twice; a part that was overtaken is gone. */
static void
a_slow_line_is_not_silence(void **state)
{
    uint64_t peer = 0;
    tg_data_frame g[10];
    (void)state;
    (void)want(1, 0, 10 * PART);
    assert_true(get(0, &peer, &g[0]));
    assert_int_equal(bring(0, 1, part(&g[0], 10 * PART, 0)), TG_OK);
    for (int i = 1; i < 10; i++) {
        assert_true(get(0, &peer, &g[i]));
    }
    for (int i = 1; i < 5; i++) {
        assert_int_equal(bring(150 * i * MS, 1, part(&g[i], 10 * PART, 0)), TG_OK);
        assert_false(get(150 * i * MS, &peer, &g[0]));
    }
    assert_int_equal(tg_fetcher_get_stats(f).repeated, 0);
    assert_int_equal(bring(610 * MS, 1, part(&g[6], 10 * PART, 0)), TG_OK); /* 5 is lost */
    assert_true(get(610 * MS, &peer, &g[0]));
    assert_int_equal(g[0].offset, 5 * PART);
    assert_false(get(610 * MS, &peer, &g[0]));
    assert_int_equal(tg_fetcher_get_stats(f).repeated, 1);
}

static void
fails(tg_status status, const char *words, tg_data_frame answer)
{
    uint64_t peer = 0, id = want(1, 0, 3 * PART);
    tg_data_frame g;
    tg_fetch_end end;
    assert_true(get(0, &peer, &g));
    answer.request = g.request;
    answer.job = answer.job != 0 ? answer.job : g.job;
    assert_int_equal(bring(0, 1, answer), TG_OK);
    end = ended(id, status);
    assert_non_null(strstr(end.error.message, words));
    assert_non_null(strstr(end.error.message, "task 0"));
    assert_int_equal(tg_fetcher_under_way(f), 0);
    assert_int_equal(tg_pool_get_stats(pool).used_bytes, 0);
}

static void
holders_that_lie_are_found_out(void **state)
{
    static unsigned char bytes[4 * PART];
    unsigned char ref[TG_SHARED_REF_BYTES];
    (void)state;
    fails(TG_ERR_NOT_FOUND, "does not hold",
          (tg_data_frame){ .kind = TG_DATA_NONE, .reason = TG_DATA_NOT_HERE });
    fails(TG_ERR_FORMAT, "shorter",
          (tg_data_frame){ .kind = TG_DATA_NONE, .reason = TG_DATA_OUTSIDE });
    /* Longer than the plan says, by whatever way it is told; nothing was allocated for it. */
    fails(TG_ERR_LIMIT, "at most",
          (tg_data_frame){ .kind = TG_DATA_PART,
                           .count = PART,
                           .total = (uint64_t)1 << 50,
                           .payload = bytes,
                           .payload_bytes = PART });
    tg_shared_ref_put(&(tg_shared_ref){ .bytes = 3 * PART + 1 }, ref);
    fails(TG_ERR_LIMIT, "at most",
          (tg_data_frame){ .kind = TG_DATA_SHARED,
                           .total = 3 * PART + 1,
                           .payload = ref,
                           .payload_bytes = sizeof ref });
    /* Another task's; more or less than was asked for; no length of parts. */
    fails(TG_ERR_FORMAT, "task 8",
          (tg_data_frame){ .kind = TG_DATA_NONE, .reason = TG_DATA_NOT_HERE, .task = 8 });
    fails(TG_ERR_FORMAT, "answers",
          (tg_data_frame){ .kind = TG_DATA_NONE, .reason = TG_DATA_NOT_HERE, .job = 1 });
    fails(TG_ERR_FORMAT, "not asked for",
          (tg_data_frame){ .kind = TG_DATA_PART,
                           .count = PART + 1,
                           .total = 3 * PART,
                           .payload = bytes,
                           .payload_bytes = PART + 1 });
    fails(TG_ERR_FORMAT, "not asked for",
          (tg_data_frame){ .kind = TG_DATA_PART,
                           .count = PART - 1,
                           .total = 3 * PART,
                           .payload = bytes,
                           .payload_bytes = PART - 1 });
    assert_int_equal(bring(0, 1, (tg_data_frame){ .kind = TG_DATA_GET, .count = 1 }),
                     TG_ERR_FORMAT);
}

static void
a_length_that_changes_is_a_lie(void **state)
{
    uint64_t peer = 0, id = want(1, 0, 10 * PART);
    tg_data_frame g;
    (void)state;
    assert_true(get(0, &peer, &g));
    assert_int_equal(bring(0, 1, part(&g, 3 * PART, 0)), TG_OK);
    assert_true(get(0, &peer, &g));
    assert_int_equal(bring(0, 1, part(&g, 4 * PART, 0)), TG_OK);
    (void)ended(id, TG_ERR_FORMAT);
    assert_int_equal(tg_pool_get_stats(pool).used_bytes, 0);
}

static void
damaged_parts_are_asked_for_again_then_it_fails(void **state)
{
    uint64_t peer = 0, id = want(1, 0, 10 * PART);
    tg_data_frame g;
    unsigned char header[TG_DATA_HEADER_BYTES], bytes[PART];
    (void)state;
    for (int i = 0; i <= TG_FETCH_CORRUPT_MAX; i++) {
        assert_true(get(0, &peer, &g));
        assert_int_equal(g.offset, 0);
        tg_data_frame p = part(&g, 3 * PART, 0);
        tg_data_seal(&p, header);
        memcpy(bytes, p.payload, PART);
        bytes[i] ^= 1;
        assert_int_equal(tg_fetcher_receive(f, 0, 1, header, sizeof header, bytes, PART, &err),
                         TG_OK);
    }
    assert_non_null(strstr(ended(id, TG_ERR_CORRUPT).error.message, "damaged"));
    /* The same for what does not unpack. */
    id = want(1, 0, 10 * PART);
    for (int i = 0; i <= TG_FETCH_CORRUPT_MAX; i++) {
        assert_true(get(0, &peer, &g));
        tg_data_frame p = part(&g, 3 * PART, 0);
        p.packing = TG_DATA_BLOSC;
        p.payload_bytes = PART / 2;
        assert_int_equal(bring(0, 1, p), TG_OK);
    }
    (void)ended(id, TG_ERR_CORRUPT);
    assert_int_equal(tg_fetcher_get_stats(f).corrupt, 2 * (TG_FETCH_CORRUPT_MAX + 1));
}

static void
deadlines_end_what_does_not_come(void **state)
{
    uint64_t peer = 0, id = 0;
    tg_data_frame g;
    (void)state;
    tg_fetch fetch = { .job = 9, .from = 1, .bytes_max = 10, .deadline_ns = 50 * MS };
    assert_int_equal(tg_fetcher_add(f, 0, &fetch, &id, &err), TG_OK);
    assert_true(get(0, &peer, &g));
    assert_int_equal(tg_fetcher_deadline(f), 50 * MS);
    assert_false(get(49 * MS, &peer, &g));
    assert_false(get(50 * MS, &peer, &g));
    assert_non_null(strstr(ended(id, TG_ERR_IO).error.message, "in time"));
    assert_int_equal(bring(51 * MS, 1, part(&g, 10, 0)), TG_OK); /* too late, and no harm */
    assert_int_equal(tg_fetcher_get_stats(f).stray, 1);
}

static void
cancelled_fetches_have_no_end(void **state)
{
    uint64_t peer = 0, id = want(1, 0, 3 * PART);
    tg_data_frame g;
    tg_fetch_end end;
    (void)state;
    assert_true(get(0, &peer, &g));
    assert_int_equal(bring(0, 1, part(&g, 3 * PART, 0)), TG_OK);
    assert_true(get(0, &peer, &g));
    tg_fetcher_cancel(f, id);
    assert_null(tg_fetcher_check(f));
    assert_int_equal(tg_fetcher_under_way(f), 0);
    assert_int_equal(tg_pool_get_stats(pool).used_bytes, 0);
    assert_int_equal(bring(0, 1, part(&g, 3 * PART, 0)), TG_OK);
    assert_false(get(MS, &peer, &g));
    assert_false(tg_fetcher_end(f, &end));
    tg_fetcher_cancel(f, id);
    tg_fetcher_cancel(f, 12345);
}

static void
answers_of_others_are_dropped(void **state)
{
    uint64_t peer = 0, id = want(1, 0, PART);
    tg_data_frame g;
    (void)state;
    assert_true(get(0, &peer, &g));
    assert_int_equal(bring(0, 2, part(&g, PART, 0)), TG_OK); /* who asked you? */
    g.request += TG_FETCHES_MAX;                             /* the same slot, another time */
    assert_int_equal(bring(0, 1, part(&g, PART, 0)), TG_OK);
    assert_int_equal(tg_fetcher_get_stats(f).stray, 2);
    tg_fetcher_cancel(f, id);
}

static tg_data_frame
share(const tg_data_frame *asked, uint64_t bytes)
{
    static unsigned char payload[TG_SHARED_REF_BYTES];
    tg_shared_ref_put(&(tg_shared_ref){ .bytes = bytes }, payload);
    tg_data_frame frame = *asked;
    frame.kind = TG_DATA_SHARED;
    frame.total = bytes;
    frame.payload = payload;
    frame.payload_bytes = sizeof payload;
    return frame;
}

static void
shared_tiles_are_mapped(void **state)
{
    uint64_t peer = 0, id = want(1, 0, 3 * PART);
    tg_data_frame g;
    (void)state;
    assert_true(get(0, &peer, &g));
    assert_int_equal(bring(0, 1, share(&g, 64)), TG_OK);
    tg_fetch_end end = ended(id, TG_OK);
    assert_true(end.shared);
    assert_ptr_equal(tg_buffer_data(end.buffer), mapped_bytes);
    tg_buffer_release(end.buffer);
    assert_int_equal(tg_pool_get_stats(pool).used_bytes, 0);
}

static void
what_cannot_be_mapped_is_copied(void **state)
{
    uint64_t peer = 0, id = want(1, 0, 3 * PART);
    tg_data_frame g;
    (void)state;
    /* The offer is gone: this tile is copied, the next one may be shared again. */
    map_says = TG_ERR_NOT_FOUND;
    assert_true(get(0, &peer, &g));
    assert_int_equal(bring(0, 1, share(&g, 64)), TG_OK);
    assert_true(get(0, &peer, &g));
    assert_int_equal(g.host, 0);
    assert_int_equal(g.offset, 0);
    assert_int_equal(bring(0, 1, part(&g, 64, 0)), TG_OK);
    tg_buffer_release(ended(id, TG_OK).buffer);
    /* Its memory cannot be opened: nothing of it is tried again. */
    map_says = TG_ERR_IO;
    id = want(1, 0, 3 * PART);
    assert_true(get(0, &peer, &g));
    assert_int_equal(g.host, HERE);
    assert_int_equal(bring(0, 1, share(&g, 64)), TG_OK);
    tg_fetcher_cancel(f, id);
    (void)want(1, 1, PART);
    assert_true(get(0, &peer, &g));
    assert_int_equal(g.host, 0);
    assert_int_equal(bring(0, 1, share(&g, 64)), TG_OK); /* a late one */
    assert_int_equal(tg_fetcher_get_stats(f).stray, 1);
    (void)want(2, 1, PART);
    assert_true(get(0, &peer, &g));
    assert_int_equal(g.host, HERE); /* another holder */
}

static void
the_rate_of_a_line_is_measured(void **state)
{
    uint64_t peer = 0;
    tg_data_frame g[20];
    (void)state;
    tg_fetcher_destroy(f);
    begin(20 * PART);
    (void)want(1, 0, 20 * PART);
    assert_true(get(0, &peer, &g[0]));
    assert_int_equal(g[0].rate, 0);
    assert_int_equal(bring(0, 1, part(&g[0], 20 * PART, 0)), TG_OK);
    for (int i = 1; i < 20; i++) {
        assert_true(get(0, &peer, &g[i]));
    }
    for (int i = 1; i < 19; i++) { /* 100 bytes a millisecond */
        assert_int_equal(bring(i * MS, 1, part(&g[i], 20 * PART, 0)), TG_OK);
    }
    (void)want(1, 1, PART);
    assert_true(get(20 * MS, &peer, &g[0]));
    assert_int_equal(g[0].rate, 100000);
}

static void
options_and_limits_are_checked(void **state)
{
    tg_fetcher *none = NULL;
    tg_fetcher_options options = { .pool = pool, .part_bytes = TG_DATA_PART_MAX + 1 };
    uint64_t id = 0;
    (void)state;
    assert_int_equal(tg_fetcher_create(&options, &none, &err), TG_ERR_VALUE);
    assert_int_equal(tg_fetcher_create(&(tg_fetcher_options){ 0 }, &none, &err), TG_ERR_VALUE);
    assert_null(none);
    tg_fetcher_destroy(NULL);
    tg_fetch fetch = { .from = 1, .bytes_max = -1 };
    assert_int_equal(tg_fetcher_add(f, 0, &fetch, &id, &err), TG_ERR_VALUE);
    fetch.bytes_max = 1;
    fetch.deadline_ns = INT64_MAX;
    for (int i = 0; i < TG_FETCHES_MAX; i++) {
        assert_int_equal(tg_fetcher_add(f, 0, &fetch, &id, &err), TG_OK);
    }
    assert_int_equal(tg_fetcher_add(f, 0, &fetch, &id, &err), TG_ERR_LIMIT);
    trims = 0;
    tg_fetcher_gone(f, 1);
    tg_fetcher_gone(f, 1);
    assert_int_equal(trims, 1);
    for (int i = 0; i < TG_FETCHES_MAX; i++) {
        tg_fetch_end end;
        assert_true(tg_fetcher_end(f, &end));
    }
    assert_int_equal(tg_fetcher_add(f, 0, &fetch, &id, &err), TG_OK);
}

static void
every_allocation_may_fail(void **state)
{
    (void)state;
    tg_fetcher_destroy(f);
    f = NULL;
    for (fault_begin(); fault_next();) {
        tg_fetcher_options options = { .pool = pool, .part_bytes = PART };
        tg_fetch fetch = { .job = 9, .from = 1, .bytes_max = 1000, .deadline_ns = INT64_MAX };
        uint64_t id = 0, peer = 0;
        tg_data_frame g;
        if (tg_fetcher_create(&options, &f, &err) != TG_OK) {
            assert_int_equal(err.code, TG_ERR_MEMORY);
        } else if (tg_fetcher_add(f, 0, &fetch, &id, &err) != TG_OK) {
            assert_int_equal(err.code, TG_ERR_MEMORY);
            assert_false(get(0, &peer, &g));
        } else {
            assert_true(get(0, &peer, &g));
            assert_int_equal(bring(0, 1, part(&g, 300, 0)), TG_OK);
            tg_fetch_end end = { 0 };
            if (tg_fetcher_end(f, &end)) {
                assert_int_equal(end.status, TG_ERR_MEMORY);
            }
            assert_true(fault_hit == (end.status != TG_OK));
        }
        tg_fetcher_destroy(f);
        f = NULL;
        tg_pool_trim(pool);
    }
    fault_running = false;
}

int
main(void)
{
#define WITH(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        WITH(a_tile_comes_in_parts),
        WITH(a_tile_without_cells_arrives),
        WITH(holders_take_turns_within_the_window),
        WITH(silence_is_asked_again_ever_more_rarely),
        WITH(a_slow_line_is_not_silence),
        WITH(holders_that_lie_are_found_out),
        WITH(a_length_that_changes_is_a_lie),
        WITH(damaged_parts_are_asked_for_again_then_it_fails),
        WITH(deadlines_end_what_does_not_come),
        WITH(cancelled_fetches_have_no_end),
        WITH(answers_of_others_are_dropped),
        WITH(shared_tiles_are_mapped),
        WITH(what_cannot_be_mapped_is_copied),
        WITH(the_rate_of_a_line_is_measured),
        WITH(options_and_limits_are_checked),
        WITH(every_allocation_may_fail),
    };
#undef WITH
    return cmocka_run_group_tests(tests, NULL, NULL);
}
