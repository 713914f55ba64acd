/* SPDX-License-Identifier: BSD-3-Clause */
/* Reading the heads of requests: what passes, what does not, in one piece and byte by byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "scheduler/web/request.h"

#define HOST "Host: localhost\r\n"

static int
read_text(const char *text, tg_web_request *out)
{
    return tg_web_request_read(text, strlen(text), out);
}

static void
test_what_passes(void **state)
{
    tg_web_request request;
    (void)state;
    assert_int_equal(read_text("GET /metrics HTTP/1.1\r\n" HOST "\r\n", &request), 200);
    assert_string_equal(request.path, "/metrics");
    assert_string_equal(request.host, "localhost");
    assert_false(request.head_only);
    assert_int_equal(read_text("HEAD /a?b=/c HTTP/1.0\r\nhOST: \t[FE80::1]:80 \t\r\n"
                               "Accept: */*;q=\"\xc3\xa4\"\r\nContent-Length: 0\r\n\r\n",
                               &request),
                     200);
    assert_string_equal(request.path, "/a");
    assert_string_equal(request.host, "fe80::1");
    assert_true(request.head_only);
    /* What follows the head is not read. */
    assert_int_equal(read_text("GET / HTTP/1.1\r\n" HOST "\r\nPOST / nonsense\n", &request), 200);
}

static void
test_what_does_not(void **state)
{
    static const struct {
        int code;
        const char *text;
    } cases[] = {
        { 400, "\r\n" },
        { 400, "GET\r\n" },
        { 400, "GET /\r\n" },
        { 400, "GET  / HTTP/1.1\r\n" },
        { 400, "GET / HTTP/1.1 \r\n" },
        { 400, "GET / HTTP/1.1\n" },
        { 400, "GET /\x01 HTTP/1.1\r\n" },
        { 400, "GET /\xc3\xa4 HTTP/1.1\r\n" },
        { 400, "GET http://localhost/ HTTP/1.1\r\n" },
        { 400, "GET * HTTP/1.1\r\n" },
        { 400, "G(T / HTTP/1.1\r\n" },
        { 505, "GET / HTTP/2.0\r\n" },
        { 505, "GET / HTTP/1.9\r\n" },
        { 405, "POST /metrics HTTP/1.1\r\n" },
        { 405, "get / HTTP/1.1\r\n" },
        { 400, "GET / HTTP/1.1\r\n\r\n" },
        { 400, "GET / HTTP/1.1\r\n" HOST HOST "\r\n" },
        { 400, "GET / HTTP/1.1\r\nHost: \r\n" },
        { 400, "GET / HTTP/1.1\r\nHost: a b\r\n" },
        { 400, "GET / HTTP/1.1\r\nHost: a,b\r\n" },
        { 400, "GET / HTTP/1.1\r\nHost: a:b\r\n" },
        { 400, "GET / HTTP/1.1\r\nHost: a:\r\n" },
        { 400, "GET / HTTP/1.1\r\nHost: [::1\r\n" },
        { 400, "GET / HTTP/1.1\r\nHost: [::1]x\r\n" },
        { 400, "GET / HTTP/1.1\r\nHost: me@evil\r\n" },
        { 400, "GET / HTTP/1.1\r\nHost : a\r\n" },
        { 400, "GET / HTTP/1.1\r\nno colon\r\n" },
        { 400, "GET / HTTP/1.1\r\n: empty\r\n" },
        { 400, "GET / HTTP/1.1\r\nA: b\r\n folded\r\n" },
        { 400, "GET / HTTP/1.1\r\nA: b\x7f\r\n" },
        { 400, "GET / HTTP/1.1\r\nA: b\n" },
        { 413, "GET / HTTP/1.1\r\nContent-Length: 1\r\n" },
        { 413, "GET / HTTP/1.1\r\nContent-Length: 0, 0\r\n" },
        { 413, "GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n" },
        { 0, "" },
        { 0, "GET / HTTP/1.1\r\n" HOST },
        { 0, "GET / HTTP/1.1\r\n" HOST "\r" },
    };
    tg_web_request request;
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int code = read_text(cases[i].text, &request);
        if (code != cases[i].code) {
            fail_msg("%d instead of %d for %s", code, cases[i].code, cases[i].text);
        }
    }
    /* A byte 0 is no end. */
    static const char zero[] = "GET /a\0b HTTP/1.1\r\n" HOST "\r\n";
    assert_int_equal(tg_web_request_read(zero, sizeof zero - 1, &request), 400);
    static const char zero_host[] = "GET /ab HTTP/1.1\r\nHost: a\0b\r\n\r\n";
    assert_int_equal(tg_web_request_read(zero_host, sizeof zero_host - 1, &request), 400);
}

static void
test_sizes(void **state)
{
    char text[2 * TG_WEB_HEAD_BYTES_MAX];
    tg_web_request request;
    (void)state;
    (void)snprintf(text, sizeof text, "GET /%0*d HTTP/1.1\r\n" HOST "\r\n", TG_WEB_PATH_MAX - 1, 0);
    assert_int_equal(read_text(text, &request), 200);
    assert_int_equal(strlen(request.path), TG_WEB_PATH_MAX);
    (void)snprintf(text, sizeof text, "GET /%0*d HTTP/1.1\r\n" HOST "\r\n", TG_WEB_PATH_MAX, 0);
    assert_int_equal(read_text(text, &request), 414);
    (void)snprintf(text, sizeof text, "GET / HTTP/1.1\r\nHost: %0*d\r\n\r\n", TG_WEB_HOST_MAX, 0);
    assert_int_equal(read_text(text, &request), 200);
    (void)snprintf(text, sizeof text, "GET / HTTP/1.1\r\nHost: %0*d\r\n\r\n", TG_WEB_HOST_MAX + 1,
                   0);
    assert_int_equal(read_text(text, &request), 400);
    for (int headers = TG_WEB_HEADERS_MAX; headers <= TG_WEB_HEADERS_MAX + 1; headers++) {
        (void)snprintf(text, sizeof text, "GET / HTTP/1.1\r\n" HOST);
        for (int i = 1; i < headers; i++) {
            (void)snprintf(text + strlen(text), sizeof text - strlen(text), "A: b\r\n");
        }
        (void)snprintf(text + strlen(text), sizeof text - strlen(text), "\r\n");
        assert_int_equal(read_text(text, &request), headers > TG_WEB_HEADERS_MAX ? 431 : 200);
    }
    memset(text, 'a', sizeof text);
    assert_int_equal(tg_web_request_read(text, TG_WEB_HEAD_BYTES_MAX - 1, &request), 0);
    assert_int_equal(tg_web_request_read(text, TG_WEB_HEAD_BYTES_MAX, &request), 431);
}

/* However much has come, a request that is whole in the end is never refused before. */
static void
test_byte_by_byte(void **state)
{
    static const char text[] = "GET /metrics?x HTTP/1.1\r\n" HOST "Accept: text/plain\r\n\r\n";
    tg_web_request request;
    (void)state;
    for (size_t count = 0; count < sizeof text - 1; count++) {
        assert_int_equal(tg_web_request_read(text, count, &request), 0);
    }
    assert_int_equal(tg_web_request_read(text, sizeof text - 1, &request), 200);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_passes),
        cmocka_unit_test(test_what_does_not),
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_byte_by_byte),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
