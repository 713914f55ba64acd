/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tg ssh: a scheduler here and a worker on each of some hosts, for as long as this runs.
 *
 * The join file goes through the standard input of each ssh, so that nothing secret is in a command
 * line or left on a host. The pipe stays open: a worker that sees it end hands on what it has and
 * leaves, however this process ended. The children have a process group of their own, lest Ctrl-C
 * reach them before they were asked to leave.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "worker/cli/cluster.h"
#include "worker/cli/report.h"

enum { PRINT, LISTEN, SSH, PROGRAM, FIRST_PASSED };

extern const tg_command tg_command_ssh;
enum {
    NTHREADS = FIRST_PASSED,
    MEMORY_LIMIT,
    LOCAL_DIRECTORY,
    SPILL_LIMIT,
    LIFETIME,
    ALLOW_PYTHON,
    FUNCTION_TIMEOUT,
    OPTIONS
};
enum { ARGUMENTS_MAX = 32, JOIN_BYTES_MAX = 16384 };
/* Of what a shell over there is given: some ten words of up to 255 letters. */
enum { LINE_BYTES = 4096 };
enum { START_MS = 15000, DRAIN_MS = 30000, LOOK_MS = 100 };

extern char **environ;

typedef struct child {
    pid_t pid; /* 0: it has ended, or never began */
    int pipe;  /* its standard input; -1: none */
    int code;
} child;

typedef struct plan {
    const tg_command_args *args;
    char join[TG_CLUSTER_PATH_MAX + 1];
    const char *scheduler_args[ARGUMENTS_MAX];
    child scheduler;
    child workers[TG_COMMAND_WORDS_MAX];
} plan;

static void
sleep_ms(long ms)
{
    struct timespec pause = { ms / 1000, ms % 1000 * 1000000 };
    (void)nanosleep(&pause, NULL);
}

/* -- what is run ----------------------------------------------------------------------------- */

static void
make_scheduler_args(plan *p)
{
    const char *listen = p->args->options[LISTEN];
    size_t count = 0;
    p->scheduler_args[count++] = "tgscheduler";
    p->scheduler_args[count++] = listen != NULL ? "--listen" : "--reachable-from";
    p->scheduler_args[count++] = listen != NULL ? listen : p->args->words[0];
    p->scheduler_args[count++] = "--quiet";
    p->scheduler_args[count] = NULL;
}

/* The last one is what the shell over there gets, in which nothing needs quotes: read_options has
 * seen to that. */
static void
make_worker_args(const plan *p, int host, const char **argv, char *line, size_t room)
{
    const char *const *given = p->args->options;
    size_t used = 0;
    used += (size_t)snprintf(line, room, "%s --cluster -",
                             given[PROGRAM] != NULL ? given[PROGRAM] : "tgworker");
    for (int i = FIRST_PASSED; i < OPTIONS; i++) {
        if (given[i] != NULL && used < room) {
            used += (size_t)snprintf(line + used, room - used, " %s %s",
                                     tg_command_ssh.options[i].name, given[i]);
        }
    }
    argv[0] = given[SSH] != NULL ? given[SSH] : "ssh";
    argv[1] = "-oBatchMode=yes"; /* it cannot ask for a password: its input is the pipe */
    argv[2] = p->args->words[host];
    argv[3] = line;
    argv[4] = NULL;
}

static void
print_plan(const plan *p)
{
    const char *argv[8];
    char line[LINE_BYTES];
    for (size_t i = 0; p->scheduler_args[i] != NULL; i++) {
        (void)printf("%s%s", p->scheduler_args[i], p->scheduler_args[i + 1] != NULL ? " " : " &\n");
    }
    for (int host = 0; host < p->args->count; host++) {
        make_worker_args(p, host, argv, line, sizeof line);
        (void)printf("%s %s %s '%s' < %s &\n", argv[0], argv[1], argv[2], argv[3], p->join);
    }
}

/* -- children -------------------------------------------------------------------------------- */

/* `feeds`: its standard input is a pipe of ours. */
static bool
begin_child(child *c, const char *const *argv, bool feeds)
{
    int ends[2] = { -1, -1 };
    posix_spawn_file_actions_t files;
    posix_spawnattr_t group;
    (void)posix_spawn_file_actions_init(&files);
    (void)posix_spawnattr_init(&group);
    (void)posix_spawnattr_setpgroup(&group, 0);
    (void)posix_spawnattr_setflags(&group, POSIX_SPAWN_SETPGROUP);
    bool good = !feeds || pipe2(ends, O_CLOEXEC) == 0;
    if (feeds && good) {
        (void)posix_spawn_file_actions_adddup2(&files, ends[0], STDIN_FILENO);
    } else {
        (void)posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    }
    int failed =
        good ? posix_spawnp(&c->pid, argv[0], &files, &group, (char *const *)argv, environ) : errno;
    if (failed != 0) {
        (void)fprintf(stderr, "tg ssh: %s cannot be run: %s\n", argv[0], strerror(failed));
        c->pid = 0;
    }
    if (ends[0] >= 0) {
        (void)close(ends[0]);
    }
    c->pipe = ends[1];
    (void)posix_spawnattr_destroy(&group);
    (void)posix_spawn_file_actions_destroy(&files);
    return failed == 0;
}

static void
close_pipe(child *c)
{
    if (c->pipe >= 0) {
        (void)close(c->pipe);
    }
    c->pipe = -1;
}

/* Has it ended? Says so the first time, as what. */
static bool
has_ended(child *c, const char *name)
{
    int status = 0;
    if (c->pid > 0 && waitpid(c->pid, &status, WNOHANG) == c->pid) {
        c->pid = 0;
        c->code = WIFEXITED(status) ? WEXITSTATUS(status) : TG_EXIT_SIGNAL + WTERMSIG(status);
        (void)fprintf(stderr, "%s: %s %d\n", name,
                      WIFEXITED(status) ? "ended with" : "ended by signal",
                      WIFEXITED(status) ? c->code : WTERMSIG(status));
        close_pipe(c);
    }
    return c->pid == 0;
}

static int
count_running(plan *p)
{
    int running = 0;
    for (int i = 0; i < p->args->count; i++) {
        running += !has_ended(&p->workers[i], p->args->words[i]);
    }
    return running;
}

/* -- starting and ending --------------------------------------------------------------------- */

/* The scheduler writes a new join file once it listens. */
static bool
start_scheduler(plan *p)
{
    struct stat before = { 0 }, now = { 0 };
    bool was = stat(p->join, &before) == 0, ready = false;
    bool good = begin_child(&p->scheduler, p->scheduler_args, false);
    for (int ms = 0; good && !ready && ms < START_MS && tg_signals_caught() == 0; ms += LOOK_MS) {
        sleep_ms(LOOK_MS);
        ready = stat(p->join, &now) == 0 && (!was || now.st_ino != before.st_ino ||
                                             now.st_mtim.tv_nsec != before.st_mtim.tv_nsec);
        good = !has_ended(&p->scheduler, "tgscheduler");
    }
    if (good && !ready && tg_signals_caught() == 0) {
        (void)fprintf(stderr, "tg ssh: %s was not written for %d s\n", p->join, START_MS / 1000);
    }
    return good && ready;
}

static bool
start_workers(plan *p)
{
    char join[JOIN_BYTES_MAX], line[LINE_BYTES];
    const char *argv[8];
    FILE *file = fopen(p->join, "r");
    size_t bytes = file != NULL ? fread(join, 1, sizeof join - 1, file) : 0;
    bool good = bytes > 0;
    if (file != NULL) {
        (void)fclose(file);
    }
    join[bytes++] = '\n'; /* an empty line: the pipe stays open, and its end means: leave */
    for (int i = 0; good && i < p->args->count; i++) {
        child *c = &p->workers[i];
        make_worker_args(p, i, argv, line, sizeof line);
        good = begin_child(c, argv, true);
        if (good && write(c->pipe, join, bytes) != (ssize_t)bytes) {
            close_pipe(c); /* it has ended, and why is said when that is seen */
        }
    }
    return good;
}

static void
stop_all(plan *p)
{
    for (int i = 0; i < p->args->count; i++) {
        close_pipe(&p->workers[i]);
    }
    int waited = 0;
    while (count_running(p) > 0 && waited < DRAIN_MS) {
        sleep_ms(LOOK_MS);
        waited += LOOK_MS;
    }
    for (int i = 0; i < p->args->count; i++) {
        if (p->workers[i].pid > 0) {
            (void)fprintf(stderr, "tg ssh: %s does not leave; left behind\n", p->args->words[i]);
            (void)kill(p->workers[i].pid, SIGTERM);
        }
    }
    if (p->scheduler.pid > 0) {
        (void)kill(p->scheduler.pid, SIGTERM);
        (void)waitpid(p->scheduler.pid, NULL, 0);
    }
}

static int
hold(plan *p)
{
    int code = TG_EXIT_OK;
    bool scheduler = true, workers = true;
    (void)fprintf(stderr, "The cluster is there: %s. Ctrl-C ends it.\n", p->join);
    while (tg_signals_caught() == 0 && scheduler && workers) {
        sleep_ms(LOOK_MS);
        scheduler = !has_ended(&p->scheduler, "tgscheduler");
        workers = count_running(p) > 0;
    }
    for (int i = 0; i < p->args->count; i++) {
        code = p->workers[i].code != 0 ? TG_EXIT_FAILURE : code;
    }
    return scheduler ? code : TG_EXIT_FAILURE;
}

/* What the shell of the other host would take for more than a word is refused. */
static int
check_words(const tg_command_args *args)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "_-.,:/@+=";
    for (int i = 0; i < args->count; i++) {
        if (args->words[i][strspn(args->words[i], plain)] != '\0') {
            return tg_command_usage(&tg_command_ssh, "'%s' is no name of a host", args->words[i]);
        }
    }
    for (int i = PROGRAM; i < OPTIONS; i++) {
        const char *value = args->options[i];
        if (value != NULL && (strlen(value) > 255 || value[strspn(value, plain)] != '\0')) {
            return tg_command_usage(&tg_command_ssh,
                                    "%s: at most 255 letters, digits and _-.,:/@+= are allowed, "
                                    "got %s",
                                    tg_command_ssh.options[i].name, value);
        }
    }
    return TG_EXIT_OK;
}

static int
run(const tg_command_args *args)
{
    static plan p;
    p = (plan){ .args = args };
    int code = check_words(args);
    if (code != TG_EXIT_OK) {
        return code;
    }
    tg_cluster_where(NULL, p.join);
    make_scheduler_args(&p);
    if (args->options[PRINT] != NULL) {
        print_plan(&p);
        return TG_EXIT_OK;
    }
    for (int i = 0; i < TG_COMMAND_WORDS_MAX; i++) {
        p.workers[i].pipe = -1;
    }
    (void)signal(SIGPIPE, SIG_IGN);
    tg_signals_catch();
    code = start_scheduler(&p) && start_workers(&p) ? hold(&p) : TG_EXIT_FAILURE;
    stop_all(&p);
    return code;
}

const tg_command tg_command_ssh = {
    .name = "ssh",
    .synopsis = "HOST...",
    .summary = "Start a scheduler here and a worker on each host over ssh, until Ctrl-C",
    .details =
        "    tg ssh node1 node2 node3 --nthreads 16\n"
        "\n"
        "ssh must get there without a password, and find tgworker of the same version. The\n"
        "join file goes through the connection; programs here find it at its default place.\n"
        "At the end the workers hand on what they have, and leave.",
    .words_min = 1,
    .words_max = TG_COMMAND_WORDS_MAX,
    .options = { [PRINT] = { "--print", NULL, "print the commands; run nothing" },
                 [LISTEN] = { "--listen", "ADDRESS",
                              "of the scheduler; default: as the first host sees this one" },
                 [SSH] = { "--ssh", "PROGRAM", "instead of ssh" },
                 [PROGRAM] = { "--remote-worker", "PATH", "of tgworker over there" },
                 [NTHREADS] = { "--nthreads", "N", "the rest is as tgworker has it" },
                 [MEMORY_LIMIT] = { "--memory-limit", "BYTES", "without blanks" },
                 [LOCAL_DIRECTORY] = { "--local-directory", "FOLDER", "" },
                 [SPILL_LIMIT] = { "--spill-limit", "BYTES", "" },
                 [LIFETIME] = { "--lifetime", "SECONDS", "" },
                 [ALLOW_PYTHON] = { "--allow-python", "PYTHON", "of the other hosts" },
                 [FUNCTION_TIMEOUT] = { "--function-timeout", "SECONDS", "" } },
    .run = run,
};
