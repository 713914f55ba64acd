# SPDX-License-Identifier: BSD-3-Clause
"""Reductions and scans, against NumPy."""

import itertools
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import ALL, LAYOUTS, chunkings, layout, lazy_pairs, same, values

import tilegraph as tg
from tilegraph import _optable

warnings.simplefilter("ignore", RuntimeWarning)

SIMPLE = ["sum", "prod", "mean", "var", "std", "min", "max", "any", "all", "count_nonzero"]
NAN = ["nansum", "nanprod", "nanmean", "nanvar", "nanstd", "nanmin", "nanmax"]
ARG = ["argmin", "argmax", "nanargmin", "nanargmax"]
SCAN = ["cumsum", "cumprod", "nancumsum", "nancumprod"]
NAMES = [n for n in SIMPLE + NAN if n in _optable.names("")]
COVERS = {*SIMPLE, *NAN, *ARG, *SCAN, "histogram", "percentile", "quantile", "nanpercentile",
          "nanquantile", "median", "nanmedian", "ptp", "average", "bincount", "histogram_counts",
          "histogram_edges", "amin", "amax"}

# Sums in another order than NumPy's, so that floats differ in the last bits.
TOLERANCE = {"float16": 4e-3, "float32": 2e-6, "float64": 1e-13, "complex64": 4e-6,
             "complex128": 1e-13}


def numbers(shape, dtype, name):
    """Operands for which the result is well conditioned."""
    if "prod" in name:
        array = values(shape, dtype, special=False)
        if np.dtype(dtype).kind in "fc":
            return (1 + 0.01 * array).astype(dtype)
        return array
    array = values(shape, dtype, special=False)
    if np.dtype(dtype).kind in "fc":
        array = (array + array.dtype.type(10)).astype(dtype)
    if name.startswith("nan") and np.dtype(dtype).kind in "fc" and array.size > 3:
        array = array.copy()
        array.reshape(-1)[::5] = np.nan
    return array


def check(name, array, chunks="auto", **kwargs):
    try:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            want = getattr(np, name)(array, **kwargs)
    except (TypeError, ValueError) as error:
        with pytest.raises(type(error)):
            getattr(tg, name)(tg.from_array(array, chunks), **kwargs).compute()
        return
    got = getattr(tg, name)(tg.from_array(array, chunks), **kwargs)
    want = np.asarray(want)
    if name == "count_nonzero":
        want = want.astype(np.int64)
    tolerance = TOLERANCE.get(want.dtype.name, 0.0)
    if name in ("min", "max", "nanmin", "nanmax", "any", "all"):
        tolerance = 0.0
    same(got, want, tolerance * 4, tolerance * 50, f"{name} {array.dtype} {array.shape} {kwargs}")


@pytest.mark.parametrize("dtype", ALL)
@pytest.mark.parametrize("name", NAMES)
def test_dtypes(name, dtype):
    array = numbers((6, 5, 7), dtype, name)
    for axis in (None, 0, -1, (0, 2)):
        check(name, array, (4, 2, 3), axis=axis)
    check(name, array, "auto", axis=1, keepdims=True)


@pytest.mark.parametrize("name", NAMES)
def test_layouts_chunks_and_shapes(name):
    for kind in LAYOUTS:
        array = layout(numbers((4, 6, 9), "float32", name), kind)
        for chunks in chunkings(array.shape):
            check(name, array, chunks)
            check(name, array, chunks, axis=1)
    for shape in ((), (1,), (1, 1, 1), (0,), (3, 0), (0, 3)):
        check(name, numbers(shape, "float64", name))
        if len(shape) == 2:
            check(name, numbers(shape, "float64", name), axis=0)
            check(name, numbers(shape, "float64", name), axis=1)


@pytest.mark.parametrize("name", [n for n in ("min", "max", "sum", "nanmax", "nanmin", "nansum",
                                              "mean", "any", "all") if n in NAMES])
def test_nan_and_infinities(name):
    for special in itertools.product((np.nan, np.inf, -np.inf), repeat=2):
        array = np.arange(24.0).reshape(4, 6)
        array[1, 2], array[3, 3] = special
        check(name, array, (2, 3))
        check(name, array, (2, 3), axis=0)
    check(name, np.full((3, 4), np.nan), (2, 2), axis=0)


@pytest.mark.parametrize("name", [n for n in ARG if n in _optable.names("")])
@pytest.mark.parametrize("dtype", ["int16", "uint8", "float32", "bool"])
def test_positions_of_extremes(name, dtype):
    array = numbers((6, 5, 7), dtype, name)
    for axis in (None, 0, 1, -1):
        check(name, array, (4, 2, 3), axis=axis)
    check(name, array, (2, 5, 3), axis=0, keepdims=True)
    ties = np.zeros((4, 6), dtype)
    check(name, ties, (2, 2))
    check(name, ties, (2, 2), axis=1)
    if not name.startswith("nan") and dtype == "float32":
        array[2, 2, 2] = np.nan
        check(name, array, (4, 2, 3))
        check(name, array, (4, 2, 3), axis=1)
    with pytest.raises(ValueError):
        getattr(tg, name)(tg.zeros((0,))).compute()


def strided(array):
    """Views whose outer axes step in ways that kernels must not take for rows of elements."""
    wide = np.empty((array.shape[0], array.shape[1], array.shape[2] + 3), array.dtype)
    wide[..., :-3] = array
    yield array
    yield array[::-1]
    yield array[::2, ::-3]
    yield wide[..., :-3]
    record = np.dtype([("pad", "u1"), ("cell", array.dtype)])
    packed = np.zeros(array.shape, record)
    packed["cell"] = array
    yield packed["cell"]


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int16", "uint32", "int64", "float16",
                                   "float32", "float64", "complex64"])
@pytest.mark.parametrize("name", NAMES)
def test_outer_axes_take_several_rows_at_once(name, dtype):
    for rows in (1, 3, 4, 7, 9):
        for array in strided(numbers((rows, 6, 37), dtype, name)):
            for axis in (0, 1, (0, 1), (0, 2)):
                check(name, array, array.shape, axis=axis)


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int16", "uint32", "int64", "float16",
                                   "float32", "float64", "complex64"])
@pytest.mark.parametrize("name", NAMES + [n for n in ARG if n in _optable.names("")])
def test_rows_of_any_length(name, dtype):
    """Several rows go to a kernel at once: shorter than its lanes, longer, and no multiple."""
    for count in (1, 2, 31, 33, 257, 600):
        array = numbers((3, 2, count), dtype, name)
        check(name, array, array.shape, axis=-1)
        check(name, array[:, ::-1], array.shape, axis=-1)
        if name not in ARG:
            check(name, array, array.shape, axis=(0, 2))
            check(name, array.transpose(1, 0, 2), (2, 3, count), axis=(0, 2))


@pytest.mark.parametrize("axis", [None, 0, 1, 2, (0, 1), (0, 2)])
def test_tiles_change_nothing_in_exact_results(axis):
    """Tiles of a reduction are cut along kept axes too."""
    array = values((130, 40, 300), "float32", special=False)
    truth = array > 0
    for chunks in ("auto", (130, 1, 300), (7, 40, 64)):
        same(tg.from_array(array, chunks).max(axis=axis), array.max(axis=axis), 0)
        same(tg.from_array(truth, chunks).any(axis=axis), truth.any(axis=axis), 0)
        same(tg.from_array(truth, chunks).sum(axis=axis), truth.sum(axis=axis), 0)


def test_states_are_little_beside_their_tiles():
    """Axis 0 of a large array: whole slices would be states as large as the tiles."""
    lazy = tg.ones((256, 512, 512), dtype="float32").sum(axis=0)
    assert "tiles of 64 x 8 x 512" in str(lazy.explain())


def test_count_nonzero_of_no_axes():
    array = np.array([[0, 1, 2], [3, 0, 5]])
    for keepdims in (False, True):
        check("count_nonzero", array, axis=(), keepdims=keepdims)
        check("count_nonzero", array.astype("f4"), axis=(0, 1), keepdims=keepdims)
    np.testing.assert_array_equal(tg.from_array(array).count_nonzero(()).compute(), array != 0)


@pytest.mark.parametrize("name", ["min", "max", "nanmin", "nanmax", "ptp"])
def test_extremes_of_an_empty_axis_where_nothing_is_wanted(name):
    """NumPy looks at the reduced axes only."""
    for shape in np.ndindex(3, 3, 3):
        for axis in (None, 0, 1, 2, (0, 1), (0, 2), (1, 2), (0, 1, 2)):
            try:
                want = getattr(np, name)(np.zeros(shape), axis=axis)
            except ValueError:
                with pytest.raises(ValueError, match="zero-size array"):
                    getattr(tg, name)(tg.zeros(shape), axis=axis)
            else:
                got = getattr(tg, name)(tg.zeros(shape), axis=axis)
                assert got.shape == np.shape(want)
                np.testing.assert_array_equal(got.compute(), want)


@pytest.mark.parametrize("dtype", ["i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8"])
@pytest.mark.parametrize("source", ["i1", "u1", "i4", "u4", "i8", "u8", "f4", "f8"])
def test_means_of_an_integer_dtype_wrap_as_their_sums_do(source, dtype):
    random = np.random.default_rng(0)
    array = random.integers(0, 100, (37, 41)).astype(source)
    if source[0] == "i":
        array -= 50
    if source in ("i8", "u8"):
        array = array * array.dtype.type(2**56 + 3)
    for axis in (None, 0, 1):
        want = np.mean(array, axis=axis, dtype=dtype)
        got = tg.from_array(array, chunks=(10, 12)).mean(axis=axis, dtype=dtype)
        assert got.dtype == want.dtype
        np.testing.assert_array_equal(got.compute(), want)


def test_nanmean_of_floats_has_no_integer_dtype():
    with pytest.raises(TypeError, match="must be inexact"):
        tg.nanmean(tg.ones(3), dtype=int)
    assert tg.nanmean(tg.ones(3, dtype="i4"), dtype=int).compute() == 1


@pytest.mark.parametrize("dtype", ["uint8", "int8", "uint16", "int16", "uint32", "int32"])
def test_extreme_integers_do_not_wrap_in_sums_of_four(dtype):
    for value in (np.iinfo(dtype).max, np.iinfo(dtype).min):
        array = np.full((9, 1031), value, dtype)
        for axis in (None, 0, 1):
            check("sum", array, axis=axis)
            check("count_nonzero", array, axis=axis)


@pytest.mark.parametrize("name", [n for n in ("min", "max", "nanmin", "nanmax", *ARG)
                                  if n in _optable.names("")])
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "complex64", "uint8"])
def test_extremes_wherever_they_are(name, dtype):
    """The largest, or a NaN, anywhere in a row of several blocks, the last not whole."""
    for count in (1, 5, 63, 64, 65, 131, 2051):
        for at in sorted({0, 3 % count, count // 2, max(count - 2, 0), count - 1}):
            array = numbers((3, count), dtype, "min")
            array[:, at] = array.max() if np.dtype(dtype).kind == "u" else 1000
            check(name, array, array.shape, axis=1)
            check(name, array, array.shape)
            check(name, -array, array.shape, axis=1)
            if np.dtype(dtype).kind in "fc" and count > 1:
                array[:, at] = np.nan
                check(name, array, array.shape, axis=1)
                check(name, array.T.copy(), array.T.shape, axis=0)
                array[:, : count - 1] = np.nan
                check(name, array, array.shape, axis=1)


@pytest.mark.parametrize("name", [n for n in SCAN if n in _optable.names("")])
@pytest.mark.parametrize("dtype", ["int16", "uint8", "float32", "float64", "bool", "complex64"])
def test_scans(name, dtype):
    array = numbers((6, 5, 7), dtype, name)
    for axis in (None, 0, 1, 2, -1):
        check(name, array, (4, 2, 3), axis=axis)
    check(name, numbers((0,), dtype, name), axis=0)
    check(name, numbers((1,), dtype, name), axis=0)


@pytest.mark.parametrize("name", [n for n in ("sum", "prod", "mean", "var", "std") if n in NAMES])
def test_dtype_and_ddof(name):
    array = numbers((5, 8), "float32", name)
    check(name, array, 3, dtype="float64")
    check(name, numbers((5, 8), "int8", name), 3, dtype="float32")
    if name in ("var", "std"):
        check(name, array, 3, ddof=1)
        check(name, array, 3, ddof=1, axis=0)


@given(lazy_pairs(min_dims=1, min_side=1), st.data())
def test_any_axis(pair, data):
    array, lazy = pair
    axis = data.draw(st.integers(-array.ndim, array.ndim - 1))
    keepdims = data.draw(st.booleans())
    with np.errstate(all="ignore"):
        want = array.sum(axis=axis, keepdims=keepdims)
        same(lazy.sum(axis=axis, keepdims=keepdims), want, 1e-5, 1e-4)
        same(lazy.max(axis=axis, keepdims=keepdims), array.max(axis=axis, keepdims=keepdims))


def test_methods_and_numpy_functions():
    array = np.arange(60, dtype="float32").reshape(5, 12)
    lazy = tg.from_array(array, (2, 5))
    same(lazy.mean(0), array.mean(0), 1e-6)
    same(np.sum(lazy, 1), array.sum(1), 1e-6)
    same(np.max(lazy), array.max())
    same(np.add.reduce(lazy), np.add.reduce(array), 1e-6)
    same(np.maximum.reduce(lazy, axis=1), np.maximum.reduce(array, axis=1))
    same(np.add.accumulate(lazy), np.add.accumulate(array), 1e-6)
    same(lazy.ptp(), np.ptp(array))
    same(tg.average(lazy, 0, weights=[1, 2, 3, 4, 5]),
         np.average(array, 0, weights=[1, 2, 3, 4, 5]), 1e-6)


def test_bad_axes():
    lazy = tg.zeros((3, 4))
    for axis in (2, -3, (0, 5)):
        with pytest.raises(np.exceptions.AxisError) as caught:
            lazy.sum(axis=axis)
        assert isinstance(caught.value, tg.TilegraphError)
    with pytest.raises(ValueError):
        lazy.sum(axis=(0, 0))


@pytest.mark.parametrize("name", [n for n in ("percentile", "quantile", "nanpercentile",
                                              "nanquantile") if n in _optable.names("")])
def test_percentiles(name):
    scale = 100 if "percentile" in name else 1
    for dtype in ("uint8", "int16", "float32", "float64"):
        array = numbers((7, 9, 5), dtype, name)
        for q in (0.0, 0.5, 0.37, 1.0, [0.1, 0.9]):
            if name.startswith("nan") and isinstance(q, list):
                continue  # see test_percentiles_of_nan_lists
            check(name, array, (3, 4, 5), q=np.multiply(q, scale).tolist())
            check(name, array, (3, 4, 5), q=np.multiply(q, scale).tolist(), axis=1)
    with pytest.raises(ValueError):
        getattr(tg, name)(tg.zeros((3,)), 101 * scale)


def test_percentiles_of_nan_lists():
    array = numbers((7, 9, 5), "float32", "nanpercentile")
    array[0, :, 0] = 1  # NumPy's type is that of its first line, if that is all NaN
    check("nanpercentile", array, (3, 4, 5), q=[10.0, 90.0], axis=1)


def test_percentiles_of_integer_q():
    array = numbers((7, 9, 5), "uint8", "quantile")
    check("quantile", array, (3, 4, 5), q=0)


@pytest.mark.skipif("histogram" not in _optable.names(""), reason="no op histogram yet")
def test_histogram():
    for dtype in ("uint8", "int16", "float32"):
        array = values((30, 20), dtype, special=False)
        lazy = tg.from_array(array, (7, 9))
        low, high = float(array.min()), float(array.max())
        got, edges = tg.histogram(lazy, 10, (low, high))
        want, want_edges = np.histogram(array, 10, (low, high))
        same(got, want)
        same(edges, want_edges, 1e-14, 1e-12)


def test_median():
    if "percentile" in _optable.names(""):
        array = numbers((7, 8), "float64", "median")
        same(tg.median(tg.from_array(array, 3)), np.median(array), 1e-14)
        same(tg.median(tg.from_array(array, 3), axis=0), np.median(array, axis=0), 1e-14)


def test_results_do_not_depend_on_threads():
    array = np.random.default_rng(1).normal(size=(64, 65, 66)).astype("float32")
    results = set()
    for threads in (1, 2, 3):
        with tg.config.set(threads=threads):
            lazy = tg.from_array(array, 16)
            results.add((lazy.sum().compute().tobytes(), lazy.var().compute().tobytes()))
    assert len(results) == 1
