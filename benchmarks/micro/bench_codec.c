/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The least that reading and writing a chunked store can cost: a bare loop over chunk files on some
 * threads, with nothing around it. What the engine's Zarr is compared with.
 *
 *     bench_codec read  FOLDER CHUNK_BYTES COUNT THREADS REPEATS
 *     bench_codec write FOLDER CHUNK_BYTES COUNT THREADS REPEATS CODEC LEVEL TYPESIZE DATA
 *
 * read: FOLDER/<i> for i < COUNT are blosc buffers; each is opened, pread and decoded to its place
 * in one large array. write: DATA holds COUNT chunks one after the other; each is encoded and
 * written to FOLDER/<i>. Prints the seconds of each repeat.
 */
#include <blosc.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { THREADS_MAX = 64 };

typedef struct codec_job {
    const char *folder, *codec;
    unsigned char *data; /* COUNT chunks */
    size_t chunk_bytes;
    int count, level;
    size_t typesize;
    bool write;
    atomic_int next;
    atomic_bool failed;
} codec_job;

static bool
read_chunk(const codec_job *job, int index, unsigned char *scratch, size_t capacity)
{
    char path[4096];
    struct stat st;
    snprintf(path, sizeof path, "%s/%d", job->folder, index);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    bool good = fd >= 0 && fstat(fd, &st) == 0 && (size_t)st.st_size <= capacity;
    good = good && pread(fd, scratch, (size_t)st.st_size, 0) == st.st_size;
    good = good && blosc_decompress_ctx(scratch, job->data + (size_t)index * job->chunk_bytes,
                                        job->chunk_bytes, 1) == (int)job->chunk_bytes;
    if (fd >= 0) {
        close(fd);
    }
    return good;
}

static bool
write_chunk(const codec_job *job, int index, unsigned char *scratch, size_t capacity)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%d", job->folder, index);
    int bytes = blosc_compress_ctx(job->level, BLOSC_SHUFFLE, job->typesize, job->chunk_bytes,
                                   job->data + (size_t)index * job->chunk_bytes, scratch, capacity,
                                   job->codec, 0, 1);
    int fd = bytes > 0 ? open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666) : -1;
    bool good = fd >= 0 && write(fd, scratch, (size_t)bytes) == bytes;
    if (fd >= 0) {
        good = close(fd) == 0 && good;
    }
    return good;
}

static void *
work(void *arg)
{
    codec_job *job = arg;
    size_t capacity = job->chunk_bytes + BLOSC_MAX_OVERHEAD;
    unsigned char *scratch = malloc(capacity);
    int index = 0;
    while (scratch != NULL && (index = atomic_fetch_add(&job->next, 1)) < job->count) {
        bool good = job->write ? write_chunk(job, index, scratch, capacity)
                               : read_chunk(job, index, scratch, capacity);
        if (!good) {
            atomic_store(&job->failed, true);
        }
    }
    if (scratch == NULL) {
        atomic_store(&job->failed, true);
    }
    free(scratch);
    return NULL;
}

static double
run(codec_job *job, int threads)
{
    pthread_t ids[THREADS_MAX];
    struct timespec from = { 0 }, to = { 0 };
    atomic_store(&job->next, 0);
    clock_gettime(CLOCK_MONOTONIC, &from);
    for (int t = 0; t < threads; t++) {
        pthread_create(&ids[t], NULL, work, job);
    }
    for (int t = 0; t < threads; t++) {
        pthread_join(ids[t], NULL);
    }
    clock_gettime(CLOCK_MONOTONIC, &to);
    return (double)(to.tv_sec - from.tv_sec) + (double)(to.tv_nsec - from.tv_nsec) * 1e-9;
}

/* The file's contents into the job's memory. */
static bool
load(codec_job *job, const char *path)
{
    size_t bytes = job->chunk_bytes * (size_t)job->count;
    FILE *file = fopen(path, "rb");
    bool good = file != NULL && fread(job->data, 1, bytes, file) == bytes;
    if (file != NULL) {
        fclose(file);
    }
    return good;
}

int
main(int argc, char **argv)
{
    bool write = argc == 11 && strcmp(argv[1], "write") == 0;
    if (!write && !(argc == 7 && strcmp(argv[1], "read") == 0)) {
        fprintf(stderr, "see the head of bench_codec.c\n");
        return 2;
    }
    codec_job job = { .folder = argv[2],
                      .chunk_bytes = strtoul(argv[3], NULL, 10),
                      .count = (int)strtol(argv[4], NULL, 10),
                      .write = write };
    int threads = (int)strtol(argv[5], NULL, 10);
    int repeats = (int)strtol(argv[6], NULL, 10);
    size_t huge = (size_t)2 << 20;
    size_t bytes = (job.chunk_bytes * (size_t)job.count + huge - 1) / huge * huge;
    job.data = aligned_alloc(huge, bytes);
    bool good = job.data != NULL && threads > 0 && threads <= THREADS_MAX;
    if (good) {
        madvise(job.data, bytes, MADV_HUGEPAGE);
        memset(job.data, 0, bytes);
    }
    if (good && write) {
        job.codec = argv[7];
        job.level = (int)strtol(argv[8], NULL, 10);
        job.typesize = strtoul(argv[9], NULL, 10);
        good = load(&job, argv[10]);
    }
    for (int i = 0; good && i < repeats; i++) {
        double seconds = run(&job, threads);
        good = !atomic_load(&job.failed);
        printf("%.6f\n", seconds);
    }
    if (!good) {
        fprintf(stderr, "bench_codec: it failed\n");
    }
    free(job.data);
    return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
