# SPDX-License-Identifier: BSD-3-Clause
"""tg.serve: a process that is a cluster of its own, and workers that join it."""

import os
import subprocess
import sysconfig
import time

import numpy as np
import pytest

import tilegraph as tg
from tilegraph import errors


@pytest.fixture
def server():
    with tg.serve() as made:
        yield made


def _slow(side=3000, sigma=40):
    """An array that takes a while."""
    x = tg.arange(side * side, dtype="float32").reshape(side, side).rechunk((128, 128))
    return tg.ndimage.gaussian_filter(tg.sqrt(x), sigma)


def test_computes_the_same(server):
    x = _slow(500, 2)
    there = x.compute()
    assert os.path.exists(server.join_file)
    server.close()
    assert not os.path.exists(server.join_file)
    np.testing.assert_array_equal(there, x.compute())
    server.close()
    assert "closed" in repr(server)


def test_a_worker_joins_while_a_job_runs(server, tmp_path):
    """A tgworker that was not there at the start does a part of the job."""
    from tilegraph._run import Computation

    x = _slow()
    computation = Computation([(x, tg._engine.ffi.NULL, None)])
    while computation.progress()[0] == 0:
        time.sleep(0.001)
    worker = subprocess.Popen([f"{sysconfig.get_path('scripts')}/tgworker", "--cluster", server.join_file, "--name",
                               "guest", "--nthreads", "1", "--memory-limit", "64MiB", "--quiet"])
    try:
        assert computation.wait()
    finally:
        worker.terminate()
        worker.wait(20)
    assert worker.returncode == 0


def test_stores_are_written_and_settings_stay(server, tmp_path):
    x = _slow(700, 2)
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
        _slow(1000, 2).compute()
    with pytest.raises(errors.TgValueError, match="results"):
        tg.serve(result_memory="1 TiB")
