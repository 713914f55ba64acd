/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The few lines of C between the engine and Python.
 *
 * Threads: the engine calls these from any of its threads. cffi takes the GIL for the extern
 * "Python" functions. Once the interpreter ends that is no longer possible: a thread that asks for
 * the GIL then is stopped where it stands, and the locks it holds stay locked. So after
 * tg_bridge_close nothing here enters Python; what the engine still holds ends with the process.
 */
#include <stdatomic.h>
#include <stdio.h>

#include "tilegraph/tilegraph.h"

static void tg_py_release(void *owner);
static int tg_py_block(void *user, const tg_block_info *info, const tg_block_view *in, size_t nin,
                       const tg_block_view *out, char *message, size_t message_bytes);
static int tg_py_form(void *user, tg_function_form *form, char *message, size_t message_bytes);

static atomic_bool tg_bridge_closed;

static void
tg_bridge_release(void *owner)
{
    if (!atomic_load(&tg_bridge_closed)) {
        tg_py_release(owner);
    }
}

static int
tg_bridge_block(void *user, const tg_block_info *info, const tg_block_view *in, size_t nin,
                const tg_block_view *out, char *message, size_t message_bytes)
{
    int failed = 1;
    if (atomic_load(&tg_bridge_closed)) {
        (void)snprintf(message, message_bytes, "Python has ended");
    } else {
        failed = tg_py_block(user, info, in, nin, out, message, message_bytes);
    }
    return failed;
}

static int
tg_bridge_form(void *user, tg_function_form *form, char *message, size_t message_bytes)
{
    int failed = 1;
    if (atomic_load(&tg_bridge_closed)) {
        (void)snprintf(message, message_bytes, "Python has ended");
    } else {
        failed = tg_py_form(user, form, message, message_bytes);
    }
    return failed;
}

static void
tg_bridge_close(void)
{
    atomic_store(&tg_bridge_closed, true);
}
