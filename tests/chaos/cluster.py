# SPDX-License-Identifier: BSD-3-Clause
"""A cluster of real processes that can be hurt: the daemons of this build, and this process as its
client.

    with Cluster(workers=3) as cluster:
        with cluster.connected():
            x.compute()                    # runs there
        cluster.kill(1)                    # SIGKILL; also pause, go_on, restart_scheduler
    # all processes and files are gone, or it raises Leftover

Everything lies in one new folder: join file, sockets, journal, spill, and a log of each process.
"""

import contextlib
import functools
import os
import resource
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
import time
from pathlib import Path

from tilegraph import _engine

sys.path[:0] = [str(Path(__file__).resolve().parent), str(Path(__file__).resolve().parents[1])]

import hosts  # noqa: E402
from processes import catches  # noqa: E402

START_SECONDS = 30
STOP_SECONDS = 20


class Leftover(AssertionError):
    """A process, file or descriptor that should be gone."""


def program(name):
    """Beside the Python that runs this (tools/dev_install.py links it there)."""
    path = Path(sysconfig.get_path("scripts")) / name
    if not path.exists():
        raise FileNotFoundError(f"{path}: `make build` puts it there")
    return str(path)


def until(condition, seconds, what):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(f"not within {seconds} s: {what}")
        time.sleep(0.002)


@functools.cache
def may_mount():
    done = subprocess.run(["unshare", "--mount", "mount", "-t", "tmpfs", "none", "/mnt"],
                          stderr=subprocess.DEVNULL)
    return done.returncode == 0


def small_disk(folder, size):
    """For preexec_fn: a real one where that is allowed, else no file gets longer (a write then
    fails with EFBIG, as one to a full disk does with ENOSPC)."""
    def limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    return functools.partial(hosts.private_disk, folder, size) if may_mount() else limit


class Cluster:
    """workers: how many at first; listen: of the scheduler, None for ipc; via: called with the
    scheduler's "host:port", gives the one that workers are to use (a proxy); journal: survives
    restart_scheduler; disk_bytes: workers get disks of that size; net: the scheduler runs on the
    first of these hosts, workers on the others, one after the other."""

    def __init__(self, workers=2, threads=1, memory="512MiB", *, listen=None, via=None,
                 journal=False, lease=None, disk_bytes=None, net=None, extra=(), quiet=False):
        self.folder = Path(tempfile.mkdtemp(prefix=f"tgc-{os.getpid()}-"))
        self.join = self.folder / "join"
        self._worker_join = self.join
        self._threads, self._memory, self._extra = threads, memory, list(extra)
        self._net = net
        self._listen = (f"tcp://{net[0].address}:0" if net is not None
                        else listen or f"ipc://{self.folder}/s")
        self._via, self._journal, self._lease = via, journal, lease
        self._disk_bytes = disk_bytes
        self._quiet = quiet
        self._numbers = 0
        self._started = []
        self.workers = []
        # Daemons end when this one does, whatever happens to it.
        self._alive, self._alive_end = os.pipe()
        try:
            self.start_scheduler()
            for _ in range(workers):
                self.start_worker()
        except BaseException:
            self.kill_all()
            raise

    # --- processes -------------------------------------------------------------------------------

    def _spawn(self, log, command, limits=None, host=0):
        start = self._net[host].start if self._net is not None else subprocess.Popen
        with open(self.folder / log, "ab") as out:
            process = start(
                [*command, "--alive-fd", str(self._alive)], stdin=subprocess.DEVNULL,
                stdout=out, stderr=out, pass_fds=[self._alive], preexec_fn=limits)
        self._started.append(process)
        return process

    def start_scheduler(self):
        """At the address of the former one, if there was one."""
        command = [program("tgscheduler"), "--listen", self._listen, "--join-file", str(self.join)]
        if self._journal:
            command += ["--journal", str(self.folder / "journal")]
        if self._lease:
            command += ["--lease", str(self._lease)]
        self.join.unlink(missing_ok=True) if "tcp" not in self._listen else None
        before = self.join.stat().st_mtime_ns if self.join.exists() else None
        self.scheduler = self._spawn("scheduler.log", command)
        until(lambda: self.scheduler.poll() is not None
              or (self.join.exists() and self.join.stat().st_mtime_ns != before),
              START_SECONDS, "tgscheduler listens")
        if self.scheduler.poll() is not None:
            raise RuntimeError(f"tgscheduler ended: {self.log('scheduler')}")
        self.address = next(line.partition(" ")[2] for line in self.join.read_text().splitlines()
                            if line.startswith("endpoint "))
        self._listen = self.address  # a free port was found; the next one takes the same
        if self._via is not None:
            host = self.address.removeprefix("tcp://").split(" ")[0]
            self._worker_join = self.folder / "join-by-proxy"
            self._worker_join.write_text(self.join.read_text().replace(host, self._via(host)))
            self._worker_join.chmod(0o600)

    def start_worker(self, memory=None, threads=None, disk_bytes=None, extra=()):
        """On a net: on the next host, round and round; `host` of the process says which."""
        name = f"w{self._numbers}"
        host = 1 + self._numbers % (len(self._net) - 1) if self._net is not None else 0
        self._numbers += 1
        spill = self.folder / f"spill-{name}"
        spill.mkdir()
        command = [program("tgworker"), "--cluster", str(self._worker_join), "--name", name,
                   "--nthreads", str(threads or self._threads),
                   "--memory-limit", str(memory or self._memory),
                   "--local-directory", str(spill), *self._extra, *extra]
        if not self.address.startswith("tcp"):
            command += ["--listen", f"ipc://{self.folder}/{name}"]
        size = disk_bytes or self._disk_bytes
        if size is not None:  # it is the disk that says when it is full
            command += ["--spill-limit", "1TiB"]
        limits = small_disk(spill, size) if size is not None else None
        process = self._spawn(f"{name}.log", command, limits, host)
        process.name, process.host = name, host
        self.workers.append(process)
        return process

    def kill(self, index):
        """SIGKILL; it is no worker of this cluster any more."""
        worker = self.workers.pop(index)
        worker.send_signal(signal.SIGKILL)
        worker.wait()

    def pause(self, index):
        self.workers[index].send_signal(signal.SIGSTOP)

    def go_on(self, index):
        self.workers[index].send_signal(signal.SIGCONT)

    def drain(self, index):
        """SIGTERM; the process, which ends when its tiles are with others."""
        worker = self.workers.pop(index)
        while not catches(worker.pid, signal.SIGTERM):  # its main has not begun
            time.sleep(0.001)
        worker.send_signal(signal.SIGTERM)
        return worker

    def restart_scheduler(self):
        self.scheduler.kill()
        self.scheduler.wait()
        self.start_scheduler()

    def log(self, name):
        path = self.folder / f"{name}.log"
        return path.read_text(errors="replace")[-4000:] if path.exists() else ""

    def logs(self):
        return "".join(f"--- {p.name}\n{p.read_text(errors='replace')[-3000:]}"
                       for p in sorted(self.folder.glob("*.log")))

    # --- this process as a client ----------------------------------------------------------------

    @contextlib.contextmanager
    def connected(self):
        connect(self.join)
        try:
            yield
        finally:
            disconnect()

    # --- the end ---------------------------------------------------------------------------------

    def kill_all(self):
        for process in self._started:
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.kill()
            process.wait()
        for end in (self._alive, self._alive_end):
            os.close(end)
        shutil.rmtree(self.folder, ignore_errors=True)

    def close(self):
        """Asks all to end, and looks at what they leave."""
        problems = []
        for index in range(len(self.workers)):
            self.go_on(index)
        for worker in self.workers:
            worker.send_signal(signal.SIGINT)
        for worker in self.workers:
            problems += self._ended(worker, f"worker {worker.name}")
        self.scheduler.send_signal(signal.SIGTERM)
        problems += self._ended(self.scheduler, "scheduler")
        killed = any(p.returncode == -signal.SIGKILL for p in self._started)
        for spill in self.folder.glob("spill-*"):
            name = spill.name.removeprefix("spill-")
            alive = next(p for p in self._started if getattr(p, "name", "") == name)
            if alive.returncode != -signal.SIGKILL:
                # The lock by which processes take turns at such a folder stays.
                problems += [f"file left: {p}" for p in spill.rglob("*")
                             if p.is_file() and not p.name.startswith(".tilegraph-spill-")]
        if not killed:
            problems += [f"socket left: {p}" for p in self.folder.iterdir() if p.is_socket()]
        logs = self.logs() if problems else ""
        self.kill_all()
        if problems:
            raise Leftover("; ".join(problems) + "\n" + logs)

    @staticmethod
    def _ended(process, what):
        problems = []
        try:
            code = process.wait(STOP_SECONDS)
            if code != 0:
                problems.append(f"{what} ended with {code}")
        except subprocess.TimeoutExpired:
            problems.append(f"{what} (pid {process.pid}) did not end")
        return problems

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind is None:
            self.close()
        else:
            if not self._quiet:
                print(self.logs(), flush=True)
            self.kill_all()


def connect(where):
    err = _engine.ffi.new("tg_error *")
    _engine.check(_engine.lib.tg_session_connect(
        _engine.session(), os.fsencode(str(where)), _engine.ffi.NULL, err), err)


def disconnect():
    _engine.lib.tg_session_disconnect(_engine.session())


def ask(what):
    """What the scheduler says of itself: "status", "dump" or "metrics"."""
    err = _engine.ffi.new("tg_error *")
    text = _engine.ffi.new("char **")
    _engine.check(_engine.lib.tg_session_ask(_engine.session(), what.encode(), text, err), err)
    try:
        return _engine.text(text[0])
    finally:
        _engine.lib.tg_text_free(text[0])
