/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * LZW as TIFF has it: codes of 9 to 12 bits, the first bit the highest, 256 clears the table and
 * 257 ends; a code grows a bit when the table is one short of needing it ("early change").
 */
#include <string.h>

#include "io/format/tiff_write.h"

enum {
    CLEAR = 256,
    END = 257,
    FIRST = 258,
    BITS_MIN = 9,
    TABLE_FULL = 4094, /* the table is cleared before a code of 13 bits is needed */
    SLOTS = 1 << 13    /* twice the table: short ways */
};

/* A string is its prefix's code and one byte; where the hash falls is its code. */
typedef struct lzw {
    unsigned char *to;
    int64_t written;
    uint64_t bits;
    int bit_count;
    int width;
    int next; /* the code of the next string */
    uint32_t *keys;
    uint16_t *codes;
} lzw;

int64_t
tg__tiff_lzw_bound(int64_t bytes)
{
    return bytes + bytes / 2 + bytes / 1024 + 64;
}

int64_t
tg__tiff_lzw_table_bytes(void)
{
    return SLOTS * (int64_t)(sizeof(uint32_t) + sizeof(uint16_t));
}

static void
put_code(lzw *z, int code)
{
    z->bits = z->bits << z->width | (uint64_t)code;
    z->bit_count += z->width;
    while (z->bit_count >= 8) {
        z->bit_count -= 8;
        z->to[z->written++] = (unsigned char)(z->bits >> z->bit_count);
    }
}

static void
clear_table(lzw *z)
{
    put_code(z, CLEAR);
    z->width = BITS_MIN;
    z->next = FIRST;
    memset(z->keys, 0xff, SLOTS * sizeof *z->keys);
}

/* After a string has been added. */
static void
count_string(lzw *z)
{
    z->next++;
    if (z->next == TABLE_FULL) {
        clear_table(z);
    } else if (z->next > (1 << z->width) - 1) {
        z->width++;
    }
}

int64_t
tg__tiff_lzw_encode(const unsigned char *from, int64_t bytes, unsigned char *to, void *table)
{
    lzw z = { .to = to, .width = BITS_MIN, .keys = table };
    z.codes = (uint16_t *)(void *)(z.keys + SLOTS);
    clear_table(&z);
    int prefix = bytes > 0 ? from[0] : END;
    for (int64_t i = 1; i < bytes; i++) {
        uint32_t key = (uint32_t)prefix << 8 | from[i];
        uint32_t slot = (key * 2654435761u) >> (32 - 13);
        while (z.keys[slot] != key && z.keys[slot] != UINT32_MAX) {
            slot = (slot + 1) % SLOTS;
        }
        if (z.keys[slot] == key) {
            prefix = z.codes[slot];
        } else {
            put_code(&z, prefix);
            z.keys[slot] = key;
            z.codes[slot] = (uint16_t)z.next;
            prefix = from[i];
            count_string(&z);
        }
    }
    if (bytes > 0) {
        put_code(&z, prefix);
        count_string(&z);
    }
    put_code(&z, END);
    if (z.bit_count > 0) { /* the rest of the last byte */
        z.to[z.written++] = (unsigned char)(z.bits << (8 - z.bit_count));
    }
    return z.written;
}
