# SPDX-License-Identifier: BSD-3-Clause
"""Calls of a plain function on a cluster: what travels there, and what comes back.

Calls are the blocks of an array, one call a block. A result comes back as bytes in a block of a set
length: a head, and the pickled result or exception. A result that is longer is kept where it was
made, the block says how long it is, and the call is made again with room for it: if it comes to the
process that has the result, nothing runs twice.

Futures among the arguments are pickled as places in a list of results, which the calls of a plan
share: what many of them need travels once.
"""

import contextlib
import pickle
import struct
import threading
import time
import traceback

import numpy as np

from ._call import FailedThere, dumps, loads
from .errors import TgTypeError, TgUnsupportedError, TgUserError

__all__ = ["HEAD_BYTES", "Calls", "Packed", "opened", "packed", "room_for", "stand_in"]

_VALUE, _ERROR, _LONGER = range(3)
_HEAD = struct.Struct("<qq")  # which of the three, bytes
HEAD_BYTES = _HEAD.size
#: Results that wait to be asked for once more, by call: when they were made, and what they are.
_waiting = {}
_WAITING_BYTES = 64 << 20
_WAITING_SECONDS = 60
#: Futures that are found by pickling, or results that are put in for them.
_here = threading.local()


class Packed:
    """Something as bytes, and the futures in it."""

    def __init__(self, data, futures):
        self.data = data
        self.futures = futures


def packed(thing, what):
    """Packs a thing, whatever it is that its futures are in."""
    _here.futures = futures = []
    try:
        return Packed(dumps(thing, what), futures)
    finally:
        _here.futures = None


def stand_in(future):
    """What a future is pickled as: what `__reduce__` returns."""
    futures = getattr(_here, "futures", None)
    if futures is None:
        raise TgTypeError("a Future stays in its process, but among the arguments of submit and "
                          "map, where it stands for its result")
    futures.append(future)
    return _result_at, (len(futures) - 1,)


def _result_at(place):
    return pickle.loads(_here.results[place])


class Calls:
    """A function with the arguments of each block, as a block function."""

    def __init__(self, name, function, kwargs, each, results, room):
        """function: pickled; kwargs: its keyword arguments, pickled, and the places of the results
        that they need; each: the same of the positional arguments of each block, behind bytes that
        stand for this call alone; results: pickled; room: bytes of a block."""
        self.__name__ = name
        self.function = function
        self.kwargs = kwargs
        self.each = each
        self.results = results
        self.room = room

    def __call__(self, block, block_id):
        call, *args = self.each[block_id[0]]
        _, made = _waiting.pop(call, None) or (0, self.make(args))
        which, data = made
        if len(data) > self.room - HEAD_BYTES:
            _keep(call, made)
            which, data = _LONGER, struct.pack("<q", len(data))
        out = np.zeros(self.room, np.uint8)
        out[:HEAD_BYTES] = np.frombuffer(_HEAD.pack(which, len(data)), np.uint8)
        out[HEAD_BYTES:HEAD_BYTES + len(data)] = np.frombuffer(data, np.uint8)
        return out

    def make(self, args):
        """What the function gives, or raises, as bytes."""
        try:
            function = loads(self.function, self.__name__)
            kwargs = self._unpacked(*self.kwargs)
            return _VALUE, _result(function(*self._unpacked(*args), **kwargs))
        except Exception as error:
            return _ERROR, _failure(error, traceback.format_exc(), self.__name__)

    def _unpacked(self, data, places):
        _here.results = [self.results[place] for place in places]
        return loads(data, self.__name__)


def _result(value):
    try:
        return dumps(value, "it")
    except TgUnsupportedError as error:
        raise TgTypeError(f"a result of type {type(value).__name__} cannot be sent back: "
                          f"{error.__cause__}") from error


def _keep(call, made):
    now = time.monotonic()
    _waiting[call] = now, made
    size = sum(len(data) for _, (_, data) in _waiting.values())
    for old, (when, (_, data)) in list(_waiting.items())[:-1]:  # the oldest first
        if size <= _WAITING_BYTES and now - when < _WAITING_SECONDS:
            break
        size -= len(data)
        del _waiting[old]


def room_for(block):
    """The room that a result needs; if it is more than there is, the result is not there."""
    which, size = _HEAD.unpack_from(block)
    return HEAD_BYTES + (struct.unpack_from("<q", block, HEAD_BYTES)[0] if which == _LONGER
                         else size)


def opened(block, name):
    """What is in a block: a result and None, or None and what the function has raised. Raises when
    the result cannot be had here."""
    which, size = _HEAD.unpack_from(block)
    try:
        value = pickle.loads(block[HEAD_BYTES:HEAD_BYTES + size])
    except Exception as error:
        raise TgUserError(f"{name}: the result cannot be loaded in this process: "
                          f"{type(error).__name__}: {error}") from error.with_traceback(None)
    return (None, _raised(*value)) if which == _ERROR else (value, None)


# --- exceptions --------------------------------------------------------------------------------


def _failure(error, trace, name):
    """An exception as bytes: pickled in one of two ways, or only its text; and its traceback."""
    text = _text(error)
    made = (_again, (type(error), error.args, getattr(error, "__dict__", {})))
    for thing in (error, made):
        # A class whose arguments are not those of its __init__ becomes something else.
        with contextlib.suppress(Exception):
            data = dumps(thing, name)
            back = _loaded(data)
            if type(back) is type(error) and _text(back) == text:
                return pickle.dumps((data, f"{name}: {type(error).__name__}: {text}", trace))
    return pickle.dumps((None, f"{name}: {type(error).__name__}: {text}", trace))


def _text(error):
    try:
        return str(error)
    except Exception as broken:  # whatever a user's class does
        return f"<its text failed: {broken!r}>"


def _again(kind, args, state):
    """An exception, without calling its __init__."""
    error = kind.__new__(kind, *args)
    error.args = args
    error.__dict__.update(state)
    return error


def _loaded(data):
    thing = pickle.loads(data)
    return thing[0](*thing[1]) if type(thing) is tuple else thing


def _raised(data, text, trace):
    """The exception that has travelled; when its class is not known here, its text."""
    error = None
    if data is not None:
        with contextlib.suppress(Exception):
            error = _loaded(data)
    if not isinstance(error, BaseException):
        error = TgUserError(text)
    error.__cause__ = FailedThere(trace)
    return error
