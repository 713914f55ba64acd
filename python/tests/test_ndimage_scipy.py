# SPDX-License-Identifier: BSD-3-Clause
"""tilegraph.ndimage takes what scipy.ndimage takes: arrays as output, complex numbers, masks,
functions of the user, all forms of labels and index; and refuses with the same errors."""

import numpy as np
import pytest
import scipy.ndimage as ndi
from support import same

import tilegraph as tg

RANDOM = np.random.default_rng(20)
IMAGE = RANDOM.normal(size=(13, 17))
MASK = RANDOM.random((13, 17)) < 0.6
VOLUME = RANDOM.random((7, 9, 8)) < 0.8
LOPSIDED = np.array([[0, 1, 1], [0, 1, 0], [0, 0, 0]], bool)


def lazy(array):
    return tg.from_array(array, 5) if array.ndim else tg.from_array(array)


def agree(name, array, *args, rtol=1e-12, **kwargs):
    got = getattr(tg.ndimage, name)(lazy(array), *args, **kwargs)
    same(got, getattr(ndi, name)(array, *args, **kwargs), rtol, rtol, f"{name} {args} {kwargs}")


# --- output ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name, args", [
    ("gaussian_filter", (1.5,)), ("uniform_filter", (3,)), ("median_filter", (3,)),
    ("correlate", (np.ones((3, 3)),)), ("correlate1d", ([1, 2, 1],)), ("sobel", ()),
    ("laplace", ()), ("grey_opening", (3,)), ("gaussian_laplace", (1.0,)),
])
def test_output_is_an_array_or_a_dtype(name, args):
    function, reference = getattr(tg.ndimage, name), getattr(ndi, name)
    for dtype in ("float32", "float64"):
        target = np.empty(IMAGE.shape, dtype)
        assert function(lazy(IMAGE), *args, output=target) is target
        same(target, reference(IMAGE, *args, output=dtype), 1e-6, 1e-6)
    overlapping = IMAGE.copy()
    function(overlapping, *args, output=overlapping)
    same(overlapping, reference(IMAGE, *args), 1e-12, 1e-12)
    with pytest.raises(RuntimeError, match="output shape not correct"):
        function(IMAGE, *args, output=np.empty(3))
    with pytest.raises(TypeError, match="output"):
        function(IMAGE, *args, output=lazy(IMAGE))


def test_binary_output_and_label_output():
    for name in ("binary_erosion", "binary_dilation", "binary_opening", "binary_closing",
                 "binary_fill_holes", "binary_hit_or_miss"):
        target = np.empty(MASK.shape, bool)
        getattr(tg.ndimage, name)(lazy(MASK), output=target)
        same(target, getattr(ndi, name)(MASK))
    want, n = ndi.label(MASK)
    for dtype in ("uint8", "int64", "float32"):
        labels, count = tg.ndimage.label(lazy(MASK), output=dtype)
        same(labels, want.astype(dtype))
        target = np.empty(MASK.shape, dtype)
        assert tg.ndimage.label(lazy(MASK), output=target) == n == count
        same(target, want.astype(dtype))
    with pytest.raises(ValueError, match="output shape not correct"):
        tg.ndimage.label(MASK, output=np.empty(3))
    dots = np.zeros((40, 40), bool)
    dots[::2, ::2] = True
    with pytest.raises(RuntimeError, match="insufficient bit-depth"):
        tg.ndimage.label(dots, output="uint8")[0].compute()


# --- complex numbers ---------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["complex64", "complex128"])
@pytest.mark.parametrize("name, args", [
    ("gaussian_filter", (1.5,)), ("gaussian_filter1d", (1.5,)), ("uniform_filter", (3,)),
    ("uniform_filter1d", (3,)), ("sobel", ()), ("prewitt", ()), ("laplace", ()),
    ("gaussian_laplace", (1.0,)), ("gaussian_gradient_magnitude", (1.0,)),
    ("correlate", ([[1, 2j], [3, 1 - 1j]],)), ("convolve", ([[1, 2j], [3, 1 - 1j]],)),
    ("correlate1d", ([1, 2j, 3],)), ("convolve1d", ([1, 2j, 3],)), ("correlate1d", ([1, 2, 3],)),
])
def test_complex_input(name, args, dtype):
    image = (IMAGE + 1j * IMAGE[::-1]).astype(dtype)
    rtol = 1e-5 if dtype == "complex64" else 1e-12
    agree(name, image, *args, rtol=rtol)
    agree(name, image, *args, mode="constant", cval=2 - 1j, rtol=rtol)


def test_complex_weights_of_real_images():
    agree("correlate", IMAGE, [[1, 2j], [3, 1 - 1j]])
    agree("convolve1d", IMAGE, [1, 2j, 1])
    with pytest.raises(ValueError, match="complex-valued cval"):
        tg.ndimage.correlate1d(IMAGE, [1, 2j, 1], cval=1j)
    with pytest.raises(RuntimeError, match="complex dtype"):
        tg.ndimage.correlate1d(IMAGE, [1, 2j, 1], output=np.empty(IMAGE.shape))
    with pytest.warns(UserWarning, match="promoting specified output dtype to complex"):
        assert tg.ndimage.correlate1d(IMAGE, [1, 2j, 1], output=np.float64).dtype == "complex128"
    for name in ("median_filter", "minimum_filter", "grey_erosion"):
        with pytest.raises(TypeError):
            getattr(tg.ndimage, name)(IMAGE * 1j, 3)


def test_an_infinite_part_of_a_complex_number_stays_in_its_part():
    image = np.array([1 + 1j, complex(1, np.inf), 1 + 1j])
    agree("uniform_filter", image, 1)


# --- modes, sequences, kinds of errors ---------------------------------------------------------


def test_the_mode_of_an_axis_counts_for_its_derivative():
    for name in ("gaussian_laplace", "gaussian_gradient_magnitude"):
        agree(name, IMAGE, 1.0, mode=["reflect", "wrap"])
        agree(name, IMAGE, 1.0, mode=np.array(["nearest", "constant"]))
        agree(name, IMAGE, 1.0, truncate=2.0)


def test_arrays_without_axes():
    for name, args in (("laplace", ()), ("gaussian_filter", (1,)), ("gaussian_laplace", (1,)),
                       ("gaussian_gradient_magnitude", (1,))):
        agree(name, np.array(3.0), *args)
    for value in (True, False):
        for name in ("binary_erosion", "binary_dilation", "binary_propagation"):
            agree(name, np.array(value))
        labels, count = tg.ndimage.label(np.array(value))
        assert labels.compute() == count.compute() == value
        assert tg.ndimage.find_objects(np.array(int(value))).compute() == [()] * value


def test_the_rounded_weights_of_single_precision_keep_the_sum():
    image = np.arange(10000, dtype="float32").reshape(100, 100)
    got = tg.ndimage.gaussian_filter(image, [1.0, 1.0]).compute()
    assert abs(got.sum(dtype=float) - image.sum(dtype=float)) < 1.0


@pytest.mark.parametrize("error, name, args, kwargs", [
    (RuntimeError, "gaussian_filter", (1,), dict(mode="coconut")),
    (RuntimeError, "gaussian_filter", ((1, 2, 3),), {}),
    (RuntimeError, "gaussian_filter", ((1,),), {}),
    (ValueError, "gaussian_filter", (1,), dict(radius=1.1)),
    (ValueError, "gaussian_filter", (1,), dict(radius=-1)),
    (ValueError, "gaussian_filter", (1,), dict(axes=(0, 0))),
    (ValueError, "gaussian_filter", (1,), dict(axes=(0, 1, 2))),
    (TypeError, "gaussian_filter", (1,), dict(axes=(1.5,))),
    (RuntimeError, "uniform_filter1d", (0,), {}),
    (RuntimeError, "correlate", (np.ones(3),), {}),
    (RuntimeError, "correlate", (np.ones((3, 3)),), dict(mode=["wrap", "wrap"])),
    (RuntimeError, "correlate1d", ([],), {}),
    (RuntimeError, "correlate1d", (np.ones((2, 2)),), {}),
    (RuntimeError, "median_filter", (3,), dict(mode=["wrap", "wrap"])),
    (RuntimeError, "rank_filter", (9, 3), {}),
    (RuntimeError, "percentile_filter", (101, 3), {}),
    (RuntimeError, "median_filter", (), {}),
    (RuntimeError, "minimum_filter", (), dict(footprint=np.ones(3))),
    (RuntimeError, "binary_erosion", (np.ones(3),), {}),
    (RuntimeError, "binary_erosion", (), dict(mask=np.ones(3))),
    (TypeError, "binary_erosion", (), dict(iterations=1.5)),
    (RuntimeError, "label", (np.ones(3),), {}),
    (ValueError, "label", (np.ones((5, 5)),), {}),
    (RuntimeError, "distance_transform_edt", (), dict(return_distances=False)),
    (RuntimeError, "distance_transform_bf", (), dict(metric="garbage")),
    (ValueError, "distance_transform_cdt", (), dict(metric="garbage")),
    (RuntimeError, "generic_filter", (np.sum,), {}),
    (ValueError, "vectorized_filter", (np.sum,), {}),
])
def test_errors_are_of_the_kind_that_scipy_raises(error, name, args, kwargs):
    for module in (ndi, tg.ndimage):
        with pytest.raises(error) as caught:
            getattr(module, name)(IMAGE, *args, **kwargs)
    assert isinstance(caught.value, tg.TilegraphError) or error is TypeError


def test_float16_is_refused_as_scipy_does():
    with pytest.raises(RuntimeError):
        tg.ndimage.gaussian_filter(np.ones(3, "float16"), 1)


def test_size_beside_a_footprint_warns():
    with pytest.warns(UserWarning, match="ignoring size"):
        tg.ndimage.median_filter(IMAGE, size=5, footprint=np.ones((3, 3)))


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int8", "uint16", "uint32", "float32"])
@pytest.mark.parametrize("name", ["grey_erosion", "grey_dilation"])
def test_heights_wrap_in_the_type_of_the_image(name, dtype):
    image = (np.abs(IMAGE) * 3).astype(dtype)
    agree(name, image, structure=np.array([[1, 2, 0], [3, 1, 1]]))


# --- functions of the user ---------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["reflect", "mirror", "nearest", "wrap", "constant"])
def test_generic_filters(mode):
    agree("generic_filter", IMAGE, np.ptp, size=3, mode=mode)
    agree("generic_filter", IMAGE, np.ptp, footprint=LOPSIDED, mode=mode, origin=(1, -1))
    agree("generic_filter", IMAGE, np.median, size=4, axes=(1,), mode=mode, cval=2.5)

    def double(line, out, by):
        out[:] = by * line[1:-1]

    agree("generic_filter1d", IMAGE, double, 3, axis=0, mode=mode, extra_arguments=(2,))


def test_generic_sums_over_axes():
    def second(x, axis, output, mode, cval, by):
        module = ndi if isinstance(x, np.ndarray) else tg.ndimage
        return module.correlate1d(x, [1, by, 1], axis, output, mode, cval)

    for name in ("generic_laplace", "generic_gradient_magnitude"):
        agree(name, IMAGE, second, extra_arguments=(-2,))
        agree(name, IMAGE, second, extra_keywords={"by": 3}, axes=(0,), mode="wrap")


@pytest.mark.parametrize("mode", ["reflect", "mirror", "nearest", "wrap", "constant", "valid"])
def test_vectorized_filter(mode):
    agree("vectorized_filter", IMAGE, np.mean, size=(3, 4), mode=mode)
    agree("vectorized_filter", IMAGE, np.ptp, footprint=LOPSIDED, mode=mode)
    agree("vectorized_filter", VOLUME * 2, np.sum, size=2, axes=(2, 0), mode=mode)
    agree("vectorized_filter", IMAGE, np.mean, size=3, mode=mode, batch_memory=2**12)


# --- binary morphology -------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["binary_erosion", "binary_dilation"])
@pytest.mark.parametrize("structure", [None, np.ones((3, 3)), LOPSIDED])
@pytest.mark.parametrize("border", [0, 1])
def test_masks_and_repeating_until_nothing_changes(name, structure, border):
    seed = RANDOM.random(MASK.shape) < (0.95 if name == "binary_erosion" else 0.05)
    for iterations in (1, 3, 0, -1):
        for mask in (None, MASK):
            agree(name, seed, structure, iterations, mask, border_value=border)
    agree(name, seed, structure, -1, MASK, border_value=border, origin=(0, -1))
    agree(name, seed, np.ones(3), 2, MASK, axes=(1,))
    agree(name, seed, None, -1, MASK, border_value=border, axes=(0,))


def test_repeating_a_structure_without_its_own_cell():
    seed = RANDOM.random(MASK.shape) < 0.2
    away = np.array([[0, 0, 0], [0, 0, 1], [0, 0, 0]], bool)
    agree("binary_dilation", seed, away, -1)
    blinking = np.zeros((4, 4), bool)
    blinking[::2] = True
    both = np.array([[0, 1, 0], [0, 0, 0], [0, 1, 0]], bool)
    with pytest.raises(ValueError, match="never ends"):
        tg.ndimage.binary_dilation(blinking, both, -1).compute()


def test_propagation_holes_and_hits():
    seed = VOLUME & (RANDOM.random(VOLUME.shape) < 0.02)
    for structure in (None, np.ones((3, 3, 3))):
        agree("binary_propagation", seed, structure, VOLUME)
        agree("binary_propagation", seed, structure, VOLUME, border_value=1)
        agree("binary_fill_holes", VOLUME, structure)
    agree("binary_fill_holes", VOLUME, axes=(0, 2))
    agree("binary_fill_holes", MASK, np.ones((5, 5)))
    agree("binary_fill_holes", MASK, np.ones((2, 2)), origin=-1)
    agree("binary_hit_or_miss", MASK, LOPSIDED)
    agree("binary_hit_or_miss", MASK, LOPSIDED, np.eye(3), origin1=1, origin2=-1)
    part = tg.ndimage.binary_propagation(lazy(seed), LOPSIDED[None], mask=VOLUME)[2:4, :, 3]
    same(part, ndi.binary_propagation(seed, LOPSIDED[None], mask=VOLUME)[2:4, :, 3])


def test_iterate_structure_gives_the_origin_too():
    got, origin = tg.ndimage.iterate_structure(LOPSIDED, 3, origin=(1, -1))
    want, expected = ndi.iterate_structure(LOPSIDED, 3, origin=(1, -1))
    same(got, want)
    assert origin == expected


# --- distances ---------------------------------------------------------------------------------


@pytest.mark.parametrize("sampling", [None, 2.0, (1, 2, 0.5)])
def test_the_nearest_background_cell(sampling):
    want = ndi.distance_transform_edt(VOLUME, sampling)
    got, indices = tg.ndimage.distance_transform_edt(lazy(VOLUME), sampling, return_indices=True)
    same(got, want, 1e-12)
    found = indices.compute()
    assert found.dtype == np.int32 and not VOLUME[tuple(found)].any()
    step = np.broadcast_to(1.0 if sampling is None else sampling, 3).reshape(3, 1, 1, 1)
    away = (found - np.indices(VOLUME.shape)) * step
    np.testing.assert_allclose(np.sqrt((away ** 2).sum(0)), want)
    distances, target = np.empty(VOLUME.shape), np.empty(found.shape, "int32")
    assert tg.ndimage.distance_transform_edt(
        VOLUME, sampling, return_indices=True, distances=distances, indices=target) is None
    same(distances, want, 1e-12)
    same(target, found)
    with pytest.raises(RuntimeError, match="float64"):
        tg.ndimage.distance_transform_edt(VOLUME, distances=np.empty(VOLUME.shape, "float32"))


@pytest.mark.parametrize("metric", ["euclidean", "taxicab", "chessboard"])
def test_distances_by_other_metrics(metric):
    for sampling in (None, (1, 2, 3)):
        got, indices = tg.ndimage.distance_transform_bf(lazy(VOLUME), metric, sampling,
                                                        return_indices=True)
        want, where = ndi.distance_transform_bf(VOLUME, metric, sampling, return_indices=True)
        same(got, want, 1e-12)
        assert not VOLUME[tuple(indices.compute())].any()
        if metric != "chessboard" and sampling is None:
            same(indices, where)


def test_distances_by_steps():
    for metric in ("chessboard", "taxicab", np.ones((3, 3, 3), bool)):
        for got, want in zip(
                tg.ndimage.distance_transform_cdt(lazy(VOLUME), metric, return_indices=True),
                ndi.distance_transform_cdt(VOLUME, metric, return_indices=True)):
            same(got, want)
            same(got[..., 2:5], want[..., 2:5])
    same(tg.ndimage.distance_transform_cdt(np.ones((3, 3))), np.full((3, 3), -1, "int32"))


def test_a_part_of_a_distance_transform_is_that_part():
    for sampling in (None, (1, 2, 0.5)):
        whole = ndi.distance_transform_edt(VOLUME, sampling)
        x = tg.ndimage.distance_transform_edt(lazy(VOLUME), sampling)
        indices = tg.ndimage.distance_transform_edt(lazy(VOLUME), sampling, return_distances=False,
                                                    return_indices=True)
        for part in (np.s_[3:6], np.s_[:, 3:6], np.s_[..., 2:4], np.s_[3, 2:5, 1:2]):
            same(x[part], whole[part], 1e-12)
            same(indices[(slice(None), *part) if isinstance(part, tuple) else (slice(None), part)],
                 indices.compute()[(slice(None), *part) if isinstance(part, tuple)
                                   else (slice(None), part)])


# --- measurements ------------------------------------------------------------------------------


NUMBERS = ("sum", "mean", "variance", "standard_deviation", "minimum", "maximum", "median")
PLACES = ("minimum_position", "maximum_position", "center_of_mass", "extrema")


def computed(result):
    return tg.compute(result)[0]


@pytest.mark.parametrize("name", NUMBERS + PLACES)
def test_forms_of_labels_and_index(name):
    image = np.abs(IMAGE)
    labels = RANDOM.integers(0, 4, IMAGE.shape)
    for marks in (labels, labels - 2, labels.astype("float64") / 2, labels.astype("uint8"),
                  labels[:1], labels > 1):
        values = np.unique(marks)
        for index in (None, values[1], values, values[::-1].reshape(-1, 1)[:, :1], [values[0]]):
            if name in PLACES and np.ndim(index) > 1:
                continue
            got = computed(getattr(tg.ndimage, name)(lazy(image), marks, index))
            want = getattr(ndi, name)(image, marks, index)
            assert type(got) is type(want) or not isinstance(want, (tuple, list))
            for g, w in zip(got, want) if isinstance(want, tuple) else [(got, want)]:
                np.testing.assert_allclose(np.asarray(g), np.asarray(w), rtol=1e-10, atol=1e-12)


def test_sums_have_the_types_of_scipy():
    image = np.arange(6, dtype="int32")
    for index in (None, 1, [1, 2]):
        got = tg.ndimage.sum(image, [1, 1, 2, 2, 2, 0], index).compute()
        want = ndi.sum(image, [1, 1, 2, 2, 2, 0], index)
        assert np.asarray(got).dtype == np.asarray(want).dtype and np.all(got == want)


def test_labels_that_do_not_broadcast_are_an_error():
    with pytest.raises(ValueError, match="same shape"):
        tg.ndimage.sum(np.ones((3, 4)), np.ones((2, 2), int))


def test_a_part_of_positions_is_that_part():
    labels = RANDOM.integers(0, 4, IMAGE.shape)
    centers = tg.ndimage.center_of_mass(lazy(MASK * 2.0), lazy(labels), [1, 2, 3])
    want = np.array(ndi.center_of_mass(MASK * 2.0, labels, [1, 2, 3]))
    np.testing.assert_allclose(centers.boxes[:, 1].compute(), want[:, 1])
    np.testing.assert_allclose(centers.boxes[1:, :1].compute(), want[1:, :1])


def test_functions_of_the_values_of_objects():
    labels = RANDOM.integers(0, 4, IMAGE.shape)
    for index in (None, 2, [1, 3, 9]):
        got = tg.ndimage.labeled_comprehension(lazy(IMAGE), labels, index, np.ptp, float, -1)
        want = ndi.labeled_comprehension(IMAGE, labels, index, np.ptp, float, -1)
        np.testing.assert_array_equal(got.compute(), want)
        got = tg.ndimage.labeled_comprehension(
            lazy(IMAGE), labels, index, lambda v, p: p[v.argmax()], int, -1, True)
        want = ndi.labeled_comprehension(
            IMAGE, labels, index, lambda v, p: p[v.argmax()], int, -1, True)
        np.testing.assert_array_equal(got.compute(), want)
        got = tg.ndimage.histogram(lazy(IMAGE), -1, 1, 5, labels, index).compute()
        want = ndi.histogram(IMAGE, -1, 1, 5, labels, index)
        for g, w in zip(np.atleast_1d(got), np.atleast_1d(want)):
            np.testing.assert_array_equal(g, w)
    with pytest.raises(ValueError, match="without defined labels"):
        tg.ndimage.labeled_comprehension(IMAGE, None, 1, np.sum, float, 0)
    with pytest.raises(ValueError, match="without loss of precision"):
        tg.ndimage.labeled_comprehension(IMAGE, labels, [1.5], np.sum, float, 0)


def test_value_indices():
    labels = RANDOM.integers(-1, 3, VOLUME.shape)
    for ignored in (None, 0):
        got = tg.ndimage.value_indices(lazy(labels), ignore_value=ignored).compute()
        want = ndi.value_indices(labels, ignore_value=ignored)
        assert list(got) == list(want)
        for value in want:
            for g, w in zip(got[value], want[value]):
                np.testing.assert_array_equal(g, w)
    with pytest.raises(ValueError, match="integer array"):
        tg.ndimage.value_indices(IMAGE)
