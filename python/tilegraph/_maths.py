# SPDX-License-Identifier: BSD-3-Clause
"""Derivatives, bins, and small functions of NumPy's: by composition of ops."""

import operator

import numpy as np

from . import _build, _optable
from ._convert import asarray
from ._indexing import along
from ._layout import broadcast_arrays
from ._params import axis_index, refuse_out
from .errors import TgTypeError, TgValueError

__all__ = [
    "apply_along_axis", "apply_over_axes", "coarsen", "divmod", "fix", "frexp", "gradient",
    "iscomplex", "iscomplexobj", "isneginf", "isposinf", "isreal", "isrealobj", "ldexp", "modf",
    "nan_to_num", "ndim", "sinc", "size", "trace", "trapezoid", "unwrap",
]


def _op(name, *args):
    return _build.apply(name, args)


# --- facts -------------------------------------------------------------------------------------


def ndim(a):
    """Number of axes."""
    return asarray(a).ndim


def size(a, axis=None):
    """Number of elements, or length of an axis."""
    a = asarray(a)
    return a.size if axis is None else a.shape[axis_index(axis, a.ndim)]


def iscomplexobj(x):
    """Whether the elements are of a complex type."""
    return asarray(x).dtype.kind == "c"


def isrealobj(x):
    """Whether the elements are not of a complex type."""
    return not iscomplexobj(x)


# --- element by element ------------------------------------------------------------------------


def _float(x):
    x = asarray(x)
    return x if x.dtype.kind in "fc" else x.astype(np.sqrt(np.ones(1, x.dtype)).dtype)


def iscomplex(x):
    """Whether the imaginary part of each element is not zero."""
    return _op("imag", asarray(x)) != 0


def isreal(x):
    """Whether the imaginary part of each element is zero."""
    return _op("imag", asarray(x)) == 0


def _infinite(name, x, out, negative):
    refuse_out(name, out)
    x = asarray(x)
    if x.dtype.kind == "c":
        raise TgTypeError(f"This operation is not supported for {x.dtype} values because it would "
                          "be ambiguous.")
    sign = _op("signbit", x if x.dtype != bool else x.astype(np.int8))
    return _op("isinf", x) & (sign if negative else ~sign)


def isposinf(x, out=None):
    """Whether each element is infinity."""
    return _infinite("isposinf", x, out, False)


def isneginf(x, out=None):
    """Whether each element is minus infinity."""
    return _infinite("isneginf", x, out, True)


def fix(x, out=None):
    """Rounded towards zero."""
    refuse_out("fix", out)
    return _op("trunc", x)


def sinc(x):
    """sin(pi x) / (pi x)."""
    x = _float(x)
    y = np.pi * _op("where", x == 0, np.asarray(1e-20 if x.dtype != np.float16 else 1e-7,
                                                x.dtype), x)
    return _op("sin", y) / y


def nan_to_num(x, copy=True, nan=0.0, posinf=None, neginf=None):
    """Replaces NaN and infinities by numbers. copy says nothing: arrays are immutable."""
    return _optable.function("nan_to_num")(x, nan, posinf, neginf)


def divmod(x1, x2, /):  # noqa: A001 (NumPy's name)
    """Floor quotient and remainder."""
    return _op("floor_divide", x1, x2), _op("remainder", x1, x2)


def modf(x, /):
    """Fractional and whole part, both with the sign of x."""
    x = _float(x)
    whole = _op("trunc", x)
    part = _op("where", _op("isinf", x), np.zeros((), x.dtype), x - whole)
    return _op("copysign", part, x), whole


def _chunkwise(function, dtype, *args):
    from ._map import map_blocks

    return map_blocks(function, *args, dtype=dtype)


def frexp(x, /):
    """Mantissa in (-1, 1) and exponent of two."""
    x = _float(x)
    return (_chunkwise(lambda block: np.frexp(block)[0], x.dtype, x),
            _chunkwise(lambda block: np.frexp(block)[1], np.int32, x))


def ldexp(x1, x2, /):
    """x1 times two to the power of x2."""
    x1, x2 = _float(x1), asarray(x2)
    if x2.dtype.kind not in "biu":
        raise TgTypeError(f"ufunc 'ldexp' not supported for the input types ({x1.dtype}, "
                          f"{x2.dtype}); the second must be integers")
    return _chunkwise(np.ldexp, x1.dtype, *broadcast_arrays(x1, x2))


# --- along axes --------------------------------------------------------------------------------


def _slice(a, axis, *ends):
    return a[along(a.ndim, axis, slice(*ends))]


def gradient(f, *varargs, axis=None, edge_order=1):
    """Central differences in the inside, one-sided ones of edge_order at the edges."""
    f = asarray(f)
    axes = range(f.ndim) if axis is None else [axis_index(i, f.ndim) for i in np.atleast_1d(axis)]
    axes = list(axes)
    if len(set(axes)) != len(axes):
        raise TgValueError("repeated axis in `axis` argument")
    if len(varargs) not in (0, 1, len(axes)):
        raise TgTypeError("invalid number of arguments")
    if edge_order not in (1, 2):
        raise TgValueError("'edge_order' greater than 2 not supported" if edge_order > 2 else
                           f"gradient: edge_order must be 1 or 2, got {edge_order}")
    spacings = list(varargs) * len(axes) if len(varargs) == 1 else list(varargs)
    spacings = spacings or [1.0] * len(axes)
    if f.dtype.kind in "biu":
        f = f.astype(float)
    made = [_gradient(f, i, h, edge_order) for i, h in zip(axes, spacings)]
    return made[0] if len(made) == 1 else tuple(made)


def _gradient(f, axis, spacing, edge_order):
    length = f.shape[axis]
    spacing = np.asarray(spacing)
    if spacing.ndim > 1:
        raise TgValueError("distances must be either scalars or 1d")
    if length < edge_order + 1:
        raise TgValueError("Shape of array too small to calculate a numerical gradient, at least "
                           "(edge_order + 1) elements are required.")
    if spacing.ndim == 0:
        steps = np.full(length - 1, spacing)
    elif spacing.shape[0] != length:
        raise TgValueError("when 1d, distances must match the length of the corresponding "
                           "dimension")
    else:
        steps = np.diff(spacing.astype(float) if spacing.dtype.kind in "biu" else spacing)
    even = (steps == steps[0]).all()

    def at(numbers):
        line = np.asarray(numbers).astype(f.dtype if f.dtype.kind == "f" else float)
        return line.reshape([-1 if i == axis else 1 for i in range(f.ndim)])

    before, here, behind = (_slice(f, axis, lo, hi) for lo, hi in ((None, -2), (1, -1),
                                                                   (2, None)))
    if even:
        inside = (behind - before) / at([2.0 * steps[0]])
    else:
        lo, hi = steps[:-1], steps[1:]
        inside = (at(-hi / (lo * (lo + hi))) * before + at((hi - lo) / (lo * hi)) * here
                  + at(lo / (hi * (lo + hi))) * behind)

    def edge(cells, weights):
        total = None
        for cell, weight in zip(cells, weights):
            part = _slice(f, axis, cell, cell + 1) if cell != -1 else _slice(f, axis, -1, None)
            total = part * at([weight]) if total is None else total + part * at([weight])
        return total

    if edge_order == 1:
        first = (_slice(f, axis, 1, 2) - _slice(f, axis, 0, 1)) / at([steps[0]])
        last = (_slice(f, axis, -1, None) - _slice(f, axis, -2, -1)) / at([steps[-1]])
    else:
        a, b = steps[0], steps[1]
        first = edge((0, 1, 2), (-(2 * a + b) / (a * (a + b)), (a + b) / (a * b),
                                 -a / (b * (a + b))))
        a, b = steps[-2], steps[-1]
        last = edge((-3, -2, -1), (b / (a * (a + b)), -(b + a) / (a * b),
                                   (2 * b + a) / (b * (a + b))))
    return _optable.function("concatenate")((first, inside, last), axis)


def trapezoid(y, x=None, dx=1.0, axis=-1):
    """The integral along an axis by the rule of trapezoids."""
    y = asarray(y)
    axis = axis_index(axis, y.ndim)
    if x is None:
        steps = dx
    else:
        x = asarray(x)
        steps = _optable.function("diff")(x, 1, 0 if x.ndim == 1 else axis)
        if steps.ndim == 1:
            steps = steps.reshape([-1 if i == axis else 1 for i in range(y.ndim)])
    both = _slice(y, axis, 1, None) + _slice(y, axis, None, -1)
    return (steps * both / 2.0).sum(axis)


def unwrap(p, discont=None, axis=-1, *, period=2 * np.pi):
    """Jumps of more than half a period taken out along an axis."""
    p = asarray(p)
    axis = axis_index(axis, p.ndim)
    steps = _optable.function("diff")(p, 1, axis)
    discont = period / 2 if discont is None else discont
    kind = np.result_type(steps.dtype, np.asarray(period).dtype if not isinstance(
        period, (int, float)) else type(period)())
    if kind.kind in "iu":
        high, rest = np.divmod(period, 2)
        ambiguous = rest == 0
    else:
        high, ambiguous = period / 2, True
    low = -high
    folded = (steps - low) % period + low
    if ambiguous:
        folded = _op("where", (folded == low) & (steps > 0), np.asarray(high, folded.dtype),
                     folded)
    correct = _op("where", abs(steps) < discont, np.zeros((), folded.dtype), folded - steps)
    rest = _slice(p, axis, 1, None) + correct.cumsum(axis)
    return _optable.function("concatenate")(
        (_slice(p, axis, None, 1).astype(rest.dtype), rest), axis)


def trace(a, offset=0, axis1=0, axis2=1, dtype=None, out=None):
    """The sum along a diagonal."""
    from ._create import diagonal

    refuse_out("trace", out)
    return diagonal(a, offset, axis1, axis2).sum(-1, dtype=dtype)


def apply_along_axis(func1d, axis, arr, *args, dtype=None, shape=None, **kwargs):
    """A function of lines along an axis, run chunk by chunk. dtype and shape: of its result; None:
    seen from a line of ones."""
    from ._map import map_blocks

    arr = asarray(arr)
    axis = axis_index(axis, arr.ndim)
    if dtype is None or shape is None:
        sample = np.asarray(func1d(np.ones(arr.shape[axis], arr.dtype), *args, **kwargs))
        dtype = sample.dtype if dtype is None else dtype
        shape = sample.shape if shape is None else shape
    arr = arr.rechunk({axis: -1})
    chunks = [*arr.chunks[:axis], *((n,) for n in shape), *arr.chunks[axis + 1:]]
    return map_blocks(
        lambda block: np.apply_along_axis(func1d, axis, block, *args, **kwargs), arr, dtype=dtype,
        chunks=tuple(chunks), drop_axis=[axis], new_axis=list(range(axis, axis + len(shape))))


def apply_over_axes(func, a, axes):
    """A function func(a, axis) applied over several axes, one after the other, all kept."""
    a = asarray(a)
    for axis in np.atleast_1d(axes):
        axis = axis_index(axis, a.ndim)
        made = func(a, axis)
        if made.ndim == a.ndim - 1:
            made = _optable.function("expand_dims")(made, axis)
        elif made.ndim != a.ndim:
            raise TgValueError("function is not returning an array of the correct shape")
        a = made
    return a


def coarsen(reduction, x, axes, trim_excess=False, **kwargs):
    """Bins of neighbours brought together by a reduction such as np.mean: axes is {axis: cells}."""
    x = asarray(x)
    bins = {axis_index(axis, x.ndim): operator.index(n) for axis, n in axes.items()}
    for axis, n in bins.items():
        if n < 1 or (x.shape[axis] % n and not trim_excess):
            raise TgValueError(f"Coarsening factors {axes} do not align with array shape "
                               f"{x.shape}.")
    x = x[tuple(slice(length - length % bins.get(axis, 1))
                for axis, length in enumerate(x.shape))]
    shape, inner = [], []
    for axis, length in enumerate(x.shape):
        shape.append(length // bins.get(axis, 1))
        if axis in bins:
            inner.append(len(shape))
            shape.append(bins[axis])
    return reduction(x.reshape(shape), axis=tuple(inner), **kwargs)
