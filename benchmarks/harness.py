# SPDX-License-Identifier: BSD-3-Clause
"""What all rows share: child processes, paired timing, memory, results."""

import gc
import json
import os
import platform
import re
import shutil
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
BUILD = ROOT / "build/release"
BUILD_BENCH = ROOT / "build/bench"
DATA = BUILD_BENCH / "data"
THREADS = 2
COLUMNS = ("name", "ours", "peer", "peer_name", "ratio", "floor", "unit", "holds")
ANSWER = "ANSWER "  # marks the line of a child's output that is its answer


class Missing(Exception):
    """The op, or the program, that a row measures does not exist in this build."""


class Failed(Exception):
    """A child process ended badly."""


# --- results ------------------------------------------------------------------------------------


def result(name, ours=None, peer=None, peer_name="", ratio=None, floor=None, unit="", kind="ratio",
           note=""):
    """One line of the table. kind "ratio": ratio must reach the floor; "most": ours must not
    exceed it. Without a floor it only informs; with a note of failure it does not hold."""
    if floor is not None:
        value = ratio if kind == "ratio" else ours
        holds = value is not None and (value >= floor if kind == "ratio" else value <= floor)
    else:
        holds = False if note.startswith(("missing", "failed")) else None
    return {"name": name, "ours": ours, "peer": peer, "peer_name": peer_name, "ratio": ratio,
            "floor": floor, "unit": unit, "holds": holds, "kind": kind, "note": note}


def margin(line):
    """How far beyond its floor a result is; below 1: missed."""
    if line["kind"] == "ratio":
        return (line["ratio"] or 0) / line["floor"]
    return line["floor"] / max(line["ours"], 1e-12) if line["ours"] is not None else 0


def summary(name, lines):
    """The row of several conditions: the tightest one's numbers; holds if all do."""
    judged = [line for line in lines if line["holds"] is not None]
    with_floor = [line for line in judged if line["floor"] is not None]
    tightest = dict(min(with_floor, key=margin) if with_floor else judged[0])
    broken = [line["note"] for line in judged if line["note"].startswith(("missing", "failed"))]
    note = broken[0] if broken else f"as {tightest['name'].removeprefix(name + ':')}"
    return {**tightest, "name": name, "holds": all(line["holds"] for line in judged), "note": note}


# --- the machine --------------------------------------------------------------------------------


def isa():
    """The widest vectors that this processor has."""
    try:
        flags = set(re.search(r"flags\s*:(.*)", Path("/proc/cpuinfo").read_text())[1].split())
    except (OSError, TypeError):
        return platform.machine()
    return next((name for flag, name in (("avx512f", "avx512"), ("avx2", "avx2"))
                 if flag in flags), "base")


def machine_class():
    return f"{platform.machine()}-{isa()}-{len(os.sched_getaffinity(0))}core"


def machine():
    return (f"{machine_class()}, {THREADS} threads used, Python {platform.python_version()}, "
            f"load {os.getloadavg()[0]:.1f} before")


# --- processes ----------------------------------------------------------------------------------


def in_child(reference, *arguments, timeout=300, env=None):
    """Runs "module:function" of rows/ in a fresh Python; its JSON answer."""
    command = [sys.executable, str(HERE / "run.py"), "--call", reference, json.dumps(arguments)]
    variables = {**os.environ, "OMP_NUM_THREADS": str(THREADS), "OPENBLAS_NUM_THREADS": "1",
                 "NUMEXPR_NUM_THREADS": str(THREADS), "NUMEXPR_MAX_THREADS": str(THREADS),
                 "TG_THREADS": str(THREADS), **(env or {})}
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout,
                              env=variables)
    except subprocess.TimeoutExpired:
        raise Failed(f"no answer within {timeout} s") from None
    for line in reversed(done.stdout.splitlines()):
        if line.startswith(ANSWER):
            return json.loads(line[len(ANSWER):])
    last = (done.stderr.strip().splitlines() or [f"ended with {done.returncode}"])[-1]
    if "Missing:" in last:
        raise Missing(last.partition("Missing:")[2].strip())
    raise Failed(last[:200])


def program(name):
    """A program that the target `benchmarks` has built."""
    for path in (BUILD / "benchmarks").rglob(name):
        return str(path)
    raise Missing(f"{name} is not built: cmake --build {BUILD} --target benchmarks")


def output(*command):
    """The words of each line that a program prints."""
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, timeout=280)
    if done.returncode != 0:
        raise Failed(done.stderr.strip()[:200] or f"{command[0]} ended with {done.returncode}")
    return [line.split() for line in done.stdout.splitlines()]


def need(owner, *names):
    """Raises Missing unless the module has the functions."""
    for name in names:
        if not hasattr(owner, name):
            raise Missing(f"{owner.__name__}.{name}")


# --- time ---------------------------------------------------------------------------------------


def seconds(function):
    """Of one call; the result is freed within it, as a program in a loop frees it."""
    gc.collect()
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def paired(ours, peer, repeats=5, warm_peer=True, ours_each=1):
    """ours and peer in turns. Medians of the seconds, and the median of the paired ratios.

    ours_each: calls of ours in a turn, of which the median counts: what takes a millisecond beside
    a peer of seconds would otherwise be at the mercy of one interrupt.
    """
    ours()
    if warm_peer:
        peer()
    pairs = []
    for _ in range(repeats):
        mine = statistics.median(seconds(ours) for _ in range(ours_each))
        pairs.append((mine, seconds(peer)))
    return median_pair(pairs)


def median_pair(pairs):
    """(median ours, median peer, median of peer / ours)"""
    return (statistics.median(a for a, _ in pairs), statistics.median(b for _, b in pairs),
            statistics.median(b / a for a, b in pairs))


def race(name, ours, peer, peer_name, floor, check=None, **options):
    """A row that is a time of ours against a time of a peer. check(ours(), peer()) first: a fast
    wrong answer is worth nothing."""
    if check is not None and not check(ours(), peer()):
        return result(name, note="failed: the results differ from the peer's")
    mine, theirs, ratio = paired(ours, peer, **options)
    return result(name, mine, theirs, peer_name, ratio, floor, "s")


# --- memory -------------------------------------------------------------------------------------


def status_bytes(name):
    text = Path("/proc/self/status").read_text()
    return int(re.search(rf"{name}:\s*(\d+) kB", text)[1]) * 1024


class PeakMemory:
    """The growth of this process's resident memory at its highest, in `bytes`.

    The kernel's own high-water mark, reset at the start; where it cannot be reset, samples."""

    def __enter__(self):
        gc.collect()
        try:
            Path("/proc/self/clear_refs").write_text("5")
            self._sampler = None
        except OSError:
            self._stop = threading.Event()
            self._sampler = threading.Thread(target=self._sample, daemon=True)
        self._base = self._peak = status_bytes("VmRSS")
        if self._sampler is not None:
            self._sampler.start()
        return self

    def _sample(self):
        while not self._stop.wait(0.002):
            self._peak = max(self._peak, status_bytes("VmRSS"))

    def __exit__(self, *exc):
        if self._sampler is None:
            self._peak = status_bytes("VmHWM")
        else:
            self._stop.set()
            self._sampler.join()
        self.bytes = self._peak - self._base


# --- data ---------------------------------------------------------------------------------------


def cached(name, make):
    """A file or folder under build/bench/data that make(path) creates once."""
    path = DATA / name
    if not path.exists():
        DATA.mkdir(parents=True, exist_ok=True)
        half = path.with_name(f"half-{os.getpid()}-{name}")
        make(half)
        os.replace(half, path)
    return path


def fresh(name):
    """A path under build/bench/data at which nothing is."""
    path = DATA / f"{os.getpid()}-{name}"
    remove(path)
    DATA.mkdir(parents=True, exist_ok=True)
    return path


def touch_memory(gigabytes=3):
    """Has the machine hand out this memory once, before something that fills the page cache is
    timed: in a virtual machine the first touch of a page goes to the host, at 10 us each."""
    import numpy as np

    np.full(gigabytes << 30, 1, "u1")


def remove(path):
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
