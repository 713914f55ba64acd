/* SPDX-License-Identifier: BSD-3-Clause */
/* Plans: from targets or from bytes, what they predict, and into bytes. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/base/assert.h"
#include "core/mem/alloc.h"
#include "core/wire/plan_wire.h"
#include "io/format/format.h"
#include "io/store/store.h"
#include "tilegraph/plan.h"
#include "worker/child/plan_functions.h"
#include "worker/exec/clock.h"
#include "worker/session/computation.h"
#include "worker/session/paths.h"

static tg_status
check_target(size_t index, const tg_array *array, const tg_target *target, tg_error *err)
{
    tg_status status = TG_OK;
    const tg_sink *sink = target->sink;
    TG_CHECK(array != NULL, err, TG_ERR_VALUE,
             "target %zu has no array: look at the error of its scope", index);
    TG_CHECK(sink == NULL || tg_array_is_known(array), err, TG_ERR_VALUE,
             "%s: an array of unknown length cannot be stored; compute it first", array->op->name);
    TG_CHECK(sink == NULL ||
                 (sink->dtype == array->dtype && sink->ndim == array->ndim &&
                  memcmp(sink->shape, array->shape, (size_t)array->ndim * sizeof(int64_t)) == 0),
             err, TG_ERR_VALUE, "target %zu: %s was opened for an array of another shape or dtype",
             index, sink->uri);
out:
    return status;
}

static bool
has_gaps(const tg_array *array, const int64_t *strides)
{
    int last = array->ndim - 1;
    return tg_array_is_known(array) && last >= 0 && array->shape[last] > 1 &&
           strides[last] != (int64_t)tg_dtype_size(array->dtype);
}

/* The targets as the planner sees them, and for the plan where their results go. */
static tg_status
take_targets(tg_plan *plan, size_t count, tg_array *const *arrays, const tg_target *targets,
             tg_plan_target *planned, tg_error *err)
{
    tg_status status = TG_OK;
    TG_ASSERT(arrays != NULL || targets != NULL);
    plan->places = tg_calloc(NULL, count, sizeof *plan->places);
    TG_CHECK(plan->places != NULL, err, TG_ERR_MEMORY, "no memory to plan");
    plan->place_count = count;
    for (size_t t = 0; t < count; t++) {
        static const tg_target memory = { .data = NULL };
        const tg_target *target = targets != NULL ? &targets[t] : &memory;
        tg_place *place = &plan->places[t];
        tg_array *array = arrays != NULL ? arrays[t] : target->array;
        tg_view layout;
        TG_TRY(check_target(t, array, target, err));
        planned[t].array = array;
        planned[t].sink = target->sink;
        plan->writes = plan->writes || target->sink != NULL;
        if (target->sink == NULL && target->data == NULL && tg_array_is_known(array)) {
            planned[t].own_bytes = tg_max_i64(1, tg_array_nbytes(array));
        }
        place->data = target->data;
        tg_view_from_shape(&layout, place->data, array->dtype, array->ndim, array->shape);
        memcpy(place->strides, target->strides != NULL ? target->strides : layout.strides,
               (size_t)layout.ndim * sizeof layout.strides[0]);
        planned[t].gaps = target->data != NULL && has_gaps(array, place->strides);
    }
out:
    return status;
}

/* The bytes [lo, hi) between which a view lies. */
static void
byte_range(const tg_view *view, uintptr_t *lo, uintptr_t *hi)
{
    *lo = (uintptr_t)view->data;
    *hi = *lo + (tg_view_count(view) > 0 ? tg_dtype_size(view->dtype) : 0);
    for (int a = 0; a<view->ndim && * hi> * lo; a++) {
        int64_t span = (view->shape[a] - 1) * view->strides[a];
        *lo += span < 0 ? (uintptr_t)span : 0;
        *hi += span > 0 ? (uintptr_t)span : 0;
    }
}

/* Does the plan read memory that the target covers? */
static bool
reads_memory_of(const tg_plan_core *core, const tg_view *target)
{
    uintptr_t lo = 0, hi = 0;
    bool reads = false;
    byte_range(target, &lo, &hi);
    for (uint32_t s = 0; s < core->stage_count; s++) {
        for (uint32_t i = 0; i < core->stages[s].local_count; i++) {
            tg_view source;
            uintptr_t from = 0, to = 0;
            if (tg_array_direct(core->stages[s].locals[i].array, &source)) {
                byte_range(&source, &from, &to);
                reads = reads || (from < hi && lo < to);
            }
        }
    }
    return reads;
}

/* Results that would be written over what other tiles still read are made in memory of the engine's
 * and copied in the end. Says whether there are any. */
static bool
keep_apart(const tg_plan *plan, const tg_target *targets, tg_plan_target *planned)
{
    bool any = false;
    for (size_t t = 0; t < plan->place_count; t++) {
        const tg_array *array = planned[t].array;
        tg_view view;
        if (targets[t].data != NULL && tg_array_is_known(array)) {
            tg_view_from_shape(&view, targets[t].data, array->dtype, array->ndim, array->shape);
            memcpy(view.strides, plan->places[t].strides, sizeof view.strides);
            if (reads_memory_of(plan->core, &view)) {
                planned[t].own_bytes = tg_max_i64(1, tg_array_nbytes(array));
                planned[t].gaps = false;
                any = true;
            }
        }
    }
    return any;
}

static tg_status
make_plan(size_t count, const tg_target *targets, const tg_plan_options *options, tg_plan **out,
          tg_error *err)
{
    tg_status status = TG_OK;
    int64_t start = tg_clock_ns();
    tg_plan_target *planned = NULL;
    tg_plan *plan = tg_calloc(NULL, 1, sizeof *plan);
    *out = NULL;
    TG_CHECK(plan != NULL, err, TG_ERR_MEMORY, "no memory to plan");
    TG_CHECK(count >= 1 && count <= TG_TARGETS_MAX, err, TG_ERR_VALUE,
             "a computation has 1 to %d targets, got %zu", TG_TARGETS_MAX, count);
    planned = tg_calloc(NULL, count, sizeof *planned);
    TG_CHECK(planned != NULL, err, TG_ERR_MEMORY, "no memory to plan");
    TG_TRY(tg__check_places(count, targets, err));
    TG_TRY(take_targets(plan, count, NULL, targets, planned, err));
    TG_TRY(tg_plan_make(count, planned, options, &plan->core, err));
    if (keep_apart(plan, targets, planned)) {
        tg_plan_release(plan->core);
        plan->core = NULL;
        TG_TRY(tg_plan_make(count, planned, options, &plan->core, err));
    }
    plan->seconds = (double)(tg_clock_ns() - start) * 1e-9;
    *out = plan;
    plan = NULL;
out:
    tg_free(NULL, planned, count * sizeof *planned);
    tg_plan_destroy(plan);
    return status;
}

tg_status
tg_plan_create(tg_session *session, size_t count, const tg_target *targets, tg_plan **out,
               tg_error *err)
{
    tg_remote *remote = tg__session_remote(session);
    tg_status status =
        remote != NULL ? tg__plan_there(session, remote, count, targets, out, err)
                       : tg__plan_within(session, count, targets, session->memory_limit, out, err);
    tg_remote_release(remote);
    return status;
}

tg_status
tg__plan_there(tg_session *session, tg_remote *remote, size_t count, const tg_target *targets,
               tg_plan **out, tg_error *err)
{
    tg_status status = TG_OK;
    tg_plan_options options = { .threads = session->threads, .shared = true };
    *out = NULL;
    TG_TRY(remote->ops->resources(remote, &options.threads, &options.memory_limit,
                                  &options.task_limit, err));
    status = make_plan(count, targets, &options, out, err);
    if (status == TG_ERR_MEMORY) { /* whose limit is it? */
        tg__error_prefix(err, "the workers of the cluster have too little memory");
    }
out:
    return status;
}

tg_status
tg__plan_within(tg_session *session, size_t count, const tg_target *targets, int64_t memory_limit,
                tg_plan **out, tg_error *err)
{
    tg_plan_options options = { .threads = session->threads, .memory_limit = memory_limit };
    return make_plan(count, targets, &options, out, err);
}

/* -- bytes ----------------------------------------------------------------------------------- */

/* A copy of what was written, without the room behind it, for whoever called. */
static tg_status
copy_out(const tg_wire_bytes *written, void **bytes, size_t *size, tg_error *err)
{
    tg_status status = TG_OK;
    *bytes = tg_malloc(NULL, written->size);
    TG_CHECK(*bytes != NULL, err, TG_ERR_MEMORY, "no memory for %zu bytes", written->size);
    memcpy(*bytes, written->data, written->size);
    *size = written->size;
out:
    return status;
}

tg_status
tg_plan_to_bytes(const tg_plan *plan, void **bytes, size_t *size, tg_error *err)
{
    tg_status status = TG_OK;
    tg_wire_bytes written = { 0 };
    *bytes = NULL;
    *size = 0;
    TG_TRY(tg_wire_write_plan(plan->core, NULL, &written, err));
    TG_TRY(copy_out(&written, bytes, size, err));
out:
    tg_wire_bytes_fini(&written);
    return status;
}

void
tg_plan_bytes_free(void *bytes, size_t size)
{
    tg_free(NULL, bytes, size);
}

/* What a session lets a plan have. */
typedef struct allowed {
    char *root; /* NULL: any path */
    const tg_plan_functions *functions;
    tg_shared_reader *reader; /* of arrays in the memory of clients; NULL: none */
} allowed;

/* A store that the plan names. */
static tg_status
open_store(void *ctx, const char *format, const char *uri, tg_source **out, tg_error *err)
{
    tg_status status = TG_OK;
    const allowed *allows = ctx;
    char real[TG_STORE_PATH_MAX];
    *out = NULL;
    if (allows->root != NULL) {
        TG_TRY(tg__root_find(allows->root, uri, real, err));
    }
    TG_TRY(tg_format_open(allows->root != NULL ? real : uri, out, err));
    if (strcmp((*out)->format, format) != 0) {
        status =
            tg_fail(err, TG_ERR_VALUE, "%s: is of format %s, and was %s when the plan was made",
                    uri, (*out)->format, format);
        tg_source_release(*out);
        *out = NULL;
    }
out:
    return status;
}

static tg_status
make_function(void *ctx, const tg_function_form *form, tg_function **out, tg_error *err)
{
    const allowed *allows = ctx;
    return tg__plan_function_make(allows->functions, form, out, err);
}

static tg_status
map_memory(void *ctx, const tg_shared_ref *ref, tg_buffer **out, tg_error *err)
{
    const allowed *allows = ctx;
    return tg_shared_map(allows->reader, ref, out, err);
}

/* `root` of TG_STORE_PATH_MAX bytes and `allows` live as long as the opener. */
static tg_wire_opener
opener_of(tg_session *session, char *root, allowed *allows)
{
    allows->root = tg_session_plan_root(session, root) ? root : NULL;
    allows->functions = session->plan_functions;
    allows->reader = session->reader;
    return (tg_wire_opener){ .ctx = allows,
                             .open = open_store,
                             .make = make_function,
                             .map = session->reader != NULL ? map_memory : NULL };
}

tg_status
tg__plan_expand_bytes(tg_session *session, const void *bytes, size_t size, uint64_t group,
                      tg_wire_attach_fn attach, void *ctx, const tg_plan_options *options,
                      tg_plan_core **out, tg_error *err)
{
    char root[TG_STORE_PATH_MAX];
    allowed allows;
    tg_plan_functions functions;
    tg_wire_opener opener = opener_of(session, root, &allows);
    if (allows.functions != NULL) {
        functions = *allows.functions;
        functions.group = group;
        allows.functions = &functions;
    }
    return tg_wire_expand(session->context, bytes, size, &opener, attach, ctx, options, out, err);
}

tg_status
tg_plan_from_bytes(tg_session *session, const void *bytes, size_t size, size_t count,
                   const tg_target *targets, tg_plan **out, tg_error *err)
{
    tg_status status = TG_OK;
    int64_t start = tg_clock_ns();
    tg_plan_options options = { .threads = session->threads,
                                .memory_limit = session->memory_limit,
                                .tasks_max = TG_PLAN_TASKS_MAX };
    char root[TG_STORE_PATH_MAX];
    allowed allows;
    tg_wire_opener opener = opener_of(session, root, &allows);
    tg_wire_plan wire = { 0 };
    tg_plan_target *planned = NULL;
    size_t wanted = 0;
    tg_plan *plan = tg_calloc(NULL, 1, sizeof *plan);
    *out = NULL;
    TG_CHECK(plan != NULL, err, TG_ERR_MEMORY, "no memory to plan");
    TG_TRY(tg_wire_read_plan(session->context, bytes, size, &opener, &wire, err));
    wanted = wire.targets.count;
    TG_CHECK(wanted >= 1, err, TG_ERR_FORMAT, "plan: it has no targets");
    TG_CHECK(count == 0 || count == wanted, err, TG_ERR_VALUE,
             "plan: it has %zu targets, got places for %zu", wanted, count);
    TG_TRY(tg__check_places(count, targets, err));
    planned = tg_calloc(NULL, wanted, sizeof *planned);
    TG_CHECK(planned != NULL, err, TG_ERR_MEMORY, "no memory to plan");
    TG_TRY(
        take_targets(plan, wanted, wire.targets.arrays, count != 0 ? targets : NULL, planned, err));
    for (size_t t = 0; t < wanted; t++) {
        planned[t].stage = wire.stage_of_target[t];
    }
    TG_TRY(tg_plan_expand(wanted, planned, &options, &wire.choice, &plan->core, err));
    plan->seconds = (double)(tg_clock_ns() - start) * 1e-9;
    *out = plan;
    plan = NULL;
out:
    tg_free(NULL, planned, wanted * sizeof *planned);
    tg_wire_plan_fini(&wire);
    tg_plan_destroy(plan);
    return status;
}

tg_status
tg_plan_bytes_targets(tg_session *session, const void *bytes, size_t size, size_t max,
                      tg_array **arrays, size_t *count, tg_error *err)
{
    tg_status status = TG_OK;
    char root[TG_STORE_PATH_MAX];
    allowed allows;
    tg_wire_opener opener = opener_of(session, root, &allows);
    tg_wire_arrays read = { 0 };
    *count = 0;
    TG_TRY(tg_wire_read_nodes(session->context, bytes, size, &opener, &read, err));
    *count = read.count;
    for (size_t t = 0; t < read.count && t < max; t++) {
        arrays[t] = tg_array_retain(read.arrays[t]);
    }
out:
    tg_wire_arrays_fini(&read);
    return status;
}

/* -- expressions alone ----------------------------------------------------------------------- */

/* Paths become absolute: whoever reads may be elsewhere. */
static tg_status
write_arrays(size_t count, tg_array *const *arrays, bool digest, tg_wire_bytes *written,
             tg_error *err)
{
    tg_status status = TG_OK;
    char folder[TG_STORE_PATH_MAX];
    TG_CHECK(getcwd(folder, sizeof folder) != NULL, err, TG_ERR_IO,
             "the name of the current folder cannot be had: %s", strerror(errno));
    const tg_wire_writing how = { .folder = folder, .digest = digest };
    TG_TRY(tg_wire_write_nodes(count, arrays, &how, written, err));
out:
    return status;
}

tg_status
tg_arrays_to_bytes(size_t count, tg_array *const *arrays, void **bytes, size_t *size, tg_error *err)
{
    tg_status status = TG_OK;
    tg_wire_bytes written = { 0 };
    *bytes = NULL;
    *size = 0;
    TG_TRY(write_arrays(count, arrays, false, &written, err));
    TG_TRY(copy_out(&written, bytes, size, err));
out:
    tg_wire_bytes_fini(&written);
    return status;
}

tg_status
tg_arrays_fingerprint(size_t count, tg_array *const *arrays, char text[TG_FINGERPRINT_BYTES],
                      tg_error *err)
{
    tg_status status = TG_OK;
    tg_wire_bytes written = { 0 };
    uint64_t sum[2] = { 0 };
    text[0] = '\0';
    TG_TRY(write_arrays(count, arrays, true, &written, err));
    tg_wire_digest(&written, sum);
    (void)snprintf(text, TG_FINGERPRINT_BYTES, "%016" PRIx64 "%016" PRIx64, sum[0], sum[1]);
out:
    tg_wire_bytes_fini(&written);
    return status;
}

tg_status
tg_arrays_from_bytes(tg_session *session, const void *bytes, size_t size,
                     const tg_plan_functions *functions, size_t count, tg_array **arrays,
                     tg_error *err)
{
    tg_status status = TG_OK;
    char root[TG_STORE_PATH_MAX];
    allowed allows;
    tg_wire_opener opener = opener_of(session, root, &allows);
    tg_wire_arrays read = { 0 };
    allows.functions = functions != NULL ? functions : allows.functions;
    TG_TRY(tg_wire_read_nodes(session->context, bytes, size, &opener, &read, err));
    TG_CHECK(read.count == count, err, TG_ERR_VALUE, "the bytes hold %zu arrays, %zu are wanted",
             read.count, count);
    for (size_t t = 0; t < count; t++) {
        arrays[t] = tg_array_retain(read.arrays[t]);
    }
out:
    tg_wire_arrays_fini(&read);
    return status;
}

/* -- what a plan says ------------------------------------------------------------------------ */

void
tg_plan_destroy(tg_plan *plan)
{
    if (plan != NULL) {
        tg_plan_release(plan->core);
        tg_free(NULL, plan->places, plan->place_count * sizeof *plan->places);
        tg_free(NULL, plan->text, plan->text_capacity);
        tg_free(NULL, plan->dot, plan->dot_capacity);
        tg_free(NULL, plan, sizeof *plan);
    }
}

void
tg_plan_report(const tg_plan *plan, tg_report *report)
{
    const tg_plan_core *core = plan->core;
    *report = (tg_report){ .tasks = core->tasks.count,
                           .peak_bytes = core->peak_bytes,
                           .chunks_read = core->chunks_read,
                           .chunks_decoded = core->chunks_decoded,
                           .bytes_read = core->bytes_read,
                           .bytes_written = core->bytes_written,
                           .plan_seconds = plan->seconds };
}

size_t
tg_plan_array_count(const tg_plan *plan)
{
    return plan->core->target_count;
}

tg_array *
tg_plan_array(const tg_plan *plan, size_t index)
{
    return index < plan->core->target_count ? plan->core->targets[index].array : NULL;
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
