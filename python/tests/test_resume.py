# SPDX-License-Identifier: BSD-3-Clause
"""to_zarr(resume=True): what a killed run has written is not computed again."""

import os
import signal
import subprocess
import sys
import textwrap
import time

import numpy as np
import pytest
from processes import alive
from support import until

import tilegraph as tg
from tilegraph.distributed import Client

SHAPE, CHUNKS = (64, 96, 96), (16, 32, 32)  # 36 chunks
PART = "out.zarr.part"
#: Slow enough to be killed on the way; each call leaves a file that is named for its block.
STEPS = """
import os, time
import numpy as np

def slowly(block, block_id, seconds):
    open("call-" + "-".join(map(str, block_id)) + f"-{os.getpid()}", "w").close()
    time.sleep(seconds)
    return block * 2 if block.max() < 2 else np.zeros_like(block)
"""
RUN = """
import contextlib, sys
import tilegraph as tg
from steps import slowly
from tilegraph.distributed import Client

tg.config.set(threads=2)
y = tg.open("in.zarr").map_blocks(slowly, seconds=0.05, dtype="f4")
options = eval(sys.argv[1])
place = contextlib.nullcontext()
if options.pop("cluster", False):
    place = Client(n_workers=2, threads_per_worker=1, memory_limit="128 MiB")
    print(place.cluster.scheduler_pid, *(w.pid for w in place.cluster.workers), flush=True)
with place:
    y.to_zarr("out.zarr", resume=True, **options)
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The working folder, with the input and the module of the function."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "steps.py").write_text(STEPS)
    (tmp_path / "run.py").write_text(textwrap.dedent(RUN))
    values = np.random.default_rng(0).random(SHAPE, dtype=np.float32)
    values[:16, :32, :32] = 3  # its result is all fill value
    tg.to_zarr(values, "in.zarr", chunks=CHUNKS)
    yield values
    sys.modules.pop("steps", None)


def expected(values):
    return np.where(values == 3, 0, values * 2)


def array(seconds=0.05):
    from steps import slowly

    return tg.open("in.zarr").map_blocks(slowly, seconds=seconds, dtype="f4")


def chunks_in(folder):
    """The keys of whole chunks, as version 3 names them."""
    keys = {os.path.relpath(os.path.join(at, name), folder)
            for at, _, names in os.walk(folder) for name in names if name[0].isdigit()}
    return {"c/" + key.removeprefix("c/").replace(".", "/") for key in keys}


def tasks_per_chunk(y):
    """Of a plan that writes all of it."""
    tasks = tg.to_zarr(y, "fresh.zarr", compute=False).explain().tasks
    assert tasks % 36 == 0
    return tasks // 36


def calls(pid=None):
    """The keys of the chunks that a process has computed."""
    found = [name.split("-")[1:] for name in os.listdir() if name.startswith("call-")]
    return {"c/" + "/".join(f[:3]) for f in found if pid is None or f[3] == str(pid)}


def run_until_killed(count, **options):
    """A process that is killed when it has written so many chunks; its number. With `cluster` its
    daemons have ended too."""
    process = subprocess.Popen([sys.executable, "run.py", repr(options)], stdout=subprocess.PIPE)
    daemons = process.stdout.readline().split() if options.get("cluster") else []
    until(lambda: len(chunks_in(PART)) >= count or process.poll() is not None, 60)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    process.stdout.close()
    until(lambda: not any(alive(int(pid)) for pid in daemons), 60)
    return process.pid


@pytest.mark.parametrize("options", [{}, {"zarr_version": 2}, {"codec": "none"},
                                     {"codec": "zstd:1"}])
def test_a_killed_run_is_gone_on_with(folder, options):
    run_until_killed(8, **options)
    done = chunks_in(PART)
    assert 8 <= len(done) < 36 and not os.path.exists("out.zarr")
    y = array()
    lazy = tg.to_zarr(y, "out.zarr", resume=True, compute=False, **options)
    assert lazy.explain().tasks == tasks_per_chunk(y) * (36 - len(done))
    with tg.diagnostics.Profiler() as again:
        lazy.compute()
    assert again.tasks == tasks_per_chunk(y) * (36 - len(done))
    assert calls(os.getpid()).isdisjoint(done) and len(calls(os.getpid())) == 36 - len(done)
    np.testing.assert_array_equal(tg.open("out.zarr").compute(), expected(folder))
    assert not os.path.exists(PART)


# --- on a cluster --------------------------------------------------------------------------------


@pytest.fixture
def client(folder):
    with Client(n_workers=2, threads_per_worker=1, memory_limit="128 MiB") as made:
        yield made


def check_rest(folder, options):
    """What is missing is computed by the current cluster, and nothing else."""
    done, before = chunks_in(PART), set(os.listdir())
    assert 0 < len(done) < 36 and not os.path.exists("out.zarr")
    y = array()
    lazy = tg.to_zarr(y, "out.zarr", resume=True, compute=False, **options)
    assert lazy.explain().tasks == tasks_per_chunk(y) * (36 - len(done))
    with tg.diagnostics.Profiler() as again:
        lazy.compute()
    assert again.tasks == tasks_per_chunk(y) * (36 - len(done))
    made = {"c/" + "/".join(name.split("-")[1:4]) for name in set(os.listdir()) - before
            if name.startswith("call-")}
    assert made.isdisjoint(done) and len(made) == 36 - len(done)
    np.testing.assert_array_equal(tg.open("out.zarr").compute(), expected(folder))
    assert not os.path.exists(PART)


@pytest.mark.parametrize("options", [{}, {"zarr_version": 2, "codec": "none"}])
def test_a_killed_cluster_is_gone_on_with(folder, client, options):
    run_until_killed(8, cluster=True, **options)
    check_rest(folder, options)


def test_a_cluster_goes_on_where_one_process_was_killed(folder, client):
    run_until_killed(8)
    check_rest(folder, {})


def test_one_process_goes_on_where_a_cluster_was_killed(folder):
    run_until_killed(8, cluster=True)
    check_rest(folder, {})


def test_the_scheduler_is_killed_and_has_no_journal(folder, client):
    with Client(n_workers=2, threads_per_worker=1, memory_limit="128 MiB") as first:
        future = first.compute(tg.to_zarr(array(), "out.zarr", resume=True, compute=False))
        until(lambda: len(chunks_in(PART)) >= 8 or future.done(), 60)
        os.kill(first.cluster.scheduler_pid, signal.SIGKILL)
    assert future.cancelled()
    check_rest(folder, {})


def test_only_what_missing_chunks_need_is_computed_by_a_cluster(folder, client):
    y = tg.ndimage.gaussian_filter(tg.open("in.zarr"), sigma=1)
    y.to_zarr("out.zarr", resume=True)
    whole = tg.open("out.zarr").compute()
    os.rename("out.zarr", PART)
    os.remove(f"{PART}/c/3/2/2")
    mean = y.mean()  # wants all of it, whatever is written
    lazy = tg.to_zarr(y, "out.zarr", resume=True, compute=False)
    alone, both = lazy.explain().tasks, tg.explain(lazy, mean).tasks
    assert lazy.explain().chunks_read <= 8 and alone < both
    with tg.diagnostics.Profiler() as again:
        assert tg.compute(lazy, mean)[1] == pytest.approx(whole.mean(), rel=1e-5)
    assert again.tasks == both
    np.testing.assert_array_equal(tg.open("out.zarr").compute(), whole)


# --- by shards, damaged, of others ---------------------------------------------------------------


def test_shards_are_resumed_whole(folder):
    run_until_killed(1, chunks=CHUNKS, shards=(32, 96, 96))
    done = chunks_in(PART)
    assert done == {"c/0/0/0"}  # of two
    with tg.diagnostics.Profiler() as again:
        array().to_zarr("out.zarr", resume=True, chunks=CHUNKS, shards=(32, 96, 96))
    assert all(key.startswith(("c/2", "c/3")) for key in calls(os.getpid()))
    assert len(calls(os.getpid())) == 18 and again.tasks > 0
    np.testing.assert_array_equal(tg.open("out.zarr").compute(), expected(folder))


def test_killed_again_and_again(folder):
    """Each run goes on where the last one was killed; nothing half-written is left."""
    done = 0
    while done < 30:
        run_until_killed(done + 5)
        assert len(chunks_in(PART)) >= done + 5
        done = len(chunks_in(PART))
    array().to_zarr("out.zarr", resume=True)
    np.testing.assert_array_equal(tg.open("out.zarr").compute(), expected(folder))
    names = [name for _, _, names in os.walk("out.zarr") for name in names]
    assert not any(name.startswith(".tmp-") for name in names)


def test_computed_fill_values_are_not_computed_again(folder):
    run_until_killed(20)
    first = "c/0/0/0"
    assert first in chunks_in(PART)
    array().to_zarr("out.zarr", resume=True)
    assert first not in calls(os.getpid())
    assert (tg.open("out.zarr")[:16, :32, :32].compute() == 0).all()


@pytest.mark.parametrize("codec", ["blosc:zstd:5:shuffle", "none", "zstd:1", "gzip:1",
                                   "zstd:1+crc32c", "blosc:lz4:1+crc32c"])
@pytest.mark.parametrize("damage", ["cut", "empty", "zeros"])
def test_damaged_chunks_are_computed_again(folder, codec, damage):
    array(0).to_zarr("out.zarr", resume=True, codec=codec)
    os.rename("out.zarr", PART)
    good = open(f"{PART}/c/1/1/1", "rb").read()
    bad = {"cut": good[:-7], "empty": b"", "zeros": bytes(len(good))}[damage]
    if codec == "none" and damage == "zeros":
        return  # as good as any other
    with open(f"{PART}/c/1/1/1", "wb") as file:
        file.write(bad)
    os.remove(f"{PART}/c/2/2/2")
    with tg.diagnostics.Profiler() as again:
        array(0).to_zarr("out.zarr", resume=True, codec=codec)
    assert again.tasks == 2 * tasks_per_chunk(array(0))
    np.testing.assert_array_equal(tg.open("out.zarr").compute(), expected(folder))


def test_a_damaged_shard_is_computed_again(folder):
    options = {"resume": True, "chunks": CHUNKS, "shards": (32, 32, 32)}
    array(0).to_zarr("out.zarr", **options)
    os.rename("out.zarr", PART)
    with open(f"{PART}/c/1/1/1", "r+b") as file:
        file.truncate(os.path.getsize(file.name) - 1)
    before = len(os.listdir())
    array(0).to_zarr("out.zarr", **options)
    assert len(os.listdir()) == before  # the same calls as before, of the same process
    np.testing.assert_array_equal(tg.open("out.zarr").compute(), expected(folder))


def test_another_computation_is_refused(folder):
    run_until_killed(5)
    done = chunks_in(PART)
    for other in (array() + 1, array(0.04), tg.open("in.zarr") * 2):
        with pytest.raises(ValueError, match="out.zarr.part: was begun by another computation"):
            other.to_zarr("out.zarr", resume=True)
    for options in ({"codec": "none"}, {"chunks": (16, 32, 96)}, {"attributes": {"a": 1}},
                    {"zarr_version": 2}, {"chunks": CHUNKS, "shards": (32, 32, 32)}):
        with pytest.raises(ValueError, match="was begun with other options"):
            array().to_zarr("out.zarr", resume=True, **options)
    assert chunks_in(PART) == done


def test_a_changed_input_is_another_computation(folder):
    run_until_killed(5)
    tg.to_zarr(folder + 1, "in.zarr", chunks=CHUNKS, overwrite=True)
    with pytest.raises(ValueError, match="a file it reads"):
        array().to_zarr("out.zarr", resume=True)


def test_what_is_finished_is_left_alone(folder):
    array(0).to_zarr("out.zarr", resume=True)
    before = os.stat("out.zarr/c/0/0/0")
    with tg.diagnostics.Profiler() as again:
        assert array(0).to_zarr("out.zarr", resume=True) == "out.zarr"
    assert again.tasks == 0 and os.stat("out.zarr/c/0/0/0") == before
    assert not os.path.exists(PART)
    with pytest.raises(FileExistsError):
        (array(0) + 1).to_zarr("out.zarr", resume=True)
    (array(0) + 1).to_zarr("out.zarr", resume=True, overwrite=True)
    np.testing.assert_array_equal(tg.open("out.zarr").compute(), expected(folder) + 1)
    array(0).to_zarr("other.zarr")
    with pytest.raises(FileExistsError):
        array(0).to_zarr("other.zarr", resume=True)


def test_only_the_input_of_missing_chunks_is_read(folder):
    y = tg.ndimage.gaussian_filter(tg.open("in.zarr"), sigma=1)
    whole = y.compute()
    y.to_zarr("out.zarr", resume=True)
    os.rename("out.zarr", PART)
    os.remove(f"{PART}/c/3/2/2")
    lazy = tg.to_zarr(y, "out.zarr", resume=True, compute=False)
    assert lazy.explain().chunks_read <= 8
    lazy.compute()
    np.testing.assert_array_equal(tg.open("out.zarr").compute(), whole)


def test_a_failed_run_is_gone_on_with_too(folder):
    from steps import slowly

    def fails(block, block_id):
        if os.path.exists("broken") and block_id == (3, 2, 2):
            raise RuntimeError("broken")
        return slowly(block, block_id, 0)

    open("broken", "w").close()
    y = tg.open("in.zarr").map_blocks(fails, dtype="f4")
    with pytest.raises(RuntimeError, match="broken"):
        y.to_zarr("out.zarr", resume=True)
    done = chunks_in(PART)
    assert done
    os.remove("broken")
    with tg.diagnostics.Profiler() as again:
        y.to_zarr("out.zarr", resume=True)
    assert again.tasks == tasks_per_chunk(y) * (36 - len(done))
    np.testing.assert_array_equal(tg.open("out.zarr").compute(), expected(folder))


def test_explaining_leaves_nothing_behind(folder):
    tg.to_zarr(array(), "out.zarr", resume=True, compute=False).explain()
    assert not os.path.exists(PART)


def test_two_processes_at_one_path(folder):
    process = subprocess.Popen([sys.executable, "run.py", "{}"])
    while not chunks_in(PART) and process.poll() is None:
        time.sleep(0.005)
    with pytest.raises(FileExistsError, match="another process is writing"):
        array().to_zarr("out.zarr", resume=True)
    assert process.wait() == 0
    np.testing.assert_array_equal(tg.open("out.zarr").compute(), expected(folder))


def test_a_folder_of_somebody_else_s(folder):
    os.mkdir(PART)
    array(0).to_zarr("out.zarr", resume=True)  # empty: nobody's
    os.mkdir("else.zarr.part")
    with open("else.zarr.part/diary", "w") as file:
        file.write("dear")
    with pytest.raises(FileExistsError, match="else.zarr.part: is no store that was begun"):
        array(0).to_zarr("else.zarr", resume=True)
    assert open("else.zarr.part/diary").read() == "dear"


def test_arrays_in_memory_of_any_size(folder):
    big = np.arange(6 << 20, dtype=np.float32)
    tg.from_array(big, chunks=1 << 20).to_zarr("big.zarr", resume=True)
    with tg.diagnostics.Profiler() as again:
        tg.from_array(big, chunks=1 << 20).to_zarr("big.zarr", resume=True)
    assert again.tasks == 0
    big[-1] = 0
    with pytest.raises(FileExistsError):
        tg.from_array(big, chunks=1 << 20).to_zarr("big.zarr", resume=True)


def test_the_order_in_which_an_expression_is_built_does_not_matter(folder):
    def build(late):
        a, b = (tg.open("in.zarr") + k for k in ((2, 1) if late else (1, 2)))
        return (b, a) if late else (a, b)

    first, second = build(False)
    (first * second).to_zarr("out.zarr", resume=True)
    del first, second
    first, second = build(True)
    with tg.diagnostics.Profiler() as again:
        (first * second).to_zarr("out.zarr", resume=True)
    assert again.tasks == 0


def test_only_zarr_is_resumed(folder):
    with pytest.raises(TypeError, match="resume"):
        tg.save(array(), "a.npy", resume=True)
