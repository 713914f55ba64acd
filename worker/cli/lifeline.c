/* SPDX-License-Identifier: BSD-3-Clause */
/* A join file through standard input. See lifeline.h. */
#include "worker/cli/lifeline.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* As keys_file.h has it. */
enum { JOIN_BYTES_MAX = 16384 };

static void *
wait_for_end(void *ctx)
{
    char waste[256];
    ssize_t got = 1;
    while (got > 0 || (got < 0 && errno == EINTR)) {
        got = read(STDIN_FILENO, waste, sizeof waste);
    }
    (void)kill(getpid(), SIGTERM);
    return ctx;
}

static tg_status
watch_input(tg_error *err)
{
    tg_status status = TG_OK;
    pthread_t thread;
    sigset_t all, former;
    (void)sigfillset(&all); /* signals are for the main thread */
    (void)pthread_sigmask(SIG_SETMASK, &all, &former);
    int failed = pthread_create(&thread, NULL, wait_for_end, NULL);
    (void)pthread_sigmask(SIG_SETMASK, &former, NULL);
    TG_CHECK(failed == 0, err, TG_ERR_LIMIT, "the system gives no more threads");
    (void)pthread_detach(thread);
out:
    return status;
}

tg_status
tg_lifeline_open(tg_lifeline *out, tg_error *err)
{
    tg_status status = TG_OK;
    char text[JOIN_BYTES_MAX];
    size_t bytes = 0;
    ssize_t got = 1;
    bool more = false; /* an empty line came */
    int fd = -1;
    out->path[0] = '\0';
    while (got > 0 && !more && bytes < sizeof text) {
        got = read(STDIN_FILENO, text + bytes, 1); /* what follows is not ours */
        bytes += got > 0 ? 1 : 0;
        more = bytes >= 2 && memcmp(text + bytes - 2, "\n\n", 2) == 0;
    }
    TG_CHECK(got >= 0, err, TG_ERR_IO, "standard input: %s", strerror(errno));
    TG_CHECK(bytes < sizeof text, err, TG_ERR_FORMAT,
             "standard input: more than a join file has: --cluster - < JOIN_FILE");
    bytes -= more ? 1 : 0;
    (void)snprintf(out->path, sizeof out->path, "/tmp/tg-join-XXXXXX");
    fd = mkostemp(out->path, O_CLOEXEC); /* 0600 */
    out->path[0] = fd < 0 ? '\0' : out->path[0];
    TG_CHECK(fd >= 0 && write(fd, text, bytes) == (ssize_t)bytes, err, TG_ERR_IO,
             "the join file that came through standard input cannot be kept in /tmp: %s",
             strerror(errno));
    if (more) {
        status = watch_input(err);
    }
out:
    if (fd >= 0) {
        (void)close(fd);
    }
    return status;
}

void
tg_lifeline_close(tg_lifeline *lifeline)
{
    if (lifeline->path[0] != '\0') {
        (void)unlink(lifeline->path);
        lifeline->path[0] = '\0';
    }
}
