/* SPDX-License-Identifier: BSD-3-Clause */
/* The plan as text for people, and as a graph of its stages. */
#include <stdio.h>

#include "core/mem/text.h"
#include "core/plan/internal.h"

static void
say_bytes(tg_text *p, int64_t bytes)
{
    static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB" };
    double value = (double)bytes;
    int unit = 0;
    while (value >= 1024.0 && unit < 5) {
        value /= 1024.0;
        unit++;
    }
    tg_text_add(p, unit == 0 ? "%.0f %s" : "%.1f %s", value, units[unit]);
}

static void
say_shape(tg_text *p, const tg_grid *grid)
{
    for (int a = 0; a < tg_grid_ndim(grid); a++) {
        tg_text_add(p, "%s%lld", a == 0 ? "" : " x ",
                    (long long)tg_grid_step_max(tg_grid_axis_at(grid, a)));
    }
    if (tg_grid_ndim(grid) == 0) {
        tg_text_add(p, "scalar");
    }
}

void
tg_stage_label(const tg_stage *stage, char *text, size_t bytes)
{
    static const char *const kinds[] = { "", "", " (combine)", " (finish)" };
    size_t used = 0;
    text[0] = '\0';
    if (stage->local_count == 0) {
        (void)snprintf(text, bytes, "%s%s", stage->root->op->name, kinds[stage->kind]);
    }
    for (uint32_t i = 0; i < stage->local_count && used + 1 < bytes; i++) {
        const tg_local *local = &stage->locals[i];
        bool shown =
            local->role == TG_LOCAL_COMPUTE && local->array->ndim + local->array->nargs > 0;
        if (shown || (stage->local_count == 1 && local->role != TG_LOCAL_COMPUTE)) {
            int n = snprintf(text + used, bytes - used, "%s%s", used == 0 ? "" : " + ",
                             local->role == TG_LOCAL_COMPUTE ? local->array->op->name : "store");
            used += n > 0 ? (size_t)n : 0;
        }
    }
}

static void
say_stage(tg_text *p, const tg_plan_core *plan, uint32_t index)
{
    const tg_stage *stage = &plan->stages[index];
    char label[160];
    tg_stage_label(stage, label, sizeof label);
    tg_text_add(p, "  %3u  %-44s %9lld tiles of ", index, label, (long long)stage->tiles);
    if (stage->grid != NULL) {
        say_shape(p, stage->grid);
    }
    tg_text_add(p, " %s, ", tg_dtype_name(stage->root->dtype));
    say_bytes(p, stage->out_bytes);
    tg_text_add(p, " + ");
    say_bytes(p, stage->scratch_bytes);
    tg_text_add(p, " scratch");
    if (stage->target != TG_NO_TARGET) {
        const tg_sink *sink = plan->targets[stage->target].sink;
        tg_text_add(p, " -> %s", sink != NULL ? sink->uri : "memory");
    }
    tg_text_add(p, "\n");
    for (uint32_t i = 0; i < stage->local_count; i++) {
        const tg_local *local = &stage->locals[i];
        if (i > 0 && stage->locals[i - 1].array == local->array) {
            continue; /* the same, at another place */
        }
        if (local->role == TG_LOCAL_TILES) {
            tg_text_add(p, "       reads tiles of stage %u\n", local->producer);
        } else if (local->role == TG_LOCAL_COMPUTE && local->array->source != NULL) {
            tg_text_add(p, "       reads %s %s\n", local->array->source->format,
                        local->array->source->uri);
        }
    }
}

tg_status
tg_plan_explain(const tg_plan_core *plan, char **text, size_t *capacity)
{
    tg_text p = { 0 };
    uint32_t shown = 0;
    for (uint32_t s = 0; s < plan->stage_count; s++) {
        shown += plan->stages[s].tiles > 0;
    }
    tg_text_add(&p, "plan: %u tasks in %u stages, %d threads, memory limit ", plan->tasks.count,
                shown, plan->options.threads);
    say_bytes(&p, plan->options.memory_limit);
    tg_text_add(&p, "\n  peak memory   ");
    say_bytes(&p, plan->peak_bytes);
    tg_text_add(&p, "  (one task at a time ");
    say_bytes(&p, plan->serial_peak_bytes);
    tg_text_add(&p, plan->any_data ? " for any data; results " : "; results ");
    say_bytes(&p, plan->result_bytes);
    tg_text_add(&p, ")\n  reads         %lld chunks, ", (long long)plan->chunks_read);
    say_bytes(&p, plan->bytes_read);
    tg_text_add(&p, "\n  writes        ");
    say_bytes(&p, plan->bytes_written);
    tg_text_add(&p, "\n  stage\n");
    for (uint32_t s = 0; s < plan->stage_count; s++) {
        if (plan->stages[s].tiles > 0) {
            say_stage(&p, plan, s);
        }
    }
    *text = p.data;
    *capacity = p.capacity;
    return p.failed ? TG_ERR_MEMORY : TG_OK;
}

tg_status
tg_plan_graphviz(const tg_plan_core *plan, char **text, size_t *capacity)
{
    tg_text p = { 0 };
    tg_text_add(&p, "digraph tilegraph {\n  rankdir=BT;\n"
                    "  node [shape=box, style=rounded, fontname=\"sans-serif\"];\n");
    for (uint32_t s = 0; s < plan->stage_count; s++) {
        const tg_stage *stage = &plan->stages[s];
        char label[160];
        if (stage->tiles == 0) {
            continue;
        }
        tg_stage_label(stage, label, sizeof label);
        tg_text_add(&p, "  s%u [label=\"%s\\n%lld tiles of ", s, label, (long long)stage->tiles);
        say_shape(&p, stage->grid);
        tg_text_add(&p, " %s\"];\n", tg_dtype_name(stage->root->dtype));
        if (stage->kind == TG_STAGE_COMBINE || stage->kind == TG_STAGE_FINISH) {
            tg_text_add(&p, "  s%u -> s%u;\n", stage->source, s);
        }
        for (uint32_t i = 0; i < stage->local_count; i++) {
            bool again = i > 0 && stage->locals[i - 1].array == stage->locals[i].array;
            if (stage->locals[i].role == TG_LOCAL_TILES && !again) {
                tg_text_add(&p, "  s%u -> s%u;\n", stage->locals[i].producer, s);
            }
        }
        if (stage->target != TG_NO_TARGET) {
            const tg_sink *sink = plan->targets[stage->target].sink;
            tg_text_add(&p, "  t%d [label=\"%s\", shape=cylinder];\n  s%u -> t%d;\n", stage->target,
                        sink != NULL ? sink->format : "memory", s, stage->target);
        }
    }
    tg_text_add(&p, "}\n");
    *text = p.data;
    *capacity = p.capacity;
    return p.failed ? TG_ERR_MEMORY : TG_OK;
}
