/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tg slurm: a job script that starts a scheduler and workers in an allocation. It is printed, not
 * submitted: every site wants something else in it.
 */
#include <stdio.h>
#include <string.h>

#include "worker/cli/command.h"

enum { PRINT, NODES, TIME, PARTITION, CPUS, MEMORY, FIRST_PASSED };
enum { LOCAL_DIRECTORY = FIRST_PASSED, MEMORY_LIMIT, ALLOW_PYTHON, FUNCTION_TIMEOUT, OPTIONS };

extern const tg_command tg_command_slurm;

static const char header[] = "#!/bin/bash\n"
                             "#SBATCH --job-name=tilegraph\n"
                             "#SBATCH --nodes=%s\n"
                             "#SBATCH --ntasks-per-node=1\n"
                             "#SBATCH --cpus-per-task=%s\n"
                             "#SBATCH --time=%s\n"
                             "#SBATCH --output=tilegraph-%%j.log\n"
                             "# SIGTERM a minute before the end: workers hand on what they have.\n"
                             "#SBATCH --signal=B:TERM@60\n";

/* The join file lies in the home folder, which all nodes share. */
static const char body[] =
    "set -eu\n"
    "\n"
    "cluster=\"slurm-$SLURM_JOB_ID\"\n"
    "folder=\"$HOME/.local/share/tg/$cluster\"\n"
    "export TG_JOIN_FILE=\"$folder/join\"\n"
    "last=$(scontrol show hostnames \"$SLURM_JOB_NODELIST\" | tail -n 1)\n"
    "\n"
    "# Listens at the address at which the last node sees this one; makes keys.\n"
    "tgscheduler --cluster \"$cluster\" --reachable-from \"$last\" &\n"
    "scheduler=$!\n"
    "workers=\n"
    "finish() {\n"
    "    trap '' TERM INT\n"
    "    [ -z \"$workers\" ] || { kill -TERM \"$workers\" 2>/dev/null && wait \"$workers\"; } || "
    "true\n"
    "    kill \"$scheduler\" 2>/dev/null && wait \"$scheduler\" || true\n"
    "    rm -rf \"$folder\"\n"
    "}\n"
    "trap finish EXIT\n"
    "trap 'exit 143' TERM INT\n"
    "\n"
    "for _ in $(seq 300); do\n"
    "    [ -s \"$TG_JOIN_FILE\" ] && break\n"
    "    kill -0 \"$scheduler\"\n"
    "    sleep 0.2\n"
    "done\n"
    "\n"
    "# srun does not take --cpus-per-task over from the job.\n"
    "srun --kill-on-bad-exit=0 --cpus-per-task=\"${SLURM_CPUS_PER_TASK:-1}\" \\\n"
    "    tgworker --cluster \"$TG_JOIN_FILE\" --nthreads \"${SLURM_CPUS_PER_TASK:-1}\"";

static int
run(const tg_command_args *args)
{
    int64_t number = 0;
    const char *const *given = args->options;
    const char *nodes = given[NODES] != NULL ? given[NODES] : "2";
    const char *cpus = given[CPUS] != NULL ? given[CPUS] : "1";
    const char *time = given[TIME] != NULL ? given[TIME] : "01:00:00";
    if (given[PRINT] == NULL) {
        return tg_command_usage(&tg_command_slurm,
                                "it needs --print: look at the script, then give "
                                "it to sbatch: tg slurm --print > job.sh");
    }
    if (!tg_command_read_int(nodes, 1, 100000, &number) ||
        !tg_command_read_int(cpus, 1, 1024, &number)) {
        return tg_command_usage(&tg_command_slurm,
                                "--nodes must be 1 to 100000 and --cpus-per-task 1 to 1024");
    }
    for (int i = TIME; i < OPTIONS; i++) { /* they stand in a script */
        if (given[i] != NULL && strspn(given[i], "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVW"
                                                 "XYZ0123456789_-.,:/$") != strlen(given[i])) {
            return tg_command_usage(&tg_command_slurm,
                                    "%s: letters, digits and _-.,:/$ are allowed, got %s",
                                    tg_command_slurm.options[i].name, given[i]);
        }
    }
    (void)printf(header, nodes, cpus, time);
    if (given[PARTITION] != NULL) {
        (void)printf("#SBATCH --partition=%s\n", given[PARTITION]);
    }
    if (given[MEMORY] != NULL) {
        (void)printf("#SBATCH --mem=%s\n", given[MEMORY]);
    }
    (void)fputs(body, stdout);
    for (int i = FIRST_PASSED; i < OPTIONS; i++) {
        const char *value = given[i];
        if (value == NULL && i == LOCAL_DIRECTORY) {
            value = "${TMPDIR:-/tmp}";
        }
        if (value != NULL) {
            (void)printf(" \\\n    %s \"%s\"", tg_command_slurm.options[i].name, value);
        }
    }
    (void)printf(" &\nworkers=$!\n");
    if (args->count > 0) {
        (void)printf("\n%s\n", args->words[0]);
    } else {
        (void)printf(
            "\n# Here the program that computes: it connects to $TG_JOIN_FILE. Until there\n"
            "# is one the cluster is there until the time is over.\nwait \"$workers\"\n");
    }
    return TG_EXIT_OK;
}

const tg_command tg_command_slurm = {
    .name = "slurm",
    .synopsis = "[COMMAND]",
    .summary = "Print a job script for Slurm that starts a cluster and runs a command on it",
    .details = "    tg slurm --print --nodes 4 --cpus-per-task 32 'python job.py' > job.sh\n"
               "    sbatch job.sh\n"
               "\n"
               "The command finds the join file of the cluster in $TG_JOIN_FILE, and Client() of\n"
               "Python looks there by itself. Workers use half of a node's memory, or of --mem if\n"
               "Slurm limits it by control groups, or what --memory-limit says.",
    .words_max = 1,
    .options = { [PRINT] = { "--print", NULL, "print the script; nothing is submitted" },
                 [NODES] = { "--nodes", "N", "one worker on each; default: 2" },
                 [TIME] = { "--time", "TIME", "as sbatch has it; default: 01:00:00" },
                 [PARTITION] = { "--partition", "NAME", "default: the site's" },
                 [CPUS] = { "--cpus-per-task", "N", "threads of each worker; default: 1" },
                 [MEMORY] = { "--mem", "SIZE", "of each node, as sbatch has it" },
                 [LOCAL_DIRECTORY] = { "--local-directory", "FOLDER",
                                       "where workers spill; default: ${TMPDIR:-/tmp}" },
                 [MEMORY_LIMIT] = { "--memory-limit", "BYTES",
                                    "of each worker, without blanks: \"8GiB\"" },
                 [ALLOW_PYTHON] = { "--allow-python", "PYTHON",
                                    "jobs may run Python functions, in processes of this "
                                    "interpreter" },
                 [FUNCTION_TIMEOUT] = { "--function-timeout", "SECONDS",
                                        "a Python function that takes longer is killed" } },
    .run = run,
};
