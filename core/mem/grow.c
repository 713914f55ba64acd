/* SPDX-License-Identifier: BSD-3-Clause */
/* Arrays that grow. */
#include "core/mem/alloc.h"

bool
tg_grow(void **array, size_t *capacity, size_t count, uint64_t more, size_t size)
{
    uint64_t wanted = count + more;
    bool ok = wanted <= *capacity;
    if (!ok && wanted <= SIZE_MAX / 2 / size) {
        size_t next = (size_t)(wanted + wanted / 2 + 4);
        void *fresh = tg_realloc(NULL, *array, *capacity * size, next * size);
        ok = fresh != NULL;
        if (ok) {
            *array = fresh;
            *capacity = next;
        }
    }
    return ok;
}
