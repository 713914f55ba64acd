/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Boxes of an array that lies plainly in a file, by pread and pwrite; see the header.
 */
#include "io/format/flat.h"

#include <errno.h>
#include <string.h>

#include "core/base/size.h"
#include "io/codec/codec.h"
#include "io/format/scratch.h"
#include "io/store/fd.h"

/* Strides of the stored array in bytes. */
static void
stored_strides(const tg_flat *h, int64_t *strides)
{
    int64_t stride = (int64_t)tg_dtype_size(h->dtype);
    for (int i = 0; i < h->ndim; i++) {
        int a = h->fortran ? i : h->ndim - 1 - i;
        strides[a] = stride;
        stride *= tg_max_i64(h->shape[a], 1);
    }
}

static tg_status
transfer(const tg_flat *f, bool writing, int64_t offset, void *data, int64_t bytes,
         tg_io_stats *stats, tg_error *err)
{
    tg_status status = TG_OK;
    if (!writing && f->read != NULL) {
        TG_TRY(f->read(f->stream, offset, data, bytes, stats, err));
    } else if (writing) {
        int code = tg_fd_write(f->fd, offset, data, bytes);
        TG_CHECK(code == 0, err, TG_ERR_IO, "%s: cannot write: %s", f->path, strerror(code));
    } else {
        int64_t got = tg_fd_read(f->fd, offset, data, bytes);
        TG_CHECK(got >= 0, err, TG_ERR_IO, "%s: cannot read: %s", f->path, strerror(errno));
        TG_CHECK(got == bytes, err, TG_ERR_CORRUPT, "%s: the file is cut off", f->path);
    }
out:
    return status;
}

/*
 * A box of the file, seen along its axes from the one that lies closest together: `inner` axes are
 * read in one piece ("run"), the others are stepped through.
 */
typedef struct plan {
    int ndim;
    int axes[TG_NDIM_MAX]; /* from the outermost to the innermost stored one */
    int64_t strides[TG_NDIM_MAX];
    int split; /* axes[split ..] make up one run */
    int64_t run_bytes;
} plan;

static void
make_plan(const tg_flat *h, const tg_box *box, plan *p)
{
    p->ndim = h->ndim;
    stored_strides(h, p->strides);
    p->run_bytes = (int64_t)tg_dtype_size(h->dtype);
    p->split = h->ndim;
    bool whole = true;
    for (int i = h->ndim - 1; i >= 0; i--) {
        int a = h->fortran ? h->ndim - 1 - i : i;
        p->axes[i] = a;
        int64_t n = box->hi[a] - box->lo[a];
        /* An axis joins the run as long as the ones inside it are whole;
         * the last one to join may be a part. */
        if (whole) {
            p->split = i;
            p->run_bytes *= n;
            whole = n == h->shape[a];
        }
    }
}

/* The view of one run: same axes as the box, length 1 outside of the run. */
static void
run_view(const plan *p, const tg_view *view, const int64_t *index, tg_view *part)
{
    *part = *view;
    for (int i = 0; i < p->split; i++) {
        int a = p->axes[i];
        part->data = (char *)part->data + index[i] * view->strides[a];
        part->shape[a] = 1;
    }
}

/* A contiguous buffer in the file's order, with the axes of the array. */
static void
buffer_view(const plan *p, const tg_view *part, void *buffer, tg_view *out)
{
    int64_t stride = (int64_t)tg_dtype_size(part->dtype);
    *out = *part;
    out->data = buffer;
    for (int i = p->ndim - 1; i >= 0; i--) {
        out->strides[p->axes[i]] = stride;
        stride *= part->shape[p->axes[i]];
    }
}

/* One run, straight between the file and the view where both have the same layout. */
static tg_status
move_run(const tg_flat *f, bool writing, const plan *p, int64_t offset, const tg_view *part,
         void *buffer, tg_io_stats *stats, tg_error *err)
{
    tg_status status = TG_OK;
    tg_view staged;
    buffer_view(p, part, buffer, &staged);
    bool direct = !f->big_endian && memcmp(staged.strides, part->strides,
                                           (size_t)p->ndim * sizeof part->strides[0]) == 0;
    if (direct) {
        TG_TRY(transfer(f, writing, offset, part->data, p->run_bytes, stats, err));
        goto out;
    }
    if (writing) {
        tg_view_copy(&staged, part);
        TG_TRY(transfer(f, true, offset, buffer, p->run_bytes, stats, err));
    } else {
        TG_TRY(transfer(f, false, offset, buffer, p->run_bytes, stats, err));
        if (f->big_endian) {
            tg_bytes_swap_elements(buffer, p->run_bytes, f->dtype);
        }
        tg_view_copy(part, &staged);
    }
out:
    return status;
}

static tg_status
move_box(const tg_flat *f, bool writing, const tg_box *box, const tg_view *view,
         tg_scratch *scratch, tg_io_stats *stats, tg_error *err)
{
    tg_status status = TG_OK;
    tg_io_scratch s = { .from = scratch };
    int64_t index[TG_NDIM_MAX] = { 0 };
    plan p;
    void *buffer = NULL;
    if (tg_box_is_empty(box)) {
        goto out;
    }
    make_plan(f, box, &p);
    TG_TRY(tg_io_scratch_get(&s, p.run_bytes, &buffer, err));
    for (bool more = true; more;) {
        tg_view part;
        int64_t offset = f->offset;
        run_view(&p, view, index, &part);
        for (int i = 0; i < p.ndim; i++) {
            int a = p.axes[i];
            offset += (box->lo[a] + (i < p.split ? index[i] : 0)) * p.strides[a];
        }
        TG_TRY(move_run(f, writing, &p, offset, &part, buffer, stats, err));
        int i = p.split - 1;
        while (i >= 0 && index[i] == box->hi[p.axes[i]] - box->lo[p.axes[i]] - 1) {
            index[i--] = 0;
        }
        more = i >= 0;
        if (more) {
            index[i]++;
        }
    }
    if (stats != NULL) {
        stats->bytes_stored +=
            f->read == NULL ? tg_box_count(box) * (int64_t)tg_dtype_size(f->dtype) : 0;
        stats->chunks++;
    }
out:
    tg_io_scratch_fini(&s);
    return status;
}

tg_status
tg_flat_read(const tg_flat *flat, const tg_box *box, const tg_view *out, tg_scratch *scratch,
             tg_io_stats *stats, tg_error *err)
{
    return move_box(flat, false, box, out, scratch, stats, err);
}

tg_status
tg_flat_write(const tg_flat *flat, const tg_box *box, const tg_view *in, tg_scratch *scratch,
              tg_io_stats *stats, tg_error *err)
{
    return move_box(flat, true, box, in, scratch, stats, err);
}

int64_t
tg_flat_scratch_bytes(const tg_flat *f, const tg_box *box)
{
    plan p;
    int64_t bytes = 0;
    if (!tg_box_is_empty(box)) {
        make_plan(f, box, &p);
        bytes = tg_io_scratch_charge(p.run_bytes);
    }
    return bytes;
}
