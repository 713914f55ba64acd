# SPDX-License-Identifier: BSD-3-Clause
"""Functions in child processes of this one: what `tg.config.set(isolate=True)` turns on.

The pool of children is C's (tilegraph/children.h); _child.py is what runs in them.
"""

import os
import sys
import threading

import numpy as np

from . import _build
from ._call import MARK, Call, rebuild
from ._engine import check, ffi, lib
from .errors import TgMemoryError, TgUserError

__all__ = ["call", "configure", "dtype_of", "enabled", "in_plans", "stats", "stop"]

#: Whether functions run in children now.
enabled = False
_limits = (0, 0)  # nanoseconds of a call, bytes of a child; 0: none
_pool = None
_lock = threading.Lock()
#: Bytes for the text of a failure, with its traceback.
_TEXT_BYTES = 60_000


def configure(isolate, timeout, memory):
    """From the next call on. timeout: seconds or None; memory: bytes or None."""
    global enabled, _limits
    with _lock:
        enabled = bool(isolate)
        _limits = (round((timeout or 0) * 1e9), memory or 0)
        if _pool is not None:
            err = ffi.new("tg_error *")
            check(lib.tg_children_configure(_pool, *_limits, err), err)


def _open():
    global _pool
    with _lock:
        if _pool is None:
            # Modules are found there where they are found here.
            path = os.pathsep.join(p or os.getcwd() for p in sys.path)
            given = [f"PYTHONPATH={path}", "PYTHONSAFEPATH=1"]
            # There is a child for each thread, so one thread is right for each child.
            given += [f"{name}=1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS",
                                               "MKL_NUM_THREADS") if name not in os.environ]
            texts = [ffi.new("char[]", os.fsencode(text)) for text in given]
            options = ffi.new("tg_children_options *")
            options.struct_size = ffi.sizeof("tg_children_options")
            interpreter = ffi.new("char[]", os.fsencode(sys.executable or "python3"))
            options.interpreter = interpreter
            environment = ffi.new("char *[]", [*texts, ffi.NULL])
            options.environment = environment
            options.timeout_ns, options.memory_limit = _limits
            out = ffi.new("tg_children **")
            err = ffi.new("tg_error *")
            check(lib.tg_children_open(options, out, err), err)
            _pool = out[0]
    return _pool


def in_plans():
    """A tg_plan_functions: plans that this process reads may call Python functions, in children."""
    functions = ffi.new("tg_plan_functions *")
    functions.struct_size = ffi.sizeof("tg_plan_functions")
    functions.children = _pool or _open()
    return functions


def _made(data, call):
    """A function in children, from its bytes."""
    made = lib.tg_children_function(_pool or _open(), 0, call.name.encode(), data, len(data))
    if made == ffi.NULL:
        raise TgMemoryError(f"{call.op}: {call.name} is too large for a child process: "
                            f"{len(data)} bytes with all that it refers to")
    return ffi.gc(made, lib.tg_block_function_release)


def _run(function, info, inputs, count, output):
    text = ffi.new("char[]", _TEXT_BYTES)
    if lib.tg_block_function_call(function, info, inputs, count, output, text, _TEXT_BYTES) != 0:
        raise error_of(ffi.string(text).decode(errors="replace"))


def call(wanted, info, inputs, count, output):
    """Runs a Call in a child on a block; raises what it raises there."""
    if wanted.there is None:
        wanted.there = _made(wanted.packed(), wanted)
    _run(wanted.there, info, inputs, count, output)


def dtype_of(wanted, blocks, inputs):
    """What Call.dtype_of says, found out in a child: the function may crash there as well."""
    found = np.zeros(_DTYPE_BYTES, np.uint8)
    probe = Call(wanted.op, _Probe(wanted, inputs), (), tuple(range(len(blocks))), {}, False)
    probe.args, probe.name, probe.dtype = [None] * len(blocks), wanted.name, found.dtype
    info = ffi.new("tg_block_info *")
    places = ffi.new("tg_block_place[]", len(blocks))
    views = ffi.new("tg_block_view[]", len(blocks))
    output = ffi.new("tg_block_view *")
    keep = [_describe(view, place, block) for view, place, block in zip(views, places, blocks)]
    keep.append(_describe(output, info.out, found))
    info.struct_size, info.nin = ffi.sizeof("tg_block_info"), len(blocks)
    setattr(info, "in", places)
    _run(_made(probe.pack(), probe), info, views, len(blocks), output)
    return np.dtype(found.tobytes().rstrip(b"\0").decode())


class _Probe:
    """A function whose result is the name of the dtype that another one's has."""

    def __init__(self, call, inputs):
        self.call = (call.op, call.func, call.args, call.places, call.kwargs, call.hidden)
        self.inputs = inputs

    def __call__(self, *blocks):
        op, func, args, places, kwargs, hidden = self.call
        call = Call(op, func, args, (), kwargs, hidden)
        call.places = places
        name = call.dtype_of(list(blocks), self.inputs).str.encode()
        return np.frombuffer(name.ljust(_DTYPE_BYTES, b"\0"), np.uint8)


_DTYPE_BYTES = 64


def _describe(view, place, block):
    """Fills in view and place of a NumPy array that is all there is."""
    lists = [ffi.new("int64_t[]", list(values) or 1) for values in (
        block.shape, block.strides, (1,) * block.ndim, (0,) * block.ndim)]
    view.data = ffi.cast("void *", block.__array_interface__["data"][0])
    view.dtype = _build.dtype_code(block.dtype)
    view.ndim = place.ndim = block.ndim
    shape, view.strides, place.num_blocks, place.index = lists
    view.shape = place.shape = place.hi = shape
    place.lo = place.index
    return lists


def error_of(message):
    """The exception that the message of a child is about."""
    parts = message.split(MARK)
    if len(parts) < 4:
        return TgUserError(message)
    text = "".join(parts[3:])
    return rebuild(parts[1], parts[2], text) or TgUserError(text.rstrip())


def stop():
    """Kills the children that run a function of this program now, not of a `Server`'s jobs."""
    if _pool is not None:
        lib.tg_children_stop(_pool, 0)


def stats():
    """How many children there are, run now, were started and were lost, for tests."""
    found = ffi.new("tg_children_stats *")
    if _pool is not None:
        lib.tg_children_get_stats(_pool, found)
    return {"alive": found.alive, "busy": found.busy, "started": found.started, "lost": found.lost}


def _forget_after_fork():
    """The children are the parent's."""
    global _pool, _lock
    _pool = None
    _lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_after_fork)
