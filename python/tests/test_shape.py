# SPDX-License-Identifier: BSD-3-Clause
"""Views, joins and rearrangements, against NumPy."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import lazy_pairs, same, values

import tilegraph as tg
from tilegraph import _optable

COVERS = {
    "transpose", "reshape", "ravel", "swapaxes", "moveaxis", "flip", "fliplr", "flipud", "rot90",
    "roll", "expand_dims", "squeeze", "broadcast_to", "concatenate", "stack", "hstack", "vstack",
    "dstack", "pad", "repeat", "tile", "atleast_1d", "atleast_2d", "atleast_3d", "rechunk",
    "permute_dims", "rollaxis", "matmul", "tensordot", "dot", "vdot", "inner", "outer", "diff",
    "matrix_transpose", "column_stack", "block", "unstack", "vecdot", "einsum", "diagonal", "trace",
    "tril", "triu",
}


def present(*names):
    return [n for n in names if n in _optable.names("") or n in tg._HOME]


@pytest.fixture
def pair():
    array = values((5, 6, 7), "int32", special=False)
    return array, tg.from_array(array, (2, 4, 3))


def test_transpose(pair):
    a, x = pair
    same(x.T, a.T)
    same(x.transpose(1, 0, 2), a.transpose(1, 0, 2))
    same(x.transpose((2, 0, 1)), a.transpose((2, 0, 1)))
    same(np.transpose(x, (1, 2, 0)), a.transpose(1, 2, 0))
    same(x.mT, a.swapaxes(1, 2))
    same(x.swapaxes(0, -1), a.swapaxes(0, -1))
    same(tg.moveaxis(x, 0, -1), np.moveaxis(a, 0, -1))
    same(tg.moveaxis(x, (0, 1), (-1, 0)), np.moveaxis(a, (0, 1), (-1, 0)))
    with pytest.raises(ValueError):
        x.transpose(0, 1)
    with pytest.raises(ValueError):
        x.transpose(0, 0, 1)
    with pytest.raises(np.exceptions.AxisError):
        x.swapaxes(0, 3)


@given(lazy_pairs(min_dims=0, max_dims=4, max_side=5), st.data())
def test_any_transpose(pair, data):
    a, x = pair
    axes = data.draw(st.permutations(range(a.ndim)))
    same(x.transpose(axes), a.transpose(axes))


def test_reshape(pair):
    a, x = pair
    for shape in ((30, 7), (-1,), (5, 42), (2, 3, 5, 7), (1, 210), (5, 6, 7, 1), (210,)):
        same(x.reshape(shape), a.reshape(shape))
        same(x.reshape(*shape), a.reshape(shape))
    same(x.ravel(), a.ravel())
    same(x.flatten(), a.flatten())
    same(np.reshape(x, (6, 35)), a.reshape(6, 35))
    same(x.T.reshape(-1), a.T.reshape(-1))
    same(tg.zeros(()).reshape(1, 1), np.zeros((1, 1)))
    same(tg.zeros((1, 1)).reshape(()), np.zeros(()))
    same(tg.zeros((0, 3)).reshape(3, 0), np.zeros((3, 0)))
    for bad in ((4, 5), (-1, -1), (-1, 4)):
        with pytest.raises(ValueError):
            x.reshape(bad)


@given(lazy_pairs(min_dims=1, max_dims=3), st.data())
def test_flip_and_roll(pair, data):
    a, x = pair
    axis = data.draw(st.integers(-a.ndim, a.ndim - 1))
    shift = data.draw(st.integers(-20, 20))
    same(tg.flip(x, axis), np.flip(a, axis))
    same(tg.flip(x), np.flip(a))
    same(tg.roll(x, shift, axis), np.roll(a, shift, axis))
    same(tg.roll(x, shift), np.roll(a, shift))


def test_rot90_and_flips(pair):
    a, x = pair
    for k in range(-2, 6):
        same(tg.rot90(x, k), np.rot90(a, k))
        same(tg.rot90(x, k, (2, 0)), np.rot90(a, k, (2, 0)))
    same(tg.fliplr(x), np.fliplr(a))
    same(tg.flipud(x), np.flipud(a))
    same(tg.roll(x, (1, -2), (0, 2)), np.roll(a, (1, -2), (0, 2)))


def test_axes_of_length_one(pair):
    a, x = pair
    same(tg.expand_dims(x, 1), np.expand_dims(a, 1))
    same(tg.expand_dims(x, (0, -1)), np.expand_dims(a, (0, -1)))
    same(x[None].squeeze(), a)
    same(x[None, :, None].squeeze(0), a[:, None])
    same(np.squeeze(x[None], axis=0), a)
    with pytest.raises(ValueError):
        x.squeeze(0)
    for name in ("atleast_1d", "atleast_2d", "atleast_3d"):
        for shape in ((), (4,), (2, 3), (2, 3, 4)):
            b = values(shape, "float32", special=False)
            same(getattr(tg, name)(tg.from_array(b)), getattr(np, name)(b))


def test_broadcast(pair):
    a, x = pair
    same(tg.broadcast_to(x, (3, 5, 6, 7)), np.broadcast_to(a, (3, 5, 6, 7)))
    same(tg.broadcast_to(x[:, :1], (5, 9, 7)), np.broadcast_to(a[:, :1], (5, 9, 7)))
    for got, want in zip(tg.broadcast_arrays(x, x[:1, :, :1]),
                         np.broadcast_arrays(a, a[:1, :, :1])):
        same(got, want)
    with pytest.raises(ValueError):
        tg.broadcast_to(x, (5, 6, 8))
    with pytest.raises(ValueError, match="broadcast"):
        x + tg.zeros((5, 6, 8))


@pytest.mark.parametrize("axis", [0, 1, 2, -1])
def test_joins(pair, axis):
    a, x = pair
    same(tg.concatenate([x, x, x], axis), np.concatenate([a, a, a], axis))
    same(np.concatenate([x, x * 2], axis=axis), np.concatenate([a, a * 2], axis=axis))
    same(tg.stack([x, x], axis), np.stack([a, a], axis))
    same(np.stack([x, a], axis=axis), np.stack([a, a], axis=axis))


def test_joins_of_unlike_arrays(pair):
    a, x = pair
    same(tg.concatenate([x, x[:0], x[:2].astype("float32")]),
         np.concatenate([a, a[:0], a[:2].astype("float32")]))
    same(tg.concatenate([x, a[:2]], axis=0), np.concatenate([a, a[:2]], axis=0))
    for name in ("hstack", "vstack", "dstack"):
        same(getattr(tg, name)([x, x]), getattr(np, name)([a, a]))
        same(getattr(tg, name)([x[0, 0], x[0, 0]]), getattr(np, name)([a[0, 0], a[0, 0]]))
    for bad in ([], [x, x[:, :2]], [x, x[0]]):
        with pytest.raises((ValueError, TypeError)):
            tg.concatenate(bad, 0)
    with pytest.raises(np.exceptions.AxisError):
        tg.concatenate([x, x], 3)


PAD_MODES = ["constant", "edge", "reflect", "symmetric", "wrap"]


@pytest.mark.parametrize("mode", PAD_MODES)
def test_pad(pair, mode):
    a, x = pair
    for width in (1, (2, 3), ((1, 2), (0, 0), (3, 1)), ((13, 9), (0, 7), (20, 15))):
        same(tg.pad(x, width, mode), np.pad(a, width, mode), context=f"{mode} {width}")
    same(np.pad(x, 2, mode=mode), np.pad(a, 2, mode=mode))
    if mode == "constant":
        same(tg.pad(x, ((1, 2), (2, 1), (0, 3)), constant_values=((1, 2), (3, 4), (5, 6))),
             np.pad(a, ((1, 2), (2, 1), (0, 3)), constant_values=((1, 2), (3, 4), (5, 6))))
    with pytest.raises(ValueError):
        tg.pad(x, -1, mode)


def test_repeat_and_tile(pair):
    a, x = pair
    if "repeat" in present("repeat"):
        same(tg.repeat(x, 3, axis=1), np.repeat(a, 3, axis=1))
        same(tg.repeat(x, 2), np.repeat(a, 2))
    if "tile" in present("tile"):
        for reps in (2, (2, 1), (1, 2, 3), (2, 1, 1, 2)):
            same(tg.tile(x, reps), np.tile(a, reps))


def test_rechunk(pair):
    a, x = pair
    for chunks, want in (
        ((5, 6, 7), ((5,), (6,), (7,))),
        (4, ((4, 1), (4, 2), (4, 3))),
        ({0: 1}, ((1,) * 5, (4, 2), (3, 3, 1))),
        ({-1: -1}, ((2, 2, 1), (4, 2), (7,))),
        ((None, -1, 2), ((2, 2, 1), (6,), (2, 2, 2, 1))),
        (((1, 4), (3, 3), (2, 5)), ((1, 4), (3, 3), (2, 5))),
        (((1, 4), 3, -1), ((1, 4), (3, 3), (7,))),
    ):
        y = x.rechunk(chunks)
        assert y.chunks == want, chunks
        same(y, a)
        same(y + x, a + a)
    for bad in ((5, 6), ((5, 1), 6, 7), 0, -2, (1.5, 2, 2), "big", ((1, 1), (6,), (7,))):
        with pytest.raises((ValueError, TypeError)):
            x.rechunk(bad)


@pytest.mark.skipif("matmul" not in _optable.names(""), reason="no op matmul yet")
@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64", "int32", "uint8", "bool"])
def test_matmul(dtype):
    a, b = values((13, 17), dtype, 1, False), values((17, 11), dtype, 2, False)
    x, y = tg.from_array(a, (5, 4)), tg.from_array(b, (3, 6))
    rtol = 1e-4 if dtype in ("float32", "complex64") else 1e-12
    atol = 1e-4 if dtype in ("float32", "complex64") else 1e-11
    same(x @ y, a @ b, rtol, atol)
    same(x @ y[:, 0], a @ b[:, 0], rtol, atol)
    same(x[0] @ y, a[0] @ b, rtol, atol)
    same(x[0] @ y[:, 0], a[0] @ b[:, 0], rtol, atol)
    same(np.matmul(x, b), a @ b, rtol, atol)
    stacked = np.stack([a, a + a])
    same(tg.from_array(stacked, (1, 5, 4)) @ y, stacked @ b, rtol, atol)
    same(tg.dot(x, y), np.dot(a, b), rtol, atol)
    with pytest.raises(ValueError):
        x @ x


@pytest.mark.skipif("tensordot" not in _optable.names(""), reason="no op tensordot yet")
def test_tensordot():
    a, b = values((4, 5, 6), "float64", 1, False), values((5, 4, 3), "float64", 2, False)
    x, y = tg.from_array(a, (2, 3, 4)), tg.from_array(b, (2, 3, 2))
    same(tg.tensordot(x, y, ((1, 0), (0, 1))), np.tensordot(a, b, ((1, 0), (0, 1))), 1e-12, 1e-12)
    same(tg.tensordot(x, y.T, 0)[0], np.tensordot(a, b.T, 0)[0], 1e-12, 1e-12)
    same(np.tensordot(x, x, 3), np.tensordot(a, a, 3), 1e-12, 1e-11)


def test_empty_and_single(pair):
    for shape in ((), (0,), (1,), (2, 0, 3)):
        a = values(shape, "float32", special=False)
        x = tg.from_array(a)
        same(x.T, a.T)
        same(x.reshape(-1), a.reshape(-1))
        same(tg.expand_dims(x, 0), a[None])
        same(tg.concatenate([x.reshape(-1), x.reshape(-1)]), np.concatenate([a.ravel()] * 2))
