/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_WIRE_EXPAND_H
#define TG_WIRE_EXPAND_H
/*
 * What: from the bytes of a plan (plan_wire.h) to the plan itself, for processes that compute parts
 * of it or hand it out: all of them get the same tasks under the same numbers.
 *
 * Ownership: the plan is counted; sinks that were attached are the plan's. Threads: any.
 * Errors: those of tg_wire_read_plan, of tg_plan_expand and of attaching.
 */
#include "core/array/source.h"
#include "core/plan/plan.h"
#include "core/wire/plan_wire.h"

/* Opens what a stored target is written to, and gives one reference. */
typedef tg_status (*tg_wire_attach_fn)(void *ctx, size_t target, const tg_array *array,
                                       tg_sink **out, tg_error *err);

/* `attach` NULL: the plan is looked at, or its stored targets are somebody else's. */
TG_MUST_USE tg_status tg_wire_expand(tg_context *context, const void *bytes, size_t size,
                                     const tg_wire_opener *opener, tg_wire_attach_fn attach,
                                     void *ctx, const tg_plan_options *options, tg_plan_core **out,
                                     tg_error *err);

#endif
