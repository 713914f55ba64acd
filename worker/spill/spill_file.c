/* SPDX-License-Identifier: BSD-3-Clause */
/* Tiles as blocks in one file, and the room in it. */
#include "worker/spill/spill_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

#include "core/base/assert.h"
#include "core/mem/alloc.h"
#include "io/codec/codec.h"
#include "io/store/fd.h"
#include "io/store/store.h"

enum {
    BLOCK = 256 * 1024, /* one write; what is compressed for nothing when that does not pay */
    UNIT = 4096,        /* room is given out in pages */
    FAST_LEVEL = 1      /* lz4 of blosc: near the speed of a disk */
};

typedef struct extent {
    int64_t offset, bytes;
} extent;

struct tg__spill_file {
    int fd;
    char path[TG_STORE_PATH_MAX];
    int64_t bytes_max;
    int64_t used; /* by tiles */
    size_t tiles;
    int64_t end, size; /* behind the last tile; of the file, at least */
    extent *free;      /* between tiles, by offset, none beside another */
    size_t free_count, free_room;
    const tg_codec *codec;
    char *scratch; /* of a compressed block */
    int64_t scratch_bytes;
};

/* -- room ----------------------------------------------------------------------------------------
 */

static int64_t
units(int64_t bytes)
{
    return (bytes + UNIT - 1) / UNIT * UNIT;
}

/* Where so many bytes have room; they are not taken so far. */
static int64_t
find_room(const tg__spill_file *file, int64_t bytes)
{
    int64_t at = file->end;
    for (size_t i = 0; i < file->free_count && at == file->end; i++) {
        at = file->free[i].bytes >= bytes ? file->free[i].offset : at;
    }
    return at;
}

static void
take_room(tg__spill_file *file, int64_t offset, int64_t bytes)
{
    bool found = false;
    for (size_t i = 0; i < file->free_count && !found; i++) {
        extent *e = &file->free[i];
        found = e->offset == offset;
        if (found) {
            e->offset += bytes;
            e->bytes -= bytes;
        }
        if (found && e->bytes == 0) {
            memmove(e, e + 1, (file->free_count - i - 1) * sizeof *e);
            file->free_count--;
        }
    }
    if (!found) {
        TG_ASSERT_CMP(offset, ==, file->end);
        file->end += bytes;
    }
    file->used += bytes;
}

/* Gives what is behind the last tile back to the file system, when it is worth a call. */
static void
shrink(tg__spill_file *file)
{
    if (file->size > file->end && (file->end == 0 || file->size - file->end >= file->end)) {
        file->size = ftruncate(file->fd, file->end) == 0 ? file->end : file->size;
    }
}

static void
give_room(tg__spill_file *file, int64_t offset, int64_t bytes)
{
    size_t at = 0;
    while (at < file->free_count && file->free[at].offset < offset) {
        at++;
    }
    extent *before = at > 0 ? &file->free[at - 1] : NULL;
    extent *after = at < file->free_count ? &file->free[at] : NULL;
    bool joins_before = before != NULL && before->offset + before->bytes == offset;
    bool joins_after = after != NULL && offset + bytes == after->offset;
    file->used -= bytes;
    if (joins_before) {
        before->bytes += bytes + (joins_after ? after->bytes : 0);
    } else if (joins_after) {
        after->offset = offset;
        after->bytes += bytes;
    } else { /* tg__spill_file_store has seen to the room for one more */
        TG_ASSERT_CMP(file->free_count, <, file->free_room);
        memmove(&file->free[at + 1], &file->free[at], (file->free_count - at) * sizeof *file->free);
        file->free[at] = (extent){ offset, bytes };
        file->free_count++;
    }
    if (joins_before && joins_after) {
        memmove(after, after + 1, (file->free_count - at - 1) * sizeof *after);
        file->free_count--;
    }
    const extent *last = file->free_count > 0 ? &file->free[file->free_count - 1] : NULL;
    if (last != NULL && last->offset + last->bytes == file->end) {
        file->end = last->offset;
        file->free_count--;
        shrink(file);
    }
}

/* A tile that goes leaves one gap more at most: with room for all of them letting go cannot fail.
 */
static tg_status
reserve_gap(tg__spill_file *file, tg_error *err)
{
    tg_status status = TG_OK;
    size_t wanted = file->free_count + file->tiles + 2;
    if (wanted > file->free_room) {
        size_t room = wanted * 2;
        extent *list =
            tg_realloc(NULL, file->free, file->free_room * sizeof *list, room * sizeof *list);
        TG_CHECK(list != NULL, err, TG_ERR_MEMORY, "%s: no memory for %zu gaps", file->path, room);
        file->free = list;
        file->free_room = room;
    }
out:
    return status;
}

/* -- blocks --------------------------------------------------------------------------------------
 */

static uint32_t
block_bytes(const tg__spilled *tile, uint32_t index)
{
    int64_t left = tile->bytes - (int64_t)index * BLOCK;
    return (uint32_t)(left < BLOCK ? left : BLOCK);
}

static tg_codec_use
make_use(const tg__spill_file *file, size_t element_bytes)
{
    tg_codec_use use;
    tg_codec_use_init(&use, file->codec,
                      element_bytes > 0 && element_bytes < 256 ? element_bytes : 1);
    (void)tg_codec_use_set_word(&use, tg_codec_param_index(file->codec, "cname"), "lz4", NULL);
    (void)tg_codec_use_set(&use, tg_codec_param_index(file->codec, "clevel"), FAST_LEVEL, NULL);
    return use;
}

/* Writes one block; `packs`: tries to make it smaller, and says whether it did. */
static tg_status
write_block(tg__spill_file *file, const tg_codec_use *use, const void *from, uint32_t bytes,
            int64_t offset, tg__spilled_block *block, bool *packs, bool *full, tg_error *err)
{
    tg_status status = TG_OK;
    const void *what = from;
    int64_t packed = 0;
    block->stored = bytes;
    if (*packs) {
        TG_TRY(file->codec->encode(use->values, from, bytes, file->scratch, file->scratch_bytes,
                                   &packed, err));
        *packs = packed < (int64_t)bytes - bytes / 16;
    }
    if (*packs) {
        what = file->scratch;
        block->stored = (uint32_t)packed;
    }
    block->sum = XXH3_64bits(what, block->stored);
    int code = tg_fd_write(file->fd, offset, what, block->stored);
    file->size = offset + block->stored > file->size ? offset + block->stored : file->size;
    *full = code == ENOSPC || code == EDQUOT || code == EFBIG;
    TG_CHECK(code == 0, err, TG_ERR_IO, "%s: cannot write %u bytes: %s", file->path, block->stored,
             strerror(code));
out:
    return status;
}

/* All blocks, one behind the other from tile->offset on; tile->room gets what they take. */
static tg_status
write_blocks(tg__spill_file *file, const char *data, size_t element_bytes, tg__spilled *tile,
             bool *full, tg_error *err)
{
    tg_status status = TG_OK;
    const tg_codec_use use = make_use(file, element_bytes);
    int64_t written = 0;
    bool pays = true;
    for (uint32_t b = 0; b < tile->block_count; b++) {
        bool packs = pays;
        TG_TRY(write_block(file, &use, data + (size_t)b * BLOCK, block_bytes(tile, b),
                           tile->offset + written, &tile->blocks[b], &packs, full, err));
        pays = pays && (packs || b > 0); /* the first block stands for all */
        written += tile->blocks[b].stored;
        *full = file->used + units(written) > file->bytes_max;
        TG_CHECK(!*full, err, TG_ERR_LIMIT, "%s: spilled tiles may have %lld bytes on disk",
                 file->path, (long long)file->bytes_max);
    }
    tile->room = units(written);
out:
    return status;
}

tg_status
tg__spill_file_store(tg__spill_file *file, const void *data, size_t bytes, size_t element_bytes,
                     tg__spilled *out, bool *full, tg_error *err)
{
    tg_status status = TG_OK;
    tg__spilled tile = { .bytes = (int64_t)bytes };
    *full = false;
    tile.block_count = (uint32_t)((bytes + BLOCK - 1) / BLOCK);
    tile.blocks = tg_calloc(NULL, (size_t)tile.block_count + 1, sizeof *tile.blocks);
    TG_CHECK(tile.blocks != NULL, err, TG_ERR_MEMORY, "%s: no memory for %u blocks", file->path,
             tile.block_count);
    TG_TRY(reserve_gap(file, err));
    tile.offset = find_room(file, units(tile.bytes));
    TG_TRY(write_blocks(file, data, element_bytes, &tile, full, err));
    take_room(file, tile.offset, tile.room);
    file->tiles++;
    *out = tile;
    tile.blocks = NULL;
out:
    if (tile.blocks != NULL) {
        tg_free(NULL, tile.blocks, ((size_t)tile.block_count + 1) * sizeof *tile.blocks);
    }
    if (status != TG_OK && file->size > file->end) { /* what was written of it */
        file->size = ftruncate(file->fd, file->end) == 0 ? file->end : file->size;
    }
    return status;
}

static tg_status
read_block(tg__spill_file *file, const tg__spilled *tile, uint32_t index, int64_t offset, char *to,
           tg_error *err)
{
    tg_status status = TG_OK;
    static const int64_t no_values[TG_CODEC_PARAMS_MAX] = { 0 };
    const tg__spilled_block *block = &tile->blocks[index];
    const uint32_t bytes = block_bytes(tile, index);
    const bool packed = block->stored < bytes;
    char *from = packed ? file->scratch : to;
    int64_t got = tg_fd_read(file->fd, offset, from, block->stored), decoded = 0;
    TG_CHECK(got >= 0, err, TG_ERR_IO, "%s: cannot read %u bytes at %lld: %s", file->path,
             block->stored, (long long)offset, strerror(errno));
    TG_CHECK(got == block->stored, err, TG_ERR_CORRUPT, "%s: ends %lld bytes after %lld, not %u",
             file->path, (long long)got, (long long)offset, block->stored);
    TG_CHECK(XXH3_64bits(from, block->stored) == block->sum, err, TG_ERR_CORRUPT,
             "%s: the %u bytes at %lld are not those that were written", file->path, block->stored,
             (long long)offset);
    if (packed) {
        TG_TRY(file->codec->decode(no_values, from, block->stored, to, bytes, &decoded, err));
        TG_CHECK(decoded == bytes, err, TG_ERR_CORRUPT, "%s: a block of %lld bytes, not %u",
                 file->path, (long long)decoded, bytes);
    }
out:
    return status;
}

tg_status
tg__spill_file_load(tg__spill_file *file, const tg__spilled *tile, void *to, tg_error *err)
{
    tg_status status = TG_OK;
    int64_t offset = tile->offset;
    for (uint32_t b = 0; b < tile->block_count; b++) {
        TG_TRY(read_block(file, tile, b, offset, (char *)to + (size_t)b * BLOCK, err));
        offset += tile->blocks[b].stored;
    }
out:
    return status;
}

void
tg__spill_file_release(tg__spill_file *file, tg__spilled *tile)
{
    if (tile->room > 0) {
        give_room(file, tile->offset, tile->room);
    }
    file->tiles--;
    tg_free(NULL, tile->blocks, ((size_t)tile->block_count + 1) * sizeof *tile->blocks);
    *tile = (tg__spilled){ 0 };
}

int64_t
tg__spill_file_used(const tg__spill_file *file)
{
    return file->used;
}

tg_status
tg__spill_file_create(const char *path, int64_t bytes_max, tg__spill_file **out, tg_error *err)
{
    tg_status status = TG_OK;
    tg__spill_file *file = tg_calloc(NULL, 1, sizeof *file);
    *out = NULL;
    TG_CHECK(file != NULL, err, TG_ERR_MEMORY, "%s: out of memory", path);
    file->fd = -1;
    file->bytes_max = bytes_max;
    (void)snprintf(file->path, sizeof file->path, "%s", path);
    file->codec = tg_codec_find("blosc");
    TG_ASSERT(file->codec != NULL);
    file->scratch_bytes = file->codec->bound(BLOCK);
    file->scratch = tg_malloc(NULL, (size_t)file->scratch_bytes);
    TG_CHECK(file->scratch != NULL, err, TG_ERR_MEMORY, "%s: out of memory", path);
    file->fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    TG_CHECK(file->fd >= 0, err, TG_ERR_IO, "%s: cannot create: %s", path, strerror(errno));
    *out = file;
    file = NULL;
out:
    tg__spill_file_destroy(file);
    return status;
}

void
tg__spill_file_destroy(tg__spill_file *file)
{
    if (file != NULL) {
        if (file->fd >= 0) {
            (void)close(file->fd);
        }
        tg_free(NULL, file->free, file->free_room * sizeof *file->free);
        tg_free(NULL, file->scratch, (size_t)file->scratch_bytes);
        tg_free(NULL, file, sizeof *file);
    }
}
