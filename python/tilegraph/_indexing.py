# SPDX-License-Identifier: BSD-3-Clause
"""x[index], in NumPy's meaning: basic indexing, one array of integers, or one boolean mask."""

import operator

import numpy as np

from . import _optable
from ._array import Array
from ._build import apply
from ._params import ints
from .errors import TgIndexError, TgUnsupportedError

__all__ = ["along", "getitem"]


def along(ndim, axis, item):
    """The index that is `item` along one axis and everything along the others."""
    return tuple(item if i == axis else slice(None) for i in range(ndim))


def getitem(array, index):
    """array[index]."""
    items = list(index) if isinstance(index, tuple) else [index]
    items = [_plain(item) for item in items]
    mask = [item for item in items if _is_mask(item)]
    if mask and not isinstance(mask[0], Array) and mask[0].ndim == 1:
        # A mask in memory that selects along one axis: as good as its positions.
        items = [_positions(array, items, i) if _is_mask(item) and item.ndim == 1 else item
                 for i, item in enumerate(items)]
        mask = [item for item in items if _is_mask(item)]
    if mask:
        return _select(array, items, mask[0])
    return _positional(array, _expand(array, items))


def _plain(item):
    """An index as int, slice, None, Ellipsis, NumPy array or Array."""
    if item is None or item is Ellipsis or isinstance(item, (slice, Array)):
        return item
    if isinstance(item, (bool, np.bool_)):
        return np.array(item)
    if hasattr(item, "__index__") and np.ndim(item) == 0:
        return operator.index(item)
    if isinstance(item, (list, np.ndarray)) or hasattr(item, "__array__"):
        found = np.asarray(item)
        if found.size == 0 and isinstance(item, list):
            found = found.astype(np.intp)
        if found.dtype.kind in "biu":
            return found
    raise TgIndexError("only integers, slices (`:`), ellipsis (`...`), numpy.newaxis (`None`) and "
                       f"integer or boolean arrays are valid indices, got {item!r}")


def _is_mask(item):
    return isinstance(item, (Array, np.ndarray)) and item.dtype == bool


def _consumed(item):
    """Axes of the array that one index takes."""
    if item is None or item is Ellipsis:
        return 0
    return item.ndim if _is_mask(item) else 1


def _axis_of(array, items, place):
    """The axis that items[place] indexes."""
    axis = sum(_consumed(item) for item in items[:place])
    if any(item is Ellipsis for item in items[:place]):
        axis += array.ndim - sum(_consumed(item) for item in items)
    return axis


def _positions(array, items, place):
    mask, axis = items[place], _axis_of(array, items, place)
    length = array.shape[axis] if axis < array.ndim else None
    if length != len(mask):
        raise TgIndexError(
            f"boolean index did not match indexed array along axis {axis}; size of axis is "
            f"{length} but size of corresponding boolean axis is {len(mask)}")
    return np.flatnonzero(mask)


def _select(array, items, mask):
    rest = [item for item in items if item is not mask]
    if items[0] is not mask or any(
            item is not Ellipsis and not (isinstance(item, slice) and item == slice(None))
            for item in rest):
        raise TgUnsupportedError("a lazy or N-d mask has to be the first index, and the only one "
                                 "that selects")
    if tuple(mask.shape) != tuple(array.shape[:mask.ndim]):
        raise TgIndexError(f"boolean index did not match indexed array: the array has shape "
                           f"{array.shape}, the mask {tuple(mask.shape)}")
    return apply("mask_select", (array, mask))


def _expand(array, items):
    """One index for each axis, and None where new ones come."""
    if sum(item is Ellipsis for item in items) > 1:
        raise TgIndexError("an index can only have a single ellipsis ('...')")
    given = sum(_consumed(item) for item in items)
    if given > array.ndim:
        raise TgIndexError(f"too many indices for array: array is {array.ndim}-dimensional, but "
                           f"{given} were indexed")
    if not any(item is Ellipsis for item in items):
        items = [*items, Ellipsis]
    place = next(i for i, item in enumerate(items) if item is Ellipsis)
    return items[:place] + [slice(None)] * (array.ndim - given) + items[place + 1:]


def _positional(array, items):
    """Slices and integers first, then the one array of positions, then the new axes."""
    arrays = [i for i, item in enumerate(items) if isinstance(item, (np.ndarray, Array))]
    if len(arrays) > 1:
        raise TgUnsupportedError("indexing by several integer arrays at once is not supported; "
                                 "index one axis after the other")
    plain = [slice(None) if i in arrays else item for i, item in enumerate(items)]
    result = _basic(array, [item for item in plain if item is not None])
    if not arrays:
        return _new_axes(result, items)
    place = arrays[0]
    taken = items[place]
    # NumPy counts integers beside an array among the arrays; when they are not neighbours, the
    # axes of the result come first.
    advanced = [i for i, item in enumerate(items) if isinstance(item, int)] + arrays
    split = max(advanced) - min(advanced) >= len(advanced)
    axis = sum(isinstance(item, slice) for item in items[:place])
    result = _take(result, taken, axis)
    if split:
        moved = range(axis, axis + taken.ndim)
        rest = [a for a in range(result.ndim) if a not in moved]
        result = result.transpose(*moved, *rest)
        items = [taken] + [item for item in items if item is not taken and
                           not isinstance(item, int)]
    return _new_axes(result, items)


def _take(array, positions, axis):
    length = array.shape[axis]
    if not isinstance(positions, Array):
        bad = (positions < -length) | (positions >= length)
        if bad.any():
            raise TgIndexError(f"index {positions[bad][0]} is out of bounds for axis {axis} with "
                               f"size {length}")
    return _optable.function("take")(array, positions, axis=axis)


def _basic(array, items):
    """Slices and integers, one for each axis."""
    if all(item == slice(None) for item in items if isinstance(item, slice)) and not any(
            isinstance(item, int) for item in items):
        return array
    start, count, step, drop = [], [], [], []
    for axis, item in enumerate(items):
        length = array.shape[axis]
        if isinstance(item, int):
            if not -length <= item < length:
                raise TgIndexError(f"index {item} is out of bounds for axis {axis} with size "
                                   f"{length}")
            start.append(item % length)
            count.append(1)
            step.append(1)
            drop.append(axis)
            continue
        cells = _range(item, length, axis)
        start.append(cells.start if len(cells) else 0)
        count.append(len(cells))
        step.append(cells.step)
    params = [ints("slice", "start", start), ints("slice", "count", count),
              ints("slice", "step", step)]
    if drop:
        params.append(ints("slice", "drop", drop))
    return apply("slice", (array,), params)


def _range(item, length, axis):
    if length != length:
        raise TgIndexError(f"axis {axis} has no known length before computing; persist() the "
                           "array first")
    try:
        return range(*item.indices(length))
    except ValueError as error:  # a step of 0
        raise TgIndexError(str(error)) from None


def _new_axes(array, items):
    """Puts the new axes in. items: as they were, after what has vanished from the array."""
    axes, place = [], 0
    for item in items:
        if item is None:
            axes.append(place)
            place += 1
        elif isinstance(item, slice):
            place += 1
        elif not isinstance(item, int):
            place += item.ndim
    return _optable.function("expand_dims")(array, tuple(axes)) if axes else array
