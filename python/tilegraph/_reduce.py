# SPDX-License-Identifier: BSD-3-Clause
"""Reductions with NumPy's arguments: `where`, `initial`, `dtype`, `ddof`, all by composition.

`out` is NumPy's and Dask's, and must be None: arrays are immutable. `split_every` is Dask's; the
engine's reductions have a tree of their own, of which no result depends on, so it says nothing.
"""

import numpy as np

from . import _build, _optable
from ._array import Array
from ._convert import asarray
from ._indexing import along
from ._params import refuse_out
from .errors import TgTypeError, TgValueError

__all__ = [
    "all", "any", "argmax", "argmin", "count_nonzero", "cumprod", "cumsum", "cumulative_prod",
    "cumulative_sum", "max", "mean", "median", "min", "nanargmax", "nanargmin", "nancumprod",
    "nancumsum", "nanmax", "nanmean", "nanmedian", "nanmin", "nanpercentile", "nanprod",
    "nanquantile", "nanstd", "nansum", "nanvar", "percentile", "prod", "ptp", "quantile", "std",
    "sum", "var",
]


def _given(value):
    """NumPy's "not given" is ours, too."""
    return None if value is np._NoValue else value


def _axis(axis):
    """NumPy takes a tuple of axes, or one axis, but no list."""
    if isinstance(axis, list):
        raise TgTypeError(f"'list' object cannot be interpreted as an integer: axis={axis}; "
                          "several axes are a tuple")
    return axis


def _op(name, a, axis, keepdims, dtype=None, **params):
    keepdims = bool(_given(keepdims))
    if isinstance(axis, tuple) and not axis:
        return _no_axes(name, asarray(a), dtype, params)
    if dtype is not None:
        params["dtype"] = dtype
    return _optable.function(name)(a, axis=_axis(axis), keepdims=keepdims, **params)


def _no_axes(name, a, dtype, params):
    """axis=(): each element is a sum of its own."""
    return _op(name, a.reshape((*a.shape, 1)), -1, False, dtype, **params)


def _masked(name, a, where, identity):
    """The array with what is masked out replaced by what does not count."""
    where = _given(where)
    if where is None or where is True:
        return a
    if isinstance(where, (int, float)) and not isinstance(where, bool):
        raise TgTypeError(f"{name}: where must be an array of bool, got {where!r}")
    where = asarray(where)
    if where.dtype != bool:
        raise TgTypeError(f"{name}: where must be an array of bool, got {where.dtype}")
    a = asarray(a)
    return _build.apply("where", (where, a, np.asarray(identity, a.dtype)))


def _is_empty(a, axis):
    shape = np.shape(a) if not isinstance(a, Array) else a.shape
    axes = range(len(shape)) if axis is None else np.atleast_1d(axis)
    return 0 in [shape[i] for i in axes if -len(shape) <= i < len(shape)]


def _total(name, a, axis, dtype, out, keepdims, initial, where, identity, join):
    refuse_out(name, out)
    a = _masked(name, asarray(a), where, identity)
    total = _op(name, a, axis, keepdims, dtype)
    initial = _given(initial)
    if initial is None or (np.ndim(initial) == 0 and initial == identity):
        return total
    return _build.apply(join, (total, np.asarray(initial, total.dtype)))


def sum(a, axis=None, dtype=None, out=None, keepdims=False, initial=None, where=None,  # noqa: A001
        *, split_every=None):
    """The sum of elements over axes."""
    return _total("sum", a, axis, dtype, out, keepdims, initial, where, 0, "add")


def prod(a, axis=None, dtype=None, out=None, keepdims=False, initial=None, where=None, *,
         split_every=None):
    """The product of elements over axes."""
    return _total("prod", a, axis, dtype, out, keepdims, initial, where, 1, "multiply")


def nansum(a, axis=None, dtype=None, out=None, keepdims=False, initial=None, where=None, *,
           split_every=None):
    """The sum of elements over axes, NaN counting as 0."""
    return _total("nansum", a, axis, dtype, out, keepdims, initial, where, 0, "add")


def nanprod(a, axis=None, dtype=None, out=None, keepdims=False, initial=None, where=None, *,
            split_every=None):
    """The product of elements over axes, NaN counting as 1."""
    return _total("nanprod", a, axis, dtype, out, keepdims, initial, where, 1, "multiply")


def all(a, axis=None, out=None, keepdims=False, *, where=None, split_every=None):  # noqa: A001
    """Whether all elements are true."""
    refuse_out("all", out)
    return _op("all", _masked("all", a, where, 1), axis, keepdims)


def any(a, axis=None, out=None, keepdims=False, *, where=None, split_every=None):  # noqa: A001
    """Whether any element is true."""
    refuse_out("any", out)
    return _op("any", _masked("any", a, where, 0), axis, keepdims)


def count_nonzero(a, axis=None, *, keepdims=False):
    """How many elements over axes are not zero."""
    return _op("count_nonzero", a, axis, keepdims)


def _extreme(name, a, axis, out, keepdims, initial, where, join):
    refuse_out(name, out)
    a, initial, where = asarray(a), _given(initial), _given(where)
    if initial is None:
        if where is not None and where is not True:
            raise TgValueError(f"reduction operation '{join}' does not have an identity, so to use "
                               "a where mask one has to specify 'initial'")
        return _op(name, a, axis, keepdims)
    initial = np.asarray(initial, a.dtype)
    a = _masked(name, a, where, initial)
    if _is_empty(a, axis):
        shape = np.max(np.empty(a.shape, bool), axis=axis, keepdims=bool(_given(keepdims)),
                       initial=False).shape
        return _optable.function("broadcast_to")(asarray(initial), shape)
    return _build.apply(join, (_op(name, a, axis, keepdims), initial))


def max(a, axis=None, out=None, keepdims=False, initial=None, where=None, *,  # noqa: A001
        split_every=None):
    """The largest element over axes; NaN when there is one."""
    return _extreme("max", a, axis, out, keepdims, initial, where, "maximum")


def min(a, axis=None, out=None, keepdims=False, initial=None, where=None, *,  # noqa: A001
        split_every=None):
    """The smallest element over axes; NaN when there is one."""
    return _extreme("min", a, axis, out, keepdims, initial, where, "minimum")


def nanmax(a, axis=None, out=None, keepdims=False, initial=None, where=None, *,
           split_every=None):
    """The largest element over axes, NaN passed over."""
    return _extreme("nanmax", a, axis, out, keepdims, initial, where, "fmax")


def nanmin(a, axis=None, out=None, keepdims=False, initial=None, where=None, *,
           split_every=None):
    """The smallest element over axes, NaN passed over."""
    return _extreme("nanmin", a, axis, out, keepdims, initial, where, "fmin")


def argmax(a, axis=None, out=None, *, keepdims=False, split_every=None):
    """The place of the largest element along an axis."""
    refuse_out("argmax", out)
    return _op("argmax", a, axis, keepdims)


def argmin(a, axis=None, out=None, *, keepdims=False, split_every=None):
    """The place of the smallest element along an axis."""
    refuse_out("argmin", out)
    return _op("argmin", a, axis, keepdims)


def nanargmax(a, axis=None, out=None, *, keepdims=False, split_every=None):
    """The place of the largest element along an axis, NaN passed over."""
    refuse_out("nanargmax", out)
    return _op("nanargmax", a, axis, keepdims)


def nanargmin(a, axis=None, out=None, *, keepdims=False, split_every=None):
    """The place of the smallest element along an axis, NaN passed over."""
    refuse_out("nanargmin", out)
    return _op("nanargmin", a, axis, keepdims)


def ptp(a, axis=None, out=None, keepdims=False):
    """Maximum less minimum."""
    refuse_out("ptp", out)
    return _op("max", a, axis, keepdims) - _op("min", a, axis, keepdims)


# --- moments -----------------------------------------------------------------------------------


def _counted(name, a, where, skip_nan):
    """The mask of the elements that count, with the shape of the array; None: all of them."""
    where = _given(where)
    if where is None or where is True:
        return None
    counts = _optable.function("broadcast_to")(asarray(where), a.shape)
    if counts.dtype != bool:
        raise TgTypeError(f"{name}: where must be an array of bool, got {counts.dtype}")
    return counts & ~_build.apply("isnan", (a,)) if skip_nan and a.dtype.kind in "fc" else counts


def _mean(name, a, axis, dtype, out, keepdims, where):
    refuse_out(name, out)
    a = asarray(a)
    counts = _counted(name, a, where, name == "nanmean")
    if name == "nanmean" and a.dtype.kind in "fc" and dtype is not None and (
            np.dtype(dtype).kind not in "fc"):
        raise TgTypeError("nanmean: If a is inexact, then dtype must be inexact")
    if counts is None:
        return _op(name, a, axis, keepdims, dtype)
    kind = dtype or np.mean(np.ones(1, a.dtype)).dtype
    total = sum(_masked(name, a, counts, 0), axis, kind, None, keepdims)
    return (total / sum(counts, axis, None, None, keepdims)).astype(kind)


def mean(a, axis=None, dtype=None, out=None, keepdims=False, *, where=None, split_every=None):
    """The mean over axes."""
    return _mean("mean", a, axis, dtype, out, keepdims, where)


def nanmean(a, axis=None, dtype=None, out=None, keepdims=False, *, where=None, split_every=None):
    """The mean over axes, NaN passed over."""
    return _mean("nanmean", a, axis, dtype, out, keepdims, where)


def _spread(name, a, axis, dtype, out, ddof, keepdims, where, mean_, correction):
    refuse_out(name, out)
    if correction is not None and ddof != 0:
        raise TgValueError("ddof and correction can't be provided simultaneously.")
    ddof = ddof if correction is None else correction
    a, mean_ = asarray(a), _given(mean_)
    skip_nan = name.startswith("nan")
    counts = _counted(name, a, where, skip_nan)
    if counts is None and mean_ is None:
        return _op(name, a, axis, keepdims, dtype, ddof=ddof)
    if counts is None:
        counts = ~_build.apply("isnan", (a,)) if skip_nan and a.dtype.kind in "fc" else (
            asarray(np.True_) | _build.apply("logical_not", (a,)))
    kind = np.dtype(dtype or np.mean(np.ones(1, a.dtype)).dtype)
    a = _masked(name, a, counts, 0).astype(kind)
    number = sum(counts, axis, None, None, True)
    mean_ = sum(a, axis, kind, None, True) / number if mean_ is None else asarray(mean_)
    mean_ = mean_.astype(kind)
    away = _masked(name, abs(a - mean_) ** 2, counts, 0)
    rest = _build.apply("maximum", (sum(counts, axis, None, None, keepdims) - ddof, 0))
    spread = (sum(away, axis, None, None, keepdims) / rest).astype(away.dtype)
    return _build.apply("sqrt", (spread,)) if name.endswith("std") else spread


def var(a, axis=None, dtype=None, out=None, ddof=0, keepdims=False, *, where=None, mean=None,
        correction=None, split_every=None):
    """The variance over axes."""
    return _spread("var", a, axis, dtype, out, ddof, keepdims, where, mean, _given(correction))


def std(a, axis=None, dtype=None, out=None, ddof=0, keepdims=False, *, where=None, mean=None,
        correction=None, split_every=None):
    """The standard deviation over axes."""
    return _spread("std", a, axis, dtype, out, ddof, keepdims, where, mean, _given(correction))


def nanvar(a, axis=None, dtype=None, out=None, ddof=0, keepdims=False, *, where=None, mean=None,
           correction=None, split_every=None):
    """The variance over axes, NaN passed over."""
    return _spread("nanvar", a, axis, dtype, out, ddof, keepdims, where, mean, _given(correction))


def nanstd(a, axis=None, dtype=None, out=None, ddof=0, keepdims=False, *, where=None, mean=None,
           correction=None, split_every=None):
    """The standard deviation over axes, NaN passed over."""
    return _spread("nanstd", a, axis, dtype, out, ddof, keepdims, where, mean, _given(correction))


# --- running sums ------------------------------------------------------------------------------


def _running(name, a, axis, dtype, out):
    refuse_out(name, out)
    return _optable.function(name)(a, axis, dtype)


def cumsum(a, axis=None, dtype=None, out=None, *, method="sequential"):
    """Running sums along an axis; None: of the flattened array."""
    return _running("cumsum", a, axis, dtype, out)


def cumprod(a, axis=None, dtype=None, out=None, *, method="sequential"):
    """Running products along an axis; None: of the flattened array."""
    return _running("cumprod", a, axis, dtype, out)


def nancumsum(a, axis=None, dtype=None, out=None, *, method="sequential"):
    """Running sums along an axis, NaN counting as 0."""
    return _running("nancumsum", a, axis, dtype, out)


def nancumprod(a, axis=None, dtype=None, out=None, *, method="sequential"):
    """Running products along an axis, NaN counting as 1."""
    return _running("nancumprod", a, axis, dtype, out)


def _cumulative(name, x, axis, dtype, out, include_initial, first):
    x = asarray(x)
    if axis is None:
        if x.ndim > 1:
            raise TgValueError("For arrays which have more than one dimension ``axis`` argument "
                               "is required.")
        axis = 0
    result = _running(name, x, axis, dtype, out)
    if include_initial:
        start = result[along(x.ndim, axis % x.ndim, slice(1))]
        result = _optable.function("concatenate")(
            (_optable.function("broadcast_to")(asarray(np.asarray(first, result.dtype)),
                                               start.shape), result), axis)
    return result


def cumulative_sum(x, /, *, axis=None, dtype=None, out=None, include_initial=False):
    """The array API's running sums; with a 0 in front if include_initial."""
    return _cumulative("cumsum", x, axis, dtype, out, include_initial, 0)


def cumulative_prod(x, /, *, axis=None, dtype=None, out=None, include_initial=False):
    """The array API's running products; with a 1 in front if include_initial."""
    return _cumulative("cumprod", x, axis, dtype, out, include_initial, 1)


# --- quantiles ---------------------------------------------------------------------------------


def _quantile(name, a, q, axis, out, method, keepdims, weights, interpolation):
    refuse_out(name, out)
    if weights is not None:
        raise TgTypeError(f"{name}: weights= is not supported for lazy arrays")
    a, given = asarray(a), q.compute() if isinstance(q, Array) else q
    q = np.asanyarray(given)
    axis = tuple(axis) if isinstance(axis, list) else axis
    if axis == ():  # each element is a line of its own
        a, axis = a.reshape((*a.shape, 1)), -1
    result = _optable.function(name)(a, q, axis=_axis(axis), method=interpolation or method,
                                     keepdims=bool(_given(keepdims)))
    # NumPy's type depends on those of both; the values have been computed in float64.
    kind = getattr(np, name)(np.ones((1, 1), a.dtype), given, axis=None if axis is None else 0,
                              method=interpolation or method).dtype
    if q.ndim == 1 and q.size == 1:
        result = _optable.function("expand_dims")(result, 0)
    elif q.ndim > 1:
        result = result.reshape(q.shape + result.shape[1:])
    return result.astype(kind) if result.dtype != kind else result


def percentile(a, q, axis=None, out=None, overwrite_input=False, method="linear", keepdims=False,
               *, weights=None, interpolation=None):
    """Percentiles over axes, exact; q in [0, 100]. overwrite_input says nothing here."""
    return _quantile("percentile", a, q, axis, out, method, keepdims, weights, interpolation)


def quantile(a, q, axis=None, out=None, overwrite_input=False, method="linear", keepdims=False,
             *, weights=None, interpolation=None):
    """Quantiles over axes, exact; q in [0, 1]. overwrite_input says nothing here."""
    return _quantile("quantile", a, q, axis, out, method, keepdims, weights, interpolation)


def nanpercentile(a, q, axis=None, out=None, overwrite_input=False, method="linear",
                  keepdims=False, *, weights=None, interpolation=None):
    """Percentiles over axes, NaN passed over."""
    return _quantile("nanpercentile", a, q, axis, out, method, keepdims, weights, interpolation)


def nanquantile(a, q, axis=None, out=None, overwrite_input=False, method="linear",
                keepdims=False, *, weights=None, interpolation=None):
    """Quantiles over axes, NaN passed over."""
    return _quantile("nanquantile", a, q, axis, out, method, keepdims, weights, interpolation)


def median(a, axis=None, out=None, overwrite_input=False, keepdims=False):
    """The median over axes. overwrite_input says nothing here."""
    refuse_out("median", out)
    axis = tuple(axis) if isinstance(axis, list) else axis
    return _op("quantile", a, axis, keepdims, q=0.5)


def nanmedian(a, axis=None, out=None, overwrite_input=False, keepdims=False):
    """The median over axes, NaN passed over."""
    refuse_out("nanmedian", out)
    axis = tuple(axis) if isinstance(axis, list) else axis
    return _op("nanquantile", a, axis, keepdims, q=0.5)
