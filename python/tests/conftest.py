# SPDX-License-Identifier: BSD-3-Clause
"""Set-up of the Python tests."""

import os
import sys
import tempfile

import pytest

# Modules that tests share stand beside them, or are those of all tests.
sys.path[:0] = [os.path.dirname(__file__),
                os.path.join(os.path.dirname(__file__), os.pardir, os.pardir, "tests")]
# The user's own settings must not change what is tested. A browser under test makes the folder, so
# it is not one of the tree.
_settings = tempfile.TemporaryDirectory(prefix="tilegraph-no-settings-", ignore_cleanup_errors=True)
os.environ["XDG_CONFIG_HOME"] = _settings.name
for _name in ("TG_CONFIG", "TG_THREADS", "TG_MEMORY_LIMIT"):
    os.environ.pop(_name, None)

from hypothesis import HealthCheck, settings  # noqa: E402

# Everything here is lazy and shares two cores with other tests: deadlines would only flake. CI sees
# the same examples every time; what a new one finds is found by people, who can look at it.
settings.register_profile(
    "tilegraph", deadline=None, max_examples=40, derandomize="CI" in os.environ,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
settings.load_profile("tilegraph")


@pytest.fixture(autouse=True)
def _threads():
    """Two threads, so that races have a chance on any machine."""
    import tilegraph as tg

    with tg.config.set(threads=2):
        yield
