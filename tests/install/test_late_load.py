# SPDX-License-Identifier: BSD-3-Clause
"""The library can be loaded late, into a Python that has imported much else.

A library with much initial-exec thread-local storage (jemalloc as it is packaged) fails here, with
"cannot allocate memory in static TLS block". That one fails in a bare Python too; less of it might
only fail beside the libraries that are imported first here.
"""

import subprocess
import sys
from pathlib import Path

import pytest

LIBRARY = Path(__file__).resolve().parents[2] / "build" / "release" / "libtilegraph.so"

PROGRAM = """
import ctypes, sys
import dask.array, numpy, scipy.ndimage, skimage.filters, skimage.morphology, tifffile, zarr
library = ctypes.CDLL(sys.argv[1])
library.tg_version_string.restype = ctypes.c_char_p
print(library.tg_version_string().decode())
"""


@pytest.mark.skipif(not LIBRARY.exists(), reason="no release build here")
def test_library_loads_late():
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, LIBRARY], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count(".") == 2
