# SPDX-License-Identifier: BSD-3-Clause
"""Building lazy arrays: one op at a time, through a scope that lives as long as the call."""

import numpy as np

from ._engine import ffi, lend, lib, raise_error, session
from .errors import TgMemoryError, TgOverflowError, TgTypeError

__all__ = ["apply", "from_numpy", "open_path", "pointer"]

_array_class = None  # set by _array.py, which imports this module

_RELEASE = ffi.addressof(lib, "tg_bridge_release")
#: Arrays that are taken implicitly, as the operand of an expression, are copied up to this size:
#: a caller who goes on writing to his small array of weights then cannot change the past.
_COPY_BYTES = 1 << 16


def apply(name, args, params=()):
    """A new Array: op `name` on arrays, numbers or anything NumPy understands.

    params: tuples (name, kind, count, payload) as _params makes them.
    """
    scope = _open_scope()
    try:
        pointers = [pointer(scope, arg) for arg in args]
        argv = ffi.new("tg_array *[]", pointers) if pointers else ffi.NULL
        packed, keep = _pack(params)
        built = lib.tg_apply(scope, name.encode(), len(pointers), argv, len(params), packed)
        del keep
        return _finish(scope, built)
    finally:
        lib.tg_scope_destroy(scope)


def _pack(params):
    """The tg_param array, and what it points to: cffi's structs do not keep that alive."""
    if not params:
        return ffi.NULL, None
    array = ffi.new("tg_param[]", len(params))
    names = []
    for slot, (name, kind, count, payload) in zip(array, params):
        names.append(ffi.new("char[]", name.encode()))
        slot.name = names[-1]
        slot.kind = kind
        slot.value.count = count
        if kind == lib.TG_PARAM_INT:
            slot.value.ints = payload
        elif kind == lib.TG_PARAM_FLOAT:
            slot.value.floats = payload
        elif kind == lib.TG_PARAM_STR:
            slot.value.text = payload
        else:
            slot.value.function = payload
    return array, (names, params)


def _open_scope():
    scope = lib.tg_scope_create(session())
    if scope == ffi.NULL:
        raise TgMemoryError("out of memory")
    return scope


def _finish(scope, built):
    """The array that was built, taken out of its scope."""
    if built == ffi.NULL:
        raise_error(lib.tg_scope_error(scope))
    return wrap(lib.tg_array_retain(built))


def wrap(owned):
    """An Array that takes over one reference."""
    return _array_class._wrap(ffi.gc(owned, lib.tg_array_release))


def open_path(path):
    """An array in a file or store."""
    scope = _open_scope()
    try:
        return _finish(scope, lib.tg_open(scope, path.encode()))
    finally:
        lib.tg_scope_destroy(scope)


def from_numpy(array, edges=None):
    """An Array over the memory of a NumPy array. edges: one chunk size per axis."""
    scope = _open_scope()
    try:
        return _finish(scope, _memory(scope, array, edges))
    finally:
        lib.tg_scope_destroy(scope)


def from_foreign(data, dtype, shape, owner, edges=None):
    """An Array over C-ordered memory that `owner` keeps alive."""
    scope = _open_scope()
    try:
        return _finish(scope, lib.tg_from_memory(
            scope, data, dtype, len(shape), ffi.new("int64_t[]", list(shape) or 1), ffi.NULL,
            ffi.new("int64_t[]", edges) if edges else ffi.NULL, 0, lend(owner), _RELEASE
        ))
    finally:
        lib.tg_scope_destroy(scope)


# --- arguments ---------------------------------------------------------------------------------


def pointer(scope, value):
    """A tg_array * of the scope for an argument of an op."""
    if isinstance(value, _array_class):
        return value._ptr
    number = _number(scope, value)
    if number is not None:
        return number
    array = as_numpy(value)
    if array is value and array.nbytes <= _COPY_BYTES:
        array = array.copy()
    return _memory(scope, array, None)


def _number(scope, value):
    """Python's own numbers take the type of their partner; NumPy's have a type."""
    kind = type(value)
    if kind is bool:
        return lib.tg_scalar_bool(scope, value)
    if kind is int:
        if -(1 << 63) <= value < 1 << 63:
            return lib.tg_scalar_int(scope, value)
        if value < 1 << 64 and value > 0:
            return _memory(scope, np.array(value, np.uint64), None)
        raise TgOverflowError(f"Python integer {value} does not fit 64 bits")
    if kind is float:
        return lib.tg_scalar(scope, value)
    if kind is complex:
        return lib.tg_scalar_complex(scope, value.real, value.imag)
    return None


def is_convertible(value):
    """Whether an operator may take this as its other operand."""
    if isinstance(value, (_array_class, bool, int, float, complex, np.ndarray, np.generic, list,
                          tuple)):
        return True
    return hasattr(value, "__array__") or hasattr(value, "__array_interface__")


def as_numpy(value):
    """A NumPy array that the engine can read where it lies, if possible without a copy."""
    from ._params import dtype_name

    if isinstance(value, np.ma.MaskedArray):
        raise TgTypeError("masked arrays are not supported, the mask would be lost: give what "
                          "filled() returns, or data and mask as two arrays")
    try:
        array = np.asarray(value)
    except (TypeError, ValueError) as error:
        raise TgTypeError(f"cannot make an array of {type(value).__name__}: {error}") from None
    if array.dtype.kind == "O":
        raise TgTypeError(f"cannot make an array of {type(value).__name__}: dtype object is not "
                          "supported")
    if isinstance(value, (str, bytes)):
        raise TgTypeError(f"cannot make an array of the text {value!r}; tilegraph.open opens "
                          "a file")
    dtype_name(array.dtype)
    if not array.dtype.isnative:
        array = array.astype(array.dtype.newbyteorder("="))
    if not array.flags.aligned:
        array = array.copy()
    return array


_dtypes = {}


def dtype_code(dtype):
    """tg_dtype of a NumPy dtype."""
    code = _dtypes.get(dtype)
    if code is None:
        code = _dtypes[dtype] = lib.tg_dtype_parse(dtype.name.encode())
    return code


def _memory(scope, array, edges):
    ndim = array.ndim
    shape = ffi.new("int64_t[]", array.shape or 1)
    strides = ffi.NULL
    if ndim and not array.flags.c_contiguous:
        strides = ffi.new("int64_t[]", array.strides)
    return lib.tg_from_memory(
        scope,
        ffi.cast("void *", array.__array_interface__["data"][0]),
        dtype_code(array.dtype),
        ndim,
        shape,
        strides,
        ffi.new("int64_t[]", edges) if edges else ffi.NULL,
        0,
        lend(array),
        _RELEASE,
    )
