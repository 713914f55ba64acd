# SPDX-License-Identifier: BSD-3-Clause
"""A cluster of processes on this host: one tgscheduler, and tgworkers that come and go.

All of them hold the reading end of a pipe whose other end is here alone. However this process ends,
they see the end of the pipe and leave; a shell that waits for it too removes their files.

What a worker writes to stderr comes through a thread of its own, which passes it on, sees its end,
and has another worker started in the place of one that died.
"""

import collections
import contextlib
import itertools
import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
import threading
import time
import weakref
from pathlib import Path

from . import config
from .errors import TgIOError, TgTypeError, TgValueError

__all__ = ["LocalCluster", "Worker"]

# How long daemons may take to start, and to leave when they are asked to.
_START_SECONDS = 20
_STOP_SECONDS = 5
# A worker that died is replaced so often in such a time, and afterwards stays away: a call that
# kills workers fails after five of them. One that ends with an error so soon would do so again.
_RESTARTS = 20
_RESTART_SECONDS = 60
_YOUNG_SECONDS = 5
# Bytes kept of what a worker said last.
_TAIL = 4096
# A socket's path has at most 107 bytes.
_FOLDER_MAX = 60
# Removes the folder when the pipe is closed. A daemon may be writing its last file just then.
_SWEEP = ('read -r nothing; '
          'for i in 1 2 3 4 5; do rm -rf -- "$0" 2>/dev/null && exit; sleep 0.2; done')

_open = weakref.WeakSet()


def program(name):
    """The path of a daemon that came with the package."""
    places = [Path(sysconfig.get_path("scripts")), Path(sys.executable).parent]
    for place in places:
        if (place / name).exists():
            return str(place / name)
    found = shutil.which(name)
    if found is None:
        raise TgIOError(f"LocalCluster: {name} is not installed: looked in {places[0]} and in PATH")
    return found


class Worker:
    """A tgworker process: `pid`, `name`, `address` (where its tiles are fetched). When it dies,
    and is `restarts` times replaced by another process of its name, these are of the last one."""

    def __init__(self, name):
        self.name = name
        self.restarts = 0
        self._died = collections.deque(maxlen=_RESTARTS)  # when; the last ones
        self._gone = False  # it has ended, and will not be replaced
        self._pipe = None  # its stderr comes from there

    def _begin(self, address, process, pipe):
        self.address, self._process, self._pipe = address, process, pipe
        self._began = time.monotonic()
        self._said = b""

    def _listen(self, pipe):
        """Passes on what it says until it has ended."""
        while said := os.read(pipe, 65536):
            with contextlib.suppress(OSError):
                os.write(2, said)
            self._said = (self._said + said)[-_TAIL:]
        if self._pipe == pipe:
            self._pipe = None
        os.close(pipe)

    @property
    def pid(self):
        """The number of the process."""
        return self._process.pid

    @property
    def status(self):
        """"running", or how it ended."""
        code = self._process.poll()
        if code is None:
            return "running"
        return f"killed by signal {-code}" if code < 0 else f"ended with {code}"

    def _why(self):
        """How it ended, and what it said of that."""
        lines = self._said.decode(errors="replace").splitlines()
        said = [line for line in lines if line.startswith("tgworker: ")]
        was = "was " if self.status.startswith("killed") else ""
        return f"worker {self.name} {was}{self.status}" + (f": {said[-1][10:]}" if said else "")

    def __repr__(self):
        return f"<Worker {self.name!r}: pid {self.pid}, {self.status}>"


def _attend(cluster, worker, process, pipe):
    """The thread of a worker's process. cluster: a weak reference."""
    worker._listen(pipe)
    process.wait()
    there = cluster()
    if there is not None:
        there._ended(worker, process)


class LocalCluster:
    """A scheduler and `n_workers` worker processes on this host.

    n_workers: processes; by default one for every four cores, at least one.
    threads_per_worker: threads of each; by default the cores divided by the workers.
    memory_limit: of each worker, in bytes or as text ("4 GiB"); by default its share of the
        memory_limit of this process.
    allow_python: Python functions (map_blocks, submit) may run on the workers, in child processes.
    local_directory: where workers put what does not fit into memory; by default a temporary folder.
    function_timeout: seconds; a call of a Python function that takes longer is killed, and fails.
    restart: a worker that dies is replaced by another of its name, up to 20 times in a minute.

    `scheduler_address` and `join_file` are for other programs that are to use it. Workers may still
    be starting when this returns; a `Client` waits for them. All ends with `close`, with the `with`
    block, with the interpreter, and also when this process is killed.
    """

    def __init__(self, n_workers=None, threads_per_worker=None, memory_limit=None,
                 allow_python=True, *, local_directory=None, function_timeout=None, restart=True,
                 name="local"):
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
        _check_count("n_workers", n_workers, 0)
        _check_count("threads_per_worker", threads_per_worker, 1)
        if n_workers is None:
            n_workers = max(1, cores // (threads_per_worker or 4))
        self.name = name
        self.threads_per_worker = threads_per_worker or max(1, cores // max(1, n_workers))
        self.memory_limit = (config.parse("memory_limit", memory_limit, "LocalCluster")
                             if memory_limit is not None
                             else config.get("memory_limit") // max(1, n_workers))
        self._function_timeout = (
            config.parse("function_timeout", function_timeout, "LocalCluster")
            if function_timeout is not None else None)
        if local_directory is not None:
            local_directory = _checked_path("local_directory", local_directory)
        self._allow_python = allow_python
        self._restart = restart
        self._lock = threading.RLock()  # the lists of workers and processes
        self._numbers = itertools.count()
        self._workers = []
        self._processes = []  # all that were started, also those that were asked to leave
        self._clients = weakref.WeakSet()
        place = tempfile.gettempdir()
        self._folder = Path(tempfile.mkdtemp(prefix="tg-", dir=(
            place if len(os.fsencode(place)) <= _FOLDER_MAX else "/tmp")))
        self._local_directory = local_directory or str(self._folder)
        self.join_file = str(self._folder / "join")
        self.scheduler_address = f"ipc://{self._folder}/s"
        self._alive, alive_end = os.pipe()
        # Not the same one: daemons make theirs non-blocking, for all who share it, and a shell that
        # reads later takes that for its end.
        self._sweeps, sweeps_end = os.pipe()
        self._pipes = [alive_end, sweeps_end, self._alive, self._sweeps]
        self._finalizer = weakref.finalize(self, _close, self._lock, self._clients,
                                           self._processes, self._pipes)
        _open.add(self)
        try:
            self._start(n_workers)
        except BaseException:
            self.close()
            raise

    # --- the processes ---------------------------------------------------------------------------

    def _start(self, n_workers):
        self._processes.append(subprocess.Popen(
            ["/bin/sh", "-c", _SWEEP, str(self._folder)], stdin=self._sweeps,
            start_new_session=True))
        self._scheduler = self._spawn("tgscheduler", "--listen", self.scheduler_address,
                                      "--join-file", self.join_file)
        until = time.monotonic() + _START_SECONDS
        while not os.path.exists(self.join_file):
            if self._scheduler.poll() is not None:
                raise TgIOError("LocalCluster: tgscheduler ended with "
                                f"{self._scheduler.returncode} before it listened")
            if time.monotonic() > until:
                raise TgIOError(f"LocalCluster: no tgscheduler after {_START_SECONDS} s")
            time.sleep(0.002)
        self.scale(n_workers)

    def _spawn(self, name, *arguments, stderr=None):
        # Functions find modules there where they are found here.
        path = os.pathsep.join(p or os.getcwd() for p in sys.path)
        process = subprocess.Popen(
            [program(name), *arguments, "--quiet", "--alive-fd", str(self._alive)],
            stdin=subprocess.DEVNULL, stderr=stderr, pass_fds=[self._alive], start_new_session=True,
            env={**os.environ, "PYTHONPATH": path, "PYTHONSAFEPATH": "1"})
        self._processes[:] = [p for p in self._processes if p.poll() is None] + [process]
        return process

    def _start_worker(self, worker):
        # Nobody takes the next process for the one before that he knew.
        again = f".{worker.restarts}" if worker.restarts else ""
        address = f"ipc://{self._folder}/{worker.name}{again}"
        arguments = ["--cluster", self.join_file, "--name", worker.name, "--listen", address,
                     "--nthreads", str(self.threads_per_worker),
                     "--memory-limit", str(self.memory_limit),
                     "--local-directory", self._local_directory]
        if self._allow_python:
            arguments += ["--allow-python", sys.executable]
        if self._function_timeout is not None:
            arguments += ["--function-timeout", str(self._function_timeout)]
        pipe, end = os.pipe()
        try:
            process = self._spawn("tgworker", *arguments, stderr=end)
        except BaseException:
            os.close(pipe)
            raise
        finally:
            os.close(end)
        worker._begin(address, process, pipe)
        threading.Thread(target=_attend, args=(weakref.ref(self), worker, process, pipe),
                         daemon=True, name=f"tilegraph-{worker.name}").start()

    def _ended(self, worker, process):
        """A process that was not asked to leave: another takes its place, unless it left in order
        or would not do better."""
        with self._lock:
            if (worker._process is not process or worker._gone or worker not in self._workers
                    or not self._finalizer.alive):
                return
            code, now = process.returncode, time.monotonic()
            often = len(worker._died) == _RESTARTS and now - worker._died[0] < _RESTART_SECONDS
            young = code > 0 and now - worker._began < _YOUNG_SECONDS
            worker._died.append(now)
            worker._gone = not self._restart or code == 0 or young or often
            if often:
                _say(f"{worker._why()}; it is not started again, since that was done "
                     f"{_RESTARTS} times in {_RESTART_SECONDS} s. scale() starts others")
            elif not worker._gone:
                _say(f"{worker._why()}; it is started again")
                try:
                    worker.restarts += 1
                    self._start_worker(worker)
                except (OSError, RuntimeError) as error:
                    worker._gone = True
                    _say(f"worker {worker.name} cannot be started again: {error}")

    def _expected(self):
        """How many workers there are, or will be: if there are to be any, at least one."""
        with self._lock:
            return max(1, sum(not w._gone for w in self._workers)) if self._workers else 0

    def _check_workers(self):
        """Raises when none is left of those that there were."""
        with self._lock:
            if self._workers and all(worker._gone for worker in self._workers):
                raise TgIOError(f"LocalCluster: {self._workers[-1]._why()}; no worker is left: "
                                "scale() starts others")

    @property
    def workers(self):
        """The workers that were started and not asked to leave."""
        with self._lock:
            return list(self._workers)

    @property
    def scheduler_pid(self):
        """The number of the scheduler's process."""
        return self._scheduler.pid

    def scale(self, n):
        """Starts workers, or asks the newest ones to leave; they hand on what they hold first.

        Workers that have ended for good do not count: the same number again replaces them.
        """
        _check_count("n", n, 0)
        if not self._finalizer.alive:
            raise TgValueError("LocalCluster.scale: the cluster is closed")
        with self._lock:
            for worker in self._workers:
                if worker.status != "running":
                    self._ended(worker, worker._process)
            self._workers[:] = [w for w in self._workers if not w._gone]
            while len(self._workers) < n:
                worker = Worker(f"{self.name}-{next(self._numbers)}")
                self._start_worker(worker)
                self._workers.append(worker)
            for worker in self._workers[n:]:
                worker._process.terminate()
            del self._workers[n:]

    def get_client(self, **options):
        """A Client of it; options are those of Client."""
        from ._client import Client

        return Client(self, **options)

    def close(self):
        """Ends all processes and removes their files; computations there are cancelled."""
        self._finalizer()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def __repr__(self):
        if not self._finalizer.alive:
            return f"<LocalCluster {self.name!r}: closed>"
        return (f"<LocalCluster {self.name!r}: {len(self._workers)} workers x "
                f"{self.threads_per_worker} threads, {self.scheduler_address}>")


def _check_count(what, n, least):
    if n is not None and (not isinstance(n, int) or isinstance(n, bool)):
        raise TgTypeError(f"LocalCluster: {what} must be a whole number, got {n!r}")
    if n is not None and n < least:
        raise TgValueError(f"LocalCluster: {what} must be >= {least}, got {n}")


def _checked_path(what, path):
    try:
        return os.fsdecode(path)
    except TypeError:
        raise TgTypeError(f"LocalCluster: {what} must be a path, got {path!r}") from None


def _say(text):
    """For people; stderr may be closed, or nothing."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        sys.stderr.write(f"LocalCluster: {text}\n")
        sys.stderr.flush()


def _close(lock, clients, processes, pipes):
    for client in list(clients):
        client.close()
    with lock:  # no worker is being started, and none will be
        # The daemons see the end of theirs, and leave without handing anything on.
        for end in pipes:
            os.close(end)
    until = time.monotonic() + _STOP_SECONDS
    for process in processes:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(max(0, until - time.monotonic()))
    for process in processes:
        if process.poll() is None:
            process.kill()
            process.wait()
    processes.clear()


def _forget_after_fork():
    """The cluster is the parent's, and must end with it although this process goes on."""
    for cluster in list(_open):
        if cluster._finalizer.detach() is not None:
            for end in cluster._pipes:
                os.close(end)
            cluster._lock = threading.RLock()  # who had it is not here
            for worker in cluster._workers:
                if worker._pipe is not None:
                    os.close(worker._pipe)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_after_fork)
