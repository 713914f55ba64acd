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
    rate, graph, state = (statistics.median(column) for column in zip(*lines))
    return [harness.result("sched_alone:rate", rate, ratio=rate / TASKS_PER_SECOND, floor=1,
                           unit="tasks/s", note=f"of {TASKS_PER_SECOND} tasks/s"),
            harness.result("sched_alone:memory", graph + state, floor=BYTES_PER_TASK,
                           unit="bytes/task", kind="most", note=f"the state itself {state:.0f}")]


def efficiency():
    """Of 10 ms tasks in virtual time: work over workers times time."""
    program = harness.program("bench_state")
    return [harness.result(f"efficiency:{line[0]}", float(line[1]), ratio=float(line[1]),
                           floor=EFFICIENCY[int(line[0])], unit="of 1", note=f"{line[2]} tasks")
            for line in harness.output(program, "efficiency")]
