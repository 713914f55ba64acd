# SPDX-License-Identifier: BSD-3-Clause
"""A connection to a cluster: while it is the current one, computations run there."""

import atexit
import json
import logging
import os
import threading
import time

from . import _calls, _engine, _futures, _run, _works
from ._completed import gather, several
from ._engine import check, ffi, lib, text
from ._local_cluster import LocalCluster
from .errors import TgIOError, TgTypeError, TgUnsupportedError, TgValueError

__all__ = ["Client", "current"]

# How long the engine is waited for at a time: Python sees Ctrl-C that often.
_SLICE_NS = 50_000_000
# How long workers are waited for when something is computed, or a LocalCluster has just begun.
_WORKER_SECONDS = 30
# How often it is looked whether those of a LocalCluster still run meanwhile.
_LOOK_SECONDS = 0.2
# How long callbacks of futures may take when the client is closed.
_CALLBACK_SECONDS = 1
# After so long somebody may wonder.
_TELL_SECONDS = 1

_log = logging.getLogger("tilegraph")

#: Arguments of Dask's that say where and when, which nobody has to know here.
_WITHOUT_EFFECT = {"submit": {"pure", "fifo_timeout", "allow_other_workers"}}
_WITHOUT_EFFECT["map"] = _WITHOUT_EFFECT["submit"] | {"batch_size"}
_REFUSED = {"workers", "resources", "actor", "actors"}

#: Those that are open, the newest last.
_open = []
_lock = threading.RLock()


def current():
    """The client where computations run now, or None: in this process."""
    return _engine.client


class Client:
    """A connection to a cluster.

        with Client("/shared/join") as client:
            labels.to_zarr("/shared/labels.zarr")       computed there, written by the workers
            future = client.compute(labels.max())       goes on beside the program
            print(future.result())

    address: a `LocalCluster`, the path of a scheduler's join file, or its address
        ("tcp://10.0.0.5:8786"). Without it, the one that the environment variable TG_JOIN_FILE has
        (the jobs of `tg slurm` set it); without that too, or with options, a LocalCluster is
        started, and closed with the client.
    timeout: seconds for the scheduler to answer, or a text such as "5 s".
    set_as_default: False leaves other computations where they are; only this client's own methods
        compute there.
    options: those of the LocalCluster that is started.

    From its making until `close` all computations of this process run there: `compute`, `persist`,
    `to_zarr`, `save`. Afterwards they run where they did before. Results are the same bytes.
    Files must have the same paths on all hosts; arrays in memory of more than 16 MiB reach workers
    of this host only. Formats other than Zarr are written by this process, and so is `store` into
    anything but NumPy arrays.
    """

    def __init__(self, address=None, *, timeout=10, set_as_default=True, **options):
        if options and address is not None:
            raise TgTypeError("Client: " + ", ".join(options) + ": options of LocalCluster are for "
                              "a client that starts one")
        timeout = _futures.seconds(timeout)
        if not timeout > 0:
            raise TgValueError(f"Client: timeout must be > 0, got {timeout!r}")
        if address is None and not options:
            address = os.environ.get("TG_JOIN_FILE") or None
        self._own = LocalCluster(**options) if address is None else None
        self.cluster = self._own or address
        self._may_be_current = set_as_default
        self._pid = os.getpid()
        self._futures = None  # the Watcher
        self._callbacks = _futures.Callbacks()
        self._ptr = None
        try:
            self._where = self._find(self.cluster)
            self._connect(timeout)
        except BaseException:
            self.close()
            raise
        with _lock:
            _open.append(self)
            _choose_current()

    @staticmethod
    def _find(cluster):
        if isinstance(cluster, LocalCluster):
            return cluster.join_file
        if isinstance(cluster, (str, os.PathLike)):
            return os.path.expanduser(os.fspath(cluster))
        raise TgTypeError("Client: give a LocalCluster, an address (tcp://host:port) or the path "
                          f"of a join file, got {cluster!r}")

    def _connect(self, timeout):
        err = ffi.new("tg_error *")
        out = ffi.new("tg_client **")
        check(lib.tg_client_open(_engine.session(), os.fsencode(self._where), out, err), err)
        self._ptr = ffi.gc(out[0], lib.tg_client_release)
        if not self._wait(0, timeout):
            raise TgIOError(f"{self._where}: no scheduler answered for {timeout:g} s: does it run, "
                            "and is it there?")
        if isinstance(self.cluster, LocalCluster):
            self.cluster._clients.add(self)
            self._wait_for_living(_WORKER_SECONDS, all_of_them=True)

    # --- waiting ---------------------------------------------------------------------------------

    def _pointer(self):
        ptr = self._ptr
        if ptr is None:
            raise TgValueError("the client is closed")
        if self._pid != os.getpid():
            raise TgUnsupportedError("the client belongs to the process that this one was forked "
                                     "from: open another one here")
        return ptr

    def _wait(self, workers, seconds):
        """Whether the scheduler, and so many workers, are there in time."""
        until = None if seconds is None else time.monotonic() + seconds
        there = ffi.new("bool *")
        err = ffi.new("tg_error *")
        ptr = self._pointer()
        while True:
            left = _SLICE_NS
            if until is not None:
                left = max(0, min(left, round((until - time.monotonic()) * 1e9)))
            check(lib.tg_client_wait(ptr, workers, left, there, err), err)
            if there[0] or left == 0:
                return there[0]

    def _wait_for_living(self, seconds, all_of_them=False):
        """Whether a worker, or all of a LocalCluster, are there in time; raises when all of a
        LocalCluster have ended."""
        until = time.monotonic() + seconds
        while True:
            left = min(_LOOK_SECONDS, until - time.monotonic())
            if self._wait(self.cluster._expected() if all_of_them else 1, max(0, left)):
                return True
            if isinstance(self.cluster, LocalCluster):
                self.cluster._check_workers()
            if left <= 0:
                return False

    def _need_worker(self):
        """The tg_client, once there are workers that something can be planned for."""
        if not self._wait_for_living(_TELL_SECONDS):
            _log.warning("%s: the cluster has no workers: waiting %d s for a first one",
                         self._where, _WORKER_SECONDS)
            if not self._wait_for_living(_WORKER_SECONDS):
                self._lacks_workers()
        return self._pointer()

    def _has_workers(self, since):
        """Whether there are any, at once; raises when they are waited for since too long."""
        there = self._wait_for_living(0)
        if not there and time.monotonic() - since > _WORKER_SECONDS:
            self._lacks_workers()
        return there

    def _lacks_workers(self):
        raise TgIOError(f"{self._where}: the cluster has no workers, and none came for "
                        f"{_WORKER_SECONDS} s: start some with tgworker --cluster {self._where}")

    def wait_for_workers(self, n_workers=1, timeout=None):
        """Returns when there are so many. timeout: seconds, then it is a TimeoutError."""
        timeout = _futures.seconds(timeout)
        if not self._wait(n_workers, timeout):
            found = len(self.status()["workers"])
            raise TimeoutError(f"wait_for_workers: {found} of {n_workers} workers after "
                               f"{timeout:g} s")

    # --- the cluster -----------------------------------------------------------------------------

    def _ask(self, what):
        err = ffi.new("tg_error *")
        out = ffi.new("char **")
        check(lib.tg_client_ask(self._pointer(), what.encode(), out, err), err)
        try:
            return text(out[0])
        finally:
            lib.tg_text_free(out[0])

    def status(self):
        """What the scheduler says of itself, its workers and jobs, as a dict."""
        return json.loads(self._ask("status"))

    def scheduler_info(self):
        """The same in Dask's form: workers by their addresses."""
        said = self.status()
        workers = {w["address"]: {"name": w["name"], "nthreads": w["threads"],
                                  "memory_limit": w["memory_limit"], "status": w}
                   for w in said["workers"]}
        return {"type": "Scheduler", "address": self._where, "workers": workers}

    def nthreads(self):
        """The threads of each worker, by its address."""
        return {w["address"]: w["threads"] for w in self.status()["workers"]}

    ncores = nthreads

    def dump(self):
        """All of the scheduler's state, as a dict, for a post-mortem."""
        return json.loads(self._ask("dump"))

    def metrics(self):
        """The scheduler's numbers, as text for Prometheus."""
        return self._ask("metrics")

    # --- futures ---------------------------------------------------------------------------------

    def _watcher(self):
        with _lock:
            if self._futures is None:
                self._futures = _works.Watcher()
            return self._futures

    def compute(self, *things, sync=False, priority=0):
        """Starts computing in one pass, and returns a Future; a list of them for several things, or
        for one list. Things are what `tilegraph.compute` takes. sync: the results themselves.
        priority: workers are given tasks of the computation with the highest, of whatever client;
        equal ones share them fairly. What runs already is not interrupted."""
        self._pointer()
        single = len(things) == 1 and type(things[0]) is not list
        if len(things) == 1 and not single:
            things = tuple(things[0])
        futures = _works.ArrayWork(self, things, priority).start()
        made = futures[0] if single else futures
        return gather(made) if sync else made

    def persist(self, *arrays, priority=0):
        """As `compute`, but results are lazy arrays again, kept in the memory of this process. What
        is too large for that goes to a store: `to_zarr`, and `open` gives the array."""
        _run.check_arrays("Client.persist", arrays)
        self._pointer()
        futures = _works.PersistWork(self, arrays, priority).start()
        return futures[0] if len(arrays) == 1 else futures

    def submit(self, func, *args, **kwargs):
        """Calls a plain function there, in a child process of a worker (--allow-python), and
        returns a Future. It may be called more than once, should its worker die.

        Function, arguments and result are pickled (by cloudpickle, if it is installed), up to 16
        MiB on the way there. Futures among the arguments, in whatever they are, are waited for, and
        their results travel by way of this process: pass large data as arrays in stores. A result
        that is much longer than those that the function has made before comes back in a second call
        (at first: than 1 MiB, of a map of thousands of calls 16 KiB); the function runs again if
        that call meets another process.

        Names that Dask keeps for itself are not passed on: retries (how often a call that raises is
        made again); priority (as that of `compute`); key (the name of the future; by default that
        of the function and a number); pure, fifo_timeout, allow_other_workers and `map`'s
        batch_size change nothing here; workers, resources, actor and actors are refused.
        """
        key, function = self._function("submit", func, kwargs)
        keys = [_futures.key_of(function.name) if key is None else key]
        return self._start(function, [args], keys)[0]

    def map(self, func, *iterables, **kwargs):
        """A list with a Future for each call of func with one element of each iterable; see
        `submit`. All calls go there in one plan, or a few; each future ends with its own call, and
        a call begins when the futures that it needs have ended, whatever others need. key: a list
        of names, or what all begin with."""
        key, function = self._function("map", func, kwargs)
        calls = list(zip(*iterables))
        if isinstance(key, (list, tuple)):
            if len(key) != len(calls):
                raise TgValueError(f"Client.map: {len(key)} keys for {len(calls)} calls")
            return self._start(function, calls, key)
        name = _futures.key_of(function.name if key is None else key)
        return self._start(function, calls, [f"{name}-{i}" for i in range(len(calls))])

    @staticmethod
    def _function(what, function, kwargs):
        """The key that was given, and the Function."""
        if not callable(function):
            raise TgTypeError(f"Client.{what}: expected a function, got {function!r}")
        for name in _REFUSED & kwargs.keys():
            if kwargs.pop(name):
                raise TgUnsupportedError(f"Client.{what}: {name} is not supported: any worker may "
                                         "run any call")
        retries = kwargs.pop("retries", None) or 0
        if not isinstance(retries, int) or retries < 0:
            raise TgTypeError(f"Client.{what}: retries must be a whole number, got {retries!r}")
        priority = kwargs.pop("priority", 0)
        key = kwargs.pop("key", None)
        for name in _WITHOUT_EFFECT[what] & kwargs.keys():
            del kwargs[name]
        return key, _calls.Function(function, kwargs, retries, _works.checked_priority(priority))

    def _start(self, function, calls, keys):
        """The futures of calls, given as their positional arguments."""
        self._pointer()
        futures = [_futures.Future(self, key, _calls.Call(args, function.name))
                   for key, args in zip(keys, calls)]
        for at in range(0, len(futures), _calls.CALLS_MAX):
            _calls.CallsWork(self, function, futures[at:at + _calls.CALLS_MAX]).start()
        return futures

    def scatter(self, data, workers=None, broadcast=False, direct=None, hash=True):  # noqa: A002
        """Futures of things that are there already: of one, or of each in a list, tuple or dict.
        The data stays in this process, and travels with each call that uses it; the other arguments
        are for Dask's sake."""
        self._pointer()
        if type(data) in (list, tuple):
            return type(data)(_futures.done(self, one) for one in data)
        if type(data) is dict:
            return {key: _futures.done(self, one) for key, one in data.items()}
        return _futures.done(self, data)

    def gather(self, futures, errors="raise"):
        """Results of futures in lists, tuples, sets and dicts, in the same form; of an iterator, an
        iterator that waits for each in turn. errors: "skip" leaves out those that have none."""
        return gather(futures, errors)

    def cancel(self, futures, *, force=False):
        """Gives up futures, in whatever lists, sets and dicts. force is for Dask's sake: nobody
        else has them."""
        for future in several("cancel", futures):
            future.cancel()

    def retry(self, futures):
        """Computes again what of them has failed or was cancelled, and what they need of which that
        is so."""
        _futures.retry(several("retry", futures))

    # --- the end ---------------------------------------------------------------------------------

    def close(self):
        """Cancels what runs there; computations run again where they did before. Once more does
        nothing."""
        with _lock:
            if self in _open:
                _open.remove(self)
            _choose_current()
            if self._futures is not None:
                self._futures.closing = True  # before anything fails for the lack of a client
        ptr, self._ptr = self._ptr, None
        if ptr is not None and self._pid == os.getpid():
            lib.tg_client_close(ptr)
            if self._futures is not None:
                self._futures.close()
            self._callbacks.join(_CALLBACK_SECONDS)
        if self._own is not None:
            self._own.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def __repr__(self):
        if self._ptr is None:
            return f"<Client {self._where!r}: closed>"
        try:
            threads = self.nthreads()
        except (TgIOError, TgUnsupportedError) as error:
            return f"<Client {self._where!r}: {error}>"
        return (f"<Client {self._where!r}: {len(threads)} workers, {sum(threads.values())} "
                f"threads>")


def _choose_current():
    """The one that was opened last, of those that may be. Lock held."""
    _engine.client = next((one for one in reversed(_open) if one._may_be_current), None)


def _close_all():
    for client in list(_open):
        client.close()


def _forget_after_fork():
    """Connections and their threads are the parent's; nothing of them is touched here."""
    global _lock
    _lock = threading.RLock()
    for client in _open:
        ffi.gc(client._ptr, None)
    _open.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_after_fork)
atexit.register(_close_all)
