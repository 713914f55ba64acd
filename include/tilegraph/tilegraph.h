/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_TILEGRAPH_TILEGRAPH_H
#define TG_TILEGRAPH_TILEGRAPH_H
/*
 * What: the whole public API in one include: base (errors), dtype, array and ops (building),
 * session (running), plan (plans that are kept or sent), graph (plain tasks), map (user functions),
 * children (Python functions in processes of their own).
 *
 * Ownership, Threads, Errors: as each of these headers says.
 */
#include "tilegraph/array.h"
#include "tilegraph/base.h"
#include "tilegraph/children.h"
#include "tilegraph/cluster.h"
#include "tilegraph/dtype.h"
#include "tilegraph/graph.h"
#include "tilegraph/map.h"
#include "tilegraph/ops.h"
#include "tilegraph/plan.h"
#include "tilegraph/session.h"

#endif
