/* SPDX-License-Identifier: BSD-3-Clause */
/* What daemons have in common. See daemon.h. */
#include "worker/cli/daemon.h"

#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "scheduler/net/zap.h"
#include "worker/cli/man.h"

/* SIGTERM before the loop takes it: nothing has begun that had to be ended in good order. */
static void
leave(int number)
{
    (void)number;
    _exit(TG_EXIT_OK);
}

int
tg_daemon_main(const tg_command *command, int argc, char **argv)
{
    tg_command_args args;
    bool help = false;
    if (argc == 2 && strcmp(argv[1], "--version") == 0) {
        (void)printf("%s %s\n", command->name, tg_version_string());
        return TG_EXIT_OK;
    }
    if (argc == 2 && strcmp(argv[1], "--man") == 0) {
        tg_man_print(command);
        return TG_EXIT_OK;
    }
    int code = tg_command_parse(command, argc - 1, argv + 1, &args, &help);
    if (code == TG_EXIT_OK && help) {
        tg_command_print_help(command);
    } else if (code == TG_EXIT_OK) {
        (void)signal(SIGTERM, leave);
        tg_zmq_keep_memory();
        code = command->run(&args);
    }
    return code;
}

void
tg_daemon_log(void *ctx, const char *text)
{
    char stamp[32];
    time_t now = time(NULL); /* tidy: allow banned-call: the time of day, for people */
    struct tm parts;
    (void)ctx;
    (void)localtime_r(&now, &parts);
    (void)strftime(stamp, sizeof stamp, "%Y-%m-%d %H:%M:%S", &parts);
    (void)fprintf(stderr, "%s  %s\n", stamp, text);
}

int
tg_daemon_read_seconds(const tg_command *command, const tg_command_args *args, int option,
                       int64_t *ns)
{
    static const struct {
        const char *name;
        double seconds;
    } units[] = { { "", 1 },        { "ms", 1e-3 },    { "s", 1 },        { "seconds", 1 },
                  { "m", 60 },      { "min", 60 },     { "minutes", 60 }, { "h", 3600 },
                  { "hour", 3600 }, { "hours", 3600 }, { "d", 86400 },    { "days", 86400 } };
    const char *text = args->options[option];
    char *rest = NULL;
    if (text != NULL) {
        double seconds = strtod(text, &rest), unit = 0;
        bool number = rest != text;
        rest += strspn(rest, " ");
        for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
            unit = strcmp(rest, units[i].name) == 0 ? units[i].seconds : unit;
        }
        seconds *= unit;
        if (!number || !isfinite(seconds) || seconds <= 0 || seconds > 1e9) {
            return tg_command_usage(command,
                                    "%s: a time is needed, \"90\" (seconds), \"5 minutes\" "
                                    "or \"2h\", got %s",
                                    command->options[option].name, text);
        }
        *ns = (int64_t)(seconds * 1e9);
    }
    return TG_EXIT_OK;
}

int
tg_daemon_read_fd(const tg_command *command, const tg_command_args *args, int option, int *fd)
{
    const char *text = args->options[option];
    int64_t number = 0;
    if (text != NULL) {
        if (!tg_command_read_int(text, 0, 1 << 20, &number)) {
            return tg_command_usage(command, "%s: a descriptor is needed, got %s",
                                    command->options[option].name, text);
        }
        *fd = (int)number;
    }
    return TG_EXIT_OK;
}
