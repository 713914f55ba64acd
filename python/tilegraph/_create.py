# SPDX-License-Identifier: BSD-3-Clause
"""Arrays from shapes and rules, with NumPy's and Dask's arguments.

`order`, `subok`, `device` and `like` are NumPy's. Lazy arrays have no layout in memory and one
class, so the first two are checked and say nothing; the device is the CPU. `name` and `meta` are
Dask's and say nothing here.
"""

import operator

import numpy as np

from . import _build, _optable, _params
from ._convert import asarray
from .errors import TgTypeError, TgValueError

__all__ = [
    "arange", "array", "diag", "diagonal", "empty", "empty_like", "eye", "fromfunction", "full",
    "full_like", "geomspace", "identity", "indices", "linspace", "logspace", "meshgrid", "ones",
    "ones_like", "tri", "zeros", "zeros_like",
]


def _layout(op, order, device=None):
    if order not in ("C", "F", "A", "K", None):
        raise TgValueError(f"{op}: order must be one of 'C', 'F', 'A', or 'K' (got {order!r})")
    if device not in ("cpu", None):
        raise TgValueError(f'Device not understood. Only "cpu" is allowed, but received: {device}')


def _shape(op, shape):
    if shape is None:
        raise TgTypeError(f"{op}: shape must be integers, got None")
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
    if hasattr(value, "compute"):
        value = value.compute()
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
        params.append(_params.string("dtype", _params.dtype_name(dtype, f"{op}: dtype: ")))
    params += _params.chunk_params(op, chunks, shape)
    return _build.apply("full", (), params)


def full(shape, fill_value, dtype=None, chunks="auto", *, order="C", device=None, like=None,
         name=None, meta=None):
    """An array filled with one number; no memory is used for it."""
    _layout("full", order, device)
    if np.ndim(fill_value):
        filled = asarray(fill_value, dtype)
        return _optable.function("broadcast_to")(filled, _shape("full", shape)).rechunk(chunks)
    return _fill("full", shape, fill_value, dtype, chunks)


def zeros(shape, dtype=float, chunks="auto", *, order="C", device=None, like=None, name=None,
          meta=None):
    """An array of zeros; no memory is used for it."""
    _layout("zeros", order, device)
    return _fill("zeros", shape, 0, float if dtype is None else dtype, chunks)


def ones(shape, dtype=float, chunks="auto", *, order="C", device=None, like=None, name=None,
         meta=None):
    """An array of ones; no memory is used for it."""
    _layout("ones", order, device)
    return _fill("ones", shape, 1, float if dtype is None else dtype, chunks)


def empty(shape, dtype=float, chunks="auto", *, order="C", device=None, like=None, name=None,
          meta=None):
    """The same as `zeros`: an array that nobody fills has no other sensible content here."""
    _layout("empty", order, device)
    return _fill("empty", shape, 0, float if dtype is None else dtype, chunks)


def _like(op, a, value, dtype, shape, chunks, order, device):
    _layout(op, order, device)
    a = asarray(a)
    shape = a.shape if shape is None else _shape(op, shape)
    if chunks is None:
        chunks = a.chunks if shape == a.shape and a.ndim else "auto"
    dtype = a.dtype if dtype is None else dtype
    if np.ndim(value):
        return full(shape, value, dtype, chunks)
    return _fill(op, shape, value, dtype, chunks)


def full_like(a, fill_value, dtype=None, order="K", subok=True, shape=None, *, chunks=None,
              device=None, name=None, meta=None):
    """An array filled with one number, with shape, dtype and chunks of another."""
    return _like("full_like", a, fill_value, dtype, shape, chunks, order, device)


def zeros_like(a, dtype=None, order="K", subok=True, shape=None, *, chunks=None, device=None,
               name=None, meta=None):
    """An array of zeros with shape, dtype and chunks of another."""
    return _like("zeros_like", a, 0, dtype, shape, chunks, order, device)


def ones_like(a, dtype=None, order="K", subok=True, shape=None, *, chunks=None, device=None,
               name=None, meta=None):
    """An array of ones with shape, dtype and chunks of another."""
    return _like("ones_like", a, 1, dtype, shape, chunks, order, device)


def empty_like(prototype, dtype=None, order="K", subok=True, shape=None, *, chunks=None,
               device=None, name=None, meta=None):
    """The same as `zeros_like`."""
    return _like("empty_like", prototype, 0, dtype, shape, chunks, order, device)


def array(object, dtype=None, *, copy=True, order="K", subok=False,  # noqa: A002
          ndmin=0, like=None, chunks="auto"):
    """A lazy array of anything, with at least ndmin axes."""
    _layout("array", order)
    if not hasattr(object, "compute") and not isinstance(object, np.ndarray):
        items = object if isinstance(object, (list, tuple)) else ()
        if any(hasattr(item, "compute") for item in items):
            object = _optable.function("stack")([asarray(item) for item in items])  # noqa: A001
    a = asarray(object, dtype, chunks=chunks, copy=copy)
    return a[(None,) * (ndmin - a.ndim) + (...,)] if ndmin > a.ndim else a


# --- along an axis -----------------------------------------------------------------------------


def arange(start, stop=None, step=1, *, dtype=None, chunks="auto", device=None, like=None):
    """Evenly spaced numbers from start (default 0) up to, without, stop."""
    _layout("arange", "C", device)
    if stop is None:
        start, stop = 0, start
    if step is None:
        step = 1
    numbers = [start, stop, step]
    if dtype is None and any(isinstance(n, np.generic) for n in numbers):
        # As NumPy: of numbers with types the result has their common one.
        dtype = np.arange(*(type(n)(i > 0) for i, n in enumerate(numbers))).dtype
    if all(isinstance(n, (bool, int, np.integer)) for n in numbers):
        params = [_params.ints("arange", "integers", numbers)]
    else:
        params = [_params.floats("arange", name, [n])
                  for name, n in zip(("start", "stop", "step"), numbers)]
    if dtype is not None:
        params.append(_params.string("dtype", _params.dtype_name(dtype, "arange: dtype: ")))
    return _build.apply("arange", (), params + _params.chunk_params("arange", chunks))


def linspace(start, stop, num=50, endpoint=True, retstep=False, dtype=None, axis=0, *,
             chunks="auto", device=None):
    """num evenly spaced numbers from start to stop, with stop unless endpoint is False."""
    _layout("linspace", "C", device)
    num = operator.index(num)
    if np.ndim(start) or np.ndim(stop) or np.iscomplexobj(start) or np.iscomplexobj(stop):
        made = np.linspace(start, stop, num, endpoint, retstep, dtype, axis)
        return (asarray(made[0], chunks=chunks), made[1]) if retstep else asarray(
            made, chunks=chunks)
    made = _optable.function("linspace")(start, stop, num, endpoint, dtype=dtype,
                                         chunks=chunks)
    if not retstep:
        return made
    gaps = num - 1 if endpoint else num
    return made, (stop - start) / gaps if gaps > 0 else np.nan


def logspace(start, stop, num=50, endpoint=True, base=10.0, dtype=None, axis=0, *,
             chunks="auto"):
    """num numbers from base**start to base**stop, evenly spaced in the exponent."""
    exponents = linspace(start, stop, num, endpoint, axis=axis, chunks=chunks)
    made = _build.apply("power", (base, exponents))
    return made if dtype is None else made.astype(dtype)


def geomspace(start, stop, num=50, endpoint=True, dtype=None, axis=0, *, chunks="auto"):
    """num numbers from start to stop with a constant ratio."""
    return asarray(np.geomspace(start, stop, num, endpoint, dtype, axis), chunks=chunks)


def eye(N, M=None, k=0, dtype=float, chunks="auto", *, order="C",  # noqa: N803
        device=None, like=None):
    """A matrix with ones on the k-th diagonal and zeros elsewhere."""
    _layout("eye", order, device)
    return _optable.function("eye")(N, M, k, dtype=dtype, chunks=chunks)


def identity(n, dtype=None, *, chunks="auto", like=None):
    """The square matrix with ones on the diagonal."""
    return eye(n, dtype=float if dtype is None else dtype, chunks=chunks)


def tri(N, M=None, k=0, dtype=float, chunks="auto", *, like=None):  # noqa: N803 (NumPy's names)
    """A matrix with ones at and below the k-th diagonal."""
    rows, columns = operator.index(N), operator.index(N if M is None else M)
    low = arange(rows)[:, None] >= arange(-k, columns - k)[None, :]
    return low.astype(dtype).rechunk(chunks)


def indices(dimensions, dtype=int, sparse=False, *, chunks="auto"):
    """The place of each cell along each axis, as one array or, if sparse, a tuple of lines."""
    dimensions = _shape("indices", dimensions)
    sizes = _params.normal_chunks("indices", chunks, dimensions)[1]
    lines = []
    for axis, length in enumerate(dimensions):
        line = arange(length, dtype=dtype)
        if sizes is not None:
            line = line.rechunk((tuple(sizes[axis]),))
        lines.append(line[tuple(slice(None) if i == axis else None
                                for i in range(len(dimensions)))])
    if sparse:
        return tuple(lines)
    if not lines:
        return zeros((0,), dtype)
    stacked = _optable.function("stack")(
        [_optable.function("broadcast_to")(line, dimensions) for line in lines], 0)
    if sizes is None and not (isinstance(chunks, str) and chunks == "auto"):
        edge = chunks if isinstance(chunks, tuple) else (chunks,) * len(dimensions)
        stacked = stacked.rechunk((1, *edge))
    return stacked


def meshgrid(*xi, copy=True, sparse=False, indexing="xy"):
    """Matrices of coordinates from lines of coordinates."""
    if indexing not in ("xy", "ij"):
        raise TgValueError("Valid values for `indexing` are 'xy' and 'ij'.")
    xi = [asarray(x).reshape(-1) for x in xi]
    count = len(xi)
    swap = indexing == "xy" and count > 1
    order = [1, 0, *range(2, count)] if swap else list(range(count))
    lines = [x[tuple(slice(None) if a == order[i] else None for a in range(count))]
             for i, x in enumerate(xi)]
    if sparse:
        return tuple(lines)
    from ._layout import broadcast_arrays

    return broadcast_arrays(*lines)


def fromfunction(function, shape, *, chunks="auto", dtype=float, like=None, **kwargs):
    """The values of a function of the coordinates, which it gets as lazy arrays."""
    return function(*indices(shape, dtype=float if dtype is None else dtype, chunks=chunks),
                    **kwargs)


# --- diagonals ---------------------------------------------------------------------------------


def diagonal(a, offset=0, axis1=0, axis2=1):
    """The diagonal of two axes, as the last axis of the result."""
    a = asarray(a)
    if a.ndim < 2:
        raise TgValueError("diag requires an array of at least two dimensions")
    axis1 = np.lib.array_utils.normalize_axis_index(axis1, a.ndim)
    axis2 = np.lib.array_utils.normalize_axis_index(axis2, a.ndim)
    if axis1 == axis2:
        raise TgValueError("axis1 and axis2 cannot be the same")
    rest = [i for i in range(a.ndim) if i not in (axis1, axis2)]
    a = a.transpose(*rest, axis1, axis2)
    rows, columns = a.shape[-2:]
    length = max(0, min(rows + min(offset, 0), columns - max(offset, 0)))
    if not length:
        return zeros((*a.shape[:-2], 0), a.dtype)
    # One line of rows * columns cells: the diagonal is a slice of it with step columns + 1.
    first = max(offset, 0) + max(-offset, 0) * columns
    line = a.reshape((*a.shape[:-2], rows * columns))
    return line[..., first:first + (length - 1) * (columns + 1) + 1:columns + 1]


def diag(v, k=0):
    """The k-th diagonal of a matrix, or the matrix with that diagonal."""
    v = asarray(v)
    if v.ndim == 2:
        return diagonal(v, k)
    if v.ndim != 1:
        raise TgValueError("Input must be 1- or 2-d.")
    spread = _optable.function("pad")(v, (max(k, 0), max(-k, 0)))  # by column
    return _build.apply("where", (eye(v.shape[0] + abs(k), k=k, dtype=bool), spread[None, :],
                                  np.zeros((), v.dtype)))
