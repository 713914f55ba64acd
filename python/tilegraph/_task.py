# SPDX-License-Identifier: BSD-3-Clause
"""Calls of a plain function on a cluster: what travels there, and what comes back.

Calls are the blocks of an array, one call a block. A result comes back as bytes in a block of a set
length: a head, and the pickled result or exception. A result that is longer is kept where it was
made, the block says how long it is, and the call is made again with room for it: if it comes to the
process that has the result, nothing runs twice.
"""

import pickle
import struct
import traceback

import numpy as np

from ._call import FailedThere, dumps, loads
from .errors import TgTypeError, TgUnsupportedError, TgUserError

__all__ = ["HEAD_BYTES", "Calls", "opened", "room_for"]

_VALUE, _ERROR, _LONGER = range(3)
_HEAD = struct.Struct("<qq")  # which of the three, bytes
HEAD_BYTES = _HEAD.size
#: Results that wait to be asked for once more, by call.
_waiting = {}
_WAITING_BYTES = 64 << 20


class Calls:
    """A function with the arguments of each block, as a block function."""

    def __init__(self, name, common, each, room):
        """common: the function and its keyword arguments, pickled; each: a pair for each block,
        bytes that stand for this call alone and its positional arguments, pickled; room: bytes of a
        block."""
        self.__name__ = name
        self.common = common
        self.each = each
        self.room = room

    def __call__(self, block, block_id):
        call, args = self.each[block_id[0]]
        made = _waiting.pop(call, None) or self.make(args)
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
            function, kwargs = loads(self.common, self.__name__)
            return _VALUE, _result(function(*loads(args, self.__name__), **kwargs))
        except Exception as error:
            trace = traceback.format_exc()
            try:
                return _ERROR, dumps((error, trace), self.__name__)
            except Exception:  # it refers to what cannot travel
                plain = TgUserError(f"{self.__name__}: {type(error).__name__}: {error}")
                return _ERROR, pickle.dumps((plain, trace))


def _result(value):
    try:
        return dumps(value, "it")
    except TgUnsupportedError as error:
        raise TgTypeError(f"a result of type {type(value).__name__} cannot be sent back: "
                          f"{error.__cause__}") from error


def _keep(call, made):
    _waiting[call] = made
    while len(_waiting) > 1 and sum(len(data) for _, data in _waiting.values()) > _WAITING_BYTES:
        del _waiting[next(iter(_waiting))]


def room_for(block):
    """The room that a result needs which did not fit; 0: it is there."""
    which, _ = _HEAD.unpack_from(block)
    return HEAD_BYTES + struct.unpack_from("<q", block, HEAD_BYTES)[0] if which == _LONGER else 0


def opened(block):
    """The result in a block; raises what the function has raised."""
    which, size = _HEAD.unpack_from(block)
    value = pickle.loads(block[HEAD_BYTES:HEAD_BYTES + size])
    if which == _ERROR:
        error, trace = value
        error.__cause__ = FailedThere(trace)
        raise error
    return value
