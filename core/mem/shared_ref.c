/* SPDX-License-Identifier: BSD-3-Clause */
/* The place of a tile in shared memory, as bytes. */
#include "core/mem/shared.h"

static unsigned char *
put(unsigned char *at, int bytes, uint64_t value)
{
    for (int i = 0; i < bytes; i++) {
        at[i] = (unsigned char)(value >> (8 * i));
    }
    return at + bytes;
}

static const unsigned char *
get(const unsigned char *at, int bytes, uint64_t *value)
{
    *value = 0;
    for (int i = 0; i < bytes; i++) {
        *value |= (uint64_t)at[i] << (8 * i);
    }
    return at + bytes;
}

void
tg_shared_ref_put(const tg_shared_ref *ref, unsigned char *bytes)
{
    unsigned char *at = put(bytes, 4, ref->pid);
    at = put(at, 4, ref->fd);
    at = put(at, 8, ref->inode);
    at = put(at, 8, ref->offset);
    at = put(at, 8, ref->bytes);
    at = put(at, 8, ref->slot);
    (void)put(at, 8, ref->number);
}

void
tg_shared_ref_get(const unsigned char *bytes, tg_shared_ref *ref)
{
    uint64_t pid = 0, fd = 0;
    const unsigned char *at = get(bytes, 4, &pid);
    at = get(at, 4, &fd);
    at = get(at, 8, &ref->inode);
    at = get(at, 8, &ref->offset);
    at = get(at, 8, &ref->bytes);
    at = get(at, 8, &ref->slot);
    (void)get(at, 8, &ref->number);
    ref->pid = (uint32_t)pid;
    ref->fd = (uint32_t)fd;
}
