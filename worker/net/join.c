/* SPDX-License-Identifier: BSD-3-Clause */
/* Addresses of clusters and of workers. See join.h. */
#include "worker/net/join.h"

#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "scheduler/net/endpoint.h"
#include "scheduler/net/zap.h"

static void
add(tg_join_addresses *out, const char *endpoint, const char *key)
{
    char *text = out->text[out->count];
    (void)snprintf(text, TG_NET_ADDRESS_MAX, "%s%s%s", endpoint, key[0] != 0 ? " " : "", key);
    out->list[out->count++] = text;
}

/* "host:8786", and no file of that name? */
static bool
lacks_scheme(const char *where)
{
    const char *colon = strrchr(where, ':');
    return colon != NULL && colon > where && colon[1] != 0 && strchr(where, '/') == NULL &&
           colon[1 + strspn(colon + 1, "0123456789")] == 0 && access(where, F_OK) != 0;
}

tg_status
tg__join_resolve(const char *where, tg_net_security *security, tg_join_addresses *out,
                 tg_error *err)
{
    tg_status status = TG_OK;
    tg_join join;
    out->count = 0;
    TG_CHECK(where != NULL && where[0] != 0 && strlen(where) <= TG_NET_PATH_MAX, err, TG_ERR_VALUE,
             "give an address (tcp://host:port, ipc://path) or the path of a join file");
    TG_CHECK(!lacks_scheme(where), err, TG_ERR_VALUE,
             "%s: there is no such file; if it is an address, write tcp://%s", where, where);
    if (strstr(where, "://") != NULL) {
        TG_CHECK(strlen(where) < TG_NET_ADDRESS_MAX, err, TG_ERR_VALUE, "%s: too long an address",
                 where);
        add(out, where, "");
    } else {
        TG_TRY(tg_join_read(where, &join, err));
        security->connect = join.client;
        security->insecure = join.insecure;
        for (size_t i = 0; i < join.endpoint_count; i++) {
            add(out, join.endpoints[i], join.server_key);
        }
        tg_keys_forget(&join.client);
    }
out:
    return status;
}

bool
tg__join_trouble(tg_join_troubles *troubles, tg_trouble what, const char *text)
{
    if (what != TG_TROUBLE_HERE) {
        (void)snprintf(troubles->text, sizeof troubles->text, "%s", text);
        troubles->refused += what == TG_TROUBLE_REFUSED;
    }
    return what == TG_TROUBLE_REFUSED && troubles->refused >= TG_TROUBLES;
}

/* Beside the scheduler's socket, in a folder that is as private. */
static tg_status
own_ipc(const tg_endpoint *scheduler, char *address, tg_error *err)
{
    tg_status status = TG_OK;
    uint64_t number = 0;
    const char *slash = strrchr(scheduler->path, '/');
    int folder = slash != NULL ? (int)(slash - scheduler->path) : 0;
    TG_CHECK(getrandom(&number, sizeof number, 0) == (ssize_t)sizeof number, err, TG_ERR_IO,
             "the system gives no random numbers");
    (void)snprintf(address, TG_NET_ADDRESS_MAX, "ipc://%.*s/w%016llx", folder, scheduler->path,
                   (unsigned long long)number);
out:
    return status;
}

/* Where others than this host reach the scheduler, tiles must be in their reach too, even when this
 * worker itself is beside it. */
static tg_status
own_address(const tg_join_addresses *scheduler, char *address, tg_error *err)
{
    tg_status status = TG_OK;
    tg_endpoint first = { .path = "" }, endpoint;
    bool beyond = false, found = false;
    for (size_t i = 0; i < scheduler->count && !found; i++) {
        TG_TRY(tg_endpoint_parse(scheduler->list[i], &endpoint, err));
        first = i == 0 ? endpoint : first;
        if (endpoint.reach > TG_REACH_HOST) {
            beyond = true;
            found = tg_endpoint_own(scheduler->list[i], address, TG_NET_ADDRESS_MAX, err) == TG_OK;
        }
    }
    if (beyond) {
        status = found ? TG_OK : err->code;
    } else if (first.path[0] != 0) {
        status = own_ipc(&first, address, err);
    } else {
        (void)snprintf(address, TG_NET_ADDRESS_MAX, "tcp://127.0.0.1:0");
    }
out:
    return status;
}

tg_status
tg__join_data_address(const char *wish, const tg_join_addresses *scheduler,
                      tg_net_security *security, char *address, tg_error *err)
{
    tg_status status = TG_OK;
    tg_endpoint endpoint;
    if (wish != NULL) {
        TG_CHECK(strlen(wish) < TG_NET_ADDRESS_MAX, err, TG_ERR_VALUE, "%s: too long an address",
                 wish);
        memcpy(address, wish, strlen(wish) + 1);
    } else {
        TG_TRY(own_address(scheduler, address, err));
    }
    TG_TRY(tg_endpoint_parse(address, &endpoint, err));
    if (endpoint.path[0] == 0 && security->connect.public_key[0] != 0) {
        TG_TRY(tg_keys_make(&security->listen, err));
        status = tg_zap_open(&security->allowed, err);
    }
out:
    return status;
}
