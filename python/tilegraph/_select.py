# SPDX-License-Identifier: BSD-3-Clause
"""Which elements there are, where they are, and taking them: by composition of ops.

Where NumPy's result has a length that only the data know, it is nan in the shape until computed.
"""

import operator

import numpy as np

from . import _build, _optable
from ._array import Array
from ._convert import asarray
from ._indexing import along
from ._params import axis_index as _axis, refuse_out
from .errors import TgIndexError, TgTypeError, TgValueError

__all__ = [
    "argsort", "argtopk", "argwhere", "bincount", "choose", "compress", "delete", "digitize",
    "extract", "flatnonzero", "insert", "intersect1d", "isin", "nonzero", "piecewise",
    "ravel_multi_index", "repeat", "searchsorted", "select", "setdiff1d", "sort", "take", "topk",
    "union1d", "unique", "unravel_index",
]


def _flat(a):
    return asarray(a).reshape(-1)


def _line_axis(a, axis):
    """The array and the axis counted from the front; None: of the flattened array."""
    a = asarray(a)
    return (a.reshape(-1), 0) if axis is None else (a, _axis(axis, a.ndim))


# --- distinct elements -------------------------------------------------------------------------


def unique(ar, return_index=False, return_inverse=False, return_counts=False, axis=None, *,
           equal_nan=True, sorted=True):  # noqa: A002 (NumPy's name)
    """The distinct elements in rising order; if asked for, where each comes first and how often.

    In one pass over the data, in memory for the distinct elements only.
    """
    ar = asarray(ar)
    if axis is not None and ar.ndim != 1:
        raise TgTypeError("unique: axis= is not supported; only the elements of the whole array "
                          "can be compared")
    if not equal_nan and ar.dtype.kind in "fc":
        raise TgTypeError("unique: equal_nan=False is not supported; all NaN are one element")
    if ar.dtype.kind == "c":
        raise TgTypeError("unique: not supported for complex elements")
    parts = ["values"] + ["index"] * bool(return_index)
    found = [_unique(ar, part) for part in parts]
    if return_inverse:
        # The values have to be known before an element can be looked up among them.
        values = found[0].compute()
        found.append(_optable.function("searchsorted")(values, ar))
    if return_counts:
        found.append(_unique(ar, "counts"))
    return found[0] if len(found) == 1 else tuple(found)


def _unique(ar, part):
    return _optable.function("_unique")(ar, part)


def union1d(ar1, ar2):
    """The elements that are in either array, each once, in rising order."""
    return unique(_optable.function("concatenate")((_flat(ar1), _flat(ar2))))


def isin(element, test_elements, assume_unique=False, invert=False, *, kind=None):
    """Whether each element is among the test elements, which are held in memory."""
    element = asarray(element)
    tests = test_elements.compute() if isinstance(test_elements, Array) else test_elements
    tests = np.unique(np.asarray(tests))
    if not tests.size:
        return _optable.function("broadcast_to")(np.bool_(invert), element.shape)
    common = np.result_type(element.dtype, tests.dtype)
    tests = tests.astype(common)
    tests = tests[tests == tests]  # a NaN is in nothing
    if not tests.size:
        return _optable.function("broadcast_to")(np.bool_(invert), element.shape)
    lo = _optable.function("searchsorted")(tests, element.astype(common), "left")
    hi = _optable.function("searchsorted")(tests, element.astype(common), "right")
    return lo >= hi if invert else lo < hi


def intersect1d(ar1, ar2, assume_unique=False, return_indices=False):
    """The elements that are in both arrays, each once, in rising order."""
    if return_indices:
        raise TgTypeError("intersect1d: return_indices= is not supported for lazy arrays")
    first = _flat(ar1)
    return unique(first[isin(first, ar2)].persist())


def setdiff1d(ar1, ar2, assume_unique=False):
    """The elements of the first array that are not in the second, each once, in rising order."""
    first = _flat(ar1)
    rest = first[isin(first, ar2, invert=True)]
    return rest if assume_unique else unique(rest.persist())


# --- bins --------------------------------------------------------------------------------------


def searchsorted(a, v, side="left", sorter=None):
    """The places where elements would go into a sorted array, to keep it sorted."""
    if sorter is not None:
        a = take(a, sorter)
    if side not in ("left", "right"):
        raise TgValueError(f"search side must be 'left' or 'right' (got {side!r})")
    return _optable.function("searchsorted")(a, v, side)


def digitize(x, bins, right=False):
    """The bin of each element: of bins that rise or fall steadily, and are held in memory."""
    bins = np.asarray(bins.compute() if isinstance(bins, Array) else bins)
    x = asarray(x)
    if x.dtype.kind == "c":
        raise TgTypeError("x may not be complex")
    if bins.ndim != 1:
        raise TgValueError(f"object of too small depth for desired array: bins has {bins.ndim} "
                           "axes")
    steps = np.diff(bins)
    side = "left" if right else "right"
    if (steps >= 0).all():
        return _optable.function("searchsorted")(bins, x, side)
    if not (steps <= 0).all():
        raise TgValueError("bins must be monotonically increasing or decreasing")
    side = "right" if right else "left"
    return len(bins) - _optable.function("searchsorted")(bins[::-1].copy(), x, side)


def bincount(x, weights=None, minlength=0, *, split_every=None):
    """How often each non-negative integer comes, or the sum of its weights.

    The length of the result is the largest element and one: it is looked for at once. With a
    minlength larger than all elements that pass over the data shows that.
    """
    x = asarray(x)
    if x.ndim != 1:
        raise TgValueError("object of too small depth for desired array" if not x.ndim else
                           "object too deep for desired array")
    if x.dtype.kind not in "biu" and x.size:
        raise TgTypeError(f"Cannot cast array data from dtype('{x.dtype}') to dtype('int64') "
                          "according to the rule 'safe'")
    minlength = operator.index(minlength)
    if minlength < 0:
        raise TgValueError("'minlength' must not be negative")
    lowest, highest = 0, -1
    if x.size:
        from ._run import compute

        lowest, highest = compute(x.min(), x.max())
    if lowest < 0:
        raise TgValueError("'list' argument must have no negative elements")
    length = max(int(highest) + 1, minlength)
    if not length:
        return asarray(np.zeros(0, np.intp))
    edges = np.arange(length + 1) - 0.5
    from ._extra import histogram

    weights = None if weights is None else asarray(weights).astype(float)
    return histogram(x, edges, weights=weights)[0]


# --- where -------------------------------------------------------------------------------------


def _true(a):
    a = asarray(a)
    return a if a.dtype == bool else a != 0


def flatnonzero(a):
    """The places, in the flattened array, of elements that are not zero."""
    from ._create import arange

    a = _flat(a)
    return arange(a.size, dtype=np.intp)[_true(a)]


def nonzero(a):
    """The places of elements that are not zero: an array for each axis."""
    from ._create import indices

    a = asarray(a)
    if not a.ndim:
        raise TgValueError("Calling nonzero on 0d arrays is not allowed. Use "
                           "np.atleast_1d(scalar).nonzero() instead.")
    mask = _true(a)
    lines = indices(a.shape, dtype=np.intp, sparse=True)
    return tuple(_optable.function("broadcast_to")(line, a.shape)[mask] for line in lines)


def argwhere(a):
    """The places of elements that are not zero: a row for each."""
    from ._create import indices

    a = asarray(a)
    cells = _optable.function("moveaxis")(indices(a.shape, dtype=np.intp), 0, -1)
    return _build.apply("mask_select", (cells, _true(a)))


def extract(condition, arr):
    """The elements where a condition is true."""
    arr = _flat(arr)
    return compress(_flat(condition), arr)


def compress(condition, a, axis=None, out=None):
    """The slices along an axis where a condition is true; None: of the flattened array."""
    refuse_out("compress", out)
    a, axis = _line_axis(a, axis)
    if np.ndim(condition) != 1:
        raise TgValueError("condition must be a 1-d array")
    if isinstance(condition, Array) and not axis and condition.shape[0] <= a.shape[0]:
        return _build.apply("mask_select", (a[:condition.shape[0]], _true(condition)))
    # Along another axis the length of the result has to be known now: of one line only.
    condition = np.asarray(condition)
    return take(a, np.flatnonzero(condition), axis)


def select(condlist, choicelist, default=0):
    """From the first choice whose condition is true, else the default."""
    if len(condlist) != len(choicelist):
        raise TgValueError("list of cases must be same length as list of conditions")
    if not len(condlist):
        raise TgValueError("select with an empty condition list is not possible")
    for i, condition in enumerate(condlist):
        if getattr(condition, "dtype", np.asarray(condition).dtype) != bool:
            raise TgTypeError(f"invalid entry {i} in condlist: should be boolean ndarray")
    kind = np.result_type(*[c.dtype if isinstance(c, (Array, np.ndarray)) else c
                            for c in (*choicelist, default)])
    result = asarray(default).astype(kind)
    for condition, choice in zip(condlist[::-1], choicelist[::-1]):
        result = _build.apply("where", (condition, asarray(choice).astype(kind), result))
    return result


def choose(a, choices, out=None, mode="raise"):
    """From choices[i] where a is i."""
    refuse_out("choose", out)
    a, choices = asarray(a), list(choices)
    if mode == "wrap":
        a = a % len(choices)
    elif mode == "clip":
        a = a.clip(0, len(choices) - 1)
    elif bool(((a < 0) | (a >= len(choices))).any()):
        raise TgValueError("invalid entry in choice array")
    return select([a == i for i in range(len(choices))], choices)


def piecewise(x, condlist, funclist, *args, **kw):
    """Functions of the elements, each where its condition is true; functions see whole arrays."""
    x = asarray(x)
    many = np.ndim(condlist) > 0 if not isinstance(condlist, list) else bool(condlist)
    if not many or (x.ndim and not isinstance(condlist[0], (list, np.ndarray, Array))) or (
            isinstance(condlist, Array) and condlist.ndim == x.ndim):
        condlist = [condlist]
    condlist = [asarray(c).astype(bool) for c in condlist]
    if len(funclist) == len(condlist) + 1:
        rest = condlist[0]
        for condition in condlist[1:]:
            rest = rest | condition
        condlist.append(~rest)
    elif len(funclist) != len(condlist):
        raise TgValueError(f"with {len(condlist)} condition(s), either {len(condlist)} or "
                           f"{len(condlist) + 1} functions are expected")
    result = np.zeros((), x.dtype)
    for condition, function in zip(condlist, funclist):
        value = function(x, *args, **kw) if callable(function) else function
        result = _build.apply("where", (condition, asarray(value).astype(x.dtype), result))
    return result


# --- by place ----------------------------------------------------------------------------------


def take(a, indices, axis=None, out=None, mode="raise"):
    """Cells along an axis, by integers; None: of the flattened array."""
    refuse_out("take", out)
    return _optable.function("take")(a, indices, axis, mode)


def repeat(a, repeats, axis=None):
    """Every cell repeated along an axis, all as often, or each as its entry says."""
    counts = np.asarray(repeats)
    if counts.dtype.kind not in "biu" and counts.size:
        raise TgTypeError(f"Cannot cast array data from dtype('{counts.dtype}') to dtype('int64') "
                          "according to the rule 'safe'")
    if counts.size == 1:
        return _optable.function("repeat")(a, int(counts.reshape(-1)[0]), axis)
    a, axis = _line_axis(a, axis)
    if counts.shape != (a.shape[axis],):
        raise TgValueError(f"operands could not be broadcast together with shape "
                           f"({a.shape[axis]},) {counts.shape}")
    if (counts < 0).any():
        raise TgValueError("repeats may not contain negative values.")
    return take(a, np.repeat(np.arange(a.shape[axis]), counts), axis)


def delete(arr, obj, axis=None):
    """The array without some slices along an axis."""
    arr, axis = _line_axis(arr, axis)
    return take(arr, np.delete(np.arange(arr.shape[axis]), obj), axis)


def insert(arr, obj, values, axis=None):
    """The array with slices put in before some places along an axis."""
    arr, axis = _line_axis(arr, axis)
    length = arr.shape[axis]
    if isinstance(obj, slice):
        obj = np.arange(*obj.indices(length))
    scalar = np.ndim(obj) == 0
    places = np.atleast_1d(np.asarray(obj))
    if places.dtype == bool:
        places = np.flatnonzero(places)
    if ((places < -length) | (places > length)).any():
        raise TgIndexError(f"index {obj} is out of bounds for axis {axis} with size {length}")
    values = asarray(values).astype(arr.dtype)
    if scalar and values.ndim == arr.ndim and values.ndim:
        places = np.repeat(places, values.shape[axis])
    elif values.ndim and scalar and values.ndim == arr.ndim - 1:
        values = _optable.function("expand_dims")(values, axis)
    if values.ndim == 1 and arr.ndim > 1 and not scalar:
        values = values.reshape([-1 if i == axis else 1 for i in range(arr.ndim)]) \
            if values.shape[0] == len(places) and axis != arr.ndim - 1 else values
    shape = tuple(len(places) if i == axis else n for i, n in enumerate(arr.shape))
    values = _optable.function("broadcast_to")(values, shape)
    order = np.insert(np.arange(length), places, np.arange(length, length + len(places)))
    return take(_optable.function("concatenate")((arr, values), axis), order, axis)


def unravel_index(indices, shape, order="C"):
    """The place along each axis of places in the flattened array."""
    if order != "C":
        raise TgValueError(f"unravel_index: only order='C' is supported, got {order!r}")
    if not isinstance(indices, Array):
        # In memory: NumPy looks whether they are inside, which of lazy ones nobody knows yet.
        return _checked(np.unravel_index, indices, shape)
    if indices.dtype.kind not in "iu":
        raise TgTypeError("only int indices permitted")
    shape = tuple(shape) if np.ndim(shape) else (shape,)
    places = []
    for length in shape[::-1]:
        places.append(indices % length)
        indices = indices // length
    return tuple(places[::-1])


def _checked(function, *args):
    """A NumPy function of what is in memory, its errors as ours."""
    try:
        made = function(*args)
    except (ValueError, TypeError) as error:
        raise (TgTypeError if isinstance(error, TypeError) else TgValueError)(
            str(error)) from None
    return tuple(asarray(part) for part in made) if isinstance(made, tuple) else asarray(made)


def ravel_multi_index(multi_index, dims, mode="raise", order="C"):
    """The place in the flattened array of places along each axis."""
    if order != "C" or mode not in ("raise", "wrap", "clip"):
        raise TgValueError(f"ravel_multi_index: only order='C' and mode 'raise', 'wrap' or 'clip' "
                           f"are supported, got {order!r} and {mode!r}")
    if not any(isinstance(place, Array) for place in multi_index):
        return _checked(np.ravel_multi_index, multi_index, dims, mode)
    result = 0
    for place, length in zip(multi_index, dims):
        place = asarray(place)
        place = place % length if mode == "wrap" else (
            place.clip(0, length - 1) if mode == "clip" else place)
        result = result * length + place
    return result


# --- order: whole lines along one axis at a time ---------------------------------------------


def _lines(function, a, axis, dtype, length=None):
    """A NumPy function of whole lines, run chunk by chunk."""
    from ._map import map_blocks

    a = a.rechunk({axis: -1})
    chunks = None
    if length is not None:
        chunks = tuple((length,) if i == axis else sizes for i, sizes in enumerate(a.chunks))
    return map_blocks(function, a, dtype=dtype, chunks=chunks)


def sort(a, axis=-1, kind=None, order=None, *, stable=None):
    """Sorted along an axis; a tile holds whole lines."""
    a, axis = _line_axis(a, axis)
    return _lines(lambda block: np.sort(block, axis, kind), a, axis, a.dtype)


def argsort(a, axis=-1, kind=None, order=None, *, stable=None):
    """The places that would sort along an axis; a tile holds whole lines."""
    a, axis = _line_axis(a, axis)
    return _lines(lambda block: np.argsort(block, axis, kind), a, axis, np.intp)


def _topk(a, k, axis):
    a, k = asarray(a), operator.index(k)
    axis = _axis(axis, a.ndim)
    picked = slice(None, -k - 1, -1) if k > 0 else slice(None, -k)
    return a, axis, along(a.ndim, axis, picked), min(abs(k), a.shape[axis])


def topk(a, k, axis=-1, split_every=None):
    """The k largest elements along an axis, largest first; the smallest for a negative k."""
    a, axis, picked, length = _topk(a, k, axis)
    return _lines(lambda block: np.sort(block, axis)[picked], a, axis, a.dtype, length)


def argtopk(a, k, axis=-1, split_every=None):
    """The places of the k largest elements along an axis; of the smallest for a negative k."""
    a, axis, picked, length = _topk(a, k, axis)
    return _lines(lambda block: np.argsort(block, axis)[picked], a, axis, np.intp, length)
