# SPDX-License-Identifier: BSD-3-Clause
"""A cluster of processes on this host: one tgscheduler, and tgworkers that come and go."""

import atexit
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

from . import _engine
from ._build import parse_bytes
from .errors import TgIOError, TgValueError

__all__ = ["LocalCluster", "Worker"]

# How long daemons may take to start, and to leave when they are asked to.
_START_SECONDS = 20
_STOP_SECONDS = 5


def program(name):
    """The path of a daemon that came with the package."""
    places = [Path(sysconfig.get_path("scripts")) / name, Path(sys.executable).parent / name]
    for place in places:
        if place.exists():
            return str(place)
    found = shutil.which(name)
    if found is None:
        raise TgIOError(f"LocalCluster: {name} is not installed: looked in {places[0].parent} and "
                        "in PATH")
    return found


class Worker:
    """A tgworker process: `pid`, `name`, `address` (where its tiles are fetched)."""

    def __init__(self, name, address, process):
        self.name = name
        self.address = address
        self.process = process

    @property
    def pid(self):
        return self.process.pid

    @property
    def status(self):
        """"running", or how it ended."""
        code = self.process.poll()
        if code is None:
            return "running"
        return f"killed by signal {-code}" if code < 0 else f"ended with {code}"

    def __repr__(self):
        return f"<Worker {self.name!r}: pid {self.pid}, {self.status}>"


class LocalCluster:
    """A scheduler and `n_workers` worker processes on this host.

    n_workers: processes; by default one for every four cores, at least one.
    threads_per_worker: threads of each; by default the cores divided by the workers.
    memory_limit: of each worker, in bytes or as text ("4 GiB"); by default its share of half of
        the memory that may really be used.
    allow_python: Python functions (map_blocks, submit) may run on the workers, in child processes.
    local_directory: where workers put what does not fit into memory; by default the system's
        directory for temporary files.

    All ends with `close`, with the `with` block, with the interpreter, and also when this process
    dies: the daemons notice and leave.
    """

    def __init__(self, n_workers=None, threads_per_worker=None, memory_limit=None,
                 allow_python=True, *, local_directory=None, name=None):
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
        if n_workers is None:
            n_workers = max(1, cores // (threads_per_worker or 4))
        if n_workers < 0:
            raise TgValueError(f"LocalCluster: n_workers must be >= 0, got {n_workers}")
        self.name = name or "local"
        self.threads_per_worker = threads_per_worker or max(1, cores // max(1, n_workers))
        self.memory_limit = (parse_bytes(memory_limit) if memory_limit is not None
                             else _engine.default_memory_limit() // max(1, n_workers))
        self._allow_python = allow_python
        self._local_directory = local_directory
        self._numbers = itertools.count()
        self._workers = []
        # Sockets live here: the path of one may not be long.
        self._folder = Path(tempfile.mkdtemp(prefix="tg-"))
        self.join_file = str(self._folder / "join")
        self._alive, self._alive_end = os.pipe()  # closed when this process is no more
        self._finalizer = weakref.finalize(self, _close, self._workers, self._alive_end,
                                           self._folder)
        try:
            self._scheduler = self._spawn(
                "tgscheduler", "--listen", f"ipc://{self._folder}/s",
                "--join-file", self.join_file)
            self._finalizer.atexit = True
            self._wait_for(self._folder / "join")
            self.scheduler_address = self._address()
            self.scale(n_workers)
        except BaseException:
            self.close()
            raise

    # --- the processes ---------------------------------------------------------------------------

    def _spawn(self, name, *arguments):
        return subprocess.Popen(
            [program(name), *arguments, "--alive-fd", str(self._alive)],
            stdin=subprocess.DEVNULL, pass_fds=[self._alive], start_new_session=True)

    def _wait_for(self, path):
        until = time.monotonic() + _START_SECONDS
        while not path.exists():
            if self._scheduler.poll() is not None:
                raise TgIOError("LocalCluster: tgscheduler ended with "
                                f"{self._scheduler.returncode} before it listened")
            if time.monotonic() > until:
                raise TgIOError(f"LocalCluster: no tgscheduler after {_START_SECONDS} s")
            time.sleep(0.005)

    def _address(self):
        for line in Path(self.join_file).read_text().splitlines():
            key, _, value = line.partition(" ")
            if key == "endpoint":
                return value
        raise TgIOError(f"LocalCluster: {self.join_file} names no endpoint")

    def _start_worker(self):
        name = f"{self.name}-{next(self._numbers)}"
        address = f"ipc://{self._folder}/{name}"
        arguments = ["--cluster", self.join_file, "--name", name, "--listen", address,
                     "--nthreads", str(self.threads_per_worker),
                     "--memory-limit", str(self.memory_limit)]
        if self._local_directory is not None:
            arguments += ["--local-directory", os.fspath(self._local_directory)]
        if self._allow_python:
            arguments += ["--allow-python", sys.executable]
        self._workers.append(Worker(name, address, self._spawn("tgworker", *arguments)))

    @property
    def workers(self):
        """The workers that were started and not asked to leave."""
        return list(self._workers)

    @property
    def scheduler_pid(self):
        return self._scheduler.pid

    def scale(self, n):
        """Starts workers, or asks the newest ones to leave; they hand on what they hold first."""
        if n < 0:
            raise TgValueError(f"LocalCluster.scale: n must be >= 0, got {n}")
        self._workers[:] = [w for w in self._workers if w.process.poll() is None]
        while len(self._workers) < n:
            self._start_worker()
        for worker in self._workers[n:]:
            worker.process.send_signal(signal.SIGTERM)
        del self._workers[n:]

    def close(self):
        """Ends all processes and removes their files. Once more does nothing."""
        scheduler = getattr(self, "_scheduler", None)
        if self._finalizer.alive and scheduler is not None:
            self._workers.append(Worker("scheduler", "", scheduler))
        self._finalizer()
        if self._alive >= 0:
            os.close(self._alive)
            self._alive = -1

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def __repr__(self):
        return (f"<LocalCluster {self.name!r}: {len(self._workers)} workers x "
                f"{self.threads_per_worker} threads, {getattr(self, 'scheduler_address', '?')}>")


def _close(workers, alive_end, folder):
    # The daemons see the end of this pipe, and leave without handing anything on.
    os.close(alive_end)
    until = time.monotonic() + _STOP_SECONDS
    for worker in workers:
        with contextlib.suppress(subprocess.TimeoutExpired):
            worker.process.wait(max(0, until - time.monotonic()))
    for worker in workers:
        if worker.process.poll() is None:
            worker.process.kill()
            worker.process.wait()
    workers.clear()
    shutil.rmtree(folder, ignore_errors=True)


# Before the engine's own end, which is registered earlier and so runs later.
atexit.register(lambda: None)
