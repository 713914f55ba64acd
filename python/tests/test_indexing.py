# SPDX-License-Identifier: BSD-3-Clause
"""x[...], take and masks, against NumPy."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as stn
from support import lazy_pairs, same, values

import tilegraph as tg
from tilegraph import _optable

COVERS = {"take", "slice", "mask_select", "compress", "extract", "take_along_axis", "nonzero",
          "argwhere", "flatnonzero", "choose", "select", "searchsorted", "isin", "digitize"}


@pytest.fixture
def pair():
    array = values((6, 7, 8), "int32", special=False)
    return array, tg.from_array(array, (4, 3, 5))


@given(lazy_pairs(max_dims=4, max_side=6), st.data())
def test_basic(pair, data):
    array, lazy = pair
    index = data.draw(stn.basic_indices(array.shape, allow_newaxis=True))
    same(lazy[index], array[index], context=str(index))


@given(lazy_pairs(min_dims=2, max_dims=3, min_side=1), st.data())
def test_chains_of_slices(pair, data):
    array, lazy = pair
    for _ in range(3):
        index = data.draw(stn.basic_indices(array.shape))
        array, lazy = np.asarray(array[index]), lazy[index]
    same(lazy, array)


@pytest.mark.parametrize("index", [
    [0, 2, 5], np.array([5, 5, 0]), [-1, 0], [], np.array([[0, 1], [2, 3]]), np.array(3),
    (slice(None), [1, 2]), (Ellipsis, [0, 7]), ([1, 2], None, slice(2, 5)),
    (0, [1, 2]), (slice(None), 0, [1, 2]), (0, slice(None), [1, 2]), ([0, 1], slice(None), 2),
    (slice(None, None, -2), [0, 3], slice(1, 4)), ([[0], [1]], Ellipsis, 0), (0, None, [1, 2]),
    np.array([True, False, True, True, False, False]),
    (slice(None), np.array([True] * 7)),
    (slice(1, 3), slice(None), np.arange(8) % 2 == 0),
], ids=str)
def test_positions(pair, index):
    array, lazy = pair
    same(lazy[index], array[index])


@pytest.mark.parametrize("index", [
    6, -7, (0, 7), (0, 0, 0, 0), [6], [-7], 1.5, "a", (Ellipsis, Ellipsis), slice(None, None, 0),
    np.array([True, False]), (slice(None), [1.5]),
], ids=str)
def test_bad_indices(pair, index):
    array, lazy = pair
    with pytest.raises(IndexError) as caught:
        lazy[index].compute()
    assert isinstance(caught.value, tg.TilegraphError)


def test_several_index_arrays_say_what_to_do(pair):
    with pytest.raises(NotImplementedError, match="one axis"):
        pair[1][[0, 1], [1, 2]]


def test_length_iteration_and_assignment(pair):
    array, lazy = pair
    assert len(lazy) == 6
    for got, want in zip(lazy, array):
        same(got, want)
    with pytest.raises(TypeError, match="immutable"):
        lazy[0] = 1
    with pytest.raises(TypeError):
        len(tg.zeros(()))
    with pytest.raises(TypeError):
        iter(tg.zeros(()))
    assert array[0, 0, 0] in lazy


def test_chunks_follow_slices(pair):
    array, lazy = pair
    assert lazy[1:6, :, ::2].chunks[0] == (3, 2)
    assert lazy[0].chunks == ((3, 3, 1), (5, 3))
    assert lazy[:, None].chunks == ((4, 2), (1,), (3, 3, 1), (5, 3))


@pytest.mark.skipif("take" not in _optable.names(""), reason="no op take yet")
def test_take(pair):
    array, lazy = pair
    for axis in (0, 1, -1):
        same(tg.take(lazy, [0, 5, 2, 2], axis), np.take(array, [0, 5, 2, 2], axis))
    same(tg.take(lazy, [0, 100, -1]), np.take(array, [0, 100, -1]))
    same(np.take(lazy, [3, 1], axis=2), np.take(array, [3, 1], axis=2))
    same(lazy.take([3, 1], axis=2), array.take([3, 1], axis=2))
    same(tg.take(lazy, [9, -9], 0, mode="wrap"), np.take(array, [9, -9], 0, mode="wrap"))
    same(tg.take(lazy, [9, -9], 0, mode="clip"), np.take(array, [9, -9], 0, mode="clip"))
    with pytest.raises(IndexError):
        tg.take(lazy, [6], 0).compute()
    same(lazy[tg.from_array(np.array([0, 3]))], array[[0, 3]])


@pytest.mark.skipif("mask_select" not in _optable.names("_") + _optable.names(""),
                    reason="no op mask_select yet")
def test_masks(pair):
    array, lazy = pair
    mask = array > 50
    same(lazy[lazy > 50], array[mask])
    same(lazy[mask], array[mask])
    same(lazy[lazy > 50].sum(), array[mask].sum())
    same(lazy[array > 10**9 * 2], array[array > 10**9 * 2])
    assert np.isnan(lazy[mask].shape[0])
    with pytest.raises(IndexError):
        lazy[np.ones((2, 2), bool)]


def test_lengths_that_are_not_known():
    """Elementwise ops crashed on them, mean() was the negative sum."""
    values = np.arange(100.0).reshape(10, 10)
    x = tg.asarray(values)
    for attempt in (
        lambda: -x[x > 10],
        lambda: x[x > 10] + 1,
        lambda: x[x > 10].astype("float32"),
        lambda: x[x > 10].mean(),
        lambda: x[x > 10].std(),
        lambda: x[x[:, 0] > 30].sum(axis=1),
    ):
        with pytest.raises(tg.errors.TgValueError, match="persist it first"):
            attempt()
    known = x[x > 10].persist()
    same(-known, -values[values > 10])
    same(known.mean(), values[values > 10].mean())
