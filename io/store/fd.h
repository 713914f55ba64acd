/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_STORE_FD_H
#define TG_STORE_FD_H
/*
 * What: pread and pwrite that go on until all is done: the system may do less than it was asked,
 * and be interrupted. All of io/ reads and writes files through these two.
 *
 * Ownership: borrows the descriptor.
 * Threads: any; the position of the descriptor is not used.
 * Errors: as said; they know neither path nor key, so messages are the caller's.
 */
#include <stdint.h>

/* Reads until `bytes` are there or the file ends: how many there were, or -1 with errno. */
int64_t tg_fd_read(int fd, int64_t offset, void *to, int64_t bytes);
/* Writes all; 0, or the number of the error. */
int tg_fd_write(int fd, int64_t offset, const void *from, int64_t bytes);

#endif
