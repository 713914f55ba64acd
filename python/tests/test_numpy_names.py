# SPDX-License-Identifier: BSD-3-Clause
"""NumPy's functions that are compositions here: the same names, arguments and results."""

import numpy as np
import pytest

import tilegraph as tg
from support import same

RNG = np.random.default_rng(11)
IMAGE = RNG.integers(0, 9, (6, 7)).astype("int32")
REAL = RNG.normal(size=(6, 7))
LINE = RNG.integers(-4, 9, 11)
VOLUME = RNG.normal(size=(3, 4, 5)).astype("float32")
MASK = REAL > 0

#: name, array, further arguments, keywords.
CASES = [
    ("append", LINE, ([1, 2],), {}),
    ("append", IMAGE, (IMAGE[:2],), {"axis": 0}),
    ("argsort", REAL, (), {"axis": 0}),
    ("argwhere", IMAGE, (), {}),
    ("array_split", IMAGE, (4,), {"axis": 1}),
    ("apply_along_axis", None, (np.sort, 0, REAL), {}),
    ("apply_over_axes", None, (np.sum, VOLUME, (0, 2)), {}),
    ("bincount", IMAGE.ravel(), (), {}),
    ("bincount", IMAGE.ravel(), (), {"weights": REAL.ravel(), "minlength": 20}),
    ("clip", REAL, (), {"min": -0.5, "max": 0.5}),
    ("column_stack", None, ((LINE, LINE * 2),), {}),
    ("compress", np.array([True, False, True]), (IMAGE,), {"axis": 1}),
    ("corrcoef", REAL, (), {}),
    ("cov", REAL, (), {"rowvar": False, "ddof": 0}),
    ("cross", REAL[:, :3], (REAL[:, 3:6],), {}),
    ("cumulative_sum", VOLUME, (), {"axis": 1, "include_initial": True}),
    ("delete", IMAGE, ([1, 3],), {"axis": 1}),
    ("diag", LINE, (), {"k": -2}),
    ("diag", IMAGE, (), {"k": 3}),
    ("diagonal", VOLUME, (), {"offset": -1, "axis1": 2, "axis2": 0}),
    ("diff", IMAGE, (), {"axis": 0, "prepend": 0, "append": IMAGE[:1]}),
    ("digitize", REAL, (np.array([-1.0, 0.0, 0.5]),), {}),
    ("digitize", REAL, (np.array([0.5, 0.0, -1.0]),), {"right": True}),
    ("divmod", LINE, (3,), {}),
    ("ediff1d", LINE, (), {"to_begin": 7, "to_end": [8, 9]}),
    ("extract", MASK, (IMAGE,), {}),
    ("flatnonzero", IMAGE, (), {}),
    ("frexp", REAL, (), {}),
    ("gradient", REAL, (), {}),
    ("gradient", VOLUME, (np.array([0.0, 1.0, 3.0, 4.0]),), {"axis": 1, "edge_order": 2}),
    ("inner", IMAGE, (IMAGE[:3],), {}),
    ("insert", IMAGE, ([1, 4], 99), {"axis": 0}),
    ("isin", IMAGE, ([1, 4, 100],), {"invert": True}),
    ("isneginf", np.array([np.inf, -np.inf, np.nan, 1.0]), (), {}),
    ("kron", IMAGE[:2, :3], (IMAGE[:3, :2],), {}),
    ("ldexp", REAL, (np.arange(7),), {}),
    ("meshgrid", LINE, (np.arange(3),), {}),
    ("meshgrid", LINE, (np.arange(3),), {"indexing": "ij", "sparse": True}),
    ("modf", np.array([1.5, -2.25, -0.0, np.inf, -np.inf, np.nan]), (), {}),
    ("nanmedian", np.where(MASK, REAL, np.nan), (), {"axis": 0}),
    ("nonzero", IMAGE, (), {}),
    ("pad", np.array([2 ** 62 + 1], "int64"), (2,), {"constant_values": 2 ** 62 + 3}),
    ("pad", LINE.astype("complex64"), (1,), {"constant_values": 1 + 2j}),
    ("pad", IMAGE, ({-1: (1, 2)},), {"mode": "edge"}),
    ("piecewise", REAL, ([REAL < 0, REAL >= 0], [lambda x: -x, 7.0]), {}),
    ("ravel_multi_index", None, ((np.array([1, 2]), np.array([3, 0])), (4, 5)), {}),
    ("repeat", IMAGE, ([1, 0, 2, 3, 1, 0],), {"axis": 0}),
    ("rollaxis", VOLUME, (2,), {}),
    ("searchsorted", np.array([1.0, 2.0, 2.0, np.nan]), (np.array([[2.0, 0.0], [np.nan, 9.0]]),),
     {"side": "right"}),
    ("searchsorted", np.array([-0.0, 0.0, 1.0]), (np.array([0.0, -0.0]),), {}),
    ("select", None, ([IMAGE < 3, IMAGE < 6], [IMAGE, REAL]), {"default": -1}),
    ("sinc", REAL, (), {}),
    ("sort", REAL, (), {}),
    ("sort", REAL, (), {"axis": None}),
    ("split", IMAGE, ([2, 5],), {"axis": 1}),
    ("take_along_axis", REAL, (np.argsort(REAL, 0), 0), {}),
    ("trace", VOLUME, (), {"offset": 1, "axis2": 2}),
    ("trapezoid", REAL, (), {"dx": 0.5, "axis": 0}),
    ("tri", None, (4, 5, 1), {}),
    ("unravel_index", LINE[LINE >= 0], ((3, 4),), {}),
    ("unwrap", REAL * 6, (), {}),
    ("vdot", REAL + 1j, (REAL,), {}),
    ("indices", None, ((2, 3),), {}),
    ("flip", IMAGE, ((),), {}),
    ("expand_dims", IMAGE, ((),), {}),
    ("setdiff1d", np.array([3, 9, 1, 2]), ([9],), {"assume_unique": True}),
    ("piecewise", LINE, (list(LINE > 2), [1, 5]), {}),
    ("percentile", REAL, (50,), {"axis": ()}),
    ("sum", REAL, (), {"axis": ()}),
    ("einsum", None, ("ij,jk->ki", REAL, REAL.T), {}),
    ("einsum", None, ("...i,...i", VOLUME, VOLUME), {}),
    ("einsum", None, ("ii->i", IMAGE[:6, :6]), {}),
    ("einsum", None, ("abc,cb,c->a", VOLUME, VOLUME[0].T, VOLUME[0, 0]), {}),
    ("cov", REAL, (), {"fweights": np.arange(7), "aweights": np.arange(7) / 2 + 1}),
    ("histogram2d", REAL.ravel(), (REAL.ravel()[::-1].copy(),), {"bins": (4, [-1.0, 0.0, 1.0])}),
    ("histogramdd", REAL, (), {"bins": 2}),
    ("histogramdd", REAL[:, :2], ([3, 4],), {"density": True, "weights": np.arange(6.0)}),
    ("arange", None, (np.uint8(3), np.int16(40), np.uint8(2)), {}),
    ("median", REAL, (), {"axis": [0, 1]}),
    ("fromfunction", None, (lambda i, j: i * j, (3, 4)), {}),
    ("stack", None, ((LINE, LINE),), {"axis": 1, "dtype": "float32"}),
    ("average", VOLUME, (), {"axis": 1, "weights": np.arange(4.0), "returned": True}),
    ("histogram", REAL, (), {"bins": 7, "weights": VOLUME.reshape(-1)[:42].reshape(6, 7)}),
    ("histogram", REAL, ([-1.0, 0.0, 2.0],), {"weights": REAL, "density": True}),
    ("histogram", IMAGE, (), {"bins": 5, "weights": IMAGE}),
]


def lazy(value):
    if isinstance(value, np.ndarray) and value.ndim:
        return tg.from_array(value, chunks=tuple(min(4, max(n, 1)) for n in value.shape))
    return value


def equal(got, want, context):
    if isinstance(want, (tuple, list)):
        assert len(got) == len(want), context
        for one, other in zip(got, want):
            equal(one, other, context)
        return
    got = got.compute()
    want = np.asarray(want)
    exact = want.dtype.kind in "biu"
    same(got, want, context=context, **({} if exact else {"rtol": 1e-5}))


@pytest.mark.parametrize("name, array, args, keywords", CASES,
                         ids=[f"{c[0]}-{i}" for i, c in enumerate(CASES)])
def test_names(name, array, args, keywords):
    first = () if array is None else (array,)
    want = getattr(np, name)(*first, *args, **keywords)
    got = getattr(tg, name)(*(lazy(a) for a in first), *args, **keywords)
    equal(got, want, name)


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int16", "uint64", "float16", "float64"])
def test_unique(dtype):
    array = (RNG.integers(-3, 4, (9, 11)) * 1.5).astype(dtype)
    if dtype == "float64":
        array[::2, ::3] = np.nan
        array[1, 1] = -0.0
    want = np.unique(array, return_index=True, return_inverse=True, return_counts=True)
    for chunks in ((9, 11), (2, 3)):
        got = tg.unique(tg.from_array(array, chunks), True, True, True)
        equal(got, want, dtype)
    equal(tg.unique(tg.zeros((0,))), np.unique(np.zeros(0)), "empty")


def test_unique_of_many_rows_and_lazy_results():
    array = RNG.integers(0, 1 << 40, 5000)
    x = tg.from_array(array, 37)
    equal(tg.unique(x), np.unique(array), "many")
    assert np.isnan(tg.unique(x).shape[0])
    equal(tg.union1d(x, [1, 2]), np.union1d(array, [1, 2]), "union1d")
    with pytest.raises(TypeError, match="axis"):
        tg.unique(tg.ones((2, 2)), axis=0)


WHERE = RNG.random((6, 7)) > 0.4


@pytest.mark.parametrize("name", ["sum", "prod", "mean", "std", "var", "nansum", "nanprod",
                                  "nanmean", "nanstd", "nanvar", "all", "any"])
@pytest.mark.parametrize("axis", [None, 0, (0, 1)])
def test_where_of_reductions(name, axis):
    array = REAL.copy()
    if name.startswith("nan"):
        array[1:3, 2] = np.nan
    want = getattr(np, name)(array, axis=axis, where=WHERE)
    got = getattr(tg, name)(lazy(array), axis=axis, where=lazy(WHERE))
    np.testing.assert_allclose(np.asarray(got.compute()), want, rtol=1e-12)
    got = getattr(np, name)(lazy(array), axis=axis, where=lazy(WHERE))
    np.testing.assert_allclose(np.asarray(got.compute()), want, rtol=1e-12)


@pytest.mark.parametrize("name", ["sum", "prod", "max", "min", "nansum", "nanmax", "nanmin"])
def test_initial_of_reductions(name):
    for keepdims in (False, True):
        want = getattr(np, name)(IMAGE, 1, initial=5, keepdims=keepdims)
        same(getattr(tg, name)(lazy(IMAGE), 1, initial=5, keepdims=keepdims).compute(), want)
    if name in ("max", "min"):
        same(getattr(tg, name)(tg.zeros((0, 3)), 0, initial=2.0).compute(),
             getattr(np, name)(np.zeros((0, 3)), 0, initial=2.0))
        with pytest.raises(ValueError, match="does not have an identity"):
            getattr(tg, name)(lazy(IMAGE), where=lazy(WHERE))


def test_arguments_of_reductions_stand_where_numpy_has_them():
    x = lazy(REAL)
    same(tg.sum(x, 0, "float32", None, True).compute(), REAL.sum(0, "float32", None, True),
         rtol=1e-5)
    same(tg.var(x, 0, None, None, 1, True).compute(), REAL.var(0, None, None, 1, True),
         rtol=1e-14)
    same(x.max(0, None, True).compute(), REAL.max(0, None, True))
    same(tg.std(x, mean=REAL.mean(keepdims=True)).compute(), REAL.std(), rtol=1e-14)
    with pytest.raises(TypeError, match="out="):
        tg.sum(x, out=np.zeros(()))
    with pytest.raises(ValueError, match="simultaneously"):
        tg.var(x, ddof=1, correction=1)


def test_keywords_of_universal_functions():
    x = lazy(IMAGE)
    same(tg.add(x, 1, dtype="float32").compute(), np.add(IMAGE, 1, dtype="float32"))
    same(np.add(x, 1, dtype="float32").compute(), np.add(IMAGE, 1, dtype="float32"))
    for call in (lambda: tg.add(lazy(REAL), 1, dtype=int),
                 lambda: np.add(lazy(REAL), 1, dtype=int)):
        with pytest.raises(TypeError, match="same_kind"):
            call()
    with pytest.raises(TypeError, match="out="):
        tg.sin(x, out=np.zeros((6, 7)))
    with pytest.raises(TypeError, match="where="):
        tg.sin(x, where=WHERE)


def test_methods():
    x = lazy(IMAGE)
    same(x.trace().compute(), IMAGE.trace())
    same(x.diagonal(1).compute(), IMAGE.diagonal(1))
    same(x.compress([0, 1, 1], 0).compute(), IMAGE.compress([0, 1, 1], 0))
    same(x.view("uint32").compute(), IMAGE.view("uint32"))
    equal(x.nonzero(), IMAGE.nonzero(), "nonzero")
    assert x.item(3) == IMAGE.item(3) and x.item(1, 2) == IMAGE.item(1, 2)
    with pytest.raises(TypeError, match="according to the rule"):
        x.astype("int8", casting="safe")
    with pytest.raises(TypeError, match="immutable"):
        x[0] = 1
    y = x
    y += 1
    same(y.compute(), IMAGE + 1)
    same(x.compute(), IMAGE)


def test_coarsen():
    x = tg.from_array(IMAGE, (4, 3))
    got = tg.coarsen(np.mean, x, {0: 2, -1: 3}, trim_excess=True)
    same(got.compute(), IMAGE[:, :6].reshape(3, 2, 2, 3).mean((1, 3)))
    with pytest.raises(ValueError, match="align"):
        tg.coarsen(np.sum, x, {1: 3})


def test_lazy_mask_of_leading_axes():
    x = tg.from_array(VOLUME, (2, 2, 2))
    lines = VOLUME[:, 0, 0] > 0
    same(x[x[:, 0, 0] > 0].compute(), VOLUME[lines])
    same(x[x[:, 0, 0] > 0, :, ...].compute(), VOLUME[lines])
    same(x[x[..., 0] > 0].compute(), VOLUME[VOLUME[..., 0] > 0])


def test_blocks():
    x = tg.from_array(IMAGE, (4, 3))
    assert x.blocks.shape == (2, 3) and x.blocks.size == 6
    same(x.blocks[1, :2].compute(), IMAGE[4:, :6])
    same(x.blocks[:, [0, 2]].compute(), IMAGE[:, [0, 1, 2, 6]])
    same(x.blocks[-1].compute(), IMAGE[4:])
    assert [b.shape for b in x.blocks.ravel()][:3] == [(4, 3), (4, 3), (4, 1)]
    with pytest.raises(IndexError):
        x.blocks[2]


@pytest.mark.parametrize("depth", [1, (2, 3), {0: (1, 2), 1: (0, 5)}])
def test_map_overlap_with_another_constant_per_axis(depth):
    def smooth(block):
        return sum(np.roll(block, (i, j), (0, 1)) * (3 * i + j) for i in (-1, 0, 1)
                   for j in (-1, 0, 1))

    pairs = {1: [(1, 1)] * 2, (2, 3): [(2, 2), (3, 3)]}.get(
        depth if not isinstance(depth, dict) else None, [(1, 2), (0, 5)])
    wide = np.pad(np.pad(REAL, (pairs[0], (0, 0)), constant_values=10),
                  ((0, 0), pairs[1]), constant_values=-7)
    x = tg.from_array(REAL, (6, 7))
    want = smooth(wide)[pairs[0][0]:pairs[0][0] + 6, pairs[1][0]:pairs[1][0] + 7]
    same(tg.map_overlap(smooth, x, depth=depth, boundary=(10, -7)).compute(), want)
    got = tg.from_array(REAL, (3, 4)).map_overlap(
        lambda block: block, depth, boundary={0: 10, 1: -7}, trim=False)
    same(got.blocks[0, 0].compute(), wide[:3 + sum(pairs[0]), :4 + sum(pairs[1])])


@pytest.mark.parametrize("call, error", [
    (lambda x: tg.digitize(x, [1, 3, 2]), ValueError),
    (lambda x: tg.pad(x, 1, mode="linear_ramp"), ValueError),
    (lambda x: tg.pad(x, 1.5), TypeError),
    (lambda x: tg.pad(x, 1, mode="edge", constant_values=1), ValueError),
    (lambda x: tg.repeat(x, [1, 2], axis=0), ValueError),
    (lambda x: tg.repeat(x, [-1] * 6, axis=0), ValueError),
    (lambda x: tg.split(x, 4), ValueError),
    (lambda x: tg.histogram(x, "auto"), TypeError),
    (lambda x: tg.histogram(x, weights=[1.0]), ValueError),
    (lambda x: tg.searchsorted(x, 1), ValueError),
    (lambda x: tg.searchsorted([1], x, side="middle"), ValueError),
    (lambda x: tg.bincount(x), ValueError),
    (lambda x: tg.gradient(x, edge_order=3), ValueError),
    (lambda x: tg.meshgrid(x, indexing="zz"), ValueError),
    (lambda x: tg.nonzero(x.sum()), ValueError),
    (lambda x: tg.concatenate(x.sum()), TypeError),
    (lambda x: tg.zeros((2, 2), order="Z"), ValueError),
    (lambda x: tg.isposinf(x + 1j), TypeError),
])
def test_errors_are_numpys(call, error):
    with pytest.raises(error) as caught:
        call(lazy(IMAGE))
    assert isinstance(caught.value, tg.TilegraphError)


@pytest.mark.parametrize("name", ["fix", "isneginf", "isposinf"])
def test_out_is_refused_where_it_was_passed_over(name):
    with pytest.raises(TypeError, match=f"{name}: out= must be None, arrays are immutable"):
        getattr(tg, name)(np.ones(3), out=np.ones(3))
