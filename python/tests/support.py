# SPDX-License-Identifier: BSD-3-Clause
"""What the tests share: arrays of all layouts and values, and a comparison that says where."""

import time

import numpy as np
from hypothesis import strategies as st

BOOL = ["bool"]
SIGNED = ["int8", "int16", "int32", "int64"]
UNSIGNED = ["uint8", "uint16", "uint32", "uint64"]
INTEGER = SIGNED + UNSIGNED
FLOAT = ["float16", "float32", "float64"]
COMPLEX = ["complex64", "complex128"]
REAL = BOOL + INTEGER + FLOAT
ALL = REAL + COMPLEX

LAYOUTS = ("C", "F", "strided", "reversed", "broadcast", "offset")


def values(shape, dtype, seed=0, special=True):
    """Numbers that stress the dtype: extremes, and NaN, infinities and signed zeros of floats."""
    dtype = np.dtype(dtype)
    random = np.random.default_rng([seed, *map(ord, dtype.str)])
    count = int(np.prod(shape, dtype=int))
    if dtype.kind == "b":
        array = random.random(count) < 0.5
    elif dtype.kind in "iu":
        info = np.iinfo(dtype)
        array = random.integers(info.min, info.max, count, dtype, endpoint=True)
        small = random.integers(0, 100, count).astype(dtype)
        array = np.where(random.random(count) < 0.7, small, array)
        extremes = [info.min, info.max, 0, 1]
    else:
        array = random.normal(0, 3, count).astype(dtype)
        if dtype.kind == "c":
            array = array + 1j * random.normal(0, 3, count).astype(dtype)
            array = array.astype(dtype)
        extremes = [np.nan, np.inf, -np.inf, 0.0, -0.0, 1.0, -1.0]
    if special and dtype.kind != "b":
        places = random.permutation(count)[: len(extremes)] if count > 12 else []
        for place, extreme in zip(places, extremes):
            array[place] = extreme
    return array.reshape(shape).astype(dtype)


def layout(array, kind):
    """The same values (but for "broadcast") in another layout of memory."""
    if kind == "F":
        return np.asfortranarray(array)
    if kind == "strided" and array.ndim:
        wide = np.repeat(array, 2, axis=-1)
        return wide[..., ::2]
    if kind == "reversed" and array.ndim:
        return array[::-1].copy()[::-1]
    if kind == "broadcast" and array.ndim:
        return np.broadcast_to(array[:1], array.shape)
    if kind == "offset":
        raw = np.empty(array.nbytes + 1, np.uint8)
        view = raw[1:1 + array.nbytes].view(array.dtype).reshape(array.shape)
        view[...] = array
        return view
    return array


def same(got, want, rtol=0.0, atol=0.0, context=""):
    """got (lazy or NumPy) equals want: dtype, shape and values, NaN where NaN is."""
    got = np.asarray(got.compute() if hasattr(got, "compute") else got)
    want = np.asarray(want)
    assert got.shape == want.shape, f"{context}: shape {got.shape}, expected {want.shape}"
    assert got.dtype == want.dtype, f"{context}: dtype {got.dtype}, expected {want.dtype}"
    if want.dtype.kind in "fc" and (rtol or atol):
        wide = np.complex128 if want.dtype.kind == "c" else np.float64
        with np.errstate(all="ignore"):
            good = np.isclose(got.astype(wide), want.astype(wide), rtol, atol, equal_nan=True)
    else:
        good = (got == want) | ((got != got) & (want != want))
    if not np.all(good):
        place = tuple(int(i) for i in np.argwhere(~np.atleast_1d(good))[0]) if want.ndim else ()
        raise AssertionError(
            f"{context}: {np.size(good) - np.count_nonzero(good)} of {want.size} elements differ, "
            f"first at {place}: got {got[place]!r}, expected {want[place]!r}")


def chunkings(shape):
    """A few chunk grids for a shape: one, several, irregular, single cells of an axis."""
    if not shape or 0 in shape:
        return ["auto"]
    return [
        "auto",
        tuple(max(n // 2, 1) for n in shape),
        tuple(max(n // 3, 1) if i % 2 else n for i, n in enumerate(shape)),
        tuple((n - n // 3, n // 3) if n > 2 else (n,) for n in shape),
    ]


@st.composite
def shapes(draw, min_dims=0, max_dims=3, max_side=9, min_side=0):
    return tuple(draw(st.lists(st.integers(min_side, max_side), min_size=min_dims,
                               max_size=max_dims)))


@st.composite
def lazy_pairs(draw, dtypes=("float32", "int16", "uint8", "float64", "bool"), min_dims=0,
               max_dims=3, min_side=0, max_side=9, special=False):
    """(NumPy array, lazy array of the same values), of any layout and chunking."""
    import tilegraph as tg

    shape = draw(shapes(min_dims, max_dims, max_side, min_side))
    array = values(shape, draw(st.sampled_from(dtypes)), draw(st.integers(0, 1000)), special)
    array = layout(array, draw(st.sampled_from(LAYOUTS)))
    chunks = draw(st.sampled_from(chunkings(shape)))
    return array, tg.from_array(array, chunks)


def until(condition, seconds=30):
    """Waits for a condition."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.005)
