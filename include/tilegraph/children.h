/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_TILEGRAPH_CHILDREN_H
#define TG_TILEGRAPH_CHILDREN_H
/*
 * What: Python functions of map_blocks and map_overlap that run in processes of their own. A
 * function that crashes, calls exit or never ends takes its child process with it and nothing else;
 * several of them run at once, for each process has an interpreter for itself.
 *
 *     tg_children *c = NULL;
 *     tg_children_open(NULL, &c, &err);                           starts nothing yet
 *     tg_function *f = tg_children_function(c, 0, "f", bytes, size);
 *     tg_array *r = tg_map_blocks(g, 1, &a, &(tg_map_blocks_options){ .function = f });
 *     ... compute ...
 *     tg_block_function_release(f);
 *     tg_children_close(c);                                       when no node has f any more
 *
 * A call takes a child that is idle, one that knows the function if there is any, or starts one:
 * so there are never more of them than threads that call. A child is `python -m tilegraph._child`.
 * Inputs and result lie in memory that both processes have; only numbers go through the socket. A
 * child ends with the process it belongs to, however that ends. What it prints goes to the standard
 * error of this process, each line with the child's number before it.
 *
 * Memory: a child holds the blocks of one call in shared memory, and whatever its function takes.
 * Neither counts against the memory limit of a session; `memory_limit` bounds each child.
 *
 * Ownership: children outlive their functions. Threads: all functions may be called from any.
 * Errors: a function that raises, dies, takes too long or returns what does not fit the block fails
 * as a user function does: TG_ERR_USER with its exception, or with how its process ended.
 */
#include "tilegraph/map.h"

typedef struct tg_children tg_children;

typedef struct tg_children_options {
    size_t struct_size;
    const char *interpreter;        /* a path, or a name to be found by PATH; NULL: "python3" */
    int processes_max;              /* a call beyond that waits; 0: 512 */
    int64_t timeout_ns;             /* of one call, without importing what it needs; 0: none */
    int64_t memory_limit;           /* bytes of address space of each child; 0: none */
    const char *const *environment; /* "NAME=value" besides this process's own; ends with NULL;
                                       NULL: nothing */
} tg_children_options;

/* options NULL: defaults. */
TG_API TG_MUST_USE tg_status tg_children_open(const tg_children_options *options, tg_children **out,
                                              tg_error *err);
/* Kills what runs, waits for the calls to return, ends the children. NULL is allowed. */
TG_API void tg_children_close(tg_children *children);
/* For the calls that start from now on; idle children with another memory limit are replaced. */
TG_API TG_MUST_USE tg_status tg_children_configure(tg_children *children, int64_t timeout_ns,
                                                   int64_t memory_limit, tg_error *err);
/*
 * Kills at once the children that run a function of this group: of a computation that was
 * cancelled. Functions of a group other than 0 never run again; the calls fail and say that they
 * were stopped.
 */
TG_API void tg_children_stop(tg_children *children, uint64_t group);

/*
 * A function from its form (tilegraph/map.h) of kind "python": `bytes` are copied, and unpickled by
 * each child that runs it, once. `group`: any number, for tg_children_stop. The function has a form
 * itself and may travel on. NULL when out of memory, or with more than 16 MiB.
 */
TG_API tg_function *tg_children_function(tg_children *children, uint64_t group, const char *name,
                                         const void *bytes, size_t size);

/* For tests, and for pages about a worker. */
typedef struct tg_children_stats {
    int alive, busy;
    int64_t started; /* since opening */
    int64_t lost;    /* of these, that died, were killed, or spoke nonsense */
} tg_children_stats;
TG_API void tg_children_get_stats(tg_children *children, tg_children_stats *stats);

#endif
