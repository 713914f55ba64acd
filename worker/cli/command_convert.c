/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * `tg convert`: one stored array into another format, chunking or codec, in bounded memory.
 * The target appears under its name only when it is whole; Ctrl-C leaves nothing behind.
 */
#include <stdio.h>
#include <string.h>

#include "tilegraph/session.h"
#include "worker/cli/command.h"
#include "worker/cli/json_text.h"
#include "worker/cli/report.h"

enum {
    OPTION_CHUNKS,
    OPTION_SHARDS,
    OPTION_CODEC,
    OPTION_FORMAT,
    OPTION_VERSION,
    OPTION_LIMIT,
    OPTION_THREADS,
    OPTION_OVERWRITE,
    OPTION_SYNC,
    OPTION_QUIET
};

/* How long the engine is waited for at a time: Ctrl-C and the bar are looked after that often. */
static const int64_t WAIT_NS = 50 * 1000 * 1000;

extern const tg_command tg_command_convert;

/* Everything that the command line says, checked. */
typedef struct convert_job {
    const char *from, *to;
    tg_session_options session;
    tg_save_options save;
    int64_t chunks[TG_COMMAND_NDIM_MAX], shards[TG_COMMAND_NDIM_MAX];
    int nchunks, nshards;
    bool quiet;
} convert_job;

static int
read_sizes(const char *name, const char *text, int64_t *sizes, int *count)
{
    *count = text != NULL ? tg_command_read_sizes(text, sizes) : 0;
    if (text != NULL && *count == 0) {
        return tg_command_usage(&tg_command_convert,
                                "%s: sizes like 64,64,64 are wanted, one for each axis or one for "
                                "all, not '%s'",
                                name, text);
    }
    return TG_EXIT_OK;
}

static int
read_numbers(const tg_command_args *args, convert_job *job)
{
    const char *version = args->options[OPTION_VERSION];
    const char *threads = args->options[OPTION_THREADS];
    const char *limit = args->options[OPTION_LIMIT];
    int64_t number = 0;
    tg_error err = { 0 };
    if (version != NULL && !tg_command_read_int(version, 2, 3, &number)) {
        return tg_command_usage(&tg_command_convert, "--zarr-version: 2 or 3, not '%s'", version);
    }
    job->save.zarr_version = (int)number;
    number = 0;
    if (threads != NULL && !tg_command_read_int(threads, 1, 65536, &number)) {
        return tg_command_usage(&tg_command_convert, "--threads: a number from 1, not '%s'",
                                threads);
    }
    job->session.threads = (int)number;
    if (limit != NULL && tg_parse_bytes(limit, &job->session.memory_limit, &err) != TG_OK) {
        return tg_command_usage(&tg_command_convert, "--memory-limit: %s", err.message);
    }
    if (limit != NULL && job->session.memory_limit <= 0) {
        return tg_command_usage(&tg_command_convert, "--memory-limit: more than 0, not '%s'",
                                limit);
    }
    return TG_EXIT_OK;
}

static int
read_job(const tg_command_args *args, convert_job *job)
{
    *job = (convert_job){ .from = args->words[0],
                          .to = args->words[1],
                          .session = { .struct_size = sizeof job->session },
                          .save = { .struct_size = sizeof job->save,
                                    .codec = args->options[OPTION_CODEC],
                                    .format = args->options[OPTION_FORMAT],
                                    .overwrite = args->options[OPTION_OVERWRITE] != NULL,
                                    .sync = args->options[OPTION_SYNC] != NULL },
                          .quiet = args->options[OPTION_QUIET] != NULL };
    int code = read_sizes("--chunks", args->options[OPTION_CHUNKS], job->chunks, &job->nchunks);
    if (code == TG_EXIT_OK) {
        code = read_sizes("--shards", args->options[OPTION_SHARDS], job->shards, &job->nshards);
    }
    return code == TG_EXIT_OK ? read_numbers(args, job) : code;
}

/* One size stands for all axes; otherwise there must be one for each. NULL when none was given. */
static int
fit_sizes(const char *name, int64_t *sizes, int count, const tg_array *array,
          const int64_t **fitted)
{
    int ndim = tg_array_ndim(array);
    *fitted = count > 0 && ndim > 0 ? sizes : NULL;
    for (int a = 1; count == 1 && a < ndim; a++) {
        sizes[a] = sizes[0];
    }
    if (count > 1 && count != ndim) {
        return tg_command_usage(&tg_command_convert, "%s: %d sizes for an array of %d axes", name,
                                count, ndim);
    }
    return TG_EXIT_OK;
}

/* Waits for the end, drawing the bar. A signal cancels. */
static tg_status
watch(tg_computation *computation, tg_progress *progress, tg_error *err)
{
    tg_status status = TG_OK;
    bool done = false;
    while (!done) {
        int64_t tasks_done = 0, tasks = 0;
        status = tg_computation_wait(computation, WAIT_NS, &done, err);
        tg_computation_progress(computation, &tasks_done, &tasks);
        tg_progress_show(progress, tasks_done, tasks);
        if (!done && tg_signals_caught() != 0) {
            tg_computation_cancel(computation);
        }
    }
    return status;
}

static void
print_done(const convert_job *job, tg_computation *computation, double seconds)
{
    char size[32], rate[32];
    tg_report report = { 0 };
    tg_computation_report(computation, &report);
    double per_second = seconds > 0 ? (double)report.bytes_written / seconds : 0.0;
    (void)fprintf(stderr, "%s: %s in %.1f s, %s/s\n", job->to,
                  tg_report_bytes(size, sizeof size, report.bytes_written), seconds,
                  tg_report_bytes(rate, sizeof rate, (int64_t)per_second));
}

static tg_status
copy(tg_session *session, tg_array *array, const convert_job *job, tg_error *err)
{
    tg_target target = { .array = array };
    tg_computation *computation = NULL;
    tg_progress progress;
    tg_status status = tg_sink_open(session, job->to, array, &job->save, &target.sink, err);
    if (status == TG_OK) {
        tg_progress_start(&progress, job->quiet);
        status = tg_compute_start(session, 1, &target, &computation, err);
    }
    if (status == TG_OK) {
        status = watch(computation, &progress, err);
        double seconds = tg_progress_end(&progress);
        if (status == TG_OK && !job->quiet) {
            print_done(job, computation, seconds);
        }
    }
    tg_computation_destroy(computation);
    tg_sink_release(target.sink);
    return status;
}

/* Attributes and names of axes of the source, cut out of its description in place. */
static void
keep_metadata(char *description, tg_save_options *save)
{
    tg_json_piece json = { description, strlen(description) };
    tg_json_piece attributes = tg_json_text_get(json, "attributes");
    tg_json_piece names = tg_json_text_get(json, "dimension_names");
    description[attributes.text - description + (ptrdiff_t)attributes.bytes] = '\0';
    save->attributes = attributes.text;
    if (names.bytes > 2) { /* not "[]" */
        description[names.text - description + (ptrdiff_t)names.bytes] = '\0';
        save->dimension_names = names.text;
    }
}

static int
convert(tg_session *session, tg_scope *scope, convert_job *job)
{
    tg_error err = { 0 };
    char *description = NULL;
    tg_array *array = tg_open(scope, job->from);
    if (array == NULL) {
        return tg_command_failure(&tg_command_convert, tg_scope_error(scope));
    }
    int code = fit_sizes("--chunks", job->chunks, job->nchunks, array, &job->save.chunks);
    if (code == TG_EXIT_OK) {
        code = fit_sizes("--shards", job->shards, job->nshards, array, &job->save.shards);
    }
    if (code == TG_EXIT_OK && tg_describe(job->from, &description, &err) != TG_OK) {
        code = tg_command_failure(&tg_command_convert, &err);
    }
    if (code == TG_EXIT_OK) {
        keep_metadata(description, &job->save);
        tg_status status = copy(session, array, job, &err);
        if (status == TG_ERR_CANCELLED && tg_signals_caught() != 0) {
            (void)fprintf(stderr, "tg convert: cancelled; %s was not written\n", job->to);
            code = TG_EXIT_SIGNAL + tg_signals_caught();
        } else if (status != TG_OK) {
            code = tg_command_failure(&tg_command_convert, &err);
        }
    }
    tg_text_free(description);
    return code;
}

static int
convert_run(const tg_command_args *args)
{
    convert_job job;
    tg_error err = { 0 };
    tg_session *session = NULL;
    int code = read_job(args, &job);
    if (code != TG_EXIT_OK) {
        return code;
    }
    tg_signals_catch();
    if (tg_session_open(&job.session, &session, &err) != TG_OK) {
        return tg_command_failure(&tg_command_convert, &err);
    }
    tg_scope *scope = tg_scope_create(session);
    if (scope != NULL) {
        code = convert(session, scope, &job);
    } else {
        (void)fprintf(stderr, "tg convert: out of memory\n");
        code = TG_EXIT_FAILURE;
    }
    tg_scope_destroy(scope);
    tg_session_close(session);
    return code;
}

const tg_command tg_command_convert = {
    .name = "convert",
    .synopsis = "IN OUT",
    .summary = "Write a stored array in another format, chunking or codec",
    .details =
        "IN is anything that can be opened: Zarr, TIFF (a file or a folder), .npy, NIfTI. What\n"
        "OUT becomes is told by its suffix (.zarr, .npy, .tif, .nii, .png) or by --format.\n"
        "Attributes and names of axes are kept where the format has them: in Zarr. OUT appears\n"
        "when it is whole, and not before. Codecs of TIFF: none, lzw, deflate:6, zstd:3.",
    .words_min = 2,
    .words_max = 2,
    .options = {
        [OPTION_CHUNKS] = { "--chunks", "Z,Y,X", "chunk sizes, or one for all axes (as IN)" },
        [OPTION_SHARDS] = { "--shards", "Z,Y,X", "shard sizes, whole multiples of the chunks" },
        [OPTION_CODEC] = { "--codec", "CODEC", "blosc:zstd:5:shuffle, zstd:3, gzip:5, none" },
        [OPTION_FORMAT] = { "--format", "NAME", "zarr, npy, tiff, nifti, png, not by suffix" },
        [OPTION_VERSION] = { "--zarr-version", "2|3", "of a Zarr store (3)" },
        [OPTION_LIMIT] = { "--memory-limit", "SIZE", "1GiB, 500MB (half of what there is)" },
        [OPTION_THREADS] = { "--threads", "N", "threads that work (one per core)" },
        [OPTION_OVERWRITE] = { "--overwrite", NULL, "replace OUT when it exists" },
        [OPTION_SYNC] = { "--sync", NULL, "end when OUT would survive a power cut" },
        [OPTION_QUIET] = { "--quiet", NULL, "no progress and no summary" },
    },
    .run = convert_run,
};
