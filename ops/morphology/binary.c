/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Binary erosion and dilation as nodes: arguments, the structure cut into chords, the window. How
 * one box is computed from that is in binary_run.c.
 */
#include <stdlib.h>

#include "core/array/scope.h"
#include "ops/morphology/binary_state.h"
#include "ops/overlap/filter_args.h"

const tg_param_schema tg_binary_params[] = {
    { "iterations", TG_PARAM_INT, false, false, "1", NULL, "how often it is applied, at least 1" },
    { "border_value", TG_PARAM_INT, false, false, "0", NULL, "value outside the array, 0 or 1" },
    TG_SCHEMA_ORIGIN,
    TG_SCHEMA_AXES,
    TG_SCHEMA_END,
};

static void
binary_free(void *state)
{
    tg_binary *b = state;
    if (b != NULL) {
        tg_state_free(b->footprint);
        tg_state_free(b->groups);
        tg_state_free(b->rows);
        tg_state_free(b->away);
        tg_state_free(b);
    }
}

/* Calls back for every run of the structure. */
static int64_t
next_run(const uint8_t *row, int64_t n, int64_t from, int64_t *length)
{
    int64_t first = from;
    while (first < n && row[first] == 0) {
        first++;
    }
    int64_t end = first;
    while (end < n && row[end] != 0) {
        end++;
    }
    *length = end - first;
    return first;
}

static int64_t
find_group(const tg_binary *b, int64_t first, int64_t length)
{
    int64_t g = 0;
    while (g < b->group_count && (b->groups[g].first != first || b->groups[g].length != length)) {
        g++;
    }
    return g;
}

/* Cuts the structure into chords, grouped by run. */
static bool
cut_chords(tg_binary *b)
{
    const tg_footprint *f = b->footprint;
    int64_t n = f->size[f->ndim - 1];
    int64_t row_count = f->count / n;
    int64_t length = 0;
    int64_t chords = 0;
    for (int64_t r = 0; r < row_count; r++) {
        const uint8_t *row = f->member + r * n;
        for (int64_t x = next_run(row, n, 0, &length); length > 0;
             x = next_run(row, n, x + length, &length)) {
            chords++;
        }
    }
    b->groups = tg_state_alloc((size_t)(chords + 1) * sizeof *b->groups);
    b->rows = tg_state_alloc((size_t)(chords + 1) * sizeof *b->rows);
    b->away = tg_state_alloc((size_t)(chords + 1) * (size_t)f->ndim * sizeof *b->away);
    bool ok = b->groups != NULL && b->rows != NULL && b->away != NULL;
    /* First count the members of every group, then place them. */
    for (int pass = 0; ok && pass < 2; pass++) {
        for (int64_t r = 0; r < row_count; r++) {
            const uint8_t *row = f->member + r * n;
            for (int64_t x = next_run(row, n, 0, &length); length > 0;
                 x = next_run(row, n, x + length, &length)) {
                int64_t g = find_group(b, x, length);
                if (g == b->group_count) {
                    b->groups[b->group_count++] = (tg_chord_group){ x, length, 0, 0 };
                }
                if (pass == 1) {
                    b->rows[b->groups[g].begin + b->groups[g].count] = r;
                }
                b->groups[g].count++;
            }
        }
        int64_t begin = 0;
        for (int64_t g = 0; pass == 0 && g < b->group_count; g++) {
            b->groups[g].begin = begin;
            begin += b->groups[g].count;
            b->groups[g].count = 0;
        }
    }
    for (int64_t i = 0; ok && i < chords; i++) {
        int64_t row = b->rows[i];
        for (int a = f->ndim - 2; a >= 0; a--) {
            b->away[i * f->ndim + a] = (int32_t)(row % f->size[a] - f->before[a]);
            row /= f->size[a];
        }
    }
    return ok;
}

static int
by_length(const void *a, const void *b)
{
    const tg_chord_group *x = a;
    const tg_chord_group *y = b;
    int order = (x->length > y->length) - (x->length < y->length);
    return order != 0 ? order : (x->first > y->first) - (x->first < y->first);
}

static void
find_reach(tg_binary *b)
{
    int last = b->footprint->ndim - 1;
    for (int64_t g = 0; g < b->group_count; g++) {
        const tg_chord_group *group = &b->groups[g];
        int64_t first = group->first - b->footprint->before[last];
        b->reach_lo[last] = tg_min_i64(b->reach_lo[last], first);
        b->reach_hi[last] = tg_max_i64(b->reach_hi[last], first + group->length - 1);
        for (int64_t i = group->begin; i < group->begin + group->count; i++) {
            for (int a = 0; a < last; a++) {
                int64_t away = b->away[i * (last + 1) + a];
                b->reach_lo[a] = tg_min_i64(b->reach_lo[a], away);
                b->reach_hi[a] = tg_max_i64(b->reach_hi[a], away);
            }
        }
    }
}

static tg_status
check_params(const tg_infer *infer, tg_error *err)
{
    tg_status status = TG_OK;
    const tg_value *v = infer->values;
    const char *name = infer->op->name;
    const tg_array *in = infer->args[0];
    int64_t iterations = tg_value_int(&v[TG_BINARY_ITERATIONS], 0, 1);
    int64_t border = tg_value_int(&v[TG_BINARY_BORDER_VALUE], 0, 0);
    TG_CHECK(in->dtype != TG_DT_C64 && in->dtype != TG_DT_C128, err, TG_ERR_TYPE,
             "%s: complex input is not supported", name);
    TG_CHECK(in->ndim > 0, err, TG_ERR_VALUE, "%s: the input must have at least one axis", name);
    TG_CHECK(iterations >= 1, err, TG_ERR_UNSUPPORTED,
             "%s: iterations must be >= 1, got %lld; repeating until nothing changes is not "
             "supported",
             name, (long long)iterations);
    TG_CHECK(iterations <= 1 << 20, err, TG_ERR_LIMIT,
             "%s: at most 1048576 iterations are allowed, got %lld", name, (long long)iterations);
    TG_CHECK(border == 0 || border == 1, err, TG_ERR_VALUE,
             "%s: border_value must be 0 or 1, got %lld", name, (long long)border);
out:
    return status;
}

tg_status
tg_binary_infer(tg_infer *infer, bool dilate, tg_error *err)
{
    tg_status status = TG_OK;
    const tg_value *v = infer->values;
    int axes[TG_NDIM_MAX];
    int naxes = 0;
    tg_binary *b = NULL;
    TG_TRY(check_params(infer, err));
    infer->args[0] = tg_scope_cast(infer->scope, infer->args[0], TG_DT_BOOL);
    TG_CHECK(infer->args[0] != NULL, err, TG_ERR_TYPE, "%s: the input cannot become bool",
             infer->op->name);
    TG_TRY(tg_filter_begin(infer, NULL, err));
    TG_TRY(tg_filter_axes(infer, &v[TG_BINARY_AXES], axes, &naxes, err));
    b = tg_state_alloc(sizeof *b);
    TG_CHECK(b != NULL, err, TG_ERR_MEMORY, "%s: out of memory", infer->op->name);
    if (infer->nargs > 1) {
        TG_TRY(tg_footprint_from_arg(infer, 1, axes, naxes, &v[TG_BINARY_ORIGIN], false,
                                     &b->footprint, err));
    } else {
        b->footprint = tg_footprint_cross(infer->ndim, axes, naxes);
        TG_CHECK(b->footprint != NULL, err, TG_ERR_MEMORY, "%s: out of memory", infer->op->name);
        TG_TRY(
            tg_footprint_set_origin(infer, b->footprint, axes, naxes, &v[TG_BINARY_ORIGIN], err));
    }
    if (dilate) {
        tg_footprint_mirror(b->footprint);
    }
    b->dilate = dilate;
    b->iterations = tg_value_int(&v[TG_BINARY_ITERATIONS], 0, 1);
    b->border = tg_value_int(&v[TG_BINARY_BORDER_VALUE], 0, 0) != 0;
    TG_CHECK(cut_chords(b), err, TG_ERR_MEMORY, "%s: out of memory", infer->op->name);
    qsort(b->groups, (size_t)b->group_count, sizeof *b->groups, by_length);
    find_reach(b);
    infer->state = b;
    infer->state_free = binary_free;
    b = NULL;
out:
    binary_free(b);
    return status;
}

void
tg_binary_window(const tg_array *node, size_t arg, tg_window *window)
{
    const tg_binary *b = node->state;
    tg_filter_window_whole(window);
    if (arg == 0) {
        tg_footprint_window(b->footprint, b->iterations, window);
        for (int a = 0; a < node->ndim; a++) {
            window->mode[a] = TG_BOUNDARY_NONE;
        }
    }
}
