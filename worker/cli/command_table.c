/* SPDX-License-Identifier: BSD-3-Clause */
/* The commands of the tool `tg`. */
#include <stdio.h>
#include <string.h>

#include "worker/cli/command.h"

#define TG_COMMAND(name) extern const tg_command tg_command_##name;
#include "worker/cli/command.def"
#undef TG_COMMAND

static const tg_command *const commands[] = {
#define TG_COMMAND(name) &tg_command_##name,
#include "worker/cli/command.def"
#undef TG_COMMAND
};
enum { COMMAND_COUNT = sizeof commands / sizeof commands[0] };

const tg_command *
tg_command_find(const char *name)
{
    const tg_command *found = NULL;
    for (size_t i = 0; i < COMMAND_COUNT && found == NULL; i++) {
        found = strcmp(commands[i]->name, name) == 0 ? commands[i] : NULL;
    }
    return found;
}

const tg_command *
tg_command_at(size_t index)
{
    return index < COMMAND_COUNT ? commands[index] : NULL;
}

void
tg_command_print_all(void)
{
    (void)printf("tg %s: images that are larger than memory, from the command line\n\n"
                 "usage: tg COMMAND [ARGUMENTS]\n\n",
                 tg_version_string());
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        char head[40];
        (void)snprintf(head, sizeof head, "%s %s", commands[i]->name, commands[i]->synopsis);
        (void)printf("  %-18s %s\n", head, commands[i]->summary);
    }
    (void)printf("\n  %-18s %s\n  %-18s %s\n\n`tg help COMMAND` shows the options of a command.\n",
                 "--version", "print the version", "--help", "print this");
}
