# SPDX-License-Identifier: BSD-3-Clause
"""NumPy's protocols."""

import numpy as np
import pytest
from support import same, values

import tilegraph as tg

COVERS = set()


@pytest.fixture
def pair():
    array = values((6, 7), "float32", special=False)
    return array, tg.from_array(array, (4, 3))


def test_ufuncs_stay_lazy(pair):
    array, x = pair
    for got, want in (
        (np.sin(x), np.sin(array)),
        (np.add(x, 1), np.add(array, 1)),
        (np.add(array, x), array + array),
        (np.multiply(x, x, dtype="float64"), np.multiply(array, array, dtype="float64")),
        (np.subtract.outer(x[0], x[1]), np.subtract.outer(array[0], array[1])),
        (np.divmod(x, 2)[1], np.divmod(array, 2)[1]),
        (np.float64(2) * x, np.float64(2) * array),
        (array[0] * x, array[0] * array),
    ):
        assert isinstance(got, tg.Array)
        same(got, want, 1e-5, 1e-6)


def test_what_ufuncs_cannot_do(pair):
    _, x = pair
    out = np.zeros((6, 7), "float32")
    for call in (
        lambda: np.add(x, 1, out=out),
        lambda: np.add(x, 1, where=x > 0),
        lambda: np.add.at(x, 0, 1),
        lambda: np.add.reduceat(x, [0, 1]),
    ):
        with pytest.raises(TypeError):
            call()


def test_functions(pair):
    array, x = pair
    for name, args in (
        ("transpose", ()), ("reshape", ((7, 6),)), ("expand_dims", (0,)), ("flip", (1,)),
        ("roll", (2, 0)), ("broadcast_to", ((2, 6, 7),)), ("clip", (0, 1)), ("zeros_like", ()),
        ("pad", (1,)), ("ravel", ()), ("real", ()), ("squeeze", ()), ("take", ([0, 1], 1)),
    ):
        if not hasattr(tg, name):
            continue
        got = getattr(np, name)(x, *args)
        assert isinstance(got, tg.Array), name
        same(got, getattr(np, name)(array, *args), context=name)
    same(np.where(x > 0, x, -x), np.abs(array))
    same(np.moveaxis(x, source=0, destination=1), array.T)
    same(np.full_like(x, 3), np.full_like(array, 3))
    assert np.shape(x) == (6, 7) and np.ndim(x) == 2 and np.size(x) == 42
    assert np.result_type(x, np.float64) == np.float64


@pytest.mark.parametrize("call", [
    lambda x: np.linalg.svd(x), lambda x: np.fft.fft(x), lambda x: np.lexsort(x),
    lambda x: np.interp(x, [0], [1]), lambda x: np.pad(x, 1, mode="linear_ramp", end_values=3),
])
def test_unknown_functions_are_named(pair, call):
    with pytest.raises((TypeError, ValueError)) as caught:
        call(pair[1])
    assert isinstance(caught.value, tg.TilegraphError)


def test_namespace(pair):
    xp = pair[1].__array_namespace__()
    same(xp.asarray([1, 2]) + 1, np.array([2, 3]))
    assert xp.float32 is np.float32 and xp.pi == np.pi and xp.newaxis is None
    same(xp.concat([pair[1], pair[1]]), np.concatenate([pair[0]] * 2))
    same(xp.pow(pair[1], 2), pair[0] ** 2, 1e-6)
    assert pair[1].device == "cpu" and pair[1].to_device("cpu") is pair[1]


def test_what_lazy_arrays_are_not(pair):
    import copy
    import pickle

    assert copy.copy(pair[1]) is pair[1]
    assert copy.deepcopy(pair[1]) is pair[1]
    with pytest.raises(TypeError, match="pickled"):
        pickle.dumps(pair[1])
    assert pair[1] in [pair[1]] or True
    assert len({pair[1]: 1}) == 1
