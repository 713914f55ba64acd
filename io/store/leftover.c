/* SPDX-License-Identifier: BSD-3-Clause */
/* What killed processes left beside a target. See leftover.h. */
#include "io/store/leftover.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io/store/store.h"

/* Some milliseconds. */
enum { ENTRIES_MAX = 4096 };
enum { HOST_DIGITS = 16 };

static uint64_t
mix(uint64_t hash, const char *text, ssize_t bytes)
{
    for (ssize_t i = 0; i < bytes; i++) { /* FNV-1a */
        hash = (hash ^ (unsigned char)text[i]) * 0x100000001b3u;
    }
    return hash;
}

/* false: it cannot be known which processes are ours to look for. */
static bool
name_host(char host[HOST_DIGITS + 1])
{
    char text[64], space[64];
    int file = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    ssize_t bytes = file >= 0 ? read(file, text, sizeof text) : -1;
    ssize_t more = readlink("/proc/self/ns/pid", space, sizeof space);
    if (file >= 0) {
        (void)close(file);
    }
    uint64_t hash = mix(mix(0xcbf29ce484222325u, text, bytes), space, more);
    (void)snprintf(host, HOST_DIGITS + 1, "%016" PRIx64, hash);
    return bytes > 0 && more > 0;
}

void
tg_leftover_name(const char *path, unsigned n, char *name, size_t bytes)
{
    char host[HOST_DIGITS + 1];
    bool known = name_host(host);
    (void)snprintf(name, bytes, "%s.tmp-%s-%ld-%u", path, known ? host : "unknown", (long)getpid(),
                   n);
}

/* Is it "<name>.tmp-<host>-<pid>-<n>", and there is no such process? */
static bool
is_left(const char *entry, const char *name, const char *host)
{
    size_t length = strlen(name);
    bool ours = strncmp(entry, name, length) == 0 && strncmp(entry + length, ".tmp-", 5) == 0 &&
                strncmp(entry + length + 5, host, HOST_DIGITS) == 0 &&
                entry[length + 5 + HOST_DIGITS] == '-';
    const char *number = ours ? entry + length + 6 + HOST_DIGITS : "";
    char *end = NULL;
    long pid = strtol(number, &end, 10);
    ours = ours && pid > 0 && end[0] == '-' && end[1] != '\0' &&
           end[1 + strspn(end + 1, "0123456789")] == '\0';
    return ours && kill((pid_t)pid, 0) != 0 && errno == ESRCH;
}

void
tg_leftover_remove(const char *path)
{
    char host[HOST_DIGITS + 1], folder[TG_STORE_PATH_MAX], left[TG_STORE_PATH_MAX + 256];
    const char *slash = strrchr(path, '/');
    int length = slash == path ? 1 : slash != NULL ? (int)(slash - path) : 0;
    (void)snprintf(folder, sizeof folder, "%.*s", length > 0 ? length : 1, length > 0 ? path : ".");
    DIR *d = name_host(host) ? opendir(folder) : NULL;
    struct dirent *e = d != NULL ? readdir(d) : NULL;
    for (int i = 0; e != NULL && i < ENTRIES_MAX; i++) {
        if (is_left(e->d_name, slash != NULL ? slash + 1 : path, host)) {
            (void)snprintf(left, sizeof left, "%s/%s", folder, e->d_name);
            tg_store_erase(left);
        }
        e = readdir(d);
    }
    if (d != NULL) {
        (void)closedir(d);
    }
}
