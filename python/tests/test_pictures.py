# SPDX-License-Identifier: BSD-3-Clause
"""Pictures that are written, TIFF and PNG: what other programs, and we, read from them."""

import os

import numpy as np
import pytest
import tifffile

import tilegraph as tg

CODECS = (None, "none", "lzw", "deflate", "deflate:9", "zstd", "zstd:1")
DTYPES = ("?", "u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f2", "f4", "f8", "c8", "c16")


def data(shape, dtype="u2", seed=0):
    """Smooth with noise, so that codecs have work and long strings."""
    random = np.random.default_rng(seed)
    ramp = np.arange(np.prod(shape)).reshape(shape) // 7
    return (ramp + random.integers(0, 5, shape)).astype(dtype)


def stored(x):
    return x.astype("u1") if x.dtype == bool else x


def read(path):
    """By tifffile, which without imagecodecs knows only deflate; else by libtiff, as we read."""
    try:
        return tifffile.imread(path)
    except (ImportError, ValueError) as error:
        assert isinstance(error, ImportError) or "imagecodecs" in str(error)
        return tg.open(path).compute()


def check(path, x):
    with tifffile.TiffFile(path) as file:
        assert file.series[0].dtype == stored(x).dtype
    np.testing.assert_array_equal(read(path).reshape(x.shape), stored(x))
    np.testing.assert_array_equal(tg.open(path).compute().reshape(x.shape), stored(x))


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_types_and_codecs(tmp_path, codec, dtype):
    x = data((3, 50, 41), dtype)
    path = str(tmp_path / "a.tif")
    assert tg.save(tg.from_array(x, chunks=(2, 20, 41)), path, codec=codec) == path
    check(path, x)
    assert os.listdir(tmp_path) == ["a.tif"]
    with tifffile.TiffFile(path) as file:
        assert len(file.pages) == 3 and not file.is_bigtiff
        assert file.series[0].shape == x.shape


@pytest.mark.parametrize("codec", ("none", "lzw", "deflate", "zstd"))
@pytest.mark.parametrize("chunks", (None, (1, 7, 70), (1, 16, 32), (1, 64, 16), (1, 128, 128)))
def test_strips_and_tiles(tmp_path, codec, chunks):
    x = data((4, 53, 70), "i2")
    path = str(tmp_path / "a.tif")
    tg.save(tg.from_array(x, chunks=(3, 25, 40)), path, codec=codec, chunks=chunks)
    check(path, x)
    with tifffile.TiffFile(path) as file:
        narrow = chunks is not None and chunks[2] < 70
        assert file.pages[0].is_tiled == (narrow or (chunks is None and codec != "none"))


@pytest.mark.parametrize("shape", [(5, 7), (1, 1), (2, 3, 5, 7), (2, 1, 3, 20, 17)])
@pytest.mark.parametrize("codec", ("none", "lzw"))
def test_shapes(tmp_path, shape, codec):
    x = data(shape, "f4")
    path = str(tmp_path / "a.tif")
    tg.save(tg.from_array(x), path, codec=codec)
    check(path, x)
    with tifffile.TiffFile(path) as file:
        assert file.series[0].shape == shape


@pytest.mark.parametrize("codec", ("none", "lzw", "deflate", "zstd"))
@pytest.mark.parametrize("shape", [(30, 40, 3), (30, 40, 4), (2, 30, 40, 3)])
@pytest.mark.parametrize("chunks", (None, 16))
def test_colours(tmp_path, codec, shape, chunks):
    x = data(shape, "u1")
    path = str(tmp_path / "a.tif")
    tg.save(tg.from_array(x), path, codec=codec,
            chunks=None if chunks is None else (1,) * (len(shape) - 3) + (16, 16, shape[-1]))
    check(path, x)
    with tifffile.TiffFile(path) as file:
        assert file.pages[0].samplesperpixel == shape[-1]
        assert file.pages[0].photometric.name == "RGB"


def test_lzw_fills_its_table(tmp_path):
    """Noise makes a new string of nearly every byte: the table is cleared many times."""
    x = np.random.default_rng(1).integers(0, 256, (300, 301), dtype="u1")
    for name, value in (("noise", x), ("zeros", x * 0), ("long", x // 64)):
        path = str(tmp_path / f"{name}.tif")
        tg.save(tg.from_array(value), path, codec="lzw", chunks=(300, 301))
        check(path, value)


def test_of_a_computation_in_little_memory(tmp_path):
    x = data((40, 128, 128), "f4")
    path = str(tmp_path / "a.tif")
    lazy = tg.ndimage.gaussian_filter(tg.from_array(x, chunks=(8, 64, 64)), sigma=1)
    with tg.config.set(memory_limit="4 MiB"):
        tg.save(lazy, path, codec="zstd")
    np.testing.assert_array_equal(read(path), lazy.compute())


def test_uncompressed_pages_can_be_mapped(tmp_path):
    x = data((5, 60, 50))
    path = str(tmp_path / "a.tif")
    tg.save(tg.from_array(x), path)
    np.testing.assert_array_equal(tifffile.memmap(path, mode="r"), x)


@pytest.mark.parametrize("make, words", [
    (lambda p: tg.save(tg.zeros((5,)), p), "2 axes or more; the array has 1"),
    (lambda p: tg.save(tg.zeros((0, 4)), p), "axis 0 has the length 0"),
    (lambda p: tg.save(tg.zeros((40, 40)), p, chunks=(16, 17)), "multiples of 16"),
    (lambda p: tg.save(tg.zeros((40, 40)), p, codec="blosc"), "none lzw deflate zstd"),
    (lambda p: tg.save(tg.zeros((40, 40)), p, codec="lzw:3"), "takes no level"),
    (lambda p: tg.save(tg.zeros((40, 40)), p, codec="deflate:11"), "level from 0 to 9"),
    (lambda p: tg.save(tg.zeros((40, 40)), p, shards=20), "no shards"),
])
def test_what_cannot_be_is_refused(tmp_path, make, words):
    path = str(tmp_path / "a.tif")
    with pytest.raises(ValueError, match=words) as caught:
        make(path)
    assert path in str(caught.value)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("codec", ("none", "deflate"))
def test_a_failure_leaves_nothing(tmp_path, codec):
    def fails(block):
        raise RuntimeError("no")

    path = str(tmp_path / "a.tif")
    bad = tg.map_blocks(fails, tg.zeros((40, 40), chunks=(20, 40)), dtype="f8")
    with pytest.raises(RuntimeError, match="no"):
        tg.save(bad, path, codec=codec)
    assert os.listdir(tmp_path) == []
    tg.save(tg.ones((3, 4)), path)
    with pytest.raises(FileExistsError, match="overwrite"):
        tg.save(tg.zeros((3, 4)), path)
    with pytest.raises(RuntimeError, match="no"):
        tg.save(bad, path, codec=codec, overwrite=True)
    assert read(path).all() and os.listdir(tmp_path) == ["a.tif"]
    tg.save(tg.zeros((3, 4)), path, overwrite=True)
    assert not read(path).any()


# --- PNG ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype, shape", [("u1", (30, 41)), ("u2", (30, 41)), ("?", (30, 41)),
                                          ("u1", (30, 41, 3)), ("u2", (30, 41, 3)),
                                          ("u1", (5, 4, 4)), ("u1", (1, 1))])
def test_png(tmp_path, dtype, shape):
    from skimage.io import imread

    x = np.random.default_rng(0).integers(0, 65536, shape).astype(dtype)
    path = str(tmp_path / "a.png")
    tg.save(tg.from_array(x, chunks=16)[::-1], path)
    if not (dtype == "u2" and len(shape) == 3):  # which Pillow cuts to 8 bits
        np.testing.assert_array_equal(imread(path), x[::-1] * (255 if dtype == "?" else 1))
    with pytest.raises(FileExistsError, match="a.png"):
        tg.save(x, path)
    assert os.listdir(tmp_path) == ["a.png"]


@pytest.mark.parametrize("make, error, words", [
    (lambda p: tg.save(tg.zeros((5, 5)), p), TypeError, "uint8, uint16, or bool"),
    (lambda p: tg.save(tg.zeros((5, 5, 5), dtype="u1"), p), ValueError, "3 axes"),
    (lambda p: tg.save(tg.zeros((0, 5), dtype="u1"), p), ValueError, "0 x 5"),
    (lambda p: tg.save(tg.zeros((5, 5), dtype="u1"), p, codec="zstd"), ValueError, "no codec"),
])
def test_what_is_no_png(tmp_path, make, error, words):
    with pytest.raises(error, match=words):
        make(str(tmp_path / "a.png"))
    assert os.listdir(tmp_path) == []
