/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_CHILD_SHA256_H
#define TG_CHILD_SHA256_H
/*
 * What: SHA-256 (FIPS 180-4), of libraries before they are loaded. Plain C: a library has some
 * hundred kilobytes, and is hashed once.
 *
 * Ownership: the caller's. Threads: values. Errors: none.
 */
#include <stddef.h>
#include <stdint.h>

enum { TG__SHA256_BYTES = 32, TG__SHA256_HEX = 65 /* with its NUL */ };

typedef struct tg__sha256 {
    uint32_t state[8];
    uint64_t bytes;
    uint8_t block[64];
} tg__sha256;

void tg__sha256_init(tg__sha256 *hash);
void tg__sha256_add(tg__sha256 *hash, const void *data, size_t size);
/* Lower-case digits. */
void tg__sha256_hex(tg__sha256 *hash, char *hex);

#endif
