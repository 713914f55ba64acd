/* SPDX-License-Identifier: BSD-3-Clause */
/* Reading and writing all of it; see the header. */
#include "io/store/fd.h"

#include <errno.h>
#include <unistd.h>

int64_t
tg_fd_read(int fd, int64_t offset, void *to, int64_t bytes)
{
    int64_t got = 0;
    ssize_t n = 1;
    while (got < bytes && n > 0) {
        n = pread(fd, (char *)to + got, (size_t)(bytes - got), offset + got);
        got += n > 0 ? n : 0;
        n = n < 0 && errno == EINTR ? 1 : n;
    }
    return n < 0 ? -1 : got;
}

int
tg_fd_write(int fd, int64_t offset, const void *from, int64_t bytes)
{
    int64_t done = 0;
    int code = 0;
    while (done < bytes && code == 0) {
        ssize_t n = pwrite(fd, (const char *)from + done, (size_t)(bytes - done), offset + done);
        done += n > 0 ? n : 0;
        if (n == 0) {
            code = ENOSPC;
        } else if (n < 0 && errno != EINTR) {
            code = errno;
        }
    }
    return code;
}
