/* SPDX-License-Identifier: BSD-3-Clause */
/* The lists of depths and boundaries, which may be short: entries that are missing repeat. */
#include "ops/map/depth.h"

#include <string.h>

#include "core/base/status.h"
#include "ops/create/number.h"

/* Keeps sums of coordinates and depths far from overflow. */
static const int64_t depth_max = (int64_t)1 << 40;

/* A list with an entry per argument, axis and side; or a shorter one, that holds for all. */
typedef struct entries {
    const tg_value *list;
    const char *name;
    size_t nargs;
    int ndim, sides;
} entries;

/* Where the entry for (arg, axis, side) is. */
static tg_status
entry_index(const entries *of, size_t arg, int axis, int side, uint32_t *index, tg_error *err)
{
    tg_status status = TG_OK;
    const tg_value *list = of->list;
    const int ndim = of->ndim;
    const int sides = of->sides;
    const size_t nargs = of->nargs;
    const uint32_t n = (uint32_t)ndim;
    const uint32_t full = n * (uint32_t)sides;
    if (list->count == 1) {
        *index = 0;
    } else if (list->count == full * (uint32_t)nargs) {
        *index = (uint32_t)arg * full + (uint32_t)(axis * sides + side);
    } else if (list->count == full) {
        *index = (uint32_t)(axis * sides + side);
    } else {
        TG_CHECK(list->count == n, err, TG_ERR_VALUE,
                 "map_overlap: %s has %u entries; for %zu argument(s) of %d axes it has 1, %d%s or "
                 "%u",
                 of->name, list->count, nargs, ndim, ndim, sides == 2 ? ", twice that many," : "",
                 full * (uint32_t)nargs);
        *index = (uint32_t)axis;
    }
out:
    return status;
}

tg_status
tg__depth_window(const tg_value *depth, const tg_value *boundary, const tg_value *cval,
                 const tg_array *array, size_t arg, size_t nargs, tg_window *window, tg_error *err)
{
    tg_status status = TG_OK;
    tg_number number = { .is_integer = false };
    tg_element fill;
    const entries depths = { depth, "depth", nargs, array->ndim, 2 };
    const entries boundaries = { boundary, "boundary", nargs, array->ndim, 1 };
    memset(window, 0, sizeof *window);
    window->ndim = array->ndim;
    for (int a = 0; a < array->ndim; a++) {
        int64_t cells[2] = { 0, 0 };
        uint32_t index = 0;
        for (int side = 0; side < 2; side++) {
            TG_TRY(entry_index(&depths, arg, a, side, &index, err));
            cells[side] = depth->ints[index];
            TG_CHECK(cells[side] >= 0 && cells[side] <= depth_max, err, TG_ERR_VALUE,
                     "map_overlap: depth must be from 0 to %lld, got %lld along axis %d",
                     (long long)depth_max, (long long)cells[side], a);
        }
        window->depth_lo[a] = cells[0];
        window->depth_hi[a] = cells[1];
        window->mode[a] = TG_BOUNDARY_NONE;
        if (boundary->count > 0) {
            TG_TRY(entry_index(&boundaries, arg, a, 0, &index, err));
            window->mode[a] = (uint8_t)boundary->ints[index];
        }
        TG_CHECK(array->shape[a] > 0 || cells[0] + cells[1] == 0 ||
                     window->mode[a] == TG_BOUNDARY_NONE || window->mode[a] == TG_BOUNDARY_CONSTANT,
                 err, TG_ERR_VALUE,
                 "map_overlap: axis %d is empty; only 'none' and 'constant' can continue it", a);
    }
    TG_CHECK(cval->count <= 1 || cval->count == nargs, err, TG_ERR_VALUE,
             "map_overlap: cval has %u entries for %zu argument(s)", cval->count, nargs);
    number.real = tg_value_float(cval, (uint32_t)arg, 0.0);
    TG_TRY(tg__number_store(&number, array->dtype, &fill, err));
    memcpy(window->fill, fill.bytes, sizeof window->fill);
out:
    return status;
}
