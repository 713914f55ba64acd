/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A seekable reader of gzip files; see the header.
 *
 * Design notes: ISA-L's state is one flat struct that holds its history itself, so a copy of it
 * and the place in the file are all that going on from there needs.
 */
#include "io/codec/gunzip.h"

#include <errno.h>
#include <isa-l/igzip_lib.h>
#include <pthread.h>
#include <string.h>

#include "core/base/size.h"
#include "core/mem/alloc.h"
#include "io/store/fd.h"

enum {
    IN_BYTES = 128 << 10,
    SKIP_BYTES = 64 << 10,
    /* Copies of the state, 23 MB: of a file of 4 GB one each 16 MB, which takes 30 ms to decode. */
    POINTS_MAX = 256
};
#define SPACING_MIN ((int64_t)1 << 20)

typedef struct point {
    int64_t in; /* place in the file of the first byte that the state has not seen */
    struct inflate_state state;
} point;

struct tg_gunzip {
    pthread_mutex_t lock;
    int fd;
    const char *path;
    int64_t total, spacing;
    int64_t position;          /* of the next byte that comes out */
    int64_t in;                /* place in the file behind what is in the buffer */
    bool failed;               /* the state is of no use: begin anew */
    point *points[POINTS_MAX]; /* of position (i + 1) * spacing */
    struct inflate_state state;
    unsigned char buffer[IN_BYTES];
    unsigned char skipped[SKIP_BYTES];
};

static int64_t
spacing_of(int64_t total)
{
    return tg_max_i64(tg_ceil_div(total, POINTS_MAX), SPACING_MIN);
}

int64_t
tg_gunzip_bytes(int64_t total)
{
    int64_t points = tg_min_i64(total / spacing_of(total), POINTS_MAX);
    return (int64_t)sizeof(tg_gunzip) + points * (int64_t)sizeof(point);
}

/* A member begins. */
static void
begin_member(tg_gunzip *g)
{
    uint8_t *in = g->state.next_in;
    uint32_t left = g->state.avail_in;
    isal_inflate_init(&g->state);
    g->state.crc_flag = ISAL_GZIP;
    g->state.next_in = in;
    g->state.avail_in = left;
}

static void
rewind_to(tg_gunzip *g, int64_t offset)
{
    int64_t at = tg_min_i64(offset / g->spacing, POINTS_MAX);
    while (at > 0 && g->points[at - 1] == NULL) {
        at--;
    }
    if (at > 0) {
        memcpy(&g->state, &g->points[at - 1]->state, sizeof g->state);
        g->in = g->points[at - 1]->in;
    } else {
        begin_member(g);
        g->in = 0;
    }
    g->state.avail_in = 0;
    g->position = at * g->spacing;
    g->failed = false;
}

/* Where no memory is left for a copy, going back is slower, that is all. */
static void
keep_point(tg_gunzip *g)
{
    int64_t at = g->position / g->spacing - 1;
    if (g->position % g->spacing == 0 && at >= 0 && at < POINTS_MAX && g->points[at] == NULL) {
        point *p = tg_malloc(NULL, sizeof *p);
        if (p != NULL) {
            memcpy(&p->state, &g->state, sizeof p->state);
            p->in = g->in - g->state.avail_in;
            g->points[at] = p;
        }
    }
}

/* Runs the decoder once into `to`: *got bytes came out. */
static tg_status
step(tg_gunzip *g, void *to, int64_t room, int64_t *got, tg_io_stats *stats, tg_error *err)
{
    tg_status status = TG_OK;
    struct inflate_state *s = &g->state;
    bool ended = false;
    *got = 0;
    if (s->avail_in == 0) {
        int64_t n = tg_fd_read(g->fd, g->in, g->buffer, IN_BYTES);
        TG_CHECK(n >= 0, err, TG_ERR_IO, "%s: cannot read: %s", g->path, strerror(errno));
        s->next_in = g->buffer;
        s->avail_in = (uint32_t)n;
        g->in += n;
        ended = n == 0;
        if (stats != NULL) {
            stats->bytes_stored += n;
        }
    }
    if (s->block_state == ISAL_BLOCK_FINISH) {
        TG_CHECK(!ended, err, TG_ERR_CORRUPT, "%s: the file is cut off", g->path);
        begin_member(g);
    }
    uint32_t before = (uint32_t)tg_min_i64(room, (int64_t)1 << 30);
    s->next_out = to;
    s->avail_out = before;
    int code = isal_inflate(s);
    TG_CHECK(code == ISAL_DECOMP_OK || code == ISAL_END_INPUT, err, TG_ERR_CORRUPT,
             "%s: the gzip data is damaged near byte %lld of the file (code %d)", g->path,
             (long long)(g->in - s->avail_in), code);
    *got = before - s->avail_out;
    TG_CHECK(*got > 0 || s->block_state == ISAL_BLOCK_FINISH || !ended, err, TG_ERR_CORRUPT,
             "%s: the file is cut off", g->path);
    g->position += *got;
out:
    return status;
}

/* The next `bytes`, to `to`; NULL: to nowhere. */
static tg_status
forward(tg_gunzip *g, char *to, int64_t bytes, tg_io_stats *stats, tg_error *err)
{
    tg_status status = TG_OK;
    while (bytes > 0) {
        int64_t got = 0;
        int64_t edge = g->spacing - g->position % g->spacing;
        int64_t room = tg_min_i64(bytes, edge);
        room = to != NULL ? room : tg_min_i64(room, SKIP_BYTES);
        TG_TRY(step(g, to != NULL ? to : (char *)g->skipped, room, &got, stats, err));
        to = to != NULL ? to + got : NULL;
        bytes -= got;
        keep_point(g);
    }
out:
    return status;
}

/* Behind the last byte: the checksum of the last member is compared when the decoder sees it. */
static tg_status
check_end(tg_gunzip *g, tg_io_stats *stats, tg_error *err)
{
    tg_status status = TG_OK;
    int64_t got = 0;
    while (got == 0 && g->state.block_state != ISAL_BLOCK_FINISH) {
        TG_TRY(step(g, g->skipped, 1, &got, stats, err));
    }
out:
    return status;
}

tg_status
tg_gunzip_read(tg_gunzip *g, int64_t offset, void *to, int64_t bytes, tg_io_stats *stats,
               tg_error *err)
{
    tg_status status = TG_OK;
    (void)pthread_mutex_lock(&g->lock);
    bool near = offset / g->spacing == g->position / g->spacing;
    bool known = offset / g->spacing > 0 && offset / g->spacing <= POINTS_MAX &&
                 g->points[offset / g->spacing - 1] != NULL;
    if (g->failed || offset < g->position || (known && !near)) {
        rewind_to(g, offset);
    }
    TG_TRY(forward(g, NULL, offset - g->position, stats, err));
    TG_TRY(forward(g, to, bytes, stats, err));
    if (g->position == g->total) {
        TG_TRY(check_end(g, stats, err));
    }
out:
    g->failed = status != TG_OK;
    (void)pthread_mutex_unlock(&g->lock);
    return status;
}

tg_status
tg_gunzip_create(int fd, const char *path, int64_t total, tg_gunzip **out, tg_error *err)
{
    tg_status status = TG_OK;
    tg_gunzip *g = tg_calloc(NULL, 1, sizeof *g);
    *out = NULL;
    TG_CHECK(g != NULL && pthread_mutex_init(&g->lock, NULL) == 0, err, TG_ERR_MEMORY,
             "%s: out of memory", path);
    g->fd = fd;
    g->path = path;
    g->total = total;
    g->spacing = spacing_of(total);
    g->failed = true; /* begins with the first read */
    *out = g;
    g = NULL;
out:
    tg_free(NULL, g, sizeof *g);
    return status;
}

void
tg_gunzip_destroy(tg_gunzip *g)
{
    if (g != NULL) {
        for (int i = 0; i < POINTS_MAX; i++) {
            tg_free(NULL, g->points[i], sizeof *g->points[i]);
        }
        (void)pthread_mutex_destroy(&g->lock);
        tg_free(NULL, g, sizeof *g);
    }
}
