/* SPDX-License-Identifier: BSD-3-Clause */
/* tgscheduler: the scheduler of a cluster as a program. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ops/registry.h"
#include "scheduler/daemon/daemon.h"
#include "scheduler/net/endpoint.h"
#include "worker/cli/command.h"
#include "worker/cli/daemon.h"

enum {
    LISTEN,
    REACHABLE_FROM,
    CLUSTER,
    JOIN_FILE,
    JOURNAL,
    WEB,
    LEASE,
    STUCK,
    INSECURE,
    ALIVE_FD,
    QUIET
};

static int run(const tg_command_args *args);

static const tg_command command = {
    .name = "tgscheduler",
    .synopsis = "",
    .summary = "runs the scheduler of a cluster, until it gets SIGTERM",
    .details =
        "Without --listen it can be reached on this host only. Any address that others can\n"
        "reach needs keys: they are made, and go into the join file, which whoever may read\n"
        "it can use:\n"
        "\n"
        "    tgscheduler --listen tcp://10.0.0.5:8786\n"
        "    tgworker --cluster ~/.local/share/tg/default/join",
    .options = { [LISTEN] = { "--listen", "ADDRESS,...",
                              "tcp://host:port or ipc://path; port 0: any free one" },
                 [REACHABLE_FROM] = { "--reachable-from", "HOST",
                                      "instead of --listen: at this host's address as HOST sees "
                                      "it, and any free port" },
                 [CLUSTER] = { "--cluster", "NAME",
                               "the cluster's folder in ~/.local/share/tg; default: default" },
                 [JOIN_FILE] = { "--join-file", "FILE", "where workers and clients find this" },
                 [JOURNAL] = { "--journal", "FOLDER",
                               "jobs go on when the scheduler was killed and started again" },
                 [WEB] = { "--web", "HOST:PORT", "serves /metrics and /health there" },
                 [LEASE] = { "--lease", "SECONDS",
                             "a peer that is silent for so long is gone; default: 15" },
                 [STUCK] = { "--stuck", "SECONDS",
                             "when none of a job's tasks has ended for so long, say what it waits "
                             "for, and write down the state; default: 60" },
                 [INSECURE] = { "--insecure", NULL,
                                "private networks without keys: whoever is there can do all" },
                 [ALIVE_FD] = { "--alive-fd", "N", "leave when the other end of this pipe closes" },
                 [QUIET] = { "--quiet", NULL, "say nothing but errors" } },
    .run = run
};

/* "a,b" into its parts; the text is cut. */
static size_t
split(char *text, const char **parts, size_t max)
{
    size_t count = 0;
    for (char *at = text; at != NULL && count < max; count++) {
        char *comma = strchr(at, ',');
        parts[count] = at;
        if (comma != NULL) {
            *comma++ = 0;
        }
        at = comma;
    }
    return count;
}

/* The addresses of --listen, or the one of --reachable-from, into `room` bytes of `text`. */
static int
read_addresses(const tg_command_args *args, char *text, size_t room, const char **listen,
               tg_daemon_options *options)
{
    tg_error err;
    char there[TG_ENDPOINT_MAX + 1];
    const char *given = args->options[LISTEN], *from = args->options[REACHABLE_FROM];
    int code = TG_EXIT_OK;
    if (given != NULL && from != NULL) {
        code = tg_command_usage(&command, "give --listen or --reachable-from, not both");
    } else if (given != NULL && strlen(given) >= room) {
        code = tg_command_usage(&command, "--listen: too many addresses");
    } else if (from != NULL) {
        const char *name = strrchr(from, '@') != NULL ? strrchr(from, '@') + 1 : from; /* ssh's */
        (void)snprintf(there, sizeof there, "tcp://%s:22", name);
        if (tg_endpoint_own(there, text, room, &err) != TG_OK) {
            code = tg_command_failure(&command, &err);
            (void)fprintf(stderr, "Give the address yourself: --listen tcp://ADDRESS:PORT\n");
        }
    } else if (given != NULL) {
        memcpy(text, given, strlen(given) + 1);
    }
    if (code == TG_EXIT_OK && text[0] != '\0') {
        options->listen = listen;
        options->listen_count = split(text, listen, TG_JOIN_ENDPOINTS_MAX + 1);
    }
    return code;
}

static int
run(const tg_command_args *args)
{
    tg_error err;
    tg_daemon *daemon = NULL;
    const tg_op *const *ops = NULL;
    const char *listen[TG_JOIN_ENDPOINTS_MAX + 1];
    char addresses[4096] = "";
    tg_daemon_options options = { .cluster = args->options[CLUSTER],
                                  .join_file = args->options[JOIN_FILE],
                                  .journal = args->options[JOURNAL],
                                  .web = args->options[WEB],
                                  .insecure = args->options[INSECURE] != NULL,
                                  .alive_fd = -1,
                                  .signals = true,
                                  .log = args->options[QUIET] == NULL ? tg_daemon_log : NULL };
    int code = tg_daemon_read_seconds(&command, args, LEASE, &options.lease_ns);
    if (code == TG_EXIT_OK) {
        code = tg_daemon_read_seconds(&command, args, STUCK, &options.stuck_ns);
    }
    if (code == TG_EXIT_OK) {
        code = tg_daemon_read_fd(&command, args, ALIVE_FD, &options.alive_fd);
    }
    if (code == TG_EXIT_OK) {
        code = read_addresses(args, addresses, sizeof addresses, listen, &options);
    }
    if (code != TG_EXIT_OK) {
        return code;
    }
    size_t count = tg_ops_builtin(&ops);
    tg_registry *registry = tg_registry_create(ops, count);
    options.registry = registry;
    tg_status status = registry != NULL ? tg_daemon_create(&options, &daemon, &err)
                                        : tg_fail(&err, TG_ERR_MEMORY, "no memory to start");
    if (status == TG_OK) {
        for (size_t i = 0; tg_daemon_address(daemon, i) != NULL && options.log != NULL; i++) {
            char line[TG_NET_ADDRESS_MAX + 32];
            (void)snprintf(line, sizeof line, "listening at %s", tg_daemon_address(daemon, i));
            options.log(NULL, line);
        }
        if (tg_daemon_web(daemon) != NULL && options.log != NULL) {
            char line[TG_NET_ADDRESS_MAX + 32];
            (void)snprintf(line, sizeof line, "metrics at %s/metrics", tg_daemon_web(daemon));
            options.log(NULL, line);
        }
        status = tg_daemon_run(daemon, &err);
    }
    code = status == TG_OK ? TG_EXIT_OK : tg_command_failure(&command, &err);
    tg_daemon_destroy(daemon);
    tg_registry_destroy(registry);
    return code;
}

int
main(int argc, char **argv)
{
    return tg_daemon_main(&command, argc, argv);
}
