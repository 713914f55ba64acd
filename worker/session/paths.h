/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_SESSION_PATHS_H
#define TG_SESSION_PATHS_H
/*
 * What: where stores really are, once links, "." and ".." are followed. Results of one computation
 * that would go to one place are found before anything runs; the stores that a plan in bytes names
 * are looked for below the session's root, when it has one.
 *
 * Design notes. A path is checked, and then opened by what it was found to be. Who may rename and
 * link in the root meanwhile can still lead the opening elsewhere: the root keeps out who writes
 * plans, not who writes in the root.
 *
 * Ownership: none; texts of TG_STORE_PATH_MAX bytes are the caller's. Threads: any.
 * Errors: TG_ERR_VALUE for what is not allowed, TG_ERR_NOT_FOUND for what is not there.
 */
#include "tilegraph/session.h"

/* No two sinks write to one path, or one below the other. */
TG_MUST_USE tg_status tg__check_places(size_t count, const tg_target *targets, tg_error *err);

/* `root` gets the folder without links. */
TG_MUST_USE tg_status tg__root_make(const char *path, char *root, tg_error *err);
/* `real` gets the path at which the store `uri` is to be opened: it lies below the root, and so
 * does what its entries link to. */
TG_MUST_USE tg_status tg__root_find(const char *root, const char *uri, char *real, tg_error *err);

#endif
