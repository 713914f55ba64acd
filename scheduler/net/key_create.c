/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A key of one's own: a pair whose public part goes to the scheduler and whose secret part into a
 * join file. See tilegraph/cluster.h.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "scheduler/net/keys.h"
#include "tilegraph/cluster.h"

/* In another folder than the scheduler's a public key would lie where nobody reads it. */
static tg_status
read_cluster(const char *join_file, const char *folder, tg_join *join, tg_error *err)
{
    tg_status status = TG_OK;
    char path[TG_NET_PATH_MAX + 8];
    tg_key_pair scheduler = { .public_key = "" };
    tg_error none;
    TG_TRY(tg_join_read(join_file, join, err));
    TG_CHECK(join->server_key[0] != '\0', err, TG_ERR_VALUE,
             "%s: this cluster has no keys, as only this host reaches it: start its scheduler at "
             "an address that others can reach: tgscheduler --listen tcp://ADDRESS:PORT",
             join_file);
    (void)snprintf(path, sizeof path, "%s/key", folder);
    TG_CHECK(tg_key_file_read(path, &scheduler, &none) == TG_OK &&
                 strcmp(scheduler.public_key, join->server_key) == 0,
             err, TG_ERR_VALUE,
             "%s is a copy of a join file: name the scheduler's own, on its host, beside which "
             "its key is",
             join_file);
out:
    tg_keys_forget(&scheduler);
    return status;
}

static tg_status
refuse_existing(const char *path, tg_error *err)
{
    tg_status status = TG_OK;
    TG_CHECK(access(path, F_OK) != 0, err, TG_ERR_EXISTS,
             "%s is there: a key is not replaced: remove it, or give another name", path);
out:
    return status;
}

tg_status
tg_cluster_key_create(const char *join_file, const tg_key_options *options, tg_error *err)
{
    tg_status status = TG_OK;
    tg_join join = { .endpoint_count = 0 };
    char folder[TG_NET_PATH_MAX + 1], allowed[TG_NET_PATH_MAX + 1], file[TG_NET_PATH_MAX + 1];
    unsigned roles = 0;
    TG_CHECK(options->struct_size == sizeof *options, err, TG_ERR_VALUE,
             "tg_key_options.struct_size is %zu, this library's is %zu", options->struct_size,
             sizeof *options);
    TG_TRY(tg_roles_parse(options->roles, &roles, err));
    const char *slash = strrchr(join_file, '/');
    int length = slash != NULL ? (int)(slash - join_file) : 1;
    TG_CHECK(length <= TG_NET_PATH_MAX, err, TG_ERR_LIMIT, "%s: too long a path", join_file);
    (void)snprintf(folder, sizeof folder, "%.*s", length, slash != NULL ? join_file : ".");
    TG_CHECK((size_t)snprintf(allowed, sizeof allowed, "%s/allowed", folder) < sizeof allowed &&
                 (size_t)snprintf(file, sizeof file, "%s/%s.pub", allowed, options->name) <
                     sizeof file,
             err, TG_ERR_LIMIT, "%s: too long a path", join_file);
    TG_TRY(read_cluster(join_file, folder, &join, err));
    TG_TRY(refuse_existing(file, err));
    TG_TRY(refuse_existing(options->path, err));
    TG_TRY(tg_keys_make(&join.client, err));
    TG_TRY(tg_public_key_write(allowed, options->name, join.client.public_key, roles, err));
    status = tg_join_write(options->path, &join, err);
    if (status != TG_OK) {
        (void)unlink(file);
    }
out:
    tg_keys_forget(&join.client);
    return status;
}
