/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_FORMAT_FORMAT_H
#define TG_FORMAT_FORMAT_H
/*
 * What: the table of file formats, and opening, creating and describing arrays in files. A format
 * is one file that ends in one descriptor, and one line in format.def.
 *
 * A path may name an array inside a container after "#": "cells.zarr#labels/0".
 *
 * Ownership: sources and sinks are given with one reference; a tg_format_info is the caller's and
 * ended by fini.
 * Threads: any; two writers of one path race for it, and one of them wins whole.
 * Errors: TG_ERR_NOT_FOUND when nothing is at the path; TG_ERR_FORMAT when no format knows it or
 * metadata is malformed; TG_ERR_UNSUPPORTED for a feature that is not there, named; TG_ERR_LIMIT
 * for absurd sizes; TG_ERR_EXISTS; TG_ERR_IO with what the system said. Messages begin with the
 * path.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/array/source.h"
#include "core/base/status.h"

/* What an array to be created looks like. Zeroed members mean the default. */
typedef struct tg_sink_options {
    tg_dtype dtype;
    int ndim;
    const int64_t *shape;
    const int64_t *chunks;  /* NULL: chosen, about 4 MiB each */
    const int64_t *advice;  /* the chunks of what is written, for the format to choose; or NULL */
    const int64_t *shards;  /* NULL: none; multiples of the chunks */
    const char *codec;      /* "blosc:zstd:5:shuffle", "none"; NULL: the format's default */
    int zarr_version;       /* 2 or 3; 0: 3 */
    bool overwrite;         /* replaces what is there, when the new data is complete */
    bool sync;              /* commit returns when the data would survive a power cut */
    const char *resume;     /* the name of the computation: what was begun under the same name is
                               gone on with; NULL: begun anew. Zarr only */
    const void *fill_value; /* one element; NULL: zero */
    const char *attributes; /* a JSON object; NULL: none */
    const char *const *dimension_names; /* ndim entries, NULL for one without name; NULL: none */
} tg_sink_options;

enum { TG_FORMAT_CODEC_MAX = 256 };
/* Where a format chooses chunks they are about as large. */
#define TG_FORMAT_CHUNK_BYTES ((int64_t)4 << 20)

/* What `tg info` tells. Strings are never NULL after a successful describe. */
typedef struct tg_format_info {
    char format[32]; /* "zarr 3", "tiff", "npy 1.0" */
    bool is_group;   /* then only attributes and members mean anything */
    tg_dtype dtype;
    int ndim;
    int64_t shape[TG_NDIM_MAX];
    int64_t chunks[TG_NDIM_MAX];
    bool has_shards;
    int64_t shards[TG_NDIM_MAX];
    char codec[TG_FORMAT_CODEC_MAX];
    int64_t stored_bytes;
    int64_t stored_files;
    char *attributes;      /* a JSON object: "{}" when there are none */
    char *dimension_names; /* a JSON list; "[]" when there are none */
    size_t member_count;   /* of a group: names of what is directly in it */
    char **members;
} tg_format_info;

typedef struct tg_format {
    const char *name;
    const char *const *suffixes; /* with the dot, ending in NULL; the first is for new files */
    int priority;                /* the higher is asked first */
    /* Whether this looks like ours; `head` holds the first bytes, none for a directory. */
    bool (*probe)(const char *path, const unsigned char *head, size_t head_bytes,
                  bool is_directory);
    /* NULL, and describe too: cannot read */
    tg_status (*open_source)(const char *path, const char *inner, tg_source **out, tg_error *err);
    tg_status (*create_sink)(const char *path, const tg_sink_options *options, tg_sink **out,
                             tg_error *err); /* NULL: cannot write */
    tg_status (*describe)(const char *path, const char *inner, tg_format_info *info, tg_error *err);
    /* NULL: one process writes it alone */
    tg_status (*attach_sink)(const char *path, const tg_sink_options *expected, tg_sink **out,
                             tg_error *err);
} tg_format;

/* Opens an array for reading: metadata only. */
TG_MUST_USE tg_status tg_format_open(const char *path, tg_source **out, tg_error *err);
/* Creates an array for writing. `format` NULL: from the suffix of the path. */
TG_MUST_USE tg_status tg_format_create(const char *path, const char *format,
                                       const tg_sink_options *options, tg_sink **out,
                                       tg_error *err);
/*
 * Joins in writing an array that somebody else has created, at the path where it really lies until
 * it is committed (the sink's `temporary`; "<path>.part" of one that is resumed): for processes
 * that write parts of one array. Chunks appear whole, each by a rename, however often and by
 * whomever they are written; commit and abort do nothing, they are for the process that created the
 * array. Of `expected` dtype, shape, and chunks and shards where they are given, must be what is
 * there: TG_ERR_VALUE says what is not.
 */
TG_MUST_USE tg_status tg_format_attach(const char *path, const tg_sink_options *expected,
                                       tg_sink **out, tg_error *err);
/* Describes an array or a group. On failure `info` needs no fini. */
TG_MUST_USE tg_status tg_format_describe(const char *path, tg_format_info *info, tg_error *err);
void tg_format_info_fini(tg_format_info *info);

/* The formats, by descending priority; NULL past the end. */
const tg_format *tg_format_at(size_t index);
const tg_format *tg_format_find(const char *name);

/* For formats: checks options (dtype, ndim, shape, chunks, total size) and copies the chunks,
 * chosen where none are given, to `chunks`. */
tg_status tg__sink_options_check(const char *path, const tg_sink_options *options,
                                 int64_t chunks[TG_NDIM_MAX], tg_error *err);
/* For formats: whether a path ends so, in capitals too; `suffix` is in small letters. */
bool tg__format_has_suffix(const char *path, const char *suffix);
/* For formats: `tg_source.key` of one file, from its path and what `stat` says; never 0. */
struct stat;
uint64_t tg__format_file_key(const char *path, const struct stat *st);
/* For formats: adds the name of a member to a group's list. */
tg_status tg__format_info_add_member(tg_format_info *info, const char *name, tg_error *err);
/* For formats: a copy of a string; NULL when out of memory. Freed by tg_format_info_fini, or by
 * the second. */
char *tg__format_text(const char *text);
void tg__format_text_free(char *text);

#endif
