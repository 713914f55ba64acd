# SPDX-License-Identifier: BSD-3-Clause
"""Measurements whose SciPy form is no array, or more than one, or needs NumPy's freedom."""

import numpy as np

from . import _build, _optable
from ._array import Array
from ._convert import asarray
from ._params import dtype_name
from ._run import Deferred, compute
from .errors import TgMismatchError, TgTypeError, TgValueError

__all__ = [
    "Deferred", "Objects", "center_of_mass", "extrema", "find_objects", "histogram", "label",
    "labeled_comprehension", "maximum", "maximum_position", "mean", "median", "minimum",
    "minimum_position", "standard_deviation", "sum", "sum_labels", "value_indices", "variance",
]


class Objects(Deferred):
    """The lazy result of `find_objects`: for label i the tuple of slices i - 1, or None for a label
    that does not occur. `boxes` is the same as an array with the shape (labels, axes, 2)."""

    def __init__(self, boxes):
        super().__init__(boxes, self._slices)

    @staticmethod
    def _slices(boxes):
        return [
            tuple(slice(int(lo), int(hi)) for lo, hi in box) if box[:, 1].all() else None
            for box in boxes
        ]


# --- labels ------------------------------------------------------------------------------------


def label(input, structure=None, output=None):  # noqa: A002 (SciPy's names)
    """Numbers the connected components of the cells that are not zero.

    structure: which neighbours count: a 3 x 3 x ... array, as `generate_binary_structure` makes;
    the default are the direct neighbours. output: a dtype, or an array that the labels are written
    to at once; then the count alone is returned. Returns (labels, count), both lazy: computed
    together, with `tilegraph.compute(labels, count)`, the work is done once.
    """
    x = asarray(input)
    if isinstance(output, np.ndarray) and output.shape != x.shape:
        raise TgValueError(f"label: output shape not correct: {output.shape}, expected {x.shape}")
    if x.dtype.kind == "c":
        raise TgTypeError("label: Complex type not supported")
    if structure is not None and np.ndim(structure) != x.ndim:
        raise TgMismatchError("label: structure and input must have equal rank, got "
                              f"{np.ndim(structure)} and {x.ndim}")
    if x.ndim == 0:
        labels = (x != 0).astype("int32")
        count = labels.astype("int64")
    else:
        arrays = (x,) if structure is None else (x, np.asarray(structure, bool))
        labels, count = _build.apply("label", arrays), _build.apply("label_count", arrays)
    if isinstance(output, np.ndarray):
        labels, count = compute(_narrowed(labels, output.dtype), count)
        output[...] = labels
        return int(count)
    if output is not None:
        labels = _narrowed(labels, np.dtype(dtype_name(output, "label: output: ")))
    return labels, count


def _narrowed(labels, dtype):
    """Labels of another type; a label that it cannot hold is an error of the computation."""
    holds = np.iinfo(dtype).max if dtype.kind in "iu" else 1 if dtype.kind == "b" else np.inf
    if holds >= labels.size or labels.ndim == 0:
        return labels.astype(dtype)
    from ._map import map_blocks

    def narrow(block):
        if block.max(initial=0) > holds:
            raise TgMismatchError(f"label: insufficient bit-depth in requested output type {dtype}")
        return block.astype(dtype)

    return map_blocks(narrow, labels, dtype=dtype)


def find_objects(input, max_label=0):  # noqa: A002 (SciPy's names)
    """Bounding boxes of labelled objects, as slices.

    max_label: boxes up to this label; 0: up to the largest. Returns `Objects`, which is lazy, may
    be given to `tilegraph.compute` with other results, and is otherwise used as a list.
    """
    x = asarray(input)
    if x.ndim == 0:
        return Deferred(x, lambda value: [
            () if i + 1 == value else None
            for i in range(max_label if max_label > 0 else max(int(value), 0))])
    return Objects(_optable.function("find_objects")(x, max(int(max_label), 0)))


# --- one number per object ---------------------------------------------------------------------


def _arguments(op, input, labels, index):  # noqa: A002 (SciPy's names)
    """The arguments with at least one axis and of one shape; index only with labels."""
    x = asarray(input)
    if labels is None:
        return (x if x.ndim else x[None],)
    labels = asarray(labels)
    if labels.shape != x.shape:
        from ._layout import broadcast_arrays

        try:
            x, labels = broadcast_arrays(x, labels)
        except ValueError:
            raise TgValueError(f"{op}: input and labels must have the same shape (excepting "
                               f"dimensions with width 1), got {x.shape} and {labels.shape}"
                               ) from None
    if x.ndim == 0:
        x, labels = x[None], labels[None]
    return (x, labels) if index is None else (x, labels, index)


def _measured(op, input, labels, index):  # noqa: A002 (SciPy's names)
    return _build.apply(op, [a if isinstance(a, Array) else np.asarray(a)
                             for a in _arguments(op, input, labels, index)])


def _one_number(name, op, summary):
    def function(input, labels=None, index=None):  # noqa: A002 (SciPy's names)
        return _measured(op, input, labels, index)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"""{summary}

    labels: which cells belong together; without them all do. index: a label or an array of them;
    without it all labels above 0 are one object.
    """
    return function


sum_labels = _one_number("sum_labels", "sum_labels", "The sum of the values of objects.")
sum = _one_number("sum", "sum_labels", "The same as `sum_labels`.")  # noqa: A001
mean = _one_number("mean", "mean_labels", "The mean of the values of objects.")
variance = _one_number("variance", "variance_labels", "The variance of the values of objects.")
standard_deviation = _one_number("standard_deviation", "standard_deviation",
                                 "The standard deviation of the values of objects.")
minimum = _one_number("minimum", "minimum_labels", "The smallest value of objects.")
maximum = _one_number("maximum", "maximum_labels", "The largest value of objects.")


def _tuples(values):
    """One tuple, or a list of them."""
    if values.ndim == 1:
        return tuple(values)
    return [tuple(row) for row in values.reshape(-1, values.shape[-1])]


def _place(op, input, labels, index):  # noqa: A002 (SciPy's names)
    return Deferred(_measured(op, input, labels, index), _tuples)


def minimum_position(input, labels=None, index=None):  # noqa: A002
    """Where the smallest value of objects is; the first place, if there are more. A tuple, or for
    an index with axes a list of them, lazily: see `Deferred`."""
    return _place("minimum_position", input, labels, index)


def maximum_position(input, labels=None, index=None):  # noqa: A002
    """Where the largest value of objects is; the first place, if there are more. A tuple, or for an
    index with axes a list of them, lazily: see `Deferred`."""
    return _place("maximum_position", input, labels, index)


def center_of_mass(input, labels=None, index=None):  # noqa: A002
    """The mean position of objects, weighted by the values. A tuple, or for an index with axes a
    list of them, lazily: see `Deferred`."""
    return _place("center_of_mass", input, labels, index)


def extrema(input, labels=None, index=None):  # noqa: A002
    """The smallest and the largest values of objects, and where they are: minimum, maximum,
    minimum_position and maximum_position of one pass."""
    made = (minimum, maximum, minimum_position, maximum_position)
    return tuple(function(input, labels, index) for function in made)


# --- functions of all values of an object ------------------------------------------------------


def labeled_comprehension(input, labels, index, func, out_dtype, default,  # noqa: A002
                          pass_positions=False):
    """Calls a function of the user with the values of each object, as SciPy does.

    Lazy (see `Deferred`), but not in bounded memory: input and labels are computed whole.
    """
    if labels is None and index is not None:
        raise TgValueError("labeled_comprehension: index without defined labels")
    arrays = _arguments("labeled_comprehension", input, labels, None)
    if index is not None:
        wanted = np.atleast_1d(index)
        kind = arrays[1].dtype
        if np.any(wanted.astype(kind).astype(wanted.dtype) != wanted):
            raise TgValueError(f"labeled_comprehension: Cannot convert index values from "
                               f"<{wanted.dtype}> to <{kind}> (labels' type) without loss of "
                               "precision")

    def of(values, chosen):
        picked = values.ravel() if chosen is None else values[chosen]
        if not pass_positions:
            return func(picked)
        places = np.arange(values.size).reshape(values.shape)
        return func(picked, places.ravel() if chosen is None else places[chosen])

    def finish(computed):
        values, marks = computed if len(computed) == 2 else (*computed, None)
        if index is None:
            return of(values, None if marks is None else marks > 0)
        result = np.empty(wanted.shape, out_dtype)
        result[...] = default
        cells = _cells_of(marks)
        for place in np.ndindex(wanted.shape):
            chosen = cells.get(wanted[place])
            if chosen is not None:
                result[place] = of(values, chosen)
        return result[0] if np.isscalar(index) else result

    return Deferred(arrays, finish)


def _cells_of(marks):
    """For each value that occurs the indices of its cells, in raster order."""
    order = np.argsort(marks, axis=None, kind="stable")
    found, first = np.unique(marks.ravel()[order], return_index=True)
    return {value: np.unravel_index(cells, marks.shape)
            for value, cells in zip(found, np.split(order, first[1:]))}


def value_indices(arr, *, ignore_value=None):
    """For each value of an array of integers the indices of its cells: a dict, lazily (see
    `Deferred`), but not in bounded memory."""
    x = asarray(arr)
    if x.dtype.kind not in "iu":
        raise TgValueError(f"value_indices: Parameter 'arr' must be an integer array, got "
                           f"{x.dtype}")
    return Deferred(x, lambda values: {key: cells for key, cells in _cells_of(values).items()
                                       if ignore_value is None or key != ignore_value})


def median(input, labels=None, index=None):  # noqa: A002
    """The median of the values of objects. Not in bounded memory when there are labels."""
    if labels is None:
        from ._reduce import median

        return median(asarray(input))
    x = asarray(input)
    dtype = x.dtype if x.dtype.kind in "fc" else np.dtype(float)
    return labeled_comprehension(x, labels, index, np.median, dtype, 0)


def histogram(input, min, max, bins, labels=None, index=None):  # noqa: A002
    """The histogram of the values of objects, from min to max. Not in bounded memory."""
    edges = np.linspace(min, max, bins + 1)
    return labeled_comprehension(input, labels, index,
                                 lambda values: np.histogram(values, edges)[0], object, None)
