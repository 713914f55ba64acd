/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tg doctor: whatever outside this program makes a cluster fail or crawl, looked at on this host,
 * one line for each. A line is ok, a warning (it works, but) or a fault (it does not), and what is
 * not ok says what to do.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "worker/cli/cluster.h"
#include "worker/cli/reach.h"
#include "worker/cli/report.h"

enum { CLUSTER, LOCAL_DIRECTORY };

extern const tg_command tg_command_doctor;
typedef enum verdict { OK, WARNING, FAULT } verdict;

typedef struct visit {
    char where[TG_CLUSTER_PATH_MAX + 1];
    const char *disk;
    int warnings, faults;
} visit;

/* A scheduler has a descriptor or two for each peer, a worker for each other worker; on top come
 * stores and libraries. A soft limit of 1024, the usual one, is enough for some 300 peers. */
enum { FILES_MIN = 1024, FILES_GOOD = 4096 };
/* A spill that is slower than this is slower than computing most tiles again. */
#define DISK_GOOD        100e6
#define DISK_TRIAL_BYTES ((size_t)64 << 20)
#define DISK_FREE_GOOD   ((int64_t)8 << 30)
/* Logs of hosts whose clocks differ by more are hard to read side by side. */
#define CLOCK_GOOD_S 1.0
#define TMPFS        0x01021994 /* statfs(2) */
/* Of workers whose ports are tried, and of those that are told: each may take as long. */
enum { PORTS_MAX = 64, PORTS_BAD_MAX = 5 };

static void __attribute__((format(printf, 4, 5)))
tell(visit *v, verdict is, const char *what, const char *format, ...)
{
    static const char *const words[] = { "ok", "warning", "fault" };
    va_list args;
    va_start(args, format);
    (void)printf("%-8s %-11s ", words[is], what);
    (void)vprintf(format, args);
    (void)printf("\n");
    va_end(args);
    v->warnings += is == WARNING;
    v->faults += is == FAULT;
}

/* -- the cluster ----------------------------------------------------------------------------- */

static void
look_at_join_file(visit *v)
{
    struct stat file;
    char folder[TG_CLUSTER_PATH_MAX + 1];
    if (stat(v->where, &file) != 0) {
        tell(v, FAULT, "join file",
             "%s: %s: start tgscheduler, which writes it, or copy it from the scheduler's host",
             v->where, strerror(errno));
        return;
    }
    (void)snprintf(folder, sizeof folder, "%s", v->where);
    char *slash = strrchr(folder, '/');
    (void)snprintf(slash != NULL ? slash : folder, slash != NULL ? 1 : 2, "%s",
                   slash != NULL ? "" : ".");
    struct stat above = { 0 };
    (void)stat(folder[0] != '\0' ? folder : "/", &above);
    if (!S_ISREG(file.st_mode)) {
        tell(v, FAULT, "join file", "%s is not a regular file", v->where);
    } else if (file.st_uid != geteuid() && file.st_uid != 0) {
        tell(v, FAULT, "join file", "%s belongs to somebody else: do: chown %d %s", v->where,
             (int)geteuid(), v->where);
    } else if ((file.st_mode & 077) != 0) {
        tell(v, FAULT, "join file", "%s: others may read its keys: do: chmod 600 %s", v->where,
             v->where);
    } else if ((above.st_mode & 022) != 0 && (above.st_mode & S_ISVTX) == 0) {
        tell(v, WARNING, "join file",
             "%s: others may put another file in its place: do: "
             "chmod go-w %s",
             v->where, folder);
    } else {
        tell(v, OK, "join file", "%s, readable by you alone", v->where);
    }
}

static void
look_at_clock(visit *v, tg_json_piece status, int64_t asked_ns, int64_t answered_ns)
{
    int64_t there = tg_json_text_int(tg_json_text_get(status, "unix_ns"));
    int64_t middle_ns = asked_ns + (answered_ns - asked_ns) / 2;
    double seconds = (double)(there - middle_ns) * 1e-9;
    double error = (double)(answered_ns - asked_ns) * 0.5e-9;
    double size = seconds < 0 ? -seconds : seconds;
    if (size - error > CLOCK_GOOD_S) {
        tell(v, WARNING, "clock",
             "the scheduler's clock is %.1f s %s this one: results do not depend on it, but logs "
             "do: set both by NTP (timedatectl set-ntp true)",
             size, seconds > 0 ? "ahead of" : "behind");
    } else {
        tell(v, OK, "clock", "the scheduler's differs by %.3f s (+- %.3f)", size, error);
    }
}

/* Results are fetched from the workers themselves, and by them from each other. */
static void
look_at_ports(visit *v, tg_json_piece workers)
{
    tg_json_piece worker;
    int tried = 0, bad = 0;
    for (size_t at = 0;
         tried < PORTS_MAX && bad < PORTS_BAD_MAX && tg_json_text_next(workers, &at, NULL, &worker);
         tried++) {
        char address[TG_CLUSTER_PATH_MAX + 1], answers[TG_REACH_HOST_MAX];
        tg_json_piece text = tg_json_text_get(worker, "address");
        tg_json_piece name = tg_json_text_get(worker, "name");
        (void)snprintf(address, sizeof address, "%.*s", text.bytes > 2 ? (int)text.bytes - 2 : 0,
                       text.bytes > 2 ? text.text + 1 : "");
        const char *problem = tg_reach(address, answers);
        if (problem != NULL) {
            bad++;
            address[strcspn(address, " ")] = '\0';
            tell(v, FAULT, "ports",
                 "worker %.*s cannot be reached at %s: %s: its results cannot be fetched: let this "
                 "port through, or give it another address: tgworker --listen tcp://ADDRESS:PORT",
                 (int)name.bytes, name.text, address, problem);
        }
    }
    if (tried > 0 && bad == 0) {
        tell(v, OK, "ports", "tiles of %d worker%s can be fetched from here", tried,
             tried == 1 ? "" : "s");
    }
}

/* Nobody has answered: is there a way at all? */
static void
look_at_address(visit *v, const char *address)
{
    char answers[TG_REACH_HOST_MAX];
    const char *problem = tg_reach(address, answers);
    int length = (int)strcspn(address, " ");
    if (problem != NULL) {
        tell(v, FAULT, "ports",
             "%.*s cannot be reached: %s: does tgscheduler run there, and does a firewall let its "
             "port through?",
             length, address, problem);
    } else if (answers[0] != '\0') { /* libzmq takes one of them, and no other */
        tell(v, WARNING, "ports",
             "%.*s: some addresses of this name do not answer, and one of those may be taken: give "
             "the one that does: %s",
             length, address, answers);
    }
}

/* Those of the join file, or the one that was given. */
static void
look_at_addresses(visit *v)
{
    char line[512];
    bool given = strstr(v->where, "://") != NULL;
    FILE *file = given ? NULL : fopen(v->where, "r");
    if (given) {
        look_at_address(v, v->where);
    }
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        if (strncmp(line, "endpoint ", 9) == 0) {
            look_at_address(v, line + 9);
        }
    }
    if (file != NULL) {
        (void)fclose(file);
    }
}

static void
look_at_version(visit *v, tg_json_piece status)
{
    tg_json_piece there = tg_json_text_get(status, "version");
    const char *ours = tg_version_string();
    if (there.bytes == strlen(ours) + 2 && memcmp(there.text + 1, ours, strlen(ours)) == 0) {
        tell(v, OK, "version", "%s, as the scheduler's", ours);
    } else {
        tell(v, FAULT, "version",
             "this is tilegraph %s, the scheduler %.*s: install the same version on both", ours,
             (int)there.bytes, there.text);
    }
}

static void
look_at_scheduler(visit *v)
{
    tg_error err = { 0 };
    tg_session *session = NULL;
    char *text = NULL;
    tg_status status = tg_cluster_open(v->where, &session, &err);
    int64_t asked = tg_cluster_unix_ns();
    if (status == TG_OK) {
        status = tg_session_ask(session, "status", &text, &err);
    }
    int64_t answered = tg_cluster_unix_ns();
    if (status != TG_OK) {
        tell(v, FAULT, "scheduler", "%s", err.message);
        look_at_addresses(v);
    } else {
        tg_json_piece answer = { text, strlen(text) }, member;
        tg_json_piece list = tg_json_text_get(answer, "workers");
        int workers = 0;
        for (size_t at = 0; tg_json_text_next(list, &at, NULL, &member);) {
            workers++;
        }
        tell(v, OK, "scheduler", "%s answers in %.1f ms", v->where,
             (double)(answered - asked) * 1e-6);
        tell(v, workers > 0 ? OK : WARNING, "workers",
             workers > 0 ? "%d"
                         : "%d: start some: "
                           "tgworker --cluster %s",
             workers, v->where);
        look_at_ports(v, list);
        look_at_version(v, answer);
        look_at_clock(v, answer, asked, answered);
    }
    tg_text_free(text);
    tg_session_close(session);
}

/* -- this host ------------------------------------------------------------------------------- */

static void
look_at_files(visit *v)
{
    struct rlimit limit = { 0 };
    (void)getrlimit(RLIMIT_NOFILE, &limit);
    unsigned long long now = limit.rlim_cur, most = limit.rlim_max;
    if (now < FILES_GOOD) {
        char raise[64] = "";
        if (most > now) {
            (void)snprintf(raise, sizeof raise, ": do: ulimit -n %llu",
                           most < FILES_GOOD ? most : FILES_GOOD);
        }
        tell(v, now < FILES_MIN ? FAULT : WARNING, "open files",
             "%llu: enough for some %llu peers%s%s", now, now / 3, raise,
             most < FILES_GOOD
                 ? ": have the hard limit raised, in /etc/security/limits.conf, or by "
                   "LimitNOFILE= of a service"
                 : "");
    } else {
        tell(v, OK, "open files", "%llu", now);
    }
}

static void
look_at_memory(visit *v)
{
    char all[32], ours[32], by[256];
    tg_error err;
    tg_session *session = NULL;
    int64_t available = tg_memory_available(by, sizeof by);
    if (tg_session_open(NULL, &session, &err) != TG_OK) {
        tell(v, FAULT, "memory", "%s", err.message);
        return;
    }
    int64_t used = tg_session_memory_limit(session);
    tell(v, OK, "threads", "a worker here has %d", tg_session_threads(session));
    tg_session_close(session);
    (void)tg_report_bytes(all, sizeof all, available);
    (void)tg_report_bytes(ours, sizeof ours, used);
    if (used > available / 10 * 9) {
        tell(v, FAULT, "memory",
             "a worker would use %s, and %s allows %s: it would be killed: give it less: "
             "--memory-limit, or TG_MEMORY_LIMIT",
             ours, by, all);
    } else {
        tell(v, OK, "memory", "a worker here uses %s of %s (%s)", ours, all, by);
    }
}

static void
look_at_huge_pages(visit *v)
{
    char text[128] = "";
    FILE *file = fopen("/sys/kernel/mm/transparent_hugepage/enabled", "r");
    bool known = file != NULL && fgets(text, sizeof text, file) != NULL;
    if (file != NULL) {
        (void)fclose(file);
    }
    text[strcspn(text, "\n")] = '\0';
    if (known && strstr(text, "[never]") != NULL) {
        tell(v, WARNING, "huge pages",
             "off: large tiles cost more page faults: do, as root: "
             "echo madvise > /sys/kernel/mm/transparent_hugepage/enabled");
    } else {
        tell(v, OK, "huge pages", "%s", known ? text : "this system has none to set");
    }
}

/* Seconds to write that many bytes there so that they are on the disk; < 0: errno. */
static double
write_trial(const char *folder)
{
    char path[TG_CLUSTER_PATH_MAX + 32];
    static char block[1 << 20];
    double seconds = -1;
    (void)snprintf(path, sizeof path, "%s/tg-doctor-XXXXXX", folder);
    int fd = mkstemp(path);
    if (fd >= 0) {
        (void)unlink(path);
        for (size_t i = 0; i < sizeof block; i++) {
            block[i] = (char)(i * 2654435761U >> 13); /* no disk makes it smaller */
        }
        int64_t begun = tg_cluster_clock_ns();
        bool good = true;
        for (size_t at = 0; good && at < DISK_TRIAL_BYTES; at += sizeof block) {
            good = write(fd, block, sizeof block) == (ssize_t)sizeof block;
        }
        good = good && fdatasync(fd) == 0;
        seconds = good ? (double)(tg_cluster_clock_ns() - begun) * 1e-9 : -1;
        int reason = errno;
        (void)close(fd);
        errno = reason;
    }
    return seconds;
}

static void
look_at_disk(visit *v)
{
    struct statvfs about = { 0 };
    struct statfs kind = { 0 };
    char size[32];
    double seconds = write_trial(v->disk);
    if (seconds < 0) {
        tell(v, FAULT, "spill disk",
             "%s: %s: give workers another folder: --local-directory FOLDER, or none: "
             "--spill-limit 0",
             v->disk, strerror(errno));
        return;
    }
    (void)statvfs(v->disk, &about);
    (void)statfs(v->disk, &kind);
    int64_t room = (int64_t)about.f_bavail * (int64_t)about.f_frsize;
    double speed = (double)DISK_TRIAL_BYTES / seconds;
    (void)tg_report_bytes(size, sizeof size, room);
    if (kind.f_type == TMPFS) {
        tell(v, WARNING, "spill disk",
             "%s is memory, not a disk: spilling there frees nothing: --local-directory FOLDER",
             v->disk);
    } else if (room < DISK_FREE_GOOD || speed < DISK_GOOD) {
        tell(v, WARNING, "spill disk",
             "%s: %s free, written at %.0f MB/s: a larger or faster one helps: --local-directory "
             "FOLDER",
             v->disk, size, speed * 1e-6);
    } else {
        tell(v, OK, "spill disk", "%s: %s free, written at %.0f MB/s", v->disk, size, speed * 1e-6);
    }
}

static int
run(const tg_command_args *args)
{
    visit v = { .disk = args->options[LOCAL_DIRECTORY] };
    v.disk = v.disk != NULL ? v.disk : "/tmp";
    tg_cluster_where(args->options[CLUSTER], v.where);
    if (strstr(v.where, "://") == NULL) {
        look_at_join_file(&v);
    }
    if (v.faults == 0) {
        look_at_scheduler(&v);
    }
    look_at_files(&v);
    look_at_memory(&v);
    look_at_huge_pages(&v);
    look_at_disk(&v);
    (void)printf("\n%d warning%s, %d fault%s\n", v.warnings, v.warnings == 1 ? "" : "s", v.faults,
                 v.faults == 1 ? "" : "s");
    return v.faults == 0 ? TG_EXIT_OK : TG_EXIT_FAILURE;
}

const tg_command tg_command_doctor = {
    .name = "doctor",
    .synopsis = "",
    .summary = "Look for what makes a cluster fail or crawl on this host",
    .details = "Run it on each host that has trouble. It writes 64 MiB to the spill disk, and\n"
               "removes them. Warnings end with 0, faults with 1.",
    .options = { [CLUSTER] = TG_CLUSTER_OPTION,
                 [LOCAL_DIRECTORY] = { "--local-directory", "FOLDER",
                                       "where workers spill; default: /tmp" } },
    .run = run,
};
