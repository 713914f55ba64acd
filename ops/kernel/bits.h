/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_KERNEL_BITS_H
#define TG_KERNEL_BITS_H
/*
 * What: rows of booleans as bits, 64 to a word, first cell in the lowest bit. Bits beyond the end
 * of a packed row are zero.
 *
 * Ownership: borrows all. Threads: pure. Errors: none.
 */
#include <stdbool.h>
#include <stdint.h>

#include "ops/kernel/isa.h"

typedef struct tg_bits_kernels {
    /* A byte that is not zero is true; `flip` is 0, or all ones to store the opposite. */
    void (*pack)(const uint8_t *in, uint64_t *bits, int64_t n, uint64_t flip);
    void (*unpack)(const uint64_t *bits, uint8_t *out, int64_t n, uint64_t flip);
    void (*and_words)(uint64_t *restrict into, const uint64_t *restrict from, int64_t words);
    /* Bit x of the result is bit x + shift of `from`, ANDed with what is there if `and_it`; bits
     * from beyond the end are zero. */
    void (*shift)(uint64_t *restrict to, const uint64_t *restrict from, int64_t words,
                  int64_t shift, bool and_it);
} tg_bits_kernels;

TG_ISA_TABLE(const tg_bits_kernels, tg_bits);

static inline int64_t
tg_bits_words(int64_t n)
{
    return (n + 63) / 64;
}

#endif
