/* SPDX-License-Identifier: BSD-3-Clause */
/* Each codec's decoder: the first byte chooses the codec, the next two the room for the result. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "io/codec/codec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size >= 3) {
        tg_codec_use use;
        const tg_codec *codec = tg_codec_at(data[0] % 6u);
        int64_t room = data[1] | data[2] << 8;
        int64_t bytes = (int64_t)size - 3;
        int64_t got = 0;
        /* Copies of exactly the size, so that a step outside is seen. */
        uint8_t *from = malloc(bytes > 0 ? (size_t)bytes : 1);
        uint8_t *to = malloc(room > 0 ? (size_t)room : 1);
        memcpy(from, data + 3, (size_t)bytes);
        tg_codec_use_init(&use, codec, 2);
        (void)codec->decode(use.values, from, bytes, codec->trailer ? from : to, room, &got, NULL);
        free(from);
        free(to);
    }
    return 0;
}
