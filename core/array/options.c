/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Parameters out of a struct: the caller describes the members of its struct, here they become the
 * named parameters that tg_apply takes. What is zero is not given, and never a parameter of its
 * own, so that a call with options is the same node as one without.
 */
#include "tilegraph/options.h"

#include <string.h>

#include "core/array/scope.h"

/* The three kinds of lists differ in the element alone. */
typedef struct list {
    const void *values; /* NULL: not given */
    size_t count;
} list;

static bool
is_zero(const void *data, size_t bytes)
{
    const char *at = data;
    /* By bits: -0.0 is a value of its own. */
    return bytes == 0 || (at[0] == 0 && memcmp(at, at + 1, bytes - 1) == 0);
}

/* `values` in a struct of `room` of them, of `size` bytes each. */
static tg_status
read_list(const tg_option *member, const void *values, size_t room, size_t size, size_t count,
          const void *at, list *out, tg_error *err)
{
    tg_status status = TG_OK;
    TG_CHECK(count > 0 || (at == NULL && is_zero(values, room * size)), err, TG_ERR_VALUE,
             "%s has values but no count; write .%s = TG_SET(...)", member->name, member->name);
    TG_CHECK(at != NULL || count <= room, err, TG_ERR_LIMIT,
             "%s has %zu values and room for %zu; hand over more by .count and .at", member->name,
             count, room);
    TG_CHECK(count <= TG_PARAM_COUNT_MAX, err, TG_ERR_LIMIT, "%s has %zu entries, at most %d",
             member->name, count, TG_PARAM_COUNT_MAX);
    out->values = at != NULL ? at : values;
    out->count = count;
out:
    return status;
}

#define READ_LIST(type)                                                                            \
    read_list(member, ((const type *)at)->values,                                                  \
              sizeof((const type *)at)->values / sizeof((const type *)at)->values[0],              \
              sizeof((const type *)at)->values[0], ((const type *)at)->count,                      \
              ((const type *)at)->at, &found, err)

/* Bools, integers and floats. `room` is for one converted value. */
static tg_status
read_number(const tg_option *member, const void *at, int64_t *room, tg_value *value, tg_error *err)
{
    tg_status status = TG_OK;
    bool list_of = member->form == TG_OPTION_LIST;
    list found = { at, 1 };
    if (member->form == TG_OPTION_ONE || list_of) {
        if (member->kind == TG_PARAM_BOOL) {
            TG_TRY(READ_LIST(tg_opt_bool));
        } else if (member->kind == TG_PARAM_INT) {
            TG_TRY(list_of ? READ_LIST(tg_ints) : READ_LIST(tg_opt_int));
        } else {
            TG_TRY(list_of ? READ_LIST(tg_floats) : READ_LIST(tg_opt_float));
        }
    } else if (member->form == TG_OPTION_PLAIN) {
        found.count = !is_zero(at, member->kind == TG_PARAM_BOOL ? sizeof(bool) : sizeof(int64_t));
    }
    value->count = (uint32_t)found.count;
    if (member->kind == TG_PARAM_BOOL) {
        *room = *(const bool *)found.values;
        value->ints = room;
    } else if (member->kind == TG_PARAM_INT) {
        value->ints = found.values;
    } else {
        value->floats = found.values;
    }
out:
    return status;
}

/* value->count 0: not given. */
static tg_status
read_member(const tg_option *member, const void *at, int64_t *room, tg_param *param, tg_error *err)
{
    tg_status status = TG_OK;
    *param = (tg_param){ .name = member->name, .kind = member->kind };
    switch (member->kind) {
    case TG_PARAM_DTYPE:
        *room = (int64_t) * (const tg_dtype *)at;
        param->value.count = *room != TG_DT_NONE;
        param->value.ints = room;
        break;
    case TG_PARAM_ENUM:
    case TG_PARAM_STR:
        param->kind = TG_PARAM_STR;
        param->value.text = *(const char *const *)at;
        if (param->value.text != NULL) {
            size_t length = strlen(param->value.text);
            TG_CHECK(length > 0, err, TG_ERR_VALUE, "%s is an empty text; left out it is NULL",
                     member->name);
            TG_CHECK(length <= TG_STR_MAX, err, TG_ERR_LIMIT, "%s has %zu bytes, at most %d",
                     member->name, length, TG_STR_MAX);
            param->value.count = (uint32_t)length;
        }
        break;
    case TG_PARAM_POINTER:
        param->value.function = *(struct tg_function *const *)at;
        param->value.count = param->value.function != NULL;
        break;
    case TG_PARAM_BOOL:
    case TG_PARAM_INT:
    case TG_PARAM_FLOAT:
        TG_TRY(read_number(member, at, room, &param->value, err));
        break;
    }
out:
    return status;
}

tg_array *
tg_apply_options(tg_scope *scope, const char *op, size_t nargs, tg_array *const *args, size_t count,
                 const tg_option *members, const void *options)
{
    tg_status status = TG_OK;
    tg_array *array = NULL;
    tg_param params[TG_PARAMS_MAX];
    int64_t room[TG_PARAMS_MAX];
    size_t given = 0;
    tg_error err = { 0 };
    TG_CHECK(count <= TG_PARAMS_MAX, &err, TG_ERR_LIMIT, "%zu parameters, at most %d", count,
             TG_PARAMS_MAX);
    for (size_t i = 0; options != NULL && i < count; i++) {
        const void *at = (const char *)options + members[i].offset;
        TG_TRY(read_member(&members[i], at, &room[given], &params[given], &err));
        given += params[given].value.count > 0;
    }
    array = tg_apply(scope, op, nargs, args, given, params);
out:
    if (status != TG_OK && tg_scope_error(scope) == NULL) {
        (void)tg_scope_fail(scope, err.code, "%s: %s", op, err.message);
    }
    return array;
}
