# SPDX-License-Identifier: BSD-3-Clause
"""Zarr chunks that are too large for the caches: decoded in slices where they lie scattered."""

import numpy as np
import pytest

import tilegraph as tg


@pytest.mark.parametrize("codec", ["blosc:lz4:3", "blosc:zstd:1:bitshuffle", "blosc:zlib:1",
                                   "blosc:lz4:0", "zstd:1"])
@pytest.mark.parametrize("dtype, chunks", [("u2", (16, 256, 256)), ("u1", (5, 300, 250)),
                                           ("f4", (4, 512, 256)), ("c16", (3, 256, 256))])
def test_large_chunks_in_slices(tmp_path, codec, dtype, chunks):
    random = np.random.default_rng(0)
    x = (np.arange(20 * 520 * 512).reshape(20, 520, 512) // 99 +
         random.integers(0, 9, (20, 520, 512))).astype(dtype)
    path = str(tmp_path / "a.zarr")
    tg.to_zarr(x, path, chunks=chunks, codec=codec)
    lazy = tg.open(path)
    np.testing.assert_array_equal(lazy.compute(), x)
    for part in (np.s_[3:7, 100:301, 5:500], np.s_[11], np.s_[:, 259, :], np.s_[::3, :, 255:257]):
        np.testing.assert_array_equal(lazy[part].compute(), x[part])


def test_a_damaged_slice(tmp_path):
    """Blocks overwritten in turn: an error that names the chunk, or other values; no crash."""
    x = np.random.default_rng(0).integers(0, 99, (16, 512, 512)).astype("u2")
    path = tmp_path / "a.zarr"
    tg.to_zarr(x, path, chunks=(16, 256, 256), codec="blosc:lz4:5")
    chunk = path / "c/0/1/0"
    good = chunk.read_bytes()
    seen = 0
    for at in range(16, len(good), len(good) // 40):
        chunk.write_bytes(good[:at] + b"\xff" * 60 + good[at + 60:])
        try:
            tg.open(path).compute()
        except tg.TilegraphError as error:
            assert str(chunk) in str(error) and "codec blosc" in str(error)
            seen += 1
    assert seen > 0
