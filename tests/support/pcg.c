/* SPDX-License-Identifier: BSD-3-Clause */
/* Random numbers from a seed. See pcg.h. */
#include "tests/support/pcg.h"

/* The finaliser of splitmix64. */
static uint64_t
mix(uint64_t x)
{
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return x ^ x >> 31;
}

pcg
pcg_of(uint64_t seed, uint64_t n)
{
    return (pcg){ mix(mix(seed + 1) + n) };
}

uint32_t
pcg_u32(pcg *random)
{
    uint64_t old = random->state;
    random->state = old * 6364136223846793005u + 1442695040888963407u;
    uint32_t x = (uint32_t)(((old >> 18) ^ old) >> 27);
    uint32_t r = (uint32_t)(old >> 59);
    return (x >> r) | (x << ((32 - r) & 31));
}

uint32_t
pcg_below(pcg *random, uint32_t n)
{
    return n == 0 ? 0 : (uint32_t)(((uint64_t)pcg_u32(random) * n) >> 32);
}

double
pcg_unit(pcg *random)
{
    return pcg_u32(random) / 4294967296.0;
}

bool
pcg_chance(pcg *random, double p)
{
    return pcg_unit(random) < p;
}
