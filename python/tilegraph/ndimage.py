# SPDX-License-Identifier: BSD-3-Clause
"""Filters, morphology and measurements, with the names, parameters and results of scipy.ndimage.

Every op of the C library's table whose module is "ndimage" is a function here; they are made when
they are first asked for.
"""

from . import _optable

# What needs more than one op, or returns more than one array.
_COMPOSED = {
    **dict.fromkeys(("find_objects", "label"), "_measure"),
    **dict.fromkeys((
        "binary_closing", "binary_dilation", "binary_erosion", "binary_fill_holes",
        "binary_hit_or_miss", "binary_opening", "binary_propagation", "generate_binary_structure",
        "iterate_structure",
    ), "_morphology"),
    **dict.fromkeys((
        "generic_filter", "generic_filter1d", "generic_gradient_magnitude", "generic_laplace",
    ), "_filters"),
}
# SciPy's names of ops that share the table with NumPy's functions of the same name.
_RENAMED = {
    "maximum": "maximum_labels", "mean": "mean_labels", "median": "median_labels",
    "minimum": "minimum_labels", "sum": "sum_labels", "variance": "variance_labels",
}


def __getattr__(name):
    if name in _COMPOSED:
        import importlib

        made = getattr(importlib.import_module("." + _COMPOSED[name], __package__), name)
    elif _optable.has(_RENAMED.get(name, name), "ndimage"):
        name_of_op = _RENAMED.get(name, name)
        made = _optable.function(name_of_op)
    else:
        raise AttributeError(f"module 'tilegraph.ndimage' has no attribute {name!r}")
    globals()[name] = made
    return made


def __dir__():
    ops = _optable.names("ndimage")
    return sorted({*ops, *_COMPOSED, *(name for name, op in _RENAMED.items() if op in ops)})
