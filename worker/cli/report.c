/* SPDX-License-Identifier: BSD-3-Clause */
/* Progress, sizes and signals of the tool: see report.h. */
#include "worker/cli/report.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* An eye sees no more; a log wants far less. */
static const int64_t TERMINAL_NS = 100 * 1000 * 1000;
static const int64_t LOG_NS = 5LL * 1000 * 1000 * 1000;
enum { BAR_WIDTH = 40 };

char *
tg_report_bytes(char *text, size_t size, int64_t bytes)
{
    static const char *const units[] = { "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
    double amount = (double)bytes / 1024;
    size_t unit = 0;
    while (amount >= 1024 && unit + 1 < sizeof units / sizeof units[0]) {
        amount /= 1024;
        unit++;
    }
    if (bytes < 1024) {
        (void)snprintf(text, size, "%lld bytes", (long long)bytes);
    } else {
        (void)snprintf(text, size, "%.1f %s", amount, units[unit]);
    }
    return text;
}

/* A clock that only runs forward. */
static int64_t
now_ns(void)
{
    struct timespec now = { 0 };
    (void)clock_gettime(CLOCK_MONOTONIC, &now); /* tidy: allow banned-call: the tool's own clock */
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

void
tg_progress_start(tg_progress *progress, bool quiet)
{
    *progress = (tg_progress){ .terminal = isatty(STDERR_FILENO) == 1, .quiet = quiet };
    progress->start_ns = progress->shown_ns = now_ns();
}

void
tg_progress_show(tg_progress *progress, int64_t done, int64_t total)
{
    int64_t now = now_ns();
    int64_t pause = progress->terminal ? TERMINAL_NS : LOG_NS;
    if (progress->quiet || now - progress->shown_ns < pause) {
        return;
    }
    progress->shown_ns = now;
    double part = total > 0 ? (double)done / (double)total : 0.0;
    double seconds = (double)(now - progress->start_ns) * 1e-9;
    int percent = (int)(part * 100);
    if (progress->terminal) {
        char bar[BAR_WIDTH + 1] = { 0 };
        int full = (int)(part * BAR_WIDTH);
        memset(bar, ' ', BAR_WIDTH);
        memset(bar, '#', (size_t)full);
        (void)fprintf(stderr, "\r[%s] %3d %%  %.1f s", bar, percent, seconds);
        (void)fflush(stderr);
    } else if (percent > progress->shown_percent) {
        (void)fprintf(stderr, "%d %% after %.0f s\n", percent, seconds);
    }
    progress->shown_percent = percent;
}

double
tg_progress_end(tg_progress *progress)
{
    if (progress->terminal && !progress->quiet) {
        (void)fprintf(stderr, "\r\033[K");
    }
    return (double)(now_ns() - progress->start_ns) * 1e-9;
}

static volatile sig_atomic_t caught;

static void
note_signal(int number)
{
    caught = number;
}

void
tg_signals_catch(void)
{
    /* Reset after the first: who presses Ctrl-C twice wants out at once. */
    struct sigaction action = { .sa_handler = note_signal, .sa_flags = (int)SA_RESETHAND };
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

int
tg_signals_caught(void)
{
    return caught;
}
