/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The web server before those who ask, those who are slow, those who are many, and those who write
 * what they like. The server's loop is turned by hand, in the thread of the clients.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#include <cmocka.h>

#include "scheduler/web/request.h"
#include "scheduler/web/web.h"

typedef struct bed {
    uv_loop_t loop;
    tg_web *web;
    bool healthy;
    int made;          /* pages */
    size_t page_bytes; /* of filler in a page */
} bed;

typedef struct client {
    int fd;
    size_t used;
    bool ended;
    char text[4096];
} client;

static void
make_metrics(void *ctx, tg_text *out)
{
    bed *b = ctx;
    b->made++;
    tg_text_add(out, "pages %d\n%*s", b->made, (int)b->page_bytes, "");
}

static bool
is_healthy(void *ctx)
{
    return ((bed *)ctx)->healthy;
}

static void
begin(bed *b, const char *where)
{
    tg_error err;
    memset(b, 0, sizeof *b);
    tg_web_pages pages = { .ctx = b, .metrics = make_metrics, .healthy = is_healthy };
    assert_int_equal(uv_loop_init(&b->loop), 0);
    if (tg_web_open(&b->loop, where, &pages, &b->web, &err) != TG_OK) {
        fail_msg("%s", err.message);
    }
}

static void
finish(bed *b)
{
    tg_web_close(b->web);
    assert_int_equal(uv_run(&b->loop, UV_RUN_DEFAULT), 0);
    assert_int_equal(uv_loop_close(&b->loop), 0); /* no handle is left */
}

static client
connect_to(const bed *b)
{
    client c = { .fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0) };
    struct sockaddr_in there = { .sin_family = AF_INET };
    const char *url = tg_web_url(b->web);
    there.sin_port = htons((uint16_t)strtoul(strrchr(url, ':') + 1, NULL, 10));
    there.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(connect(c.fd, (struct sockaddr *)&there, sizeof there), 0);
    assert_int_equal(fcntl(c.fd, F_SETFL, O_NONBLOCK), 0);
    return c;
}

static void
say(client *c, const void *bytes, size_t count)
{
    (void)send(c->fd, bytes, count, MSG_NOSIGNAL); /* a refused one may be closed by now */
}

static void
turn(bed *b, client *c)
{
    (void)uv_run(&b->loop, UV_RUN_NOWAIT);
    while (!c->ended) {
        char more[4096];
        ssize_t got = recv(c->fd, more, sizeof more, 0);
        if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
            break;
        }
        c->ended = got <= 0;
        size_t room = sizeof c->text - 1 - c->used;
        size_t take = got <= 0 ? 0 : (size_t)got < room ? (size_t)got : room;
        memcpy(c->text + c->used, more, take);
        c->used += take;
        c->text[c->used] = '\0';
    }
}

/* Turns until the connection is ended by the server; false: it is not, in this time. */
static bool
ends(bed *b, client *c, int64_t within_ms)
{
    uint64_t until = uv_hrtime() + (uint64_t)within_ms * 1000000;
    while (!c->ended && uv_hrtime() < until) {
        turn(b, c);
        (void)usleep(500);
    }
    return c->ended;
}

static void
ask_as(bed *b, client *c, const char *line, const char *host)
{
    char text[512];
    *c = connect_to(b);
    (void)snprintf(text, sizeof text, "%s HTTP/1.1\r\nHost: %s\r\n\r\n", line, host);
    say(c, text, strlen(text));
    assert_true(ends(b, c, 4000));
    (void)close(c->fd);
}

static int
code_of(const client *c)
{
    return strncmp(c->text, "HTTP/1.1 ", 9) == 0 ? (int)strtol(c->text + 9, NULL, 10) : 0;
}

static void
test_pages(void **state)
{
    bed b;
    client c;
    (void)state;
    begin(&b, "0");
    assert_memory_equal(tg_web_url(b.web), "http://127.0.0.1:", 17);
    ask_as(&b, &c, "GET /metrics", "localhost:1");
    assert_int_equal(code_of(&c), 200);
    assert_non_null(strstr(c.text, "\r\nContent-Type: text/plain; version=0.0.4"));
    assert_non_null(strstr(c.text, "\r\nContent-Length: 8\r\n"));
    assert_non_null(strstr(c.text, "\r\nConnection: close\r\n"));
    assert_non_null(strstr(c.text, "\r\n\r\npages 1\n"));
    ask_as(&b, &c, "HEAD /metrics", "localhost");
    assert_int_equal(code_of(&c), 200);
    assert_string_equal(strstr(c.text, "\r\n\r\n"), "\r\n\r\n");
    ask_as(&b, &c, "GET /health", "localhost");
    assert_int_equal(code_of(&c), 503);
    assert_non_null(strstr(c.text, "no worker"));
    b.healthy = true;
    ask_as(&b, &c, "GET /health?verbose", "localhost");
    assert_int_equal(code_of(&c), 200);
    assert_non_null(strstr(c.text, "\r\n\r\nok\n"));
    ask_as(&b, &c, "GET /metrics/", "localhost");
    assert_int_equal(code_of(&c), 404);
    ask_as(&b, &c, "DELETE /metrics", "localhost");
    assert_int_equal(code_of(&c), 405);
    assert_non_null(strstr(c.text, "\r\nAllow: GET, HEAD\r\n"));
    finish(&b);
}

static void
test_hosts(void **state)
{
    bed b;
    client c;
    char own[256] = "";
    (void)state;
    begin(&b, "localhost:0");
    (void)gethostname(own, sizeof own - 1);
    const char *good[] = {
        "localhost", "LOCALHOST:80", "127.0.0.1:80", "[::1]:80", "10.1.2.3", own
    };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        ask_as(&b, &c, "GET /health", good[i]);
        assert_int_equal(code_of(&c), 503);
    }
    const char *bad[] = { "evil.example", "localhost.evil.example", "127.0.0.1.evil.example" };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        ask_as(&b, &c, "GET /metrics", bad[i]);
        assert_int_equal(code_of(&c), 421);
        assert_null(strstr(c.text, "pages"));
    }
    finish(&b);
}

static void
test_asking_often_makes_few_pages(void **state)
{
    bed b;
    client c;
    (void)state;
    begin(&b, "0");
    uint64_t begun = uv_hrtime();
    for (int i = 0; i < 50; i++) {
        ask_as(&b, &c, "GET /metrics", "localhost");
        assert_int_equal(code_of(&c), 200);
    }
    uint64_t ages = (uv_hrtime() - begun) / 1000000 / TG_WEB_PAGE_AGE_MS;
    assert_true((uint64_t)b.made <= ages + 2);
    finish(&b);
}

/* Its answer is larger than what a socket takes at once, and it says that it has said all. */
static void
test_half_closed(void **state)
{
    bed b;
    (void)state;
    begin(&b, "0");
    b.page_bytes = (size_t)8 << 20;
    client c = connect_to(&b);
    static const char text[] = "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n";
    say(&c, text, sizeof text - 1);
    (void)shutdown(c.fd, SHUT_WR);
    size_t got = 0;
    uint64_t until = uv_hrtime() + UINT64_C(4000000000);
    while (!c.ended && uv_hrtime() < until) {
        turn(&b, &c);
        got += c.used;
        c.used = 0;
    }
    assert_true(c.ended && got >= 4096);
    (void)close(c.fd);
    finish(&b);
}

static void
test_oversized_heads(void **state)
{
    bed b;
    char line[1024];
    (void)state;
    begin(&b, "0");
    client c = connect_to(&b);
    memset(line, 'a', sizeof line);
    say(&c, "GET / HTTP/1.1\r\nHost: localhost\r\nA: ", 36);
    for (int i = 0; i < 32; i++) {
        say(&c, line, sizeof line);
    }
    (void)ends(&b, &c, 200);
    assert_int_equal(code_of(&c), 431);
    for (int i = 0; i < 1024 && !c.ended; i++) { /* what comes behind is read up to a limit */
        say(&c, line, sizeof line);
        turn(&b, &c);
    }
    assert_true(ends(&b, &c, 1000));
    (void)close(c.fd);
    ask_as(&b, &c, "GET /health", "localhost");
    assert_int_equal(code_of(&c), 503);
    finish(&b);
}

static void
test_slow_loris(void **state)
{
    bed b;
    (void)state;
    begin(&b, "0");
    client c = connect_to(&b);
    uint64_t begun = uv_hrtime();
    say(&c, "GET / HTTP/1.1\r\n", 16);
    while (!c.ended && uv_hrtime() - begun < UINT64_C(20000000000)) {
        say(&c, "A", 1); /* a byte now and then moves no deadline */
        (void)ends(&b, &c, 200);
    }
    uint64_t took_ms = (uv_hrtime() - begun) / 1000000;
    assert_true(c.ended && took_ms + 100 >= TG_WEB_DEADLINE_MS);
    (void)close(c.fd);
    finish(&b);
}

static void
test_many_connections(void **state)
{
    bed b;
    client idle[4 * TG_WEB_CONNECTIONS_MAX], c;
    size_t count = sizeof idle / sizeof *idle, open = 0;
    (void)state;
    begin(&b, "0");
    for (size_t i = 0; i < count; i++) {
        idle[i] = connect_to(&b);
        turn(&b, &idle[i]);
    }
    b.healthy = true;
    ask_as(&b, &c, "GET /health", "localhost"); /* well before any deadline */
    assert_int_equal(code_of(&c), 200);
    for (size_t i = 0; i < count; i++) {
        turn(&b, &idle[i]);
        open += !idle[i].ended;
        (void)close(idle[i].fd);
    }
    assert_in_range(open, 1, TG_WEB_CONNECTIONS_MAX - 1);
    finish(&b);
}

static uint32_t
random_number(uint32_t *seed)
{
    *seed = *seed * UINT32_C(1664525) + UINT32_C(1013904223);
    return *seed >> 8;
}

static void
test_random_bytes(void **state)
{
    static const char start[] = "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n";
    bed b;
    client c;
    uint32_t seed = 1;
    (void)state;
    begin(&b, "0");
    for (int i = 0; i < 300; i++) {
        char bytes[600];
        for (size_t k = 0; k < sizeof bytes; k++) {
            bytes[k] = (char)random_number(&seed);
        }
        if (i % 2 == 1) { /* a request in which some bytes are wrong */
            memcpy(bytes, start, sizeof start - 1);
            for (int k = 0; k < i % 7; k++) {
                bytes[random_number(&seed) % (sizeof start - 1)] = (char)random_number(&seed);
            }
        }
        c = connect_to(&b);
        say(&c, bytes, 1 + random_number(&seed) % sizeof bytes);
        turn(&b, &c);
        turn(&b, &c);
        assert_true(c.used == 0 || code_of(&c) >= 200);
        (void)close(c.fd);
        turn(&b, &(client){ .ended = true });
    }
    ask_as(&b, &c, "GET /metrics", "localhost");
    assert_int_equal(code_of(&c), 200);
    finish(&b);
}

static void
test_addresses(void **state)
{
    static const struct {
        const char *where;
        tg_status code;
    } cases[] = {
        { "", TG_ERR_VALUE },
        { "nowhere", TG_ERR_VALUE },
        { "localhost:", TG_ERR_VALUE },
        { "localhost:70000", TG_ERR_VALUE },
        { "localhost:-1", TG_ERR_VALUE },
        { "http://localhost:80", TG_ERR_VALUE },
        { "::1", TG_ERR_VALUE },
        { "192.0.2.1:0", TG_ERR_VALUE }, /* not one of this host's */
        { "no such name:0", TG_ERR_VALUE },
    };
    bed b;
    (void)state;
    begin(&b, "127.0.0.1:0");
    tg_web_pages pages = { .ctx = &b, .metrics = make_metrics, .healthy = is_healthy };
    tg_web *web = NULL;
    tg_error err;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        tg_status status = tg_web_open(&b.loop, cases[i].where, &pages, &web, &err);
        if (status != cases[i].code) {
            fail_msg("%s: %s", cases[i].where, status == TG_OK ? "opened" : err.message);
        }
        assert_null(web);
        assert_non_null(strstr(err.message, cases[i].where));
    }
    const char *port = strrchr(tg_web_url(b.web), ':') + 1;
    assert_int_equal(tg_web_open(&b.loop, port, &pages, &web, &err), TG_ERR_EXISTS);
    assert_non_null(strstr(err.message, "give another port"));
    finish(&b);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pages),
        cmocka_unit_test(test_hosts),
        cmocka_unit_test(test_asking_often_makes_few_pages),
        cmocka_unit_test(test_half_closed),
        cmocka_unit_test(test_oversized_heads),
        cmocka_unit_test(test_slow_loris),
        cmocka_unit_test(test_many_connections),
        cmocka_unit_test(test_random_bytes),
        cmocka_unit_test(test_addresses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
