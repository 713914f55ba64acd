/* SPDX-License-Identifier: BSD-3-Clause */
/* `tg info`: what an array or group is, from its metadata alone. */
#include <stdio.h>
#include <string.h>

#include "tilegraph/session.h"
#include "worker/cli/command.h"
#include "worker/cli/json_text.h"
#include "worker/cli/report.h"

enum { OPTION_JSON };

extern const tg_command tg_command_info;

/* Lists of sizes as "600 x 250 x 350". Returns how many there are. */
static int
print_sizes(tg_json_piece list)
{
    size_t at = 0;
    int count = 0;
    tg_json_piece size;
    for (; tg_json_next(list, &at, NULL, &size); count++) {
        (void)printf("%s%.*s", count > 0 ? " x " : "", (int)size.bytes, size.text);
    }
    return count;
}

/* How many cells of these sizes cover the shape. */
static int64_t
count_cells(tg_json_piece shape, tg_json_piece cells)
{
    size_t at_shape = 0, at_cells = 0;
    int64_t count = 1;
    tg_json_piece length, edge;
    while (tg_json_next(shape, &at_shape, NULL, &length) &&
           tg_json_next(cells, &at_cells, NULL, &edge)) {
        int64_t step = tg_json_int(edge) > 0 ? tg_json_int(edge) : 1;
        count *= tg_json_int(length) / step + (tg_json_int(length) % step != 0 ? 1 : 0);
    }
    return count;
}

static void
print_cells(const char *name, tg_json_piece shape, tg_json_piece cells)
{
    (void)printf("%-11s ", name);
    if (print_sizes(cells) == 0) {
        (void)printf("()");
    }
    (void)printf("  (%lld)\n", (long long)count_cells(shape, cells));
}

static void
print_array(tg_json_piece json)
{
    char size[32];
    tg_json_piece shape = tg_json_get(json, "shape");
    int64_t decoded = tg_json_int(tg_json_get(json, "nbytes"));
    int64_t stored = tg_json_int(tg_json_get(json, "stored_bytes"));
    int64_t files = tg_json_int(tg_json_get(json, "stored_files"));
    (void)printf("%-11s ", "shape");
    (void)printf(print_sizes(shape) == 0 ? "()\n" : "\n");
    (void)printf("%-11s ", "dtype");
    tg_json_print_string(tg_json_get(json, "dtype"));
    (void)printf("\n");
    tg_json_piece names = tg_json_get(json, "dimension_names");
    if (names.bytes > 2) { /* not "[]" */
        (void)printf("%-11s ", "axes");
        tg_json_print(names, 12);
        (void)printf("\n");
    }
    print_cells("chunks", shape, tg_json_get(json, "chunks"));
    if (tg_json_get(json, "shards").bytes > 0) {
        print_cells("shards", shape, tg_json_get(json, "shards"));
    }
    (void)printf("%-11s ", "codec");
    tg_json_print_string(tg_json_get(json, "codec"));
    (void)printf("\n%-11s %s\n", "decoded", tg_report_bytes(size, sizeof size, decoded));
    (void)printf("%-11s %s in %lld file%s", "stored", tg_report_bytes(size, sizeof size, stored),
                 (long long)files, files == 1 ? "" : "s");
    if (stored > 0 && decoded > 0) {
        (void)printf(", %.3g of the decoded size", (double)stored / (double)decoded);
    }
    (void)printf("\n");
}

static void
print_group(tg_json_piece json)
{
    size_t at = 0;
    tg_json_piece member;
    tg_json_piece members = tg_json_get(json, "members");
    for (int i = 0; tg_json_next(members, &at, NULL, &member); i++) {
        (void)printf("%-11s ", i == 0 ? "members" : "");
        tg_json_print_string(member);
        (void)printf("\n");
    }
}

static void
print_info(tg_json_piece json)
{
    bool group = tg_json_is(tg_json_get(json, "kind"), "group");
    tg_json_piece attributes = tg_json_get(json, "attributes");
    (void)printf("%-11s ", "path");
    tg_json_print_string(tg_json_get(json, "path"));
    (void)printf("\n%-11s ", "format");
    tg_json_print_string(tg_json_get(json, "format"));
    (void)printf("%s\n", group ? " group" : "");
    if (group) {
        print_group(json);
    } else {
        print_array(json);
    }
    if (attributes.bytes > 2) {
        (void)printf("%-11s ", "attributes");
        tg_json_print(attributes, 12);
        (void)printf("\n");
    }
}

static int
info_run(const tg_command_args *args)
{
    tg_error err = { 0 };
    char *text = NULL;
    if (tg_describe(args->words[0], &text, &err) != TG_OK) {
        return tg_command_failure(&tg_command_info, &err);
    }
    if (args->options[OPTION_JSON] != NULL) {
        (void)printf("%s\n", text);
    } else {
        print_info((tg_json_piece){ text, strlen(text) });
    }
    tg_text_free(text);
    return TG_EXIT_OK;
}

const tg_command tg_command_info = {
    .name = "info",
    .synopsis = "PATH",
    .summary = "Show shape, dtype, chunks, codec, sizes and attributes of a stored array or group",
    .details = "Reads metadata only. Behind chunks and shards stands how many there are.",
    .words_min = 1,
    .words_max = 1,
    .options = { [OPTION_JSON] = { "--json", NULL, "print it as JSON" } },
    .run = info_run,
};
