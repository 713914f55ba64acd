# SPDX-License-Identifier: BSD-3-Clause
"""A short selection of chaos.py, from one seed; `make chaos` runs them all."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

import chaos  # noqa: E402


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    made = chaos.Work(tmp_path_factory.mktemp("chaos"), seed=1, shape=(48, 128, 128))
    chaos.warm_up(made)
    return made


@pytest.mark.parametrize("name", ["kills", "joins_and_drains", "garbage", "replays",
                                  "little_memory", "full_disk", "partitions"])
def test_values_survive(name, work):
    try:
        chaos.run_one(name, 1, work)
    except chaos.Skipped as why:
        pytest.skip(str(why))
