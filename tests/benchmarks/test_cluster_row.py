# SPDX-License-Identifier: BSD-3-Clause
"""What the rows make of what they measure."""

import sys
from pathlib import Path

import pytest


@pytest.fixture
def row(monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).resolve().parents[2] / "benchmarks"))
    before = set(sys.modules)
    from rows import cluster

    yield cluster
    for name in set(sys.modules) - before:
        if name == "harness" or name.split(".")[0] == "rows":
            del sys.modules[name]


def ran(tid, task, start, seconds, cat="compute"):
    return {"ph": "X", "cat": cat, "tid": tid, "ts": start * 1e6, "dur": seconds * 1e6,
            "args": {"task": task}}


def test_only_what_died_with_a_worker_is_lost_work(row):
    """Speculation was, and each task that reads a chunk, whose read stands beside it."""
    names = {1: "local-1/0", 2: "local-10/0", 3: "local-1/faults", 4: "client/transfers"}
    events = [{"ph": "M", "name": "thread_name", "tid": tid, "args": {"name": name}}
              for tid, name in names.items()]
    events += [
        {"ph": "i", "name": "worker died", "tid": 3, "ts": 10e6, "args": {"task": 0}},
        ran(1, 1, 0, 1), ran(1, 1, 0.2, 0.5, "read"),  # done once
        ran(1, 2, 1, 2), ran(1, 2, 1.2, 0.5, "read"),  # lost, and done again
        ran(2, 2, 11, 3), ran(2, 2, 11.1, 0.5, "read"),
        ran(1, 3, 3, 4), ran(2, 3, 5, 4),  # speculation, of which nothing was lost
        ran(1, 4, 7, 0.25), ran(2, 4, 8, 1), ran(2, 4, 14, 1),  # that one had lost it, too
        ran(1, 5, 8, 0.25), ran(2, 5, 15, 1),  # lost
        ran(2, 6, 12, 1),  # was under way
        ran(4, 1, 13, 1, "transfer"),
    ]
    assert row.seconds_lost(events, "local-1") == pytest.approx(2.25)


def test_a_worker_that_did_not_die_has_lost_nothing(row):
    with pytest.raises(ValueError):
        row.seconds_lost([ran(1, 1, 0, 1)], "local-1")
