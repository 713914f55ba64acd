# SPDX-License-Identifier: BSD-3-Clause
"""Calls of plain functions on a cluster: many in one plan, each with a future of its own."""

import contextlib
import os
import re
import time
import weakref

import numpy as np

from . import _run, _task
from ._call import dumps
from ._create import zeros
from ._engine import ffi, lib
from ._map import map_blocks
from ._works import BUSY, Work
from .errors import TgCancelledError, TgUserError

__all__ = ["CALLS_MAX", "Call", "CallsWork", "Function"]

#: Calls in one plan at most, and bytes of their arguments: a child process takes in all of them.
CALLS_MAX = 4096
_ARGS_BYTES = 4 << 20
#: Calls that were submitted one by one, in one plan.
JOINED_MAX = 512
#: Room for each result of a function of which none is known, and for all of a plan together; the
#: least for one of which some are. All of it travels, but what does not fit may be computed twice.
_ROOM, _ROOM_ALL = 1 << 20, 64 << 20
_ROOM_KNOWN, _ROOM_KNOWN_ALL = 1 << 16, 16 << 20
#: Seconds between two looks at which calls may begin before the others, and more for each call.
_PART_SECONDS = 0.01
_PART_SECONDS_EACH = 2e-5

# Of the error of a call: which block of which op it is. Only the function's name says anything.
_BLOCK = re.compile(r"^map_blocks, tile \d+: map_blocks: (.*?) on block \(\d+,\)")


class Call:
    """The arguments of one call: pickled at once, since the caller may change them. Futures among
    them are waited for."""

    def __init__(self, args, name):
        self.id = os.urandom(16)  # stands for this call alone
        self.args = _task.packed(args, name)
        for future in self.args.futures:
            future.needed_by(self)


class Function:
    """What calls have in common; pickled once, at once."""

    #: The longest result so far, by function.
    _longest = weakref.WeakKeyDictionary()

    def __init__(self, function, kwargs, retries=0, priority=0):
        self._function = function
        self._seen = 0
        self.retries = retries
        self.priority = priority
        self.name = getattr(function, "__name__", repr(function))
        self.data = dumps(function, self.name, function)
        self.kwargs = _task.packed(kwargs, self.name)
        for future in self.kwargs.futures:
            future.needed_by(self)

    @property
    def room(self):
        """What a result needs, as far as is known, and somewhat more; 0: nothing is known."""
        try:
            known = self._longest.get(self._function, 0)
        except TypeError:  # it has no hash, or no weak references
            known = 0
        return known + known // 4

    def has_made(self, size):
        """A result needs so much room."""
        if size > self._seen:
            self._seen = size
            with contextlib.suppress(TypeError):
                self._longest[self._function] = max(size, self._longest.get(self._function, 0))


class _Results:
    """Those of futures that the calls of a plan need, each pickled once."""

    def __init__(self, name):
        self._name = name
        self._places = {}
        self.data = []
        self.size = 0

    def places(self, packed):
        """Where those are that something packed needs; raises what they have failed with."""
        return [self._place(future) for future in packed.futures]

    def _place(self, future):
        if future not in self._places:
            data = dumps(future.result(0), self._name)
            self._places[future] = len(self.data)
            self.data.append(data)
            self.size += len(data)
        return self._places[future]


class CallsWork(Work):
    """Calls of a function. Each future is settled as soon as its result is here. When a child
    process dies, the calls that have no result are made again, one by one, so that only the one
    that kills it fails."""

    def __init__(self, client, function, futures, room=0, failed=0, alone=False):
        """futures: each with its call. room: bytes of a result, if they are known. Of calls that
        are made again also how often they have failed, and whether no others may be with them."""
        self._function = function
        self._room = room
        self._failed = failed
        self._alone = alone
        self._next_part = 0.0
        super().__init__(client, futures, function.priority)
        self._wait_for_all()

    def _wait_for_all(self):
        self.waits_for = [*self._function.kwargs.futures]
        for future in self.futures.values():
            self.waits_for += future._call.args.futures

    def needs(self, future):
        return [*self._function.kwargs.futures, *future._call.args.futures]

    def again(self, futures):
        """Those, without the others."""
        self._apart(futures).start()

    def _apart(self, futures, room=None, failed=0, alone=False):
        """The work of some of the calls, without the others."""
        return CallsWork(self.client, self._function, futures, room or self._room, failed,
                         alone or self._alone)

    # --- many that are submitted one by one ------------------------------------------------------

    def kin(self):
        """Equal for works that may be one."""
        function = self._function
        if self._alone or len(self.futures) >= JOINED_MAX:
            return None
        return (function.data, function.kwargs.data, *map(id, function.kwargs.futures),
                function.retries, self.priority, self._failed, self._room)

    def join(self, other):
        """Takes over another work, that has not begun either."""
        futures = [*self.futures.values(), *other.futures.values()]
        for future in other.futures.values():
            future.move(self)
        self.futures = dict(enumerate(futures))
        self.waits_for = [*self.waits_for, *other.waits_for]

    # --- beginning -------------------------------------------------------------------------------

    def _ready(self):
        self._part()
        return super()._ready()

    def _part(self):
        """Calls for which everything is there do not wait for the others: they become a work of
        their own, unless so much runs that they had better wait and be more."""
        now = time.monotonic()
        watcher = self.client._watcher()
        if (not self.waits_for or now < self._next_part or watcher.running >= BUSY
                or not all(f.done() for f in self._function.kwargs.futures)):
            return
        self._next_part = now + _PART_SECONDS + _PART_SECONDS_EACH * len(self.futures)
        parts = [], []
        for future in self.futures.values():
            parts[all(f.done() for f in future._call.args.futures)].append(future)
        if all(parts):
            self.futures = dict(enumerate(parts[False]))
            self._wait_for_all()
            watcher.add(self._apart(parts[True], failed=self._failed))

    def _begin(self, stack):
        del stack
        function = self._function
        results = _Results(function.name)
        kwargs = (function.kwargs.data, results.places(function.kwargs))
        known = self._room or function.room
        futures = [future for future in self.futures.values() if self._is_mine(future)]
        each, here, size = [], [], 0
        for i, future in enumerate(futures):
            if here and (size + results.size >= _ARGS_BYTES or len(here) * known >= _ROOM_ALL):
                # The others begin when their turn comes.
                self.client._watcher().add(self._apart(futures[i:], failed=self._failed))
                break
            args = self._args(future, results)
            if args is not None:
                size += len(args[1])
                each.append(args)
                here.append(future)
        self.futures = dict(enumerate(here))
        if not here:
            raise TgCancelledError("no call is wanted any more")
        least, most = (_ROOM_KNOWN, _ROOM_KNOWN_ALL) if known else (_ROOM, _ROOM_ALL)
        self._room = room = self._room or max(known, min(least, most // len(here)))
        calls = _task.Calls(function.name, function.data, kwargs, each, results.data, room)
        block = map_blocks(calls, zeros(len(each), "uint8", chunks=1), dtype=np.uint8,
                           chunks=(room,))
        self._memory = np.zeros(block.shape, np.uint8)
        self._arrived = np.zeros(len(each), np.uint8)
        self._taken = np.zeros(len(each), np.uint8)
        return _run.Computation([(block, ffi.NULL, self._memory)], self.client,
                                priority=self.priority)

    def _args(self, future, results):
        """What a call travels as; None: a future among its arguments has failed, and so has it."""
        call = future._call
        try:
            return call.id, call.args.data, results.places(call.args)
        except BaseException as error:
            future.settle(error=error.with_traceback(None))  # it would keep `results`
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

    def _end(self):
        self._memory = None
        super()._end()

    def _take(self, i):
        future = self.futures.pop(i, None)
        if future is None or not self._is_mine(future):
            return
        needed, value, error, failed = self._opened(i)
        self._function.has_made(needed)
        if needed > self._room:
            self._once_more(future, needed, self._failed)
        elif failed is not None:
            self._call_failed(future, failed)
        else:
            future.settle(value, error)

    def _opened(self, i):
        """Of a result: the room that it needs, it itself, why it cannot be had, and what the
        function has raised."""
        block = memoryview(self._memory)[i * self._room:(i + 1) * self._room]
        needed = _task.room_for(block)
        if needed > self._room:
            return needed, None, None, None
        try:
            value, failed = _task.opened(block, self._function.name)
        except TgUserError as error:
            return needed, None, error.with_traceback(None), None  # that would keep the block
        return needed, value, None, failed

    def _call_failed(self, future, error):
        if self._failed < self._function.retries:
            self._once_more(future, None, self._failed + 1)
        else:
            future.settle(error=error)

    def _once_more(self, future, room, failed, alone=False):
        try:
            self._apart([future], room, failed, alone).start()
        except BaseException as error:
            future.settle(error=self._reason(error))

    def _fail(self, error):
        if error.args and isinstance(error.args[0], str):  # that it is a map_blocks says nothing
            error.args = (_BLOCK.sub(r"\1", error.args[0]), *error.args[1:])
        begun = self.tally.computation is not None
        mine = [future for future in self.futures.values() if self._is_mine(future)]
        for future in mine:
            if not begun or not isinstance(error, TgUserError):
                future.settle(error=error)
            elif len(mine) > 1:
                self._once_more(future, None, self._failed, alone=True)
            else:
                self._call_failed(future, error)
