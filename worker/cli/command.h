/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_CLI_COMMAND_H
#define TG_CLI_COMMAND_H
/*
 * What: the commands of the tool `tg` and how their arguments are read. One command is one file
 * command_<name>.c that ends in `const tg_command tg_command_<name>`, and one line in command.def.
 * The parser, the help and the error messages are all made from the descriptor.
 *
 * Ownership: descriptors are constants; a tg_command_args borrows the strings of argv.
 * Threads: all of this runs in the main thread.
 * Errors: a wrong command line is reported on stderr and ends with TG_EXIT_USAGE; what fails later
 * ends with TG_EXIT_FAILURE and the library's message.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tilegraph/base.h"

enum { TG_EXIT_OK = 0, TG_EXIT_FAILURE = 1, TG_EXIT_USAGE = 2, TG_EXIT_SIGNAL = 128 };
enum { TG_COMMAND_OPTIONS_MAX = 24, TG_COMMAND_WORDS_MAX = 256, TG_COMMAND_NDIM_MAX = 32 };

typedef struct tg_command_option {
    const char *name;  /* with its dashes: "--chunks"; NULL ends a list */
    const char *value; /* what the help calls its value: "Z,Y,X"; NULL: a switch without one */
    const char *summary;
} tg_command_option;

/* What was given. options[i] belongs to the i-th option of the descriptor: its value, "" for a
 * switch, NULL when it was not given. */
typedef struct tg_command_args {
    const char *options[TG_COMMAND_OPTIONS_MAX];
    const char *words[TG_COMMAND_WORDS_MAX];
    int count; /* of words */
} tg_command_args;

typedef struct tg_command {
    const char *name;
    const char *synopsis; /* its words: "IN OUT" */
    const char *summary;  /* one line */
    const char *details;  /* paragraphs for `tg help NAME`; "" for none */
    int words_min, words_max;
    tg_command_option options[TG_COMMAND_OPTIONS_MAX + 1];
    /* Returns an exit code. */
    int (*run)(const tg_command_args *args);
} tg_command;

/* By name; NULL when there is none. */
const tg_command *tg_command_find(const char *name);
/* In the order of command.def; NULL beyond the last. */
const tg_command *tg_command_at(size_t index);

/* Reads the arguments behind the name of the command. Returns TG_EXIT_OK, or TG_EXIT_USAGE after
 * saying on stderr what is wrong. *help: --help or -h stands among them. */
int tg_command_parse(const tg_command *command, int count, char *const *argv, tg_command_args *args,
                     bool *help);
/* The help of all commands, of one command, of the tool's name and version; on stdout. */
void tg_command_print_all(void);
void tg_command_print_help(const tg_command *command);
/* Says what is wrong with the command line on stderr, and how to get help; TG_EXIT_USAGE. */
int tg_command_usage(const tg_command *command, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Says on stderr what failed; TG_EXIT_FAILURE. */
int tg_command_failure(const tg_command *command, const tg_error *err);

/* "64,64,32": up to TG_COMMAND_NDIM_MAX sizes >= 1 in *sizes. Returns how many, 0 when malformed.
 */
int tg_command_read_sizes(const char *text, int64_t *sizes);
/* A whole number within min and max. */
bool tg_command_read_int(const char *text, int64_t min, int64_t max, int64_t *value);

#endif
