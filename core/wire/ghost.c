/* SPDX-License-Identifier: BSD-3-Clause */
/* Arrays in stores for those who only plan. No ghost is equal to another, as no two arrays of a
 * plan are that were not one array where it was written. */
#include "core/wire/ghost.h"

#include <string.h>

#include "core/mem/alloc.h"

static tg_status
read_nothing(tg_source *source, const tg_box *box, const tg_view *out, tg_scratch *scratch,
             tg_io_stats *stats, tg_error *err)
{
    (void)box, (void)out, (void)scratch, (void)stats;
    return tg_fail(err, TG_ERR_UNSUPPORTED,
                   "%s: was not opened: the plan was read to be looked at, not to be run",
                   source->uri);
}

static void
destroy(tg_source *source)
{
    tg_grid_release(source->chunks);
    tg_free(NULL, source, sizeof *source);
}

static const tg_source_ops ghost_ops = { .read = read_nothing, .destroy = destroy };

tg_source *
tg__ghost_source(const char *format, const char *uri, tg_dtype dtype, int ndim,
                 const int64_t *shape, tg_grid *chunks, bool random_access)
{
    tg_source *source = tg_calloc(NULL, 1, sizeof *source);
    if (source != NULL) {
        tg_source_init(source, &ghost_ops, format, uri);
        source->dtype = dtype;
        source->ndim = ndim;
        memcpy(source->shape, shape, (size_t)ndim * sizeof *shape);
        source->chunks = tg_grid_retain(chunks);
        source->random_access = random_access;
    }
    return source;
}
