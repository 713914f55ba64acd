# SPDX-License-Identifier: BSD-3-Clause
"""Reading and writing Zarr v3: against a bare loop over the chunk files, and zarr-python."""

import os
import statistics
from pathlib import Path

import harness
import numpy as np

TURNS = 5


def image(shape):
    """uint16 that compresses as a scan does: a smooth object with some bits of noise."""
    random = np.random.default_rng(11)
    z, y, x = (np.linspace(0, 12, n, dtype="float32") for n in shape)
    smooth = 4000 * (2 + np.sin(z)[:, None, None] + np.cos(y)[:, None] * np.sin(x))
    return smooth.astype("uint16") + random.integers(0, 32, shape, dtype="uint16")


def codec_of(name):
    from zarr.codecs import BloscCodec

    return BloscCodec(cname=name, clevel=5 if name == "zstd" else 3, shuffle="shuffle")


def make(path, data, chunks, codec, shards=None):
    import zarr

    array = zarr.create_array(path, shape=data.shape, chunks=chunks, shards=shards,
                              dtype=data.dtype, compressors=codec_of(codec))
    array[:] = data


def rates(sizes, contestants):
    """Medians of GB/s of each, and of each pair's ratio to the first; all in turns."""
    turns = []
    for turn in range(TURNS + 1):
        times = [contestant() for contestant in contestants]
        if turn > 0:  # the first warms the page cache and the pools
            turns.append(times)
    medians = [sizes / statistics.median(column) / 1e9 for column in zip(*turns)]
    ratios = [statistics.median(turn[k] / turn[0] for turn in turns)
              for k in range(len(contestants))]
    return medians, ratios


def readers(path):
    import tilegraph as tg
    import zarr

    return (lambda: harness.seconds(lambda: tg.from_zarr(str(path)).compute()),
            lambda: harness.seconds(lambda: zarr.open_array(path, mode="r")[:]))


def writers(data, chunks, codec, shards=None, keep=False):
    """Each writes to a new path every time, listed in the third answer. What was written before is
    removed first, so that the page cache takes its pages again, as the bare loop's does. With
    `keep` the row removes it when it ends: where there are 4,096 files, most of the time would be
    ext4's search for an inode that was not deleted in the last minute."""
    import tilegraph as tg

    paths = []
    text = f"blosc:{codec}:{5 if codec == 'zstd' else 3}:shuffle"
    source = tg.from_array(data)
    options = {"shards": shards} if shards else {}

    def new_path(turn):
        if not keep and len(paths) > 1:
            harness.remove(paths[turn])
            paths[turn] = harness.fresh(f"written-{turn}.zarr")
            return paths[turn]
        paths.append(harness.fresh(f"written-{len(paths)}.zarr"))
        return paths[-1]

    def ours():
        path = str(new_path(0))
        return harness.seconds(lambda: source.to_zarr(path, chunks=chunks, codec=text, **options))

    def peer():
        path = new_path(1)
        return harness.seconds(lambda: make(path, data, chunks, codec, shards))

    return ours, peer, paths


def check(path, data):
    import zarr

    if not np.array_equal(zarr.open_array(path, mode="r")[:], data):
        raise harness.Failed("zarr-python reads back something else than we wrote")


def median_line(lines):
    """The first repeat warms up."""
    return statistics.median(float(words[0]) for words in lines[1:])


# --- large chunks -------------------------------------------------------------------------------


def bare_reader(path, chunk_bytes):
    """The chunks of a store, as files 0, 1, ... for the loop in C."""
    folder = harness.fresh("bare")
    folder.mkdir()
    chunks = sorted(p for p in Path(path, "c").rglob("*") if p.is_file())
    for index, chunk in enumerate(chunks):
        os.symlink(chunk, folder / str(index))
    command = (harness.program("bench_codec"), "read", folder, chunk_bytes, len(chunks),
               harness.THREADS, 4)
    return (lambda: median_line(harness.output(*command))), folder


def bare_writer(data, chunk, codec):
    blocks = harness.fresh("blocks.bin")
    counts = [n // chunk for n in data.shape]
    cut = data.reshape(counts[0], chunk, counts[1], chunk, counts[2], chunk)
    cut.transpose(0, 2, 4, 1, 3, 5).tofile(blocks)
    folder = harness.fresh("bare-out")
    folder.mkdir()
    command = (harness.program("bench_codec"), "write", folder, chunk**3 * 2, np.prod(counts),
               harness.THREADS, 2, codec, 5 if codec == "zstd" else 3, 2, blocks)
    return (lambda: median_line(harness.output(*command))), (folder, blocks)


def compare(name, sizes, contestants):
    (mine, bare, python), (_, to_bare, to_python) = rates(sizes, contestants)
    return [harness.result(name, mine, bare, "bare loop", to_bare, 0.9, "GB/s"),
            harness.result(f"{name}:zarr-python", mine, python, "zarr-python", to_python, 1,
                           "GB/s")]


def zarr_codec():
    results, chunk = [], 128
    harness.touch_memory()
    data = image((512, 512, 512))
    for codec in ("zstd", "lz4"):
        path = harness.cached(f"codec-{codec}.zarr",
                              lambda path: make(path, data, (chunk,) * 3, codec))
        ours, python = readers(path)
        bare, folder = bare_reader(path, chunk**3 * 2)
        results += compare(f"zarr_codec:read:{codec}", data.nbytes, (ours, bare, python))
        harness.remove(folder)

        ours, python, outputs = writers(data, (chunk,) * 3, codec)
        bare, scratch = bare_writer(data, chunk, codec)
        results += compare(f"zarr_codec:write:{codec}", data.nbytes, (ours, bare, python))
        check(outputs[0], data)
        for path in (*outputs, *scratch):
            harness.remove(path)
    return results


# --- small chunks -------------------------------------------------------------------------------


def zarr_small():
    results, chunks = [], (32, 32, 32)
    harness.touch_memory()
    data = image((256, 512, 512))
    for kind, shards in (("plain", None), ("shards", (256, 256, 256))):
        path = harness.cached(f"small-{kind}.zarr",
                              lambda path: make(path, data, chunks, "lz4", shards))
        (mine, python), (_, ratio) = rates(data.nbytes, readers(path))
        results.append(harness.result(f"zarr_small:read:{kind}", mine, python, "zarr-python",
                                      ratio, 10, "GB/s"))
        ours, peer, outputs = writers(data, chunks, "lz4", shards, keep=shards is None)
        (mine, python), (_, ratio) = rates(data.nbytes, (ours, peer))
        results.append(harness.result(f"zarr_small:write:{kind}", mine, python, "zarr-python",
                                      ratio, 10, "GB/s"))
        check(outputs[0], data)
        for path in outputs:
            harness.remove(path)
    return results
