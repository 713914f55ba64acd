/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Join files, key files, public keys: written and read back; private, or refused; and no file of
 * random bytes, cut or doubled lines is taken for one. Addresses, and who needs keys.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "scheduler/net/endpoint.h"
#include "scheduler/net/transport.h"
#include "scheduler/net/zap.h"

static tg_error err;
static char folder[256];

static void
path_of(const char *name, char *out, size_t room)
{
    (void)snprintf(out, room, "%s/%s", folder, name);
}

static int
set_up(void **state)
{
    char scrap[] = "keys-XXXXXX";
    (void)state;
    (void)snprintf(folder, sizeof folder, "%s", mkdtemp(scrap));
    return 0;
}

static void
make_join(tg_join *join)
{
    tg_key_pair server;
    memset(join, 0, sizeof *join);
    assert_int_equal(tg_keys_make(&server, &err), TG_OK);
    assert_int_equal(tg_keys_make(&join->client, &err), TG_OK);
    memcpy(join->server_key, server.public_key, sizeof join->server_key);
    join->endpoint_count = 2;
    (void)snprintf(join->endpoints[0], TG_ENDPOINT_MAX, "ipc:///tmp/x");
    (void)snprintf(join->endpoints[1], TG_ENDPOINT_MAX, "tcp://10.0.0.1:8786");
}

static void
a_join_file_is_private_and_comes_back(void **state)
{
    char path[512], parent[512];
    tg_join join, back;
    struct stat st;
    (void)state;
    make_join(&join);
    path_of("a/b/join", path, sizeof path);
    path_of("a/b", parent, sizeof parent);
    (void)umask(0);
    assert_int_equal(tg_join_write(path, &join, &err), TG_OK);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(stat(parent, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    (void)umask(022);
    assert_int_equal(tg_join_read(path, &back, &err), TG_OK);
    assert_memory_equal(&join, &back, sizeof join);
    assert_int_equal(tg_join_write(path, &join, &err), TG_OK); /* over the one before */
}

static void
a_secret_that_others_may_read_is_refused(void **state)
{
    char path[512];
    tg_join join;
    tg_key_pair pair;
    (void)state;
    make_join(&join);
    path_of("open", path, sizeof path);
    assert_int_equal(tg_join_write(path, &join, &err), TG_OK);
    assert_int_equal(chmod(path, 0640), 0);
    assert_int_equal(tg_join_read(path, &join, &err), TG_ERR_VALUE);
    assert_non_null(strstr(err.message, "chmod 600"));
    path_of("key", path, sizeof path);
    assert_int_equal(tg_keys_make(&pair, &err), TG_OK);
    assert_int_equal(tg_key_file_write(path, &pair, &err), TG_OK);
    assert_int_equal(chmod(path, 0604), 0);
    assert_int_equal(tg_key_file_read(path, &pair, &err), TG_ERR_VALUE);
}

static void
what_is_not_a_file_of_ours_is_refused(void **state)
{
    char path[512];
    tg_join join;
    (void)state;
    path_of("nothing", path, sizeof path);
    assert_int_equal(tg_join_read(path, &join, &err), TG_ERR_NOT_FOUND);
    assert_non_null(strstr(err.message, "nothing"));
    assert_int_equal(tg_join_read(folder, &join, &err), TG_ERR_FORMAT);
    path_of("pipe", path, sizeof path);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(tg_join_read(path, &join, &err), TG_ERR_FORMAT); /* and does not wait */
    path_of("large", path, sizeof path);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    for (int i = 0; i < 20000; i++) {
        (void)fputc('x', f);
    }
    (void)fclose(f);
    assert_int_equal(chmod(path, 0600), 0);
    assert_int_equal(tg_join_read(path, &join, &err), TG_ERR_FORMAT);
}

#define KEY "Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID"

static tg_status
parse(const char *text)
{
    tg_join join;
    return tg_join_parse(text, strlen(text), &join, &err);
}

static void
join_files_are_read_strictly(void **state)
{
#define FIRST "tilegraph-join 1\n"
#define WHERE "endpoint tcp://h:1\n"
#define KEYS  "server-key " KEY "\npublic-key " KEY "\nsecret-key " KEY "\n"
    static const char *const bad[] = {
        "",
        FIRST,
        "tilegraph-join 2\n" WHERE KEYS,
        WHERE KEYS,
        FIRST KEYS,
        FIRST WHERE "server-key " KEY "\n",
        FIRST WHERE KEYS "server-key " KEY "\n",
        FIRST WHERE KEYS "colour red\n",
        FIRST WHERE "insecure no\n",
        FIRST WHERE "insecure yes\ninsecure yes\n",
        FIRST WHERE KEYS "\n",
        FIRST WHERE KEYS "endpoint \n",
        FIRST WHERE "server-key short\npublic-key " KEY "\nsecret-key " KEY "\n",
        FIRST WHERE WHERE WHERE WHERE WHERE WHERE WHERE WHERE WHERE KEYS,
        FIRST "endpoint tcp://h:1",
    };
    (void)state;
    assert_int_equal(parse(FIRST WHERE KEYS), TG_OK);
    assert_int_equal(parse(FIRST WHERE), TG_OK); /* a scheduler of this host, without keys */
    assert_int_equal(parse(FIRST WHERE "insecure yes\n"), TG_OK);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        if (parse(bad[i]) != TG_ERR_FORMAT) {
            fail_msg("number %zu is taken", i);
        }
        assert_true(err.message[0] != '\0');
    }
    /* Every cut and every changed byte is refused, or leaves what fits the limits. */
    char text[1024];
    tg_join join;
    size_t bytes = (size_t)snprintf(text, sizeof text, "%s", FIRST WHERE KEYS);
    for (size_t cut = 0; cut < bytes; cut++) {
        if (tg_join_parse(text, cut, &join, &err) == TG_OK) {
            assert_int_equal(cut, strlen(FIRST WHERE));
        }
    }
    for (size_t at = 0; at < bytes; at++) {
        for (int to = 0; to < 256; to += 5) {
            char before = text[at];
            text[at] = (char)to;
            if (tg_join_parse(text, bytes, &join, &err) == TG_OK) {
                assert_true(join.endpoint_count >= 1);
                assert_int_equal(strlen(join.server_key), TG_KEY_CHARS);
            }
            text[at] = before;
        }
    }
}

static void
public_keys_have_roles_and_a_safe_folder(void **state)
{
    char path[512], list[512], key[TG_KEY_CHARS + 1];
    unsigned roles = 0;
    tg_key_pair pair;
    tg_zap_domain *domain = NULL;
    const char *text = "tilegraph-public-key 1\npublic-key " KEY "\nrole worker\nrole viewer\n";
    (void)state;
    assert_int_equal(tg_public_key_parse(text, strlen(text), key, &roles, &err), TG_OK);
    assert_int_equal(roles, TG_ROLE_WORKER | TG_ROLE_VIEWER);
    assert_string_equal(key, KEY);
    text = "tilegraph-public-key 1\npublic-key " KEY "\nrole root\n";
    assert_int_equal(tg_public_key_parse(text, strlen(text), key, &roles, &err), TG_ERR_FORMAT);
    text = "tilegraph-public-key 1\npublic-key " KEY "\n";
    assert_int_equal(tg_public_key_parse(text, strlen(text), key, &roles, &err), TG_ERR_FORMAT);

    path_of("allowed", list, sizeof list);
    assert_int_equal(tg_keys_make(&pair, &err), TG_OK);
    assert_int_equal(tg_public_key_write(list, "laptop", pair.public_key, TG_ROLE_CLIENT, &err),
                     TG_OK);
    assert_int_equal(tg_public_key_write(list, "../x", pair.public_key, TG_ROLE_CLIENT, &err),
                     TG_ERR_VALUE);
    assert_int_equal(tg_zap_open(&domain, &err), TG_OK);
    assert_int_equal(tg_public_keys_allow(list, domain, &err), TG_OK);
    path_of("allowed/laptop.pub", path, sizeof path);
    assert_int_equal(chmod(path, 0666), 0);
    assert_int_equal(tg_public_keys_allow(list, domain, &err), TG_ERR_VALUE);
    assert_int_equal(chmod(path, 0644), 0);
    assert_int_equal(chmod(list, 0777), 0);
    assert_int_equal(tg_public_keys_allow(list, domain, &err), TG_ERR_VALUE);
    tg_zap_close(domain);
}

static void
folders_of_clusters_have_plain_names(void **state)
{
    char path[TG_NET_PATH_MAX + 1];
    (void)state;
    (void)setenv("HOME", "/home/someone", 1);
    assert_int_equal(tg_cluster_folder("lab-1", path, sizeof path, &err), TG_OK);
    assert_string_equal(path, "/home/someone/.local/share/tg/lab-1");
    assert_int_equal(tg_cluster_folder("../etc", path, sizeof path, &err), TG_ERR_VALUE);
    assert_int_equal(tg_cluster_folder("a/b", path, sizeof path, &err), TG_ERR_VALUE);
    assert_int_equal(tg_cluster_folder("", path, sizeof path, &err), TG_ERR_VALUE);
}

/* -- addresses ------------------------------------------------------------------------------ */

static void
addresses_are_read_strictly(void **state)
{
    static const char *const bad[] = { "",
                                       "localhost:1",
                                       "tcp://",
                                       "tcp://h",
                                       "tcp://:1",
                                       "tcp://h:65536",
                                       "tcp://h:1x",
                                       "tcp://h:-1",
                                       "tcp://::1:5",
                                       "ipc://relative",
                                       "ipc://@abstract",
                                       "inproc://",
                                       "pgm://239.0.0.1:1",
                                       "tcp://h:1 nokey" };
    static const struct {
        const char *address, *url;
        tg_reach reach;
    } good[] = { { "tcp://127.0.0.1:0", "tcp://127.0.0.1:*", TG_REACH_HOST },
                 { "tcp://localhost:80", "tcp://127.0.0.1:80", TG_REACH_HOST },
                 { "tcp://[::1]:5", "tcp://[::1]:5", TG_REACH_HOST },
                 { "tcp://10.1.2.3:5", "tcp://10.1.2.3:5", TG_REACH_PRIVATE },
                 { "tcp://172.31.2.3:5", "tcp://172.31.2.3:5", TG_REACH_PRIVATE },
                 { "tcp://172.32.2.3:5", "tcp://172.32.2.3:5", TG_REACH_WORLD },
                 { "tcp://[fd00::1]:5", "tcp://[fd00::1]:5", TG_REACH_PRIVATE },
                 { "tcp://[::ffff:8.8.8.8]:5", "tcp://[::ffff:8.8.8.8]:5", TG_REACH_WORLD },
                 { "tcp://0.0.0.0:5", "tcp://0.0.0.0:5", TG_REACH_WORLD },
                 { "tcp://127.0.0.1.example.org:5", "tcp://127.0.0.1.example.org:5",
                   TG_REACH_WORLD },
                 { "ipc:///tmp/x", "ipc:///tmp/x", TG_REACH_HOST },
                 { "tcp://h:1 " KEY, "tcp://h:1", TG_REACH_WORLD } };
    tg_endpoint e;
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        if (tg_endpoint_parse(bad[i], &e, &err) != TG_ERR_VALUE) {
            fail_msg("'%s' is taken", bad[i]);
        }
    }
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        if (tg_endpoint_parse(good[i].address, &e, &err) != TG_OK) {
            fail_msg("%s", err.message);
        }
        assert_string_equal(e.url, good[i].url);
        assert_int_equal(e.reach, good[i].reach);
    }
    assert_string_equal(e.server_key, KEY);
}

static tg_status
may_listen(const char *address, const tg_net_security *security)
{
    tg_endpoint e;
    assert_int_equal(tg_endpoint_parse(address, &e, &err), TG_OK);
    return tg_endpoint_check(&e, true, security, &err);
}

static void
other_hosts_need_keys(void **state)
{
    tg_net_security none = { 0 }, insecure = { .insecure = true }, keys = { 0 };
    tg_endpoint e;
    (void)state;
    assert_int_equal(tg_keys_make(&keys.listen, &err), TG_OK);
    assert_int_equal(may_listen("tcp://127.0.0.1:0", &none), TG_OK);
    assert_int_equal(may_listen("ipc:///tmp/x", &none), TG_OK);
    assert_int_equal(may_listen("tcp://192.168.1.1:0", &none), TG_ERR_VALUE);
    assert_non_null(strstr(err.message, "join file"));
    assert_int_equal(may_listen("tcp://0.0.0.0:0", &none), TG_ERR_VALUE);
    assert_int_equal(may_listen("tcp://192.168.1.1:0", &insecure), TG_OK);
    assert_int_equal(may_listen("tcp://0.0.0.0:0", &insecure), TG_ERR_VALUE);
    assert_int_equal(may_listen("tcp://8.8.8.8:0", &insecure), TG_ERR_VALUE);
    assert_int_equal(may_listen("tcp://0.0.0.0:0", &keys), TG_OK);
    /* Connecting: with the other end's key and one to show. */
    assert_int_equal(tg_endpoint_parse("tcp://8.8.8.8:5 " KEY, &e, &err), TG_OK);
    assert_int_equal(tg_endpoint_check(&e, false, &none, &err), TG_ERR_VALUE);
    keys.connect = keys.listen;
    assert_int_equal(tg_endpoint_check(&e, false, &keys, &err), TG_OK);
    assert_int_equal(tg_endpoint_parse("tcp://8.8.8.8:5", &e, &err), TG_OK);
    assert_int_equal(tg_endpoint_check(&e, false, &keys, &err), TG_ERR_VALUE);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_join_file_is_private_and_comes_back),
        cmocka_unit_test(a_secret_that_others_may_read_is_refused),
        cmocka_unit_test(what_is_not_a_file_of_ours_is_refused),
        cmocka_unit_test(join_files_are_read_strictly),
        cmocka_unit_test(public_keys_have_roles_and_a_safe_folder),
        cmocka_unit_test(folders_of_clusters_have_plain_names),
        cmocka_unit_test(addresses_are_read_strictly),
        cmocka_unit_test(other_hosts_need_keys),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
