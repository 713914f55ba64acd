# SPDX-License-Identifier: BSD-3-Clause
"""Arrays as Dask collections, for a cluster of dask.distributed that runs already.

The graph has one task per super-chunk, a few hundred at most, and one node with the expression as
bytes, which each worker gets once. A task opens the sources in its own process, takes its part of
the expression and has the engine compute that: inside of it everything is native, halos included.

Only what `Array.to_dask` returns has Dask's methods, never the array itself: xarray would take it
for an array of Dask's.
"""

import hashlib
import itertools
import math
import os
import threading

import dask
import numpy as np
from dask.base import DaskMethodsMixin

from . import _build, _engine, config
from ._engine import check, ffi, lib
from ._map import here
from .errors import TgLimitError

__all__ = ["DaskCollection", "to_dask"]

#: A scheduler of Dask's takes about a millisecond per task: so many it should not notice.
_TASKS_MAX = 256
#: More than that are a mistake, also when they were asked for.
_TASKS_LIMIT = 10_000
#: Smaller super-chunks are not worth a task.
_BLOCK_BYTES = 32 << 20
#: What the engine takes of a worker's memory; the rest is for the results that Dask holds.
_MEMORY_SHARE = 0.5


def to_dask(array, chunks="auto"):
    """See `Array.to_dask`."""
    source = Source(array)
    if any(math.isnan(n) for n in array.shape):
        chunks = tuple((n,) for n in array.shape)
    elif isinstance(chunks, str) and chunks == "auto":
        chunks = super_chunks(array)
    else:
        chunks = array.rechunk(chunks).chunks
    count = math.prod(len(c) for c in chunks)
    if count > _TASKS_LIMIT:
        raise TgLimitError(f"to_dask: {count} chunks are as many tasks of Dask's, at most "
                           f"{_TASKS_LIMIT} are sensible; give larger chunks")
    token = hashlib.blake2b(f"{_process()}-{array.name}-{chunks}".encode(), digest_size=16)
    name = f"tilegraph-{token.hexdigest()}"
    graph = {f"{name}-expression": source}
    for index in itertools.product(*(range(len(c)) for c in chunks)):
        graph[(name, *index)] = (compute_block, f"{name}-expression", _spans(chunks, index))
    return DaskCollection(graph, name, chunks, array.dtype)


class DaskCollection(DaskMethodsMixin):
    """An array as Dask computes it: one task per super-chunk.

    `dask.compute`, `dask.persist`, `client.compute`, `client.persist` and `dask.visualize` take it;
    `compute()` gives what `Array.compute` gives. `to_array()` is a dask.array.Array of the same
    chunks, for going on with Dask's functions. It can be pickled.
    """

    __dask_optimize__ = None
    __dask_scheduler__ = staticmethod(dask.threaded.get)

    def __init__(self, graph, name, chunks, dtype):
        self._graph = graph
        self.name = name
        self.chunks = chunks
        self.dtype = dtype

    @property
    def shape(self):
        """Lengths of the axes; nan for a length that is not known before computing."""
        return tuple(sum(c) for c in self.chunks)

    @property
    def ndim(self):
        """Number of axes."""
        return len(self.chunks)

    @property
    def numblocks(self):
        """Number of super-chunks along each axis."""
        return tuple(len(c) for c in self.chunks)

    @property
    def npartitions(self):
        """Number of super-chunks."""
        return math.prod(self.numblocks)

    def to_array(self):
        """A dask.array.Array with the same tasks and chunks."""
        import dask.array
        from dask.highlevelgraph import HighLevelGraph

        graph = HighLevelGraph.from_collections(self.name, self._graph)
        return dask.array.Array(graph, self.name, self.chunks, dtype=self.dtype)

    def __repr__(self):
        return (f"tilegraph.DaskCollection<{self.name}, shape={self.shape}, dtype={self.dtype}, "
                f"{self.npartitions} tasks>")

    def __dask_graph__(self):
        return self._graph

    def __dask_keys__(self):
        return self._keys(())

    def _keys(self, index):
        axis = len(index)
        if not self.ndim:
            return [(self.name,)]
        return [self._keys((*index, i)) if axis + 1 < self.ndim else (self.name, *index, i)
                for i in range(len(self.chunks[axis]))]

    def __dask_layers__(self):
        return (self.name,)

    def __dask_tokenize__(self):
        return self.name

    def __dask_postcompute__(self):
        return _assemble, (self.chunks, self.dtype)

    def __dask_postpersist__(self):
        return _rebuild, (self.name, self.chunks, self.dtype)


def _rebuild(graph, name, chunks, dtype, *, rename=None):
    return DaskCollection(graph, (rename or {}).get(name, name), chunks, dtype)


def _assemble(results, chunks, dtype):
    """The whole array from its super-chunks, which are nested lists."""
    blocks = {}
    for index in itertools.product(*(range(len(c)) for c in chunks)):
        block = results
        for i in index or (0,):
            block = block[i]
        blocks[index] = block
    if len(blocks) == 1:
        whole = blocks[(0,) * len(chunks)]
        return whole if whole.ndim else whole[()]
    whole = np.empty(tuple(sum(c) for c in chunks), dtype)
    for index, block in blocks.items():
        whole[_slices(_spans(chunks, index))] = block
    return whole


# --- super-chunks ------------------------------------------------------------------------------


def super_chunks(array):
    """Chunks that are whole chunks of the array, near to cubes, and not too many or too small."""
    chunks = [list(c) for c in array.chunks]
    while True:
        edges = [max(c) for c in chunks]
        small = math.prod(edges) * array.itemsize < _BLOCK_BYTES
        many = math.prod(len(c) for c in chunks) > _TASKS_MAX
        axes = [a for a in range(array.ndim) if len(chunks[a]) > 1]
        if not axes or not (small or many):
            return tuple(tuple(c) for c in chunks)
        axis = min(axes, key=lambda a: edges[a])
        pairs = chunks[axis]
        chunks[axis] = [sum(pairs[i:i + 2]) for i in range(0, len(pairs), 2)]


def _spans(chunks, index):
    """First cell of a super-chunk and the one behind its last, along each axis; None: unknown."""
    spans = []
    for sizes, i in zip(chunks, index):
        first = sum(sizes[:i])
        spans.append(None if math.isnan(sizes[i]) else (first, first + sizes[i]))
    return tuple(spans)


def _slices(spans):
    return tuple(slice(None) if span is None else slice(*span) for span in spans)


_token = None


def _process():
    """Tells the arrays of this process from those of all others: their names are numbers."""
    global _token
    if _token is None or _token[0] != os.getpid():
        _token = os.getpid(), os.urandom(16).hex()
    return _token[1]


# --- in the worker -----------------------------------------------------------------------------


def compute_block(source, spans):
    """One super-chunk, as a NumPy array."""
    _take_share()
    array = source.array()
    return np.asarray(array[_slices(spans)].compute() if spans else array.compute())


class Source:
    """An expression that travels: its bytes, with the functions that it calls."""

    def __init__(self, array):
        self.data = _to_bytes(array)
        self._array = None
        self._lock = threading.Lock()

    def __getstate__(self):
        return self.data

    def __setstate__(self, state):
        self.data = state
        self._array = None
        self._lock = threading.Lock()

    def __dask_tokenize__(self):
        return self.data

    def __sizeof__(self):
        return len(self.data)

    def array(self):
        """The array, whose stores are opened once in a process."""
        with self._lock:
            if self._array is None:
                self._array = _from_bytes(self.data)
            return self._array


def _to_bytes(array):
    """The expression as bytes."""
    data, size = ffi.new("void **"), ffi.new("size_t *")
    err = ffi.new("tg_error *")
    arrays = ffi.new("tg_array *[]", [array._ptr])
    check(lib.tg_arrays_to_bytes(1, arrays, data, size, err), err)
    try:
        return ffi.buffer(data[0], size[0])[:]
    finally:
        lib.tg_plan_bytes_free(data[0], size[0])


def _from_bytes(data):
    """The array; its functions run in this process, which is a worker of Dask's for that."""
    arrays = ffi.new("tg_array *[]", 1)
    err = ffi.new("tg_error *")
    check(lib.tg_arrays_from_bytes(_engine.session(), data, len(data), here(), 1, arrays, err), err)
    return _build.wrap(arrays[0])


_shared = threading.Lock()


def _take_share():
    """In a worker process of Dask's the engine takes its threads and a part of its memory, unless
    the environment or a file says otherwise. A worker without a nanny is part of another program,
    whose settings stay."""
    try:
        from distributed import get_worker

        worker = get_worker()
    except (ImportError, ValueError):  # another scheduler of Dask's
        return
    if worker.nanny is None:
        return
    with _shared:
        told = {key for key, (value, _) in config._sources().items() if value is not None}
        wanted = {"threads": worker.state.nthreads}
        if worker.memory_manager.memory_limit:
            wanted["memory_limit"] = int(worker.memory_manager.memory_limit * _MEMORY_SHARE)
        wanted = {key: value for key, value in wanted.items()
                  if key not in told and config._given.get(key) != value}
        if wanted:
            config.set(**wanted)
