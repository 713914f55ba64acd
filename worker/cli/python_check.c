/* SPDX-License-Identifier: BSD-3-Clause */
/* `PYTHON -c "import tilegraph"`, with an end to the waiting. See python_check.h. */
#include "worker/cli/python_check.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "worker/exec/clock.h"

enum { SECONDS_MAX = 30, SAID_BYTES = 1024 };

extern char **environ;

/* Starts it with a pipe as its standard error; an errno. */
static int
start(const char *interpreter, pid_t *pid, int *said)
{
    const char *const argv[] = { interpreter, "-c", "import tilegraph", NULL };
    int ends[2] = { -1, -1 };
    posix_spawn_file_actions_t files;
    if (pipe2(ends, O_CLOEXEC) != 0) {
        return errno;
    }
    (void)posix_spawn_file_actions_init(&files);
    int failed = posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0) |
                 posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, "/dev/null", O_WRONLY, 0) |
                 posix_spawn_file_actions_adddup2(&files, ends[1], STDERR_FILENO);
    failed = failed != 0
                 ? ENOMEM
                 : posix_spawnp(pid, interpreter, &files, NULL, (char *const *)argv, environ);
    (void)posix_spawn_file_actions_destroy(&files);
    (void)close(ends[1]);
    if (failed != 0) {
        (void)close(ends[0]);
    } else {
        *said = ends[0];
    }
    return failed;
}

/* What it writes until it ends, of that the latest; false: it does not end. */
static bool
listen_to(int said, char *text)
{
    const int64_t until = tg_clock_ns() + (int64_t)SECONDS_MAX * 1000000000;
    size_t used = 0;
    ssize_t got = 1;
    while (got > 0) {
        int64_t left_ms = (until - tg_clock_ns()) / 1000000;
        struct pollfd wait = { .fd = said, .events = POLLIN };
        if (left_ms <= 0 || poll(&wait, 1, (int)left_ms) == 0) {
            break;
        }
        if (used > SAID_BYTES / 2) {
            used -= SAID_BYTES / 2;
            memmove(text, text + SAID_BYTES / 2, used);
        }
        got = read(said, text + used, SAID_BYTES / 2 - 1);
        got = got < 0 && errno == EINTR ? 1 : got;
        used += got > 0 ? (size_t)got : 0;
    }
    text[used] = '\0';
    return got <= 0;
}

/* The last one: of a traceback that is the error. Cuts the text. */
static const char *
last_line(char *text)
{
    size_t length = strlen(text);
    while (length > 0 && strchr(" \n\r", text[length - 1]) != NULL) {
        text[--length] = '\0';
    }
    const char *line = strrchr(text, '\n');
    return line != NULL ? line + 1 : text;
}

tg_status
tg_python_check(const char *interpreter, tg_error *err)
{
    tg_status status = TG_OK;
    char text[SAID_BYTES + 1] = "";
    pid_t pid = 0;
    int said = -1, outcome = 0;
    int failed = start(interpreter, &pid, &said);
    TG_CHECK(failed == 0, err, TG_ERR_NOT_FOUND,
             "%s cannot be run: %s; give a Python interpreter in which `import tilegraph` works",
             interpreter, strerror(failed));
    bool ended = listen_to(said, text);
    if (!ended) {
        (void)kill(pid, SIGKILL);
    }
    while (waitpid(pid, &outcome, 0) < 0 && errno == EINTR) {
    }
    TG_CHECK(ended, err, TG_ERR_IO, "%s does not end `import tilegraph` within %d s", interpreter,
             SECONDS_MAX);
    TG_CHECK(WIFEXITED(outcome) && WEXITSTATUS(outcome) == 0, err, TG_ERR_VALUE,
             "%s: `import tilegraph` fails there: %.400s; give an interpreter in which it works",
             interpreter, last_line(text));
out:
    if (said >= 0) {
        (void)close(said);
    }
    return status;
}
