/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The tool `tg`: finds the command, reads its arguments, runs it. It stands on the public API
 * alone, so everything it does a program can do too. Exit codes: 0 success, 1 it failed, 2 the
 * command line is wrong, 128 + n stopped by signal n.
 */
#include <stdio.h>
#include <string.h>

#include "worker/cli/command.h"
#include "worker/cli/man.h"

static int
run(int argc, char **argv)
{
    tg_command_args args;
    bool help = false;
    if (argc < 2) {
        return tg_command_usage(NULL, "which command? (tg COMMAND [ARGUMENTS])");
    }
    if (strcmp(argv[1], "--version") == 0) {
        (void)printf("tg %s\n", tg_version_string());
        return TG_EXIT_OK;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
        tg_command_print_all();
        return TG_EXIT_OK;
    }
    if (strcmp(argv[1], "--man") == 0) {
        tg_man_print_all(tg_command_at);
        return TG_EXIT_OK;
    }
    const tg_command *command = tg_command_find(argv[1]);
    if (command == NULL) {
        return tg_command_usage(NULL, "unknown %s %s", argv[1][0] == '-' ? "option" : "command",
                                argv[1]);
    }
    int code = tg_command_parse(command, argc - 2, argv + 2, &args, &help);
    if (code == TG_EXIT_OK && help) {
        tg_command_print_help(command);
    } else if (code == TG_EXIT_OK) {
        code = command->run(&args);
    }
    return code;
}

int
main(int argc, char **argv)
{
    int code = run(argc, argv);
    /* A full disk behind a redirection shows up here and nowhere else. */
    if ((fflush(stdout) != 0 || ferror(stdout) != 0) && code == TG_EXIT_OK) {
        perror("tg: standard output");
        code = TG_EXIT_FAILURE;
    }
    return code;
}
