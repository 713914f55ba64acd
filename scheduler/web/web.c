/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The web server. See web.h.
 *
 * Design notes. A connection reads until its head is whole or wrong, writes one answer, says that
 * no more comes, and waits for the other end to close: closing first, with bytes unread, would make
 * the system throw away the answer that is still on its way. Its timer runs from the first moment
 * to the last and is never moved. The memory of a connection goes when both of its handles are
 * closed, that of the server with the last handle.
 */
#include "scheduler/web/web.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>
#include <uv.h>

#include "core/mem/alloc.h"
#include "scheduler/web/request.h"

/* What is read and thrown away behind a request. */
enum { WASTE_MAX = 65536, URL_MAX = TG_WEB_HOST_MAX + 32 };

typedef struct connection {
    tg_web *web;
    uv_tcp_t tcp;
    uv_timer_t timer;
    uv_write_t write;
    uv_shutdown_t shutdown;
    int open; /* handles */
    bool answered, written;
    bool ended; /* by the other end: nothing more is sent there */
    size_t used, wasted;
    char head[TG_WEB_HEAD_BYTES_MAX];
    tg_text answer;
    struct connection *next; /* the newer one */
} connection;

struct tg_web {
    uv_tcp_t tcp;
    uv_timer_t retry; /* of accepting, when there was no memory */
    tg_web_pages pages;
    char host[TG_WEB_HOST_MAX + 1]; /* that was given */
    char url[URL_MAX];
    connection *oldest;
    int count;
    int handles; /* of the server and its connections that are not closed */
    bool closing;
    tg_text metrics; /* as it was made last */
    uint64_t metrics_ms;
    char waste[4096];
};

/* -- ends ------------------------------------------------------------------------------------ */

static void
release(tg_web *web)
{
    web->handles--;
    if (web->handles == 0 && web->closing) {
        tg_text_fini(&web->metrics);
        tg_free(NULL, web, sizeof *web);
    }
}

static void
on_closed(uv_handle_t *handle)
{
    connection *c = handle->data;
    tg_web *web = c->web;
    c->open--;
    if (c->open == 0) {
        tg_text_fini(&c->answer);
        tg_free(NULL, c, sizeof *c);
    }
    release(web);
}

static void
end(connection *c)
{
    connection **at = &c->web->oldest;
    while (*at != NULL && *at != c) {
        at = &(*at)->next;
    }
    if (*at != NULL) { /* not ended before */
        *at = c->next;
        c->web->count--;
        uv_close((uv_handle_t *)&c->tcp, on_closed);
        uv_close((uv_handle_t *)&c->timer, on_closed);
    }
}

/* -- answers --------------------------------------------------------------------------------- */

static void
on_shutdown(uv_shutdown_t *request, int status)
{
    (void)request; /* the other end closes, or the timer ends it */
    (void)status;
}

static void
on_written(uv_write_t *request, int status)
{
    connection *c = request->data;
    c->written = true;
    if (status != UV_ECANCELED &&
        (status != 0 || c->ended ||
         uv_shutdown(&c->shutdown, (uv_stream_t *)&c->tcp, on_shutdown) != 0)) {
        end(c);
    }
}

static void
answer(connection *c, int code, const char *body, bool head_only)
{
    tg_text *out = &c->answer;
    char own[64];
    if (body == NULL) {
        (void)snprintf(own, sizeof own, "%s\n", tg_web_reason(code));
        body = own;
    }
    tg_text_add(out,
                "HTTP/1.1 %d %s\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n"
                "Content-Length: %zu\r\nConnection: close\r\nCache-Control: no-store\r\n"
                "X-Content-Type-Options: nosniff\r\n%s\r\n%s",
                code, tg_web_reason(code), strlen(body), code == 405 ? "Allow: GET, HEAD\r\n" : "",
                head_only ? "" : body);
    uv_buf_t bytes = uv_buf_init(out->data, (unsigned)out->used);
    c->answered = true;
    c->write.data = c;
    if (out->failed || uv_write(&c->write, (uv_stream_t *)&c->tcp, &bytes, 1, on_written) != 0) {
        end(c);
    }
}

static const char *
metrics(tg_web *web)
{
    uint64_t now_ms = uv_now(web->tcp.loop);
    if (web->metrics.data == NULL || now_ms - web->metrics_ms >= TG_WEB_PAGE_AGE_MS) {
        tg_text_fini(&web->metrics);
        web->pages.metrics(web->pages.ctx, &web->metrics);
        web->metrics_ms = now_ms;
    }
    return web->metrics.failed || web->metrics.data == NULL ? NULL : web->metrics.data;
}

/* A number is not a name that somebody else can lead here. */
static bool
host_is_ours(const tg_web *web, const char *host)
{
    unsigned char bytes[16];
    char own[TG_WEB_HOST_MAX + 1] = "";
    (void)gethostname(own, sizeof own - 1);
    return strcmp(host, "localhost") == 0 || strcmp(host, web->host) == 0 ||
           (own[0] != '\0' && strcasecmp(host, own) == 0) || inet_pton(AF_INET, host, bytes) == 1 ||
           inet_pton(AF_INET6, host, bytes) == 1;
}

static void
give_page(connection *c, const tg_web_request *request)
{
    tg_web *web = c->web;
    if (!host_is_ours(web, request->host)) {
        answer(c, 421,
               "this is not the host you ask for: start the scheduler with --web "
               "HOST:PORT and the name that is to be used\n",
               request->head_only);
    } else if (strcmp(request->path, "/metrics") == 0) {
        const char *page = metrics(web);
        answer(c, page != NULL ? 200 : 500, page, request->head_only);
    } else if (strcmp(request->path, "/health") == 0) {
        bool healthy = web->pages.healthy(web->pages.ctx);
        answer(c, healthy ? 200 : 503, healthy ? "ok\n" : "no worker\n", request->head_only);
    } else {
        answer(c, 404, "there are /metrics and /health\n", request->head_only);
    }
}

/* -- requests -------------------------------------------------------------------------------- */

static void
on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *out)
{
    connection *c = handle->data;
    (void)suggested;
    *out = c->answered
               ? uv_buf_init(c->web->waste, sizeof c->web->waste)
               : uv_buf_init(c->head + c->used, (unsigned)(TG_WEB_HEAD_BYTES_MAX - c->used));
}

static void
on_read(uv_stream_t *stream, ssize_t got, const uv_buf_t *bytes)
{
    connection *c = stream->data;
    tg_web_request request;
    (void)bytes;
    if (got == UV_EOF && c->answered && !c->written) {
        c->ended = true; /* it listens still */
        (void)uv_read_stop(stream);
    } else if (got < 0) {
        end(c);
    } else if (c->answered) {
        c->wasted += (size_t)got;
        if (c->wasted > WASTE_MAX) {
            end(c);
        }
    } else if (got > 0) {
        c->used += (size_t)got;
        int code = tg_web_request_read(c->head, c->used, &request);
        if (code == 200) {
            give_page(c, &request);
        } else if (code != 0) {
            answer(c, code, NULL, false);
        }
    }
}

static void
on_timer(uv_timer_t *timer)
{
    end(timer->data);
}

static void on_connection(uv_stream_t *server, int status);

static void
on_retry(uv_timer_t *timer)
{
    tg_web *web = timer->data;
    on_connection((uv_stream_t *)&web->tcp, 0);
}

static void
on_connection(uv_stream_t *server, int status)
{
    tg_web *web = server->data;
    connection *c = status == 0 ? tg_calloc(NULL, 1, sizeof *c) : NULL;
    if (status != 0) {
        return;
    }
    if (c == NULL) { /* libuv takes no further one until this one is taken */
        (void)uv_timer_start(&web->retry, on_retry, TG_WEB_PAGE_AGE_MS, 0);
        return;
    }
    if (web->count == TG_WEB_CONNECTIONS_MAX) {
        end(web->oldest);
    }
    c->web = web;
    c->tcp.data = c->timer.data = c;
    (void)uv_tcp_init(server->loop, &c->tcp);
    (void)uv_timer_init(server->loop, &c->timer);
    c->open = 2;
    web->handles += 2;
    connection **last = &web->oldest;
    while (*last != NULL) {
        last = &(*last)->next;
    }
    *last = c;
    web->count++;
    if (uv_accept(server, (uv_stream_t *)&c->tcp) != 0 ||
        uv_timer_start(&c->timer, on_timer, TG_WEB_DEADLINE_MS, 0) != 0 ||
        uv_read_start((uv_stream_t *)&c->tcp, on_alloc, on_read) != 0) {
        end(c);
    }
}

/* -- opening --------------------------------------------------------------------------------- */

static tg_status
find_address(const char *where, tg_web *web, struct sockaddr_storage *out, tg_error *err)
{
    tg_status status = TG_OK;
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV };
    struct addrinfo *found = NULL;
    const char *colon = strrchr(where, ':');
    const char *port = colon != NULL ? colon + 1 : where;
    char *end_of_port = NULL;
    bool host = colon != NULL && colon != where;
    unsigned long number = strtoul(port, &end_of_port, 10);
    TG_CHECK(*port >= '0' && *port <= '9' && *end_of_port == '\0' && number <= 65535 &&
                 tg_web_host_read(host ? where : "127.0.0.1", strlen(host ? where : "127.0.0.1"),
                                  web->host),
             err, TG_ERR_VALUE,
             "web address '%s': host:port, [::1]:port or a port alone is expected", where);
    if (strcmp(web->host, "localhost") == 0) {
        hints.ai_family = AF_INET; /* as scheduler/net/endpoint.c has it */
    }
    TG_CHECK(getaddrinfo(web->host, port, &hints, &found) == 0 && found != NULL, err, TG_ERR_VALUE,
             "web address '%s': there is no host of this name; give the name or number of one of "
             "this host's own addresses",
             where);
    memcpy(out, found->ai_addr, found->ai_addrlen);
out:
    if (found != NULL) {
        freeaddrinfo(found);
    }
    return status;
}

static void
name_url(tg_web *web)
{
    struct sockaddr_storage own;
    int bytes = sizeof own;
    char host[INET6_ADDRSTRLEN] = "", port[8] = "";
    (void)uv_tcp_getsockname(&web->tcp, (struct sockaddr *)&own, &bytes);
    (void)getnameinfo((struct sockaddr *)&own, (socklen_t)bytes, host, sizeof host, port,
                      sizeof port, NI_NUMERICHOST | NI_NUMERICSERV);
    bool v6 = strchr(host, ':') != NULL;
    (void)snprintf(web->url, sizeof web->url, "http://%s%s%s:%s", v6 ? "[" : "", host,
                   v6 ? "]" : "", port);
}

static void
on_server_closed(uv_handle_t *handle)
{
    release(handle->data);
}

tg_status
tg_web_open(struct uv_loop_s *loop, const char *where, const tg_web_pages *pages, tg_web **out,
            tg_error *err)
{
    tg_status status = TG_OK;
    struct sockaddr_storage address;
    tg_web *web = tg_calloc(NULL, 1, sizeof *web);
    *out = NULL;
    TG_CHECK(web != NULL, err, TG_ERR_MEMORY, "no memory for the web server");
    web->pages = *pages;
    web->tcp.data = web;
    TG_TRY(find_address(where, web, &address, err));
    (void)uv_tcp_init(loop, &web->tcp); /* without a family it makes no socket yet */
    (void)uv_timer_init(loop, &web->retry);
    web->retry.data = web;
    web->handles = 2;
    int failed = uv_tcp_bind(&web->tcp, (const struct sockaddr *)&address, 0);
    failed = failed != 0
                 ? failed
                 : uv_listen((uv_stream_t *)&web->tcp, TG_WEB_CONNECTIONS_MAX, on_connection);
    TG_CHECK(failed != UV_EADDRINUSE, err, TG_ERR_EXISTS,
             "web address %s: another program listens there: stop it, or give another port (0: "
             "any free one)",
             where);
    TG_CHECK(failed == 0, err, failed == UV_EADDRNOTAVAIL ? TG_ERR_VALUE : TG_ERR_IO,
             "web address %s: %s%s", where, uv_strerror(failed),
             failed == UV_EADDRNOTAVAIL ? ": give one of this host's own addresses" : "");
    name_url(web);
    *out = web;
    web = NULL;
out:
    if (web != NULL && web->handles == 0) {
        tg_free(NULL, web, sizeof *web);
    } else {
        tg_web_close(web);
    }
    return status;
}

void
tg_web_close(tg_web *web)
{
    if (web != NULL) {
        web->closing = true;
        while (web->oldest != NULL) {
            end(web->oldest);
        }
        uv_close((uv_handle_t *)&web->tcp, on_server_closed);
        uv_close((uv_handle_t *)&web->retry, on_server_closed);
    }
}

const char *
tg_web_url(const tg_web *web)
{
    return web->url;
}
