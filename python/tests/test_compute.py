# SPDX-License-Identifier: BSD-3-Clause
"""Computing, keeping and writing results."""

import gc
import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import lazy_pairs, same, values

import tilegraph as tg

zarr = pytest.importorskip("zarr")


@pytest.fixture
def pair():
    array = values((20, 30, 11), "float32", special=False)
    return array, tg.from_array(array, (7, 8, 11))


def test_compute(pair):
    array, x = pair
    assert type(x.compute()) is np.ndarray
    a, b = tg.compute(x + 1, x[0, 0, 0])
    same(a, array + 1)
    assert isinstance(b, np.float32)
    assert tg.compute() == ()
    assert tg.compute(5, "text") == (5, "text")
    found = tg.compute([x[0], {"k": x[1]}], (x[2],), 7)
    same(found[0][0], array[0])
    same(found[0][1]["k"], array[1])
    same(found[1][0], array[2])
    same(np.asarray(x), array)
    same(np.asarray(x, "float64"), array.astype("float64"))
    with pytest.raises(ValueError):
        np.asarray(x, copy=False)


def test_shared_work_is_done_once(pair):
    calls = []

    def count(block):
        calls.append(1)
        return block

    shared = tg.map_blocks(count, pair[1], dtype="float32")
    tg.compute(shared + 1, shared * 2, shared)
    assert len(calls) == pair[1].npartitions


def test_results_are_ones_own(pair):
    array, x = pair
    y = x * 1
    first = y.compute()
    first[:] = -1
    same(y, array)
    same(x, array)
    direct = x.compute()
    assert not np.shares_memory(direct, array)


def test_results_outlive_everything():
    def make():
        return (tg.from_array(np.arange(1000.0)) * 2).compute()

    result = make()
    gc.collect()
    for _ in range(20):
        (tg.zeros((1000,)) + 7).compute()
    same(result, np.arange(1000.0) * 2)


def test_persist(pair):
    array, x = pair
    calls = []

    def count(block):
        calls.append(1)
        return block + 1

    y = tg.map_blocks(count, x, dtype="float32").persist()
    assert y.chunks == x.chunks
    before = len(calls)
    same(y, array + 1)
    same(y[3] * 2, (array[3] + 1) * 2)
    assert len(calls) == before
    a, b = tg.persist(x + 1, x[x > 1]) if hasattr(tg, "mask_select") else tg.persist(x + 1, x)
    same(a, array + 1)
    with pytest.raises(TypeError):
        tg.persist(3)


def test_numbers(pair):
    one = tg.full((1, 1), 3)
    assert int(one) == 3 and float(one) == 3.0 and complex(one) == 3 and bool(one)
    assert one.item() == 3
    assert [10, 20, 30, 40][tg.full((), 2)] == 30
    assert tg.arange(3).tolist() == [0, 1, 2]
    with pytest.raises(TypeError):
        float(pair[1])
    with pytest.raises(ValueError, match="ambiguous"):
        bool(pair[1])
    with pytest.raises(TypeError):
        [1][tg.full((), 2.0)]


def test_attributes(pair):
    x = pair[1]
    assert (x.shape, x.ndim, x.dtype, x.size) == ((20, 30, 11), 3, np.dtype("float32"), 6600)
    assert (x.itemsize, x.nbytes) == (4, 26400)
    assert x.chunks == ((7, 7, 6), (8, 8, 8, 6), (11,))
    assert (x.chunksize, x.numblocks, x.npartitions) == ((7, 8, 11), (3, 4, 1), 12)
    assert (x + 1).name == (x + 1).name != (x + 2).name
    with pytest.raises(TypeError):
        tg.Array()


# --- stores ------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", [2, 3])
def test_zarr(tmp_path, pair, version):
    array, x = pair
    path = tmp_path / "x.zarr"
    x.to_zarr(path, zarr_version=version, attributes={"unit": "um"})
    stored = zarr.open(str(path), mode="r")
    same(stored[...], array)
    assert stored.chunks == (7, 8, 11)
    assert dict(stored.attrs)["unit"] == "um"
    y = tg.from_zarr(path)
    assert y.chunks == x.chunks
    same(y[3:9, ::2], array[3:9, ::2])
    with pytest.raises(FileExistsError):
        x.to_zarr(path)
    (x + 1).to_zarr(path, overwrite=True, chunks=(10, 10, 11), zarr_version=version)
    same(tg.open(path), array + 1)
    same(tg.from_zarr(path, chunks=5), array + 1)


@pytest.mark.parametrize("codec", ["none", "zstd:3", "gzip:5", "blosc:lz4:5:shuffle",
                                   "blosc:zstd:5:shuffle"])
def test_codecs_and_shards(tmp_path, pair, codec):
    array, x = pair
    path = str(tmp_path / "x.zarr")
    x.to_zarr(path, codec=codec, chunks=(5, 5, 11), shards=(10, 15, 11))
    same(zarr.open(path, mode="r")[...], array)
    same(tg.from_zarr(path), array)


def test_reading_what_zarr_wrote(tmp_path, pair):
    array, _ = pair
    group = zarr.open_group(str(tmp_path / "g.zarr"), mode="w")
    stored = group.create_array("inner", shape=array.shape, chunks=(6, 7, 8), dtype="float32")
    stored[...] = array
    same(tg.from_zarr(tmp_path / "g.zarr", "inner"), array)
    same(tg.open(tmp_path / "g.zarr" / "inner"), array)


def test_npy(tmp_path, pair):
    array, x = pair
    tg.save(x, tmp_path / "x.npy")
    same(np.load(tmp_path / "x.npy"), array)
    np.save(tmp_path / "f.npy", np.asfortranarray(array))
    same(tg.open(tmp_path / "f.npy"), array)


def test_several_stores_in_one_pass(tmp_path, pair):
    array, x = pair
    y = x + 1
    a = y.to_zarr(tmp_path / "a.zarr", compute=False)
    b = (y * 2).to_zarr(tmp_path / "b.zarr", compute=False)
    assert not (tmp_path / "a.zarr").exists()
    paths = tg.compute(a, b, y[0])
    assert paths[0] == str(tmp_path / "a.zarr")
    same(tg.open(paths[0]), array + 1)
    same(tg.open(paths[1]), (array + 1) * 2)
    same(paths[2], array[0] + 1)
    assert "a.zarr" in repr(a)


def test_nothing_half_written(tmp_path, pair):
    def fail(block):
        raise RuntimeError("no")

    with pytest.raises(RuntimeError, match="no"):
        tg.map_blocks(fail, pair[1], dtype="float32").to_zarr(tmp_path / "x.zarr")
    assert os.listdir(tmp_path) == []


def test_store_into_arrays(pair):
    array, x = pair
    target = np.zeros((20, 30, 11))
    tg.store(x + 1, target)
    same(target, (array + 1).astype("float64"))
    wide = np.zeros((25, 60, 11), "float32")
    tg.store(x, wide[:20, ::2])
    same(wide[:20, ::2], array)
    tg.store(x, wide, regions=(slice(5, 25), slice(1, 60, 2), slice(None)))
    same(wide[5:, 1::2], array)
    a, b = np.zeros_like(array), np.zeros_like(array)
    tg.store([x, x * 2], [a, b])
    same(b, array * 2)
    with pytest.raises(ValueError):
        tg.store(x, np.zeros((3, 3)))
    with pytest.raises(ValueError):
        tg.store([x, x], [a])


def test_store_into_anything(tmp_path, pair):
    array, x = pair
    target = zarr.open(str(tmp_path / "t.zarr"), mode="w", shape=(22, 30, 11), chunks=(7, 8, 11),
                       dtype="float32")
    x.store(target, regions=(slice(2, 22), slice(0, 30), slice(0, 11)))
    same(target[2:], array)


@settings(max_examples=15)
@given(lazy_pairs(min_dims=1, min_side=1, dtypes=("uint8", "float32", "int16", "complex64")),
       st.sampled_from([2, 3]))
def test_any_array_survives_zarr(tmp_path_factory, pair, version):
    array, x = pair
    path = tmp_path_factory.mktemp("z") / "a.zarr"
    x.to_zarr(path, zarr_version=version, chunks=x.chunksize)
    same(tg.open(path), array)


# --- errors ------------------------------------------------------------------------------------


def test_missing_and_damaged(tmp_path, pair):
    with pytest.raises(FileNotFoundError) as caught:
        tg.open(tmp_path / "none.zarr")
    assert isinstance(caught.value, tg.TilegraphError)
    assert "none.zarr" in str(caught.value)
    (tmp_path / "bad.npy").write_bytes(b"\x93NUMPY\x01\x00garbage")
    with pytest.raises((ValueError, OSError)) as caught:
        tg.open(tmp_path / "bad.npy")
    assert isinstance(caught.value, tg.TilegraphError)
    path = tmp_path / "x.zarr"
    pair[1].to_zarr(path, codec="zstd:3")
    chunk = next(p for p in path.rglob("*") if p.is_file() and p.name != "zarr.json")
    chunk.write_bytes(chunk.read_bytes()[:20])
    with pytest.raises(OSError) as caught:
        tg.open(path).compute()
    assert isinstance(caught.value, tg.TilegraphError)
    assert "x.zarr" in str(caught.value)


def test_memory_limit_too_small():
    big = tg.ones((1 << 26,), "float64")
    with tg.config.set(memory_limit="1 MiB"):
        with pytest.raises(MemoryError) as caught:
            (big + 1).compute()
    assert isinstance(caught.value, tg.TilegraphError)


# --- interrupting ------------------------------------------------------------------------------


@pytest.mark.skipif(threading.current_thread() is not threading.main_thread(), reason="signals")
def test_ctrl_c(pair):
    def slow(block):
        time.sleep(0.05)
        return block

    lazy = tg.map_blocks(slow, tg.zeros((400,), chunks=1), dtype="float64")
    timer = threading.Timer(0.3, signal.raise_signal, [signal.SIGINT])
    timer.start()
    start = time.perf_counter()
    with pytest.raises(KeyboardInterrupt):
        lazy.compute()
    assert time.perf_counter() - start < 2
    same(pair[1] + 1, pair[0] + 1)


@pytest.mark.skipif(threading.current_thread() is not threading.main_thread(), reason="signals")
def test_ctrl_c_leaks_nothing():
    ffi, lib = tg._engine.ffi, tg._engine.lib
    used, kept = ffi.new("int64_t *"), ffi.new("int64_t *")
    lib.tg_session_memory(tg._engine.session(), used, kept)
    before = used[0]

    def slow(block):
        time.sleep(0.02)
        return block

    lazy = tg.map_blocks(slow, tg.zeros((1 << 22,), chunks=1 << 14), dtype="float64")
    threading.Timer(0.2, signal.raise_signal, [signal.SIGINT]).start()
    gc.disable()
    try:
        with pytest.raises(KeyboardInterrupt):
            lazy.compute()
    finally:
        gc.enable()
    gc.collect()  # what pytest keeps of the exception
    for _ in range(100):
        lib.tg_session_memory(tg._engine.session(), used, kept)
        if used[0] <= before:
            break
        time.sleep(0.05)
    assert used[0] <= before


SCRIPT = """
import os, time, threading, numpy as np, tilegraph as tg
def slow(block):
    time.sleep({sleep})
    return block
x = tg.map_blocks(slow, tg.zeros((64,), chunks=1), dtype="float64")
{body}
print("end", flush=True)
"""


@pytest.mark.parametrize("body", [
    "y = x + 1; x[:4].compute()",
    "threading.Thread(target=x.compute, daemon=True).start(); time.sleep(0.1)",
    "a = tg.from_array(np.arange(1 << 20)); b = a.persist(); import gc; gc.disable()",
    "pid = os.fork()\n"
    "assert tg.arange(5).sum().compute() == 10\n"
    "os._exit(0) if not pid else os.waitpid(pid, 0)",
    "tg.arange(9).compute(); pid = os.fork()\n"
    "assert tg.arange(5).compute()[4] == 4\n"
    "os._exit(0) if not pid else None\n"
    "assert os.waitpid(pid, 0)[1] == 0",
])
def test_the_interpreter_ends_cleanly(body):
    done = subprocess.run([sys.executable, "-c", SCRIPT.format(sleep=0.02, body=body)],
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "end\n"
    assert done.stderr == ""


def test_threads_may_compute_at_once(pair):
    array, x = pair
    failures = []

    def work(k):
        try:
            for i in range(20):
                same(x * k + i, array * np.float32(k) + np.float32(i))
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures, failures[0]


@pytest.mark.parametrize("name", ["reversed", "rolled", "blurred", "scaled", "transposed", "part"])
def test_store_into_the_memory_of_its_own_input(name):
    """Tiles that are still to be read are not overwritten."""
    array = np.random.default_rng(3).random((300, 300))
    x = tg.from_array(array, chunks=64)
    wanted, target = {
        "reversed": (x[::-1], array),
        "rolled": (tg.roll(x, 7, 0), array),
        "blurred": (tg.ndimage.uniform_filter(x, 5), array),
        "scaled": (x * 2, array),
        "transposed": (x.T, array),
        "part": (x[:200] + x[100:], array[50:250]),
    }[name]
    expected = wanted.compute()
    with tg.config.set(threads=1):
        tg.store(wanted, target)
    np.testing.assert_array_equal(target, expected)
