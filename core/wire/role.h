/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_WIRE_ROLE_H
#define TG_WIRE_ROLE_H
/*
 * What: what a process may be in a cluster. Its key says so; who needed none may be anything.
 *
 * Ownership: none. Threads: any. Errors: none.
 */

/* A set. All may ASK. */
typedef enum tg_role {
    TG_ROLE_VIEWER = 1,
    TG_ROLE_CLIENT = 2,
    TG_ROLE_WORKER = 4,
    TG_ROLE_ANY = 7,   /* nobody was asked for a key: this host, this user */
    TG_ROLE_SERVER = 8 /* the other end of a connection that was dialled here */
} tg_role;

#endif
