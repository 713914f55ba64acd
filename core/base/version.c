/* SPDX-License-Identifier: BSD-3-Clause */
/* The version, which the build passes in as TG_VERSION_STRING from the top-level CMakeLists.txt. */
#include <tilegraph/base.h>

const char *
tg_version_string(void)
{
    return TG_VERSION_STRING;
}
