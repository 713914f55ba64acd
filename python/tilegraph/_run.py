# SPDX-License-Identifier: BSD-3-Clause
"""Computing: one pass for any number of results, with Ctrl-C, progress and profiles."""

import contextlib
import logging
import threading
import time

import numpy as np

from . import _build, _engine, _watch
from ._array import _DTYPES, Array
from ._engine import check, ffi, lib, text
from .errors import TgTypeError, TgValueError

__all__ = ["Computation", "Deferred", "Store", "compute", "persist", "save", "store", "to_zarr"]

# How long the engine is waited for at a time: Python sees Ctrl-C, and bars move, that often.
_SLICE_NS = 50_000_000
# Between two looks at whether a cluster says that it does not go on.
_STUCK_SECONDS = 1

_log = logging.getLogger("tilegraph")


def pack(targets):
    """A tg_target array, and all that has to live as long.

    targets: tuples (Array, sink or NULL, NumPy array to write into or None).
    """
    array = ffi.new("tg_target[]", len(targets))
    keep = [array]
    for slot, (wanted, sink, memory) in zip(array, targets):
        slot.array = wanted._ptr
        slot.sink = sink
        if memory is not None:
            slot.data = ffi.cast("void *", memory.__array_interface__["data"][0])
            strides = ffi.new("int64_t[]", memory.strides or 1)
            slot.strides = strides if memory.ndim else ffi.NULL
            keep.append((memory, strides))
    return array, keep


@contextlib.contextmanager
def opened(wanted):
    """Targets for `pack` of arrays and stores, whose sinks are released at the end."""
    sinks = []
    try:
        targets = []
        for thing in wanted:
            if isinstance(thing, Store):
                sinks.append(thing._open())
                targets.append((thing.array, sinks[-1], None))
            else:
                targets.append((thing, ffi.NULL, None))
        yield targets
    finally:
        for sink in sinks:
            lib.tg_sink_release(sink)


class Computation:
    """A tg_computation: started by its constructor."""

    def __init__(self, targets, client=None, here=False, priority=0):
        """targets: those of `pack`. client: the cluster that runs it; None: the current one, if
        there is any. here: it calls what only this process has. priority: of a client's."""
        self._ptr = None
        self._ended = False
        self._said, self._look = "", time.monotonic() + _STUCK_SECONDS
        array, self._keep = pack(targets)
        err = ffi.new("tg_error *")
        out = ffi.new("tg_computation **")
        client = None if here else client or _engine.client
        if client is not None:
            options = ffi.new("tg_start_options *", {"priority": priority})
            options.struct_size = ffi.sizeof(options[0])
            status = lib.tg_client_start(client._need_worker(), len(targets), array, options, out,
                                         err)
        else:
            status = lib.tg_compute_start(_engine.session(), len(targets), array, out, err)
        check(status, err)
        self._ptr = ffi.gc(out[0], lib.tg_computation_destroy)
        _engine.running.add(self)

    def cancel(self):
        """Ends it as soon as the tasks that run now have ended."""
        if not self._ended:
            lib.tg_computation_cancel(self._ptr)
            _engine.interrupt()

    def erase(self):
        """Removes what it has written, at the end of the program, though tasks may still run."""
        if not self._ended:
            lib.tg_computation_erase(self._ptr)

    def wait(self, timeout_ns=-1):
        """Whether it has ended; raises what it failed with."""
        done = ffi.new("bool *")
        err = ffi.new("tg_error *")
        status = lib.tg_computation_wait(self._ptr, timeout_ns, done, err)
        if done[0]:
            self._ended = True
            _engine.running.discard(self)
            check(status, err)
        elif time.monotonic() >= self._look:
            self._look = time.monotonic() + _STUCK_SECONDS
            self._tell_stuck()
        return done[0]

    def _tell_stuck(self):
        """Says once what it waits for, when it does not go on."""
        room = ffi.new("char[]", 1024)
        lib.tg_computation_stuck(self._ptr, room, len(room))
        said, self._said = self._said, text(room)
        if self._said and self._said != said:
            _log.warning("a computation on the cluster does not go on: %s", self._said)

    def progress(self):
        """Tasks that are done, and all tasks."""
        done, tasks = ffi.new("int64_t *"), ffi.new("int64_t *")
        lib.tg_computation_progress(self._ptr, done, tasks)
        return done[0], tasks[0]

    def run(self):
        """Waits, telling the progress bars and profilers that are active."""
        watchers = _watch.active()
        for watcher in watchers:
            watcher._start(self)
        failure = None
        try:
            while not self.wait(_SLICE_NS):
                for watcher in watchers:
                    watcher._tick(self)
        except BaseException as error:
            failure = error
            self._give_up()
            raise
        finally:
            for watcher in reversed(watchers):
                watcher._finish(self, failure)
            failure = None  # its traceback holds this frame: the results would wait for the gc
        return self

    def _give_up(self):
        """Cancels; when tasks write into memory that is not the engine's, waits for them."""
        if self._ended:
            return
        self.cancel()
        _engine.abandoned[:] = [t for t in _engine.abandoned if t.is_alive()]
        if not self.ended(2_000_000_000 if len(self._keep) > 1 else 0):
            # Holds the computation until it has ended; then what is half written is removed.
            thread = threading.Thread(target=self.ended, args=(-1,), daemon=True)
            _engine.abandoned.append(thread)
            thread.start()

    def ended(self, timeout_ns):
        """Whether it has ended, whatever with."""
        try:
            return self.wait(timeout_ns)
        except Exception:  # what it failed with is already on its way
            return True

    def result(self, index):
        """One result as a NumPy array over the engine's memory."""
        result = ffi.new("tg_result *")
        err = ffi.new("tg_error *")
        check(lib.tg_computation_result(self._ptr, index, result, err), err)
        return Result(result)

    def report(self):
        """The measured tg_report."""
        report = ffi.new("tg_report *")
        lib.tg_computation_report(self._ptr, report)
        return report

    def export(self, kind):
        """The timeline as bytes; kind: html, trace or text."""
        pieces = []
        handle = ffi.new_handle(pieces.append)
        err = ffi.new("tg_error *")
        function = getattr(lib, f"tg_computation_to_{kind}")
        check(function(self._ptr, lib.tg_py_write, handle, err), err)
        return b"".join(pieces)


class Result:
    """Memory of a result, released when the last NumPy array over it is gone."""

    def __init__(self, result):
        self._result = ffi.gc(result, lib.tg_result_release)
        self.shape = tuple(result.shape[0:result.ndim]) if result.ndim else ()
        self.code = result.dtype
        self.data = result.data

    @property
    def __array_interface__(self):
        return {
            "version": 3,
            "shape": self.shape,
            "typestr": _DTYPES[self.code].str,
            "data": (int(ffi.cast("uintptr_t", self.data)), False),
        }

    def numpy(self):
        """The array, without a copy; it keeps this object alive."""
        if 0 in self.shape:
            return np.empty(self.shape, _DTYPES[self.code])
        return np.asarray(self)


# --- results -----------------------------------------------------------------------------------


def compute(*things):
    """Computes all arrays in one pass: what they share is read and computed once.

    Each of `things` may be an array, a list, tuple or dict of arrays, or what
    `to_zarr(..., compute=False)` returns; anything else is handed back as it is. Returns a tuple:
    NumPy arrays for arrays, NumPy scalars for arrays without axes.
    """
    wanted = []
    for thing in things:
        collect(thing, wanted)
    found = {}
    if wanted:
        found = _compute_all(wanted)
    return tuple(replace(thing, found) for thing in things)


def collect(thing, wanted):
    if isinstance(thing, Deferred):
        thing = thing.boxes
    if isinstance(thing, (Array, Store)):
        if all(thing is not other for other in wanted):
            wanted.append(thing)
    elif type(thing) in (list, tuple):
        for part in thing:
            collect(part, wanted)
    elif type(thing) is dict:
        collect(list(thing.values()), wanted)


def replace(thing, found):
    if isinstance(thing, Deferred):
        return thing._finish(replace(thing.boxes, found))
    if isinstance(thing, (Array, Store)):
        return found[id(thing)]
    if type(thing) in (list, tuple):
        return type(thing)(replace(part, found) for part in thing)
    if type(thing) is dict:
        return {key: replace(part, found) for key, part in thing.items()}
    return thing


def _compute_all(wanted):
    """Results by id of what was wanted."""
    with opened(wanted) as targets:
        return results(Computation(targets).run(), wanted)


def results(computation, wanted):
    """Those of a computation that has ended, by id of what was wanted."""
    found = {}
    for i, thing in enumerate(wanted):
        if isinstance(thing, Store):
            found[id(thing)] = thing.path
        else:
            array = computation.result(i).numpy()
            found[id(thing)] = array if array.ndim else array[()]
    return found


def persist(*arrays):
    """Computes arrays in one pass and keeps the results in memory, as lazy arrays."""
    check_arrays("persist", arrays)
    return kept(Computation([(array, ffi.NULL, None) for array in arrays]).run(), arrays)


def check_arrays(what, arrays):
    """Raises unless all are lazy arrays."""
    for array in arrays:
        if not isinstance(array, Array):
            raise TgTypeError(f"{what}: expected tilegraph arrays, got {type(array).__name__}")


def kept(computation, arrays):
    """Results of a computation that has ended, as lazy arrays."""
    made = []
    for i, array in enumerate(arrays):
        result = computation.result(i)
        lazy = _build.from_foreign(result.data, result.code, result.shape, result)
        if lazy.ndim and lib.tg_array_chunk_count(array._ptr, 0) > 0:
            lazy = lazy.rechunk(array.chunks)
        made.append(lazy)
    return tuple(made)


class Deferred:
    """A lazy result that is no array: it is made from arrays when they are computed.

    `compute()`, iterating and indexing give what SciPy gives; `tilegraph.compute` takes it together
    with other results.
    """

    def __init__(self, boxes, finish):
        self.boxes = boxes
        self._finish = finish
        self._made = None

    def compute(self):
        """What SciPy returns."""
        if self._made is None:
            self._made = compute(self)
        return self._made[0]

    def __len__(self):
        return len(self.compute())

    def __iter__(self):
        return iter(self.compute())

    def __getitem__(self, index):
        return self.compute()[index]

    def __array__(self, dtype=None, copy=None):
        return np.asarray(self.compute(), dtype)

    def __repr__(self):
        return f"<tilegraph.ndimage.{type(self).__name__} of {self.boxes!r}>"


# --- stores ------------------------------------------------------------------------------------


class Store:
    """An array on its way to a store, for `tilegraph.compute`."""

    def __init__(self, array, path, options):
        self.array = array
        self.path = path
        self._options = options

    def __repr__(self):
        return f"<tilegraph.Store of {self.array!r} to {self.path!r}>"

    def compute(self):
        """Writes it."""
        return compute(self)[0]

    def explain(self):
        """What writing it would do."""
        from ._explain import explain

        return explain(self)

    def _open(self):
        options = ffi.new("tg_save_options *")
        options.struct_size = ffi.sizeof("tg_save_options")
        keep = [options]
        for name, value in self._options.items():
            if name == "resume":
                value = _fingerprint(self.array) if value else None
            if isinstance(value, list):
                value = ffi.new("int64_t[]", value)
            elif isinstance(value, str):
                value = ffi.new("char[]", value.encode())
            keep.append(value)
            if value is not None:
                setattr(options, name, value)
        out = ffi.new("tg_sink **")
        err = ffi.new("tg_error *")
        check(
            lib.tg_sink_open(_engine.session(), self.path.encode(), self.array._ptr, options, out,
                             err),
            err,
        )
        del keep
        return out[0]


def to_zarr(array, path, *, chunks=None, shards=None, codec=None, zarr_version=3, overwrite=False,
            attributes=None, dimension_names=None, sync=False, resume=False, compute=True):
    """Writes an array as Zarr.

    chunks, shards: sizes per axis, or one size for all axes; chunks default to the array's.
    codec: "blosc:zstd:5:shuffle", "zstd:3", "gzip:5", "none", ...; zarr_version: 2 or 3.
    overwrite: replaces what is there; without it that is an error.
    attributes: a dict for the array's attributes. dimension_names: names of the axes.
    sync: returns when the data would survive a power cut, which takes longer.
    resume: goes on with what an earlier run has begun, however that ended: chunks (or shards) that
    are whole on the disk are not computed again, nor what only they need. Until it is complete the
    array lies in `path` + ".part". Another computation, other options or changed files are a
    ValueError: remove the folder to begin anew. An array that was finished by the same computation
    is left as it is. Functions of map_blocks count by what they are pickled to.
    compute: False returns an object for `tilegraph.compute`, so that several arrays are written in
    one pass. Returns the path.
    """
    return _save(array, path, "zarr", compute, chunks=chunks, shards=shards, codec=codec,
                 zarr_version=zarr_version, overwrite=overwrite, attributes=attributes,
                 dimension_names=dimension_names, sync=sync, resume=resume)


def save(array, path, *, format=None, chunks=None, shards=None, codec=None,  # noqa: A002
         overwrite=False, attributes=None, sync=False, compute=True):
    """Writes an array to a file: .zarr, .npy, .tif, .nii, .nii.gz, .png by the path's suffix,
    or by `format`.

    A TIFF gets pages of the last two axes, three where the last one is 3 or 4 colours of uint8 or
    uint16. Its codecs are "none", "lzw", "deflate:6" and "zstd:3"; chunks narrower than a page make
    tiles. NIfTI takes the attributes affine, sform, qform, pixdim, units and some more, as
    `describe` gives them. A PNG is one picture of uint8, uint16 or bool.

    The other options are those of `to_zarr`. Returns the path.
    """
    return _save(array, path, format, compute, chunks=chunks, shards=shards, codec=codec,
                 overwrite=overwrite, attributes=attributes, sync=sync)


def _save(array, path, form, now, **options):
    import json

    from ._convert import asarray
    from ._params import path_text

    path = path_text("save", path)
    array = asarray(array)
    for name in ("chunks", "shards"):
        options[name] = _edges(array, name, options.get(name))
    if options.get("attributes") is not None:
        options["attributes"] = _json(options["attributes"])
    names = options.get("dimension_names")
    if names is not None:
        if len(names) != array.ndim:
            raise TgValueError(f"to_zarr: {len(names)} dimension_names for {array.ndim} axes")
        options["dimension_names"] = json.dumps(list(names))
    lazy = Store(array, path, {"format": form, **options})
    return compute(lazy)[0] if now else lazy


def _fingerprint(array):
    """The engine's name for what the array computes."""
    name = ffi.new("char[]", lib.TG_FINGERPRINT_BYTES)
    err = ffi.new("tg_error *")
    arrays = ffi.new("tg_array *[]", [array._ptr])
    check(lib.tg_arrays_fingerprint(1, arrays, name, err), err)
    return text(name)


def _json(attributes):
    import json

    if not isinstance(attributes, dict):
        raise TgTypeError(f"save: attributes must be a dict, got {attributes!r}")
    try:
        return json.dumps(attributes)
    except (TypeError, ValueError) as error:
        raise TgTypeError(f"save: attributes must be what JSON can hold: {error}") from None


def _edges(array, name, sizes):
    """One size per axis, as tg_save_options has them; None stays None."""
    if sizes is None:
        return None
    from ._params import normal_chunks

    edges, irregular = normal_chunks("save: " + name, sizes, array.shape)
    if irregular is not None:
        raise TgValueError(f"save: {name} must be one size per axis, got {sizes!r}")
    if edges is None:
        return None
    edges = edges * array.ndim if len(edges) == 1 else edges
    return [int(n) if e < 0 else e for e, n in zip(edges, array.shape)]


def store(sources, targets, *, lock=True, regions=None, compute=True):
    """Writes arrays into NumPy arrays, or into anything with __setitem__ (zarr, h5py), in one pass.

    sources, targets: one of each, or lists of the same length; regions: tuples of slices of the
    targets. lock: True lets one thread at a time write into targets that are not NumPy arrays; a
    lock of one's own, or False, is possible. compute: only True.
    """
    from ._convert import asarray

    if not compute:
        raise TgValueError("store: compute=False is not supported; see to_zarr(compute=False)")
    single = isinstance(sources, Array)
    sources = [sources] if single else [asarray(s) for s in sources]
    targets = [targets] if single else list(targets)
    regions = [regions] * len(sources) if regions is None or isinstance(regions, tuple) else list(
        regions)
    if not len(sources) == len(targets) == len(regions):
        raise TgValueError(f"store: {len(sources)} sources for {len(targets)} targets and "
                           f"{len(regions)} regions")
    wanted, written, here = [], [], False
    for source, target, region in zip(sources, targets, regions):
        if isinstance(target, np.ndarray):
            memory = target if region is None else target[region]
            _check_target(source, memory.shape)
            _check_memory(memory, written)
            written.append(memory)
            wanted.append((source.astype(memory.dtype), ffi.NULL, memory))
        else:
            from ._map import write_blocks

            if not hasattr(target, "shape") or not hasattr(target, "__setitem__"):
                raise TgTypeError("store: a target must be a NumPy array or have a shape and "
                                  f"__setitem__, got {target!r}; tilegraph.save writes files")
            _check_target(source, _region_shape(target, region))
            wanted.append((write_blocks(source, target, region, lock), ffi.NULL, None))
            here = True
    Computation(wanted, here=here).run()


def _region_shape(target, region):
    if region is None:
        return tuple(target.shape)
    return tuple(len(range(*part.indices(n))) for part, n in zip(region, target.shape))


def _check_memory(memory, others):
    if not memory.flags.writeable:
        raise TgValueError("store: the target is read-only")
    if any(np.shares_memory(memory, other) for other in others):
        raise TgValueError("store: two targets share memory; each cell can be written once")


def _check_target(source, shape):
    if tuple(shape) != source.shape:
        raise TgValueError(f"store: the array has shape {source.shape}, the target {tuple(shape)}")
