/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_SUPPORT_PCG_H
#define TG_SUPPORT_PCG_H
/*
 * What: random numbers from a seed: PCG-XSH-RR of M. E. O'Neill, with a fixed stream. The same seed
 * gives the same numbers on every machine.
 *
 *     pcg random = { seed };
 *     pcg_below(&random, 6)
 *
 * Ownership: the state is the caller's. Threads: one for each state. Errors: none.
 */
#include <stdbool.h>
#include <stdint.h>

typedef struct pcg {
    uint64_t state;
} pcg;

/* Numbers of their own for each n of a seed. */
pcg pcg_of(uint64_t seed, uint64_t n);
uint32_t pcg_u32(pcg *random);
/* In [0, n). */
uint32_t pcg_below(pcg *random, uint32_t n);
/* In [0, 1). */
double pcg_unit(pcg *random);
bool pcg_chance(pcg *random, double p);

#endif
