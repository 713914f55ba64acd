# SPDX-License-Identifier: BSD-3-Clause
"""Filters, morphology and measurements, with the names, parameters and results of scipy.ndimage.

Every op of the C library's table whose module is "ndimage" is a function here; they are made when
they are first asked for.
"""

from . import _optable

# What needs more than one op, or returns more than one array.
_COMPOSED = ("generate_binary_structure", "iterate_structure", "label")


def __getattr__(name):
    if name in _COMPOSED:
        from . import _measure

        made = getattr(_measure, name)
    elif _optable.has(name, "ndimage"):
        made = _optable.function(name)
    else:
        raise AttributeError(f"module 'tilegraph.ndimage' has no attribute {name!r}")
    globals()[name] = made
    return made


def __dir__():
    return sorted({*_optable.names("ndimage"), *_COMPOSED})
