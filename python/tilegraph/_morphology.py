# SPDX-License-Identifier: BSD-3-Clause
"""SciPy's binary morphology and distance transforms, composed of the ops of the table.

What the ops do not take is spelled here: masks (`where` after every iteration), arrays as `output`,
arrays without axes, and repeating until nothing changes (`binary_propagation`).
"""

import operator

import numpy as np

from . import _build, _optable
from ._convert import asarray
from ._filters import _axes, _sequence, into
from .errors import TgMismatchError, TgTypeError, TgValueError

__all__ = [
    "binary_closing", "binary_dilation", "binary_erosion", "binary_fill_holes",
    "binary_hit_or_miss", "binary_opening", "binary_propagation", "distance_transform_bf",
    "distance_transform_cdt", "distance_transform_edt", "generate_binary_structure",
    "iterate_structure",
]


def generate_binary_structure(rank, connectivity):
    """A 3 x 3 x ... array of the neighbours that are at most `connectivity` steps away."""
    if rank < 1:
        return np.array(True)
    away = np.abs(np.indices([3] * rank) - 1).sum(0)
    return away <= max(connectivity, 1)


def iterate_structure(structure, iterations, origin=None):
    """A structure dilated with itself, as if it were applied several times.

    With an origin: the structure and its origin, one number per axis.
    """
    structure = np.asarray(structure)
    made = structure.copy()
    if iterations < 2:
        return made
    times = iterations - 1
    before = [times * (n // 2) for n in structure.shape]
    seed = np.pad(structure != 0, [(b, times * (n - 1) - b)
                                   for b, n in zip(before, structure.shape)])
    made = binary_dilation(seed, structure, iterations=times).compute()
    if origin is None:
        return made
    return made, [iterations * o for o in _sequence(origin, structure.ndim)]


# --- binary morphology -------------------------------------------------------------------------


def binary_erosion(input, structure=None, iterations=1, mask=None, output=None,  # noqa: A002
                   border_value=0, origin=0, brute_force=False, *, axes=None):
    """Cells on which the structure fits into the true cells.

    iterations: how often; less than 1: until nothing changes. mask: only its true cells may
    change. border_value: what lies outside. brute_force: does nothing here.
    """
    return _given(_binary("binary_erosion", input, structure, iterations, mask, output,
                          border_value, origin, axes), output)


def binary_dilation(input, structure=None, iterations=1, mask=None, output=None,  # noqa: A002
                    border_value=0, origin=0, brute_force=False, *, axes=None):
    """Cells that the structure reaches from the true cells.

    iterations: how often; less than 1: until nothing changes. mask: only its true cells may
    change. border_value: what lies outside. brute_force: does nothing here.
    """
    return _given(_binary("binary_dilation", input, structure, iterations, mask, output,
                          border_value, origin, axes), output)


def binary_opening(input, structure=None, iterations=1, output=None, origin=0,  # noqa: A002
                   mask=None, border_value=0, brute_force=False, *, axes=None):
    """An erosion, then a dilation: removes what the structure does not fit into."""
    x = input
    for op in ("binary_erosion", "binary_dilation"):
        x = _binary(op, x, structure, iterations, mask, output, border_value, origin, axes)
    return _given(x, output)


def binary_closing(input, structure=None, iterations=1, output=None, origin=0,  # noqa: A002
                   mask=None, border_value=0, brute_force=False, *, axes=None):
    """A dilation, then an erosion: fills what the structure does not fit into."""
    x = input
    for op in ("binary_dilation", "binary_erosion"):
        x = _binary(op, x, structure, iterations, mask, output, border_value, origin, axes)
    return _given(x, output)


def binary_hit_or_miss(input, structure1=None, structure2=None, output=None,  # noqa: A002
                       origin1=0, origin2=None, *, axes=None):
    """Cells on which structure1 fits into the true cells and structure2 into the false ones.

    structure2: the complement of structure1 when it is not given; origin2: origin1.
    """
    x = _input("binary_hit_or_miss", input)
    if structure1 is None:
        structure1 = generate_binary_structure(len(_axes(axes, x.ndim)), 1)
    if structure2 is None:
        structure2 = np.logical_not(structure1)
    origin2 = origin1 if origin2 is None else origin2
    hit = _binary("binary_erosion", x, structure1, 1, None, output, 0, origin1, axes)
    miss = _binary("binary_erosion", ~x, structure2, 1, None, output, 1, origin2, axes)
    result = hit & miss
    return result if not isinstance(output, np.ndarray) else _write(result, output)


def binary_propagation(input, structure=None, mask=None, output=None,  # noqa: A002
                       border_value=0, origin=0, *, axes=None):
    """Dilates within the mask until nothing changes."""
    return binary_dilation(input, structure, -1, mask, output, border_value, origin, axes=axes)


def binary_fill_holes(input, structure=None, output=None, origin=0, *, axes=None):  # noqa: A002
    """Fills the background that is not connected to the border."""
    x = _input("binary_fill_holes", input)
    if x.ndim == 0:  # no background cell has a neighbour outside
        result = x | ~x if structure is None or np.all(structure) else x
    else:
        axes = _axes(axes, x.ndim)
        structure = _structure("binary_fill_holes", structure, len(axes))
        result = _optable.build(_optable.op("binary_fill_holes"), (
            x, _expanded(structure, x.ndim, axes)), (_origins(origin, x.ndim, axes),))
    return result if not isinstance(output, np.ndarray) else _write(result, output)


def _expanded(structure, ndim, axes):
    """A structure for some axes as one for all."""
    return np.expand_dims(structure, [a for a in range(ndim) if a not in axes]).copy()


def _origins(origin, ndim, axes):
    given = dict(zip(axes, _sequence(origin, len(axes))))
    return [given.get(a, 0) for a in range(ndim)]


def _input(op, x):
    x = asarray(x)
    if x.dtype.kind == "c":
        raise TgTypeError(f"{op}: Complex type not supported")
    return asarray(x, bool)


def _given(result, output):
    """The result, or where the caller wants to have it."""
    return result if not isinstance(output, np.ndarray) else into(result, output)


def _write(result, output):
    into(result, output)


def _binary(op, x, structure, iterations, mask, output, border_value, origin, axes):
    try:
        iterations = operator.index(iterations)
    except TypeError:
        raise TgTypeError(f"{op}: iterations parameter should be an integer, got "
                          f"{iterations!r}") from None
    x = _input(op, x)
    if isinstance(output, np.ndarray):
        if output.dtype.kind == "c":
            raise TgTypeError(f"{op}: Complex output type not supported")
        if output.shape != x.shape:
            raise TgMismatchError(f"{op}: output shape not correct: {output.shape}, expected "
                                  f"{x.shape}")
    axes = _axes(axes, x.ndim)
    structure = _structure(op, structure, len(axes))
    origin = _sequence(origin, len(axes))
    if mask is not None:
        mask = asarray(mask)
        if mask.shape != x.shape:
            raise TgMismatchError(f"{op}: mask and input must have equal sizes, got {mask.shape} "
                                  f"and {x.shape}")
        mask = asarray(mask, bool)
    if not axes:  # the structure is one cell
        x, mask = x[None], None if mask is None else mask[None]
        structure, axes, origin = structure.reshape(1), [0], [0]
        return _repeated(op, x, structure, iterations, mask, border_value, origin, axes)[0]
    return _repeated(op, x, structure, iterations, mask, border_value, origin, axes)


def _structure(op, structure, ndim):
    if structure is None:
        return generate_binary_structure(ndim, 1)
    structure = np.asarray(structure, bool)
    if structure.ndim != ndim:
        raise TgMismatchError(f"{op}: structure.ndim ({structure.ndim}) must match len(axes) "
                              f"({ndim}): structure and input must have same dimensionality")
    if not structure.size:
        raise TgMismatchError(f"{op}: structure must not be empty")
    return structure


def _repeated(op, x, structure, iterations, mask, border_value, origin, axes):
    border = int(bool(border_value))
    if iterations < 1 and op == "binary_dilation":
        return _spread(x, structure, mask, border, origin, axes)
    if iterations < 1:  # the background spreads by the mirrored structure
        mirrored = structure[(slice(None, None, -1),) * structure.ndim]
        origin = [-o - (n + 1) % 2 for o, n in zip(origin, structure.shape)]
        return ~_spread(~x, mirrored, mask, 1 - border, origin, axes)
    step = _optable.function(op)
    if mask is None:
        return step(x, structure, iterations, border_value=border, origin=origin, axes=axes)
    for _ in range(iterations):
        x = _build.apply("where", (mask, step(x, structure, 1, border_value=border, origin=origin,
                                              axes=axes), x))
    return x


def _spread(x, structure, mask, border, origin, axes):
    """Dilation until nothing changes."""
    args = (x, _expanded(structure, x.ndim, axes)) + (() if mask is None else (mask,))
    return _optable.build(_optable.op("_binary_spread"), args,
                          (border, _origins(origin, x.ndim, axes)))


# --- distance transforms -----------------------------------------------------------------------


def distance_transform_edt(input, sampling=None, return_distances=True,  # noqa: A002
                           return_indices=False, distances=None, indices=None):
    """The exact Euclidean distance to the nearest cell that is zero, and the indices of that cell.

    sampling: spacing of cells, for all axes or for each. distances, indices: arrays that are
    written to at once, instead of being returned.
    """
    op = "distance_transform_edt"
    _distance_check(op, return_distances, return_indices, distances, indices)
    x = _input(op, input)
    x = x if x.ndim else x[None]
    steps = None if sampling is None else _sequence(sampling, x.ndim)
    made = []
    if return_distances:
        made.append((_optable.function(op)(x, steps), distances, "distances"))
    if return_indices:
        raster = _nearest(x, "euclidean", steps)
        made.append((_indices(raster), indices, "indices"))
    return _handed_over(op, made, TgMismatchError)


def distance_transform_bf(input, metric="euclidean", sampling=None,  # noqa: A002
                          return_distances=True, return_indices=False, distances=None,
                          indices=None):
    """The distance to the nearest cell that is zero, and the indices of that cell.

    metric: 'euclidean', 'taxicab' (or 'cityblock', 'manhattan') or 'chessboard'. sampling: spacing
    of cells for 'euclidean'; the others count cells. It is not done by brute force, but axis by
    axis; of several nearest cells by 'chessboard' it may be another one than SciPy's.
    """
    op = "distance_transform_bf"
    _distance_check(op, return_distances, return_indices, distances, indices)
    metric = {"cityblock": "taxicab", "manhattan": "taxicab"}.get(metric.lower(), metric.lower())
    if metric not in ("euclidean", "taxicab", "chessboard"):
        raise TgMismatchError(f"{op}: distance metric not supported: {metric!r}; supported: "
                              "euclidean, taxicab, chessboard")
    x = _input(op, input)
    steps = None if sampling is None else _sequence(sampling, x.ndim)
    steps = steps if metric == "euclidean" else None
    raster = _nearest(x, metric, steps)
    made = []
    if return_distances:
        made.append((_distance(raster, metric, steps), distances, "distances"))
    if return_indices:
        made.append((_indices(raster), indices, "indices"))
    return _handed_over(op, made, TgMismatchError)


def distance_transform_cdt(input, metric="chessboard", return_distances=True,  # noqa: A002
                           return_indices=False, distances=None, indices=None):
    """The distance to the nearest cell that is zero by steps of a structure, and that cell.

    metric: 'taxicab' (or 'cityblock', 'manhattan'), 'chessboard', or a structure of 3 cells a side
    whose cells are one step away. Not in bounded memory.
    """
    op = "distance_transform_cdt"
    _distance_check(op, return_distances, return_indices, distances, indices)
    x = _input(op, input)
    if isinstance(metric, str):
        if metric not in ("taxicab", "cityblock", "manhattan", "chessboard"):
            raise TgValueError(f"{op}: invalid metric provided: {metric!r}; allowed: taxicab, "
                               "cityblock, manhattan, chessboard, or an array")
        metric = generate_binary_structure(x.ndim, x.ndim if metric == "chessboard" else 1)
    metric = np.asarray(metric)
    if any(n != 3 for n in metric.shape):
        raise TgValueError(f"{op}: metric sizes must be equal to 3, got shape {metric.shape}")
    both = _build.apply("_chamfer", (x, metric != 0))
    made = []
    if return_distances:
        made.append((both[0], distances, "distances"))
    if return_indices:
        made.append((_indices(both[1].astype("int64")), indices, "indices"))
    return _handed_over(op, made, TgValueError)


def _distance_check(op, return_distances, return_indices, distances, indices):
    wrong = []
    if not return_distances and not return_indices:
        wrong.append("at least one of return_distances/return_indices must be True")
    if distances is not None and not return_distances:
        wrong.append("return_distances must be True if distances is supplied")
    if indices is not None and not return_indices:
        wrong.append("return_indices must be True if indices is supplied")
    if wrong:
        raise TgMismatchError(f"{op}: {', '.join(wrong)}")


def _nearest(x, metric, steps):
    """Raster numbers of the nearest background cells."""
    steps = [1.0] * x.ndim if steps is None else steps
    line = _optable.op("_nearest_pass")
    for axis in reversed(range(x.ndim)):
        x = _optable.build(line, (x,), (axis, metric, steps))
    return x


def _coordinates(raster):
    """Per axis the coordinates that raster numbers mean."""
    from ._select import unravel_index

    cells = _build.apply("maximum", (raster, 0))
    return unravel_index(cells, [max(length, 1) for length in raster.shape])


def _indices(raster):
    return _optable.function("stack")(_coordinates(raster)).astype("int32")


def _distance(raster, metric, steps):
    total = None
    for axis, at in enumerate(_coordinates(raster)):
        shape = [-1 if i == axis else 1 for i in range(raster.ndim)]
        away = abs(at - np.arange(raster.shape[axis]).reshape(shape))
        away = away * 1.0 if steps is None else away * float(steps[axis])
        if total is None:
            total = away * away if metric == "euclidean" else away
        elif metric == "chessboard":
            total = _build.apply("maximum", (total, away))
        else:
            total = total + (away * away if metric == "euclidean" else away)
    if metric == "euclidean":
        return _build.apply("where", (raster < 0, np.inf, _build.apply("sqrt", (total,))))
    return _build.apply("where", (raster < 0, np.uint32(0xFFFFFFFF), total.astype("uint32")))


def _handed_over(op, made, error):
    """Returns results, or writes them to the arrays of the caller."""
    from ._run import compute

    for result, memory, name in made:
        if memory is not None and memory.dtype != result.dtype:
            raise error(f"{op}: {name} array must be {result.dtype}, got {memory.dtype}")
        if memory is not None and memory.shape != result.shape:
            raise error(f"{op}: {name} array has wrong shape {memory.shape}, expected "
                        f"{result.shape}")
    written = [(result, memory) for result, memory, _ in made if memory is not None]
    for values, (_, memory) in zip(compute(*[r for r, _ in written]), written):
        memory[...] = values
    left = [result for result, memory, _ in made if memory is None]
    return tuple(left) if len(left) == 2 else left[0] if left else None
