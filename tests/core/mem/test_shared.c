/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Memory that other processes read in place: what they see, what keeps a block from being used
 * again while they do, and what is left when either end dies or lies.
 */
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <xxhash.h>

#include <cmocka.h>

#include "core/mem/shared.h"

#define MIB ((size_t)1 << 20)

static uint64_t random_state;
static tg_shared_reader *reader; /* in this process, and anew in each child */

static uint32_t
draw(uint32_t below)
{
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(random_state >> 33) % below;
}

static void
fill(void *data, size_t bytes, uint64_t seed)
{
    for (size_t i = 0; i < bytes; i += 512) {
        ((unsigned char *)data)[i] = (unsigned char)(seed + i / 512);
    }
}

static bool
is_filled(const void *data, size_t bytes, uint64_t seed)
{
    bool same = true;
    for (size_t i = 0; i < bytes && same; i += 512) {
        same = ((const unsigned char *)data)[i] == (unsigned char)(seed + i / 512);
    }
    return same;
}

/* -- a reader in a process of its own ------------------------------------------------------ */

typedef struct order {
    char what; /* map, look, release, quit */
    tg_shared_ref ref;
    uint64_t seed;
} order;

typedef struct child {
    pid_t pid;
    int to, from;
} child;

static void
obey(int from, int to)
{
    tg_buffer *buffer = NULL;
    order o;
    reader = tg_shared_reader_create();
    while (read(from, &o, sizeof o) == (ssize_t)sizeof o && o.what != 'q') {
        tg_error err = { 0 };
        int answer = -1;
        if (o.what == 'm') {
            answer = (int)tg_shared_map(reader, &o.ref, &buffer, &err);
        } else if (o.what == 'l') {
            answer = is_filled(tg_buffer_data(buffer), tg_buffer_bytes(buffer), o.seed) ? 0 : 1;
        } else if (o.what == 'r') {
            tg_buffer_release(buffer);
            buffer = NULL;
            answer = 0;
        }
        if (write(to, &answer, sizeof answer) != (ssize_t)sizeof answer) {
            break;
        }
    }
    _exit(0);
}

static child
child_begin(void)
{
    int there[2], back[2];
    assert_int_equal(pipe(there), 0);
    assert_int_equal(pipe(back), 0);
    child c = { fork(), there[1], back[0] };
    assert_true(c.pid >= 0);
    if (c.pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* a test that failed leaves nobody behind */
        (void)close(there[1]);
        (void)close(back[0]);
        obey(there[0], back[1]);
    }
    (void)close(there[0]);
    (void)close(back[1]);
    return c;
}

static void
child_order(const child *c, char what, const tg_shared_ref *ref, uint64_t seed)
{
    order o;
    memset(&o, 0, sizeof o);
    o.what = what;
    o.seed = seed;
    if (ref != NULL) {
        o.ref = *ref;
    }
    assert_int_equal(write(c->to, &o, sizeof o), sizeof o);
}

static int
child_answer(const child *c)
{
    int answer = -1;
    assert_int_equal(read(c->from, &answer, sizeof answer), sizeof answer);
    return answer;
}

static int
child_do(const child *c, char what, const tg_shared_ref *ref, uint64_t seed)
{
    child_order(c, what, ref, seed);
    return child_answer(c);
}

static void
child_end(child *c, int signal)
{
    int status = 0;
    if (signal != 0) {
        assert_int_equal(kill(c->pid, signal), 0);
    } else {
        child_order(c, 'q', NULL, 0);
    }
    assert_int_equal(waitpid(c->pid, &status, 0), c->pid);
    (void)close(c->to);
    (void)close(c->from);
}

/* -- the holder ---------------------------------------------------------------------------- */

typedef struct holder {
    tg_shared *shared;
    tg_pool *pool;
} holder;

static int
setup(void **state)
{
    static holder h;
    tg_error err = { 0 };
    if (tg_shared_create((int64_t)(64 * MIB), &h.shared, &err) != TG_OK) {
        fail_msg("%s", err.message);
    }
    h.pool = tg_pool_create(tg_shared_alloc(h.shared), (int64_t)(64 * MIB));
    assert_non_null(h.pool);
    reader = tg_shared_reader_create();
    *state = &h;
    return 0;
}

static int
teardown(void **state)
{
    holder *h = *state;
    tg_pool_destroy(h->pool);
    tg_shared_destroy(h->shared);
    tg_shared_reader_destroy(reader);
    return 0;
}

/* A tile with content, on offer. */
static tg_buffer *
make_tile(holder *h, size_t bytes, uint64_t seed, tg_shared_ref *ref)
{
    tg_buffer *tile = tg_buffer_create(h->pool, bytes);
    assert_non_null(tile);
    fill(tg_buffer_data(tile), bytes, seed);
    assert_true(tg_shared_offer(h->shared, tg_buffer_data(tile), bytes, ref));
    assert_int_equal(ref->bytes, bytes);
    return tile;
}

static void
another_process_reads_a_tile_in_place(void **state)
{
    holder *h = *state;
    tg_shared_ref ref;
    tg_buffer *tile = make_tile(h, 3 * MIB + 100, 7, &ref);
    child c = child_begin();
    assert_int_equal(child_do(&c, 'm', &ref, 0), TG_OK);
    assert_int_equal(child_do(&c, 'l', NULL, 7), 0);
    /* It is the same memory, not a copy. */
    fill(tg_buffer_data(tile), 3 * MIB + 100, 8);
    assert_int_equal(child_do(&c, 'l', NULL, 8), 0);
    assert_false(tg_shared_withdraw(h->shared, &ref));
    assert_int_equal(child_do(&c, 'r', NULL, 0), 0);
    assert_true(tg_shared_withdraw(h->shared, &ref));
    child_end(&c, 0);
    tg_buffer_release(tile);
    assert_int_equal(tg_pool_get_stats(h->pool).used_bytes, 0);
}

static void
what_is_withdrawn_cannot_be_mapped(void **state)
{
    holder *h = *state;
    tg_shared_ref ref, again;
    tg_error err = { 0 };
    tg_buffer *tile = make_tile(h, MIB, 1, &ref), *mapped = NULL;
    assert_true(tg_shared_withdraw(h->shared, &ref));
    assert_int_equal(tg_shared_map(reader, &ref, &mapped, &err), TG_ERR_NOT_FOUND);
    assert_null(mapped);
    /* The same slot, another number: the former reference is still none. */
    assert_true(tg_shared_offer(h->shared, tg_buffer_data(tile), MIB, &again));
    assert_int_equal(again.slot, ref.slot);
    assert_int_equal(tg_shared_map(reader, &ref, &mapped, &err), TG_ERR_NOT_FOUND);
    assert_int_equal(tg_shared_map(reader, &again, &mapped, &err), TG_OK);
    assert_true(is_filled(tg_buffer_data(mapped), MIB, 1));
    /* A refusal has left no lock behind: only this mapping holds one. */
    assert_false(tg_shared_withdraw(h->shared, &again));
    tg_buffer_release(mapped);
    assert_true(tg_shared_withdraw(h->shared, &again));
    tg_buffer_release(tile);
}

static void
two_readings_of_one_tile_are_counted(void **state)
{
    holder *h = *state;
    tg_shared_ref ref;
    tg_error err = { 0 };
    tg_buffer *tile = make_tile(h, MIB, 1, &ref), *one = NULL, *two = NULL;
    assert_int_equal(tg_shared_map(reader, &ref, &one, &err), TG_OK);
    assert_int_equal(tg_shared_map(reader, &ref, &two, &err), TG_OK);
    tg_buffer_release(one);
    assert_false(tg_shared_withdraw(h->shared, &ref));
    tg_buffer_release(two);
    assert_true(tg_shared_withdraw(h->shared, &ref));
    tg_buffer_release(tile);
}

/* Two holders that waited for each other's readers had no memory, whatever they gave up. */
static void
a_reader_is_told_what_is_wanted_back(void **state)
{
    holder *h = *state;
    tg_shared_ref ref[3];
    tg_buffer *tile[3], *mapped[3];
    const void *wanted[3] = { NULL };
    for (int i = 0; i < 3; i++) {
        tile[i] = make_tile(h, 256 << 10, (uint64_t)i, &ref[i]);
        assert_int_equal(tg_shared_map(reader, &ref[i], &mapped[i], NULL), TG_OK);
    }
    assert_int_equal(tg_shared_wanted(reader, wanted, 3), 0);
    assert_false(tg_shared_withdraw(h->shared, &ref[1]));
    assert_int_equal(tg_shared_wanted(reader, wanted, 3), 1);
    assert_ptr_equal(wanted[0], tg_buffer_data(mapped[1]));
    assert_false(tg_shared_withdraw(h->shared, &ref[0]));
    assert_int_equal(tg_shared_wanted(reader, wanted, 3), 2);
    assert_int_equal(tg_shared_wanted(reader, wanted, 1), 1);
    for (int i = 0; i < 3; i++) {
        tg_buffer_release(mapped[i]);
    }
    assert_int_equal(tg_shared_wanted(reader, wanted, 3), 0);
    for (int i = 0; i < 3; i++) {
        assert_true(tg_shared_withdraw(h->shared, &ref[i]));
        tg_buffer_release(tile[i]);
    }
}

static void
readers_of_neighbours_do_not_disturb_each_other(void **state)
{
    holder *h = *state;
    tg_shared_ref ref[3];
    tg_buffer *tile[3], *mapped[3];
    tg_error err = { 0 };
    for (int i = 0; i < 3; i++) {
        tile[i] = make_tile(h, 256 << 10, (uint64_t)i, &ref[i]);
        assert_int_equal(tg_shared_map(reader, &ref[i], &mapped[i], &err), TG_OK);
    }
    tg_buffer_release(mapped[1]);
    assert_true(tg_shared_withdraw(h->shared, &ref[1]));
    assert_false(tg_shared_withdraw(h->shared, &ref[0]));
    assert_false(tg_shared_withdraw(h->shared, &ref[2]));
    for (int i = 0; i < 3; i += 2) {
        assert_true(is_filled(tg_buffer_data(mapped[i]), 256 << 10, (uint64_t)i));
        tg_buffer_release(mapped[i]);
        assert_true(tg_shared_withdraw(h->shared, &ref[i]));
    }
    for (int i = 0; i < 3; i++) {
        tg_buffer_release(tile[i]);
    }
}

/* Offers that are withdrawn while the reader maps them: it gets the tile or nothing, never the next
 * one in its place. Answers: how many it got, or -1. */
static void
a_tile_is_never_anothers(void **state)
{
    enum { TILES = 3000, BYTES = 128 << 10 };
    holder *h = *state;
    int there[2], back[2], answer = 0, status = 0;
    assert_int_equal(pipe(there), 0);
    assert_int_equal(pipe(back), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        order o;
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        (void)close(there[1]);
        reader = tg_shared_reader_create();
        while (read(there[0], &o, sizeof o) == (ssize_t)sizeof o) {
            tg_buffer *mapped = NULL;
            if (tg_shared_map(reader, &o.ref, &mapped, NULL) == TG_OK) {
                for (int i = 0; i < 3 && answer >= 0; i++) {
                    bool same = is_filled(tg_buffer_data(mapped), BYTES, o.seed);
                    answer = same ? answer + (i == 0) : -1;
                }
                tg_buffer_release(mapped);
            }
        }
        _exit(write(back[1], &answer, sizeof answer) != (ssize_t)sizeof answer);
    }
    (void)close(there[0]);
    (void)close(back[1]);
    random_state = 5;
    for (uint64_t i = 0; i < TILES; i++) {
        order o;
        memset(&o, 0, sizeof o);
        o.seed = i * 3;
        tg_buffer *tile = make_tile(h, BYTES, o.seed, &o.ref); /* in the place of the one before */
        assert_int_equal(write(there[1], &o, sizeof o), sizeof o);
        for (volatile uint32_t wait = draw(20000); wait > 0; wait--) {
        }
        while (!tg_shared_withdraw(h->shared, &o.ref)) {
        }
        tg_buffer_release(tile);
    }
    (void)close(there[1]);
    assert_int_equal(read(back[0], &answer, sizeof answer), sizeof answer);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(WEXITSTATUS(status), 0);
    assert_true(answer > 0); /* some came in time */
    (void)close(back[0]);
}

static void
a_reader_that_is_killed_lets_go(void **state)
{
    holder *h = *state;
    tg_shared_ref ref;
    tg_buffer *tile = make_tile(h, MIB, 1, &ref);
    child c = child_begin();
    assert_int_equal(child_do(&c, 'm', &ref, 0), TG_OK);
    assert_false(tg_shared_withdraw(h->shared, &ref));
    child_end(&c, SIGKILL);
    assert_true(tg_shared_withdraw(h->shared, &ref));
    tg_buffer_release(tile);
}

static void
a_reader_that_is_stopped_keeps_its_tile(void **state)
{
    holder *h = *state;
    tg_shared_ref ref;
    int status = 0;
    tg_buffer *tile = make_tile(h, MIB, 1, &ref);
    child c = child_begin();
    assert_int_equal(child_do(&c, 'm', &ref, 0), TG_OK);
    assert_int_equal(kill(c.pid, SIGSTOP), 0);
    assert_int_equal(waitpid(c.pid, &status, WUNTRACED), c.pid);
    assert_false(tg_shared_withdraw(h->shared, &ref));
    /* So the block is not another tile's when the reader wakes. */
    tg_shared_ref other;
    tg_buffer *next = make_tile(h, MIB, 99, &other);
    assert_int_equal(kill(c.pid, SIGCONT), 0);
    assert_int_equal(child_do(&c, 'l', NULL, 1), 0);
    child_end(&c, 0);
    assert_true(tg_shared_withdraw(h->shared, &ref));
    assert_true(tg_shared_withdraw(h->shared, &other));
    tg_buffer_release(next);
    tg_buffer_release(tile);
}

/* A holder in a process of its own makes a tile, says where, and ends as told. */
static child
holder_begin(size_t bytes, bool in_order, tg_shared_ref *ref)
{
    int there[2], back[2];
    assert_int_equal(pipe(there), 0);
    assert_int_equal(pipe(back), 0);
    child c = { fork(), there[1], back[0] };
    assert_true(c.pid >= 0);
    if (c.pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        tg_shared *shared = NULL;
        char word = 0;
        (void)close(there[1]);
        if (tg_shared_create((int64_t)(16 * MIB), &shared, NULL) == TG_OK) {
            const tg_alloc *a = tg_shared_alloc(shared);
            void *data = a->alloc(a->ctx, bytes, 64);
            tg_shared_ref mine;
            memset(&mine, 0, sizeof mine);
            fill(data, bytes, 5);
            if (tg_shared_offer(shared, data, bytes, &mine) &&
                write(back[1], &mine, sizeof mine) == (ssize_t)sizeof mine &&
                read(there[0], &word, 1) == 1 && in_order) {
                (void)tg_shared_withdraw(shared, &mine);
                a->free(a->ctx, data, bytes);
                tg_shared_destroy(shared);
            }
        }
        _exit(0);
    }
    (void)close(there[0]);
    (void)close(back[1]);
    assert_int_equal(read(c.from, ref, sizeof *ref), sizeof *ref);
    return c;
}

/* Bytes of memory files that this process maps. */
static size_t
mapped_files(void)
{
    size_t bytes = 0, from = 0, to = 0;
    char line[512];
    FILE *maps = fopen("/proc/self/maps", "r");
    assert_non_null(maps);
    while (fgets(line, sizeof line, maps) != NULL) {
        if (strstr(line, "memfd:tilegraph") != NULL && sscanf(line, "%zx-%zx", &from, &to) == 2) {
            bytes += to - from;
        }
    }
    (void)fclose(maps);
    return bytes;
}

static void
a_mapping_outlives_its_holder(void **state)
{
    tg_error err = { 0 };
    (void)state;
    for (int how = 0; how < 3; how++) { /* killed, ended at once, ended in good order */
        tg_shared_ref ref;
        tg_buffer *mapped = NULL, *late = NULL;
        size_t before = mapped_files();
        child c = holder_begin(2 * MIB, how == 2, &ref);
        assert_int_equal(tg_shared_map(reader, &ref, &mapped, &err), TG_OK);
        assert_true(is_filled(tg_buffer_data(mapped), 2 * MIB, 5));
        assert_true(mapped_files() > before);
        child_end(&c, how == 0 ? SIGKILL : 0);
        tg_shared_trim(reader); /* is still read */
        assert_true(is_filled(tg_buffer_data(mapped), 2 * MIB, 5));
        tg_buffer_release(mapped);
        tg_shared_trim(reader);
        assert_int_equal(mapped_files(), before);
        assert_int_equal(tg_shared_map(reader, &ref, &late, &err), TG_ERR_IO);
        assert_non_null(strstr(err.message, "cannot open"));
    }
}

/* A bug: the pool wrote its list into blocks that a holder, which left, had given up. */
static void
what_is_still_read_is_never_written(void **state)
{
    holder *h = *state;
    tg_shared_ref ref;
    tg_error err = { 0 };
    tg_buffer *tile = make_tile(h, MIB, 5, &ref), *mapped = NULL;
    assert_int_equal(tg_shared_map(reader, &ref, &mapped, &err), TG_OK);
    assert_false(tg_shared_withdraw(h->shared, &ref));
    tg_buffer_leave_to_readers(tile);
    tg_buffer_release(tile);
    assert_true(is_filled(tg_buffer_data(mapped), MIB, 5));
    tg_buffer *next = tg_buffer_create(h->pool, MIB);
    assert_non_null(next);
    memset(tg_buffer_data(next), 0, MIB);
    tg_buffer_release(next);
    assert_true(is_filled(tg_buffer_data(mapped), MIB, 5));
    tg_buffer_release(mapped);
}

static void
a_living_holder_is_not_trimmed(void **state)
{
    holder *h = *state;
    tg_shared_ref ref;
    tg_error err = { 0 };
    tg_buffer *mapped = NULL;
    child c = holder_begin(2 * MIB, false, &ref);
    (void)h;
    assert_int_equal(tg_shared_map(reader, &ref, &mapped, &err), TG_OK);
    tg_buffer_release(mapped);
    size_t before = mapped_files();
    tg_shared_trim(reader);
    assert_int_equal(mapped_files(), before);
    child_end(&c, 0);
    tg_shared_trim(reader);
    assert_true(mapped_files() < before);
}

static void
forked_children_hold_no_locks(void **state)
{
    holder *h = *state;
    tg_shared_ref ref;
    tg_error err = { 0 };
    tg_buffer *tile = make_tile(h, MIB, 1, &ref), *mapped = NULL;
    assert_int_equal(tg_shared_map(reader, &ref, &mapped, &err), TG_OK);
    child c = child_begin(); /* inherits what is mapped, if anything */
    tg_buffer_release(mapped);
    assert_true(tg_shared_withdraw(h->shared, &ref));
    child_end(&c, 0);
    tg_buffer_release(tile);
}

/* -- lies ---------------------------------------------------------------------------------- */

static void
refuses(const tg_shared_ref *ref, tg_status status, const char *words)
{
    tg_error err = { 0 };
    tg_buffer *mapped = NULL;
    assert_int_equal(tg_shared_map(reader, ref, &mapped, &err), status);
    assert_null(mapped);
    assert_non_null(strstr(err.message, words));
}

static void
references_that_lie_are_refused(void **state)
{
    holder *h = *state;
    tg_shared_ref ref, lie;
    tg_buffer *tile = make_tile(h, MIB, 1, &ref);
    lie = ref;
    lie.inode++;
    refuses(&lie, TG_ERR_NOT_FOUND, "not the holder's file");
    lie = ref;
    lie.fd = 99999;
    refuses(&lie, TG_ERR_IO, "cannot open");
    lie = ref;
    lie.number++;
    refuses(&lie, TG_ERR_NOT_FOUND, "does not offer");
    lie.number = 0;
    refuses(&lie, TG_ERR_NOT_FOUND, "does not offer");
    lie = ref;
    lie.slot = TG_SHARED_OFFERS_MAX;
    refuses(&lie, TG_ERR_FORMAT, "does not lie");
    lie.slot = 77; /* nobody's */
    refuses(&lie, TG_ERR_NOT_FOUND, "does not offer");
    const uint64_t offsets[] = { 0, UINT64_MAX, (uint64_t)1 << 40 };
    for (int i = 0; i < 3; i++) {
        lie = ref;
        lie.offset = offsets[i];
        refuses(&lie, TG_ERR_FORMAT, "does not lie");
    }
    lie = ref;
    lie.bytes = UINT64_MAX;
    refuses(&lie, TG_ERR_FORMAT, "does not lie");
    lie.bytes = 0;
    refuses(&lie, TG_ERR_FORMAT, "does not lie");
    assert_true(tg_shared_withdraw(h->shared, &ref)); /* no lock was left */
    tg_buffer_release(tile);
}

static void
a_file_that_may_shrink_is_refused(void **state)
{
    struct stat st;
    int fd = memfd_create("unsealed", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, (off_t)(4 * MIB)), 0);
    assert_int_equal(fstat(fd, &st), 0);
    uint64_t number = 42;
    assert_int_equal(pwrite(fd, &number, sizeof number, 8), sizeof number);
    tg_shared_ref ref = { .pid = (uint32_t)getpid(),
                          .fd = (uint32_t)fd,
                          .inode = (uint64_t)st.st_ino,
                          .offset = 2 * MIB,
                          .bytes = MIB,
                          .slot = 1,
                          .number = number };
    refuses(&ref, TG_ERR_IO, "may become shorter");
    assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK), 0);
    tg_buffer *mapped = NULL;
    assert_int_equal(tg_shared_map(reader, &ref, &mapped, NULL), TG_OK);
    tg_buffer_release(mapped);
    (void)close(fd);
    tg_shared_trim(reader);
    /* No file at all, and one that is not memory. */
    int pipes[2];
    assert_int_equal(pipe(pipes), 0);
    assert_int_equal(fstat(pipes[0], &st), 0);
    ref.fd = (uint32_t)pipes[0];
    ref.inode = (uint64_t)st.st_ino;
    refuses(&ref, TG_ERR_NOT_FOUND, "not the holder's file");
    (void)close(pipes[0]);
    (void)close(pipes[1]);
}

static void
a_readers_pages_cannot_be_written_or_cut(void **state)
{
    holder *h = *state;
    tg_shared_ref ref;
    int status = 0;
    tg_buffer *tile = make_tile(h, MIB, 1, &ref);
    assert_int_equal(ftruncate((int)ref.fd, (off_t)MIB), -1); /* not even by the holder */
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        tg_buffer *mapped = NULL;
        reader = tg_shared_reader_create();
        (void)signal(SIGSEGV, SIG_DFL);
        if (tg_shared_map(reader, &ref, &mapped, NULL) == TG_OK) {
            *(volatile char *)tg_buffer_data(mapped) = 1;
        }
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) || WEXITSTATUS(status) != 0); /* ASan turns it into an exit */
    assert_true(is_filled(tg_buffer_data(tile), MIB, 1));
    assert_true(tg_shared_withdraw(h->shared, &ref));
    tg_buffer_release(tile);
}

/* -- blocks -------------------------------------------------------------------------------- */

static int64_t
resident(const tg_shared_ref *ref)
{
    struct stat st;
    assert_int_equal(fstat((int)ref->fd, &st), 0);
    return (int64_t)st.st_blocks * 512;
}

static void
freed_blocks_give_their_pages_back(void **state)
{
    holder *h = *state;
    tg_shared_ref ref;
    tg_buffer *tile = make_tile(h, 8 * MIB, 1, &ref);
    assert_true(resident(&ref) >= (int64_t)(8 * MIB));
    assert_int_equal(tg_pool_get_stats(h->pool).used_bytes, 8 * MIB);
    assert_true(tg_shared_withdraw(h->shared, &ref));
    tg_buffer_release(tile);
    assert_int_equal(tg_pool_get_stats(h->pool).kept_bytes, 8 * MIB);
    tg_pool_trim(h->pool);
    assert_true(resident(&ref) < (int64_t)MIB);
}

static void
what_is_small_or_does_not_fit_is_not_shared(void **state)
{
    holder *h = *state;
    const tg_alloc *a = tg_shared_alloc(h->shared);
    tg_shared_ref ref;
    const size_t sizes[] = { 100, TG_SHARED_BLOCK_MIN - 1, 200 * MIB };
    for (int i = 0; i < 3; i++) {
        char *block = a->alloc(a->ctx, sizes[i], 64);
        assert_non_null(block);
        assert_int_equal((uintptr_t)block % 64, 0);
        block[0] = block[sizes[i] - 1] = 1;
        assert_false(tg_shared_offer(h->shared, block, sizes[i], &ref));
        a->free(a->ctx, block, sizes[i]);
    }
    char *block = a->alloc(a->ctx, MIB, 64);
    assert_true(tg_shared_offer(h->shared, block, MIB, &ref));
    assert_true(tg_shared_withdraw(h->shared, &ref));
    assert_false(tg_shared_offer(h->shared, block, 0, &ref));
    block[MIB - 1] = 7;
    block = a->resize(a->ctx, block, MIB, 3 * MIB);
    assert_int_equal(block[MIB - 1], 7);
    a->free(a->ctx, block, 3 * MIB);
    a->free(a->ctx, NULL, 0);
}

static void
offers_run_out_and_come_back(void **state)
{
    holder *h = *state;
    static tg_shared_ref refs[TG_SHARED_OFFERS_MAX];
    tg_shared_ref more;
    tg_buffer *tile = tg_buffer_create(h->pool, MIB);
    for (int i = 0; i < TG_SHARED_OFFERS_MAX; i++) {
        assert_true(tg_shared_offer(h->shared, tg_buffer_data(tile), MIB, &refs[i]));
    }
    assert_false(tg_shared_offer(h->shared, tg_buffer_data(tile), MIB, &more));
    assert_true(tg_shared_withdraw(h->shared, &refs[1234]));
    assert_true(tg_shared_offer(h->shared, tg_buffer_data(tile), MIB, &refs[1234]));
    for (int i = 0; i < TG_SHARED_OFFERS_MAX; i++) {
        assert_true(tg_shared_withdraw(h->shared, &refs[i]));
    }
    tg_buffer_release(tile);
}

/* Blocks of all sizes in random order: none overlaps another, and the file is whole at the end. */
static void
blocks_never_overlap(void **state)
{
    enum { BLOCKS = 40, STEPS = 3000 };
    holder *h = *state;
    const tg_alloc *a = tg_shared_alloc(h->shared);
    struct {
        unsigned char *at;
        size_t bytes;
        unsigned char mark;
    } blocks[BLOCKS] = { 0 };
    random_state = 1;
    for (int step = 0; step < STEPS; step++) {
        uint32_t i = draw(BLOCKS);
        if (blocks[i].at == NULL) {
            blocks[i].bytes = TG_SHARED_BLOCK_MIN + draw(draw(8) == 0 ? 3 << 20 : 100 << 10);
            blocks[i].mark = (unsigned char)step;
            blocks[i].at = a->alloc(a->ctx, blocks[i].bytes, 64);
            assert_non_null(blocks[i].at);
            /* Every page once, and both ends. */
            for (size_t k = 0; k < blocks[i].bytes; k += 4096) {
                blocks[i].at[k] = blocks[i].mark;
            }
            blocks[i].at[blocks[i].bytes - 1] = blocks[i].mark;
        } else {
            for (size_t k = 0; k < blocks[i].bytes; k += 4096) {
                assert_int_equal(blocks[i].at[k], blocks[i].mark);
            }
            assert_int_equal(blocks[i].at[blocks[i].bytes - 1], blocks[i].mark);
            a->free(a->ctx, blocks[i].at, blocks[i].bytes);
            blocks[i].at = NULL;
        }
    }
    for (int i = 0; i < BLOCKS; i++) {
        a->free(a->ctx, blocks[i].at, blocks[i].bytes);
    }
    /* All free stretches have been joined again. */
    tg_shared_ref ref;
    char *all = a->alloc(a->ctx, 62 * MIB, 64);
    assert_true(tg_shared_offer(h->shared, all, 62 * MIB, &ref));
    assert_true(tg_shared_withdraw(h->shared, &ref));
    a->free(a->ctx, all, 62 * MIB);
}

static void
the_host_is_known_and_sizes_are_checked(void **state)
{
    tg_shared *shared = NULL;
    tg_error err = { 0 };
    (void)state;
    assert_int_not_equal(tg_shared_host(), 0);
    assert_int_equal(tg_shared_host(), tg_shared_host());
    assert_int_equal(tg_shared_create(0, &shared, &err), TG_ERR_VALUE);
    assert_int_equal(tg_shared_create(INT64_MAX, &shared, &err), TG_ERR_VALUE);
    assert_null(shared);
    /* More addresses than there are. */
    assert_int_not_equal(tg_shared_create((int64_t)1 << 56, &shared, &err), TG_OK);
    assert_null(shared);
    tg_shared_destroy(NULL);
}

/* A container sees a kernel that others see too, but not their processes. */
static void
a_table_of_processes_makes_a_host(void **state)
{
    int ended = 0;
    uint64_t host = tg_shared_host();
    (void)state;
    pid_t pid = fork();
    if (pid == 0) {
        if (unshare(CLONE_NEWPID) != 0) {
            _exit(2); /* not allowed here */
        }
        pid_t inner = fork();
        if (inner == 0) {
            _exit(tg_shared_host() == host);
        }
        (void)waitpid(inner, &ended, 0);
        _exit(WEXITSTATUS(ended));
    }
    assert_int_equal(waitpid(pid, &ended, 0), pid);
    if (WEXITSTATUS(ended) == 2) {
        skip();
    }
    assert_int_equal(ended, 0);
}

/* Machines started from one snapshot have the same boot id, and may have the same process with the
 * same file: the numbers of its offers followed from these, so a reader there would have taken a
 * tile of its own machine for the one that it was sent. */
static void
offers_of_a_cloned_machine_are_told_apart(void **state)
{
    enum { TIMES = 3 };
    uint64_t apart[TIMES];
    (void)state;
    for (int i = 0; i < TIMES; i++) {
        tg_shared *shared = NULL;
        tg_shared_ref ref;
        assert_int_equal(tg_shared_create(4 * MIB, &shared, NULL), TG_OK);
        const tg_alloc *a = tg_shared_alloc(shared);
        void *block = a->alloc(a->ctx, MIB, 64);
        assert_true(tg_shared_offer(shared, block, MIB, &ref));
        apart[i] = ref.number - XXH3_64bits_withSeed(&ref.inode, sizeof ref.inode, ref.pid);
        assert_true(tg_shared_withdraw(shared, &ref));
        a->free(a->ctx, block, MIB);
        tg_shared_destroy(shared);
    }
    assert_int_not_equal(apart[0], apart[1]);
    assert_int_not_equal(apart[1], apart[2]);
}

/* Its pool wrote into the block what is free next; a tile that a worker had left to another one
 * became a wrong result. */
static void
what_a_holder_leaves_is_not_written_to(void **state)
{
    tg_shared *shared = NULL;
    tg_shared_ref ref;
    tg_buffer *mapped = NULL;
    (void)state;
    assert_int_equal(tg_shared_create(8 << 20, &shared, NULL), TG_OK);
    tg_pool *pool = tg_pool_create(tg_shared_alloc(shared), 8 << 20);
    tg_buffer *tile = tg_buffer_create(pool, MIB);
    assert_non_null(tile);
    fill(tg_buffer_data(tile), MIB, 7);
    assert_true(tg_shared_offer(shared, tg_buffer_data(tile), MIB, &ref));
    assert_int_equal(tg_shared_map(reader, &ref, &mapped, NULL), TG_OK);
    assert_false(tg_shared_withdraw(shared, &ref));
    tg_buffer_leave_to_readers(tile);
    tg_buffer_release(tile);
    tg_pool_destroy(pool);
    tg_shared_destroy(shared);
    assert_true(is_filled(tg_buffer_data(mapped), MIB, 7));
    tg_buffer_release(mapped);
}

int
main(void)
{
#define WITH(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        WITH(another_process_reads_a_tile_in_place),
        WITH(what_is_withdrawn_cannot_be_mapped),
        WITH(two_readings_of_one_tile_are_counted),
        WITH(a_reader_is_told_what_is_wanted_back),
        WITH(readers_of_neighbours_do_not_disturb_each_other),
        WITH(a_tile_is_never_anothers),
        WITH(a_reader_that_is_killed_lets_go),
        WITH(a_reader_that_is_stopped_keeps_its_tile),
        WITH(a_mapping_outlives_its_holder),
        WITH(what_is_still_read_is_never_written),
        WITH(a_living_holder_is_not_trimmed),
        WITH(forked_children_hold_no_locks),
        WITH(references_that_lie_are_refused),
        WITH(a_file_that_may_shrink_is_refused),
        WITH(a_readers_pages_cannot_be_written_or_cut),
        WITH(freed_blocks_give_their_pages_back),
        WITH(what_is_small_or_does_not_fit_is_not_shared),
        WITH(offers_run_out_and_come_back),
        WITH(blocks_never_overlap),
        cmocka_unit_test(the_host_is_known_and_sizes_are_checked),
        cmocka_unit_test(a_table_of_processes_makes_a_host),
        cmocka_unit_test(offers_of_a_cloned_machine_are_told_apart),
        WITH(what_a_holder_leaves_is_not_written_to),
    };
#undef WITH
    return cmocka_run_group_tests(tests, NULL, NULL);
}
