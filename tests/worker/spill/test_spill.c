/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Tiles on disk and back: the same bytes, whatever is asked at once; a full disk, a limit and a
 * cap that lose nothing; bytes that were changed; directories of processes that died.
 */
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "worker/exec/clock.h"
#include "worker/spill/spill.h"
#include "worker/spill/spill_file.h"

#define MIB    ((int64_t)1 << 20)
#define FOLDER "spill_test"
enum { TILES = 64 };

/* What has been told, by task. */
typedef struct ends {
    pthread_mutex_t lock;
    pthread_cond_t told;
    int count;
    tg_spill_done last[2][TILES]; /* by kind */
    int told_of[2][TILES];
} ends;

static void
tell(void *ctx, const tg_spill_done *done)
{
    ends *e = ctx;
    (void)pthread_mutex_lock(&e->lock);
    e->last[done->kind][done->key.task] = *done;
    e->told_of[done->kind][done->key.task]++;
    e->count++;
    (void)pthread_cond_signal(&e->told);
    (void)pthread_mutex_unlock(&e->lock);
}

static void
wait_for(ends *e, int count)
{
    (void)pthread_mutex_lock(&e->lock);
    while (e->count < count) {
        (void)pthread_cond_wait(&e->told, &e->lock);
    }
    assert_int_equal(e->count, count);
    (void)pthread_mutex_unlock(&e->lock);
}

typedef struct fixture {
    tg_pool *pool;
    tg_spill *spill;
    ends ends;
} fixture;

static fixture *
begin(int64_t bytes_max)
{
    fixture *f = calloc(1, sizeof *f);
    tg_error err;
    assert_non_null(f);
    (void)pthread_mutex_init(&f->ends.lock, NULL);
    (void)pthread_cond_init(&f->ends.told, NULL);
    (void)mkdir(FOLDER, 0755);
    f->pool = tg_pool_create(NULL, 256 * MIB);
    tg_spill_options options = {
        .directory = FOLDER, .bytes_max = bytes_max, .ctx = &f->ends, .done = tell
    };
    if (tg_spill_create(&options, &f->spill, &err) != TG_OK) {
        fail_msg("%s", err.message);
    }
    return f;
}

static int
folders(void)
{
    int count = 0;
    DIR *list = opendir(FOLDER);
    assert_non_null(list);
    for (const struct dirent *e = readdir(list); e != NULL; e = readdir(list)) {
        count += strncmp(e->d_name, "tilegraph-spill-", 16) == 0;
    }
    (void)closedir(list);
    return count;
}

static void
end(fixture *f)
{
    tg_spill_destroy(f->spill);
    assert_int_equal(folders(), 0);
    assert_int_equal(tg_pool_get_stats(f->pool).used_bytes, 0);
    tg_pool_destroy(f->pool);
    (void)pthread_mutex_destroy(&f->ends.lock);
    (void)pthread_cond_destroy(&f->ends.told);
    free(f);
}

/* A tile; `noise`: nothing makes it smaller. */
static tg_buffer *
make_tile(fixture *f, uint64_t seed, size_t bytes, bool noise)
{
    tg_buffer *buffer = tg_buffer_create(f->pool, bytes);
    assert_non_null(buffer);
    unsigned char *data = tg_buffer_data(buffer);
    uint64_t state = seed * 2654435761u + 1;
    for (size_t i = 0; i < bytes; i++) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        data[i] = noise ? (unsigned char)(state >> 56) : (unsigned char)((i / 64 + seed) & 0xff);
    }
    return buffer;
}

static void
store(fixture *f, uint64_t task, tg_buffer *buffer)
{
    assert_int_equal(tg_spill_store(f->spill, (tg_spill_key){ 1, task }, buffer, 4, NULL), TG_OK);
}

static void
load(fixture *f, uint64_t task)
{
    assert_int_equal(tg_spill_load(f->spill, (tg_spill_key){ 1, task }, f->pool, NULL), TG_OK);
}

static void
expect_loaded(fixture *f, uint64_t task, const tg_buffer *expected)
{
    tg_spill_done *done = &f->ends.last[TG_SPILL_LOADED][task];
    if (done->status != TG_OK) {
        fail_msg("%s", done->error.message);
    }
    assert_int_equal(tg_buffer_bytes(done->buffer), tg_buffer_bytes(expected));
    assert_memory_equal(tg_buffer_data(done->buffer), tg_buffer_data(expected),
                        tg_buffer_bytes(expected));
    tg_buffer_release(done->buffer);
    done->buffer = NULL;
}

/* --- there and back --------------------------------------------------------------------------- */

static void
test_tiles_come_back(void **state)
{
    static const size_t sizes[] = { 0, 1, 100, 4096, 262143, 262144, 262145, 1 << 20, 3000000 };
    enum { SIZES = sizeof sizes / sizeof sizes[0] };
    fixture *f = begin(64 * MIB);
    tg_buffer *tiles[2 * SIZES];
    struct stat st;
    (void)state;
    assert_int_equal(stat(tg_spill_path(f->spill), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    for (int i = 0; i < 2 * SIZES; i++) {
        tiles[i] = make_tile(f, (uint64_t)i, sizes[i / 2], i % 2 != 0);
        store(f, (uint64_t)i, tiles[i]);
    }
    wait_for(&f->ends, 2 * SIZES);
    for (int i = 0; i < 2 * SIZES; i++) {
        const tg_spill_done *done = &f->ends.last[TG_SPILL_STORED][i];
        assert_int_equal(done->status, TG_OK);
        assert_true(done->bytes <= (int64_t)(sizes[i / 2] + 4096));
        if (i % 2 == 0 && sizes[i / 2] >= 262144) { /* what can be smaller is */
            assert_true(done->bytes < (int64_t)sizes[i / 2] / 4);
        }
    }
    store(f, 3, tiles[3]); /* it is there already */
    wait_for(&f->ends, 2 * SIZES + 1);
    tg_spill_stats stats = tg_spill_get_stats(f->spill);
    assert_int_equal(stats.tiles, 2 * SIZES);
    assert_true(stats.written_bytes == stats.disk_bytes && stats.disk_bytes < stats.stored_bytes);
    for (int pass = 0; pass < 2; pass++) {
        f->ends.count = 0;
        for (int i = 0; i < 2 * SIZES; i++) {
            load(f, (uint64_t)i);
        }
        wait_for(&f->ends, 2 * SIZES);
        for (int i = 0; i < 2 * SIZES; i++) {
            expect_loaded(f, (uint64_t)i, tiles[i]);
        }
    }
    for (int i = 0; i < 2 * SIZES; i++) {
        tg_buffer_release(tiles[i]);
    }
    end(f);
}

static void
test_forgotten_tiles_leave_their_room(void **state)
{
    fixture *f = begin(64 * MIB);
    char path[4096];
    struct stat st;
    (void)state;
    for (int round = 0; round < 30; round++) { /* other sizes each time: gaps, joined and cut */
        f->ends.count = 0;
        for (uint64_t t = 0; t < 20; t++) {
            tg_buffer *tile =
                make_tile(f, t, 1000 + 37000 * ((t * 7 + (uint64_t)round) % 11), true);
            store(f, t, tile);
            tg_buffer_release(tile);
        }
        wait_for(&f->ends, 20);
        for (uint64_t t = 0; t < 20; t++) {
            uint64_t task = (t * 7 + (uint64_t)round) % 20;
            assert_int_equal(tg_spill_forget(f->spill, (tg_spill_key){ 1, task }, NULL), TG_OK);
            if (t == 10) { /* what is left is what it was */
                uint64_t other = (19 * 7 + (uint64_t)round) % 20;
                tg_buffer *same =
                    make_tile(f, other, 1000 + 37000 * ((other * 7 + (uint64_t)round) % 11), true);
                f->ends.count = 0;
                load(f, other);
                wait_for(&f->ends, 1);
                expect_loaded(f, other, same);
                tg_buffer_release(same);
            }
        }
    }
    f->ends.count = 0;
    load(f, 5); /* behind all that was forgotten */
    wait_for(&f->ends, 1);
    assert_int_equal(f->ends.last[TG_SPILL_LOADED][5].status, TG_ERR_NOT_FOUND);
    assert_int_equal(tg_spill_get_stats(f->spill).disk_bytes, 0);
    (void)snprintf(path, sizeof path, "%s/tiles", tg_spill_path(f->spill));
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_size, 0);
    end(f);
}

static void
test_a_job_is_forgotten_whole(void **state)
{
    fixture *f = begin(64 * MIB);
    tg_buffer *tile = make_tile(f, 1, 5000, false);
    (void)state;
    for (uint64_t t = 0; t < TILES; t++) {
        assert_int_equal(tg_spill_store(f->spill, (tg_spill_key){ t % 2, t }, tile, 1, NULL),
                         TG_OK);
    }
    assert_int_equal(tg_spill_forget_job(f->spill, 0, NULL), TG_OK);
    load(f, 0);
    wait_for(&f->ends, TILES + 1);
    assert_int_equal(tg_spill_get_stats(f->spill).tiles, TILES / 2);
    assert_int_equal(f->ends.last[TG_SPILL_LOADED][0].status, TG_ERR_NOT_FOUND);
    tg_buffer_release(tile);
    end(f);
}

/* More keys than the table begins with. */
static void
test_many_tiles(void **state)
{
    fixture *f = begin(64 * MIB);
    tg_buffer *tile = make_tile(f, 1, 64, false);
    enum { MANY = 2000 };
    (void)state;
    for (uint64_t t = 0; t < MANY; t++) {
        assert_int_equal(tg_spill_store(f->spill, (tg_spill_key){ t, t % TILES }, tile, 1, NULL),
                         TG_OK);
    }
    for (uint64_t t = 0; t < MANY; t++) {
        assert_int_equal(tg_spill_load(f->spill, (tg_spill_key){ t, t % TILES }, f->pool, NULL),
                         TG_OK);
        wait_for(&f->ends, MANY + (int)t + 1);
        expect_loaded(f, t % TILES, tile);
    }
    assert_int_equal(tg_spill_get_stats(f->spill).tiles, MANY);
    tg_buffer_release(tile);
    end(f);
}

/* --- no room -----------------------------------------------------------------------------------
 */

static void
test_a_cap_is_kept(void **state)
{
    fixture *f = begin(2 * MIB);
    tg_buffer *tile = make_tile(f, 1, 900000, true);
    (void)state;
    for (uint64_t t = 0; t < 4; t++) {
        store(f, t, tile);
    }
    wait_for(&f->ends, 4);
    for (int t = 0; t < 4; t++) {
        const tg_spill_done *done = &f->ends.last[TG_SPILL_STORED][t];
        assert_int_equal(done->status, t < 2 ? TG_OK : TG_ERR_LIMIT);
        assert_int_equal(done->full, t >= 2);
        if (t >= 2) {
            assert_non_null(strstr(done->error.message, "may have 2097152 bytes on disk"));
            assert_non_null(strstr(done->error.message, "task 2") != NULL
                                ? strstr(done->error.message, "task 2")
                                : strstr(done->error.message, "task 3"));
        }
    }
    assert_true(tg_spill_get_stats(f->spill).disk_bytes <= 2 * MIB);
    /* One goes, another one comes. */
    f->ends.count = 0;
    assert_int_equal(tg_spill_forget(f->spill, (tg_spill_key){ 1, 0 }, NULL), TG_OK);
    store(f, 3, tile);
    load(f, 3);
    load(f, 2);
    wait_for(&f->ends, 3);
    assert_int_equal(f->ends.last[TG_SPILL_STORED][3].status, TG_OK);
    expect_loaded(f, 3, tile);
    assert_int_equal(f->ends.last[TG_SPILL_LOADED][2].status, TG_ERR_NOT_FOUND);
    tg_buffer_release(tile);
    end(f);
}

/* RLIMIT_FSIZE stands for a full disk: the same path, with EFBIG instead of ENOSPC. In a child: a
 * limit cannot be raised again. */
static int
spill_under_a_limit(void)
{
    fixture *f = begin(64 * MIB);
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = 1500000;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    tg_buffer *tile = make_tile(f, 1, 900000, true);
    store(f, 0, tile);
    store(f, 1, tile); /* a part of it is written */
    wait_for(&f->ends, 2);
    const tg_spill_done *done = &f->ends.last[TG_SPILL_STORED][1];
    bool good = f->ends.last[TG_SPILL_STORED][0].status == TG_OK && done->status == TG_ERR_IO &&
                done->full && strstr(done->error.message, "File too large") != NULL &&
                strstr(done->error.message, FOLDER) != NULL;
    struct stat st;
    char path[4096];
    (void)snprintf(path, sizeof path, "%s/tiles", tg_spill_path(f->spill));
    good = good && stat(path, &st) == 0 && st.st_size <= 900000 + 4096;
    f->ends.count = 0;
    load(f, 0);
    load(f, 1);
    assert_int_equal(tg_spill_forget(f->spill, (tg_spill_key){ 1, 0 }, NULL), TG_OK);
    store(f, 1, tile); /* there is room again */
    load(f, 2);
    wait_for(&f->ends, 4);
    good = good && f->ends.last[TG_SPILL_LOADED][1].status == TG_ERR_NOT_FOUND &&
           f->ends.last[TG_SPILL_STORED][1].status == TG_OK;
    expect_loaded(f, 0, tile);
    tg_buffer_release(tile);
    end(f);
    return good ? 0 : 1;
}

static void
test_a_full_disk_loses_nothing(void **state)
{
    int status = 0;
    (void)state;
    (void)fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        _exit(spill_under_a_limit());
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void
test_no_room_in_the_pool(void **state)
{
    fixture *f = begin(64 * MIB);
    tg_pool *small = tg_pool_create(NULL, 100000);
    tg_buffer *tile = make_tile(f, 1, 900000, true);
    (void)state;
    store(f, 0, tile);
    assert_int_equal(tg_spill_load(f->spill, (tg_spill_key){ 1, 0 }, small, NULL), TG_OK);
    wait_for(&f->ends, 2);
    assert_int_equal(f->ends.last[TG_SPILL_LOADED][0].status, TG_ERR_MEMORY);
    load(f, 0); /* it is still there */
    wait_for(&f->ends, 3);
    expect_loaded(f, 0, tile);
    tg_buffer_release(tile);
    tg_pool_destroy(small);
    end(f);
}

/* --- bytes that were changed -------------------------------------------------------------------
 */

static void
test_changed_bytes_are_found(void **state)
{
    for (int noise = 0; noise < 2; noise++) {
        fixture *f = begin(64 * MIB);
        tg_buffer *tile = make_tile(f, 1, 900000, noise != 0);
        char path[4096];
        char byte = 0;
        (void)state;
        store(f, 0, tile);
        wait_for(&f->ends, 1);
        (void)snprintf(path, sizeof path, "%s/tiles", tg_spill_path(f->spill));
        int fd = open(path, O_RDWR);
        struct stat st;
        assert_true(fd >= 0 && fstat(fd, &st) == 0 && st.st_size > 100);
        const off_t places[] = { 0, st.st_size / 2, st.st_size - 1 };
        for (int i = 0; i < 3; i++) {
            assert_int_equal(pread(fd, &byte, 1, places[i]), 1);
            byte ^= 4;
            assert_int_equal(pwrite(fd, &byte, 1, places[i]), 1);
            load(f, 0);
            wait_for(&f->ends, 2 + i);
            const tg_spill_done *done = &f->ends.last[TG_SPILL_LOADED][0];
            assert_int_equal(done->status, TG_ERR_CORRUPT);
            assert_null(done->buffer);
            assert_non_null(strstr(done->error.message, "are not those that were written"));
            assert_non_null(strstr(done->error.message, "tiles"));
            byte ^= 4;
            assert_int_equal(pwrite(fd, &byte, 1, places[i]), 1);
        }
        load(f, 0);
        wait_for(&f->ends, 5);
        expect_loaded(f, 0, tile);
        assert_int_equal(ftruncate(fd, st.st_size - 10), 0);
        load(f, 0);
        wait_for(&f->ends, 6);
        assert_int_equal(f->ends.last[TG_SPILL_LOADED][0].status, TG_ERR_CORRUPT);
        assert_non_null(strstr(f->ends.last[TG_SPILL_LOADED][0].error.message, "ends"));
        (void)close(fd);
        tg_buffer_release(tile);
        end(f);
    }
}

/* --- directories -------------------------------------------------------------------------------
 */

static void
test_leftovers_of_the_dead_are_removed(void **state)
{
    int status = 0;
    (void)state;
    (void)fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        fixture *f = begin(64 * MIB);
        tg_buffer *tile = make_tile(f, 1, 900000, true);
        store(f, 0, tile);
        wait_for(&f->ends, 1);
        _exit(0); /* without a word */
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(folders(), 1);
    fixture *f = begin(64 * MIB);
    assert_int_equal(folders(), 1); /* ours */
    tg_spill *beside = NULL;        /* one that lives is left alone */
    tg_spill_options options = {
        .directory = FOLDER, .bytes_max = MIB, .ctx = &f->ends, .done = tell
    };
    assert_int_equal(tg_spill_create(&options, &beside, NULL), TG_OK);
    assert_int_equal(folders(), 2);
    tg_buffer *tile = make_tile(f, 1, 90000, true);
    store(f, 0, tile);
    load(f, 0);
    wait_for(&f->ends, 2);
    expect_loaded(f, 0, tile);
    tg_buffer_release(tile);
    tg_spill_destroy(beside);
    end(f);
}

static void
test_bad_places(void **state)
{
    tg_spill *spill = NULL;
    tg_error err = { .message = "" };
    tg_spill_options options = { .directory = "spill_nowhere", .bytes_max = MIB, .done = tell };
    (void)state;
    assert_int_equal(tg_spill_create(&options, &spill, &err), TG_ERR_NOT_FOUND);
    assert_non_null(strstr(err.message, "spill_nowhere"));
    assert_null(spill);
    options.bytes_max = 0;
    assert_int_equal(tg_spill_create(&options, &spill, &err), TG_ERR_VALUE);
    tg_spill_destroy(NULL);
}

/* --- many at once ------------------------------------------------------------------------------
 */

typedef struct asker {
    fixture *f;
    uint64_t job;
    tg_buffer *tile;
} asker;

static void *
ask(void *arg)
{
    const asker *a = arg;
    for (uint64_t t = 0; t < TILES; t++) {
        const tg_spill_key key = { a->job, t };
        assert_int_equal(tg_spill_store(a->f->spill, key, a->tile, 8, NULL), TG_OK);
        assert_int_equal(tg_spill_load(a->f->spill, key, a->f->pool, NULL), TG_OK);
        (void)tg_spill_get_stats(a->f->spill);
        assert_int_equal(tg_spill_forget(a->f->spill, key, NULL), TG_OK);
    }
    return NULL;
}

static void
count_and_release(void *ctx, const tg_spill_done *done)
{
    ends *e = ctx;
    assert_int_equal(done->status, TG_OK);
    tg_buffer_release(done->buffer);
    (void)pthread_mutex_lock(&e->lock);
    e->count++;
    (void)pthread_cond_signal(&e->told);
    (void)pthread_mutex_unlock(&e->lock);
}

static void
test_many_threads_ask(void **state)
{
    enum { ASKERS = 4 };
    fixture *f = begin(64 * MIB);
    tg_spill_options options = {
        .directory = FOLDER, .bytes_max = 64 * MIB, .ctx = &f->ends, .done = count_and_release
    };
    pthread_t threads[ASKERS];
    asker askers[ASKERS];
    (void)state;
    tg_spill_destroy(f->spill);
    assert_int_equal(tg_spill_create(&options, &f->spill, NULL), TG_OK);
    for (uint64_t i = 0; i < ASKERS; i++) {
        askers[i] = (asker){ f, i, make_tile(f, i, 50000, i % 2 == 0) };
        assert_int_equal(pthread_create(&threads[i], NULL, ask, &askers[i]), 0);
    }
    for (int i = 0; i < ASKERS; i++) {
        (void)pthread_join(threads[i], NULL);
    }
    wait_for(&f->ends, 2 * ASKERS * TILES);
    for (int i = 0; i < ASKERS; i++) {
        tg_buffer_release(askers[i].tile);
    }
    end(f);
}

static void
test_an_end_with_much_to_do(void **state)
{
    fixture *f = begin(256 * MIB);
    tg_buffer *tile = make_tile(f, 1, 900000, true);
    (void)state;
    for (uint64_t t = 0; t < TILES; t++) {
        store(f, t, tile);
    }
    tg_buffer_release(tile);
    tg_spill_destroy(f->spill); /* the rest is forgotten; the buffer was let go of */
    assert_int_equal(tg_pool_get_stats(f->pool).used_bytes, 0);
    f->spill = NULL;
    end(f);
}

static void
test_speed(void **state)
{
    for (int noise = 0; noise < 2; noise++) {
        fixture *f = begin(256 * MIB);
        tg_buffer *tile = make_tile(f, 1, (size_t)MIB, noise != 0);
        (void)state;
        int64_t start = tg_clock_ns();
        for (uint64_t t = 0; t < TILES; t++) {
            store(f, t, tile);
        }
        wait_for(&f->ends, TILES);
        int64_t stored = tg_clock_ns();
        f->ends.count = 0;
        for (uint64_t t = 0; t < TILES; t++) {
            load(f, t);
        }
        wait_for(&f->ends, TILES);
        int64_t loaded = tg_clock_ns();
        for (uint64_t t = 0; t < TILES; t++) {
            expect_loaded(f, t, tile);
        }
        print_message("%s tiles of 1 MiB: stored at %.2f, loaded at %.2f GB/s\n",
                      noise != 0 ? "random" : "smooth",
                      (double)(TILES * MIB) / (double)(stored - start),
                      (double)(TILES * MIB) / (double)(loaded - stored));
        tg_buffer_release(tile);
        end(f);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tiles_come_back),
        cmocka_unit_test(test_forgotten_tiles_leave_their_room),
        cmocka_unit_test(test_a_job_is_forgotten_whole),
        cmocka_unit_test(test_many_tiles),
        cmocka_unit_test(test_a_cap_is_kept),
        cmocka_unit_test(test_a_full_disk_loses_nothing),
        cmocka_unit_test(test_no_room_in_the_pool),
        cmocka_unit_test(test_changed_bytes_are_found),
        cmocka_unit_test(test_leftovers_of_the_dead_are_removed),
        cmocka_unit_test(test_bad_places),
        cmocka_unit_test(test_many_threads_ask),
        cmocka_unit_test(test_an_end_with_much_to_do),
        cmocka_unit_test(test_speed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
