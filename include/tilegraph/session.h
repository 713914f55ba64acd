/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_TILEGRAPH_SESSION_H
#define TG_TILEGRAPH_SESSION_H
/*
 * What: the engine: threads and a memory budget; planning and running computations; reading and
 * writing stores; what was predicted and what was measured.
 *
 *     tg_session *s = NULL;
 *     tg_session_open(NULL, &s, &err);                 all cores, a sane share of the memory
 *     ... build arrays in a scope ...
 *     tg_save(s, labels, "labels.zarr", NULL, &err);
 *     tg_session_close(s);
 *
 * Ownership: a session outlives its scopes, arrays, plans, computations and results.
 * Threads: all functions may be called from any thread. Several computations may run at once; they
 * share threads and budget.
 * Errors: a status and a message. Nothing aborts, and a failed computation leaves nothing
 * half-written under a final name.
 */
#include "tilegraph/array.h"

typedef struct tg_plan tg_plan;
typedef struct tg_computation tg_computation;
typedef struct tg_sink tg_sink;

typedef struct tg_session_options {
    size_t struct_size;   /* sizeof(tg_session_options) */
    int threads;          /* 0: one per core that the process may use */
    int64_t memory_limit; /* bytes; 0: half of tg_memory_available */
} tg_session_options;

/* options NULL: defaults, which TG_THREADS and TG_MEMORY_LIMIT ("2GiB") of the environment change.
 */
TG_API TG_MUST_USE tg_status tg_session_open(const tg_session_options *options, tg_session **out,
                                             tg_error *err);
/* Cancels what runs and waits for it. NULL is allowed. */
TG_API void tg_session_close(tg_session *session);
TG_API int tg_session_threads(const tg_session *session);
TG_API int64_t tg_session_memory_limit(const tg_session *session);
/* For the computations that start from now on; 0 keeps. TG_ERR_VALUE when out of range. */
TG_API TG_MUST_USE tg_status tg_session_configure(tg_session *session, int threads,
                                                  int64_t memory_limit, tg_error *err);
/* Bytes of array data that the engine holds now: in use, and kept for reuse. */
TG_API void tg_session_memory(tg_session *session, int64_t *used_bytes, int64_t *kept_bytes);
/* Gives the kept memory back to the system. */
TG_API void tg_session_trim(tg_session *session);
/* Bytes that this process may really use: the least of the host's memory, what its control groups
 * allow and what ulimit -v leaves. `by` (may be NULL with room 0) gets who says so. */
TG_API int64_t tg_memory_available(char *by, size_t room);
/* Parses "2GiB", "500 MB", "1.5e9": bytes. TG_ERR_VALUE otherwise. */
TG_API TG_MUST_USE tg_status tg_parse_bytes(const char *text, int64_t *bytes, tg_error *err);

/* How a store is written. Zero means default. */
typedef struct tg_save_options {
    size_t struct_size;
    const char *format;     /* "zarr", "npy", "tiff", "nifti", "png"; NULL: by the path's suffix */
    const int64_t *chunks;  /* one per axis; NULL: the array's. Of TIFF the last two (before
                               colours) count: narrower than a page they make tiles */
    const int64_t *shards;  /* one per axis; NULL: no shards */
    const char *codec;      /* "blosc:zstd:5:shuffle", "zstd:3", "gzip:5", "none"; of TIFF "none",
                               "lzw", "deflate:6", "zstd:3"; NULL: default */
    int zarr_version;       /* 2 or 3; 0: 3 */
    bool overwrite;         /* an existing target is an error otherwise. Zarr replaces a Zarr store
                               or an empty folder only, the others a file only */
    const char *attributes; /* JSON object; NULL: none */
    const char *dimension_names; /* "z|y|x", or a JSON list; NULL: none */
    bool sync; /* return when data and name would survive a power cut. Without it a target is whole
                  or absent after the end of the process, however it ends; after a power cut the
                  file system decides, as for any program that does not fsync. */
    const char *resume; /* Zarr only: the name of the computation, of tg_arrays_fingerprint or any
                           line of text that changes when the result would; NULL: begun anew. What
                           is written lies in "<path>.part" until it is complete, and stays there
                           when the process ends before that, however it ends; chunks that are whole
                           there, or under the path itself, of the same name and options are not
                           computed again: a plan has tasks for the others only. Of another name or
                           other options they are TG_ERR_VALUE; TG_ERR_EXISTS while another process
                           is at it. */
} tg_save_options;
/* A target in a store; nothing is under the final name until the computation has succeeded.
 * Released with tg_sink_release, which removes what was not committed. */
TG_API TG_MUST_USE tg_status tg_sink_open(tg_session *session, const char *path,
                                          const tg_array *like, const tg_save_options *options,
                                          tg_sink **out, tg_error *err);
TG_API void tg_sink_release(tg_sink *sink);
/* Opens the sink, computes, commits. */
TG_API TG_MUST_USE tg_status tg_save(tg_session *session, tg_array *array, const char *path,
                                     const tg_save_options *options, tg_error *err);

/* One wanted result. With neither sink nor data the result is memory of the engine's, fetched with
 * tg_computation_result. `data` may be memory that the array is computed from: the result is then
 * made apart, counts as one of the engine's, and is copied in the end. Two sinks of one computation
 * for one path, or for one below the other, are TG_ERR_VALUE before anything runs. */
typedef struct tg_target {
    tg_array *array;
    tg_sink *sink; /* write there */
    void *data;    /* or: write here, laid out by strides (bytes; NULL: C order) */
    const int64_t *strides;
} tg_target;

/* The same numbers, predicted by a plan and measured by a computation. */
typedef struct tg_report {
    int64_t tasks;
    int64_t peak_bytes;     /* of array data held by the engine, results included */
    int64_t chunks_read;    /* stored chunks that are decoded at least once */
    int64_t chunks_decoded; /* decodings: equal to chunks_read when each is decoded once */
    int64_t bytes_read;     /* array bytes that come out of the stores */
    int64_t bytes_written;  /* array bytes that go into stores */
    double seconds;         /* measured only */
    double plan_seconds;
    /* Measured, on a cluster only; the peak is there that of the worker with the largest. */
    int64_t retries;           /* tasks that came back, to be done again */
    int64_t bytes_transferred; /* of tiles that one process had from another */
    int64_t bytes_spilled;     /* that went to disk */
} tg_report;

/* Planning without running: what explain() shows. */
TG_API TG_MUST_USE tg_status tg_plan_create(tg_session *session, size_t count,
                                            const tg_target *targets, tg_plan **out, tg_error *err);
TG_API void tg_plan_destroy(tg_plan *plan);
TG_API void tg_plan_report(const tg_plan *plan, tg_report *report);
/* A page of text for people. Valid while the plan is. */
TG_API const char *tg_plan_text(tg_plan *plan);
/* The stages as a graphviz graph. Valid while the plan is. */
TG_API const char *tg_plan_dot(tg_plan *plan);

/* Plans and starts; returns at once. Targets and what they refer to are retained. */
TG_API TG_MUST_USE tg_status tg_compute_start(tg_session *session, size_t count,
                                              const tg_target *targets, tg_computation **out,
                                              tg_error *err);
/* Waits at most timeout_ns (negative: for ever). *done says whether it has ended; then the status
 * is its outcome, and calling again gives it again. A thread of the session may call this: it works
 * along. But a task may not wait for ever for what may be waiting for it: TG_ERR_MEMORY, and *done
 * is false, for a computation that is still in the queue for memory and has no room beside the
 * others; TG_ERR_VALUE for the computation that the task is a part of. */
TG_API TG_MUST_USE tg_status tg_computation_wait(tg_computation *computation, int64_t timeout_ns,
                                                 bool *done, tg_error *err);
/* Stops as soon as the tasks that run now have ended; does not wait for them. */
TG_API void tg_computation_cancel(tg_computation *computation);
/* Cancels, and removes at once what its sinks have written, though tasks may still run: for a
 * program that ends and cannot wait for them. */
TG_API void tg_computation_erase(tg_computation *computation);
TG_API void tg_computation_progress(const tg_computation *computation, int64_t *tasks_done,
                                    int64_t *tasks);
/* What keeps a computation on a cluster from going on, when none of its tasks has ended for a
 * minute, cut to `room` bytes; "" while it does, and in one process. */
TG_API void tg_computation_stuck(const tg_computation *computation, char *text, size_t room);
/* What of a target's memory is there already, while a cluster computes the rest: there[i] becomes 1
 * for each of the first `count` tiles, in C order, that has arrived; others are left as they are.
 * Tiles of a target that is made by map_blocks are its chunks. In one process nothing arrives
 * before the end. */
TG_API void tg_computation_arrived(const tg_computation *computation, size_t target, size_t count,
                                   uint8_t *there);
/* Memory of one result, once done: shared, released with tg_result_release. */
typedef struct tg_result {
    void *data; /* C order */
    tg_dtype dtype;
    int ndim;
    int64_t shape[32];
    void *owner_;
} tg_result;
TG_API TG_MUST_USE tg_status tg_computation_result(tg_computation *computation, size_t target,
                                                   tg_result *out, tg_error *err);
TG_API void tg_result_release(tg_result *result);
TG_API void tg_computation_report(tg_computation *computation, tg_report *report);
/* The timeline of what ran. `write` is called with pieces of text; its failure ends the export. */
typedef int (*tg_write_fn)(void *ctx, const char *bytes, size_t count);
TG_API TG_MUST_USE tg_status tg_computation_to_html(tg_computation *computation, tg_write_fn write,
                                                    void *ctx, tg_error *err);
TG_API TG_MUST_USE tg_status tg_computation_to_trace(tg_computation *computation, tg_write_fn write,
                                                     void *ctx, tg_error *err);
TG_API TG_MUST_USE tg_status tg_computation_to_text(tg_computation *computation, tg_write_fn write,
                                                    void *ctx, tg_error *err);
/* Lets go; cancels first when it still runs. Returns at once. */
TG_API void tg_computation_destroy(tg_computation *computation);

/* Start, wait, result in one call. */
TG_API TG_MUST_USE tg_status tg_compute(tg_session *session, size_t count, const tg_target *targets,
                                        tg_result *results, tg_error *err);

/*
 * The metadata of a store as JSON text, which `tg info` shows; nothing is read beside it. Freed
 * with tg_text_free. An object: "path", "format" ("zarr 3", "npy 1.0"), "kind" ("array" or
 * "group"), "members" (names in a group), "attributes" (an object); of an array also "shape",
 * "chunks", "shards" when there are any, "dtype" (NumPy's name), "codec", "nbytes" (of the cells),
 * "stored_bytes" and "stored_files" (on the disk).
 */
TG_API TG_MUST_USE tg_status tg_describe(const char *path, char **json, tg_error *err);
TG_API void tg_text_free(char *text);

#endif
