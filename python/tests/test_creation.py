# SPDX-License-Identifier: BSD-3-Clause
"""Arrays from numbers and from memory, against NumPy."""

import gc
import sys
import weakref

import numpy as np
import pytest
from support import ALL, LAYOUTS, layout, same, values

import tilegraph as tg
from tilegraph import _engine, _optable

COVERS = {"zeros", "ones", "full", "empty", "arange", "linspace", "eye", "zeros_like", "ones_like",
          "full_like", "empty_like", "from_memory", "from_source", "scalar", "identity", "tri",
          "indices", "meshgrid", "diag"}


@pytest.mark.parametrize("dtype", ALL)
def test_filled(dtype):
    for shape in ((), 5, (0,), (3, 4), (2, 0, 3)):
        same(tg.zeros(shape, dtype), np.zeros(shape, dtype))
        same(tg.ones(shape, dtype), np.ones(shape, dtype))
        same(tg.full(shape, 1, dtype), np.full(shape, 1, dtype))
    assert tg.empty((3,), dtype).dtype == dtype


def test_fill_values():
    for value in (0, -3, 2.5, True, 1 + 2j, np.float32(1.5), np.uint8(7), 2**63, 2**64 - 1,
                  -(2**63), float("nan"), float("-inf")):
        same(tg.full((2, 3), value), np.full((2, 3), value), context=repr(value))
    same(tg.full((2,), 2**53 + 1), np.full((2,), 2**53 + 1))
    assert tg.zeros(3).dtype == np.float64
    with pytest.raises((OverflowError, ValueError)):
        tg.full((2,), 300, "uint8")
    with pytest.raises(ValueError):
        tg.zeros((-1,))
    with pytest.raises(TypeError):
        tg.zeros((1.5,))
    with pytest.raises(TypeError):
        tg.zeros((2,), "datetime64[s]")
    with pytest.raises(ValueError):
        tg.zeros((1 << 40, 1 << 40, 1 << 40))


def test_like():
    x = tg.from_array(np.arange(12, dtype="int16").reshape(3, 4), (2, 3))
    for name in ("zeros_like", "ones_like", "empty_like"):
        y = getattr(tg, name)(x)
        assert (y.shape, y.dtype, y.chunks) == (x.shape, x.dtype, x.chunks)
    same(tg.full_like(x, 7, dtype="float32"), np.full((3, 4), 7, "float32"))
    same(tg.ones_like(x, shape=(2,)), np.ones(2, "int16"))
    same(np.zeros_like(x), np.zeros((3, 4), "int16"))


@pytest.mark.parametrize("args", [(5,), (2, 9), (2, 9, 2), (9, 2, -3), (0,), (3, 3), (0.5, 4),
                                  (0, 1, 0.1), (5, 2), (1.0, 2.0, 0.25)])
def test_arange(args):
    same(tg.arange(*args), np.arange(*args))
    same(tg.arange(*args, chunks=2), np.arange(*args))
    same(tg.arange(*args, dtype="float32"), np.arange(*args, dtype="float32"), 1e-6)


def test_arange_large():
    same(tg.arange(2**60, 2**60 + 3), np.arange(2**60, 2**60 + 3))
    with pytest.raises(ValueError):
        tg.arange(0, 5, 0)


@pytest.mark.parametrize("args", [(0, 1), (0, 1, 5), (3, -2, 7), (0, 1, 1), (0, 1, 0)])
def test_linspace(args):
    same(tg.linspace(*args), np.linspace(*args), 1e-15, 1e-15)
    same(tg.linspace(*args, endpoint=False), np.linspace(*args, endpoint=False), 1e-15, 1e-15)
    same(tg.linspace(*args, dtype="float32"), np.linspace(*args, dtype="float32"), 1e-6, 1e-7)


def test_eye():
    for args in ((4,), (3, 5), (4, 4, 1), (4, 6, -2), (0,)):
        same(tg.eye(*args, chunks=2), np.eye(*args))
    same(tg.eye(3, dtype="uint8"), np.eye(3, dtype="uint8"))


@pytest.mark.parametrize("dtype", ALL)
@pytest.mark.parametrize("kind", LAYOUTS)
def test_from_array(dtype, kind):
    array = layout(values((5, 6, 7), dtype), kind)
    x = tg.from_array(array, (2, 6, 4))
    assert x.chunks == ((2, 2, 1), (6,), (4, 3))
    same(x, array)


def test_from_array_shapes_and_dtypes():
    for shape in ((), (0,), (1,), (3, 0), (1,) * 8):
        same(tg.from_array(values(shape, "float32")), values(shape, "float32"))
    big = values((6,), "int32").astype(">i4")
    same(tg.from_array(big), big.astype("<i4"))
    frozen = values((6,), "int32")
    frozen.flags.writeable = False
    same(tg.from_array(frozen), frozen)
    same(tg.from_array([[1, 2], [3, 4]]), np.array([[1, 2], [3, 4]]))
    for bad in (np.array(["a"]), np.array([None]), np.array(["2020-01-01"], "M8[D]"),
                np.zeros(2, [("a", int)])):
        with pytest.raises(TypeError):
            tg.from_array(bad)


def test_from_array_chunks():
    array = np.arange(70).reshape(7, 10)
    assert tg.from_array(array, 4).chunks == ((4, 3), (4, 4, 2))
    assert tg.from_array(array, (7, -1)).chunks == ((7,), (10,))
    assert tg.from_array(array, ((3, 4), (1, 9))).chunks == ((3, 4), (1, 9))
    assert tg.from_array(array, {1: 5}).chunks == ((7,), (5, 5))
    assert tg.from_array(np.arange(5), (2, 3)).chunks == ((2, 3),)
    for bad in (0, -2, (3,), ((3, 3), (10,)), "many", (2.5, 1)):
        with pytest.raises((ValueError, TypeError)):
            tg.from_array(array, bad)


def test_memory_is_shared_and_released():
    array = np.arange(1 << 17, dtype="float32")
    watch = weakref.ref(array)
    x = tg.from_array(array)
    y = x + 1
    del array
    gc.collect()
    assert watch() is not None
    same(y[:3], np.array([1, 2, 3], "float32"))
    watch()[0] = 5  # the same memory: not copied
    assert (x + 2)[0].compute() == 7
    del x, y
    gc.collect()
    assert watch() is None


def test_small_operands_are_copied():
    weights = np.array([1.0, 2.0])
    x = tg.zeros((2,)) + weights
    weights[:] = 9
    same(x, np.array([1.0, 2.0]))


def test_nothing_is_lent_for_ever():
    gc.collect()
    before = _engine.lent_count()
    for _ in range(50):
        (tg.from_array(np.zeros((100, 100))) + np.ones(100)).sum().compute()
    gc.collect()
    assert _engine.lent_count() <= before + 2


def test_reference_counts():
    array = np.zeros(1 << 17)
    before = sys.getrefcount(array)
    for _ in range(20):
        with pytest.raises(ValueError):
            tg.from_array(array) + np.zeros(3)
    gc.collect()
    assert sys.getrefcount(array) == before


def test_dlpack():
    x = tg.arange(6).reshape(2, 3)
    same(np.from_dlpack(x), np.arange(6).reshape(2, 3))
    same(tg.from_dlpack(np.arange(4.0)), np.arange(4.0))
    assert x.__dlpack_device__() == (1, 0)


def test_the_table_of_ops():
    for name in _optable.names(""):
        assert callable(getattr(tg, name)), name
    for name in _optable.names("ndimage"):
        assert callable(getattr(tg.ndimage, name)), name
