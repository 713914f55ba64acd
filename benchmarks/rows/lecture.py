# SPDX-License-Identifier: BSD-3-Clause
"""The foam of "Quantitative Big Imaging", lecture 10: from the scan to labelled pores."""

import harness
import numpy as np

SHAPE, CHUNKS = (100, 400, 400), (20, 400, 400)
SIGMA, RADIUS = (3, 6, 6), 12


def foam():
    """Bubbles of air in a bright material, with the noise of a scanner; not yet scaled."""
    random = np.random.default_rng(10)
    solid = np.ones(SHAPE)
    grid = np.ogrid[tuple(slice(n) for n in SHAPE)]
    for _ in range(60):
        centre = [random.uniform(0, n) for n in SHAPE]
        radius = random.uniform(18, 45)
        solid[sum((g - c) ** 2 for g, c in zip(grid, centre)) < radius**2] = 0
    return 1000 * solid + random.normal(0, 20, SHAPE)


def ball(radius):
    z, y, x = np.ogrid[-radius:radius + 1, -radius:radius + 1, -radius:radius + 1]
    return z * z + y * y + x * x <= radius * radius


def expression(scan):
    """Ours: labels that are unique in the whole volume, and their number."""
    import tilegraph as tg

    x = tg.from_array(scan, chunks=CHUNKS)
    low, high = float(scan.min()), float(scan.max())
    scaled = (x - low) / (high - low)
    air = tg.ndimage.gaussian_filter(1 - scaled, SIGMA) > 0.9
    cores = tg.ndimage.binary_erosion(air, ball(RADIUS))
    return tg.ndimage.label(cores)


def ours(scan):
    import tilegraph as tg

    return tg.compute(*expression(scan))


def dask(scan):
    """The lecture's own way: SciPy on blocks with their surroundings, labels per block."""
    import dask
    import dask.array as da
    from scipy import ndimage

    def label_block(block, block_id=None):
        labels, count = ndimage.label(block)
        first = np.int64(block_id[0]) * block.size
        return np.where(labels > 0, labels + first, 0)

    low, high = scan.min(), scan.max()
    x = (da.from_array(scan, chunks=CHUNKS) - low) / (high - low)
    x = (1 - x).map_overlap(ndimage.gaussian_filter, depth=(12, 24, 24), boundary="reflect",
                            sigma=SIGMA) > 0.9
    x = x.map_overlap(ndimage.binary_erosion, depth=RADIUS, boundary=0, structure=ball(RADIUS))
    x = x.map_blocks(label_block, dtype="int64")
    with dask.config.set(scheduler="threads", num_workers=harness.THREADS):
        return x.compute()


def check(mine, theirs):
    labels, count = (np.asarray(part) for part in mine)
    # A voxel at the very threshold may fall either way in another order of summation.
    same = np.mean((labels > 0) == (theirs > 0)) > 1 - 1e-5
    return same and int(count) == labels.max() and int(count) > 1


def lecture():
    import tilegraph as tg

    harness.need(tg.ndimage, "gaussian_filter", "binary_erosion", "label")
    scan = foam()
    return [harness.race("lecture", lambda: ours(scan), lambda: dask(scan),
                         "dask + scipy.ndimage", 25, check, repeats=2, warm_peer=False,
                         ours_each=3)]
