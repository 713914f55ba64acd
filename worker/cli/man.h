/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_CLI_MAN_H
#define TG_CLI_MAN_H
/*
 * What: manual pages, made from the descriptors that --help is made from, so that the two cannot
 * differ: `tgworker --man > tgworker.1`. The build does it.
 *
 * Ownership: none. Threads: the main one. Errors: none; stdout is checked at the end of the
 * program.
 */
#include "worker/cli/command.h"

/* On stdout: the page of a program that is one command. */
void tg_man_print(const tg_command *command);
/* The page of a program of many commands, one after the other until NULL. */
void tg_man_print_all(const tg_command *(*command_at)(size_t index));

#endif
