/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Where stores really are: two results of one computation never go to one place, and the plans that
 * a session reads open nothing outside of its root. See paths.h.
 */
#include "worker/session/paths.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/array/source.h"
#include "core/mem/alloc.h"
#include "io/store/store.h"

/* `path` without links, "." and ".."; its last name need not exist. False: the folder of it does
 * not, or the text is too long. */
static bool
resolve(const char *path, char *real)
{
    char text[TG_STORE_PATH_MAX], folder[PATH_MAX];
    size_t n = strlen(path);
    while (n > 1 && path[n - 1] == '/') {
        n--;
    }
    bool ok = n > 0 && n < sizeof text;
    (void)snprintf(text, sizeof text, "%.*s", ok ? (int)n : 0, path);
    if (ok && realpath(text, folder) != NULL) {
        ok = snprintf(real, TG_STORE_PATH_MAX, "%s", folder) < TG_STORE_PATH_MAX;
    } else if (ok) {
        char *slash = strrchr(text, '/');
        const char *name = slash != NULL ? slash + 1 : text;
        char last[TG_STORE_PATH_MAX];
        (void)snprintf(last, sizeof last, "%s", name);
        if (slash != NULL) {
            slash[slash == text] = '\0';
        }
        ok = realpath(slash != NULL ? text : ".", folder) != NULL && strcmp(last, "..") != 0 &&
             snprintf(real, TG_STORE_PATH_MAX, "%s/%s", strcmp(folder, "/") != 0 ? folder : "",
                      last) < TG_STORE_PATH_MAX;
    }
    return ok;
}

/* Both resolved: is `path` the folder, or below it? */
static bool
lies_in(const char *path, const char *folder)
{
    size_t n = strcmp(folder, "/") != 0 ? strlen(folder) : 0;
    return strncmp(path, folder, n) == 0 && (path[n] == '\0' || path[n] == '/');
}

tg_status
tg__check_places(size_t count, const tg_target *targets, tg_error *err)
{
    tg_status status = TG_OK;
    size_t sinks = 0;
    char(*real)[TG_STORE_PATH_MAX] = NULL;
    for (size_t t = 0; t < count; t++) {
        sinks += targets[t].sink != NULL;
    }
    if (sinks < 2) {
        goto out;
    }
    real = tg_malloc(NULL, count * sizeof *real);
    TG_CHECK(real != NULL, err, TG_ERR_MEMORY, "no memory to plan");
    for (size_t t = 0; t < count; t++) {
        real[t][0] = '\0';
        if (targets[t].sink != NULL && !resolve(targets[t].sink->uri, real[t])) {
            (void)snprintf(real[t], sizeof real[t], "%s", targets[t].sink->uri);
        }
        for (size_t u = 0; u < t && targets[t].sink != NULL; u++) {
            TG_CHECK(targets[u].sink == NULL ||
                         (!lies_in(real[t], real[u]) && !lies_in(real[u], real[t])),
                     err, TG_ERR_VALUE,
                     "targets %zu and %zu would both be written to %s; give each a path of its own",
                     u, t, strlen(real[t]) < strlen(real[u]) ? real[t] : real[u]);
        }
    }
out:
    tg_free(NULL, real, count * sizeof *real);
    return status;
}

/* -- the root ---------------------------------------------------------------------------------- */

tg_status
tg__root_make(const char *path, char *root, tg_error *err)
{
    tg_status status = TG_OK;
    struct stat st;
    TG_CHECK(path[0] != '\0' && stat(path, &st) == 0, err, TG_ERR_NOT_FOUND,
             "%s: cannot be the root of plans: %s", path,
             strerror(path[0] != '\0' ? errno : ENOENT));
    TG_CHECK(S_ISDIR(st.st_mode) && resolve(path, root), err, TG_ERR_VALUE,
             "%s: cannot be the root of plans: it must be a folder", path);
out:
    return status;
}

static tg_status
check_inside(const char *root, const char *path, const char *what, tg_error *err)
{
    tg_status status = TG_OK;
    TG_CHECK(lies_in(path, root), err, TG_ERR_VALUE,
             "%s: lies outside of %s, the only folder from which plans may read here", what, root);
out:
    return status;
}

/* Files of a folder are opened by name, wherever a link may lead. */
static tg_status
check_entries(const char *root, const char *folder, tg_error *err)
{
    tg_status status = TG_OK;
    DIR *d = opendir(folder);
    for (struct dirent *e = d != NULL ? readdir(d) : NULL; e != NULL; e = readdir(d)) {
        char path[TG_STORE_PATH_MAX + 256], real[TG_STORE_PATH_MAX];
        struct stat st;
        (void)snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
        bool link = e->d_type == DT_LNK ||
                    (e->d_type == DT_UNKNOWN && lstat(path, &st) == 0 && S_ISLNK(st.st_mode));
        if (link) {
            TG_CHECK(resolve(path, real), err, TG_ERR_VALUE, "%s: cannot follow the link", path);
            TG_TRY(check_inside(root, real, path, err));
        }
    }
out:
    if (d != NULL) {
        (void)closedir(d);
    }
    return status;
}

tg_status
tg__root_find(const char *root, const char *uri, char *real, tg_error *err)
{
    tg_status status = TG_OK;
    char path[TG_STORE_PATH_MAX], inner[TG_STORE_PATH_MAX] = "";
    struct stat st;
    const char *mark = lstat(uri, &st) != 0 ? strrchr(uri, '#') : NULL; /* an array in a store */
    size_t n = mark != NULL ? (size_t)(mark - uri) : strlen(uri);
    TG_CHECK(n < sizeof path, err, TG_ERR_VALUE, "the path '%.80s...' is too long", uri);
    (void)snprintf(path, sizeof path, "%.*s", (int)n, uri);
    TG_CHECK(resolve(path, real), err, TG_ERR_NOT_FOUND, "%s: there is no such path", uri);
    TG_TRY(check_inside(root, real, uri, err));
    if (mark != NULL) {
        char full[2 * TG_STORE_PATH_MAX];
        (void)snprintf(full, sizeof full, "%s/%s", real, mark + 1);
        TG_CHECK(resolve(full, inner), err, TG_ERR_NOT_FOUND, "%s: there is no such array", uri);
        TG_TRY(check_inside(root, inner, uri, err));
    }
    (void)snprintf(path, sizeof path, "%s", mark != NULL ? inner : real);
    if (stat(path, &st) != 0) { /* "stack_*.tif": files of the folder */
        *strrchr(path, '/') = '\0';
    }
    TG_TRY(check_entries(root, path[0] != '\0' ? path : "/", err));
    if (mark != NULL) {
        n = strlen(real);
        TG_CHECK(snprintf(real + n, TG_STORE_PATH_MAX - n, "%s", mark) <
                     (int)(TG_STORE_PATH_MAX - n),
                 err, TG_ERR_VALUE, "the path '%.80s...' is too long", uri);
    }
out:
    return status;
}
