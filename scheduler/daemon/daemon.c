/* SPDX-License-Identifier: BSD-3-Clause */
/* The scheduler's process: sockets, plans that are expanded beside the loop, journal. */
#include "scheduler/daemon/daemon.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/base/size.h"
#include "core/mem/alloc.h"
#include "scheduler/daemon/expander.h"
#include "scheduler/daemon/join_file.h"
#include "scheduler/daemon/journal_file.h"
#include "scheduler/net/endpoint.h"
#include "scheduler/net/flood.h"
#include "scheduler/net/keys_file.h"
#include "scheduler/net/watch.h"
#include "scheduler/net/zap.h"
#include "scheduler/server/server.h"
#include "scheduler/web/web.h"

/* Workers say that they live twice a second, or six times in a lease: with less, whoever is busy
 * for a moment would be expelled. */
#define LEASE_LEAST_NS ((int64_t)2000000000)
/* What may wait for one peer: a worker may be told several plans of 32 MiB in one step. */
#define PEER_BYTES ((size_t)256 << 20)
/* The state is written to a file at most so often. */
#define DUMP_NS    ((int64_t)60000000000)
#define STUCK_FILE "stuck.json"

struct tg_daemon {
    tg_daemon_options options;
    tg_net *net;
    tg_server *server;
    tg_net_security security;
    tg_join join;
    char folder[TG_NET_PATH_MAX + 1], join_file[TG_NET_PATH_MAX + 1];
    char addresses[TG_JOIN_ENDPOINTS_MAX][TG_NET_ADDRESS_MAX];
    size_t address_count;
    tg_join_file *joining;
    tg_journal_file *journal;
    tg_alive_watch *watch;
    tg_flood log;
    bool stuck; /* a job, since the last turn */
    int64_t dumped_ns;
    tg_web *web;
    tg_expander *expander;
};

static void
say(tg_daemon *daemon, const char *text)
{
    if (daemon->options.log != NULL) {
        tg_flood_log(&daemon->log, tg_net_now_ns(), text, daemon->options.log, daemon->options.ctx);
    }
}

/* -- what the server wants ------------------------------------------------------------------- */

static void
send_message(void *ctx, uint64_t peer, const tg_message *message)
{
    tg_daemon *daemon = ctx;
    tg_error err;
    tg_status status = tg_net_send(daemon->net, peer, message, &err);
    if (status != TG_OK && status != TG_ERR_NOT_FOUND) { /* who is gone is told of by gone() */
        tg_net_drop(daemon->net, peer, err.message);
    }
}

static void
expel(void *ctx, uint64_t peer, const char *why)
{
    tg_net_drop(((const tg_daemon *)ctx)->net, peer, why);
}

static void
note(void *ctx, const char *text)
{
    say(ctx, text);
}

static bool
record(void *ctx, const void *payload, size_t bytes, bool copy)
{
    tg_daemon *daemon = ctx;
    tg_error err;
    tg_status status = copy ? tg_journal_file_copy(daemon->journal, payload, bytes, &err)
                            : tg_journal_file_append(daemon->journal, payload, bytes, &err);
    if (status != TG_OK) {
        say(daemon, err.message);
    }
    return status == TG_OK;
}

static void
want_expansion(void *ctx, uint64_t job, const void *plan, size_t bytes)
{
    tg_expander_want(((tg_daemon *)ctx)->expander, job, plan, bytes);
}

static void
drop_expansion(void *ctx, uint64_t job)
{
    tg_expander_drop(((tg_daemon *)ctx)->expander, job);
}

/* Says what a job waits for. Called in the midst of a step: the state is written behind it. */
static void
stuck(void *ctx, uint64_t label, const char *text)
{
    tg_daemon *daemon = ctx;
    char line[1200 + TG_NET_PATH_MAX];
    (void)snprintf(line, sizeof line, "job %llu does not go on: %s; the state is in %s/" STUCK_FILE,
                   (unsigned long long)label, text, daemon->folder);
    say(daemon, line);
    daemon->stuck = true;
}

/* The whole state beside the join file: who looks for the cause may come when it has passed. */
static void
write_state(tg_daemon *daemon, int64_t now_ns)
{
    char path[sizeof daemon->folder + sizeof STUCK_FILE];
    tg_text dump = { 0 };
    tg_error err;
    bool due = daemon->dumped_ns == 0 || now_ns - daemon->dumped_ns >= DUMP_NS;
    (void)snprintf(path, sizeof path, "%s/" STUCK_FILE, daemon->folder);
    if (due && tg_server_answer(daemon->server, "dump", &dump, NULL) == TG_OK && !dump.failed) {
        daemon->dumped_ns = now_ns;
        if (tg__keys_write(path, dump.data, dump.used, 0600, &err) != TG_OK) {
            say(daemon, err.message);
        }
    }
    tg_text_fini(&dump);
    daemon->stuck = false;
}

static const char *
key_of(void *ctx, uint64_t peer)
{
    return tg_net_user(((const tg_daemon *)ctx)->net, peer);
}

static int64_t
unix_ns(void *ctx)
{
    struct timespec now = { 0 };
    (void)ctx;
    (void)clock_gettime(CLOCK_REALTIME, &now); /* tidy: allow banned-call: for people */
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* -- what the web page shows ----------------------------------------------------------------- */

static void
show_metrics(void *ctx, tg_text *out)
{
    tg_daemon *daemon = ctx;
    out->failed = tg_server_answer(daemon->server, "metrics", out, NULL) != TG_OK;
}

static bool
is_healthy(void *ctx)
{
    const tg_daemon *daemon = ctx;
    return tg_server_workers(daemon->server) > 0;
}

/* -- what the net tells ---------------------------------------------------------------------- */

static void
met(void *ctx, uint64_t peer, uint64_t self, unsigned roles)
{
    (void)ctx, (void)peer, (void)self, (void)roles; /* its first message says who it is */
}

static void
heard(void *ctx, uint64_t peer, unsigned roles, const tg_message *message)
{
    tg_daemon *daemon = ctx;
    tg_server_message(daemon->server, tg_net_now_ns(), peer, roles, message);
}

static void
gone(void *ctx, uint64_t peer, tg_gone why, const char *text)
{
    tg_daemon *daemon = ctx;
    char who[160], line[512];
    bool known = tg_server_who(daemon->server, peer, who, sizeof who);
    /* Tools only ask, and who has left or was expelled is known no more. */
    if (known || why == TG_GONE_MALFORMED || why == TG_GONE_FULL) {
        (void)snprintf(line, sizeof line, "%s is gone: %s (%s)", who, tg_gone_name(why), text);
        say(daemon, line);
    }
    tg_server_gone(daemon->server, tg_net_now_ns(), peer);
}

static void
trouble(void *ctx, tg_trouble what, const char *text)
{
    (void)what;
    say(ctx, text);
}

/* -- what the thread beside it does --------------------------------------------------------- */

static void
wake(void *ctx)
{
    tg_net_wake(((tg_daemon *)ctx)->net);
}

static void
expanded(void *ctx, uint64_t job, const tg_sched_job *spec, const tg_error *error)
{
    tg_server_expanded(((tg_daemon *)ctx)->server, tg_net_now_ns(), job, spec, error);
}

/* -- the journal ------------------------------------------------------------------------------ */

static void
say_of_journal(void *ctx, const char *text)
{
    say(ctx, text);
}

static bool
copy_job(void *ctx, uint64_t *job)
{
    return tg_server_record_next(((tg_daemon *)ctx)->server, job);
}

/* A slice of a new one, if it wants that. Gives when it wants to be asked again. */
static int64_t
renew_journal(tg_daemon *daemon, int64_t now_ns)
{
    tg_error err;
    if (daemon->journal != NULL && tg_journal_file_due_ns(daemon->journal) <= now_ns &&
        tg_journal_file_renew(daemon->journal, now_ns, copy_job, daemon, &err) != TG_OK) {
        say(daemon, err.message);
    }
    return daemon->journal != NULL ? tg_journal_file_due_ns(daemon->journal) : INT64_MAX;
}

static tg_status
open_journal(tg_daemon *daemon, tg_error *err)
{
    tg_status status = TG_OK;
    tg_error why;
    const void *payload = NULL;
    size_t bytes = 0;
    tg_journal_file_options options = { .folder = daemon->options.journal,
                                        .say = say_of_journal,
                                        .ctx = daemon };
    TG_TRY(tg_journal_file_open(&options, &daemon->journal, err));
    while (tg_journal_file_next(daemon->journal, &payload, &bytes)) {
        if (tg_server_restore(daemon->server, tg_net_now_ns(), payload, bytes, &why) != TG_OK) {
            say(daemon, why.message);
        }
    }
    tg_server_restored(daemon->server, tg_net_now_ns());
    int64_t now_ns = tg_net_now_ns();
    while (renew_journal(daemon, now_ns) <= now_ns) { /* nobody waits for it yet */
    }
out:
    return status;
}

/* -- its turn --------------------------------------------------------------------------------- */

static int64_t
tick(void *ctx, int64_t now_ns)
{
    tg_daemon *daemon = ctx;
    tg_expander_take(daemon->expander, expanded, daemon);
    if (tg_server_deadline(daemon->server) <= now_ns) {
        tg_server_time(daemon->server, now_ns);
    }
    if (daemon->stuck) {
        write_state(daemon, now_ns);
    }
    int64_t renew_ns = renew_journal(daemon, now_ns);
    return tg_min_i64(tg_server_deadline(daemon->server), renew_ns);
}

static void
signalled(void *ctx, int number)
{
    tg_daemon *daemon = ctx;
    (void)number;
    say(daemon, "asked to end");
    tg_net_stop(daemon->net);
}

static void
not_alive(void *ctx)
{
    tg_daemon *daemon = ctx;
    tg_net_stop(daemon->net);
}

/* -- starting -------------------------------------------------------------------------------- */

/* Keys of the cluster, kept in its folder: for addresses that others can reach. */
static tg_status
load_keys(tg_daemon *daemon, tg_error *err)
{
    tg_status status = TG_OK;
    char path[TG_NET_PATH_MAX + 8], allowed[TG_NET_PATH_MAX + 16];
    (void)snprintf(path, sizeof path, "%s/key", daemon->folder);
    status = tg_key_file_read(path, &daemon->security.listen, err);
    if (status == TG_ERR_NOT_FOUND) {
        TG_TRY(tg_keys_make(&daemon->security.listen, err));
        status = tg_key_file_write(path, &daemon->security.listen, err);
    }
    TG_TRY(status);
    memcpy(daemon->join.server_key, daemon->security.listen.public_key,
           sizeof daemon->join.server_key);
    /* A scheduler that comes back lets those in who have the join file of the former. */
    tg_join former;
    tg_error none;
    if (tg_join_read(daemon->join_file, &former, &none) == TG_OK &&
        former.client.public_key[0] != 0) {
        daemon->join.client = former.client;
        tg_keys_forget(&former.client);
    } else {
        TG_TRY(tg_keys_make(&daemon->join.client, err));
    }
    TG_TRY(tg_zap_open(&daemon->security.allowed, err));
    TG_TRY(tg_zap_allow(daemon->security.allowed, daemon->join.client.public_key,
                        TG_ROLE_CLIENT | TG_ROLE_WORKER | TG_ROLE_VIEWER, err));
    (void)snprintf(allowed, sizeof allowed, "%s/allowed", daemon->folder);
    if (access(allowed, F_OK) == 0) {
        status = tg_public_keys_allow(allowed, daemon->security.allowed, err);
    }
out:
    return status;
}

/* Is any address beyond this host, or are they wanted anyway? */
static tg_status
needs_keys(const tg_daemon_options *options, bool *needs, tg_error *err)
{
    tg_status status = TG_OK;
    *needs = options->keys;
    TG_CHECK(!options->keys || !options->insecure, err, TG_ERR_VALUE,
             "a scheduler has keys (--keys), or is --insecure, but not both");
    for (size_t i = 0; i < options->listen_count; i++) {
        tg_endpoint endpoint;
        TG_TRY(tg_endpoint_parse(options->listen[i], &endpoint, err));
        *needs = *needs || (endpoint.reach > TG_REACH_HOST && !options->insecure);
    }
out:
    return status;
}

static tg_status
listen_all(tg_daemon *daemon, tg_error *err)
{
    tg_status status = TG_OK;
    const tg_daemon_options *options = &daemon->options;
    char own[TG_NET_PATH_MAX + 16];
    const char *default_address = own;
    const char *const *addresses = options->listen;
    size_t count = options->listen_count;
    if (count == 0) {
        (void)snprintf(own, sizeof own, "ipc://%s/socket", daemon->folder);
        addresses = &default_address;
        count = 1;
    }
    TG_CHECK(count <= TG_JOIN_ENDPOINTS_MAX, err, TG_ERR_VALUE,
             "a scheduler listens at %d addresses at most, got %zu", TG_JOIN_ENDPOINTS_MAX, count);
    for (size_t i = 0; i < count; i++) {
        TG_TRY(tg_net_listen(daemon->net, addresses[i], daemon->addresses[i],
                             sizeof daemon->addresses[i], err));
        daemon->address_count++;
        /* The file has the key apart. */
        size_t bytes = strcspn(daemon->addresses[i], " ");
        TG_CHECK(bytes <= TG_ENDPOINT_MAX, err, TG_ERR_VALUE, "%s: the address is too long",
                 daemon->addresses[i]);
        memcpy(daemon->join.endpoints[i], daemon->addresses[i], bytes);
        daemon->join.endpoints[i][bytes] = 0;
    }
    daemon->join.endpoint_count = count;
out:
    return status;
}

static tg_status
open_server(tg_daemon *daemon, tg_error *err)
{
    tg_status status = TG_OK;
    tg_server_options options = {
        .callbacks = { .ctx = daemon,
                       .send = send_message,
                       .expel = expel,
                       .expand = want_expansion,
                       .dropped = drop_expansion,
                       .record = daemon->options.journal != NULL ? record : NULL,
                       .stuck = stuck,
                       .key = key_of,
                       .unix_ns = unix_ns,
                       .note = note },
        .sched = { .lease_ns = daemon->options.lease_ns, .stuck_ns = daemon->options.stuck_ns }
    };
    TG_TRY(tg_server_create(&options, &daemon->server, err));
    if (daemon->options.journal != NULL) {
        TG_TRY(open_journal(daemon, err));
    }
out:
    return status;
}

/* A worker that comes back and says what it holds must find the jobs of the journal there. */
static void
settle(tg_daemon *daemon)
{
    while (!tg_server_settled(daemon->server) && tg_expander_wait(daemon->expander)) {
        tg_expander_take(daemon->expander, expanded, daemon);
    }
}

static tg_status
prepare(tg_daemon *daemon, tg_error *err)
{
    tg_status status = TG_OK;
    tg_daemon_options *options = &daemon->options;
    bool keys = false;
    TG_CHECK(options->lease_ns == 0 || options->lease_ns >= LEASE_LEAST_NS, err, TG_ERR_VALUE,
             "a lease of %.3g s is too short: peers say that they live a few times in it, and who "
             "is busy for a moment would be taken for dead: give at least %.0f s (--lease)",
             (double)options->lease_ns * 1e-9, (double)LEASE_LEAST_NS * 1e-9);
    TG_TRY(tg_cluster_folder(options->cluster != NULL ? options->cluster : "default",
                             daemon->folder, sizeof daemon->folder, err));
    if (options->join_file != NULL) {
        bool absolute = options->join_file[0] == '/';
        TG_CHECK(absolute || getcwd(daemon->folder, sizeof daemon->folder) != NULL, err, TG_ERR_IO,
                 "%s: the folder of this process: %s", options->join_file, strerror(errno));
        TG_CHECK((size_t)snprintf(daemon->join_file, sizeof daemon->join_file, "%s%s%s",
                                  absolute ? "" : daemon->folder, absolute ? "" : "/",
                                  options->join_file) < sizeof daemon->join_file,
                 err, TG_ERR_VALUE, "the path of the join file is too long");
        size_t bytes = (size_t)(strrchr(daemon->join_file, '/') - daemon->join_file);
        memcpy(daemon->folder, daemon->join_file, bytes); /* its folder is the cluster's */
        daemon->folder[bytes] = 0;
    } else {
        TG_CHECK((size_t)snprintf(daemon->join_file, sizeof daemon->join_file, "%s/join",
                                  daemon->folder) < sizeof daemon->join_file,
                 err, TG_ERR_VALUE, "the path of the cluster's folder is too long");
    }
    TG_TRY(tg_join_file_take(daemon->join_file, &daemon->joining, err));
    TG_TRY(needs_keys(options, &keys, err));
    daemon->security.insecure = daemon->join.insecure = options->insecure;
    if (keys) {
        TG_TRY(load_keys(daemon, err));
    }
out:
    return status;
}

tg_status
tg_daemon_create(const tg_daemon_options *options, tg_daemon **out, tg_error *err)
{
    tg_status status = TG_OK;
    tg_daemon *daemon = tg_calloc(NULL, 1, sizeof *daemon);
    *out = NULL;
    TG_CHECK(daemon != NULL, err, TG_ERR_MEMORY, "no memory for a scheduler");
    daemon->options = *options;
    TG_TRY(prepare(daemon, err));
    tg_net_options net = { .lease_ns = options->lease_ns,
                           .peer_bytes_max = PEER_BYTES,
                           .security = &daemon->security,
                           .ctx = daemon,
                           .met = met,
                           .message = heard,
                           .gone = gone,
                           .trouble = trouble,
                           .tick = tick,
                           .signal = options->signals ? signalled : NULL };
    TG_TRY(tg_net_create(&net, &daemon->net, err));
    TG_TRY(tg_expander_create(options->registry, wake, daemon, &daemon->expander, err));
    TG_TRY(open_server(daemon, err));
    settle(daemon);
    TG_TRY(listen_all(daemon, err));
    if (options->alive_fd >= 0) {
        TG_TRY(tg_alive_watch_create(tg_net_loop(daemon->net), options->alive_fd, not_alive, daemon,
                                     &daemon->watch, err));
    }
    if (options->web != NULL) {
        tg_web_pages pages = { .ctx = daemon, .metrics = show_metrics, .healthy = is_healthy };
        TG_TRY(tg_web_open(tg_net_loop(daemon->net), options->web, &pages, &daemon->web, err));
    }
    TG_TRY(tg_join_file_write(daemon->joining, &daemon->join, err));
    *out = daemon;
    daemon = NULL;
out:
    tg_daemon_destroy(daemon);
    return status;
}

void
tg_daemon_destroy(tg_daemon *daemon)
{
    if (daemon != NULL) {
        tg_expander_stop(daemon->expander); /* its thread wakes the net */
        tg_alive_watch_destroy(daemon->watch);
        tg_web_close(daemon->web);
        tg_net_destroy(daemon->net);
        tg_server_destroy(daemon->server);
        tg_expander_destroy(daemon->expander);
        tg_journal_file_close(daemon->journal);
        /* With keys it is good for the next one. */
        tg_join_file_release(daemon->joining, daemon->security.listen.public_key[0] != 0);
        tg_zap_close(daemon->security.allowed);
        tg_keys_forget(&daemon->security.listen);
        tg_keys_forget(&daemon->join.client);
        tg_free(NULL, daemon, sizeof *daemon);
    }
}

tg_status
tg_daemon_run(tg_daemon *daemon, tg_error *err)
{
    return tg_net_run(daemon->net, err);
}

void
tg_daemon_stop(tg_daemon *daemon)
{
    tg_net_stop(daemon->net);
}

const char *
tg_daemon_address(const tg_daemon *daemon, size_t index)
{
    return index < daemon->address_count ? daemon->addresses[index] : NULL;
}

const char *
tg_daemon_web(const tg_daemon *daemon)
{
    return daemon->web != NULL ? tg_web_url(daemon->web) : NULL;
}

const char *
tg_daemon_join_file(const tg_daemon *daemon)
{
    return daemon->join_file;
}
