/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * PNG by libpng. Its simplified interface is used, which reports errors by value: the other one
 * jumps out of the middle of things.
 */
#include "io/format/png.h"

#include <errno.h>
#include <png.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/base/limits.h"
#include "core/base/size.h"

enum { SIDE_MAX = 1 << 16, PATH_BYTES = 2048 };

tg_status
tg_png_write(const char *path, int64_t width, int64_t height, int channels, const void *rows,
             int64_t row_bytes, tg_error *err)
{
    static atomic_uint counter;
    tg_status status = TG_OK;
    char temporary[PATH_BYTES + 64];
    bool written = false;
    png_image image = { .version = PNG_IMAGE_VERSION };
    TG_CHECK(strlen(path) < PATH_BYTES, err, TG_ERR_VALUE, "the path '%.80s...' is too long", path);
    TG_CHECK(channels == 1 || channels == 3, err, TG_ERR_VALUE,
             "%s: a picture has 1 or 3 channels, got %d", path, channels);
    TG_CHECK(width >= 1 && height >= 1 && width <= SIDE_MAX && height <= SIDE_MAX &&
                 row_bytes >= width * channels && row_bytes <= INT32_MAX,
             err, TG_ERR_VALUE, "%s: a picture of %lld x %lld cannot be written", path,
             (long long)height, (long long)width);
    (void)snprintf(temporary, sizeof temporary, "%s.tmp-%ld-%u", path, (long)getpid(),
                   atomic_fetch_add(&counter, 1));
    image.width = (png_uint_32)width;
    image.height = (png_uint_32)height;
    image.format = channels == 3 ? PNG_FORMAT_RGB : PNG_FORMAT_GRAY;
    errno = 0;
    written = true;
    int ok = png_image_write_to_file(&image, temporary, 0, rows, (png_int_32)row_bytes, NULL);
    int code = errno;
    TG_CHECK(ok != 0, err, TG_ERR_IO, "%s: cannot write: %s%s%s", path, image.message,
             code != 0 ? ": " : "", code != 0 ? strerror(code) : "");
    TG_CHECK(rename(temporary, path) == 0, err, TG_ERR_IO, "%s: cannot write: %s", path,
             strerror(errno));
    written = false;
out:
    png_image_free(&image);
    if (written) {
        (void)unlink(temporary);
    }
    return status;
}
