# SPDX-License-Identifier: BSD-3-Clause
"""Clusters of real processes: the same bytes as in one process, whatever happens to them."""

import contextlib
import gc
import glob
import os
import re
import signal
import subprocess
import sys
import tempfile
import textwrap
import threading
import time

import numpy as np
import pytest
from processes import alive
from support import until, values

import tilegraph as tg
from tilegraph import _local_cluster
from tilegraph.distributed import Client, Future, LocalCluster, as_completed, current, wait

SHAPE = (30, 48, 52)


@pytest.fixture(scope="module")
def cluster():
    with LocalCluster(2, 1, "256 MiB", allow_python=False) as made:
        yield made


@pytest.fixture
def client(cluster):
    cluster.scale(2)
    with Client(cluster) as made:
        yield made


@pytest.fixture(scope="module")
def stores(tmp_path_factory):
    """A volume as Zarr, TIFF and npy."""
    folder = tmp_path_factory.mktemp("stores")
    volume = values(SHAPE, "uint16", 3, special=False)
    lazy = tg.from_array(volume, (10, 16, 26))
    lazy.to_zarr(folder / "v.zarr")
    tg.save(lazy, folder / "v.tif")
    np.save(folder / "v.npy", volume)
    return folder


def identical(there, here):
    """The same type, shape, dtype and bytes."""
    if isinstance(here, (tuple, list)):
        assert len(there) == len(here)
        for one, other in zip(there, here):
            identical(one, other)
        return
    there, here = np.asarray(there), np.asarray(here)
    assert (there.dtype, there.shape) == (here.dtype, here.shape)
    assert there.tobytes() == here.tobytes()


def long_job(seconds=2.0):
    """Expressions that take about so long on one thread, in a few hundred tasks."""
    x = tg.arange(400 * 200 * 200, dtype="float32", chunks=200 * 200 * 20).reshape(400, 200, 200)
    x = tg.sin(x).rechunk((20, 50, 100))
    for _ in range(max(1, round(seconds / 0.8))):
        x = tg.ndimage.gaussian_filter(x, sigma=2)
    return x


EXPRESSIONS = {
    "cells": lambda x: x + 1,
    "gaussian": lambda x: tg.ndimage.gaussian_filter(x.astype("float32"), sigma=1.5),
    "median": lambda x: tg.ndimage.median_filter(x, size=3),
    "label": lambda x: tg.ndimage.label(x > 40),
    "sums": lambda x: (x.sum(), x.sum(axis=0), x.astype("float32").mean(axis=(1, 2))),
    "percentile": lambda x: tg.percentile(x.astype("float64"), [5, 50, 99]),
    "cumsum": lambda x: tg.cumsum(x.astype("int64"), axis=1),
    "mask": lambda x: x[x > 65000],
    "unique": lambda x: tg.unique(x % 97),
    "transpose": lambda x: x.transpose(2, 0, 1).rechunk((13, 15, 12)),
    "part": lambda x: x[3:20:2, ::-1, 5],
    "distance": lambda x: tg.ndimage.distance_transform_edt(x > 5),
    "concatenate": lambda x: tg.concatenate([x, x[::-1]], axis=1).max(axis=2),
    "matmul": lambda x: x[0].astype("float32") @ x[1].astype("float32").T,
    "argmax": lambda x: tg.argmax(x, axis=0),
    "scalar": lambda x: x[0, 0, 0],
    "empty": lambda x: x[:0],
}


@pytest.mark.parametrize("source", ["v.zarr", "v.tif", "v.npy"])
@pytest.mark.parametrize("name", EXPRESSIONS)
def test_results_are_the_same_bytes(client, stores, source, name):
    x = tg.open(stores / source)
    there = tg.compute(EXPRESSIONS[name](x))[0]
    client.close()
    assert current() is None
    identical(there, tg.compute(EXPRESSIONS[name](x))[0])


def test_memory_travels(client):
    small = values((50, 60), "float64", 1)
    identical((tg.from_array(small, 20) * 2).compute(), small * 2)
    large = values((17, 1024, 1024), "uint8", 1)  # is lent, as long as the memory limit lasts
    identical((tg.from_array(large, 256) + 1).sum().compute(), (large + 1).sum())


def test_results_go_into_memory_of_ones_own(client, stores):
    x = tg.open(stores / "v.zarr")
    wide = np.zeros((30, 48, 104), "uint16")
    tg.store(x + 1, wide[:, :, ::2])
    client.close()
    identical(wide[:, :, ::2].copy(), (x + 1).compute())
    assert not wide[:, :, 1::2].any()


class Anything:
    """A target that only this process has."""

    def __init__(self, shape, dtype):
        self.shape, self.dtype, self.cells = shape, dtype, np.zeros(shape, dtype)

    def __setitem__(self, index, block):
        self.cells[index] = block


def test_store_into_an_object_runs_here(client, stores):
    x = tg.open(stores / "v.zarr")
    target = Anything(x.shape, x.dtype)
    tg.store(x, target)
    identical(target.cells, x.compute())


# --- writing -------------------------------------------------------------------------------------


def test_to_zarr_is_written_by_the_workers(client, stores, tmp_path):
    x = tg.ndimage.gaussian_filter(tg.open(stores / "v.zarr").astype("float32"), sigma=1)
    x.to_zarr(tmp_path / "a.zarr", chunks=(10, 16, 26))
    with pytest.raises(FileExistsError):
        x.to_zarr(tmp_path / "a.zarr")
    (x + 1).to_zarr(tmp_path / "a.zarr", overwrite=True, shards=(20, 32, 52), chunks=(10, 16, 26))
    lazy = x.to_zarr(tmp_path / "b.zarr", compute=False)
    path, mean = tg.compute(lazy, x.mean())
    for suffix in ("npy", "tif"):
        tg.save(x, tmp_path / f"c.{suffix}")
    client.close()
    here = x.compute()
    identical(tg.open(tmp_path / "a.zarr").compute(), here + 1)
    identical(tg.open(path).compute(), here)
    identical(mean, x.mean().compute())
    for suffix in ("npy", "tif"):
        identical(tg.open(tmp_path / f"c.{suffix}").compute(), here)
    assert sorted(os.listdir(tmp_path)) == ["a.zarr", "b.zarr", "c.npy", "c.tif"]


def test_resume_goes_on_across_clusters(client, stores, tmp_path):
    x = tg.ndimage.gaussian_filter(tg.open(stores / "v.zarr").astype("float32"), sigma=1)
    future = client.compute(long_job(4).to_zarr(tmp_path / "l.zarr", resume=True, compute=False))
    until(lambda: glob.glob(f"{tmp_path}/l.zarr.part/c/*/*/*"))
    future.cancel()
    future._work.wait(60)
    assert os.listdir(tmp_path) == ["l.zarr.part"]
    long_job(4).to_zarr(tmp_path / "l.zarr", resume=True)
    x.to_zarr(tmp_path / "x.zarr", resume=True)
    x.to_zarr(tmp_path / "x.zarr", resume=True)
    client.close()
    x.to_zarr(tmp_path / "x.zarr", resume=True)
    identical(tg.open(tmp_path / "x.zarr").compute(), x.compute())
    identical(tg.open(tmp_path / "l.zarr").compute(), long_job(4).compute())
    assert sorted(os.listdir(tmp_path)) == ["l.zarr", "x.zarr"]


def test_relative_paths_are_those_of_the_client(client, tmp_path, monkeypatch):
    """Workers have working directories of their own."""
    volume = values(SHAPE, "uint16", 3, special=False)
    (tmp_path / "in").mkdir()
    monkeypatch.chdir(tmp_path / "in")
    tg.from_array(volume, (10, 16, 26)).to_zarr("v.zarr")
    x = tg.open("v.zarr")
    stored = (x + 1).to_zarr("a.zarr", compute=False)
    assert tg.compute(stored, x.max())[1] == volume.max()
    (x + 2).to_zarr("../b.zarr", resume=True)
    identical(tg.open("a.zarr").compute(), volume + np.uint16(1))
    monkeypatch.chdir(tmp_path)
    identical(tg.open("b.zarr").compute(), volume + np.uint16(2))
    client.close()
    identical(tg.open("in/a.zarr").compute(), volume + np.uint16(1))
    assert sorted(os.listdir(tmp_path)) == ["b.zarr", "in"]
    assert sorted(os.listdir(tmp_path / "in")) == ["a.zarr", "v.zarr"]


# --- small workers -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def small_cluster():
    with LocalCluster(2, 1, "48 MiB", allow_python=False) as made:
        yield made


@pytest.fixture(scope="module")
def noise(tmp_path_factory):
    """A volume of 64 MiB."""
    path = tmp_path_factory.mktemp("noise") / "v.zarr"
    tg.to_zarr(values((256, 256, 256), "float32", 5, special=False), path, chunks=64)
    return tg.open(path)


@pytest.mark.parametrize("objects", [0.001, 0.1])
def test_tables_that_could_be_larger_than_a_worker(small_cluster, noise, objects, tmp_path):
    """What label might need at most is three times what a worker has: that is no reason."""
    order = tg.percentile(noise[0], 100 * objects).compute()
    labels = tg.ndimage.label(noise < order)[0]
    with Client(small_cluster), tg.diagnostics.Profiler() as p:
        labels.to_zarr(tmp_path / "l.zarr", chunks=64)
    assert p.peak_bytes <= 48 << 20
    identical(tg.open(tmp_path / "l.zarr").compute(), labels.compute())


def test_what_really_is_larger_than_a_worker_fails(noise):
    """All of it is selected: that it does not fit is only seen when it is there."""
    with LocalCluster(2, 1, "128 MiB", allow_python=False) as cluster, Client(cluster):
        with pytest.raises(MemoryError, match="depends on the data: give each worker more"):
            noise[noise == noise].sum().compute()
        identical(tg.ones(5).sum().compute(), 5.0)


def test_the_memory_that_is_advised_is_enough(tmp_path):
    """It said what tiles need, of which a worker's memory limit is 16/15."""
    tg.to_zarr(np.ones((12, 1 << 20), "float32"), tmp_path / "x.zarr", chunks=(12, 1 << 20))
    x = tg.open(tmp_path / "x.zarr")
    total = tg.ndimage.median_filter(x, size=(3, 3)).max()
    with LocalCluster(1, 1, "32 MiB", allow_python=False) as cluster, Client(cluster):
        with pytest.raises(MemoryError, match="tgworker --memory-limit") as caught:
            total.compute()
    enough = int(re.search(r"a limit of (\d+) MiB", str(caught.value))[1])
    with LocalCluster(1, 1, f"{enough} MiB", allow_python=False) as cluster, Client(cluster):
        assert total.compute() == 1


def test_tiles_of_more_than_the_memory_of_all_are_spilled(stores):
    """Workers of one host map each other's tiles, and give back what its holder wants; else both
    run out of memory, whatever they spill."""
    x = tg.concatenate([tg.open(stores / "v.zarr").astype("float32") + i for i in range(100)])
    smooth = tg.ndimage.gaussian_filter(x, sigma=1)
    centred = smooth - smooth.mean()
    expected = centred.compute()
    with LocalCluster(2, 1, "18 MiB", allow_python=False) as small, Client(small) as client:
        client.wait_for_workers(2, 30)
        assert expected.nbytes > 0.7 * 2 * 18 * 2**20
        with tg.diagnostics.Profiler() as profile:
            identical(centred.compute(), expected)
        assert profile.bytes_spilled > 4 * 2**20


# --- clients -------------------------------------------------------------------------------------


def test_clients_are_nested(cluster, client):
    assert current() is client
    with Client(cluster.join_file) as inner:
        assert current() is inner
        with Client(cluster.scheduler_address) as third:
            assert current() is third
            identical(tg.ones(5).sum().compute(), 5.0)
        assert current() is inner
        client.close()
        assert current() is inner
    assert current() is None
    client.close()
    assert "closed" in repr(client)
    with pytest.raises(ValueError, match="closed"):
        client.status()


def test_two_clients_at_once(cluster, client):
    with Client(cluster) as other:
        one, two = client.compute(long_job(1).sum()), other.compute(long_job(1).max())
        assert one.result(120) is not None and two.result(120) is not None
        future = client.compute(long_job(3).sum())
        other.close()  # leaves the first one's alone
        there = future.result(120)
    client.close()
    identical(there, long_job(3).sum().compute())


def test_what_a_client_says(cluster, client):
    client.wait_for_workers(2, timeout=30)
    assert client.nthreads() == client.ncores() == {w.address: 1 for w in cluster.workers}
    workers = client.scheduler_info()["workers"]
    assert {w["name"] for w in workers.values()} == {w.name for w in cluster.workers}
    assert {w["name"] for w in client.status()["workers"]} == {w.name for w in cluster.workers}
    assert "state" in client.dump()
    assert "tilegraph_workers 2" in client.metrics()
    assert "2 workers, 2 threads" in repr(client) and "2 workers x 1" in repr(cluster)
    with pytest.raises(TimeoutError, match="2 of 3 workers"):
        client.wait_for_workers(3, timeout=0.2)


def test_what_a_client_refuses(tmp_path):
    for bad, error in ((7, TypeError), ("nothing://here", ValueError),
                       (tmp_path / "no-join", OSError), ("", ValueError)):
        with pytest.raises(error) as caught:
            Client(bad, timeout=0.5)
        assert isinstance(caught.value, tg.TilegraphError)
        assert current() is None
    start = time.monotonic()
    with pytest.raises(OSError, match="does it run"):
        Client(f"ipc://{tmp_path}/s", timeout=0.5)
    assert time.monotonic() - start < 5
    with pytest.raises(ValueError, match="write tcp://127.0.0.1:8786"):
        Client("127.0.0.1:8786")
    (tmp_path / "job.py").write_text("print()\n")
    (tmp_path / "job.py").chmod(0o644)
    with pytest.raises(ValueError, match="does not begin with the line 'tilegraph-join 1'"):
        Client(tmp_path / "job.py")  # and not that it should be readable by nobody else
    with pytest.raises(ValueError, match="timeout"):
        Client("ipc:///x", timeout=0)
    with pytest.raises(TypeError, match="n_workers"):
        Client("ipc:///x", n_workers=2)


def test_what_a_local_cluster_refuses():
    for bad in ({"n_workers": -1}, {"n_workers": 1.5}, {"threads_per_worker": 0},
                {"memory_limit": "much"}, {"memory_limit": 0}):
        with pytest.raises((ValueError, TypeError)) as caught:
            LocalCluster(**bad)
        assert isinstance(caught.value, tg.TilegraphError)


def test_a_client_starts_a_cluster_of_its_own():
    with Client(n_workers=1, threads_per_worker=1, memory_limit="128 MiB",
                allow_python=False) as client:
        pid = client.cluster.workers[0].pid
        identical(tg.ones(5).sum().compute(), 5.0)
    assert not alive(pid)


def test_a_client_without_an_address_goes_where_tg_join_file_says(cluster, monkeypatch):
    cluster.scale(2)
    monkeypatch.setenv("TG_JOIN_FILE", cluster.join_file)
    with Client() as client:
        client.wait_for_workers(2)
        assert client.cluster == cluster.join_file
        assert tg.ones(5).sum().compute() == 5
    with Client(n_workers=1, threads_per_worker=1, memory_limit="64 MiB") as client:
        assert isinstance(client.cluster, LocalCluster) and client.cluster is not cluster
    monkeypatch.setenv("TG_JOIN_FILE", "")
    with Client() as client:
        assert isinstance(client.cluster, LocalCluster)


def test_explaining_and_watching(client, capsys):
    with tg.config.set(threads=1):
        assert "2 threads" in str(long_job(1).explain())
    with tg.diagnostics.Profiler() as profile, tg.diagnostics.ProgressBar():
        long_job(1).sum().compute()
    assert "100%" in capsys.readouterr().out
    assert profile.tasks == profile.computations[0].progress()[1] > 100
    assert profile.seconds > 0 and "tasks" in profile.to_text()


def test_connecting_again_and_again_leaks_nothing(cluster):
    def held():
        return len(os.listdir("/proc/self/fd")), len(os.listdir("/proc/self/task"))

    def once():
        with Client(cluster) as client:
            identical((tg.ones((40, 40), chunks=20) + 1).sum().compute(), 3200.0)
            assert client.compute(tg.ones(3).sum()).result(60) == 3

    for _ in range(3):
        once()
    gc.collect()
    before = held()
    for _ in range(50):
        once()
    gc.collect()
    assert all(now <= then for now, then in zip(held(), before))


# --- futures -------------------------------------------------------------------------------------


def test_futures(client):
    one, two = client.compute(tg.ones(6, chunks=2).sum(), tg.arange(4))
    assert isinstance(one, Future) and client.gather([one, two])[0] == 6
    identical(two.result(), np.arange(4))
    assert one.status == "finished" and one.done() and one.exception() is None
    assert "finished" in repr(one)
    single = client.compute({"a": tg.ones(2), "b": 3})
    identical(single.result(60)["a"], np.ones(2))
    kept = client.persist(tg.ones((4, 4), chunks=2)).result(60)
    assert isinstance(kept, tg.Array) and kept.chunks == ((2, 2), (2, 2))
    with pytest.raises(TypeError, match="nothing to compute"):
        client.compute(3)
    with pytest.raises(TypeError, match="expected futures"):
        wait([3])


def test_futures_as_they_end(client):
    slow = client.compute(long_job(8).sum())
    quick = [client.compute(tg.full((20,), i).sum()) for i in range(20)]
    seen = []
    for future, result in as_completed(quick, with_results=True, timeout=60):
        assert future.result() == result
        seen.append(result)
    assert sorted(seen) == [20 * i for i in range(20)]
    done, not_done = wait([slow, quick[0]], return_when="FIRST_COMPLETED")
    assert done == {quick[0]} and not_done == {slow}
    with pytest.raises(TimeoutError):
        slow.result(0.01)
    with pytest.raises(TimeoutError):
        wait([slow], timeout=0.01)
    told = threading.Event()
    slow.add_done_callback(lambda future: told.set())
    client.cancel([slow])
    assert told.wait(10) and slow.cancelled() and slow.status == "cancelled"
    with pytest.raises(tg.errors.TgCancelledError):
        slow.result()


def test_a_future_is_tried_again(client, tmp_path):
    np.save(tmp_path / "x.npy", np.arange(6))
    x = tg.open(tmp_path / "x.npy")
    os.rename(tmp_path / "x.npy", tmp_path / "away.npy")
    future = client.compute(x.sum())
    with pytest.raises(OSError):
        future.result(60)
    assert future.status == "error"
    os.rename(tmp_path / "away.npy", tmp_path / "x.npy")
    client.retry([future])
    assert future.result(60) == 15


def test_futures_of_a_closed_client_are_cancelled(cluster):
    client = Client(cluster)
    future = client.compute(long_job(8).sum())
    client.close()
    with pytest.raises(tg.errors.TgCancelledError):
        future.result(10)


# --- functions -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def python_cluster():
    with LocalCluster(2, 1, "256 MiB") as made:
        yield made


def test_functions_are_called_there(python_cluster):
    def double(n, plus=0):
        return 2 * n + plus

    with Client(python_cluster) as client:
        pids = set(client.gather(client.map(lambda n: os.getpid(), range(20))))
        assert os.getpid() not in pids
        first = client.submit(double, 3)
        assert client.submit(double, first, plus=1).result(60) == 13
        assert client.submit(sum, [first, 4]).result(60) == 10
        assert client.gather(client.map(double, range(30), range(30))) == [3 * n for n in range(30)]
        assert client.submit(lambda: None).result(60) is None
        large = client.submit(np.arange, 300_000)  # more than there is room for at first
        identical(large.result(60), np.arange(300_000))
        there = client.scatter({"a": np.ones(3)})
        assert client.submit(np.sum, there["a"]).result(60) == 3
        assert client.gather(client.scatter([1, 2])) == [1, 2]
        mapped = tg.ones((8, 8), chunks=4).map_blocks(lambda block: block + 1)
        identical(mapped.sum().compute(), 128.0)
    with pytest.raises(ValueError, match="closed"):
        client.submit(double, 1).result(60)


def test_functions_that_fail(python_cluster):
    class Odd(Exception):
        pass

    def fails(kind):
        raise kind("seven", 7)

    with Client(python_cluster) as client:
        failed = client.submit(fails, KeyError)
        with pytest.raises(KeyError) as caught:
            failed.result(60)
        assert caught.value.args == ("seven", 7) and "in fails" in str(caught.value.__cause__)
        assert failed.status == "error"
        with pytest.raises(KeyError):  # what needs it fails with it
            client.submit(print, failed).result(60)
        assert type(client.submit(fails, Odd).exception(60)).__name__ == "Odd"
        with pytest.raises(TypeError, match="cannot be sent back"):
            client.submit(lambda: threading.Lock()).result(60)
        with pytest.raises(tg.errors.TgUserError, match="^abort: ") as caught:
            client.submit(os.abort).result(60)
        assert "map_blocks" not in str(caught.value)  # which the user has not called
        with pytest.raises(TypeError, match="expected a function"):
            client.submit(3)
        assert client.submit(max, 3, 4).result(60) == 4


def test_workers_without_python_refuse_functions(client):
    with pytest.raises(tg.TilegraphError, match="allow-python"):
        client.submit(max, 3, 4).result(60)


def spin(mark):
    """Never ends; the file says that it has begun."""
    open(mark, "x").close()
    while True:
        pass


def spinning(client, mark):
    """A future whose function never ends, and runs."""
    future = client.submit(spin, mark)
    until(lambda: os.path.exists(mark), 60)
    return future


def test_cancelling_stops_the_function_that_runs(tmp_path):
    def slow(folder):
        with tempfile.NamedTemporaryFile(dir=folder, delete=False):
            time.sleep(4)
        return 7

    with LocalCluster(1, 2, "256 MiB") as cluster, Client(cluster) as client:
        other = client.submit(slow, tmp_path)  # another's job: nothing happens to it
        until(lambda: os.listdir(tmp_path), 60)
        calls = os.listdir(tmp_path)
        for i in range(3):  # each would take a thread for ever
            spinning(client, tmp_path / f"spins {i}").cancel()
        assert client.submit(max, 3, 4).result(60) == 4
        for i in range(3, 6):
            with Client(cluster) as leaves:
                spinning(leaves, tmp_path / f"spins {i}")
        assert client.submit(max, 4, 5).result(60) == 5
        assert other.result(60) == 7
        assert [name for name in os.listdir(tmp_path) if "spins" not in name] == calls


def test_a_cluster_of_which_functions_run_is_closed_at_once(tmp_path):
    with LocalCluster(2, 1, "256 MiB") as cluster, Client(cluster) as client:
        spinning(client, tmp_path / "spins")
        client.map(time.sleep, [600] * 2)
        workers = cluster.workers
    assert [worker.status for worker in workers] == ["ended with 0"] * 2


# --- faults --------------------------------------------------------------------------------------


def begun(future):
    """Waits until tasks have been done."""
    until(lambda: future.progress()[0] > 0 or future.done())
    assert not future.done()


@pytest.fixture(scope="module")
def expected():
    """What the long job gives, computed here."""
    return long_job().compute()


def test_a_killed_worker_costs_time_only(expected):
    with LocalCluster(3, 1, "256 MiB", allow_python=False, restart=False) as cluster, \
            Client(cluster) as client:
        future = client.compute(long_job())
        begun(future)
        os.kill(cluster.workers[1].pid, signal.SIGKILL)
        identical(future.result(60), expected)
        until(lambda: "killed by signal 9" in repr(cluster.workers[1]))
        cluster.scale(3)
        client.wait_for_workers(3, 30)


def kill(worker):
    """Kills the process of a worker, and waits for its end, or for another in its place."""
    pid = worker.pid
    os.kill(pid, signal.SIGKILL)
    until(lambda: worker.pid != pid or worker.status != "running")


def replaced(worker):
    """Kills the process of a worker, and waits for another in its place."""
    pid = worker.pid
    kill(worker)
    until(lambda: worker.pid != pid)
    assert worker.status == "running"


def test_a_worker_that_dies_is_replaced():
    with LocalCluster(1, 1, "256 MiB") as cluster, Client(cluster) as client:
        worker, = cluster.workers
        future = client.submit(time.sleep, 1)
        replaced(worker)
        assert cluster.workers == [worker] and worker.restarts == 1
        assert future.result(60) is None
        replaced(worker)
        assert client.submit(max, 3, 4).result(60) == 4
        until(lambda: [there["name"] for there in client.status()["workers"]] == ["local-0"])
        assert worker.name == "local-0"


def test_a_worker_that_leaves_is_not_replaced(capfd):
    with LocalCluster(3, 1, "256 MiB", allow_python=False) as cluster:
        leaves, stays, removed = cluster.workers
        with Client(cluster):
            cluster.scale(2)
            os.kill(leaves.pid, signal.SIGTERM)
            until(lambda: leaves.status == removed.status == "ended with 0")
            until(lambda: leaves._gone)
            replaced(stays)
        assert leaves.restarts == removed.restarts == 0 and "ended" in repr(leaves)
        cluster.scale(2)
        assert leaves not in cluster.workers and stays in cluster.workers
    assert capfd.readouterr().err.count("started again") == 1


def test_a_call_that_kills_its_worker_fails():
    def kills():
        os.kill(os.getppid(), signal.SIGKILL)
        time.sleep(60)

    for n_workers in (1, 2):
        with LocalCluster(n_workers, 1, "256 MiB") as cluster, Client(cluster) as client:
            for _ in range(2):
                with pytest.raises(tg.errors.TgUserError, match="ended its worker 3 times"):
                    client.submit(kills).result(120)
                assert client.submit(max, 3, 4).result(60) == 4


def test_a_worker_that_dies_again_and_again_stays_away(monkeypatch, capfd):
    monkeypatch.setattr(_local_cluster, "_RESTARTS", 2)
    with LocalCluster(1, 1, "256 MiB") as cluster, Client(cluster) as client:
        worker, = cluster.workers
        replaced(worker)
        replaced(worker)
        kill(worker)
        until(lambda: worker._gone)
        assert worker.restarts == 2 and worker.status == "killed by signal 9"
        said = capfd.readouterr().err
        assert "local-0 was killed by signal 9; it is not started again" in said
        until(lambda: not client.status()["workers"])
        with pytest.raises(OSError, match="local-0 was killed by signal 9; no worker is left"):
            client.submit(max, 3, 4).result(20)
        with pytest.raises(OSError, match="no worker is left"):
            Client(cluster)
        cluster.scale(1)
        assert client.submit(max, 3, 4).result(60) == 4


def test_a_client_does_not_wait_for_workers_that_are_dead():
    with LocalCluster(2, 1, "256 MiB", restart=False) as cluster:
        kill(cluster.workers[0])
        start = time.monotonic()
        with Client(cluster) as client:
            assert time.monotonic() - start < 20
            assert client.submit(max, 3, 4).result(60) == 4


def test_workers_that_cannot_start_say_why(tmp_path, capfd):
    with LocalCluster(2, 1, "256 MiB", local_directory=tmp_path / "missing") as cluster:
        with pytest.raises(OSError, match=r"worker local-\d ended with 1: .*/missing: cannot be"):
            Client(cluster)
        assert [worker.restarts for worker in cluster.workers] == [0, 0]
    assert "missing: cannot be used" in capfd.readouterr().err


def test_a_wrong_local_directory_leaves_no_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    for wrong in ({"local_directory": 5}, {"function_timeout": 0}, {"memory_limit": "a lot"}):
        with pytest.raises((TypeError, ValueError), match="LocalCluster: "):
            LocalCluster(1, 1, **wrong)
    assert os.listdir(tmp_path) == []


def test_functions_of_a_cluster_have_a_time_limit(tmp_path):
    with LocalCluster(1, 1, "256 MiB", function_timeout=0.5) as cluster, Client(cluster) as client:
        with pytest.raises(tg.errors.TgUserError, match="time limit for functions, 0.5 s"):
            client.submit(spin, tmp_path / "spins").result(60)
        assert client.submit(max, 3, 4).result(60) == 4


def test_a_worker_does_not_wait_for_a_native_task_without_an_end(capfd):
    footprint = np.random.default_rng(3).random((63,) * 3) < 0.5
    x = tg.from_array(values((32,) * 3, "float64", 3, special=False), 32)
    with LocalCluster(1, 1, "256 MiB", allow_python=False) as cluster, Client(cluster) as client:
        worker, = cluster.workers
        future = client.compute(tg.ndimage.median_filter(x, footprint=footprint))  # minutes
        until(lambda: any(there["running"] for there in client.status()["workers"]))
        os.kill(worker.pid, signal.SIGINT)
        until(lambda: worker.status != "running")
        future.cancel()
        assert worker.status == "ended with 0"
    assert "a task does not end" in capfd.readouterr().err


def test_a_stopped_worker_comes_back(expected):
    with LocalCluster(2, 1, "256 MiB", allow_python=False) as cluster, Client(cluster) as client:
        future = client.compute(long_job())
        begun(future)
        os.kill(cluster.workers[0].pid, signal.SIGSTOP)
        time.sleep(1)
        os.kill(cluster.workers[0].pid, signal.SIGCONT)
        identical(future.result(180), expected)


def test_workers_come_and_go_during_a_job(expected):
    with LocalCluster(1, 1, "256 MiB", allow_python=False) as cluster, Client(cluster) as client:
        future = client.compute(long_job())
        begun(future)
        cluster.scale(3)
        client.wait_for_workers(3, 60)
        leaving = [worker.pid for worker in cluster.workers[1:]]
        cluster.scale(1)
        assert len(cluster.workers) == 1
        identical(future.result(180), expected)
        until(lambda: not any(alive(pid) for pid in leaving))


def test_a_cluster_that_is_closed_cancels():
    cluster = LocalCluster(1, 1, "256 MiB", allow_python=False)
    client = Client(cluster)
    future = client.compute(long_job(8).sum())
    begun(future)
    start = time.monotonic()
    cluster.close()
    with pytest.raises(tg.errors.TgCancelledError):
        future.result(5)
    assert time.monotonic() - start < 5
    assert current() is None and "closed" in repr(cluster) and "closed" in repr(client)
    with pytest.raises(ValueError, match="closed"):
        cluster.scale(1)
    cluster.close()


def test_a_lost_scheduler_is_an_oserror():
    with LocalCluster(1, 1, "256 MiB", allow_python=False) as cluster, Client(cluster) as client:
        future = client.compute(long_job(30).sum())
        begun(future)
        os.kill(cluster.scheduler_pid, signal.SIGKILL)
        time.sleep(0.2)
        killed = time.monotonic()
        assert "does not answer" in repr(client) and time.monotonic() - killed < 5
        with pytest.raises(OSError, match="scheduler is gone") as caught:
            future.result(60)
        assert time.monotonic() - killed < 25  # not after its lease only
        assert isinstance(caught.value, tg.TilegraphError)
        with pytest.raises(OSError, match="scheduler is gone"):
            client.status()
        assert "gone" in repr(client)


def test_a_missing_file_names_worker_and_host(cluster, client, tmp_path):
    np.save(tmp_path / "x.npy", np.arange(6))
    x = tg.open(tmp_path / "x.npy")
    os.remove(tmp_path / "x.npy")
    with pytest.raises(OSError) as caught:
        x.sum().compute()
    message = str(caught.value)
    assert str(tmp_path) in message and os.uname().nodename in message
    assert any(worker.name in message for worker in cluster.workers)
    identical(tg.ones(5).sum().compute(), 5.0)


def test_a_fork_has_an_engine_of_its_own(client):
    identical(tg.ones(5).sum().compute(), 5.0)
    future = client.compute(long_job(8).sum())
    pid = os.fork()
    if pid == 0:
        code = 1
        with contextlib.suppress(BaseException):
            assert current() is None
            assert tg.ones(6).sum().compute() == 6
            for call in (client.status, lambda: future.result(1)):
                with contextlib.suppress(NotImplementedError):
                    call()
                    os._exit(2)
            client.close()
            code = 0
        os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    future.cancel()
    identical(tg.ones(5).sum().compute(), 5.0)


PROGRAM = """
    import os, signal, sys, time
    import tilegraph as tg
    from tilegraph.distributed import Client, LocalCluster

    cluster = LocalCluster(2, 1, "256 MiB")
    client = Client(cluster)
    print(cluster.join_file, cluster.scheduler_pid, *(w.pid for w in cluster.workers), flush=True)
    x = tg.ones((400, 400, 400), chunks=50)
    for _ in range(6):
        x = tg.ndimage.gaussian_filter(x, sigma=3)
"""


def program(rest):
    """A program with a cluster: the process, the folder and the processes of the cluster."""
    code = textwrap.dedent(PROGRAM) + textwrap.dedent(rest)
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    join_file, *pids = process.stdout.readline().split()
    return process, os.path.dirname(join_file), [int(pid) for pid in pids]


def nothing_left(folder, pids):
    until(lambda: not os.path.exists(folder) and not any(alive(pid) for pid in pids), 15)


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM])
def test_nothing_is_left_of_a_killed_parent(end):
    process, folder, pids = program("""
        future = client.compute(x.sum())
        print("computing", flush=True)
        time.sleep(60)
    """)
    process.stdout.readline()
    assert all(alive(pid) for pid in pids) and os.path.exists(folder)
    process.send_signal(end)
    process.wait(30)
    nothing_left(folder, pids)


def children_of(pids):
    """The processes that these have started."""
    found = []
    for path in glob.glob("/proc/[0-9]*/stat"):
        with contextlib.suppress(OSError), open(path) as file:
            parent = int(file.read().rsplit(")", 1)[1].split()[1])
            found += [int(path.split("/")[2])] if parent in pids else []
    return found


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGINT])
def test_functions_that_run_end_with_the_parent(end):
    process, folder, pids = program("""
        def sleeps(folder):
            open(folder + "/sleeps", "x").close()
            time.sleep(600)

        def spins(folder):
            open(folder + "/spins", "x").close()
            while True:
                pass

        folder = os.path.dirname(cluster.join_file)
        futures = [client.submit(f, folder) for f in (sleeps, spins)]
        while not all(os.path.exists(f"{folder}/{name}") for name in ("sleeps", "spins")):
            time.sleep(0.05)
        print("computing", flush=True)
        time.sleep(600)
    """)
    process.stdout.readline()
    children = children_of(pids)
    assert len(children) == 2
    process.send_signal(end)
    process.wait(30)
    nothing_left(folder, pids + children)


def test_workers_that_replaced_others_end_with_the_parent():
    process, folder, pids = program("""
        before = [worker.pid for worker in cluster.workers]
        for pid in before:
            os.kill(pid, signal.SIGKILL)
        while any(worker.pid in before for worker in cluster.workers):
            time.sleep(0.05)
        print(*(worker.pid for worker in cluster.workers), flush=True)
        time.sleep(600)
    """)
    pids = [pids[0], *map(int, process.stdout.readline().split())]
    assert len(pids) == 3 and all(alive(pid) for pid in pids)
    process.kill()
    process.wait(30)
    nothing_left(folder, pids)


def test_nothing_is_left_of_a_parent_that_forgets_to_close():
    process, folder, pids = program("""
        future = client.compute(x.sum())
    """)
    assert process.wait(30) == 0
    nothing_left(folder, pids)


def test_nothing_is_left_although_a_fork_lives_on():
    process, folder, pids = program("""
        fork = os.fork()
        if fork == 0:
            time.sleep(60)
        print(fork, flush=True)
        time.sleep(60)
    """)
    fork = int(process.stdout.readline())
    process.kill()
    process.wait(30)
    try:
        nothing_left(folder, pids)
        assert alive(fork)
    finally:
        os.kill(fork, signal.SIGKILL)


def test_the_folder_stays_as_long_as_the_cluster(client):
    """The shell that removes it read a pipe which daemons had made non-blocking: on a busy machine,
    where they were faster than it, that was its sign to begin."""
    pid = client.cluster._processes[0].pid
    with open(f"/proc/{pid}/cmdline") as command, open(f"/proc/{pid}/fdinfo/0") as about:
        assert "rm -rf" in command.read()
        flags = next(line for line in about if line.startswith("flags:"))
    assert int(flags.split()[1], 8) & os.O_NONBLOCK == 0


def test_ctrl_c_returns_at_once_and_cancels_there():
    process, folder, pids = program("""
        try:
            print("computing", flush=True)
            x.sum().compute()
        except KeyboardInterrupt:
            print("interrupted", flush=True)
        until = time.monotonic() + 20
        while any(not job["finished"] for job in client.status()["jobs"]):
            assert time.monotonic() < until
            time.sleep(0.05)
        print(tg.ones(5).sum().compute(), flush=True)
    """)
    assert process.stdout.readline() == "computing\n"
    time.sleep(1)
    start = time.monotonic()
    process.send_signal(signal.SIGINT)
    assert process.stdout.readline() == "interrupted\n"
    assert time.monotonic() - start < 2
    assert process.stdout.readline() == "5.0\n"
    assert process.wait(30) == 0
    nothing_left(folder, pids)
