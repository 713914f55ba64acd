# SPDX-License-Identifier: BSD-3-Clause
"""One plane of an array of very many chunks behind a map_overlap: only it may cost anything."""

import statistics
import time

import harness
import numpy as np

EDGE = 64
COUNTS = (10_000, 100_000, 1_000_000)


def smooth(block):
    """Mean of three planes."""
    out = block.copy()
    out[1:-1] = (block[:-2] + block[1:-1] + block[2:]) / 3
    return out


def ours_seconds(count, repeats):
    """Building the expression and computing, each time another plane."""
    import tilegraph as tg

    x = tg.zeros((count, EDGE, EDGE), dtype="float32", chunks=(1, EDGE, EDGE)) + np.float32(3)
    times = []
    for k in range(repeats + 1):
        start = time.perf_counter()
        y = tg.map_overlap(smooth, x, depth={0: 1, 1: 0, 2: 0}, boundary="nearest",
                           dtype="float32")
        plane = y[count // 2 + k].compute()
        times.append(time.perf_counter() - start)
        if not np.allclose(plane, 3):
            raise harness.Failed("the plane is wrong")
    return times[1:]


def dask_seconds(count):
    import dask.array as da

    x = da.zeros((count, EDGE, EDGE), dtype="float32", chunks=(1, EDGE, EDGE)) + np.float32(3)
    start = time.perf_counter()
    y = da.map_overlap(smooth, x, depth={0: 1, 1: 0, 2: 0}, boundary="nearest", dtype="float32")
    y[count // 2].compute(scheduler="threads", num_workers=harness.THREADS)
    return time.perf_counter() - start


def plane():
    import tilegraph as tg

    harness.need(tg, "map_overlap")
    turns = [[statistics.median(ours_seconds(n, 5)) for n in COUNTS] for _ in range(7)]
    small, middle, large = (statistics.median(column) * 1e3 for column in zip(*turns))
    growth = statistics.median(turn[2] / turn[0] for turn in turns)
    dask = dask_seconds(COUNTS[1]) * 1e3
    return [harness.result("plane:100000", middle, dask, "dask.array", dask / middle, 5, "ms",
                           "most"),
            harness.result("plane:growth", growth, floor=1.25, unit="times", kind="most",
                           note=f"10^4: {small:.3f} ms, 10^6: {large:.3f} ms")]
