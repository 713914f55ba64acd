# SPDX-License-Identifier: BSD-3-Clause
"""tilegraph: lazy N-d arrays for images that are larger than memory.

    import tilegraph as tg

    x = tg.open("scan.tif")
    y = tg.ndimage.gaussian_filter(x.astype("float32"), sigma=2) > 0.5
    labels, count = tg.ndimage.label(y)
    print(labels.explain())                 what it would read, compute and keep in memory
    labels.to_zarr("labels.zarr")           computed chunk by chunk, within tg.config's memory_limit

NumPy's names and meanings, SciPy's in `tilegraph.ndimage`, Dask's where Dask has them. Functions
are made from the C library's table of ops when they are first asked for.
"""

from . import _optable, config, diagnostics, errors, ndimage
from ._array import Array
from ._convert import asanyarray, asarray, from_array, from_dlpack, from_zarr, open
from ._engine import lib as _lib, text as _text
from .errors import TilegraphError

__version__ = _text(_lib.tg_version_string())

#: Modules that are loaded when one of their names is asked for.
_LAZY = {
    "_explain": ("explain", "visualize"),
    "_extra": (
        "allclose", "arange", "array_equal", "average", "broadcast_arrays", "clip", "dstack",
        "empty", "empty_like", "eye", "fliplr", "flipud", "full", "full_like", "histogram",
        "hstack", "isclose", "linspace", "median", "ones", "ones_like", "permute_dims", "ptp",
        "rechunk", "result_type", "shape", "tensordot", "vstack", "zeros", "zeros_like",
    ),
    "_map": ("map_blocks", "map_overlap"),
    "_run": ("compute", "persist", "save", "store", "to_zarr"),
}
_HOME = {name: module for module, names in _LAZY.items() for name in names}
#: The array API's names of what NumPy calls otherwise.
_ALIASES = {
    "abs": "absolute", "acos": "arccos", "acosh": "arccosh", "asin": "arcsin", "asinh": "arcsinh",
    "atan": "arctan", "atan2": "arctan2", "atanh": "arctanh", "bitwise_invert": "invert",
    "bitwise_left_shift": "left_shift", "bitwise_not": "invert",
    "bitwise_right_shift": "right_shift", "concat": "concatenate", "conj": "conjugate",
    "mod": "remainder", "pow": "power", "true_divide": "divide",
}
_CONSTANTS = {"pi": 3.141592653589793, "e": 2.718281828459045, "inf": float("inf"),
              "nan": float("nan"), "newaxis": None}
_DTYPES = ("bool", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64",
           "float16", "float32", "float64", "complex64", "complex128")


def __getattr__(name):
    if name in _HOME:
        import importlib

        made = getattr(importlib.import_module(f".{_HOME[name]}", __name__), name)
    elif _optable.has(name, ""):
        made = _optable.function(name)
    elif name in _ALIASES and _optable.has(_ALIASES[name], ""):
        made = _optable.function(_ALIASES[name])
    elif name in _CONSTANTS:
        made = _CONSTANTS[name]
    elif name in _DTYPES:
        import numpy

        made = numpy.bool_ if name == "bool" else getattr(numpy, name)
    else:
        raise AttributeError(f"module 'tilegraph' has no attribute {name!r}")
    globals()[name] = made
    return made


def __dir__():
    ops = _optable.names("")
    aliases = [name for name, op in _ALIASES.items() if op in ops]
    return sorted({*globals(), *_HOME, *ops, *aliases, *_CONSTANTS, *_DTYPES})


__all__ = [  # noqa: F822 (some are made by __getattr__)
    "Array", "TilegraphError", "asanyarray", "asarray", "config", "diagnostics", "errors",
    "from_array", "from_dlpack", "from_zarr", "ndimage", "open", *_HOME,
]
