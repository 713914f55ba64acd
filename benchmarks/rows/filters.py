# SPDX-License-Identifier: BSD-3-Clause
"""Filters of a volume in memory against scipy.ndimage: NumPy array in, NumPy array out."""

import harness
import numpy as np
from scipy import ndimage

EDGE = 256


def volume(dtype):
    noise = np.random.default_rng(3).random((EDGE,) * 3, dtype="float32")
    return noise if dtype == "float32" else (noise * 255).astype(dtype)


def blobs(threshold):
    """A binary image such as a segmented scan: smooth objects of some tens of voxels."""
    smooth = ndimage.gaussian_filter(volume("float32"), 4)
    return smooth > np.quantile(smooth, threshold)


def apply(name, data, *args, **kwargs):
    import tilegraph as tg

    harness.need(tg.ndimage, name)
    function = getattr(tg.ndimage, name)

    def run():
        return function(tg.from_array(data), *args, **kwargs).compute()

    return run


def equal(mine, theirs):
    return np.array_equal(mine, theirs)


def close(mine, theirs):
    return np.allclose(mine, theirs, rtol=1e-5, atol=1e-5)


def gaussian():
    data = volume("float32")
    return [harness.race("gaussian", apply("gaussian_filter", data, 2),
                         lambda: ndimage.gaussian_filter(data, 2), "scipy.ndimage", 10, close,
                         ours_each=5)]


def median3():
    data = volume("uint8")
    return [harness.race("median3", apply("median_filter", data, 3),
                         lambda: ndimage.median_filter(data, 3), "scipy.ndimage", 60, equal,
                         repeats=3, warm_peer=False, ours_each=5)]


def uniform7():
    data = volume("float32")
    return [harness.race("uniform7", apply("uniform_filter", data, 7),
                         lambda: ndimage.uniform_filter(data, 7), "scipy.ndimage", 15, close,
                         ours_each=5)]


def ball(radius):
    z, y, x = np.ogrid[-radius:radius + 1, -radius:radius + 1, -radius:radius + 1]
    return z * z + y * y + x * x <= radius * radius


def ball12():
    # The pores must outlive an erosion by 12, or SciPy's early exit would be all that is timed.
    data = np.ones((96, 128, 128), bool)
    data[np.random.default_rng(5).random(data.shape) < 2e-5] = False
    ours = {radius: apply("binary_erosion", data, ball(radius)) for radius in (3, 12)}
    speed = harness.race("ball12:speed", ours[12],
                         lambda: ndimage.binary_erosion(data, ball(12)), "scipy.ndimage", 50,
                         equal, repeats=2, warm_peer=False, ours_each=9)
    large, small, _ = harness.paired(ours[12], ours[3], repeats=15)
    return [speed, harness.result("ball12:growth", large / small, floor=1.25, unit="times",
                                  kind="most", note=f"ball(3) {small * 1e3:.2f} ms, "
                                  f"ball(12) {large * 1e3:.2f} ms")]


def label():
    import tilegraph as tg

    data = blobs(0.6)
    harness.need(tg.ndimage, "label")

    def ours():
        return tg.compute(*tg.ndimage.label(tg.from_array(data)))

    def same(mine, theirs):
        return np.array_equal(mine[0], theirs[0]) and int(mine[1]) == theirs[1]

    return [harness.race("label", ours, lambda: ndimage.label(data), "scipy.ndimage", 5, same,
                         ours_each=5)]


def edt():
    data = blobs(0.3)
    return [harness.race("edt", apply("distance_transform_edt", data),
                         lambda: ndimage.distance_transform_edt(data), "scipy.ndimage", 8,
                         close, repeats=3, warm_peer=False, ours_each=3)]
