/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Runs a fuzzer's entry point without libFuzzer: once on no input at all, then on every file of
 * the folders given, in the order of their names. So the corpora, with what once crashed, are part
 * of every plain test run, with every compiler.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A corpus holds small inputs; a larger file was put there by mistake. */
#define INPUT_BYTES_MAX ((size_t)16 << 20)

static int
run_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        perror(path);
        return 1;
    }
    /* Exactly as large as the input, so that a sanitizer sees a read one past its end. */
    uint8_t *data = NULL;
    long size = -1;
    if (fseek(file, 0, SEEK_END) == 0) {
        size = ftell(file);
    }
    int failed = size < 0 || (size_t)size > INPUT_BYTES_MAX || fseek(file, 0, SEEK_SET) != 0;
    if (!failed) {
        data = malloc(size > 0 ? (size_t)size : 1);
        failed = data == NULL || fread(data, 1, (size_t)size, file) != (size_t)size;
    }
    fclose(file);
    if (failed) {
        fprintf(stderr, "%s: cannot be read, or is too large\n", path);
    } else {
        /* Before the call: a crash must leave the name of its input. */
        printf("%s (%ld bytes)\n", path, size);
        fflush(stdout);
        LLVMFuzzerTestOneInput(data, (size_t)size);
    }
    free(data);
    return failed;
}

static int
run_folder(const char *folder)
{
    struct dirent **entries = NULL;
    int count = scandir(folder, &entries, NULL, alphasort);
    if (count < 0) {
        perror(folder);
        return 1;
    }
    int failed = 0;
    for (int i = 0; i < count; i++) {
        if (entries[i]->d_name[0] != '.') {
            char path[4096];
            int length = snprintf(path, sizeof path, "%s/%s", folder, entries[i]->d_name);
            failed |= length < 0 || (size_t)length >= sizeof path || run_file(path);
        }
        free(entries[i]);
    }
    free(entries);
    return failed;
}

int
main(int argc, char **argv)
{
    static const uint8_t nothing[1];
    LLVMFuzzerTestOneInput(nothing, 0);
    int failed = 0;
    for (int i = 1; i < argc; i++) {
        failed |= run_folder(argv[i]);
    }
    return failed;
}
