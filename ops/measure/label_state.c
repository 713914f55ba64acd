/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * States of labelling: their layout, and whether bytes that came from another process are one.
 * Whatever such a state says, joining it stays inside of it; whether states have the tiles of one
 * product grid is looked at when they are joined.
 */
#include "ops/measure/label_state.h"

#include <inttypes.h>

int64_t
tg_label_state_size(const tg_label_head *head)
{
    return (int64_t)sizeof *head + 8 * head->tiles * tg_label_tile_words(head->ndim) +
           20 * head->components + 8 * head->stretches + 4 * head->face_cells;
}

void
tg_label_state_open(tg_label_state *state, void *bytes)
{
    const tg_label_head *head = bytes;
    state->head = bytes;
    state->tiles = (int64_t *)(head + 1);
    state->parent = state->tiles + head->tiles * tg_label_tile_words(head->ndim);
    state->first = state->parent + head->components;
    state->stretch = state->first + head->components;
    state->number = (int32_t *)(state->stretch + head->stretches);
    state->faces = state->number + head->components;
}

int64_t
tg_label_stretches(int ndim, const int64_t *lo, const int64_t *hi, const int64_t *shape)
{
    int64_t count = 1;
    int cut = ndim - 1; /* the last axis that is */
    while (cut > 0 && lo[cut] == 0 && hi[cut] == shape[cut]) {
        cut--;
    }
    for (int a = 0; a < cut; a++) {
        count *= hi[a] - lo[a];
    }
    return count;
}

tg_buffer *
tg_label_state_create(tg_pool *pool, const tg_label_head *head, tg_label_state *state)
{
    tg_buffer *buffer = tg_buffer_create(pool, (size_t)tg_label_state_size(head));
    if (buffer != NULL) {
        memcpy(tg_buffer_data(buffer), head, sizeof *head);
        tg_label_state_open(state, tg_buffer_data(buffer));
    }
    return buffer;
}

/* Do the numbers of the head make up the block, none of them beyond it? */
static bool
is_whole(const tg_label_head *h, int ndim, size_t bytes)
{
    int64_t most = (int64_t)bytes;
    return bytes >= sizeof *h && h->ndim == ndim && h->tiles >= 0 && h->tiles <= most &&
           h->components >= 0 && h->components <= most && h->stretches >= 0 &&
           h->stretches <= most && h->face_cells >= 0 && h->face_cells <= most &&
           tg_label_state_size(h) == most;
}

/* The cells of a face are 0 or components of the tile. */
static bool
is_face(const tg_label_state *s, const int64_t *tile, int64_t offset, int64_t cells)
{
    bool good = offset >= 0 && cells <= s->head->face_cells - offset;
    for (int64_t i = 0; good && i < cells; i++) {
        good = s->faces[offset + i] >= 0 && s->faces[offset + i] <= tile[1];
    }
    return good;
}

static bool
has_faces(const tg_label_state *s, int64_t *tile)
{
    int ndim = (int)s->head->ndim;
    bool good = true;
    for (int f = 0; good && f < 2 * ndim; f++) {
        int64_t offset = tg_label_tile_face(tile, ndim)[f];
        int64_t cells = 1;
        for (int a = 0; a < ndim; a++) {
            cells *= a == f / 2 ? 1 : tg_label_tile_hi(tile, ndim)[a] - tg_label_tile_lo(tile)[a];
        }
        good = offset == -1 || is_face(s, tile, offset, cells);
    }
    return good;
}

/* The stretches have all components of the tile, and those of the state rise. */
static bool
has_numbers(const tg_label_state *s, const int64_t *tile, int64_t stretches)
{
    int64_t left = tile[3], before = 0;
    bool good = tile[3] >= 0 && tile[3] <= INT32_MAX;
    for (int64_t i = tile[2]; good && i < tile[2] + stretches; i++) {
        good = s->stretch[i] >= 0 && s->stretch[i] <= left;
        left -= s->stretch[i];
    }
    for (int64_t c = tile[0]; good && c < tile[0] + tile[1]; c++) {
        good = s->number[c] > before && s->number[c] <= tile[3];
        before = s->number[c];
    }
    return good && left == 0;
}

tg_status
tg_label_check_state(const tg_array *node, const tg_box *domain, const void *state, size_t bytes,
                     tg_error *err)
{
    tg_status status = TG_OK;
    const tg_array *mask = node->args[0];
    tg_label_state s;
    int64_t components = 0, stretches = 0;
    TG_CHECK(is_whole(state, mask->ndim, bytes), err, TG_ERR_CORRUPT,
             "label: a state of %zu bytes does not add up", bytes);
    tg_label_state_open(&s, (void *)(uintptr_t)state); /* is only read */
    for (int64_t t = 0; t < s.head->tiles; t++) {
        int64_t *tile = tg_label_tile_at(&s, t);
        const int64_t *lo = tg_label_tile_lo(tile), *hi = tg_label_tile_hi(tile, mask->ndim);
        bool good = tile[0] == components && tile[2] == stretches && tile[1] >= 0 &&
                    tile[1] <= s.head->components - components;
        for (int a = 0; a < mask->ndim; a++) {
            good = good && lo[a] >= domain->lo[a] && lo[a] < hi[a] && hi[a] <= domain->hi[a];
        }
        int64_t count = good ? tg_label_stretches(mask->ndim, lo, hi, mask->shape) : 0;
        good = good && count <= s.head->stretches - stretches && has_faces(&s, tile) &&
               has_numbers(&s, tile, count);
        TG_CHECK(good, err, TG_ERR_CORRUPT, "label: tile %" PRId64 " of a state is malformed", t);
        components += tile[1];
        stretches += count;
    }
    TG_CHECK(components == s.head->components && stretches == s.head->stretches, err,
             TG_ERR_CORRUPT, "label: a state has components of no tile");
    for (int64_t c = 0; c < components; c++) { /* a parent is a root: no loops */
        int64_t root = s.parent[c];
        TG_CHECK(root >= 0 && root < components && s.parent[root] == root, err, TG_ERR_CORRUPT,
                 "label: component %" PRId64 " of a state is part of none", c);
    }
out:
    return status;
}
