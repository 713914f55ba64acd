# SPDX-License-Identifier: BSD-3-Clause
"""A scheduler and two workers with a thread each, as processes of this host."""

import contextlib
import json
import os
import signal
import statistics
import tempfile
import threading
import time
from pathlib import Path

import harness
import numpy as np

TASKS = 200_000
TASKS_PER_SECOND = 50_000
TIMES_DASK = 50
DASK_TASKS = 3_000
PLAN_TASKS = 1_000_000
SECONDS_TO_RECOVER = 2
START_TASKS = 1_000


@contextlib.contextmanager
def cluster(workers=2):
    """On which this process computes within the block. Nobody takes the place of a worker that was
    killed."""
    from tilegraph.distributed import Client, LocalCluster

    with LocalCluster(workers, 1, "2GiB", restart=False) as made, Client(made):
        yield made


# --- empty tasks ---------------------------------------------------------------------------------


def dask_rate(client):
    """Tasks a second of a graph of empty tasks and one that waits for all, as ours is."""
    from dask.delayed import Delayed

    def nothing(*args):
        return None

    token = time.monotonic_ns()
    graph = {(f"t{token}", i): (nothing, i) for i in range(DASK_TASKS)}
    graph[f"all{token}"] = (nothing, list(graph))
    start = time.perf_counter()
    client.compute(Delayed(f"all{token}", graph), optimize_graph=False).result()
    return DASK_TASKS / (time.perf_counter() - start)


def cluster_tasks():
    import distributed

    program = harness.program("bench_cluster")

    def our_rate():
        return statistics.median(float(tasks) / float(seconds) for tasks, seconds in
                                 harness.output(program, "tasks", TASKS, 3))

    with tempfile.TemporaryDirectory() as folder, distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=None,
            local_directory=folder) as peer, distributed.Client(peer) as client:
        dask_rate(client)
        pairs = [(our_rate(), dask_rate(client)) for _ in range(3)]
    ours, theirs = (statistics.median(column) for column in zip(*pairs))
    ratio = statistics.median(a / b for a, b in pairs)
    return [harness.result("cluster_tasks:rate", ours, ratio=ours / TASKS_PER_SECOND, floor=1,
                           unit="tasks/s", note=f"of {TASKS_PER_SECOND} tasks/s"),
            harness.result("cluster_tasks:dask", ours, theirs, "dask.distributed", ratio,
                           TIMES_DASK, "tasks/s", note=distributed.__version__)]


def submit():
    program = harness.program("bench_cluster")
    lines = [[float(w) for w in line] for line in harness.output(program, "submit", PLAN_TASKS, 5)]
    tasks, size, accepted, first = (statistics.median(column) for column in zip(*lines))
    note = f"{tasks:.0f} tasks; the first has ended {first * 1e3:.0f} ms later"
    if tasks < PLAN_TASKS:
        note = f"failed: {tasks:.0f} tasks, less than a million"
    return [harness.result("submit:time", accepted * 1e3, floor=100, unit="ms", kind="most",
                           note=note),
            harness.result("submit:bytes", size / 1e6, floor=1, unit="MB", kind="most",
                           note=f"{size:.0f} bytes")]


# --- work ----------------------------------------------------------------------------------------


def foam_input():
    """The scan of the lecture's row, stored: workers read it by themselves."""
    import tilegraph as tg

    from rows import lecture

    return harness.cached("foam_scan.zarr", lambda path: tg.from_array(
        lecture.foam(), chunks=lecture.CHUNKS).to_zarr(path))


def foam(path):
    """Labelled pores and their number; the labels go to a store."""
    import tilegraph as tg

    from rows import lecture

    scan = tg.open(path)
    scaled = (scan - 900.0) / 1200.0
    air = tg.ndimage.gaussian_filter(1 - scaled, lecture.SIGMA) > 0.9
    labels, count = tg.ndimage.label(tg.ndimage.binary_erosion(air, lecture.ball(lecture.RADIUS)))
    out = harness.fresh("foam_labels.zarr")
    _, found = tg.compute(labels.to_zarr(out, chunks=lecture.CHUNKS, compute=False), count)
    return out, int(found)


def busy_seconds(pids):
    """Processor time of these processes so far."""
    fields = [Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split() for pid in pids]
    return sum(int(f[11]) + int(f[12]) for f in fields) / os.sysconf("SC_CLK_TCK")


def timed_foam(path, *others):
    """Seconds, labels, their number, and processor time of this process and the others."""
    import tilegraph as tg

    pids = [os.getpid(), *others]
    busy, start = busy_seconds(pids), time.perf_counter()
    out, count = foam(path)
    seconds, busy = time.perf_counter() - start, busy_seconds(pids) - busy
    labels = np.asarray(tg.open(out))
    harness.remove(out)
    return seconds, labels, count, busy


def foam_cluster():
    """On a busy machine the cluster seems faster than it is: Linux shares processors among sessions
    (autogroups), and each worker is one of its own. Processor time tells."""
    from tilegraph.distributed import Client, LocalCluster

    path = foam_input()
    pairs, busy = [], []
    with LocalCluster(2, 1, "2GiB") as made:
        pids = [made.scheduler_pid, *(w.pid for w in made.workers)]
        for turn in range(8):
            mine = timed_foam(path)
            with Client(made):
                theirs = timed_foam(path, *pids)
            if not np.array_equal(theirs[1], mine[1]) or theirs[2] != mine[2]:
                return [harness.result("foam_cluster",
                                       note="failed: other labels than one process's")]
            if turn > 0:  # first pages, on both sides
                pairs.append((theirs[0], mine[0]))
                busy.append((theirs[3], mine[3]))
    ours, one, ratio = harness.median_pair(pairs)
    theirs, mine, _ = harness.median_pair(busy)
    return [harness.result("foam_cluster", ours, one, "1 process x 2 threads", ratio, 1 / 1.25, "s",
                           note=f"{1 / ratio:.2f} times as long; {theirs:.2f} s of processor time "
                                f"against {mine:.2f}")]


# --- faults --------------------------------------------------------------------------------------


def heavy(path, victim=None, at=None):
    """Some seconds of even work with neighbours, whose partial sums stay with who made them until
    the end. The worker `victim` is killed after `at` seconds. Result, seconds, profile."""
    import tilegraph as tg

    thread = threading.Timer(at or 0, lambda: os.kill(victim.pid, signal.SIGKILL))
    with tg.diagnostics.Profiler() as profile:
        start = time.perf_counter()
        if victim is not None:
            thread.start()
        result = tg.ndimage.median_filter(tg.open(path).astype("f4"), 5).sum(axis=0).compute()
        seconds = time.perf_counter() - start
    return result, seconds, profile


def timeline(profile):
    with tempfile.NamedTemporaryFile() as file:
        profile.to_chrome_trace(file.name)
        return json.load(file)["traceEvents"]


def seconds_lost(events, worker):
    """What this worker had done, and others did again after its death. Not what they did besides it
    before (speculation): that was lost to nobody's death. What ran when it died is not in it, nor
    what it had not told yet: they count as slowness of ours."""
    rows = {e["tid"] for e in events if e["ph"] == "M" and e["name"] == "thread_name"
            and e["args"]["name"].startswith(f"{worker}/")}
    death = min(e["ts"] for e in events if e["ph"] == "i" and e["name"] == "worker died"
                and e["tid"] in rows)
    done, before, again = {}, set(), set()
    for event in events:
        if event["ph"] == "X" and event["cat"] == "compute":  # its reads are within
            task = event["args"]["task"]
            if event["tid"] in rows:
                done[task] = event["dur"] * 1e-6
            else:
                (again if event["ts"] > death else before).add(task)
    return sum(seconds for task, seconds in done.items() if task in again - before)


def kill_recovery():
    """Of two workers with a thread each one is killed half-way, and nobody comes in its place. What
    was not done by then is left to one thread, at the pace that is measured with one worker; so is
    what has to be done again."""
    path = foam_input()
    rounds = []
    for _ in range(3):
        with cluster(1):
            expected, alone, _ = heavy(path)
        with cluster(2) as made:
            _, plain, _ = heavy(path)
            at, victim = plain / 2, made.workers[0]
            got, killed, profile = heavy(path, victim, at)
        if not np.array_equal(got, expected):
            return [harness.result("kill_recovery", note="failed: another result")]
        if profile.retries == 0:
            return [harness.result("kill_recovery", note="failed: nothing was lost")]
        lost = seconds_lost(timeline(profile), victim.name)
        rounds.append((killed - (at + (1 - at / plain) * alone + lost), plain, alone, killed, lost))
    excess, plain, alone, killed, lost = (statistics.median(column) for column in zip(*rounds))
    return [harness.result("kill_recovery", excess, floor=SECONDS_TO_RECOVER, unit="s", kind="most",
                           note=f"beyond the half before, the other half on one thread, and "
                                f"{lost:.2f} s of its own done again; {killed:.2f} s, undisturbed "
                                f"{plain:.2f}, one worker {alone:.2f}")]


# --- start ---------------------------------------------------------------------------------------


def cluster_start():
    import tilegraph as tg
    from tilegraph.distributed import Client, LocalCluster

    x = tg.zeros((START_TASKS * 131072,), chunks=131072)  # tiles of 1 MiB
    tasks = tg.explain(x.max()).tasks

    def once():
        with LocalCluster(2) as made, Client(made):
            x.max().compute()

    seconds = statistics.median(harness.seconds(once) for _ in range(5))
    note = f"{tasks} tasks"
    if tasks < START_TASKS:
        note = f"failed: {tasks} tasks, less than {START_TASKS}"
    return [harness.result("cluster_start", seconds, floor=1.5, unit="s", kind="most", note=note)]
