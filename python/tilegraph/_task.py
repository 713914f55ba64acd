# SPDX-License-Identifier: BSD-3-Clause
"""One call of a plain function on a cluster: what travels there, and what comes back.

The call is a block without inputs. Its result comes back as bytes in a block of a set length: a
head, and the pickled result or exception. A result that is longer is kept where it was made, the
block says how long it is, and the call is made again with room for it: if it comes to the process
that has the result, nothing runs twice.
"""

import pickle
import struct
import traceback

import numpy as np

from ._call import FailedThere
from .errors import TgTypeError, TgUserError

__all__ = ["Task", "opened", "room_for"]

_VALUE, _ERROR, _LONGER = range(3)
_HEAD = struct.Struct("<qq")  # which of the three, bytes
#: Room for a result before it is known to need more.
ROOM = 1 << 16
#: What waits to be asked for once more.
_waiting = {}
_WAITING_MAX = 8


class Task:
    """A function with its arguments, as a block function."""

    def __init__(self, function, args, kwargs, key, room):
        self.call = (function, args, kwargs)
        self.key = key
        self.room = room
        self.__name__ = getattr(function, "__name__", repr(function))

    def __call__(self):
        made = _waiting.pop(self.key, None) or self.make()
        which, data = made
        if len(data) > self.room - _HEAD.size:
            while len(_waiting) >= _WAITING_MAX:
                del _waiting[next(iter(_waiting))]
            _waiting[self.key] = made
            which, data = _LONGER, struct.pack("<q", len(data))
        block = np.zeros(self.room, np.uint8)
        block[:_HEAD.size] = np.frombuffer(_HEAD.pack(which, len(data)), np.uint8)
        block[_HEAD.size:_HEAD.size + len(data)] = np.frombuffer(data, np.uint8)
        return block

    def make(self):
        """What the function gives, or raises, as bytes."""
        function, args, kwargs = self.call
        try:
            return _VALUE, _pickled(function(*args, **kwargs))
        except Exception as error:
            trace = traceback.format_exc()
            try:
                return _ERROR, _pickled((error, trace))
            except Exception:  # it refers to what cannot travel
                plain = TgUserError(f"{self.__name__}: {type(error).__name__}: {error}")
                return _ERROR, _pickled((plain, trace))


def _pickled(value):
    try:
        import cloudpickle
    except ImportError:
        cloudpickle = pickle
    try:
        return cloudpickle.dumps(value)
    except Exception as error:
        raise TgTypeError(f"a result of type {type(value).__name__} cannot be sent back: "
                          f"{error}") from error


def room_for(block):
    """The room that a result needs which did not fit; 0: it is there."""
    which, _ = _HEAD.unpack_from(block)
    return _HEAD.size + struct.unpack_from("<q", block, _HEAD.size)[0] if which == _LONGER else 0


def opened(block):
    """The result in a block; raises what the function has raised."""
    which, size = _HEAD.unpack_from(block)
    value = pickle.loads(block[_HEAD.size:_HEAD.size + size])
    if which == _ERROR:
        error, trace = value
        error.__cause__ = FailedThere(trace)
        raise error
    return value
