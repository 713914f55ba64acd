/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Loading a library in one piece: the file is read once, into a memfd that is then sealed; it is
 * that copy which is hashed and which dlopen maps. Whoever may write the file has no moment in
 * which to change what was looked at.
 */
#include "worker/child/plugin.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/array/param.h"
#include "core/base/limits.h"
#include "core/mem/alloc.h"
#include "worker/child/sha256.h"

#ifndef MFD_EXEC /* Linux 6.3: says that this one is to be mapped as code */
#    define MFD_EXEC 0x0010U
#endif

enum { SYMBOL_MAX = 255 };
static const int64_t library_bytes_max = (int64_t)1 << 30; /* with debug information */

/* The `user` of the function that the engine knows. */
typedef struct library {
    void *handle;
    tg_block_fn fn;
    char symbol[SYMBOL_MAX + 1];
    void *params; /* within `bytes`, aligned; NULL: none */
    size_t form_bytes, bytes;
    char *form; /* digits, path, NUL, params */
} library;

/* -- the file -------------------------------------------------------------------------------- */

static tg_status
copy_file(const char *path, int from, int to, tg__sha256 *hash, tg_error *err)
{
    tg_status status = TG_OK;
    char piece[16384];
    int64_t sum = 0;
    ssize_t size = 0;
    while ((size = read(from, piece, sizeof piece)) != 0) {
        TG_CHECK(size > 0 || errno == EINTR, err, TG_ERR_IO, "library %s: %s", path,
                 strerror(errno));
        for (ssize_t done = 0; done < size;) {
            ssize_t written = write(to, piece + done, (size_t)(size - done));
            TG_CHECK(written > 0 || errno == EINTR, err, TG_ERR_MEMORY,
                     "library %s: no memory to load it: %s", path, strerror(errno));
            done += written > 0 ? written : 0;
        }
        tg__sha256_add(hash, piece, size > 0 ? (size_t)size : 0);
        sum += size > 0 ? size : 0;
        TG_CHECK(sum <= library_bytes_max, err, TG_ERR_LIMIT, "library %s: more than %lld bytes",
                 path, (long long)library_bytes_max);
    }
out:
    return status;
}

/* A sealed copy of the file, and its hash. */
static tg_status
read_library(const char *path, int *copy, char *hex, tg_error *err)
{
    tg_status status = TG_OK;
    const int seals = F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
    tg__sha256 hash;
    /* Not a pipe that nobody writes to. */
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    *copy = -1;
    TG_CHECK(file >= 0, err, TG_ERR_NOT_FOUND, "library %s: %s", path, strerror(errno));
    *copy = memfd_create("tilegraph-plugin", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC);
    if (*copy < 0 && errno == EINVAL) {
        *copy = memfd_create("tilegraph-plugin", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    }
    TG_CHECK(*copy >= 0, err, TG_ERR_MEMORY, "library %s: no memory to load it: %s", path,
             strerror(errno));
    tg__sha256_init(&hash);
    TG_TRY(copy_file(path, file, *copy, &hash, err));
    TG_CHECK(fcntl(*copy, F_ADD_SEALS, seals) == 0, err, TG_ERR_IO,
             "library %s: its copy cannot be sealed: %s", path, strerror(errno));
    tg__sha256_hex(&hash, hex);
out:
    if (file >= 0) {
        (void)close(file);
    }
    if (status != TG_OK && *copy >= 0) {
        (void)close(*copy);
        *copy = -1;
    }
    return status;
}

static tg_status
find_symbols(library *lib, const char *path, tg_error *err)
{
    tg_status status = TG_OK;
    const int *abi = dlsym(lib->handle, "tg_plugin_abi");
    TG_CHECK(abi != NULL, err, TG_ERR_FORMAT,
             "library %s: it has no `const int tg_plugin_abi = TG_PLUGIN_ABI;`, so it was not made "
             "for tilegraph",
             path);
    TG_CHECK(*abi == TG_PLUGIN_ABI, err, TG_ERR_FORMAT,
             "library %s: it was built for plugin ABI %d, this is %d; build it anew", path, *abi,
             TG_PLUGIN_ABI);
    void *bits = dlsym(lib->handle, lib->symbol);
    TG_CHECK(bits != NULL, err, TG_ERR_NOT_FOUND, "library %s: it has no function %s", path,
             lib->symbol);
    memcpy(&lib->fn, &bits, sizeof bits);
out:
    return status;
}

static tg_status
load(library *lib, const char *path, int copy, tg_error *err)
{
    tg_status status = TG_OK;
    char name[64];
    (void)snprintf(name, sizeof name, "/proc/self/fd/%d", copy);
    lib->handle = dlopen(name, RTLD_NOW | RTLD_LOCAL);
    if (lib->handle == NULL) {
        const char *why = dlerror();
        status = tg_fail(err, TG_ERR_FORMAT, "library %s: %s", path, why != NULL ? why : "?");
        goto out;
    }
    TG_TRY(find_symbols(lib, path, err));
out:
    return status;
}

/* -- the function ---------------------------------------------------------------------------- */

static int
call_library(void *user, const tg_block_info *info, const tg_block_view *in, size_t nin,
             const tg_block_view *out, char *message, size_t message_bytes)
{
    const library *lib = user;
    return lib->fn(lib->params, info, in, nin, out, message, message_bytes);
}

static int
form_of(void *user, tg_function_form *form, char *message, size_t message_bytes)
{
    const library *lib = user;
    (void)message, (void)message_bytes;
    *form = (tg_function_form){ "library", lib->symbol, lib->form, lib->form_bytes };
    return 0;
}

static void
free_library(void *user)
{
    library *lib = user;
    if (lib != NULL) {
        if (lib->handle != NULL) {
            (void)dlclose(lib->handle);
        }
        tg_free(NULL, lib, lib->bytes);
    }
}

/* `hex`: the hash that the file must have; NULL: any. */
static tg_status
make_function(const char *path, const char *symbol, const char *hex, const void *params,
              size_t params_size, tg_function **out, tg_error *err)
{
    tg_status status = TG_OK;
    char found[TG__SHA256_HEX];
    int copy = -1;
    size_t text = TG__SHA256_HEX - 1 + strlen(path) + 1;
    /* The parameters once as part of the form, once aligned for whatever is in them. */
    size_t front = (sizeof(library) + 15) / 16 * 16;
    size_t bytes = front + params_size + text + params_size;
    library *lib = NULL;
    *out = NULL;
    TG_CHECK(strlen(symbol) <= SYMBOL_MAX, err, TG_ERR_LIMIT,
             "library %s: a symbol of more than %d bytes", path, SYMBOL_MAX);
    TG_CHECK(params_size <= (size_t)TG_FUNCTION_BYTES_MAX / 2, err, TG_ERR_LIMIT,
             "library %s: %zu bytes of parameters", path, params_size);
    TG_TRY(read_library(path, &copy, found, err));
    TG_CHECK(hex == NULL || strcmp(hex, found) == 0, err, TG_ERR_VALUE,
             "library %s: the file has SHA-256 %s, allowed is %s", path, found, hex);
    lib = tg_calloc(NULL, 1, bytes);
    TG_CHECK(lib != NULL, err, TG_ERR_MEMORY, "library %s: out of memory", path);
    lib->bytes = bytes;
    lib->form_bytes = text + params_size;
    lib->form = (char *)lib + front + params_size;
    memcpy(lib->symbol, symbol, strlen(symbol));
    memcpy(lib->form, found, TG__SHA256_HEX - 1);
    memcpy(lib->form + TG__SHA256_HEX - 1, path, strlen(path) + 1);
    if (params_size > 0) {
        lib->params = (char *)lib + front;
        memcpy(lib->params, params, params_size);
        memcpy(lib->form + text, params, params_size);
    }
    TG_TRY(load(lib, path, copy, err));
    *out = tg_block_function_create(call_library, lib, free_library, 0);
    TG_CHECK(*out != NULL, err, TG_ERR_MEMORY, "library %s: out of memory", path);
    tg_block_function_set_form(*out, form_of);
    lib = NULL;
out:
    free_library(lib);
    if (copy >= 0) {
        (void)close(copy);
    }
    return status;
}

tg_status
tg__library_check(const tg_plan_library *wanted, tg_error *err)
{
    tg_status status = TG_OK;
    char found[TG__SHA256_HEX];
    int copy = -1;
    TG_TRY(read_library(wanted->path, &copy, found, err));
    TG_CHECK(strcmp(wanted->sha256, found) == 0, err, TG_ERR_VALUE,
             "library %s: the file has SHA-256 %s, allowed is '%.64s'", wanted->path, found,
             wanted->sha256);
out:
    if (copy >= 0) {
        (void)close(copy);
    }
    return status;
}

tg_status
tg_library_function(const char *path, const char *symbol, const void *params, size_t params_size,
                    tg_function **out, tg_error *err)
{
    return make_function(path, symbol, NULL, params, params_size, out, err);
}

tg_status
tg__library_function_from_form(const tg_function_form *form, size_t count,
                               const tg_plan_library *allowed, tg_function **out, tg_error *err)
{
    tg_status status = TG_OK;
    const size_t digits = TG__SHA256_HEX - 1;
    const char *bytes = form->bytes;
    const char *end = NULL;
    const tg_plan_library *found = NULL;
    *out = NULL;
    if (form->size > digits) {
        end = memchr(bytes + digits, '\0', form->size - digits);
    }
    TG_CHECK(end != NULL, err, TG_ERR_FORMAT, "function %s: its library has no name", form->name);
    const char *path = bytes + digits;
    for (size_t i = 0; i < count && found == NULL; i++) {
        bool same =
            strcmp(allowed[i].path, path) == 0 && strncmp(allowed[i].sha256, bytes, digits) == 0;
        found = same ? &allowed[i] : NULL;
    }
    TG_CHECK(found != NULL, err, TG_ERR_VALUE,
             "function %s: the library %.400s with SHA-256 %.64s is not in the list of libraries "
             "that are allowed here: start workers with tgworker --plugin PATH:SHA256",
             form->name, path, bytes);
    TG_TRY(make_function(found->path, form->name, found->sha256, end + 1,
                         form->size - (size_t)(end + 1 - bytes), out, err));
out:
    return status;
}
