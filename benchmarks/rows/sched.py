# SPDX-License-Identifier: BSD-3-Clause
"""The scheduler's state by itself (benchmarks/sched/bench_state.c)."""

import statistics

import harness

TASKS = 1_000_000
TASKS_PER_SECOND = 200_000
BYTES_PER_TASK = 150
EFFICIENCY = {64: 0.95, 1000: 0.90}  # by workers


def sched_alone():
    program = harness.program("bench_state")
    lines = [[float(w) for w in line] for line in harness.output(program, "alone", TASKS, 5)]
    results = []
    for name, what in (("ranges", "answered in ranges, as workers do"),
                       ("singles", "each answered by itself")):
        rate = statistics.median(line[1] for line in lines if (line[0] == 1) == (name == "singles"))
        results.append(harness.result(f"sched_alone:{name}", rate, ratio=rate / TASKS_PER_SECOND,
                                      floor=1, unit="tasks/s",
                                      note=f"of {TASKS_PER_SECOND} tasks/s, {what}"))
    most = max(graph + state for _, _, graph, state in lines)
    return [*results, harness.result("sched_alone:memory", most, floor=BYTES_PER_TASK,
                                     unit="bytes/task", kind="most",
                                     note=f"the graph {lines[0][2]:.0f}")]


def efficiency():
    """Of 10 ms tasks in virtual time: work over workers times time."""
    program = harness.program("bench_state")
    return [harness.result(f"efficiency:{line[0]}", float(line[1]), ratio=float(line[1]),
                           floor=EFFICIENCY[int(line[0])], unit="of 1", note=f"{line[2]} tasks")
            for line in harness.output(program, "efficiency")]
