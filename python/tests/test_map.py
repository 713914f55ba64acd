# SPDX-License-Identifier: BSD-3-Clause
"""map_blocks and map_overlap with Python functions."""

import threading
import traceback

import numpy as np
import pytest
import scipy.ndimage as ndi
from hypothesis import given
from hypothesis import strategies as st
from support import same, values

import tilegraph as tg
from tilegraph import _optable

COVERS = {"map_blocks", "map_overlap"}
pytestmark = pytest.mark.skipif(
    "map_blocks" not in _optable.names(), reason="no op map_blocks yet")


@pytest.fixture
def pair():
    array = values((10, 12), "float32", special=False)
    return array, tg.from_array(array, (4, 5))


def test_one_array(pair):
    array, x = pair
    same(x.map_blocks(np.negative, dtype="float32"), -array)
    same(tg.map_blocks(lambda b, k: b * k, x, 3, dtype="float32"), array * 3)
    same(tg.map_blocks(lambda b, k=1: b * k, x, k=2, dtype="float32"), array * 2)
    same(tg.map_blocks(lambda b: b > 0, x), array > 0)
    same(x[2:5].map_blocks(np.negative, dtype="float32")[1:], -array[3:5])


def test_not_called_when_building(pair):
    calls = []

    def function(block):
        calls.append(block.shape)
        return block

    y = tg.map_blocks(function, pair[1], dtype="float32")
    tg.map_overlap(function, pair[1], depth=1, dtype="float32")
    y.explain()
    assert calls == []
    y[:4, :5].compute()
    assert calls == [(4, 5)]
    calls.clear()
    tg.map_blocks(function, pair[1])
    assert len(calls) == 1 and 0 not in calls[0]


def test_several_arrays(pair):
    array, x = pair
    same(tg.map_blocks(np.add, x, x, dtype="float32"), array + array)
    same(tg.map_blocks(np.add, x, x.rechunk((3, 12)), dtype="float32"), array + array)
    same(tg.map_blocks(np.add, x, array, dtype="float32"), array + array)
    same(tg.map_blocks(np.multiply, x, x[0], dtype="float32"), array * array[0])
    same(tg.map_blocks(np.multiply, x, x[:, :1], dtype="float32"), array * array[:, :1])
    same(tg.map_blocks(lambda k, a, b: a - k * b, 2, x, x, dtype="float32"), array - 2 * array)
    with pytest.raises(ValueError):
        tg.map_blocks(np.add, x, x[:3], dtype="float32").compute()


def test_block_id_and_info(pair):
    array, x = pair
    ids = tg.map_blocks(
        lambda b, block_id: np.full(b.shape, 10 * block_id[0] + block_id[1]), x, dtype="int64")
    want = 10 * (np.arange(10) // 4)[:, None] + np.arange(12) // 5
    same(ids, want)
    seen = {}
    lock = threading.Lock()

    def look(block, block_info=None):
        with lock:
            seen[block_info[None]["chunk-location"]] = block_info
        return block

    tg.map_blocks(look, x, dtype="float32").compute()
    info = seen[(2, 1)]
    assert info[0] == {"shape": (10, 12), "num-chunks": (3, 3),
                       "array-location": [(8, 10), (5, 10)], "chunk-location": (2, 1)}
    assert info[None]["chunk-shape"] == (2, 5)
    assert info[None]["dtype"] == np.dtype("float32")
    assert len(seen) == 9


def test_changed_shapes(pair):
    array, x = pair
    same(tg.map_blocks(lambda b: b[::2], x, dtype="float32", chunks=((2, 2, 1), (5, 5, 2))),
         array[::2])
    same(tg.map_blocks(lambda b: b.sum(1), x, dtype="float32", drop_axis=1),
         array.sum(1), 1e-5, 1e-5)
    same(tg.map_blocks(lambda b: b[:, None], x, dtype="float32", new_axis=1), array[:, None])
    same(tg.map_blocks(lambda b: np.stack([b, b]), x, dtype="float32", new_axis=0,
                       chunks=((2,), (4, 4, 2), (5, 5, 2))), np.stack([array, array]))
    same(tg.map_blocks(lambda b: b.max(keepdims=True), x, dtype="float32", chunks=(1, 1)),
         tg.from_array(np.array([[array[i:i + 4, j:j + 5].max() for j in (0, 5, 10)]
                                 for i in (0, 4, 8)])))


def test_without_arrays():
    same(tg.map_blocks(lambda block_id: np.full((2, 3), block_id[0]), dtype="int64",
                       chunks=((2, 2), (3,))),
         np.repeat([0, 1], 2)[:, None] + np.zeros((1, 3), int))


def test_blocks_are_read_only_and_may_be_kept(pair):
    array, x = pair
    kept = []

    def spoil(block):
        with pytest.raises(ValueError):
            block[0] = 1
        kept.append(block)
        return block

    same(tg.map_blocks(spoil, x, dtype="float32"), array)
    assert sum(b.sum() for b in kept) == pytest.approx(array.sum(), abs=1e-3)


class OwnError(Exception):
    pass


def test_exceptions_reach_the_caller(pair):
    original = OwnError("the pixel is broken")

    def fail(block):
        if block.shape == (2, 5):
            raise original
        return block

    with pytest.raises(OwnError) as caught:
        tg.map_blocks(fail, pair[1], dtype="float32").compute()
    assert caught.value is original
    frames = traceback.extract_tb(caught.value.__traceback__)
    assert any(f.name == "fail" for f in frames)
    if hasattr(original, "__notes__"):
        assert "(2, " in original.__notes__[0]
    # The process lives on.
    same(pair[1] + 1, pair[0] + 1)


def test_wrong_results_are_named(pair):
    def halve(block):
        return block[::2]

    with pytest.raises(ValueError, match=r"halve returned shape \(\d, \d\) for block \(\d, \d\), "
                                         r"expected \(\d, \d\)") as caught:
        tg.map_blocks(halve, pair[1], dtype="float32").compute()
    assert isinstance(caught.value, tg.TilegraphError)
    with pytest.raises(TypeError, match="returned dtype float64 .* expected float32"):
        tg.map_blocks(lambda b: b.astype("float64"), pair[1], dtype="float32").compute()
    with pytest.raises(TypeError):
        tg.map_blocks("no function", pair[1])
    with pytest.raises(TypeError):
        tg.map_blocks(np.negative, pair[1], dtype=object)


def test_compute_inside_a_function(pair):
    array, x = pair
    other = tg.from_array(array)

    def nested(block):
        return block + other.sum().compute().astype("float32") * 0

    same(tg.map_blocks(nested, x, dtype="float32"), array)


# --- overlap -----------------------------------------------------------------------------------

MODES = {"reflect": "reflect", "mirror": "mirror", "nearest": "nearest", "periodic": "wrap",
         "wrap": "wrap"}


@pytest.mark.parametrize("boundary", MODES)
@pytest.mark.parametrize("size", [3, 7, 15])
def test_filters_are_scipys(pair, boundary, size):
    array, x = pair
    got = tg.map_overlap(lambda b: ndi.maximum_filter(b, size), x, depth=size // 2,
                         boundary=boundary, dtype="float32")
    same(got, ndi.maximum_filter(array, size, mode=MODES[boundary]))
    same(x.map_overlap(lambda b: ndi.maximum_filter(b, size), size // 2, boundary,
                       dtype="float32") if False else got[3:7, 2:9],
         ndi.maximum_filter(array, size, mode=MODES[boundary])[3:7, 2:9])


def test_constant_and_none(pair):
    array, x = pair
    got = tg.map_overlap(lambda b: ndi.minimum_filter(b, 5), x, depth=2, boundary=-7.0,
                         dtype="float32")
    same(got, ndi.minimum_filter(array, 5, mode="constant", cval=-7.0))
    # Without surroundings at the border the function's own boundary rule counts there.
    for boundary in ("none", None):
        got = tg.map_overlap(lambda b: ndi.minimum_filter(b, 5, mode="constant", cval=-7.0), x,
                             depth=2, boundary=boundary, dtype="float32")
        same(got, ndi.minimum_filter(array, 5, mode="constant", cval=-7.0))


@pytest.mark.parametrize("depth", [
    (1, 2), {0: 2}, {0: (3, 0), 1: (0, 2)}, ((0, 1), (2, 0)), {-1: 3}, 0, 11, {0: (0, 14)},
], ids=str)
@pytest.mark.parametrize("boundary", ["reflect", "none", 0.0, {0: "wrap", 1: "nearest"}], ids=str)
def test_depths(pair, depth, boundary):
    array, x = pair
    shapes = []

    def same_size(block):
        shapes.append(block.shape)
        return block * 2

    y = tg.map_overlap(same_size, x, depth=depth, boundary=boundary, dtype="float32")
    assert y.chunks == x.chunks
    same(y, array * 2)


@given(st.integers(0, 9), st.integers(0, 9), st.sampled_from(["reflect", "mirror", "nearest",
                                                              "wrap"]),
       st.integers(1, 9), st.integers(1, 8))
def test_asymmetric_windows(before, after, boundary, length, chunk):
    array = np.random.default_rng(length).normal(size=length)
    size = before + after + 1
    x = tg.from_array(array, chunk)

    def window_max(block):
        out = np.full(block.shape, np.inf)
        inner = np.lib.stride_tricks.sliding_window_view(block, size).max(-1)
        out[before:before + len(inner)] = inner
        return out

    padded = np.pad(array, (before, after), mode={
        "reflect": "symmetric", "mirror": "reflect", "nearest": "edge", "wrap": "wrap",
    }[boundary]) if length > 1 or boundary != "mirror" else np.full(length + size - 1, array[0])
    want = np.lib.stride_tricks.sliding_window_view(padded, size).max(-1)
    same(tg.map_overlap(window_max, x, depth={0: (before, after)}, boundary=boundary,
                        dtype="float64"), want)


def test_several_overlapped_arrays(pair):
    array, x = pair
    got = tg.map_overlap(lambda a, b: ndi.uniform_filter(a, 3) + b, x, x, depth=[1, 1],
                         boundary=["reflect", "reflect"], dtype="float32")
    same(got, ndi.uniform_filter(array, 3) + array, 1e-5, 1e-5)


def test_no_trim(pair):
    array, x = pair
    got = tg.map_overlap(lambda b: b[1:-1, 1:-1], x, depth=1, boundary="reflect", trim=False,
                         dtype="float32", chunks=x.chunks)
    same(got, array)


def test_guessed_dtype(pair):
    array, x = pair
    same(tg.map_overlap(lambda b: ndi.uniform_filter(b, 3) > 0, x, depth=1, boundary="reflect"),
         ndi.uniform_filter(array, 3) > 0)


@pytest.mark.parametrize("depth", [-1, (1,), {5: 1}, 1.5, (1, 2, 3), {0: (1, 2, 3)}], ids=str)
def test_bad_depths(pair, depth):
    with pytest.raises((ValueError, TypeError)) as caught:
        tg.map_overlap(np.negative, pair[1], depth=depth, dtype="float32")
    assert isinstance(caught.value, tg.TilegraphError)
    assert "depth" in str(caught.value)


def test_bad_boundaries(pair):
    with pytest.raises(ValueError, match="boundary"):
        tg.map_overlap(np.negative, pair[1], depth=1, boundary="round", dtype="float32")
    with pytest.raises(ValueError):
        tg.map_overlap(np.negative, pair[1], depth=1, boundary=("reflect",), dtype="float32")


def test_foreign_ufuncs(pair):
    special = pytest.importorskip("scipy.special")
    array, x = pair
    same(special.erf(x), special.erf(array), 1e-6)


def test_blocks_that_are_smaller_than_the_shards_they_are_stored_in(tmp_path):
    """The tiles that went to the store were those of the function, not shards."""
    x = np.arange(24 * 30.0).reshape(24, 30)
    path = str(tmp_path / "a.zarr")
    y = tg.from_array(x, chunks=(4, 10)).map_blocks(lambda block: block + 1, dtype="f8")
    y.to_zarr(path, chunks=(4, 10), shards=(12, 20))
    np.testing.assert_array_equal(tg.open(path).compute(), x + 1)
    y.to_zarr(path, chunks=(5, 7), overwrite=True)
    np.testing.assert_array_equal(tg.open(path).compute(), x + 1)
