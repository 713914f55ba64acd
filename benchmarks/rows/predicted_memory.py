# SPDX-License-Identifier: BSD-3-Clause
"""Peak memory as explain() predicts it against what the run held, for the work of all rows."""

import harness
import numpy as np

from rows import filters, lecture, overlap_memory, zarr_store


def measure(arrays, run=None):
    """[predicted, measured] bytes, for computing the arrays in one pass, or for run()."""
    import tilegraph as tg

    predicted = tg.explain(*arrays).peak_bytes
    with tg.diagnostics.Profiler() as profile:
        run() if run else tg.compute(*arrays)
    return [predicted, profile.peak_bytes]


def case_overlap(limit):
    found = overlap_memory.ours(overlap_memory.store(), limit)
    return [found["predicted"], found["peak"]]


def case_lecture():
    return measure(lecture.expression(lecture.foam()))


def case_filter(name, kind, *args):
    import tilegraph as tg

    harness.need(tg.ndimage, name)
    data = filters.blobs(0.6) if kind == "binary" else filters.volume(kind)
    args = [filters.ball(12)] if args == ("ball",) else args
    made = getattr(tg.ndimage, name)(tg.from_array(data), *args)
    return measure(made if isinstance(made, tuple) else (made,))


def case_elementwise():
    import tilegraph as tg

    data = np.ones((4096, 4096), "float32")
    x = tg.from_array(data)
    return measure([tg.sqrt(2 * x + 1)])


def case_zarr_read(kind):
    import tilegraph as tg

    data = zarr_store.image((256, 512, 512))
    shards = (256, 256, 256) if kind == "shards" else None
    path = harness.cached(f"small-{kind}.zarr", lambda path: zarr_store.make(
        path, data, (32, 32, 32), "lz4", shards))
    return measure([tg.from_zarr(str(path))])


CASES = {
    "overlap_96MiB": ("case_overlap", 96 * 2**20),
    "overlap_64MiB": ("case_overlap", 64 * 2**20),
    "lecture": ("case_lecture",),
    "gaussian": ("case_filter", "gaussian_filter", "float32", 2),
    "median3": ("case_filter", "median_filter", "uint8", 3),
    "uniform7": ("case_filter", "uniform_filter", "float32", 7),
    "ball12": ("case_filter", "binary_erosion", "binary", "ball"),
    "label": ("case_filter", "label", "binary"),
    "edt": ("case_filter", "distance_transform_edt", "binary"),
    "elementwise": ("case_elementwise",),
    "zarr_read": ("case_zarr_read", "plain"),
    "zarr_read_shards": ("case_zarr_read", "shards"),
}


def predicted_memory():
    results = []
    for name, (function, *arguments) in CASES.items():
        full = f"predicted_memory:{name}"
        try:
            predicted, measured = harness.in_child(f"predicted_memory:{function}", *arguments)
        except harness.Missing as missing:
            results.append(harness.result(full, note=f"missing: {missing}"))
        except harness.Failed as failed:
            results.append(harness.result(full, note=f"failed: {failed}"))
        else:
            off = abs(predicted / max(measured, 1) - 1) * 100
            results.append(harness.result(
                full, off, floor=25, unit="% off", kind="most",
                note=f"predicted {predicted / 2**20:.2f} MiB, held {measured / 2**20:.2f} MiB"))
    return results
