/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_ARRAY_SOURCE_H
#define TG_ARRAY_SOURCE_H
/*
 * What: the two seams between the engine and storage. A source is something array data is read
 * from, a sink something it is written to; io/ implements both, the planner and the executor know
 * nothing else of files.
 *
 * Ownership: counted; the creator holds one reference. `ops` outlives all objects.
 * Threads: read and write may be called from many threads at once, for disjoint boxes.
 * Errors: messages name path, chunk and codec.
 */
#include <stdbool.h>
#include <stdint.h>

#include "core/array/grid.h"
#include "core/array/view.h"
#include "core/base/status.h"
#include "core/mem/pool.h"

typedef struct tg_source tg_source;
typedef struct tg_sink tg_sink;

/* Longest path of an array, with the name inside it and the NUL; longer ones are refused. */
enum { TG_URI_MAX = 1024 };

/* Counted by the implementation during one call; the executor adds them up. */
typedef struct tg_io_stats {
    int64_t bytes_stored; /* read from or written to the store, compressed */
    int64_t chunks;       /* decoded or encoded (inner chunks of a shard count one by one) */
} tg_io_stats;

/* Scratch memory for one call: freed when the call returns. NULL when there is none. */
typedef struct tg_scratch tg_scratch;
void *tg_scratch_alloc(tg_scratch *scratch, int64_t bytes);

typedef struct tg_source_ops {
    /*
     * Reads `box` into `out` (same shape, the source's dtype, any strides). The engine asks for
     * boxes that are unions of whole cells of `chunks` (cut at the array's edge), so that a chunk
     * is decoded once; any other box must work too. `stats` is added to.
     */
    tg_status (*read)(tg_source *source, const tg_box *box, const tg_view *out, tg_scratch *scratch,
                      tg_io_stats *stats, tg_error *err);
    /* Upper bound of the scratch that read takes for this box. */
    int64_t (*scratch_bytes)(const tg_source *source, const tg_box *box);
    /* Upper bound of what it keeps from one call to the next, beside array data, when so many
     * threads read. NULL: nothing that grows. */
    int64_t (*table_bytes)(const tg_source *source, int threads);
    void (*destroy)(tg_source *source);
} tg_source_ops;

/* First member of every implementation. */
struct tg_source {
    const tg_source_ops *ops;
    _Atomic unsigned references;
    tg_dtype dtype;
    int ndim;
    int64_t shape[TG_NDIM_MAX];
    tg_grid *chunks;    /* the unit of decoding: inner chunks where there are shards */
    bool random_access; /* a box costs its own size: uncompressed, no chunk need be whole */
    uint64_t key;       /* equal keys: the same data; 0: never equal to another */
    uint64_t stamp;     /* of the file or folder when it was opened: another when it has changed */
    char format[16];    /* "zarr", "tiff", "npy", ...: with `uri` enough to open it again */
    char uri[TG_URI_MAX]; /* path, and the array inside it after "#" */
};

/* For implementations: the first reference, and where the data is. The rest is theirs to fill. */
void tg_source_init(tg_source *source, const tg_source_ops *ops, const char *format,
                    const char *uri);
tg_source *tg_source_retain(tg_source *source);
void tg_source_release(tg_source *source);

typedef struct tg_sink_ops {
    /*
     * Writes `box` from `in` (same shape, the sink's dtype, any strides). The engine writes whole
     * cells of `chunks` (cut at the edge), each once. Nothing half-written is ever under a final
     * name: a chunk appears by rename.
     */
    tg_status (*write)(tg_sink *sink, const tg_box *box, const tg_view *in, tg_scratch *scratch,
                       tg_io_stats *stats, tg_error *err);
    int64_t (*scratch_bytes)(const tg_sink *sink, const tg_box *box);
    /* Whether all of `box` was there when the sink was opened, whole, from an earlier run of the
     * same computation: the planner leaves it out. NULL: nothing ever is. */
    bool (*has)(const tg_sink *sink, const tg_box *box);
    /* Called once, after the last write, when all succeeded: puts the whole in its place. */
    tg_status (*commit)(tg_sink *sink, tg_error *err);
    /* Called once instead of commit when something failed: removes what was written, but for a sink
     * that is to be resumed. */
    void (*abort)(tg_sink *sink);
    void (*destroy)(tg_sink *sink);
} tg_sink_ops;

struct tg_sink {
    const tg_sink_ops *ops;
    _Atomic unsigned references;
    tg_dtype dtype;
    int ndim;
    int64_t shape[TG_NDIM_MAX];
    tg_grid *chunks;    /* the unit of writing: the shard where there are shards */
    bool random_access; /* any box may be written (an .npy file): `chunks` is only advice */
    char format[16];
    char uri[TG_URI_MAX];
    const char *temporary; /* where it is written until commit; NULL: at no path */
    const char *attach;    /* where other processes can join in writing it (io/format/format.h);
                              NULL: one process writes it alone */
};

void tg_sink_init(tg_sink *sink, const tg_sink_ops *ops, const char *format, const char *uri);
tg_sink *tg_sink_retain(tg_sink *sink);
void tg_sink_release(tg_sink *sink);

#endif
