/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A program outside the tree: all it has is what was installed. It filters and sums an array of
 * its own, writes it as Zarr into the current folder, reads it back, and prints the version.
 */
#include <stdio.h>

#include <tilegraph/tilegraph.h>

enum { HEIGHT = 200, WIDTH = 300 };
static float pixels[HEIGHT][WIDTH];

/* The sum of an array in *sum; 0 when it could be computed. */
static int
sum_of(tg_session *session, tg_scope *scope, tg_array *array, float *sum, tg_error *err)
{
    tg_target target = { 0 };
    target.array = tg_sum(scope, array, NULL);
    target.data = sum;
    if (target.array == NULL) {
        *err = *tg_scope_error(scope);
        return 1;
    }
    return tg_compute(session, 1, &target, NULL, err) != TG_OK;
}

static int
work(tg_session *session, tg_scope *scope, tg_error *err)
{
    const int64_t shape[] = { HEIGHT, WIDTH };
    tg_save_options options = { 0 };
    float before = 0, after = 0;
    tg_array *a = tg_from_memory(scope, pixels, TG_DT_F32, 2, shape, NULL, NULL, 0, NULL, NULL);
    tg_array *smooth =
        tg_gaussian_filter(scope, a, &(tg_gaussian_filter_options){ .sigma = TG_SET(2) });
    options.struct_size = sizeof options;
    options.overwrite = true;
    int failed = sum_of(session, scope, smooth, &before, err) ||
                 tg_save(session, smooth, "consumer.zarr", &options, err) != TG_OK ||
                 sum_of(session, scope, tg_open(scope, "consumer.zarr"), &after, err);
    /* A Gaussian that reflects at the edges moves brightness about and loses none. */
    if (!failed && (before - after > 1 || after - before > 1 || before < 59940 || before > 60060)) {
        snprintf(err->message, sizeof err->message, "sums are %g and %g", before, after);
        failed = 1;
    }
    return failed;
}

int
main(void)
{
    tg_error err = { 0 };
    tg_session *session = NULL;
    int failed = tg_session_open(NULL, &session, &err) != TG_OK;
    for (int i = 0; i < HEIGHT * WIDTH; i++) {
        pixels[i / WIDTH][i % WIDTH] = (float)(i % 3);
    }
    if (!failed) {
        tg_scope *scope = tg_scope_create(session);
        failed = work(session, scope, &err);
        tg_scope_destroy(scope);
    }
    tg_session_close(session);
    if (failed) {
        fprintf(stderr, "consumer: %s\n", err.message);
    } else {
        puts(tg_version_string());
    }
    return failed;
}
