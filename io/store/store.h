/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_STORE_STORE_H
#define TG_STORE_STORE_H
/*
 * What: a store maps keys ("c/0/1/2", "zarr.json") to bytes. Chunked formats read and write
 * through it and know nothing of files. Keys are relative, with "/" between names.
 *
 * Ownership: counted; the creator holds one reference. An open value is closed by who opened it.
 * Threads: all functions may be called from many threads at once; writers of one key are not
 * ordered among each other.
 * Errors: TG_ERR_NOT_FOUND means that there is no such key, and nothing else; TG_ERR_VALUE a key
 * that is refused (empty, absolute, with "..", "." or an empty name in it, too long); TG_ERR_IO
 * what the system said. Messages name the path. `err` may be NULL everywhere.
 */
#include <stdbool.h>
#include <stdint.h>

#include "core/base/status.h"

typedef struct tg_store tg_store;

/* Longest key, longest root path, in bytes with the NUL. */
enum { TG_STORE_KEY_MAX = 1024, TG_STORE_PATH_MAX = 2048 };

/* An open value. Meaningless outside the store that gave it. */
typedef struct tg_store_value {
    int64_t fd;
    void *object;
    int64_t bytes; /* the length of a value that is read */
    char temporary[48];
} tg_store_value;

/* Called for each entry directly under a prefix; returning false ends the listing. */
typedef bool (*tg_store_visit)(void *ctx, const char *name, bool is_prefix, int64_t bytes);

typedef struct tg_store_ops {
    tg_status (*stat)(tg_store *store, const char *key, int64_t *bytes, tg_error *err);
    tg_status (*get)(tg_store *store, const char *key, void *to, int64_t capacity, int64_t *got,
                     tg_error *err);
    tg_status (*open)(tg_store *store, const char *key, tg_store_value *out, tg_error *err);
    tg_status (*read)(tg_store *store, const tg_store_value *value, int64_t offset, void *to,
                      int64_t bytes, tg_error *err);
    void (*close)(tg_store *store, tg_store_value *value);
    tg_status (*create)(tg_store *store, const char *key, tg_store_value *out, tg_error *err);
    tg_status (*write)(tg_store *store, const tg_store_value *value, int64_t offset,
                       const void *from, int64_t bytes, tg_error *err);
    tg_status (*finish)(tg_store *store, const char *key, tg_store_value *value, bool keep,
                        tg_error *err);
    tg_status (*list)(tg_store *store, const char *prefix, tg_store_visit visit, void *ctx,
                      tg_error *err);
    tg_status (*remove)(tg_store *store, const char *key, tg_error *err);
    tg_status (*publish)(tg_store *store, tg_error *err);
    void (*discard)(tg_store *store);
    void (*destroy)(tg_store *store);
} tg_store_ops;

/* First member of every implementation. */
struct tg_store {
    const tg_store_ops *ops;
    _Atomic unsigned references;
    char path[TG_STORE_PATH_MAX]; /* for messages: where the values are, or will be */
    const char *temporary;        /* where a staged store lies until it is published; or NULL */
};

/* Whether a key is one that a store takes. */
bool tg_store_key_ok(const char *key);

tg_store *tg_store_retain(tg_store *store);
void tg_store_release(tg_store *store);

/* Length of a value in bytes. */
tg_status tg_store_stat(tg_store *store, const char *key, int64_t *bytes, tg_error *err);
/* Reads a whole value of at most `capacity` bytes in as few system calls as there can be. A longer
 * one gives TG_ERR_LIMIT. */
tg_status tg_store_get(tg_store *store, const char *key, void *to, int64_t capacity, int64_t *got,
                       tg_error *err);
/* Opens a value for reading parts of it. */
tg_status tg_store_open(tg_store *store, const char *key, tg_store_value *out, tg_error *err);
/* Reads exactly [offset, offset + bytes); a range that is not all inside gives TG_ERR_CORRUPT. */
tg_status tg_store_read(tg_store *store, const tg_store_value *value, int64_t offset, void *to,
                        int64_t bytes, tg_error *err);
void tg_store_close(tg_store *store, tg_store_value *value);
/*
 * Writes a value piece by piece. It appears under its key in one step, by finish with `keep`;
 * without it, or when finish fails, what was there before stays. finish is called once for each
 * create that succeeded.
 */
tg_status tg_store_create(tg_store *store, const char *key, tg_store_value *out, tg_error *err);
tg_status tg_store_write(tg_store *store, const tg_store_value *value, int64_t offset,
                         const void *from, int64_t bytes, tg_error *err);
tg_status tg_store_finish(tg_store *store, const char *key, tg_store_value *value, bool keep,
                          tg_error *err);
/* create, write, finish. */
tg_status tg_store_put(tg_store *store, const char *key, const void *from, int64_t bytes,
                       tg_error *err);
/* Visits the entries directly under a prefix ("": the root), in no order. */
tg_status tg_store_list(tg_store *store, const char *prefix, tg_store_visit visit, void *ctx,
                        tg_error *err);
/* Removes one value; TG_ERR_NOT_FOUND when there is none. */
tg_status tg_store_remove(tg_store *store, const char *key, tg_error *err);
/* Sum of the bytes of all values under a prefix, and their number. */
tg_status tg_store_usage(tg_store *store, const char *prefix, int64_t *bytes, int64_t *count,
                         tg_error *err);
/* For a staged store: puts everything in its final place, but for values in the making, also of
 * other processes, which go; or removes everything. No-op otherwise. */
tg_status tg_store_publish(tg_store *store, tg_error *err);
void tg_store_discard(tg_store *store);

/*
 * A directory. Values never lead outside it: not by "..", and not by symbolic links (where the
 * kernel can check that, Linux 5.6).
 */
tg_status tg_store_file_open(const char *path, tg_store **out, tg_error *err);
/*
 * A directory that will be: values are collected in "<path>.tmp-<host>-<pid>-<n>" beside it, and
 * appear at `path` by one rename when published. What processes of this host that live no more left
 * of such (leftover.h) is removed first. With `overwrite` what is at `path` is replaced then, and
 * until then stays as it is; without, something there gives TG_ERR_EXISTS at once. With `sync`
 * publishing waits until all of it is on the disk.
 */
tg_status tg_store_file_stage(const char *path, bool overwrite, bool sync, tg_store **out,
                              tg_error *err);
/*
 * The same in "<path>.part", which stays when it is not published, and is found again: *found says
 * so. Values go through temporary names, of which what was left behind is removed. TG_ERR_EXISTS
 * when another process is at it.
 */
tg_status tg_store_file_resume(const char *path, bool overwrite, bool sync, tg_store **out,
                               bool *found, tg_error *err);
/* Where a target of this path goes, into `real` of TG_STORE_PATH_MAX: a symbolic link is followed,
 * so that what it names is replaced and the link stays. TG_ERR_EXISTS when something is there that
 * is not to be replaced; devices, pipes and sockets never are. */
tg_status tg_store_target(const char *path, bool overwrite, char *real, tg_error *err);
/* Removes what is at a temporary path while others may still write there: they write on to files
 * without a name, or fail. */
void tg_store_erase(const char *temporary);
/* Makes a rename of `path` last: fsync of the directory it is in. */
tg_status tg_store_sync_parent(const char *path, tg_error *err);

/* What a fault hook sees before each operation of a memory store. */
typedef enum tg_store_action {
    TG_STORE_STAT,
    TG_STORE_GET,
    TG_STORE_READ,
    TG_STORE_CREATE,
    TG_STORE_WRITE,
    TG_STORE_FINISH,
    TG_STORE_LIST,
    TG_STORE_PUBLISH
} tg_store_action;
/* Returns TG_OK to let the operation go on; any other status fails it with that. */
typedef tg_status (*tg_store_fault)(void *ctx, tg_store_action action, const char *key);

/* Values in memory; for tests and for small things. `name` stands for the path in messages. */
tg_status tg_store_memory_create(const char *name, tg_store **out, tg_error *err);
/* Calls `fault` (NULL: none) before every operation from now on. Only for a memory store. */
void tg_store_memory_set_fault(tg_store *store, tg_store_fault fault, void *ctx);

#endif
