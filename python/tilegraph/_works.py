# SPDX-License-Identifier: BSD-3-Clause
"""What is computed on a cluster beside the program.

A Work is what is computed in one pass; its Futures are the results of it, one by one. Each client
has one Watcher, a thread that sees works end and tells who waits.
"""

import contextlib
import numbers
import os
import threading
import time
import weakref

from . import _run, _watch
from ._futures import Future, Tally, key_of
from .errors import TgCancelledError, TgTypeError, TgUnsupportedError, TgValueError

__all__ = ["ArrayWork", "PersistWork", "Watcher", "Work", "checked_priority"]

# Between two looks at what runs; the most when there is much to look at.
_LOOK_SECONDS = 0.002
_LOOK_SECONDS_MAX = 0.02
# Works that run at a time: beyond the first number calls wait for the next look, so that those
# which are submitted one by one become one work; a scheduler takes 256 jobs of a client.
BUSY = 4
_RUNNING_MAX = 200


def checked_priority(priority):
    """A float that the engine takes."""
    if isinstance(priority, bool) or not isinstance(priority, numbers.Real):
        raise TgTypeError(f"priority must be a number, got {priority!r}")
    if not -1e9 <= priority <= 1e9:
        raise TgValueError(f"priority {priority!r} is out of range: -1e9 to 1e9, the highest goes "
                           "first")
    return float(priority)


class Work:
    """What is computed in one pass.

    Subclasses say how it starts (`_begin`, which gives a Computation) and what comes of it
    (`_finish`, which settles the futures); `waits_for` are futures that it needs. `futures` are
    those that it may still have to settle, by their places: what has ended belongs to who wants it.
    """

    waits_for = ()

    def __init__(self, client, futures, priority=0):
        self.client = client
        self.priority = checked_priority(priority)
        self.tally = Tally()
        self._lock = threading.Lock()
        self._pid = os.getpid()
        self._reset(futures)

    def _reset(self, futures):
        self.futures = dict(enumerate(futures))
        for future in futures:
            future.move(self)
        self._waits_since = None  # for a first worker
        self._stack = contextlib.ExitStack()
        self._ended = threading.Event()

    # --- for who started it ----------------------------------------------------------------------

    def start(self):
        """Begins, unless it has to wait for others; what is wrong with it is raised here. Gives the
        futures."""
        futures = list(self.futures.values())
        watcher = self.client._watcher()
        if (not self.waits_for and not watcher.closing
                and watcher.running < (BUSY if self.kin() else _RUNNING_MAX)):
            self._go()
        watcher.add(self)
        return futures

    def kin(self):
        """Works of which this is equal may be computed as one (`join`), but for None."""
        return None

    def needs(self, future):
        """Futures that this one of its futures needs."""
        del future
        return ()

    def check_process(self):
        """Raises in a process that was forked."""
        if self._pid != os.getpid():
            raise TgUnsupportedError("the future belongs to the process that this one was forked "
                                     "from")

    def wait(self, timeout):
        """Whether all of it has ended in time."""
        self.check_process()
        return self._ended.wait(timeout)

    def given_up(self):
        """One of the futures is not wanted any more."""
        with self._lock:
            if self.tally.computation is not None and not self._wanted_still():
                self.tally.computation.cancel()

    def _is_mine(self, future):
        """It is pending, and no other work has it."""
        return future._work is self and not future.done()

    def _wanted_still(self):
        """Whether anything of it is to come."""
        return any(map(self._is_mine, list(self.futures.values())))

    # --- for the watcher -------------------------------------------------------------------------

    def look(self):
        """Goes on if it can; whether it has ended."""
        try:
            computation = self.tally.computation
            if computation is None and not self._ready():
                return False
            computation = self.tally.computation
            if not computation.wait(0):
                self._peek(computation)
                return False
            self._finish(computation)
        except BaseException as error:  # whatever it is, it belongs to who wants the result
            self._fail(self._reason(error))
        self._end()
        return True

    def abandon(self):
        """It ends, since its client has."""
        self._fail(TgCancelledError("the client was closed"))
        self._end()

    def _reason(self, error):
        """What it failed with: what has not begun is cancelled by the end of its client."""
        if self.tally.computation is None and self.client._watcher().closing:
            return TgCancelledError("the client was closed")
        return error

    def _peek(self, computation):
        """It runs: some of it may be there."""

    def _fail(self, error):
        for future in self.futures.values():
            if self._is_mine(future):
                future.settle(error=error)

    def may_begin(self):
        """It has not, and all that it needs is there."""
        return self.tally.computation is None and all(f.done() for f in self.waits_for)

    def _ready(self):
        watcher = self.client._watcher()
        if watcher.closing or not self._wanted_still():
            raise TgCancelledError("the future was cancelled")
        if not self.may_begin() or watcher.running >= _RUNNING_MAX:
            return False
        if self._waits_since is None:
            self._waits_since = time.monotonic()
        good = all(future.status == "finished" for future in self.waits_for)
        if good and not self.client._has_workers(self._waits_since):
            return False
        self._go()
        return True

    def _go(self):
        start = time.perf_counter()
        with self._stack:
            begun = self._begin(self._stack)
            with self._lock:
                self.tally.computation = begun
                if not self._wanted_still():
                    begun.cancel()
            self._stack = self._stack.pop_all()
        self.waits_for = ()
        self.client._watcher().count(1, time.perf_counter() - start)

    def join_into(self, other):
        """Another work does it."""
        other.join(self)
        self._end()

    def _end(self):
        self._stack.close()
        with self._lock:
            if self.tally.computation is not None:
                self.tally.end()  # the results keep what they need
                self.client._watcher().count(-1)
            self.futures, self.waits_for = {}, ()
            self._ended.set()


class ArrayWork(Work):
    """Arrays, and stores, in one pass."""

    def __init__(self, client, things, priority=0):
        self._things = things
        self._wanted = []
        for thing in things:
            _run.collect(thing, self._wanted)
        if not self._wanted:
            raise TgTypeError("Client.compute: nothing to compute: expected tilegraph arrays, got "
                              + ", ".join(type(thing).__name__ for thing in things))
        futures = [Future(client, key_of(type(thing).__name__.lower())) for thing in things]
        self._made = [weakref.ref(future) for future in futures]
        self._profilers = _watch.profilers()
        super().__init__(client, futures, priority)

    def again(self, futures):
        """Computes again what was not: `futures`, and others that have no result either."""
        self.wait(None)  # what it writes has to be closed
        failed = {}
        for i, ref in enumerate(self._made):
            future = ref()
            if future is not None and (future in futures or future.reset()):
                failed[i] = future
        self._reset(failed.values())
        self.futures = failed
        try:
            self.start()
        except BaseException as error:
            self._fail(error)
            self._end()
            raise

    def _begin(self, stack):
        targets = stack.enter_context(_run.opened(self._wanted))
        return _run.Computation(targets, self.client, priority=self.priority)

    def _finish(self, computation):
        self._tell(computation, None)
        values = self._values(computation)
        for i, future in self.futures.items():
            if self._is_mine(future):
                future.settle(values[i])

    def _fail(self, error):
        if self.tally.computation is not None:
            self._tell(self.tally.computation, error)
        super()._fail(error)

    def _tell(self, computation, error):
        profilers, self._profilers = self._profilers, ()
        for profiler in profilers:
            profiler._finish(computation, error)

    def _values(self, computation):
        found = _run.results(computation, self._wanted)
        return [_run.replace(thing, found) for thing in self._things]


class PersistWork(ArrayWork):
    """Arrays whose results are lazy arrays again."""

    def _values(self, computation):
        return _run.kept(computation, self._things)


class Watcher:
    """The thread that sees works end."""

    def __init__(self):
        self._works = []
        self._lock = threading.Lock()
        self._some = threading.Event()
        self.closing = False
        self._over = False
        self.running = 0  # works
        self._beginning = 0.0  # seconds, since the last look
        self._thread = threading.Thread(target=self._run, name="tilegraph futures", daemon=True)
        self._thread.start()

    def add(self, work):
        with self._lock:
            over = self._over
            if not over:
                self._works.append(work)
                self._some.set()
        if over:
            work.abandon()

    def count(self, more, took=0.0):
        """So many more works run; seconds that it took to begin."""
        with self._lock:
            self.running += more
            self._beginning += took

    def close(self):
        """When the client is closed, so that all works end."""
        self.closing = True
        self._some.set()
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def _run(self):
        # What has ended is kept by nothing here while this thread waits: `_look` has returned.
        while not self._over:
            self._some.wait()
            time.sleep(self._look())

    def _look(self):
        """Looks at all works; seconds until the next look."""
        with self._lock:
            self._works.sort(key=lambda work: -work.priority)
            works = list(self._works)
            self._beginning = 0.0
        start = time.perf_counter()
        over = _joined(works)
        over |= {id(work) for work in works if id(work) not in over and work.look()}
        with self._lock:
            # Behind those that were looked at are new ones, or old ones that begin again.
            self._works = ([work for work in works if id(work) not in over]
                           + self._works[len(works):])
            if not self._works:
                self._over = self.closing
                if not self._over:
                    self._some.clear()
            # Many works take long to look at: most of the time is the program's.
            took = time.perf_counter() - start - self._beginning
        return 0 if over else min(max(_LOOK_SECONDS, 4 * took), _LOOK_SECONDS_MAX)


def _joined(works):
    """Joins those that may begin and be one; gives the ids of those that others do now."""
    first, over = {}, set()
    for work in works:
        kin = work.kin() if work.may_begin() else None
        if kin is None:
            continue
        one = first.setdefault(kin, work)
        if one is not work:
            work.join_into(one)
            over.add(id(work))
            if one.kin() is None:  # it has as many as may be
                del first[kin]
    return over
