# SPDX-License-Identifier: BSD-3-Clause
"""tilegraph.ndimage against scipy.ndimage: modes, dtypes, chunkings, large sizes."""

import numpy as np
import pytest
import scipy.ndimage as ndi
from hypothesis import given, settings
from hypothesis import strategies as st
from support import LAYOUTS, chunkings, layout, same, values

import tilegraph as tg
from tilegraph import _optable

MODES = ["reflect", "mirror", "nearest", "wrap", "constant"]
NAMES = _optable.names("ndimage")

BALL = ndi.iterate_structure(ndi.generate_binary_structure(3, 1), 2)
CROSS2 = ndi.generate_binary_structure(2, 1)
WEIGHTS = np.random.default_rng(0).normal(size=(3, 4)).astype("float32")
FOOTPRINT = np.array([[1, 0, 1, 1], [0, 1, 1, 0], [1, 1, 0, 0]], bool)

#: For each op with a mode: argument lists to try on a 2-d array.
FILTERS = {
    "gaussian_filter": [dict(sigma=1.3), dict(sigma=(0.5, 3)), dict(sigma=2, order=1),
                        dict(sigma=1.5, order=(0, 2)), dict(sigma=9), dict(sigma=2, truncate=2.0),
                        dict(sigma=1, radius=3), dict(sigma=2, axes=(1,)), dict(sigma=0)],
    "gaussian_filter1d": [dict(sigma=1.3), dict(sigma=3, axis=0), dict(sigma=1, order=2)],
    "gaussian_gradient_magnitude": [dict(sigma=1.0), dict(sigma=(1, 2))],
    "gaussian_laplace": [dict(sigma=1.0), dict(sigma=(1, 2))],
    "laplace": [dict()],
    "sobel": [dict(), dict(axis=0)],
    "prewitt": [dict(), dict(axis=0)],
    "uniform_filter": [dict(size=3), dict(size=(2, 5)), dict(size=25), dict(size=4, origin=1)],
    "uniform_filter1d": [dict(size=3), dict(size=4, axis=0)],
    "median_filter": [dict(size=3), dict(size=(1, 5)), dict(footprint=FOOTPRINT), dict(size=4),
                      dict(size=3, origin=(1, 0))],
    "minimum_filter": [dict(size=3), dict(size=(2, 9)), dict(footprint=FOOTPRINT), dict(size=31)],
    "maximum_filter": [dict(size=3), dict(size=(2, 9)), dict(footprint=FOOTPRINT),
                       dict(size=3, origin=-1)],
    "minimum_filter1d": [dict(size=4), dict(size=3, axis=0)],
    "maximum_filter1d": [dict(size=4), dict(size=3, axis=0)],
    "percentile_filter": [dict(percentile=30, size=3), dict(percentile=-20, footprint=FOOTPRINT)],
    "rank_filter": [dict(rank=2, size=3), dict(rank=-1, footprint=FOOTPRINT)],
    "convolve": [dict(weights=WEIGHTS), dict(weights=WEIGHTS, origin=(1, -1))],
    "correlate": [dict(weights=WEIGHTS), dict(weights=WEIGHTS[:, :1])],
    "convolve1d": [dict(weights=[1, 2, 3.5]), dict(weights=[1, 2], axis=0)],
    "correlate1d": [dict(weights=[1, 2, 3.5]), dict(weights=[1, 2], axis=0)],
    "grey_erosion": [dict(size=3), dict(footprint=FOOTPRINT),
                     dict(structure=np.arange(9).reshape(3, 3))],
    "grey_dilation": [dict(size=3), dict(footprint=FOOTPRINT),
                      dict(structure=np.arange(9).reshape(3, 3))],
    "grey_opening": [dict(size=3)],
    "grey_closing": [dict(size=3)],
    "morphological_gradient": [dict(size=3)],
    "morphological_laplace": [dict(size=3)],
    "white_tophat": [dict(size=3)],
    "black_tophat": [dict(size=3)],
}
BINARY = {
    "binary_erosion": [dict(), dict(structure=np.ones((3, 5))), dict(iterations=3),
                       dict(border_value=1), dict(structure=FOOTPRINT)],
    "binary_dilation": [dict(), dict(structure=np.ones((3, 5))), dict(iterations=3),
                        dict(border_value=1), dict(structure=FOOTPRINT)],
    "binary_opening": [dict(), dict(structure=np.ones((3, 3)))],
    "binary_closing": [dict(), dict(structure=np.ones((3, 3)))],
    "binary_fill_holes": [dict()],
    "binary_propagation": [dict()],
    "binary_hit_or_miss": [dict()],
}
MEASURE = {"label", "label_count", "sum", "sum_labels", "mean", "minimum", "maximum", "variance",
           "standard_deviation", "median", "area", "center_of_mass", "find_objects", "histogram",
           "distance_transform_edt", "threshold_otsu", "extrema", "minimum_position",
           "maximum_position", "value_indices", "measure", "bounding_boxes", "labeled_histogram",
           "mean_labels", "variance_labels", "minimum_labels", "maximum_labels", "measure_objects",
           "median_labels"}
COVERS = {*FILTERS, *BINARY, *MEASURE}

FLOAT_FILTERS = {"gaussian_filter", "gaussian_filter1d", "gaussian_gradient_magnitude",
                 "gaussian_laplace", "uniform_filter", "uniform_filter1d", "convolve", "correlate",
                 "convolve1d", "correlate1d", "laplace", "sobel", "prewitt"}


def wide(a):
    """In the precision in which SciPy's result is free of rounding of ours."""
    return a.astype("float64") if a.dtype.kind == "f" else a


def check(name, array, chunks, kwargs):
    got = getattr(tg.ndimage, name)(tg.from_array(array, chunks), **kwargs)
    want = getattr(ndi, name)(array, **kwargs)
    context = f"{name} {array.dtype} {array.shape} chunks={chunks} {kwargs}"
    if name in FLOAT_FILTERS and array.dtype.kind == "f":
        scale = 1e-5 if array.dtype == "float32" else 1e-12
        largest = float(np.abs(array).max()) if array.size else 0.0  # SciPy rounds between axes
        same(got, want, scale, scale * max(20.0, largest), context)
    else:
        same(got, want, 0, 0, context)


def cases(table):
    return [(name, i) for name in table if name in NAMES for i in range(len(table[name]))]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name, number", cases(FILTERS))
def test_filters(name, number, mode):
    kwargs = dict(FILTERS[name][number], mode=mode)
    if mode == "constant":
        kwargs["cval"] = 2.0
    array = values((19, 23), "float32", special=False)
    for chunks in ("auto", (5, 7), (19, 3), ((2, 17), (20, 3))):
        check(name, array, chunks, kwargs)


@pytest.mark.parametrize("dtype", ["uint8", "int8", "uint16", "int16", "int32", "float64", "bool"])
@pytest.mark.parametrize("name", [n for n in FILTERS if n in NAMES])
def test_filter_dtypes(name, dtype):
    if dtype == "bool" and name not in ("gaussian_filter", "uniform_filter", "median_filter",
                                        "minimum_filter", "maximum_filter"):
        return
    array = values((12, 13), dtype, special=False)
    if dtype == "int32":
        array = array % 1000
    check(name, array, (5, 6), FILTERS[name][0])


@pytest.mark.parametrize("name", [n for n in FILTERS if n in NAMES])
def test_filter_layouts_and_shapes(name):
    kwargs = {k: v for k, v in FILTERS[name][0].items()}
    for kind in LAYOUTS:
        check(name, layout(values((9, 10), "float64", special=False), kind), (4, 4), kwargs)
    if "weights" in kwargs and np.ndim(kwargs["weights"]) > 1:
        kwargs["weights"] = np.array([1.0, 2.0, 3.0])
        shapes = [(1,), (7,), (0,)]
    else:
        shapes = [(1,), (7,), (1, 1), (1, 9), (2, 3, 4), (0,), (3, 0)]
    for shape in shapes:
        array = values(shape, "float64", special=False)
        if 0 in shape:
            got = getattr(tg.ndimage, name)(tg.from_array(array), **kwargs)
            assert got.compute().shape == shape
        else:
            for chunks in chunkings(shape):
                check(name, array, chunks, kwargs)


@pytest.mark.parametrize("name", [n for n in ("gaussian_filter", "uniform_filter", "median_filter",
                                              "maximum_filter", "grey_erosion") if n in NAMES])
@settings(max_examples=25)
@given(st.data())
def test_any_size_mode_and_chunks(name, data):
    # SciPy's median of one axis reads beyond arrays that are smaller than half the window.
    axes = 2 if name == "median_filter" else 1
    shape = tuple(data.draw(st.lists(st.integers(1, 12), min_size=axes, max_size=3)))
    array = values(shape, data.draw(st.sampled_from(["float32", "uint8", "int16"])),
                   data.draw(st.integers(0, 99)), special=False)
    chunks = tuple(data.draw(st.integers(1, n)) for n in shape)
    mode = data.draw(st.sampled_from(MODES))
    if name == "gaussian_filter":
        kwargs = dict(sigma=data.draw(st.floats(0, 5)))
    else:
        kwargs = dict(size=tuple(data.draw(st.integers(1, 9)) for _ in shape))
    if array.dtype.kind != "f" and name in FLOAT_FILTERS:
        array = array.astype("float32")  # integers are rounded from sums in another order
    check(name, array, chunks, dict(kwargs, mode=mode))


@pytest.mark.parametrize("name", [n for n in FILTERS if n in NAMES])
def test_nan_and_infinities_stay_local(name):
    array = np.ones((40, 40))
    array[20, 20] = np.nan
    array[5, 5] = np.inf
    kwargs = FILTERS[name][0]
    with np.errstate(all="ignore"):
        got = getattr(tg.ndimage, name)(tg.from_array(array, (10, 10)), **kwargs).compute()
    far = np.ones((40, 40), bool)
    far[:32, :32] = False
    want = getattr(ndi, name)(np.ones((40, 40)), **kwargs)
    np.testing.assert_allclose(got[far], want[far], atol=1e-9)


@pytest.mark.parametrize("name, number", cases(BINARY))
def test_binary(name, number):
    kwargs = BINARY[name][number]
    array = np.random.default_rng(3).random((21, 26)) < (0.8 if "erosion" in name else 0.4)
    for chunks in ("auto", (5, 7), (21, 3)):
        check(name, array, chunks, kwargs)
    volume = np.random.default_rng(4).random((9, 10, 11)) < 0.7
    kwargs = {k: v for k, v in kwargs.items() if k != "structure"}
    check(name, volume, (4, 5, 6), kwargs)
    if name in ("binary_erosion", "binary_dilation"):
        check(name, volume, (4, 5, 6), dict(kwargs, structure=BALL))
        check(name, (volume * 3).astype("uint8"), (4, 5, 6), kwargs)


@pytest.mark.skipif("label" not in NAMES, reason="no op label yet")
@pytest.mark.parametrize("density", [0.0, 0.1, 0.4, 0.6, 0.9, 1.0])
def test_label(density):
    random = np.random.default_rng(5)
    for shape, chunk in (((30, 41), 7), ((11, 12, 13), 5), ((50,), 6), ((1, 1), 1)):
        array = random.random(shape) < density
        for structure in (None, np.ones((3,) * len(shape))):
            for chunks in ("auto", chunk):
                labels, count = tg.ndimage.label(tg.from_array(array, chunks), structure)
                want, n = ndi.label(array, structure)
                got, got_count = tg.compute(labels, count)
                assert got_count == n
                same(got, want)
    spiral = np.ones((25, 25), bool)
    for i in range(1, 24, 2):
        spiral[i, (1 if i % 4 == 1 else 0):(25 if i % 4 == 1 else 24)] = False
    same(tg.ndimage.label(tg.from_array(spiral, 4))[0], ndi.label(spiral)[0])


def near_balls():
    """Balls of many radii, and structures that nearly are balls."""
    random = np.random.default_rng(12)
    for radius in (1, 2, 3, 5, 7):
        grid = np.mgrid[tuple(slice(-radius, radius + 1) for _ in range(3))]
        ball = (grid**2).sum(0) <= radius**2
        yield ball
        yield (grid[0] * 2)**2 + grid[1]**2 + grid[2]**2 <= radius**2  # with empty margins
        dented = ball.copy()
        dented[tuple(random.integers(0, 2 * radius + 1, 3))] ^= True
        dented[radius, radius, radius] = radius % 2 == 0  # a hole: two chords in a row
        yield dented
        yield ball[:, :-1, 1:]  # even sizes


@pytest.mark.parametrize("name", ["binary_erosion", "binary_dilation"])
def test_binary_morphology_by_many_structures(name):
    random = np.random.default_rng(9)
    sparse = random.random((21, 19, 83)) < 0.001
    blob = ndi.gaussian_filter(random.random((21, 19, 83)), 2) > 0.5
    for structure in near_balls():
        for array in (~sparse, sparse, blob):
            for border in (0, 1):
                want = getattr(ndi, name)(array, structure, border_value=border)
                for chunks in ((21, 19, 83), (7, 13, 66)):
                    same(getattr(tg.ndimage, name)(tg.from_array(array, chunks), structure,
                                                   border_value=border), want)
        shift = [-(n // 2) for n in structure.shape]  # all of it lies to one side
        kwargs = {"origin": shift, "iterations": 2, "border_value": 1}
        # Tiles are cut anywhere: behind another filter they are skewed.
        x = tg.from_array(blob, (8, 9, 70))
        same(getattr(tg.ndimage, name)(tg.ndimage.binary_dilation(x), structure, **kwargs),
             getattr(ndi, name)(ndi.binary_dilation(blob), structure, **kwargs))


@pytest.mark.parametrize("name", ["binary_erosion", "binary_dilation", "binary_opening"])
def test_binary_morphology_without_cells(name):
    for shape in ((0,), (0, 4), (4, 0), (3, 0, 5), (2, 3, 0)):
        for size in (1, 2, 3):
            same(getattr(tg.ndimage, name)(tg.zeros(shape, "bool"), np.ones((size,) * len(shape))),
                 np.zeros(shape, bool))


def connectivities(ndim):
    """Symmetric structures: those of SciPy, and some that nobody would take."""
    made = [ndi.generate_binary_structure(ndim, order) for order in range(1, ndim + 1)]
    random = np.random.default_rng(ndim)
    for _ in range(6):
        marks = random.random((3,) * ndim) < 0.4
        marks |= np.flip(marks)
        marks[(1,) * ndim] = True
        made.append(marks)
    return made


@pytest.mark.parametrize("shape, chunks", [
    ((197,), (17,)), ((31, 150), (7, 31)), ((40, 70), (40, 1)), ((9, 14, 80), (4, 5, 33)),
    ((6, 5, 7, 20), (2, 3, 7, 9)),
    # Rows that end with a word of bits, and that have more pairs of runs than are joined at once.
    ((5, 9, 64), (2, 9, 64)), ((7, 128), (3, 128)), ((4, 9, 640), (2, 4, 320))])
def test_label_by_any_connectivity_and_tiles(shape, chunks):
    random = np.random.default_rng(8)
    for structure in connectivities(len(shape)):
        for density in (0.2, 0.5, 0.8, 0.97):
            array = random.random(shape) < density
            for cut in (shape, chunks):
                x = tg.from_array(array, cut)
                want, n = ndi.label(array, structure)
                # Behind a stencil the tiles are those of its result, and skewed.
                for mask in (x, tg.ndimage.maximum_filter(x.astype("uint8"), 1) > 0):
                    got, count = tg.compute(*tg.ndimage.label(mask, structure))
                    assert count == n
                    same(got, want)


@pytest.mark.skipif("label" not in NAMES, reason="no op label yet")
def test_label_of_unlike_input():
    array = values((20, 20), "float32", special=False)
    array[array < 1] = 0
    same(tg.ndimage.label(tg.from_array(array, 6))[0], ndi.label(array)[0])
    same(tg.ndimage.label(tg.from_array(array.astype("int16"), 6))[0],
         ndi.label(array.astype("int16"))[0])
    with pytest.raises(ValueError):
        tg.ndimage.label(tg.zeros((4, 4)), np.ones((3, 3, 3)))
    labels, count = tg.ndimage.label(tg.from_array(array, 6))
    same(labels[5:12], ndi.label(array)[0][5:12])


def test_structures():
    for rank in (1, 2, 3):
        for connectivity in range(rank + 1):
            same(tg.ndimage.generate_binary_structure(rank, connectivity),
                 ndi.generate_binary_structure(rank, connectivity))
    if "binary_dilation" in NAMES:
        same(tg.ndimage.iterate_structure(CROSS2, 3), ndi.iterate_structure(CROSS2, 3))


# --- measurements ------------------------------------------------------------------------------


@pytest.fixture
def blobs():
    array = ndi.gaussian_filter(np.random.default_rng(6).normal(size=(40, 50)), 2)
    labels, count = ndi.label(array > 0.02)
    return array, labels, count


@pytest.mark.parametrize("name", [n for n in (
    "sum", "sum_labels", "mean", "minimum", "maximum", "variance", "standard_deviation",
    "center_of_mass", "median", "minimum_position", "maximum_position") if n in dir(tg.ndimage)])
def test_measurements(name, blobs):
    array, labels, count = blobs
    x, lazy = tg.from_array(array, 13), tg.from_array(labels, 13)
    index = np.arange(1, count + 1)
    want = np.asarray(getattr(ndi, name)(array, labels, index))
    got = np.asarray(getattr(tg.ndimage, name)(x, lazy, index))
    np.testing.assert_allclose(got, want, rtol=1e-10, atol=1e-10)
    want = np.asarray(getattr(ndi, name)(array))
    np.testing.assert_allclose(np.asarray(getattr(tg.ndimage, name)(x)), want, rtol=1e-9,
                               atol=1e-9)


@pytest.mark.skipif("find_objects" not in NAMES, reason="no op yet")
def test_find_objects(blobs):
    _, labels, count = blobs
    want = ndi.find_objects(labels)
    found = tg.ndimage.find_objects(tg.from_array(labels, 13))
    assert found.compute() == want and list(found) == want
    assert len(found) == count and found[0] == want[0]
    assert tg.compute(found)[0] == want
    gaps = np.where(labels == 2, 0, labels)
    assert tg.ndimage.find_objects(tg.from_array(gaps, 13)).compute() == ndi.find_objects(gaps)
    assert tg.ndimage.find_objects(tg.from_array(gaps, 13), 3).compute() == ndi.find_objects(gaps,
                                                                                             3)


@pytest.mark.skipif("measure_objects" not in NAMES, reason="no op yet")
def test_the_table_of_objects(blobs):
    array, labels, count = blobs
    table = tg.ndimage.measure_objects(tg.from_array(labels, 13), tg.from_array(array, 9)).compute()
    index = np.arange(1, count + 1)
    assert table.shape == (count, 13)
    np.testing.assert_array_equal(table[:, 0], index)
    np.testing.assert_array_equal(table[:, 1], np.bincount(labels.ravel())[1:])
    np.testing.assert_allclose(table[:, 2:4], ndi.center_of_mass(labels > 0, labels, index))
    boxes = ndi.find_objects(labels)
    np.testing.assert_array_equal(table[:, 4:6], [[s.start for s in b] for b in boxes])
    np.testing.assert_array_equal(table[:, 6:8], [[s.stop for s in b] for b in boxes])
    for column, function in ((8, ndi.mean), (9, ndi.minimum), (10, ndi.maximum),
                             (11, ndi.standard_deviation), (12, ndi.sum_labels)):
        np.testing.assert_allclose(table[:, column], function(array, labels, index), atol=1e-12)


@pytest.mark.skipif("distance_transform_edt" not in NAMES, reason="no op yet")
def test_distance_transform():
    random = np.random.default_rng(7)
    for shape, chunk in (((31, 33), 8), ((13, 14, 15), 6), ((40,), 7)):
        for density in (0.5, 0.95, 0.999):
            array = random.random(shape) < density
            array.reshape(-1)[0] = False
            for chunks in ("auto", chunk):
                same(tg.ndimage.distance_transform_edt(tg.from_array(array, chunks)),
                     ndi.distance_transform_edt(array), 1e-12)
    array = random.random((20, 21)) < 0.9
    same(tg.ndimage.distance_transform_edt(tg.from_array(array, 6), sampling=(2, 0.5)),
         ndi.distance_transform_edt(array, sampling=(2, 0.5)), 1e-12)


@pytest.mark.skipif("threshold_otsu" not in _optable.names(), reason="no op yet")
def test_otsu():
    filters = pytest.importorskip("skimage.filters")
    for dtype in ("uint8", "float32"):
        array = np.concatenate([np.random.default_rng(8).normal(60, 5, 3000),
                                np.random.default_rng(9).normal(150, 9, 2000)]).astype(dtype)
        module = tg.ndimage if "threshold_otsu" in NAMES else tg
        got = module.threshold_otsu(tg.from_array(array, 700)).compute()
        assert got == pytest.approx(filters.threshold_otsu(array), rel=1e-5)


def test_a_slice_of_a_filter_computes_what_it_needs():
    calls = []

    def count(block):
        calls.append(1)
        return block

    x = tg.map_blocks(count, tg.zeros((100, 8, 8), "float32", chunks=(1, 8, 8)), dtype="float32")
    y = tg.ndimage.gaussian_filter(x, 1)  # reaches 4 cells
    y[50].compute()
    assert len(calls) == 9
