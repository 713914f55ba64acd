/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_BASE_LIMITS_H
#define TG_BASE_LIMITS_H
/*
 * What: every limit of the engine, each with its reason. docs/limits.md is made from this file.
 *
 * Ownership, Threads, Errors: constants only; exceeding one gives TG_ERR_LIMIT where it is checked.
 */
#include <stdint.h>

enum {
    TG_NDIM_MAX = 32,    /* NumPy 1's limit; light microscopy uses 5 to 7 */
    TG_NARGS_MAX = 1024, /* arguments of one node: a stack of many files is one concatenate */
    TG_PARAMS_MAX = 32,  /* parameters of one op */
    TG_PARAM_COUNT_MAX = 65536, /* entries of one list parameter */
    TG_STR_MAX = 4096,          /* bytes of one string parameter: a path */
    TG_NODES_MAX = 1 << 20,     /* nodes reachable from one computation */
    TG_STAGE_NODES_MAX = 256,   /* nodes evaluated together: bounds the views kept per tile */
    TG_STAGE_LOCALS_MAX = 2048, /* those, and what they read: TG_NARGS_MAX, and a few for each */
    TG_STAGES_MAX = 1 << 16,    /* stages of one plan */
    TG_TARGETS_MAX = 1024,      /* results of one computation */
    TG_THREADS_MAX = 512,       /* threads of one executor */
    TG_COMBINE_FANIN = 32,      /* partial results that one combining task takes: fixes the tree */
    TG_DEMAND_BOXES_MAX = 32,   /* pieces one demand may have; more are joined to their hull */
    TG_PLAN_NESTING_MAX = 16,   /* nesting of a message */
    TG_JSON_DEPTH_MAX = 64      /* nesting of a metadata file */
};

/* Tasks of one run. Task ids are 32-bit; two values are kept for marks. */
#define TG_TASKS_MAX ((uint32_t)0xfffffff0u)
/* Bytes of one chunk, stored or decoded: c-blosc's own limit is 2 GiB less a little. */
#define TG_CHUNK_BYTES_MAX ((int64_t)2147483647)
/* Bytes of one metadata file that we are willing to parse. */
#define TG_JSON_BYTES_MAX ((int64_t)16 << 20)
/* Bytes of one serialised plan. */
#define TG_PLAN_BYTES_MAX ((int64_t)64 << 20)
/* Bytes of one array in memory that travels in a plan: markers and kernels, not volumes. */
#define TG_PLAN_MEMORY_MAX ((int64_t)16 << 20)
/* Bytes of one function that travels in a plan: code, and the small things that it closes over. */
#define TG_FUNCTION_BYTES_MAX ((int64_t)16 << 20)
/* Bytes of scratch and of tables that the bytes of a plan may claim: keeps sums from overflow. */
#define TG_PLAN_CLAIM_MAX ((int64_t)1 << 46)
/* Tasks that a plan from bytes may expand to: about 2 GB, which a few bytes can ask for. */
#define TG_PLAN_TASKS_MAX ((uint32_t)1 << 24)
/* Bytes of one array: keeps sums of offsets far from overflow. */
#define TG_ARRAY_BYTES_MAX ((int64_t)1 << 60)

#endif
