/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_CLI_REPORT_H
#define TG_CLI_REPORT_H
/*
 * What: how the tool talks while it works: sizes and times for people, a progress bar, and Ctrl-C.
 *
 * Ownership: the caller's memory.
 * Threads: the main thread.
 * Errors: none.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* "1.5 GiB"; returns text. */
char *tg_report_bytes(char *text, size_t size, int64_t bytes);

/* On a terminal one line that is rewritten, elsewhere a plain line now and then; on stderr. */
typedef struct tg_progress {
    bool terminal, quiet;
    int64_t start_ns, shown_ns;
    int shown_percent;
} tg_progress;

void tg_progress_start(tg_progress *progress, bool quiet);
void tg_progress_show(tg_progress *progress, int64_t done, int64_t total);
/* Removes the line from a terminal; returns the seconds since the start. */
double tg_progress_end(tg_progress *progress);

/* From now on SIGINT and SIGTERM are noted, the first time; a second one ends the program. */
void tg_signals_catch(void);
/* The number of the signal that came, or 0. */
int tg_signals_caught(void);

#endif
