# SPDX-License-Identifier: BSD-3-Clause
"""What SciPy's filters take beyond the table of ops: arrays as `output`, complex numbers, and
functions of the user.

No array is filtered here: everything is composition of ops, or the call of a user's function.
"""

import math
import operator
import warnings

import numpy as np

from . import _build, _optable, _params
from ._array import Array
from ._convert import asarray
from .errors import TgMismatchError, TgTypeError, TgValueError

__all__ = ["call", "generic_filter", "generic_filter1d", "generic_gradient_magnitude",
           "generic_laplace", "into", "vectorized_filter"]

#: Of complex numbers these are done part by part, as in SciPy. Those with weights conjugate them
#: when the value says so.
_LINEAR = {
    "convolve": False, "convolve1d": False, "correlate": True, "correlate1d": True,
    "gaussian_filter": None, "gaussian_filter1d": None, "gaussian_laplace": None, "laplace": None,
    "prewitt": None, "sobel": None, "uniform_filter": None, "uniform_filter1d": None,
}
#: Parameters with one entry per axis: a sequence must then have as many.
_PER_AXIS = ("sigma", "order", "mode", "radius", "size", "origin")


def call(line, arrays, values):
    """Builds a filter from the arguments of its Python function; with an array as `output` it is
    computed at once, as in SciPy."""
    names = [p.name for p in line.params if p.name not in _params.HIDDEN]
    given = dict(zip(names, values))
    arrays = (asarray(arrays[0]), *arrays[1:])
    _check(line, arrays[0].ndim, given)
    if line.name in ("minimum_filter", "maximum_filter") and np.all(arrays[1]):
        axes = given["axes"]
        _sequence(np.shape(arrays[1]), arrays[0].ndim if axes is None else np.size(axes),
                  f"{line.name}: footprint.ndim must match len(axes)")
    if given.get("size") is not None and len(arrays) > 1 and arrays[1] is not None:
        warnings.warn("ignoring size because footprint is set", UserWarning, stacklevel=4)
    output, memory = _output(given.get("output"), arrays[0].shape)

    def real(array, *others, **changed):
        return _optable.build(line, (array, *others),
                              tuple({**given, "output": output, **changed}.values()))

    is_complex = arrays[0].dtype.kind == "c"
    if "weights" in line.args and arrays[1] is not None:
        arrays = (arrays[0], _weights(line, arrays[1]))
        is_complex = is_complex or arrays[1].dtype.kind == "c"
    if is_complex and line.name in _LINEAR:
        output = _complex_dtype(line, output, memory, arrays[0].dtype)
        result = _by_parts(line, real, arrays, given["cval"], output)
    elif is_complex and line.name == "gaussian_gradient_magnitude":
        result = _complex_magnitude(arrays[0], given, output)
    else:
        result = real(*arrays)
    return into(result, memory)


def into(result, memory):
    """Computes into an array of the caller, which may be the input of the computation; None: the
    result, lazily."""
    if memory is None:
        return result
    memory[...] = result.compute()
    return memory


def _output(value, shape):
    """SciPy's `output` as a dtype or None, and the array to write to or None."""
    if isinstance(value, Array):
        raise TgTypeError("output must be a dtype or a NumPy array; a lazy array cannot be "
                          "written to")
    if not isinstance(value, np.ndarray):
        return value, None
    if value.shape != shape:
        raise TgMismatchError(f"output shape not correct: {value.shape}, expected {shape}")
    return value.dtype, value


def _check(line, ndim, given):
    """The conditions that need to know how a parameter was written."""
    axes = given.get("axes")
    if axes is not None:
        axes = [operator.index(a) for a in axes] if np.iterable(axes) else [axes]
    count = ndim if axes is None else len(axes)
    for param in line.params:
        value = given.get(param.name)
        is_sequence = np.iterable(value) and not isinstance(value, str)
        if is_sequence and param.is_list and param.name in _PER_AXIS and len(value) != count:
            raise TgMismatchError(f"{line.name}: {param.name}: sequence argument must have length "
                                  f"equal to input rank: {count}, got {len(value)} entries")
        if is_sequence and param.name == "mode" and not param.is_list:
            raise TgMismatchError(f"{line.name}: A sequence of modes is not supported")
        if param.name == "radius" and not all(
                r is None or isinstance(r, (int, np.integer)) for r in np.ravel(value)):
            raise TgValueError(f"{line.name}: Radius must be a nonnegative integer, got {value!r}")
        if param.name == "mode":
            for word in value if is_sequence else [value]:
                if word not in param.choices.split("|"):
                    raise TgMismatchError(f"{line.name}: boundary mode not supported: {word!r}; "
                                          f"supported: {param.choices.replace('|', ', ')}")


def _weights(line, weights):
    if isinstance(weights, Array):
        return weights
    weights = np.asarray(weights)
    if line.name.endswith("1d") and (weights.ndim != 1 or not weights.size):
        raise TgMismatchError(f"{line.name}: no filter weights given: weights must have one axis "
                              f"and an entry, got shape {weights.shape}")
    if weights.dtype.kind == "c" and _LINEAR[line.name]:
        weights = weights.conj()
    return weights


# --- complex numbers ---------------------------------------------------------------------------


def _complex_dtype(line, output, memory, dtype):
    if output is None:
        return np.promote_types(dtype, np.complex64)
    if np.dtype(output).kind == "c":
        return np.dtype(output)
    if memory is not None or isinstance(output, str):
        raise TgMismatchError(f"{line.name}: output must have complex dtype, got "
                              f"{np.dtype(output)}")
    warnings.warn("promoting specified output dtype to complex", UserWarning, stacklevel=4)
    return np.promote_types(output, np.complex64)


def _by_parts(line, real, arrays, cval, output):
    part = np.dtype(output).type(0).real.dtype
    x, weights = arrays[0], arrays[1] if len(arrays) > 1 else None
    has_parts = weights is not None and weights.dtype.kind == "c"
    if x.dtype.kind != "c":
        if np.iscomplexobj(cval):
            raise TgValueError(f"{line.name}: Cannot provide a complex-valued cval when the input "
                               "is real.")
        parts = [real(x, w, output=part) for w in (weights.real, weights.imag)]
    else:
        both = [(x.real, np.real(cval)), (x.imag, np.imag(cval))]
        if has_parts:
            (rr, ri), (ir, ii) = [[real(p, w, output=part, cval=c)
                                   for w in (weights.real, weights.imag)] for p, c in both]
            parts = [rr - ii, ri + ir]
        else:
            parts = [real(p, *arrays[1:], output=part, cval=c) for p, c in both]
    return _build.apply("_complex", parts)


def _complex_magnitude(x, given, output):
    smooth = _optable.function("gaussian_filter")

    def derivative(x, axis, output, mode, cval):
        order = [int(axis == i) for i in range(x.ndim)]
        more = {key: given[key] for key in ("truncate", "radius") if key in given}
        return smooth(x, given["sigma"], order, output, mode, cval, **more)

    return generic_gradient_magnitude(x, derivative, output, given["mode"], given["cval"],
                                      axes=given["axes"])


# --- derivatives of the user -------------------------------------------------------------------


def _sum_over_axes(input, one, output, mode, axes):  # noqa: A002 (SciPy's names)
    """The sum of one(axis, mode, dtype) over axes; None without axes."""
    x = asarray(input)
    dtype, memory = _output(output, x.shape)
    dtype = x.dtype if dtype is None else np.dtype(dtype)
    axes = _axes(axes, x.ndim)
    modes = _sequence(mode, len(axes))
    total = None
    for axis, word in zip(axes, modes):
        term = asarray(one(axis, word, dtype)).astype(dtype)
        total = term if total is None else total + term
    return (x.astype(dtype) if total is None else total), memory, not axes


def generic_laplace(input, derivative2, output=None, mode="reflect",  # noqa: A002
                    cval=0.0, extra_arguments=(), extra_keywords=None, *, axes=None):
    """The sum of second derivatives of a function of the user along the axes.

    derivative2: called as derivative2(input, axis, output, mode, cval, *extra_arguments,
        **extra_keywords) with a lazy input and a dtype as output; returns an array.
    """
    x, keywords = asarray(input), extra_keywords or {}
    total, memory, _ = _sum_over_axes(
        x, lambda axis, word, dtype: derivative2(x, axis, dtype, word, cval, *extra_arguments,
                                                 **keywords), output, mode, axes)
    return into(total, memory)


def generic_gradient_magnitude(input, derivative, output=None, mode="reflect",  # noqa: A002
                               cval=0.0, extra_arguments=(), extra_keywords=None, *, axes=None):
    """The length of the gradient, by a first derivative of the user along the axes.

    derivative: called as derivative(input, axis, output, mode, cval, *extra_arguments,
        **extra_keywords) with a lazy input and a dtype as output; returns an array.
    """
    x, keywords = asarray(input), extra_keywords or {}

    def squared(axis, word, dtype):
        term = asarray(derivative(x, axis, dtype, word, cval, *extra_arguments, **keywords))
        return term * term

    total, memory, is_plain = _sum_over_axes(x, squared, output, mode, axes)
    if not is_plain:
        total = _optable.function("sqrt")(total).astype(total.dtype)
    return into(total, memory)


def _axes(axes, ndim):
    if axes is None:
        return list(range(ndim))
    found = [operator.index(a) for a in (axes if np.iterable(axes) else [axes])]
    for axis in found:
        if not -ndim <= axis < ndim:
            raise TgValueError(f"specified axis: {axis} is out of range")
    found = [axis % ndim for axis in found]
    if len(set(found)) != len(found):
        raise TgValueError("axes must be unique")
    return found


def _sequence(value, count, context="ndimage"):
    if not np.iterable(value) or isinstance(value, str):
        return [value] * count
    if len(value) != count:
        raise TgMismatchError(f"{context}: sequence argument must have length equal to input "
                              f"rank: {count}, got {len(value)} entries")
    return list(value)


# --- functions of the user on windows ----------------------------------------------------------


def _origin_check(size, origin):
    if not 0 <= size // 2 + origin < size:
        raise TgValueError(f"invalid origin {origin} for a filter of size {size}")


def _on_windows(x, sizes, origins, axes, mode, cval, block, dtype):
    """block(array with surroundings) -> array without them, on every tile."""
    depth, boundary = [(0, 0)] * x.ndim, ["none"] * x.ndim
    for axis, size, origin in zip(axes, sizes, origins):
        before = size // 2 + origin
        depth[axis] = (before, size - 1 - before)
        boundary[axis] = float(cval) if mode.endswith("constant") else mode
    return _map().map_overlap(block, x, depth=tuple(depth), boundary=tuple(boundary), trim=False,
                              chunks=x.chunks, dtype=dtype)


def _map():
    from . import _map as module

    return module


def generic_filter(input, function, size=None, footprint=None, output=None,  # noqa: A002
                   mode="reflect", cval=0.0, origin=0, extra_arguments=(), extra_keywords=None,
                   *, axes=None):
    """Calls a Python function on the values around each cell.

    function: gets a float64 array with the values under the footprint, and the extra arguments;
        returns a number. It is called from the engine's threads, one call at a time.
    size, footprint: a box, or which cells of a box are handed over.
    """
    if size is not None and footprint is not None:
        warnings.warn("ignoring size because footprint is set", UserWarning, stacklevel=2)
    x, keywords = asarray(input), extra_keywords or {}
    _refuse_complex("generic_filter", x)
    axes = _axes(axes, x.ndim)
    if footprint is not None:
        footprint = np.asarray(footprint, bool)
    elif size is not None:
        footprint = np.ones(_sequence(size, len(axes)), bool)
    else:
        raise TgMismatchError("generic_filter: no footprint or filter size provided")
    if footprint.ndim != len(axes):
        raise TgMismatchError(f"generic_filter: footprint.ndim ({footprint.ndim}) must match "
                              f"len(axes) ({len(axes)})")
    origins = _sequence(origin, len(axes))
    for length, shift in zip(footprint.shape, origins):
        _origin_check(length, shift)
    _mode_check("generic_filter", mode)
    dtype, memory = _output(output, x.shape)
    dtype = x.dtype if dtype is None else np.dtype(dtype)

    def block(array):
        windows = np.lib.stride_tricks.sliding_window_view(array, footprint.shape, axes)
        found = np.empty(windows.shape[:array.ndim])
        for index in np.ndindex(found.shape):
            found[index] = function(windows[index][footprint], *extra_arguments, **keywords)
        return found.astype(dtype)

    result = _on_windows(x.astype(float), footprint.shape, origins, axes, mode, cval, block, dtype)
    return into(result, memory)


def generic_filter1d(input, function, filter_size, axis=-1, output=None,  # noqa: A002
                     mode="reflect", cval=0.0, origin=0, extra_arguments=(), extra_keywords=None):
    """Calls a Python function on each line along an axis.

    function: gets the line with filter_size - 1 more cells, an array of the line's length to write
        to, both float64, and the extra arguments.
    """
    x, keywords = asarray(input), extra_keywords or {}
    _refuse_complex("generic_filter1d", x)
    if filter_size < 1:
        raise TgMismatchError(f"generic_filter1d: invalid filter size {filter_size}")
    axis = np.lib.array_utils.normalize_axis_index(axis, x.ndim)
    _origin_check(filter_size, origin)
    _mode_check("generic_filter1d", mode)
    dtype, memory = _output(output, x.shape)
    dtype = x.dtype if dtype is None else np.dtype(dtype)

    def block(array):
        lines = np.moveaxis(array, axis, -1)
        found = np.empty((*lines.shape[:-1], lines.shape[-1] - filter_size + 1))
        for index in np.ndindex(found.shape[:-1]):
            function(lines[index].copy(), found[index], *extra_arguments, **keywords)
        return np.moveaxis(found, -1, axis).astype(dtype)

    whole = x.astype(float).rechunk({axis: -1})
    result = _on_windows(whole, [filter_size], [origin], [axis], mode, cval, block, dtype)
    return into(result, memory)


def _refuse_complex(op, x):
    if x.dtype.kind == "c":
        raise TgTypeError(f"{op}: Complex type not supported")


#: SciPy's names of what map_overlap knows; "grid-mirror" of vectorized_filter is NumPy's "reflect".
_MODES = ("reflect", "mirror", "nearest", "wrap", "constant", "grid-mirror", "grid-wrap",
          "grid-constant")


def _mode_check(op, mode):
    if mode not in _MODES:
        raise TgMismatchError(f"{op}: boundary mode not supported: {mode!r}; supported: "
                              f"{', '.join(_MODES)}")


def vectorized_filter(input, function, *, size=None, footprint=None, output=None,  # noqa: A002
                      mode="reflect", cval=None, origin=None, axes=None, batch_memory=2**30):
    """Calls a Python function on many windows at a time.

    function: called as function(windows, axis=axes_of_the_window); returns an array without these
        axes. batch_memory: bytes that the windows of one call may have; else as in SciPy.
    """
    x = asarray(input)
    _window_check(x, function, size, footprint, mode, cval, batch_memory)
    axes = tuple(range(x.ndim)) if axes is None else (axes,) if np.isscalar(axes) else tuple(axes)
    if len(axes) > x.ndim:
        raise TgValueError("vectorized_filter: The length of `axes` may not exceed the "
                           "dimensionality of `input` (`input.ndim`).")
    if footprint is not None:
        footprint = np.asarray(footprint, bool)
        size = footprint.shape
    size = (size,) * len(axes) if np.isscalar(size) else tuple(size)
    if not all(isinstance(n, (int, np.integer)) and n > 0 for n in size):
        raise TgValueError("vectorized_filter: All elements of `size` must be positive integers.")
    if len(size) != len(axes):
        raise TgValueError("vectorized_filter: `axes` must be compatible with the dimensionality "
                           "of the window specified by `size` or `footprint`.")
    axes = _axes(axes, x.ndim)
    origins = _window_origins(origin, len(axes))
    if mode == "valid" and any(origins):
        raise TgValueError("vectorized_filter: `mode='valid'` is incompatible with use of "
                           "`origin`.")
    if x.size == 0:
        return x

    def call(windows):
        if footprint is None:
            return np.asarray(function(windows, axis=tuple(range(-len(size), 0))))
        return np.asarray(function(windows[..., footprint], axis=-1))

    dtype, memory = (None, output) if isinstance(output, np.ndarray) else (output, None)
    if memory is not None or dtype is None:
        sample = np.ones((1,) * x.ndim + size, x.dtype)
        dtype = call(sample).dtype if memory is None else memory.dtype
    dtype = np.dtype(dtype)
    batch = _batch(x, size, axes, batch_memory)
    result = _in_batches(x, size, origins, axes, mode, cval, call, dtype, batch)
    return into(result, memory)


def _window_check(x, function, size, footprint, mode, cval, batch_memory):
    op = "vectorized_filter"
    if not callable(function):
        raise TgValueError(f"{op}: `function` must be a callable.")
    if size is None and footprint is None:
        raise TgValueError(f"{op}: Either `size` or `footprint` must be provided.")
    if size is not None and footprint is not None:
        raise TgValueError(f"{op}: Either `size` or `footprint` may be provided, not both.")
    if mode not in (*_MODES, "valid"):
        raise TgValueError(f"{op}: `mode` must be one of {(*_MODES, 'valid')}.")
    if cval is not None and not mode.endswith("constant"):
        raise TgValueError(f"{op}: Use of `cval` is compatible only with `mode='constant'`.")
    if cval is not None and np.asarray(cval).dtype.kind not in "iufc":
        raise TgValueError(f"{op}: `cval` must include only numbers.")
    if np.ndim(batch_memory) or np.asarray(batch_memory).dtype.kind not in "iuf" or (
            batch_memory <= 0):
        raise TgValueError(f"{op}: `batch_memory` must be positive number.")


def _window_origins(origin, count):
    origins = (0 if origin is None else origin,) * count if np.ndim(origin) == 0 else tuple(origin)
    if not all(isinstance(o, (int, np.integer)) for o in origins):
        raise TgValueError("vectorized_filter: All elements of `origin` must be integers.")
    if len(origins) != count:
        raise TgValueError("vectorized_filter: `origin` must be an integer or tuple of integers "
                           "with length equal to the number of axes.")
    return origins


def _batch(x, size, axes, batch_memory):
    """Rows of the first axis that SciPy would take at a time."""
    moved = [n for a, n in enumerate(x.shape) if a not in axes] + [x.shape[a] for a in axes]
    row = math.prod(moved[1:]) * math.prod(size) * x.dtype.itemsize
    if x.ndim and batch_memory < row:
        raise TgValueError("vectorized_filter: `batch_memory` is insufficient for minimum chunk "
                           "size.")
    return batch_memory


def _in_batches(x, size, origins, axes, mode, cval, call, dtype, batch):
    def block(array):
        windows = np.lib.stride_tricks.sliding_window_view(array, size, axes)
        if array.ndim == 0:
            return call(windows).astype(dtype)
        row = math.prod(windows.shape[1:]) * array.itemsize
        step = max(int(min(batch / row, windows.shape[0])), 1)
        found = np.empty(windows.shape[:array.ndim], dtype)
        for first in range(0, windows.shape[0], step):
            found[first:first + step] = call(windows[first:first + step])
        return found

    if x.ndim == 0:
        return _map().map_blocks(block, x, dtype=dtype)
    # What is cut off later may be anything. NumPy's "reflect" is SciPy's "mirror".
    padding = {"valid": "nearest", "grid-mirror": "mirror"}.get(mode, mode)
    result = _on_windows(x, size, origins, axes, padding, 0.0 if cval is None else cval, block,
                         dtype)
    if mode == "valid":
        cut = [slice(None)] * x.ndim
        for axis, n in zip(axes, size):
            cut[axis] = slice(n // 2, x.shape[axis] - (n - 1) // 2)
        result = result[tuple(cut)]
    return result
