# SPDX-License-Identifier: BSD-3-Clause
"""Filters, morphology and measurements, with the names, parameters and results of scipy.ndimage.

Every op of the C library's table whose module is "ndimage" is a function here; they are made when
they are first asked for.
"""

from . import _optable

# What needs more than one op, or returns more than one array.
_COMPOSED = {
    **dict.fromkeys((
        "center_of_mass", "extrema", "find_objects", "histogram", "label", "labeled_comprehension",
        "maximum", "maximum_position", "mean", "median", "minimum", "minimum_position",
        "standard_deviation", "sum", "sum_labels", "value_indices", "variance",
    ), "_measure"),
    **dict.fromkeys((
        "binary_closing", "binary_dilation", "binary_erosion", "binary_fill_holes",
        "binary_hit_or_miss", "binary_opening", "binary_propagation", "distance_transform_bf",
        "distance_transform_cdt", "distance_transform_edt", "generate_binary_structure",
        "iterate_structure",
    ), "_morphology"),
    **dict.fromkeys((
        "generic_filter", "generic_filter1d", "generic_gradient_magnitude", "generic_laplace",
        "vectorized_filter",
    ), "_filters"),
}


def __getattr__(name):
    if name in _COMPOSED:
        import importlib

        made = getattr(importlib.import_module("." + _COMPOSED[name], __package__), name)
    elif _optable.has(name, "ndimage"):
        made = _optable.function(name)
    else:
        raise AttributeError(f"module 'tilegraph.ndimage' has no attribute {name!r}")
    globals()[name] = made
    return made


def __dir__():
    return sorted({*_optable.names("ndimage"), *_COMPOSED})
