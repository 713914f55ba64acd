/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_MEASURE_LABEL_STATE_H
#define TG_MEASURE_LABEL_STATE_H
/*
 * What: what the internal ops of label share: the connectivity, the state of the merging reduction,
 * and the table that maps labels of tiles to labels of the array. ops/measure/label.c tells how
 * they play together.
 *
 * A stretch is a part of a tile whose cells follow each other in the raster of the array: all of
 * the tile if only the first axis is cut, a row of it if the last one is. Components that begin in
 * a stretch follow each other too, so it takes one number to label all those that no other tile has
 * a part of.
 *
 * The table is a 1-D int64 array:
 *     [0] number of labels   [1] number of tiles   [2] ndim
 *     per tile, in the order of their low corners: lo[ndim], hi[ndim], components, and where in the
 *         table its stretches begin, how many, where its moved components begin, how many
 *     per stretch: components of the tile before it, label of the first component in it
 *     per moved component, one that began in another tile: its number in the tile (from 1), label
 *
 * Ownership: plain data. Threads: pure functions. Errors: see functions.
 */
#include "core/array/array.h"

enum {
    /* 3^8 neighbours of a tile are looked up; more axes would only be slow. */
    TG_LABEL_NDIM_MAX = 8,
    TG_LABEL_TABLE_HEAD = 3,
    TG_LABEL_TABLE_TILE = 5 /* and 2 * ndim */
};

/* The parameter of the internal ops: 3^ndim marks in C order. */
#define TG_SCHEMA_CONNECTIVITY                                                                     \
    {                                                                                              \
        "structure", TG_PARAM_INT, true, true, NULL, NULL, "3^ndim marks of neighbours"            \
    }
/* Checks it against the rank of the array to label. */
TG_MUST_USE tg_status tg_label_check(const tg_infer *infer, int ndim, const tg_value *structure,
                                     tg_error *err);
/* 3^ndim. */
int64_t tg_label_structure_count(int ndim);
/* From the structure argument of a public op (NULL: the cross) to the marks; at most 3^8. */
TG_MUST_USE tg_status tg_label_structure(const char *op, int ndim, const tg_array *structure,
                                         int64_t *marks, tg_error *err);

/* ---- the state: one flat block (it may travel) ----
 *
 *      head | tile entries | parent[components] | first[components] | stretch[stretches] (int64)
 *           | number[components] | faces (int32)
 *
 * Its components are those that have a cell on a face that was kept, tile by tile; the others are
 * complete, and only their number counts. A tile keeps the components (from 1, of those it has
 * here) of the cells of face (axis, side) until all tiles that touch that face, also by an edge or
 * a corner, are in the same state; faces at the edge of the array are never kept. Roots are the
 * components with the smallest first cell. Tiles of a state stand in the order of their low
 * corners, as those of a product grid in C order do.
 *
 * Its size: the boundary of the region, 4 bytes a cell, and 20 bytes per component that touches a
 * face of a tile. In noise every other cell of a face may be one; the plan counts with one in 64,
 * which is what objects of some size have.
 */
typedef struct tg_label_head {
    int64_t ndim, tiles, components, stretches, face_cells;
} tg_label_head;

typedef struct tg_label_state {
    tg_label_head *head;
    int64_t *tiles;
    int64_t *parent;
    int64_t *first;   /* raster number, in the array, of the first cell */
    int64_t *stretch; /* components of the tile that begin in it */
    int32_t *number;  /* of the component among all of its tile, from 1 */
    int32_t *faces;
} tg_label_state;

/* Per tile 4 + 4 * ndim int64: its first component in the state, how many it has there, its first
 * stretch, components of the tile, lo[], hi[], face[2 * ndim] (offset into the faces, -1: not kept;
 * low face of axis a at 2a, high at 2a + 1). */
static inline int64_t
tg_label_tile_words(int64_t ndim)
{
    return 4 + 4 * ndim;
}

static inline int64_t *
tg_label_tile_at(const tg_label_state *s, int64_t i)
{
    return s->tiles + i * tg_label_tile_words(s->head->ndim);
}

static inline int64_t *
tg_label_tile_lo(int64_t *tile)
{
    return tile + 4;
}

static inline int64_t *
tg_label_tile_hi(int64_t *tile, int64_t ndim)
{
    return tile + 4 + ndim;
}

static inline int64_t *
tg_label_tile_face(int64_t *tile, int64_t ndim)
{
    return tile + 4 + 2 * ndim;
}

/* How many stretches the box of a tile of an array is made of. */
int64_t tg_label_stretches(int ndim, const int64_t *lo, const int64_t *hi, const int64_t *shape);
int64_t tg_label_state_size(const tg_label_head *head);
void tg_label_state_open(tg_label_state *state, void *bytes);
/* A block for a state with this head. NULL: no memory. */
tg_buffer *tg_label_state_create(tg_pool *pool, const tg_label_head *head, tg_label_state *state);
/* The check_state slot of the reduction: ops/measure/label_state.c. */
TG_MUST_USE tg_status tg_label_check_state(const tg_array *node, const tg_box *domain,
                                           const void *state, size_t bytes, tg_error *err);
/* The combine slot of the reduction: ops/measure/label_join.c. */
TG_MUST_USE tg_status tg_label_combine(const tg_run *run, size_t count, tg_buffer *const *states,
                                       const tg_box *boxes, tg_buffer **out, tg_error *err);

#endif
