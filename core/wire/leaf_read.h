/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_WIRE_LEAF_READ_H
#define TG_WIRE_LEAF_READ_H
/*
 * What: reading the nodes that are data: from_source and from_memory.
 *
 * Ownership: the array belongs to the scope. Threads: one. Errors: as plan_wire.h says.
 */
#include "core/array/scope.h"
#include "core/wire/decode.h"
#include "core/wire/plan_wire.h"

/* Are arrays in stores opened, or only described? */
bool tg__wire_opens(const tg_wire_opener *opener);
/* *out NULL: the scope says why. */
TG_MUST_USE tg_status tg__wire_read_leaf(tg__decoder *r, tg_scope *scope,
                                         const tg_wire_opener *opener, const tg_op *op,
                                         const msgpack_object *object, tg_array **out,
                                         tg_error *err);

#endif
