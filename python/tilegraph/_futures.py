# SPDX-License-Identifier: BSD-3-Clause
"""Results that are still to come from a cluster.

A Work is what is computed in one pass; its Futures are the results of it, one by one. Each client
has one Watcher, a thread that sees works end and tells who waits.
"""

import contextlib
import os
import queue
import threading
import time
from collections import namedtuple

import numpy as np

from . import _run, _task
from ._map import map_blocks
from .errors import TgCancelledError, TgTypeError, TgUnsupportedError, TgValueError

__all__ = ["ArrayWork", "CallWork", "Future", "PersistWork", "Watcher", "Work", "as_completed",
           "done", "gather", "wait"]

# Between two looks at what runs.
_LOOK_SECONDS = 0.002


class Future:
    """The result of one thing that a cluster computes; made by `Client.compute` and its like.

    Futures that were made by one call are computed in one pass: they end together, and cancelling
    stops the work when all of them are cancelled.
    """

    def __init__(self, work, index, name):
        self._work = work
        self._index = index
        self._name = name
        self._cancelled = False

    @property
    def status(self):
        """"pending", "finished", "error" or "cancelled"."""
        if self._cancelled:
            return "cancelled"
        if not self._work.ended.is_set():
            return "pending"
        error = self._work.error
        if error is None:
            return "finished"
        return "cancelled" if isinstance(error, TgCancelledError) else "error"

    def done(self):
        """Whether it has ended, whatever with."""
        return self.status != "pending"

    def cancelled(self):
        """Whether it was cancelled, or its client was closed."""
        return self.status == "cancelled"

    def cancel(self):
        """Gives it up. One that has ended stays as it is."""
        if not self.done():
            self._cancelled = True
            self._work.given_up(self)

    def retry(self):
        """Computes it again, with all that was made by the same call, if it has failed or was
        cancelled."""
        if self.status in ("error", "cancelled"):
            self._work.again()

    def exception(self, timeout=None):
        """What it failed with, or None, when it has ended."""
        self._wait(timeout)
        if self._cancelled:
            return TgCancelledError(f"{self._name}: the future was cancelled")
        return self._work.error

    def result(self, timeout=None):
        """The result, when it has ended; raises what it failed with. timeout: seconds, then it is a
        TimeoutError. Ctrl-C cancels nothing here: call `cancel`."""
        error = self.exception(timeout)
        if error is not None:
            raise error
        return self._work.values[self._index]

    def _wait(self, timeout):
        if not self._cancelled and not self._work.wait(timeout):
            raise TimeoutError(f"{self._name}: no result after {timeout:g} s")

    def add_done_callback(self, function):
        """Calls function(future) when it has ended, in a thread of the client's; at once if it has.
        """
        self._work.call(self, function)

    def progress(self):
        """Tasks that are done, and all tasks, of all that was made by the same call."""
        return self._work.progress()

    def __repr__(self):
        return f"<Future: {self.status}, {self._name}>"


class Work:
    """What is computed in one pass; `values` and `error` are there when `ended` is set.

    Subclasses say how it starts (`_begin`, which gives a Computation) and what comes of it
    (`_finish`, which gives the values, or None when it has begun anew); `waits_for` are futures
    that it needs.
    """

    waits_for = ()

    def __init__(self, client, names):
        self.client = client
        self.futures = [Future(self, i, name) for i, name in enumerate(names)]
        self._lock = threading.Lock()
        self._callbacks = []
        self._pid = os.getpid()
        self._reset()

    def _reset(self):
        self.values = self.error = self._computation = None
        self._counted = (0, 0)
        self._stopped = False
        self._stack = contextlib.ExitStack()
        self.ended = threading.Event()

    # --- for who started it ----------------------------------------------------------------------

    def start(self):
        """Begins, unless it has to wait for others; what is wrong with it is raised here."""
        if not self.waits_for:
            self._go()
        self.client._watcher().add(self)
        return self

    def again(self):
        """Starts again what has ended, or was given up."""
        self.wait(None)
        for future in self.futures:
            future._cancelled = False
        self._reset()
        self.start()

    def wait(self, timeout):
        """Whether it has ended in time."""
        if self._pid != os.getpid():
            raise TgUnsupportedError("the future belongs to the process that this one was forked "
                                     "from")
        return self.ended.wait(timeout)

    def given_up(self, future):
        """One of the futures is not wanted any more."""
        with self._lock:
            calls = [call for call in self._callbacks if call[0] is future]
            self._callbacks = [call for call in self._callbacks if call[0] is not future]
            if all(one._cancelled for one in self.futures):
                self._stopped = True
                if self._computation is not None:
                    self._computation.cancel()
        _call_all(calls)

    def call(self, future, function):
        """See Future.add_done_callback."""
        with self._lock:
            now = future.done()
            if not now:
                self._callbacks.append((future, function))
        if now:
            function(future)

    def progress(self):
        """Tasks that are done, and all tasks."""
        computation = self._computation
        return self._counted if computation is None else computation.progress()

    # --- for the watcher -------------------------------------------------------------------------

    def look(self):
        """Goes on if it can; whether it has ended."""
        try:
            if self._computation is None and not self._ready():
                return False
            if not self._computation.wait(0):
                return False
            self.values = self._finish(self._computation)
            if self.values is None:  # it goes on
                return False
        except BaseException as error:  # whatever it is, it belongs to who wants the result
            self.error = error
        self._end()
        return True

    def _ready(self):
        if self._stopped:
            raise TgCancelledError("the future was cancelled")
        if not all(future.done() for future in self.waits_for):
            return False
        self._go()
        return True

    def _go(self):
        with self._stack:
            begun = self._begin(self._stack)
            with self._lock:
                self._computation = begun
                if self._stopped:
                    begun.cancel()
            self._stack = self._stack.pop_all()

    def _end(self):
        self._stack.close()
        with self._lock:
            if self._computation is not None:
                self._counted = self._computation.progress()
            self._computation = None  # the results keep what they need
            calls, self._callbacks = self._callbacks, []
            self.ended.set()
        _call_all(calls)


def _call_all(calls):
    for future, function in calls:
        try:
            function(future)
        except Exception as error:  # a callback's failure is nobody else's
            import sys

            sys.excepthook(type(error), error, error.__traceback__)


class ArrayWork(Work):
    """Arrays, and stores, in one pass."""

    def __init__(self, client, things):
        self._things = things
        self._wanted = []
        for thing in things:
            _run.collect(thing, self._wanted)
        if not self._wanted:
            raise TgTypeError("Client.compute: nothing to compute: expected tilegraph arrays, got "
                              + ", ".join(type(thing).__name__ for thing in things))
        super().__init__(client, [repr(thing) for thing in things])

    def _begin(self, stack):
        targets = stack.enter_context(_run.opened(self._wanted))
        return _run.Computation(targets, self.client)

    def _finish(self, computation):
        found = _run.results(computation, self._wanted)
        return [_run.replace(thing, found) for thing in self._things]


class PersistWork(ArrayWork):
    """Arrays whose results are lazy arrays again."""

    def _finish(self, computation):
        return _run.kept(computation, self._things)


class CallWork(Work):
    """A call of a plain function."""

    def __init__(self, client, function, args, kwargs):
        self._call = (function, args, kwargs)
        self.waits_for = []
        _find(args, self.waits_for)
        _find(kwargs, self.waits_for)
        self._room = _task.ROOM
        self._key = os.urandom(16)
        super().__init__(client, [getattr(function, "__name__", repr(function))])

    def _begin(self, stack):
        function, args, kwargs = self._call
        task = _task.Task(function, gather(args), gather(kwargs), self._key, self._room)
        block = map_blocks(task, dtype=np.uint8, chunks=((self._room,),))
        return _run.Computation([(block, _run.ffi.NULL, None)], self.client)

    def _finish(self, computation):
        block = computation.result(0).numpy()
        needed = _task.room_for(block)
        if needed:
            self._room = needed
            self._go()
            return None
        return [_task.opened(memoryview(block))]


def _find(thing, found):
    """Futures in lists, tuples, sets and dicts."""
    if isinstance(thing, Future):
        found.append(thing)
    elif type(thing) in (list, tuple, set):
        for part in thing:
            _find(part, found)
    elif type(thing) is dict:
        _find(list(thing.values()), found)


class _Done(Work):
    """What is known already."""

    def __init__(self, client, value):
        super().__init__(client, [type(value).__name__])
        self.values = [value]
        self.ended.set()


def done(client, value):
    """A future whose result is there."""
    return _Done(client, value).futures[0]


class Watcher:
    """The thread that sees works end."""

    def __init__(self):
        self._works = []
        self._lock = threading.Lock()
        self._some = threading.Event()
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="tilegraph futures", daemon=True)
        self._thread.start()

    def add(self, work):
        with self._lock:
            self._works.append(work)
            self._some.set()

    def close(self):
        """When the client is closed, so that all works end."""
        self._closing = True
        self._some.set()
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def _run(self):
        while True:
            self._some.wait()
            with self._lock:
                works = list(self._works)
            start = time.perf_counter()
            over = {id(work) for work in works if work.look()}
            with self._lock:
                self._works = [work for work in self._works if id(work) not in over]
                if not self._works:
                    if self._closing:
                        return
                    self._some.clear()
            # Many works take long to look at: most of the time is the program's.
            took = time.perf_counter() - start
            if not over:
                time.sleep(max(_LOOK_SECONDS, 4 * took))


# --- several futures -----------------------------------------------------------------------------


def _check_futures(what, futures):
    futures = list(futures)
    for future in futures:
        if not isinstance(future, Future):
            raise TgTypeError(f"{what}: expected futures, got {type(future).__name__}")
    return futures


def as_completed(futures, *, timeout=None, with_results=False):
    """Futures in the order in which they end; with_results: pairs (future, result), and what has
    failed raises. timeout: seconds for all of them, then it is a TimeoutError."""
    futures = _check_futures("as_completed", futures)
    until = None if timeout is None else time.monotonic() + timeout
    ended = queue.SimpleQueue()
    for future in futures:
        future.add_done_callback(ended.put)
    for _ in futures:
        try:
            future = ended.get(timeout=None if until is None else max(0, until - time.monotonic()))
        except queue.Empty:
            raise TimeoutError(f"as_completed: not all have ended after {timeout:g} s") from None
        yield (future, future.result()) if with_results else future


DoneAndNotDone = namedtuple("DoneAndNotDone", "done not_done")


def wait(futures, timeout=None, return_when="ALL_COMPLETED"):
    """Waits for all futures, or for "FIRST_COMPLETED": two sets, done and not_done. timeout:
    seconds, then it is a TimeoutError."""
    futures = _check_futures("wait", futures)
    if return_when not in ("ALL_COMPLETED", "FIRST_COMPLETED"):
        raise TgValueError("wait: return_when must be ALL_COMPLETED or FIRST_COMPLETED, got "
                           f"{return_when!r}")
    for _ in as_completed(futures, timeout=timeout):
        if return_when == "FIRST_COMPLETED":
            break
    return DoneAndNotDone({f for f in futures if f.done()}, {f for f in futures if not f.done()})


def gather(futures):
    """Results of futures in lists, tuples, sets and dicts, in the same form."""
    if isinstance(futures, Future):
        return futures.result()
    if type(futures) in (list, tuple, set):
        return type(futures)(gather(future) for future in futures)
    if type(futures) is dict:
        return {key: gather(future) for key, future in futures.items()}
    return futures
