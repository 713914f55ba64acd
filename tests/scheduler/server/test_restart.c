/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Schedulers that are killed again and again, at random, under a job of layers: each is followed by
 * one that reads its journal, workers come back and say what they hold, or do not come back at all,
 * and the client says everything again. The job ends, every result was offered, and what was
 * written into the store before a death is not written again.
 */
#include "tests/support/server_talk.h"

enum { WIDTH = 12, ROWS = 5, TASKS = WIDTH * ROWS, WORKERS = 3, SEEDS = 300 };

typedef struct rng {
    uint64_t state;
} rng;

static uint32_t
below(rng *r, uint32_t n)
{
    r->state = r->state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(r->state >> 33) % n;
}

/* A worker's memory outlives a scheduler. */
typedef struct worker {
    uint64_t id; /* of its link; 0: it is not there */
    bool has[TASKS], assigned[TASKS];
    bool ended[TASKS]; /* here, of what this scheduler knows */
} worker;

typedef struct play {
    talk talks[2], *t;
    int generation;
    rng random;
    script_graph g;
    worker w[WORKERS];
    uint64_t client, next;
    bool written[TASKS];
    bool told[TASKS]; /* the scheduler was told that the client has it */
    bool finished;
    size_t heard;
} play;

enum { STORED = 1, KEPT = 4 }; /* rows */

static void
make_graph(script_graph *g)
{
    memset(g, 0, sizeof *g);
    for (uint32_t t = 0; t < TASKS; t++) {
        uint32_t inputs[3], count = 0, row = t / WIDTH, at = t % WIDTH;
        for (uint32_t i = at == 0 ? 0 : at - 1; row != 0 && i <= at + 1 && i < WIDTH; i++) {
            inputs[count++] = (row - 1) * WIDTH + i;
        }
        (void)script_add(g, row == KEPT ? 2 : row == STORED ? 1 : 0, count, inputs);
    }
    g->kept[2] = 1;
    script_freeze(g);
}

static worker *
worker_of(play *p, uint64_t id)
{
    worker *w = NULL;
    for (int i = 0; i < WORKERS; i++) {
        w = p->w[i].id == id ? &p->w[i] : w;
    }
    return w;
}

/* Somebody needs the tile, directly or to make another one, and nobody has it. */
static bool
is_missed(const play *p, uint32_t task)
{
    bool missed[TASKS];
    for (uint32_t t = TASKS; t-- > 0;) {
        missed[t] = t / WIDTH == KEPT && !p->told[t];
        for (uint64_t e = p->g.tasks.succ_start[t]; e < p->g.tasks.succ_start[t + 1]; e++) {
            missed[t] = missed[t] || missed[p->g.tasks.succs[e]];
        }
        for (int i = 0; i < WORKERS; i++) {
            missed[t] = missed[t] && !(p->w[i].id != 0 && p->w[i].has[t]);
        }
    }
    return missed[task];
}

static void
hear_range(play *p, worker *w, tg_message_kind kind, tg_range range)
{
    for (uint32_t t = range.lo; t < range.hi; t++) {
        w->assigned[t] = kind == TG_MESSAGE_ASSIGN   ? true
                         : kind == TG_MESSAGE_REVOKE ? false
                                                     : w->assigned[t];
        w->has[t] = kind == TG_MESSAGE_FREE ? false : w->has[t];
        if (kind == TG_MESSAGE_ASSIGN) {
            w->ended[t] = false;
            assert_true(!p->written[t] || is_missed(p, t));
        }
    }
}

/* What was said since it was last called. */
static void
hear(play *p)
{
    assert_true(p->t->count <= TALK_LOG);
    for (; p->heard < p->t->count; p->heard++) {
        const talk_word *word = &p->t->log[p->heard];
        worker *w = worker_of(p, word->to);
        for (size_t i = 0; i < word->m.range_count && w != NULL; i++) {
            hear_range(p, w, word->m.kind, word->ranges[i]);
        }
        p->finished = p->finished || word->m.kind == TG_MESSAGE_FINISHED;
        if (word->m.kind == TG_MESSAGE_FINISHED) {
            assert_int_equal(word->m.code, TG_OK);
        }
        if (word->m.kind == TG_MESSAGE_RESULT && word->to == p->client) {
            tg_message say = talk_ranges(TG_MESSAGE_HANDED, 5, word->ranges);
            say.range_count = word->m.range_count;
            for (size_t i = 0; i < word->m.range_count; i++) {
                for (uint32_t t = word->ranges[i].lo; t < word->ranges[i].hi; t++) {
                    assert_true(worker_of(p, word->m.worker)->has[t]);
                    p->told[t] = true;
                }
            }
            talk_say(p->t, p->client, say);
        }
    }
    if (p->t->expelled_count != 0) {
        fail_msg("%s", p->t->why);
    }
    talk_clear(p->t);
    p->heard = 0;
}

static bool
is_ready(const play *p, uint32_t t)
{
    bool all = true;
    for (uint64_t e = p->g.tasks.pred_start[t]; all && e < p->g.tasks.pred_start[t + 1]; e++) {
        all = false;
        for (int i = 0; i < WORKERS; i++) {
            all = all || (p->w[i].id != 0 && p->w[i].has[p->g.tasks.preds[e]]);
        }
    }
    return all;
}

/* A tile that all have read who read it here is freed without a word. */
static void
free_inputs(const play *p, worker *w, uint32_t t)
{
    const tg_tasks *g = &p->g.tasks;
    for (uint64_t e = g->pred_start[t]; e < g->pred_start[t + 1]; e++) {
        uint32_t input = g->preds[e];
        bool all = true;
        for (uint64_t k = g->succ_start[input]; k < g->succ_start[input + 1]; k++) {
            all = all && w->ended[g->succs[k]];
        }
        w->has[input] = w->has[input] && !all;
    }
}

/* One task that can run. */
static bool
work(play *p)
{
    bool did = false;
    for (uint32_t i = 0; i < WORKERS && !did; i++) {
        worker *w = &p->w[i];
        for (uint32_t t = 0; w->id != 0 && t < TASKS && !did; t++) {
            if (w->assigned[t] && (w->has[t] || is_ready(p, t))) {
                did = true;
                w->assigned[t] = false;
                w->has[t] = true;
                w->ended[t] = true;
                p->written[t] = p->written[t] || t / WIDTH == STORED;
                free_inputs(p, w, t);
                talk_done(p->t, w->id, 5, t, t + 1);
                hear(p);
            }
        }
    }
    return did;
}

static void
join(play *p, worker *w)
{
    w->id = ++p->next;
    memset(w->assigned, 0, sizeof w->assigned);
    memset(w->ended, 0, sizeof w->ended);
    talk_join(p->t, w->id, 1);
    hear(p);
    for (uint32_t t = 0; t < TASKS; t++) {
        if (w->has[t]) {
            tg_range one = { t, t + 1 };
            talk_say(p->t, w->id, talk_ranges(TG_MESSAGE_HELD, 5, &one));
            hear(p);
        }
    }
}

static void
attach(play *p)
{
    p->client = ++p->next;
    talk_attach(p->t, p->client);
    talk_plan(p->t, p->client, 5);
    talk_say(p->t, p->client, (tg_message){ .kind = TG_MESSAGE_SUBMIT, .job = 5, .flag = true });
}

static void
expand(play *p)
{
    static const uint8_t stored[4] = { 0, 1, 0, 0 };
    tg_sched_job spec = script_spec(&p->g);
    spec.stored = stored;
    if (p->t->expanding != 0) {
        p->t->expanding = 0;
        p->t->live++;
        tg_server_expanded(p->t->server, p->t->now_ns, 5, &spec, NULL);
        talk_check(p->t);
    }
    hear(p);
}

/* A worker that does not come back takes along what it holds; one that dies, too. */
static void
lose(worker *w)
{
    memset(w, 0, sizeof *w);
}

static void
restart(play *p)
{
    talk *next = &p->talks[++p->generation % 2];
    tg_error err = { 0 };
    talk_begin_with(next, NULL, true);
    next->now_ns = p->t->now_ns;
    assert_int_equal(talk_restore(next, p->t->journal, p->t->journal_bytes, &err), 0);
    if (below(&p->random, 2) != 0) {
        talk_renew(next);
    } else {
        memcpy(next->journal, p->t->journal, p->t->journal_bytes);
        next->journal_bytes = p->t->journal_bytes;
    }
    talk_end(p->t);
    p->t = next;
    p->heard = 0;
    expand(p);
    for (int i = 0; i < WORKERS; i++) {
        if (p->w[i].id != 0 && below(&p->random, 3) != 0) {
            join(p, &p->w[i]);
        } else {
            lose(&p->w[i]);
        }
    }
    attach(p);
    hear(p);
    for (int i = 0; i < 11; i++) { /* the grace; who is there says so */
        for (int k = 0; k < WORKERS; k++) {
            if (p->w[k].id != 0) {
                talk_say(p->t, p->w[k].id, (tg_message){ .kind = TG_MESSAGE_BEAT });
            }
        }
        talk_time(p->t, SECOND);
        hear(p);
    }
}

static void
act(play *p, uint32_t faults)
{
    uint32_t what = below(&p->random, 100);
    worker *w = &p->w[below(&p->random, WORKERS)];
    if (what < faults) {
        restart(p);
    } else if (what < 2 * faults && w->id != 0) {
        uint64_t id = w->id;
        lose(w);
        talk_gone(p->t, id);
        hear(p);
    } else if (what < 4 * faults && w->id == 0) {
        join(p, w);
    } else if (!work(p) && w->id == 0) {
        join(p, w);
    }
}

static void
run(uint64_t seed)
{
    play *p = calloc(1, sizeof *p);
    p->random.state = seed;
    p->t = &p->talks[0];
    p->next = 100;
    make_graph(&p->g);
    talk_begin_with(p->t, NULL, true);
    join(p, &p->w[0]);
    attach(p);
    expand(p);
    for (int steps = 0; !p->finished; steps++) {
        if (steps > 4000) {
            fail_msg("seed %u does not come to its end", (unsigned)seed);
        }
        act(p, steps < 1000 ? (uint32_t)(seed % 5) : 0);
    }
    for (uint32_t t = KEPT * WIDTH; t < TASKS; t++) {
        assert_true(p->told[t]);
    }
    talk_say(p->t, p->client, (tg_message){ .kind = TG_MESSAGE_RELEASE, .job = 5 });
    assert_int_equal(p->t->live, 0);
    talk_end(p->t);
    tg_tasks_fini(&p->g.tasks);
    free(p);
}

static void
test_killed_again_and_again_the_job_ends(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        run(seed);
    }
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_killed_again_and_again_the_job_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
