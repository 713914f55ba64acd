/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_CLI_REACH_H
#define TG_CLI_REACH_H
/*
 * What: whether somebody listens at an address, and the way there is open: a connection is made
 * and closed. For tg doctor; all else speaks through scheduler/net.
 *
 * Ownership: the text is static. Threads: the main one. Errors: in words.
 */

enum { TG_REACH_HOST_MAX = 64 };

/* NULL: it can be reached; else what the last one said of the addresses that its name has. Of a
 * name some of whose addresses answer and some do not, `answers` gets one that does, as a number;
 * else it is "". Given as "tcp://host:port", a key behind it is passed over; any other address is
 * of this host, and not tried. Takes at most 2 s for each address, and what looking up the name
 * takes. */
const char *tg_reach(const char *address, char answers[TG_REACH_HOST_MAX]);

#endif
