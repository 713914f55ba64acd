/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Plans as bytes: what is written and read in one context is the same node again; what cannot
 * travel is refused by name; cut, changed and hostile messages are errors.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/wire/plan_wire.h"
#include "tests/support/mini_ops.h"

/* --- a store with one array in it ------------------------------------------------------------ */

static tg_source store;
static int store_opened;

static void
destroy_store(tg_source *source)
{
    (void)source;
    store_opened--;
}

static const tg_source_ops store_ops = { .destroy = destroy_store };

static tg_status
open_store(void *ctx, const char *format, const char *uri, tg_source **out, tg_error *err)
{
    tg_status status = TG_OK;
    (void)ctx;
    *out = NULL;
    TG_CHECK(strcmp(format, "zarr") == 0 && strcmp(uri, "a.zarr#0") == 0, err, TG_ERR_NOT_FOUND,
             "%s: no such store", uri);
    *out = tg_source_retain(&store);
out:
    return status;
}

static const tg_wire_opener opener = { .open = open_store };

static void
make_store(void)
{
    memset(&store, 0, sizeof store);
    store.ops = &store_ops;
    atomic_init(&store.references, 1);
    store.dtype = TG_DT_U16;
    store.ndim = 3;
    store.shape[0] = 100;
    store.shape[1] = 200;
    store.shape[2] = 300;
    store.chunks = tg_grid_create_regular(3, store.shape, (int64_t[]){ 10, 64, 64 });
    store.key = 77;
    (void)strcpy(store.format, "zarr");
    (void)strcpy(store.uri, "a.zarr#0");
    store_opened = 1;
}

static void
drop_store(void)
{
    tg_grid *chunks = store.chunks;
    tg_source_release(&store);
    assert_int_equal(store_opened, 0);
    tg_grid_release(chunks);
}

/* --- round trips ----------------------------------------------------------------------------- */

static tg_wire_bytes
write_all(size_t count, tg_array *const *targets)
{
    tg_wire_bytes bytes;
    tg_error err;
    if (tg_wire_write_nodes(count, targets, NULL, &bytes, &err) != TG_OK) {
        fail_msg("%s", err.message);
    }
    return bytes;
}

/* Written and read in one context, every target is the node that it was. */
static void
check_round_trip(tg_context *context, size_t count, tg_array *const *targets)
{
    tg_wire_bytes bytes = write_all(count, targets);
    tg_wire_arrays arrays;
    tg_error err;
    if (tg_wire_read_nodes(context, bytes.data, bytes.size, &opener, &arrays, &err) != TG_OK) {
        fail_msg("%s", err.message);
    }
    assert_int_equal(arrays.count, count);
    for (size_t i = 0; i < count; i++) {
        assert_ptr_equal(arrays.arrays[i], targets[i]);
    }
    tg_wire_arrays_fini(&arrays);
    tg_wire_bytes_fini(&bytes);
}

static tg_array *
build_some(tg_scope *scope)
{
    const int64_t shape[] = { 6, 1 };
    const int64_t depth[] = { 3, -4 };
    const double sigma[] = { 0.1, -0.0, 1e300 };
    tg_array *a = mini_full(scope, TG_DT_U8, 2, shape);
    tg_array *b = mini_add(scope, a, tg_scalar_int(scope, 5));
    tg_array *c = mini_add(scope, b, tg_scalar_complex(scope, 2.5, -1.0));
    const tg_param params[] = {
        { "depth", TG_PARAM_INT, { 2, { .ints = depth } } },
        { "sigma", TG_PARAM_FLOAT, { 3, { .floats = sigma } } },
        { "mode", TG_PARAM_STR, { 12, { .text = "wrap|reflect" } } },
    };
    tg_array *d = tg_apply(scope, "blur", 1, &c, 3, params);
    return mini_add(scope, d, c);
}

static void
test_round_trips(void **state)
{
    mini *m = *state;
    tg_array *a = build_some(m->scope);
    tg_array *number = tg_scalar(m->scope, 0.1);
    tg_array *total = mini_ints(m->scope, "total", a, "axis", 1, (int64_t[]){ -1 });
    tg_array *some = tg_apply(m->scope, "select", 1, &a, 0, NULL);
    tg_array *point = mini_full(m->scope, TG_DT_F64, 0, NULL);
    assert_null(tg_scope_error(m->scope));
    check_round_trip(m->context, 1, (tg_array *[]){ a });
    check_round_trip(m->context, 5, (tg_array *[]){ total, a, some, number, point });
    check_round_trip(m->context, 2, (tg_array *[]){ a, a });
    check_round_trip(m->context, 0, NULL);
}

static void
test_another_process_gets_the_same(void **state)
{
    mini *m = *state;
    mini other;
    tg_wire_arrays arrays;
    tg_error err;
    tg_array *a = build_some(m->scope);
    tg_wire_bytes bytes = write_all(1, &a);
    mini_open(&other);
    tg_array *expected = build_some(other.scope);
    assert_int_equal(tg_wire_read_nodes(other.context, bytes.data, bytes.size, NULL, &arrays, &err),
                     TG_OK);
    assert_ptr_equal(arrays.arrays[0], expected);
    tg_wire_bytes again = write_all(1, arrays.arrays);
    assert_int_equal(again.size, bytes.size);
    assert_memory_equal(again.data, bytes.data, bytes.size);
    tg_wire_bytes_fini(&again);
    tg_wire_arrays_fini(&arrays);
    tg_wire_bytes_fini(&bytes);
    mini_close(&other);
}

static void
test_long_chains(void **state)
{
    mini *m = *state;
    tg_array *a = mini_full(m->scope, TG_DT_F64, 1, (int64_t[]){ 10 });
    for (int i = 0; i < 20000; i++) {
        a = mini_add(m->scope, a, a);
    }
    tg_wire_bytes bytes = write_all(1, &a);
    assert_true(bytes.size < 20000 * 20);
    tg_wire_bytes_fini(&bytes);
    check_round_trip(m->context, 1, &a);
}

static void
test_sources_are_opened_again(void **state)
{
    mini *m = *state;
    tg_scope *scope = tg_scope_create_in(m->context);
    tg_grid *regular = NULL;
    tg_grid *listed = NULL;
    tg_error err;
    tg_wire_arrays arrays;
    make_store();
    regular = tg_grid_create_regular(3, store.shape, (int64_t[]){ 50, 200, 7 });
    assert_int_equal(tg_grid_create_sizes(3, store.shape, (int64_t[]){ 3, 1, 2 },
                                          (int64_t[]){ 20, 70, 10, 200, 100, 200 }, &listed, &err),
                     TG_OK);
    tg_array *own = tg_scope_from_source(scope, &store, NULL);
    tg_array *other = tg_scope_from_source(scope, &store, regular);
    tg_array *third = tg_scope_from_source(scope, &store, listed);
    tg_array *sum = mini_add(scope, own, mini_add(scope, other, third));
    assert_null(tg_scope_error(scope));
    check_round_trip(m->context, 4, (tg_array *[]){ sum, own, other, third });

    tg_wire_bytes bytes = write_all(1, &own);
    assert_int_equal(tg_wire_read_nodes(m->context, bytes.data, bytes.size, NULL, &arrays, &err),
                     TG_ERR_UNSUPPORTED);
    assert_string_equal(err.message, "plan: node 0: a.zarr#0: stores cannot be opened here");
    store.shape[0] = 101;
    assert_int_equal(tg_wire_read_nodes(m->context, bytes.data, bytes.size, &opener, &arrays, &err),
                     TG_ERR_VALUE);
    assert_non_null(strstr(err.message, "a.zarr#0: is not the array that it was"));
    store.shape[0] = 100;
    tg_wire_bytes_fini(&bytes);
    tg_grid_release(regular);
    tg_grid_release(listed);
    tg_scope_destroy(scope);
    drop_store();
}

/* --- what cannot travel ---------------------------------------------------------------------- */

static void
test_memory_travels_by_value(void **state)
{
    mini *m = *state;
    static char memory[8] = "abcdefgh";
    tg_view view, whole;
    tg_wire_bytes bytes;
    tg_wire_arrays arrays;
    tg_error err;
    tg_view_from_shape(&view, memory + 7, TG_DT_U8, 1, (int64_t[]){ 4 });
    view.strides[0] = -2;
    tg_buffer *data = tg_buffer_create_foreign(memory, sizeof memory, NULL, NULL);
    tg_array *a = tg_scope_from_memory(m->scope, data, &view, NULL, 0);
    tg_array *b = mini_add(m->scope, a, a);
    tg_buffer_release(data);
    bytes = write_all(2, (tg_array *[]){ a, b });
    assert_int_equal(tg_wire_read_nodes(m->context, bytes.data, bytes.size, NULL, &arrays, &err),
                     TG_OK);
    assert_ptr_equal(arrays.arrays[1]->args[0], arrays.arrays[0]);
    assert_true(tg_array_direct(arrays.arrays[0], &whole));
    assert_memory_equal(whole.data, "hfdb", 4);
    tg_wire_arrays_fini(&arrays);
    tg_wire_bytes_fini(&bytes);
}

/* --- memory that is lent --------------------------------------------------------------------- */

static const tg_array *lent; /* that was asked for last */

static tg_status
lend(void *ctx, const tg_array *array, tg_shared_ref *out, tg_error *err)
{
    (void)err;
    lent = array;
    *out = *(const tg_shared_ref *)ctx;
    return TG_OK;
}

/* What another process has there: so many bytes, the first of them set. */
typedef struct loan {
    unsigned char *bytes;
    size_t size;
    tg_shared_ref ref;
} loan;

static tg_status
map(void *ctx, const tg_shared_ref *ref, tg_buffer **out, tg_error *err)
{
    tg_status status = TG_OK;
    const loan *there = ctx;
    *out = NULL;
    TG_CHECK(ref->number == 7, err, TG_ERR_NOT_FOUND, "the offer does not stand");
    assert_memory_equal(ref, &there->ref, sizeof *ref);
    *out = tg_buffer_create_foreign(there->bytes, there->size, NULL, NULL);
out:
    return status;
}

static void
large_memory_is_lent_and_mapped(void **state)
{
    mini *m = *state;
    const size_t size = (size_t)TG_PLAN_MEMORY_MAX + 1;
    loan there = { calloc(size, 1), size, { 3, 4, 5, 6, size, 8, 7 } };
    const tg_wire_writing how = { .lend = lend, .ctx = &there.ref };
    tg_wire_opener reader = { .ctx = &there, .open = open_store, .map = map };
    tg_view view, whole;
    tg_wire_bytes bytes;
    tg_wire_arrays arrays;
    tg_error err;
    tg_view_from_shape(&view, there.bytes, TG_DT_BOOL, 1, (int64_t[]){ (int64_t)size });
    tg_buffer *data = tg_buffer_create_foreign(there.bytes, size, NULL, NULL);
    tg_array *a = tg_scope_from_memory(m->scope, data, &view, NULL, 0);
    tg_buffer_release(data);
    assert_int_equal(tg_wire_write_nodes(1, &a, NULL, &bytes, &err), TG_ERR_LIMIT);
    assert_int_equal(tg_wire_write_nodes(1, &a, &how, &bytes, &err), TG_OK);
    assert_ptr_equal(lent, a);
    assert_true(bytes.size < 300);
    assert_int_equal(tg_wire_read_nodes(m->context, bytes.data, bytes.size, &reader, &arrays, &err),
                     TG_OK);
    assert_true(tg_array_direct(arrays.arrays[0], &whole));
    assert_ptr_equal(whole.data, there.bytes);
    tg_wire_arrays_fini(&arrays);
    /* Who only plans needs no memory for it, and sees an array of that shape. */
    assert_int_equal(
        tg_wire_read_nodes(m->context, bytes.data, bytes.size, &tg_wire_ghosts, &arrays, &err),
        TG_OK);
    assert_int_equal(arrays.arrays[0]->shape[0], size);
    tg_wire_arrays_fini(&arrays);
    /* Not every byte is a bool, and not every size fits; nor is it there for everybody. */
    there.bytes[size - 1] = 2;
    assert_int_equal(tg_wire_read_nodes(m->context, bytes.data, bytes.size, &reader, &arrays, &err),
                     TG_ERR_FORMAT);
    there.bytes[size - 1] = 0;
    there.size--;
    assert_int_equal(tg_wire_read_nodes(m->context, bytes.data, bytes.size, &reader, &arrays, &err),
                     TG_ERR_FORMAT);
    reader.map = NULL;
    assert_int_equal(tg_wire_read_nodes(m->context, bytes.data, bytes.size, &reader, &arrays, &err),
                     TG_ERR_UNSUPPORTED);
    assert_non_null(strstr(err.message, "save it to a store"));
    tg_wire_bytes_fini(&bytes);
    there.ref.number = 9;
    reader.map = map;
    assert_int_equal(tg_wire_write_nodes(1, &a, &how, &bytes, &err), TG_OK);
    assert_int_equal(tg_wire_read_nodes(m->context, bytes.data, bytes.size, &reader, &arrays, &err),
                     TG_ERR_NOT_FOUND);
    assert_non_null(strstr(err.message, "in the memory of the client cannot be reached from here"));
    tg_wire_bytes_fini(&bytes);
    free(there.bytes);
}

/* --- functions ------------------------------------------------------------------------------- */

static int
twice(void *user, const tg_block_info *info, const tg_block_view *in, size_t nin,
      const tg_block_view *out, char *message, size_t message_bytes)
{
    (void)user, (void)info, (void)in, (void)nin, (void)out, (void)message, (void)message_bytes;
    return 1;
}

/* `user` is the form itself; without bytes the function says that it has none. */
static int
form_of(void *user, tg_function_form *form, char *message, size_t message_bytes)
{
    *form = *(const tg_function_form *)user;
    (void)snprintf(message, message_bytes, "it holds a lock");
    return form->bytes == NULL;
}

static tg_function_form made; /* the one that make_function was asked for last */
static char made_bytes[64];

static tg_status
make_function(void *ctx, const tg_function_form *form, tg_function **out, tg_error *err)
{
    tg_status status = TG_OK;
    *out = NULL;
    TG_CHECK(strcmp(form->kind, "python") == 0, err, TG_ERR_VALUE, "%s is not allowed", form->name);
    assert_true(form->size <= sizeof made_bytes);
    memcpy(made_bytes, form->bytes, form->size);
    made = (tg_function_form){ "python", "f", made_bytes, form->size };
    assert_string_equal(form->name, "f");
    *out = tg_block_function_create(twice, ctx, NULL, 0);
out:
    return status;
}

static tg_array *
call_of(mini *m, tg_function *function)
{
    const tg_param param = { "fn", TG_PARAM_POINTER, { 1, { .function = function } } };
    return tg_apply(m->scope, "call", 1, (tg_array *[]){ tg_scalar(m->scope, 1.0) }, 1, &param);
}

static void
test_functions_of_this_process_are_refused(void **state)
{
    mini *m = *state;
    tg_wire_bytes bytes;
    tg_error err;
    tg_function_form form = { "python", "f", NULL, 0 };
    tg_function *function = tg_block_function_create(twice, &form, NULL, 0);
    tg_array *c = call_of(m, function);
    assert_int_equal(tg_wire_write_nodes(1, &c, NULL, &bytes, &err), TG_ERR_UNSUPPORTED);
    assert_non_null(strstr(err.message, "'call' calls a function of this process"));
    assert_null(bytes.data);
    tg_block_function_set_form(function, form_of);
    assert_int_equal(tg_wire_write_nodes(1, &c, NULL, &bytes, &err), TG_ERR_UNSUPPORTED);
    assert_non_null(strstr(err.message, "it holds a lock"));
    form.bytes = "";
    form.size = (size_t)TG_FUNCTION_BYTES_MAX + 1;
    assert_int_equal(tg_wire_write_nodes(1, &c, NULL, &bytes, &err), TG_ERR_LIMIT);
    assert_int_equal(tg_wire_write_nodes(TG_TARGETS_MAX + 1, &c, NULL, &bytes, &err), TG_ERR_LIMIT);
    tg_block_function_release(function);
}

static void
test_a_function_with_a_form_is_made_by_the_reader(void **state)
{
    mini *m = *state;
    tg_wire_bytes bytes;
    tg_wire_arrays arrays;
    tg_error err;
    int here = 0;
    tg_function_form form = { "python", "f", "by\0tes", 6 };
    tg_function *function = tg_block_function_create(twice, &form, NULL, 0);
    tg_wire_opener maker = { .ctx = &here, .make = make_function };
    tg_block_function_set_form(function, form_of);
    tg_array *c = call_of(m, function);
    assert_int_equal(tg_wire_write_nodes(1, &c, NULL, &bytes, &err), TG_OK);

    assert_int_equal(tg_wire_read_nodes(m->context, bytes.data, bytes.size, &maker, &arrays, &err),
                     TG_OK);
    assert_int_equal(made.size, 6);
    assert_memory_equal(made.bytes, "by\0tes", 6);
    assert_ptr_not_equal(arrays.arrays[0], c);
    assert_ptr_equal(arrays.arrays[0]->values[0].function->user, &here);
    tg_wire_arrays_fini(&arrays);

    maker.make = NULL; /* a reader that wants no functions */
    assert_int_equal(tg_wire_read_nodes(m->context, bytes.data, bytes.size, &maker, &arrays, &err),
                     TG_ERR_UNSUPPORTED);
    assert_non_null(strstr(err.message, "python function f is refused"));
    assert_int_equal(tg_wire_read_nodes(m->context, bytes.data, bytes.size, NULL, &arrays, &err),
                     TG_ERR_UNSUPPORTED);
    tg_wire_bytes_fini(&bytes);

    form.kind = "library";
    maker.make = make_function;
    assert_int_equal(tg_wire_write_nodes(1, &c, NULL, &bytes, &err), TG_OK);
    assert_int_equal(tg_wire_read_nodes(m->context, bytes.data, bytes.size, &maker, &arrays, &err),
                     TG_ERR_VALUE);
    assert_non_null(strstr(err.message, "plan: node 1: f is not allowed"));
    tg_wire_bytes_fini(&bytes);
    tg_block_function_release(function);
}

/* --- hostile messages ------------------------------------------------------------------------ */

static tg_status
read_text(mini *m, const char *bytes, size_t size, tg_error *err)
{
    tg_wire_arrays arrays;
    tg_status status = tg_wire_read_nodes(m->context, bytes, size, &opener, &arrays, err);
    if (status == TG_OK) {
        tg_wire_arrays_fini(&arrays);
    }
    return status;
}

#define HEADER(version, nodes, targets)                                                            \
    "\x97\xae"                                                                                     \
    "tilegraph.plan" version nodes targets "\x00\xc2\x00"
#define SCALAR                                                                                     \
    "\x95\xa6"                                                                                     \
    "scalar\x01\x90\x92" KIND "\x93\xa7integer\x01\xc4\x08" EIGHT "\xc0"
/* One node, two nodes; one target. */
#define ONE HEADER("\x03", "\x01", "\x01")
#define TWO HEADER("\x03", "\x02", "\x01")
#define KIND                                                                                       \
    "\x93\xa4"                                                                                     \
    "kind\x01\xc4\x08\x01\0\0\0\0\0\0\0"
#define EIGHT  "\x07\0\0\0\0\0\0\0"
#define TARGET "\x93\x00\x00\xc2"
/* A uint8 array of three cells with `size` bytes of data. */
#define MEMORY(dtype, size, data)                                                                  \
    "\x95\xab"                                                                                     \
    "from_memory\x01\x90\x90\x94" dtype "\xc4\x08\x03\0\0\0\0\0\0\0\xc0\xc4" size data

static void
test_hand_made_messages(void **state)
{
    static const struct {
        const char *bytes;
        size_t size;
        tg_status status;
        const char *message;
    } cases[] = {
#define CASE(text, status, message) { text, sizeof(text) - 1, status, message }
        CASE(ONE SCALAR TARGET, TG_OK, ""),
        CASE(HEADER("\x02", "\x01", "\x01") SCALAR TARGET, TG_ERR_UNSUPPORTED, "format version 2"),
        CASE(ONE SCALAR "\x93\x01\x00\xc2", TG_ERR_FORMAT, "plan: target"),
        CASE(HEADER("\x03", "\x01", "\x02") SCALAR TARGET, TG_ERR_FORMAT, "plan: message ends"),
        CASE(ONE SCALAR TARGET "\x00", TG_ERR_FORMAT, "follow"),
        CASE(HEADER("\x03", "\xcd\xff\xff", "\x01") SCALAR, TG_ERR_FORMAT, "declared"),
        CASE(HEADER("\x03", "\xcf\xff\xff\xff\xff\xff\xff\xff\xff", "\x01"), TG_ERR_FORMAT,
             "number of nodes"),
        CASE(HEADER("\x03", "\x00", "\x01") TARGET, TG_ERR_FORMAT, "no node yet"),
        CASE("\x94\xa3"
             "abc\x01\x00\x00",
             TG_ERR_FORMAT, "not a plan"),
        CASE("\x01", TG_ERR_FORMAT, "header"),
        CASE("", TG_ERR_FORMAT, "ends"),
        CASE(ONE "\x95\xa3"
                 "zzz\x01\x90\x90\xc0",
             TG_ERR_UNSUPPORTED, "op 'zzz' is not known here"),
        CASE(ONE "\x95\xa3"
                 "add\x02\x90\x90\xc0",
             TG_ERR_UNSUPPORTED, "op 'add' has version 3 here, and 2 in the plan"),
        CASE(ONE "\x95\xa3"
                 "add\x03\x91\x00\x90\xc0",
             TG_ERR_FORMAT, "no node yet"),
        CASE(TWO SCALAR "\x95\xa3"
                        "add\x03\x91\x00\x90\xc0",
             TG_ERR_TYPE, "plan: node 1: add: takes 2"),
        CASE(TWO SCALAR "\x95\xa3"
                        "add\x03\x92\x00\x01\x90\xc0",
             TG_ERR_FORMAT, "argument"),
        CASE(TWO SCALAR "\x95\xa5"
                        "twice\x01\x91\x00\x90\xc0",
             TG_ERR_FORMAT, "made of others"),
        CASE(ONE "\x95\xab"
                 "from_memory\x01\x90\x90\xc0",
             TG_ERR_UNSUPPORTED, "one process"),
        CASE(ONE "\x95\xa6"
                 "scalar\x01\x90\x91\x93\xa4"
                 "kind\x06\xc0\xc0",
             TG_ERR_FORMAT, "function"),
        CASE(ONE "\x95\xa6"
                 "scalar\x01\x90\x91\x93\xa4"
                 "kind\x06\x93\xa1k\xa1n\xc4\x01_\xc0",
             TG_ERR_UNSUPPORTED, "the k function n is refused"),
        CASE(ONE "\x95\xa6"
                 "scalar\x01\x90\x91\x93\xa4"
                 "kind\x06\x93\xa1k\xa1n\xa1_\xc0",
             TG_ERR_FORMAT, "a function must be binary"),
        CASE(ONE "\x95\xa6"
                 "scalar\x01\x90\x91\x93\xa4"
                 "kind\x06\x93\xa1k\xc0\xc4\x01_\xc0",
             TG_ERR_FORMAT, "name of a function"),
        CASE(ONE "\x95\xa6"
                 "scalar\x01\x90\x91\x93\xa4"
                 "kind\x06\x93\xb0sixteen letters!\xa1n\xc4\x01_\xc0",
             TG_ERR_FORMAT, "kind of a function"),
        CASE(ONE "\x95\xa6"
                 "scalar\x01\x90\x91\x93\xa4"
                 "kind\x07\xc0\xc0",
             TG_ERR_FORMAT, "kind"),
        CASE(ONE "\x95\xa6"
                 "scalar\x01\x90\x91\x93\xa4"
                 "kind\x01\xc4\x01_\xc0",
             TG_ERR_FORMAT, "binary"),
        CASE(ONE "\x95\xa6"
                 "scalar\x01\x90\x91" KIND "\x95\xc0\xc0\xc0\xc0\xc0",
             TG_ERR_FORMAT, "has data"),
        CASE(ONE "\x95\xab"
                 "from_source\x01\x90\x90\xc0",
             TG_ERR_TYPE, "needs its data"),
        CASE(ONE "\x95\xab"
                 "from_source\x01\x90\x90"
                 "\x97\xa4zarr\xa1x\xa6uint16\xc4\x00\x90\xc0\xc2",
             TG_ERR_NOT_FOUND, "x: no such store"),
        CASE(ONE "\x95\xab"
                 "from_source\x01\x90\x90"
                 "\x97\xa4zarr\xa1x\xa2u9\xc4\x00\x90\xc0\xc2",
             TG_ERR_FORMAT, "'u9' is no dtype"),
        CASE(ONE MEMORY("\xa5uint8", "\x03", "abc") TARGET, TG_OK, ""),
        CASE(ONE MEMORY("\xa5uint8", "\x02", "ab") TARGET, TG_ERR_FORMAT, "2 bytes of data"),
        CASE(ONE MEMORY("\xa5uint9", "\x03", "abc") TARGET, TG_ERR_FORMAT, "'uint9' is no dtype"),
        CASE(ONE MEMORY("\xa4"
                        "bool",
                        "\x03", "\x01\x00\x02") TARGET,
             TG_ERR_FORMAT, "neither 0 nor 1"),
#undef CASE
    };
    mini *m = *state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        tg_error err = { .message = "" };
        assert_int_equal(read_text(m, cases[i].bytes, cases[i].size, &err), cases[i].status);
        if (strstr(err.message, cases[i].message) == NULL) {
            fail_msg("case %zu: %s", i, err.message);
        }
        assert_int_equal(tg_context_node_count(m->context), 0);
    }
    assert_int_equal(read_text(m, "", (size_t)TG_PLAN_BYTES_MAX + 1, NULL), TG_ERR_LIMIT);
}

static void
test_cut_and_changed_messages(void **state)
{
    mini *m = *state;
    tg_scope *scope = tg_scope_create_in(m->context);
    make_store();
    tg_array *a =
        mini_add(scope, build_some(scope), mini_full(scope, TG_DT_F32, 1, (int64_t[]){ 1 }));
    tg_array *source = tg_scope_from_source(scope, &store, NULL);
    tg_wire_bytes bytes = write_all(2, (tg_array *[]){ a, source });
    tg_scope_destroy(scope);
    for (size_t size = 0; size < bytes.size; size++) {
        char *cut = malloc(size > 0 ? size : 1);
        assert_non_null(cut);
        memcpy(cut, bytes.data, size);
        assert_int_not_equal(read_text(m, cut, size, NULL), TG_OK);
        free(cut);
    }
    for (size_t at = 0; at < bytes.size; at++) {
        for (int bit = 0; bit < 8; bit++) {
            bytes.data[at] ^= (uint8_t)(1 << bit);
            (void)read_text(m, (const char *)bytes.data, bytes.size, NULL);
            bytes.data[at] ^= (uint8_t)(1 << bit);
        }
    }
    assert_int_equal(tg_context_node_count(m->context), 0);
    assert_int_equal(read_text(m, (const char *)bytes.data, bytes.size, NULL), TG_OK);
    tg_wire_bytes_fini(&bytes);
    drop_store();
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, mini_setup, mini_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_round_trips),
        TEST(test_another_process_gets_the_same),
        TEST(test_long_chains),
        TEST(test_sources_are_opened_again),
        TEST(test_memory_travels_by_value),
        TEST(large_memory_is_lent_and_mapped),
        TEST(test_functions_of_this_process_are_refused),
        TEST(test_a_function_with_a_form_is_made_by_the_reader),
        TEST(test_hand_made_messages),
        TEST(test_cut_and_changed_messages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
