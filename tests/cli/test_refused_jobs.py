# SPDX-License-Identifier: BSD-3-Clause
"""Jobs that a cluster cannot do: the program hears who, what, and what to do; workers stay, and
nobody else's job is touched."""

import shutil

import numpy as np
import pytest

tg = pytest.importorskip("tilegraph")
pytest.importorskip("tilegraph.errors")


@pytest.fixture
def large(home):
    """A store of one tile; made before there is a cluster, on which it would be made else."""
    path = str(home.path / "large.zarr")
    tg.from_array(np.zeros((2048, 2048)), chunks=(2048, 2048)).to_zarr(path)
    return path


@pytest.fixture
def cluster(home):
    """A client of a cluster with a small worker that allows no Python; beside it another client,
    whose job is computed in the end as if nothing had happened."""
    home.scheduler()
    worker = home.start("tgworker", "--nthreads", 1, "--memory-limit", "64MiB", "--name", "small",
                        ready="joined the cluster")
    data = np.arange(256 * 256, dtype=np.float32).reshape(256, 256)
    with tg.distributed.Client(str(home.join)) as other, \
            tg.distributed.Client(str(home.join)) as client:
        yield client
        array = tg.from_array(data, chunks=(64, 64))
        got = other.compute(tg.ndimage.gaussian_filter(array, sigma=2)).result(timeout=40)
    np.testing.assert_array_equal(got, tg.ndimage.gaussian_filter(data, sigma=2), strict=True)
    assert worker.poll() is None, worker.log()
    assert "1 worker " in home.tg("status")


def refused(client, array, error):
    with pytest.raises(error) as caught:
        client.compute(array).result(timeout=40)
    return str(caught.value)


def test_a_tile_that_is_larger_than_any_worker(large, cluster):
    array = tg.ndimage.median_filter(tg.open(large), size=3)
    text = refused(cluster, array, tg.errors.TgMemoryError)
    for words in ("the workers of the cluster have too little memory",
                  "tgworker --memory-limit", "may use 60.0 MiB", "use smaller chunks"):
        assert words in text


def test_a_source_that_a_worker_does_not_see(home, cluster):
    path = home.path / "scan.zarr"
    tg.from_array(np.zeros((64, 64)), chunks=(32, 32)).to_zarr(str(path))
    array = tg.open(str(path)) + 1
    shutil.move(path, home.path / "elsewhere")
    text = refused(cluster, array, tg.errors.TgNotFoundError)
    for words in ("worker small on ", f"{path}: No such file or directory", "the same path",
                  "shared file system"):
        assert words in text


def test_a_source_that_is_another_one_by_now(home, cluster):
    path = str(home.path / "scan.zarr")
    tg.from_array(np.zeros((64, 64)), chunks=(32, 32)).to_zarr(path)
    array = tg.open(path) + 1
    tg.from_array(np.zeros((80, 64), np.int8), chunks=(32, 32)).to_zarr(path, overwrite=True)
    text = refused(cluster, array, tg.errors.TgValueError)
    for words in ("worker small on ", path, "not the array that it was", "open it again"):
        assert words in text


def test_a_function_that_workers_do_not_allow(cluster):
    array = tg.map_blocks(lambda block: block + 1, tg.ones((64, 64), chunks=(32, 32)))
    text = refused(cluster, array, tg.errors.TgUnsupportedError)
    for words in ("worker small on ", "<lambda>", "not allowed here", "--allow-python"):
        assert words in text
