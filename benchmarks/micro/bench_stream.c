/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the memory of this machine gives in this minute: two threads, non-temporal stores, warm
 * pages. The roof that elementwise work is compared with.
 *
 *     bench_stream [MiB per array [threads [repeats]]]
 *
 * Prints the medians in GB/s (10^9 bytes that are read or written, once each):
 *     triad  d = a + b + c, float32
 *     copy   d = a
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

#if defined(__x86_64__)
#    include <immintrin.h>
#endif

enum { THREADS_MAX = 64, REPEATS_MAX = 64 };

typedef struct stream_part {
    const float *a, *b, *c; /* c NULL: copy */
    float *d;
    size_t count; /* a multiple of 16 */
    pthread_barrier_t *barrier;
    int repeats;
} stream_part;

#if defined(__x86_64__)
__attribute__((target("avx512f"))) static void
triad_wide(const stream_part *p)
{
    for (size_t i = 0; i < p->count; i += 16) {
        __m512 sum = _mm512_add_ps(_mm512_load_ps(p->a + i), _mm512_load_ps(p->b + i));
        _mm512_stream_ps(p->d + i, _mm512_add_ps(sum, _mm512_load_ps(p->c + i)));
    }
    _mm_sfence();
}

__attribute__((target("avx512f"))) static void
copy_wide(const stream_part *p)
{
    for (size_t i = 0; i < p->count; i += 16) {
        _mm512_stream_ps(p->d + i, _mm512_load_ps(p->a + i));
    }
    _mm_sfence();
}

static void
triad(const stream_part *p)
{
    for (size_t i = 0; i < p->count; i += 4) {
        __m128 sum = _mm_add_ps(_mm_load_ps(p->a + i), _mm_load_ps(p->b + i));
        _mm_stream_ps(p->d + i, _mm_add_ps(sum, _mm_load_ps(p->c + i)));
    }
    _mm_sfence();
}

static void
copy(const stream_part *p)
{
    for (size_t i = 0; i < p->count; i += 4) {
        _mm_stream_ps(p->d + i, _mm_load_ps(p->a + i));
    }
    _mm_sfence();
}
#else
static void
triad(const stream_part *p)
{
    for (size_t i = 0; i < p->count; i++) {
        p->d[i] = p->a[i] + p->b[i] + p->c[i];
    }
}

static void
copy(const stream_part *p)
{
    for (size_t i = 0; i < p->count; i++) {
        p->d[i] = p->a[i];
    }
}
#endif

static void *
work(void *arg)
{
    const stream_part *p = arg;
    void (*pass)(const stream_part *) = p->c != NULL ? triad : copy;
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx512f")) {
        pass = p->c != NULL ? triad_wide : copy_wide;
    }
#endif
    for (int i = 0; i < p->repeats; i++) {
        pthread_barrier_wait(p->barrier);
        pass(p);
        pthread_barrier_wait(p->barrier);
    }
    return NULL;
}

static int
compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Median GB/s of one of the two passes; this thread is the clock. */
static double
measure(float *const *arrays, size_t count, int threads, int repeats, int streams)
{
    pthread_t ids[THREADS_MAX];
    stream_part parts[THREADS_MAX];
    double rates[REPEATS_MAX];
    pthread_barrier_t barrier;
    size_t each = count / (size_t)threads / 16 * 16;
    pthread_barrier_init(&barrier, NULL, (unsigned)threads + 1);
    for (int t = 0; t < threads; t++) {
        size_t at = each * (size_t)t;
        parts[t] =
            (stream_part){ arrays[0] + at, arrays[1] + at, streams == 4 ? arrays[2] + at : NULL,
                           arrays[3] + at, each,           &barrier,
                           repeats };
        pthread_create(&ids[t], NULL, work, &parts[t]);
    }
    for (int i = 0; i < repeats; i++) {
        struct timespec from = { 0 }, to = { 0 };
        pthread_barrier_wait(&barrier);
        clock_gettime(CLOCK_MONOTONIC, &from);
        pthread_barrier_wait(&barrier);
        clock_gettime(CLOCK_MONOTONIC, &to);
        double seconds =
            (double)(to.tv_sec - from.tv_sec) + (double)(to.tv_nsec - from.tv_nsec) * 1e-9;
        rates[i] = (double)each * (double)threads * 4 * streams / seconds * 1e-9;
    }
    for (int t = 0; t < threads; t++) {
        pthread_join(ids[t], NULL);
    }
    pthread_barrier_destroy(&barrier);
    qsort(rates, (size_t)repeats, sizeof rates[0], compare);
    return rates[repeats / 2];
}

int
main(int argc, char **argv)
{
    size_t bytes = (argc > 1 ? strtoul(argv[1], NULL, 10) : 256) << 20;
    int threads = argc > 2 ? (int)strtol(argv[2], NULL, 10) : 2;
    int repeats = argc > 3 ? (int)strtol(argv[3], NULL, 10) : 7;
    float *arrays[4];
    threads = threads < 1 ? 1 : threads > THREADS_MAX ? THREADS_MAX : threads;
    repeats = repeats < 1 ? 1 : repeats > REPEATS_MAX ? REPEATS_MAX : repeats;
    for (int i = 0; i < 4; i++) {
        arrays[i] = aligned_alloc((size_t)2 << 20, bytes);
        if (arrays[i] == NULL) {
            fprintf(stderr, "bench_stream: no memory\n");
            return EXIT_FAILURE;
        }
        madvise(arrays[i], bytes, MADV_HUGEPAGE);
        for (size_t k = 0; k < bytes / sizeof(float); k++) {
            arrays[i][k] = (float)(k & 1023);
        }
    }
    printf("triad %.2f\n", measure(arrays, bytes / sizeof(float), threads, repeats, 4));
    printf("copy %.2f\n", measure(arrays, bytes / sizeof(float), threads, repeats, 2));
    for (int i = 0; i < 4; i++) {
        free(arrays[i]);
    }
    return EXIT_SUCCESS;
}
