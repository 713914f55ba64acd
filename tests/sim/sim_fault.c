/* SPDX-License-Identifier: BSD-3-Clause */
/* What goes wrong: which faults a seed draws, when they strike, and how they end. */
#include <math.h>
#include <stdio.h>

#include "tests/sim/world.h"

/* Every second fault on average, each with a rate between a tenth of and ten times the usual. */
static double
draw(pcg *rng, double usual)
{
    bool on = pcg_chance(rng, 0.5);
    double rate = usual * pow(10, 2 * pcg_unit(rng) - 1);
    return on ? rate : 0;
}

sim_options
sim_draw(uint64_t seed)
{
    pcg rng = { seed * 2 + 12345 };
    sim_options o = { .seed = seed, .check = true };
    (void)pcg_u32(&rng);
    (void)pcg_u32(&rng);
    o.workers = 1 + pcg_below(&rng, 8);
    o.threads_max = 1 + pcg_below(&rng, 4);
    o.jobs = 1 + pcg_below(&rng, 4);
    o.tasks_max = 20 + pcg_below(&rng, 180);
    o.delay_ns = (int64_t)(1e5 * pow(10, 2.5 * pcg_unit(&rng)));
    o.batch_ns = pcg_below(&rng, 20000000);
    o.crash = draw(&rng, 0.3);
    o.cut = draw(&rng, 0.2);
    o.stall = draw(&rng, 0.5);
    o.pause = draw(&rng, 0.5);
    o.join = draw(&rng, 0.3);
    o.drain = draw(&rng, 0.3);
    o.full = draw(&rng, 0.3);
    o.slow = fmin(draw(&rng, 0.1), 0.5);
    o.silent = draw(&rng, 0.1);
    o.rot = fmin(draw(&rng, 0.03), 0.3);
    o.peer = fmin(draw(&rng, 0.03), 0.2);
    o.restart = pcg_unit(&rng);
    o.flaky = fmin(draw(&rng, 0.01), 0.1);
    o.poison = fmin(draw(&rng, 0.1), 0.5);
    o.fatal = fmin(draw(&rng, 0.05), 0.3);
    o.cancel = fmin(draw(&rng, 0.1), 0.5);
    o.persist = pcg_unit(&rng);
    o.memory = pcg_chance(&rng, 0.7) ? pow(10, pcg_unit(&rng)) : 0;
    o.spill = pcg_chance(&rng, 0.85);
    o.harsh = pcg_chance(&rng, 0.3);
    o.safety_ns = (int64_t)1000000000 * (2 + pcg_below(&rng, 8));
    o.down = draw(&rng, 0.15);
    o.hang = draw(&rng, 0.1);
    o.jump = draw(&rng, 1);
    o.journal = pcg_chance(&rng, 0.7);
    o.torn = pcg_unit(&rng) * 0.5;
    o.grace_ns = (int64_t)(2e8 + pcg_unit(&rng) * 1e9);
    o.growth = fmin(draw(&rng, 0.2), 1);
    o.starve = fmin(draw(&rng, 0.03), 0.3);
    return o;
}

void
sim_describe(const sim_options *o, char *text, size_t bytes)
{
    (void)snprintf(
        text, bytes,
        "seed %llu: workers %u threads<=%u jobs %u tasks<=%u delay %.1f ms batch %.1f ms "
        "crash %.2f (silent %.2f restart %.2f) cut %.2f stall %.2f pause %.2f slow %.2f "
        "join %.2f drain %.2f full %.2f rot %.3f peer %.3f memory %.1f spill %d harsh %d flaky "
        "%.3f poison %.2f fatal %.2f "
        "cancel %.2f persist %.2f down %.2f (journal %d torn %.2f grace %.0f ms) hang %.2f jump "
        "%.2f growth %.2f starve %.3f "
        "safety %.0f s",
        (unsigned long long)o->seed, o->workers, o->threads_max, o->jobs, o->tasks_max,
        (double)o->delay_ns / 1e6, (double)o->batch_ns / 1e6, o->crash, o->silent, o->restart,
        o->cut, o->stall, o->pause, o->slow, o->join, o->drain, o->full, o->rot, o->peer, o->memory,
        o->spill, o->harsh, o->flaky, o->poison, o->fatal, o->cancel, o->persist, o->down,
        o->journal, o->torn, (double)o->grace_ns / 1e6, o->hang, o->jump, o->growth, o->starve,
        (double)o->safety_ns / 1e9);
}

static void
begin_again(sim_world *w, sim_event *e)
{
    sim_host *host = &w->host[e->task];
    if (host->id == 0) {
        sim_worker_start(w, host);
    }
}

static void
restart(sim_world *w, const sim_host *host, int64_t delay)
{
    sim_event *e = sim_after(w, delay, begin_again);
    e->task = (uint32_t)(host - w->host);
}

void
sim_unlucky(sim_world *w, uint64_t id)
{
    for (uint32_t j = 0; j < w->job_count; j++) {
        for (uint32_t t = 0; t < w->job[j].tasks.count; t++) {
            if (w->job[j].alone[t] == id) {
                w->job[j].unlucky[t]++;
                w->job[j].alone[t] = 0;
            }
        }
    }
}

void
sim_crash(sim_world *w, sim_host *host, bool silent)
{
    const sim_session *session = sim_session_of(w, host->number);
    if (session->link != NULL && session->joined && !silent) {
        sim_sched_misses(w, host->number, sim_delay(w));
    }
    sim_unlucky(w, host->number);
    sim_trace(w, "worker %u is no more%s", (unsigned)host->id, silent ? ", silently" : "");
    sim_worker_stop(w, host);
    if (w->quiet || pcg_chance(&w->rng, w->options->restart)) {
        restart(w, host, (int64_t)(pcg_unit(&w->rng) * 1e9));
    }
}

/* --- what strikes -------------------------------------------------------------------------------
 */

/* Shorter and longer than the lease of 1.5 s. */
static int64_t
while_ns(sim_world *w)
{
    return (int64_t)(5e7 * pow(10, 2 * pcg_unit(&w->rng)));
}

/* The connection breaks, and what was under way is lost; some time later there is another. */
static void
cut(sim_world *w, sim_host *host)
{
    net_line_cut(&host->line, w->now + while_ns(w) / 4);
}

static void
crash(sim_world *w, sim_host *host)
{
    sim_crash(w, host, pcg_chance(&w->rng, w->options->silent));
}

static void
stall(sim_world *w, sim_host *host)
{
    host->line.stalled_until = w->now + while_ns(w);
}

static void
pause_it(sim_world *w, sim_host *host)
{
    int64_t until = w->now + while_ns(w);
    host->paused_until = until > host->paused_until ? until : host->paused_until;
}

static void
drain(sim_world *w, sim_host *host)
{
    if (!host->draining) {
        host->draining = true;
        if (sim_worker_step(w, host, (tg_agent_event){ .kind = TG_AGENT_DRAIN })) {
            sim_host_sends(w, host);
        }
    }
}

static void
fill(sim_world *w, sim_host *host)
{
    (void)w;
    host->disk_full = !host->disk_full;
}

static void
join(sim_world *w, sim_host *host)
{
    (void)host;
    for (uint32_t i = 0; i < w->host_count; i++) {
        if (w->host[i].id == 0) {
            sim_worker_start(w, &w->host[i]);
            break;
        }
    }
}

static void
down(sim_world *w, sim_host *host)
{
    (void)host;
    if (w->server != NULL) {
        sim_sched_crash(w);
    }
}

static void
hang(sim_world *w, sim_host *host)
{
    int64_t until = w->now + while_ns(w);
    (void)host;
    w->hangs_until = until > w->hangs_until ? until : w->hangs_until;
}

typedef void strike(sim_world *w, sim_host *host);

static strike *const strikes[] = { crash, cut, stall, pause_it, drain, fill, join, down, hang };
enum { STRIKES = sizeof strikes / sizeof *strikes, NOBODYS = 6 /* from there on: of no host */ };

static void next_strike(sim_world *w, uint32_t kind);

static void
struck(sim_world *w, sim_event *e)
{
    uint32_t from = pcg_below(&w->rng, w->host_count);
    sim_host *host = NULL;
    for (uint32_t i = 0; host == NULL && i < w->host_count; i++) {
        sim_host *h = &w->host[(from + i) % w->host_count];
        host = h->id != 0 ? h : NULL;
    }
    if (!w->quiet) {
        if (host != NULL || e->task >= NOBODYS) {
            strikes[e->task](w, host);
        }
        next_strike(w, e->task);
    }
}

static void
next_strike(sim_world *w, uint32_t kind)
{
    const sim_options *o = w->options;
    const double rates[STRIKES] = { o->crash, o->cut,  o->stall, o->pause, o->drain,
                                    o->full,  o->join, o->down,  o->hang };
    if (rates[kind] > 0) {
        double wait = -log(1 - pcg_unit(&w->rng)) / rates[kind];
        sim_event *e = sim_after(w, (int64_t)(fmin(wait, 1e6) * 1e9), struck);
        e->task = kind;
    }
}

/* The time of day goes somewhere else, by up to a day, and is asked for. Numbers of its own: the
 * rest is to be as without. */
static void
jumped(sim_world *w, sim_event *e)
{
    tg_text status = { 0 };
    (void)e;
    w->wall_ns += (int64_t)((pcg_unit(&w->wall_rng) - 0.5) * 2 * 86400e9);
    (void)sim_sched_answer(w, "status", &status);
    tg_text_fini(&status);
    if (!w->quiet) {
        sim_event *next = sim_after(
            w, (int64_t)(-log(1 - pcg_unit(&w->wall_rng)) / w->options->jump * 1e9), jumped);
        (void)next;
    }
}

static void
over(sim_world *w, sim_event *e)
{
    (void)e;
    if (!w->quiet) {
        sim_faults_end(w);
    }
}

void
sim_faults_begin(sim_world *w)
{
    (void)sim_after(w, w->options->safety_ns, over);
    if (w->options->jump > 0) {
        (void)sim_after(w, 1, jumped);
    }
    for (uint32_t kind = 0; kind < STRIKES; kind++) {
        next_strike(w, kind);
    }
}

void
sim_faults_end(sim_world *w)
{
    w->quiet = true;
    sim_trace(w, "faults are over");
    if (w->server == NULL) {
        sim_sched_start(w);
    }
    bool takes = false;
    for (uint32_t i = 0; i < w->host_count; i++) {
        const sim_host *host = &w->host[i];
        takes =
            takes || host->id == 0 || (!host->draining && host->memory_bytes >= w->memory_bytes);
    }
    if (!takes) { /* nobody would take what they hold */
        sim_crash(w, &w->host[0], false);
    }
    for (uint32_t i = 0; i < w->host_count; i++) {
        sim_host *host = &w->host[i];
        if (host->id == 0) {
            restart(w, host, 1);
        } else {
            host->disk_full = false;
            host->line.hole_until = 0;
            if (host->memory_bytes <
                w->memory_bytes) { /* or there might never be one that is large enough */
                drain(w, host);
            }
        }
    }
}
