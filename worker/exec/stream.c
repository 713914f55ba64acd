/* SPDX-License-Identifier: BSD-3-Clause */
/* Streaming stores: 16 bytes each, four to fill a line, so that it is written without being read.
 */
#include "worker/exec/stream.h"

#include <stdint.h>
#include <string.h>

#if defined(__SSE2__)
#    include <emmintrin.h>

void
tg_stream_copy(void *to, const void *from, size_t bytes)
{
    char *d = to;
    const char *s = from;
    size_t head = (size_t)(-(uintptr_t)d & 63);
    head = head < bytes ? head : bytes;
    memcpy(d, s, head);
    d += head;
    s += head;
    bytes -= head;
    for (; bytes >= 64; bytes -= 64, d += 64, s += 64) {
        for (int i = 0; i < 4; i++) {
            __m128i x = _mm_loadu_si128((const __m128i *)(const void *)(s + 16 * i));
            _mm_stream_si128((__m128i *)(void *)(d + 16 * i), x);
        }
    }
    memcpy(d, s, bytes);
    _mm_sfence();
}
#else
void
tg_stream_copy(void *to, const void *from, size_t bytes)
{
    memcpy(to, from, bytes);
}
#endif
