# SPDX-License-Identifier: BSD-3-Clause
"""Results that are still to come from a cluster. What computes them is in _works.py."""

import datetime
import os
import re
import sys
import threading
import time
import weakref
from collections import deque

from . import _task
from .errors import TgCancelledError, TgTypeError, TgValueError

__all__ = ["Callbacks", "Future", "Tally", "done", "key_of", "retry", "seconds"]

_FAILED = ("error", "cancelled")


class Future:
    """The result of one thing that a cluster computes; made by `Client.compute` and its like.

    Futures that were made by one call are computed in one pass. Cancelling stops the work when all
    of them are cancelled. The result is kept as long as its future.
    """

    def __init__(self, client, key, call=None):
        self._client = client
        self._key = key
        self._call = call  # what it is computed from, until it has a result: it may be retried
        self._work = None  # that has it, until then
        self._tally = None  # of the work that has it, or had
        self._lock = threading.Lock()
        self._outcome = None  # value, error and the error's traceback, when it has ended
        self._told = None  # an Event, when somebody waits
        self._when_ended = []
        self._users = ()  # a WeakSet of what waits for it

    @property
    def key(self):
        """A name of its own: that of what is computed, and a number."""
        return self._key

    @property
    def client(self):
        """The Client that computes it."""
        return self._client

    @property
    def status(self):
        """"pending", "finished", "error" or "cancelled"."""
        outcome = self._outcome
        if outcome is None:
            return "pending"
        error = outcome[1]
        if error is None:
            return "finished"
        return "cancelled" if isinstance(error, TgCancelledError) else "error"

    @property
    def type(self):
        """The class of the result, when it is there; else None."""
        outcome = self._outcome
        return None if outcome is None or outcome[1] is not None else type(outcome[0])

    def done(self):
        """Whether it has ended, whatever with."""
        return self._outcome is not None

    def cancelled(self):
        """Whether it was cancelled, or its client was closed."""
        return self.status == "cancelled"

    def cancel(self):
        """Gives it up. One that has ended stays as it is."""
        work = self._work
        if self.settle(error=TgCancelledError(f"{self._key}: the future was cancelled")):
            work.given_up()

    def release(self):
        """Lets go of the result, or gives it up: the future is "cancelled" then. One that other
        calls wait for stays as it is; it ends with the last reference to it."""
        if not self._users:
            self.cancel()
            with self._lock:
                self._outcome = (None, TgCancelledError(f"{self._key}: it was released"), None)

    def retry(self):
        """Computes it again, if it has failed or was cancelled; first what it needs of which that
        is so, and with it all others of the same call of `compute`."""
        retry([self])

    def exception(self, timeout=None):
        """What it failed with, or None, when it has ended."""
        return self._wait(timeout)[1]

    def traceback(self, timeout=None):
        """The traceback of that in this process, or None. That of a function is text, and the
        cause of what it raised."""
        return self._wait(timeout)[2]

    def result(self, timeout=None):
        """The result, when it has ended; raises what it failed with. timeout: seconds, or a text
        such as "500 ms"; then it is a TimeoutError. Ctrl-C cancels nothing here: call `cancel`."""
        value, error, trace = self._wait(timeout)
        if error is None:
            return value
        try:
            # As it was: it would grow with every call.
            raise error.with_traceback(trace)
        finally:
            del self, error, trace  # the traceback holds this frame

    def _wait(self, timeout):
        """The outcome, as soon as there is one."""
        limit = seconds(timeout)
        until = None if limit is None else time.monotonic() + limit
        while True:
            outcome, work = self._outcome, self._work
            if outcome is not None:
                return outcome
            if work is not None:
                work.check_process()
            with self._lock:
                if self._outcome is not None:
                    continue
                self._told = told = self._told or threading.Event()
            if not told.wait(None if until is None else max(0, until - time.monotonic())):
                raise TimeoutError(f"{self._key}: no result after {limit:g} s")
            # Somebody may have called `retry` meanwhile.

    def add_done_callback(self, fn):
        """Calls fn(future) when it has ended, in a thread of the client's for that; callbacks run
        one after the other."""
        self.when_ended(lambda future: future.client._callbacks.call(fn, future))

    def progress(self):
        """Tasks that are done, and all tasks, of all that is computed in the same pass."""
        return self._tally.progress()

    # --- for its work ----------------------------------------------------------------------------

    def needed_by(self, user):
        """As long as `user` lives its result is."""
        if not self._users:
            self._users = weakref.WeakSet()
        self._users.add(user)

    def when_ended(self, function):
        """Calls function(self) as soon as it has ended, where that is seen: it must not wait."""
        with self._lock:
            now = self._outcome is not None
            if not now:
                self._when_ended.append(function)
        if now:
            function(self)

    def settle(self, value=None, error=None):
        """It has ended; False: it had before."""
        with self._lock:
            if self._outcome is not None:
                return False
            self._outcome = (value, error, getattr(error, "__traceback__", None))
            if error is None:
                self._work = self._call = None  # with all that they refer to
            functions, self._when_ended = self._when_ended, []
            told, self._told = self._told, None
        if told is not None:
            told.set()
        for function in functions:
            function(self)
        return True

    def reset(self):
        """It is pending again; False: it is already, or has a result."""
        with self._lock:
            failed = self.status in _FAILED
            if failed:
                self._outcome = None
            return failed

    def move(self, work):
        """Another work has it."""
        self._work = work
        self._tally = work.tally

    def __reduce__(self):
        """Among the arguments of a call it stands for its result."""
        return _task.stand_in(self)

    def __repr__(self):
        kind = self.type
        name = "" if kind is None else f" type: {_name_of(kind)},"
        return f"<Future: {self.status},{name} key: {self._key}>"


def _name_of(kind):
    return (kind.__qualname__ if kind.__module__ == "builtins"
            else f"{kind.__module__}.{kind.__qualname__}")


def key_of(name):
    """A key that no other future has."""
    return f"{name}-{os.urandom(16).hex()}"


def done(client, value):
    """A future whose result is there."""
    future = Future(client, key_of(type(value).__name__))
    future._tally = Tally()
    future.settle(value)
    return future


def retry(futures):
    """Computes again what of them has no result, and what of those that they need."""
    failed, todo = {}, list(futures)
    while todo:
        future, work = todo[-1], todo.pop()._work
        if work is not None and future not in failed and future.status in _FAILED:
            future.client._pointer()  # raises if it is closed
            failed[future] = work
            todo += work.needs(future)
    works = {}
    for future, work in failed.items():
        if future.reset():
            works.setdefault(work, []).append(future)
    for work, mine in works.items():
        try:
            work.again(mine)
        except BaseException as error:
            for future in mine:
                future.settle(error=error)
            if not isinstance(error, Exception):
                raise


class Tally:
    """How far a work is: what futures know of it when they have ended."""

    def __init__(self):
        self.computation = None  # while it runs
        self._last = (0, 0)

    def progress(self):
        """Tasks that are done, and all tasks."""
        computation = self.computation
        return self._last if computation is None else computation.progress()

    def end(self):
        """Lets go of the computation."""
        self._last = self.progress()
        self.computation = None


class Callbacks:
    """Calls functions one after the other, in a thread that lives as long as there are some."""

    def __init__(self):
        self._queue = deque()
        self._lock = threading.Lock()
        self._thread = None

    def call(self, function, future):
        with self._lock:
            self._queue.append((function, future))
            if self._thread is not None:
                return
            self._thread = threading.Thread(target=self._run, name="tilegraph callbacks",
                                            daemon=True)
            try:
                self._thread.start()
            except RuntimeError:  # the interpreter ends
                self._thread = None

    def _run(self):
        while True:
            with self._lock:
                if not self._queue:
                    self._thread = None
                    return
                function, future = self._queue.popleft()
            try:
                function(future)
            except BaseException as failed:  # a callback's failure is nobody else's
                sys.excepthook(type(failed), failed, failed.__traceback__)
            function = future = None

    def join(self, timeout):
        """Waits for those that were called."""
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(timeout)


_SECONDS = {
    "s": 1, "sec": 1, "second": 1, "m": 60, "min": 60, "minute": 60, "h": 3600, "hr": 3600,
    "hour": 3600, "d": 86400, "day": 86400, "w": 604800, "week": 604800, "ms": 1e-3,
    "millisecond": 1e-3, "us": 1e-6, "microsecond": 1e-6, "ns": 1e-9, "nanosecond": 1e-9,
}


def seconds(timeout):
    """Seconds, of a number, a timedelta, or a text in Dask's form: "5s", "1.5 minutes", "ms"."""
    if timeout is None or (isinstance(timeout, (int, float)) and not isinstance(timeout, bool)):
        return timeout
    if isinstance(timeout, datetime.timedelta):
        return timeout.total_seconds()
    if not isinstance(timeout, str):
        try:
            return float(timeout)
        except (TypeError, ValueError):
            raise TgTypeError("a timeout must be a number of seconds, a text such as \"5 s\" or a "
                              f"timedelta, got {timeout!r}") from None
    found = re.fullmatch(r"([\d.]*(?:[eE][-+]?\d+)?)([a-zA-Z]*)", timeout.replace(" ", ""))
    number, unit = found.groups() if found and timeout else ("", "?")
    unit = unit.lower() or "s"
    try:
        return float(number or 1) * (_SECONDS.get(unit) or _SECONDS[unit.removesuffix("s")])
    except (ValueError, KeyError):
        raise TgValueError(f"timeout {timeout!r}: expected a number and a unit, such as "
                           "\"5 s\" or \"200 ms\"") from None
