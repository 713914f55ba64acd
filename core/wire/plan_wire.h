/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_WIRE_PLAN_WIRE_H
#define TG_WIRE_PLAN_WIRE_H
/*
 * What: expressions as bytes: what a client sends to a scheduler, and what is kept in a file to be
 * computed later. A message is a sequence of msgpack objects, decoded one by one, so that a reader
 * needs no more memory than the largest of them:
 *
 *     ["tilegraph.plan", 1, nodes, targets]                    version of this format; two counts
 *     [op, version, [argument...], [[name, kind, value]...], source]      once per node
 *     [target...]
 *
 * Arguments and targets are indices of nodes; an argument is an earlier node. Kinds are those of
 * tg_param_kind; integers and floats are binary, 8 bytes each, little-endian; text is text. Only
 * parameters that were given are there. `source` is nil, or for an array in a store
 * [format, uri, dtype, shape, chunks], with shape as binary integers and chunks nil (the store's)
 * or one binary per axis: origin and step, or all boundaries.
 *
 * Reading builds every node with tg_apply: op, parameters and shapes are checked as if a user had
 * called it. Nothing of the message is believed before.
 *
 * Ownership: as said at each function. Threads: any; a context may be shared.
 * Errors: TG_ERR_UNSUPPORTED for what cannot travel (memory and functions of this process) and for
 * ops and versions that are not known here; TG_ERR_FORMAT for a malformed message; TG_ERR_LIMIT;
 * whatever infer and the opener say, with the node's number before it.
 */
#include "core/array/array.h"

typedef struct tg_wire_bytes {
    uint8_t *data;
    size_t size;
    size_t room_;
} tg_wire_bytes;

/* The expressions that `targets` are the results of. On success tg_wire_bytes_fini is due. */
TG_MUST_USE tg_status tg_wire_write_nodes(size_t count, tg_array *const *targets,
                                          tg_wire_bytes *out, tg_error *err);
void tg_wire_bytes_fini(tg_wire_bytes *bytes);

/* How a reader comes to an array in a store. `open` gives one reference. */
typedef struct tg_wire_opener {
    void *ctx;
    tg_status (*open)(void *ctx, const char *format, const char *uri, tg_source **out,
                      tg_error *err);
} tg_wire_opener;

typedef struct tg_wire_arrays {
    size_t count;
    tg_array **arrays; /* one reference each */
} tg_wire_arrays;

/* `opener` NULL: arrays in stores are refused. On success tg_wire_arrays_fini is due. */
TG_MUST_USE tg_status tg_wire_read_nodes(tg_context *context, const void *bytes, size_t size,
                                         const tg_wire_opener *opener, tg_wire_arrays *out,
                                         tg_error *err);
void tg_wire_arrays_fini(tg_wire_arrays *arrays);

#endif
