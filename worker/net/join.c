/* SPDX-License-Identifier: BSD-3-Clause */
/* Addresses of clusters and of workers. See join.h. */
#include "worker/net/join.h"

#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "scheduler/net/endpoint.h"
#include "scheduler/net/zap.h"

tg_status
tg__join_resolve(const char *where, tg_net_security *security, char *address, tg_error *err)
{
    tg_status status = TG_OK;
    tg_join join;
    TG_CHECK(where != NULL && where[0] != 0 && strlen(where) <= TG_NET_PATH_MAX, err, TG_ERR_VALUE,
             "give an address (tcp://host:port, ipc://path) or the path of a join file");
    if (strstr(where, "://") != NULL) {
        TG_CHECK(strlen(where) < TG_NET_ADDRESS_MAX, err, TG_ERR_VALUE, "%s: too long an address",
                 where);
        memcpy(address, where, strlen(where) + 1);
    } else {
        TG_TRY(tg_join_read(where, &join, err));
        security->connect = join.client;
        (void)snprintf(address, TG_NET_ADDRESS_MAX, "%s%s%s", join.endpoints[0],
                       join.server_key[0] != 0 ? " " : "", join.server_key);
        tg_keys_forget(&join.client);
    }
out:
    return status;
}

tg_status
tg__join_data_address(const char *wish, const char *scheduler, tg_net_security *security,
                      char *address, tg_error *err)
{
    tg_status status = TG_OK;
    tg_endpoint endpoint;
    uint64_t number = 0;
    if (wish != NULL) {
        TG_CHECK(strlen(wish) < TG_NET_ADDRESS_MAX, err, TG_ERR_VALUE, "%s: too long an address",
                 wish);
        memcpy(address, wish, strlen(wish) + 1);
    } else {
        TG_TRY(tg_endpoint_parse(scheduler, &endpoint, err));
        if (endpoint.reach <= TG_REACH_HOST && endpoint.path[0] != 0) {
            const char *slash = strrchr(endpoint.path, '/');
            int folder = slash != NULL ? (int)(slash - endpoint.path) : 0;
            TG_CHECK(getrandom(&number, sizeof number, 0) == (ssize_t)sizeof number, err, TG_ERR_IO,
                     "the system gives no random numbers");
            (void)snprintf(address, TG_NET_ADDRESS_MAX, "ipc://%.*s/w%016llx", folder,
                           endpoint.path, (unsigned long long)number);
        } else if (endpoint.reach <= TG_REACH_HOST) {
            (void)snprintf(address, TG_NET_ADDRESS_MAX, "tcp://127.0.0.1:0");
        } else {
            TG_TRY(tg_endpoint_own(scheduler, address, TG_NET_ADDRESS_MAX, err));
        }
    }
    TG_TRY(tg_endpoint_parse(address, &endpoint, err));
    if (endpoint.reach > TG_REACH_HOST && security->connect.public_key[0] != 0) {
        TG_TRY(tg_keys_make(&security->listen, err));
        TG_TRY(tg_zap_open(&security->allowed, err));
        status = tg_zap_allow(security->allowed, security->connect.public_key,
                              TG_ROLE_CLIENT | TG_ROLE_WORKER, err);
    }
out:
    return status;
}
