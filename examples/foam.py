#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""From a real scan to labelled objects: the pores of a bone, in one pass over the data.

    python examples/foam.py [SCAN] [--out build/demo] [--cluster JOIN-FILE]

The scan is smoothed, thresholded and eroded; the pores that are left are labelled globally and
measured. What comes out: labels.zarr, objects.csv, picture.png, timeline.html and trace.json. On a
cluster (docs/cluster.md) they have the same bytes, but for the last two, which tell of times.
"""

import argparse
import contextlib
import shutil
import struct
import zlib
from pathlib import Path

import numpy as np

import tilegraph as tg
from tilegraph.distributed import Client

ROOT = Path(__file__).resolve().parent.parent
SCAN = ROOT / "examples" / "data" / "bone_7H3A_B1.tif"


def ball(radius):
    """All cells of a cube whose centres lie within the radius."""
    z, y, x = np.ogrid[-radius:radius + 1, -radius:radius + 1, -radius:radius + 1]
    return z * z + y * y + x * x <= radius * radius


def build(scan, sigma=1, threshold=0.5, radius=2):
    """The whole job as an expression; nothing is read but the scan's metadata."""
    image = tg.open(scan)
    scaled = image.astype("float32") / 127  # bone is 127, pores are 0
    smooth = tg.ndimage.gaussian_filter(1 - scaled, sigma=sigma)
    pores = tg.ndimage.binary_erosion(smooth > threshold, ball(radius))
    labels, count = tg.ndimage.label(pores)
    objects = tg.ndimage.measure_objects(labels)
    return image, smooth, labels, count, objects


def write_csv(path, table):
    """One line per object."""
    names = ["label", "volume"] + [f"centroid_{a}" for a in "zyx"] + [
        f"bbox_{end}_{a}" for end in ("lo", "hi") for a in "zyx"]
    with open(path, "w") as file:
        file.write(",".join(names) + "\n")
        for row in table:
            file.write(",".join(f"{value:.10g}" for value in row) + "\n")


def write_png(path, rgb):
    """Writes (height, width, 3) bytes as a PNG."""
    height, width, _ = rgb.shape
    rows = np.zeros((height, 1 + width * 3), np.uint8)  # each row begins with a filter type: none
    rows[:, 1:] = rgb.reshape(height, -1)

    def chunk(kind, data):
        crc = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", crc)

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    Path(path).write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(rows.tobytes(), 6)) + chunk(b"IEND", b""))


def picture(image, labels):
    """Three panels side by side: a slice of the scan, its pores in colours, and all pores seen
    through the bone, from above."""
    middle = image.shape[0] // 2
    plane, marks, depth = tg.compute(image[middle], labels[middle], labels.max(axis=0))
    grey = np.repeat(plane[..., None] * np.float32(0.7), 3, axis=2)
    # Colours that are far apart for labels that are neighbours: the golden angle as hue.
    hue = np.arange(int(depth.max()) + 1) * 2.399963
    palette = 128 + 120 * np.cos(hue[:, None] + np.array([0.0, 2.094, 4.189]))
    over, through = grey.copy(), np.full(grey.shape, 24.0)
    over[marks > 0] = palette[marks[marks > 0]]
    through[depth > 0] = palette[depth[depth > 0]]
    gap = np.full((plane.shape[0], 6, 3), 255.0)
    return np.concatenate([grey, gap, over, gap, through], axis=1).astype(np.uint8)


def compare(explanation, profile):
    """Predicted against measured, as text."""
    lines = [f"{'':16}{'predicted':>16}{'measured':>16}"]
    for name in ("tasks", "peak_bytes", "chunks_read", "bytes_read", "bytes_written"):
        lines.append(f"{name:16}{getattr(explanation, name):16,}{getattr(profile, name):16,}")
    lines.append(f"{'chunks_decoded':16}{'':16}{profile.chunks_decoded:16,}")
    lines.append(f"{'seconds':16}{'':16}{profile.seconds:16.2f}")
    return "\n".join(lines)


def slices(image, sigma=1):
    """One filtered slice, the filter and the selection in either order: (equal, tasks of each).

    Here the user may write the filter first: only the slices that it reaches are computed.
    """
    middle = image.shape[0] // 2
    reach = int(4 * sigma + 0.5)
    volume = image.astype("float32")
    results, counts = [], []
    for lazy in (
        tg.ndimage.gaussian_filter(volume, sigma)[middle],
        tg.ndimage.gaussian_filter(volume[middle - reach:middle + reach + 1], sigma)[reach],
    ):
        with tg.diagnostics.Profiler() as profile:
            results.append(lazy.compute())
        counts.append((profile.tasks, profile.chunks_decoded))
    return np.array_equal(*results), counts


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("scan", nargs="?", default=SCAN, help="a TIFF stack of 8 bit (0 and 127)")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "demo",
                        help="folder of results")
    parser.add_argument("--cluster", help="compute there: a scheduler's join file, or its address")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    with Client(options.cluster) if options.cluster else contextlib.nullcontext():
        run(options, options.out)


def run(options, out):
    image, smooth, labels, count, objects = build(options.scan)
    print(image)
    shutil.rmtree(out / "labels.zarr", ignore_errors=True)
    store = labels.to_zarr(out / "labels.zarr", chunks=(60, 125, 175), compute=False)
    explanation = tg.explain(store, count, objects)
    print(explanation)

    with tg.diagnostics.Profiler() as profile, tg.diagnostics.ProgressBar():
        _, found, table = tg.compute(store, count, objects)
    print(compare(explanation, profile))
    profile.to_html(out / "timeline.html")
    profile.to_chrome_trace(out / "trace.json")

    write_csv(out / "objects.csv", table)
    print(f"{found} pores, the largest of {table[:, 1].max():,.0f} voxels")
    write_png(out / "picture.png", picture(image, tg.open(out / "labels.zarr")))

    equal, counts = slices(image)
    for name, (tasks, decoded) in zip(("filter, then select", "select, then filter"), counts):
        print(f"{name}: {tasks} tiles computed, {decoded} of {image.npartitions} chunks decoded")
    print("the same picture" if equal else "NOT the same picture")
    print(f"results are in {out}")


if __name__ == "__main__":
    main()
