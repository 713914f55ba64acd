# SPDX-License-Identifier: BSD-3-Clause
"""Arrays handed to dask.distributed: a real cluster of processes, and Dask's own schedulers."""

import os
import pickle
import threading

import numpy as np
import pytest

import tilegraph as tg

dask = pytest.importorskip("dask")
pytest.importorskip("distributed")
import dask.array  # noqa: E402
import distributed  # noqa: E402
from dask.base import is_dask_collection  # noqa: E402

SHAPE = (48, 80, 64)


def pid_of(block):
    """Of the process that computes the block."""
    return np.full(block.shape, os.getpid(), np.int64)


def share(block):
    """What the engine may use in the process that computes the block."""
    return np.full((1, 1), tg.config.get("threads") * 10**15 + tg.config.get("memory_limit"))


def fails(block):
    raise KeyError("a word of the user's")


@pytest.fixture(scope="module")
def client():
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, processes=True,
                                  memory_limit="1 GiB", dashboard_address=None) as cluster:
        with distributed.Client(cluster) as client:
            yield client


@pytest.fixture(scope="module")
def values():
    return np.random.default_rng(0).random(SHAPE, dtype=np.float32)


@pytest.fixture(scope="module")
def stored(values, tmp_path_factory):
    path = str(tmp_path_factory.mktemp("dask") / "x.zarr")
    tg.to_zarr(values, path, chunks=(16, 32, 32))
    return path


def filtered(x):
    return tg.ndimage.gaussian_filter(x, sigma=1.5) * 2 + x.mean()


def test_compute_on_a_cluster(client, stored):
    y = filtered(tg.open(stored))
    lazy = y.to_dask(chunks=(20, 40, 64))
    assert lazy.shape == SHAPE and lazy.dtype == y.dtype and lazy.numblocks == (3, 2, 1)
    np.testing.assert_array_equal(lazy.compute(), y.compute())
    np.testing.assert_array_equal(client.compute(lazy).result(), y.compute())


def test_one_task_of_dask_s_per_super_chunk(client, stored):
    lazy = tg.open(stored).to_dask(chunks=(16, 32, 32))
    keys = [key for key in lazy.__dask_graph__() if isinstance(key, tuple)]
    assert len(keys) == lazy.npartitions == 3 * 3 * 2
    pids = tg.open(stored).map_blocks(pid_of, dtype="i8").to_dask(chunks=(16, 32, 32)).compute()
    assert set(np.unique(pids)) <= set(client.run(os.getpid).values())
    assert os.getpid() not in pids


def test_several_in_one_call(client, stored):
    x = tg.open(stored)
    mean, high = dask.compute(x.mean().to_dask(), (x > 0.5).to_dask(chunks=(24, -1, -1)))
    assert isinstance(mean, np.floating) and mean == x.mean().compute()
    np.testing.assert_array_equal(high, (x > 0.5).compute())


def test_persist(client, stored):
    y = filtered(tg.open(stored))
    for kept in (y.to_dask(chunks=(20, 40, 64)).persist(),
                 client.persist(y.to_dask(chunks=(20, 40, 64))),
                 dask.persist(y.to_dask(chunks=(20, 40, 64)))[0]):
        distributed.wait(kept)
        assert len(client.who_has(kept)) >= 6 and kept.shape == SHAPE
        np.testing.assert_array_equal(kept.compute(), y.compute())
        np.testing.assert_array_equal(kept.to_array()[::2].compute(), y.compute()[::2])


def test_a_dask_array_of_it(client, stored):
    y = filtered(tg.open(stored))
    array = y.to_dask(chunks=(20, 40, 64)).to_array()
    assert isinstance(array, dask.array.Array)
    assert array.chunks == ((20, 20, 8), (40, 40), (64,)) and array.dtype == y.dtype
    np.testing.assert_allclose(array[5:30, ::2].sum().compute(), y.compute()[5:30, ::2].sum(),
                               rtol=1e-5)
    np.testing.assert_array_equal((array + 1).compute(), y.compute() + 1)


def test_pickled_it_computes_the_same(client, stored):
    y = filtered(tg.open(stored))
    lazy = y.to_dask(chunks=(20, 40, 64))
    again = pickle.loads(pickle.dumps(lazy))
    assert again.name == lazy.name and again.chunks == lazy.chunks
    np.testing.assert_array_equal(again.compute(), y.compute())
    future = client.submit(lambda part: part.compute(scheduler="sync").sum(), again, pure=False)
    assert future.result() == y.compute().sum()


def test_a_relative_path_is_found_by_workers_elsewhere(client, values, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    tg.to_zarr(values, "here.zarr")
    np.testing.assert_array_equal(tg.open("here.zarr").to_dask().compute(), values)


def test_memory_travels_and_too_much_is_said(client, values):
    np.testing.assert_array_equal((tg.from_array(values) + 1).to_dask().compute(), values + 1)
    with pytest.raises(tg.errors.TgLimitError, match="save it to a store"):
        tg.from_array(np.zeros((5 << 20,), np.float32)).to_dask()


def test_functions_travel(client, stored, values):
    def local(block, plus):
        return block * 2 + plus

    x = tg.open(stored)
    y = x.map_blocks(local, plus=3, dtype="f4").map_overlap(
        lambda block: block[::-1][::-1] + 1, depth=2, boundary="reflect", dtype="f4")
    np.testing.assert_array_equal(y.to_dask(chunks=(16, 32, 32)).compute(), values * 2 + 3 + 1)


def test_functions_that_cannot_be_pickled(stored):
    lock = threading.Lock()
    y = tg.open(stored).map_blocks(lambda block: block if lock else 0, dtype="f4")
    with pytest.raises(tg.errors.TgUnsupportedError, match="map_blocks.*lambda.*cannot be sent"):
        y.to_dask()


def test_an_error_in_a_worker_is_the_user_s(client, stored):
    with pytest.raises(KeyError, match="a word of the user's"):
        tg.open(stored).map_blocks(fails, dtype="f4").to_dask().compute()


def test_a_store_that_is_gone(client, values, tmp_path):
    path = tmp_path / "gone.npy"
    np.save(path, values)
    lazy = tg.open(str(path)).to_dask()
    path.unlink()
    with pytest.raises(FileNotFoundError, match="gone.npy"):
        lazy.compute()


def test_the_share_of_a_worker(client, stored):
    found = tg.open(stored)[0].rechunk(-1).map_blocks(share, dtype="i8", chunks=(1, 1))
    found = found.to_dask().compute().item()
    assert found // 10**15 == 1
    assert found % 10**15 == pytest.approx((1 << 30) / 2, rel=0.01)


def test_unknown_lengths_and_no_axes(client, values):
    x = tg.from_array(values)
    np.testing.assert_array_equal(x[x > 0.5].to_dask().compute(), values[values > 0.5])
    assert np.isnan(x[x > 0.5].to_dask().to_array().shape[0])
    assert x.max().to_dask().compute() == values.max()
    assert x.max().to_dask().to_array().compute() == values.max()
    np.testing.assert_array_equal(tg.zeros((0, 3)).to_dask().compute(), np.zeros((0, 3)))


@pytest.mark.parametrize("scheduler", ["threads", "sync"])
def test_dask_s_own_schedulers(stored, scheduler):
    y = filtered(tg.open(stored))
    with dask.config.set(scheduler=scheduler):
        np.testing.assert_array_equal(y.to_dask(chunks=(20, 40, 64)).compute(), y.compute())
        array, = dask.compute(y.to_dask(chunks=(20, 40, 64)).to_array())
    np.testing.assert_array_equal(array, y.compute())


def test_super_chunks_are_few_and_whole():
    from tilegraph._dask import super_chunks

    huge = tg.zeros((20_000, 20_000, 20_000), "u1", chunks=(64, 64, 64))
    chunks = super_chunks(huge)
    assert all(sum(c) == 20_000 for c in chunks)
    assert 64 < np.prod([len(c) for c in chunks]) <= 256
    assert all(edge % 64 == 0 for c in chunks for edge in c[:-1])
    assert super_chunks(tg.zeros((100, 100), chunks=(10, 10))) == ((100,), (100,))
    with pytest.raises(tg.errors.TgLimitError, match="larger chunks"):
        huge.to_dask(chunks=(64, 64, 64))


def test_the_array_itself_is_no_collection(stored):
    """xarray takes every array that has __dask_graph__ for Dask's."""
    x = tg.open(stored)
    assert not is_dask_collection(x) and is_dask_collection(x.to_dask())
    assert not hasattr(x.to_dask(), "__array_function__")


def test_names_differ_when_arrays_do(stored):
    x = tg.open(stored)
    assert x.to_dask().name == x.to_dask().name != (x + 1).to_dask().name
    assert x.to_dask().name != tg.open(stored).to_dask().name  # what is stored may have changed
    assert dask.base.tokenize(x.to_dask()) == dask.base.tokenize(x.to_dask())
