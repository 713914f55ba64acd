# SPDX-License-Identifier: BSD-3-Clause
"""What `import tilegraph` costs a program that has NumPy already."""

import statistics
import subprocess
import sys

import harness

CODE = ("import time, numpy; start = time.perf_counter(); import {}; "
        "print((time.perf_counter() - start) * 1e3)")


def milliseconds(module):
    done = subprocess.run([sys.executable, "-c", CODE.format(module)], capture_output=True,
                          text=True)
    if done.returncode != 0:
        raise harness.Failed(done.stderr.strip().splitlines()[-1])
    return float(done.stdout)


def import_time():
    pairs = [(milliseconds("tilegraph"), milliseconds("dask.array")) for _ in range(8)][1:]
    ours, peer, ratio = harness.median_pair(pairs)
    spread = statistics.quantiles([a for a, _ in pairs])
    return [harness.result("import", ours, peer, "dask.array", ratio, 30, "ms", "most",
                           f"quartiles {spread[0]:.1f} to {spread[2]:.1f}")]
