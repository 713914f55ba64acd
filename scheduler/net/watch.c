/* SPDX-License-Identifier: BSD-3-Clause */
/* Told when a pipe is closed. See watch.h. */
#include "scheduler/net/watch.h"

#include <errno.h>
#include <unistd.h>
#include <uv.h>

#include "core/mem/alloc.h"

struct tg_alive_watch {
    uv_poll_t poll;
    int fd;
    void (*closed)(void *ctx);
    void *ctx;
};

static void
readable(uv_poll_t *poll, int status, int events)
{
    tg_alive_watch *watch = poll->data;
    char byte;
    (void)events;
    if (status < 0 || read(watch->fd, &byte, 1) == 0) {
        (void)uv_poll_stop(poll);
        watch->closed(watch->ctx);
    }
}

tg_status
tg_alive_watch_create(struct uv_loop_s *loop, int fd, void (*closed)(void *ctx), void *ctx,
                      tg_alive_watch **out, tg_error *err)
{
    tg_status status = TG_OK;
    tg_alive_watch *watch = tg_calloc(NULL, 1, sizeof *watch);
    *out = NULL;
    TG_CHECK(watch != NULL, err, TG_ERR_MEMORY, "no memory to watch a pipe");
    int failed = uv_poll_init(loop, &watch->poll, fd);
    if (failed != 0) {
        tg_free(NULL, watch, sizeof *watch);
        status = tg_fail(err, TG_ERR_VALUE, "descriptor %d cannot be watched: %s", fd,
                         uv_strerror(failed));
        goto out;
    }
    watch->fd = fd;
    watch->closed = closed;
    watch->ctx = ctx;
    watch->poll.data = watch;
    (void)uv_poll_start(&watch->poll, UV_READABLE | UV_DISCONNECT, readable);
    uv_unref((uv_handle_t *)&watch->poll);
    *out = watch;
out:
    return status;
}

static void
free_watch(uv_handle_t *handle)
{
    tg_alive_watch *watch = handle->data;
    tg_free(NULL, watch, sizeof *watch);
}

void
tg_alive_watch_destroy(tg_alive_watch *watch)
{
    if (watch != NULL) {
        uv_close((uv_handle_t *)&watch->poll, free_watch);
    }
}
