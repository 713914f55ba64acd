/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Building nodes. A call goes through one gate, whoever makes it (C, Python, a composite op, the
 * wire): the op is found, the parameters are brought into the schema's order, infer finds the
 * result or the error, what infer says is checked, and the context gives the node.
 */
#include "core/array/scope.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/array/context.h"
#include "core/base/assert.h"
#include "core/mem/alloc.h"

struct tg_scope {
    tg_context *context;
    tg_array **arrays; /* one reference for each time an array was built */
    size_t count, room;
    bool failed;
    tg_error error;
};

tg_scope *
tg_scope_create_in(tg_context *context)
{
    tg_scope *scope = tg_calloc(NULL, 1, sizeof *scope);
    if (scope != NULL) {
        scope->context = context;
    }
    return scope;
}

void
tg_scope_destroy(tg_scope *scope)
{
    if (scope != NULL) {
        for (size_t i = scope->count; i > 0; i--) {
            tg_array_release(scope->arrays[i - 1]);
        }
        tg_free(NULL, scope->arrays, scope->room * sizeof *scope->arrays);
        tg_free(NULL, scope, sizeof *scope);
    }
}

const tg_error *
tg_scope_error(const tg_scope *scope)
{
    return scope->failed ? &scope->error : NULL;
}

void
tg_scope_clear(tg_scope *scope)
{
    scope->failed = false;
    memset(&scope->error, 0, sizeof scope->error);
}

/* The first error wins. */
static void
record(tg_scope *scope, const tg_error *error)
{
    if (!scope->failed) {
        scope->failed = true;
        scope->error = *error;
    }
}

tg_array *
tg__scope_fail(tg_scope *scope, tg_status code, const char *file, int line, const char *format, ...)
{
    tg_error error;
    char text[sizeof error.message];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    (void)tg__fail(&error, code, file, line, "%s", text);
    record(scope, &error);
    return NULL;
}

/* Says which op it was, unless the message does. */
static void
name_op(tg_scope *scope, const tg_op *op)
{
    size_t length = strlen(op->name);
    const char *message = scope->error.message;
    if (strncmp(message, op->name, length) != 0 ||
        (message[length] != ':' && message[length] != '(')) {
        tg__error_prefix(&scope->error, "%s", op->name);
    }
}

/* The scope takes the reference; NULL, and the reference let go, when it cannot. */
static tg_array *
keep_take(tg_scope *scope, tg_array *array)
{
    if (array != NULL && scope->count == scope->room) {
        size_t room = scope->room == 0 ? 16 : scope->room * 2;
        tg_array **arrays =
            tg_realloc(NULL, scope->arrays, scope->room * sizeof *arrays, room * sizeof *arrays);
        if (arrays != NULL) {
            scope->arrays = arrays;
            scope->room = room;
        } else {
            tg_array_release(array);
            array = NULL;
        }
    }
    if (array != NULL) {
        scope->arrays[scope->count++] = array;
    } else {
        (void)tg_scope_fail(scope, TG_ERR_MEMORY, "out of memory");
    }
    return array;
}

/* What infer says of the result must be true whatever op it is: plugins come through here too. */
static tg_status
check_result(const tg_infer *infer, tg_error *err)
{
    tg_status status = TG_OK;
    int64_t bytes = (int64_t)tg_dtype_size(infer->dtype);
    bool unknown_allowed = (infer->op->flags & TG_OP_UNKNOWN_SHAPE) != 0;
    bool empty = false;
    TG_CHECK(infer->dtype > TG_DT_NONE && infer->dtype < TG_DT_COUNT, err, TG_ERR_INTERNAL,
             "infer gave no dtype");
    TG_CHECK(infer->ndim >= 0 && infer->ndim <= TG_NDIM_MAX, err, TG_ERR_LIMIT,
             "the result has %d axes; at most %d are supported", infer->ndim, TG_NDIM_MAX);
    for (int a = 0; a < infer->ndim; a++) {
        TG_CHECK(infer->shape[a] >= 0 || (infer->shape[a] == -1 && unknown_allowed), err,
                 TG_ERR_VALUE, "the result has a length of %" PRId64 " along axis %d",
                 infer->shape[a], a);
        empty = empty || infer->shape[a] == 0;
    }
    for (int a = 0; a < infer->ndim && !empty; a++) {
        TG_CHECK(tg_mul_size(bytes, tg_max_i64(infer->shape[a], 1), &bytes) &&
                     bytes <= TG_ARRAY_BYTES_MAX,
                 err, TG_ERR_LIMIT, "the result has more than 2^60 bytes");
    }
    TG_CHECK(infer->chunks == NULL || tg_grid_ndim(infer->chunks) == infer->ndim, err,
             TG_ERR_INTERNAL, "infer gave chunks of another number of axes");
    for (int a = 0; a < infer->ndim && infer->chunks != NULL; a++) {
        const tg_grid_axis *axis = tg_grid_axis_at(infer->chunks, a);
        TG_CHECK(axis->begin == 0 && (axis->end == infer->shape[a] || infer->shape[a] < 0), err,
                 TG_ERR_INTERNAL, "infer gave chunks that do not cover axis %d", a);
    }
out:
    return status;
}

/* Cells of an array of unknown length cannot be told apart before it is there: what looks at them
 * one by one or by place takes none, and a reduction only to something known. Ops of other kinds
 * look for themselves. */
static tg_status
check_lengths(const tg_infer *infer, tg_error *err)
{
    tg_status status = TG_OK;
    tg_op_class cls = infer->op->cls;
    bool refuses = cls == TG_CLASS_ELEMENTWISE || cls == TG_CLASS_VIEW || cls == TG_CLASS_STENCIL;
    for (int a = 0; a < infer->ndim && cls == TG_CLASS_REDUCE; a++) {
        refuses = refuses || (infer->shape[a] < 0 && !(infer->op->flags & TG_OP_UNKNOWN_SHAPE));
    }
    for (size_t i = 0; refuses && i < infer->nargs; i++) {
        TG_CHECK(tg_array_is_known(infer->args[i]), err, TG_ERR_VALUE,
                 "%s: argument %zu (made by %s) has an axis of unknown length; compute or persist "
                 "it first",
                 infer->op->name, i, infer->args[i]->op->name);
    }
out:
    return status;
}

static bool
same_shape(const tg_array *array, int ndim, const int64_t *shape)
{
    bool same = array->ndim == ndim;
    for (int a = 0; same && a < ndim; a++) {
        same = array->shape[a] == shape[a];
    }
    return same;
}

/* Chunks where infer has no wish: those of an argument that looks like the result, where one stands
 * for the other; else of our own choosing. NULL when the shape is not known. */
static tg_status
derive_chunks(tg_infer *infer, tg_error *err)
{
    tg_status status = TG_OK;
    bool known = true;
    size_t candidates = 0;
    for (int a = 0; a < infer->ndim; a++) {
        known = known && infer->shape[a] >= 0;
    }
    if (infer->op->cls == TG_CLASS_ELEMENTWISE) {
        candidates = infer->nargs;
    } else if (infer->op->cls == TG_CLASS_STENCIL) {
        candidates = infer->nargs > 0 ? 1 : 0;
    }
    if (!known) {
        tg_grid_release(infer->chunks);
        infer->chunks = NULL;
    }
    for (size_t i = 0; known && infer->chunks == NULL && i < candidates; i++) {
        if (same_shape(infer->args[i], infer->ndim, infer->shape)) {
            infer->chunks = tg_grid_retain(infer->args[i]->chunks);
        }
    }
    if (known && infer->chunks == NULL) {
        infer->chunks = tg_grid_create_auto(infer->ndim, infer->shape, tg_dtype_size(infer->dtype));
        TG_CHECK(infer->chunks != NULL, err, TG_ERR_MEMORY, "out of memory");
    }
out:
    return status;
}

/* Frees what infer made when no node took it. */
static void
infer_fini(tg_infer *infer)
{
    if (infer->state != NULL && infer->state_free != NULL) {
        infer->state_free(infer->state);
    }
    tg_grid_release(infer->chunks);
}

/* A plain number is what the op "scalar" makes; its first parameter says which kind. */
static tg_weak
weak_of(const tg_op *op, const tg_value *values)
{
    return strcmp(op->name, "scalar") == 0 ? (tg_weak)(values[0].ints[0] + 1) : TG_WEAK_NONE;
}

/* An op with infer: the node, with one reference, or NULL and an error. */
static tg_array *
infer_node(tg_scope *scope, const tg_op *op, size_t nargs, tg_array *const *given,
           const tg_value *values, tg_error *err)
{
    tg_status status = TG_OK;
    tg_array *args[TG_NARGS_MAX];
    tg_array *node = NULL;
    tg_infer infer;
    for (size_t i = 0; i < nargs; i++) {
        args[i] = given[i];
    }
    infer.op = op;
    infer.scope = scope;
    infer.nargs = nargs;
    infer.args = args;
    infer.values = values;
    infer.dtype = TG_DT_NONE;
    infer.ndim = 0;
    infer.chunks = NULL;
    infer.state = NULL;
    infer.state_free = NULL;
    err->code = TG_OK;
    TG_TRY(op->infer(&infer, err));
    if (scope->failed) {
        status = scope->error.code; /* a cast or a view of an argument failed */
        goto out;
    }
    TG_TRY(check_lengths(&infer, err));
    TG_TRY(check_result(&infer, err));
    TG_TRY(derive_chunks(&infer, err));
    tg__node_spec spec = {
        .op = op,
        .nargs = infer.nargs,
        .args = infer.args,
        .values = values,
        .dtype = infer.dtype,
        .weak = weak_of(op, values),
        .ndim = infer.ndim,
        .shape = infer.shape,
        .chunks = infer.chunks,
        .state = infer.state,
        .state_free = infer.state_free,
    };
    node = tg__context_intern(scope->context, &spec);
    infer.chunks = NULL; /* taken */
    infer.state = NULL;
    TG_CHECK(node != NULL, err, TG_ERR_MEMORY, "out of memory");
out:
    infer_fini(&infer);
    if (status != TG_OK && err->code == TG_OK && !scope->failed) {
        (void)tg_fail(err, status, "%s", tg_status_text(status));
    }
    if (status != TG_OK && err->code != TG_OK) {
        record(scope, err);
    }
    return node;
}

static const char *
registry_name(const void *ctx, size_t index)
{
    return tg_registry_at(ctx, index)->name;
}

static tg_status
fail_op(const tg_scope *scope, const char *name, tg_error *err)
{
    const tg_registry *registry = tg_context_registry(scope->context);
    const char *nearest =
        tg_nearest_name(name, tg_registry_count(registry), registry_name, registry);
    return tg_fail(err, TG_ERR_VALUE, "unknown op '%.64s'%s%s%s", name,
                   nearest != NULL ? "; did you mean '" : "", nearest != NULL ? nearest : "",
                   nearest != NULL ? "'?" : "");
}

/* "x1|x2" as it is read: "x1, x2". */
static void
list_names(const char *names, char *text, size_t size)
{
    size_t used = 0;
    for (; names != NULL && *names != '\0' && used + 3 < size; names++) {
        text[used++] = *names == '|' ? ',' : *names;
        if (*names == '|') {
            text[used++] = ' ';
        }
    }
    text[used] = '\0';
}

void
tg__op_arg_name(const tg_op *op, size_t index, char *text, size_t size)
{
    const char *names = op->arg_names;
    const char *end = names != NULL ? strchr(names, '|') : NULL;
    for (; index > 0 && end != NULL; index--) {
        names = end + 1;
        end = strchr(names, '|');
    }
    (void)snprintf(text, size, "%.*s", end != NULL ? (int)(end - names) : (int)size,
                   names != NULL ? names : "");
}

static tg_status
check_args(const tg_scope *scope, const tg_op *op, size_t nargs, tg_array *const *args,
           tg_error *err)
{
    tg_status status = TG_OK;
    char wanted[48];
    char names[128];
    list_names(op->arg_names, names, sizeof names);
    (void)snprintf(wanted, sizeof wanted, op->nargs_min == op->nargs_max ? "%d" : "%d to %d",
                   op->nargs_min, op->nargs_max);
    TG_CHECK(nargs == 0 || args != NULL, err, TG_ERR_VALUE, "%s: args is NULL", op->name);
    TG_CHECK(nargs <= TG_NARGS_MAX, err, TG_ERR_LIMIT, "%s: %zu arguments, at most %d", op->name,
             nargs, TG_NARGS_MAX);
    TG_CHECK(nargs >= (size_t)op->nargs_min && nargs <= (size_t)op->nargs_max, err, TG_ERR_TYPE,
             "%s: takes %s array argument%s (%s), got %zu", op->name, wanted,
             op->nargs_max == 1 ? "" : "s", names, nargs);
    for (size_t i = 0; i < nargs; i++) {
        if (args[i] == NULL) {
            tg__op_arg_name(op, i, names, sizeof names);
            status =
                tg_fail(err, TG_ERR_VALUE, "%s: argument %zu (%s) is NULL", op->name, i, names);
            goto out;
        }
        TG_CHECK(args[i]->context == scope->context, err, TG_ERR_VALUE,
                 "%s: argument %zu belongs to another session", op->name, i);
    }
out:
    return status;
}

tg_array *
tg_apply(tg_scope *scope, const char *name, size_t nargs, tg_array *const *args, size_t nparams,
         const tg_param *params)
{
    tg_status status = TG_OK;
    tg_array *array = NULL;
    const tg_op *op = NULL;
    tg_params checked;
    tg_error err;
    if (scope->failed) {
        return NULL;
    }
    name = name != NULL ? name : "";
    op = tg_registry_find(tg_context_registry(scope->context), name);
    status = op != NULL ? check_args(scope, op, nargs, args, &err) : fail_op(scope, name, &err);
    if (status == TG_OK) {
        status = tg_params_check(op->name, op->params, nparams, params, &checked, &err);
    }
    if (status != TG_OK) {
        record(scope, &err);
    } else {
        if (op->cls == TG_CLASS_COMPOSITE) {
            array = op->build(scope, nargs, args, checked.values);
            if (scope->failed) {
                array = NULL;
            } else if (array == NULL) {
                (void)tg_scope_fail(scope, TG_ERR_INTERNAL, "%s: nothing was built", op->name);
            }
        } else {
            array = infer_node(scope, op, nargs, args, checked.values, &err);
            array = array != NULL ? keep_take(scope, array) : NULL;
        }
        if (scope->failed) {
            name_op(scope, op);
        }
        tg_params_fini(&checked);
    }
    return array;
}

/* The node of an op whose data is handed in. `chunks` is taken. */
static tg_array *
wrap(tg_scope *scope, const char *name, tg__node_spec *spec)
{
    tg_array *node = NULL;
    tg_infer checked = { .op = tg_registry_find(tg_context_registry(scope->context), name),
                         .dtype = spec->dtype,
                         .ndim = spec->ndim,
                         .chunks = spec->chunks };
    tg_error err;
    tg_status status = TG_OK;
    spec->op = checked.op;
    TG_CHECK(checked.op != NULL, &err, TG_ERR_UNSUPPORTED, "%s: no such op", name);
    memcpy(checked.shape, spec->shape, (size_t)spec->ndim * sizeof checked.shape[0]);
    TG_TRY(check_result(&checked, &err));
    TG_TRY(derive_chunks(&checked, &err));
    spec->chunks = checked.chunks;
    node = keep_take(scope, tg__context_intern(scope->context, spec));
    checked.chunks = NULL; /* taken */
out:
    infer_fini(&checked);
    if (status != TG_OK) {
        record(scope, &err);
        if (checked.op != NULL) {
            name_op(scope, checked.op);
        }
    }
    return node;
}

tg_array *
tg_scope_from_source(tg_scope *scope, tg_source *source, tg_grid *chunks)
{
    tg_array *array = NULL;
    if (!scope->failed && source != NULL) {
        tg__node_spec spec = {
            .dtype = source->dtype,
            .ndim = source->ndim,
            .shape = source->shape,
            .chunks = tg_grid_retain(chunks != NULL ? chunks : source->chunks),
            .source = source,
        };
        array = wrap(scope, "from_source", &spec);
    }
    return array;
}

tg_array *
tg_scope_from_memory(tg_scope *scope, tg_buffer *data, const tg_view *view, tg_grid *chunks,
                     uint64_t key)
{
    tg_array *array = NULL;
    if (!scope->failed && data != NULL) {
        tg__node_spec spec = {
            .dtype = view->dtype,
            .ndim = view->ndim,
            .shape = view->shape,
            .chunks = tg_grid_retain(chunks),
            .data = data,
            .view = view,
            .data_key = key,
        };
        array = wrap(scope, "from_memory", &spec);
    }
    return array;
}
