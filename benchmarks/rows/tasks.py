# SPDX-License-Identifier: BSD-3-Clause
"""The task layer and the planner, measured by programs in C (benchmarks/sched)."""

import statistics
import time

import harness

TASKS = 1_000_000
# Dask's time per task does not depend on their number; a million takes a minute.
DASK_TASKS = 30_000


def dask_per_task():
    """Microseconds per empty task with three dependencies."""
    from dask.threaded import get

    def nothing(*args):
        return None

    graph = {}
    for i in range(DASK_TASKS):
        before = [("t", j) for j in (i - 64, i - 65, i - 66)] if i >= 67 else []
        graph["t", i] = (nothing, *before)
    start = time.perf_counter()
    get(graph, [("t", DASK_TASKS - 1 - k) for k in range(64)], num_workers=harness.THREADS)
    return (time.perf_counter() - start) / DASK_TASKS * 1e6


def task_overhead():
    program = harness.program("bench_tasks")
    harness.output(program, TASKS, harness.THREADS, 1)
    pairs, added, ran = [], [], []
    for _ in range(3):
        times = [[float(w) for w in line]
                 for line in harness.output(program, TASKS, harness.THREADS, 5)]
        added.append(statistics.median(t[0] for t in times) / 1e3)
        ran.append(statistics.median(t[1] for t in times) / 1e3)
        pairs.append((added[-1] + ran[-1], dask_per_task()))
    ours, peer, ratio = harness.median_pair(pairs)
    return [harness.result("task_overhead", ours, peer, "dask.threaded", ratio, 0.5, "us", "most",
                           f"adding {statistics.median(added):.3f}, "
                           f"running {statistics.median(ran):.3f}")]


def stored_without_chunks(path, shape, chunks, dtype):
    """A Zarr array of which only the metadata exists: everything reads as the fill value."""
    import zarr

    zarr.create_array(path, shape=shape, chunks=chunks, dtype=dtype)


def plan_million():
    program = harness.program("bench_plan")
    path = harness.cached("million_tiles.zarr", lambda path: stored_without_chunks(
        path, (5888, 5888, 5760), (64, 64, 64), "f4"))  # 762,000 chunks; a million tiles in all
    runs = [[float(w) for w in harness.output(program, path)[0]] for _ in range(3)]
    tasks, seconds, planned, grown = (statistics.median(column) for column in zip(*runs))
    note = f"{tasks:.0f} tasks, of which planning {planned:.3f} s"
    if tasks < TASKS:
        note = f"failed: {tasks:.0f} tasks, less than a million tiles"
    return [harness.result("plan_million:time", seconds, floor=0.5, unit="s", kind="most",
                           note=note),
            harness.result("plan_million:memory", grown / 1e6, floor=200, unit="MB", kind="most")]
