/* SPDX-License-Identifier: BSD-3-Clause */
/* Keys and the files they are in. See keys.h; how files are read and written is in keys_file.c. */
#include "scheduler/net/keys.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <uv.h>
#include <zmq.h>

#include "core/base/assert.h"
#include "scheduler/net/keys_file.h"
#include "scheduler/net/transport.h"
#include "scheduler/net/zap.h"

static const struct role_name {
    const char *name;
    unsigned role;
} role_names[] = { { "viewer", TG_ROLE_VIEWER },
                   { "client", TG_ROLE_CLIENT },
                   { "worker", TG_ROLE_WORKER } };
enum { ROLE_COUNT = sizeof role_names / sizeof *role_names };

tg_status
tg_keys_make(tg_key_pair *out, tg_error *err)
{
    tg_status status = TG_OK;
    TG_CHECK(zmq_curve_keypair(out->public_key, out->secret_key) == 0, err, TG_ERR_UNSUPPORTED,
             "no keys can be made: libzmq was built without CURVE");
out:
    return status;
}

void
tg_keys_forget(tg_key_pair *pair)
{
    volatile char *at = (volatile char *)pair; /* volatile: it is not read again, and yet cleared */
    for (size_t i = 0; i < sizeof *pair; i++) {
        at[i] = 0;
    }
}

bool
tg_key_is_valid(const char *key)
{
    unsigned char bytes[32];
    return strlen(key) == TG_KEY_CHARS && zmq_z85_decode(bytes, key) != NULL;
}

tg_status
tg_cluster_folder(const char *cluster, char *out, size_t room, tg_error *err)
{
    tg_status status = TG_OK;
    char home[TG_NET_PATH_MAX + 1];
    size_t bytes = sizeof home;
    bool ok = cluster[0] != '\0' && cluster[0] != '.' && strlen(cluster) <= 64;
    for (const char *c = cluster; ok && *c != '\0'; c++) {
        ok = isalnum((unsigned char)*c) || strchr("-_.", *c) != NULL;
    }
    TG_CHECK(ok, err, TG_ERR_VALUE,
             "'%.80s' is no name of a cluster: letters, digits, '-', '_' and '.', at most 64",
             cluster);
    TG_CHECK(uv_os_homedir(home, &bytes) == 0, err, TG_ERR_NOT_FOUND,
             "there is no home folder for the keys of cluster %s: give the path of its join file",
             cluster);
    int length = snprintf(out, room, "%s/.local/share/tg/%s", home, cluster);
    TG_CHECK(length > 0 && (size_t)length < room, err, TG_ERR_LIMIT, "%s is too long a path", home);
out:
    return status;
}

/* -- values --------------------------------------------------------------------------------- */

static tg_status
take_key(char *to, const char *value, tg_error *err)
{
    tg_status status = TG_OK;
    TG_CHECK(to[0] == '\0', err, TG_ERR_FORMAT, "it is there twice");
    TG_CHECK(tg_key_is_valid(value), err, TG_ERR_FORMAT, "it is no key");
    memcpy(to, value, TG_KEY_CHARS + 1);
out:
    return status;
}

static tg_status
take_join_line(void *ctx, const char *name, const char *value, tg_error *err)
{
    tg_status status = TG_OK;
    tg_join *join = ctx;
    if (strcmp(name, "endpoint") == 0) {
        TG_CHECK(join->endpoint_count < TG_JOIN_ENDPOINTS_MAX && strlen(value) <= TG_ENDPOINT_MAX,
                 err, TG_ERR_FORMAT, "at most %d endpoints of at most %d bytes",
                 TG_JOIN_ENDPOINTS_MAX, TG_ENDPOINT_MAX);
        (void)snprintf(join->endpoints[join->endpoint_count++], TG_ENDPOINT_MAX + 1, "%s", value);
    } else if (strcmp(name, "server-key") == 0) {
        status = take_key(join->server_key, value, err);
    } else if (strcmp(name, "public-key") == 0) {
        status = take_key(join->client.public_key, value, err);
    } else if (strcmp(name, "secret-key") == 0) {
        status = take_key(join->client.secret_key, value, err);
    } else if (strcmp(name, "insecure") == 0) {
        TG_CHECK(!join->insecure && strcmp(value, "yes") == 0, err, TG_ERR_FORMAT,
                 "it is there once, and is yes");
        join->insecure = true;
    } else {
        status = tg_fail(err, TG_ERR_FORMAT, "a join file has no such line");
    }
out:
    return status;
}

tg_status
tg_join_parse(const char *text, size_t bytes, tg_join *out, tg_error *err)
{
    tg_status status = TG_OK;
    memset(out, 0, sizeof *out);
    TG_TRY(tg__keys_lines(text, bytes, "tilegraph-join 1", take_join_line, out, err));
    TG_CHECK(out->endpoint_count > 0, err, TG_ERR_FORMAT, "it has no endpoint");
    TG_CHECK((out->server_key[0] != '\0') == (out->client.public_key[0] != '\0') &&
                 (out->server_key[0] != '\0') == (out->client.secret_key[0] != '\0'),
             err, TG_ERR_FORMAT, "it has some of its three keys, but not all");
out:
    return status;
}

tg_status
tg_join_read(const char *path, tg_join *out, tg_error *err)
{
    tg_status status = TG_OK;
    char text[TG_KEYS_FILE_BYTES_MAX];
    size_t bytes = 0;
    memset(out, 0, sizeof *out);
    TG_TRY(tg__keys_read(path, "tilegraph-join 1", true, text, &bytes, err));
    status = tg_join_parse(text, bytes, out, err);
    if (status != TG_OK) {
        tg__error_prefix(err, "join file %s", path);
    }
out:
    return status;
}

tg_status
tg_join_write(const char *path, const tg_join *join, tg_error *err)
{
    char text[TG_KEYS_FILE_BYTES_MAX];
    size_t used = 0;
    used += (size_t)snprintf(text, sizeof text, "tilegraph-join 1\n");
    for (size_t i = 0; i < join->endpoint_count; i++) {
        used +=
            (size_t)snprintf(text + used, sizeof text - used, "endpoint %s\n", join->endpoints[i]);
    }
    if (join->server_key[0] != '\0') {
        used += (size_t)snprintf(text + used, sizeof text - used,
                                 "server-key %s\npublic-key %s\nsecret-key %s\n", join->server_key,
                                 join->client.public_key, join->client.secret_key);
    }
    if (join->insecure) {
        used += (size_t)snprintf(text + used, sizeof text - used, "insecure yes\n");
    }
    return tg__keys_write(path, text, used, 0600, err);
}

static tg_status
take_pair_line(void *ctx, const char *name, const char *value, tg_error *err)
{
    tg_key_pair *pair = ctx;
    tg_status status = TG_OK;
    if (strcmp(name, "public-key") == 0) {
        status = take_key(pair->public_key, value, err);
    } else if (strcmp(name, "secret-key") == 0) {
        status = take_key(pair->secret_key, value, err);
    } else {
        status = tg_fail(err, TG_ERR_FORMAT, "a key file has no such line");
    }
    return status;
}

tg_status
tg_key_file_read(const char *path, tg_key_pair *out, tg_error *err)
{
    tg_status status = TG_OK;
    char text[TG_KEYS_FILE_BYTES_MAX];
    size_t bytes = 0;
    memset(out, 0, sizeof *out);
    TG_TRY(tg__keys_read(path, "tilegraph-key 1", true, text, &bytes, err));
    status = tg__keys_lines(text, bytes, "tilegraph-key 1", take_pair_line, out, err);
    if (status == TG_OK && (out->public_key[0] == '\0' || out->secret_key[0] == '\0')) {
        status = tg_fail(err, TG_ERR_FORMAT, "a key is missing");
    }
    if (status != TG_OK) {
        tg__error_prefix(err, "key file %s", path);
    }
out:
    return status;
}

tg_status
tg_key_file_write(const char *path, const tg_key_pair *pair, tg_error *err)
{
    char text[256];
    int bytes = snprintf(text, sizeof text, "tilegraph-key 1\npublic-key %s\nsecret-key %s\n",
                         pair->public_key, pair->secret_key);
    return tg__keys_write(path, text, (size_t)bytes, 0600, err);
}

/* -- the allow-list ------------------------------------------------------------------------- */

typedef struct public_key {
    char *key;
    unsigned roles;
} public_key;

/* 0: there is none. */
static unsigned
role_of(const char *name, size_t bytes)
{
    unsigned role = 0;
    for (size_t i = 0; i < ROLE_COUNT && role == 0; i++) {
        bool is =
            strlen(role_names[i].name) == bytes && memcmp(role_names[i].name, name, bytes) == 0;
        role = is ? role_names[i].role : 0;
    }
    return role;
}

tg_status
tg_roles_parse(const char *text, unsigned *roles, tg_error *err)
{
    tg_status status = TG_OK;
    const char *at = text;
    *roles = 0;
    do {
        size_t bytes = strcspn(at, ",");
        unsigned role = role_of(at, bytes);
        TG_CHECK(role != 0, err, TG_ERR_VALUE, "a role is viewer, client or worker, got '%.80s'",
                 text);
        *roles |= role;
        at += bytes;
    } while (*at++ == ',');
out:
    return status;
}

static tg_status
take_public_line(void *ctx, const char *name, const char *value, tg_error *err)
{
    tg_status status = TG_OK;
    public_key *p = ctx;
    if (strcmp(name, "public-key") == 0) {
        status = take_key(p->key, value, err);
    } else {
        TG_CHECK(strcmp(name, "role") == 0, err, TG_ERR_FORMAT, "a public key has no such line");
        unsigned role = role_of(value, strlen(value));
        TG_CHECK(role != 0, err, TG_ERR_FORMAT, "a role is viewer, client or worker");
        p->roles |= role;
    }
out:
    return status;
}

tg_status
tg_public_key_parse(const char *text, size_t bytes, char *key, unsigned *roles, tg_error *err)
{
    tg_status status = TG_OK;
    public_key p = { .key = key };
    key[0] = '\0';
    TG_TRY(tg__keys_lines(text, bytes, "tilegraph-public-key 1", take_public_line, &p, err));
    TG_CHECK(key[0] != '\0' && p.roles != 0, err, TG_ERR_FORMAT,
             "it needs a line 'public-key' and at least one 'role'");
    *roles = p.roles;
out:
    return status;
}

tg_status
tg_public_key_write(const char *folder, const char *name, const char *key, unsigned roles,
                    tg_error *err)
{
    tg_status status = TG_OK;
    char path[TG_NET_PATH_MAX + 1], text[256];
    TG_CHECK(tg_key_is_valid(key) && (roles & TG_ROLE_ANY) != 0, err, TG_ERR_VALUE,
             "%s: a public key of %d characters and a role are needed", name, TG_KEY_CHARS);
    TG_CHECK(name[0] != '\0' && name[0] != '.' && strchr(name, '/') == NULL, err, TG_ERR_VALUE,
             "'%.80s' is no name for a public key", name);
    int length = snprintf(path, sizeof path, "%s/%s.pub", folder, name);
    TG_CHECK(length > 0 && (size_t)length < sizeof path, err, TG_ERR_LIMIT, "too long a path");
    size_t used =
        (size_t)snprintf(text, sizeof text, "tilegraph-public-key 1\npublic-key %s\n", key);
    for (size_t i = 0; i < ROLE_COUNT; i++) {
        if ((roles & role_names[i].role) != 0) {
            used +=
                (size_t)snprintf(text + used, sizeof text - used, "role %s\n", role_names[i].name);
        }
    }
    status = tg__keys_write(path, text, used, 0644, err);
out:
    return status;
}

static tg_status
allow_file(const char *path, tg_zap_domain *domain, tg_error *err)
{
    tg_status status = TG_OK;
    char text[TG_KEYS_FILE_BYTES_MAX], key[TG_KEY_CHARS + 1];
    size_t bytes = 0;
    unsigned roles = 0;
    TG_TRY(tg__keys_read(path, "tilegraph-public-key 1", false, text, &bytes, err));
    status = tg_public_key_parse(text, bytes, key, &roles, err);
    if (status != TG_OK) {
        tg__error_prefix(err, "public key %s", path);
        goto out;
    }
    status = tg_zap_allow(domain, key, roles, err);
out:
    return status;
}

tg_status
tg_public_keys_allow(const char *folder, tg_zap_domain *domain, tg_error *err)
{
    tg_status status = TG_OK;
    char path[TG_NET_PATH_MAX + 1];
    DIR *dir = NULL;
    TG_TRY(tg__keys_folder_check(folder, err));
    dir = opendir(folder);
    TG_CHECK(dir != NULL, err, TG_ERR_NOT_FOUND, "public keys %s: %s", folder, strerror(errno));
    for (const struct dirent *e = readdir(dir); e != NULL; e = readdir(dir)) {
        const char *end = strrchr(e->d_name, '.');
        if (e->d_name[0] == '.' || end == NULL || strcmp(end, ".pub") != 0) {
            continue;
        }
        int length = snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
        TG_CHECK(length > 0 && (size_t)length < sizeof path, err, TG_ERR_LIMIT,
                 "public keys %s: too long a path", folder);
        TG_TRY(allow_file(path, domain, err));
    }
out:
    if (dir != NULL) {
        (void)closedir(dir);
    }
    return status;
}
