# SPDX-License-Identifier: BSD-3-Clause
"""Calls of plain functions on a cluster: many in one plan, each with a future of its own."""

import os
import re

import numpy as np

from . import _run, _task
from ._call import dumps
from ._completed import find, gather
from ._create import zeros
from ._engine import ffi, lib
from ._futures import Work
from ._map import map_blocks
from .errors import TgCancelledError, TgUserError

__all__ = ["CALLS_MAX", "Call", "CallsWork", "Function", "room_of"]

#: Calls in one plan at most, and bytes of their arguments: a child process takes in all of them.
CALLS_MAX = 4096
_ARGS_BYTES = 4 << 20
#: Calls that were submitted one by one, in one plan.
JOINED_MAX = 512
#: Room for each result before it is known to need more, and for all of a plan together.
_ROOM = 1 << 16
_ROOM_LEAST = 1 << 10
_ROOM_ALL = 64 << 20

# Of the error of a call: which block of which op it is. Only the function's name says anything.
_BLOCK = re.compile(r"^map_blocks, tile \d+: map_blocks: (.*?) on block \(\d+,\)")


class Call:
    """The arguments of one call: pickled at once, since the caller may change them, unless there
    are futures among them, which are waited for."""

    def __init__(self, args, name):
        self.key = os.urandom(16)  # stands for this call alone
        self.waits_for = []
        find(args, self.waits_for)
        self._args = args if self.waits_for else None
        self._data = None if self.waits_for else dumps(args, name)

    def packed(self, name):
        return dumps(gather(self._args), name) if self._data is None else self._data


class Function:
    """What calls have in common; pickled once, at once if no futures are among it."""

    def __init__(self, function, kwargs, retries=0, priority=0):
        self.function = function
        self.kwargs = kwargs
        self.retries = retries
        self.priority = priority
        self.name = getattr(function, "__name__", repr(function))
        self.waits_for = []
        find(kwargs, self.waits_for)
        self._packed = None if self.waits_for else self._dumps()

    def packed(self):
        """Function and keyword arguments, with the results of futures among these."""
        if self._packed is None:
            self._packed = self._dumps()
        return self._packed

    def _dumps(self):
        return dumps((self.function, gather(self.kwargs)), self.name, self.function)


def room_of(count):
    """Bytes for each of so many results, to begin with."""
    return max(_ROOM_LEAST, min(_ROOM, _ROOM_ALL // max(1, count)))


class CallsWork(Work):
    """Calls of a function. Each future is settled as soon as its result is here. When a child
    process dies, the calls that have no result are made again, one by one, so that only the one
    that kills it fails."""

    def __init__(self, client, function, calls, room, futures=(), failed=0, alone=False):
        """calls: of Call; room: bytes of a result. Of calls that are made again also their futures,
        how often they have failed, and whether no others may be with them."""
        self._function = function
        self._room = room
        self._failed = failed
        self._alone = alone
        self.waits_for = [*function.waits_for, *(f for call in calls for f in call.waits_for)]
        super().__init__(client, [function.name] * (len(calls) - len(futures)), function.priority)
        self.futures += futures
        for future in futures:
            future.move(self)
        self._call_of = dict(zip(self.futures, calls))

    def again(self, future):
        """That one alone."""
        apart = self._apart([future])
        future.reset()
        try:
            apart.start()
        except BaseException as error:
            future.settle(error=error)

    def _apart(self, futures, room=None, failed=0, alone=False):
        """The work of some of the calls, without the others."""
        return CallsWork(self.client, self._function, [self._call_of[f] for f in futures],
                         room or self._room, futures, failed, alone or self._alone)

    # --- many that are submitted one by one ------------------------------------------------------

    def kin(self):
        """Equal for works that may be one."""
        alike = (not self._function.waits_for and not self._alone
                 and len(self.futures) < JOINED_MAX)
        return (self._function.packed(), self._function.retries, self.priority,
                self._failed, self._room) if alike else None

    def join(self, other):
        """Takes over another work, that has not begun either."""
        self._call_of.update(other._call_of)
        self.futures = self.futures + other.futures
        self.waits_for = self.waits_for + other.waits_for
        for future in other.futures:
            future.move(self)

    # --- beginning -------------------------------------------------------------------------------

    def _begin(self, stack):
        del stack
        common = self._function.packed()
        each, here, size = [], [], 0
        futures = [future for future in self.futures if not future.done()]  # or cancelled
        while futures and (not here or size < _ARGS_BYTES):
            future = futures.pop(0)
            call = self._call_of[future]
            data = self._packed(future, call)
            if data is not None:
                size += len(data)
                each.append((call.key, data))
                here.append(future)
        if futures:  # begins when its turn comes
            self.client._watcher().add(self._apart(futures, failed=self._failed))
        self.futures = here
        if not here:
            raise TgCancelledError("no call is wanted any more")
        calls = _task.Calls(self._function.name, common, each, self._room)
        block = map_blocks(calls, zeros(len(each), "uint8", chunks=1), dtype=np.uint8,
                           chunks=(self._room,))
        self._memory = np.zeros(block.shape, np.uint8)
        self._arrived = np.zeros(len(each), np.uint8)
        self._taken = np.zeros(len(each), np.uint8)
        return _run.Computation([(block, ffi.NULL, self._memory)], self.client,
                                priority=self.priority)

    def _packed(self, future, call):
        """The arguments of a call; None: a future among them has failed, and so has the call."""
        try:
            return call.packed(self._function.name)
        except BaseException as error:
            future.settle(error=error)
            return None

    # --- results ---------------------------------------------------------------------------------

    def _peek(self, computation):
        lib.tg_computation_arrived(computation._ptr, 0, len(self._arrived),
                                   ffi.from_buffer("uint8_t[]", self._arrived))
        for i in np.flatnonzero(self._arrived > self._taken):
            self._taken[i] = 1
            self._take(int(i))

    def _finish(self, computation):
        self._arrived[:] = 1
        self._peek(computation)
        self._memory = None

    def _take(self, i):
        block = memoryview(self._memory)[i * self._room:(i + 1) * self._room]
        needed = _task.room_for(block)
        if needed:
            self._once_more(i, needed, self._failed)
            return
        try:
            value = _task.opened(block)
        except BaseException as error:  # the function's own
            self._call_failed(i, error)
        else:
            self.futures[i].settle(value)

    def _call_failed(self, i, error):
        if not self._is_mine(i):
            return
        if self._failed < self._function.retries:
            self._once_more(i, None, self._failed + 1)
        else:
            self.futures[i].settle(error=error)

    def _once_more(self, i, room, failed, alone=False):
        if self._is_mine(i):
            try:
                self._apart([self.futures[i]], room, failed, alone).start()
            except BaseException as error:
                self.futures[i].settle(error=error)

    def _is_mine(self, i):
        """It is pending, and no other work has it."""
        return self.futures[i]._work is self and not self.futures[i].done()

    def _fail(self, error):
        if error.args and isinstance(error.args[0], str):  # that it is a map_blocks says nothing
            error.args = (_BLOCK.sub(r"\1", error.args[0]), *error.args[1:])
        many = len(self.futures) > 1
        for i in range(len(self.futures)):
            if not self._is_mine(i):
                continue
            if not isinstance(error, TgUserError):
                self.futures[i].settle(error=error)
            elif many:
                self._once_more(i, None, self._failed, alone=True)
            else:
                self._call_failed(i, error)
