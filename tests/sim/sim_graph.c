/* SPDX-License-Identifier: BSD-3-Clause */
/* Random work: layered graphs as images make them, and their serial results. */
#include <stdlib.h>
#include <string.h>

#include "tests/sim/world.h"

/* Sizes are of the kind that agents expect (worker/agent/size.c). */
#define PAGE ((int64_t)4096)

static uint64_t
mix(uint64_t a, uint64_t b)
{
    uint64_t x = (a ^ (b + 0x9e3779b97f4a7c15u + (a << 6) + (a >> 2))) * 0xbf58476d1ce4e5b9u;
    return x ^ (x >> 29);
}

uint64_t
sim_value(const sim_job *job, uint32_t t, uint64_t (*of)(void *ctx, uint32_t t), void *ctx)
{
    const tg_tasks *g = &job->tasks;
    uint64_t value = mix(job->id, t);
    for (uint64_t e = g->pred_start[t]; e < g->pred_start[t + 1]; e++) {
        value = mix(value, of(ctx, g->preds[e]));
    }
    return value;
}

static uint64_t
serial(void *ctx, uint32_t t)
{
    return ((const uint64_t *)ctx)[t];
}

/* The inputs of tile `i` of a stage of `n` tiles that starts at `start`. Tasks of all stages are
 * added in waves, so that numbers go through space as a sweep does. */
typedef struct shape {
    uint32_t stages, width;
    uint32_t *id; /* by stage and tile; UINT32_MAX: not there yet */
} shape;

static bool
add_tile(sim_world *w, sim_job *job, shape *s, uint32_t stage, uint32_t i, int reach, bool sum)
{
    uint32_t preds[64], count = 0;
    uint32_t from = sum ? 0 : i > (uint32_t)reach ? i - (uint32_t)reach : 0;
    uint32_t to = sum || i + (uint32_t)reach >= s->width ? s->width - 1 : i + (uint32_t)reach;
    uint32_t below = stage == 0 ? 0 : stage - 1 - pcg_below(&w->rng, stage > 1 ? 2 : 1);
    for (uint32_t k = from; stage > 0 && k <= to && count < 64; k++) {
        if (s->id[below * s->width + k] != UINT32_MAX) {
            preds[count++] = s->id[below * s->width + k];
        }
    }
    bool ok = tg_tasks_add(&job->tasks, count, preds, &s->id[stage * s->width + i], NULL) == TG_OK;
    if (ok) {
        job->stage[job->tasks.count - 1] = (uint16_t)stage;
    }
    return ok;
}

/* Stage s runs `lag` tiles behind stage s - 1, whose tiles its windows read. */
static bool
sweep(sim_world *w, sim_job *job, shape *s)
{
    bool ok = true;
    uint32_t lag = 1 + pcg_below(&w->rng, 3);
    for (uint32_t i = 0; ok && i < s->width + lag * s->stages; i++) {
        for (uint32_t stage = 0; ok && stage < s->stages && i >= stage * lag; stage++) {
            if (i - stage * lag < s->width) {
                ok = add_tile(w, job, s, stage, i - stage * lag, (int)lag, false);
            }
        }
    }
    if (ok && !w->options->flat && pcg_chance(&w->rng, 0.4)) { /* a reduction of the last stage */
        shape one = { .stages = s->stages + 1, .width = s->width, .id = s->id };
        ok = add_tile(w, job, &one, s->stages, 0, 0, true);
        job->stage_count++;
    }
    return ok;
}

static void
draw_faults(sim_world *w, sim_job *job)
{
    const sim_options *o = w->options;
    uint32_t count = job->tasks.count;
    job->poison = job->fatal = UINT32_MAX;
    if (pcg_chance(&w->rng, o->poison)) {
        job->poison = pcg_below(&w->rng, count);
        job->poison_lives = pcg_chance(&w->rng, 0.5) ? UINT32_MAX : 1 + pcg_below(&w->rng, 4);
    }
    if (pcg_chance(&w->rng, o->fatal)) {
        job->fatal = pcg_below(&w->rng, count);
    }
    for (uint32_t t = 0; t < count; t++) {
        job->task_ns[t] = o->task_ns != 0 ? o->task_ns : 1000000 + pcg_below(&w->rng, 40000000);
        job->fails_left[t] =
            pcg_chance(&w->rng, o->flaky) ? (uint8_t)(1 + pcg_below(&w->rng, 3)) : 0;
        job->value[t] = sim_value(job, t, serial, job->value);
        job->results += job->kept[job->stage[t]];
    }
}

/* Bounds of a stage; where sizes depend on the data they are far beyond what tiles have. */
static void
draw_stage(sim_world *w, sim_job *job, uint32_t s, int64_t most, int64_t beside)
{
    job->out_bytes[s] = most;
    if (!w->options->flat && pcg_chance(&w->rng, w->options->growth)) {
        job->grows = true;
        job->out_bytes[s] = most * (1 + pcg_below(&w->rng, 30));
        job->growth[s] = (tg_plan_growth){ .depends = true,
                                           .out_guess = most / (1 + pcg_below(&w->rng, 4)),
                                           .need_guess = most / 2 + beside,
                                           .fixed = beside,
                                           .more = most,
                                           .times = pcg_below(&w->rng, 2) };
    }
    job->need_bytes[s] = job->out_bytes[s] + beside;
}

/* What stages and tiles take, and what one worker must have at least. */
static void
draw_sizes(sim_world *w, sim_job *job)
{
    const tg_tasks *g = &job->tasks;
    int64_t most[8], beside[8]; /* of what comes out, and while it is made */
    for (uint32_t s = 0; s < job->stage_count; s++) {
        most[s] = PAGE * (10 + pcg_below(&w->rng, 100));
        beside[s] = PAGE * pcg_below(&w->rng, 100);
        draw_stage(w, job, s, most[s], beside[s]);
    }
    for (uint32_t t = 0; t < g->count; t++) {
        uint32_t stage = job->stage[t];
        bool depends = job->growth[stage].depends;
        int64_t pages = most[stage] / PAGE;
        int64_t less = (int64_t)pcg_below(&w->rng, depends ? (uint32_t)pages : 10);
        int64_t alone = most[stage] + beside[stage];
        job->bytes[t] = PAGE * (pages - less);
        job->need[t] = depends ? job->bytes[t] + beside[stage] : job->need_bytes[stage];
        for (uint64_t e = g->pred_start[t]; e < g->pred_start[t + 1]; e++) {
            alone += most[job->stage[g->preds[e]]];
        }
        job->peak_bytes = alone > job->peak_bytes ? alone : job->peak_bytes;
    }
}

bool
sim_job_make(sim_world *w, sim_job *job, uint32_t index)
{
    uint32_t stages = w->options->flat ? 1 : 1 + pcg_below(&w->rng, 4);
    uint32_t width = w->options->flat ? w->options->tasks_max
                                      : 1 + pcg_below(&w->rng, w->options->tasks_max / stages);
    uint32_t most = stages * width + 1;
    shape s = { .stages = stages, .width = width };
    s.id = malloc((size_t)(stages + 1) * width * sizeof *s.id);
    memset(s.id, 0xff, (size_t)(stages + 1) * width * sizeof *s.id);
    job->id = index + 1;
    job->client = index / 2;
    job->stage_count = stages;
    job->stage = calloc(most, sizeof *job->stage);
    job->kept = calloc(stages + 1, 1);
    job->stored = calloc(stages + 1, 1);
    job->written = calloc(most, 1);
    job->task_ns = calloc(most, sizeof *job->task_ns);
    job->value = calloc(most, sizeof *job->value);
    job->fails_left = calloc(most, 1);
    job->made = calloc(most, sizeof *job->made);
    job->handed = calloc(most, 1);
    job->unlucky = calloc(most, 1);
    job->alone = calloc(most, sizeof *job->alone);
    job->offer = calloc(most, sizeof *job->offer);
    job->priority = (double)pcg_below(&w->rng, 3) - 1;
    job->out_bytes = calloc(stages + 1, sizeof *job->out_bytes);
    job->need_bytes = calloc(stages + 1, sizeof *job->need_bytes);
    job->growth = calloc(stages + 1, sizeof *job->growth);
    job->bytes = calloc(most, sizeof *job->bytes);
    job->need = calloc(most, sizeof *job->need);
    job->persist = pcg_chance(&w->rng, w->options->persist);
    tg_tasks_init(&job->tasks);
    bool ok = sweep(w, job, &s) && tg_tasks_freeze(&job->tasks, NULL) == TG_OK;
    free(s.id);
    for (uint32_t k = 0; k < job->stage_count; k++) {
        /* Mostly the last stage; else it goes to a store, and the job keeps nothing. */
        job->kept[k] =
            !w->options->flat && pcg_chance(&w->rng, k + 1 == job->stage_count ? 0.7 : 0.15);
        job->stored[k] = !job->kept[k] && (k + 1 == job->stage_count || k % 3 == 1);
    }
    draw_sizes(w, job);
    draw_faults(w, job);
    return ok;
}

void
sim_job_free(sim_job *job)
{
    tg_tasks_fini(&job->tasks);
    free(job->stage);
    free(job->kept);
    free(job->stored);
    free(job->written);
    free(job->task_ns);
    free(job->out_bytes);
    free(job->need_bytes);
    free(job->growth);
    free(job->bytes);
    free(job->need);
    free(job->value);
    free(job->fails_left);
    free(job->made);
    free(job->handed);
    free(job->unlucky);
    free(job->alone);
    free(job->offer);
}
