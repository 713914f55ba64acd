/* SPDX-License-Identifier: BSD-3-Clause */
/* Opening, saving and describing what is stored: the session's side of io. */
#include <string.h>

#include "core/base/assert.h"
#include "core/mem/alloc.h"
#include "io/format/format.h"
#include "io/format/json.h"
#include "worker/session/session.h"

tg_array *
tg_open(tg_scope *scope, const char *path)
{
    tg_error err = { 0 };
    tg_source *source = NULL;
    tg_array *array = NULL;
    if (tg_scope_error(scope) == NULL) {
        if (path == NULL) {
            (void)tg_scope_fail(scope, TG_ERR_VALUE, "open: a path is needed");
        } else if (tg_format_open(path, &source, &err) != TG_OK) {
            (void)tg_scope_fail(scope, err.code, "%s", err.message);
        } else {
            array = tg_scope_from_source(scope, source, NULL);
        }
        tg_source_release(source);
    }
    return array;
}

/* The names in a JSON list, which must have one for each axis; they live in *root. */
static tg_status
list_names(const char *text, const char **names, int ndim, tg_json **root, tg_error *err)
{
    tg_status status = TG_OK;
    TG_TRY(tg_json_parse("save: dimension_names", text, strlen(text), root, err));
    TG_CHECK(tg_json_type_of(*root) == TG_JSON_ARRAY && tg_json_count(*root) == (size_t)ndim, err,
             TG_ERR_VALUE, "save: dimension_names must be a list of %d names, one for each axis",
             ndim);
    for (int a = 0; a < ndim; a++) {
        names[a] = tg_json_string(tg_json_at(*root, (size_t)a)); /* NULL: an axis without one */
    }
out:
    return status;
}

/* "z|y|x" as a list of names; the text is cut up in place. */
static void
split_names(char *text, const char **names, int ndim)
{
    char *at = text;
    for (int a = 0; a < ndim; a++) {
        char *bar = at != NULL ? strchr(at, '|') : NULL;
        names[a] = at != NULL && at[0] != '|' && at[0] != '\0' ? at : NULL;
        if (bar != NULL) {
            *bar = '\0';
        }
        at = bar != NULL ? bar + 1 : NULL;
    }
}

/* The array's chunks, where they are regular. */
static bool
chunks_of(const tg_array *array, int64_t *chunks)
{
    bool regular = array->chunks != NULL;
    for (int a = 0; regular && a < array->ndim; a++) {
        const tg_grid_axis *axis = tg_grid_axis_at(array->chunks, a);
        regular = axis->bounds == NULL && axis->origin == 0;
        chunks[a] = axis->count == 1 ? (array->shape[a] > 0 ? array->shape[a] : 1) : axis->step;
    }
    return regular;
}

tg_status
tg_sink_open(tg_session *session, const char *path, const tg_array *like,
             const tg_save_options *options, tg_sink **out, tg_error *err)
{
    tg_status status = TG_OK;
    tg_save_options defaults = { .struct_size = sizeof defaults };
    int64_t chunks[TG_NDIM_MAX];
    const char *names[TG_NDIM_MAX];
    char text[1024] = { 0 };
    tg_json *root = NULL;
    (void)session;
    *out = NULL;
    TG_CHECK(path != NULL && like != NULL, err, TG_ERR_VALUE,
             "save: a path and an array are needed");
    TG_CHECK(options == NULL || options->struct_size == sizeof defaults, err, TG_ERR_VALUE,
             "tg_save_options.struct_size is %zu, this library's is %zu",
             options != NULL ? options->struct_size : 0, sizeof defaults);
    TG_CHECK(tg_array_is_known(like), err, TG_ERR_VALUE,
             "save: an array of unknown length cannot be stored; compute it first");
    options = options != NULL ? options : &defaults;
    tg_sink_options sink = { .dtype = like->dtype,
                             .ndim = like->ndim,
                             .shape = like->shape,
                             .chunks = options->chunks,
                             .shards = options->shards,
                             .codec = options->codec,
                             .zarr_version = options->zarr_version,
                             .overwrite = options->overwrite,
                             .sync = options->sync,
                             .resume = options->resume,
                             .attributes = options->attributes };
    if (sink.chunks == NULL && sink.shards == NULL && chunks_of(like, chunks)) {
        sink.advice = chunks;
    }
    if (options->dimension_names != NULL && options->dimension_names[0] == '[') {
        TG_TRY(list_names(options->dimension_names, names, like->ndim, &root, err));
        sink.dimension_names = names;
    } else if (options->dimension_names != NULL) {
        TG_CHECK(strlen(options->dimension_names) < sizeof text, err, TG_ERR_VALUE,
                 "save: dimension_names is longer than %zu bytes", sizeof text - 1);
        memcpy(text, options->dimension_names, strlen(options->dimension_names));
        split_names(text, names, like->ndim);
        sink.dimension_names = names;
    }
    TG_TRY(tg_format_create(path, options->format, &sink, out, err));
out:
    tg_json_destroy(root);
    return status;
}

tg_status
tg_save(tg_session *session, tg_array *array, const char *path, const tg_save_options *options,
        tg_error *err)
{
    tg_status status = TG_OK;
    tg_target target = { .array = array };
    TG_CHECK(array != NULL, err, TG_ERR_VALUE,
             "save: there is no array: look at the error of its scope");
    TG_TRY(tg_sink_open(session, path, array, options, &target.sink, err));
    status = tg_compute(session, 1, &target, NULL, err);
out:
    tg_sink_release(target.sink);
    return status;
}
