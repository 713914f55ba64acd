/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Bytes into nodes and plans. Every field is checked for type and range (decode.h), then the node
 * is built by tg_apply. The decoder's memory is that of one record; ours is the lists of nodes and
 * of choices, which are not longer than the message.
 */
#include <inttypes.h>
#include <string.h>

#include "core/array/scope.h"
#include "core/mem/alloc.h"
#include "core/wire/decode.h"
#include "core/wire/leaf_read.h"
#include "core/wire/plan_format.h"
#include "core/wire/plan_wire.h"

typedef struct reader {
    tg__decoder decoder;
    tg_context *context;
    tg_scope *scope; /* holds the nodes while they are built */
    const tg_wire_opener *opener;
    tg_array **nodes;
    size_t count, room;
    size_t target_count;
    uint32_t stage_count; /* that are declared */
    uint32_t stages_read;
    bool trims;
    int64_t table_bytes;
    tg_function *functions[TG_PARAMS_MAX]; /* that were made for the record that is read */
    uint32_t function_count;
} reader;

/* The node has its own references. */
static void
drop_functions(reader *r)
{
    while (r->function_count > 0) {
        tg_function_release(r->functions[--r->function_count]);
    }
}

static void
reader_fini(reader *r)
{
    drop_functions(r);
    tg__decoder_fini(&r->decoder);
    tg_scope_destroy(r->scope);
    tg_free(NULL, r->nodes, r->room * sizeof(tg_array *));
}

static tg_status
read_header(reader *r, tg_error *err)
{
    tg_status status = TG_OK;
    const msgpack_object *object = NULL;
    const msgpack_object_array *fields = NULL;
    const char *magic = NULL;
    uint32_t length = 0;
    uint64_t version = 0, nodes = 0, targets = 0, stages = 0, tables = 0;
    TG_TRY(tg__wire_next(&r->decoder, &object, err));
    TG_TRY(tg__want_array(object, 1, UINT32_MAX, "header", &fields, err));
    TG_TRY(tg__want_text(&r->decoder, &fields->ptr[0], 64, "header", &magic, &length, err));
    TG_CHECK(strcmp(magic, TG__PLAN_MAGIC) == 0, err, TG_ERR_FORMAT, "not a plan");
    TG_TRY(tg__want_array(object, 2, UINT32_MAX, "header", &fields, err));
    TG_TRY(tg__want_number(&fields->ptr[1], UINT32_MAX, "version", &version, err));
    TG_CHECK(version == TG__PLAN_VERSION, err, TG_ERR_UNSUPPORTED,
             "format version %" PRIu64 " is not known here; this is version %d", version,
             TG__PLAN_VERSION);
    TG_TRY(tg__want_array(object, TG__PLAN_HEADER_FIELDS, TG__PLAN_HEADER_FIELDS, "header", &fields,
                          err));
    TG_TRY(tg__want_number(&fields->ptr[2], TG_NODES_MAX, "number of nodes", &nodes, err));
    TG_TRY(tg__want_number(&fields->ptr[3], TG_TARGETS_MAX, "number of targets", &targets, err));
    TG_TRY(tg__want_number(&fields->ptr[4], TG_STAGES_MAX, "number of stages", &stages, err));
    TG_TRY(tg__want_bool(&fields->ptr[5], "trims", &r->trims, err));
    TG_TRY(tg__want_number(&fields->ptr[6], TG_PLAN_CLAIM_MAX, "bytes of tables", &tables, err));
    r->table_bytes = (int64_t)tables;
    size_t left = r->decoder.size - r->decoder.at;
    TG_CHECK(nodes <= left / TG__PLAN_RECORD_BYTES_MIN &&
                 stages <= left / TG__PLAN_RECORD_BYTES_MIN,
             err, TG_ERR_FORMAT,
             "%" PRIu64 " nodes and %" PRIu64 " stages are declared, %zu bytes are left", nodes,
             stages, left);
    r->room = (size_t)nodes;
    r->target_count = (size_t)targets;
    r->stage_count = (uint32_t)stages;
    r->nodes = tg_calloc(NULL, r->room, sizeof(tg_array *));
    TG_CHECK(r->nodes != NULL, err, TG_ERR_MEMORY, "out of memory");
out:
    return status;
}

static tg_status
read_index(const reader *r, const msgpack_object *object, const char *what, tg_array **out,
           tg_error *err)
{
    tg_status status = TG_OK;
    uint64_t index = 0;
    TG_CHECK(r->count > 0, err, TG_ERR_FORMAT, "%s: there is no node yet", what);
    TG_TRY(tg__want_number(object, r->count - 1, what, &index, err));
    *out = r->nodes[index];
out:
    return status;
}

static tg_status
read_function(reader *r, const msgpack_object *object, tg_param *param, tg_error *err)
{
    tg_status status = TG_OK;
    const msgpack_object_array *fields = NULL;
    tg_function_form form = { 0 };
    tg_function *function = NULL;
    uint32_t length = 0;
    TG_TRY(tg__want_array(object, TG__PLAN_FORM_FIELDS, TG__PLAN_FORM_FIELDS, "function", &fields,
                          err));
    TG_TRY(tg__want_text(&r->decoder, &fields->ptr[0], TG__PLAN_FORM_KIND_MAX, "kind of a function",
                         &form.kind, &length, err));
    TG_TRY(tg__want_text(&r->decoder, &fields->ptr[1], TG__PLAN_FORM_NAME_MAX, "name of a function",
                         &form.name, &length, err));
    TG_CHECK(fields->ptr[2].type == MSGPACK_OBJECT_BIN, err, TG_ERR_FORMAT,
             "a function must be binary");
    form.bytes = fields->ptr[2].via.bin.ptr;
    form.size = fields->ptr[2].via.bin.size;
    TG_CHECK(form.size <= (size_t)TG_FUNCTION_BYTES_MAX, err, TG_ERR_LIMIT,
             "function %s has %zu bytes, at most %" PRId64, form.name, form.size,
             TG_FUNCTION_BYTES_MAX);
    TG_CHECK(r->opener != NULL && r->opener->make != NULL, err, TG_ERR_UNSUPPORTED,
             "the %s function %s is refused: functions in plans are not allowed here", form.kind,
             form.name);
    TG_TRY(r->opener->make(r->opener->ctx, &form, &function, err));
    r->functions[r->function_count++] = function; /* a record has at most TG_PARAMS_MAX */
    param->value = (tg_value){ .count = 1, .function = function };
out:
    return status;
}

static tg_status
read_param(reader *r, const msgpack_object *object, tg_param *param, tg_error *err)
{
    tg_status status = TG_OK;
    const msgpack_object_array *fields = NULL;
    uint32_t length = 0;
    uint64_t kind = 0;
    TG_TRY(tg__want_array(object, 3, 3, "parameter", &fields, err));
    TG_TRY(tg__want_text(&r->decoder, &fields->ptr[0], 64, "name of a parameter", &param->name,
                         &length, err));
    TG_TRY(tg__want_number(&fields->ptr[1], TG_PARAM_POINTER, "kind of a parameter", &kind, err));
    param->kind = (tg_param_kind)kind;
    if (kind == TG_PARAM_POINTER) {
        TG_TRY(read_function(r, &fields->ptr[2], param, err));
    } else if (kind == TG_PARAM_STR) {
        TG_TRY(tg__want_text(&r->decoder, &fields->ptr[2], TG_STR_MAX, param->name,
                             &param->value.text, &param->value.count, err));
    } else {
        TG_TRY(tg__want_words(&r->decoder, &fields->ptr[2], TG_PARAM_COUNT_MAX, param->name,
                              &param->value.ints, &param->value.count, err));
    }
out:
    return status;
}

/* The op of a record, in the version that it has here, and one that can be sent at all. */
static tg_status
read_op(reader *r, const msgpack_object *name, const msgpack_object *version, bool has_data,
        const tg_op **out, tg_error *err)
{
    tg_status status = TG_OK;
    const char *text = NULL;
    uint32_t length = 0;
    uint64_t number = 0;
    TG_TRY(tg__want_text(&r->decoder, name, 128, "name of an op", &text, &length, err));
    TG_TRY(tg__want_number(version, UINT32_MAX, "version of an op", &number, err));
    *out = tg_registry_find(tg_context_registry(r->context), text);
    TG_CHECK(*out != NULL, err, TG_ERR_UNSUPPORTED,
             "op '%s' is not known here: run one version of tilegraph on all hosts", text);
    TG_CHECK((*out)->version == number, err, TG_ERR_UNSUPPORTED,
             "op '%s' has version %u here, and %" PRIu64 " in the plan: run one version of "
             "tilegraph on all hosts",
             text, (*out)->version, number);
    TG_CHECK(((*out)->flags & TG_OP_LOCAL) == 0 || has_data, err, TG_ERR_UNSUPPORTED,
             "op '%s' belongs to one process and cannot be sent", text);
    TG_CHECK((*out)->cls != TG_CLASS_COMPOSITE, err, TG_ERR_FORMAT,
             "op '%s' is made of others and is never in a plan", text);
out:
    return status;
}

static tg_status
read_node(reader *r, tg_error *err)
{
    tg_status status = TG_OK;
    const msgpack_object *object = NULL;
    const msgpack_object_array *fields = NULL;
    const msgpack_object_array *given = NULL;
    const tg_op *op = NULL;
    tg_array *args[TG_NARGS_MAX];
    tg_param params[TG_PARAMS_MAX];
    tg_array *node = NULL;
    uint32_t nargs = 0;
    TG_TRY(tg__wire_next(&r->decoder, &object, err));
    TG_TRY(tg__want_array(object, TG__PLAN_RECORD_FIELDS, TG__PLAN_RECORD_FIELDS, "node", &fields,
                          err));
    bool has_data = fields->ptr[4].type != MSGPACK_OBJECT_NIL;
    TG_TRY(read_op(r, &fields->ptr[0], &fields->ptr[1], has_data, &op, err));
    TG_TRY(tg__want_array(&fields->ptr[2], 0, TG_NARGS_MAX, "arguments", &given, err));
    nargs = given->size;
    for (uint32_t i = 0; i < nargs; i++) {
        TG_TRY(read_index(r, &given->ptr[i], "argument", &args[i], err));
    }
    TG_TRY(tg__want_array(&fields->ptr[3], 0, TG_PARAMS_MAX, "parameters", &given, err));
    for (uint32_t i = 0; i < given->size; i++) {
        TG_TRY(read_param(r, &given->ptr[i], &params[i], err));
    }
    if (has_data) {
        TG_CHECK(nargs == 0 && given->size == 0, err, TG_ERR_FORMAT, "op '%s' has data", op->name);
        TG_TRY(
            tg__wire_read_leaf(&r->decoder, r->scope, r->opener, op, &fields->ptr[4], &node, err));
    } else {
        node = tg_apply(r->scope, op->name, nargs, args, given->size, params);
    }
    if (node == NULL) {
        const tg_error *error = tg_scope_error(r->scope);
        status = tg_fail(err, error->code, "%s", error->message);
        goto out;
    }
    r->nodes[r->count++] = node;
out:
    drop_functions(r);
    return status;
}

/* Whether a target is stored, and what of it is there already. */
static tg_status
read_stored(const msgpack_object *object, bool *stored, tg_wire_bytes *written, tg_error *err)
{
    tg_status status = TG_OK;
    if (object->type == MSGPACK_OBJECT_BIN) {
        size_t bytes = object->via.bin.size;
        *stored = true;
        TG_CHECK(bytes > 0 && bytes <= TG_PLAN_TASKS_MAX / 8, err, TG_ERR_FORMAT,
                 "%zu bytes say what of a target is written", bytes);
        written->data = tg_malloc(NULL, bytes);
        TG_CHECK(written->data != NULL, err, TG_ERR_MEMORY, "out of memory");
        written->size = written->room_ = bytes;
        memcpy(written->data, object->via.bin.ptr, bytes);
    } else {
        TG_TRY(tg__want_bool(object, "whether a target is stored", stored, err));
    }
out:
    return status;
}

/* The targets; `plan` NULL: of the expressions alone. */
static tg_status
read_targets(reader *r, tg_wire_arrays *out, tg_wire_plan *plan, tg_error *err)
{
    tg_status status = TG_OK;
    const msgpack_object *object = NULL;
    const msgpack_object_array *fields = NULL;
    out->arrays = tg_calloc(NULL, r->target_count, sizeof(tg_array *));
    TG_CHECK(out->arrays != NULL, err, TG_ERR_MEMORY, "out of memory");
    out->count = r->target_count;
    for (size_t t = 0; t < out->count; t++) {
        tg_array *array = NULL;
        uint64_t stage = 0;
        bool stored = false;
        tg_wire_bytes written = { 0 };
        TG_TRY(tg__wire_next(&r->decoder, &object, err));
        TG_TRY(tg__want_array(object, TG__PLAN_TARGET_FIELDS, TG__PLAN_TARGET_FIELDS, "target",
                              &fields, err));
        TG_TRY(read_index(r, &fields->ptr[0], "target", &array, err));
        TG_TRY(tg__want_number(&fields->ptr[1], TG_STAGES_MAX, "stage of a target", &stage, err));
        TG_TRY(read_stored(&fields->ptr[2], &stored, &written, err));
        out->arrays[t] = tg_array_retain(array);
        if (plan != NULL) {
            plan->stage_of_target[t] = (uint32_t)stage;
            plan->stored[t] = stored;
            plan->written[t] = written;
        } else {
            tg_wire_bytes_fini(&written);
        }
    }
out:
    return status;
}

static tg_status
read_start(reader *r, tg_context *context, const void *bytes, size_t size,
           const tg_wire_opener *opener, tg_error *err)
{
    tg_status status = TG_OK;
    r->context = context;
    r->opener = opener;
    tg__decoder_init(&r->decoder, bytes, size);
    TG_CHECK(size <= (size_t)TG_PLAN_BYTES_MAX, err, TG_ERR_LIMIT, "%zu bytes, at most %" PRId64,
             size, TG_PLAN_BYTES_MAX);
    r->scope = tg_scope_create_in(context);
    TG_CHECK(r->scope != NULL, err, TG_ERR_MEMORY, "out of memory");
    TG_TRY(read_header(r, err));
    while (r->count < r->room) {
        status = read_node(r, err);
        if (status != TG_OK) {
            tg__error_prefix(err, "node %zu", r->count);
            goto out;
        }
    }
out:
    return status;
}

/* Behind the last record, or for expressions alone before the stages, which are not looked at. */
static tg_status
check_end(const reader *r, tg_error *err)
{
    tg_status status = TG_OK;
    TG_CHECK(r->stages_read < r->stage_count || r->decoder.at == r->decoder.size, err,
             TG_ERR_FORMAT, "%zu bytes follow the plan", r->decoder.size - r->decoder.at);
out:
    return status;
}

tg_status
tg_wire_read_nodes(tg_context *context, const void *bytes, size_t size,
                   const tg_wire_opener *opener, tg_wire_arrays *out, tg_error *err)
{
    tg_status status = TG_OK;
    reader r = { .count = 0 };
    *out = (tg_wire_arrays){ 0 };
    TG_TRY(read_start(&r, context, bytes, size, opener, err));
    TG_TRY(read_targets(&r, out, NULL, err));
    TG_TRY(check_end(&r, err));
out:
    if (status != TG_OK) {
        tg__error_prefix(err, "plan");
        tg_wire_arrays_fini(out);
    }
    reader_fini(&r);
    return status;
}

/* The lists of a stage are kept: the record's memory serves the next record. */
static tg_status
keep_lists(tg_stage_choice *stage, const tg_choice_read *reads, uint32_t read_count,
           const int64_t *tiles, uint32_t tile_count, tg_error *err)
{
    tg_status status = TG_OK;
    stage->reads = tg_malloc(NULL, read_count * sizeof *reads);
    stage->read_count = stage->reads != NULL ? read_count : 0;
    stage->tiles = tg_malloc(NULL, tile_count * sizeof *tiles);
    stage->tile_count = stage->tiles != NULL ? tile_count : 0;
    TG_CHECK(stage->reads != NULL && stage->tiles != NULL, err, TG_ERR_MEMORY, "out of memory");
    memcpy(stage->reads, reads, read_count * sizeof *reads);
    memcpy(stage->tiles, tiles, tile_count * sizeof *tiles);
out:
    return status;
}

static tg_status
read_stage(reader *r, tg_stage_choice *stage, tg_error *err)
{
    tg_status status = TG_OK;
    tg_choice_read reads[TG_STAGE_LOCALS_MAX];
    const msgpack_object *object = NULL;
    const msgpack_object_array *fields = NULL;
    const int64_t *pairs = NULL, *tiles = NULL;
    uint32_t words = 0, tile_count = 0;
    uint64_t kind = 0, source = 0, scratch = 0;
    TG_TRY(tg__wire_next(&r->decoder, &object, err));
    TG_TRY(tg__want_array(object, TG__PLAN_STAGE_FIELDS, TG__PLAN_STAGE_FIELDS, "stage", &fields,
                          err));
    TG_TRY(tg__want_number(&fields->ptr[0], TG_STAGE_FINISH, "kind of a stage", &kind, err));
    TG_CHECK(kind != TG_STAGE_COMBINE, err, TG_ERR_FORMAT,
             "stages that combine follow from the tiles");
    stage->kind = (tg_stage_kind)kind;
    TG_TRY(read_index(r, &fields->ptr[1], "root of a stage", &stage->root, err));
    TG_TRY(tg__want_bool(&fields->ptr[2], "again", &stage->again, err));
    TG_TRY(tg__want_number(&fields->ptr[3], TG_STAGES_MAX, "source of a stage", &source, err));
    stage->source = (uint32_t)source;
    TG_TRY(tg__want_words(&r->decoder, &fields->ptr[4], 2 * (sizeof reads / sizeof reads[0]),
                          "what a stage reads", &pairs, &words, err));
    TG_CHECK(words % 2 == 0, err, TG_ERR_FORMAT, "what a stage reads must be pairs");
    for (uint32_t i = 0; i < words / 2; i++) {
        int64_t node = pairs[2 * i], producer = pairs[2 * i + 1];
        TG_CHECK(node >= 0 && node < (int64_t)r->count && producer >= 0 &&
                     producer < (int64_t)r->stage_count,
                 err, TG_ERR_FORMAT, "what a stage reads: node %" PRId64 " of stage %" PRId64, node,
                 producer);
        reads[i] = (tg_choice_read){ r->nodes[node], (uint32_t)producer };
    }
    TG_TRY(tg__want_words(&r->decoder, &fields->ptr[5], 2 * TG_NDIM_MAX, "tiles of a stage", &tiles,
                          &tile_count, err));
    TG_TRY(
        tg__want_number(&fields->ptr[6], TG_PLAN_CLAIM_MAX, "scratch of a stage", &scratch, err));
    stage->scratch_bytes = tg__wire_opens(r->opener) ? 0 : (int64_t)scratch;
    TG_TRY(keep_lists(stage, reads, words / 2, tiles, tile_count, err));
out:
    return status;
}

tg_status
tg_wire_read_plan(tg_context *context, const void *bytes, size_t size, const tg_wire_opener *opener,
                  tg_wire_plan *out, tg_error *err)
{
    tg_status status = TG_OK;
    reader r = { .count = 0 };
    tg_stage_choice *stages = NULL;
    *out = (tg_wire_plan){ 0 };
    TG_TRY(read_start(&r, context, bytes, size, opener, err));
    TG_CHECK(r.stage_count > 0, err, TG_ERR_FORMAT, "has no stages: it is expressions only");
    out->target_room_ = r.target_count;
    out->stage_of_target = tg_calloc(NULL, r.target_count, sizeof *out->stage_of_target);
    out->stored = tg_calloc(NULL, r.target_count, sizeof *out->stored);
    out->written = tg_calloc(NULL, r.target_count, sizeof *out->written);
    TG_CHECK(out->stage_of_target != NULL && out->stored != NULL && out->written != NULL, err,
             TG_ERR_MEMORY, "out of memory");
    TG_TRY(read_targets(&r, &out->targets, out, err));
    stages = tg_calloc(NULL, r.stage_count, sizeof *stages);
    TG_CHECK(stages != NULL, err, TG_ERR_MEMORY, "out of memory");
    out->choice = (tg_plan_choice){ .trims = r.trims,
                                    .table_bytes = tg__wire_opens(opener) ? 0 : r.table_bytes,
                                    .stage_count = r.stage_count,
                                    .stages = stages };
    for (; r.stages_read < r.stage_count; r.stages_read++) {
        status = read_stage(&r, &stages[r.stages_read], err);
        if (status != TG_OK) {
            tg__error_prefix(err, "stage %u", r.stages_read);
            goto out;
        }
    }
    TG_TRY(check_end(&r, err));
out:
    out->scope = r.scope; /* the nodes live as long as the choices that name them */
    r.scope = NULL;
    if (status != TG_OK) {
        tg__error_prefix(err, "plan");
        tg_wire_plan_fini(out);
    }
    reader_fini(&r);
    return status;
}

void
tg_wire_arrays_fini(tg_wire_arrays *arrays)
{
    for (size_t i = 0; i < arrays->count; i++) {
        tg_array_release(arrays->arrays[i]);
    }
    tg_free(NULL, arrays->arrays, arrays->count * sizeof(tg_array *));
    *arrays = (tg_wire_arrays){ 0 };
}

void
tg_wire_plan_fini(tg_wire_plan *plan)
{
    for (uint32_t s = 0; s < plan->choice.stage_count; s++) {
        const tg_stage_choice *stage = &plan->choice.stages[s];
        tg_free(NULL, stage->reads, stage->read_count * sizeof *stage->reads);
        tg_free(NULL, stage->tiles, stage->tile_count * sizeof *stage->tiles);
    }
    tg_free(NULL, plan->choice.stages, plan->choice.stage_count * sizeof *plan->choice.stages);
    tg_free(NULL, plan->stage_of_target, plan->target_room_ * sizeof *plan->stage_of_target);
    tg_free(NULL, plan->stored, plan->target_room_ * sizeof *plan->stored);
    for (size_t t = 0; plan->written != NULL && t < plan->target_room_; t++) {
        tg_wire_bytes_fini(&plan->written[t]);
    }
    tg_free(NULL, plan->written, plan->target_room_ * sizeof *plan->written);
    tg_wire_arrays_fini(&plan->targets);
    tg_scope_destroy(plan->scope);
    *plan = (tg_wire_plan){ 0 };
}
