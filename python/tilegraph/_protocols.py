# SPDX-License-Identifier: BSD-3-Clause
"""NumPy's protocols: np.sin(x), np.add.reduce(x), np.concatenate([x, y]) on lazy arrays.

A NumPy function that has no namesake here is an error that says so. It is not computed quietly in
NumPy: the array may be larger than memory.
"""

import numpy as np

from . import _optable
from ._array import Array
from ._params import refuse_out
from .errors import TgTypeError

__all__ = ["array_function", "array_ufunc"]

#: Reductions and scans of NumPy's binary ufuncs.
_REDUCE = {
    "add": "sum", "multiply": "prod", "maximum": "max", "minimum": "min", "logical_and": "all",
    "logical_or": "any",
}
_ACCUMULATE = {"add": "cumsum", "multiply": "cumprod"}
#: NumPy's functions whose names differ from ours.
_RENAMED = {"amax": "max", "amin": "min", "around": "round", "row_stack": "vstack",
            "trapz": "trapezoid"}
_NOT_GIVEN = np._NoValue
#: Functions that ask what an array is.
_FACTS = {
    "copy": lambda a: a,
}
#: NumPy's functions whose namesake here is another function.
_OTHERS = frozenset({"save"})


def array_ufunc(ufunc, method, inputs, kwargs):
    """Array.__array_ufunc__."""
    name = ufunc.__name__
    refuse_out(f"numpy.{name}", kwargs.pop("out", None))
    if method == "reduce" and name in _REDUCE:
        return _reduce(_REDUCE[name], inputs, kwargs)
    if method == "accumulate" and name in _ACCUMULATE:
        axis = kwargs.pop("axis", 0)
        _refuse(name, method, kwargs)
        return _find(_ACCUMULATE[name])(*inputs, axis=axis)
    if method == "outer" and len(inputs) == 2:
        inputs = _outer(*inputs)
    elif method != "__call__":
        raise TgTypeError(f"numpy.{name}.{method} is not implemented for lazy arrays; "
                          "use x.compute() first")
    return _call(ufunc, name, inputs, kwargs)


def _call(ufunc, name, inputs, kwargs):
    keywords = {key: kwargs.pop(key) for key in ("dtype", "where", "casting") if key in kwargs}
    _refuse(name, "", kwargs)
    if name in ("divmod", "frexp", "ldexp", "modf"):
        return _find(name)(*inputs)
    if name in _optable.names(""):
        if _optable.op(name).params:
            return _optable.function(name)(*inputs)
        return _optable.call_ufunc(name, inputs, **keywords)
    if ufunc.nout == 1 and ufunc.signature is None:
        return _blockwise(ufunc, inputs)
    raise _unknown(name)


def _blockwise(ufunc, inputs):
    """A ufunc that the engine does not have (scipy.special's): run chunk by chunk."""
    from ._map import map_blocks

    types = [x.dtype if isinstance(x, (Array, np.ndarray, np.generic)) else type(x)
             for x in inputs]
    dtype = ufunc.resolve_dtypes((*[np.dtype(t) if not isinstance(t, type) else t for t in types],
                                  None))[-1]
    return map_blocks(ufunc, *inputs, dtype=dtype)


def _reduce(name, inputs, kwargs):
    axis = kwargs.pop("axis", 0)
    given = {"axis": axis, "keepdims": kwargs.pop("keepdims", False)}
    for key in ("initial", "where", "dtype"):
        value = kwargs.pop(key, None)
        if value is not None and value is not True and value is not _NOT_GIVEN:
            given[key] = value
    _refuse(name, "reduce", kwargs)
    return _find(name)(*inputs, **given)


def _outer(a, b):
    from ._convert import asarray

    a, b = asarray(a), asarray(b)
    return a.reshape(a.shape + (1,) * b.ndim), b


def _refuse(name, method, kwargs):
    if kwargs:
        where = f"numpy.{name}" + (f".{method}" if method else "")
        raise TgTypeError(f"{where}: {next(iter(kwargs))}= is not supported for lazy arrays")


def _find(name):
    import tilegraph

    return getattr(tilegraph, name)


def _unknown(name):
    return TgTypeError(f"numpy.{name} is not implemented for lazy arrays; use x.compute() first, "
                       "or tilegraph.map_blocks")


def array_function(func, types, args, kwargs):
    """Array.__array_function__."""
    name = _RENAMED.get(func.__name__, func.__name__)
    module = getattr(func, "__module__", "numpy")
    if module not in ("numpy", None) or name.startswith("_"):
        raise _unknown(f"{module.removeprefix('numpy.')}.{name}")
    if name in _FACTS and len(args) == 1:
        return _FACTS[name](*args, **kwargs)
    try:
        ours = _find(name) if name not in _OTHERS else None
    except AttributeError:
        raise _unknown(name) from None
    if not callable(ours):
        raise _unknown(name)
    positional, named = _translate(func, name, ours, args, kwargs)
    return ours(*positional, **named)


def _translate(func, name, ours, args, kwargs):
    """NumPy's arguments as ours. Ours have the same names, or stand in the same place."""
    import inspect

    if len(args) <= 1 and not kwargs:
        return args, {}
    try:
        theirs = inspect.signature(func)
    except ValueError:  # written in C, without a signature
        return args, {k: v for k, v in kwargs.items() if v is not None and v is not _NOT_GIVEN}
    known = list(inspect.signature(ours).parameters)
    bound = theirs.bind(*args, **kwargs).arguments
    positional, named = [], {}
    for place, (key, value) in enumerate(bound.items()):
        parameter = theirs.parameters[key]
        if parameter.kind is parameter.VAR_POSITIONAL:
            positional += value
        elif parameter.kind is parameter.VAR_KEYWORD:
            strange = [k for k in value if k not in known]
            if strange:
                raise TgTypeError(f"numpy.{name}: {strange[0]}= is not supported for lazy arrays")
            named.update(value)
        elif value is _NOT_GIVEN or (place and value is parameter.default):
            continue
        elif key in known:
            named[key] = value
        elif place < len(known) and known[place] not in bound:
            named[known[place]] = value
        else:
            raise TgTypeError(f"numpy.{name}: {key}= is not supported for lazy arrays")
    return positional, named
