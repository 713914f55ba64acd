/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Any bytes as the head of a request. What passes is clean: a path that begins with '/', of
 * characters that can be seen, and a host of those that hosts have. What has come in full is judged
 * the same however much has come behind it, and what is refused early is refused in full.
 */
#include <stdint.h>
#include <string.h>

#include "core/base/assert.h"
#include "scheduler/web/request.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_good(const tg_web_request *request)
{
    TG_ASSERT(request->path[0] == '/' && request->host[0] != '\0');
    for (const char *at = request->path; *at != '\0'; at++) {
        TG_ASSERT(*at > ' ' && *at < 0x7f && *at != '?');
    }
    for (const char *at = request->host; *at != '\0'; at++) {
        TG_ASSERT((*at >= 'a' && *at <= 'z') || (*at >= '0' && *at <= '9') ||
                  strchr(".-_:", *at) != NULL);
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    tg_web_request request, early;
    const char *bytes = (const char *)data;
    int code = tg_web_request_read(bytes, size, &request);
    TG_ASSERT(code == 0 || tg_web_reason(code)[0] != '\0');
    TG_ASSERT(code != 0 || size < TG_WEB_HEAD_BYTES_MAX);
    if (code == 200) {
        check_good(&request);
    }
    for (size_t part = 0; part < size && part < 512; part++) {
        int before = tg_web_request_read(bytes, part, &early);
        TG_ASSERT(before == 0 || before == code || part >= TG_WEB_HEAD_BYTES_MAX);
    }
    return 0;
}
