# SPDX-License-Identifier: BSD-3-Clause
"""Measurements whose SciPy form is more than one array, or no array at all."""

import numpy as np

from . import _build, _optable
from ._convert import asarray
from .errors import TgTypeError

__all__ = ["generate_binary_structure", "iterate_structure", "label"]


def label(input, structure=None):  # noqa: A002 (SciPy's names)
    """Numbers the connected components of the cells that are not zero.

    structure: which neighbours count: a 3 x 3 x ... array, as `generate_binary_structure` makes;
    the default are the direct neighbours. Returns (labels, count), both lazy: computed together,
    with `tilegraph.compute(labels, count)`, the work is done once.
    """
    arrays = (input,) if structure is None else (input, np.asarray(structure))
    return _build.apply("label", arrays), _build.apply("label_count", arrays)


def generate_binary_structure(rank, connectivity):
    """A 3 x 3 x ... array of the neighbours that are at most `connectivity` steps away."""
    if rank < 1:
        return np.array(True)
    away = np.abs(np.indices([3] * rank) - 1).sum(0)
    return away <= max(connectivity, 1)


def iterate_structure(structure, iterations, origin=None):
    """A structure dilated with itself, as if it were applied several times."""
    if origin is not None:
        raise TgTypeError("iterate_structure: origin is not supported")
    structure = np.asarray(structure, bool)
    if iterations < 2:
        return structure.copy()
    reach = [(n // 2) * (iterations - 1) for n in structure.shape]
    seed = np.pad(structure, [(r, r) for r in reach])
    dilate = _optable.function("binary_dilation")
    return dilate(asarray(seed), asarray(structure), iterations=iterations - 1).compute()
