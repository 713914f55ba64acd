/* SPDX-License-Identifier: BSD-3-Clause */ /* tidy: allow unbuilt: tests/html compiles it */
/*
 * Writes a made-up run as timeline.html, trace.json and timeline.txt into a folder, for the tests
 * in tests/html.
 *
 *     make_timeline FOLDER THREADS TASKS EVENTS_PER_THREAD
 */
#include <stdio.h>
#include <stdlib.h>

#include "tests/worker/profile/synthetic.h"

typedef tg_status (*exporter)(const tg_timeline_snapshot *, const tg_timeline_about *,
                              tg_timeline_write, void *);

static tg_status
export_to(const char *folder, const char *name, exporter write, const tg_timeline_snapshot *s)
{
    char path[4096];
    tg_status status = TG_ERR_IO;
    FILE *file = NULL;
    if (snprintf(path, sizeof path, "%s/%s", folder, name) < (int)sizeof path) {
        file = fopen(path, "wb");
    }
    if (file != NULL) {
        status = write(s, &tg_test_synthetic_about, tg_timeline_to_file, file);
        if (fclose(file) != 0) {
            status = TG_ERR_IO;
        }
    }
    return status;
}

int
main(int argc, char **argv)
{
    tg_status status = TG_ERR_VALUE;
    if (argc == 5) {
        tg_timeline_snapshot *s = NULL;
        tg_error err = { 0 };
        tg_timeline *t = tg_test_synthetic_run((uint32_t)strtoul(argv[2], NULL, 10),
                                               (uint32_t)strtoul(argv[3], NULL, 10),
                                               (uint32_t)strtoul(argv[4], NULL, 10));
        status = tg_timeline_snapshot_create(t, &s, &err);
        if (status == TG_OK) {
            status = export_to(argv[1], "timeline.html", tg_timeline_write_html, s);
        }
        if (status == TG_OK) {
            status = export_to(argv[1], "trace.json", tg_timeline_write_trace, s);
        }
        if (status == TG_OK) {
            status = export_to(argv[1], "timeline.txt", tg_timeline_write_text, s);
        }
        tg_timeline_snapshot_destroy(s);
        tg_timeline_destroy(t);
    } else {
        (void)fprintf(stderr, "usage: make_timeline FOLDER THREADS TASKS EVENTS_PER_THREAD\n");
    }
    return status == TG_OK ? 0 : 1;
}
