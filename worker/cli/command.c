/* SPDX-License-Identifier: BSD-3-Clause */
/* Reading a command line by the descriptor of a command, and the help that is made from it. */
#include "worker/cli/command.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Of an option's name: longer ones are not proposed. */
enum { NAME_MAX_BYTES = 32 };

/* Daemons are programs of their own, and are named so: "tgworker". */
static const char *
prefix(const tg_command *command)
{
    return strncmp(command->name, "tg", 2) == 0 ? "" : "tg ";
}

int
tg_command_usage(const tg_command *command, const char *format, ...)
{
    va_list args;
    (void)fprintf(stderr, "%s%s: ", command != NULL ? prefix(command) : "tg",
                  command != NULL ? command->name : "");
    va_start(args, format);
    (void)vfprintf(stderr, format, args);
    va_end(args);
    if (command != NULL && prefix(command)[0] == '\0') {
        (void)fprintf(stderr, "\nTry `%s --help`.\n", command->name);
    } else {
        (void)fprintf(stderr, "\nTry `tg help%s%s`.\n", command != NULL ? " " : "",
                      command != NULL ? command->name : "");
    }
    return TG_EXIT_USAGE;
}

int
tg_command_failure(const tg_command *command, const tg_error *err)
{
    (void)fprintf(stderr, "%s%s: %s\n", prefix(command), command->name, err->message);
    return TG_EXIT_FAILURE;
}

/* --- reading ---------------------------------------------------------------------------------- */

/* The option that `text` names, up to `length` characters; -1 when there is none. */
static int
find_option(const tg_command *command, const char *text, size_t length)
{
    int found = -1;
    for (int i = 0; found < 0 && command->options[i].name != NULL; i++) {
        const char *name = command->options[i].name;
        found = strlen(name) == length && strncmp(name, text, length) == 0 ? i : -1;
    }
    return found;
}

/* How many letters must be put in, left out or changed to come from one to the other: the classic
 * table of Levenshtein, of which one row is kept. */
static size_t
distance(const char *a, size_t a_length, const char *b)
{
    size_t row[NAME_MAX_BYTES + 1], columns = strlen(b);
    for (size_t j = 0; j <= columns; j++) {
        row[j] = j;
    }
    for (size_t i = 1; i <= a_length; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= columns; j++) {
            size_t changed = diagonal + (a[i - 1] != b[j - 1]);
            size_t other = (row[j] < row[j - 1] ? row[j] : row[j - 1]) + 1;
            diagonal = row[j];
            row[j] = changed < other ? changed : other;
        }
    }
    return row[columns];
}

/* The option that `text` was to be, if it is near one; else NULL. */
static const char *
nearest(const tg_command *command, const char *text, size_t length)
{
    const char *found = NULL;
    size_t least = length / 3 + 1;
    for (const tg_command_option *o = command->options; o->name != NULL && length <= 64; o++) {
        size_t far = strlen(o->name) <= NAME_MAX_BYTES ? distance(text, length, o->name) : least;
        if (far < least || strncmp(o->name, text, length) == 0) {
            least = far < least ? far : least;
            found = o->name;
        }
    }
    return found;
}

/* Reads the option at argv[*at] and steps over its value. */
static int
parse_option(const tg_command *command, int count, char *const *argv, int *at,
             tg_command_args *args)
{
    const char *text = argv[*at];
    size_t length = strcspn(text, "=");
    int option = find_option(command, text, length);
    if (option < 0) {
        const char *near = nearest(command, text, length);
        return near != NULL ? tg_command_usage(command, "unknown option %.*s; did you mean %s?",
                                               (int)length, text, near)
                            : tg_command_usage(command, "unknown option %.*s", (int)length, text);
    }
    const tg_command_option *info = &command->options[option];
    if (args->options[option] != NULL) {
        return tg_command_usage(command, "%s is given twice", info->name);
    }
    if (info->value == NULL && text[length] == '=') {
        return tg_command_usage(command, "%s takes no value", info->name);
    }
    if (info->value != NULL && text[length] != '=' && *at + 1 >= count) {
        return tg_command_usage(command, "%s needs a value: %s %s", info->name, info->name,
                                info->value);
    }
    if (info->value == NULL) {
        args->options[option] = "";
    } else if (text[length] == '=') {
        args->options[option] = text + length + 1;
    } else {
        args->options[option] = argv[++*at];
    }
    return TG_EXIT_OK;
}

int
tg_command_parse(const tg_command *command, int count, char *const *argv, tg_command_args *args,
                 bool *help)
{
    int code = TG_EXIT_OK;
    bool options = true; /* until "--" */
    *help = false;
    memset(args, 0, sizeof *args);
    for (int i = 0; code == TG_EXIT_OK && !*help && i < count; i++) {
        if (options && strcmp(argv[i], "--") == 0) {
            options = false;
        } else if (options && (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)) {
            *help = true;
        } else if (options && argv[i][0] == '-' && argv[i][1] != '\0') {
            code = parse_option(command, count, argv, &i, args);
        } else if (args->count == command->words_max) {
            code = tg_command_usage(command, "one argument too many: %s", argv[i]);
        } else {
            args->words[args->count++] = argv[i];
        }
    }
    if (code == TG_EXIT_OK && !*help && args->count < command->words_min) {
        code = tg_command_usage(command, "it needs %s", command->synopsis);
    }
    return code;
}

bool
tg_command_read_int(const char *text, int64_t min, int64_t max, int64_t *value)
{
    char *end = NULL;
    errno = 0;
    long long number = strtoll(text, &end, 10);
    *value = number;
    return errno == 0 && end != text && *end == '\0' && number >= min && number <= max;
}

int
tg_command_read_sizes(const char *text, int64_t *sizes)
{
    int count = 0;
    const char *at = text;
    while (at != NULL && count < TG_COMMAND_NDIM_MAX) {
        char number[24] = { 0 };
        size_t length = strcspn(at, ",");
        if (length >= sizeof number) {
            return 0;
        }
        memcpy(number, at, length);
        if (!tg_command_read_int(number, 1, INT64_MAX, &sizes[count])) {
            return 0;
        }
        count++;
        at = at[length] == ',' ? at + length + 1 : NULL;
    }
    return at == NULL ? count : 0;
}

/* --- help ------------------------------------------------------------------------------------- */

void
tg_command_print_help(const tg_command *command)
{
    (void)printf("usage: %s%s %s%s\n\n%s.\n", prefix(command), command->name, command->synopsis,
                 command->options[0].name != NULL ? " [OPTIONS]" : "", command->summary);
    if (command->details[0] != '\0') {
        (void)printf("\n%s\n", command->details);
    }
    if (command->options[0].name != NULL) {
        (void)printf("\nOptions:\n");
    }
    for (const tg_command_option *o = command->options; o->name != NULL; o++) {
        char head[48];
        (void)snprintf(head, sizeof head, "%s%s%s", o->name, o->value != NULL ? " " : "",
                       o->value != NULL ? o->value : "");
        (void)printf("  %-24s %s\n", head, o->summary);
    }
}
