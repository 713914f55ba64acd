/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Tiles for others. One that had to be loaded for them may go from memory at once; so it is lent
 * for a while, until they have had all its parts.
 */
#include "core/base/size.h"
#include "worker/exec/clock.h"
#include "worker/net/worker_inside.h"

/* Who waits for a tile that was loaded takes its parts within that time, or has it loaded again. */
#define LOAN_NS ((int64_t)500000000)

static tg_worker_loan *
find_loan(tg_worker *worker, uint64_t job, uint32_t task)
{
    tg_worker_loan *found = NULL;
    for (int i = 0; i < TG_WORKER_LOANS && found == NULL; i++) {
        tg_worker_loan *loan = &worker->loans[i];
        found = loan->buffer != NULL && loan->job == job && loan->task == task ? loan : NULL;
    }
    return found;
}

static void
end_loan(tg_worker_loan *loan)
{
    tg_buffer_release(loan->buffer);
    loan->buffer = NULL;
}

void
tg__worker_lend(tg_worker *worker, uint64_t job, uint32_t task, tg_buffer *buffer)
{
    tg_worker_loan *loan = find_loan(worker, job, task);
    for (int i = 0; i < TG_WORKER_LOANS && loan == NULL; i++) {
        loan = worker->loans[i].buffer == NULL ? &worker->loans[i] : NULL;
    }
    for (int i = 0; i < TG_WORKER_LOANS && loan == NULL; i++) {
        bool first = true;
        for (int j = 0; j < TG_WORKER_LOANS; j++) {
            first = first && worker->loans[i].until_ns <= worker->loans[j].until_ns;
        }
        loan = first ? &worker->loans[i] : NULL;
    }
    end_loan(loan);
    *loan = (tg_worker_loan){ .job = job,
                              .task = task,
                              .buffer = tg_buffer_retain(buffer),
                              .until_ns = tg_clock_ns() + LOAN_NS };
}

int64_t
tg__worker_end_loans(tg_worker *worker, int64_t now_ns)
{
    int64_t next = INT64_MAX;
    for (int i = 0; i < TG_WORKER_LOANS; i++) {
        tg_worker_loan *loan = &worker->loans[i];
        if (loan->buffer != NULL && (loan->until_ns <= now_ns || worker->ended)) {
            end_loan(loan);
        } else if (loan->buffer != NULL) {
            next = tg_min_i64(next, loan->until_ns);
        }
    }
    return next;
}

tg_tile_answer
tg__worker_look_up(void *ctx, uint64_t job, uint32_t task, tg_buffer **buffer,
                   size_t *element_bytes)
{
    tg_worker *worker = ctx;
    tg_tile_answer answer = TG_TILE_NONE;
    const tg_worker_job *found = tg__worker_job_find(worker, job);
    const tg_worker_loan *loan = find_loan(worker, job, task);
    tg_agent_place place = tg_agent_serves(worker->agent, job, task);
    *element_bytes = 1;
    if (loan != NULL) {
        *buffer = tg_buffer_retain(loan->buffer);
        answer = TG_TILE_HERE;
    } else if (place == TG_AGENT_ON_DISK && !worker->ended) {
        tg__worker_step(worker,
                        &(tg_agent_event){ .kind = TG_AGENT_WANTED, .job = job, .task = task });
        answer = TG_TILE_LATER;
    } else if (place == TG_AGENT_IN_MEMORY && found != NULL && found->part != NULL) {
        *buffer = tg_part_get(found->part, task);
        answer = *buffer != NULL ? TG_TILE_HERE : TG_TILE_NONE;
    }
    return answer;
}
