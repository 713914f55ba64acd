/* SPDX-License-Identifier: BSD-3-Clause */
/* Targets to a plan, and what a plan says of itself. */
#include "core/base/size.h"
#include "core/mem/alloc.h"
#include "worker/exec/clock.h"
#include "worker/session/computation.h"

struct tg_plan {
    tg_plan_core *core;
    double seconds;
    char *text, *dot;
    size_t text_capacity, dot_capacity;
};

tg_status
tg__plan_targets(tg_session *session, size_t count, const tg_target *targets, int64_t memory_limit,
                 tg_plan_core **out, tg_error *err)
{
    tg_status status = TG_OK;
    tg_plan_target *planned = NULL;
    tg_plan_options options = { .threads = session->threads, .memory_limit = memory_limit };
    *out = NULL;
    TG_CHECK(count >= 1 && count <= TG_TARGETS_MAX, err, TG_ERR_VALUE,
             "a computation has 1 to %d targets, got %zu", TG_TARGETS_MAX, count);
    planned = tg_calloc(NULL, count, sizeof *planned);
    TG_CHECK(planned != NULL, err, TG_ERR_MEMORY, "no memory to plan");
    for (size_t t = 0; t < count; t++) {
        TG_CHECK(targets[t].array != NULL, err, TG_ERR_VALUE,
                 "target %zu has no array: look at the error of its scope", t);
        planned[t].array = targets[t].array;
        planned[t].sink = targets[t].sink;
        if (targets[t].sink == NULL && targets[t].data == NULL &&
            tg_array_is_known(targets[t].array)) {
            planned[t].own_bytes = tg_max_i64(1, tg_array_nbytes(targets[t].array));
        }
        TG_CHECK(targets[t].sink == NULL || tg_array_is_known(targets[t].array), err, TG_ERR_VALUE,
                 "%s: an array of unknown length cannot be stored; compute it first",
                 targets[t].array->op->name);
    }
    TG_TRY(tg_plan_make(count, planned, &options, out, err));
out:
    tg_free(NULL, planned, count * sizeof *planned);
    return status;
}

void
tg__plan_predict(const tg_plan_core *core, double seconds, tg_report *report)
{
    *report = (tg_report){ .tasks = core->tasks.count,
                           .peak_bytes = core->peak_bytes,
                           .chunks_read = core->chunks_read,
                           .chunks_decoded = core->chunks_decoded,
                           .bytes_read = core->bytes_read,
                           .bytes_written = core->bytes_written,
                           .plan_seconds = seconds };
}

tg_status
tg_plan_create(tg_session *session, size_t count, const tg_target *targets, tg_plan **out,
               tg_error *err)
{
    tg_status status = TG_OK;
    int64_t start = tg_clock_ns();
    tg_plan *plan = tg_calloc(NULL, 1, sizeof *plan);
    *out = NULL;
    TG_CHECK(plan != NULL, err, TG_ERR_MEMORY, "no memory to plan");
    TG_TRY(tg__plan_targets(session, count, targets, session->memory_limit, &plan->core, err));
    plan->seconds = (double)(tg_clock_ns() - start) * 1e-9;
    *out = plan;
    plan = NULL;
out:
    tg_plan_destroy(plan);
    return status;
}

void
tg_plan_destroy(tg_plan *plan)
{
    if (plan != NULL) {
        tg_plan_free(plan->core);
        tg_free(NULL, plan->text, plan->text_capacity);
        tg_free(NULL, plan->dot, plan->dot_capacity);
        tg_free(NULL, plan, sizeof *plan);
    }
}

void
tg_plan_report(const tg_plan *plan, tg_report *report)
{
    tg__plan_predict(plan->core, plan->seconds, report);
}

const char *
tg_plan_text(tg_plan *plan)
{
    if (plan->text == NULL &&
        tg_plan_explain(plan->core, &plan->text, &plan->text_capacity) != TG_OK) {
        tg_free(NULL, plan->text, plan->text_capacity);
        plan->text = NULL;
    }
    return plan->text != NULL ? plan->text : "";
}

const char *
tg_plan_dot(tg_plan *plan)
{
    if (plan->dot == NULL &&
        tg_plan_graphviz(plan->core, &plan->dot, &plan->dot_capacity) != TG_OK) {
        tg_free(NULL, plan->dot, plan->dot_capacity);
        plan->dot = NULL;
    }
    return plan->dot != NULL ? plan->dot : "";
}
