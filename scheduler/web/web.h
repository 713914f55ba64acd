/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_WEB_WEB_H
#define TG_WEB_WEB_H
/*
 * What: what a scheduler tells over HTTP: GET /metrics (the text format of Prometheus) and
 * GET /health (200 and "ok"; 503 and "no worker" while there is none). It changes nothing, so it
 * asks for no password; it names workers, so it listens on this host unless another address is
 * given.
 *
 *     tg_web_open(tg_net_loop(net), "127.0.0.1:9000", &pages, &web, &err);
 *
 * Against those who mean harm, or are broken:
 *   - requests are read strictly and are at most 8 KiB (request.h); one for each connection
 *   - 5 s from the first byte to the last of the answer; then the connection ends, whatever it does
 *   - 32 connections; a further one takes the place of the one that has waited longest, so that
 *     many slow ones shut nobody out
 *   - Host must be a numeric address, localhost, this host's name or the one that was given: a page
 *     of another site, whose name was made to lead here, reads nothing
 *   - a page is made anew at most 10 times a second, so that asking costs the scheduler little
 *
 * Ownership: tg_web_close frees, before the loop goes, which must turn once more. `pages` is
 * copied. Threads: the loop's. Errors: TG_ERR_VALUE for an address that is none, TG_ERR_EXISTS for
 * a port in use, TG_ERR_IO.
 */
#include "core/base/status.h"
#include "core/mem/text.h"

typedef struct tg_web tg_web;
struct uv_loop_s;

typedef struct tg_web_pages {
    void *ctx;
    void (*metrics)(void *ctx, tg_text *out);
    bool (*healthy)(void *ctx);
} tg_web_pages;

enum { TG_WEB_CONNECTIONS_MAX = 32, TG_WEB_DEADLINE_MS = 5000, TG_WEB_PAGE_AGE_MS = 100 };

/* `where`: "host:port", "[::1]:port", "port" on this host alone; port 0: any free one. */
TG_MUST_USE tg_status tg_web_open(struct uv_loop_s *loop, const char *where,
                                  const tg_web_pages *pages, tg_web **out, tg_error *err);
/* NULL is allowed. */
void tg_web_close(tg_web *web);
/* "http://127.0.0.1:9000", with the port that was chosen. */
const char *tg_web_url(const tg_web *web);

#endif
