/* SPDX-License-Identifier: BSD-3-Clause */
/* A library of user functions, as somebody else would write it: for test_plugin.c. */
#include <stdio.h>

#include <tilegraph/map.h>

TG_API extern const int tg_plugin_abi;
TG_API int scale(void *user, const tg_block_info *info, const tg_block_view *in, size_t nin,
                 const tg_block_view *out, char *message, size_t message_bytes);
TG_API int refuse(void *user, const tg_block_info *info, const tg_block_view *in, size_t nin,
                  const tg_block_view *out, char *message, size_t message_bytes);

#ifdef TG_TEST_OTHER_ABI
const int tg_plugin_abi = TG_PLUGIN_ABI + 1;
#else
const int tg_plugin_abi = TG_PLUGIN_ABI;
#endif

/* Lines of float64, times what `user` points to. */
int
scale(void *user, const tg_block_info *info, const tg_block_view *in, size_t nin,
      const tg_block_view *out, char *message, size_t message_bytes)
{
    const double factor = user != NULL ? *(const double *)user : 1.0;
    (void)info, (void)nin, (void)message, (void)message_bytes;
    for (int64_t i = 0; i < out->shape[0]; i++) {
        const double *from = (const double *)((const char *)in->data + i * in->strides[0]);
        *(double *)((char *)out->data + i * out->strides[0]) = factor * *from;
    }
    return 0;
}

int
refuse(void *user, const tg_block_info *info, const tg_block_view *in, size_t nin,
       const tg_block_view *out, char *message, size_t message_bytes)
{
    (void)user, (void)in, (void)nin, (void)out;
    (void)snprintf(message, message_bytes, "block %lld is refused", (long long)info->out.index[0]);
    return 1;
}
