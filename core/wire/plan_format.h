/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_WIRE_PLAN_FORMAT_H
#define TG_WIRE_PLAN_FORMAT_H
/*
 * What: the numbers that the writer and the reader of plans share.
 *
 * Ownership, Threads, Errors: constants only.
 */
#include "core/base/limits.h"

#define TG__PLAN_MAGIC "tilegraph.plan"

enum {
    TG__PLAN_VERSION = 3,
    TG__PLAN_HEADER_FIELDS = 7,
    TG__PLAN_RECORD_FIELDS = 5,
    TG__PLAN_SOURCE_FIELDS = 7,
    TG__PLAN_MEMORY_FIELDS = 4,
    TG__PLAN_TARGET_FIELDS = 3,
    TG__PLAN_STAGE_FIELDS = 7,
    TG__PLAN_FORM_FIELDS = 3,
    TG__PLAN_FORM_KIND_MAX = 15,
    TG__PLAN_FORM_NAME_MAX = 255,
    /* A record with all arguments and parameters there may be has fewer objects. */
    TG__PLAN_OBJECTS_MAX = 16 + TG_NARGS_MAX + 4 * TG_PARAMS_MAX + 2 * TG_NDIM_MAX,
    TG__PLAN_RECORD_BYTES_MIN = 6
};

#endif
