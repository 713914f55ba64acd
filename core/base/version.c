/* SPDX-License-Identifier: BSD-3-Clause */
/* The version, as the build gives it. */
#include "tilegraph/base.h"

#ifndef TG_VERSION_STRING
#    define TG_VERSION_STRING "0.1.0"
#endif

const char *
tg_version_string(void)
{
    return TG_VERSION_STRING;
}
