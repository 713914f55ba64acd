/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_CODEC_GUNZIP_H
#define TG_CODEC_GUNZIP_H
/*
 * What: reading anywhere in a gzip file (.nii.gz) with bounded memory. gzip can only be decoded
 * from its beginning; so the decoder goes forward once, and every `spacing` bytes keeps a copy of
 * its whole state (90 KB, with the 32 KB that later data may refer to). Reading on from where it
 * stands costs nothing more; reading elsewhere decodes at most `spacing` bytes in vain, once that
 * part has been passed.
 *
 * Ownership: borrows descriptor and path, which outlive it.
 * Threads: any; one decodes at a time.
 * Errors: TG_ERR_CORRUPT for damaged data, a wrong checksum, a file that ends early; TG_ERR_IO;
 * TG_ERR_MEMORY. Messages begin with the path.
 */
#include <stdint.h>

#include "core/array/source.h"
#include "core/base/status.h"

typedef struct tg_gunzip tg_gunzip;

/* `total`: bytes of what it decodes to that will be read. At its end the checksum is compared. */
tg_status tg_gunzip_create(int fd, const char *path, int64_t total, tg_gunzip **out, tg_error *err);
void tg_gunzip_destroy(tg_gunzip *gunzip);
/* `stats` (NULL: none): the bytes that came from the file. */
tg_status tg_gunzip_read(tg_gunzip *gunzip, int64_t offset, void *to, int64_t bytes,
                         tg_io_stats *stats, tg_error *err);
/* The most that it ever keeps. */
int64_t tg_gunzip_bytes(int64_t total);

#endif
