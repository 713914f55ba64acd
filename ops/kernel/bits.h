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

/* A set of planes that are ANDed together, as where to find them: links [begin, end). */
typedef struct tg_bits_section {
    int64_t begin, end;
    bool fresh; /* begins with all ones; otherwise with what the section before it ended with */
} tg_bits_section;

typedef struct tg_bits_kernels {
    /* A byte that is not zero is true; `flip` is 0, or all ones to store the opposite. */
    void (*pack)(const uint8_t *in, uint64_t *bits, int64_t n, uint64_t flip);
    void (*unpack)(const uint64_t *bits, uint8_t *out, int64_t n, uint64_t flip);
    /* Of rows whose words stand `rows` apart, so that neighbouring rows are neighbouring words: bit
     * x of the result is bit x + by of `from`, ANDed with what is there if `and_it`. `to` may be
     * `from` then. Bits from beyond the end of `from` are zero. */
    void (*shift)(uint64_t *to, int64_t to_words, const uint64_t *from, int64_t from_words,
                  int64_t rows, int64_t by, bool and_it);
    /* targets[s][at + i] &= AND of planes[links[k] + i] over the links k of section s, for all i
     * below n. Targets may be NULL. */
    void (*fold)(const tg_bits_section *sections, int64_t count, const int64_t *links,
                 const uint64_t *planes, uint64_t *const *targets, int64_t at, int64_t n);
    /* Per row of `cols` words: is any of them not `usual`? Where `unit` is 1, words of a row stand
     * `rows` apart; otherwise rows stand `unit` apart, and their words beside each other. */
    void (*differ)(const uint64_t *bits, int64_t cols, int64_t rows, int64_t unit, uint64_t usual,
                   uint8_t *marks);
} tg_bits_kernels;

TG_ISA_TABLE(const tg_bits_kernels, tg_bits);

static inline int64_t
tg_bits_words(int64_t n)
{
    return (n + 63) / 64;
}

#endif
