/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_PROFILE_TIMELINE_HTML_H
#define TG_PROFILE_TIMELINE_HTML_H
/*
 * What: the constant parts of the page, made from timeline.html, timeline.css and timeline_*.js by
 * worker/profile/embed_page.py, and checked in, so that a build needs no Python.
 *
 * Ownership: constants.
 * Threads: any.
 * Errors: none.
 */

/* Pieces of text in their order; NULL ends them. The data stands between the two. */
extern const char *const tg__timeline_html_head[];
extern const char *const tg__timeline_html_tail[];

#endif
