# SPDX-License-Identifier: BSD-3-Clause
"""Values of op parameters, from Python to C."""

import operator
import os

import numpy as np

from ._engine import ffi, lib
from .errors import TgAxisError, TgOverflowError, TgTypeError, TgValueError

__all__ = ["axis_index", "chunk_params", "describe", "encode", "missing", "refuse_out", "sequence"]

#: Parameters that Python makes from others: `chunks` in Dask's form fills both of a pair, and
#: integers are handed over exactly beside the floats.
HIDDEN = ("chunk_counts", "fill_integer", "integers")

_KINDS = {
    lib.TG_PARAM_BOOL: "bool",
    lib.TG_PARAM_INT: "int",
    lib.TG_PARAM_FLOAT: "float",
    lib.TG_PARAM_DTYPE: "dtype",
    lib.TG_PARAM_ENUM: "str",
    lib.TG_PARAM_STR: "str",
    lib.TG_PARAM_POINTER: "callable",
}


def axis_index(axis, ndim):
    """The axis, counted from the front."""
    axis = operator.index(axis)
    if not -ndim <= axis < ndim:
        raise TgAxisError(f"axis {axis} is out of bounds for array of dimension {ndim}")
    return axis % ndim


def refuse_out(name, out):
    """For functions with NumPy's `out`."""
    if out is not None:
        raise TgTypeError(f"{name}: out= must be None, arrays are immutable; use the result, or "
                          "tilegraph.store(result, out)")


def describe(param):
    """The type of a parameter, for a docstring."""
    kind = _KINDS[param.kind]
    if param.choices:
        kind = "{" + ", ".join(repr(c) for c in param.choices.split("|")) + "}"
    return f"{kind} or sequence of them" if param.is_list else kind


def kind_name(param):
    """ "bool", "int", ...: for the type stubs."""
    return _KINDS[param.kind]


def sequence(op, name, value):
    """An argument that is a sequence of arrays."""
    if isinstance(value, np.ndarray) or hasattr(value, "__array_function__"):
        return list(value)
    if isinstance(value, (str, bytes)) or not hasattr(value, "__iter__"):
        raise TgTypeError(f"{op}: {name} must be a sequence of arrays, got {value!r}")
    return list(value)


def missing(op, name, args):
    """SciPy's default of an array argument that is left out while a later one is given."""
    if name == "structure":
        from ._morphology import generate_binary_structure

        return generate_binary_structure(np.ndim(args[0]), 1)
    if name == "footprint" and args[-1] is not None:  # all of the structure
        return np.ones(np.shape(args[-1]), bool)
    raise TgTypeError(f"{op}: {name} is missing")


def encode(line, pairs):
    """(Param, value) pairs as what _build.apply takes; None means not given."""
    encoded = []
    for param, value in pairs:
        if value is None:
            continue
        if param.name == "chunks":
            encoded += chunk_params(line.name, value)
        else:
            encoded.append(_one(line.name, param, value))
    return encoded


def _one(op, param, value):
    kind = param.kind
    if param.name in ("axis", "axes") and param.is_list and isinstance(value, (tuple, list)) and (
            not value) and op != "transpose":
        raise TgValueError(f"{op}: {param.name} is empty; None means all axes")
    if kind == lib.TG_PARAM_INT:
        return ints(op, param.name, _listed(op, param, value))
    if kind == lib.TG_PARAM_BOOL:
        return ints(op, param.name, [_truth(op, param, v) for v in _listed(op, param, value)])
    if kind == lib.TG_PARAM_FLOAT:
        return floats(op, param.name, _listed(op, param, value))
    if kind == lib.TG_PARAM_DTYPE:
        return string(param.name, dtype_name(value, f"{op}: {param.name}: "))
    if kind == lib.TG_PARAM_ENUM:
        return string(param.name, "|".join(_words(op, param, value)))
    if kind == lib.TG_PARAM_STR:
        return string(param.name, os.fsdecode(value))
    return (param.name, lib.TG_PARAM_POINTER, 1, value)


def _listed(op, param, value):
    """The value as a list; one entry when it is a scalar."""
    if isinstance(value, (str, bytes)):
        raise TgTypeError(f"{op}: {param.name} must be {describe(param)}, got {value!r}")
    if np.ndim(value) == 0 and not isinstance(value, (list, tuple)):
        return [value]
    if not param.is_list and np.size(value) != 1:
        raise TgTypeError(f"{op}: {param.name} must be one {describe(param)}, got {value!r}")
    return list(np.ravel(value)) if isinstance(value, np.ndarray) else _flat(value)


def _flat(values):
    """Nested sequences, such as pad's ((1, 2), (3, 4)), one after the other."""
    flat = []
    for value in values:
        flat.extend(_flat(value) if isinstance(value, (list, tuple, np.ndarray)) else [value])
    return flat


def _truth(op, param, value):
    if not isinstance(value, (bool, np.bool_, int, np.integer)):
        raise TgTypeError(f"{op}: {param.name} must be a bool, got {value!r}")
    return int(bool(value))


def _words(op, param, value):
    words = [value] if isinstance(value, str) else list(value) if np.ndim(value) else value
    if not isinstance(words, (list, tuple)) or not all(isinstance(w, str) for w in words):
        raise TgTypeError(f"{op}: {param.name} must be {describe(param)}, got {value!r}")
    return words


def ints(op, name, values):
    """An INT parameter."""
    try:
        values = [operator.index(v) for v in values]
    except TypeError:
        bad = next(v for v in values if not hasattr(v, "__index__"))
        raise TgTypeError(f"{op}: {name} must be an integer, {bad!r} cannot be interpreted as an "
                          "integer") from None
    try:
        return (name, lib.TG_PARAM_INT, len(values), ffi.new("int64_t[]", values))
    except OverflowError:
        raise TgOverflowError(f"{op}: {name} does not fit 64 bits: {values}") from None


def floats(op, name, values):
    """A FLOAT parameter."""
    try:
        values = [float(v) for v in values]
    except (TypeError, ValueError, OverflowError):
        raise TgTypeError(f"{op}: {name} must be a number, got {values!r}") from None
    return (name, lib.TG_PARAM_FLOAT, len(values), ffi.new("double[]", values))


def string(name, value):
    """A STR parameter."""
    encoded = value.encode()
    return (name, lib.TG_PARAM_STR, len(encoded), ffi.new("char[]", encoded))


def path_text(op, value):
    """A path as text."""
    try:
        path = os.fsdecode(value)
    except TypeError:
        raise TgTypeError(f"{op}: the path must be text or os.PathLike, got {value!r}") from None
    if "\0" in path:
        raise TgValueError(f"{op}: there is a null character in the path {path!r}")
    return path


def dtype_name(value, where=""):
    """NumPy's name of a dtype that the engine has; `where`, "op: argument: ", begins errors."""
    try:
        dtype = np.dtype(value)
    except TypeError as error:
        raise TgTypeError(f"{where}{error}; supported: {', '.join(_DTYPES)}") from None
    if dtype.name not in _DTYPES:
        raise TgTypeError(f"{where}dtype {dtype} is not supported; supported: "
                          f"{', '.join(_DTYPES)}")
    return dtype.name


_DTYPES = ("bool", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64",
           "float16", "float32", "float64", "complex64", "complex128")


# --- chunks in Dask's forms --------------------------------------------------------------------


def chunk_params(op, chunks, shape=None):
    """`chunks` as one or two parameters; none for "auto"."""
    edges, sizes = normal_chunks(op, chunks, shape)
    if sizes is not None:
        return [
            ints(op, "chunks", [n for axis in sizes for n in axis]),
            ints(op, "chunk_counts", [len(axis) for axis in sizes]),
        ]
    return [] if edges is None else [ints(op, "chunks", edges)]


def normal_chunks(op, chunks, shape=None):
    """(edges, None): one size per axis or one for all, -1 the whole axis; (None, sizes): all sizes
    of each axis; (None, None): the engine chooses."""
    if chunks is None or (isinstance(chunks, str) and chunks == "auto"):
        return None, None
    ndim = None if shape is None else len(shape)
    if isinstance(chunks, (str, bytes)) or (isinstance(chunks, dict) and ndim is None):
        raise TgValueError(f"{op}: chunks must be 'auto', a number or a tuple, got {chunks!r}")
    if isinstance(chunks, dict):
        for axis in chunks:
            axis_index(axis, ndim)
        chunks = [chunks.get(axis, chunks.get(axis - ndim, -1)) for axis in range(ndim)]
    if not isinstance(chunks, (list, tuple, np.ndarray)):
        return [_edge(op, chunks)], None
    chunks = list(chunks)
    if ndim == 1 and len(chunks) > 1 and all(np.ndim(c) == 0 for c in chunks):
        chunks = [tuple(chunks)]  # as in Dask: the sizes along the only axis
    if ndim is not None and len(chunks) != ndim:
        raise TgValueError(f"{op}: chunks {tuple(chunks)} need one entry per axis, "
                           f"the array has {ndim}")
    if not any(isinstance(c, (list, tuple)) for c in chunks):
        return [_edge(op, c) for c in chunks], None
    return None, [_sizes(op, c, None if shape is None else shape[i]) for i, c in enumerate(chunks)]


def _edge(op, value):
    if value is None:
        return -1
    if isinstance(value, str):
        raise TgValueError(f"{op}: 'auto' for single axes is not supported; give a number or -1")
    if not hasattr(value, "__index__"):
        raise TgTypeError(f"{op}: chunks must be integers, got {value!r}")
    value = operator.index(value)
    if value < -1 or value == 0:
        raise TgValueError(f"{op}: chunk sizes must be positive, or -1 for the whole axis, "
                           f"got {value}")
    return value


def _sizes(op, value, length):
    """All sizes along one axis."""
    if isinstance(value, (list, tuple)):
        try:
            sizes = [operator.index(v) for v in value]
        except TypeError:
            raise TgTypeError(f"{op}: chunks must be integers, got {value!r}") from None
        if length is not None and sum(sizes) != length:
            raise TgValueError(f"{op}: chunks {tuple(sizes)} add up to {sum(sizes)}, "
                               f"but the axis has {length}")
        return sizes
    edge = _edge(op, value)
    if edge < 0 or length is None:
        return [length if length is not None else edge]
    return [min(edge, length - i) for i in range(0, length, edge)] or [0]
