# SPDX-License-Identifier: BSD-3-Clause
"""TIFF stacks against tifffile."""

from pathlib import Path

import numpy as np
import pytest
import tilegraph as tg

tifffile = pytest.importorskip("tifffile")
SCAN = Path(__file__).parents[2] / "examples" / "data" / "bone_7H3A_B1.tif"


def test_last_strip_padded_to_full_height():
    """Its last strips hold 8 rows where 2 belong to the page: libtiff alone reads zeros there."""
    wanted = tifffile.imread(SCAN, key=range(3))
    assert np.array_equal(tg.open(SCAN)[:3].compute(), wanted)


def test_pages_are_the_chunks_that_are_counted():
    array = tg.open(SCAN)
    with tg.diagnostics.Profiler() as profile:
        array[10:20].compute()
    assert array.chunks[0] == (1,) * 600
    assert profile.chunks_read == profile.chunks_decoded == 10
