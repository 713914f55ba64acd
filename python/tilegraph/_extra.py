# SPDX-License-Identifier: BSD-3-Clause
"""Functions that are spelled with other ops, or whose arguments need NumPy's freedom.

No array is touched here: everything is composition of ops of the table.
"""

import operator

import numpy as np

from . import _build, _optable, _params
from ._array import Array
from ._convert import asarray
from .errors import TgAxisError, TgTypeError, TgValueError

__all__ = [
    "allclose", "arange", "array_equal", "average", "broadcast_arrays", "clip", "dstack", "empty",
    "empty_like", "eye", "fliplr", "flipud", "full", "full_like", "hstack", "isclose", "linspace",
    "median", "ones", "ones_like", "permute_dims", "ptp", "rechunk", "result_type", "shape",
    "tensordot", "vstack", "zeros", "zeros_like",
]


def _axis(axis, ndim):
    axis = operator.index(axis)
    if not -ndim <= axis < ndim:
        raise TgAxisError(f"axis {axis} is out of bounds for array of dimension {ndim}")
    return axis % ndim


# --- creation ----------------------------------------------------------------------------------


def _shape(op, shape):
    lengths = tuple(shape) if np.ndim(shape) else (shape,)
    try:
        lengths = tuple(operator.index(n) for n in lengths)
    except TypeError:
        raise TgTypeError(f"{op}: shape must be integers, got {shape!r}") from None
    if any(n < 0 for n in lengths):
        raise TgValueError(f"{op}: negative dimensions are not allowed, got {lengths}")
    return lengths


def _fill(op, shape, value, dtype, chunks):
    shape = _shape(op, shape)
    params = [_params.ints(op, "shape", shape)] if shape else []
    if isinstance(value, (np.generic, np.ndarray)):
        if value.ndim:
            raise TgValueError(f"{op}: fill_value must be one number, got shape {value.shape}")
        dtype = value.dtype if dtype is None else dtype
        value = value.item()
    if isinstance(value, (bool, int)):
        dtype = bool if dtype is None and isinstance(value, bool) else dtype
        if value >= 1 << 63 and value < 1 << 64:
            dtype, value = np.uint64 if dtype is None else dtype, value - (1 << 64)
        params.append(_params.ints(op, "fill_integer", [value]))
    elif isinstance(value, complex):
        params.append(_params.floats(op, "fill_value", [value.real, value.imag]))
    else:
        params.append(_params.floats(op, "fill_value", [value]))
    if dtype is not None:
        params.append(_params.string("dtype", _params.dtype_name(dtype)))
    params += _params.chunk_params(op, chunks, shape)
    return _build.apply("full", (), params)


def full(shape, fill_value, dtype=None, chunks="auto"):
    """An array filled with one number; no memory is used for it."""
    return _fill("full", shape, fill_value, dtype, chunks)


def zeros(shape, dtype=float, chunks="auto"):
    """An array of zeros; no memory is used for it."""
    return _fill("zeros", shape, 0, float if dtype is None else dtype, chunks)


def ones(shape, dtype=float, chunks="auto"):
    """An array of ones; no memory is used for it."""
    return _fill("ones", shape, 1, float if dtype is None else dtype, chunks)


def empty(shape, dtype=float, chunks="auto"):
    """The same as `zeros`: an array that nobody fills has no other sensible content here."""
    return _fill("empty", shape, 0, float if dtype is None else dtype, chunks)


def _like(op, a, value, dtype, shape, chunks):
    a = asarray(a)
    same = shape is None
    if chunks is None:
        chunks = a.chunks if same and a.ndim else "auto"
    return _fill(op, a.shape if same else shape, value, a.dtype if dtype is None else dtype, chunks)


def full_like(a, fill_value, dtype=None, *, shape=None, chunks=None):
    """An array filled with one number, with shape, dtype and chunks of another."""
    return _like("full_like", a, fill_value, dtype, shape, chunks)


def zeros_like(a, dtype=None, *, shape=None, chunks=None):
    """An array of zeros with shape, dtype and chunks of another."""
    return _like("zeros_like", a, 0, dtype, shape, chunks)


def ones_like(a, dtype=None, *, shape=None, chunks=None):
    """An array of ones with shape, dtype and chunks of another."""
    return _like("ones_like", a, 1, dtype, shape, chunks)


def empty_like(a, dtype=None, *, shape=None, chunks=None):
    """The same as `zeros_like`."""
    return _like("empty_like", a, 0, dtype, shape, chunks)


def arange(start, stop=None, step=1, *, dtype=None, chunks="auto"):
    """Evenly spaced numbers from start (default 0) up to, without, stop."""
    if stop is None:
        start, stop = 0, start
    if step is None:
        step = 1
    numbers = [start, stop, step]
    if all(isinstance(n, (bool, int, np.integer)) for n in numbers):
        params = [_params.ints("arange", "integers", numbers)]
    else:
        params = [_params.floats("arange", name, [n])
                  for name, n in zip(("start", "stop", "step"), numbers)]
    if dtype is not None:
        params.append(_params.string("dtype", _params.dtype_name(dtype)))
    return _build.apply("arange", (), params + _params.chunk_params("arange", chunks))


def linspace(start, stop, num=50, endpoint=True, *, dtype=None, chunks="auto"):
    """num evenly spaced numbers from start to stop, with stop unless endpoint is False."""
    return _optable.function("linspace")(start, stop, num, endpoint, dtype=dtype,
                                         chunks=_given(chunks))


def eye(N, M=None, k=0, dtype=float, chunks="auto"):  # noqa: N803 (NumPy's names)
    """A matrix with ones on the k-th diagonal and zeros elsewhere."""
    return _optable.function("eye")(N, M, k, dtype=dtype, chunks=_given(chunks))


def _given(chunks):
    return None if isinstance(chunks, str) and chunks == "auto" else chunks


# --- shape -------------------------------------------------------------------------------------


def rechunk(x, chunks="auto"):
    """The same array with other chunks: "auto", one size for all axes, a tuple with one size per
    axis (-1: the whole axis, None: as it is), a dict {axis: size} for some axes, or a tuple of
    tuples with all sizes."""
    x = asarray(x)
    if isinstance(chunks, dict):
        wanted = {_axis(axis, x.ndim): size for axis, size in chunks.items()}
        chunks = tuple(wanted.get(axis) for axis in range(x.ndim))
    if isinstance(chunks, (list, tuple)) and len(chunks) == x.ndim:
        chunks = tuple(x.chunks[i] if c is None else c for i, c in enumerate(chunks))
    return _build.apply("rechunk", (x,), _params.chunk_params("rechunk", chunks, x.shape))





def permute_dims(x, axes):
    """The array API's name of `transpose`."""
    return asarray(x).transpose(axes)


def flipud(m):
    """The array reversed along its first axis."""
    return _optable.function("flip")(m, 0)


def fliplr(m):
    """The array reversed along its second axis."""
    return _optable.function("flip")(m, 1)







def _joined(arrays, axis):
    return _optable.function("concatenate")(arrays, axis)


def hstack(tup):
    """Arrays side by side: along the second axis, or the first of 1-d arrays."""
    arrays = [_optable.function("atleast_1d")(a) for a in tup]
    return _joined(arrays, 0 if arrays and arrays[0].ndim == 1 else 1)


def vstack(tup):
    """Arrays one below the other: along the first axis."""
    return _joined([_optable.function("atleast_2d")(a) for a in tup], 0)


def dstack(tup):
    """Arrays one behind the other: along the third axis."""
    return _joined([_optable.function("atleast_3d")(a) for a in tup], 2)


def broadcast_arrays(*arrays):
    """The arrays, all with their common shape."""
    arrays = [asarray(a) for a in arrays]
    shape_ = np.broadcast_shapes(*[a.shape for a in arrays])
    return tuple(_optable.function("broadcast_to")(a, shape_) for a in arrays)


def shape(a):
    """Lengths of the axes."""
    return asarray(a).shape


def result_type(*things):
    """The dtype that NumPy gives a combination of arrays, dtypes and numbers."""
    return np.result_type(*[t.dtype if isinstance(t, Array) else t for t in things])


# --- arithmetic --------------------------------------------------------------------------------



def clip(a, a_min=None, a_max=None):
    """Values limited to [a_min, a_max]; None leaves a side open."""
    if a_min is None and a_max is None:
        return asarray(a)
    if a_min is None:
        return _build.apply("minimum", (a, a_max))
    if a_max is None:
        return _build.apply("maximum", (a, a_min))
    return _build.apply("clip", (a, a_min, a_max))


def ptp(a, axis=None, keepdims=False):
    """Maximum less minimum."""
    a = asarray(a)
    return a.max(axis=axis, keepdims=keepdims) - a.min(axis=axis, keepdims=keepdims)


def average(a, axis=None, weights=None, *, keepdims=False):
    """The weighted mean."""
    a = asarray(a)
    if weights is None:
        return a.mean(axis=axis, keepdims=keepdims)
    weights = asarray(weights)
    if weights.shape != a.shape:
        if weights.ndim != 1 or not isinstance(axis, int):
            raise TgTypeError("Axis must be specified when shapes of a and weights differ.")
        axis = _axis(axis, a.ndim)
        if weights.shape[0] != a.shape[axis]:
            raise TgValueError("Length of weights not compatible with specified axis.")
        weights = weights.reshape([-1 if n == axis else 1 for n in range(a.ndim)])
        weights = _optable.function("broadcast_to")(weights, a.shape)
    return (a * weights).sum(axis=axis, keepdims=keepdims) / weights.sum(
        axis=axis, keepdims=keepdims)


def median(a, axis=None, keepdims=False):
    """The median: the 50th percentile."""
    return _optable.function("percentile")(a, 50, axis=axis, keepdims=keepdims)



def histogram(a, bins=10, range=None, density=False):  # noqa: A002 (NumPy's name)
    """Counts of the values in each bin, and the edges of the bins: (counts, edges), both lazy."""
    if range is None:
        counts = _optable.function("histogram")(a, bins, density=density)
        return counts, _optable.function("histogram_edges")(a, bins)
    counts = _optable.function("histogram")(a, bins, range, density)
    return counts, _optable.function("histogram_edges")(a, bins, range)


def tensordot(a, b, axes=2):
    """Sum of products over pairs of axes: the last ones of a with the first ones of b, or those of
    two sequences."""
    if hasattr(axes, "__index__"):
        return _build.apply("tensordot", (a, b), [_params.ints("tensordot", "axes", [axes])])
    if np.ndim(axes) == 0 or len(axes) != 2:
        raise TgTypeError(f"tensordot: axes must be a number or two sequences, got {axes!r}")
    pairs = [list(side) if np.ndim(side) else [side] for side in axes]
    if len(pairs[0]) != len(pairs[1]):
        raise TgValueError(f"tensordot: {len(pairs[0])} axes of a for {len(pairs[1])} of b")
    if not pairs[0]:
        return tensordot(a, b, 0)
    return _build.apply("tensordot", (a, b), [
        _params.ints("tensordot", "axes_a", pairs[0]),
        _params.ints("tensordot", "axes_b", pairs[1]),
    ])


def isclose(a, b, rtol=1e-5, atol=1e-8, equal_nan=False):
    """Whether two arrays are equal within a tolerance, element by element."""
    if _optable.has("isclose", ""):
        return _optable.function("isclose")(a, b, rtol, atol, equal_nan)
    a, b = asarray(a), asarray(b)
    isfinite, isnan = _optable.function("isfinite"), _optable.function("isnan")
    near = (abs(a - b) <= atol + rtol * abs(b)) & isfinite(b) | (a == b)
    return near | (isnan(a) & isnan(b)) if equal_nan else near


def allclose(a, b, rtol=1e-5, atol=1e-8, equal_nan=False):
    """Whether two arrays are equal within a tolerance everywhere; lazy, as everything here."""
    return isclose(a, b, rtol, atol, equal_nan).all()


def array_equal(a1, a2):
    """Whether two arrays have one shape and equal elements; lazy, as everything here."""
    a1, a2 = asarray(a1), asarray(a2)
    return (a1 == a2).all() if a1.shape == a2.shape else full((), False)
