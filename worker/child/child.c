/* SPDX-License-Identifier: BSD-3-Clause */
/* One child process: its start, its memory, a request, its end. See child.h. */
#include "worker/child/child.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/mem/alloc.h"
#include "worker/exec/clock.h"

extern char **environ;

enum {
    FDS_ABOVE = 10, /* ours lie above those that a child is given, so that dup2 overwrites none */
    ENVIRONMENT_MAX = 4096,
    WASTE_MIN = 64 << 20, /* bytes of memory that are kept whatever the next call needs */
    GRACE_MS = 500        /* between asking a child to end, and killing it */
};

static int
move_up(int fd)
{
    int moved = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, FDS_ABOVE);
    if (fd >= 0) {
        (void)close(fd);
    }
    return moved;
}

/* A pair of descriptors of which a child gets the second. */
static tg_status
make_pair(bool socket, int *ours, int *theirs, tg_error *err)
{
    tg_status status = TG_OK;
    int fds[2] = { -1, -1 };
    int failed =
        socket ? socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) : pipe2(fds, O_CLOEXEC);
    *ours = move_up(fds[0]);
    *theirs = move_up(fds[1]);
    TG_CHECK(failed == 0 && *ours >= 0 && *theirs >= 0, err, TG_ERR_IO,
             "no channel to a child process: %s", strerror(errno));
    if (!socket) {
        (void)fcntl(*ours, F_SETFL, O_NONBLOCK);
    }
out:
    return status;
}

/* What the process has, and what is given besides, which wins. */
static size_t
list_environment(const char *const *given, char **list)
{
    size_t count = 0;
    for (char **has = environ; has != NULL && *has != NULL && count < ENVIRONMENT_MAX; has++) {
        size_t name = strcspn(*has, "=") + 1;
        bool replaced = false;
        for (size_t i = 0; given != NULL && given[i] != NULL && !replaced; i++) {
            replaced = strncmp(given[i], *has, name) == 0;
        }
        if (!replaced) {
            list[count++] = *has;
        }
    }
    for (size_t i = 0; given != NULL && given[i] != NULL && count < ENVIRONMENT_MAX; i++) {
        list[count++] = (char *)given[i];
    }
    list[count] = NULL;
    return count;
}

static int
spawn(tg__child *child, const tg__child_program *program, int socket, int output, char **list)
{
    char parent[24], limit[24];
    char *const argv[] = {
        (char *)program->interpreter, "-m", "tilegraph._child", parent, limit, NULL
    };
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none, usual;
    int failed = 0;
    (void)snprintf(parent, sizeof parent, "%ld", (long)getpid());
    (void)snprintf(limit, sizeof limit, "%" PRId64, program->memory_limit);
    (void)sigemptyset(&none);
    (void)sigfillset(&usual);
    (void)posix_spawn_file_actions_init(&actions);
    (void)posix_spawnattr_init(&attributes);
    (void)posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK |
                                                    POSIX_SPAWN_SETSIGDEF);
    (void)posix_spawnattr_setpgroup(&attributes, 0);
    (void)posix_spawnattr_setsigmask(&attributes, &none);
    (void)posix_spawnattr_setsigdefault(&attributes, &usual);
    failed = posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0) |
             posix_spawn_file_actions_adddup2(&actions, output, 1) |
             posix_spawn_file_actions_adddup2(&actions, output, 2) |
             posix_spawn_file_actions_adddup2(&actions, socket, TG_CHILD_SOCKET);
    failed = failed != 0 ? ENOMEM
                         : posix_spawnp(&child->pid, program->interpreter, &actions, &attributes,
                                        argv, list);
    (void)posix_spawnattr_destroy(&attributes);
    (void)posix_spawn_file_actions_destroy(&actions);
    return failed;
}

tg_status
tg__child_spawn(tg__child *child, const tg__child_program *program, tg_error *err)
{
    tg_status status = TG_OK;
    int socket = -1, output = -1, failed = 0;
    char **list = tg_calloc(NULL, ENVIRONMENT_MAX + 1, sizeof *list);
    *child = (tg__child){ .socket = -1, .pidfd = -1, .output = -1, .memory_fd = -1 };
    TG_CHECK(list != NULL, err, TG_ERR_MEMORY, "no memory to start a child process");
    TG_TRY(make_pair(true, &child->socket, &socket, err));
    TG_TRY(make_pair(false, &child->output, &output, err));
    (void)list_environment(program->environment, list);
    failed = spawn(child, program, socket, output, list);
    if (failed != 0) {
        child->pid = 0;
        status = tg_fail(err, TG_ERR_IO,
                         "cannot start %s for functions in child processes: %s; name a Python "
                         "interpreter that has tilegraph",
                         program->interpreter, strerror(failed));
        goto out;
    }
    /* Where the kernel has none (before 5.3), the end of the socket has to tell. */
    child->pidfd = (int)syscall(SYS_pidfd_open, child->pid, 0);
out:
    tg_free(NULL, list, (ENVIRONMENT_MAX + 1) * sizeof *list);
    if (socket >= 0) {
        (void)close(socket);
    }
    if (output >= 0) {
        (void)close(output);
    }
    if (status != TG_OK) {
        tg__child_bury(child, NULL, 0);
    }
    return status;
}

/* -- memory ---------------------------------------------------------------------------------- */

void
tg__child_forget_memory(tg__child *child)
{
    if (child->memory != NULL) {
        (void)munmap(child->memory, child->memory_bytes);
        (void)close(child->memory_fd);
    }
    child->memory = NULL;
    child->memory_bytes = 0;
    child->memory_fd = -1;
}

tg_status
tg__child_reserve(tg__child *child, size_t bytes, tg_error *err)
{
    tg_status status = TG_OK;
    /* Powers of two: few are made until one is large enough; and one much too large is let go. */
    size_t room = (size_t)1 << 16;
    while (room < bytes) {
        room *= 2;
    }
    bool wastes = child->memory_bytes > WASTE_MIN && child->memory_bytes / 8 > room;
    if (child->memory != NULL && (child->memory_bytes < bytes || wastes)) {
        tg__child_forget_memory(child);
    }
    if (child->memory == NULL) {
        int fd = move_up(memfd_create("tilegraph-blocks", MFD_CLOEXEC | MFD_ALLOW_SEALING));
        void *at = MAP_FAILED;
        /* Sealed: a child that made it shorter would take our next access to it for a crash. */
        if (fd >= 0 && ftruncate(fd, (off_t)room) == 0 &&
            fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0) {
            at = mmap(NULL, room, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        }
        int failure = errno;
        if (at == MAP_FAILED && fd >= 0) {
            (void)close(fd);
        }
        TG_CHECK(at != MAP_FAILED, err, TG_ERR_MEMORY,
                 "no %zu bytes of memory to share with a child process: %s", room,
                 strerror(failure));
        child->memory = at;
        child->memory_bytes = room;
        child->memory_fd = fd;
        child->fresh = true;
    }
out:
    return status;
}

/* -- a request ------------------------------------------------------------------------------- */

/* Until the socket has something, or the child has ended. */
static tg__child_end
wait_for(const tg__child *child, int64_t deadline)
{
    struct pollfd fds[2] = { { .fd = child->socket, .events = POLLIN },
                             { .fd = child->pidfd, .events = POLLIN } };
    tg__child_end end = TG__CHILD_SILENT;
    bool waits = true;
    while (waits) {
        int64_t left = deadline == 0 ? -1 : deadline - tg_clock_ns();
        int64_t slice = deadline == 0 ? -1 : left <= 0 ? 0 : left / 1000000 + 1;
        int found = poll(fds, 2, slice > 1000000 ? 1000000 : (int)slice);
        if (found > 0) { /* what it has said before it died counts */
            end = (fds[0].revents & POLLIN) != 0 ? TG__CHILD_ANSWERED : TG__CHILD_DIED;
        }
        waits = found <= 0 && (found == 0 || errno == EINTR) && !(deadline != 0 && left <= 0);
    }
    return end;
}

static tg__child_end
take_answer(tg__child *child, int64_t deadline, tg_child_answer *answer)
{
    tg__child_end end = wait_for(child, deadline);
    if (end == TG__CHILD_ANSWERED) {
        ssize_t size = recv(child->socket, answer, sizeof *answer, MSG_TRUNC | MSG_DONTWAIT);
        if (size <= 0) {
            end = TG__CHILD_DIED;
        } else if (size != sizeof *answer || answer->magic != TG_CHILD_MAGIC ||
                   answer->serial != child->serial) {
            end = TG__CHILD_GARBLED;
        }
    }
    return end;
}

/* One packet, with the memory's descriptor when the child does not have it. */
static bool
send_request(tg__child *child, const tg_child_request *request)
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control = { 0 };
    struct iovec packet = { .iov_base = (void *)request, .iov_len = sizeof *request };
    struct msghdr message = { .msg_iov = &packet, .msg_iovlen = 1 };
    ssize_t sent = -1;
    if (request->fresh != 0) {
        message.msg_control = control.bytes;
        message.msg_controllen = sizeof control.bytes;
        struct cmsghdr *head = CMSG_FIRSTHDR(&message);
        head->cmsg_level = SOL_SOCKET;
        head->cmsg_type = SCM_RIGHTS;
        head->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(head), &child->memory_fd, sizeof(int));
    }
    do {
        sent = sendmsg(child->socket, &message, MSG_NOSIGNAL);
    } while (sent < 0 && errno == EINTR);
    return sent == sizeof *request;
}

tg__child_end
tg__child_ready(tg__child *child, int64_t timeout_ns)
{
    tg_child_answer answer = { 0 };
    tg__child_end end = take_answer(child, tg_clock_ns() + timeout_ns, &answer);
    return end == TG__CHILD_ANSWERED && answer.verb != TG_CHILD_READY ? TG__CHILD_GARBLED : end;
}

tg__child_end
tg__child_ask(tg__child *child, tg_child_request *request, int64_t timeout_ns,
              tg_child_answer *answer)
{
    int64_t deadline = timeout_ns > 0 ? tg_clock_ns() + timeout_ns : 0;
    tg__child_end end = TG__CHILD_DIED;
    request->magic = TG_CHILD_MAGIC;
    request->serial = ++child->serial;
    request->memory_bytes = child->memory_bytes;
    request->fresh = child->fresh;
    if (send_request(child, request)) {
        child->fresh = false;
        end = take_answer(child, deadline, answer);
    }
    if (end == TG__CHILD_ANSWERED) {
        bool failed = answer->verb == TG_CHILD_FAILED;
        if ((!failed && answer->verb != TG_CHILD_DONE) ||
            (failed && answer->text_bytes > request->text_max)) {
            end = TG__CHILD_GARBLED;
        }
    }
    return end;
}

/* -- its end --------------------------------------------------------------------------------- */

void
tg__child_signal(const tg__child *child, int number)
{
    if (child->pid > 0) {
        /* Before it has become leader of its group there is no such group. */
        (void)kill(-child->pid, number);
        (void)kill(child->pid, number);
    }
}

void
tg__child_finish(const tg__child *child)
{
    /* The socket closes a little earlier than the process is gone. */
    struct pollfd ended = { .fd = child->pidfd, .events = POLLIN };
    (void)poll(&ended, 1, GRACE_MS);
    tg__child_signal(child, SIGKILL);
    (void)poll(&ended, 1, GRACE_MS); /* what it has printed is then complete */
}

void
tg__child_kill(const tg__child *child)
{
    tg__child_signal(child, SIGTERM);
    tg__child_finish(child);
}

static const char *
signal_name(int number)
{
    static const struct {
        int number;
        const char *name;
    } names[] = {
        { SIGSEGV, "segmentation fault" },
        { SIGBUS, "bus error" },
        { SIGABRT, "abort" },
        { SIGFPE, "arithmetic error" },
        { SIGILL, "illegal instruction" },
        { SIGKILL, "killed from outside, perhaps for want of memory" },
        { SIGTERM, "terminated" },
        { SIGXCPU, "out of processor time" },
    };
    const char *found = "unknown";
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        found = names[i].number == number ? names[i].name : found;
    }
    return found;
}

void
tg__child_bury(tg__child *child, char *words, size_t words_bytes)
{
    int *const fds[] = { &child->socket, &child->output, &child->pidfd };
    if (words != NULL) {
        (void)snprintf(words, words_bytes, "ended, nobody knows how");
    }
    if (child->pid > 0) {
        siginfo_t info = { 0 };
        int failed = 0;
        tg__child_finish(child);
        do {
            failed = waitid(P_PID, (id_t)child->pid, &info, WEXITED);
        } while (failed != 0 && errno == EINTR);
        if (failed == 0 && words != NULL && info.si_code == CLD_EXITED) {
            (void)snprintf(words, words_bytes, "ended with exit status %d", info.si_status);
        } else if (failed == 0 && words != NULL) {
            (void)snprintf(words, words_bytes, "was killed by signal %d (%s)", info.si_status,
                           signal_name(info.si_status));
        }
    }
    child->pid = 0;
    tg__child_forget_memory(child);
    for (size_t i = 0; i < sizeof fds / sizeof fds[0]; i++) {
        if (*fds[i] >= 0) {
            (void)close(*fds[i]);
        }
        *fds[i] = -1;
    }
}
