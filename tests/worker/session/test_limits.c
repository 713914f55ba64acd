/* SPDX-License-Identifier: BSD-3-Clause */
/* What a process may use of its machine, out of trees of files that look like /proc and /sys. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "tilegraph/session.h"
#include "worker/session/limits.h"

#define MIB ((int64_t)1 << 20)

static char root[64];

/* A file below the root, with the folders above it. */
static void
put(const char *path, const char *text)
{
    char full[512];
    (void)snprintf(full, sizeof full, "%s%s", root, path);
    for (char *at = strchr(full + 1, '/'); at != NULL; at = strchr(at + 1, '/')) {
        *at = '\0';
        (void)mkdir(full, 0700);
        *at = '/';
    }
    FILE *file = fopen(full, "w");
    assert_non_null(file);
    (void)fputs(text, file);
    assert_int_equal(fclose(file), 0);
}

static tg_limits
read_limits(void)
{
    tg_limits limits;
    tg_limits_read(root, &limits);
    return limits;
}

static int
begin(void **state)
{
    (void)state;
    (void)snprintf(root, sizeof root, "/tmp/tg-limits-XXXXXX");
    return mkdtemp(root) != NULL ? 0 : -1;
}

static int
end(void **state)
{
    char command[96];
    (void)state;
    (void)snprintf(command, sizeof command, "rm -rf %s", root);
    return system(command);
}

static void
test_without_any_group_the_host_counts(void **state)
{
    (void)state;
    tg_limits limits = read_limits();
    assert_true(limits.memory > 0 && limits.cores >= 1);
    assert_string_equal(limits.memory_by, "this host");
}

static void
test_own_group_of_v2(void **state)
{
    (void)state;
    put("/proc/self/cgroup", "0::/user.slice/job\n");
    put("/sys/fs/cgroup/user.slice/job/memory.max", "104857600\n");
    put("/sys/fs/cgroup/user.slice/job/cpu.max", "50000 100000\n");
    put("/sys/fs/cgroup/user.slice/memory.max", "max\n");
    tg_limits limits = read_limits();
    assert_int_equal(limits.memory, 100 * MIB);
    assert_string_equal(limits.memory_by, "memory.max of control group /user.slice/job");
    assert_int_equal(limits.cores, 1);
}

static void
test_a_group_above_limits_those_below(void **state)
{
    (void)state;
    put("/proc/self/cgroup", "0::/a/b/c\n");
    put("/sys/fs/cgroup/a/b/c/memory.max", "max\n");
    put("/sys/fs/cgroup/a/b/memory.max", "209715200\n");
    put("/sys/fs/cgroup/a/memory.high", "73400320\n");
    put("/sys/fs/cgroup/a/cpu.max", "max 100000\n");
    tg_limits limits = read_limits();
    assert_int_equal(limits.memory, 70 * MIB);
    assert_string_equal(limits.memory_by, "memory.high of control group /a");
}

static void
test_a_container_sees_its_own_group_at_the_root(void **state)
{
    (void)state;
    put("/proc/self/cgroup", "0::/system.slice/docker-1234.scope\n"); /* not there */
    put("/sys/fs/cgroup/memory.max", "67108864\n");
    tg_limits limits = read_limits();
    assert_int_equal(limits.memory, 64 * MIB);
    assert_string_equal(limits.memory_by, "memory.max of control group /");
    put("/proc/self/cgroup", "0::/../outside\n");
    put("/sys/fs/outside/memory.max", "1\n");
    assert_int_equal(read_limits().memory, 64 * MIB);
    put("/proc/self/cgroup", "0::/\n");
    assert_int_equal(read_limits().memory, 64 * MIB);
}

static void
test_groups_of_v1(void **state)
{
    (void)state;
    put("/proc/self/cgroup", "12:cpu,cpuacct:/batch/job7\n9:memory:/batch/job7/step0\n"
                             "1:name=systemd:/init.scope\n0::/init.scope\n");
    put("/sys/fs/cgroup/memory/batch/job7/step0/memory.limit_in_bytes", "9223372036854771712\n");
    put("/sys/fs/cgroup/memory/batch/job7/memory.limit_in_bytes", "314572800\n");
    put("/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
    put("/sys/fs/cgroup/cpu,cpuacct/batch/job7/cpu.cfs_quota_us", "100000\n");
    put("/sys/fs/cgroup/cpu,cpuacct/batch/job7/cpu.cfs_period_us", "100000\n");
    put("/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "-1\n");
    tg_limits limits = read_limits();
    assert_int_equal(limits.memory, 300 * MIB);
    assert_string_equal(limits.memory_by, "memory.limit_in_bytes of control group /batch/job7");
    assert_int_equal(limits.cores, 1);
}

static void
test_v2_beside_v1(void **state)
{
    (void)state;
    put("/proc/self/cgroup", "4:memory:/\n0::/x\n");
    put("/sys/fs/cgroup/unified/x/memory.max", "94371840\n");
    assert_int_equal(read_limits().memory, 90 * MIB);
}

static void
test_nonsense_limits_nothing(void **state)
{
    (void)state;
    put("/proc/self/cgroup", "\n:\n::\nnonsense\n0::x\n0::\n");
    put("/sys/fs/cgroup/memory.max", "-5\n");
    put("/sys/fs/cgroup/memory.high", "");
    put("/sys/fs/cgroup/cpu.max", "0 0\n");
    tg_limits limits = read_limits();
    assert_string_equal(limits.memory_by, "this host");
    assert_true(limits.cores >= 1);
}

static void
test_own_limit_of_address_space(void **state)
{
    struct rlimit former, less;
    (void)state;
    put("/proc/self/cgroup", "0::/\n");
    assert_int_equal(getrlimit(RLIMIT_DATA, &former), 0);
    less = (struct rlimit){ .rlim_cur = (rlim_t)(1024 * MIB), .rlim_max = former.rlim_max };
    if (former.rlim_max != RLIM_INFINITY && former.rlim_max < less.rlim_cur) {
        skip();
    }
    assert_int_equal(setrlimit(RLIMIT_DATA, &less), 0);
    tg_limits limits = read_limits();
    char by[64];
    int64_t available = tg_memory_available(by, sizeof by);
    assert_int_equal(setrlimit(RLIMIT_DATA, &former), 0);
    assert_int_equal(limits.memory, 1024 * MIB);
    assert_string_equal(limits.memory_by, "ulimit -d");
    assert_true(available <= 1024 * MIB);
}

static void
test_a_session_takes_half_of_it(void **state)
{
    tg_error err;
    tg_session *session = NULL;
    (void)state;
    if (getenv("TG_MEMORY_LIMIT") != NULL) {
        skip();
    }
    assert_int_equal(tg_session_open(NULL, &session, &err), TG_OK);
    assert_int_equal(tg_session_memory_limit(session), tg_memory_available(NULL, 0) / 2);
    tg_session_close(session);
}

int
main(void)
{
#define WITH_TREE(test) cmocka_unit_test_setup_teardown(test, begin, end)
    const struct CMUnitTest tests[] = {
        WITH_TREE(test_without_any_group_the_host_counts),
        WITH_TREE(test_own_group_of_v2),
        WITH_TREE(test_a_group_above_limits_those_below),
        WITH_TREE(test_a_container_sees_its_own_group_at_the_root),
        WITH_TREE(test_groups_of_v1),
        WITH_TREE(test_v2_beside_v1),
        WITH_TREE(test_nonsense_limits_nothing),
        WITH_TREE(test_own_limit_of_address_space),
        WITH_TREE(test_a_session_takes_half_of_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
