# SPDX-License-Identifier: BSD-3-Clause
"""Results that are still to come from a cluster.

A Work is what is computed in one pass; its Futures are the results of it, one by one. Each client
has one Watcher, a thread that sees works end and tells who waits.
"""

import contextlib
import numbers
import os
import sys
import threading
import time

from . import _run
from .errors import TgCancelledError, TgTypeError, TgUnsupportedError, TgValueError

__all__ = ["ArrayWork", "Future", "PersistWork", "Watcher", "Work", "done"]

# Between two looks at what runs.
_LOOK_SECONDS = 0.002
# Works that run at a time: beyond the first number calls wait for the next look, so that those
# which are submitted one by one become one work; a scheduler takes 256 jobs of a client.
_BUSY = 4
_RUNNING_MAX = 200


class Future:
    """The result of one thing that a cluster computes; made by `Client.compute` and its like.

    Futures that were made by one call are computed in one pass. Cancelling stops the work when all
    of them are cancelled.
    """

    def __init__(self, work, name):
        self._work = work
        self._name = name
        self._lock = threading.Lock()
        self._outcome = None  # value and error, when it has ended
        self._told = None  # an Event, when somebody waits
        self._callbacks = []

    @property
    def key(self):
        """A name of what is computed; several futures may have the same."""
        return self._name

    @property
    def client(self):
        """The Client that computes it."""
        return self._work.client

    @property
    def status(self):
        """"pending", "finished", "error" or "cancelled"."""
        if self._outcome is None:
            return "pending"
        error = self._outcome[1]
        if error is None:
            return "finished"
        return "cancelled" if isinstance(error, TgCancelledError) else "error"

    def done(self):
        """Whether it has ended, whatever with."""
        return self._outcome is not None

    def cancelled(self):
        """Whether it was cancelled, or its client was closed."""
        return self.status == "cancelled"

    def cancel(self):
        """Gives it up. One that has ended stays as it is."""
        if self.settle(error=TgCancelledError(f"{self._name}: the future was cancelled")):
            self._work.given_up()

    def retry(self):
        """Computes it again, if it has failed or was cancelled, with all others of the same call of
        `compute` of which that is so."""
        if self.status in ("error", "cancelled"):
            self._work.again(self)

    def exception(self, timeout=None):
        """What it failed with, or None, when it has ended."""
        self._wait(timeout)
        return self._outcome[1]

    def traceback(self, timeout=None):
        """The traceback of that, or None."""
        error = self.exception(timeout)
        return None if error is None else error.__traceback__

    def result(self, timeout=None):
        """The result, when it has ended; raises what it failed with. timeout: seconds, then it is a
        TimeoutError. Ctrl-C cancels nothing here: call `cancel`."""
        self._wait(timeout)
        value, error = self._outcome
        if error is not None:
            raise error
        return value

    def _wait(self, timeout):
        if self._outcome is None:
            self._work.check_process()
            with self._lock:
                if self._told is None:
                    self._told = threading.Event()
                    if self._outcome is not None:
                        self._told.set()
                told = self._told
            if not told.wait(timeout):
                raise TimeoutError(f"{self._name}: no result after {timeout:g} s")

    def add_done_callback(self, fn):
        """Calls fn(future) when it has ended, in a thread of the client's; at once if it has."""
        with self._lock:
            now = self._outcome is not None
            if not now:
                self._callbacks.append(fn)
        if now:
            fn(self)

    def progress(self):
        """Tasks that are done, and all tasks, of all that is computed in the same pass."""
        return self._work.progress()

    # --- for its work ----------------------------------------------------------------------------

    def settle(self, value=None, error=None):
        """It has ended; False: it had before."""
        with self._lock:
            if self._outcome is not None:
                return False
            self._outcome = (value, error)
            calls, self._callbacks = self._callbacks, []
            told, self._told = self._told, None
        if told is not None:
            told.set()
        for function in calls:
            try:
                function(self)
            except Exception as failed:  # a callback's failure is nobody else's
                sys.excepthook(type(failed), failed, failed.__traceback__)
        return True

    def reset(self):
        """It is pending again."""
        with self._lock:
            self._outcome = self._told = None

    def move(self, work):
        """Another work has it."""
        self._work = work

    def __repr__(self):
        return f"<Future: {self.status}, {self._name}>"


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
    (`_finish`, which settles the futures); `waits_for` are futures that it needs.
    """

    waits_for = ()

    def __init__(self, client, names, priority=0):
        self.client = client
        self.priority = checked_priority(priority)
        self.futures = [Future(self, name) for name in names]
        self._lock = threading.Lock()
        self._pid = os.getpid()
        self._reset()

    def _reset(self):
        self._computation = None
        self._counted = (0, 0)
        self._waits_since = None  # for a first worker
        self._stack = contextlib.ExitStack()
        self._ended = threading.Event()

    # --- for who started it ----------------------------------------------------------------------

    def start(self):
        """Begins, unless it has to wait for others; what is wrong with it is raised here."""
        watcher = self.client._watcher()
        if not self.waits_for and watcher.running < (_BUSY if self.kin() else _RUNNING_MAX):
            self._go()
        watcher.add(self)
        return self

    def kin(self):
        """Works of which this is equal may be computed as one (`join`), but for None."""
        return None

    def again(self, future):
        """Computes again what was not: `future`, and others that have no result either."""
        del future
        self.wait(None)
        for one in self.futures:
            if one.status in ("error", "cancelled"):
                one.reset()
        self._reset()
        try:
            self.start()
        except BaseException as error:
            self._fail(error)
            raise

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
            if self._computation is not None and not self._wanted_still():
                self._computation.cancel()

    def _wanted_still(self):
        """Whether anything of it is to come, and no other work has it."""
        return any(one._work is self and not one.done() for one in self.futures)

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
                self._peek(self._computation)
                return False
            self._finish(self._computation)
        except BaseException as error:  # whatever it is, it belongs to who wants the result
            self._fail(error)
        self._end()
        return True

    def _peek(self, computation):
        """It runs: some of it may be there."""

    def _fail(self, error):
        for future in self.futures:
            future.settle(error=error)

    def may_begin(self):
        """It has not, and all that it needs is there."""
        return self._computation is None and all(future.done() for future in self.waits_for)

    def _ready(self):
        if not self._wanted_still():
            raise TgCancelledError("the future was cancelled")
        if not self.may_begin() or self.client._watcher().running >= _RUNNING_MAX:
            return False
        if self._waits_since is None:
            self._waits_since = time.monotonic()
        good = all(future.status == "finished" for future in self.waits_for)
        if good and not self.client._has_workers(self._waits_since):
            return False
        self._go()
        return True

    def _go(self):
        with self._stack:
            begun = self._begin(self._stack)
            with self._lock:
                self._computation = begun
                if not self._wanted_still():
                    begun.cancel()
            self._stack = self._stack.pop_all()
        self.client._watcher().count(1)

    def join_into(self, other):
        """Another work does it."""
        other.join(self)
        self._end()

    def _end(self):
        self._stack.close()
        with self._lock:
            if self._computation is not None:
                self._counted = self._computation.progress()
                self.client._watcher().count(-1)
            self._computation = None  # the results keep what they need
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
        super().__init__(client, [repr(thing) for thing in things], priority)

    def _begin(self, stack):
        targets = stack.enter_context(_run.opened(self._wanted))
        return _run.Computation(targets, self.client, priority=self.priority)

    def _finish(self, computation):
        for future, value in zip(self.futures, self._values(computation)):
            future.settle(value)

    def _values(self, computation):
        found = _run.results(computation, self._wanted)
        return [_run.replace(thing, found) for thing in self._things]


class PersistWork(ArrayWork):
    """Arrays whose results are lazy arrays again."""

    def _values(self, computation):
        return _run.kept(computation, self._things)


class _Done(Work):
    """What is known already."""

    def __init__(self, client, value):
        super().__init__(client, [type(value).__name__])
        self._ended.set()
        self.futures[0].settle(value)


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
        self.running = 0  # works
        self._thread = threading.Thread(target=self._run, name="tilegraph futures", daemon=True)
        self._thread.start()

    def add(self, work):
        with self._lock:
            self._works.append(work)
            self._some.set()

    def count(self, more):
        """So many more works run."""
        with self._lock:
            self.running += more

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
                self._works.sort(key=lambda work: -work.priority)
                works = list(self._works)
            start = time.perf_counter()
            over = _joined(works)
            over |= {id(work) for work in works if id(work) not in over and work.look()}
            with self._lock:
                # Behind those that were looked at are new ones, or old ones that begin again.
                self._works = ([work for work in works if id(work) not in over]
                               + self._works[len(works):])
                if not self._works:
                    if self._closing:
                        return
                    self._some.clear()
            # Many works take long to look at: most of the time is the program's.
            took = time.perf_counter() - start
            if not over:
                time.sleep(max(_LOOK_SECONDS, 4 * took))


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
