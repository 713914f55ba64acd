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

import builtins as _builtins

from . import _optable, _params, config, diagnostics, errors, ndimage
from ._array import Array
from ._convert import asanyarray, asarray, describe, from_array, from_dlpack, from_zarr, open
from ._engine import lib as _lib, text as _text
from .errors import TilegraphError

__version__ = _text(_lib.tg_version_string())

#: Modules that are loaded when one of their names is asked for.
_LAZY = {
    "_create": (
        "arange", "array", "diag", "diagonal", "empty", "empty_like", "eye", "fromfunction", "full",
        "full_like", "geomspace", "identity", "indices", "linspace", "logspace", "meshgrid", "ones",
        "ones_like", "tri", "zeros", "zeros_like",
    ),
    "_explain": ("explain", "visualize"),
    "_extra": (
        "allclose", "angle", "around", "array_equal", "array_equiv", "average", "clip", "histogram",
        "histogram2d", "histogram_bin_edges", "histogramdd", "isclose", "result_type", "round",
        "shape", "where",
    ),
    "_layout": (
        "append", "array_split", "atleast_1d", "atleast_2d", "atleast_3d", "block",
        "broadcast_arrays", "broadcast_to", "column_stack", "concatenate", "diff", "dsplit",
        "dstack", "ediff1d", "expand_dims", "flip", "fliplr", "flipud", "hsplit", "hstack",
        "matrix_transpose", "pad", "permute_dims", "ravel", "rechunk", "reshape", "rollaxis",
        "split", "squeeze", "stack", "take_along_axis", "tril_indices", "triu_indices", "unstack",
        "vsplit", "vstack",
    ),
    "_map": ("map_blocks", "map_overlap"),
    "_maths": (
        "apply_along_axis", "apply_over_axes", "coarsen", "divmod", "fix", "frexp", "gradient",
        "iscomplex", "iscomplexobj", "isneginf", "isposinf", "isreal", "isrealobj", "ldexp", "modf",
        "nan_to_num", "ndim", "sinc", "size", "trace", "trapezoid", "unwrap",
    ),
    "_products": ("corrcoef", "cov", "cross", "einsum", "inner", "kron", "tensordot", "vdot"),
    "_reduce": (
        "all", "any", "argmax", "argmin", "count_nonzero", "cumprod", "cumsum", "cumulative_prod",
        "cumulative_sum", "max", "mean", "median", "min", "nanargmax", "nanargmin", "nancumprod",
        "nancumsum", "nanmax", "nanmean", "nanmedian", "nanmin", "nanpercentile", "nanprod",
        "nanquantile", "nanstd", "nansum", "nanvar", "percentile", "prod", "ptp", "quantile", "std",
        "sum", "var",
    ),
    "_run": ("compute", "persist", "save", "store", "to_zarr"),
    "_select": (
        "argsort", "argtopk", "argwhere", "bincount", "choose", "compress", "delete", "digitize",
        "extract", "flatnonzero", "insert", "intersect1d", "isin", "nonzero", "piecewise",
        "ravel_multi_index", "repeat", "searchsorted", "select", "setdiff1d", "sort", "take",
        "topk", "union1d", "unique", "unravel_index",
    ),
}
_HOME = {name: module for module, names in _LAZY.items() for name in names}
#: Other names of the same, NumPy's and the array API's.
_ALIASES = {
    "abs": "absolute", "acos": "arccos", "acosh": "arccosh", "amax": "max", "amin": "min",
    "asin": "arcsin", "asinh": "arcsinh", "atan": "arctan", "atan2": "arctan2", "atanh": "arctanh",
    "bitwise_invert": "invert", "bitwise_left_shift": "left_shift", "bitwise_not": "invert",
    "bitwise_right_shift": "right_shift", "concat": "concatenate", "conj": "conjugate",
    "mod": "remainder", "pow": "power", "true_divide": "divide",
}
_CONSTANTS = {"pi": 3.141592653589793, "e": 2.718281828459045, "inf": float("inf"),
              "nan": float("nan"), "newaxis": None}


def __getattr__(name):
    if name in _HOME:
        import importlib

        made = getattr(importlib.import_module(f".{_HOME[name]}", __name__), name)
    elif _optable.has(name, ""):
        made = _optable.function(name)
    elif name in _ALIASES:
        made = __getattr__(_ALIASES[name])
    elif name in _CONSTANTS:
        made = _CONSTANTS[name]
    elif name in _params._DTYPES:
        import numpy

        made = numpy.bool_ if name == "bool" else getattr(numpy, name)
    elif name == "distributed":
        import importlib

        made = importlib.import_module(".distributed", __name__)
    else:
        raise AttributeError(f"module 'tilegraph' has no attribute {name!r}")
    globals()[name] = made
    return made


def __dir__():
    ops = _optable.names("")
    return sorted({*globals(), *_HOME, *ops, *_ALIASES, *_CONSTANTS, *_params._DTYPES,
                   "distributed"})


__all__ = [  # noqa: F822 (some are made by __getattr__)
    "Array", "TilegraphError", "asanyarray", "asarray", "config", "diagnostics", "errors",
    "from_array", "from_dlpack", "from_zarr", "ndimage", "open",
    *(name for name in _HOME if not hasattr(_builtins, name)),
]
