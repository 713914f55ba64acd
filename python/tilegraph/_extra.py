# SPDX-License-Identifier: BSD-3-Clause
"""Functions that are spelled with other ops, or whose arguments need NumPy's freedom.

No array is touched here: everything is composition of ops of the table.
"""

import math

import numpy as np

from . import _build, _optable
from ._array import Array
from ._convert import asarray
from ._params import axis_index as _axis, refuse_out
from .errors import TgTypeError, TgValueError

__all__ = [
    "allclose", "angle", "around", "array_equal", "array_equiv", "average", "clip", "histogram",
    "histogram2d", "histogram_bin_edges", "histogramdd", "isclose", "result_type", "round", "shape",
    "where",
]


def shape(a):
    """Lengths of the axes."""
    return asarray(a).shape


def result_type(*things):
    """The dtype that NumPy gives a combination of arrays, dtypes and numbers."""
    return np.result_type(*[t.dtype if isinstance(t, Array) else t for t in things])


# --- arithmetic --------------------------------------------------------------------------------


def clip(a, a_min=None, a_max=None, out=None, *, min=None, max=None):  # noqa: A002
    """Values limited to [a_min, a_max]; None leaves a side open. min and max are other names."""
    refuse_out("clip", out)
    if (a_min is not None or a_max is not None) and (min is not None or max is not None):
        raise TgValueError("Passing `min` or `max` keyword argument when `a_min` and `a_max` are "
                           "provided is forbidden.")
    a_min, a_max = (min, max) if a_min is None and a_max is None else (a_min, a_max)
    if a_min is None and a_max is None:
        return asarray(a)
    if a_min is None:
        return _build.apply("minimum", (a, a_max))
    if a_max is None:
        return _build.apply("maximum", (a, a_min))
    return _build.apply("clip", (a, a_min, a_max))


def round(a, decimals=0, out=None):  # noqa: A001 (NumPy's name)
    """Rounded to a number of decimals, halves to even."""
    refuse_out("round", out)
    return _optable.function("round")(a, decimals)


around = round


def angle(z, deg=False):
    """The angle of a complex number, in radians, or degrees."""
    made = _optable.function("angle")(z)
    return made * (180 / np.pi) if deg else made


def where(condition, x=None, y=None):
    """Takes from x where the condition is true, else from y; without them: `nonzero`."""
    if x is None and y is None:
        from ._select import nonzero

        return nonzero(condition)
    if x is None or y is None:
        raise TgValueError("either both or neither of x and y should be given")
    return _build.apply("where", (condition, x, y))


def average(a, axis=None, weights=None, returned=False, *, keepdims=False):
    """The weighted mean; with the sum of the weights if returned."""
    a = asarray(a)
    if weights is None:
        mean = a.mean(axis=axis, keepdims=keepdims)
        if not returned:
            return mean
        count = a.size if axis is None else math.prod(
            a.shape[i] for i in np.atleast_1d(axis))
        return mean, _optable.function("broadcast_to")(np.asarray(count, mean.dtype), mean.shape)
    weights = asarray(weights)
    if weights.shape != a.shape:
        if axis is None:
            raise TgTypeError("Axis must be specified when shapes of a and weights differ.")
        axes = tuple(_axis(i, a.ndim) for i in np.atleast_1d(axis))
        if weights.shape != tuple(a.shape[i] for i in axes):
            raise TgValueError("Shape of weights must be consistent with shape of a along "
                               "specified axis.")
        weights = weights.transpose(tuple(np.argsort(axes)))
        weights = weights.reshape([n if i in axes else 1 for i, n in enumerate(a.shape)])
        weights = _optable.function("broadcast_to")(weights, a.shape)
    kind = np.result_type(a.dtype, weights.dtype)
    kind = np.result_type(kind, float) if a.dtype.kind in "biu" else kind
    total = weights.sum(axis=axis, keepdims=keepdims, dtype=kind)
    mean = (a * weights.astype(kind)).sum(axis=axis, keepdims=keepdims, dtype=kind) / total
    return (mean, total) if returned else mean


def histogram(a, bins=10, range=None, density=None, weights=None):  # noqa: A002 (NumPy's name)
    """Counts of the values in each bin, or sums of their weights, and the edges of the bins:
    (counts, edges), both lazy."""
    a = asarray(a)
    if isinstance(bins, str):
        raise TgTypeError(f"histogram: bins must be a number or the edges, got {bins!r}; the data "
                          "are not looked at to choose them")
    bins = bins.compute() if isinstance(bins, Array) else bins
    if np.ndim(bins) > 1:
        raise TgValueError("`bins` must be 1d, when an array")
    if np.ndim(bins) == 0 and not hasattr(bins, "__index__"):
        raise TgTypeError("`bins` must be an integer, a string, or an array")
    ends = None if range is None else [float(end) for end in range]
    edges = _optable.function("histogram_edges")(a, bins, ends)
    if np.ndim(bins) and len(bins) < 2:
        return _optable.function("broadcast_to")(np.int64(0), (0,)), asarray(np.asarray(bins))
    weights = None if weights is None else asarray(weights)
    counts = _optable.function("histogram")(a, weights, bins, ends, bool(density))
    return counts, asarray(np.asarray(bins)) if np.ndim(bins) else edges


def histogramdd(sample, bins=10, range=None, density=None, weights=None):  # noqa: A002
    """Counts of points in bins of several dimensions, or sums of their weights: (counts, edges).

    sample: an array with a column for each dimension, or a sequence of coordinates.
    """
    columns = ([asarray(c) for c in sample] if isinstance(sample, (list, tuple)) else
               list(asarray(sample).reshape((np.shape(sample)[0], -1)).T))
    count = len(columns)
    bins = [bins] * count if hasattr(bins, "__index__") else list(bins)
    if len(bins) != count:
        raise TgValueError("The dimension of bins must be equal to the dimension of the sample x.")
    ranges = [None] * count if range is None else list(range)
    if len(ranges) != count:
        raise TgValueError("range argument must have one entry per dimension")
    lines = [np.asarray(histogram(c, b, r)[1].compute()) for c, b, r in zip(columns, bins, ranges)]
    place, inside = 0, True
    for column, line in zip(columns, lines):
        at = _optable.function("searchsorted")(line, column, "right")
        at = at - (column == line[-1])  # the last bin has its upper edge
        inside = inside & (at > 0) & (at < len(line))
        place = place * (len(line) - 1) + at - 1
    shape_ = tuple(len(line) - 1 for line in lines)
    cells = math.prod(shape_)
    place = where(inside, place, -1)
    counts = histogram(place, np.arange(cells + 1) - 0.5, weights=weights)[0].reshape(shape_)
    counts = counts.astype(float)
    if density:
        for axis, line in enumerate(lines):
            counts = counts / np.diff(line).reshape([-1 if i == axis else 1 for i, _ in
                                                     enumerate(lines)])
        counts = counts / where(inside, 1 if weights is None else weights, 0).sum()
    return counts, tuple(asarray(line) for line in lines)


def histogram2d(x, y, bins=10, range=None, density=None, weights=None):  # noqa: A002
    """Counts of points in the plane, or sums of their weights: (counts, x edges, y edges)."""
    if np.shape(x) != np.shape(y):
        raise TgValueError("x and y must have the same length.")
    if not hasattr(bins, "__index__") and len(bins) != 2:
        bins = [bins, bins]
    counts, edges = histogramdd((x, y), bins, range, density, weights)
    return counts, *edges


def histogram_bin_edges(a, bins=10, range=None, weights=None):  # noqa: A002 (NumPy's name)
    """The edges that `histogram` uses."""
    return histogram(a, bins, range)[1]


def isclose(a, b, rtol=1e-5, atol=1e-8, equal_nan=False):
    """Whether two arrays are equal within a tolerance, element by element."""
    a, b = asarray(a), asarray(b)
    isfinite, isnan = _optable.function("isfinite"), _optable.function("isnan")
    if b.dtype.kind in "biu":
        b = b.astype(np.result_type(b.dtype, 1.0))
    near = (abs(a - b) <= atol + rtol * abs(b)) & isfinite(b) | (a == b)
    return near | (isnan(a) & isnan(b)) if equal_nan else near


def allclose(a, b, rtol=1e-5, atol=1e-8, equal_nan=False):
    """Whether two arrays are equal within a tolerance everywhere; lazy, as everything here."""
    return isclose(a, b, rtol, atol, equal_nan).all()


def array_equal(a1, a2, equal_nan=False):
    """Whether two arrays have one shape and equal elements; lazy, as everything here."""
    a1, a2 = asarray(a1), asarray(a2)
    if a1.shape != a2.shape:
        return asarray(np.False_)
    same = a1 == a2
    if equal_nan:
        isnan = _optable.function("isnan")
        same = same | (isnan(a1) & isnan(a2))
    return same.all()


def array_equiv(a1, a2):
    """Whether two arrays have equal elements once brought to one shape."""
    a1, a2 = asarray(a1), asarray(a2)
    try:
        np.broadcast_shapes(a1.shape, a2.shape)
    except ValueError:
        return asarray(np.False_)
    return (a1 == a2).all()
