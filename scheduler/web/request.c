/* SPDX-License-Identifier: BSD-3-Clause */
/* Reading the head of a request; see the header. Written from RFC 9112 and 9110. */
#include "scheduler/web/request.h"

#include <string.h>
#include <strings.h>

/* A piece of the head. */
typedef struct piece {
    const char *text;
    size_t bytes;
} piece;

/* What is learned of a request while its lines are read. */
typedef struct reading {
    tg_web_request *out;
    int headers;
    bool has_host;
} reading;

static bool
is_token(piece p)
{
    bool good = p.bytes > 0;
    for (size_t i = 0; good && i < p.bytes; i++) {
        char c = p.text[i];
        good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
    }
    return good;
}

/* Nothing but what can be seen, and blanks if they are allowed. */
static bool
is_plain(piece p, bool blanks)
{
    bool good = true;
    for (size_t i = 0; good && i < p.bytes; i++) {
        unsigned char c = (unsigned char)p.text[i];
        good = (c > ' ' && c < 0x7f) || (blanks && (c == ' ' || c == '\t' || c >= 0x80));
    }
    return good;
}

static bool
is_word(piece p, const char *word)
{
    return p.bytes == strlen(word) && memcmp(p.text, word, p.bytes) == 0;
}

/* Cuts `p` behind the first `c`, which goes; the whole of it when there is none. */
static piece
cut(piece *p, char c)
{
    const char *at = p->bytes > 0 ? memchr(p->text, c, p->bytes) : NULL;
    piece first = { p->text, at != NULL ? (size_t)(at - p->text) : p->bytes };
    size_t gone = at != NULL ? first.bytes + 1 : first.bytes;
    p->text += gone;
    p->bytes -= gone;
    return first;
}

static int
read_first_line(piece line, tg_web_request *out)
{
    piece method = cut(&line, ' '), target = cut(&line, ' ');
    int code = 200;
    if (!is_token(method) || target.bytes == 0 || !is_plain(target, false) ||
        target.text[0] != '/' || line.bytes != 8 || memcmp(line.text, "HTTP/", 5) != 0) {
        code = 400; /* also for what proxies are asked: http://... */
    } else if (!is_word(line, "HTTP/1.1") && !is_word(line, "HTTP/1.0")) {
        code = 505;
    } else if (!is_word(method, "GET") && !is_word(method, "HEAD")) {
        code = 405;
    } else {
        piece path = cut(&target, '?');
        if (path.bytes > TG_WEB_PATH_MAX) {
            code = 414;
        } else {
            memcpy(out->path, path.text, path.bytes);
            out->path[path.bytes] = '\0';
            out->head_only = is_word(method, "HEAD");
        }
    }
    return code;
}

static bool
is_port(piece p)
{
    bool good = p.bytes > 0 && p.bytes <= 5;
    for (size_t i = 0; good && i < p.bytes; i++) {
        good = p.text[i] >= '0' && p.text[i] <= '9';
    }
    return good;
}

bool
tg_web_host_read(const char *text, size_t bytes, char host[TG_WEB_HOST_MAX + 1])
{
    piece rest = { text, bytes }, name;
    bool good = true;
    host[0] = '\0';
    if (bytes > 0 && text[0] == '[') {
        rest.text++;
        rest.bytes--;
        name = cut(&rest, ']');
        good = rest.text > text + 1 && rest.text[-1] == ']' &&
               (rest.bytes == 0 ||
                (rest.text[0] == ':' && is_port((piece){ rest.text + 1, rest.bytes - 1 })));
    } else {
        bool port = memchr(text, ':', bytes) != NULL;
        name = cut(&rest, ':');
        good = !port || is_port(rest);
    }
    good = good && name.bytes > 0 && name.bytes <= TG_WEB_HOST_MAX;
    for (size_t i = 0; good && i < name.bytes; i++) {
        char c = name.text[i];
        host[i] = (char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
        host[i + 1] = '\0';
        good = (host[i] >= 'a' && host[i] <= 'z') || (c >= '0' && c <= '9') ||
               (c != '\0' && strchr(".-_:", c) != NULL);
    }
    return good;
}

static bool
is_name(piece p, const char *name)
{
    return p.bytes == strlen(name) && strncasecmp(p.text, name, p.bytes) == 0;
}

static int
read_header(piece line, reading *r)
{
    int code = 200;
    bool colon = memchr(line.text, ':', line.bytes) != NULL;
    piece name = cut(&line, ':');
    while (line.bytes > 0 && (line.text[0] == ' ' || line.text[0] == '\t')) {
        line.text++;
        line.bytes--;
    }
    while (line.bytes > 0 &&
           (line.text[line.bytes - 1] == ' ' || line.text[line.bytes - 1] == '\t')) {
        line.bytes--;
    }
    if (++r->headers > TG_WEB_HEADERS_MAX) {
        code = 431;
    } else if (!colon || !is_token(name) || !is_plain(line, true)) {
        code = 400; /* a folded line begins with a blank, which is in no token */
    } else if (is_name(name, "host")) {
        bool good = !r->has_host && tg_web_host_read(line.text, line.bytes, r->out->host);
        code = good ? 200 : 400;
        r->has_host = true;
    } else if (is_name(name, "transfer-encoding") ||
               (is_name(name, "content-length") && !is_word(line, "0"))) {
        code = 413; /* nothing that is asked for here has a body */
    }
    return code;
}

/* The line at *at without its end; false: there is none yet. code: 400 for a bare line feed. */
static bool
next_line(const char *bytes, size_t count, size_t *at, piece *line, int *code)
{
    const char *end = *at < count ? memchr(bytes + *at, '\n', count - *at) : NULL;
    if (end != NULL) {
        *line = (piece){ bytes + *at, (size_t)(end - (bytes + *at)) };
        *at += line->bytes + 1;
        if (line->bytes == 0 || line->text[line->bytes - 1] != '\r') {
            *code = 400;
        } else {
            line->bytes--;
        }
    }
    return end != NULL;
}

int
tg_web_request_read(const char *bytes, size_t count, tg_web_request *out)
{
    reading r = { .out = out };
    piece line = { 0 };
    size_t at = 0;
    int code = 200, lines = 0;
    bool whole = false;
    *out = (tg_web_request){ 0 };
    while (code == 200 && !whole && next_line(bytes, count, &at, &line, &code)) {
        if (code != 200) {
            break;
        }
        whole = line.bytes == 0 && lines > 0;
        if (!whole) {
            code = lines == 0 ? read_first_line(line, out) : read_header(line, &r);
        }
        lines++;
    }
    if (code == 200 && !whole) {
        code = count >= TG_WEB_HEAD_BYTES_MAX ? 431 : 0;
    } else if (code == 200 && at > TG_WEB_HEAD_BYTES_MAX) {
        code = 431;
    } else if (code == 200 && !r.has_host) {
        code = 400;
    }
    return code;
}

const char *
tg_web_reason(int code)
{
    static const struct {
        int code;
        const char *reason;
    } reasons[] = { { 200, "OK" },
                    { 400, "Bad Request" },
                    { 404, "Not Found" },
                    { 405, "Method Not Allowed" },
                    { 408, "Request Timeout" },
                    { 413, "Content Too Large" },
                    { 414, "URI Too Long" },
                    { 421, "Misdirected Request" },
                    { 431, "Request Header Fields Too Large" },
                    { 500, "Internal Server Error" },
                    { 503, "Service Unavailable" },
                    { 505, "HTTP Version Not Supported" } };
    const char *reason = "";
    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++) {
        reason = reasons[i].code == code ? reasons[i].reason : reason;
    }
    return reason;
}
