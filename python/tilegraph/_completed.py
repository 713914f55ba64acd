# SPDX-License-Identifier: BSD-3-Clause
"""Several futures: waiting for them, in the order in which they end, and their results."""

import copy
import queue
import time
from collections import namedtuple
from collections.abc import Iterator

from ._futures import Future, seconds
from .errors import TgTypeError, TgValueError

__all__ = ["as_completed", "gather", "progress", "several", "wait"]


def _find(thing, found):
    """Futures in lists, tuples, sets and dicts, into the list `found`."""
    if isinstance(thing, Future):
        found.append(thing)
    elif isinstance(thing, dict):
        _find(list(thing.values()), found)
    elif isinstance(thing, (list, tuple, set, frozenset)):
        for part in thing:
            _find(part, found)


def several(what, futures):
    """All futures in what was given."""
    found = []
    if not isinstance(futures, (Future, list, tuple, set, frozenset, dict)):
        futures = list(_check_futures(what, futures))
    _find(futures, found)
    return found


def _check_futures(what, futures):
    futures = [futures] if isinstance(futures, Future) else list(futures)
    for future in futures:
        if not isinstance(future, Future):
            raise TgTypeError(f"{what}: expected futures, got {type(future).__name__}")
    return futures


class as_completed:  # noqa: N801
    """Futures in the order in which they end; more may be added on the way.

    with_results: pairs (future, result); raise_errors: then the results of what has failed are
    raised, else they are its class, the exception and the traceback. timeout: seconds for all of
    them, or a text such as "5 s"; then it is a TimeoutError.
    """

    def __init__(self, futures=(), *, with_results=False, raise_errors=True, timeout=None):
        self._with_results = with_results
        self._raise_errors = raise_errors
        self._timeout = seconds(timeout)
        self._until = None if timeout is None else time.monotonic() + self._timeout
        self.clear()
        self.update(futures)

    def add(self, future):
        """One more future."""
        self.update([future])

    def update(self, futures):
        """More futures."""
        for future in _check_futures("as_completed", futures):
            self._left += 1
            future.when_ended(self._ended.put)

    def clear(self):
        """Forgets all futures."""
        self._ended = queue.SimpleQueue()
        self._left = 0

    def count(self):
        """How many are still to be handed out."""
        return self._left

    def is_empty(self):
        """Whether none is."""
        return self._left == 0

    def has_ready(self):
        """Whether the next one has ended already."""
        return not self._ended.empty()

    def next_batch(self, block=True):
        """A list of what has ended meanwhile. block: waits for one, if there is none."""
        batch = [next(self)] if block else []
        while self.has_ready():
            batch.append(next(self))
        return batch

    def batches(self):
        """Lists of what has ended meanwhile, in place of one by one."""
        while not self.is_empty():
            yield self.next_batch()

    def __iter__(self):
        return self

    def __next__(self):
        if self.is_empty():
            raise StopIteration
        left = None if self._until is None else max(0, self._until - time.monotonic())
        try:
            future = self._ended.get(timeout=left)
        except queue.Empty:
            raise TimeoutError(f"as_completed: not all have ended after {self._timeout:g} s"
                               ) from None
        self._left -= 1
        if not self._with_results:
            return future
        failed = future.exception()
        if failed is None or self._raise_errors:
            return future, future.result()
        return future, (type(failed), failed, future.traceback())

    next = __next__


DoneAndNotDone = namedtuple("DoneAndNotDone", "done not_done")


def wait(fs, timeout=None, return_when="ALL_COMPLETED"):
    """Waits for all futures, or for "FIRST_COMPLETED": two sets, done and not_done. timeout:
    seconds, or a text such as "5 s"; then it is a TimeoutError."""
    futures = _check_futures("wait", fs)
    if return_when not in ("ALL_COMPLETED", "FIRST_COMPLETED"):
        raise TgValueError("wait: return_when must be ALL_COMPLETED or FIRST_COMPLETED, got "
                           f"{return_when!r}")
    for _ in as_completed(futures, timeout=timeout):
        if return_when == "FIRST_COMPLETED":
            break
    return DoneAndNotDone({f for f in futures if f.done()}, {f for f in futures if not f.done()})


def gather(futures, errors="raise"):
    """What `Client.gather` says."""
    if errors not in ("raise", "skip"):
        raise TgValueError(f"gather: errors must be raise or skip, got {errors!r}")
    if isinstance(futures, Iterator):
        return (gather(part, errors) for part in futures)
    if isinstance(futures, Future):
        skipped = errors == "skip" and futures.exception() is not None
        return None if skipped else futures.result()
    if isinstance(futures, dict):
        made = copy.copy(futures)
        made.clear()
        made.update({key: gather(part, errors) for key, part in futures.items()
                     if _wanted(part, errors)})
        return made
    if isinstance(futures, (list, tuple, set, frozenset)):
        parts = [gather(part, errors) for part in futures if _wanted(part, errors)]
        named = hasattr(futures, "_fields") and len(parts) == len(futures)
        return type(futures)(*parts) if named else _plain(type(futures))(parts)
    return futures


def _wanted(part, errors):
    return errors == "raise" or not isinstance(part, Future) or part.exception() is None


def _plain(kind):
    """A namedtuple that lacks some is a tuple."""
    return tuple if hasattr(kind, "_fields") else kind


class _All:
    """Futures as a progress bar sees a computation."""

    def __init__(self, futures):
        self._futures = futures

    def progress(self):
        each = [tally.progress() for tally in {future._tally for future in self._futures}]
        return sum(done for done, _ in each), sum(tasks for _, tasks in each)


def progress(*futures, notebook=None, multi=True, complete=True):
    """Shows how far futures are, until all have ended. Ctrl-C ends the bar, not the work. The other
    arguments are for Dask's sake."""
    from .diagnostics import ProgressBar

    found, bar = [], ProgressBar()
    _find(list(futures), found)
    shown = _All(_check_futures("progress", found or futures))
    bar._start(shown)
    while not all(future.done() for future in found):
        bar._tick(shown)
        time.sleep(0.02)
    failed = [future.exception() for future in found if future.exception() is not None]
    bar._finish(shown, failed[0] if failed else None)
