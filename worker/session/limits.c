/* SPDX-License-Identifier: BSD-3-Clause */
/* What this process may use of the machine. See limits.h. */
#include "worker/session/limits.h"

#include <ctype.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "core/base/limits.h"

enum { GROUP_BYTES = 4096, PATH_BYTES = 2 * GROUP_BYTES };

/* A group in one hierarchy: `<mount><group>/<file>`. */
typedef struct hierarchy {
    char mount[GROUP_BYTES], group[GROUP_BYTES];
} hierarchy;

/* The first number of a small file (-1: it has none, as in "max", or is not there), and the one
 * behind it. */
static int64_t
read_number(const char *path, int64_t *second)
{
    char text[64] = { 0 };
    int64_t value = -1;
    FILE *file = fopen(path, "r");
    if (file != NULL) {
        if (fgets(text, sizeof text, file) != NULL && isdigit((unsigned char)text[0])) {
            char *rest = NULL;
            value = strtoll(text, &rest, 10);
            *second = strtoll(rest, NULL, 10);
        }
        (void)fclose(file);
    }
    return value;
}

static int64_t
number_of(const hierarchy *at, const char *file, int64_t *second)
{
    char path[PATH_BYTES + 64];
    (void)snprintf(path, sizeof path, "%s%s/%s", at->mount, at->group, file);
    return read_number(path, second);
}

/* -- what a group says ------------------------------------------------------------------------ */

static void
lower_memory(tg_limits *out, int64_t bytes, const char *what, const char *group)
{
    if (bytes > 0 && bytes < out->memory) {
        out->memory = bytes;
        (void)snprintf(out->memory_by, sizeof out->memory_by, "%s%s%.200s", what,
                       group != NULL ? " of control group " : "",
                       group == NULL      ? ""
                       : group[0] != '\0' ? group
                                          : "/");
    }
}

static void
lower_cores(tg_limits *out, int64_t quota, int64_t period)
{
    if (quota > 0 && period > 0 && (quota + period - 1) / period < out->cores) {
        out->cores = (int)((quota + period - 1) / period);
    }
}

static void
look_at_memory(const hierarchy *at, tg_limits *out)
{
    static const char *const files[] = { "memory.max", "memory.high", "memory.limit_in_bytes" };
    int64_t second = 0;
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        lower_memory(out, number_of(at, files[i], &second), files[i], at->group);
    }
}

static void
look_at_cores(const hierarchy *at, tg_limits *out)
{
    int64_t period = 0, unused = 0;
    int64_t quota = number_of(at, "cpu.max", &period);
    lower_cores(out, quota, period);
    quota = number_of(at, "cpu.cfs_quota_us", &unused);
    lower_cores(out, quota, number_of(at, "cpu.cfs_period_us", &unused));
}

/* From the group to the root: each limits what is below it. */
static void
climb(hierarchy *at, tg_limits *out)
{
    bool more = true;
    while (more) {
        look_at_memory(at, out);
        look_at_cores(at, out);
        char *slash = strrchr(at->group, '/');
        more = slash != NULL;
        if (more) {
            *slash = '\0';
        }
    }
}

/* -- where groups are ------------------------------------------------------------------------- */

/* "0::/a/b" (v2), "4:memory:/a/b" or "3:cpu,cpuacct:/a/b" (v1): cut into controllers and group. */
static bool
read_line(char *line, char **controllers, char **group)
{
    line[strcspn(line, "\n")] = '\0';
    *controllers = strchr(line, ':');
    *group = *controllers != NULL ? strchr(*controllers + 1, ':') : NULL;
    if (*group != NULL) {
        *(*controllers)++ = '\0';
        *(*group)++ = '\0';
        size_t bytes = strlen(*group);
        /* "/.." is what a namespace shows of groups outside; "/" ends with nothing. */
        if (strncmp(*group, "/..", 3) == 0 || bytes == 1) {
            **group = '\0';
        }
    }
    return *group != NULL;
}

/* v2 lies at the root of /sys/fs/cgroup, or in `unified` beside v1; v1 in a folder for each set of
 * controllers. */
static void
look_at_groups(const char *root, tg_limits *out)
{
    char path[GROUP_BYTES], line[GROUP_BYTES], *controllers = NULL, *group = NULL;
    (void)snprintf(path, sizeof path, "%s/proc/self/cgroup", root);
    FILE *file = fopen(path, "r");
    hierarchy at = { .group = "" };
    (void)snprintf(at.mount, sizeof at.mount, "%s/sys/fs/cgroup", root);
    climb(&at, out); /* of a container, also where nothing else can be found out */
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        if (read_line(line, &controllers, &group)) {
            const char *folders[] = { controllers, "unified" };
            for (size_t i = 0; i < (controllers[0] == '\0' ? 2 : 1); i++) {
                (void)snprintf(at.mount, sizeof at.mount, "%s/sys/fs/cgroup%s%.200s", root,
                               folders[i][0] != '\0' ? "/" : "", folders[i]);
                (void)snprintf(at.group, sizeof at.group, "%s", group);
                climb(&at, out);
            }
        }
    }
    if (file != NULL) {
        (void)fclose(file);
    }
}

/* Address space and data of the process; half of the default is beside the tiles' own. */
static void
look_at_own(tg_limits *out)
{
    struct rlimit limit = { 0 };
    if (getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY) {
        lower_memory(out, (int64_t)limit.rlim_cur, "ulimit -v", NULL);
    }
    if (getrlimit(RLIMIT_DATA, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY) {
        lower_memory(out, (int64_t)limit.rlim_cur, "ulimit -d", NULL);
    }
}

void
tg_limits_read(const char *root, tg_limits *out)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    *out = (tg_limits){ .memory = (int64_t)sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE),
                        .memory_by = "this host",
                        .cores = (int)sysconf(_SC_NPROCESSORS_ONLN) };
    if (sched_getaffinity(0, sizeof set, &set) == 0) {
        out->cores = CPU_COUNT(&set);
    }
    look_at_groups(root, out);
    look_at_own(out);
    out->cores = out->cores < 1 ? 1 : out->cores;
    out->cores = out->cores > TG_THREADS_MAX ? TG_THREADS_MAX : out->cores;
}
