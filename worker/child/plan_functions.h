/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_CHILD_PLAN_FUNCTIONS_H
#define TG_CHILD_PLAN_FUNCTIONS_H
/*
 * What: what a reader of plans does with the functions in them: the `make` of a tg_wire_opener
 * (core/wire/plan_wire.h). Python functions go to child processes, C functions come from libraries
 * of a list; what is not allowed is refused with what would allow it.
 *
 * Ownership: gives one reference; the copy is the caller's. Threads: any. Errors: as said.
 */
#include "tilegraph/plan.h"

/* The caller's own `make` goes before all. TG_ERR_UNSUPPORTED for a kind that is unknown or not
 * allowed; TG_ERR_VALUE for a library that is not in the list, or has changed; what loading says.
 * `functions` NULL: nothing is allowed. */
TG_MUST_USE tg_status tg__plan_function_make(const tg_plan_functions *functions,
                                             const tg_function_form *form, tg_function **out,
                                             tg_error *err);

/* A copy that has been looked through. NULL for NULL. */
TG_MUST_USE tg_status tg__plan_functions_copy(const tg_plan_functions *functions,
                                              tg_plan_functions **out, tg_error *err);
void tg__plan_functions_destroy(tg_plan_functions *functions);

#endif
