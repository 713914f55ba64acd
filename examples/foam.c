/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * From a scan to a table of its pores: examples/foam.py in C, on the public headers alone.
 *
 *     foam [SCAN [FOLDER]]        default: examples/data/bone_7H3A_B1.tif build/demo-c
 *
 * Opens the scan lazily, scales it, smooths it, takes what is dark for a pore, cuts thin bridges by
 * an erosion with a ball, labels the pores of the whole volume and measures each. One pass writes
 * FOLDER/labels.zarr and gives the table and a slice, which become objects.csv and picture.png;
 * timeline.html and trace.json show how it ran. What was predicted is printed before, what was
 * measured after.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <tilegraph/tilegraph.h>

enum { NDIM = 3, RADIUS = 1, BALL_EDGE = 2 * RADIUS + 1 };
static const double BONE = 127; /* its grey value in this scan; pores are 0 */
static const double SIGMA = 1.0;
static const double THRESHOLD = 0.5; /* of the scaled scan; what is darker is a pore */

/* What the pass computes, in the order of its targets. */
enum { LABELS, OBJECTS, PICTURE, TARGETS };

/* --- building: nothing is computed here --------------------------------------------------------
 */

/* 1 within RADIUS of the middle. Static: the engine borrows it. */
static tg_array *
ball(tg_scope *scope)
{
    static bool cells[BALL_EDGE][BALL_EDGE][BALL_EDGE];
    for (int z = 0; z < BALL_EDGE; z++) {
        for (int y = 0; y < BALL_EDGE; y++) {
            for (int x = 0; x < BALL_EDGE; x++) {
                int dz = z - RADIUS, dy = y - RADIUS, dx = x - RADIUS;
                cells[z][y][x] = dz * dz + dy * dy + dx * dx <= RADIUS * RADIUS;
            }
        }
    }
    return tg_from_memory(scope, cells, TG_DT_BOOL, NDIM,
                          (int64_t[]){ BALL_EDGE, BALL_EDGE, BALL_EDGE }, NULL, NULL, 0, NULL,
                          NULL);
}

/* The plane in the middle of the first axis. */
static tg_array *
middle_plane(tg_scope *scope, tg_array *volume)
{
    if (volume == NULL) {
        return NULL;
    }
    const int64_t *shape = tg_array_shape(volume);
    return tg_slice(scope, volume,
                    &(tg_slice_options){ .start = TG_SET(shape[0] / 2, 0, 0),
                                         .count = TG_SET(1, shape[1], shape[2]),
                                         .drop = TG_SET(0) });
}

static void
build(tg_scope *scope, const char *path, tg_array *out[TARGETS])
{
    tg_array *scan = tg_open(scope, path);
    tg_array *number = tg_astype(scope, scan, &(tg_astype_options){ .dtype = TG_DT_F32 });
    tg_array *scaled = tg_divide(scope, number, tg_scalar(scope, BONE));
    tg_array *smooth =
        tg_gaussian_filter(scope, scaled, &(tg_gaussian_filter_options){ .sigma = TG_SET(SIGMA) });
    tg_array *dark = tg_less(scope, smooth, tg_scalar(scope, THRESHOLD));
    tg_array *pores = tg_binary_erosion(scope, dark, ball(scope), NULL);
    out[LABELS] = tg_label(scope, pores, NULL);
    out[OBJECTS] = tg_measure_objects(scope, out[LABELS], NULL);
    out[PICTURE] = middle_plane(scope, out[LABELS]);
}

/* --- pictures: PNG with stored blocks, so that the example needs no other library ---------------
 */

typedef struct png_file {
    FILE *file;
    uint32_t crc;
} png_file;

static void
png_put(png_file *png, const void *bytes, size_t count)
{
    const unsigned char *p = bytes;
    for (size_t i = 0; i < count; i++) {
        png->crc ^= p[i];
        for (int bit = 0; bit < 8; bit++) {
            png->crc = png->crc >> 1 ^ (png->crc & 1 ? 0xedb88320u : 0);
        }
    }
    fwrite(bytes, 1, count, png->file);
}

static void
png_put_u32(png_file *png, uint32_t v)
{
    unsigned char bytes[4] = { (unsigned char)(v >> 24), (unsigned char)(v >> 16),
                               (unsigned char)(v >> 8), (unsigned char)v };
    png_put(png, bytes, sizeof bytes);
}

static void
png_begin(png_file *png, const char *type, uint32_t length)
{
    png_put_u32(png, length);
    png->crc = 0xffffffffu;
    png_put(png, type, 4);
}

static void
png_end(png_file *png)
{
    png_put_u32(png, ~png->crc);
}

/* Rows of RGB pixels, each behind one byte 0 (no filter), as one stored deflate block a row. */
static bool
png_write(const char *path, uint32_t width, uint32_t height, const unsigned char *rows)
{
    png_file png = { .file = fopen(path, "wb") };
    uint32_t row = 1 + 3 * width, a = 1, b = 0;
    if (png.file == NULL || row > 0xffff) {
        return false;
    }
    fwrite("\x89PNG\r\n\x1a\n", 1, 8, png.file);
    png_begin(&png, "IHDR", 13);
    png_put_u32(&png, width);
    png_put_u32(&png, height);
    png_put(&png, "\x08\x02\x00\x00\x00", 5); /* 8 bits, RGB */
    png_end(&png);
    png_begin(&png, "IDAT", 2 + height * (5 + row) + 4);
    png_put(&png, "\x78\x01", 2);
    for (uint32_t y = 0; y < height; y++) {
        unsigned char head[5] = { y + 1 == height, (unsigned char)row, (unsigned char)(row >> 8),
                                  (unsigned char)~row, (unsigned char)(~row >> 8) };
        png_put(&png, head, sizeof head);
        png_put(&png, rows + (size_t)y * row, row);
        for (uint32_t x = 0; x < row; x++) {
            a = (a + rows[(size_t)y * row + x]) % 65521;
            b = (b + a) % 65521;
        }
    }
    png_put_u32(&png, b << 16 | a);
    png_end(&png);
    png_begin(&png, "IEND", 0);
    png_end(&png);
    return fclose(png.file) == 0;
}

/* --- what comes out -----------------------------------------------------------------------------
 */

/* Label 0 is dark grey, every other one a colour of its own. */
static bool
write_picture(const char *path, const tg_result *plane)
{
    uint32_t height = (uint32_t)plane->shape[0], width = (uint32_t)plane->shape[1];
    size_t row = 1 + 3 * (size_t)width;
    unsigned char *rows = calloc(height, row);
    size_t item = tg_dtype_size(plane->dtype);
    for (size_t i = 0; rows != NULL && i < (size_t)height * width; i++) {
        uint64_t label = 0;
        memcpy(&label, (const char *)plane->data + i * item, item); /* little-endian integers */
        uint32_t hash = (uint32_t)label * 2654435761u;
        unsigned char *pixel = rows + i / width * row + 1 + 3 * (i % width);
        for (int c = 0; c < 3; c++) {
            pixel[c] = label == 0 ? 40 : (unsigned char)(80 + (hash >> (8 * c + 4)) % 176);
        }
    }
    bool good = rows != NULL && png_write(path, width, height, rows);
    free(rows);
    return good;
}

static bool
write_objects(const char *path, const tg_result *table)
{
    const double *row = table->data;
    FILE *file = fopen(path, "w");
    if (file == NULL) {
        return false;
    }
    fprintf(file, "label,volume,centroid_z,centroid_y,centroid_x,"
                  "z_min,y_min,x_min,z_max,y_max,x_max\n");
    for (int64_t i = 0; i < table->shape[0]; i++, row += table->shape[1]) {
        fprintf(file, "%.0f,%.0f,%.3f,%.3f,%.3f", row[0], row[1], row[2], row[3], row[4]);
        for (int c = 5; c < 5 + 2 * NDIM; c++) {
            fprintf(file, ",%.0f", row[c]);
        }
        fprintf(file, "\n");
    }
    return fclose(file) == 0;
}

static int
to_file(void *file, const char *bytes, size_t count)
{
    return fwrite(bytes, 1, count, file) == count ? 0 : 1;
}

typedef tg_status (*export_fn)(tg_computation *, tg_write_fn, void *, tg_error *);

static bool
write_export(const char *path, tg_computation *computation, export_fn export, tg_error *err)
{
    FILE *file = fopen(path, "w");
    bool good = file != NULL && export(computation, to_file, file, err) == TG_OK;
    return (file == NULL || fclose(file) == 0) && good;
}

static bool
write_all(const char *folder, tg_computation *computation, tg_error *err)
{
    char path[4096];
    tg_result objects = { 0 }, plane = { 0 };
    bool good = tg_computation_result(computation, OBJECTS, &objects, err) == TG_OK &&
                tg_computation_result(computation, PICTURE, &plane, err) == TG_OK;
    snprintf(path, sizeof path, "%s/objects.csv", folder);
    good = good && write_objects(path, &objects);
    snprintf(path, sizeof path, "%s/picture.png", folder);
    good = good && write_picture(path, &plane);
    snprintf(path, sizeof path, "%s/timeline.html", folder);
    good = good && write_export(path, computation, tg_computation_to_html, err);
    snprintf(path, sizeof path, "%s/trace.json", folder);
    good = good && write_export(path, computation, tg_computation_to_trace, err);
    if (good) {
        printf("%" PRId64 " pores\n", objects.shape[0]);
    } else if (err->code == TG_OK) {
        snprintf(err->message, sizeof err->message, "cannot write %.900s", path);
    }
    tg_result_release(&objects);
    tg_result_release(&plane);
    return good;
}

/* --- running ------------------------------------------------------------------------------------
 */

/* Waits, showing how far it is, when there is somebody to look. */
static tg_status
watch(tg_computation *computation, tg_error *err)
{
    enum { WIDTH = 40 };
    static const char full[WIDTH + 1] = "########################################";
    bool done = false, person = isatty(STDERR_FILENO) == 1;
    tg_status status = TG_OK;
    while (!done) {
        int64_t finished = 0, tasks = 1;
        status = tg_computation_wait(computation, 100 * 1000 * 1000, &done, err);
        tg_computation_progress(computation, &finished, &tasks);
        int part = tasks > 0 ? (int)(finished * WIDTH / tasks) : 0;
        if (person) {
            fprintf(stderr, "\r[%-*.*s] %" PRId64 "/%" PRId64 "%s", WIDTH, part, full, finished,
                    tasks, done ? "\n" : "");
        }
    }
    return status;
}

static void
print_report(const char *name, const tg_report *r)
{
    printf("%-10s %9" PRId64 " %12.1f %12" PRId64 " %12.1f %12.1f\n", name, r->tasks,
           (double)r->peak_bytes / 1048576, r->chunks_read, (double)r->bytes_read / 1048576,
           (double)r->bytes_written / 1048576);
}

static tg_status
run(tg_session *session, tg_array *const arrays[TARGETS], const char *folder, tg_error *err)
{
    char labels[4096];
    tg_plan *plan = NULL;
    tg_computation *computation = NULL;
    tg_report predicted = { 0 }, measured = { 0 };
    tg_save_options options = { .struct_size = sizeof options, .overwrite = true };
    tg_target targets[TARGETS] = { 0 };
    for (int i = 0; i < TARGETS; i++) {
        targets[i].array = arrays[i];
    }
    snprintf(labels, sizeof labels, "%s/labels.zarr", folder);
    tg_status status =
        tg_sink_open(session, labels, arrays[LABELS], &options, &targets[LABELS].sink, err);
    if (status == TG_OK) {
        status = tg_plan_create(session, TARGETS, targets, &plan, err);
    }
    if (status == TG_OK) {
        printf("%s\n", tg_plan_text(plan));
        tg_plan_report(plan, &predicted);
        status = tg_compute_start(session, TARGETS, targets, &computation, err);
    }
    if (status == TG_OK) {
        status = watch(computation, err);
    }
    if (status == TG_OK && !write_all(folder, computation, err)) {
        status = err->code != TG_OK ? err->code : TG_ERR_IO;
    }
    if (status == TG_OK) {
        tg_computation_report(computation, &measured);
        printf("%-10s %9s %12s %12s %12s %12s\n", "", "tasks", "peak MiB", "chunks read",
               "read MiB", "written MiB");
        print_report("predicted", &predicted);
        print_report("measured", &measured);
        printf("%.2f s, of which planning %.4f s; see %s\n", measured.seconds,
               measured.plan_seconds, folder);
    }
    tg_computation_destroy(computation);
    tg_plan_destroy(plan);
    tg_sink_release(targets[LABELS].sink);
    return status;
}

int
main(int argc, char **argv)
{
    const char *scan = argc > 1 ? argv[1] : "examples/data/bone_7H3A_B1.tif";
    const char *folder = argc > 2 ? argv[2] : "build/demo-c";
    tg_session *session = NULL;
    tg_error err = { 0 };
    tg_array *arrays[TARGETS] = { 0 };
    (void)mkdir(folder, 0777); /* when it cannot be made, writing into it says so */
    tg_status status = tg_session_open(NULL, &session, &err);
    if (status == TG_OK) {
        tg_scope *scope = tg_scope_create(session);
        build(scope, scan, arrays);
        if (tg_scope_error(scope) != NULL) {
            err = *tg_scope_error(scope);
            status = err.code;
        } else {
            status = run(session, arrays, folder, &err);
        }
        tg_scope_destroy(scope);
    }
    if (status != TG_OK) {
        fprintf(stderr, "foam: %s\n", err.message);
    }
    tg_session_close(session);
    return status == TG_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}
