/* SPDX-License-Identifier: BSD-3-Clause */
/* `tg help`: all commands, or one with its options. */
#include <stddef.h>

#include "worker/cli/command.h"

static int
help_run(const tg_command_args *args)
{
    const tg_command *command = args->count > 0 ? tg_command_find(args->words[0]) : NULL;
    if (args->count > 0 && command == NULL) {
        return tg_command_usage(NULL, "unknown command %s", args->words[0]);
    }
    if (command != NULL) {
        tg_command_print_help(command);
    } else {
        tg_command_print_all();
    }
    return TG_EXIT_OK;
}

const tg_command tg_command_help = {
    .name = "help",
    .synopsis = "[COMMAND]",
    .summary = "Show what a command does and its options",
    .details = "",
    .words_max = 1,
    .run = help_run,
};
