/* SPDX-License-Identifier: BSD-3-Clause */
/* Which functions of plans are made here, and how. */
#include "worker/child/plan_functions.h"

#include <stdbool.h>
#include <string.h>

#include "core/base/status.h"
#include "core/mem/alloc.h"
#include "worker/child/plugin.h"
#include "worker/child/sha256.h"

tg_status
tg__plan_function_make(const tg_plan_functions *functions, const tg_function_form *form,
                       tg_function **out, tg_error *err)
{
    tg_status status = TG_OK;
    const tg_plan_functions none = { 0 };
    functions = functions != NULL ? functions : &none;
    char message[512] = "";
    *out = NULL;
    if (functions->make != NULL) {
        *out = functions->make(functions->ctx, form, message, sizeof message);
        message[sizeof message - 1] = '\0';
        TG_CHECK(*out != NULL, err, TG_ERR_UNSUPPORTED, "function %s: %s", form->name, message);
    } else if (strcmp(form->kind, "python") == 0) {
        TG_CHECK(functions->children != NULL, err, TG_ERR_UNSUPPORTED,
                 "function %s is Python, which is not allowed here; start workers with "
                 "--allow-python where all who may send plans may also run programs",
                 form->name);
        *out = tg_children_function(functions->children, functions->group, form->name, form->bytes,
                                    form->size);
        TG_CHECK(*out != NULL, err, TG_ERR_MEMORY, "function %s: out of memory", form->name);
    } else {
        TG_CHECK(strcmp(form->kind, "library") == 0, err, TG_ERR_UNSUPPORTED,
                 "function %s is of kind '%s', which is not known here", form->name, form->kind);
        TG_TRY(tg__library_function_from_form(form, functions->library_count, functions->libraries,
                                              out, err));
    }
out:
    return status;
}

static tg_status
check_library(const tg_plan_library *library, tg_error *err)
{
    tg_status status = TG_OK;
    TG_CHECK(library->path != NULL && library->path[0] == '/', err, TG_ERR_VALUE,
             "allowed library %s: the path must be absolute",
             library->path != NULL ? library->path : "");
    bool good = library->sha256 != NULL && strlen(library->sha256) == TG__SHA256_HEX - 1;
    for (size_t i = 0; good && i < TG__SHA256_HEX - 1; i++) {
        char digit = library->sha256[i];
        good = (digit >= '0' && digit <= '9') || (digit >= 'a' && digit <= 'f');
    }
    TG_CHECK(good, err, TG_ERR_VALUE,
             "allowed library %s: its SHA-256 must be 64 digits of 0-9a-f, as sha256sum prints it",
             library->path);
out:
    return status;
}

/* What a copied library owns: path, NUL, hash, NUL. */
static size_t
text_bytes(const tg_plan_library *library)
{
    return strlen(library->path) + 1 + TG__SHA256_HEX;
}

tg_status
tg__plan_functions_copy(const tg_plan_functions *functions, tg_plan_functions **out, tg_error *err)
{
    tg_status status = TG_OK;
    tg_plan_functions *copy = NULL;
    tg_plan_library *libraries = NULL;
    *out = NULL;
    if (functions == NULL) {
        goto out;
    }
    TG_CHECK(functions->struct_size == sizeof *functions, err, TG_ERR_VALUE,
             "tg_plan_functions.struct_size is %zu, this library's is %zu", functions->struct_size,
             sizeof *functions);
    copy = tg_calloc(NULL, 1, sizeof *copy);
    TG_CHECK(copy != NULL, err, TG_ERR_MEMORY, "out of memory");
    libraries = tg_calloc(NULL, functions->library_count + 1, sizeof *libraries);
    TG_CHECK(libraries != NULL, err, TG_ERR_MEMORY, "out of memory");
    *copy = *functions;
    copy->libraries = libraries;
    for (size_t i = 0; i < functions->library_count; i++) {
        const tg_plan_library *library = &functions->libraries[i];
        TG_TRY(check_library(library, err));
        size_t path = strlen(library->path) + 1;
        char *text = tg_malloc(NULL, text_bytes(library));
        TG_CHECK(text != NULL, err, TG_ERR_MEMORY, "out of memory");
        memcpy(text, library->path, path);
        memcpy(text + path, library->sha256, TG__SHA256_HEX);
        libraries[i] = (tg_plan_library){ text, text + path };
    }
    *out = copy;
    copy = NULL;
out:
    tg__plan_functions_destroy(copy);
    return status;
}

void
tg__plan_functions_destroy(tg_plan_functions *functions)
{
    if (functions != NULL) {
        for (size_t i = 0; i < functions->library_count; i++) {
            const tg_plan_library *library = &functions->libraries[i];
            if (library->path != NULL) {
                tg_free(NULL, (char *)library->path, text_bytes(library));
            }
        }
        tg_free(NULL, (tg_plan_library *)functions->libraries,
                (functions->library_count + 1) * sizeof *functions->libraries);
        tg_free(NULL, functions, sizeof *functions);
    }
}
