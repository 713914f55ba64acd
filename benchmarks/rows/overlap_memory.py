# SPDX-License-Identifier: BSD-3-Clause
"""Three chained Gaussians over a stored volume, summed: memory, decodes, time."""

import statistics
import time

import harness
import numpy as np

EDGE, CHUNK = 512, 64
MIB = 2**20


def make(path):
    import zarr

    array = zarr.create_array(path, shape=(EDGE,) * 3, chunks=(CHUNK,) * 3, dtype="f4")
    random = np.random.default_rng(7)
    for z in range(0, EDGE, CHUNK):
        array[z:z + CHUNK] = random.integers(0, 1000, (CHUNK, EDGE, EDGE)).astype("f4")


def store():
    return str(harness.cached("volume512.zarr", make))


def ours(path, limit):
    import tilegraph as tg

    tg.config.set(threads=harness.THREADS, memory_limit=limit)
    tg.zeros((8,)).sum().compute()
    x = tg.from_zarr(path)
    for _ in range(3):
        x = tg.ndimage.gaussian_filter(x, 1)
    x = x.sum(dtype="float64")
    predicted = x.explain().peak_bytes
    with harness.PeakMemory() as memory, tg.diagnostics.Profiler() as profile:
        start = time.perf_counter()
        total = float(x.compute())
        seconds = time.perf_counter() - start
    return {"seconds": seconds, "rss": memory.bytes, "total": total, "predicted": predicted,
            "peak": profile.peak_bytes, "decodes": profile.chunks_decoded / (EDGE // CHUNK) ** 3}


def dask(path):
    import dask
    import dask.array as da
    from scipy.ndimage import gaussian_filter

    dask.config.set(scheduler="threads", num_workers=harness.THREADS)
    da.zeros(8).sum().compute()
    x = da.from_zarr(path)
    for _ in range(3):
        x = x.map_overlap(gaussian_filter, depth=4, boundary="reflect", sigma=1)
    x = x.sum(dtype="float64")
    with harness.PeakMemory() as memory:
        start = time.perf_counter()
        total = float(x.compute())
        seconds = time.perf_counter() - start
    return {"seconds": seconds, "rss": memory.bytes, "total": total}


def overlap_memory():
    import tilegraph as tg

    harness.need(tg.ndimage, "gaussian_filter")
    path = store()
    turns = [(harness.in_child("overlap_memory:ours", path, 96 * MIB),
              harness.in_child("overlap_memory:dask", path)) for _ in range(2)]
    tight = harness.in_child("overlap_memory:ours", path, 64 * MIB)
    mine, peer, ratio = harness.median_pair([(a["seconds"], b["seconds"]) for a, b in turns])
    rss = max(a["rss"] for a, _ in turns) / MIB
    dask_rss = statistics.median(b["rss"] for _, b in turns) / MIB
    equal = all(abs(run["total"] / turns[0][1]["total"] - 1) < 1e-5
                for run in (turns[0][0], tight))
    name = "overlap_memory:"
    return [
        harness.result(name + "speed", mine, peer, "dask.array", ratio, 10, "s",
                       note="" if equal else "failed: another sum than Dask's"),
        harness.result(name + "rss", rss, dask_rss, "dask.array", dask_rss / rss, 128, "MiB",
                       "most"),
        harness.result(name + "decodes", max(a["decodes"] for a, _ in turns), floor=1.0,
                       unit="per chunk", kind="most"),
        harness.result(name + "peak_64MiB", tight["peak"] / MIB, floor=64, unit="MiB", kind="most",
                       note=f"{tight['seconds']:.2f} s, rss {tight['rss'] / MIB:.1f} MiB"),
        harness.result(name + "decodes_64MiB", tight["decodes"], floor=2.0, unit="per chunk",
                       kind="most"),
    ]
