/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_SUPPORT_PLANS_H
#define TG_SUPPORT_PLANS_H
/*
 * What: small plans of every kind, for tests that compute them in several ways: results must be the
 * same bytes.
 *
 * Ownership: the scope's. Threads: any. Errors: the scope's.
 */
#include "tilegraph/array.h"

enum { TG_TEST_PLANS = 6, TG_TEST_TARGETS_MAX = 8 };

typedef struct tg_test_plan {
    const char *name;
    size_t (*build)(tg_scope *g, tg_array **out); /* how many targets */
    const char *store; /* the first target goes there; then "part_in.zarr" is read: 600 x 500 */
} tg_test_plan;

extern const tg_test_plan tg_test_plans[TG_TEST_PLANS];

/* Sums of it depend on the order of additions. */
tg_array *tg_test_numbers(tg_scope *g, int64_t rows, int64_t columns);
tg_array *tg_test_blurred(tg_scope *g, tg_array *x);

#endif
