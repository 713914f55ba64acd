/* SPDX-License-Identifier: BSD-3-Clause */
/* What Python needs beyond the public headers; read by cffi only. See bridge.c. */
extern "Python" void tg_py_release(void *owner);
extern "Python" int tg_py_write(void *ctx, const char *bytes, size_t count);
extern "Python" int tg_py_block(void *user, const tg_block_info *info, const tg_block_view *in,
                                size_t nin, const tg_block_view *out, char *message,
                                size_t message_bytes);
extern "Python" int tg_py_form(void *user, tg_function_form *form, char *message,
                               size_t message_bytes);
extern "Python" tg_function *tg_py_make(void *ctx, const tg_function_form *form, char *message,
                                        size_t message_bytes);
void tg_bridge_release(void *owner);
int tg_bridge_block(void *user, const tg_block_info *info, const tg_block_view *in, size_t nin,
                    const tg_block_view *out, char *message, size_t message_bytes);
int tg_bridge_form(void *user, tg_function_form *form, char *message, size_t message_bytes);
void tg_bridge_close(void);
