# SPDX-License-Identifier: BSD-3-Clause
"""Calls of plain functions on a cluster: few plans for many calls, each future for itself; and the
names that programs written for dask.distributed use."""

import inspect
import os
import threading
import time

import numpy as np
import pytest
from support import until

import tilegraph as tg
from tilegraph import distributed
from tilegraph.distributed import Client, LocalCluster, as_completed, progress, wait


@pytest.fixture(scope="module")
def cluster():
    with LocalCluster(n_workers=2, threads_per_worker=1, memory_limit="256 MiB",
                      allow_python=True) as made:
        yield made


@pytest.fixture
def client(cluster):
    with Client(cluster) as made:
        yield made


def jobs(client):
    """How many the scheduler has had, of all clients."""
    lines = dict(line.rsplit(" ", 1) for line in client.metrics().splitlines())
    return int(lines["tilegraph_jobs_finished_total"]) + int(lines["tilegraph_jobs_running"])


# --- few plans -----------------------------------------------------------------------------------


def test_a_thousand_calls_are_one_plan(client):
    before = jobs(client)
    futures = client.map(lambda n, plus: n + plus, range(1000), plus=1)
    assert [future.result(60) for future in futures] == list(range(1, 1001))
    assert jobs(client) == before + 1


def test_more_calls_than_a_plan_may_have(client):
    before = jobs(client)
    assert client.gather(client.map(abs, range(-5000, 5000))) == [
        abs(n) for n in range(-5000, 5000)]
    assert jobs(client) <= before + 3


def test_arguments_that_are_large_together(client):
    before = jobs(client)
    arrays = [np.full(100_000, n) for n in range(20)]  # 16 MB
    assert client.gather(client.map(np.sum, arrays)) == [100_000 * n for n in range(20)]
    assert before + 2 <= jobs(client) <= before + 5


def test_calls_one_by_one_are_joined(client):
    def double(n):
        return 2 * n

    before = jobs(client)
    futures = [client.submit(double, n) for n in range(600)]
    assert client.gather(futures) == [2 * n for n in range(600)]
    assert jobs(client) < before + 300


def test_joined_calls_keep_to_themselves(client):
    """Of calls that became one plan one raises, one was cancelled; one could not be pickled."""
    def strict(n):
        if n == 50:
            raise KeyError(n)
        return n

    busy = occupy(client)
    futures = [client.submit(strict, n) for n in range(100)]
    futures[60].cancel()
    with pytest.raises(NotImplementedError, match="strict cannot be sent"):
        client.submit(strict, threading.Lock())
    wait(futures, timeout=60)
    assert [n for n, future in enumerate(futures) if future.status != "finished"] == [50, 60]
    assert isinstance(futures[50].exception(), KeyError) and futures[60].cancelled()
    wait(busy)


def occupy(client):
    """So much that what is submitted now has to wait."""
    return [client.submit(time.sleep, n) for n in (0.3, 0.31, 0.32, 0.33, 0.34, 0.35)]


def test_arguments_are_those_of_the_moment_of_the_call(client):
    busy, a, futures = occupy(client), np.zeros(10), []
    for n in range(20):
        a[:] = n
        futures.append(client.submit(np.sum, a))
    assert client.gather(futures) == [10.0 * n for n in range(20)]
    wait(busy)


def test_cancelling_what_waits_touches_no_other(client):
    busy = occupy(client)
    first = client.submit(abs, -1)
    first.cancel()
    others = [client.submit(abs, -n) for n in range(5)]
    assert client.gather(others) == list(range(5)) and first.cancelled()
    wait(busy)


def test_large_arguments_that_wait(client):
    busy = occupy(client)
    futures = client.map(np.sum, [np.full(300_000, n) for n in range(12)])  # 29 MB
    assert client.gather(futures) == [300_000 * n for n in range(12)]
    wait(busy)


def test_the_rest_of_a_map_is_cancelled(client, tmp_path):
    def slow(n):
        (tmp_path / str(n)).touch()
        time.sleep(0.05 if n else 0)
        return n

    futures = client.map(slow, range(400))
    assert futures[0].result(60) == 0
    client.cancel(futures)
    assert client.submit(abs, -3).result(10) == 3
    assert len(list(tmp_path.iterdir())) < 300


# --- each for itself -----------------------------------------------------------------------------


def test_futures_end_when_their_call_does(client, tmp_path):
    def waits(n):
        while n > 0 and not os.path.exists(tmp_path / "go"):
            time.sleep(0.01)
        return n

    futures = client.map(waits, [0, 1])
    first = next(as_completed(futures, timeout=60))
    assert first is futures[0] and first.result() == 0 and not futures[1].done()
    (tmp_path / "go").touch()
    assert futures[1].result(60) == 1


def test_a_call_that_kills_its_process_fails_alone(client):
    def deadly(n):
        if n == 7:
            os.abort()
        return n

    busy = occupy(client)
    futures = client.map(deadly, range(20))
    wait(futures + busy, timeout=60)
    assert [n for n, future in enumerate(futures) if future.status == "error"] == [7]
    assert isinstance(futures[7].exception(), tg.errors.TgUserError)
    assert client.gather(futures, errors="skip") == [n for n in range(20) if n != 7]


def test_calls_that_raise_and_what_needs_them(client):
    def strict(n):
        if n % 5 == 0:
            raise KeyError(n)
        return n

    first = client.map(strict, range(10))
    second = client.map(lambda n: n + 1, first)
    assert client.gather(second, errors="skip") == [n + 1 for n in range(10) if n % 5]
    for futures in (first, second):
        assert isinstance(futures[5].exception(60), KeyError)
    with pytest.raises(KeyError):
        client.gather(first)
    with pytest.raises(ValueError, match="errors must be"):
        client.gather(first, errors="later")


def test_one_of_many_is_given_up_and_wanted_again(client, tmp_path):
    def waits(n):
        while not os.path.exists(tmp_path / "go"):
            time.sleep(0.01)
        return n

    futures = client.map(waits, range(50))
    futures[20].cancel()
    assert futures[20].cancelled()
    (tmp_path / "go").touch()
    wait(futures, timeout=60)
    client.retry([futures[20]])
    assert futures[20].result(60) == 20 and client.gather(futures) == list(range(50))


def test_results_larger_than_their_room(client, tmp_path):
    def large(n):
        with open(tmp_path / str(n), "a") as file:
            file.write("x")
        return np.full(20_000, n)  # 160 kB

    futures = client.map(large, range(30))
    for n, future in enumerate(futures):
        np.testing.assert_array_equal(future.result(60), np.full(20_000, n))


def test_retries(client, tmp_path):
    def third_time(n):
        with open(tmp_path / str(n), "a") as file:
            file.write("x")
        if os.path.getsize(tmp_path / str(n)) < 3:
            raise OSError(n)
        return n

    assert client.gather(client.map(third_time, range(5), retries=2)) == list(range(5))
    with pytest.raises(OSError):
        client.submit(third_time, 9, retries=1).result(60)


def test_more_plans_than_a_scheduler_takes_of_one_client(client):
    """They wait in the client: 128 MiB at once were refused, 64 MiB ended the connection."""
    busy = client.map(time.sleep, [2, 2])
    images = [np.full((1000, 1900), n) for n in range(12)]  # 15 MB each, in the plan itself
    sums = [client.compute(tg.from_array(image).sum()) for image in images]
    assert client.gather(sums) == [1_900_000 * n for n in range(12)]
    client.gather(busy)


def test_a_call_that_waits_for_a_first_worker_holds_up_no_other(client):
    """It waits beside them: what fails meanwhile says so."""
    with LocalCluster(n_workers=0, threads_per_worker=1, memory_limit="256 MiB",
                      allow_python=True) as empty:
        with Client(empty, set_as_default=False) as other:
            waits = other.submit(abs, client.submit(lambda: time.sleep(0.3) or -7))
            fails = other.submit(abs, client.submit(lambda: time.sleep(0.6) or 1 / 0))
            assert isinstance(fails.exception(10), ZeroDivisionError)
            assert waits.status == "pending"
            empty.scale(1)
            assert waits.result(60) == 7


def test_an_exception_comes_whole_from_a_worker(client):
    """It was cut after 256 bytes, of which most were marks."""
    text = "the voxel size of this scan is 0: check the header of " + "/data/scans" * 12

    def inner():
        raise ValueError(text)

    def function(block):
        inner()

    with pytest.raises(ValueError) as caught:
        tg.ones((8, 8)).map_blocks(function, dtype="f8").compute()
    assert caught.value.args == (text,)
    assert "in inner" in str(caught.value.__cause__) and "on worker" in str(caught.value.__cause__)


# --- priority ------------------------------------------------------------------------------------


def test_priority(client):
    """Of calls that wait, those of a higher priority go first, whenever they were made."""
    first = client.map(time.sleep, [0.02] * 200, priority=-1)
    until(lambda: first[0].done())
    later = client.map(time.sleep, [0.021] * 10, priority=2.5)
    wait(later, 60)
    assert sum(f.done() for f in first) < 100
    x = tg.ones((64, 64), chunks=(8, 8))
    assert client.compute(x.sum(), priority=3).result(60) == 64 * 64
    assert client.persist(x, priority=3).result(60).compute().sum() == 64 * 64
    assert sum(f.done() for f in first) < 150
    client.gather(first)


def test_bad_priorities(client):
    for bad, error in (("high", TypeError), (None, TypeError), (True, TypeError),
                       (float("nan"), ValueError), (2e9, ValueError)):
        with pytest.raises(error, match="priority"):
            client.submit(abs, 1, priority=bad)
        with pytest.raises(error, match="priority"):
            client.compute(tg.ones(3), priority=bad)


# --- names of Dask's -----------------------------------------------------------------------------


def test_arguments_of_dask_s_are_not_passed_on(client):
    options = {"pure": False, "key": "name", "priority": 3, "fifo_timeout": "1s",
               "allow_other_workers": False, "workers": None, "actor": False}
    assert client.submit(dict, a=1, **options).result(60) == {"a": 1}
    assert client.submit(dict, batch_size=32).result(60) == {"batch_size": 32}
    assert client.gather(client.map(abs, [-1], batch_size=10, **options)) == [1]
    for refused in ({"workers": ["here"]}, {"resources": {"GPU": 1}}, {"actor": True}):
        with pytest.raises(NotImplementedError, match=next(iter(refused))):
            client.submit(abs, -1, **refused)
    with pytest.raises(TypeError, match="retries"):
        client.submit(abs, -1, retries="often")
    with pytest.raises(TypeError, match="expected a function"):
        client.map(3, [1])


def test_names_and_arguments_are_dask_s():
    """What both have has the same arguments; those that are missing stand here."""
    dask = pytest.importorskip("dask.distributed")
    quiet = {"loop", "asynchronous", "reason", "msg", "kwargs", "timeout", "group_by", "self"}
    inside = {"key", "workers", "resources", "retries", "priority", "fifo_timeout", "actor",
              "allow_other_workers", "actors", "pure", "batch_size", "optimize_graph", "traverse"}
    for owner, names in (("Client", "submit map gather scatter cancel retry wait_for_workers"),
                         ("Future", "result exception traceback cancel cancelled done retry "
                                    "add_done_callback"),
                         ("neither", "as_completed wait progress")):
        for name in names.split():
            theirs, ours = (
                list(inspect.signature(getattr(getattr(module, owner, module), name)).parameters)
                for module in (dask, distributed))
            missing = set(theirs) - set(ours) - quiet
            assert missing <= (inside if "kwargs" in ours else {"direct"}), (name, missing)
            same = [one for one in theirs if one in ours]
            assert same == [one for one in ours if one in same], (name, theirs, ours)


def test_as_completed_grows(client):
    seen = []
    ended = as_completed(client.map(abs, [-1, -2]), with_results=True)
    for _, result in ended:
        seen.append(result)
        if result == 1:
            ended.add(client.submit(abs, -3))
            ended.update(client.map(abs, [-4]))
    assert sorted(seen) == [1, 2, 3, 4] and ended.is_empty() and ended.count() == 0
    batches = list(as_completed(client.map(abs, range(20))).batches())
    assert sum(len(batch) for batch in batches) == 20
    bad = client.submit(abs, "x")
    assert isinstance(next(as_completed([bad], with_results=True, raise_errors=False))[1],
                      TypeError)
    with pytest.raises(TypeError):
        next(as_completed([bad], with_results=True))


def test_progress_and_callbacks(client, capsys):
    told = []
    futures = client.map(abs, range(10))
    futures[0].add_done_callback(lambda future: told.append(future.result()))
    progress(futures)
    assert "100%" in capsys.readouterr().out and all(future.done() for future in futures)
    assert told == [0] and wait(futures[0]).done == {futures[0]}
    assert futures[0].client is client and futures[0].key == "abs"
    assert futures[0].traceback() is None


def test_a_client_that_is_not_the_default(cluster):
    with Client(cluster, set_as_default=False) as client:
        assert distributed.current() is None
        assert client.submit(abs, -1).result(60) == 1
        assert client.compute(tg.ones(3).sum(), sync=True) == 3
    with cluster.get_client() as client:
        assert distributed.current() is client


def test_names_that_outside_programs_rely_on(cluster):
    assert os.path.exists(cluster.join_file)
    assert len(cluster.workers) == 2
    for worker in cluster.workers:
        assert os.path.exists(f"/proc/{worker.pid}") and worker.name and "://" in worker.address
    for where in (cluster, cluster.scheduler_address, cluster.join_file):
        with Client(where) as client:
            client.wait_for_workers(2, timeout=60)
            with tg.diagnostics.Profiler() as p:
                x = tg.ones((200, 200), chunks=50).sum()
                assert x.compute() == 40000 and x.explain().tasks > 0
            assert p.tasks > 0 and p.retries == 0 and p.bytes_spilled == 0
            assert p.bytes_transferred > 0
    cluster.scale(1)
    assert len(cluster.workers) == 1
    cluster.scale(2)
    with Client(cluster) as client:
        client.wait_for_workers(2, timeout=60)
