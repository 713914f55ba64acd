/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Walking along a TIFF's directories. libtiff would parse and check every tag of every page, which
 * makes opening a long stack slow; all that is wanted is where the pages are, and that they have
 * one size. Nothing that is read here is trusted again when a page is decoded: libtiff checks it
 * then.
 */
#include <string.h>

#include "core/base/limits.h"
#include "core/base/size.h"
#include "core/mem/alloc.h"
#include "io/format/tiff_file.h"
#include "io/store/fd.h"

enum { TAG_SUBFILE_TYPE = 254, TAG_WIDTH = 256, TAG_HEIGHT = 257, TAG_SAMPLES = 277 };
enum { SUBFILE_REDUCED = 1, SUBFILE_MASK = 4 };
enum { TYPE_SHORT = 3, TYPE_LONG = 4, TYPE_LONG8 = 16 };
/* Bytes read at a directory in one go: 85 entries of classic TIFF. */
enum { PIECE_BYTES = 1024 };

typedef struct walk {
    const char *name;
    const tg_tiff_input *input;
    bool big_tiff, big_endian;
} walk;

/* What is kept of one directory. */
typedef struct directory {
    uint64_t subfile_type, width, height, samples;
    uint64_t next;
} directory;

int64_t
tg_tiff_input_read(const tg_tiff_input *input, int64_t offset, void *to, int64_t bytes)
{
    if (offset < 0 || offset >= input->bytes) {
        return 0;
    }
    bytes = tg_min_i64(bytes, input->bytes - offset);
    if (input->fd < 0) {
        memcpy(to, input->memory + offset, (size_t)bytes);
        return bytes;
    }
    return tg_fd_read(input->fd, offset, to, bytes);
}

static uint64_t
load(const walk *w, const unsigned char *at, int bytes)
{
    uint64_t v = 0;
    for (int i = 0; i < bytes; i++) {
        v |= (uint64_t)at[w->big_endian ? bytes - 1 - i : i] << (8 * i);
    }
    return v;
}

/* The value of an entry that holds one number. */
static uint64_t
entry_value(const walk *w, const unsigned char *entry)
{
    uint64_t type = load(w, entry + 2, 2);
    const unsigned char *value = entry + (w->big_tiff ? 12 : 8);
    uint64_t v = 0;
    if (type == TYPE_SHORT) {
        v = load(w, value, 2);
    } else if (type == TYPE_LONG) {
        v = load(w, value, 4);
    } else if (type == TYPE_LONG8 && w->big_tiff) {
        v = load(w, value, 8);
    }
    return v;
}

static void
take_entry(const walk *w, const unsigned char *entry, directory *d)
{
    uint64_t tag = load(w, entry, 2);
    if (tag == TAG_SUBFILE_TYPE) {
        d->subfile_type = entry_value(w, entry);
    } else if (tag == TAG_WIDTH) {
        d->width = entry_value(w, entry);
    } else if (tag == TAG_HEIGHT) {
        d->height = entry_value(w, entry);
    } else if (tag == TAG_SAMPLES) {
        d->samples = entry_value(w, entry);
    }
}

static tg_status
read_directory(const walk *w, uint64_t offset, directory *d, tg_error *err)
{
    tg_status status = TG_OK;
    unsigned char piece[PIECE_BYTES];
    int count_bytes = w->big_tiff ? 8 : 2;
    int entry_bytes = w->big_tiff ? 20 : 12;
    int next_bytes = w->big_tiff ? 8 : 4;
    *d = (directory){ .samples = 1 };
    int64_t got = tg_tiff_input_read(w->input, (int64_t)offset, piece, PIECE_BYTES);
    TG_CHECK(got >= count_bytes, err, TG_ERR_CORRUPT,
             "%s: the file is cut off: the directory at %llu is beyond its end", w->name,
             (unsigned long long)offset);
    uint64_t count = load(w, piece, count_bytes);
    TG_CHECK(count <= 65535, err, TG_ERR_FORMAT, "%s: a directory of %llu entries", w->name,
             (unsigned long long)count);
    int64_t at = count_bytes;       /* in the piece */
    int64_t base = (int64_t)offset; /* of the piece in the file */
    for (uint64_t i = 0; i <= count; i++) {
        int64_t need = i < count ? entry_bytes : next_bytes;
        if (at + need > got) {
            base += at;
            at = 0;
            got = tg_tiff_input_read(w->input, base, piece, PIECE_BYTES);
            TG_CHECK(got >= need, err, TG_ERR_CORRUPT,
                     "%s: the file is cut off inside the directory at %llu", w->name,
                     (unsigned long long)offset);
        }
        if (i < count) {
            take_entry(w, piece + at, d);
        } else {
            d->next = load(w, piece + at, next_bytes);
        }
        at += need;
    }
out:
    return status;
}

static tg_status
add_page(const walk *w, tg_tiff_pages *pages, uint64_t offset, tg_error *err)
{
    tg_status status = TG_OK;
    TG_CHECK(pages->count < TG_TIFF_PAGES_MAX, err, TG_ERR_LIMIT, "%s: more than %d pages", w->name,
             TG_TIFF_PAGES_MAX);
    if (pages->count == pages->capacity) {
        int64_t capacity = tg_max_i64(64, 2 * pages->capacity);
        uint64_t *grown = tg_realloc(NULL, pages->offsets, (size_t)pages->capacity * sizeof *grown,
                                     (size_t)capacity * sizeof *grown);
        TG_CHECK(grown != NULL, err, TG_ERR_MEMORY, "%s: out of memory", w->name);
        pages->offsets = grown;
        pages->capacity = capacity;
    }
    pages->offsets[pages->count++] = offset;
out:
    return status;
}

/* The header: byte order, kind, and where the first directory is. */
static tg_status
read_header(walk *w, uint64_t *first, tg_error *err)
{
    tg_status status = TG_OK;
    unsigned char head[16] = { 0 };
    int64_t got = tg_tiff_input_read(w->input, 0, head, sizeof head);
    TG_CHECK(got >= 8 && (memcmp(head, "II", 2) == 0 || memcmp(head, "MM", 2) == 0), err,
             TG_ERR_FORMAT, "%s: is no TIFF file", w->name);
    w->big_endian = head[0] == 'M';
    uint64_t magic = load(w, head + 2, 2);
    TG_CHECK(magic == 42 || magic == 43, err, TG_ERR_FORMAT, "%s: is no TIFF file", w->name);
    w->big_tiff = magic == 43;
    TG_CHECK(!w->big_tiff || (got == 16 && load(w, head + 4, 2) == 8), err, TG_ERR_FORMAT,
             "%s: the BigTIFF header is malformed", w->name);
    *first = w->big_tiff ? load(w, head + 8, 8) : load(w, head + 4, 4);
out:
    return status;
}

tg_status
tg_tiff_scan(const char *name, const tg_tiff_input *input, tg_tiff_pages *pages, tg_error *err)
{
    tg_status status = TG_OK;
    walk w = { .name = name, .input = input };
    directory first = { 0 };
    directory d;
    uint64_t at = 0;
    uint64_t mark = 0; /* Brent's way of finding a loop: a place remembered at powers of two */
    int64_t steps = 0;
    *pages = (tg_tiff_pages){ 0 };
    TG_TRY(read_header(&w, &at, err));
    pages->big_tiff = w.big_tiff;
    pages->big_endian = w.big_endian;
    while (at != 0) {
        TG_CHECK(at != mark && at <= INT64_MAX, err, TG_ERR_CORRUPT,
                 "%s: the list of pages runs in a circle", name);
        if ((steps & (steps - 1)) == 0) {
            mark = at;
        }
        steps++;
        TG_TRY(read_directory(&w, at, &d, err));
        if ((d.subfile_type & (SUBFILE_REDUCED | SUBFILE_MASK)) == 0) {
            first = pages->count == 0 ? d : first;
            int64_t pixels = 0;
            TG_CHECK(d.width > 0 && d.height > 0, err, TG_ERR_FORMAT, "%s: a page of %llu x %llu",
                     w.name, (unsigned long long)d.height, (unsigned long long)d.width);
            TG_CHECK(d.width <= UINT32_MAX && d.height <= UINT32_MAX &&
                         tg_mul_size((int64_t)d.width, (int64_t)d.height, &pixels) &&
                         pixels <= TG_ARRAY_BYTES_MAX,
                     err, TG_ERR_LIMIT, "%s: a page of %llu x %llu is too large", w.name,
                     (unsigned long long)d.height, (unsigned long long)d.width);
            TG_CHECK(d.width == first.width && d.height == first.height &&
                         d.samples == first.samples,
                     err, TG_ERR_UNSUPPORTED,
                     "%s: page %lld is %llu x %llu, the first is %llu x %llu: only pages of one "
                     "size make an array",
                     name, (long long)pages->count, (unsigned long long)d.height,
                     (unsigned long long)d.width, (unsigned long long)first.height,
                     (unsigned long long)first.width);
            TG_TRY(add_page(&w, pages, at, err));
        }
        at = d.next;
    }
    TG_CHECK(pages->count > 0, err, TG_ERR_FORMAT, "%s: there is no page in this file", name);
out:
    if (status != TG_OK) {
        tg_tiff_pages_fini(pages);
    }
    return status;
}

void
tg_tiff_pages_fini(tg_tiff_pages *pages)
{
    tg_free(NULL, pages->offsets, (size_t)pages->capacity * sizeof *pages->offsets);
    *pages = (tg_tiff_pages){ 0 };
}
