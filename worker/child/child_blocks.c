/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The layout: words, then the result's block, then the inputs', each from a multiple of ALIGN on.
 * A block is copied once on its way in and once on its way out; the function works where it lies.
 */
#include "worker/child/child_blocks.h"

#include <string.h>

#include "core/array/dtype.h"
#include "core/array/view.h"
#include "core/base/limits.h"
#include "core/base/size.h"

enum { ALIGN = 64 };

static int64_t
align_up(int64_t bytes)
{
    return (bytes + ALIGN - 1) / ALIGN * ALIGN;
}

static void
view_of(const tg_block_view *block, void *data, tg_view *view)
{
    tg_view_from_shape(view, data, block->dtype, block->ndim, block->shape);
}

static int64_t
bytes_of(const tg_block_view *block)
{
    tg_view view;
    view_of(block, NULL, &view);
    return tg_view_count(&view) * (int64_t)tg_dtype_size(block->dtype);
}

static size_t
words_of(const tg_block_view *block)
{
    return TG_CHILD_WORDS + (size_t)TG_CHILD_LISTS * (size_t)block->ndim;
}

tg_status
tg__blocks_size(const tg_block_view *in, size_t nin, const tg_block_view *out, size_t *words,
                size_t *bytes, tg_error *err)
{
    tg_status status = TG_OK;
    int64_t sum = 0;
    *words = 1 + words_of(out);
    for (size_t i = 0; i < nin; i++) {
        *words += words_of(&in[i]);
    }
    sum = align_up((int64_t)(*words * sizeof(int64_t))) + align_up(bytes_of(out));
    for (size_t i = 0; i < nin; i++) {
        TG_CHECK(tg_add_size(sum, align_up(bytes_of(&in[i])), &sum) && sum < TG_ARRAY_BYTES_MAX,
                 err, TG_ERR_MEMORY, "the blocks of one call are too large together");
    }
    *bytes = (size_t)sum;
out:
    return status;
}

/* The words of one block, whose data begins at `offset`. */
static int64_t *
put_words(int64_t *at, const tg_block_view *block, const tg_block_place *place, int64_t offset)
{
    const int64_t head[TG_CHILD_WORDS] = { (int64_t)block->dtype, block->ndim, offset,
                                           bytes_of(block) };
    const int64_t *const lists[TG_CHILD_LISTS] = { block->shape, place->shape, place->num_blocks,
                                                   place->index, place->lo,    place->hi };
    memcpy(at, head, sizeof head);
    at += TG_CHILD_WORDS;
    for (int i = 0; i < TG_CHILD_LISTS; i++) {
        if (block->ndim > 0) {
            memcpy(at, lists[i], (size_t)block->ndim * sizeof *at);
        }
        at += block->ndim;
    }
    return at;
}

static void
put_block(char *to, const tg_block_view *block)
{
    tg_view from, packed;
    view_of(block, block->data, &from);
    view_of(block, to, &packed);
    if (tg_view_count(&from) > 0) {
        for (int a = 0; a < block->ndim; a++) {
            from.strides[a] = block->strides[a];
        }
        tg_view_copy(&packed, &from);
    }
}

void
tg__blocks_put(void *memory, const tg_block_info *info, const tg_block_view *in, size_t nin,
               const tg_block_view *out)
{
    int64_t *at = memory;
    size_t words = 1 + words_of(out);
    for (size_t i = 0; i < nin; i++) {
        words += words_of(&in[i]);
    }
    int64_t offset = align_up((int64_t)(words * sizeof(int64_t)));
    *at++ = (int64_t)nin;
    at = put_words(at, out, &info->out, offset);
    offset += align_up(bytes_of(out));
    for (size_t i = 0; i < nin; i++) {
        at = put_words(at, &in[i], &info->in[i], offset);
        put_block((char *)memory + offset, &in[i]);
        offset += align_up(bytes_of(&in[i]));
    }
}

void
tg__blocks_take(void *memory, size_t words, const tg_block_view *out)
{
    tg_view from, to;
    unsigned char *data = (unsigned char *)memory + align_up((int64_t)(words * sizeof(int64_t)));
    view_of(out, data, &from);
    view_of(out, out->data, &to);
    if (tg_view_count(&from) > 0) {
        for (int a = 0; a < out->ndim; a++) {
            to.strides[a] = out->strides[a];
        }
        if (out->dtype == TG_DT_BOOL) { /* loops rely on nothing but 0 and 1 */
            int64_t count = tg_view_count(&from);
            for (int64_t i = 0; i < count; i++) {
                data[i] = data[i] != 0;
            }
        }
        tg_view_copy(&to, &from);
    }
}
