/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_STORE_LEFTOVER_H
#define TG_STORE_LEFTOVER_H
/*
 * What: the names of directories in the making, "<path>.tmp-<host>-<pid>-<n>", by which is found
 * what was left of them by a process that was killed. <host> stands for this start of this system
 * and for the namespace of its process numbers, so that on a shared file system nobody takes
 * another host's process, or another container's, for a dead one of its own.
 *
 * Ownership: texts are the caller's. Threads: any. Errors: none; what cannot be removed stays.
 */
#include <stddef.h>

/* A name for this process; `n` makes it unique there. */
void tg_leftover_name(const char *path, unsigned n, char *name, size_t bytes);
/* Removes what is beside `path` with such a name, of this host, whose process is no more. Not in a
 * folder of more entries than are read in a moment. */
void tg_leftover_remove(const char *path);

#endif
