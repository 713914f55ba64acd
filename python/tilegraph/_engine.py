# SPDX-License-Identifier: BSD-3-Clause
"""The engine as Python sees it: one session for the process, errors, and objects on loan.

Nothing starts at import: the session (threads, memory budget) is opened by the first array that is
built. After a fork the child opens a session of its own.
"""

import atexit
import os
import sys
import threading
import time
import weakref

from . import errors
from ._call import MARK, rebuild
from ._native import ffi, lib

__all__ = ["check", "ffi", "lend", "lib", "raise_error", "session", "text"]


def text(chars):
    """A C string as str."""
    return ffi.string(chars).decode("utf-8", "replace")


# --- errors ----------------------------------------------------------------------------------


def raise_error(err):
    """Raises what a tg_error says. Does not return."""
    status = text(lib.tg_status_name(err.code))
    message = text(err.message)
    if status == "ERR_USER":
        _raise_users(message)
    raise errors.BY_STATUS.get(status, errors.TgInternalError)(message)


def check(status, err):
    """Raises unless the status is TG_OK."""
    if status != lib.TG_OK:
        err.code = status
        raise_error(err)


# Exceptions of user functions wait here for the thread that asked for the result. The number that
# finds one again travels in the message of the tg_error, which may pass through many hands.
_raised = {}
_raised_lock = threading.Lock()
_RAISED_MAX = 64  # a computation stops at its first error, so that more than a few means leftovers


def keep_exception(error):
    """Keeps an exception for the caller of compute; returns the mark to put into the message."""
    with _raised_lock:
        number = max(_raised, default=0) + 1
        _raised[number] = error
        while len(_raised) > _RAISED_MAX:
            del _raised[min(_raised)]
    return f"{MARK}{number}{MARK}"


def _raise_users(message):
    error = None
    parts = message.split(MARK)
    if len(parts) >= 3 and parts[1].isdigit():
        with _raised_lock:
            error = _raised.pop(int(parts[1]), None)
        message = parts[0] + "".join(parts[2:])
    elif len(parts) >= 4:  # from another process
        message = parts[0] + "".join(parts[3:])
        error = rebuild(parts[1], parts[2], message)
    if error is not None:
        if hasattr(error, "add_note") and isinstance(error, Exception):
            error.add_note(f"tilegraph: {message.strip().partition(chr(10))[0]}")
        raise error
    raise errors.TgUserError(message.rstrip())


# --- objects on loan to the engine -------------------------------------------------------------

_lent = {}


def lend(thing):
    """A pointer that keeps `thing` alive until the engine calls tg_bridge_release with it."""
    handle = ffi.new_handle(thing)
    _lent[int(ffi.cast("uintptr_t", handle))] = handle
    return handle


def lent_count():
    """How many objects the engine holds now, for tests."""
    return len(_lent)


@ffi.def_extern()
def tg_py_release(owner):
    _lent.pop(int(ffi.cast("uintptr_t", owner)), None)


@ffi.def_extern(error=1)
def tg_py_write(ctx, chars, count):
    ffi.from_handle(ctx)(ffi.buffer(chars, count)[:])
    return 0


# --- the session -------------------------------------------------------------------------------

_session = None
_session_lock = threading.Lock()
#: The distributed.Client where computations run; None: here.
client = None
#: Computations that have not ended, to be cancelled when the interpreter ends.
running = weakref.WeakSet()
#: Threads that wait for cancelled computations, whose last tasks may still run, and write.
abandoned = []
#: How long the end of the program waits for them.
_GRACE_SECONDS = 0.25


def session():
    """The session of this process, opened when first asked for."""
    return _session if _session is not None else _open()


def is_open():
    return _session is not None


def _open():
    global _session
    from . import config

    with _session_lock:
        if _session is None:
            wanted = config.startup()
            options = ffi.new("tg_session_options *")
            options.struct_size = ffi.sizeof("tg_session_options")
            options.threads = wanted["threads"] or 0
            options.memory_limit = wanted["memory_limit"] or 0
            out = ffi.new("tg_session **")
            err = ffi.new("tg_error *")
            check(lib.tg_session_open(options, out, err), err)
            _session = out[0]
            config.opened(wanted, lib.tg_session_threads(_session),
                          lib.tg_session_memory_limit(_session))
    return _session


def interrupt():
    """Ends functions in child processes at once, when they are of a computation that was cancelled:
    while another one runs too, nobody knows whose they are, and they go on to their end."""
    children = sys.modules.get(f"{__package__}._children")
    if children is not None and len(running) <= 1:
        children.stop()


def _forget_after_fork():
    """The threads did not come along into the child; what they held is left alone."""
    global _session, _session_lock, _raised_lock, client
    _session = client = None
    _session_lock = threading.Lock()
    _raised_lock = threading.Lock()
    running.clear()
    abandoned.clear()


def _end():
    """Ends what runs, and then no engine thread enters Python any more. What was given up is waited
    for a moment: it removes what it has half written when its last task has ended. A task that
    takes longer does not keep the program: then the files are removed beneath it."""
    for computation in list(running):
        computation.cancel()
    until = time.monotonic() + _GRACE_SECONDS
    for thread in abandoned:
        thread.join(max(0, until - time.monotonic()))
    for computation in list(running):
        computation.erase()
    lib.tg_bridge_close()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_after_fork)
atexit.register(_end)
