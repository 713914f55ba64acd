/* SPDX-License-Identifier: BSD-3-Clause */
/* Arrays in stores and functions for those who only plan. No ghost is equal to another, as no two
 * arrays of a plan are that were not one array where it was written. */
#include "core/wire/ghost.h"

#include <stdio.h>
#include <string.h>

#include "core/mem/alloc.h"

static tg_status
read_nothing(tg_source *source, const tg_box *box, const tg_view *out, tg_scratch *scratch,
             tg_io_stats *stats, tg_error *err)
{
    (void)box, (void)out, (void)scratch, (void)stats;
    return tg_fail(err, TG_ERR_UNSUPPORTED,
                   "%s: was not opened: the plan was read to be looked at, not to be run",
                   source->uri);
}

static void
destroy(tg_source *source)
{
    tg_grid_release(source->chunks);
    tg_free(NULL, source, sizeof *source);
}

static const tg_source_ops ghost_ops = { .read = read_nothing, .destroy = destroy };

tg_source *
tg__ghost_source(const char *format, const char *uri, tg_dtype dtype, int ndim,
                 const int64_t *shape, tg_grid *chunks, bool random_access)
{
    tg_source *source = tg_calloc(NULL, 1, sizeof *source);
    if (source != NULL) {
        tg_source_init(source, &ghost_ops, format, uri);
        source->dtype = dtype;
        source->ndim = ndim;
        memcpy(source->shape, shape, (size_t)ndim * sizeof *shape);
        source->chunks = tg_grid_retain(chunks);
        source->random_access = random_access;
    }
    return source;
}

/* A form with what it points to behind it: a plan that was read can be written again. */
typedef struct ghost_function {
    tg_function_form form;
    size_t bytes;
    char text[];
} ghost_function;

static int
call_nothing(void *user, const tg_block_info *info, const tg_block_view *in, size_t nin,
             const tg_block_view *out, char *message, size_t message_bytes)
{
    const ghost_function *ghost = user;
    (void)info, (void)in, (void)nin, (void)out;
    (void)snprintf(message, message_bytes,
                   "%s was not made: the plan was read to be looked at, not to be run",
                   ghost->form.name);
    return 1;
}

static int
form_of(void *user, tg_function_form *form, char *message, size_t message_bytes)
{
    const ghost_function *ghost = user;
    (void)message, (void)message_bytes;
    *form = ghost->form;
    return 0;
}

static void
free_ghost(void *user)
{
    ghost_function *ghost = user;
    tg_free(NULL, ghost, ghost->bytes);
}

tg_status
tg__ghost_function(void *ctx, const tg_function_form *form, tg_function **out, tg_error *err)
{
    tg_status status = TG_OK;
    const size_t kind = strlen(form->kind) + 1, name = strlen(form->name) + 1;
    const size_t bytes = sizeof(ghost_function) + kind + name + form->size;
    ghost_function *ghost = tg_malloc(NULL, bytes);
    tg_block_fn fn = call_nothing;
    void *bits = NULL;
    (void)ctx;
    *out = NULL;
    TG_CHECK(ghost != NULL, err, TG_ERR_MEMORY, "no memory for function %s", form->name);
    memcpy(ghost->text, form->kind, kind);
    memcpy(ghost->text + kind, form->name, name);
    memcpy(ghost->text + kind + name, form->bytes, form->size);
    ghost->form = (tg_function_form){ ghost->text, ghost->text + kind, ghost->text + kind + name,
                                      form->size };
    ghost->bytes = bytes;
    memcpy(&bits, &fn, sizeof bits);
    *out = tg_function_create(bits, ghost, free_ghost, 0);
    TG_CHECK(*out != NULL, err, TG_ERR_MEMORY, "no memory for function %s", form->name);
    (*out)->form = form_of;
    ghost = NULL;
out:
    tg_free(NULL, ghost, bytes);
    return status;
}
