/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_TILEGRAPH_BASE_H
#define TG_TILEGRAPH_BASE_H
/*
 * What:      visibility of public symbols, and the version of the library.
 * Ownership: nothing changes hands.
 * Threads:   every function may be called from any thread.
 * Errors:    none.
 */

#define TG_API __attribute__((visibility("default")))

/* The version of the loaded library, "major.minor.patch". Valid for ever. */
TG_API const char *tg_version_string(void);

#endif
