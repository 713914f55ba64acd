# SPDX-License-Identifier: BSD-3-Clause
"""A cluster of processes on this host: one tgscheduler, and tgworkers that come and go.

All of them hold the reading end of a pipe whose other end is here alone. However this process ends,
they see the end of the pipe and leave; a shell that waits for it too removes their files.
"""

import contextlib
import itertools
import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
import time
import weakref
from pathlib import Path

from . import config
from .errors import TgIOError, TgTypeError, TgValueError

__all__ = ["LocalCluster", "Worker"]

# How long daemons may take to start, and to leave when they are asked to.
_START_SECONDS = 20
_STOP_SECONDS = 5
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
    """A tgworker process: `pid`, `name`, `address` (where its tiles are fetched)."""

    def __init__(self, name, address, process):
        self.name = name
        self.address = address
        self._process = process

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

    def __repr__(self):
        return f"<Worker {self.name!r}: pid {self.pid}, {self.status}>"


class LocalCluster:
    """A scheduler and `n_workers` worker processes on this host.

    n_workers: processes; by default one for every four cores, at least one.
    threads_per_worker: threads of each; by default the cores divided by the workers.
    memory_limit: of each worker, in bytes or as text ("4 GiB"); by default its share of the
        memory_limit of this process.
    allow_python: Python functions (map_blocks, submit) may run on the workers, in child processes.
    local_directory: where workers put what does not fit into memory; by default a temporary folder.

    `scheduler_address` and `join_file` are for other programs that are to use it. Workers may still
    be starting when this returns; a `Client` waits for them. All ends with `close`, with the `with`
    block, with the interpreter, and also when this process is killed.
    """

    def __init__(self, n_workers=None, threads_per_worker=None, memory_limit=None,
                 allow_python=True, *, local_directory=None, name="local"):
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
        self._allow_python = allow_python
        self._numbers = itertools.count()
        self._workers = []
        self._processes = []  # all that were started, also those that were asked to leave
        self._clients = weakref.WeakSet()
        place = tempfile.gettempdir()
        self._folder = Path(tempfile.mkdtemp(prefix="tg-", dir=(
            place if len(os.fsencode(place)) <= _FOLDER_MAX else "/tmp")))
        self._local_directory = os.fspath(local_directory or self._folder)
        self.join_file = str(self._folder / "join")
        self.scheduler_address = f"ipc://{self._folder}/s"
        self._alive, alive_end = os.pipe()
        self._finalizer = weakref.finalize(self, _close, self._clients, self._processes,
                                           self._alive, alive_end)
        self._alive_end = alive_end
        _open.add(self)
        try:
            self._start(n_workers)
        except BaseException:
            self.close()
            raise

    # --- the processes ---------------------------------------------------------------------------

    def _start(self, n_workers):
        self._processes.append(subprocess.Popen(
            ["/bin/sh", "-c", _SWEEP, str(self._folder)], stdin=self._alive,
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

    def _spawn(self, name, *arguments):
        # Functions find modules there where they are found here.
        path = os.pathsep.join(p or os.getcwd() for p in sys.path)
        process = subprocess.Popen(
            [program(name), *arguments, "--quiet", "--alive-fd", str(self._alive)],
            stdin=subprocess.DEVNULL, pass_fds=[self._alive], start_new_session=True,
            env={**os.environ, "PYTHONPATH": path, "PYTHONSAFEPATH": "1"})
        self._processes.append(process)
        return process

    def _start_worker(self):
        name = f"{self.name}-{next(self._numbers)}"
        address = f"ipc://{self._folder}/{name}"
        arguments = ["--cluster", self.join_file, "--name", name, "--listen", address,
                     "--nthreads", str(self.threads_per_worker),
                     "--memory-limit", str(self.memory_limit),
                     "--local-directory", self._local_directory]
        if self._allow_python:
            arguments += ["--allow-python", sys.executable]
        self._workers.append(Worker(name, address, self._spawn("tgworker", *arguments)))

    @property
    def workers(self):
        """The workers that were started and not asked to leave."""
        return list(self._workers)

    @property
    def scheduler_pid(self):
        """The number of the scheduler's process."""
        return self._scheduler.pid

    def scale(self, n):
        """Starts workers, or asks the newest ones to leave; they hand on what they hold first.

        Workers that have died do not count: the same number again replaces them.
        """
        _check_count("n", n, 0)
        if not self._finalizer.alive:
            raise TgValueError("LocalCluster.scale: the cluster is closed")
        self._workers[:] = [w for w in self._workers if w.status == "running"]
        self._processes[:] = [p for p in self._processes if p.poll() is None]
        while len(self._workers) < n:
            self._start_worker()
        for worker in self._workers[n:]:
            os.kill(worker.pid, signal.SIGTERM)
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


def _close(clients, processes, alive, alive_end):
    for client in list(clients):
        client.close()
    # The daemons see the end of this pipe, and leave without handing anything on.
    os.close(alive_end)
    os.close(alive)
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
            os.close(cluster._alive_end)
            os.close(cluster._alive)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_after_fork)
