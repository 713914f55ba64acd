# SPDX-License-Identifier: BSD-3-Clause
"""Joining, cutting, and turning arrays, with NumPy's arguments: by composition of ops."""

import operator

import numpy as np

from . import _build, _optable, _params
from ._convert import asarray
from ._indexing import along
from ._params import axis_index as _axis, refuse_out
from .errors import TgAxisError, TgIndexError, TgTypeError, TgValueError

__all__ = [
    "append", "array_split", "atleast_1d", "atleast_2d", "atleast_3d", "block", "broadcast_arrays",
    "broadcast_to", "column_stack", "concatenate", "diff", "dsplit", "dstack", "ediff1d",
    "expand_dims", "flip", "fliplr", "flipud", "hsplit", "hstack", "matrix_transpose", "pad",
    "permute_dims", "ravel", "rechunk", "reshape", "rollaxis", "split", "squeeze", "stack",
    "take_along_axis", "tril_indices", "triu_indices", "unstack", "vsplit", "vstack",
]


# --- joining -----------------------------------------------------------------------------------


def _arrays(name, arrays, out, dtype, casting):
    refuse_out(name, out)
    if not hasattr(arrays, "__len__") and not hasattr(arrays, "__iter__"):
        raise TgTypeError(f"{name}: arrays to join must be a sequence, got {arrays!r}")
    if hasattr(arrays, "__next__"):
        raise TgTypeError(f"{name}: arrays to join must be a sequence, got an iterator")
    arrays = [asarray(a) for a in arrays]
    if not arrays:
        raise TgValueError(f"{name}: need at least one array to join")
    if dtype is not None:
        for a in arrays:
            if not np.can_cast(a.dtype, dtype, casting):
                raise TgTypeError(f"Cannot cast array data from dtype('{a.dtype}') to "
                                  f"dtype('{np.dtype(dtype)}') according to the rule '{casting}'")
        arrays = [a.astype(dtype) for a in arrays]
    return arrays


def concatenate(arrays, axis=0, out=None, *, dtype=None, casting="same_kind",
                allow_unknown_chunksizes=False):
    """Arrays one behind the other along an axis; None: flattened ones."""
    arrays = _arrays("concatenate", arrays, out, dtype, casting)
    if axis is None:
        arrays, axis = [a.reshape(-1) for a in arrays], 0
    return _optable.function("concatenate")(arrays, axis)


def stack(arrays, axis=0, out=None, *, dtype=None, casting="same_kind",
          allow_unknown_chunksizes=False):
    """Arrays one behind the other along a new axis."""
    return _optable.function("stack")(_arrays("stack", arrays, out, dtype, casting), axis)


def hstack(tup, *, dtype=None, casting="same_kind"):
    """Arrays side by side: along the second axis, or the first of 1-d arrays."""
    arrays = [atleast_1d(a) for a in _arrays("hstack", tup, None, dtype, casting)]
    return _optable.function("concatenate")(arrays, 0 if arrays[0].ndim == 1 else 1)


def vstack(tup, *, dtype=None, casting="same_kind"):
    """Arrays one below the other: along the first axis."""
    arrays = [atleast_2d(a) for a in _arrays("vstack", tup, None, dtype, casting)]
    return _optable.function("concatenate")(arrays, 0)


def dstack(tup):
    """Arrays one behind the other: along the third axis."""
    arrays = [atleast_3d(a) for a in _arrays("dstack", tup, None, None, "same_kind")]
    return _optable.function("concatenate")(arrays, 2)


def column_stack(tup):
    """Lines as the columns of a matrix; matrices side by side."""
    arrays = [a if a.ndim > 1 else a.reshape((-1, 1))
              for a in _arrays("column_stack", tup, None, None, "same_kind")]
    return _optable.function("concatenate")(arrays, 1)


def append(arr, values, axis=None):
    """Values put behind the end of an axis; None: both flattened."""
    return concatenate((arr, values), axis)


def block(arrays, allow_unknown_chunksizes=False):
    """An array from nested lists of blocks: the innermost lists lie along the last axis."""
    depth, first = 0, arrays
    while isinstance(first, list):
        if not first:
            raise TgValueError("List at arrays cannot be empty")
        depth, first = depth + 1, first[0]
    ndim = max(depth, _deepest(arrays, depth))
    return _block(arrays, depth, ndim)


def _deepest(arrays, depth):
    if isinstance(arrays, list):
        if not depth or not arrays:
            raise TgValueError("block: lists of blocks must be of one depth, and not empty")
        return max(_deepest(a, depth - 1) for a in arrays)
    if isinstance(arrays, tuple):
        raise TgTypeError("block: blocks are in lists, a tuple was given")
    if depth:
        raise TgValueError("block: lists of blocks must be of one depth")
    return np.ndim(arrays)


def _block(arrays, depth, ndim):
    if not depth:
        a = asarray(arrays)
        return a.reshape((1,) * (ndim - a.ndim) + a.shape)
    return _optable.function("concatenate")([_block(a, depth - 1, ndim) for a in arrays], -depth)


# --- cutting -----------------------------------------------------------------------------------


def _cut(a, places, axis):
    ends = [0, *places, a.shape[axis]]
    return [a[along(a.ndim, axis, slice(lo, hi))] for lo, hi in
            zip(ends[:-1], [*places, None])]


def array_split(ary, indices_or_sections, axis=0):
    """Parts along an axis: so many, nearly equal ones, or cut at the given places."""
    ary = asarray(ary)
    axis = _axis(axis, ary.ndim)
    if np.ndim(indices_or_sections):
        return _cut(ary, [operator.index(i) for i in indices_or_sections], axis)
    count = int(indices_or_sections)
    if count <= 0:
        raise TgValueError("number sections must be larger than 0.")
    each, more = divmod(ary.shape[axis], count)
    sizes = [each + 1] * more + [each] * (count - more)
    return _cut(ary, [sum(sizes[:i]) for i in range(1, count)], axis)


def split(ary, indices_or_sections, axis=0):
    """Equal parts along an axis, or parts cut at the given places."""
    ary = asarray(ary)
    if not np.ndim(indices_or_sections) and indices_or_sections > 0 and (
            ary.shape[_axis(axis, ary.ndim)] % indices_or_sections):
        raise TgValueError("array split does not result in an equal division")
    return array_split(ary, indices_or_sections, axis)


def vsplit(ary, indices_or_sections):
    """Parts along the first axis."""
    if np.ndim(ary) < 2:
        raise TgValueError("vsplit only works on arrays of 2 or more dimensions")
    return split(ary, indices_or_sections, 0)


def hsplit(ary, indices_or_sections):
    """Parts along the second axis, or the first of a line."""
    if np.ndim(ary) == 0:
        raise TgValueError("hsplit only works on arrays of 1 or more dimensions")
    return split(ary, indices_or_sections, 1 if np.ndim(ary) > 1 else 0)


def dsplit(ary, indices_or_sections):
    """Parts along the third axis."""
    if np.ndim(ary) < 3:
        raise TgValueError("dsplit only works on arrays of 3 or more dimensions")
    return split(ary, indices_or_sections, 2)


def unstack(x, /, *, axis=0):
    """The slices along an axis, as a tuple."""
    x = asarray(x)
    if not x.ndim:
        raise TgValueError("Input array must be at least 1-d.")
    return tuple(_optable.function("moveaxis")(x, axis, 0))


# --- turning -----------------------------------------------------------------------------------


def _each(op, arys):
    made = [_optable.function(op)(a) for a in arys]
    return made[0] if len(made) == 1 else tuple(made)


def atleast_1d(*arys):
    """With at least one axis."""
    return _each("atleast_1d", arys)


def atleast_2d(*arys):
    """With at least two axes; new ones come in front."""
    return _each("atleast_2d", arys)


def atleast_3d(*arys):
    """With at least three axes; a line lies along the second, a matrix along the first two."""
    return _each("atleast_3d", arys)


def _order(op, order):
    if order not in ("C", "A", "K"):
        raise TgValueError(f"{op}: only order='C' is supported, got {order!r}")


def reshape(a, shape, order="C", *, copy=None, merge_chunks=True, limit=None):
    """With another shape; one length may be -1."""
    _order("reshape", order)
    shape = tuple(shape) if np.ndim(shape) else (shape,)
    return _optable.function("reshape")(a, shape)


def ravel(a, order="C"):
    """As one axis."""
    _order("ravel", order)
    return _optable.function("ravel")(a)


def flip(m, axis=None):
    """Reversed along axes; None: along all of them."""
    if isinstance(axis, tuple) and not axis:
        return asarray(m)
    return _optable.function("flip")(m, axis)


def expand_dims(a, axis):
    """With new axes of length 1 at the given places."""
    if isinstance(axis, tuple) and not axis:
        return asarray(a)
    return _optable.function("expand_dims")(a, tuple(axis) if np.ndim(axis) else axis)


def squeeze(a, axis=None):
    """Without axes of length 1: all of them, or the given ones."""
    if isinstance(axis, tuple) and not axis:
        return asarray(a)
    return _optable.function("squeeze")(a, axis)


def broadcast_to(array, shape, subok=False, *, chunks=None, meta=None):
    """Repeated along new axes and those of length 1."""
    shape = tuple(shape) if np.ndim(shape) else (shape,)
    made = _optable.function("broadcast_to")(array, shape)
    return made if chunks is None else made.rechunk(chunks)


def broadcast_arrays(*args, subok=False):
    """The arrays, all with their common shape."""
    arrays = [asarray(a) for a in args]
    shape = np.broadcast_shapes(*[a.shape for a in arrays])
    return tuple(_optable.function("broadcast_to")(a, shape) for a in arrays)


def permute_dims(a, axes=None):
    """The array API's name of `transpose`."""
    return asarray(a).transpose(axes)


def matrix_transpose(x, /):
    """With its last two axes swapped."""
    x = asarray(x)
    if x.ndim < 2:
        raise TgValueError("Input array must be at least 2-dimensional, but it is "
                           f"{x.ndim}")
    return x.mT


def rollaxis(a, axis, start=0):
    """An axis moved before another."""
    a = asarray(a)
    axis = _axis(axis, a.ndim)
    start = start + a.ndim if start < 0 else start
    if not 0 <= start <= a.ndim:
        raise TgAxisError(f"'start' arg requires {-a.ndim} <= start < {a.ndim + 1}, but {start} "
                          "was passed in")
    return _optable.function("moveaxis")(a, axis, start - (axis < start))


def flipud(m):
    """The array reversed along its first axis."""
    if np.ndim(m) < 1:
        raise TgValueError("Input must be >= 1-d.")
    return _optable.function("flip")(m, 0)


def fliplr(m):
    """The array reversed along its second axis."""
    if np.ndim(m) < 2:
        raise TgValueError("Input must be >= 2-d.")
    return _optable.function("flip")(m, 1)


def rechunk(x, chunks="auto", threshold=None, block_size_limit=None, balance=False, method=None):
    """The same array with other chunks: "auto", one size for all axes, a tuple with one size per
    axis (-1: the whole axis, None: as it is), a dict {axis: size} for some axes, or a tuple of
    tuples with all sizes. Dask's tuning arguments say nothing: the engine plans the way."""
    x = asarray(x)
    if isinstance(chunks, dict):
        wanted = {_axis(axis, x.ndim): size for axis, size in chunks.items()}
        chunks = tuple(wanted.get(axis) for axis in range(x.ndim))
    if isinstance(chunks, (list, tuple)) and len(chunks) == x.ndim:
        chunks = tuple(x.chunks[i] if c is None else c for i, c in enumerate(chunks))
    return _build.apply("rechunk", (x,), _params.chunk_params("rechunk", chunks, x.shape))


# --- margins and differences -------------------------------------------------------------------


def pad(array, pad_width, mode="constant", **kwargs):
    """The array with a margin along its axes: constant (constant_values), edge, reflect,
    symmetric, wrap, or empty (cells of no meaning: zeros)."""
    array = asarray(array)
    allowed = {"constant": "constant_values", "reflect": "reflect_type",
               "symmetric": "reflect_type"}.get(mode if isinstance(mode, str) else "")
    for name in kwargs:
        if name != allowed:
            raise TgValueError(f"unsupported keyword arguments for mode '{mode}': {{{name!r}}}")
    if kwargs.get("reflect_type", "even") != "even":
        raise TgValueError("pad: only reflect_type='even' is supported, got "
                           f"{kwargs['reflect_type']!r}")
    if isinstance(pad_width, dict):
        axes = {_axis(axis, array.ndim): width for axis, width in pad_width.items()}
        pad_width = [tuple(np.broadcast_to(axes.get(i, 0), 2)) for i in range(array.ndim)]
    widths = np.asarray(pad_width)
    if widths.dtype.kind not in "iu":
        raise TgTypeError("`pad_width` must be of integral type.")
    try:
        widths = np.broadcast_to(widths, (array.ndim, 2)).tolist()
    except ValueError:
        raise TgValueError("operands could not be broadcast together: "
                           f"pad_width must be a number, a pair, or a pair for each of the "
                           f"{array.ndim} axes, got {pad_width!r}") from None
    if min((n for pair in widths for n in pair), default=0) < 0:
        raise TgValueError("pad: pad_width: index can't contain negative values, got "
                           f"{pad_width!r}")
    if not array.ndim:
        return array
    if mode == "constant":
        return _pad_constant(array, widths, kwargs.get("constant_values", 0))
    return _optable.function("pad")(array, widths, "constant" if mode == "empty" else mode)


def _pad_constant(array, widths, values):
    try:
        values = np.broadcast_to(np.asarray(values), (array.ndim, 2))
    except ValueError:
        raise TgValueError("operands could not be broadcast together: "
                           f"constant_values must be a number, a pair, or a pair for each of "
                           f"the {array.ndim} axes, got {values!r}") from None
    if array.dtype.kind != "c" and (array.dtype.itemsize < 8 or array.dtype.kind == "f"):
        values = values.astype(array.dtype).astype(float)
        return _optable.function("pad")(array, widths, "constant", values)
    # Constants that a double cannot carry: joined on, axis after axis.
    for axis, (pair, ends) in enumerate(zip(widths, values.astype(array.dtype))):
        parts = [_optable.function("broadcast_to")(asarray(end), tuple(
            n if i == axis else length for i, length in enumerate(array.shape)))
            for n, end in zip(pair, ends)]
        array = _optable.function("concatenate")((parts[0], array, parts[1]), axis)
    return array


def diff(a, n=1, axis=-1, prepend=None, append=None):
    """Differences of neighbours along an axis, n times."""
    a = asarray(a)
    if n == 0:
        return a
    if n < 0:
        raise TgValueError(f"order must be non-negative but got {n}")
    if not a.ndim:
        raise TgValueError("diff requires input that is at least one dimensional")
    axis = _axis(axis, a.ndim)
    ends = []
    for end in (prepend, append):
        if end is None or end is np._NoValue:
            ends.append([])
            continue
        end = asarray(end)
        if not end.ndim:
            end = _optable.function("broadcast_to")(
                end, tuple(1 if i == axis else length for i, length in enumerate(a.shape)))
        ends.append([end])
    if ends[0] or ends[1]:
        a = _optable.function("concatenate")([*ends[0], a, *ends[1]], axis)
    return _optable.function("diff")(a, n, axis)


def ediff1d(ary, to_end=None, to_begin=None):
    """Differences of neighbours in the flattened array, with what is put before and behind."""
    ary = asarray(ary).reshape(-1)
    parts = [_optable.function("diff")(ary) if ary.size else ary]
    for place, end in ((0, to_begin), (len(parts) + 1, to_end)):
        if end is not None:
            end = asarray(end).reshape(-1)
            if not np.can_cast(end.dtype, ary.dtype, "same_kind"):
                raise TgTypeError("dtype of `to_end` or `to_begin` must be compatible with input "
                                  "`ary` under the `same_kind` rule.")
            parts.insert(place, end.astype(ary.dtype))
    return parts[0] if len(parts) == 1 else _optable.function("concatenate")(parts, 0)


# --- places ------------------------------------------------------------------------------------


def tril_indices(n, k=0, m=None, *, chunks="auto"):
    """The places of the lower triangle of a matrix of n x m."""
    return tuple(asarray(part, chunks=chunks) for part in np.tril_indices(n, k, m))


def triu_indices(n, k=0, m=None, *, chunks="auto"):
    """The places of the upper triangle of a matrix of n x m."""
    return tuple(asarray(part, chunks=chunks) for part in np.triu_indices(n, k, m))


def take_along_axis(arr, indices, axis=-1):
    """Cells of each line, by indices of its own; tiles hold whole lines."""
    from ._map import map_blocks

    arr, indices = asarray(arr), asarray(indices)
    if indices.dtype.kind not in "iu":
        raise TgIndexError("`indices` must be an integer array")
    if axis is None:
        arr, axis = arr.reshape(-1), 0
    if arr.ndim != indices.ndim:
        raise TgValueError("`indices` and `arr` must have the same number of dimensions")
    axis = _axis(axis, arr.ndim)
    shape = np.broadcast_shapes(*[tuple(1 if i == axis else n for i, n in enumerate(a.shape))
                                  for a in (arr, indices)])
    arr, indices = (_optable.function("broadcast_to")(
        a, shape[:axis] + (a.shape[axis],) + shape[axis + 1:]) for a in (arr, indices))
    lines = tuple(-1 if i == axis else 1024 for i in range(arr.ndim))
    arr, indices = arr.rechunk(lines), indices.rechunk(lines)
    chunks = tuple((indices.shape[axis],) if i == axis else sizes
                   for i, sizes in enumerate(arr.chunks))
    return map_blocks(lambda block, places: np.take_along_axis(block, places, axis), arr, indices,
                      dtype=arr.dtype, chunks=chunks)
