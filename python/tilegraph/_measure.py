# SPDX-License-Identifier: BSD-3-Clause
"""Measurements whose SciPy form is more than one array, or no array at all."""

import numpy as np

from . import _build, _optable
from ._convert import asarray
from .errors import TgTypeError

__all__ = ["Objects", "find_objects", "label"]


def label(input, structure=None):  # noqa: A002 (SciPy's names)
    """Numbers the connected components of the cells that are not zero.

    structure: which neighbours count: a 3 x 3 x ... array, as `generate_binary_structure` makes;
    the default are the direct neighbours. Returns (labels, count), both lazy: computed together,
    with `tilegraph.compute(labels, count)`, the work is done once.
    """
    arrays = (input,) if structure is None else (input, np.asarray(structure))
    return _build.apply("label", arrays), _build.apply("label_count", arrays)


class Objects:
    """The lazy result of `find_objects`: a list once it is computed.

    `compute()`, iterating and indexing give what SciPy gives: for label i the tuple of slices
    i - 1, or None for a label that does not occur. `boxes` is the same as an array with the shape
    (labels, axes, 2).
    """

    def __init__(self, boxes):
        self.boxes = boxes
        self._list = None

    def compute(self):
        """The list of slices."""
        if self._list is None:
            self._list = self._finish(self.boxes.compute())
        return self._list

    def _finish(self, boxes):
        return [
            tuple(slice(int(lo), int(hi)) for lo, hi in box) if box[:, 1].all() else None
            for box in boxes
        ]

    def __len__(self):
        return len(self.compute())

    def __iter__(self):
        return iter(self.compute())

    def __getitem__(self, index):
        return self.compute()[index]

    def __repr__(self):
        return f"<tilegraph.ndimage.Objects of {self.boxes!r}>"


def find_objects(input, max_label=0):  # noqa: A002 (SciPy's names)
    """Bounding boxes of labelled objects, as slices.

    max_label: boxes up to this label; 0: up to the largest. Returns `Objects`, which is lazy, may
    be given to `tilegraph.compute` with other results, and is otherwise used as a list.
    """
    return Objects(_optable.function("find_objects")(input, max_label))
