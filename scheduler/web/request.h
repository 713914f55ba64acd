/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_WEB_REQUEST_H
#define TG_WEB_REQUEST_H
/*
 * What: the head of an HTTP/1.x request, read strictly. What a monitoring program or a browser
 * sends passes; whatever two readers could understand differently does not: folded lines, bare line
 * feeds, blanks before a colon, two Hosts, bodies.
 *
 *     int code = tg_web_request_read(bytes, count, &request);
 *     0: there is more to come     200: request is set     else: the status to answer with
 *
 * Ownership: the struct is the caller's and holds copies. Threads: any. Errors: HTTP status codes.
 */
#include <stdbool.h>
#include <stddef.h>

enum {
    TG_WEB_HEAD_BYTES_MAX = 8192, /* as servers usually have it */
    TG_WEB_HEADERS_MAX = 64,
    TG_WEB_PATH_MAX = 255,
    TG_WEB_HOST_MAX = 255
};

typedef struct tg_web_request {
    bool head_only;                 /* HEAD, not GET */
    char path[TG_WEB_PATH_MAX + 1]; /* without what follows a '?' */
    char host[TG_WEB_HOST_MAX + 1]; /* small letters, without port and brackets */
} tg_web_request;

int tg_web_request_read(const char *bytes, size_t count, tg_web_request *out);
/* "name:port", "[::1]:port" or without the port: the host in small letters. False: it is none. */
bool tg_web_host_read(const char *text, size_t bytes, char host[TG_WEB_HOST_MAX + 1]);
/* The words of a status: "Not Found". */
const char *tg_web_reason(int code);

#endif
