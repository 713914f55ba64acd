/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_CHILD_KEEPER_H
#define TG_CHILD_KEEPER_H
/*
 * What: the thread that starts children, passes on what they print, and buries them. It is one
 * thread for all of that because the kernel kills a child when the thread that spawned it ends
 * (PR_SET_PDEATHSIG), and compute threads come and go; and because what a child printed last has to
 * be read before it is gone: it often says why it died.
 *
 * Ownership: a child belongs to the keeper from start to bury, as far as its output goes; the rest
 * of it is the caller's. Threads: start and bury from any, and they wait for the keeper.
 * Errors: as said.
 */
#include "worker/child/child.h"

typedef struct tg__keeper tg__keeper;

enum { TG__KEEPER_TAIL = 2048 }; /* bytes kept of what a child printed last */

TG_MUST_USE tg_status tg__keeper_create(tg__keeper **out, tg_error *err);
/* All children must have been buried. */
void tg__keeper_destroy(tg__keeper *keeper);
TG_MUST_USE tg_status tg__keeper_start(tg__keeper *keeper, tg__child *child,
                                       const tg__child_program *program, tg_error *err);
/* tg__child_bury, after all output has been read: `tail` (TG__KEEPER_TAIL bytes, NULL allowed) gets
 * the end of it. */
void tg__keeper_bury(tg__keeper *keeper, tg__child *child, char *words, size_t words_bytes,
                     char *tail);

#endif
