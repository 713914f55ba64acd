/* SPDX-License-Identifier: BSD-3-Clause */
/* Streaming stores that fill whole lines, so that a line is written without being read. The copy is
 * made of the widest registers there are: its source is in the first-level cache, and with 16 bytes
 * at a time it would cost as much as a kernel. */
#include "core/mem/stream.h"

#include <stdint.h>
#include <string.h>

enum { LINE = 64 };

#if defined(__x86_64__)
#    include <immintrin.h>

static void
lines_sse2(char *to, const char *from, size_t bytes)
{
    for (size_t i = 0; i < bytes; i += 16) {
        __m128i x = _mm_loadu_si128((const __m128i *)(const void *)(from + i));
        _mm_stream_si128((__m128i *)(void *)(to + i), x);
    }
}

__attribute__((target("avx"))) static void
lines_avx(char *to, const char *from, size_t bytes)
{
    for (size_t i = 0; i < bytes; i += 32) {
        __m256i x = _mm256_loadu_si256((const __m256i *)(const void *)(from + i));
        _mm256_stream_si256((__m256i *)(void *)(to + i), x);
    }
}

__attribute__((target("avx512f"))) static void
lines_avx512(char *to, const char *from, size_t bytes)
{
    for (size_t i = 0; i < bytes; i += 64) {
        _mm512_stream_si512((__m512i *)(void *)(to + i), _mm512_loadu_si512(from + i));
    }
}

/* `to` is at the beginning of a line, `bytes` is a number of lines. */
static void
copy_lines(char *to, const char *from, size_t bytes)
{
    if (__builtin_cpu_supports("avx512f")) {
        lines_avx512(to, from, bytes);
    } else if (__builtin_cpu_supports("avx")) {
        lines_avx(to, from, bytes);
    } else {
        lines_sse2(to, from, bytes);
    }
}

void
tg_stream_end(void)
{
    _mm_sfence();
}
#else
static void
copy_lines(char *to, const char *from, size_t bytes)
{
    memcpy(to, from, bytes);
}

void
tg_stream_end(void)
{
}
#endif

void
tg_stream_copy(void *to, const void *from, size_t bytes)
{
    char *d = to;
    const char *s = from;
    size_t head = (size_t)(-(uintptr_t)d & (LINE - 1));
    head = head < bytes ? head : bytes;
    size_t lines = (bytes - head) / LINE * LINE;
    if (head > 0) {
        memcpy(d, s, head);
    }
    copy_lines(d + head, s + head, lines);
    if (head + lines < bytes) {
        memcpy(d + head + lines, s + head + lines, bytes - head - lines);
    }
}
