/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Groups of elementwise ops. The tile is walked in rows (axes that are contiguous in all operands
 * are joined first), a row in strips that stay in the first-level cache. Intermediates are strips,
 * reused as soon as their last reader has run. A large result is written past the caches: reading a
 * line only to overwrite it would cost a third of the bandwidth.
 */
#include <string.h>

#include "core/base/assert.h"
#include "core/mem/stream.h"
#include "worker/exec/run.h"

/* Inputs are asked for this many strips before they are wanted: 8 KiB cover the latency of memory
 * at its full rate. */
enum { STRIPS_AHEAD = 4 };
enum { MEMBERS_MAX = TG_GROUP_OPERANDS_MAX, OPERANDS_MAX = 8 };

typedef struct member {
    tg_loop loop;
    const void *state;
    int nargs;
    int16_t arg[OPERANDS_MAX]; /* >= 0: member; < 0: input -1 - arg */
    int16_t strip;             /* of its result; -1: the group's output */
    uint16_t size;             /* bytes of one element */
    /* What the loop is called with, and how far each moves from strip to strip. */
    char *args[OPERANDS_MAX + 1];
    ptrdiff_t strides[OPERANDS_MAX + 1];
    ptrdiff_t moves[OPERANDS_MAX + 1];
} member;

typedef struct group {
    int member_count, input_count, strip_count;
    int scalar_count; /* inputs that the layout has a strip for */
    member members[MEMBERS_MAX];
    tg_view inputs[MEMBERS_MAX + 1]; /* broadcast to the output's shape; strides only */
    int16_t member_of[TG_STAGE_LOCALS_MAX];
} group;

/* A view of the input with the strides it has under the output's shape. */
static void
broadcast_to(const tg_view *from, const tg_view *out, tg_view *to)
{
    int shift = out->ndim - from->ndim;
    to->data = from->data;
    to->dtype = from->dtype;
    to->ndim = out->ndim;
    for (int a = 0; a < out->ndim; a++) {
        bool repeats = a < shift || (from->shape[a - shift] == 1 && out->shape[a] != 1);
        to->shape[a] = out->shape[a];
        to->strides[a] = repeats ? 0 : from->strides[a - shift];
    }
}

static int16_t
add_input(tg_eval *eval, group *g, uint32_t consumer, uint32_t arg, const tg_view *out)
{
    const tg_local *local = &eval->stage->locals[consumer];
    uint32_t m = eval->stage->arg_index[local->first_arg + arg];
    tg_view seen = eval->views[m];
    tg_boxes boxes;
    /* Another reader may need more of the argument: this group sees its own box of it. */
    tg_layout_demand(eval->layout, consumer, arg, &boxes);
    if (boxes.count == 1) {
        tg_view_sub(&seen, &eval->views[m], &eval->layout->nodes[m].box, &boxes.box[0]);
    }
    TG_ASSERT_CMP(g->input_count, <=, MEMBERS_MAX);
    broadcast_to(&seen, out, &g->inputs[g->input_count]);
    return (int16_t)(-1 - g->input_count++);
}

/* Gives out strips: a member's strip is free again after its last reader in the group. */
static void
assign_strips(group *g)
{
    int16_t last_reader[MEMBERS_MAX];
    bool busy[MEMBERS_MAX] = { false };
    memset(last_reader, 0xff, sizeof last_reader);
    for (int i = 0; i < g->member_count; i++) {
        for (int a = 0; a < g->members[i].nargs; a++) {
            if (g->members[i].arg[a] >= 0) {
                last_reader[g->members[i].arg[a]] = (int16_t)i;
            }
        }
    }
    for (int i = 0; i < g->member_count; i++) {
        int strip = -1;
        if (i + 1 < g->member_count) {
            strip = 0;
            while (busy[strip]) {
                strip++;
            }
            busy[strip] = true;
            g->strip_count = strip + 1 > g->strip_count ? strip + 1 : g->strip_count;
        }
        g->members[i].strip = (int16_t)strip;
        for (int a = 0; a < g->members[i].nargs; a++) {
            int16_t arg = g->members[i].arg[a];
            if (arg >= 0 && last_reader[arg] == i) {
                busy[g->members[arg].strip] = false;
            }
        }
    }
}

static void
make_group(tg_eval *eval, uint32_t root, const tg_view *out, group *g)
{
    const tg_stage *stage = eval->stage;
    g->member_count = g->input_count = g->strip_count = g->scalar_count = 0;
    for (uint32_t i = 0; i <= root; i++) {
        const tg_layout_node *node = &eval->layout->nodes[i];
        if (!node->needed || node->group != (int32_t)root) {
            continue;
        }
        const tg_local *local = &stage->locals[i];
        const tg_array *array = local->array;
        TG_ASSERT(g->member_count < MEMBERS_MAX && array->nargs <= OPERANDS_MAX);
        member *m = &g->members[g->member_count];
        m->loop = array->op->loop(array);
        m->state = array->state;
        m->nargs = (int)array->nargs;
        m->size = (uint16_t)tg_dtype_size(array->dtype);
        for (uint32_t a = 0; a < array->nargs; a++) {
            uint32_t arg = stage->arg_index[local->first_arg + a];
            bool inside = eval->layout->nodes[arg].group == (int32_t)root && arg != i;
            m->arg[a] = inside ? g->member_of[arg] : add_input(eval, g, i, a, out);
            g->scalar_count += !inside && tg_layout_is_scalar(array->args[a]);
        }
        g->member_of[i] = (int16_t)g->member_count++;
    }
    assign_strips(g);
}

/* Joins axes that are contiguous in every operand; drops axes of one cell. Returns the number. */
static int
join_axes(group *g, tg_view *out)
{
    int n = 0;
    for (int a = 0; a < out->ndim; a++) {
        bool joins = n > 0 && out->strides[n - 1] == out->strides[a] * out->shape[a];
        if (out->shape[a] == 1) {
            continue;
        }
        for (int i = 0; i < g->input_count && joins; i++) {
            joins = g->inputs[i].strides[n - 1] == g->inputs[i].strides[a] * out->shape[a];
        }
        if (joins) {
            out->shape[n - 1] *= out->shape[a];
        } else {
            out->shape[n++] = out->shape[a];
        }
        out->strides[n - 1] = out->strides[a];
        for (int i = 0; i < g->input_count; i++) {
            g->inputs[i].strides[n - 1] = g->inputs[i].strides[a];
        }
    }
    if (n == 0) {
        n = 1;
        out->shape[0] = 1;
        out->strides[0] = 0;
        for (int i = 0; i < g->input_count; i++) {
            g->inputs[i].strides[0] = 0;
        }
    }
    return n;
}

typedef struct walker {
    group *g;
    char *strips;
    char *out;
    char *in[MEMBERS_MAX + 1];
    ptrdiff_t out_stride;
    int inner;
    bool streams;
    size_t out_size;
    bool repeats[MEMBERS_MAX + 1];     /* one element, spread over a strip */
    size_t read_size[MEMBERS_MAX + 1]; /* of an element of a contiguous input; 0 for others */
    size_t share[MEMBERS_MAX + 1];     /* bytes of a strip of it that one member asks for ahead */
} walker;

/* Asks for a share of the inputs of a later strip, so that memory works while members compute:
 * member `i` asks for the i-th part of each row. */
static inline void
prefetch(const walker *w, int i, size_t next, size_t count)
{
    for (int k = 0; k < w->g->input_count; k++) {
        size_t bytes = count * w->read_size[k];
        const char *from = w->in[k] + next * w->read_size[k];
        size_t end = w->share[k] * ((size_t)i + 1);
        end = end < bytes ? end : bytes;
        for (size_t b = w->share[k] * (size_t)i; b < end; b += 64) {
            __builtin_prefetch(from + b, 0, 1);
        }
    }
}

/* Sets what the members are called with at the beginning of a row; `step` cells are a strip. */
static void
start_row(walker *w, size_t step)
{
    const group *g = w->g;
    for (int i = 0; i < g->member_count; i++) {
        member *m = &w->g->members[i];
        for (int a = 0; a < m->nargs; a++) {
            int k = -1 - m->arg[a];
            const member *from = k < 0 ? &g->members[m->arg[a]] : NULL;
            m->args[a] = k < 0 ? w->strips + (size_t)from->strip * TG_STRIP_BYTES : w->in[k];
            m->strides[a] = k < 0 ? from->size : g->inputs[k].strides[w->inner];
            m->moves[a] = k < 0 || w->repeats[k] ? 0 : (ptrdiff_t)step * m->strides[a];
        }
        int strip = m->strip >= 0 ? m->strip : g->strip_count;
        bool to_strip = m->strip >= 0 || w->streams;
        m->args[m->nargs] = to_strip ? w->strips + (size_t)strip * TG_STRIP_BYTES : w->out;
        m->strides[m->nargs] = to_strip ? m->size : w->out_stride;
        m->moves[m->nargs] = to_strip ? 0 : (ptrdiff_t)step * w->out_stride;
    }
}

static void
run_strip(walker *w, size_t at, size_t count, size_t next, size_t ahead)
{
    const group *g = w->g;
    for (int i = 0; i < g->member_count; i++) {
        member *m = &w->g->members[i];
        if (ahead > 0) {
            prefetch(w, i, next, ahead);
        }
        m->loop(m->args, m->strides, count, m->state);
        for (int a = 0; a <= m->nargs; a++) {
            m->args[a] += m->moves[a];
        }
    }
    if (w->streams) {
        tg_stream_copy(w->out + (ptrdiff_t)at * w->out_stride,
                       w->strips + (size_t)g->strip_count * TG_STRIP_BYTES, count * w->out_size);
    }
}

/* A strip that holds the element `k` has everywhere: kernels then read it as any other row. */
static void
spread(walker *w, int k, char *strip, size_t count)
{
    tg_view *input = &w->g->inputs[k];
    size_t size = tg_dtype_size(input->dtype);
    memcpy(strip, w->in[k], size);
    for (size_t done = 1; done < count; done *= 2) {
        size_t more = count - done < done ? count - done : done;
        memcpy(strip + done * size, strip, more * size);
    }
    w->in[k] = strip;
    w->repeats[k] = true;
    input->strides[w->inner] = (ptrdiff_t)size;
}

/* Where the inputs begin, which of them are worth asking for ahead, and which are one element. */
static void
start_inputs(walker *w, int ndim, size_t step)
{
    group *g = w->g;
    int strips = g->strip_count + 1;
    for (int k = 0; k < g->input_count; k++) {
        const tg_view *input = &g->inputs[k];
        size_t size = tg_dtype_size(input->dtype);
        bool repeats = true;
        for (int a = 0; a < ndim; a++) {
            repeats = repeats && input->strides[a] == 0;
        }
        w->in[k] = input->data;
        w->read_size[k] = input->strides[w->inner] == (ptrdiff_t)size ? size : 0;
        w->share[k] = (step * w->read_size[k] / (size_t)g->member_count + 63) / 64 * 64;
        w->repeats[k] = false;
        if (repeats && g->scalar_count > 0) {
            g->scalar_count--;
            spread(w, k, w->strips + (size_t)strips++ * TG_STRIP_BYTES, step);
        }
    }
}

void
tg_strips_run(tg_eval *eval, uint32_t root, const tg_view *target)
{
    group g;
    tg_view out = *target;
    walker w = { .g = &g };
    int64_t index[TG_NDIM_MAX] = { 0 };
    size_t widest = tg_dtype_size(out.dtype);
    if (tg_view_count(target) == 0) {
        return;
    }
    make_group(eval, root, target, &g);
    int n = join_axes(&g, &out);
    for (int i = 0; i < g.member_count; i++) {
        widest = g.members[i].size > widest ? g.members[i].size : widest;
    }
    for (int k = 0; k < g.input_count; k++) {
        size_t size = tg_dtype_size(g.inputs[k].dtype);
        widest = size > widest ? size : widest;
    }
    size_t step = TG_STRIP_BYTES / widest;
    size_t row = (size_t)out.shape[n - 1];
    w.strips = eval->block + eval->layout->op_scratch;
    w.out = out.data;
    w.out_stride = out.strides[n - 1];
    w.inner = n - 1;
    w.out_size = tg_dtype_size(out.dtype);
    w.streams = eval->stage->target != TG_NO_TARGET && root + 1 == eval->stage->local_count &&
                eval->run->streaming_bytes > 0 && !eval->stage->keeps &&
                eval->run->plan->targets[eval->stage->target].sink == NULL &&
                w.out_stride == (ptrdiff_t)w.out_size && row >= step &&
                tg_array_nbytes(eval->stage->root) >= eval->run->streaming_bytes;
    start_inputs(&w, n, step < row ? step : row);
    bool more = true;
    while (more) {
        start_row(&w, step);
        for (size_t at = 0; at < row; at += step) {
            size_t count = row - at < step ? row - at : step;
            size_t next = at + STRIPS_AHEAD * step;
            size_t left = next < row ? row - next : 0;
            run_strip(&w, at, count, next, left < step ? left : step);
        }
        int a = n - 2;
        while (a >= 0 && ++index[a] == out.shape[a]) {
            w.out -= (out.shape[a] - 1) * out.strides[a];
            for (int i = 0; i < g.input_count; i++) {
                w.in[i] -= (out.shape[a] - 1) * g.inputs[i].strides[a];
            }
            index[a--] = 0;
        }
        more = a >= 0;
        if (more) {
            w.out += out.strides[a];
            for (int i = 0; i < g.input_count; i++) {
                w.in[i] += g.inputs[i].strides[a];
            }
        }
    }
    if (w.streams) {
        tg_stream_end();
    }
}
