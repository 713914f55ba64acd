/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Tiles of another worker of this host that are mapped here, and that their holder wants back: two
 * ports in one thread, one of a holder, the other one of a worker without a scheduler.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/mem/shared.h"
#include "tests/support/plans.h"
#include "tilegraph/session.h"
#include "worker/net/worker_inside.h"
#include "worker/session/session.h"

#define MIB ((int64_t)1 << 20)
#define MS  ((int64_t)1000000)
enum { TILES = 12, JOB = 3, ROWS = 4096, COLUMNS = 4096, TILE_BYTES_MAX = 16 << 20 };

typedef struct scene {
    /* The holder. */
    tg_session *holds;
    tg_shared *shared;
    tg_net *net;
    tg_port *port;
    tg_plan_core *plan;
    tg_part *part;
    unsigned char *bytes[TILES]; /* of the tiles, as they were made */
    size_t size[TILES];
    uint32_t task[TILES]; /* which have made them, of those that read nothing */
    /* Who reads. */
    tg_worker worker;
    tg_worker_job job;
    size_t mapped;
    tg_error err;
} scene;

static void
must(const scene *s, tg_status status)
{
    if (status != TG_OK) {
        fail_msg("%s", s->err.message);
    }
}

/* --- the holder ------------------------------------------------------------------------------ */

static tg_tile_answer
look_up(void *ctx, uint64_t job, uint32_t task, tg_buffer **buffer, size_t *element_bytes)
{
    scene *s = ctx;
    assert_int_equal(job, JOB);
    *element_bytes = 4;
    *buffer = tg_part_get(s->part, task);
    return *buffer != NULL ? TG_TILE_HERE : TG_TILE_NONE;
}

static void
holder_frame(void *ctx, const tg_net_frame *frame)
{
    tg_port_frame(((scene *)ctx)->port, tg_net_now_ns(), frame);
}

static int64_t
holder_tick(void *ctx, int64_t now_ns)
{
    return tg_port_turn(((scene *)ctx)->port, now_ns);
}

static void
no_message(void *ctx, uint64_t peer, unsigned roles, const tg_message *message)
{
    (void)ctx, (void)peer, (void)roles, (void)message;
    fail_msg("nobody talks here");
}

static void
nobody_gone(void *ctx, uint64_t peer, tg_gone why, const char *text)
{
    (void)ctx, (void)peer, (void)why, (void)text;
}

static void
make_part(scene *s, tg_session *session, tg_plan_core **plan, tg_part **part)
{
    const tg_plan_options options = { .threads = 1, .memory_limit = 512 * MIB, .shared = true };
    tg_scope *g = tg_scope_create(session);
    tg_plan_target target = { .array = tg_test_numbers(g, ROWS, COLUMNS) };
    assert_null(tg_scope_error(g));
    must(s, tg_plan_make(1, &target, &options, plan, &s->err));
    tg_scope_destroy(g);
    assert_true((*plan)->tasks.count >= TILES);
    must(s, tg_part_create(*plan, session->pool, part, &s->err));
}

static void
make_tiles(scene *s)
{
    int64_t bytes = 0;
    uint32_t task = 0;
    for (int i = 0; i < TILES; i++, task++) {
        while (tg_tasks_pred_count(&s->plan->tasks, task) != 0) {
            task++;
        }
        must(s, tg_part_run(s->part, task, 0, 0, &bytes, &s->err));
        tg_buffer *tile = tg_part_get(s->part, task);
        s->task[i] = task;
        s->size[i] = tg_buffer_bytes(tile);
        assert_true(s->size[i] >= TG_SHARED_BLOCK_MIN);
        s->bytes[i] = test_malloc(s->size[i]);
        memcpy(s->bytes[i], tg_buffer_data(tile), s->size[i]);
        tg_buffer_release(tile);
    }
}

static size_t
lingering(const scene *s)
{
    return tg_tile_server_get_stats(tg_port_server(s->port)).lingering;
}

/* --- who reads ------------------------------------------------------------------------------- */

static void
worker_frame(void *ctx, const tg_net_frame *frame)
{
    tg_port_frame(((scene *)ctx)->worker.port, tg_net_now_ns(), frame);
}

static int64_t
worker_tick(void *ctx, int64_t now_ns)
{
    return tg_port_turn(((scene *)ctx)->worker.port, now_ns);
}

static void
fetched(void *ctx, const tg_fetch_end *end)
{
    scene *s = ctx;
    s->err = end->error;
    must(s, end->status);
    assert_true(end->shared);
    must(s, tg_part_put(s->job.part, end->fetch.task, end->buffer, &s->err));
    tg__worker_mapped_add(&s->worker, JOB, end->fetch.task, tg_buffer_data(end->buffer));
    tg_buffer_release(end->buffer);
    s->mapped++;
}

static void
make_worker(scene *s)
{
    tg_worker *w = &s->worker;
    tg_session *session = NULL;
    tg_net_options net = { .ctx = s,
                           .message = no_message,
                           .gone = nobody_gone,
                           .tick = worker_tick,
                           .data = worker_frame };
    must(s, tg_session_open(&(tg_session_options){ sizeof(tg_session_options), 1, 512 * MIB },
                            &session, &s->err));
    w->options.session = session;
    w->last = &w->first;
    (void)pthread_mutex_init(&w->lock, NULL);
    must(s, tg_net_create(&net, &w->net, &s->err));
    tg_port_options port = { .net = w->net, .pool = session->pool, .ctx = s, .ended = fetched };
    must(s, tg_port_create(&port, &w->port, &s->err));
    must(s, tg_crew_create(1, w, tg__worker_copy, &w->copier, &s->err));
    s->job = (tg_worker_job){ .worker = w, .number = JOB, .state = TG_WORKER_KNOWN };
    make_part(s, session, &s->job.plan, &s->job.part);
    w->jobs = &s->job;
}

/* The worker has mapped all tiles, and the holder has given them up. */
static void
begin(scene *s)
{
    char address[TG_NET_ADDRESS_MAX], listen[128];
    tg_net_options net = { .ctx = s,
                           .message = no_message,
                           .gone = nobody_gone,
                           .tick = holder_tick,
                           .data = holder_frame };
    memset(s, 0, sizeof *s);
    must(s, tg_session_open(&(tg_session_options){ sizeof(tg_session_options), 1, 512 * MIB },
                            &s->holds, &s->err));
    must(s, tg_shared_create(512 * MIB, &s->shared, &s->err));
    must(s, tg__session_share(s->holds, tg_shared_alloc(s->shared), &s->err));
    must(s, tg_net_create(&net, &s->net, &s->err));
    tg_port_options port = {
        .net = s->net, .pool = s->holds->pool, .shared = s->shared, .ctx = s, .lookup = look_up
    };
    must(s, tg_port_create(&port, &s->port, &s->err));
    (void)snprintf(listen, sizeof listen, "ipc:///tmp/tg-mapped-%ld", (long)getpid());
    must(s, tg_net_data_listen(s->net, listen, address, sizeof address, &s->err));
    make_part(s, s->holds, &s->plan, &s->part);
    make_tiles(s);
    make_worker(s);
    for (int i = 0; i < TILES; i++) {
        uint64_t id = 0;
        tg_fetch fetch = { .job = JOB,
                           .task = s->task[i],
                           .from = 1,
                           .bytes_max = TILE_BYTES_MAX,
                           .deadline_ns = INT64_MAX };
        must(s, tg_port_fetch(s->worker.port, tg_net_now_ns(), &fetch, address, &id, &s->err));
    }
    for (int64_t end = tg_net_now_ns() + 20000 * MS; s->mapped < TILES;) {
        must(s, tg_net_turn(s->net, MS, &s->err));
        must(s, tg_net_turn(s->worker.net, MS, &s->err));
        assert_true(tg_net_now_ns() < end);
    }
    for (int i = 0; i < TILES; i++) {
        tg_tile_server_forget(tg_port_server(s->port), JOB, s->task[i]);
        tg_part_drop(s->part, s->task[i]);
    }
    assert_int_equal(lingering(s), TILES);
}

static void
end(scene *s)
{
    tg_worker *w = &s->worker;
    tg_crew_destroy(w->copier);
    tg_port_stop(w->port);
    tg_net_destroy(w->net);
    tg__worker_news_free(w);
    tg_part_destroy(s->job.part);
    tg_plan_release(s->job.plan);
    tg__worker_mapped_free(w);
    tg_port_destroy(w->port);
    (void)pthread_mutex_destroy(&w->lock);
    tg_session_close(w->options.session);
    tg_port_stop(s->port);
    tg_net_destroy(s->net);
    tg_part_destroy(s->part);
    tg_plan_release(s->plan);
    tg_port_destroy(s->port);
    tg_session_close(s->holds);
    tg_shared_destroy(s->shared);
    for (int t = 0; t < TILES; t++) {
        test_free(s->bytes[t]);
    }
}

/* Is the tile where it was mapped? It must be what it was, wherever it is. */
static bool
is_mapped(scene *s, int i)
{
    tg_buffer *tile = tg_part_get(s->job.part, s->task[i]);
    bool mapped = false;
    assert_non_null(tile);
    assert_memory_equal(tg_buffer_data(tile), s->bytes[i], s->size[i]);
    for (size_t k = 0; k < s->worker.mapped_count; k++) {
        const tg_worker_mapped *one = &s->worker.mapped[k];
        mapped = mapped || (one->task == s->task[i] && one->data == tg_buffer_data(tile));
    }
    tg_buffer_release(tile);
    return mapped;
}

static size_t
count_mapped(scene *s)
{
    size_t count = 0;
    for (int i = 0; i < TILES; i++) {
        count += is_mapped(s, i);
    }
    return count;
}

/* What this thread has computed so far: others may keep it from the processor. */
static int64_t
thread_ns(void)
{
    struct timespec time;
    assert_int_equal(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time), 0);
    return (int64_t)time.tv_sec * 1000 * MS + time.tv_nsec;
}

/* One turn of the worker's loop. Gives how long it took. */
static int64_t
turn(scene *s, int64_t *next_ns)
{
    int64_t from = thread_ns(), now = tg_net_now_ns();
    int64_t next = tg__worker_take_news(&s->worker, now);
    int64_t look = tg__worker_mapped_turn(&s->worker, now);
    *next_ns = look < next ? look : next;
    return thread_ns() - from;
}

/* --- tests ----------------------------------------------------------------------------------- */

/* They were all copied in one turn once, during which nothing was heard of the worker. */
static void
test_a_turn_copies_nothing(void **state)
{
    static scene s;
    int64_t next = 0, longest = 0, until = tg_net_now_ns() + 20000 * MS;
    size_t left = TILES;
    (void)state;
    begin(&s);
    (void)turn(&s, &next);
    assert_int_equal(next, INT64_MAX); /* the end of the copy wakes the loop */
    assert_int_equal(count_mapped(&s), TILES);
    while (left > 0) {
        int64_t took = turn(&s, &next);
        size_t now = count_mapped(&s);
        assert_true(now == left || now == left - 1);
        left = now;
        longest = took > longest ? took : longest;
        assert_true(tg_net_now_ns() < until);
    }
    print_message("the longest turn took %.3f ms\n", (double)longest * 1e-6);
    assert_true(longest < 10 * MS);
    while (lingering(&s) > 0) { /* the holder has all its memory again */
        must(&s, tg_net_turn(s.net, MS, &s.err));
        assert_true(tg_net_now_ns() < until);
    }
    assert_int_equal(tg_pool_get_stats(s.holds->pool).used_bytes, 0);
    end(&s);
}

/* It is copied later, and keeps no other one waiting. */
static void
test_what_is_read_just_now_is_put_off(void **state)
{
    static scene s;
    int64_t next = 0, until = tg_net_now_ns() + 20000 * MS;
    (void)state;
    begin(&s);
    tg_tile *read = &tg_part_running(s.job.part)->tiles[s.task[0]];
    atomic_fetch_add(&read->readers, 1);
    while (count_mapped(&s) > 1) {
        (void)turn(&s, &next);
        assert_true(tg_net_now_ns() < until);
    }
    assert_true(is_mapped(&s, 0));
    atomic_fetch_sub(&read->readers, 1);
    while (count_mapped(&s) > 0) {
        (void)turn(&s, &next);
        assert_true(tg_net_now_ns() < until);
    }
    end(&s);
}

static void
test_a_worker_ends_while_it_copies(void **state)
{
    static scene s;
    int64_t next = 0;
    (void)state;
    begin(&s);
    (void)turn(&s, &next);
    assert_non_null(s.worker.copying.from);
    end(&s);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_turn_copies_nothing),
        cmocka_unit_test(test_what_is_read_just_now_is_put_off),
        cmocka_unit_test(test_a_worker_ends_while_it_copies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
