#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Real clusters that are hurt while they work; values are checked every time.

    chaos.py [--seed S] [--only NAME] [--rounds N] [--list]

A round is one seed with all scenarios. What is killed when is drawn from the seed, which is
printed: the same seed hurts in the same places, though not to the microsecond. Ends with 1 at the
first failure, after the logs of all processes and the command that runs it again.
"""

import argparse
import contextlib
import ctypes.util
import faulthandler
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from pathlib import Path

import numpy as np
import tilegraph as tg

sys.path.insert(0, str(Path(__file__).resolve().parent))

import cluster as daemons  # noqa: E402
import hosts  # noqa: E402
from cluster import Cluster, until  # noqa: E402
from proxy import Proxy  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
JOB_SECONDS = 120  # a job that takes longer hangs

SCENARIOS = {}


def scenario(function):
    SCENARIOS[function.__name__] = function
    return function


def on_hosts(function):
    """A scenario that gets a net of five hosts; in a process of its own, inside a sandbox."""
    def outside(rng, work):
        why = hosts.missing()
        if why is not None:
            raise Skipped(why)
        work.save()
        subprocess.run([*hosts.SANDBOX, sys.executable, __file__, "--only", function.__name__,
                        "--seed", str(rng.randrange(1 << 30)), "--inside", work.folder], check=True)

    outside.__doc__, outside.inside = function.__doc__, function
    SCENARIOS[function.__name__] = outside
    return outside


class Skipped(Exception):
    """It cannot be done here, and why."""


# --- the work ------------------------------------------------------------------------------------


class Work:
    """Expressions over a stored array, and what they are when this process computes them alone."""

    def __init__(self, folder, seed, shape=(96, 128, 128)):
        self.folder = Path(folder)
        values = np.random.default_rng(seed).standard_normal(shape).astype("f4")
        tg.from_array(values, chunks=(16, 64, 64)).to_zarr(self.folder / "input.zarr")
        self.x = tg.open(self.folder / "input.zarr")
        self.expected = tg.compute(*self.build())

    def build(self):
        """Neighbours, labels with reductions of unknown size, sums in a fixed order, whole axes,
        and all against all."""
        smooth = tg.ndimage.gaussian_filter(self.x, 1.5)
        labels, count = tg.ndimage.label(smooth > 0.03)
        return [tg.ndimage.median_filter(self.x, 5), labels, count, smooth.mean(axis=(1, 2)),
                self.x.cumsum(axis=0), (smooth + self.x.transpose((0, 2, 1))).sum(axis=0)]

    def save(self):
        """For Work.saved(folder), in another process."""
        np.savez(self.folder / "expected.npz", *self.expected)

    @classmethod
    def saved(cls, folder):
        work = cls.__new__(cls)
        work.folder, work.x = Path(folder), tg.open(Path(folder) / "input.zarr")
        with np.load(work.folder / "expected.npz") as arrays:
            work.expected = list(arrays.values())
        return work

    def run(self, lean=False):
        """On whatever the session computes with; one of the results through a store. lean: without
        the labels, whose tables are counted with the most that they could take."""
        path = self.folder / f"out-{uuid.uuid4().hex}.zarr"
        results = self.build()
        store = results[0].to_zarr(path, chunks=(24, 64, 64), compute=False)
        del results[1:3 if lean else 1]
        got = tg.compute(store, *results[1:])
        stored = np.asarray(tg.open(path))
        shutil.rmtree(path)
        return [stored, *got[1:]]

    def check(self, got):
        lean = len(got) < len(self.expected)
        expected = [self.expected[0], *self.expected[3 if lean else 1:]]
        for number, (mine, theirs) in enumerate(zip(expected, got, strict=True)):
            mine, theirs = np.asarray(mine), np.asarray(theirs)
            if mine.dtype != theirs.dtype or mine.tobytes() != theirs.tobytes():
                where = np.argwhere(np.atleast_1d(mine != theirs))
                at = tuple(where[0])
                raise AssertionError(
                    f"result {number} differs in {len(where)} cells of {mine.size}, from "
                    f"{where.min(axis=0)} to {where.max(axis=0)}; the first is "
                    f"{np.atleast_1d(theirs)[at]} and should be {np.atleast_1d(mine)[at]}")


class Job(threading.Thread):
    """The work, again and again until it is to finish, on a thread of its own, so that this one can
    do harm meanwhile. Values are checked each time."""

    def __init__(self, work, lean=False):
        super().__init__(daemon=True)
        self._work, self._lean, self._error = work, lean, None
        self._enough = threading.Event()
        self.start()

    def run(self):
        try:
            while True:
                self._work.check(self._work.run(self._lean))
                if self._enough.is_set():
                    break
        except BaseException as error:
            self._error = error

    def finish(self, seconds=JOB_SECONDS):
        """Raises unless the values are right."""
        self._enough.set()
        self.join(seconds)
        if self.is_alive():
            with contextlib.suppress(Exception):
                print(daemons.ask("dump")[:20000])
            raise TimeoutError(f"the job did not end within {seconds} s")
        if self._error is not None:
            raise self._error


def waits(rng, job, mean, count):
    """Comes back `count` times, after exponential times, unless the job has failed."""
    for _ in range(count):
        job.join(min(4 * mean, rng.expovariate(1 / mean)))
        if not job.is_alive():
            return
        yield


def status():
    return json.loads(daemons.ask("status"))


# --- scenarios -----------------------------------------------------------------------------------


@scenario
def kills(rng, work):
    """Workers get SIGKILL, one after the other; others take their places."""
    with Cluster(workers=rng.randint(3, 6), threads=rng.randint(1, 2)) as cluster:
        with cluster.connected():
            job = Job(work)
            for _ in waits(rng, job, 0.4, 5):
                cluster.kill(rng.randrange(len(cluster.workers)))
                cluster.start_worker()
            job.finish()


@scenario
def pauses(rng, work):
    """Workers stand still, for less and for more than the lease, and go on."""
    with Cluster(workers=3, lease=2) as cluster, cluster.connected():
        job = Job(work)
        for _ in waits(rng, job, 0.5, 3):
            index = rng.randrange(3)
            cluster.pause(index)
            job.join(rng.choice([0.3, 1.0, 4.0]))
            cluster.go_on(index)
        job.finish()
        work.check(work.run())  # those that came back are of use


@scenario
def joins_and_drains(rng, work):
    """Workers come, and leave after SIGTERM with all they hold."""
    with Cluster(workers=3) as cluster, cluster.connected():
        job, leaving = Job(work), []
        for _ in waits(rng, job, 0.4, 4):
            cluster.start_worker()
            leaving.append(cluster.drain(rng.randrange(len(cluster.workers) - 1)))
        job.finish()
        for worker in leaving:
            assert worker.wait(30) == 0, f"{worker.name} ended with {worker.returncode}"


@scenario
def cuts(rng, work):
    """The lines between workers and the scheduler are cut, stall, and are slow."""
    proxies = []

    def via(host):
        proxies.append(Proxy(host, delay=rng.choice([0, 0.02])))
        return proxies[0].address

    try:
        with Cluster(workers=3, listen="tcp://127.0.0.1:0", via=via, lease=3) as cluster:
            with cluster.connected():
                job = Job(work)
                for _ in waits(rng, job, 0.3, 6):
                    if rng.random() < 0.7:
                        proxies[0].cut()
                    else:
                        proxies[0].stall(rng.choice([0.2, 1.0]))
                job.finish()
    finally:
        for proxy in proxies:
            proxy.close()


class Pile:
    """A job that holds all of a volume of 30 MiB at once: of what is there until its mean is known,
    and of what is added to its transpose."""

    def __init__(self, work):
        self._work = work
        parts = -(-30 << 20) // work.x.nbytes
        big = tg.concatenate([work.x + i for i in range(parts)])
        self._center = tg.ndimage.gaussian_filter(big, 1.0)
        part = work.x[:48, :96, :96]
        side = tg.concatenate([tg.concatenate([part + i, part - i], axis=1) for i in range(4)])
        self._turned = tg.ndimage.gaussian_filter(side, 1.0)
        self._expected = self._compute()

    def _compute(self):
        center, turned = self._center, self._turned
        return tg.compute(center - center.mean(), turned + turned.transpose((1, 0, 2)))

    def run(self, lean=False):
        with tg.diagnostics.Profiler() as profile:
            got = self._compute()
        self.spilled = profile.bytes_spilled
        return got

    def check(self, got):
        for mine, theirs in zip(self._expected, got, strict=True):
            assert mine.dtype == theirs.dtype and mine.tobytes() == theirs.tobytes(), "other bytes"


@scenario
def little_memory(rng, work):
    """Tiles that are held together are more than the memory of all workers, which put them on disk;
    and workers that die with what they have there."""
    pile = Pile(work)
    with Cluster(workers=2, memory="20MiB") as cluster, cluster.connected():
        until(lambda: len(status()["workers"]) == 2, 20, "workers are there")
        pile.check(pile.run())
        assert pile.spilled > 8 << 20, f"only {pile.spilled} bytes were spilled"
        job = Job(pile)
        for _ in waits(rng, job, 0.3, 2):
            cluster.kill(rng.randrange(len(cluster.workers)))
            cluster.start_worker()
        job.finish()


@scenario
def full_disk(rng, work):
    """Disks for spilled tiles get full in mid-job: their workers take nothing new, say why, and
    lose nothing; another one does the work."""
    pile, full = Pile(work), set()
    with Cluster(workers=2, memory="20MiB", disk_bytes=4 << 20) as cluster:
        with cluster.connected():
            until(lambda: len(status()["workers"]) == 2, 20, "workers are there")
            job = Job(pile)
            until(lambda: full.update(w["name"] for w in status()["workers"] if w["full"]) or full
                  or not job.is_alive(), 60, "a disk is full")
            cluster.start_worker(memory="128MiB", disk_bytes=1 << 30)
            job.finish()
            assert full, "no disk was full"
            assert pile.spilled > 0, "nothing was spilled"
            assert status()["lost_tiles"] == 0, "a tile was lost"
            for name in full:
                log = cluster.log(name)
                assert "No space left on device" in log or "File too large" in log, log
                assert "the spill disk is full: nothing new is taken" in log, log


def crashes(block):
    import ctypes
    return ctypes.string_at(8)


def never_ends(block):
    while True:
        block = block + 1


def ends_its_process(block):
    os._exit(3)


@scenario
def bad_functions(rng, work):
    """Functions of users' that crash, never end or leave: their jobs fail with the reason; another
    one goes on, and no worker is lost."""
    python = ["--allow-python", sys.executable, "--function-timeout", "2"]
    with Cluster(workers=3, extra=python) as cluster, cluster.connected():
        job = Job(work)
        for function, words in ((crashes, "Segmentation fault"), (never_ends, "time limit"),
                                (ends_its_process, "ended")):
            bad = tg.map_blocks(function, work.x, dtype="float32")
            try:
                tg.compute((bad + 1).sum())
            except tg.errors.TgUserError as error:
                assert words in str(error) and function.__name__ in str(error), error
            else:
                raise AssertionError(f"{function.__name__} went well")
        job.finish()
        good = tg.map_blocks(lambda block: 2 * block, work.x, dtype="float32")
        assert good.compute().tobytes() == (2 * work.x.compute()).tobytes()
        assert {w["name"] for w in status()["workers"]} == {w.name for w in cluster.workers}
        assert all(w.poll() is None for w in cluster.workers), "a worker died of a function"


@scenario
def restarts(rng, work):
    """The scheduler gets SIGKILL and is started again with its journal; workers and client find it,
    and the job goes on."""
    with Cluster(workers=3, journal=True) as cluster, cluster.connected():
        job = Job(work)
        for _ in waits(rng, job, 0.6, 2):
            cluster.restart_scheduler()
        job.finish()


@scenario
def clients_vanish(rng, work):
    """A client dies in mid-job: its job goes, another one's does not."""
    with Cluster(workers=3, lease=2) as cluster:
        code = ("import sys; sys.path.insert(0, sys.argv[1]); import cluster, tilegraph as tg\n"
                "cluster.connect(sys.argv[2])\n"
                "x = tg.open(sys.argv[3])\n"
                "print('connected', flush=True)\n"
                "while True: tg.ndimage.median_filter(x, 9).sum().compute()\n")
        other = subprocess.Popen(
            [sys.executable, "-c", code, str(Path(__file__).parent), str(cluster.join),
             str(work.folder / "input.zarr")], stdout=subprocess.PIPE)
        try:
            other.stdout.readline()
            with cluster.connected():
                until(lambda: status()["jobs"], 10, "its job is there")
                job = Job(work)
                job.join(rng.uniform(0.1, 0.6))
                other.kill()
                job.finish()
                until(lambda: not status()["jobs"], 10, "its job is gone")
                until(lambda: all(w["memory_used"] == 0 for w in status()["workers"]), 10,
                      "its tiles are gone")
        finally:
            other.kill()
            other.wait()
            other.stdout.close()


def ports(cluster):
    """Of the scheduler and of all workers' data, as ("host", port)."""
    addresses = [cluster.address, *(w["address"] for w in status()["workers"])]
    for address in addresses:
        host, _, port = address.removeprefix("tcp://").partition(" ")[0].rpartition(":")
        yield host, int(port)


def shout(rng, place):
    """Random bytes to a port, some of which begin as ZMTP does."""
    with contextlib.suppress(OSError), socket.create_connection(place, timeout=2) as line:
        line.settimeout(0.3)
        if rng.random() < 0.7:
            line.sendall(b"\xff" + bytes(8) + b"\x7f\x03\x00NULL" + bytes(16) + bytes([0])
                         + bytes(31))
        if rng.random() < 0.3:  # a frame that says it has 2^62 bytes
            line.sendall(b"\x02" + (1 << 62).to_bytes(8, "big"))
        line.sendall(rng.randbytes(rng.randrange(1, 20000)))
        with contextlib.suppress(socket.timeout):
            line.recv(100)


class ZeroMQ:
    """Well-formed ZeroMQ messages of any content, from a peer that is none of ours."""

    def __init__(self):
        self._lib = ctypes.CDLL(ctypes.util.find_library("zmq"))
        self._lib.zmq_ctx_new.restype = ctypes.c_void_p
        self._lib.zmq_socket.restype = ctypes.c_void_p
        self._context = ctypes.c_void_p(self._lib.zmq_ctx_new())

    def send(self, place, *messages):
        zmq = ctypes.c_void_p(self._lib.zmq_socket(self._context, 5))  # DEALER
        for option, value in ((17, 200), (28, 500)):  # LINGER, SNDTIMEO in ms
            self._lib.zmq_setsockopt(zmq, option, ctypes.byref(ctypes.c_int(value)), 4)
        self._lib.zmq_connect(zmq, b"tcp://%s:%d" % (place[0].encode(), place[1]))
        for message in messages:
            self._lib.zmq_send(zmq, message, ctypes.c_size_t(len(message)), 0)
        self._lib.zmq_close(zmq)

    def close(self):
        self._lib.zmq_ctx_term(self._context)


@scenario
def garbage(rng, work):
    """Random bytes, well-formed frames of nonsense, and frames that are far too long, on every
    port."""
    zmq = ZeroMQ()
    try:
        with Cluster(workers=3, listen="tcp://127.0.0.1:0") as cluster, cluster.connected():
            until(lambda: len(status()["workers"]) == 3, 10, "workers are there")
            places = list(ports(cluster))
            job = Job(work)
            for _ in waits(rng, job, 0.05, 40):
                place = rng.choice(places)
                shout(rng, place)
                head = b"TGL\x01" + rng.randbytes(rng.randrange(80))
                zmq.send(place, rng.randbytes(rng.randrange(300)), head,
                         rng.choice([b"", b"TGL\x01" + bytes(6 << 20), bytes(64 << 20)]))
            job.finish()
            work.check(work.run())
            assert len(status()["workers"]) == 3, "a worker was lost to garbage"
    finally:
        zmq.close()


@scenario
def replays(rng, work):
    """All that a worker has said is said again by somebody else, while it works on."""
    said = bytearray()

    class Recorder(Proxy):
        def _carry(self, near, far):
            class Ear:
                def __init__(self, end):
                    self._end = end

                def __getattr__(self, name):
                    return getattr(self._end, name)

                def recv(self, count):
                    data = self._end.recv(count)
                    said.extend(data)
                    return data

            super()._carry(Ear(near), far)

    proxies = []

    def via(host):
        proxies.append(Recorder(host))
        return proxies[0].address

    try:
        with Cluster(workers=1, listen="tcp://127.0.0.1:0", via=via) as cluster:
            cluster._worker_join = cluster.join
            cluster.start_worker()
            with cluster.connected():
                job = Job(work)
                place = next(iter(ports(cluster)))
                for _ in waits(rng, job, 0.2, 8):
                    with contextlib.suppress(OSError), socket.create_connection(place, 2) as line:
                        line.settimeout(2)
                        line.sendall(bytes(said))
                        time.sleep(0.05)
                job.finish()
                assert len(said) > 200, f"only {len(said)} bytes were recorded"
    finally:
        for proxy in proxies:
            proxy.close()


def other_join(cluster, keys_of):
    """The join file of another cluster, with the addresses of this one."""
    text = keys_of.join.read_text().splitlines()
    mine = [line for line in cluster.join.read_text().splitlines() if line.startswith("endpoint ")]
    path = cluster.folder / "other-join"
    path.write_text("\n".join(
        [line for line in text if not line.startswith("endpoint ")] + mine) + "\n")
    path.chmod(0o600)
    return path


def outside_address():
    """Of this host, as others see it: one that needs keys. None: it has none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # nothing is sent
        except OSError:
            return None
        return probe.getsockname()[0]


@scenario
def strangers(rng, work):
    """Addresses that need keys: peers with keys of their own are refused, also when they know the
    server's; those with the join file work."""
    host = outside_address()
    if host is None:
        return
    listen = f"tcp://{host}:0"
    with Cluster(workers=2, listen=listen) as cluster, Cluster(workers=0, listen=listen) as other:
        own = cluster.join.read_text().splitlines()
        path = other_join(cluster, other)
        server = [line for line in own if line.startswith("server")]
        lines = [line for line in path.read_text().splitlines() if not line.startswith("server")]
        knows = cluster.folder / "knows-the-server"
        knows.write_text("\n".join([*lines, *server]) + "\n")
        knows.chmod(0o600)
        for join in (path, knows):
            started = time.monotonic()
            try:
                daemons.connect(join)
            except (tg.errors.TgIOError, tg.errors.TgValueError) as error:
                assert str(error), "no reason was given"
            else:
                raise AssertionError(f"{join.name}: a stranger was let in")
            finally:
                daemons.disconnect()
            assert time.monotonic() - started < 15, "a stranger was not told within 15 s"
            worker = cluster._spawn(
                "stranger.log", [daemons.program("tgworker"), "--cluster", str(join),
                                 "--nthreads", "1", "--death-timeout", "2"])
            assert worker.wait(20) != 0, "a worker with unknown keys ended well"
        with cluster.connected():
            work.check(work.run())
            assert len(status()["workers"]) == 2, "a stranger is among the workers"


@scenario
def versions(rng, work):
    """A worker and a client of another version are refused, and told why."""
    stranger = Path(daemons.program("tgscheduler")).resolve().parent / "tests/chaos/stranger"
    assert stranger.exists(), "tests/chaos/stranger is not built"
    with Cluster(workers=2, listen="tcp://127.0.0.1:0") as cluster, cluster.connected():
        job = Job(work)
        for role in ("worker", "client"):
            said = subprocess.run([stranger, cluster.address, role, "0.0.0-other"], text=True,
                                  capture_output=True, timeout=30)
            assert said.returncode == 0 and "0.0.0-other" in said.stdout, said
            assert tg.__version__ in said.stdout, said
        job.finish()
        assert len(status()["workers"]) == 2


@on_hosts
def partitions(rng, work, net):
    """Hosts that do not hear each other for a while: two workers, or a worker and the scheduler,
    for less and for more than the lease, in one direction, in both, or with the cable out; the
    client for less (a client that is given up loses its jobs)."""
    with Cluster(workers=4, threads=1, lease=3, net=net) as cluster, cluster.connected():
        until(lambda: len(status()["workers"]) == 4, 20, "workers are there")
        job = Job(work)
        for _ in waits(rng, job, 0.3, 4):
            one = rng.choice([1, 2, 3, 4])
            other = rng.choice([n for n in (0, 0, 1, 2, 3, 4) if n != one])
            what = rng.choice(["part", "drop", "drop back", "unplug", "client"])
            if what == "part":
                net.part(one, other)
            elif what == "drop":
                net.drop(one, other)
            elif what == "drop back":
                net.drop(other, one)
            elif what == "client":
                net.part(hosts.HERE, 0)
            else:
                net.unplug(one)
            job.join(rng.choice([0.3, 1.5, 5.0]))
            net.plug(one) if what == "unplug" else net.heal()
        job.finish()
        until(lambda: len(status()["workers"]) == 4, 20, "all workers are back")
        work.check(work.run())


@on_hosts
def a_host_is_lost(rng, work, net):
    """A host is off the network for good, without a word: nobody closes its connections."""
    with Cluster(workers=4, threads=1, lease=3, net=net) as cluster, cluster.connected():
        until(lambda: len(status()["workers"]) == 4, 20, "workers are there")
        job = Job(work)
        job.join(rng.uniform(0.1, 0.8))
        lost = rng.randrange(4)
        net.unplug(cluster.workers[lost].host)
        job.finish()
        cluster.kill(lost)


@on_hosts
def results_out_of_reach(rng, work, net):
    """The program reaches the scheduler, and a worker that has results never: it is told so."""
    del rng, work
    x = tg.ones((3000, 3000), chunks=500) * 2
    with Cluster(workers=2, threads=1, net=net) as cluster, cluster.connected():
        until(lambda: len(status()["workers"]) == 2, 20, "workers are there")
        net.part(hosts.HERE, cluster.workers[1].host)
        began = time.monotonic()
        try:
            x.compute()
            raise AssertionError("results came from a host that cannot be reached")
        except OSError as error:
            assert "does not answer at" in str(error) and "--listen" in str(error), str(error)
        assert 80 < time.monotonic() - began < 180
        net.heal()
        assert (x.compute() == 2).all()


@on_hosts
def hosts_die(rng, work, net):
    """Workers of several hosts get SIGKILL, others come; tiles go by tcp, with keys."""
    with Cluster(workers=4, threads=1, net=net) as cluster, cluster.connected():
        with tg.diagnostics.Profiler() as profile:
            work.check(work.run())
        assert profile.bytes_transferred > 0, "no tile went from host to host"
        job = Job(work)
        for _ in waits(rng, job, 0.4, 4):
            cluster.kill(rng.randrange(len(cluster.workers)))
            cluster.start_worker()
        job.finish()


@on_hosts
def workloads(rng, work, net):
    """The examples foam.py and dti.py, while a host is off the network for a while and a worker is
    killed: the files of one process."""
    def run(name, *arguments):
        out = cluster.folder / f"{name}{len(arguments)}"
        log = cluster.folder / f"{name}{len(arguments)}.log"
        with open(log, "wb") as said:
            return out, subprocess.Popen(
                [sys.executable, ROOT / "examples" / f"{name}.py", "--out", out, *arguments],
                stdout=said, stderr=said)

    def files(out, process):
        assert process.wait(JOB_SECONDS) == 0, f"{out.name} ended with {process.returncode}"
        return {str(path.relative_to(out)): path.read_bytes() for path in out.rglob("*")
                if path.is_file() and path.name not in ("timeline.html", "trace.json")}

    python = ["--allow-python", sys.executable]
    with Cluster(workers=4, threads=1, lease=3, net=net, extra=python) as cluster:
        for name in ("foam", "dti"):
            alone = files(*run(name))
            there = run(name, "--cluster", cluster.join)
            time.sleep(rng.uniform(0.5, 1.5))
            away = rng.choice(range(1, 4))
            net.unplug(cluster.workers[away].host)
            cluster.kill(0)
            cluster.start_worker()
            time.sleep(rng.choice([0.3, 4]))
            net.plug(cluster.workers[away - 1].host)
            there = files(*there)
            assert alone.keys() == there.keys(), f"{name}: {alone.keys() ^ there.keys()}"
            differ = [name for name in alone if alone[name] != there[name]]
            assert alone and not differ, f"{name}: other bytes in {differ}"


@scenario
def all_at_once(rng, work):
    """Kills, pauses, cuts, little memory, and a scheduler that dies, in one job."""
    proxies = []

    def via(host):
        if not proxies:
            proxies.append(Proxy(host))
        return proxies[0].address

    try:
        with Cluster(workers=4, listen="tcp://127.0.0.1:0", via=via, lease=3, journal=True,
                     memory="20MiB") as cluster, cluster.connected():
            job = Job(work, lean=True)
            for _ in waits(rng, job, 0.5, 8):
                index = rng.randrange(len(cluster.workers))
                what = rng.choice(["kill", "pause", "cut", "restart"])
                if what == "kill":
                    cluster.kill(index)
                    cluster.start_worker()
                elif what == "pause":
                    cluster.pause(index)
                    job.join(rng.choice([0.2, 4.0]))
                    cluster.go_on(index)
                elif what == "cut":
                    proxies[0].cut()
                else:
                    cluster.restart_scheduler()
            job.finish()
    finally:
        for proxy in proxies:
            proxy.close()


# --- running -------------------------------------------------------------------------------------


def descriptors():
    return len(os.listdir("/proc/self/fd"))


def children():
    own = os.getpid()
    found = set()
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = stat.read_text().rpartition(")")[2].split()
            if int(fields[1]) == own:
                found.add(int(stat.parent.name))
    return found


def run_one(name, seed, work):
    """One scenario; raises at a wrong value, a hang, or anything that is left."""
    rng = random.Random(f"{name}-{seed}")
    folders = f"tgc-{os.getpid()}-*"  # of this process: others may run beside it
    before, scratch = descriptors(), set(Path(tempfile.gettempdir()).glob(folders))
    others = children()  # of other tests in this process: of pools that live as long as it does
    started = time.monotonic()
    SCENARIOS[name](rng, work)
    seconds = time.monotonic() - started
    with contextlib.suppress(TimeoutError):
        until(lambda: descriptors() <= before, 5, "descriptors are closed")
    left = set(Path(tempfile.gettempdir()).glob(folders)) - scratch
    assert descriptors() <= before, f"{descriptors() - before} descriptors are left open"
    assert children() <= others, f"processes are left: {children() - others}"
    assert not left, f"folders are left: {left}"
    return seconds


def warm_up(work):
    """What a first connection opens and keeps, such as ZeroMQ's threads."""
    with Cluster(workers=1) as cluster, cluster.connected():
        work.check(work.run())


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, help="the first; default: drawn")
    parser.add_argument("--only", choices=SCENARIOS, action="append", help="some scenarios")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--inside", help=argparse.SUPPRESS)  # the folder of the work: on_hosts
    args = parser.parse_args()
    if args.list:
        for name, function in SCENARIOS.items():
            print(f"{name:18} {' '.join(function.__doc__.split())}")
        return 0
    faulthandler.register(signal.SIGUSR1)
    first = args.seed if args.seed is not None else random.SystemRandom().randrange(1_000_000)
    tg.config.set(threads=2)
    if args.inside is not None:
        with hosts.Hosts(5) as net:
            SCENARIOS[args.only[0]].inside(random.Random(first), Work.saved(args.inside), net)
        return 0
    for seed in range(first, first + args.rounds):
        folder = tempfile.mkdtemp(prefix="tg-chaos-")
        try:
            work = Work(folder, seed)
            warm_up(work)
            for name in args.only or SCENARIOS:
                print(f"{name:18} seed {seed:7} ", end="", flush=True)
                try:
                    print(f"{run_one(name, seed, work):6.1f} s", flush=True)
                except Skipped as why:
                    print(f"skipped: {why}", flush=True)
                except BaseException:
                    print(f"FAILED; again: make chaos SEED={seed} ONLY={name}", flush=True)
                    raise
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
