# SPDX-License-Identifier: BSD-3-Clause
"""Several futures: waiting for them, in the order in which they end, and their results."""

import queue
import time
from collections import namedtuple

from ._futures import Future
from .errors import TgTypeError, TgValueError

__all__ = ["as_completed", "find", "gather", "progress", "wait"]


def find(thing, found):
    """Futures in lists, tuples, sets and dicts, into the list `found`."""
    if isinstance(thing, Future):
        found.append(thing)
    elif type(thing) in (list, tuple, set):
        for part in thing:
            find(part, found)
    elif type(thing) is dict:
        find(list(thing.values()), found)


def _check_futures(what, futures):
    futures = [futures] if isinstance(futures, Future) else list(futures)
    for future in futures:
        if not isinstance(future, Future):
            raise TgTypeError(f"{what}: expected futures, got {type(future).__name__}")
    return futures


class as_completed:  # noqa: N801
    """Futures in the order in which they end; more may be added on the way.

    with_results: pairs (future, result); raise_errors: then the results of what has failed are
    raised, else they are the exceptions. timeout: seconds for all of them, then it is a
    TimeoutError.
    """

    def __init__(self, futures=(), *, with_results=False, raise_errors=True, timeout=None):
        self._with_results = with_results
        self._raise_errors = raise_errors
        self._timeout = timeout
        self._until = None if timeout is None else time.monotonic() + timeout
        self._ended = queue.SimpleQueue()
        self._left = 0
        self.update(futures)

    def add(self, future):
        """One more future."""
        self.update([future])

    def update(self, futures):
        """More futures."""
        for future in _check_futures("as_completed", futures):
            self._left += 1
            future.add_done_callback(self._ended.put)

    def count(self):
        """How many are still to be handed out."""
        return self._left

    def is_empty(self):
        """Whether none is."""
        return self._left == 0

    def has_ready(self):
        """Whether the next one has ended already."""
        return not self._ended.empty()

    def batches(self):
        """Lists of what has ended meanwhile, in place of one by one."""
        while not self.is_empty():
            batch = [next(self)]
            while self.has_ready():
                batch.append(next(self))
            yield batch

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
        return future, (failed if failed is not None and not self._raise_errors
                        else future.result())


DoneAndNotDone = namedtuple("DoneAndNotDone", "done not_done")


def wait(fs, timeout=None, return_when="ALL_COMPLETED"):
    """Waits for all futures, or for "FIRST_COMPLETED": two sets, done and not_done. timeout:
    seconds, then it is a TimeoutError."""
    futures = _check_futures("wait", fs)
    if return_when not in ("ALL_COMPLETED", "FIRST_COMPLETED"):
        raise TgValueError("wait: return_when must be ALL_COMPLETED or FIRST_COMPLETED, got "
                           f"{return_when!r}")
    for _ in as_completed(futures, timeout=timeout):
        if return_when == "FIRST_COMPLETED":
            break
    return DoneAndNotDone({f for f in futures if f.done()}, {f for f in futures if not f.done()})


def gather(futures, errors="raise"):
    """Results of futures in lists, tuples, sets and dicts, in the same form. errors: "skip" leaves
    out those in lists, tuples and sets that have none."""
    if errors not in ("raise", "skip"):
        raise TgValueError(f"gather: errors must be raise or skip, got {errors!r}")
    if isinstance(futures, Future):
        return futures.result()
    if type(futures) in (list, tuple, set):
        return type(futures)(gather(part, errors) for part in futures
                             if errors == "raise" or not isinstance(part, Future)
                             or part.exception() is None)
    if type(futures) is dict:
        return {key: gather(part, errors) for key, part in futures.items()}
    return futures


class _All:
    """Futures as a progress bar sees a computation."""

    def __init__(self, futures):
        self._futures = futures

    def progress(self):
        works = {id(future._work): future._work for future in self._futures}
        each = [work.progress() for work in works.values()]
        return sum(done for done, _ in each), sum(tasks for _, tasks in each)


def progress(*futures, notebook=None, multi=True, complete=True):
    """Shows how far futures are, until all have ended. Ctrl-C ends the bar, not the work. The other
    arguments are for Dask's sake."""
    from .diagnostics import ProgressBar

    found, bar = [], ProgressBar()
    find(list(futures), found)
    shown = _All(_check_futures("progress", found or futures))
    bar._start(shown)
    while not all(future.done() for future in found):
        bar._tick(shown)
        time.sleep(0.02)
    failed = [future.exception() for future in found if future.exception() is not None]
    bar._finish(shown, failed[0] if failed else None)
