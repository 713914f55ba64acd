# SPDX-License-Identifier: BSD-3-Clause
"""User functions on blocks: map_blocks and map_overlap, with Dask's arguments.

The engine calls the functions from its own threads; cffi takes the GIL for each call. A function
gets NumPy arrays that are read-only and its own: it may keep them, and they are contiguous whatever
the engine's memory looks like. They are copies; with tg.config.set(isolate=True) the function runs
in a child process (_children.py), and they are memory that is shared with it.
"""

import itertools
import threading

import numpy as np

from . import _build, _children, _params
from ._array import _DTYPES, Array
from ._call import Call
from ._engine import ffi, keep_exception, lend, lib
from .errors import TgMemoryError, TgTypeError, TgUnsupportedError, TgValueError

__all__ = ["here", "map_blocks", "map_overlap", "write_blocks"]


def map_blocks(func, *args, dtype=None, chunks=None, drop_axis=None, new_axis=None, name=None,
               meta=None, enforce_ndim=False, **kwargs):
    """Applies a function to each chunk of one or several arrays.

    func: called with one NumPy array per array argument, with the other arguments as they are, and
        with `kwargs`. If it has a parameter `block_id` it gets the chunk's place in the result, and
        if it has `block_info` a dict as in Dask. The arrays are read-only.
    args: arrays, and anything else. Arrays are aligned at their last axes and may be broadcast;
        chunks that do not match are changed to those of the array with the most axes.
    dtype: of the result. When it is not given the function is called once, now, on a small block of
        real data; otherwise it is not called before computing.
    chunks: of the result, when the function changes shapes: one size per axis, or tuples of sizes.
    drop_axis, new_axis: axes that the function removes and adds. A dropped axis is handed over
        whole; a new one has length 1 unless `chunks` says otherwise.
    name, meta, enforce_ndim: for Dask's sake; `meta` may stand for `dtype`, the others do nothing.
    """
    return _map("map_blocks", func, args, kwargs, dtype, meta, chunks, drop_axis, new_axis, None)


def map_overlap(func, *args, depth=None, boundary=None, trim=True, align_arrays=True,
                allow_rechunk=True, dtype=None, chunks=None, drop_axis=None, new_axis=None,
                name=None, meta=None, enforce_ndim=False, **kwargs):
    """Applies a function to each chunk together with its surroundings.

    depth: cells of the surroundings: a number for all axes; a tuple or dict with an entry per axis,
        each a number or a pair (before, after); a list of these, one per array. Any depth will do,
        also larger than a chunk or than the array.
    boundary: what lies outside of the array: 'reflect' (d c b a | a b c d), 'mirror'
        (d c b | a b c d), 'periodic' or 'wrap', 'nearest' or 'edge', a number, or 'none' (the
        default: blocks at the border have no surroundings there); a tuple or dict with an entry
        per axis; a list of these, one per array.
    trim: whether the surroundings are cut off the results again. If not, `chunks` says what is
        left, unless the function keeps the size of the block.

    The other arguments are those of `map_blocks`; align_arrays and allow_rechunk do nothing here:
    chunks are never changed for the sake of the depth.
    """
    if args and callable(args[0]) and not callable(func):
        func, args = args[0], (func, *args[1:])  # Dask's old order
    overlap = (0 if depth is None else depth, "none" if boundary is None else boundary, trim)
    lines = [i for i, arg in enumerate(args) if _is_array(arg)]
    if len(lines) == 1 and not isinstance(boundary, list):
        array = _lazy(args[lines[0]])
        fills = _constants("map_overlap", overlap[1], array.ndim)
        if len({repr(fill) for fill in fills if fill is not None}) > 1:
            if drop_axis is not None or new_axis is not None or chunks is not None:
                raise TgUnsupportedError("map_overlap: different constants at different axes are "
                                         "not supported with drop_axis, new_axis or chunks")
            args = list(args)
            args[lines[0]], outer, bounds = _with_constants(array, *overlap[:2], fills)
            made = _map("map_overlap", func, args, kwargs, dtype, meta, None, None, None,
                        (overlap[0], bounds, trim))
            return made[outer] if trim else made
    return _map("map_overlap", func, args, kwargs, dtype, meta, chunks, drop_axis, new_axis,
                overlap)


def _map(op, func, args, kwargs, dtype, meta, chunks, drop_axis, new_axis, overlap,
         here_only=False):
    if not callable(func):
        raise TgTypeError(f"{op}: the first argument must be a function, got {func!r}")
    places = [i for i, arg in enumerate(args) if _is_array(arg)]
    arrays = _aligned([_lazy(args[i]) for i in places])
    hidden = not arrays
    if hidden:
        arrays = [_template(op, chunks)]
    drop, new = _axis_list(op, "drop_axis", drop_axis), _axis_list(op, "new_axis", new_axis)
    call = _Call(op, func, args, places, kwargs, hidden)
    call.here_only = here_only
    if dtype is None and meta is not None:
        dtype = meta.dtype
    params = [] if overlap is None else _overlap_params(op, arrays, *overlap)
    if dtype is None:
        dtype = call.sample(arrays, drop)
    call.dtype = np.dtype(_params.dtype_name(dtype, f"{op}: dtype: "))
    params.append(_params.string("dtype", call.dtype.name))
    if chunks is not None:
        params += _result_chunks(op, chunks, arrays, drop, new)
    if drop:
        params.append(_params.ints(op, "drop_axis", drop))
    if new:
        params.append(_params.ints(op, "new_axis", new))
    function = _function(call)
    try:
        params.append(("function", lib.TG_PARAM_POINTER, 1, function))
        return _build.apply(op, arrays, params)
    finally:
        lib.tg_block_function_release(function)


def _function(call):
    """The engine's function of a call: one reference."""
    function = lib.tg_block_function_create(_BLOCK, lend(call), _build._RELEASE, 0)
    if function == ffi.NULL:
        raise TgMemoryError(f"{call.op}: out of memory")
    lib.tg_block_function_set_form(function, _FORM)
    return function


# --- arguments ---------------------------------------------------------------------------------


def _is_array(arg):
    return isinstance(arg, Array) or (isinstance(arg, np.ndarray) and arg.ndim > 0)


def _lazy(arg):
    return arg if isinstance(arg, Array) else _build.from_numpy(_build.as_numpy(arg))


def _aligned(arrays):
    """The arrays with chunks that match the first array of the highest rank."""
    if len(arrays) < 2:
        return arrays
    lead = max(arrays, key=lambda a: (a.ndim, a.npartitions))
    aligned = []
    for array in arrays:
        wanted = list(array.chunks)
        for axis in range(1, array.ndim + 1):
            ours, theirs = array.chunks[-axis], lead.chunks[-axis]
            if sum(ours) == sum(theirs):
                wanted[-axis] = theirs
        aligned.append(array if tuple(wanted) == array.chunks else array.rechunk(tuple(wanted)))
    return aligned


def _template(op, chunks):
    """Stands for the arguments of a function that has none: an array with the result's chunks."""
    if not isinstance(chunks, (list, tuple)) or not all(
            isinstance(c, (list, tuple)) for c in chunks):
        raise TgTypeError(f"{op}: without an array argument, chunks must be a tuple of tuples that "
                          f"gives all sizes, got {chunks!r}")
    import tilegraph

    shape = tuple(sum(c) for c in chunks)
    return tilegraph.zeros(shape, "uint8", chunks=chunks if shape else "auto")


def _axis_list(op, name, axes):
    if axes is None:
        return []
    axes = list(axes) if np.ndim(axes) else [axes]
    if not all(hasattr(a, "__index__") for a in axes):
        raise TgTypeError(f"{op}: {name} must be integers, got {axes!r}")
    return axes


def _result_chunks(op, chunks, arrays, drop, new):
    """Parameters for the chunks of the result. A plain size stands for each block."""
    if not isinstance(chunks, (list, tuple)):
        chunks = (chunks,)
    if not any(isinstance(c, (list, tuple)) for c in chunks):
        return [_params.ints(op, "chunks", chunks)]
    lead = max(arrays, key=lambda a: a.ndim)
    blocks = [n for axis, n in enumerate(lead.numblocks)
              if axis not in drop and axis - lead.ndim not in drop]
    for axis in sorted(a % (len(blocks) + len(new)) for a in new):
        blocks.insert(axis, 1)
    if len(chunks) != len(blocks):
        raise TgValueError(f"{op}: chunks {chunks} need one entry for each of {len(blocks)} axes")
    sizes = [c if isinstance(c, (list, tuple)) else (c,) * n for c, n in zip(chunks, blocks)]
    return [
        _params.ints(op, "chunks", list(itertools.chain(*sizes))),
        _params.ints(op, "chunk_counts", [len(c) for c in sizes]),
    ]


#: Names of Dask, NumPy and SciPy. Dask's 'reflect' repeats the edge, as SciPy's does.
_BOUNDARIES = {
    "reflect": "reflect", "symmetric": "reflect", "grid-mirror": "reflect", "mirror": "mirror",
    "periodic": "wrap", "wrap": "wrap", "grid-wrap": "wrap", "nearest": "nearest",
    "edge": "nearest", "constant": "constant", "none": "none", None: "none",
}


def _overlap_params(op, arrays, depth, boundary, trim):
    """depth, boundary, cval and trim as the op has them: for every axis of every argument."""
    depths = _per_array(op, "depth", depth, arrays)
    boundaries = _per_array(op, "boundary", boundary, arrays)
    ndim = max(a.ndim for a in arrays)
    cells, modes, fills = [], [], []
    for array, deep, bound in zip(arrays, depths, boundaries):
        missing = ndim - array.ndim
        cells += [0] * (2 * missing)
        modes += ["none"] * missing
        for pair in _depth(op, deep, array.ndim):
            cells += pair
        names, fill = _boundary(op, bound, array.ndim)
        modes += names
        fills.append(fill)
    found = [_params.ints(op, "trim", [int(bool(trim))])]
    if cells:
        found.append(_params.ints(op, "depth", cells))
        found.append(_params.string("boundary", "|".join(modes)))
    found.append(_params.floats(op, "cval", fills))
    return found


def _per_array(op, name, value, arrays):
    if isinstance(value, list):
        if len(value) != len(arrays):
            raise TgValueError(f"{op}: {name} has {len(value)} entries for {len(arrays)} arrays")
        return value
    return [value] * len(arrays)


def _per_axis(op, name, value, ndim, missing):
    if isinstance(value, dict):
        axes = {}
        for axis, entry in value.items():
            if not hasattr(axis, "__index__") or not -ndim <= axis < ndim:
                raise TgValueError(f"{op}: {name} names axis {axis!r} of an array with {ndim} axes")
            axes[axis % ndim] = entry
        return [axes.get(axis, missing) for axis in range(ndim)]
    if isinstance(value, tuple):
        if len(value) != ndim:
            raise TgValueError(f"{op}: {name} {value} has {len(value)} entries for {ndim} axes")
        return list(value)
    return [value] * ndim


def _depth(op, value, ndim):
    pairs = []
    for entry in _per_axis(op, "depth", value, ndim, 0):
        pair = tuple(entry) if isinstance(entry, (tuple, list)) else (entry, entry)
        if len(pair) != 2 or not all(hasattr(d, "__index__") for d in pair):
            raise TgTypeError(f"{op}: depth must be integers or pairs of them, got {value!r}")
        if any(d < 0 for d in pair):
            raise TgValueError(f"{op}: depth must not be negative, got {value!r}")
        pairs.append(pair)
    return pairs


def _boundary(op, value, ndim):
    """Names per axis, and the one constant."""
    names = []
    for entry in _per_axis(op, "boundary", value, ndim, "none"):
        if entry is None or isinstance(entry, str):
            if entry not in _BOUNDARIES:
                known = ", ".join(repr(b) for b in _BOUNDARIES if b)
                raise TgValueError(f"{op}: unknown boundary {entry!r}; known: {known}, or a number")
            names.append(_BOUNDARIES[entry])
        else:
            names.append("constant")
    fills = [fill for fill in _constants(op, value, ndim) if fill is not None]
    if len({repr(f) for f in fills}) > 1:
        raise TgUnsupportedError(f"{op}: different constants at different axes of several arrays "
                                 f"are not supported, got {value!r}")
    return names, fills[0] if fills else 0.0


def _constants(op, value, ndim):
    """The constant beyond each axis; None where the boundary is another."""
    fills = []
    for entry in _per_axis(op, "boundary", value, ndim, "none"):
        if entry is None or isinstance(entry, str):
            fills.append(0.0 if entry == "constant" else None)
            continue
        try:
            fills.append(float(entry))
        except (TypeError, ValueError):
            raise TgTypeError(
                f"{op}: boundary must be a name or a number, got {entry!r}") from None
    return fills


def _with_constants(array, depth, boundary, fills):
    """The array with its constants round it, as part of the outermost chunks: what is not beyond
    the array needs no boundary. Also where the array lies in that, and the other boundaries."""
    from ._layout import pad

    bounds = _per_axis("map_overlap", "boundary", boundary, array.ndim, "none")
    inside, chunks = [], list(array.chunks)
    for axis, (before, after) in enumerate(_depth("map_overlap", depth, array.ndim)):
        if fills[axis] is None:
            inside.append(slice(None))
            continue
        sizes = list(chunks[axis])
        inside.append(slice(before, before + array.shape[axis]))
        array = pad(array, {axis: (before, after)}, constant_values=fills[axis])
        sizes[0] += before
        sizes[-1] += after
        chunks[axis], bounds[axis] = tuple(sizes), "none"
    return array.rechunk(tuple(chunks)), tuple(inside), tuple(bounds)


# --- the call ----------------------------------------------------------------------------------


class _Call(Call):
    """A function as the engine of this process holds it."""

    there = None  # its tg_function in child processes
    form = None  # what the engine is told when it travels
    here_only = False  # works on objects of this process

    def sample(self, arrays, drop):
        """The dtype of what the function makes of a small block of real data."""
        from ._run import compute

        ndim = max((a.ndim for a in arrays), default=0)
        whole = {axis % ndim for axis in drop} if ndim else set()
        corners = []
        for array in arrays:
            index = tuple(
                slice(0, size if axis + ndim - array.ndim in whole else min(part[0], _SAMPLE_SIDE))
                for axis, (size, part) in enumerate(zip(array.shape, array.chunks))
            )
            corners.append(array[index] if index else array)
        blocks = [np.ascontiguousarray(block) for block in compute(*corners)]
        inputs = [{
            "shape": array.shape, "num-chunks": array.numblocks,
            "array-location": [(0, n) for n in block.shape],
            "chunk-location": (0,) * array.ndim,
        } for array, block in zip(arrays, blocks)]
        if _children.enabled and not self.here_only:
            return _children.dtype_of(self, blocks, inputs)
        return self.dtype_of(blocks, inputs)

    def packed(self):
        """The bytes that another process makes it from."""
        if self.here_only:
            raise TgUnsupportedError(f"{self.op}: {self.name} works on objects of this process")
        if self.form is None:
            data = self.pack()
            self.form = (ffi.new("char[]", self.name.encode()), ffi.from_buffer(data), data)
        return self.form[2]


#: Cells along an axis of the block on which a function is tried when no dtype is given.
_SAMPLE_SIDE = 32


class _Memory:
    """A tg_block_view for NumPy."""

    def __init__(self, view):
        ndim = view.ndim
        self.__array_interface__ = {
            "version": 3,
            "shape": tuple(view.shape[0:ndim]) if ndim else (),
            "strides": tuple(view.strides[0:ndim]) if ndim else (),
            "typestr": _DTYPES[view.dtype].str,
            "data": (int(ffi.cast("uintptr_t", view.data)), False),
        }


def _numpy(view):
    return np.asarray(_Memory(view))


def _list(pointer, ndim):
    return tuple(pointer[0:ndim]) if ndim else ()


def _place(place):
    """One entry of Dask's block_info."""
    ndim = place.ndim
    return {
        "shape": _list(place.shape, ndim),
        "num-chunks": _list(place.num_blocks, ndim),
        "array-location": list(zip(_list(place.lo, ndim), _list(place.hi, ndim))),
        "chunk-location": _list(place.index, ndim),
    }


@ffi.def_extern(error=1)
def tg_py_block(user, info, inputs, count, output, message, message_bytes):
    call = ffi.from_handle(user)
    try:
        if _children.enabled and not call.here_only:
            _children.call(call, info, inputs, count, output)
        else:
            _run_block(call, info, inputs, count, output)
        return 0
    except BaseException as error:  # whatever it is, it belongs to the caller of compute
        where = _list(info.out.index, info.out.ndim)
        text = f"{call.name} failed on block {where}: {type(error).__name__}: {error}"
        return _say(keep_exception(error) + text, message, message_bytes)


def _say(text, message, message_bytes):
    """Writes a message for C; returns what says that there is one."""
    data = text.encode(errors="replace")[: message_bytes - 1]
    data = data.decode("utf-8", "ignore").encode()  # not in the middle of a character
    ffi.memmove(message, data + b"\0", len(data) + 1)
    return 1


def _run_block(call, info, inputs, count, output):
    blocks = []
    if not call.hidden:
        blocks = [_numpy(inputs[i]).copy(order="C") for i in range(count)]
    places = getattr(info, "in")  # the field's name is a word of Python's
    call.fill(_numpy(output), blocks, lambda: _place(info.out),
              [lambda i=i: _place(places[i]) for i in range(count)])


_PYTHON = ffi.new("char[]", b"python")


@ffi.def_extern(error=1)
def tg_py_form(user, form, message, message_bytes):
    call = ffi.from_handle(user)
    try:
        form.size = len(call.packed())
        form.kind, form.name, form.bytes = _PYTHON, call.form[0], call.form[1]
        return 0
    except Exception as error:
        return _say(str(error), message, message_bytes)


@ffi.def_extern(error=ffi.NULL)
def tg_py_make(ctx, form, message, message_bytes):
    try:
        if ffi.string(form.kind) != b"python":
            raise TgUnsupportedError("it is no Python function")
        call = _Call.unpack(ffi.buffer(form.bytes, form.size)[:])
        return _function(call)
    except Exception as error:
        _say(f"{type(error).__name__}: {error}", message, message_bytes)
        return ffi.NULL


def here():
    """A tg_plan_functions that makes Python functions in this process: whoever wrote the plan runs
    code here."""
    functions = ffi.new("tg_plan_functions *")
    functions.struct_size = ffi.sizeof("tg_plan_functions")
    functions.make = lib.tg_py_make
    return functions


_BLOCK = ffi.addressof(lib, "tg_bridge_block")
_FORM = ffi.addressof(lib, "tg_bridge_form")


# --- stores with __setitem__ -------------------------------------------------------------------


def write_blocks(source, target, region, lock):
    """An array whose computation writes `source` into `target`, chunk by chunk."""
    if lock is True:
        lock = threading.Lock()
    offsets = [part.start or 0 for part in region] if region is not None else [0] * source.ndim

    def write(block, block_info):
        spans = block_info[0]["array-location"]
        index = tuple(slice(lo + o, hi + o) for (lo, hi), o in zip(spans, offsets))
        if lock:
            with lock:
                target[index] = block
        else:
            target[index] = block
        return np.ones((1,) * block.ndim, bool)

    chunks = (1,) * source.ndim if source.ndim else None
    return _map("map_blocks", write, (source,), {}, bool, None, chunks, None, None, None,
                here_only=True)
