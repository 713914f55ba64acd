/* SPDX-License-Identifier: BSD-3-Clause */
/* What Python needs beyond the public headers; read by cffi only. See bridge.c. */
extern "Python" void tg_py_release(void *owner);
extern "Python" int tg_py_write(void *ctx, const char *bytes, size_t count);
void tg_bridge_release(void *owner);
void tg_bridge_close(void);
