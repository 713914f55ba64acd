/* SPDX-License-Identifier: BSD-3-Clause */
/* A program outside the tree: all it has is what was installed. */
#include <stdio.h>

#include <tilegraph/base.h>

int
main(void)
{
    puts(tg_version_string());
    return 0;
}
