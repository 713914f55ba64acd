# SPDX-License-Identifier: BSD-3-Clause
"""tg.serve: a process that is a cluster of its own, and workers that join it."""

import contextlib
import json
import os
import subprocess
import sysconfig
import time

import numpy as np
import pytest

import tilegraph as tg
from tilegraph import _engine, distributed, errors
from tilegraph._run import Computation


@pytest.fixture
def server():
    with tg.config.set(memory_limit="512 MiB", threads=1), tg.serve() as made:  # many tiles
        yield made


def _blurred(side, sigma=2, times=1):
    x = tg.arange(side * side, dtype="float32").reshape(side, side).rechunk((128, 128))
    x = tg.sqrt(x)
    for _ in range(times):
        x = tg.ndimage.gaussian_filter(x, sigma)
    return x


def test_computes_the_same(server):
    x = _blurred(500)
    there = x.compute()
    assert os.path.exists(server.join_file)
    server.close()
    assert not os.path.exists(server.join_file)
    np.testing.assert_array_equal(there, x.compute())
    server.close()
    assert "closed" in repr(server)


@contextlib.contextmanager
def guest(server):
    """A tgworker that has joined."""
    worker = subprocess.Popen([f"{sysconfig.get_path('scripts')}/tgworker", "--cluster",
                               server.join_file, "--name", "guest", "--nthreads", "1",
                               "--memory-limit", "256MiB", "--quiet"])
    try:
        yield worker
    finally:
        worker.terminate()
        worker.wait(20)


def _run_with_guest(server, then):
    """A computation that a guest has joined after its begin. On a busy machine a worker may take
    too long to start: then another try. then(guest): called once the guest was seen to work."""
    seen = False
    tries = 0
    x = _blurred(5000, 20, 8)
    while not seen and tries < 10:
        computation = Computation([(x, _engine.ffi.NULL, None)])
        while computation.progress()[0] == 0:
            time.sleep(0.001)
        with guest(server) as worker:
            ended = False
            while not ended and not seen:
                seen = b"guest/0" in computation.export("text")
                ended = computation.wait(10_000_000)
            if seen:
                then(worker)
            assert ended or computation.wait()
        tries += 1
    assert seen
    return computation, worker


def _rows(computation):
    """The names of the rows of the trace, and its events by row."""
    events = json.loads(computation.export("trace"))["traceEvents"]
    names = {e["tid"]: e["args"]["name"] for e in events if e["name"] == "thread_name"}
    rows = {name: [] for name in names.values()}
    for event in events:
        if event["ph"] in "Xi":
            rows[names[event["tid"]]].append(event)
    return rows


def test_a_worker_joins_while_a_job_runs(server):
    """A tgworker that was not there at the start does a part of it, and one trace shows all."""
    computation, worker = _run_with_guest(server, lambda worker: None)
    assert worker.returncode == 0
    rows = _rows(computation)
    own = [name for name in rows if name.startswith("session-") and name[-1].isdigit()]
    assert len(own) == 1 and "guest/0" in rows
    tasks = [sum(e["cat"] == "compute" for e in rows[name]) for name in (*own, "guest/0")]
    assert min(tasks) > 0
    report = computation.report()
    assert sum(tasks) == report.tasks == computation.progress()[1]
    # The guest read what the session's worker had made, and the client all results.
    assert rows["guest/transfers"] and rows["client/transfers"]
    assert report.bytes_transferred > 5000 * 5000 * 4
    assert report.retries == report.bytes_spilled == 0
    assert 0 < report.peak_bytes <= tg.config.get("memory_limit")
    # The clocks are aligned: nothing begins before the run, or ends after it.
    last = report.seconds * 1e6
    for events in rows.values():
        assert all(e["ts"] >= 0 and e["ts"] + e.get("dur", 0) <= last for e in events)
    text = computation.export("text").decode()
    assert "guest/0" in text and "limited by" in text
    assert b"guest/transfers" in computation.export("html")


def test_deaths_and_retries_are_seen(server):
    computation, _ = _run_with_guest(server, lambda worker: worker.kill())
    report = computation.report()
    assert report.retries > 0
    assert [e["name"] for e in _rows(computation)["guest/faults"]].count("worker died") == 1


def test_profiler_has_the_numbers_of_the_cluster(server, tmp_path):
    x = _blurred(700)
    path = str(tmp_path / "x.zarr")
    with tg.diagnostics.Profiler() as p:
        x.to_zarr(path)
        tg.from_zarr(path).sum().compute()
    assert p.bytes_written == 700 * 700 * 4 and p.bytes_read == 700 * 700 * 4
    assert p.chunks_decoded == 36 and p.tasks > 36
    assert p.retries == p.bytes_spilled == 0
    server.close()
    with tg.diagnostics.Profiler() as p:
        x.sum().compute()
    assert p.retries == p.bytes_spilled == p.bytes_transferred == 0


def test_stores_are_written_and_settings_stay(server, tmp_path):
    x = _blurred(700)
    path = str(tmp_path / "x.zarr")
    x.to_zarr(path)
    with pytest.raises(errors.TgValueError, match="listens"):
        tg.config.set(threads=tg.config.get("threads") + 1)
    with pytest.raises(errors.TgValueError, match="connected"):
        tg.serve()
    server.close()
    np.testing.assert_array_equal(tg.from_zarr(path).compute(), x.compute())


def test_memory_for_results():
    with tg.serve(result_memory="1 MiB"), pytest.raises(errors.TgMemoryError, match="a result of"):
        _blurred(1000).compute()
    with pytest.raises(errors.TgValueError, match="results"):
        tg.serve(result_memory="1 TiB")


def test_python_functions_run_in_children(server, tmp_path):
    def hangs():
        (tmp_path / "began").touch()
        time.sleep(600)

    x = tg.ones((8, 8), chunks=4).map_blocks(lambda block: block + os.getpid(), dtype="f8")
    assert set(np.unique(x.compute())).isdisjoint({os.getpid() + 1})
    with distributed.Client(server.join_file) as client:
        assert client.gather(client.map(abs, range(-5, 0))) == [5, 4, 3, 2, 1]
        client.submit(hangs)
        while not (tmp_path / "began").exists():
            time.sleep(0.01)
        start = time.monotonic()
        server.close()
        assert time.monotonic() - start < 5


def test_python_functions_are_refused_where_others_can_connect():
    x = tg.ones((8, 8), chunks=4).map_blocks(lambda block: block + 1, dtype="f8")
    with tg.serve("tcp://127.0.0.1:0"), pytest.raises(errors.TgUnsupportedError, match="python"):
        x.compute()
    with tg.serve("tcp://127.0.0.1:0", allow_python=True):
        assert x.sum().compute() == 128
