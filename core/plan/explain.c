/* SPDX-License-Identifier: BSD-3-Clause */
/* The plan as text for people, and as a graph of its stages. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/mem/alloc.h"
#include "core/plan/internal.h"

typedef struct page {
    char *text;
    size_t used, capacity;
    bool failed;
} page;

static void __attribute__((format(printf, 2, 3))) say(page *p, const char *format, ...)
{
    char line[1024];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(line, sizeof line, format, args);
    va_end(args);
    size_t bytes = n < 0 ? 0 : (size_t)n < sizeof line ? (size_t)n : sizeof line - 1;
    if (p->used + bytes + 1 > p->capacity) {
        size_t next = (p->used + bytes + 1) * 2;
        char *text = tg_realloc(NULL, p->text, p->capacity, next);
        if (text == NULL) {
            p->failed = true;
            return;
        }
        p->text = text;
        p->capacity = next;
    }
    memcpy(p->text + p->used, line, bytes);
    p->used += bytes;
    p->text[p->used] = '\0';
}

static void
say_bytes(page *p, int64_t bytes)
{
    static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB" };
    double value = (double)bytes;
    int unit = 0;
    while (value >= 1024.0 && unit < 5) {
        value /= 1024.0;
        unit++;
    }
    say(p, unit == 0 ? "%.0f %s" : "%.1f %s", value, units[unit]);
}

static void
say_shape(page *p, const tg_grid *grid)
{
    for (int a = 0; a < tg_grid_ndim(grid); a++) {
        say(p, "%s%lld", a == 0 ? "" : " x ",
            (long long)tg_grid_step_max(tg_grid_axis_at(grid, a)));
    }
    if (tg_grid_ndim(grid) == 0) {
        say(p, "scalar");
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
say_stage(page *p, const tg_plan_core *plan, uint32_t index)
{
    const tg_stage *stage = &plan->stages[index];
    char label[160];
    tg_stage_label(stage, label, sizeof label);
    say(p, "  %3u  %-44s %9lld tiles of ", index, label, (long long)stage->tiles);
    if (stage->grid != NULL) {
        say_shape(p, stage->grid);
    }
    say(p, " %s, ", tg_dtype_name(stage->root->dtype));
    say_bytes(p, stage->out_bytes);
    say(p, " + ");
    say_bytes(p, stage->scratch_bytes);
    say(p, " scratch");
    if (stage->target != TG_NO_TARGET) {
        const tg_sink *sink = plan->targets[stage->target].sink;
        say(p, " -> %s", sink != NULL ? sink->uri : "memory");
    }
    say(p, "\n");
    for (uint32_t i = 0; i < stage->local_count; i++) {
        const tg_local *local = &stage->locals[i];
        if (local->role == TG_LOCAL_TILES) {
            say(p, "       reads tiles of stage %u\n", local->producer);
        } else if (local->role == TG_LOCAL_COMPUTE && local->array->source != NULL) {
            say(p, "       reads %s %s\n", local->array->source->format, local->array->source->uri);
        }
    }
}

tg_status
tg_plan_explain(const tg_plan_core *plan, char **text, size_t *capacity)
{
    page p = { 0 };
    uint32_t shown = 0;
    for (uint32_t s = 0; s < plan->stage_count; s++) {
        shown += plan->stages[s].tiles > 0;
    }
    say(&p, "plan: %u tasks in %u stages, %d threads, memory limit ", plan->tasks.count, shown,
        plan->options.threads);
    say_bytes(&p, plan->options.memory_limit);
    say(&p, "\n  peak memory   ");
    say_bytes(&p, plan->peak_bytes);
    say(&p, "  (one task at a time ");
    say_bytes(&p, plan->serial_peak_bytes);
    say(&p, plan->any_data ? " for any data; results " : "; results ");
    say_bytes(&p, plan->result_bytes);
    say(&p, ")\n  reads         %lld chunks, ", (long long)plan->chunks_read);
    say_bytes(&p, plan->bytes_read);
    say(&p, "\n  writes        ");
    say_bytes(&p, plan->bytes_written);
    say(&p, "\n  stage\n");
    for (uint32_t s = 0; s < plan->stage_count; s++) {
        if (plan->stages[s].tiles > 0) {
            say_stage(&p, plan, s);
        }
    }
    *text = p.text;
    *capacity = p.capacity;
    return p.failed ? TG_ERR_MEMORY : TG_OK;
}

tg_status
tg_plan_graphviz(const tg_plan_core *plan, char **text, size_t *capacity)
{
    page p = { 0 };
    say(&p, "digraph tilegraph {\n  rankdir=BT;\n"
            "  node [shape=box, style=rounded, fontname=\"sans-serif\"];\n");
    for (uint32_t s = 0; s < plan->stage_count; s++) {
        const tg_stage *stage = &plan->stages[s];
        char label[160];
        if (stage->tiles == 0) {
            continue;
        }
        tg_stage_label(stage, label, sizeof label);
        say(&p, "  s%u [label=\"%s\\n%lld tiles of ", s, label, (long long)stage->tiles);
        say_shape(&p, stage->grid);
        say(&p, " %s\"];\n", tg_dtype_name(stage->root->dtype));
        if (stage->kind == TG_STAGE_COMBINE || stage->kind == TG_STAGE_FINISH) {
            say(&p, "  s%u -> s%u;\n", stage->source, s);
        }
        for (uint32_t i = 0; i < stage->local_count; i++) {
            if (stage->locals[i].role == TG_LOCAL_TILES) {
                say(&p, "  s%u -> s%u;\n", stage->locals[i].producer, s);
            }
        }
        if (stage->target != TG_NO_TARGET) {
            const tg_sink *sink = plan->targets[stage->target].sink;
            say(&p, "  t%d [label=\"%s\", shape=cylinder];\n  s%u -> t%d;\n", stage->target,
                sink != NULL ? sink->format : "memory", s, stage->target);
        }
    }
    say(&p, "}\n");
    *text = p.text;
    *capacity = p.capacity;
    return p.failed ? TG_ERR_MEMORY : TG_OK;
}
