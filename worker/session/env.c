/* SPDX-License-Identifier: BSD-3-Clause */
/* The two variables of the environment, and numbers of bytes as people write them. */
#include "worker/session/env.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/base/limits.h"
#include "tilegraph/session.h"
#include "worker/session/limits.h"

int64_t
tg_memory_available(char *by, size_t room)
{
    tg_limits limits;
    tg_limits_read("", &limits);
    if (room > 0) {
        (void)snprintf(by, room, "%s", limits.memory_by);
    }
    return limits.memory;
}

tg_status
tg_parse_bytes(const char *text, int64_t *bytes, tg_error *err)
{
    static const struct {
        const char *name;
        double factor;
    } units[] = { { "", 1 },
                  { "b", 1 },
                  { "kb", 1e3 },
                  { "mb", 1e6 },
                  { "gb", 1e9 },
                  { "tb", 1e12 },
                  { "kib", 1024.0 },
                  { "mib", 1048576.0 },
                  { "gib", 1073741824.0 },
                  { "tib", 1099511627776.0 },
                  { "k", 1024.0 },
                  { "m", 1048576.0 },
                  { "g", 1073741824.0 } };
    tg_status status = TG_OK;
    char *rest = NULL;
    double value = 0.0, factor = 0.0;
    *bytes = 0;
    TG_CHECK(text != NULL && text[0] != '\0', err, TG_ERR_VALUE,
             "a number of bytes is needed, such as '2GiB' or '500 MB'");
    value = strtod(text, &rest);
    while (*rest == ' ') {
        rest++;
    }
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (strcasecmp(rest, units[i].name) == 0) {
            factor = units[i].factor;
        }
    }
    TG_CHECK(rest != text && factor > 0.0 && isfinite(value) && value >= 0.0 &&
                 value * factor < 9.0e18,
             err, TG_ERR_VALUE, "'%.64s' is not a number of bytes; write '2GiB' or '500 MB'", text);
    *bytes = (int64_t)(value * factor);
out:
    return status;
}

tg_status
tg_env_options(int *threads, int64_t *memory_limit, tg_error *err)
{
    tg_status status = TG_OK;
    const char *text = getenv("TG_THREADS");
    *threads = 0;
    *memory_limit = 0;
    if (text != NULL && text[0] != '\0') {
        char *rest = NULL;
        long value = strtol(text, &rest, 10);
        TG_CHECK(*rest == '\0' && value >= 1 && value <= TG_THREADS_MAX, err, TG_ERR_VALUE,
                 "TG_THREADS must be 1 to %d, got '%.64s'", TG_THREADS_MAX, text);
        *threads = (int)value;
    }
    text = getenv("TG_MEMORY_LIMIT");
    if (text != NULL && text[0] != '\0') {
        status = tg_parse_bytes(text, memory_limit, err);
        if (status != TG_OK) {
            tg__error_prefix(err, "TG_MEMORY_LIMIT");
            goto out;
        }
        TG_CHECK(*memory_limit > 0, err, TG_ERR_VALUE,
                 "TG_MEMORY_LIMIT must be more than 0, got '%.64s'; leave it out for the default",
                 text);
    }
out:
    return status;
}
