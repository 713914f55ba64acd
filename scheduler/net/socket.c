/* SPDX-License-Identifier: BSD-3-Clause */
/* ZeroMQ sockets with the options of this project. See socket.h. */
#include "scheduler/net/socket.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <uv.h>
#include <zmq.h>

#include "core/base/size.h"
#include "core/mem/alloc.h"
#include "scheduler/net/zap.h"

enum {
    ZAP_ENFORCE_DOMAIN = 93, /* in the header of draft builds only, but there in all since 4.3 */
    EVENTS = ZMQ_EVENT_DISCONNECTED | ZMQ_EVENT_CONNECT_RETRIED | ZMQ_EVENT_HANDSHAKE_SUCCEEDED |
             ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL | ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL |
             ZMQ_EVENT_HANDSHAKE_FAILED_AUTH,
    CURVE_BYTES = 64, /* what encryption adds to a frame, and a little */
    PROBE_MS = 5000
};
#define REFUSED_NS ((int64_t)1000000000)
#define TRY_NS     ((int64_t)1000000000) /* for one of several addresses */
#define NEXT_NS    ((int64_t)100000000)  /* where nobody listens */

static bool
set_int(void *zmq, int option, int value)
{
    return zmq_setsockopt(zmq, option, &value, sizeof value) == 0;
}

static bool
set_text(void *zmq, int option, const char *value)
{
    return zmq_setsockopt(zmq, option, value, strlen(value)) == 0;
}

static bool
set_options(void *zmq, const tg_socket_options *o, bool ipv6)
{
    int64_t frame_bytes = o->frame_bytes_max + CURVE_BYTES;
    uint64_t affinity = o->data ? TG_ZMQ_DATA_AFFINITY : TG_ZMQ_CONTROL_AFFINITY;
    int lease_s = (int)tg_max_i64(o->lease_ns / 1000000000, 3);
    return set_int(zmq, ZMQ_LINGER, 250) && set_int(zmq, ZMQ_SNDHWM, o->frames_max) &&
           set_int(zmq, ZMQ_RCVHWM, o->frames_max) && set_int(zmq, ZMQ_HANDSHAKE_IVL, 10000) &&
           zmq_setsockopt(zmq, ZMQ_MAXMSGSIZE, &frame_bytes, sizeof frame_bytes) == 0 &&
           zmq_setsockopt(zmq, ZMQ_AFFINITY, &affinity, sizeof affinity) == 0 &&
           set_int(zmq, ZMQ_TCP_KEEPALIVE, 1) &&
           set_int(zmq, ZMQ_TCP_KEEPALIVE_IDLE, lease_s / 3) &&
           set_int(zmq, ZMQ_TCP_KEEPALIVE_INTVL, (int)tg_max_i64(lease_s / 6, 1)) &&
           set_int(zmq, ZMQ_TCP_KEEPALIVE_CNT, 3) && set_int(zmq, ZMQ_TCP_MAXRT, 1000 * lease_s) &&
           set_int(zmq, ZMQ_RECONNECT_IVL, 100) && set_int(zmq, ZMQ_RECONNECT_IVL_MAX, 2000) &&
           set_int(zmq, ZMQ_BACKLOG, 1024) && set_int(zmq, ZMQ_IPV6, ipv6);
}

static bool
set_keys(void *zmq, const tg_key_pair *own, const char *server_key, const tg_zap_domain *allowed)
{
    bool set = set_text(zmq, ZMQ_CURVE_PUBLICKEY, own->public_key) &&
               set_text(zmq, ZMQ_CURVE_SECRETKEY, own->secret_key);
    if (set && server_key != NULL) {
        set = set_text(zmq, ZMQ_CURVE_SERVERKEY, server_key);
    } else if (set) {
        set = set_int(zmq, ZMQ_CURVE_SERVER, 1) &&
              set_text(zmq, ZMQ_ZAP_DOMAIN, tg_zap_name(allowed)) &&
              set_int(zmq, ZAP_ENFORCE_DOMAIN, 1);
    }
    return set;
}

static bool
get_fd(void *zmq, int *fd)
{
    size_t bytes = sizeof *fd;
    return zmq_getsockopt(zmq, ZMQ_FD, fd, &bytes) == 0;
}

static tg_status
open_monitor(tg_socket *socket, void *context, tg_error *err)
{
    static atomic_uint last;
    tg_status status = TG_OK;
    char name[64];
    (void)snprintf(name, sizeof name, "inproc://tg-monitor-%u", atomic_fetch_add(&last, 1));
    TG_CHECK(zmq_socket_monitor(socket->zmq, name, EVENTS) == 0, err, TG_ERR_IO,
             "connections cannot be watched: %s", zmq_strerror(zmq_errno()));
    socket->monitor = zmq_socket(context, ZMQ_PAIR);
    /* No limit: a monitor that is full would stop the I/O thread. */
    TG_CHECK(socket->monitor != NULL && set_int(socket->monitor, ZMQ_LINGER, 0) &&
                 set_int(socket->monitor, ZMQ_RCVHWM, 0) &&
                 zmq_connect(socket->monitor, name) == 0 &&
                 get_fd(socket->monitor, &socket->monitor_fd),
             err, TG_ERR_IO, "connections cannot be watched: %s", zmq_strerror(zmq_errno()));
out:
    return status;
}

static tg_status
open_socket(tg_socket *socket, int type, const tg_endpoint *endpoint,
            const tg_socket_options *options, tg_error *err)
{
    tg_status status = TG_OK;
    void *context = NULL;
    memset(socket, 0, sizeof *socket);
    TG_TRY(tg_zmq_context(&context, err));
    socket->zmq = zmq_socket(context, type);
    TG_CHECK(socket->zmq != NULL, err, TG_ERR_IO, "%s: no socket: %s%s", endpoint->url,
             zmq_strerror(zmq_errno()),
             zmq_errno() == EMFILE ? "; raise the limit of open files (ulimit -n)" : "");
    TG_CHECK(set_options(socket->zmq, options, endpoint->ipv6) &&
                 (type == ZMQ_ROUTER ? set_int(socket->zmq, ZMQ_ROUTER_MANDATORY, 1)
                                     : set_int(socket->zmq, ZMQ_IMMEDIATE, 1)) &&
                 get_fd(socket->zmq, &socket->fd),
             err, TG_ERR_IO, "%s: a socket cannot be set up: %s", endpoint->url,
             zmq_strerror(zmq_errno()));
    TG_TRY(open_monitor(socket, context, err));
    (void)snprintf(socket->url, sizeof socket->url, "%s", endpoint->url);
out:
    return status;
}

/* ZeroMQ removes the file of an ipc socket in the background, which the end of the process may
 * forestall. Somebody else may listen there by now, with a file of his own. */
static void
remove_file(const tg_socket *socket)
{
    struct stat about;
    const char *path = socket->url + strlen("ipc://");
    if (socket->inode != 0 && stat(path, &about) == 0 && (uint64_t)about.st_ino == socket->inode) {
        (void)unlink(path);
    }
}

void
tg_socket_close(tg_socket *socket)
{
    if (socket->zmq != NULL) {
        (void)zmq_socket_monitor(socket->zmq, NULL, 0);
        remove_file(socket);
        (void)zmq_close(socket->zmq);
    }
    if (socket->monitor != NULL) {
        (void)zmq_close(socket->monitor);
    }
    tg_free(NULL, socket->urls, socket->url_count * sizeof *socket->urls);
    memset(socket, 0, sizeof *socket);
}

bool
tg_socket_readable(void *zmq)
{
    int events = 0;
    size_t bytes = sizeof events;
    return zmq_getsockopt(zmq, ZMQ_EVENTS, &events, &bytes) == 0 && (events & ZMQ_POLLIN) != 0;
}

/* -- what the monitor tells ----------------------------------------------------------------- */

static void
explain(bool dialled, const char *url, uint16_t event, uint32_t value, char *text, size_t room)
{
    if (event == ZMQ_EVENT_HANDSHAKE_FAILED_AUTH) {
        (void)snprintf(text, room,
                       dialled
                           ? "%s refuses our key (%u): use the join file of this cluster, or "
                             "have the key added to those that it lets in"
                           : "%s: somebody was refused whose key is not known here (%u): who is "
                             "to be let in needs the join file of this cluster",
                       url, (unsigned)value);
    } else if (event == ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL) {
        (void)snprintf(text, room,
                       dialled ? "%s has closed the connection before it was made (%s): it is "
                                 "stopping, or has another key than its join file says"
                               : "%s: somebody connected, and left before saying who it is (%s)",
                       url, strerror((int)value));
    } else {
        (void)snprintf(text, room,
                       dialled ? "%s does not speak our protocol, has another key than its join "
                                 "file says, or wants keys (0x%x)"
                               : "%s: somebody connected who does not speak our protocol (0x%x)",
                       url, (unsigned)value);
    }
}

/* When to look elsewhere, should the connection not come up. */
static int64_t
give_time(const tg_socket *socket)
{
    return socket->url_count > 1 ? (int64_t)uv_hrtime() + TRY_NS : 0;
}

/* libzmq does not connect again to who has refused it; but its keys may be mended meanwhile. */
static void
connect_again(tg_socket *socket)
{
    if (socket->again_ns != 0 && (int64_t)uv_hrtime() >= socket->again_ns) {
        socket->again_ns = 0;
        if (!socket->up) {
            (void)zmq_disconnect(socket->zmq, socket->url);
            socket->tried++;
            socket->at = socket->at + 1 < socket->url_count ? socket->at + 1 : 0;
            memcpy(socket->url, socket->urls[socket->at], sizeof socket->url);
            (void)zmq_connect(socket->zmq, socket->url);
            socket->again_ns = give_time(socket);
        }
    }
}

/* True: it is to be told, as no other address is left to try first. */
static bool
was_refused(tg_socket *socket)
{
    bool last = !socket->dialled || socket->tried + 1 >= socket->url_count;
    if (socket->dialled) {
        socket->again_ns = (int64_t)uv_hrtime() + (last ? REFUSED_NS : 0);
    }
    return last;
}

/* Nobody listens there, so another address is next; but one that was up is tried once more. True:
 * it was taken to be up. */
static bool
was_retried(tg_socket *socket)
{
    bool cut = socket->url_count > 1 && socket->up;
    if (socket->url_count > 1 && !socket->once) {
        int64_t soon = (int64_t)uv_hrtime() + NEXT_NS;
        socket->again_ns = socket->again_ns == 0 ? soon : tg_min_i64(socket->again_ns, soon);
    }
    socket->up = socket->up && !cut;
    socket->once = false;
    return cut;
}

tg_socket_event
tg_socket_next_event(tg_socket *socket, uint32_t *line, char *text, size_t room)
{
    unsigned char event[6] = { 0 };
    char address[TG_ENDPOINT_MAX + 1];
    tg_socket_event happened = TG_SOCKET_NOTHING;
    while (happened == TG_SOCKET_NOTHING &&
           zmq_recv(socket->monitor, event, sizeof event, ZMQ_DONTWAIT) == sizeof event) {
        uint16_t kind = 0;
        uint32_t value = 0;
        (void)zmq_recv(socket->monitor, address, sizeof address, ZMQ_DONTWAIT);
        memcpy(&kind, event, sizeof kind);
        memcpy(&value, event + sizeof kind, sizeof value);
        if (kind == ZMQ_EVENT_CONNECT_RETRIED) {
            happened = was_retried(socket) ? TG_SOCKET_CUT : TG_SOCKET_NOTHING;
        } else if (kind == ZMQ_EVENT_HANDSHAKE_SUCCEEDED) {
            socket->up = true;
            socket->again_ns = 0;
            socket->tried = 0;
            happened = socket->dialled ? TG_SOCKET_UP : TG_SOCKET_NOTHING;
        } else if (kind == ZMQ_EVENT_DISCONNECTED) {
            socket->again_ns = socket->up ? give_time(socket) : socket->again_ns;
            socket->once = socket->up;
            happened = socket->dialled && !socket->up ? TG_SOCKET_NOTHING : TG_SOCKET_CUT;
            socket->up = false;
            *line = value;
        } else if (kind == ZMQ_EVENT_HANDSHAKE_FAILED_AUTH && socket->probed) {
            socket->probed = false; /* that was our own key of nobody */
        } else if (kind != 0) {
            explain(socket->dialled, socket->url, kind, value, text, room);
            happened = was_refused(socket) ? TG_SOCKET_REFUSED : TG_SOCKET_NOTHING;
        }
    }
    if (happened == TG_SOCKET_NOTHING) { /* all that is known of the connection has been read */
        connect_again(socket);
    }
    return happened;
}

int64_t
tg_socket_deadline(const tg_socket *socket)
{
    return socket->again_ns != 0 ? socket->again_ns : INT64_MAX;
}

/* -- listening ------------------------------------------------------------------------------ */

/* libzmq takes away the file of a socket that is in use; so ask before. */
static bool
is_in_use(const char *path)
{
    struct sockaddr_un name = { .sun_family = AF_UNIX };
    bool used = false;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0) {
        (void)snprintf(name.sun_path, sizeof name.sun_path, "%.*s", (int)sizeof name.sun_path - 1,
                       path);
        used = connect(fd, (const struct sockaddr *)&name, sizeof name) == 0;
        (void)close(fd);
    }
    return used;
}

/* What libzmq makes of "0.0.0.0", "*", "[::]" and names like "0". */
static bool
is_every_address(const char *url)
{
    return strncmp(url, "tcp://0.0.0.0:", 14) == 0 || strncmp(url, "tcp://[::]:", 11) == 0 ||
           strncmp(url, "tcp://[::ffff:0.0.0.0]:", 23) == 0;
}

/* Connects with a key of nobody, and is content only if that is refused: an error in the set-up of
 * keys does not show otherwise, as it lets everybody in. */
static tg_status
probe(const tg_socket_options *options, const char *url, tg_error *err)
{
    tg_status status = TG_OK;
    tg_socket nobody = { 0 };
    tg_endpoint endpoint = { 0 };
    tg_key_pair key = { 0 };
    char text[256] = "";
    uint32_t line = 0;
    (void)snprintf(endpoint.url, sizeof endpoint.url, "%s", url);
    endpoint.ipv6 = strchr(endpoint.url, '[') != NULL;
    TG_TRY(tg_keys_make(&key, err));
    TG_TRY(open_socket(&nobody, ZMQ_DEALER, &endpoint, options, err));
    nobody.dialled = true;
    TG_CHECK(set_keys(nobody.zmq, &key, options->security->listen.public_key, NULL) &&
                 zmq_connect(nobody.zmq, endpoint.url) == 0,
             err, TG_ERR_IO, "%s: whether keys are checked cannot be tried: %s", url,
             zmq_strerror(zmq_errno()));
    zmq_pollitem_t item = { .socket = nobody.monitor, .events = ZMQ_POLLIN };
    tg_socket_event event = TG_SOCKET_NOTHING;
    int64_t end = (int64_t)uv_hrtime() + (int64_t)PROBE_MS * 1000000;
    while (event == TG_SOCKET_NOTHING && (int64_t)uv_hrtime() < end) {
        (void)zmq_poll(&item, 1, 100);
        event = tg_socket_next_event(&nobody, &line, text, sizeof text);
    }
    TG_CHECK(event == TG_SOCKET_REFUSED, err, TG_ERR_INTERNAL,
             "%s: %s a key of nobody, so this is no safe place to listen: it is closed again", url,
             event == TG_SOCKET_UP ? "it lets in" : "it does not refuse");
out:
    tg_socket_close(&nobody);
    return status;
}

static tg_status
bind_socket(tg_socket *socket, const tg_endpoint *endpoint, tg_error *err)
{
    tg_status status = TG_OK;
    const char *hint = endpoint->path[0] != '\0' ? "another scheduler listens there"
                                                 : "take another port, or 0 for any free one";
    TG_CHECK(endpoint->path[0] == '\0' || !is_in_use(endpoint->path), err, TG_ERR_EXISTS,
             "%s is in use: %s", endpoint->url, hint);
    if (zmq_bind(socket->zmq, endpoint->url) != 0) {
        bool used = zmq_errno() == EADDRINUSE;
        status = used ? tg_fail(err, TG_ERR_EXISTS, "%s is in use: %s", endpoint->url, hint)
                      : tg_fail(err, TG_ERR_IO, "%s: nobody can listen there: %s", endpoint->url,
                                zmq_strerror(zmq_errno()));
    }
    TG_CHECK(status != TG_OK || endpoint->path[0] == '\0' || chmod(endpoint->path, 0600) == 0, err,
             TG_ERR_IO, "%s cannot be made private: %s", endpoint->url, strerror(errno));
out:
    return status;
}

tg_status
tg_socket_listen(tg_socket *socket, const char *address, const tg_socket_options *options,
                 char *actual, size_t room, tg_error *err)
{
    tg_status status = TG_OK;
    tg_endpoint endpoint;
    const tg_net_security *security = options->security;
    bool keys = security->listen.public_key[0] != '\0';
    char url[TG_ENDPOINT_MAX + 1] = "";
    size_t bytes = sizeof url;
    struct stat about;
    memset(socket, 0, sizeof *socket);
    TG_TRY(tg_endpoint_parse(address, &endpoint, err));
    TG_TRY(tg_endpoint_check(&endpoint, true, security, err));
    TG_TRY(open_socket(socket, ZMQ_ROUTER, &endpoint, options, err));
    if (keys) {
        TG_CHECK(security->allowed != NULL &&
                     set_keys(socket->zmq, &security->listen, NULL, security->allowed),
                 err, TG_ERR_UNSUPPORTED,
                 "%s: keys cannot be used: %s; libzmq 4.3 with CURVE is needed", endpoint.url,
                 zmq_strerror(zmq_errno()));
    }
    TG_TRY(bind_socket(socket, &endpoint, err));
    TG_CHECK(zmq_getsockopt(socket->zmq, ZMQ_LAST_ENDPOINT, url, &bytes) == 0, err, TG_ERR_IO,
             "%s: %s", endpoint.url, zmq_strerror(zmq_errno()));
    TG_CHECK(!is_every_address(url), err, TG_ERR_VALUE,
             "%s is every address of this host, and others are to be told one to connect to: give "
             "that at which they see it, or several; tgscheduler --reachable-from HOST finds it, "
             "and so does tgworker without --listen",
             address);
    if (keys) {
        TG_TRY(probe(options, url, err));
        socket->probed = true;
    }
    (void)snprintf(socket->url, sizeof socket->url, "%s", url);
    if (strncmp(url, "ipc://", strlen("ipc://")) == 0 &&
        stat(url + strlen("ipc://"), &about) == 0) {
        socket->inode = (uint64_t)about.st_ino;
    }
    int length = snprintf(actual, room, "%s%s%s", url, keys ? " " : "",
                          keys ? security->listen.public_key : "");
    TG_CHECK(length > 0 && (size_t)length < room, err, TG_ERR_LIMIT, "%s: too long", url);
out:
    if (status != TG_OK) {
        tg_socket_close(socket);
    }
    return status;
}

/* Each address is looked at before any is tried. */
static tg_status
read_addresses(tg_socket *socket, const char *const *addresses, size_t count,
               const tg_net_security *security, tg_endpoint *first, tg_error *err)
{
    tg_status status = TG_OK;
    tg_endpoint endpoint;
    TG_CHECK(count > 0, err, TG_ERR_VALUE, "there is no address to connect to");
    socket->urls = tg_calloc(NULL, count, sizeof *socket->urls);
    TG_CHECK(socket->urls != NULL, err, TG_ERR_MEMORY, "no memory for another connection");
    socket->url_count = count;
    for (size_t i = 0; i < count; i++) {
        TG_TRY(tg_endpoint_parse(addresses[i], &endpoint, err));
        TG_TRY(tg_endpoint_check(&endpoint, false, security, err));
        memcpy(socket->urls[i], endpoint.url, sizeof socket->urls[i]);
        bool ipv6 = endpoint.ipv6 || (i > 0 && first->ipv6);
        *first = i == 0 ? endpoint : *first;
        first->ipv6 = ipv6;
    }
out:
    return status;
}

tg_status
tg_socket_connect(tg_socket *socket, const char *const *addresses, size_t count,
                  const tg_socket_options *options, tg_error *err)
{
    tg_status status = TG_OK;
    tg_endpoint endpoint;
    tg_socket wanted = { 0 };
    memset(socket, 0, sizeof *socket);
    TG_TRY(read_addresses(&wanted, addresses, count, options->security, &endpoint, err));
    TG_TRY(open_socket(socket, ZMQ_DEALER, &endpoint, options, err));
    socket->dialled = true;
    if (endpoint.server_key[0] != '\0') {
        TG_CHECK(set_keys(socket->zmq, &options->security->connect, endpoint.server_key, NULL), err,
                 TG_ERR_UNSUPPORTED, "%s: keys cannot be used: %s", endpoint.url,
                 zmq_strerror(zmq_errno()));
    }
    TG_CHECK(zmq_connect(socket->zmq, endpoint.url) == 0, err, TG_ERR_VALUE,
             "%s: nobody can be reached there: %s", endpoint.url, zmq_strerror(zmq_errno()));
    socket->urls = wanted.urls;
    socket->url_count = wanted.url_count;
    socket->again_ns = give_time(socket);
    wanted = (tg_socket){ 0 };
out:
    if (status != TG_OK) {
        tg_socket_close(socket);
    }
    tg_free(NULL, wanted.urls, wanted.url_count * sizeof *wanted.urls);
    return status;
}
