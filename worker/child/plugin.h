/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_CHILD_PLUGIN_H
#define TG_CHILD_PLUGIN_H
/*
 * What: user functions in C out of shared libraries. tg_library_function (tilegraph/map.h) makes
 * one here, tg__library_function_from_form makes again what came in a plan. A form of kind
 * "library" has as its name the symbol, and as its bytes the 64 digits of the file's SHA-256, its
 * path, a NUL, and the parameters.
 *
 * Ownership: gives one reference. The library stays loaded as long as the function is there.
 * Threads: any. Errors: as said.
 */
#include "tilegraph/plan.h"

/* TG_ERR_NOT_FOUND, TG_ERR_VALUE unless there is such a file now, and it has that hash. */
TG_MUST_USE tg_status tg__library_check(const tg_plan_library *wanted, tg_error *err);

/* TG_ERR_VALUE unless path and hash are in the list, and the file at the path has that hash. */
TG_MUST_USE tg_status tg__library_function_from_form(const tg_function_form *form, size_t count,
                                                     const tg_plan_library *allowed,
                                                     tg_function **out, tg_error *err);

#endif
