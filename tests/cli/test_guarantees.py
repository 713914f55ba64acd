# SPDX-License-Identifier: BSD-3-Clause
"""What docs/guarantees.md promises, with real processes; and that the tests it names exist."""

import re
import signal
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]


def test_tests_that_are_named_exist():
    text = (ROOT / "docs/guarantees.md").read_text(encoding="utf-8")
    promises = re.split(r"^\d+\. ", text, flags=re.M)[1:]
    for promise in promises:
        named = re.findall(r"`((?:tests|python)/[\w./]+)`:\s+((?:`\w+`(?:,\s+)?)+)", promise)
        assert named, promise
        for path, names in named:
            code = (ROOT / path).read_text(encoding="utf-8")
            for name in re.findall(r"\w+", names):
                assert re.search(rf"^(def )?{name}\(", code, re.M), f"{path}: there is no {name}"


def result(home, name):
    tg = pytest.importorskip("tilegraph")
    return tg.open(str(home.path / name)).compute()


def progress(home):
    """Tasks of the job that have ended, and of how many; (0, 0) while there is none."""
    found = re.search(r"(\d+) of (\d+)", home.tg("status"))
    return (int(found[1]), int(found[2])) if found else (0, 0)


def begin(home, job, out):
    run = home.start(str(job), home.join, home.path / "in.zarr", home.path / out)
    home.wait_for(lambda: progress(home)[0] > 0)
    return run


def test_same_bytes(home, job, scan):
    wanted = scan(64)
    home.scheduler()
    for _ in range(2):
        home.worker()
    run = home.start(str(job), home.join, home.path / "in.zarr", home.path / "out.zarr")
    assert run.wait(60) == 0, run.log()
    np.testing.assert_array_equal(result(home, "out.zarr"), wanted, strict=True)


def test_a_worker_killed(home, job, scan):
    wanted = scan(1024)
    home.scheduler()
    workers = [home.worker() for _ in range(3)]
    run = begin(home, job, "out.zarr")
    workers[0].kill()
    workers[1].send_signal(signal.SIGTERM)  # and one leaves at the same time
    done, tasks = progress(home)
    assert 0 < done < tasks, "the job was over before the worker was killed: make it longer"
    assert run.wait(60) == 0, run.log()
    np.testing.assert_array_equal(result(home, "out.zarr"), wanted, strict=True)


def test_the_scheduler_killed(home, job, scan):
    wanted = scan(1024)
    address = f"tcp://127.0.0.1:{home.free_port()}"
    arguments = ("--listen", address, "--journal", home.path / "journal")
    scheduler, _ = home.scheduler(*arguments)
    for _ in range(2):
        home.worker()
    run = begin(home, job, "out.zarr")
    scheduler.kill()
    scheduler.wait()
    home.scheduler(*arguments)
    assert run.wait(60) == 0, run.log()
    np.testing.assert_array_equal(result(home, "out.zarr"), wanted, strict=True)


def test_a_journal_without_room_and_one_that_is_damaged(home, job, scan):
    """They cost work: the scheduler starts, and the job comes to its end."""
    wanted = scan(1024)
    address = f"tcp://127.0.0.1:{home.free_port()}"
    arguments = ("--listen", address, "--journal", home.path / "journal")
    full = home.start("/bin/sh", "-c", 'trap "" XFSZ; ulimit -f 1; exec "$@"', "sh",
                      home.bin / "tgscheduler", *arguments, ready="listening at")
    for _ in range(2):
        home.worker()
    run = begin(home, job, "out.zarr")
    home.wait_for(lambda: "journal: cannot write" in full.log())
    full.kill()
    full.wait()
    (home.path / "journal/journal").write_bytes(b"no journal" * 100)
    scheduler, _ = home.scheduler(*arguments)
    assert "journal.bad" in scheduler.log()
    assert run.wait(60) == 0, run.log()
    np.testing.assert_array_equal(result(home, "out.zarr"), wanted, strict=True)


def test_a_client_that_was_silent_begins_anew(home, job, scan):
    """It was taken for dead, and its job dropped, whose number nobody gets again."""
    wanted = scan(1024)
    home.scheduler("--lease", 2)
    home.worker()
    run = begin(home, job, "out.zarr")
    run.send_signal(signal.SIGSTOP)
    home.wait_for(lambda: progress(home) == (0, 0))
    run.send_signal(signal.SIGCONT)
    assert run.wait(60) == 0, run.log()
    np.testing.assert_array_equal(result(home, "out.zarr"), wanted, strict=True)


def test_nothing_half_written_under_the_name(home, job, scan):
    scan(1024)
    home.scheduler()
    home.worker()
    run = begin(home, job, "out.zarr")
    assert not (home.path / "out.zarr").exists()
    run.kill()
    run.wait()
    home.wait_for(lambda: "0 jobs" in home.tg("status"))  # it is cancelled with its client
    assert not (home.path / "out.zarr").exists()
