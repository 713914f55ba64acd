/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_SESSION_LIMITS_H
#define TG_SESSION_LIMITS_H
/*
 * What: how much of the machine this process may really use: the least of what is there, what its
 * control group and each one above it allows (cgroup v2 and v1), and what its own limits (ulimit -v
 * and -d) leave. The default threads and memory_limit of sessions and workers follow from it. The
 * only file that knows where the system keeps all that.
 *
 * A process in a container may see the groups of its host in /proc/self/cgroup and the files of its
 * own at the root of /sys/fs/cgroup: a group that is not there is passed over, and the root is
 * always looked at.
 *
 * Ownership: the caller's struct. Threads: any. Errors: none; what cannot be read limits nothing.
 */
#include <stddef.h>
#include <stdint.h>

enum { TG_LIMIT_NAME_MAX = 255 };

typedef struct tg_limits {
    int64_t memory;                        /* bytes */
    char memory_by[TG_LIMIT_NAME_MAX + 1]; /* who says so: "memory.max of control group /a/b" */
    int cores;                             /* at least 1 */
} tg_limits;

/* `root`: the folder in which proc and sys are; "": the real ones. */
void tg_limits_read(const char *root, tg_limits *out);

#endif
