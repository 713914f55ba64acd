# SPDX-License-Identifier: BSD-3-Clause
"""x.blocks: an array indexed by whole chunks."""

import math

import numpy as np

from .errors import TgIndexError

__all__ = ["Blocks"]


class Blocks:
    """The chunks of an array, as an array of arrays: x.blocks[1, :2] is those chunks, joined."""

    def __init__(self, array):
        self._array = array

    @property
    def shape(self):
        """Number of chunks along each axis."""
        return self._array.numblocks

    @property
    def ndim(self):
        """Number of axes."""
        return self._array.ndim

    @property
    def size(self):
        """Number of chunks."""
        return math.prod(self.shape)

    def ravel(self):
        """All chunks, as a list."""
        return [self[place] for place in np.ndindex(*self.shape)]

    def __iter__(self):
        return (self[i] for i in range(self.shape[0]))

    def __len__(self):
        return self.shape[0]

    def __getitem__(self, index):
        items = list(index) if isinstance(index, tuple) else [index]
        if any(item is None for item in items):
            raise TgIndexError("Slicing with np.newaxis or None is not supported")
        if sum(not isinstance(item, slice) and np.ndim(item) > 0 for item in items) > 1:
            raise TgIndexError("Can only slice with a single list")
        if any(item is Ellipsis for item in items):
            place = next(i for i, item in enumerate(items) if item is Ellipsis)
            items[place:place + 1] = [slice(None)] * (self.ndim - len(items) + 1)
        if len(items) > self.ndim:
            raise TgIndexError(f"too many indices: the array has {self.ndim} axes")
        array = self._array
        for axis, item in enumerate(items):
            sizes = array.chunks[axis]
            edges = np.cumsum([0, *sizes])
            chosen = np.atleast_1d(np.arange(len(sizes))[item])
            if (np.diff(chosen) == 1).all() and len(chosen):
                cells = slice(int(edges[chosen[0]]), int(edges[chosen[-1] + 1]))
            else:
                cells = np.concatenate([np.arange(edges[i], edges[i + 1]) for i in chosen]
                                       or [np.zeros(0, np.intp)]).astype(np.intp)
            array = array[(slice(None),) * axis + (cells,)]
        return array
