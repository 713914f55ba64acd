/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_CLI_DAEMON_H
#define TG_CLI_DAEMON_H
/*
 * What: what the programs tgscheduler and tgworker have in common.
 *
 * Ownership: none. Threads: the main one. Errors: exit codes of command.h, after a word on stderr.
 */
#include "worker/cli/command.h"

/* --version, --help, --man, options, run. */
int tg_daemon_main(const tg_command *command, int argc, char **argv);
/* One line on stderr, with the time of day. */
void tg_daemon_log(void *ctx, const char *text);
/* An option that is a time, "90" or "5 minutes", as nanoseconds; what was not given stays as it is.
 */
int tg_daemon_read_seconds(const tg_command *command, const tg_command_args *args, int option,
                           int64_t *ns);
int tg_daemon_read_fd(const tg_command *command, const tg_command_args *args, int option, int *fd);

#endif
