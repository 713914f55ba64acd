/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_TILEGRAPH_OPTIONS_H
#define TG_TILEGRAPH_OPTIONS_H
/*
 * What: how parameters are given to the functions of tilegraph/ops.h: in a struct of options of
 * which only what matters is written, and NULL when nothing does.
 *
 *     tg_array *b = tg_gaussian_filter(g, a, &(tg_gaussian_filter_options){
 *         .sigma = TG_SET(1, 2, 2), .mode = "wrap", .cval = 3, .truncate = TG_SET(0) });
 *     tg_array *s = tg_sum(g, b, &(tg_sum_options){ .axis = TG_SET(0), .keepdims = true });
 *
 * The rule: what is left out, and so is zero, has its default. The type of a member says how it is
 * given:
 *
 *   bool, int64_t, double        the value: .cval = 3. Its default is zero too, or it is required.
 *   tg_opt_bool, _int, _float    TG_SET(value): .truncate = TG_SET(0). Left out is not zero here.
 *   tg_ints, tg_floats           TG_SET(value, ...): .axis = TG_SET(0, 1). One value is a list too.
 *                                More than TG_OPTION_VALUES, or values that lie in memory already:
 *                                .bins = { .count = n, .at = edges }.
 *   tg_dtype                     TG_DT_F32, ...; TG_DT_NONE is left out.
 *   const char *                 one of the names that stand with it; where there may be several,
 *                                joined by '|': .mode = "reflect|wrap". NULL is left out.
 *   struct tg_function *         see tilegraph/map.h; NULL is left out.
 *
 * In C++ the structs are the same, named first: `tg_sum_options o = {}; o.axis = TG_SET(0);`, or
 * with C++20 `tg_sum_options o = { .axis = TG_SET(0) };`, which g++ -Wextra remarks upon unless
 * -Wno-missing-field-initializers is given.
 *
 * Compatibility: a struct of options never leaves the program that it is compiled into. The
 * functions of tilegraph/ops.h are inline and hand each member over by its name, so a parameter
 * that is added to an op, or moved, changes nothing for a program that is already compiled; with a
 * library that is too old for it a parameter is an error that names it.
 *
 * Ownership: options are borrowed during the call. Threads: as the scope.
 * Errors: recorded in the scope (tilegraph/array.h). TG_ERR_VALUE: values without their count,
 * as when TG_SET was forgotten. TG_ERR_LIMIT: a count of more than there is room for.
 */
#include "tilegraph/array.h"

enum { TG_OPTION_VALUES = 32 /* as many as an array has axes at most */ };

/* Lists. `values`, or where they are when `at` is not NULL; count 0: not given. */
typedef struct tg_ints {
    int64_t values[TG_OPTION_VALUES];
    size_t count;
    const int64_t *at;
} tg_ints;
typedef struct tg_floats {
    double values[TG_OPTION_VALUES];
    size_t count;
    const double *at;
} tg_floats;

/* One value, or none. */
typedef struct tg_opt_bool {
    bool values[1];
    size_t count;
    const bool *at;
} tg_opt_bool;
typedef struct tg_opt_int {
    int64_t values[1];
    size_t count;
    const int64_t *at;
} tg_opt_int;
typedef struct tg_opt_float {
    double values[1];
    size_t count;
    const double *at;
} tg_opt_float;

/* One to TG_OPTION_VALUES values with their count, as the initialiser of any of these. */
#define TG_SET(...)                                                                                \
    {                                                                                              \
        { __VA_ARGS__ },                                                                           \
            TG_COUNT_(__VA_ARGS__, 32, 31, 30, 29, 28, 27, 26, 25, 24, 23, 22, 21, 20, 19, 18, 17, \
                      16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0),                   \
            NULL                                                                                   \
    }
#define TG_COUNT_(a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13, a14, a15, a16, a17, a18, \
                  a19, a20, a21, a22, a23, a24, a25, a26, a27, a28, a29, a30, a31, a32, count,     \
                  ...)                                                                             \
    count

/* --- between tilegraph/ops.h and the library -------------------------------------------------- */

typedef enum tg_option_form {
    TG_OPTION_PLAIN,    /* the value: bool, int64_t, double, tg_dtype, pointer; zero: not given */
    TG_OPTION_REQUIRED, /* the value, and zero is one */
    TG_OPTION_ONE,      /* tg_opt_bool, tg_opt_int, tg_opt_float */
    TG_OPTION_LIST      /* tg_ints, tg_floats */
} tg_option_form;

/* One member of a struct of options. */
typedef struct tg_option {
    const char *name;
    tg_param_kind kind;
    tg_option_form form;
    size_t offset;
} tg_option;

/* tg_apply with the parameters that are given in a struct (NULL: none) of `count` members. */
TG_API tg_array *tg_apply_options(tg_scope *scope, const char *op, size_t nargs,
                                  tg_array *const *args, size_t count, const tg_option *members,
                                  const void *options);

#endif
