/* SPDX-License-Identifier: BSD-3-Clause */
/* Manual pages in the macros of man(7). See man.h. */
#include "worker/cli/man.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

/* Text of which nothing is an order to the formatter. */
static void
print_text(const char *text, size_t bytes)
{
    (void)fputs(bytes > 0 && (text[0] == '.' || text[0] == '\'') ? "\\&" : "", stdout);
    for (size_t i = 0; i < bytes; i++) {
        if (text[i] == '\\') {
            (void)fputs("\\e", stdout);
        } else if (text[i] == '-') {
            (void)fputs("\\-", stdout);
        } else {
            (void)putchar(text[i]);
        }
    }
}

static void
print_line(const char *before, const char *text, const char *after)
{
    (void)fputs(before, stdout);
    print_text(text, strlen(text));
    (void)fputs(after, stdout);
}

static void
print_head(const char *name, const char *summary)
{
    (void)printf(".\\\" Made by %s --man; not to be edited.\n.TH ", name);
    for (const char *c = name; *c != '\0'; c++) {
        (void)putchar(toupper((unsigned char)*c));
    }
    (void)printf(" 1 \"\" \"tilegraph %s\" \"tilegraph\"\n.SH NAME\n", tg_version_string());
    print_line("", name, " \\- ");
    print_line("", summary, "\n");
}

/* Lines that begin with blanks are shown as they are; an empty line ends a paragraph. */
static void
print_details(const char *details)
{
    bool shown = false, begun = false;
    for (const char *at = details; *at != '\0';) {
        size_t bytes = strcspn(at, "\n");
        bool as_it_is = bytes > 0 && at[0] == ' ';
        if (as_it_is != shown && bytes > 0) {
            (void)fputs(as_it_is ? ".PP\n.nf\n" : ".fi\n", stdout);
            shown = as_it_is;
        } else if (bytes > 0 && !begun) {
            (void)fputs(".PP\n", stdout);
        }
        begun = bytes > 0;
        if (bytes > 0) {
            print_text(at, bytes);
            (void)putchar('\n');
        }
        at += bytes + (at[bytes] == '\n');
    }
    (void)fputs(shown ? ".fi\n" : "", stdout);
}

static void
print_options(const tg_command *command)
{
    for (const tg_command_option *o = command->options; o->name != NULL; o++) {
        print_line(".TP\n.B ", o->name, "");
        if (o->value != NULL) {
            print_line(" \\fI", o->value, "\\fR");
        }
        print_line("\n", o->summary, "\n");
    }
}

static void
print_synopsis(const char *program, const tg_command *command)
{
    print_line("\\fB", program, "\\fR");
    if (strcmp(program, command->name) != 0) {
        print_line(" \\fB", command->name, "\\fR");
    }
    if (command->synopsis[0] != '\0') {
        print_line(" \\fI", command->synopsis, "\\fR");
    }
    (void)fputs(command->options[0].name != NULL ? " [\\fIOPTIONS\\fR]\n" : "\n", stdout);
}

static void
print_foot(const char *also)
{
    (void)printf(".SH \"EXIT STATUS\"\n.TP\n0\nsuccess\n.TP\n1\nit failed; why stands on standard "
                 "error\n.TP\n2\nthe command line is wrong\n.TP\n128+\\fIn\\fR\nstopped by signal "
                 "\\fIn\\fR\n.SH FILES\n.TP\n~/.local/share/tg/default/join\nwhere the scheduler "
                 "listens, and the keys to it\n.SH \"SEE ALSO\"\n%s\n",
                 also);
}

void
tg_man_print(const tg_command *command)
{
    print_head(command->name, command->summary);
    (void)fputs(".SH SYNOPSIS\n", stdout);
    print_synopsis(command->name, command);
    (void)fputs(".SH DESCRIPTION\n", stdout);
    print_details(command->details);
    (void)fputs(".SH OPTIONS\n", stdout);
    print_options(command);
    print_foot(".BR tg (1),\n.BR tgscheduler (1),\n.BR tgworker (1)");
}

void
tg_man_print_all(const tg_command *(*command_at)(size_t index))
{
    print_head("tg", "images that are larger than memory, from the command line");
    (void)fputs(".SH SYNOPSIS\n\\fBtg\\fR \\fICOMMAND\\fR [\\fIARGUMENTS\\fR]\n.SH COMMANDS\n",
                stdout);
    for (size_t i = 0; command_at(i) != NULL; i++) {
        const tg_command *command = command_at(i);
        print_line(".SS ", command->name, "\n");
        print_synopsis("tg", command);
        print_line(".PP\n", command->summary, ".\n");
        print_details(command->details);
        print_options(command);
    }
    print_foot(".BR tgscheduler (1),\n.BR tgworker (1)");
}
