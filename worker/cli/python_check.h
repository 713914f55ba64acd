/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_CLI_PYTHON_CHECK_H
#define TG_CLI_PYTHON_CHECK_H
/*
 * What: whether an interpreter can run the functions of jobs: it is run once, and has to import
 * tilegraph. Else a worker would join, and fail each call that it is given.
 *
 * Ownership: the text is the caller's. Threads: any. Errors: TG_ERR_NOT_FOUND when it cannot be
 * run, TG_ERR_VALUE when the import fails, with the last line that it wrote, TG_ERR_IO when it does
 * not end in 30 s.
 */
#include "core/base/status.h"

TG_MUST_USE tg_status tg_python_check(const char *interpreter, tg_error *err);

#endif
