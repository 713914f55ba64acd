/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Every built-in op that can be built from sample arrays and made-up parameters travels: its plan,
 * read again, is the same node. That needs an infer that is content with its own results: with
 * arguments that are cast already, and parameters as the node keeps them.
 *
 * With a folder as argument the plans are left there as files: the corpus of tests/fuzz.
 *     test_plan_ops tests/fuzz/corpus/plan
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/array/scope.h"
#include "core/wire/plan_wire.h"
#include "ops/registry.h"

static const char *corpus;
static tg_source store;

static void
destroy_store(tg_source *source)
{
    (void)source;
}

static const tg_source_ops store_ops = { .destroy = destroy_store };

static tg_status
open_store(void *ctx, const char *format, const char *uri, tg_source **out, tg_error *err)
{
    (void)ctx;
    (void)format;
    (void)uri;
    (void)err;
    *out = tg_source_retain(&store);
    return TG_OK;
}

static void
leave_file(const char *op, int variant, const tg_wire_bytes *bytes)
{
    char path[512];
    (void)snprintf(path, sizeof path, "%s/%s-%d", corpus, op, variant);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes->data, 1, bytes->size, file), bytes->size);
    assert_int_equal(fclose(file), 0);
}

/* A function of the user's, which is not called here. */
static int
do_nothing(void *user, const tg_block_info *info, const tg_block_view *in, size_t nin,
           const tg_block_view *out, char *message, size_t message_bytes)
{
    (void)user, (void)info, (void)in, (void)nin, (void)out, (void)message, (void)message_bytes;
    return 1;
}

static int
form_of(void *user, tg_function_form *form, char *message, size_t message_bytes)
{
    (void)user, (void)message, (void)message_bytes;
    *form = (tg_function_form){ "python", "do_nothing", "code", 4 };
    return 0;
}

static tg_status
make_function(void *ctx, const tg_function_form *form, tg_function **out, tg_error *err)
{
    (void)ctx, (void)form, (void)err;
    *out = tg_block_function_create(do_nothing, NULL, NULL, 0);
    tg_block_function_set_form(*out, form_of);
    return TG_OK;
}

static tg_function *function;

/* Values that many ops accept: required ones, and with `all` the others too. */
static size_t
make_params(const tg_op *op, bool all, int ndim, tg_param *params)
{
    static const int64_t ones[] = { 1, 1, 1, 1 };
    static const int64_t dtype[] = { TG_DT_F32, TG_DT_F32, TG_DT_F32 };
    static const double halves[] = { 1.5, 1.5, 1.5, 1.5 };
    size_t count = 0;
    for (size_t i = 0; i < tg_op_param_count(op); i++) {
        const tg_param_schema *schema = &op->params[i];
        tg_param *param = &params[count];
        if (schema->kind == TG_PARAM_POINTER) {
            *param = (tg_param){ schema->name, TG_PARAM_POINTER, { 1, { .function = function } } };
            count++;
        } else if ((schema->required || all) && schema->kind != TG_PARAM_STR) {
            *param = (tg_param){ schema->name,
                                 TG_PARAM_INT,
                                 { schema->is_list ? (uint32_t)ndim : 1, { .ints = ones } } };
            if (schema->kind == TG_PARAM_FLOAT) {
                param->kind = TG_PARAM_FLOAT;
                param->value.floats = halves;
            } else if (schema->kind == TG_PARAM_DTYPE) {
                param->value.ints = dtype;
            }
            count++;
        }
    }
    return count;
}

static const tg_wire_opener opener = { .open = open_store, .make = make_function };

/* The plan that was read from bytes; NULL with a word. */
static tg_plan_core *
read_plan(tg_context *context, const tg_wire_bytes *bytes, const tg_plan_options *options,
          const char *op, int variant)
{
    tg_wire_plan wire = { 0 };
    tg_plan_core *plan = NULL;
    tg_error err;
    if (tg_wire_read_plan(context, bytes->data, bytes->size, &opener, &wire, &err) == TG_OK) {
        tg_plan_target target = { .array = wire.targets.arrays[0],
                                  .stage = wire.stage_of_target[0] };
        if (tg_plan_expand(1, &target, options, &wire.choice, &plan, &err) != TG_OK) {
            plan = NULL;
        }
        tg_wire_plan_fini(&wire);
    }
    if (plan == NULL) {
        print_error("%s, variant %d: %s\n", op, variant, err.message);
    }
    return plan;
}

/* False when the plan for the array does not come back with its tasks, its peak and its bytes. */
static bool
check_plan(tg_context *context, tg_array *array, const char *op, int variant)
{
    const tg_plan_options options = { .threads = 2, .memory_limit = (int64_t)256 << 20 };
    tg_plan_target target = { .array = array };
    tg_plan_core *plan = NULL, *read = NULL;
    tg_wire_bytes bytes = { 0 }, again = { 0 };
    tg_error err;
    if (tg_plan_make(1, &target, &options, &plan, &err) != TG_OK) {
        assert_int_equal(err.code, TG_ERR_MEMORY); /* a result that nobody could hold */
        return true;
    }
    assert_int_equal(tg_wire_write_plan(plan, NULL, &bytes, &err), TG_OK);
    read = read_plan(context, &bytes, &options, op, variant);
    bool same = read != NULL && read->tasks.count == plan->tasks.count &&
                read->tasks.edges == plan->tasks.edges && read->stage_count == plan->stage_count &&
                read->peak_bytes == plan->peak_bytes && read->bytes_read == plan->bytes_read;
    if (read != NULL) {
        assert_int_equal(tg_wire_write_plan(read, NULL, &again, &err), TG_OK);
        same = same && again.size == bytes.size && memcmp(again.data, bytes.data, bytes.size) == 0;
    }
    if (!same) {
        print_error("%s, variant %d: comes back as another plan\n", op, variant);
    }
    if (corpus != NULL) {
        leave_file(op, variant, &bytes);
    }
    tg_wire_bytes_fini(&bytes);
    tg_wire_bytes_fini(&again);
    tg_plan_release(plan);
    tg_plan_release(read);
    return same;
}

/* False when the plan does not come back as the node it was. */
static bool
check_array(tg_context *context, tg_array *array, const char *op, int variant)
{
    bool same = false;
    tg_wire_bytes bytes;
    tg_wire_arrays arrays;
    tg_error err;
    assert_int_equal(tg_wire_write_nodes(1, &array, NULL, &bytes, &err), TG_OK);
    if (tg_wire_read_nodes(context, bytes.data, bytes.size, &opener, &arrays, &err) != TG_OK) {
        print_error("%s, variant %d: %s\n", op, variant, err.message);
    } else {
        const tg_array *read = arrays.arrays[0];
        same = read == array ||
               ((array->op->flags & TG_OP_USER) != 0 && read->op == array->op &&
                read->ndim == array->ndim &&
                memcmp(read->shape, array->shape, (size_t)read->ndim * sizeof *read->shape) == 0);
        if (!same) {
            print_error("%s, variant %d: comes back as another node\n", op, variant);
        }
        tg_wire_arrays_fini(&arrays);
    }
    tg_wire_bytes_fini(&bytes);
    return same && check_plan(context, array, op, variant);
}

enum { KINDS = 5, VARIANTS = KINDS * 2 * 4 };

/* Arguments: an array of a store, as it is or cast, alone or with small ones. */
static tg_array *
make_argument(tg_scope *scope, int kind, int ndim, size_t index)
{
    static const tg_dtype dtypes[KINDS] = { TG_DT_U16, TG_DT_F32, TG_DT_BOOL, TG_DT_I64,
                                            TG_DT_C64 };
    static const int64_t small[] = { 3, 3, 3 };
    const int64_t type = dtypes[kind];
    tg_array *array = NULL;
    if (ndim == 3 && index == 0) {
        tg_array *source = tg_scope_from_source(scope, &store, NULL);
        array = tg_scope_cast(scope, source, dtypes[kind]);
    } else if (ndim == 0) {
        array = index % 2 == 0 ? tg_scalar(scope, 2.5) : tg_scalar_int(scope, 3);
    } else {
        const tg_param params[] = {
            { "shape", TG_PARAM_INT, { (uint32_t)ndim, { .ints = small } } },
            { "fill_integer", TG_PARAM_INT, { 1, { .ints = small } } },
            { "dtype", TG_PARAM_DTYPE, { 1, { .ints = &type } } },
        };
        array = tg_apply(scope, "full", 0, NULL, 3, params);
    }
    return array;
}

static void
test_all_ops_travel(void **state)
{
    const tg_op *const *ops = NULL;
    size_t count = tg_ops_builtin(&ops);
    tg_registry *registry = tg_registry_create(ops, count);
    tg_context *context = tg_context_create(registry);
    size_t travelled = 0;
    function = tg_block_function_create(do_nothing, NULL, NULL, 0);
    tg_block_function_set_form(function, form_of);
    int failures = 0;
    (void)state;
    for (size_t i = 0; i < count; i++) {
        bool built = false;
        for (int variant = 0; variant < VARIANTS && (corpus == NULL || !built); variant++) {
            tg_scope *scope = tg_scope_create_in(context);
            tg_array *args[TG_NARGS_MAX];
            tg_param params[TG_PARAMS_MAX];
            int ndim = 3 - variant / (KINDS * 2);
            size_t nargs = (size_t)ops[i]->nargs_min;
            for (size_t a = 0; a < nargs; a++) {
                args[a] = make_argument(scope, variant % KINDS, ndim, a);
                assert_non_null(args[a]);
            }
            size_t given =
                make_params(ops[i], variant / KINDS % 2 != 0, ndim > 0 ? ndim : 1, params);
            tg_array *array = tg_apply(scope, ops[i]->name, nargs, args, given, params);
            if (array != NULL) {
                failures += !check_array(context, array, ops[i]->name, variant);
                built = true;
            } else if (tg_scope_error(scope)->code == TG_ERR_INTERNAL && ndim > 0) {
                /* Other errors are the op's own words about arguments that are not for it. */
                print_error("%s, variant %d: %s\n", ops[i]->name, variant,
                            tg_scope_error(scope)->message);
                failures++;
            }
            tg_scope_destroy(scope);
        }
        travelled += built;
    }
    print_message("%zu of %zu ops were built\n", travelled, count);
    assert_int_equal(failures, 0);
    assert_true(travelled > count / 2);
    tg_block_function_release(function);
    assert_int_equal(tg_context_node_count(context), 0);
    tg_context_destroy(context);
    tg_registry_destroy(registry);
}

/* Plans from outside may name any op with any argument: those that read what another op lays out
 * take nothing else, and one index in memory does not stand for a whole state of them. */
static void
test_ops_do_not_trust_their_arguments(void **state)
{
    const tg_op *const *ops = NULL;
    size_t op_count = tg_ops_builtin(&ops);
    tg_registry *registry = tg_registry_create(ops, op_count);
    tg_context *context = tg_context_create(registry);
    static const struct {
        const char *op, *name;
        uint32_t count;
    } cases[] = {
        { "_label_merge", "structure", 27 },
        { "_label_apply", NULL, 0 },
        { "_label_count", NULL, 0 },
        { "_measure_table", "ndim", 1 },
        { "_measure_pick", "shape", 400 },
        { "_otsu", NULL, 0 },
        { "_quantile_digits", "bits", 1 },
        { "_quantile_pick", "ndim", 1 },
        { "take", NULL, 0 },
    };
    (void)state;
    static int64_t many[400];
    const int64_t shape[] = { 1 << 20, 1 << 20, 3 };
    const int64_t i64 = TG_DT_I64;
    for (int i = 0; i < 400; i++) {
        many[i] = 1000;
    }
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        tg_scope *scope = tg_scope_create_in(context);
        const tg_param params[] = { { "shape", TG_PARAM_INT, { 3, { .ints = shape } } },
                                    { "dtype", TG_PARAM_DTYPE, { 1, { .ints = &i64 } } } };
        tg_array *x = tg_apply(scope, "ones", 0, NULL, 2, params);
        tg_array *args[2] = { x, x };
        const tg_op *op = tg_registry_find(registry, cases[i].op);
        assert_non_null(op);
        tg_param given[TG_PARAMS_MAX];
        size_t count = make_params(op, false, 1, given);
        for (size_t p = 0; p < count; p++) {
            if (cases[i].name != NULL && strcmp(given[p].name, cases[i].name) == 0) {
                given[p].value = (tg_value){ cases[i].count, { .ints = many } };
            }
        }
        assert_null(tg_apply(scope, cases[i].op, op->nargs_min == 1 ? 1 : 2, args, count, given));
        assert_non_null(tg_scope_error(scope));
        assert_int_not_equal(tg_scope_error(scope)->code, TG_ERR_MEMORY);
        tg_scope_destroy(scope);
    }
    tg_context_destroy(context);
    tg_registry_destroy(registry);
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_ops_travel),
        cmocka_unit_test(test_ops_do_not_trust_their_arguments),
    };
    corpus = argc > 1 ? argv[1] : NULL;
    store = (tg_source){ .ops = &store_ops,
                         .dtype = TG_DT_U16,
                         .ndim = 3,
                         .shape = { 40, 50, 60 },
                         .key = 1,
                         .format = "z",
                         .uri = "z" };
    atomic_init(&store.references, 1);
    store.chunks = tg_grid_create_regular(3, store.shape, (int64_t[]){ 16, 16, 16 });
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    tg_grid_release(store.chunks);
    return failed;
}
