/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_NET_KEYS_H
#define TG_NET_KEYS_H
/*
 * What: who may join a cluster: CURVE key pairs and the three kinds of files that hold them. All
 * are lines "name value" below a first line that says what the file is; all are read strictly (at
 * most 16 KiB, no line unknown, missing or twice) and written whole or not at all (a temporary
 * file, synced, renamed).
 *
 *     join file     <cluster>/join      where the scheduler listens, its public key, and a key pair
 *                                       for whoever may read the file: they are let in as clients
 *                                       and workers. 0600, in a folder 0700.
 *     key file      <cluster>/key       the scheduler's own pair; kept, so that join files stay
 *                                       good when it is started again. 0600.
 *     public key    <folder>/<name>.pub somebody who is let in by a key of his own, and as what
 *
 * The default folder of a cluster is ~/.local/share/tg/<cluster>. Over a shared home it reaches
 * every host without further set-up. A secret that others may read is refused, not warned about.
 *
 * Keys are in Z85, 40 characters, as ZeroMQ's own tools print them.
 *
 * Ownership: all structs are the caller's; tg_keys_forget clears secrets. Threads: any.
 * Errors: TG_ERR_FORMAT with file and line, TG_ERR_NOT_FOUND, TG_ERR_IO, TG_ERR_VALUE for a file
 * or folder that others may read or change.
 */
#include "core/base/status.h"

enum {
    TG_KEY_CHARS = 40,
    TG_ENDPOINT_MAX = 255,     /* bytes of one endpoint */
    TG_JOIN_ENDPOINTS_MAX = 8, /* of one scheduler: ipc, and its interfaces */
    TG_NET_PATH_MAX = 1023
};

typedef struct tg_key_pair {
    char public_key[TG_KEY_CHARS + 1]; /* "": no keys */
    char secret_key[TG_KEY_CHARS + 1];
} tg_key_pair;

typedef struct tg_join {
    size_t endpoint_count;
    char endpoints[TG_JOIN_ENDPOINTS_MAX][TG_ENDPOINT_MAX + 1];
    char server_key[TG_KEY_CHARS + 1];
    tg_key_pair client;
} tg_join;

struct tg_zap_domain;

/* What a net knows about keys. Without any it talks on this host only. */
typedef struct tg_net_security {
    tg_key_pair listen;            /* of this process, for those who connect to it */
    tg_key_pair connect;           /* as whom it connects to others */
    struct tg_zap_domain *allowed; /* who may connect (zap.h); needed with `listen` */
    bool insecure;                 /* private networks without keys are allowed */
} tg_net_security;

/* From the system's random source. */
TG_MUST_USE tg_status tg_keys_make(tg_key_pair *out, tg_error *err);
void tg_keys_forget(tg_key_pair *pair);
/* 40 characters that ZeroMQ takes for a key. */
bool tg_key_is_valid(const char *key);

/* "~/.local/share/tg/<cluster>"; a cluster's name has letters, digits, '-', '_', '.'. */
TG_MUST_USE tg_status tg_cluster_folder(const char *cluster, char *out, size_t room, tg_error *err);

TG_MUST_USE tg_status tg_join_parse(const char *text, size_t bytes, tg_join *out, tg_error *err);
TG_MUST_USE tg_status tg_join_read(const char *path, tg_join *out, tg_error *err);
/* Makes the folder, 0700, where there is none. */
TG_MUST_USE tg_status tg_join_write(const char *path, const tg_join *join, tg_error *err);

TG_MUST_USE tg_status tg_key_file_read(const char *path, tg_key_pair *out, tg_error *err);
TG_MUST_USE tg_status tg_key_file_write(const char *path, const tg_key_pair *pair, tg_error *err);

/* "client", or several: "client,worker". */
TG_MUST_USE tg_status tg_roles_parse(const char *text, unsigned *roles, tg_error *err);
/* <folder>/<name>.pub; roles: a set of TG_ROLE_VIEWER, TG_ROLE_CLIENT, TG_ROLE_WORKER. */
TG_MUST_USE tg_status tg_public_key_write(const char *folder, const char *name, const char *key,
                                          unsigned roles, tg_error *err);
TG_MUST_USE tg_status tg_public_key_parse(const char *text, size_t bytes, char *key,
                                          unsigned *roles, tg_error *err);
/* Lets in whoever has a *.pub in the folder. */
TG_MUST_USE tg_status tg_public_keys_allow(const char *folder, struct tg_zap_domain *domain,
                                           tg_error *err);

#endif
