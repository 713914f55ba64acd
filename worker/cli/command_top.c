/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tg top: the status of a cluster, again and again in place. The terminal waits for keys with a
 * time-out (VTIME), so that one read is both: a pause and a look at the keyboard.
 */
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "worker/cli/cluster.h"
#include "worker/cli/report.h"

enum { CLUSTER, INTERVAL, COUNT };

extern const tg_command tg_command_top;
enum { TENTHS_MAX = 255 }; /* of VTIME */

/* The other screen, without a cursor; and back. */
static const char enter_screen[] = "\033[?1049h\033[?25l";
static const char leave_screen[] = "\033[?25h\033[?1049l";

typedef struct screen {
    bool terminal;
    struct termios former;
    int tenths; /* of a second between two looks */
} screen;

static void
open_screen(screen *s)
{
    s->terminal = isatty(STDIN_FILENO) == 1 && isatty(STDOUT_FILENO) == 1 &&
                  tcgetattr(STDIN_FILENO, &s->former) == 0;
    if (s->terminal) {
        struct termios raw = s->former;
        raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
        raw.c_cc[VMIN] = 0;
        raw.c_cc[VTIME] = (cc_t)s->tenths;
        (void)tcsetattr(STDIN_FILENO, TCSANOW, &raw);
        (void)fputs(enter_screen, stdout);
    }
}

static void
close_screen(const screen *s)
{
    if (s->terminal) {
        (void)fputs(leave_screen, stdout);
        (void)fflush(stdout);
        (void)tcsetattr(STDIN_FILENO, TCSANOW, &s->former);
    }
}

/* Waits for the next look; true: it was the last. */
static bool
pause_or_quit(const screen *s)
{
    char key = 0;
    if (s->terminal) {
        (void)!read(STDIN_FILENO, &key, 1);
    } else {
        struct timespec pause = { s->tenths / 10, (long)(s->tenths % 10) * 100000000 };
        (void)nanosleep(&pause, NULL);
    }
    return key == 'q' || key == 'Q' || tg_signals_caught() != 0;
}

static void
show(const screen *s, const char *text, const char *before)
{
    tg_json_piece earlier = { before, before != NULL ? strlen(before) : 0 };
    (void)fputs(s->terminal ? "\033[H" : "", stdout);
    /* What was there behind the end of a line, or below the page, goes. */
    tg_cluster_print_status((tg_json_piece){ text, strlen(text) }, earlier,
                            s->terminal ? "\033[K\n" : "\n");
    (void)fputs(s->terminal ? "\033[K\nq quits\033[K\033[J" : "", stdout);
    (void)fflush(stdout);
}

static tg_status
watch(tg_session *session, screen *s, int64_t count, tg_error *err)
{
    tg_status status = TG_OK;
    char *text = NULL, *before = NULL;
    bool quit = false;
    for (int64_t i = 0; status == TG_OK && !quit && i < count; i++) {
        status = tg_session_ask(session, "status", &text, err);
        if (status == TG_OK) {
            (void)fputs(!s->terminal && i > 0 ? "\n" : "", stdout);
            show(s, text, before);
            tg_text_free(before);
            before = text;
            text = NULL;
            quit = i + 1 < count && pause_or_quit(s);
        }
    }
    tg_text_free(before);
    return status;
}

static int
run(const tg_command_args *args)
{
    char where[TG_CLUSTER_PATH_MAX + 1];
    tg_error err = { 0 };
    tg_session *session = NULL;
    screen s = { .tenths = 10 };
    int64_t tenths = 10, count = 0;
    const char *text = args->options[INTERVAL];
    if (text != NULL && (!tg_command_read_int(text, 1, TENTHS_MAX / 10, &tenths))) {
        return tg_command_usage(&tg_command_top, "--interval must be 1 to %d seconds, got %s",
                                TENTHS_MAX / 10, text);
    }
    s.tenths = text != NULL ? (int)tenths * 10 : s.tenths;
    text = args->options[COUNT];
    if (text != NULL && !tg_command_read_int(text, 1, INT64_MAX, &count)) {
        return tg_command_usage(&tg_command_top, "--count must be 1 or more, got %s", text);
    }
    tg_cluster_where(args->options[CLUSTER], where);
    tg_status status = tg_cluster_open(where, &session, &err);
    if (status == TG_OK) {
        tg_signals_catch();
        open_screen(&s);
        count = count > 0 ? count : s.terminal ? INT64_MAX : 1;
        status = watch(session, &s, count, &err);
        close_screen(&s);
    }
    tg_session_close(session);
    return status == TG_OK ? TG_EXIT_OK : tg_cluster_failure(&tg_command_top, where, &err);
}

const tg_command tg_command_top = {
    .name = "top",
    .synopsis = "",
    .summary = "Show the workers and jobs of a cluster as they change; q quits",
    .details = "BUSY and LEFT are measured between two looks. Where there is no terminal it prints "
               "once.\nThe columns are those of tg status.",
    .options = { [CLUSTER] = TG_CLUSTER_OPTION,
                 [INTERVAL] = { "--interval", "SECONDS", "between two looks; default: 1" },
                 [COUNT] = { "--count", "N", "look so many times, then end" } },
    .run = run,
};
