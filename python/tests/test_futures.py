# SPDX-License-Identifier: BSD-3-Clause
"""Calls of plain functions on a cluster: few plans for many calls, each future for itself; and the
names that programs written for dask.distributed use."""

import collections
import concurrent.futures
import contextlib
import datetime
import gc
import inspect
import os
import pickle
import sys
import threading
import time
import traceback
import types
import weakref

import numpy as np
import pytest
from support import until

import tilegraph as tg
from tilegraph import _task, _works, distributed
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


# --- callbacks, and trying again -----------------------------------------------------------------


def test_a_callback_may_wait_for_other_futures(client):
    told = []
    future = client.submit(abs, -1)
    future.add_done_callback(lambda _: told.append(client.submit(abs, -2).result(60)))
    until(lambda: told == [2])
    future.add_done_callback(lambda f: told.append(f.result()))
    until(lambda: told == [2, 1])


def test_a_callback_may_retry(client, tmp_path):
    np.save(tmp_path / "x.npy", np.arange(6))
    x = tg.open(tmp_path / "x.npy")
    os.rename(tmp_path / "x.npy", tmp_path / "away.npy")
    told = []

    def again(future):
        os.rename(tmp_path / "away.npy", tmp_path / "x.npy")
        future.retry()
        told.append(future)

    future = client.compute(x.sum())
    future.add_done_callback(again)
    until(lambda: told == [future])
    assert future.result(60) == 15


def test_a_callback_that_exits_hurts_nobody(client, monkeypatch):
    told = []
    monkeypatch.setattr(sys, "excepthook", lambda kind, *_: told.append(kind))
    futures = client.map(abs, range(20))
    for future in futures:
        future.add_done_callback(lambda _: sys.exit(3))
    assert client.gather(futures) == list(range(20)) and client.submit(abs, -1).result(60) == 1
    until(lambda: told == [SystemExit] * 20)


def test_result_waits_again_when_somebody_retries(client):
    future = distributed.Future(client, "it")

    class Told:
        def wait(self, timeout):
            future.settle(error=KeyError(1))
            future.reset()
            threading.Timer(0.02, future.settle, [5]).start()
            return True

        def set(self):
            pass

    future._told = Told()
    assert future.result(60) == 5


def test_retry_begins_with_what_failed_first(client, tmp_path):
    def first(n):
        return n + os.path.getsize(tmp_path / "go")

    ends = [client.submit(first, n) for n in range(3)]
    for _ in range(3):
        ends = client.map(lambda n, m: n + m, ends, ends)
    assert isinstance(ends[2].exception(60), OSError)
    (tmp_path / "go").write_bytes(b"123")
    ends[2].retry()
    assert ends[2].result(60) == 8 * 5 and ends[0].status == "error"
    client.retry(ends)
    assert client.gather(ends) == [8 * 3, 8 * 4, 8 * 5]


# --- ends of clients -----------------------------------------------------------------------------


def test_closing_a_client_waits_for_no_other(cluster, client, tmp_path):
    slow = client.submit(until_there, tmp_path / "go")
    with Client(cluster) as other:
        needs = other.submit(abs, slow)
        start = time.monotonic()
    assert time.monotonic() - start < 5 and needs.cancelled() and not slow.done()
    (tmp_path / "go").touch()
    slow.result(60)


def until_there(path):
    while not os.path.exists(path):
        time.sleep(0.01)


def test_what_a_closed_client_has_not_begun_is_cancelled(cluster):
    with Client(cluster) as client:
        busy = occupy(client)
        futures = [client.submit(abs, -n) for n in range(10)]
        futures.append(client.submit(abs, futures[0]))
    assert all(future.cancelled() for future in busy + futures)
    assert all(isinstance(future.exception(), concurrent.futures.CancelledError)
               for future in futures)
    for again in (futures[0].retry, futures[-1].retry, lambda: client.retry(busy)):
        with pytest.raises(ValueError, match="closed"):
            again()
    assert all(future.cancelled() for future in busy + futures)
    late = _works.ArrayWork(client, [tg.ones(3)])
    assert late.start()[0].cancelled() and late.wait(0)
    for late in (lambda: client.compute(tg.ones(3)), lambda: client.persist(tg.ones(3)),
                 lambda: client.submit(abs, 1)):
        with pytest.raises(ValueError, match="closed"):
            late()


# --- what is kept --------------------------------------------------------------------------------


@pytest.fixture
def no_gc():
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def gone(refs):
    """Whether all of these become free."""
    with contextlib.suppress(AssertionError):
        until(lambda: all(ref() is None for ref in refs), 3)
    return [ref() is None for ref in refs] == [True] * len(refs)


def test_a_result_goes_with_its_future(client, no_gc):
    for make in (lambda: client.submit(np.ones, 1000), lambda: client.compute(tg.ones(1000)),
                 lambda: client.scatter(np.ones(3))):
        future = make()
        refs = [weakref.ref(future.result(60)), weakref.ref(future)]
        del future
        assert gone(refs)


def test_a_future_of_a_map_keeps_no_other(client, no_gc):
    def strict(n):
        if n == 3:
            raise KeyError(n)
        return np.full(1000, n)

    futures = client.map(strict, range(20))
    wait(futures, 60)
    refs = [weakref.ref(future.result()) for future in futures if future.status == "finished"]
    kept = futures[3]
    del futures
    assert kept.status == "error" and gone(refs)
    several = client.compute(tg.ones(1000), tg.zeros(1000))
    refs = [weakref.ref(future.result(60)) for future in several]
    kept = several.pop(0)
    several.clear()
    assert gone(refs[1:]) and kept.result() is refs[0]()


def test_a_chain_keeps_its_end(client, no_gc):
    future, refs = client.submit(np.ones, 1000), []
    for _ in range(20):
        future = client.submit(np.negative, future)
        refs.append(weakref.ref(future))
    assert future.result(60)[0] == 1
    assert gone(refs[:-1])


def test_a_traceback_does_not_grow(client):
    future = client.submit(abs, "x")
    lengths = set()
    for _ in range(4):
        with pytest.raises(TypeError) as caught:
            future.result(60)
        lengths.add(len(traceback.extract_tb(caught.tb)))
    assert len(lengths) == 1


def test_a_released_future_is_cancelled_unless_it_is_needed(client, tmp_path):
    first = client.submit(until_there, tmp_path / "go")
    needs = client.submit(repr, first)
    first.release()
    assert first.status == "pending"
    (tmp_path / "go").touch()
    assert needs.result(60) == "None"
    until(lambda: not first._users)
    first.release()
    needs.release()
    assert first.cancelled() and needs.cancelled() and needs.type is None
    with pytest.raises(concurrent.futures.CancelledError, match="released"):
        first.result()


# --- what travels --------------------------------------------------------------------------------


def test_what_many_calls_need_travels_once_and_each_has_its_own(client):
    def touch(n, array, more):
        array += n
        return array[0] + more

    before = jobs(client)
    array, more = client.scatter([np.ones(500_000), 3])  # 4 MB
    futures = [client.submit(touch, n, array, more=more) for n in range(40)]
    futures += client.map(touch, range(40), [array] * 40, more=more)
    assert client.gather(futures) == [n + 4 for n in range(40)] * 2
    assert jobs(client) < before + 30


def test_the_watcher_does_not_sleep_for_long():
    looks = []

    class Slow:
        priority = 0

        def may_begin(self):
            return False

        def look(self):
            looks.append(time.sleep(0.03))
            return len(looks) > 5

    start = time.monotonic()
    watcher = _works.Watcher()
    watcher.add(Slow())
    until(lambda: len(looks) > 5)
    watcher.close()
    assert time.monotonic() - start < 0.6  # four times as long it was 0.9 s


def test_futures_in_whatever_they_are(client):
    one, two = client.map(abs, [-1, -2])
    pair = collections.namedtuple("pair", "a b")
    there = [frozenset([one, two]), pair(one, [two]), collections.OrderedDict(a=one),
             collections.defaultdict(list, a=[one]), {"a": {one}}, (one, one)]
    here = [frozenset([1, 2]), pair(1, [2]), collections.OrderedDict(a=1),
            collections.defaultdict(list, a=[1]), {"a": {1}}, (1, 1)]
    assert client.submit(repr, there).result(60) == repr(here)
    made = client.gather(there)
    assert made == here and [type(m) for m in made] == [type(h) for h in here]
    deep = types.SimpleNamespace(value=collections.deque([one]))
    assert client.submit(lambda d: d.value[0] + 1, deep).result(60) == 2
    with pytest.raises(TypeError, match="stays in its process"):
        pickle.dumps(one)
    with pytest.raises(NotImplementedError, match="stays in its process"):
        client.submit(lambda: one)


class Code(Exception):
    """Its arguments are not those of its __init__."""

    def __init__(self, code, text):
        super().__init__(text)
        self.code = code


class Closed(Exception):
    def __init__(self, text):
        super().__init__(text)
        self.lock = threading.Lock()


class NotHere:
    def __init__(self, pid, path):
        self.pid, self.path = pid, path

    def __reduce__(self):
        with open(self.path, "a") as file:
            file.write("x")
        return not_here, (self.pid, self.path)


def not_here(pid, path):
    if os.getpid() == pid:
        raise KeyError("it is not known here")
    return NotHere(pid, path)


def test_exceptions_that_cannot_be_pickled_as_they_are(client):
    def fails(which):
        raise Code(5, "disk 7 is broken") if which else Closed("very important")

    error = client.submit(fails, True).exception(60)
    assert type(error).__name__ == "Code" and error.code == 5
    assert str(error) == "disk 7 is broken" and "in fails" in str(error.__cause__)
    error = client.submit(fails, False).exception(60)
    assert isinstance(error, tg.errors.TgUserError) and "in fails" in str(error.__cause__)
    assert str(error) == "fails: Closed: very important"


def test_a_result_that_cannot_be_loaded_here_is_not_made_again(client, tmp_path):
    future = client.submit(lambda *args: NotHere(*args), os.getpid(), str(tmp_path / "n"),
                           retries=3)
    error = future.exception(60)
    assert isinstance(error, tg.errors.TgUserError) and "cannot be loaded" in str(error)
    assert (tmp_path / "n").read_text() == "x"


def test_long_results_are_made_once(client, tmp_path):
    def large(n, size):
        with open(tmp_path / str(n), "a") as file:
            file.write("x")
        return bytes(size)

    assert len(client.submit(large, "first", 3 << 20).result(60)) == 3 << 20
    for n, result in enumerate(client.map(large, range(30), [100_000] * 20 + [3 << 20] * 10)):
        assert len(result.result(60)) in (100_000, 3 << 20)
        assert (tmp_path / str(n)).read_text() == "x"
    assert client.gather(client.map(lambda n: n * b"x", [10_000] * 100)) == [10_000 * b"x"] * 100


def test_results_that_nobody_asks_for_are_dropped(monkeypatch):
    monkeypatch.setattr(_task, "_waiting", {})
    for n in range(5):
        _task._keep(n, (0, bytes(30 << 20)))
    assert list(_task._waiting) == [3, 4]
    monkeypatch.setattr(_task, "_WAITING_SECONDS", 0)
    _task._keep(5, (0, b""))
    assert list(_task._waiting) == [5]


def test_calls_of_a_map_begin_when_they_can(client, tmp_path):
    first = client.map(lambda n, path: until_there(path) if n == 3 else n, range(4),
                       path=tmp_path / "go")
    second = client.map(lambda n: n, first)
    assert [future.result(60) for future in second[:3]] == [0, 1, 2]
    assert not first[3].done() and not second[3].done()
    (tmp_path / "go").touch()
    assert second[3].result(60) is None


@pytest.mark.parametrize("depth", [1, 4, 10])
def test_an_exception_comes_whole_from_a_worker(client, depth):
    """It was cut after 256 bytes, of which most were marks; later in its middle, when the paths of
    its traceback were long."""
    text = "the voxel size of this scan is 0: check the header of " + "/data/scans" * 12

    def inner():
        raise ValueError(text)

    def between():
        inner()

    def function(block, level=depth):
        function(block, level - 1) if level > 1 else between()

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
    assert isinstance(next(as_completed([bad], with_results=True, raise_errors=False))[1][1],
                      TypeError)
    with pytest.raises(TypeError):
        next(as_completed([bad], with_results=True))


def test_progress_and_callbacks(client, capsys):
    told = []
    futures = client.map(abs, range(10))
    futures[0].add_done_callback(lambda future: told.append(future.result()))
    progress(futures)
    assert "100%" in capsys.readouterr().out and all(future.done() for future in futures)
    until(lambda: told == [0])
    assert wait(futures[0]).done == {futures[0]}
    assert futures[0].client is client and futures[0].key.startswith("abs-")
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


def test_keys_are_unique_or_given(client):
    futures = [client.submit(abs, -n) for n in range(3)] + client.map(abs, range(3))
    assert len({future.key for future in futures}) == 6
    assert client.submit(abs, -1, key="it").key == "it"
    keys = [future.key for future in client.map(abs, range(3), key="mine")]
    assert len(set(keys)) == 3 and all(key.startswith("mine-") for key in keys)
    assert [future.key for future in client.map(abs, [1, 2], key=["a", "b"])] == ["a", "b"]
    with pytest.raises(ValueError, match="1 keys for 2 calls"):
        client.map(abs, [1, 2], key=["a"])


def test_a_future_says_what_it_is(client):
    future = client.submit(np.ones, 3, key="it")
    future.result(60)
    assert future.type is np.ndarray
    assert repr(future) == "<Future: finished, type: numpy.ndarray, key: it>"
    bad = client.submit(abs, "x", key="bad")
    wait(bad)
    assert bad.type is None and repr(bad) == "<Future: error, key: bad>"


def test_batches_as_dask_has_them(client, tmp_path):
    slow = client.submit(until_there, tmp_path / "go")
    futures = client.scatter(list(range(5)))
    ended = as_completed([slow, *futures])
    assert set(ended.next_batch()) == set(futures) and ended.next_batch(block=False) == []
    assert ended.count() == 1
    ended.clear()
    assert ended.is_empty() and list(ended) == []
    (tmp_path / "go").touch()
    bad = client.submit(abs, "x")
    (future, (kind, error, _)), = as_completed([bad], with_results=True, raise_errors=False)
    assert future is bad and kind is TypeError and error is bad.exception()


def test_timeouts_in_dask_s_forms(cluster, client):
    slow = client.submit(time.sleep, 0.5)
    for call in (slow.result, slow.exception, lambda t: wait(slow, t),
                 lambda t: list(as_completed([slow], timeout=t))):
        for short in ("10ms", "0.01 s", datetime.timedelta(milliseconds=10), 0.01):
            with pytest.raises(TimeoutError, match="0.01 s"):
                call(short)
    for bad in ("soon", "5 parsecs", "", "1.2.3s"):
        with pytest.raises(ValueError, match="timeout"):
            slow.result(bad)
    with pytest.raises(TypeError, match="timeout"):
        slow.result([1])
    assert slow.result("1 minute") is None and wait(slow, "5 seconds").done == {slow}
    with Client(cluster, timeout="10 s") as other:
        other.wait_for_workers(2, "1 min")


def test_cancelling_and_gathering_in_all_forms(client):
    futures = client.map(time.sleep, [5] * 6)
    client.cancel([{futures[0]}, [[futures[1]], {"a": (futures[2],)}]])
    client.cancel({"a": futures[3]})
    client.cancel(future for future in futures[4:])
    assert all(future.cancelled() for future in futures)
    with pytest.raises(concurrent.futures.CancelledError):
        futures[0].result()
    good, bad = client.map(abs, [-1, "x"])
    assert client.gather({"a": good, "b": bad}, errors="skip") == {"a": 1}
    assert client.gather(bad, errors="skip") is None
    assert client.gather([good, {"c": bad}], errors="skip") == [1, {}]
    lazy = client.gather(iter([good, bad]))
    assert next(lazy) == 1
    with pytest.raises(TypeError):
        next(lazy)
    ends = client.submit(lambda: next(iter(())))
    with pytest.raises(StopIteration):
        client.gather([ends])


def test_a_profiler_measures_what_the_client_computes(client):
    with tg.diagnostics.Profiler() as profiler:
        future = client.compute(tg.ones((200, 200), chunks=50).sum())
        assert future.result(60) == 40000
    assert profiler.tasks > 0 and len(profiler.computations) == 1
