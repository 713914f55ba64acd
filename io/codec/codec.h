/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_CODEC_CODEC_H
#define TG_CODEC_CODEC_H
/*
 * What: the table of codecs that turn bytes into bytes, and the byte order of elements. One codec
 * is one file that ends in one descriptor, and one line in codec.def. Its parameters are described
 * as data, so that Zarr v2 and v3 metadata, codec strings ("blosc:zstd:5:shuffle") and what `tg
 * info` prints are all made from the same lines.
 *
 * Ownership: descriptors are constants; a tg_codec_use is a value.
 * Threads: any. Contexts of the libraries are kept per thread and freed when the thread ends.
 * Errors: TG_ERR_CORRUPT for bytes that do not decode, or decode to another length than they
 * should; TG_ERR_IO when an encoder fails; TG_ERR_MEMORY. Messages name the codec.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/array/dtype.h"
#include "core/base/status.h"

enum { TG_CODEC_PARAMS_MAX = 5, TG_CODEC_CHAIN_MAX = 8 };

typedef struct tg_codec_param {
    const char *name; /* in metadata; NULL ends a list */
    int64_t min, max; /* for numbers */
    int64_t initial;
    /* Names of the values 0, 1, ... ending in NULL; NULL: a number; */
    const char *const *choices;
    bool is_bool;
    bool v2_number; /* Zarr v2 writes the number of the choice, not its name */
    bool v3_only;
    bool v2_only;
    bool from_dtype; /* the initial value is the size of an element */
    bool quiet;      /* not part of a codec string */
} tg_codec_param;

typedef struct tg_codec {
    const char *name; /* Zarr v3 name and Zarr v2 id */
    bool v2, v3;      /* where it may stand */
    bool trailer;     /* works in place: encode appends to `from`, decode checks and cuts */
    tg_codec_param params[TG_CODEC_PARAMS_MAX + 1];
    /* Most bytes that `bytes` can become. */
    int64_t (*bound)(int64_t bytes);
    /* `values` has one entry per parameter. At most `capacity` bytes are written. */
    tg_status (*encode)(const int64_t *values, const void *from, int64_t bytes, void *to,
                        int64_t capacity, int64_t *written, tg_error *err);
    tg_status (*decode)(const int64_t *values, const void *from, int64_t bytes, void *to,
                        int64_t capacity, int64_t *written, tg_error *err);
    /* Both NULL where data can only be decoded as a whole. The first checks the header, which is
     * all that it reads (at most 64 bytes), against the number of bytes, and gives the
     * length it decodes to and of the pieces that it is made of; the second decodes `count` bytes
     * at `offset`, which begin and end where pieces do, of data that the first has checked. */
    tg_status (*pieces)(const void *from, int64_t bytes, int64_t *decoded, int64_t *piece,
                        tg_error *err);
    tg_status (*decode_pieces)(const void *from, int64_t offset, int64_t count, void *to,
                               tg_error *err);
} tg_codec;

/* A codec with its parameters. */
typedef struct tg_codec_use {
    const tg_codec *codec;
    int64_t values[TG_CODEC_PARAMS_MAX];
} tg_codec_use;

/* By name; NULL when there is none. Index for listing; NULL past the end. */
const tg_codec *tg_codec_find(const char *name);
const tg_codec *tg_codec_at(size_t index);
/* Sets all parameters to their initial values. */
void tg_codec_use_init(tg_codec_use *use, const tg_codec *codec, size_t element_bytes);
/* Sets one parameter from a number or a word; TG_ERR_VALUE names what is allowed. */
tg_status tg_codec_use_set(tg_codec_use *use, int param, int64_t value, tg_error *err);
tg_status tg_codec_use_set_word(tg_codec_use *use, int param, const char *word, tg_error *err);
int tg_codec_param_index(const tg_codec *codec, const char *name);
/*
 * From text: codecs separated by "+", each a name with values after ":" in the order of its
 * parameters ("blosc:zstd:5:shuffle", "gzip:6", "zstd+crc32c"). "" and "none": no codec.
 */
tg_status tg_codec_chain_parse(const char *text, size_t element_bytes, tg_codec_use *uses,
                               int *count, tg_error *err);
/* The same text back, cut at `size`. */
void tg_codec_chain_text(const tg_codec_use *uses, int count, char *text, size_t size);

/* Copies `count` elements of `unit` bytes with each one's bytes reversed; in place allowed.
 * unit: 2, 4 or 8. */
void tg_bytes_swap(void *to, const void *from, int64_t count, size_t unit);
/* The same for the data of an array, in place: a complex element is two numbers. */
void tg_bytes_swap_elements(void *data, int64_t bytes, tg_dtype dtype);

#endif
